"""Errors on another kind of larva, after 50 corrected bouts and before.

An error is 1 - balanced accuracy, where balanced accuracy is the mean of the labels' recalls.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
from collections import Counter
from pathlib import Path

from benchmarks.harness import fact, record, section, share
from taggingbackends import Labels
from taggingbackends.analysis import review
from taggingbackends.backend.scaffold import init
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.simulation import simulate, write_tracks, write_truth

SEEDS = range(10)
BOUTS = 50
SLOW = (0.5, 30.0)  # half as fast, and another camera
T = 2.262  # 97.5 % quantile of Student's distribution with 9 degrees of freedom
EXAMPLE = Path(__file__).parent.parent / "examplebackend"


def run(folder: Path) -> None:
    """Measure errors, for examplebackend and for a new backend of `init`."""
    init("New-Tagger", folder)
    shutil.copytree(EXAMPLE / "src", folder / "Example" / "src")
    shutil.copy(EXAMPLE / "pyproject.toml", folder / "Example")
    for name, title in (("Example", "examplebackend"), ("New-Tagger", "a new backend of init")):
        (folder / name / "models").mkdir(exist_ok=True)
        found = [gain(folder / name, folder / name / f"lab{seed}", seed) for seed in SEEDS]
        for kind in found[0]:
            pairs = [one[kind] for one in found]
            before, after = zip(*pairs, strict=True)
            gains = [b - a for a, b in pairs]
            section(title, "before")
            record(f"errors, {kind}", [(1 - a, 1 - b) for a, b in pairs], shown=share)
            for what, values in (("before", before), ("after", after), ("gain", gains)):
                fact(f"mean accuracy and its 95 % interval, {kind}, {what}", mean(values))


def mean(values: list[float] | tuple[float, ...]) -> str:
    """Return the mean with its 95 % interval, by Student's distribution."""
    error = T * statistics.stdev(values) / len(values) ** 0.5
    return f"{statistics.mean(values):.3f} ±{error:.3f}"


def gain(project: Path, lab: Path, seed: int) -> dict[str, tuple[float, float]]:
    """Train, predict, correct and finetune; return accuracies before and after.

    Parameters
    ----------
    project : Path
        The backend.
    lab : Path
        Folder for recordings.
    seed : int
        Seed of the simulated recordings and of the training.
    """
    usual = [recording(lab, f"usual{n}", 100 * seed + n) for n in (1, 2, 3)]
    corrected, other = (recording(lab, f"slow{n}", 100 * seed + 10 + n, *SLOW) for n in (1, 2))

    def call(*arguments: object) -> None:
        command = [sys.executable, "-m", "taggingbackends", "--quiet", "--project", project]
        subprocess.run([*map(str, [*command, *arguments])], check=True, stdout=subprocess.DEVNULL)

    def predicted(spine: Path, instance: str) -> Labels:
        call("predict", spine, "--model-instance", instance, "--output", spine.parent, "--force")
        return Labels.read(spine.with_name("predicted.label"))

    first, second = f"first{seed}", f"second{seed}"
    truths = [spine.with_name("truth.label") for spine in usual[:2]]
    call("train", *truths, "--model-instance", first, "--seed", seed)
    tests = {"slow larvae": other, "usual larvae": usual[2]}
    before = [accuracy(spine, predicted(spine, first)) for spine in tests.values()]
    labels = predicted(corrected, first)
    correct(labels, Labels.read(corrected.with_name("truth.label")))
    edited = corrected.with_name("predicted.label")
    labels.write(edited)
    options = ("--original-model-instance", first, "--model-instance", second, "--seed", seed)
    call("finetune", edited, *options)
    after = [accuracy(spine, predicted(spine, second)) for spine in tests.values()]
    return dict(zip(tests, zip(before, after, strict=True), strict=True))


def recording(lab: Path, name: str, seed: int, speed: float = 1.0, framerate: float = 12.5) -> Path:
    """Write a simulated recording with its true labels; return its spine file."""
    run, tracks = f"20240611_{100000 + seed}", simulate(seed=seed, speed=speed, framerate=framerate)
    files = write_tracks(lab / name, run, tracks)
    write_truth(lab / name, run, tracks, files)
    return files[1]


def correct(labels: Labels, truth: Labels, bouts: int = BOUTS) -> None:
    """Correct bouts as somebody does who follows `labels review`, and passes over right ones."""
    wrong = 0
    for bout in review(labels).bouts:  # type: ignore[union-attr]
        track, true = labels[bout.run][bout.larva], truth[bout.run][bout.larva].states
        states = track.states
        inside = (track.times >= bout.start) & (track.times < bout.stop - 1e-6)
        frames = [frame for frame, x in enumerate(inside.tolist()) if x]
        if all(states[frame] == true[frame] for frame in frames):
            continue
        for frame in frames:
            states[frame] = (str(true[frame]), "edited")
        labels.set(bout.run, bout.larva, track.times, states, track.confidence, track.second)
        labels[bout.run].secondary_names = ["edited"]
        wrong += 1
        if wrong == bouts:
            break


def accuracy(spine: Path, predicted: Labels) -> float:
    """Return the mean of the labels' recalls."""
    total: Counter[object] = Counter()
    right: Counter[object] = Counter()
    for run in Labels.read(spine.with_name("truth.label")).values():
        found: RunLabels = predicted[run.id]
        for larva, track in run.items():
            for true, state in zip(track.states, found[larva].states, strict=True):
                total[true] += 1
                right[true] += state == true
    return statistics.mean(right[name] / n for name, n in total.items())
