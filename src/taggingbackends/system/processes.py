"""Run processes that do not outlive this one, without the environment of the caller."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from taggingbackends.system.locks import INHERITED

__all__ = ["environment", "interrupts_blocked", "own_module", "run"]

_GRACE = 5.0  # seconds that an interrupted script has to end on its own

_CALLERS = {
    "JULIA_BINDIR",
    "JULIA_CONDAPKG_ENV",
    "JULIA_LOAD_PATH",
    "JULIA_PROJECT",
    "JULIA_PYTHONCALL_EXE",  # juliacall sets it to this Python
    "JULIA_PYTHONCALL_LIB",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSAFEPATH",
    "VIRTUAL_ENV",
}
"""Environment variables that lead to packages or environments of the caller."""


def environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment for a child process.

    It is this process's, without the variables that lead to Python or Julia packages of the
    caller: the backend's environment decides.

    Parameters
    ----------
    variables : mapping, optional
        Variables to add.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _CALLERS and not name.startswith("CONDA_")
    }
    return kept | dict(variables or {})


def own_module(name: str) -> list[str]:
    """Return the command that runs a module of this package, and none in the current folder."""
    return [sys.executable, "-P", "-m", name]


@contextmanager
def interrupts_blocked() -> Iterator[Callable[[], object]]:
    """Block Ctrl-C, also for processes that are started within the block.

    They unblock it when their imports are done (`signals.end_by_signals`). Until then, Ctrl-C
    would cause a traceback or a crash.

    Yields
    ------
    callable
        Ends the blocking in this process before the block ends.
    """
    if sys.platform == "win32":
        yield lambda: None
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])

    def unblock() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    try:
        yield unblock
    finally:
        unblock()


def run(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    cwd: str | os.PathLike[str] | None = None,
) -> int:
    """Run a process with this one's input and output; return its exit code.

    The exit code is 128 + n if signal n ended it. An exception here, for example from a signal,
    ends the process. The process also ends if this one is killed.
    """
    sys.stdout.flush()
    with (
        interrupts_blocked() as unblock,
        _ending_together() as join,
        subprocess.Popen(arguments, cwd=cwd, env=environment, pass_fds=INHERITED.get()) as process,
    ):
        try:
            join(process)
            exit_code = _wait(process, unblock)
        finally:
            process.kill()
    return exit_code if exit_code >= 0 else 128 - exit_code


def _wait(process: subprocess.Popen[bytes], unblock: Callable[[], object]) -> int:
    try:
        unblock()
        return process.wait()
    except KeyboardInterrupt:
        # A terminal has interrupted the script as well: let it end on its own first.
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            _end(process)
        raise
    except BaseException:
        _end(process)
        raise


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    class _Limits(ctypes.Structure):
        """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

        _fields_ = (
            ("times", ctypes.c_int64 * 2),
            ("flags", wintypes.DWORD),
            ("sizes", ctypes.c_size_t * 2),
            ("active_processes", wintypes.DWORD),
            ("affinity", ctypes.c_size_t),
            ("classes", wintypes.DWORD * 2),
            ("counters", ctypes.c_uint64 * 6),
            ("memory", ctypes.c_size_t * 4),
        )

    _EXTENDED_LIMITS = 9
    _KILL_ON_JOB_CLOSE = 0x2000

    @contextmanager
    def _ending_together() -> Iterator[Callable[[subprocess.Popen[bytes]], object]]:
        """Yield a function that lets Windows kill a process when this one ends."""
        kernel = ctypes.WinDLL("kernel32")
        kernel.CreateJobObjectW.restype = wintypes.HANDLE
        job = wintypes.HANDLE(kernel.CreateJobObjectW(None, None))
        limits = _Limits(flags=_KILL_ON_JOB_CLOSE)
        kernel.SetInformationJobObject(
            job, _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits)
        )

        def join(process: subprocess.Popen[bytes]) -> None:
            kernel.AssignProcessToJobObject(job, wintypes.HANDLE(int(process._handle)))  # type: ignore[attr-defined]

        try:
            yield join
        finally:
            kernel.CloseHandle(job)

else:
    # It reads a pipe that only this process writes to. A second line says that the process has
    # ended. The end of input says that this process was killed, so the other one has to end, too.
    _WATCHER = """
read -r pid && read -r line && exit
kill "$pid" || exit
for second in 1 2 3 4 5; do sleep 1; kill -0 "$pid" || exit; done
kill -9 "$pid"
"""

    @contextmanager
    def _ending_together() -> Iterator[Callable[[subprocess.Popen[bytes]], object]]:
        """Start a watcher; yield a function that lets it end a process if this one is killed."""
        with subprocess.Popen(
            ["/bin/sh", "-c", _WATCHER],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a signal for all processes of a terminal must not end it
        ) as watcher:

            def join(process: subprocess.Popen[bytes]) -> None:
                assert watcher.stdin is not None
                with suppress(BrokenPipeError):
                    watcher.stdin.write(b"%d\n" % process.pid)
                    watcher.stdin.flush()

            try:
                yield join
            finally:
                watcher.communicate(b"\n")
