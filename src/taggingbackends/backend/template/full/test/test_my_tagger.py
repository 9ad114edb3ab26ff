"""Tests of My-Tagger. They run on a copy and do not change your data and models."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from taggingbackends import BackendExplorer, Labels
from taggingbackends.simulation import simulate, write_tracks, write_truth

PROJECT = Path(__file__).parent.parent
RUN = "20240611_101500"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the backend with a model that was trained on simulated larvae."""
    copy = tmp_path_factory.mktemp("copy") / PROJECT.name
    shutil.copytree(PROJECT / "src", copy / "src")
    shutil.copy(PROJECT / "pyproject.toml", copy)
    (copy / "models").mkdir()
    truth, _ = recording(copy.with_name("training"), seed=1)
    tagging_backend(copy, "train", truth, "--model-instance", "first")
    return copy


def recording(folder: Path, seed: int, speed: float = 1.0) -> tuple[Path, Path]:
    """Write simulated larvae; return the file of their true labels, and their spines."""
    tracks = simulate(larvae=6, seed=seed, speed=speed)
    files = write_tracks(folder, RUN, tracks)
    return write_truth(folder, RUN, tracks, files), files[1]


def tagging_backend(project: Path, *arguments: str | Path) -> None:
    """Run the command in a backend's folder."""
    command = [sys.executable, "-m", "taggingbackends", "--project", project, *arguments]
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def accuracy(project: Path, instance: str, truth: Path, spine: Path) -> float:
    """Predict a recording; return the share of its frames that are labelled right."""
    tagging_backend(project, "predict", spine, "--model-instance", instance, "--force")
    true, predicted = Labels.read(truth)[RUN], Labels.read(truth.with_name("predicted.label"))[RUN]
    right = [
        state == guess
        for larva, track in true.items()
        for state, guess in zip(track.states, predicted[larva].states, strict=True)
    ]
    for track in predicted.values():
        assert track.confidence is not None
        assert 0.5 < track.confidence.mean() <= 1
    return sum(right) / len(right)


def test_backend_fulfils_contract() -> None:
    assert BackendExplorer(PROJECT).check() == []


def test_backend_predicts_labels(project: Path, tmp_path: Path) -> None:
    assert accuracy(project, "first", *recording(tmp_path, seed=2)) > 0.9


def test_corrections_of_slow_larvae_are_learned(project: Path, tmp_path: Path) -> None:
    truth, _ = recording(tmp_path / "corrected", seed=3, speed=0.5)
    labels = Labels.read(truth)
    run = labels[RUN]
    for larva, track in list(run.items())[:3]:
        labels.set(RUN, larva, track.times, [(state, "edited") for state in track.states])
    run.secondary_names = ["edited"]
    run.metadata["software"] = {"model_instance": "first"}
    labels.write(truth)
    models = ("--original-model-instance", "first", "--model-instance", "second")
    tagging_backend(project, "finetune", truth, *models)
    other = recording(tmp_path / "other", seed=4, speed=0.5)
    before, after = (accuracy(project, instance, *other) for instance in ("first", "second"))
    assert after > before + 0.1
