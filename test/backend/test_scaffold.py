"""`init`: it creates a valid backend that Poetry can install and that runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import taggingbackends
from support import ROOT, backend_error, command, refused, tree, write_recording
from taggingbackends import Labels, TaggingBackendsError, simulation
from taggingbackends.backend import scaffold
from taggingbackends.backend.check import check
from taggingbackends.backend.scaffold import LIBRARIES, init, requirement, source_folder
from taggingbackends.data import Recording, Track
from variants import trxmat
from variants.fimtrack import rows, text

FULL = [
    ".dockerignore",
    ".github/workflows/test.yml",
    ".gitignore",
    "Dockerfile",
    "LICENSE",
    "README.md",
    "pyproject.toml",
    "src/lab_tagger_2/__init__.py",
    "src/lab_tagger_2/features/__init__.py",
    "src/lab_tagger_2/features/windows.py",
    "src/lab_tagger_2/models/__init__.py",
    "src/lab_tagger_2/models/examples.py",
    "src/lab_tagger_2/models/finetune_model.py",
    "src/lab_tagger_2/models/network.py",
    "src/lab_tagger_2/models/predict_model.py",
    "src/lab_tagger_2/models/train_model.py",
    "test/__init__.py",
    "test/test_lab_tagger_2.py",
]
FOLDERS = ["data/interim", "data/processed", "data/raw", "models", "pretrained_models"]


def empty_folders(project: Path) -> list[str]:
    return sorted(
        path.relative_to(project).as_posix()
        for path in project.rglob("*")
        if path.is_dir() and not any(path.iterdir())
    )


def test_init_writes_the_whole_tree(tmp_path: Path) -> None:
    result = command("init", "Lab-Tagger-2", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    project = tmp_path / "Lab-Tagger-2"
    files = tree(project)
    assert sorted(files) == FULL
    assert empty_folders(project) == FOLDERS
    assert sorted(result.stdout.splitlines()) == [str(project / name) for name in FULL]
    local = source_folder() is not None or "file:" in requirement()
    assert ("on this machine only" in result.stderr) is local
    for name, content in files.items():
        text = content.decode().lower()
        assert "my-tagger" not in text, name
        assert "my_tagger" not in text, name
        assert "package" not in name
        assert name.endswith("__init__.py") or content
    assert b'name = "Lab-Tagger-2"' in files["pyproject.toml"]
    for name in FULL:
        if name.endswith("/__init__.py") and name.count("/") == 3:
            assert files[name] == b""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a new backend with a model m that was trained on simulated larvae."""
    folder = tmp_path_factory.mktemp("trained")
    init("Mine", folder)
    truth = simulated(folder / "lab")
    train = ("train", truth, "--epochs=5", "--model-instance=m")
    result = command(*train, cwd=folder / "Mine")
    assert result.returncode == 0, result.stderr
    return folder / "Mine"


def simulated(folder: Path) -> Path:
    """Write a short recording, and return its true labels."""
    simulation.main([str(folder), "--larvae=3", "--seconds=40", "--run=20240611_101500"])
    return folder / "truth.label"


