"""Run a script as a process that does not outlive this one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["keeping", "run"]

_GRACE = 5.0  # seconds that an interrupted script has to end on its own

_kept: ContextVar[tuple[int, ...]] = ContextVar("_kept", default=())


@contextmanager
def keeping(descriptor: int | None) -> Iterator[None]:
    """Pass a lock's file descriptor on to the processes that are run within the block.

    The lock is then held until they have ended, too, even if this process is killed.

    Parameters
    ----------
    descriptor : int or None
        What `locks.locked` yields.
    """
    if descriptor is None or os.name != "posix":  # on Windows, children are killed with this one
        yield
        return
    token = _kept.set((*_kept.get(), descriptor))
    try:
        yield
    finally:
        _kept.reset(token)


def run(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    cwd: str | os.PathLike[str] | None = None,
) -> int:
    """Run a process with this one's input and output; return its exit code.

    The exit code is 128 + n if signal n ended it. An exception here, for example from a signal,
    ends the process.
    """
    sys.stdout.flush()
    exit_code = _wait(subprocess.Popen(arguments, cwd=cwd, env=environment, pass_fds=_kept.get()))
    return exit_code if exit_code >= 0 else 128 - exit_code


def _wait(process: subprocess.Popen[bytes]) -> int:
    with process:
        try:
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
        finally:
            process.kill()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
