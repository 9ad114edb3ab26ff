"""Growth of time: labels and recordings that are 16 times as large take about 16 times as long.

The table has, for each shape of labels, the operation that grows most from 4 times to 16 times.
"""

from __future__ import annotations

import copy
import gc
import json
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.harness import compare_times, section
from benchmarks.inputs import fimtrack_table, recording, trxmat
from taggingbackends import LabelFileError, Labels
from taggingbackends.analysis import review
from taggingbackends.analysis.comparison import compare_files
from taggingbackends.analysis.info import info
from taggingbackends.analysis.overview import overview
from taggingbackends.analysis.scores import count, score
from taggingbackends.data import load_tracks
from taggingbackends.display.page import report
from taggingbackends.display.picture import plot_ethogram
from taggingbackends.display.tables import confusion_table, differences_table, label_table
from taggingbackends.display.terminal import ethogram
from taggingbackends.labels.boris import export_boris
from taggingbackends.labels.bouts import find_bouts
from taggingbackends.labels.conversion import united
from taggingbackends.labels.inspection import find_errors
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import labels_of
from taggingbackends.labels.tablefiles import table_chunks
from taggingbackends.windows.selection import class_of, matching

_GOAL = 2.0  # times linear growth; quadratic growth is 4 times
_LEAST = 0.02  # s; shorter times are not reliable

Shape = Callable[[int], Labels]
Operations = Iterable[tuple[str, Callable[[], object]]]


def names(n: int) -> Labels:
    """Return a larva with another label in each frame."""
    labels = Labels()
    labels.set("run", 1, range(n), [f"name {i}" for i in range(n)])
    return labels


def declared_names(n: int) -> Labels:
    """Return larvae with two of many declared names."""
    labels = Labels()
    labels.add_run("run").declare([f"name {i}" for i in range(n)])
    for larva in range(20):
        states = (["name 1"] * 10 + ["name 2"] * 10) * 10
        labels.set("run", larva, [frame / 10 for frame in range(200)], states)
    return labels


def secondary_names(n: int) -> Labels:
    """Return a larva with another secondary label in each frame."""
    labels = Labels()
    labels.set("run", 1, range(n), [("run", f"name {i}") for i in range(n)])
    labels["run"].secondary_names = [f"name {i}" for i in range(n)]
    return labels


