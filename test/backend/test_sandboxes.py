"""Sandboxes: which ones a command uses, which ones are left, and who removes them."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support import (
    backend_error,
    command,
    posix,
    tree,
    wait_until,
    write_labels,
    write_recording,
)
from taggingbackends import BackendExplorer
from taggingbackends.backend import prediction, sandboxes
from taggingbackends.backend.claims import dead_claims, remove_dead_claims
from taggingbackends.backend.sandboxes import State
from taggingbackends.many import sandboxed
from taggingbackends.many.labelling import Result, Task
from taggingbackends.system.locks import locked

Maker = Callable[..., Path]

MAIN = """
import sys, time
from taggingbackends.main import main
{}
if __name__ == "__main__":
    main({})
"""
WAITING = """
def {0}(backend):
    (backend.project_dir / "started").touch()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        time.sleep(0.02)
"""
FAILING = "\ndef predict_model(backend): sys.exit(3)\n"
TRAIN = '\ndef train_model(backend): (backend.model_dir() / "weights").touch()\n'


def script(text: str, step: str = "predict_model") -> str:
    return MAIN.format(text.format(step), step)


@contextmanager
def running(project: Path, *arguments: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command whose script waits, until the block ends; then kill it and the script."""
    process = subprocess.Popen(
        [sys.executable, "-m", "taggingbackends", *map(str, arguments)],
        cwd=project,
        start_new_session=True,
    )
    with process:
        try:
            while not (project / "started").exists():
                assert process.poll() is None
                time.sleep(0.02)
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)
    wait_until(lambda: State.IN_USE not in states(project).values())  # its script has ended, too


def states(project: Path) -> dict[str, State]:
    return {found.sandbox: found.state for found in BackendExplorer(project).list_sandboxes()}


def leftovers(project: Path) -> list[Path]:
    """Return what is below the instances in data/, also lock files."""
    return list(project.glob("data/*/*/*"))


def problems(project: Path) -> list[str]:
    return [problem.what for problem in BackendExplorer(project).check()]


@posix
def test_a_killed_prediction(make_backend: Maker, tmp_path: Path) -> None:
    project = make_backend(predict_model=script(WAITING))
    spine = write_recording(tmp_path / "lab")
    backend = BackendExplorer(project, "m")
    with running(project, "predict", spine, "--model-instance=m"):
        (name,) = states(project)
        assert states(project) == {name: State.IN_USE}
        sandbox = BackendExplorer(project, "m", name)
        before = tree(project / "data")
        assert any(path.endswith(".spine") for path in before)
        assert problems(project) == []
        assert backend.reset_sandboxes() == []
        assert sandboxes.remove_dead(backend) == []
        for busy in (backend, sandbox):
            with backend_error("in-use", "a command is running in this sandbox"):
                busy.reset_data()
        with backend_error("in-use", "another command uses this sandbox"):
            prediction.predict_files(sandbox, [spine], {})
        assert tree(project / "data") == before
    assert states(project) == {name: State.LEFT}
    assert problems(project) == ["found a sandbox that no command uses, left by a killed command"]
    (project / "scripts" / "predict_model.py").write_text(script(FAILING))
    result = command("predict", spine, "--model-instance=m", cwd=project)
    assert result.returncode == 3
    raw = project / "data" / "raw" / "m" / name
    assert f"Warning: {raw}: removed this sandbox, which an earlier command left\n" in result.stderr
    assert name not in states(project)
    assert not raw.with_name(f".{name}.lock").exists()


def test_a_sandbox_that_was_kept(make_backend: Maker, tmp_path: Path) -> None:
    project = make_backend(predict_model=script(FAILING))
    spine = write_recording(tmp_path / "lab")
    for n in (1, 2):  # the second prediction leaves what the first one has kept
        assert command("predict", spine, "--model-instance=m", cwd=project).returncode == 3
        assert list(states(project).values()) == [State.KEPT] * n
    assert problems(project) == ["found a sandbox that no command uses, kept after a failure"] * 2
    result = command("sandboxes", cwd=project)
    heads, *rows = result.stdout.splitlines()
    assert heads.split() == ["instance", "sandbox", "age", "size", "state"]
    size = sum(map(len, tree(project / "data").values())) / 2
    for row, name in zip(rows, states(project), strict=True):
        assert row.split() == ["m", name, row.split()[2], "s", f"{size / 1000:.3g}", "kB", "kept"]
    result = command("reset", "--sandboxes", cwd=project)
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()) == 6
    assert leftovers(project) == []
    assert command("sandboxes", cwd=project).stdout == "no sandboxes\n"


