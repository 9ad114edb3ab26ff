"""Prediction of 200 small recordings, two at a time compared with one at a time."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.harness import row
from benchmarks.inputs import recording

RECORDINGS = 200

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
    """Print the times of whole commands."""
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
        seconds = _predict(backend, lab, jobs)
        assert len(list(lab.glob("*/predicted.label"))) == RECORDINGS
        return seconds

    # one pair only: these commands run long enough to average out other load
    one, two = labelled(1), labelled(2)
    again = _predict(backend, lab, 1)
    row("", "of the baseline's time", "ours", "baseline")
    case = f"{RECORDINGS} recordings, --jobs 2 compared with --jobs 1"
    row(case, f"{two / one:.3f}", f"{two:.1f} s", f"{one:.1f} s")
    row("again, all up to date", f"{again / one:.3f}", f"{again:.1f} s", f"{one:.1f} s")


def _predict(backend: Path, lab: Path, jobs: int) -> float:
    arguments = ["predict", "--recursive", str(lab), "--model-instance=m", f"--jobs={jobs}"]
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "taggingbackends", *arguments],
        cwd=backend,
        capture_output=True,
        check=True,
    )
    return time.perf_counter() - start
