"""Sandboxes that commands make for themselves: hold, keep, list and remove them.

The file ``.sandbox`` of a sandbox in data/raw says who made it. It is empty in a sandbox that the
user named. Nobody but the user removes that. A command that makes a sandbox for itself writes
``temporary`` there, and holds a lock beside the sandbox until it has removed it. If the lock is
free, the command was killed. A sandbox that is kept after a failure has ``kept`` there. The one
with the input of a training has ``training``: nobody but the user removes it, either.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from taggingbackends.backend.folder import SANDBOX_MARK, STAGES, BackendFolder, is_sandbox
from taggingbackends.errors import BackendError
from taggingbackends.system.files import remove_folder
from taggingbackends.system.locks import locked, locked_if_free
from taggingbackends.system.names import is_identifier

__all__ = [
    "Sandbox",
    "State",
    "check_unused",
    "free_sandbox",
    "hold",
    "keep",
    "list_sandboxes",
    "mark_temporary",
    "mark_training",
    "remove",
    "remove_dead",
    "remove_if_empty",
    "remove_marked",
    "remove_or_warn",
    "remove_unused",
    "reset_sandboxes",
    "sandbox_names",
]

_TEMPORARY, _KEPT, _TRAINING = "temporary", "kept", "training"
_ATTEMPTS = 10


class State(Enum):
    """Whether a sandbox is in use."""

    IN_USE = "in use"
    LEFT = "left"
    KEPT = "kept"
    NAMED = "named"
    TRAINING = "training"
    UNKNOWN = "unknown"


class Sandbox(NamedTuple):
    """A sandbox in a backend's data folder.

    Attributes
    ----------
    model_instance, sandbox : str
        Its identifiers.
    state : State
        IN_USE: a command made it and is running. LEFT: that command was killed, or could not
        remove it. KEPT: it was kept after a failure or a signal. NAMED: the user made it; whether
        it is in use is not known. TRAINING: it has the input of a training. UNKNOWN: a command made
        it, and nothing shows whether that is running, since the file system has no locks or the
        sandbox belongs to another user.
    time : float
        When it was made or kept, s since 1970.
    size : int
        Size of its files, bytes. Links are not followed.
    """

    model_instance: str
    sandbox: str
    state: State
    time: float
    size: int


# -- of the command that makes a sandbox


@contextmanager
def hold(backend: BackendFolder, wait: bool = False, inherited: bool = True) -> Iterator[None]:
    """Hold the lock of a sandbox, so that no other command removes or uses it in the block.

    If `inherited`, scripts that are run in the block hold it, too. If the block fails, folders that
    were created for the lock are removed, unless they are used.

    Raises
    ------
    BackendError
        ``unusable-data``: no sandbox can be created there.
    BlockingIOError
        Another process holds the lock, and `wait` is false.
    OSError
        The lock belongs to another user, for example.
    """
    lock = _lock(backend)
    backend.check_data_dirs(lock.parent)
    made = [folder for folder in lock.parents if not folder.exists()]
    try:
        with ExitStack() as stack:
            while True:
                lock.parent.mkdir(parents=True, exist_ok=True)
                with suppress(FileNotFoundError):  # another command failed and removed the folder
                    stack.enter_context(locked(lock, wait, inherited))
                    break
            yield
    except BaseException:
        with suppress(OSError):
            for folder in made:
                folder.rmdir()
        raise


@contextmanager
def free_sandbox(backend: BackendFolder, wait: bool = False) -> Iterator[BackendFolder]:
    """Hold the lock of an empty sandbox. Afterwards, remove the sandbox.

    Leftovers of a killed command are removed first. If they cannot be removed, for example
    because they belong to another user, the sandbox gets another name.

    Yields
    ------
    BackendFolder
        With the sandbox.

    Raises
    ------
    BackendError
        ``unusable-data``: no sandbox can be created.
    BlockingIOError
        Another process uses the sandbox, and `wait` is false.

    Warns
    -----
    UserWarning
        The sandbox cannot be removed.
    """
    with ExitStack() as stack:
        for n in range(1, _ATTEMPTS + 1):
            name = backend.sandbox if n == 1 else f"{backend.sandbox}-{n}"
            chosen = backend.with_instance(backend.required_instance("predict"), name)
            try:
                stack.enter_context(hold(chosen, wait))
                remove(chosen)
                break
            except BlockingIOError:
                raise
            except OSError:
                stack.close()
                if n == _ATTEMPTS:
                    raise
        try:
            mark_temporary(chosen)
            yield chosen
        finally:
            remove_or_warn(chosen)


def mark_temporary(backend: BackendFolder) -> None:
    """Create a sandbox that `remove_dead` removes once its lock is free."""
    _mark(backend, _TEMPORARY)


def keep(backend: BackendFolder) -> None:
    """Mark a sandbox so that `remove_dead` leaves it."""
    with suppress(OSError):  # such as a full disk, which is then the reason to keep it
        _mark(backend, _KEPT)


def mark_training(backend: BackendFolder) -> None:
    """Mark a sandbox as one with the input of a training."""
    _mark(backend, _TRAINING)


def remove(backend: BackendFolder) -> list[Path]:
    """Remove the folders of a sandbox and return those that existed.

    Raises
    ------
    OSError
        A file cannot be removed. What remains is still a sandbox.
    """
    folders = [folder for folder in reversed(backend.data_dirs()) if folder.exists()]
    for folder in folders:  # that in raw has the mark of the sandbox, so it is the last
        remove_marked(folder, SANDBOX_MARK)
    return folders[::-1]


def remove_marked(folder: Path, mark: str) -> None:
    """Remove a folder. The mark is the last file, so that what remains of a folder is marked.

    Raises
    ------
    OSError
        A file cannot be removed.
    """
    if folder.is_symlink():
        folder.unlink()
        return
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            remove_folder(path)
        elif path.name != mark:
            path.unlink()
    (folder / mark).unlink(missing_ok=True)
    folder.rmdir()


def remove_if_empty(folder: Path) -> None:
    """Remove a sandbox's folder if nothing has been put into it yet."""
    with suppress(OSError):
        if all(path.name == SANDBOX_MARK for path in folder.iterdir()):
            remove_marked(folder, SANDBOX_MARK)