def test_init_minimal(tmp_path: Path) -> None:
    result = command("init", "--minimal", "Mini", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert sorted(tree(tmp_path / "Mini")) == [
        "models/default/.gitkeep",
        "pyproject.toml",
        "scripts/predict_model.py",
    ]
    assert empty_folders(tmp_path / "Mini") == []
    spine = write_recording(tmp_path / "lab")
    result = command("predict", spine, "--model-instance=default", cwd=tmp_path / "Mini")
    assert result.returncode == 0
    assert result.stderr == "Warning: predicted.label: no frame has a label\n"
    assert Labels.read(tmp_path / "lab" / "predicted.label").count() == {"": 10}


@pytest.mark.parametrize("minimal", [True, False], ids=["minimal", "full"])
def test_tracker_options_reach_the_template(minimal: bool, trained: Path, tmp_path: Path) -> None:
    project = trained
    if minimal:
        init("Mini", tmp_path, minimal=True)
        project = tmp_path / "Mini"
    table = tmp_path / "20240611_101500" / "table.csv"
    table.parent.mkdir()
    table.write_text(text(rows()))
    request = ["predict", table, f"--model-instance={'default' if minimal else 'm'}"]
    result = command(*request, cwd=project)
    refused(result, "predict_model failed", lines=3)
    assert "give it in µm with --pixelsize, or as metadata" in result.stderr
    result = command(*request, "--pixelsize=wide", cwd=project)
    refused(result, "Error: --pixelsize: expected a positive number, found 'wide'", 2, lines=4)
    result = command(*request, "--pixelsize", "73", "--framerate=2", cwd=project)
    assert (result.returncode, "no script took" in result.stderr) == (0, False), result.stderr
    labels = Labels.read(table.with_name("predicted.label"))
    assert list(labels) == [table.parent.name]
    assert labels[table.parent.name][0].times.tolist() == [0, 0.5, 1, 1.5]
    # the labels name the camera, so the table can be loaded with them
    assert command("data", "info", table.with_name("predicted.label"), cwd=tmp_path).returncode == 0


def test_the_template_labels_each_run_of_a_file(trained: Path, tmp_path: Path) -> None:
    mat = tmp_path / "trx.mat"
    image = trxmat.image(trxmat.larva(1), trxmat.larva(2), trxmat.larva(1, id=trxmat.OTHER))
    mat.write_bytes(image["trx.mat"])
    result = command("predict", mat, "--model-instance=m", cwd=trained)
    assert result.returncode == 0, result.stderr
    found = [Labels.read(Path(place)) for place in result.stdout.splitlines()]
    assert {run: len(labels[run]) for labels in found for run in labels} == {
        trxmat.RUN: 2,
        trxmat.OTHER: 1,
    }


def test_models_refuse_other_features(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(trained / "src")
    model = import_module("mine.models.network").read_model(trained / "models" / "m")
    for use in (model.examples.check, model.probabilities):
        with pytest.raises(TaggingBackendsError, match=r"110 features.* returns 210; train a new"):
            use(np.zeros((1, 210), np.float32))


def test_frames_without_a_spine_are_undefined(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(trained / "src")
    model = import_module("mine.models.network").read_model(trained / "models" / "m")
    label = import_module("mine.models.predict_model").label
    (times, spine, *_), *_ = simulation.simulate(1, 40.0).values()
    none = Track(times, np.full_like(spine, np.nan))
    for tracks in ({}, {5: none}, {5: none, 6: Track(times, spine)}):
        labels = label(Recording("20240611_101500", tracks, {}, "x", ()), model)
        counts = labels.count()
        assert counts.pop("", 0) == (len(times) if tracks else 0)
        assert sum(counts.values()) == (len(times) if 6 in tracks else 0)
    second = labels["20240611_101500"][6].second
    assert set(second) <= {"run", "cast", "stop", "back"}


def test_init_with_another_library(tmp_path: Path) -> None:
    init("Usual", tmp_path)
    for library in LIBRARIES:
        name = library.capitalize()
        result = command("init", f"{name}-Tagger", "--with", library, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        project = tmp_path / f"{name}-Tagger"
        usual = {path.replace("usual", f"{library}_tagger") for path in tree(tmp_path / "Usual")}
        assert set(tree(project)) == usual
        needed = tomllib.loads((project / "pyproject.toml").read_text())["project"]["dependencies"]
        assert {library, "taggingbackends"} <= {re.split(r"[>@ ]", one)[0] for one in needed}
    both = command("init", "Other-Tagger", "--minimal", "--with", "torch", cwd=tmp_path)
    refused(
        both, "Error: --minimal: has no network, so it cannot be combined with --with", 2, lines=4
    )
    assert not (tmp_path / "Other-Tagger").exists()


def test_init_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "Mine").mkdir()
    init("Mine", tmp_path)
    before = tree(tmp_path)
    refused(command("init", "Mine", cwd=tmp_path), "expected a new or empty folder, found this one")
    assert tree(tmp_path) == before
    (tmp_path / "file").write_text("x")
    (tmp_path / "json").write_text("x")  # a reserved name, as that of a backend that is installed
    for name in ("file", "json"):
        with backend_error("existing-file"):
            init(name, tmp_path, minimal=True)


def test_init_in_the_folder_of_the_backend(tmp_path: Path) -> None:
    init("Mine", tmp_path)
    before = tree(tmp_path)
    for here in (tmp_path / "Mine", tmp_path / "Mine" / "test"):
        result = command("init", "mine", cwd=here)
        refused(result, f"{tmp_path / 'Mine'}: expected no backend of this name here or above")
    assert tree(tmp_path) == before
    init("Other", tmp_path / "Mine", minimal=True)
    (tmp_path / "pyproject.toml").write_text("[project")  # of another project
    init("Other", tmp_path / "Mine" / "test", minimal=True)


@pytest.mark.parametrize("name", ["", "2fast", "a b", "a/b", "../x", "a_", "é", "-x", "a-"])
def test_names_that_cannot_name_a_package(name: str, tmp_path: Path) -> None:
    with backend_error("bad-name", "expected letters, digits and hyphens"):
        init(name, tmp_path)
    assert tree(tmp_path) == {}


@pytest.mark.parametrize(
    "name",
    [
        *(
            "TaggingBackends",
            "numpy",
            "json",
            "Click",
            "class",
            "test",
            "Test",
            "LaTeX2",
            "ExampleBackend",
        ),
        *(
            "sklearn",
            "Scikit-Learn",
            "Predict-Model",
            "pip",
            "ANTIGRAVITY",
            "dash-ed",
            "Dash-Ed-Dist",
        ),
    ],
)
def test_reserved_names(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = tmp_path / "packages"
    (packages / "DASH_ed").mkdir(parents=True)
    (packages / "DASH_ed" / "__init__.py").touch()
    (packages / "latex2.py").touch()
    (packages / "dash.ed_dist-1.dist-info").mkdir()
    monkeypatch.syspath_prepend(packages)
    (tmp_path / "new").mkdir()
    with backend_error("bad-name", f"name is reserved .* choose another, such as {name}-Tagger"):
        init(name, tmp_path / "new")
    assert tree(tmp_path / "new") == {}
    init(f"{name}-Tagger", tmp_path / "new", minimal=True)


def test_modules_in_the_current_folder_are_not_reserved(tmp_path: Path) -> None:
    (tmp_path / "mine.py").touch()
    assert command("init", "Mine", cwd=tmp_path).returncode == 0


def test_a_name_is_suggested(tmp_path: Path) -> None:
    refused(command("init", "my_ta gger", cwd=tmp_path), "did you mean my-ta-gger?")


FOLDER, ARCHIVE, AWAY = "file://HERE/My-Tagger%20%F0%9F%90%9B", "file://HERE/x.whl", "file:///gone"
GIT = {"url": "https://host/x.git", "vcs_info": {"vcs": "git", "commit_id": "f00"}}


@pytest.mark.parametrize("minimal", [True, False], ids=["minimal", "full"])
@pytest.mark.parametrize(
    ("origin", "wanted"),
    [
        (None, f"taggingbackends>={taggingbackends.__version__}"),
        ({"url": FOLDER, "dir_info": {"editable": True}}, "taggingbackends"),
        ({"url": FOLDER, "dir_info": {}}, "taggingbackends"),
        ({"url": ARCHIVE, "archive_info": {}}, f"taggingbackends @ {ARCHIVE}"),
        ({"url": AWAY, "dir_info": {}}, f"taggingbackends>={taggingbackends.__version__}"),
        ({"url": "https://host/x.whl"}, "taggingbackends @ https://host/x.whl"),
        (GIT, "taggingbackends @ git+https://host/x.git@f00"),
    ],
    ids=["index", "editable", "folder", "archive", "removed", "web", "repository"],
)
def test_the_project_requires_the_taggingbackends_that_is_running(
    origin: dict[str, Any] | None,
    wanted: str,
    minimal: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "My-Tagger \N{BUG}"
    folder.mkdir()
    (tmp_path / "x.whl").touch()
    text = json.dumps(origin).replace("HERE", tmp_path.as_posix())
    installed = SimpleNamespace(
        read_text=lambda name: text if origin else None, version=taggingbackends.__version__
    )
    monkeypatch.setattr(scaffold, "distribution", lambda name: installed)
    monkeypatch.setattr(scaffold, "_is_installed", lambda name: False)
    init("Mine", tmp_path, minimal=minimal)
    project = tomllib.loads((tmp_path / "Mine" / "pyproject.toml").read_text("utf-8"))
    wanted = wanted.replace("HERE", tmp_path.as_posix())
    assert wanted in project["project"]["dependencies"]
    # so Poetry does not copy the folder, and `poetry update` reads its requirements again
    table = {"taggingbackends": {"path": str(folder), "develop": True}}
    assert project["tool"]["poetry"].get("dependencies") == (
        table if wanted == "taggingbackends" else None
    )
    assert check(tmp_path / "Mine") == []


def test_a_new_backend_needs_frames_of_several_labels(trained: Path, tmp_path: Path) -> None:
    result = command("train", write_recording(tmp_path / "x"), "--model-instance=x", cwd=trained)
    refused(result, "expected the labels of one run, found 0; name label files", lines=5)
    truth = simulated(tmp_path / "y")
    labels = Labels.read(truth)
    for run in labels.values():
        for larva, track in list(run.items()):
            labels.set(run.id, larva, track.times, ["run"] * len(track))
    labels.write(truth)
    result = command("train", truth, "--model-instance=y", cwd=trained)
    refused(result, "expected frames of several labels, found ['run']", lines=6)
    result = command("train", truth, "--epochs=0", cwd=trained)
    assert "Error: train_model.py: --epochs: expected at least 1, found 0\n" in result.stderr


def test_new_labels_and_colours_are_learned_in_addition(trained: Path, tmp_path: Path) -> None:
    truth = simulated(tmp_path)
    labels = Labels.read(truth)
    (run,) = labels.values()
    colors = dict(zip(run.names, run.colors or [], strict=True))
    for larva, track in list(run.items()):
        states = ["hunch" if state == "back" else state for state in track.states]
        labels.set(run.id, larva, track.times, states)
    run.declare(["run", "cast", "stop", "back", "hunch"], ["#000000", *[None] * 3, "#ff00ff"])
    labels.write(truth)
    further = ("--original-model-instance=m", "--model-instance=n", "--epochs=1")
    result = command("finetune", truth, *further, cwd=trained)
    assert result.returncode == 0, result.stderr
    predict = ("predict", next(tmp_path.glob("*.spine")), "--model-instance=n")
    result = command(*predict, "--output", tmp_path / "out", cwd=trained)
    assert result.returncode == 0, result.stderr
    predicted = Labels.read(tmp_path / "out" / "predicted.label")[run.id]
    known = dict(zip(predicted.names, predicted.colors or [], strict=True))
    assert known == colors | {"hunch": "#ff00ff"}


@pytest.mark.parametrize("library", [None, *LIBRARIES])
def test_the_generated_tests_pass(library: str | None, tmp_path: Path) -> None:
    """They train, predict and correct."""
    for needed in () if library is None else (library, "safetensors"):
        pytest.importorskip(needed, reason=f"no {needed}, which is too large to require")
    init("Mine", tmp_path, library=library)
    project = tmp_path / "Mine"
    arguments = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test"]
    before = tree(project)
    result = subprocess.run(arguments, cwd=project, capture_output=True, text=True)
    assert "3 passed" in result.stdout, result.stdout
    assert {name for name in tree(project) if "__pycache__" not in name} == before.keys()


@pytest.fixture
def poetry() -> str:
    found = os.environ.get("POETRY") or shutil.which("poetry")
    if found is None:
        pytest.skip("no poetry on PATH or in the variable POETRY; `make test` installs one")
    return found


def test_poetry_installs_a_new_backend_and_runs_the_command(
    poetry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = tmp_path / "checkout"
    for folder in ("src", "julia"):
        shutil.copytree(ROOT / folder, checkout / folder)
    for file in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "Project.toml"):
        shutil.copy(ROOT / file, checkout)
    monkeypatch.setattr(scaffold, "source_folder", lambda: checkout)
    init("Lab-Tagger-2", tmp_path)
    project = tmp_path / "Lab-Tagger-2"
    # Some index mirrors support pip, but not the interface that Poetry uses by default.
    ask = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
    index = subprocess.run(
        [sys.executable, "-c", ask],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    ours = ("VIRTUAL_ENV", "PYTHONPATH")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment |= {"POETRY_VIRTUALENVS_IN_PROJECT": "true", "POETRY_PYPI_MIRROR_URL": index}

    def run(*arguments: str | Path) -> str:
        result = subprocess.run(
            list(map(str, arguments)), cwd=project, env=environment, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    run(poetry, "--no-interaction", "install")
    train = ("tagging-backend", "train", simulated(tmp_path / "lab"), "--model-instance=m")
    assert run(poetry, "--no-interaction", "run", *train).splitlines()[-1] == "m"
    # as in the shell of `poetry env activate`, since starting Poetry each time is slow
    programs = project / ".venv" / ("Scripts" if os.name == "nt" else "bin")
    command_ = programs / "tagging-backend"
    assert run(command_, "models") == "m\n"
    output = run(command_, "predict", tmp_path / "lab", "--model-instance=m")
    assert output.splitlines()[-1] == str(tmp_path / "lab" / "predicted.label")
    where = run(programs / "python", "-c", "import lab_tagger_2.models as m; print(m.__file__)")
    assert where.strip() == str(project / "src" / "lab_tagger_2" / "models" / "__init__.py")
    assert "nothing to fix" in run(command_, "check")
    # changes of the checkout are used at once, and its new requirements after `poetry update`
    (checkout / "src" / "taggingbackends" / "new.py").touch()
    run(programs / "python", "-c", "import taggingbackends.new")
    metadata = checkout / "pyproject.toml"
    metadata.write_text(metadata.read_text().replace('    "click>', '    "toolz", "click>'))
    run(poetry, "--no-interaction", "update")
    run(programs / "python", "-c", "import toolz")
