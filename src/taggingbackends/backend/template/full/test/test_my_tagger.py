"""Tests of My-Tagger. They run on a copy and do not change your data and models."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from taggingbackends import BackendExplorer, Labels, dependency

PROJECT = Path(__file__).parent.parent
RUN = "20240611_101500"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of the backend without data and models."""
    ignored = shutil.ignore_patterns("data", "models", ".*")
    copy = tmp_path / PROJECT.name
    shutil.copytree(PROJECT, copy, ignore=lambda at, names: ignored(at, names) & top(at, names))
    (copy / "models").mkdir()
    return copy


def top(folder: str, names: list[str]) -> set[str]:
    """Return the names that may be skipped: those at the top of the project."""
    return set(names) if Path(folder) == PROJECT else set()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Write a recording of one larva that runs and then stops, with its true labels."""
    folder = tmp_path / "recording"
    folder.mkdir()
    stem = folder / f"{RUN}@genotype@effector@tracker@protocol"
    times = [round(0.1 * frame, 3) for frame in range(200)]
    heads = [0.1 * min(frame, 100) for frame in range(200)]
    for suffix, points in ((".spine", 11), (".outline", 22)):
        lines = [
            f"{RUN} 00007 {time:.3f} "
            + " ".join(
                f"{head - 0.3 * point:.3f} {0.1 * (point % 2):.3f}" for point in range(points)
            )
            for time, head in zip(times, heads, strict=True)
        ]
        stem.with_suffix(suffix).write_text("\n".join(lines) + "\n")
    labels = Labels()
    labels.set(RUN, 7, times, ["run"] * 100 + ["stop"] * 100)
    files = [stem.with_suffix(suffix) for suffix in (".outline", ".spine")]
    labels[RUN].dependencies = [dependency(file) for file in files]
    labels.write(folder / "truth.label")
    return folder


def tagging_backend(project: Path, *arguments: str | Path) -> str:
    """Run the command in a backend's folder and return its standard output."""
    command = [sys.executable, "-m", "taggingbackends", "--project", project, *arguments]
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_backend_fulfils_contract() -> None:
    assert BackendExplorer(PROJECT).check() == []


def test_backend_predicts_labels(project: Path, recording: Path, tmp_path: Path) -> None:
    tagging_backend(project, "train", recording / "truth.label", "--model-instance", "test")
    spine = next(recording.glob("*.spine"))
    output = tmp_path / "output"
    tagging_backend(project, "predict", spine, "--model-instance", "test", "--output", output)
    labels = Labels.read(output / "predicted.label")
    assert len(labels[RUN][7]) == 200
    labelled = {label: n for label, n in labels.count().items() if label}
    assert labelled, "no frame is labelled: write predict_states in models/predict_model.py"
