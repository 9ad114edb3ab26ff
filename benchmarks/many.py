"""Prediction of many small recordings: several at a time, and up to 1000 in one folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.harness import record, section
from benchmarks.inputs import recording

RECORDINGS = 200
IN_ONE_FOLDER = (250, 500, 1000)

PREDICT = """
from taggingbackends import Labels
from taggingbackends.data import find_recordings, load_tracks
from taggingbackends.main import main

def predict_model(backend):
    for file in find_recordings(backend.list_input_files()):
        tracks = load_tracks(file)
        labels = Labels()
        for larva, track in tracks.items():
            labels.set(tracks.run, larva, track.times, ["run"] * len(track))
        labels.write(backend.output_path(file))

if __name__ == "__main__":
    main(predict_model)
"""


def run(folder: Path) -> None:
    """Measure whole commands."""
    backend = folder / "many"
    (backend / "scripts").mkdir(parents=True)
    (backend / "models" / "m").mkdir(parents=True)
    (backend / "pyproject.toml").write_text('[project]\nname = "many"\nversion = "1"\n')
    (backend / "scripts" / "predict_model.py").write_text(PREDICT)
    lab = folder / "lab"
    first = lab / "0"
    first.mkdir(parents=True)
    recording(first, larvae=20, frames=100)
    for n in range(1, RECORDINGS):
        shutil.copytree(first, lab / str(n))

    def labelled(jobs: int) -> float:
        for path in lab.glob("*/predicted.label"):
            path.unlink()
        seconds = _recursive(backend, lab, jobs)
        assert len(list(lab.glob("*/predicted.label"))) == RECORDINGS
        return seconds

    # one pair only: these commands run long enough to average out other load
    one, two = labelled(1), labelled(2)
    again = _recursive(backend, lab, 1)
    section(f"{RECORDINGS} recordings", "--jobs 1")
    record("--jobs 2", [(one, two)], 0.8)
    record("again, all up to date", [(one, again)], 0.05)
    growth(backend, folder / "growth")


def growth(backend: Path, folder: Path) -> None:
    """Measure a prediction of n tiny recordings in one folder, for several n."""
    tiny = folder / "tiny"
    tiny.mkdir(parents=True)
    recording(tiny, larvae=1, frames=10)
    times = []
    for n in IN_ONE_FOLDER:
        lab = folder / str(n)
        lab.mkdir(parents=True)
        spines = []
        for i in range(n):
            for file in tiny.iterdir():
                shutil.copy(file, lab / f"20240101_{i:06d}@x{file.suffix}")
            spines.append(str(lab / f"20240101_{i:06d}@x.spine"))
        times.append(_predict(backend, *spines))
        assert len(list(lab.glob("*.predicted.label"))) == n
    section("tiny recordings in one folder", f"{IN_ONE_FOLDER[0]}")
    for n, elapsed in zip(IN_ONE_FOLDER[1:], times[1:], strict=True):
        record(f"{n}", [(times[0], elapsed)], 1.25 * n / IN_ONE_FOLDER[0])


def _recursive(backend: Path, lab: Path, jobs: int) -> float:
    return _predict(backend, "--recursive", str(lab), f"--jobs={jobs}")


def _predict(backend: Path, *arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "taggingbackends", "predict", *arguments, "--model-instance=m"],
        cwd=backend,
        capture_output=True,
        check=True,
    )
    return time.perf_counter() - start