def remove_or_warn(backend: BackendFolder) -> list[Path]:
    """Remove a sandbox that is not needed any more. If this fails, warn.

    On NFS, for example, a file that a process has open cannot be removed.
    """
    try:
        return remove(backend)
    except OSError as error:
        where = error.filename or backend.data_dirs()[0]
        problem = f"{where}: cannot be removed now ({error.strerror or error})"
        if _mark_of(backend) == _TEMPORARY:
            problem += "; the next prediction tries again"
        warnings.warn(problem, stacklevel=3)
        return []


# -- of later commands


def remove_dead(backend: BackendFolder) -> list[Path]:
    """Remove the sandboxes of killed commands, for a model instance.

    Returns
    -------
    list of Path
        The folders that were removed.

    Warns
    -----
    UserWarning
        What was removed, and what cannot be removed.
    """
    removed = []
    for candidate in _candidates(backend):
        if not (_made_by_command(candidate) or _lock(candidate).exists()):
            continue
        with locked_if_free(_lock(candidate)) as unused:
            if unused and _mark_of(candidate) == _TEMPORARY:
                folders = remove_or_warn(candidate)
                if folders:
                    problem = f"{folders[0]}: removed this sandbox, which an earlier command left"
                    warnings.warn(problem, stacklevel=2)
                removed += folders
            elif unused:
                remove_if_empty(candidate.data_dirs()[0])
    return removed


def sandbox_names(backend: BackendFolder) -> set[str]:
    """Return the names of the sandboxes of a model instance, or of all if the backend has none."""
    instances, data = _instances(backend), backend.data_folder
    tops = [data / stage / instance for stage in STAGES for instance in instances]
    return {path.name for top in tops for path in _folders(top) if is_sandbox(path)}


