"""Locks between processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["locked"]


@contextmanager
def locked(path: Path, wait: bool = False) -> Iterator[None]:
    """Hold a lock that ends with the process; the lock file is there only meanwhile.

    Parameters
    ----------
    path : Path
        The lock file; its folder must exist.
    wait : bool
        Wait until no other process holds the lock.

    Raises
    ------
    BlockingIOError
        Another process holds the lock, and it is not to be waited for.

    Notes
    -----
    Without effect where the system has no flock (Windows).
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            # Its last holder may have removed the file between opening and locking it.
            if path.exists() and os.fstat(descriptor).st_ino == path.stat().st_ino:
                break
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)
