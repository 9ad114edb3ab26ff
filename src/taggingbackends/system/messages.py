"""Messages to users: log records on standard error and in a log file.

Environment variables hold the level and the log file. So the scripts that a command starts use
the same settings.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
import sys
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from taggingbackends.errors import LeftOutWarning, ScriptError, TaggingBackendsError
from taggingbackends.system.notes import LEFT_OUT, leave_note
from taggingbackends.system.words import printable

__all__ = [
    "DEBUG",
    "LOG",
    "VERBOSITY",
    "configure",
    "describe",
    "fail",
    "is_quiet",
    "is_user_error",
    "log",
    "logger",
    "open_log",
    "report",
    "show_warning",
    "warn_of_each",
]

DEBUG = "TAGGINGBACKENDS_DEBUG"
"""Environment variable: show the traceback of every error."""

VERBOSITY = "TAGGINGBACKENDS_VERBOSITY"
"""Environment variable: ``quiet`` (show only errors) or ``verbose`` (also show every step)."""

LOG = "TAGGINGBACKENDS_LOG"
"""Environment variable: the log file. It receives messages of all levels."""

logger = logging.getLogger("taggingbackends")
"""The logger of this package. `configure` sets up its output."""

_LEVELS = {"quiet": logging.ERROR, "verbose": logging.INFO}
_USER_ERRORS = {errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC, errno.EROFS}
_SHOWN = 20  # warnings of one kind
_COLORS = {"Error": 31, "Warning": 33}  # red, yellow: ECMA-48, SGR


def configure() -> None:
    """Send warnings and log records of this process to the outputs that the variables set.

    Only main programs call this function. Importing the package configures nothing.
    """
    root = logging.getLogger()
    kept = [handler for handler in root.handlers if not _is_replaced(handler)]
    root.handlers = [*kept, _Handler(logging.INFO)]
    root.setLevel(min(root.level, logging.INFO))
    warnings.showwarning = show_warning


def is_quiet() -> bool:
    """Return whether only errors are shown."""
    return os.environ.get(VERBOSITY) == "quiet"


def open_log(path: Path) -> None:
    """Append the messages of this process and its child processes to a log file.

    Raises
    ------
    OSError
        The file cannot be written, or it is a pipe or a device. Writing to a pipe could block.
    """
    path = path.absolute()
    os.close(_opened_log(path))
    os.environ[LOG] = str(path)


def log(text: str, level: int = logging.INFO, error: BaseException | None = None) -> None:
    """Write a message only to the log file, with the traceback of an error if given."""
    logger.log(level, text, exc_info=error, extra={"log_only": True})


def is_user_error(error: BaseException) -> bool:
    """Return whether the user, rather than a programmer, can fix the error."""
    return isinstance(error, TaggingBackendsError) or (
        isinstance(error, OSError) and (error.filename is not None or error.errno in _USER_ERRORS)
    )


def describe(error: BaseException) -> str:
    """Return the message of an error in one line."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{printable(str(error.filename))}: {error.strerror}"
    return " ".join(str(error).split())


def report(text: str, error: BaseException | None = None) -> None:
    """Show and log an error, even if the program has configured `logging` in its own way."""
    configure()
    logger.disabled = False
    logging.disable(logging.NOTSET)
    logger.error(text, exc_info=error)


def fail(error: Exception) -> NoReturn:
    """Report an error and exit with its exit code."""
    # the script has already reported the traceback of its error
    report(describe(error), None if isinstance(error, ScriptError) else error)
    sys.exit(getattr(error, "exit_code", 1))


def show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Log a warning; a replacement for `warnings.showwarning`.

    What tracker files contain and recordings lack is left to the command that runs this script.
    """
    if isinstance(message, LeftOutWarning) and leave_note(
        LEFT_OUT, str(message.file), *message.sentences
    ):
        return
    logger.disabled = False  # logging.config disables the loggers that exist
    logger.warning(str(message))


def warn_of_each(messages: Sequence[Warning | str], stacklevel: int = 1) -> None:
    """Warn of several cases of one kind. Those after the first 20 are only logged, and counted."""
    for message in messages[:_SHOWN]:
        warnings.warn(message, stacklevel=stacklevel + 1)
    for message in messages[_SHOWN:]:
        log(str(message), logging.WARNING)
    if len(messages) > _SHOWN:
        warnings.warn(f"and {len(messages) - _SHOWN} more", stacklevel=stacklevel + 1)


class _Handler(logging.Handler):
    """A handler that writes records to standard error and to the log file."""

    _traceback = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
            trace = self._traceback.formatException(record.exc_info) if record.exc_info else ""
            if path := os.environ.get(LOG):
                _append(Path(path), record, f"{text}\n{trace}".rstrip())
            shown = _LEVELS.get(os.environ.get(VERBOSITY, ""), logging.WARNING)
            if record.levelno >= shown and not getattr(record, "log_only", False):
                _show(record, text, trace if os.environ.get(DEBUG) else "")
        except Exception:
            self.handleError(record)


def _append(path: Path, record: logging.LogRecord, text: str) -> None:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
    line = f"{when} {record.process} {record.levelname.lower()}: {_printable_lines(text)}\n"
    # if the log can no longer be written, go on without it
    with suppress(OSError), os.fdopen(_opened_log(path), "ab", buffering=0) as file:
        # one write per record, since several processes write to the log
        file.write(line.encode("utf-8", "backslashreplace"))


def _opened_log(path: Path) -> int:
    """Open a log file for appending and return its descriptor."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    # without O_NONBLOCK, opening a pipe waits for a reader
    flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno != errno.ENXIO:  # a pipe without a reader
            raise
        raise _no_log(path) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _no_log(path)
    return descriptor


def _no_log(path: Path) -> OSError:
    return OSError(errno.EINVAL, "expected a file for the log, found a pipe or a device", str(path))


def _printable_lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


def _show(record: logging.LogRecord, text: str, trace: str) -> None:
    text, trace = _printable_lines(text), _printable_lines(trace)
    on_terminal = sys.stderr.isatty()
    if record.levelno >= logging.WARNING:
        kind = "Error" if record.levelno >= logging.ERROR else "Warning"
        label = f"{kind}:"
        if on_terminal and not os.environ.get("NO_COLOR"):
            label = f"\x1b[{_COLORS[kind]}m{label}\x1b[0m"
        text = f"{label} {' '.join(line.strip() for line in text.splitlines())}"
    if on_terminal and "tqdm" in sys.modules:
        sys.stderr.write("\r\x1b[K")  # erase a progress bar; tqdm redraws it
    sys.stderr.write(f"{trace}\n{text}\n" if trace else f"{text}\n")


def _is_replaced(handler: logging.Handler) -> bool:
    """Return whether a handler is a `_Handler` or writes to a standard stream."""
    streams = (sys.stdout, sys.stderr)
    shows = type(handler) is logging.StreamHandler and handler.stream in streams
    return shows or isinstance(handler, _Handler)
