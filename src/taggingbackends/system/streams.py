"""Standard streams that are closed, full, or have lost their reader."""

from __future__ import annotations

import os
import select
import sys

__all__ = ["READER_GONE", "flush_output", "open_closed_streams", "reader_is_gone"]

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


def flush_output() -> None:
    """Write what is left in the buffer of standard output.

    Raises
    ------
    OSError
        The output cannot be written, for example because a disk is full. It is discarded, so that
        the end of the process reports no second error.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)
        error.filename = "standard output"
        raise


def reader_is_gone() -> bool:
    """Return whether standard output is a pipe that nobody reads."""
    if not hasattr(select, "poll"):  # on Windows
        return False
    poll = select.poll()
    poll.register(1, 0)  # errors are always reported
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
