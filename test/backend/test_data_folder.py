"""The folder of the data: elsewhere, missing, or not writable."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support import STEM, backend_error, command, posix, refused, write_recording
from taggingbackends import BackendExplorer
from taggingbackends.backend import prediction
from taggingbackends.backend.check import check
from taggingbackends.backend.folder import DATA, MODELS
from taggingbackends.many.discovery import discover
from taggingbackends.many.labelling import Task

Maker = Callable[..., Path]

NOTING = """
from pathlib import Path
from taggingbackends.main import main

def predict_model(backend):
    print(backend.interim_data_dir(), flush=True)
    backend.output_path(backend.list_input_files()[0]).write_text(
        '{"metadata":{"id":"r"},"labels":["run"],"data":[{"id":"1","t":[1],"labels":[1]}]}'
    )

if __name__ == "__main__":
    main(predict_model)
"""


# -- elsewhere


@pytest.mark.parametrize("by", ["--data", "variable"])
def test_data_elsewhere(by: str, make_backend: Maker, tmp_path: Path) -> None:
    project = make_backend(predict_model=NOTING)
    spine = write_recording(tmp_path / "lab")
    work = tmp_path / "work"
    work.mkdir()
    options = ["--project", str(project)] + (["--data", "mine"] if by == "--data" else [])
    variables = {} if by == "--data" else {DATA: "mine"}
    arguments = ("predict", spine, "--model-instance=m")
    result = command(*options, *arguments, cwd=work, **variables)
    assert result.returncode == 0, result.stderr
    used, label = map(Path, result.stdout.splitlines())
    assert used.parent == work / "mine" / "interim" / "m"
    assert label == spine.with_name("predicted.label")
    assert not (project / "data").exists()


def test_recursive_with_data_elsewhere(make_backend: Maker, tmp_path: Path) -> None:
    project = make_backend()
    write_recording(tmp_path / "lab")
    mine = tmp_path / "lab" / "mine"
    write_recording(mine / "raw" / "m", "20240612_090000@x")
    write_recording(tmp_path / "lab" / "other" / "raw" / "m" / "s", "20240613_090000@x")
    (tmp_path / "lab" / "other" / "raw" / "m" / "s" / ".sandbox").touch()  # of another backend
    backend = BackendExplorer(project, "m", data_folder=mine)
    found, _ = discover(backend, [tmp_path / "lab"])
    assert [recording.files[0].stem for recording in found] == [STEM]
    with backend_error("no-input", "data folder of a backend"):
        discover(backend, [mine])
    task = Task(project, "m", *found[0], {}, data_folder=backend.data_folder)
    assert task.backend().data_folder == mine
    arguments = ("predict", "--recursive", "lab", "--model-instance=m")
    result = command("--project", project, "--data", mine, *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()) == 1
    assert not (project / "data").exists()


def test_the_data_folder_of_an_explorer(
    make_backend: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_backend()
    monkeypatch.chdir(tmp_path)
    assert BackendExplorer(project).data_folder == project / "data"
    monkeypatch.setenv(DATA, "x")
    assert BackendExplorer(project).data_folder == tmp_path / "x"
    backend = BackendExplorer(project, "m", data_folder="y")
    assert backend.raw_data_dir() == tmp_path / "y" / "raw" / "m"
    assert backend.model_dir() == project / "models" / "m"


# -- unusable


def make_file(data: Path) -> None:
    data.write_text("")


def make_dangling(data: Path) -> None:
    data.symlink_to("/scratch/cleaned/away")


def make_dangling_below(data: Path) -> None:
    data.mkdir()
    for stage in ("raw", "interim", "processed"):
        (data / stage).symlink_to("/scratch/cleaned/away")


@pytest.mark.parametrize(
    ("make", "found", "fix"),
    [
        (make_file, "found a file", "move or remove it"),
        pytest.param(
            make_dangling,
            "found a link to /scratch/cleaned/away, which does not exist",
            "create that folder, or remove the link",
            marks=posix,
        ),
        pytest.param(
            make_dangling_below,
            "found a link to /scratch/cleaned/away, which does not exist",
            "create that folder, or remove the link",
            marks=posix,
        ),
    ],
)
def test_no_folder(
    make: Callable[[Path], None], found: str, fix: str, make_backend: Maker, tmp_path: Path
) -> None:
    project = make_backend()
    spine = write_recording(tmp_path / "lab")
    make(project / "data")
    before = sorted(project.rglob("*"))
    backend = BackendExplorer(project, "m")
    for call in (
        backend.raw_data_dir,
        lambda: backend.push(spine),
        lambda: prediction.predict(backend, {}),
        lambda: prediction.predict_files(backend, [spine], {}),
    ):
        with backend_error("unusable-data", f"expected a folder, {found}; {fix}"):
            call()
    problems = check(project)
    assert {(problem.what, problem.fix) for problem in problems} == {
        (f"expected a folder, {found}", fix)
    }
    assert len(problems) in (1, 3)
    assert sorted(project.rglob("*")) == before


def test_a_dangling_link_and_the_command(make_backend: Maker, tmp_path: Path) -> None:
    project = make_backend()
    make_file(project / "data")
    spine = write_recording(tmp_path / "lab")
    for arguments in (
        ["predict", spine, "--model-instance=m"],
        ["predict", "--recursive", spine.parent, "--model-instance=m"],
    ):
        result = command(*arguments, cwd=project)
        refused(result, f"{project / 'data'}: expected a folder, found a file; move or remove it")


def test_a_backend_that_may_only_be_read(
    make_backend: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_backend(predict_model="raise AssertionError('ran')")
    spine = write_recording(tmp_path / "lab")
    access = os.access  # root may write anywhere

    def refuse(path: str | Path, mode: int) -> bool:
        return not (mode & os.W_OK and Path(path).is_relative_to(project)) and access(path, mode)

    monkeypatch.setattr(os, "access", refuse)
    backend = BackendExplorer(project, "m")
    for call in (
        lambda: prediction.predict(backend, {}),
        lambda: prediction.predict_files(backend, [spine], {}),
        lambda: backend.push(spine),
    ):
        with backend_error("unusable-data", "that you can write to.* with data_folder="):
            call()
    (project / "scripts" / "predict_model.py").write_text(NOTING)
    (problem,) = check(project)
    assert problem.where == project
    assert check(project, tmp_path / "mine") == []
    elsewhere = BackendExplorer(project, "m", data_folder=tmp_path / "mine")
    assert prediction.predict_files(elsewhere, [spine], {}) == [spine.with_name("predicted.label")]


# -- models elsewhere


def test_models_elsewhere(
    make_backend: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = BackendExplorer(make_backend(), "new")
    monkeypatch.setenv(MODELS, str(tmp_path / "models"))
    assert backend.list_models() == []
    assert backend.model_dir() == tmp_path / "models" / "new"
    with backend_error("unknown-model", f"no model new in {tmp_path / 'models'}: "):
        backend.check_model()
