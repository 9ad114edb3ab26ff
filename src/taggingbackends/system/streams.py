"""Standard streams that are closed, full, or have lost their reader."""

from __future__ import annotations

import io
import os
import select
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["READER_GONE", "flush_output", "name_output", "open_closed_streams", "reader_is_gone"]

READER_GONE = 141
"""Exit code if the reader of standard output is gone: that of programs which SIGPIPE ends."""


def open_closed_streams() -> None:
    """Open /dev/null in place of standard streams that are closed.

    Otherwise the next file that is opened would become a standard stream, also of scripts.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest free number
            stream = open(number, "w" if number else "r", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


def name_output() -> None:
    """Let the errors of standard output name it, as those of files do."""
    output = sys.stdout
    if not isinstance(output, io.TextIOWrapper):
        return
    if type(getattr(output.buffer, "raw", output.buffer)) is io.FileIO:
        output.flush()
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(_Output(output.fileno(), "w", closefd=False)),
            encoding=output.encoding,
            errors=output.errors,
            line_buffering=output.line_buffering,
            write_through=output.write_through,
        )


class _Output(io.FileIO):
    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            error.filename = "standard output"
            raise


def flush_output() -> None:
    """Write what is left in the buffer of standard output.

    If this fails, it is discarded: otherwise the end of the process would report a second error.
    """
    try:
        sys.stdout.flush()
    except OSError:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)
        raise


def reader_is_gone() -> bool:
    """Return whether standard output is a pipe that nobody reads."""
    if sys.platform == "win32":
        return False
    poll = select.poll()
    poll.register(1, 0)  # errors are always reported
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
