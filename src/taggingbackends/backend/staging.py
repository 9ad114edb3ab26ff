"""Push and pull: input into a backend's folder, predicted labels out of it. All or nothing."""

from __future__ import annotations

import errno
import filecmp
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from os import PathLike
from pathlib import Path

from taggingbackends import labels
from taggingbackends.backend.folder import PREDICTED, BackendFolder, is_sandbox
from taggingbackends.data.formats import (
    companions,
    is_label_file,
    recording_stem,
    recordings_in,
)
from taggingbackends.errors import BackendError
from taggingbackends.system.files import (
    copy_file,
    copy_files,
    link_file,
    remove_folder,
    walk,
    write_file,
)
from taggingbackends.system.progress import progress

__all__ = ["check_destinations", "label_name", "origin", "pull", "push", "remove_data"]

_ORIGINS = ".origins.json"  # relative path of an input file -> where it was pushed from


def push(
    backend: BackendFolder,
    paths: Sequence[str | PathLike[str]],
    link: bool = False,
    alone: bool = False,
) -> list[Path]:
    """Bring files into data/raw, for the explorer's instance (and sandbox).

    One folder: its content goes to the top. Otherwise each path goes below the deepest folder that
    they have in common. Files that belong together come along: .spine with .outline, and the
    files that a label file depends on, which are checked. Hidden files stay behind.

    Parameters
    ----------
    backend : BackendFolder
        With a model instance.
    paths : sequence of path
        Files and folders.
    link : bool
        Put symbolic links instead of copies. Copies share their blocks with the original where the
        file system can.
    alone : bool
        Refuse if other input is in place already.

    Returns
    -------
    list of Path
        The input files, in data/raw.

    Raises
    ------
    BackendError
        ``no-input``: a path does not exist, or there is no file at all; ``existing-file``: another
        file is there already; ``outside-link``: a link leads out of a pushed folder;
        ``not-a-sandbox``: the sandbox would be a folder of input. Nothing is brought in then.
    LabelFileError
        A label file is bad, or its dependencies are; nothing is brought in then.
    """
    sources = _collect([_absolute(path) for path in paths])
    top = backend.data_dirs()[0]
    if backend.sandbox is not None and not is_sandbox(top) and any(walk(top)):
        problem = f"{top}: expected a sandbox, found a folder of input; name another sandbox"
        raise BackendError("not-a-sandbox", problem)
    targets = {top / relative: source for relative, source in sources.items()}
    missing: list[Path] = []
    for target, source in targets.items():
        _check_place(backend, target, top)
        if not target.exists():
            missing.append(target)
        elif not _same_content(source, target):
            problem = f"{target}: another file than {source} is there"
            raise BackendError(
                "existing-file", problem, "remove it, or all input with reset_data()"
            )
    others = [file for file in backend.list_input_files() if file not in targets] if alone else []
    if others:
        problem = f"{others[0]}: other input is in place already"
        raise BackendError("existing-file", problem, "remove it with reset_data()")
    origins = _read_origins(backend)
    backend.raw_data_dir()
    made: list[Path] = []
    with _folders_of(missing):
        try:
            for target in progress(missing, "pushing"):
                (link_file if link else copy_file)(targets[target], target)
                made.append(target)
            origins |= {str(relative): str(source) for relative, source in sources.items()}
            write_file(top / _ORIGINS, [json.dumps(origins).encode()])
        except BaseException:
            for target in made:
                target.unlink(missing_ok=True)
            raise
    return list(targets)


