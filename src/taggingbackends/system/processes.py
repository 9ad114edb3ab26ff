"""Run a script as a process that does not outlive this one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence

__all__ = ["run"]

_GRACE = 5.0  # seconds that an interrupted script has to end on its own


def run(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    cwd: str | os.PathLike[str] | None = None,
    keep: Iterable[int | None] = (),
) -> int:
    """Run a process with this one's input and output; return its exit code.

    The process inherits the file descriptors in `keep`, which `locked` yields. So a lock ends
    when both have ended. Windows cannot do this.

    The exit code is 128 + n if signal n ended it. An exception here, for example from a signal,
    ends the process.
    """
    sys.stdout.flush()
    kept = () if sys.platform == "win32" else tuple(number for number in keep if number is not None)
    exit_code = _wait(subprocess.Popen(arguments, cwd=cwd, env=environment, pass_fds=kept))
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
