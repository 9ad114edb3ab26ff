"""How errors are told: what the user can mend in one line, without a traceback."""

from __future__ import annotations

import errno
import os
import sys
from typing import NoReturn

from taggingbackends.errors import ScriptError, TaggingBackendsError

__all__ = ["DEBUG", "fail", "is_users_to_mend"]

DEBUG = "TAGGINGBACKENDS_DEBUG"
"""Environment variable: show the traceback of every error."""

_MENDABLE = {errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC, errno.EROFS}


def is_users_to_mend(error: BaseException) -> bool:
    """Tell an error that the user can mend from a fault of a program."""
    return isinstance(error, TaggingBackendsError) or (
        isinstance(error, OSError) and (error.filename is not None or error.errno in _MENDABLE)
    )


def fail(error: Exception) -> NoReturn:
    """Tell an error in one line on standard error, and exit with its code.

    The traceback is shown if the environment has `DEBUG`.
    """
    if os.environ.get(DEBUG) and not isinstance(error, ScriptError):
        import traceback

        traceback.print_exception(error)
    text = " ".join(str(error).split())
    sys.stderr.write(f"Error: {text}\n")
    sys.exit(getattr(error, "exit_code", 1))
