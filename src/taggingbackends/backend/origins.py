"""Bring input files into data/raw, all or none, and record their origins.

Two hidden files in data/raw/<instance>[/<sandbox>] map relative paths to the paths that the files
were pushed from: one for all input, and one for the files of a push that has not finished. The
latter is written before the files come and removed last. It shows what a killed push has left.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from taggingbackends.backend.folder import BackendFolder
from taggingbackends.data.formats import stem_of
from taggingbackends.errors import BackendError, shown
from taggingbackends.system.files import open_file, same_content, sync_file
from taggingbackends.system.locks import locked
from taggingbackends.system.names import local_name, utf8_name
from taggingbackends.system.progress import progress
from taggingbackends.system.temporaries import remove_leftovers, temporary_beside

__all__ = ["bring", "folders_of", "origin", "origins_of", "pushing", "read_origins"]

_ORIGINS = ".origins.json"
_PUSHING = ".pushing.json"
_LOCK = ".push-lock"  # that of a sandbox named push is .push.lock


def read_origins(top: Path) -> dict[Path, Path]:
    """Return the origins of the files of an instance or sandbox: relative path -> source.

    Raises
    ------
    BackendError
        ``unknown-origin``: the record is invalid.
    """
    # in this order, since a push adds its files to the second before it removes the first
    return _read(top / _PUSHING) | _read(top / _ORIGINS)


def origin(backend: BackendFolder, file: Path) -> Path:
    """Return the path from which a file in data/raw was pushed.

    If the file was not pushed, return the file itself. For a missing file of a recording, the
    folder is that of the recording's other files.
    """
    return origins_of(backend, [file])[0]


def origins_of(backend: BackendFolder, files: Sequence[Path]) -> list[Path]:
    """Return the paths from which files were pushed, as `origin` does."""
    raw = backend.data_dirs()[0] if backend.model_instance is not None else None
    if raw is None or not any(file.is_relative_to(raw) for file in files):
        return list(files)
    sources: dict[tuple[Path, str], Path] = {}
    for known, source in read_origins(raw).items():
        sources.setdefault((raw / known.parent, stem_of(known)), source)
    found = (sources.get((file.parent, stem_of(file)), file) for file in files)
    return [source.with_name(file.name) for source, file in zip(found, files, strict=True)]


@contextmanager
def pushing(backend: BackendFolder, targets: Mapping[Path, Path]) -> Iterator[Collection[Path]]:
    """Wait until no other push is writing into data/raw of an instance or sandbox, and lock it.

    What a killed push has left is removed first, except files that are no longer the same as their
    origins.

    Parameters
    ----------
    backend : BackendFolder
        With a model instance (and sandbox).
    targets : mapping
        Path in data/raw -> source, of the files to push.

    Yields
    ------
    set of Path
        Those of the targets that a killed push has brought from files with the same content. They
        are not removed.

    Raises
    ------
    BackendError
        ``existing-file``: the file system has no locks, and another push is running or was killed.

    Warns
    -----
    UserWarning
        A killed push has left files.
    """
    top = backend.data_dirs()[0]
    with locked(top / _LOCK, wait=True) as held:
        if not held and (top / _PUSHING).exists():
            problem = f"{top}: another push is running, or was killed"
            fix = f"wait, or remove all with {backend.call('reset_data')}"
            raise BackendError("existing-file", problem, fix)
        yield _remove_unfinished(top, targets)


def bring(
    top: Path,
    targets: Mapping[Path, Path],
    unfinished: Collection[Path],
    put: Callable[[Path, Path], None],
) -> None:
    """Bring the missing files, all or none, and record the origins of all targets.

    Parameters
    ----------
    top : Path
        The folder of the backend in data/raw.
    targets, unfinished
        As for `pushing`, in which this function must be called.
    put : callable
        ``put(source, target)`` brings a file, at once.
    """
    new = [target for target in targets if target in unfinished or not target.exists()]
    old = _read(top / _ORIGINS)
    known = old.copy()
    for target in new:  # was removed by hand; now it would count as finished
        known.pop(target.relative_to(top), None)
    if known != old:
        _write(top / _ORIGINS, known)
    if new:
        _write(top / _PUSHING, {target.relative_to(top): targets[target] for target in new})
    begun: list[Path] = []
    with folders_of(new):  # which removes them after their files, if the push fails
        try:
            for target in progress(new, "pushing"):
                begun.append(target)
                if target not in unfinished:
                    put(targets[target], target)
            origins = known | {x.relative_to(top): source for x, source in targets.items()}
            if origins != known:
                _write(top / _ORIGINS, origins)
        except BaseException:
            for target in begun:
                # the last one may have been interrupted, or be the file of another program
                if target is not begun[-1] or same_content(targets[target], target):
                    target.unlink(missing_ok=True)
            (top / _PUSHING).unlink(missing_ok=True)
            raise
    (top / _PUSHING).unlink(missing_ok=True)


def _remove_unfinished(top: Path, targets: Mapping[Path, Path]) -> set[Path]:
    origins = _read(top / _ORIGINS)
    left = {path: source for path, source in _read(top / _PUSHING).items() if path not in origins}
    folders = {top, *((top / path).parent for path in left)}
    for folder in folders:
        remove_leftovers(folder)
    removed, kept, again = [], {}, set()
    for path, source in left.items():
        target = top / path
        if target in targets and same_content(targets[target], target):
            again.add(target)
        elif same_content(source, target):
            target.unlink()
            removed.append(target)
        elif target.exists():
            kept[path] = source
    if kept:
        _write(top / _ORIGINS, origins | kept)
    for folder in sorted(folders, reverse=True):
        _remove_empty(folder, top)
    counts = {"removed": removed, "kept because they have changed": kept, "pushed again": again}
    outcome = ", ".join(f"{len(files)} {what}" for what, files in counts.items() if files)
    if outcome:
        problem = f"{top}: an earlier push did not finish; of its files: {outcome}"
        warnings.warn(problem, stacklevel=5)
    return again


def _remove_empty(folder: Path, top: Path) -> None:
    """Remove a folder, and those above it up to `top`, as far as they are empty."""
    with suppress(OSError):
        while folder != top:
            folder.rmdir()
            folder = folder.parent


@contextmanager
def folders_of(files: Iterable[Path]) -> Iterator[None]:
    """Create the folders of files; if the block fails, remove the created folders."""
    made: list[Path] = []
    try:
        for folder in dict.fromkeys(file.parent for file in files):
            missing = (path for path in (folder, *folder.parents) if not path.exists())
            made += reversed(list(missing))
            folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()
        raise


def _read(path: Path) -> dict[Path, Path]:
    try:
        with open_file(path) as file:
            origins = json.load(file)
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, str(error)) from None
    if not (isinstance(origins, dict) and all(isinstance(x, str) for x in origins.values())):
        raise _unreadable(path, f"expected an object of strings, found {shown(origins)}")
    return {Path(local_name(key)): Path(local_name(value)) for key, value in origins.items()}


def _unreadable(path: Path, why: str) -> BackendError:
    problem = f"{path}: the origins of the input cannot be read ({why}); remove this file"
    return BackendError("unknown-origin", problem)


def _write(path: Path, origins: Mapping[Path, Path]) -> None:
    text = {utf8_name(relative): utf8_name(source) for relative, source in origins.items()}
    temporary = temporary_beside(path)
    try:
        with temporary.open("xb") as file:
            file.write(json.dumps(text).encode())
        sync_file(temporary)
        temporary.replace(path)  # in a shared folder also that of another user
    finally:
        temporary.unlink(missing_ok=True)
