"""What people are told beside results, on standard error and in a log: one line each.

Environment variables carry how much is told, so that a backend's scripts keep to it as well.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from taggingbackends.errors import ScriptError, TaggingBackendsError

__all__ = [
    "DEBUG",
    "LOG",
    "VERBOSITY",
    "counted",
    "fail",
    "is_quiet",
    "is_users_to_mend",
    "log",
    "note",
    "open_log",
    "tell_error",
    "told",
    "warn",
]

DEBUG = "TAGGINGBACKENDS_DEBUG"
"""Environment variable: show the traceback of every error."""

VERBOSITY = "TAGGINGBACKENDS_VERBOSITY"
"""Environment variable: ``quiet`` (errors only), ``verbose`` (what is done, too)."""

LOG = "TAGGINGBACKENDS_LOG"
"""Environment variable: the file to which all is appended, whatever is shown."""

_MENDABLE = {errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC, errno.EROFS}
_COLORS = {"Error": 31, "Warning": 33}  # red, yellow: ECMA-48, SGR


def is_users_to_mend(error: BaseException) -> bool:
    """Tell an error that the user can mend from a fault of a program."""
    return isinstance(error, TaggingBackendsError) or (
        isinstance(error, OSError) and (error.filename is not None or error.errno in _MENDABLE)
    )


def counted(n: int, one: str, several: str | None = None) -> str:
    """Return a number with its noun: ``1 run``, ``2 runs``, ``3 larvae``."""
    return f"{n} {one if n == 1 else several or f'{one}s'}"


def is_quiet() -> bool:
    """Tell whether nothing but errors is to be shown."""
    return os.environ.get(VERBOSITY) == "quiet"


def note(text: str) -> None:
    """Tell what is done: shown if verbose."""
    log("note", text)
    if os.environ.get(VERBOSITY) == "verbose":
        sys.stderr.write(f"{text}\n")


def warn(text: str) -> None:
    """Tell of something that may be wrong, but goes on: not shown if quiet."""
    log("warning", text)
    if not is_quiet():
        _tell("Warning", text)


def tell_error(text: str) -> None:
    """Tell what is wrong."""
    log("error", text)
    _tell("Error", text)


def fail(error: Exception) -> NoReturn:
    """Tell an error, and exit with its code.

    The traceback is in the log, and shown if the environment has `DEBUG`.
    """
    if not isinstance(error, ScriptError) and (os.environ.get(DEBUG) or os.environ.get(LOG)):
        import traceback

        text = "".join(traceback.format_exception(error))
        log("traceback", text)
        if os.environ.get(DEBUG):
            sys.stderr.write(text)
    tell_error(told(error))
    sys.exit(getattr(error, "exit_code", 1))


def told(error: Exception) -> str:
    """Return what an error says, in one line."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())


def open_log(path: Path) -> None:
    """Let this process, and those that it starts, append to a log.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    path = path.absolute()
    with path.open("a"):
        os.environ[LOG] = str(path)


def log(kind: str, text: str) -> None:
    """Append to the log, if there is one: date, time, process, kind, text."""
    path = os.environ.get(LOG)
    if path:
        when = time.strftime("%Y-%m-%d %H:%M:%S")
        line = f"{when} {os.getpid()} {kind}: {text.rstrip()}\n"
        # a log that can no longer be written must not end what it tells of
        with suppress(OSError), Path(path).open("ab", buffering=0) as file:
            file.write(line.encode("utf-8", "backslashreplace"))  # at once: others write as well


def _tell(kind: str, text: str) -> None:
    label = f"{kind}:"
    if sys.stderr.isatty() and not os.environ.get("NO_COLOR"):
        label = f"\x1b[{_COLORS[kind]}m{label}\x1b[0m"
    sys.stderr.write(f"{label} {text}\n")