def list_sandboxes(backend: BackendFolder) -> list[Sandbox]:
    """Return the sandboxes of a model instance, or of all if the backend has none, sorted."""
    found = []
    for candidate in _candidates(backend):
        folders = [folder for folder in candidate.data_dirs() if is_sandbox(folder)]
        if not folders:
            continue
        try:
            time = (folders[0] / SANDBOX_MARK).stat().st_mtime
        except FileNotFoundError:  # removed in the meantime
            continue
        instance, size = folders[0].parent.name, sum(map(_size, folders))
        with _examined(candidate) as state:
            found.append(Sandbox(instance, folders[0].name, state, time, size))
    return found


def remove_unused(backend: BackendFolder) -> list[Path]:
    """Remove a sandbox unless a command that made it is running.

    Raises
    ------
    BackendError
        ``in-use``: it is.
    """
    with locked_if_free(_lock(backend)) as held:
        if held is False:
            raise _in_use(backend)
        return remove(backend)


def check_unused(backend: BackendFolder) -> None:
    """Raise `BackendError` ``in-use`` if a command is running in a sandbox of an instance."""
    for candidate in _candidates(backend):
        with _examined(candidate) as state:
            if state is State.IN_USE:
                raise _in_use(candidate)


def reset_sandboxes(backend: BackendFolder) -> list[Path]:
    """Remove the sandboxes that commands made and that none uses. See `BackendExplorer`."""
    removed = []
    for candidate in _candidates(backend):
        with _examined(candidate) as state:
            if state in (State.LEFT, State.KEPT):
                removed += remove_or_warn(candidate)
            elif state is State.UNKNOWN:
                warnings.warn(
                    f"{candidate.data_dirs()[0]}: not removed, since nothing shows whether a "
                    "command uses it",
                    stacklevel=2,
                )
    return removed


# -- private


def _in_use(backend: BackendFolder) -> BackendError:
    problem = f"{backend.data_dirs()[0]}: a command is running in this sandbox"
    return BackendError("in-use", problem, "wait for it, or end it")


def _lock(backend: BackendFolder) -> Path:
    folder = backend.data_dirs()[0]
    return folder.with_name(f".{folder.name}.lock")


def _mark(backend: BackendFolder, text: str) -> None:
    (backend.raw_data_dir() / SANDBOX_MARK).write_text(text)


def _mark_of(backend: BackendFolder) -> str:
    try:
        return (backend.data_dirs()[0] / SANDBOX_MARK).read_text("utf-8", "replace")
    except OSError:
        return ""


def _made_by_command(backend: BackendFolder) -> bool:
    return _mark_of(backend) in (_TEMPORARY, _KEPT, _TRAINING)


@contextmanager
def _examined(backend: BackendFolder) -> Iterator[State]:
    """Yield the state of a sandbox. If no command uses it, hold its lock within the block."""
    if not _made_by_command(backend):
        yield State.NAMED
        return
    with locked_if_free(_lock(backend)) as unused:
        if unused is False:
            yield State.IN_USE
        elif _mark_of(backend) == _KEPT:  # no command uses it, even if the lock does not show this
            yield State.KEPT
        elif _mark_of(backend) == _TRAINING:
            yield State.TRAINING
        else:
            yield State.LEFT if unused else State.UNKNOWN


def _candidates(backend: BackendFolder) -> Iterator[BackendFolder]:
    """Yield the sandboxes of an instance, and what may be one whose command was killed.

    If the backend has no instance, yield those of all instances.
    """
    for instance in _instances(backend):
        whole = backend.with_instance(instance)
        locks = {path.name[1 : -len(".lock")] for path in whole.data_dirs()[0].glob(".?*.lock")}
        for name in sorted({*sandbox_names(whole), *filter(is_identifier, locks)}):
            yield backend.with_instance(instance, name)


def _instances(backend: BackendFolder) -> list[str]:
    if backend.model_instance is not None:
        return [backend.model_instance]
    stages = [backend.data_folder / stage for stage in STAGES]
    return sorted({path.name for stage in stages for path in _folders(stage)})


def _folders(top: Path) -> list[Path]:
    """Return the folders in a folder that are named by identifiers."""
    with suppress(OSError):
        return [path for path in top.iterdir() if is_identifier(path.name) and path.is_dir()]
    return []


def _size(folder: Path) -> int:
    total = 0
    for top, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(top, name)).st_size  # noqa: PTH118
    return total
