"""Models are complete or not there: at any moment, after a kill, after a power failure."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support import backend_error, command, posix, refused, tree, write_recording
from taggingbackends import BackendExplorer
from taggingbackends.backend import unfinished
from taggingbackends.backend.check import check
from taggingbackends.backend.unfinished import unfinished_model
from taggingbackends.system.files import remove_folder

Maker = Callable[..., Path]

OLD = {f"m/{name}": b"old" for name in ("a", "b", "sub/c")}
NEW = {f"m/{name}": b"new" for name in ("a", "b", "d", "sub/e")}

fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture(params=["exchanged", "renamed"])
def replacing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace a model in one step, or with two renames as on file systems without this."""
    if request.param == "renamed":
        monkeypatch.setattr(unfinished, "exchange", lambda one, other: False)


def write(models: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (models / name).parent.mkdir(parents=True, exist_ok=True)
        (models / name).write_bytes(content)


def train(backend: BackendExplorer) -> None:
    with unfinished_model(backend, force=True):
        unfinished_dir = backend.unfinished_model_dir("m")
        write(unfinished_dir, {name.removeprefix("m/"): text for name, text in NEW.items()})


def model_files(backend: BackendExplorer) -> dict[str, bytes]:
    return {f"m/{name}": content for name, content in tree(backend.model_dir()).items()}


@pytest.fixture
def backend(make_backend: Maker) -> BackendExplorer:
    return BackendExplorer(make_backend(model=None), "m")


# -- power failures


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("old", [False, True])
def test_a_model_is_on_the_disk_before_it_appears(
    old: bool, replacing: None, backend: BackendExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = backend.models_folder
    write(models, OLD if old else {})
    inodes: dict[int, int] = {}  # of synced files and folders -> size then
    appeared = []
    fsync = os.fsync

    def sync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        inodes[status.st_ino] = status.st_size
        if (models / "m" / "d").exists() and status.st_ino == models.stat().st_ino:
            appeared.append("on the disk")
        fsync(descriptor)

    def remove(folder: Path) -> bool:
        if (models / "m" / "d").exists():
            appeared.append("old files removed")
        return remove_folder(folder)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(unfinished, "remove_folder", remove)
    train(backend)
    paths = [models / "m", *(models / "m").rglob("*")]
    assert len(paths) == 1 + 4 + 1
    assert {path.stat().st_ino: path.stat().st_size for path in paths}.items() <= inodes.items()
    assert appeared[0] == "on the disk"
    assert tree(models) == NEW


# -- kills


def killed_at(step: int, act: Callable[[], object]) -> bool:
    """Act in a forked process that ends before its file operation `step`; return whether it did."""
    child = os.fork()
    if child == 0:
        left = [step]

        def count(event: str, arguments: tuple[object, ...] = ()) -> None:
            if event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "exchange"):
                left[0] -= 1
                if left[0] < 0:
                    os._exit(9)

        exchange = unfinished.exchange
        unfinished.exchange = lambda *paths: (count("exchange"), exchange(*paths))[1]
        sys.addaudithook(count)
        try:
            act()
            os._exit(0)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9)
    return code == 9


@fork
def test_a_killed_training_leaves_the_old_model_or_the_new_one(
    replacing: None, backend: BackendExplorer
) -> None:
    found = []
    for step in range(100):
        write(backend.models_folder, OLD)
        killed = killed_at(step, lambda: train(backend))
        assert backend.list_models() == ["m"]
        backend.check_model()
        found.append(model_files(backend))
        problems = check(backend.project_dir)
        if not killed:
            assert problems == []
            break
        for problem in problems:  # do what it says
            if problem.fix == "rename it to m":
                problem.where.rename(problem.where.with_name("m"))
            else:
                assert "remove this" in problem.fix
                (remove_folder if problem.where.is_dir() else os.remove)(problem.where)
        assert check(backend.project_dir) == []
        assert model_files(backend) == found[-1]
        if step % 2:
            killed_at(step, lambda: train(backend))
        train(backend)
        assert tree(backend.models_folder) == NEW
        backend.reset_model()
    assert found[0] == OLD
    assert found[-1] == NEW
    assert all(files in (OLD, NEW) for files in found)
    assert len(found) > 10


