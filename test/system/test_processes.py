"""Child processes: their environment, their end with this process, and locks that they inherit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support import command, posix, wait_until, write_recording
from taggingbackends.system.locks import locked
from taggingbackends.system.processes import environment

Maker = Callable[..., Path]

CALLERS = (
    "CONDA_DEFAULT_ENV",
    "CONDA_PREFIX",
    "JULIA_BINDIR",
    "JULIA_CONDAPKG_ENV",
    "JULIA_LOAD_PATH",
    "JULIA_PROJECT",
    "JULIA_PYTHONCALL_EXE",
    "JULIA_PYTHONCALL_LIB",
    "PYTHONPATH",
    "VIRTUAL_ENV",
)

# Fails on import, and leaves a file.
FOREIGN = "import os\nopen(os.environ['MARK'], 'w').close()\nraise RuntimeError('foreign code')\n"


def test_the_environment_of_child_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    dropped = (*CALLERS, "PYTHONHOME")
    kept = ("JULIA_DEPOT_PATH", "TAGGINGBACKENDS_LOG", "PATH")
    for name in (*dropped, *kept):
        monkeypatch.setenv(name, "/elsewhere")
    found = environment({"PYTHONPATH": "own"})
    assert found.pop("PYTHONPATH") == "own"
    assert not found.keys() & set(dropped)
    assert {found[name] for name in kept} == {"/elsewhere"}


@pytest.mark.parametrize(
    ("recursive", "python_path"),
    [
        (["--recursive"], ""),
        (["--recursive"], os.pathsep),
        ([], f"/none{os.pathsep}{os.pathsep}/none"),
    ],
)
def test_no_code_in_the_current_folder_is_run(
    recursive: list[str], python_path: str, make_backend: Maker, tmp_path: Path
) -> None:
    project = make_backend()
    spine = write_recording(tmp_path / "lab")
    for name in ("numpy", "orjson", "click", "tqdm", "h5py", "backend"):
        (tmp_path / "lab" / f"{name}.py").write_text(FOREIGN)
    mark = tmp_path / "mark"
    result = command(
        *("--project", project, "predict", *recursive, "--model-instance=m"),
        spine.parent if recursive else spine,
        cwd=tmp_path / "lab",
        PYTHONPATH=python_path,
        MARK=str(mark),
    )
    assert result.returncode == 0, result.stderr
    assert not mark.exists()
    assert spine.with_name("predicted.label").is_file()


def test_what_a_script_sees(make_backend: Maker, tmp_path: Path) -> None:
    project = make_backend(
        predict_model=f"""import os, sys
print(*sys.path, sep="\\n")
print("environment", *(os.environ.get(name) for name in {CALLERS}))
import own, beside
"""
    )
    (project / "src").mkdir()
    (project / "src" / "own.py").touch()
    (project / "scripts" / "beside.py").touch()
    variables = {name: str(tmp_path) for name in CALLERS} | {"PYTHONSAFEPATH": "1"}
    result = command(
        "--project", project, "predict", "--model-instance=m", cwd=tmp_path, **variables
    )
    assert result.returncode == 0, result.stderr
    *paths, last = result.stdout.splitlines()
    assert paths[:2] == [str(project / "scripts"), str(project / "src")]
    assert str(tmp_path) not in paths
    seen = (project / "src" if name == "PYTHONPATH" else None for name in CALLERS)
    assert last == " ".join(["environment", *map(str, seen)])


# -- orphans

RUNNER = """
import os, pathlib, sys
from taggingbackends.system.locks import locked
from taggingbackends.system.processes import run
with locked(pathlib.Path(sys.argv[1]), inherited=True):
    run([sys.executable, "-c", sys.argv[2]], os.environ)
"""


@contextmanager
def started(*arguments: str | Path, **options: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start Python; yield the process, and the number of a process that its script prints."""
    with subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        **options,
    ) as process:
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/status")
    return not status.exists() or "\nState:\tZ" not in status.read_text()


@posix
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP, signal.SIGUSR1])
def test_a_script_ends_with_its_command(number: signal.Signals, make_backend: Maker) -> None:
    text = "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)\n"
    project = make_backend(predict_model=text)  # which never calls main()
    arguments = ("-m", "taggingbackends", "predict", "--model-instance=m")
    with started(*arguments, cwd=project) as (process, script):
        process.send_signal(number)
        wait_until(lambda: not is_alive(script))
        assert process.wait() == (129 if number == signal.SIGHUP else -number)


@posix
def test_a_killed_process_leaves_its_lock_to_the_script(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    lock, release = tmp_path / "x.lock", tmp_path / "release"
    script = f"""import os, pathlib, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
while not pathlib.Path({str(release)!r}).exists():
    time.sleep(0.02)
"""
    with started("-c", RUNNER, lock, script) as (process, pid):
        process.kill()
        process.wait()
        assert is_alive(pid)
        with pytest.raises(BlockingIOError), locked(lock):
            pass
        release.touch()
        wait_until(lambda: not is_alive(pid))
        with locked(lock):
            pass


@posix
def test_a_script_that_ignores_sigterm_is_killed() -> None:
    from taggingbackends.system import processes

    patient = "for second in 1 2 3 4 5; do sleep 1;"
    assert patient in processes._WATCHER
    watcher = processes._WATCHER.replace(patient, "for second in 1; do")
    program = "import signal\nsignal.signal(15, signal.SIG_IGN)\nprint(flush=True)\nsignal.pause()"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        subprocess.run(["/bin/sh", "-c", watcher], input=b"%d\n" % process.pid, check=True)
        assert process.wait() == -signal.SIGKILL


@posix
def test_an_ended_script_is_not_watched_any_longer() -> None:
    from taggingbackends.system import processes

    program = "import time\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        text = b"%d\n\n" % process.pid
        subprocess.run(["/bin/sh", "-c", processes._WATCHER], input=text, check=True)
        assert process.poll() is None
        process.kill()
