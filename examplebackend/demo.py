"""Train a tagger on simulated larvae, evaluate it, and show what it predicts: ``make demo``.

Run in the root of the repository, with an environment that has taggingbackends and this backend.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from taggingbackends import Labels
from taggingbackends.display import ethogram
from taggingbackends.simulation import simulate, write_tracks, write_truth

FOLDER = Path("build/demo")
COMMAND = os.path.relpath(Path(sys.executable).with_name("tagging-backend"))
BACKEND = ("--project", "examplebackend")
MODEL = ("--model-instance", "demo")
CONVERT = ("labels", "convert", "--table", "bouts")
RUNS = ("20240611_101500", "20240611_103000", "20240612_090000")


def main() -> None:
    """Run the demo."""
    print("\nSimulating three recordings of 8 larvae, one minute each, in build/demo")
    shutil.rmtree(FOLDER, ignore_errors=True)
    for seed, run in enumerate(RUNS, 1):
        tracks = simulate(larvae=8, seconds=60, seed=seed)
        folder = FOLDER / str(seed)
        write_truth(folder, run, tracks, write_tracks(folder, run, tracks))
    *training, new = (str(FOLDER / str(seed)) for seed in range(1, len(RUNS) + 1))
    truth, predicted, page = f"{new}/truth.label", f"{new}/predicted.label", f"{FOLDER}/report.html"
    table = f"{FOLDER}/bouts.csv"
    (spine,) = map(str, Path(new).glob("*.spine"))

    execute(*BACKEND, "reset", *MODEL, "--model")  # of an earlier demo
    print("\nTraining a tagger on two of them\n")
    show(*BACKEND, "train", *training, *MODEL)
    print("\nEvaluating it on the third\n")
    show(*BACKEND, "evaluate", new, *MODEL, output=None)
    print("\nLabelling the third\n")
    show(*BACKEND, "predict", spine, *MODEL)
    show("labels", "report", truth, predicted, "--tracks", "-o", page)
    print("\nThe true labels of each larva, and the predicted ones below them\n")
    print(side_by_side(Path(truth), Path(predicted)))

    print(f"\nOpen {page} in a browser: click on a bout to see the larva.\n")
    for purpose, *arguments in (
        ("The predicted bouts to look at first", "labels", "review", predicted),
        ("A table of bouts for pandas, R or Excel", *CONVERT, predicted, "-o", table),
        ("A backend of your own", "init", "My-Tagger"),
    ):
        print(f"{purpose}:\n    {shlex.join([COMMAND, *arguments])}")


def show(*arguments: str, output: int | None = subprocess.DEVNULL) -> None:
    """Print a command and run it, by default without the names that it prints for scripts."""
    print(f"$ {shlex.join(['tagging-backend', *arguments])}")
    execute(*arguments, output=output)


def execute(*arguments: str, output: int | None = subprocess.DEVNULL) -> None:
    """Run a command. If it fails or is interrupted, end as it does."""
    process = subprocess.Popen([COMMAND, *arguments], stdout=output)
    try:
        code = process.wait()
    except KeyboardInterrupt:
        code = process.wait()  # while it removes what it has begun
    if code:
        sys.exit(code)


def side_by_side(truth: Path, predicted: Path) -> str:
    """Return the ethograms of two label files of the same frames, larva by larva."""
    width = min(100, shutil.get_terminal_size().columns)
    runs = (next(iter(Labels.read(file).values())) for file in (truth, predicted))
    (legend, *upper, axis), (_, *lower, _) = (ethogram(run, width).split("\n") for run in runs)
    margin = len(axis) - len(axis.lstrip())
    lines = [legend]
    for one, other in zip(upper, lower, strict=True):
        lines += [one, " " * margin + other[margin:]]
    text = "\n".join([*lines, axis])
    colored = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return text if colored else re.sub(r"\x1b\[[\d;]*m", "", text)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
