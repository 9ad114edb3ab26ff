"""Locks: holding, ending with the process, and file systems without locks."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from support import command, write_labels, write_recording
from taggingbackends.system.locks import locked

Maker = Callable[..., Path]

fcntl = pytest.importorskip("fcntl", reason="flock is on POSIX systems only")

HOLD = """
import multiprocessing, os, pathlib, subprocess, sys, time
from taggingbackends.system.locks import locked
with locked(pathlib.Path(sys.argv[1])):
    {}
    print("locked", flush=True)
    time.sleep(60)
"""


def held(path: Path) -> bool:
    """Return whether another process fails to get the lock."""
    program = "import pathlib, sys; from taggingbackends.system.locks import locked\n"
    program += "with locked(pathlib.Path(sys.argv[1])): pass"
    result = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True)
    assert result.returncode == 0 or "BlockingIOError" in result.stderr, result.stderr
    return result.returncode != 0


def test_one_holds_a_lock(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    with locked(path):
        assert held(path)
        with pytest.raises(BlockingIOError, match=r"x\.lock"), locked(path):
            pass
        assert path.exists()
    assert not path.exists()
    assert not held(path)
    path.touch()  # left by a killed process
    with pytest.raises(ZeroDivisionError), locked(path):
        1 / 0  # noqa: B018
    assert not path.exists()
    with pytest.raises(FileNotFoundError), locked(tmp_path / "none" / "x.lock"):
        pass


@pytest.mark.parametrize("replaced", [False, True])
def test_a_lock_file_removed_before_it_is_locked(
    replaced: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.lock"
    flock, calls = fcntl.flock, []

    def remove_first(descriptor: int, operation: int) -> None:
        if not calls:  # like the previous holder
            path.unlink()
            if replaced:
                path.touch()
        calls.append(operation)
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", remove_first)
    with locked(path):
        assert path.exists()
        assert held(path)
    assert not path.exists()
    assert len(calls) == 2


def test_waiting_processes_get_the_lock_in_turn(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    inside, most = [0], [0]

    def work() -> None:
        for _ in range(50):
            with locked(path, wait=True):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                os.sched_yield()
                inside[0] -= 1

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert not path.exists()


def test_the_file_of_another_holder_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    with locked(path):
        path.unlink()  # as a user might
        with locked(path):
            path.rename(tmp_path / "moved")
            path.touch()
        assert path.exists()
    assert path.exists()


@pytest.mark.parametrize(
    "start",
    [
        "subprocess.Popen(['sleep', '60'])",
        "multiprocessing.get_context('fork').Process(target=time.sleep, args=(60,)).start()",
    ],
)
def test_the_lock_ends_with_the_process_while_children_live(start: str, tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    holder = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", HOLD.format(start), path],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with holder:
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == "locked\n"
            assert held(path)
            holder.kill()
            holder.wait()
            assert not held(path)
        finally:
            os.killpg(holder.pid, signal.SIGKILL)


def test_a_child_that_inherits_the_lock_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    program = "from taggingbackends.system import locks\n" + HOLD.format(
        "child = subprocess.Popen(['cat'], stdout=sys.stderr, pass_fds=locks._held)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", program, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        holder.kill()
        holder.wait()
        assert held(path)
        holder.stdin.close()  # the child ends
        with locked(path, wait=True):
            pass
    assert not path.exists()


def test_a_forked_child_does_not_hold_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    end = "if os.fork() == 0: raise SystemExit\n    assert os.wait()[1] == 0"
    holder = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", HOLD.format(end), path],
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        assert path.exists()
        assert held(path)
        holder.kill()


REFUSALS = [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP]


@pytest.mark.parametrize("number", REFUSALS)
@pytest.mark.parametrize("wait", [False, True])
def test_warning_on_file_systems_without_locks(
    number: int, wait: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    path = tmp_path / "x.lock"
    monkeypatch.setattr(fcntl, "flock", refuse)
    message = f"{tmp_path}: this file system does not support locks"
    with pytest.warns(UserWarning, match=message), locked(path, wait):
        assert not path.exists()
    path.touch()  # possibly of another machine that supports locks
    with locked(path, wait) as held:  # no second warning about this folder
        assert not held
        assert path.exists()
    assert path.exists()


def test_other_errors_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int, operation: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(OSError, match=r"broken.*x\.lock"), locked(tmp_path / "x.lock"):
        pass


TRAIN = """
from taggingbackends.main import main
def train_model(backend):
    (backend.model_dir() / "weights").write_text("new")
main(train_model)
"""


def test_commands_work_without_locks(
    no_flock: dict[str, str], make_backend: Maker, tmp_path: Path
) -> None:
    project = make_backend(train_model=TRAIN)
    variables = no_flock | {"FLOCK_ERRNO": str(errno.ENOLCK)}
    spines = [write_recording(tmp_path / "lab" / name) for name in "ab"]
    labels = write_labels(spines[0])
    trained = command("train", labels, "--model-instance=new", cwd=project, **variables)
    assert trained.returncode == 0, trained.stderr
    raw = project / "data" / "raw"
    warnings = [line for line in trained.stderr.splitlines() if line.startswith("Warning")]
    assert warnings == [
        warned(folder, errno.ENOLCK)
        for folder in (project / "models", raw / "new", raw / "new" / "training-input")
    ]
    assert sorted(path.name for path in (project / "models").iterdir()) == ["m", "new"]
    labels.unlink()
    below = ("predict", "--recursive", tmp_path / "lab", "--model-instance=m")
    result = command(*below, cwd=project, **variables)
    assert result.returncode == 0, result.stderr
    (line,) = (line for line in result.stderr.splitlines() if line.startswith("Warning"))
    folder = raw / "m"
    assert "(and 1 more): " in line
    assert line.endswith(warned(folder, errno.ENOLCK).removeprefix("Warning: "))
    assert all((spine.parent / "predicted.label").exists() for spine in spines)
    assert list(folder.iterdir()) == []


def test_training_sets_are_written_and_read_without_locks(
    no_flock: dict[str, str], tmp_path: Path
) -> None:
    write_labels(write_recording(tmp_path))
    program = (
        "from taggingbackends.data import Dataset, plan_dataset\n"
        "plan_dataset('truth.label', 0.2, 10).write('t.h5')\n"
        "print(len(Dataset('t.h5')))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | no_flock | {"FLOCK_ERRNO": str(errno.ENOLCK)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) > 0


def warned(folder: Path, number: int) -> str:
    return (
        f"Warning: {folder}: this file system does not support locks ({os.strerror(number)}); "
        "do not let two commands write here at the same time"
    )
