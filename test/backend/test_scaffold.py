"""`init`: it creates a valid backend that Poetry can install and that runs."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import taggingbackends
from support import ROOT, backend_error, command, refused, tree, write_labels, write_recording
from taggingbackends import Labels, dependency
from taggingbackends.backend import scaffold
from taggingbackends.backend.check import check
from taggingbackends.backend.scaffold import init, requirement, source_folder
from taggingbackends.data import Track, load_runs, runs_in
from variants import trxmat
from variants.fimtrack import rows, text

FULL = [
    ".gitignore",
    "LICENSE",
    "README.md",
    "pyproject.toml",
    "src/lab_tagger_2/__init__.py",
    "src/lab_tagger_2/data/__init__.py",
    "src/lab_tagger_2/data/make_dataset.py",
    "src/lab_tagger_2/features/__init__.py",
    "src/lab_tagger_2/features/build_features.py",
    "src/lab_tagger_2/models/__init__.py",
    "src/lab_tagger_2/models/finetune_model.py",
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


def test_features_of_frames_without_a_spine_are_missing(tmp_path: Path) -> None:
    init("lab-tagger", tmp_path)
    scripts = runpy.run_path(
        str(tmp_path / "lab-tagger" / "src" / "lab_tagger" / "features" / "build_features.py")
    )
    spine = np.zeros((6, 11, 2))
    spine[:, :, 0] = np.array([0, 1, 2, 3, 5, 9])[:, None]
    track = Track(np.arange(6.0), spine)
    assert scripts["features"](track)[:, 0].tolist() == [1, 1, 1, 2, 4, 4]
    spine[[0, 2, 5]] = np.nan
    nan = np.nan
    assert np.array_equal(
        scripts["features"](track)[:, 0], [nan, 1, nan, 2, 2, nan], equal_nan=True
    )
    spine[:] = np.nan
    assert np.isnan(scripts["features"](track)).all()
    assert scripts["features"](Track(np.empty(0), spine[:0])).shape == (0, 1)


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
def test_tracker_options_reach_the_template(minimal: bool, tmp_path: Path) -> None:
    init("Mini", tmp_path, minimal=minimal)
    table = tmp_path / "20240611_101500" / "table.csv"
    table.parent.mkdir()
    table.write_text(text(rows()))
    request = ["predict", table, "--model-instance=default"]
    if minimal:
        script, outcome = tmp_path / "Mini" / "scripts" / "predict_model.py", "predict_model"
    else:
        (tmp_path / "Mini" / "models" / "default").mkdir()
        (tmp_path / "Mini" / "models" / "default" / "model.json").write_text('{"colors": {}}')
        script = tmp_path / "Mini" / "src" / "mini" / "features" / "build_features.py"
        outcome = "build_features"
    assert re.search(r"backend\.load_(tracks|runs)\(file", script.read_text())
    result = command(*request, cwd=tmp_path / "Mini")
    refused(result, f"{outcome} failed", lines=3)
    assert "give it in µm with --pixelsize, or as metadata" in result.stderr
    result = command(*request, "--pixelsize=wide", cwd=tmp_path / "Mini")
    refused(result, "Error: --pixelsize: expected a positive number, found 'wide'", 2, lines=4)
    result = command(*request, "--pixelsize", "73", "--framerate=2", cwd=tmp_path / "Mini")
    assert (result.returncode, "no script took" in result.stderr) == (0, False), result.stderr
    labels = Labels.read(table.with_name("predicted.label"))
    assert list(labels) == [table.parent.name]
    assert labels[table.parent.name][0].times.tolist() == [0, 0.5, 1, 1.5]
    # the labels name the camera, so the table can be loaded with them
    assert command("data", "info", table.with_name("predicted.label"), cwd=tmp_path).returncode == 0


def test_the_template_labels_each_run_of_a_file(tmp_path: Path) -> None:
    init("Mine", tmp_path)
    project, lab = tmp_path / "Mine", tmp_path / "lab"
    (lab / "in").mkdir(parents=True)
    mat = lab / "in" / "trx.mat"
    image = trxmat.image(trxmat.larva(1), trxmat.larva(2), trxmat.larva(1, id=trxmat.OTHER))
    mat.write_bytes(image["trx.mat"])
    for name, runs in (("one", [trxmat.OTHER]), ("both", runs_in(mat))):
        truth = Labels()
        for recording in load_runs(mat):
            if recording.run in runs:
                truth.merge(recording.labels())
                truth[recording.run].dependencies = [dependency(mat)]
        truth.write(mat.with_name(f"{name}.label"))
        arguments = (mat.with_name(f"{name}.label"), "--model-instance", name)
        result = command("train", *arguments, cwd=project)
        assert result.returncode == 0, result.stderr
        result = command("predict", mat, "--model-instance", name, "--force", cwd=project)
        assert result.returncode == 0, result.stderr
        places = [line for line in result.stdout.splitlines() if line.endswith(".label")]
        found = [Labels.read(Path(place)) for place in places]
        assert {run: len(labels[run]) for labels in found for run in labels} == {
            trxmat.RUN: 2,
            trxmat.OTHER: 1,
        }


def test_init_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "Mine").mkdir()
    init("Mine", tmp_path)
    before = tree(tmp_path)
    refused(command("init", "Mine", cwd=tmp_path), "expected a new or empty folder, found this one")
    assert tree(tmp_path) == before
    (tmp_path / "file").write_text("x")
    with backend_error("existing-file"):
        init("file", tmp_path, minimal=True)


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


def test_scripts_of_a_new_backend_run(tmp_path: Path) -> None:
    init("Mine", tmp_path)
    project = tmp_path / "Mine"
    label = write_labels(write_recording(tmp_path / "lab"))
    result = command("train", label, "--epochs=3", "--model-instance=m", cwd=project)
    assert result.returncode == 0, result.stderr
    arguments = ("finetune", label, "--original-model-instance=m", "--model-instance=n")
    result = command(*arguments, cwd=project)
    assert result.returncode == 0, result.stderr
    for instance in ("m", "n"):
        arguments = ("predict", tmp_path / "lab", "--output", tmp_path / instance)
        result = command(*arguments, "--model-instance", instance, cwd=project)
        assert result.stderr == "Warning: predicted.label: no frame has a label\n"
    result = command("train", write_recording(tmp_path / "x"), cwd=project)
    refused(result, "expected label files in the input, found none", lines=5)


def test_colours_of_training_labels_are_declared_for_predictions(tmp_path: Path) -> None:
    init("Mine", tmp_path)
    label = write_labels(write_recording(tmp_path / "lab"))
    labels = Labels.read(label)
    (run,) = labels.values()
    run.declare([*run.names, "other"], ["#2ca02c", *[None] * len(run.names)])
    labels.write(label)
    result = command("train", label, "--model-instance=m", cwd=tmp_path / "Mine")
    assert result.returncode == 0, result.stderr
    predict = ("predict", next((tmp_path / "lab").glob("*.spine")), "--model-instance=m")
    result = command(*predict, "--output", tmp_path, cwd=tmp_path / "Mine")
    assert result.returncode == 0, result.stderr
    predicted = Labels.read(tmp_path / "predicted.label")[run.id]
    assert (predicted.names, predicted.colors) == (run.names, run.colors)


def test_the_generated_test_fails_until_the_backend_predicts(tmp_path: Path) -> None:
    """test_docs.py sees it pass, with the guide's predict_states."""
    init("Mine", tmp_path)
    project = tmp_path / "Mine"
    arguments = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test"]
    before = tree(project)
    result = subprocess.run(arguments, cwd=project, capture_output=True, text=True)
    assert "1 failed, 1 passed" in result.stdout
    assert "no frame is labelled: write predict_states" in result.stdout
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
    label = write_labels(write_recording(tmp_path / "lab"))
    train = ("tagging-backend", "train", label, "--model-instance=m")
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