@fork
def test_a_killed_reset_never_leaves_half_a_model(backend: BackendExplorer) -> None:
    models = backend.models_folder
    for step in range(100):
        write(models, OLD)
        write(models, {f".m.replaced/{name}": b"older" for name in "xyz"})
        killed = killed_at(step, backend.reset_model)
        assert backend.list_models() in ([], ["m"])
        assert model_files(backend) in (OLD, {}) or not backend.model_dir().exists()
        if not killed:
            break
        backend.reset_model()
        assert tree(models) == {}
        train(backend)  # nothing comes back
        assert tree(models) == NEW
        backend.reset_model()
    assert step > 5
    assert backend.list_models() == []


def test_an_old_model_is_found_after_a_kill_between_two_renames(make_backend: Maker) -> None:
    project = make_backend()
    models = project / "models"
    backend = BackendExplorer(project, "m")
    write(models, {"m/weights": b"old"})
    (models / "m").rename(models / ".m.replaced")
    assert backend.list_models() == ["m"]
    backend.check_model()
    assert backend.model_dir() == models / ".m.replaced"
    spine = write_recording(project.parent / "lab")
    result = command("predict", spine, "--model-instance=m", cwd=project)
    assert result.returncode == 0, result.stderr
    assert tree(models) == {".m.replaced/weights": b"old"}  # readers change nothing
    (problem,) = check(project)
    assert "old model of a killed training" in problem.what
    assert problem.fix == "rename it to m"
    with backend_error("existing-model", "m exists already"), unfinished_model(backend):
        pass
    assert tree(models) == {"m/weights": b"old"}


def test_a_failed_second_rename_restores_the_old_model(
    backend: BackendExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unfinished, "exchange", lambda one, other: False)
    write(backend.models_folder, OLD)
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if self.name == ".m.partial" and target.name == "m":
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(KeyboardInterrupt):
        train(backend)
    assert tree(backend.models_folder) == OLD


@posix
def test_a_model_that_is_a_link_is_replaced_without_its_target(backend: BackendExplorer) -> None:
    elsewhere = backend.project_dir / "elsewhere"
    write(elsewhere, OLD)
    (backend.models_folder / "m").symlink_to(elsewhere / "m")
    train(backend)
    assert tree(backend.models_folder) == NEW
    assert not (backend.models_folder / "m").is_symlink()
    assert tree(elsewhere) == OLD


# -- several processes

TRAIN = """
import os, sys, time
from taggingbackends.main import main

def train_model(backend):
    (backend.model_dir() / "weights").write_text("new")
    if os.path.isdir("/proc/self/fd"):
        kept = [os.readlink(file.path) for file in os.scandir("/proc/self/fd") if file.is_symlink()]
        (backend.model_dir() / "lock").write_text(str(any(".new.lock" in name for name in kept)))
    (backend.project_dir / "started").touch()
    while not (backend.project_dir / "go").exists():
        time.sleep(0.01)

main(train_model)
"""


@posix
@pytest.mark.parametrize("start", ["command", "script", "api"])
def test_one_of_several_trainings_wins_and_is_not_reset(start: str, make_backend: Maker) -> None:
    project = make_backend(model=None, train_model=TRAIN)
    write_recording(project / "data" / "raw" / "new")
    arguments = {
        "command": ["-m", "taggingbackends", "train", "--model-instance=new"],
        "script": [str(project / "scripts" / "train_model.py"), "--model-instance=new"],
        "api": ["-c", "from taggingbackends import BackendExplorer as B; "
                "B(model_instance='new').train_model()"],
    }[start]  # fmt: skip
    processes = [
        subprocess.Popen(
            [sys.executable, *arguments], cwd=project, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    try:
        while sum(process.poll() is None for process in processes) > 1:
            time.sleep(0.01)
        while not (project / "started").exists():
            time.sleep(0.01)
        backend = BackendExplorer(project, "new")
        with backend_error("existing-model", "another training of new is under way"):
            backend.reset_model()
        with backend_error("in-use", "new: a training uses this input"):
            backend.reset_data()
        if start == "command":
            assert not [problem for problem in check(project) if "training" in problem.what]
            result = command("reset", "--model", "--model-instance=new", cwd=project)
            refused(result, "another training of new is under way")
    finally:
        (project / "go").touch()
    errors = [process.communicate()[1] for process in processes]
    assert sorted(process.returncode for process in processes) == [0, 1, 1]
    for process, error in zip(processes, errors, strict=True):
        said = "another training of new is under way" in error.splitlines()[-1] if error else False
        assert said == (process.returncode == 1)
        assert start != "script" or len(error.splitlines()) == process.returncode
    files = tree(project / "models")
    if sys.platform == "linux":
        assert files.pop("new/lock") == b"True"
    assert (files.pop("new/training.json", None) is None) == (start == "script")
    assert files == {"new/weights": b"new"}
