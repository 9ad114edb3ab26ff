"""A backend is not run in an environment that lacks what its pyproject.toml requires."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from conftest import PREDICT
from support import backend_error, command, refused, tree, write_labels, write_recording
from taggingbackends import BackendExplorer
from taggingbackends.backend.check import check
from taggingbackends.backend.requirements import check_packages
from taggingbackends.backend.scaffold import init


def require(project: Path, text: str) -> None:
    path = project / "pyproject.toml"
    old = path.read_text()
    assert old.count('"taggingbackends') == 1
    path.write_text(old.replace('    "taggingbackends', f'    {text},\n    "taggingbackends'))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a backend that requires a package that is not installed, and imports it."""
    init("Mine", tmp_path, minimal=True)
    project = tmp_path / "Mine"
    (project / "scripts" / "predict_model.py").write_text(f"import skvideo\n{PREDICT}")
    (project / "scripts" / "train_model.py").write_text("import skvideo\n")
    require(project, '"Scikit_Video >= 1.1"')
    return project


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "--model-instance=default"],
        ["predict", "SPINE", "--model-instance=default"],
        ["predict", "--recursive", "LAB", "--model-instance=default"],
        ["train", "LABEL"],
        ["train", "--model-instance=default", "--force", "LABEL"],
    ],
    ids=" ".join,
)
def test_nothing_is_run_or_changed(arguments: list[str], project: Path, tmp_path: Path) -> None:
    spine = write_recording(tmp_path / "lab")
    places = {"SPINE": spine, "LAB": spine.parent, "LABEL": write_labels(spine)}
    before = tree(tmp_path)
    command_ = [str(places.get(argument, argument)) for argument in arguments]
    result = command("--project", project, *command_, cwd=tmp_path)
    refused(result, f"Mine/pyproject.toml: requires Scikit_Video, not installed in {sys.prefix}")
    assert f"in {project}, run `pip install -e .`" in result.stderr
    assert tree(tmp_path) == before
    assert [path.name for path in (project / "models").iterdir()] == ["default"]


def test_scripts_are_not_run_from_python_either(project: Path) -> None:
    backend = BackendExplorer(project, "new")
    with backend_error("missing-package"):
        backend.predict_model()
    with backend_error("missing-package"):
        backend.train_model()


def test_check_reports_it(project: Path, tmp_path: Path) -> None:
    (problem,) = [found for found in check(project) if found.where.name == "pyproject.toml"]
    assert problem.what == f"requires Scikit_Video, not installed in {sys.prefix}"
    result = command("--project", project, "check", cwd=tmp_path)
    assert (result.returncode, str(problem) in result.stdout) == (1, True)


@pytest.mark.parametrize("own", [False, True], ids=["another", "its own"])
def test_the_environment_to_use_is_named(
    own: bool, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = project / ".venv"
    environment.mkdir()
    if own:
        monkeypatch.setattr(sys, "prefix", str(environment))
    fix = f"run `poetry install` in {project}" if own else f"use the backend's, {environment}: in"
    with backend_error("missing-package", fix):
        check_packages(project)


@pytest.mark.parametrize(
    "table",
    [
        "[project]\ndependencies = ['numpy>=1.26', 'H5py', 'tqdm[x]>=1', 'taggingbackends', '']",
        "[project]\ndependencies = ['gone; python_version < \"3\"', '-', '[x]']",
        "[project]\ndependencies = ['numpy']\n[tool.poetry.dependencies]\nunused = '*'",
        "[project]\noptional-dependencies = { x = ['gone'] }\ndependencies = []",
        "[project]\ndependencies = ['x.y_mod', 'alias-Mod @ https://host/alias.whl']",
        "[tool.poetry.dependencies]\npython = '^3.11'\ngone = { version = '*', optional = true }",
        "[tool.poetry.dependencies]\na = [{ version = '1', python = '<3' }]\nb = { markers = 'x' }",
        "[project]\ndependencies = ['dist-one>=2', 'egg-one', 'egg-2']",
        "[project]\ndependencies = 5",
        "[project]\ndependencies = [1, 'numpy']",
        "[tool.poetry]\ndependencies = ['numpy']",
    ],
)
def test_what_is_installed_or_may_not_be_needed(
    table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("x_y_mod", "alias_Mod"):  # as packages without metadata
        (tmp_path / f"{module}.py").touch()
    for name in ("dist_one-1.0.dist-info", "egg.one-1-py3.11.egg-info", "Egg_2.egg-info"):
        (tmp_path / name).mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "pyproject.toml").write_text(table)
    check_packages(tmp_path)


@pytest.mark.parametrize(
    ("table", "missing"),
    [
        (
            "[project]\ndependencies = ['gone', 'numpy', ' other.one[x] ~= 2', 'u@https://h/x']",
            "gone, other.one, u",
        ),
        ("[tool.poetry.dependencies]\nnumpy = '*'\ngone = '^2'", "gone"),
        ("[tool.poetry.dependencies]\ngone = { path = '../gone', develop = true }", "gone"),
        ("[project]\ndependencies = []\n[tool.poetry.dependencies]\ngone = '^2'", "gone"),
    ],
)
def test_what_is_missing(table: str, missing: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(table)
    with backend_error("missing-package", f"requires {missing}, not installed"):
        check_packages(tmp_path)
