"""Locks between processes."""

from __future__ import annotations

import errno
import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

__all__ = ["INHERITED", "locked", "locked_if_free"]

INHERITED: ContextVar[tuple[int, ...]] = ContextVar("INHERITED", default=())
"""File descriptors of the locks that processes hold, too, if they are run now."""

_REFUSALS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
"""Errors on file systems without locks: NFS without lockd, Lustre without -o flock, SMB, 9p."""

_held: set[int] = set()  # file descriptors of the locks that this process holds
_warned: set[Path] = set()  # folders without locks


@contextmanager
def locked(path: Path, wait: bool = False, inherited: bool = False) -> Iterator[bool]:
    """Hold a lock within the block, then remove the lock file. The lock ends with the process.

    Parameters
    ----------
    path : Path
        The lock file. Its folder must exist.
    wait : bool
        Wait until no other process holds the lock.
    inherited : bool
        The processes that are run within the block hold the lock, too, even if this one is
        killed. Other child processes do not hold it.

    Yields
    ------
    bool
        True; False if the file system does not support locks.

    Raises
    ------
    BlockingIOError
        Another process holds the lock, and `wait` is false.
    OSError
        The lock file cannot be created or locked.

    Warns
    -----
    UserWarning
        The file system does not support locks. The block runs without a lock. Each process
        warns once about a folder.
    """
    descriptor = _acquire(path, wait)
    try:
        with _inherited(descriptor if inherited else None):
            yield descriptor is not None
    finally:
        if descriptor in _held:  # false in a forked child process
            _release(path, descriptor)


@contextmanager
def locked_if_free(path: Path) -> Iterator[bool | None]:
    """Hold a lock within the block if no other process holds it.

    Yields
    ------
    bool or None
        Whether this process holds the lock. None if nothing shows whether another process holds
        it: the file system does not support locks, or the lock belongs to another user.
    """
    with ExitStack() as stack:
        held: bool | None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                held = stack.enter_context(locked(path)) or None
        except BlockingIOError:
            held = False
        except OSError:
            held = None
        yield held


@contextmanager
def _inherited(descriptor: int | None) -> Iterator[None]:
    """Pass a lock, if any, on to the processes that are run within the block."""
    if descriptor is None or sys.platform == "win32":  # Windows kills them with this process
        yield
        return
    token = INHERITED.set((*INHERITED.get(), descriptor))
    try:
        yield
    finally:
        INHERITED.reset(token)


def _acquire(path: Path, wait: bool) -> int | None:
    """Lock the file and return its descriptor, or None if locks are not supported."""
    while True:
        there = path.exists()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(descriptor, wait)
            # The previous holder may remove the file after it is opened and before it is locked.
            if _is_at(path, descriptor):
                _held.add(descriptor)
                return descriptor
        except OSError as error:
            os.close(descriptor)
            if error.errno not in _REFUSALS:
                raise type(error)(error.errno, error.strerror, str(path)) from None
            if not there:
                path.unlink(missing_ok=True)
            if path.parent not in _warned:
                _warned.add(path.parent)
                warnings.warn(
                    f"{path.parent}: this file system does not support locks ({error.strerror}); "
                    "do not let two commands write here at the same time",
                    stacklevel=4,
                )
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int, wait: bool) -> None:
        while True:
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
                return
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EDEADLK):
                    raise
                if not wait:
                    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from None
            time.sleep(0.1)

    def _release(path: Path, descriptor: int) -> None:
        _held.remove(descriptor)
        os.close(descriptor)
        with suppress(PermissionError):  # a process that has opened the file removes it later
            path.unlink(missing_ok=True)

else:
    import fcntl

    def _lock(descriptor: int, wait: bool) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))

    def _release(path: Path, descriptor: int) -> None:
        try:
            if _is_at(path, descriptor):
                with suppress(PermissionError):  # in a folder of another user
                    path.unlink(missing_ok=True)
        finally:
            _held.remove(descriptor)
            os.close(descriptor)

    def _close_inherited() -> None:
        while _held:
            os.close(_held.pop())

    os.register_at_fork(after_in_child=_close_inherited)