def test_a_named_sandbox_is_its_users(make_backend: Maker, tmp_path: Path) -> None:
    project = make_backend()
    spine = write_recording(tmp_path / "lab")
    backend = BackendExplorer(project, "m", "nyx")
    backend.push(spine)
    prediction.predict(backend, {})
    before = tree(project / "data")
    assert states(project) == {"nyx": State.NAMED}
    assert problems(project) == []
    assert backend.reset_sandboxes() == []
    assert prediction.predict_files(BackendExplorer(project, "m"), [spine], {})
    assert tree(project / "data") == before
    assert len(backend.reset_data()) == 3


def test_a_command_killed_while_it_made_a_sandbox(make_backend: Maker) -> None:
    project = make_backend()
    backend = BackendExplorer(project, "m")
    raw = backend.raw_data_dir()
    for name, mark in (("a", None), ("b", ""), ("c", "temporary")):
        (raw / f".{name}.lock").touch()
        if name != "a":
            (raw / name).mkdir()
            (raw / name / ".sandbox").write_text(mark or "")
    write_recording(raw / "input")  # of the instance, whose name is that of a lock
    (raw / ".input.lock").touch()
    before = tree(raw / "input")
    with pytest.warns(UserWarning, match="removed"):
        assert sandboxes.remove_dead(backend) == [raw / "c"]
    assert [path.name for path in raw.iterdir()] == ["input"]
    assert tree(raw / "input") == before