def states(n: int) -> Labels:
    """Return larvae with other combinations of labels in each of their frames."""
    labels = Labels()
    for larva in range(n // 10):
        of_larva = [(f"name {i % 100}", f"other {i // 100}") for i in range(10 * larva, n)][:10]
        labels.set("run", larva, range(10), of_larva)
    return labels


def one_state(n: int) -> Labels:
    """Return a larva with all labels at once in one frame."""
    labels = Labels()
    labels.set("run", 1, range(n), ["run"] * (n - 1) + [tuple(f"name {i}" for i in range(n))])
    return labels


def runs(n: int) -> Labels:
    """Return many runs of one larva."""
    labels = Labels()
    for i in range(n):
        labels.set(f"run {i}", 1, (0.0, 0.1), ("run", "cast"))
    return labels


def tracks(n: int) -> Labels:
    """Return many larvae."""
    labels = Labels()
    for larva in range(n):
        labels.set("run", larva, (0.0, 0.1), ("run", f"name {larva % 50}"))
    return labels


def frames(n: int) -> Labels:
    """Return a larva with another label than before in each frame."""
    labels = Labels()
    labels.set("run", 1, range(n), ("run", "cast", "stop", ()) * (n // 4))
    return labels


def sure_frames(n: int) -> Labels:
    """Return the same with confidence and second choices."""
    labels = Labels()
    states = ("run", "cast", "stop", ()) * (n // 4)
    labels.set("run", 1, range(n), states, (0.5, 0.6, 0.7, 0.8) * (n // 4), states[::-1])
    return labels


def attributes(n: int) -> Labels:
    """Return a run with many metadata, attributes and records."""
    labels = frames(4)
    run = labels["run"]
    run.metadata |= {f"key {i}": {"deep": [[i]]} for i in range(n)}
    run.attributes |= {f"key {i}": {"deep": [[i]]} for i in range(n)}
    run[1].records |= {f"key {i}": [1, 2, 3, 4] for i in range(n)}
    return labels


SHAPES: dict[Shape, int] = {
    names: 2000,
    declared_names: 4400,  # 16 times: 70,400
    secondary_names: 2000,
    states: 2000,
    one_state: 2000,
    runs: 500,
    tracks: 1000,
    frames: 12_000,
    sure_frames: 12_000,
    attributes: 2000,
}


def operations(labels: Labels, folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield the operations on some labels, by name. None of them changes the labels."""
    file, other = folder / "one.label", folder / "other.label"
    labels.write(file)
    labels.write(other)
    same, first = Labels.read(file), next(iter(labels))
    run = labels[first]

    def changed(work: Callable[[Labels], object]) -> Callable[[], object]:
        return lambda: work(copy.copy(labels))

    def set_tracks(labels: Labels) -> None:
        new = labels.add_run("new")
        for larva, track in run.items():
            new[larva] = track

    def compared() -> None:
        for comparison in compare_files(file, other):
            confusion_table(comparison, 80)
            differences_table(comparison)
            comparison.to_dict()

    def written() -> None:
        # the other tables have a cell for each frame, or larva, and label
        deque(table_chunks("bouts", lambda: [labels], ".csv"), maxlen=0)

    yield "read", lambda: Labels.read(file)
    yield "write", lambda: labels.write(other)
    yield "check", lambda: find_errors(file)
    yield "==", lambda: labels == same
    yield "copy", lambda: copy.copy(labels)
    yield "set tracks", changed(set_tracks)
    yield "count", labels.count
    yield "repr", lambda: (labels._repr_html_(), run._repr_html_())
    yield "to_dict, from_dict", lambda: Labels.from_dict(labels.to_dict())
    yield "merge", changed(lambda x: x.merge(same))
    yield "crop", lambda: labels.crop(0, 1e9)
    yield "fill", changed(lambda x: x.fill("stop", like=same))
    yield "tag", changed(lambda x: x.tag("edited"))
    yield "smooth", changed(lambda x: x.smooth(1.5))
    yield "review", lambda: review(labels)
    yield "declare", changed(lambda x: x[first].declare(reversed(x[first].names)))
    yield (
        "secondary names",
        changed(lambda x: setattr(x[first], "secondary_names", run.secondary_names)),
    )
    yield "convert", lambda: united([Labels.read(file)])
    yield "table of bouts", written
    yield "show", lambda: (label_table(overview(labels)), list(map(ethogram, labels.values())))
    yield "diff", compared
    yield "data info", lambda: info(file)
    yield "report", lambda: report({"one": labels, "other": same})
    yield "plot", lambda: plot_ethogram(labels, folder / "picture.png")
    yield "bouts", lambda: [find_bouts(run) for run in labels.values()]
    yield "scores", lambda: score([count(run, run) for run in labels.values()])
    yield "BORIS", lambda: export_boris(labels)
    yield "rename", changed(lambda x: x.rename(dict.fromkeys(run.names[:100], "renamed")))
    yield "classes of windows", lambda: _classes_of(run)
    yield from _broken(Path(file), folder)


def _classes_of(run: RunLabels) -> None:
    names = matching(("*",), run.names, run.names)
    numbers = {name: code for code, name in enumerate(names)}
    for state in run.states:
        class_of(labels_of(state), numbers, set())


def _broken(file: Path, folder: Path) -> Operations:
    """Yield the checking of files in which each code, or each time, is wrong."""
    for key, value in (("labels", 10**6), ("t", 0)):
        document = json.loads(file.read_bytes())
        for run in document.get("runs", {"": document}).values():
            for track in run["data"]:
                track[key] = [value] * len(track[key])
        broken = folder / f"broken {key}.label"
        broken.write_text(json.dumps(document))
        yield f"check wrong {key}", partial(find_errors, broken)


def invalid(n: int, folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield the reading and checking of names that are declared twice."""
    text = ",".join(f'"name {i}"' for i in range(n)).encode()
    file = folder / "twice.label"
    file.write_bytes(
        b'{"metadata":{"id":"r"},"labels":[%b],"secondarylabels":[%b],"data":[]}' % (text, text)
    )

    def refused() -> None:
        try:
            Labels.read(file)
        except LabelFileError:
            return
        raise AssertionError("expected an error")

    yield "read", refused
    yield "check", lambda: find_errors(file)


def readers(larvae: int, frames: int, folder: Path) -> Operations:
    """Yield the reading of a recording in each format."""
    spine = recording(folder, larvae, frames)
    table = fimtrack_table(folder / "table.csv", larvae, frames)
    trx = trxmat(folder / "trx.mat", larvae, frames, compression=None)
    yield "Choreography", partial(load_tracks, spine)
    yield "FIMTrack", partial(load_tracks, table, pixelsize=73, framerate=16)
    yield "trx.mat", partial(load_tracks, trx)


def run(folder: Path) -> None:
    """Measure each operation at n, 4 n and 16 n. Of each shape, keep the one that grows most."""
    section("", "4 x the time of a quarter")
    for shape, n in SHAPES.items():
        _compare(
            f"{16 * n} {shape.__name__.replace('_', ' ')}",
            *(operations(shape(size), _folder(folder, size)) for size in _sizes(n)),
        )
    _compare(
        "32000 names, primary and secondary",
        *(invalid(size, _folder(folder, size)) for size in _sizes(2000)),
    )
    _compare("reading 320 larvae", *(readers(n, 50, _folder(folder, n)) for n in _sizes(20)))
    _compare("reading 16000 frames", *(readers(2, n, _folder(folder, n)) for n in _sizes(1000)))


def _sizes(n: int) -> tuple[int, int, int]:
    return n, 4 * n, 16 * n


def _folder(folder: Path, size: int) -> Path:
    made = folder / f"growth-{size}"
    made.mkdir(exist_ok=True)
    return made


def _compare(case: str, *sizes: Operations) -> None:
    """Print the time of each operation, and compare that which grows most with linear growth."""
    worst: tuple[float, str, Callable[[], object], Callable[[], object]] | None = None
    for (name, small), (_, medium), (_, large) in zip(*sizes, strict=True):
        times = [min(_seconds(work) for _ in range(2)) for work in (small, medium, large)]
        growth = times[2] / times[1]
        shown = ", ".join(f"{time * 1e3:.1f} ms" for time in times)
        print(f"{case}: {name} {growth:.1f} ({shown})", flush=True)
        if worst is None or (growth > worst[0] and times[2] > _LEAST):
            worst = growth, name, medium, large
    assert worst is not None
    _, name, medium, large = worst
    compare_times(
        f"{case}: {name}, which grows most",
        lambda: 4 * _seconds(medium),
        lambda: _seconds(large),
        rounds=3,
        goal=_GOAL,
    )


def _seconds(work: Callable[[], object]) -> float:
    """Return the time of a call on the processor, in seconds, without garbage collection."""
    gc.collect()
    gc.disable()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about runs that are not drawn
        start = time.process_time()
        work()
        elapsed = time.process_time() - start
    gc.enable()
    return elapsed
