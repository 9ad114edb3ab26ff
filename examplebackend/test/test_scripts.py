"""The whole backend, through the command: trained on some recordings, used on others."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from examplebackend.simulate import main as simulate
from taggingbackends import BackendExplorer, Labels, __version__
from taggingbackends.data import load_tracks

PROJECT = Path(__file__).parent.parent
SHARED = PROJECT.parent.parent / "shared" / "data"
RECORDINGS = Path(os.environ.get("TAGGINGBACKENDS_RECORDINGS", SHARED)) / "chore"


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the backend, so that its own data and models stay as they are."""
    copy = tmp_path_factory.mktemp("backend") / PROJECT.name
    shutil.copytree(PROJECT / "src", copy / "src")
    shutil.copytree(PROJECT / "models" / "simulated", copy / "models" / "simulated")
    shutil.copy(PROJECT / "pyproject.toml", copy)
    return copy


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with three simulated recordings."""
    folder = tmp_path_factory.mktemp("lab")
    for seed in (11, 12, 13):
        run = f"20240611_1015{seed}"
        simulate([str(folder / str(seed)), "--seconds=40", f"--seed={seed}", f"--run={run}"])
    return folder


def run(project: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "taggingbackends", "--project", project, *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True)


def tagging_backend(project: Path, *arguments: str | Path) -> str:
    result = run(project, *arguments)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout


def refused(result: subprocess.CompletedProcess[str], message: str, exit_code: int = 1) -> None:
    assert result.returncode == exit_code, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def recalls(truth: Labels, predicted: Labels, names: list[str]) -> list[float]:
    """Return the share of frames of each label that were predicted as such."""
    right = dict.fromkeys(names, 0)
    total = dict.fromkeys(names, 0)
    for run in truth.values():
        for larva, track in run.items():
            found = predicted[run.id][larva]
            assert np.array_equal(found.times, track.times)
            for expected, state in zip(track.states, found.states, strict=True):
                if expected in total:
                    total[str(expected)] += 1
                    right[str(expected)] += state == expected
    return [right[name] / total[name] for name in names]


def test_trained_and_used_on_simulated_larvae(backend: Path, lab: Path) -> None:
    labels = [lab / seed / "truth.label" for seed in ("11", "12")]
    output = tagging_backend(backend, "train", *labels, "--model-instance=new", "--trees=30")
    assert output == "new\n"
    spine = next((lab / "13").glob("*.spine"))
    tagging_backend(backend, "predict", spine, "--model-instance=new")
    predicted = Labels.read(spine.with_name("predicted.label"))
    truth = Labels.read(spine.with_name("truth.label"))
    names = ["run", "cast", "stop", "back"]
    assert np.mean(recalls(truth, predicted, names)) > 0.85
    run = predicted["20240611_101513"]
    assert run.names == names
    assert run.colors == truth["20240611_101513"].colors
    assert run.metadata["software"] == {
        "name": "examplebackend",
        "version": "0.1.0",
        "model_instance": "new",
        "taggingbackends": __version__,
    }
    assert len(predicted.check_dependencies(spine.parent)) == 2
    assert load_tracks(spine.with_name("predicted.label")).run == run.id


def test_the_model_that_ships(backend: Path, lab: Path, tmp_path: Path) -> None:
    spine = next((lab / "13").glob("*.spine"))
    instance = ("--model-instance", "simulated")
    tagging_backend(backend, "predict", spine, *instance, "--output", tmp_path)
    truth = Labels.read(spine.with_name("truth.label"))
    predicted = Labels.read(tmp_path / "predicted.label")
    assert np.mean(recalls(truth, predicted, ["run", "cast", "stop", "back"])) > 0.85


def test_what_ships_keeps_the_contract() -> None:
    backend = BackendExplorer(PROJECT)
    assert backend.check() == []
    assert "simulated" in backend.list_models()
    names = {path.name for path in backend.model_dir("simulated").iterdir()}
    assert names == {"forest.npz", "labels.json"}
    json.loads((backend.model_dir("simulated") / "labels.json").read_text())


@pytest.mark.parametrize(
    ("trained_on", "used_on"),
    [("20170714_101500", "20170714_113000"), ("20170714_113000", "20170714_101500")],
)
def test_trained_and_used_on_real_larvae(
    trained_on: str, used_on: str, backend: Path, tmp_path: Path
) -> None:
    if not RECORDINGS.is_dir():
        pytest.skip("real recordings are not part of the project: TAGGINGBACKENDS_RECORDINGS=DIR")
    label = RECORDINGS / trained_on / "groundtruth.label"
    tagging_backend(backend, "train", label, "--model-instance", trained_on)
    spine = next((RECORDINGS / used_on).glob("*.spine"))
    instance = ("--model-instance", trained_on)
    tagging_backend(backend, "predict", spine, *instance, "--output", tmp_path)
    truth = Labels.read(RECORDINGS / used_on / "groundtruth.label")
    predicted = Labels.read(tmp_path / "predicted.label")
    assert np.mean(recalls(truth, predicted, ["run", "cast", "stop"])) >= 0.80


@pytest.mark.parametrize("option", ["--trees=many", "--trees", "--trees=0", "--seed=-1"])
def test_bad_options(option: str, backend: Path, lab: Path) -> None:
    label = lab / "11" / "truth.label"
    result = run(backend, "train", label, "--model-instance=bad", option)
    refused(result, "expected whole numbers, found --trees", 2)


def test_no_labels_to_train_on(backend: Path, lab: Path) -> None:
    spine = next((lab / "13").glob("*.spine"))
    result = run(backend, "train", spine, "--model-instance=none")
    refused(result, "Error: no label files among the input")


def test_a_model_that_cannot_be_read(backend: Path, lab: Path, tmp_path: Path) -> None:
    (backend / "models" / "broken").mkdir()
    (backend / "models" / "broken" / "forest.npz").write_bytes(b"not a model")
    spine = next((lab / "13").glob("*.spine"))
    result = run(backend, "predict", spine, "--model-instance=broken", "--output", tmp_path)
    refused(result, "no model to read")
