"""Temporary files and folders, and the removal of those that killed processes left."""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from taggingbackends.system.words import counted

__all__ = [
    "clean_once",
    "remove_dead_folders",
    "remove_leftovers",
    "temporary_beside",
    "temporary_folder",
]

_NAME = re.compile(r"\.taggingbackends-(.+)-(\d+)-[0-9a-f]{16}\.tmp")

_cleaned: set[Path] = set()  # folders in which this process has looked for leftovers


def temporary_beside(path: Path) -> Path:
    """Return the name of a new temporary file in the folder of a file.

    The first call for a folder removes the temporary files that killed processes left there.

    Notes
    -----
    The file is in the same folder, since a rename is atomic only within a file system. It is
    hidden, so it is never mistaken for input or output. Its name has the machine and the process.
    Files of other machines are never removed, because their processes are out of sight. On
    Windows, no file is removed.
    """
    clean_once(path.parent)
    name = f".taggingbackends-{_machine()}-{os.getpid()}-{os.urandom(8).hex()}.tmp"
    return path.with_name(name)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a folder among the system's temporary files, and remove it after the block.

    The first call removes the folders that killed processes left.

    Yields
    ------
    Path
        The folder. Other users cannot read it.
    """
    remove_dead_folders()
    folder = temporary_beside(_temporary_files() / "folder")
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_dead_folders() -> None:
    """Remove the temporary folders that killed processes left, once, and log it."""
    # no warning, since nothing of the user was there; `messages` imports this module
    clean_once(_temporary_files(), logging.getLogger("taggingbackends").info)


def _temporary_files() -> Path:
    import tempfile  # slow to import

    return Path(tempfile.gettempdir()).absolute()


def _warn(problem: str) -> None:
    warnings.warn(problem, stacklevel=5)


def clean_once(folder: Path, report: Callable[[str], object] = _warn) -> None:
    """Do `remove_leftovers` at the first call for a folder, and report what was removed."""
    if folder in _cleaned:
        return
    _cleaned.add(folder)
    removed = remove_leftovers(folder)
    if removed:
        files = counted(removed, "temporary file or folder", "temporary files or folders")
        report(f"{folder}: removed {files} of processes that were killed")


def remove_leftovers(folder: Path) -> int:
    """Remove what killed processes left in a folder, and return the number of files and folders."""
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if _is_leftover(entry.name)]
    except OSError:  # writing a file will raise the error
        return 0
    removed = 0
    for entry in found:
        with suppress(OSError):  # of another user, or removed by another process
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry)
            else:
                os.unlink(entry)  # noqa: PTH108 - a DirEntry
            removed += 1
    return removed


def _is_leftover(name: str) -> bool:
    match = _NAME.fullmatch(name)
    return match is not None and match[1] == _machine() and not _is_alive(int(match[2]))


def _is_alive(pid: int) -> bool:
    if sys.platform == "win32":
        return True  # os.kill would end the process
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # a process of another user
        pass
    try:
        status = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:  # no /proc, or it has just ended
        return True
    # in a container, nobody may collect the processes whose parents were killed
    return not status.rpartition(b") ")[2].startswith(b"Z")


@cache
def _machine() -> str:
    """Return the host's name and the PID namespace, which containers have of their own."""
    host = "" if sys.platform == "win32" else os.uname().nodename
    try:
        namespace = os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116
    except OSError:
        namespace = 0
    return f"{re.sub('[^A-Za-z0-9]', '_', host)[:64]}.{namespace}"