def pull(
    backend: BackendFolder,
    destination: str | PathLike[str] | None = None,
    force: bool = False,
) -> list[Path]:
    """Bring the predicted labels out of data/processed.

    Parameters
    ----------
    backend : BackendFolder
        With a model instance (and sandbox).
    destination : path, optional
        The label files go to the same relative places below; by default beside the original
        input, which is known from `push`.
    force : bool
        Replace files that are there already.

    Returns
    -------
    list of Path
        The label files, at their destination.

    Raises
    ------
    LabelFileError
        A label file is bad, or depends on files that are not in data/raw.
    BackendError
        ``no-output``: there are no labels; ``existing-file``; ``unknown-origin``: several folders,
        or none, are the origin. Nothing is brought out then.
    """
    raw, _, processed = backend.data_dirs()
    files = [file for file in backend.list_processed_files() if is_label_file(file)]
    if not files:
        raise BackendError("no-output", f"no label files in {processed}: nothing to pull")
    targets = check_destinations(backend, files, destination, force)
    for file in progress(files, "checking"):
        labels.Labels.read(file).check_dependencies(raw / file.parent.relative_to(processed))
    with _folders_of(targets.values()):
        copy_files(progress(list(targets.items()), "pulling"))
    return list(targets.values())


def check_destinations(
    backend: BackendFolder,
    files: Iterable[Path],
    destination: str | PathLike[str] | None = None,
    force: bool = False,
) -> dict[Path, Path]:
    """Return where `pull` would bring label files, after checking that it may.

    Parameters
    ----------
    files : iterable of Path
        Below data/processed; they need not exist yet.

    Returns
    -------
    dict
        File -> destination.
    """
    origins = _read_origins(backend)
    recordings = cache(recordings_in)  # a folder is read once, however many label files it has
    targets: dict[Path, Path] = {}
    *_, processed = backend.data_dirs()
    for file in files:
        relative = file.relative_to(processed)
        if destination is None:
            targets[file] = _beside_input(backend, origins, relative, recordings)
        else:
            targets[file] = _absolute(destination) / relative
    seen: set[Path] = set()
    for target in targets.values():
        if target in seen:
            problem = f"{target}: two label files would go there; name a folder to pull into"
            raise BackendError("existing-file", problem)
        seen.add(target)
    for folder in dict.fromkeys(target.parent for target in targets.values()):
        _check_writable(folder)
    existing = [target for target in targets.values() if target.exists()]
    for target in existing:
        if target.is_dir():
            raise BackendError("existing-file", f"{target}: expected a file, found a folder")
    if existing and not force:
        more = f" (and {len(existing) - 1} more)" if len(existing) > 1 else ""
        fix = "replace with force=True, or name another folder"
        raise BackendError("existing-file", f"{existing[0]}: exists already{more}", fix)
    return targets


