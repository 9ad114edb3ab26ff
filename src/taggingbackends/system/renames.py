"""Renames that neither lose a file nor leave a moment without one."""

from __future__ import annotations

import errno
import os
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["exchange", "rename_new"]

_RENAME_EXCHANGE = 2  # linux/fs.h
_RENAME_SWAP = 2  # sys/stdio.h of macOS
_AT_FDCWD = -100

_UNSUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM}


def exchange(one: Path, other: Path) -> bool:
    """Exchange two files or folders in one step.

    Returns
    -------
    bool
        False if the system or the file system cannot do this. Nothing is changed then.

    Raises
    ------
    OSError
        One of them does not exist or cannot be renamed.

    Notes
    -----
    This is ``renameat2`` with ``RENAME_EXCHANGE`` on Linux (3.15 or later) and ``renamex_np``
    with ``RENAME_SWAP`` on macOS. Windows has no such call.
    """
    call = _exchange_call()
    if call is None:
        return False
    number = call(os.fsencode(one), os.fsencode(other))
    if number in _UNSUPPORTED:
        return False
    if number:
        raise OSError(number, os.strerror(number), str(one), None, str(other))
    return True


@cache
def _exchange_call() -> Any:
    """Return a function of two names that returns an errno, or None."""
    import ctypes  # takes long to load, and most commands exchange nothing

    try:
        library = ctypes.CDLL(None, use_errno=True)
    except (OSError, TypeError):  # Windows
        return None
    before: tuple[int, ...]
    if hasattr(library, "renameat2"):
        system, before, flag = library.renameat2, (_AT_FDCWD,), _RENAME_EXCHANGE
    elif hasattr(library, "renamex_np"):
        system, before, flag = library.renamex_np, (), _RENAME_SWAP
    else:
        return None

    def call(one: bytes, other: bytes) -> int:
        failed = system(*before, one, *before, other, ctypes.c_uint(flag))
        return ctypes.get_errno() if failed else 0

    return call


def rename_new(source: Path, path: Path) -> None:
    """Rename a file unless the new name exists.

    Raises
    ------
    FileExistsError
        The new name exists. Nothing is changed.
    OSError
        The file cannot be renamed.

    Notes
    -----
    A hard link is made first, since ``link`` never replaces a file. File systems without hard
    links (FAT, some network file systems) are checked just before the rename.
    """
    try:
        os.link(source, path, follow_symlinks=False)
    except FileExistsError:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in {*_UNSUPPORTED, errno.EMLINK}:
            raise
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        source.rename(path)
    else:
        source.unlink()