@posix
def test_without_locks_nothing_is_removed(
    make_backend: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    project = make_backend()
    backend = BackendExplorer(project, "m", "s")
    sandboxes.mark_temporary(backend)
    monkeypatch.setattr(fcntl, "flock", refuse)
    assert states(project) == {"s": State.UNKNOWN}
    assert problems(project) == []
    assert sandboxes.remove_dead(backend) == []
    with pytest.warns(UserWarning, match="not removed, since nothing shows whether"):
        assert backend.reset_sandboxes() == []
    assert states(project) == {"s": State.UNKNOWN}
    sandboxes.keep(BackendExplorer(project, "m", "k"))
    with pytest.warns(UserWarning, match="not removed"):
        assert [path.name for path in backend.reset_sandboxes()] == ["k"]
    assert backend.reset_data() == [backend.data_dirs()[0]]  # the user decides


@posix
def test_a_look_for_left_sandboxes_does_not_stop_a_new_one(
    make_backend: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    flock = fcntl.flock

    def busy(descriptor: int, operation: int) -> None:
        if operation & fcntl.LOCK_NB:  # another command holds the lock for a moment
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", busy)
    spine = write_recording(tmp_path / "lab")
    assert prediction.predict_files(BackendExplorer(make_backend(), "m"), [spine], {})


def test_the_advice_names_the_data_folder(make_backend: Maker, tmp_path: Path) -> None:
    project = make_backend(predict_model=script(FAILING))
    spine = write_recording(tmp_path / "lab")
    mine = tmp_path / "mine"
    result = command("--data", mine, "predict", spine, "--model-instance=m", cwd=project)
    (name,) = (path.name for path in (mine / "raw" / "m").iterdir())
    advice = f"tagging-backend --data {mine} reset --model-instance m --sandbox {name}"
    assert f"remove with `{advice}`" in result.stderr
    assert command(*advice.split()[1:], cwd=project).returncode == 0
    assert list(mine.glob("*/m/*")) == []


# -- what cannot be removed


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return a set of names of files that cannot be removed, such as a file in use on NFS."""
    names: set[str] = set()
    unlink = os.unlink

    def refuse(path: str | Path, *args: object, **keywords: object) -> None:
        if os.path.basename(path) in names:  # noqa: PTH119
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(path))
        unlink(path, *args, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "unlink", refuse)
    return names


def test_what_remains_of_a_sandbox_is_a_sandbox(make_backend: Maker, stuck: set[str]) -> None:
    project = make_backend()
    backend = BackendExplorer(project, "m", "s")
    spine = write_recording(backend.raw_data_dir())
    stuck.add(spine.name)
    with pytest.raises(OSError, match=spine.name):
        backend.reset_data()
    assert states(project) == {"s": State.NAMED}
    assert BackendExplorer(project, "m").list_input_files() == []


def test_a_sandbox_that_cannot_be_removed_after_a_prediction(
    make_backend: Maker, tmp_path: Path, stuck: set[str]
) -> None:
    project = make_backend()
    spine = write_recording(tmp_path / "lab")
    stuck.add("predicted.label")  # in data/processed; nothing is removed in the lab
    backend = BackendExplorer(project, "m")
    with pytest.warns(UserWarning, match="cannot be removed now"):
        assert prediction.predict_files(backend, [spine], {}) == [
            spine.with_name("predicted.label")
        ]
    assert list(states(project).values()) == [State.LEFT]
    stuck.clear()
    with pytest.warns(UserWarning, match="removed this sandbox, which an earlier command left"):
        prediction.predict_files(backend, [spine], {}, force=True)
    assert leftovers(project) == []


@posix
def test_leftovers_of_others_do_not_stop_a_round(
    make_backend: Maker, tmp_path: Path, stuck: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_backend()
    spine = write_recording(tmp_path / "lab")
    files = (spine, spine.with_suffix(".outline"))
    task = Task(project, "m", files, spine.with_name("predicted.label"), {})
    left = write_recording(task.backend().raw_data_dir(), "x")
    sandboxes.mark_temporary(task.backend())
    stuck.add(left.name)
    (outcome,) = sandboxed._label([task], [])
    assert outcome.result is Result.LABELLED, outcome
    assert list(states(project)) == [task.backend().sandbox]
    lock = left.parent.with_name(f".{left.parent.name}.lock")
    original = os.open

    def refuse(path: str | Path, *args: int, **keywords: int) -> int:
        if path == lock:  # of another user
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return original(path, *args, **keywords)

    monkeypatch.setattr(os, "open", refuse)
    (outcome,) = sandboxed._label([task._replace(force=True)], [])
    assert outcome.result is Result.LABELLED, outcome
    assert states(project) == {left.parent.name: State.UNKNOWN}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sandboxes.remove_dead(BackendExplorer(project, "m")) == []


def test_a_private_sandbox_of_another_user_stops_nobody(
    make_backend: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_backend()
    private = BackendExplorer(project, "m", "private")
    sandboxes.mark_temporary(private)
    mark, original = private.raw_data_dir() / ".sandbox", os.stat

    def refuse(path: str | Path, *args: int, **keywords: int) -> os.stat_result:
        if path in (mark, str(mark)):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return original(path, *args, **keywords)

    monkeypatch.setattr(os, "stat", refuse)
    backend = BackendExplorer(project, "m")
    spine = write_recording(tmp_path / "lab")
    assert prediction.predict_files(backend, [spine], {}) == [spine.with_name("predicted.label")]
    assert backend.list_sandboxes() == []
    assert problems(project) == []


# -- trainings whose instance has no name yet


@posix
def test_a_killed_training(make_backend: Maker, tmp_path: Path) -> None:
    project = make_backend(model=None, train_model=script(WAITING, "train_model"))
    label = write_labels(write_recording(tmp_path / "lab"))
    with running(project, "train", label):
        (raw,) = project.glob("data/raw/*")
        assert not [what for what in problems(project) if "input" in what]
    assert "found the input of a killed training" in problems(project)
    (project / "scripts" / "train_model.py").write_text(script(TRAIN, "train_model"))
    result = command("train", label, cwd=project)
    assert result.returncode == 0, result.stderr
    warning = f"Warning: {raw}: removed the input of a killed training"
    assert result.stderr.splitlines()[0] == warning
    assert [path.name[0] for path in (project / "models").iterdir()] == ["2"]  # none is hidden
    (new,) = project.glob("data/raw/*")
    assert new.name == result.stdout.strip()
    assert not [path for path in new.iterdir() if path.name != "training-input"]  # and no mark
    assert "Warning" not in command("train", label, cwd=project).stderr
    assert new.is_dir()


def test_a_training_that_is_running_or_done_keeps_its_input(make_backend: Maker) -> None:
    project = make_backend()
    for name in ("m", "running"):
        write_recording(project / "data" / "raw" / name)
        (project / "data" / "raw" / name / ".training").write_text(str(project))
    sharing = BackendExplorer(make_backend("other", model=None), data_folder=project / "data")
    before = tree(project / "data")
    assert dead_claims(sharing) == []
    remove_dead_claims(sharing)
    assert tree(project / "data") == before
    backend = BackendExplorer(project)
    with locked(backend.training_lock("running")):
        assert dead_claims(backend) == []
        remove_dead_claims(backend)
    del before["raw/m/.training"]
    assert tree(project / "data") == before