def _check_writable(folder: Path) -> None:
    """Refuse a place where no file can be put, before the work is done whose result it is for."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir():
        raise BackendError("existing-file", f"{there}: expected a folder, found a file")
    if not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(there))


@contextmanager
def _folders_of(files: Iterable[Path]) -> Iterator[None]:
    """Make the folders of files; if the block fails, remove those that were not there."""
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


def remove_data(backend: BackendFolder) -> list[Path]:
    """Remove the data of an instance, with a sandbox that sandbox's only; return the folders.

    Raises
    ------
    BackendError
        ``not-a-sandbox``: a folder of input has the sandbox's name; nothing is removed then.
    """
    folders = backend.data_dirs()
    for folder in folders:
        if backend.sandbox is not None and folder.exists() and not is_sandbox(folder):
            problem = f"{folder}: expected a sandbox, found a folder of input; not removed"
            raise BackendError("not-a-sandbox", problem)
    return [folder for folder in folders if remove_folder(folder)]


def origin(backend: BackendFolder, file: Path) -> Path:
    """Return where a file in data/raw was pushed from; the file itself if it was not.

    A file that is missing there has the origin of the others of its recording.
    """
    raw = backend.data_dirs()[0] if backend.model_instance is not None else None
    if raw is None or not file.is_relative_to(raw):
        return file
    origins = {raw / relative: Path(source) for relative, source in _read_origins(backend).items()}
    for known, source in origins.items():
        if known.parent == file.parent and known.stem == file.stem:
            return source.with_name(file.name)
    return file


def label_name(stem: str, several: bool) -> str:
    """Return the name of predicted labels beside a recording.

    Parameters
    ----------
    stem : str
        The recording's.
    several : bool
        Its folder holds several recordings.
    """
    return f"{stem}.{PREDICTED}" if several else PREDICTED


def _absolute(path: str | PathLike[str]) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - links named by the user stay links


def _collect(paths: list[Path]) -> dict[Path, Path]:
    """Return relative path in data/raw -> source, of all that comes along."""
    for path in paths:
        if not path.exists():
            raise BackendError("no-input", f"{path}: no such file or folder")
    if len(paths) == 1 and paths[0].is_dir():
        common = paths[0]
    else:
        common = Path(os.path.commonpath([path.parent for path in paths])) if paths else Path()
    sources: dict[Path, None] = {}
    for path in progress(paths, "collecting"):
        for file in _folder_files(path) if path.is_dir() else (path, *companions(path)):
            sources[file] = None
            if is_label_file(file):
                sources |= dict.fromkeys(_labelled_files(file))
    if not sources:
        raise BackendError("no-input", f"{common}: expected files, found none that are not hidden")
    return {source.relative_to(common): source for source in sources}


def _folder_files(folder: Path) -> Iterator[Path]:
    real = folder.resolve()

    def check(link: Path) -> None:
        if not link.resolve().is_relative_to(real):
            problem = f"{link}: a link out of {folder}; push what it leads to by its own name"
            raise BackendError("outside-link", problem)

    return walk(folder, link=check)


def _labelled_files(file: Path) -> list[Path]:
    """Return the checked dependencies of a label file, and what belongs to them."""
    files = labels.Labels.read(file).check_dependencies(file.parent)
    return [*files, *(sibling for path in files for sibling in companions(path))]


def _check_place(backend: BackendFolder, target: Path, top: Path) -> None:
    relative = target.relative_to(top)
    if any(part.startswith(".") for part in relative.parts):
        problem = f"{relative}: hidden, so it would not be found as input; push it by its own name"
        raise BackendError("no-input", problem)
    if backend.sandbox is None and len(relative.parts) > 1 and is_sandbox(top / relative.parts[0]):
        problem = f"{top / relative.parts[0]}: a sandbox of this name is there already"
        raise BackendError("existing-file", problem)


def _same_content(one: Path, other: Path) -> bool:
    return filecmp.cmp(one, other, shallow=False)


def _read_origins(backend: BackendFolder) -> dict[str, str]:
    path = backend.data_dirs()[0] / _ORIGINS
    try:
        origins = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except ValueError as error:
        problem = f"{path}: where input came from cannot be read ({error}); remove this file"
        raise BackendError("unknown-origin", problem) from None
    return origins if isinstance(origins, dict) else {}


def _beside_input(
    backend: BackendFolder,
    origins: dict[str, str],
    relative: Path,
    recordings: Callable[[Path], dict[Path, list[Path]]],
) -> Path:
    """Return where a label file goes beside the input that it was predicted from.

    Its name tells the recording if several are in that folder, whether or not they were pushed
    together: labels of one are not in the way of another's.
    """
    pushed = recordings(backend.data_dirs()[0] / relative.parent)
    inputs = [path for path in map(Path, origins) if path.parent == relative.parent]
    stem = recording_stem(relative.name, {main.stem for main in pushed})
    own = [path for path in inputs if stem is not None and path.stem == stem]
    folders = {Path(origins[str(path)]).parent for path in own or inputs}
    if len(folders) != 1:
        which = f"{len(folders)} folders" if folders else "no folder that is known"
        problem = f"{relative}: its input comes from {which}; name a folder to pull into"
        raise BackendError("unknown-origin", problem)
    folder = folders.pop()
    if relative.name == PREDICTED and stem:
        return folder / label_name(stem, len(recordings(folder)) > 1)
    return folder / relative.name
