"""Push input into a backend's folder and pull predicted labels out of it, all or nothing."""

from __future__ import annotations

import errno
import os
import stat
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import cache
from os import PathLike
from pathlib import Path

from taggingbackends import labels
from taggingbackends.backend import sandboxes
from taggingbackends.backend.folder import PREDICTED, TRAINING_INPUT, BackendFolder, is_sandbox
from taggingbackends.backend.inputfiles import USUAL_FILES, Choice, input_files, may_be_input
from taggingbackends.backend.origins import bring, folders_of, pushing, read_origins
from taggingbackends.backend.project import own_suffixes
from taggingbackends.data.formats import is_label_file, recording_stem, recordings_in, stem_of
from taggingbackends.errors import BackendError, LabelFileError
from taggingbackends.labels.dependencies import Dependencies, check_runs, dependencies_of
from taggingbackends.labels.origin import is_edited
from taggingbackends.system.files import (
    Destination,
    check_replaceable,
    copy_file,
    copy_files,
    link_file,
    remove_folder,
    same_content,
    stamp,
    walk,
)
from taggingbackends.system.locks import locked_if_free
from taggingbackends.system.messages import describe
from taggingbackends.system.names import is_utf8
from taggingbackends.system.progress import progress
from taggingbackends.system.words import counted, listed

__all__ = [
    "NOT_THERE",
    "beside_input",
    "broken_link",
    "check_destinations",
    "check_targets",
    "collect",
    "copy_to",
    "label_name",
    "pull",
    "push",
    "push_collected",
    "remove_data",
]


NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""Error numbers of a path that does not exist, or of a broken link."""


def push(
    backend: BackendFolder,
    paths: Sequence[str | PathLike[str]],
    link: bool = False,
    alone: bool = False,
    private: bool = False,
    choice: Choice = USUAL_FILES,
) -> list[Path]:
    """Copy or link files into data/raw, for a model instance (and sandbox).

    The content of a single folder goes to the top of the data folder. Otherwise each path keeps
    its position relative to the deepest common folder. Related files are included: .outline with
    .spine, and the dependencies of a label file, which are checked. Hidden files are skipped.
    Links to files are followed.

    One push into a data folder runs at a time. The next one removes or completes what a killed
    one has left.

    Parameters
    ----------
    backend : BackendFolder
        With a model instance.
    paths : sequence of path
        Files and folders.
    link : bool
        Create symbolic links instead of copies. Copies share their blocks with the original where
        the file system supports it.
    alone : bool
        Raise an error if the data folder has other input.
    private : bool
        The data folder is new, and no other process knows it. So it need not be locked.
    choice : Choice
        Which of the files to take.

    Returns
    -------
    list of Path
        The input files, in data/raw.

    Raises
    ------
    BackendError
        ``no-input``: a path does not exist, is hidden, is a broken link, or is neither a file nor
        a folder; or there are no files. ``existing-file``: a different file exists, or, with
        `alone`, other input. ``outside-link``: a link to a folder leads out of a pushed folder.
        ``not-a-sandbox``: the sandbox has the name of a folder of input. ``unusable-data``: no
        files can be written there. ``bad-name``: the name of a file is not UTF-8.
        ``unknown-origin``: the record of earlier pushes is invalid. In each case data/raw is
        unchanged. ``unknown-format``: `choice` names none of the formats.
    LabelFileError
        A label file or one of its dependencies is invalid. data/raw is unchanged.
    TrackFileError
        A file cannot be read, unless `choice` allows it. data/raw is unchanged.

    Warns
    -----
    UserWarning
        Pipes, devices and unreadable folders in a pushed folder are skipped, or an earlier push
        did not finish. Files look like tracker files and cannot be read, or are in no known
        format, or `choice` leaves them out.
    """
    return push_collected(backend, collect(backend, paths, choice), link, alone, private)


def collect(
    backend: BackendFolder,
    paths: Iterable[str | PathLike[str]],
    choice: Choice = USUAL_FILES,
) -> dict[Path, Path]:
    """Return the files to push, see `push`: relative path in data/raw -> absolute path.

    Nothing is brought in. The errors and warnings about the files are those of `push`.
    """
    absolute = [_absolute(path) for path in paths]
    return _collect(absolute, choice, own_suffixes(backend.project_dir))


def push_collected(
    backend: BackendFolder,
    sources: Mapping[Path, Path],
    link: bool = False,
    alone: bool = False,
    private: bool = False,
) -> list[Path]:
    """Push the files that `collect` returned, or some of them."""
    top = backend.data_dirs()[0]
    backend.check_data_dirs(top)
    if backend.sandbox is not None and not is_sandbox(top) and any(walk(top)):
        problem = f"{top}: expected a sandbox, found a folder of input; name another sandbox"
        raise BackendError("not-a-sandbox", problem)
    targets = {top / relative: source for relative, source in sources.items()}
    for target in targets:
        _check_place(backend, target, top)
    backend.raw_data_dir()
    with nullcontext(()) if private else pushing(backend, targets) as unfinished:
        _check_existing(backend, targets, alone)
        bring(top, targets, unfinished, link_file if link else copy_file)
    return list(targets)


def _check_existing(backend: BackendFolder, targets: dict[Path, Path], alone: bool) -> None:
    """Raise an error if the input in place differs from the files to push."""
    which = "the input of the last training" if backend.sandbox == TRAINING_INPUT else "all input"
    fix = f"{which} with {backend.call('reset_data')}"
    for target, source in targets.items():
        if target.exists() and not same_content(source, target):
            problem = f"{target}: exists already, and differs from {source}"
            raise BackendError("existing-file", problem, f"remove it, or {fix}")
    others = [file for file in backend.list_input_files() if file not in targets] if alone else []
    if others:
        problem = f"{others[0]}: other input is in place already"
        raise BackendError("existing-file", problem, f"remove {fix}")


def pull(
    backend: BackendFolder,
    destination: str | PathLike[str] | None = None,
    force: bool = False,
    decided: Mapping[Path, Destination] | None = None,
    completed: Mapping[Path, Dependencies] | None = None,
) -> list[Path]:
    """Copy the predicted labels out of data/processed.

    Parameters
    ----------
    backend : BackendFolder
        With a model instance (and sandbox).
    destination : path, optional
        The folder for the label files, which keep their relative paths. The default is beside the
        original input, which `push` recorded.
    force : bool
        Replace existing files.
    decided : mapping, optional
        An earlier result of `check_destinations`. Files that have changed since then are not
        replaced.
    completed : mapping, optional
        The result of `provenance.complete`, so that these files are not read again.

    Returns
    -------
    list of Path
        The label files, at their destination.

    Raises
    ------
    LabelFileError
        A label file is invalid, or it depends on files that are not in data/raw.
    BackendError
        ``no-output``: there are no label files. ``existing-file``: a destination exists with
        other content. ``changed-file``: another program changes it at the same time.
        ``unknown-origin``: the input comes from several folders or from an unknown folder. In
        each case nothing is copied.
    """
    raw, _, processed = backend.data_dirs()
    files = [file for file in backend.list_processed_files() if is_label_file(file)]
    if not files:
        raise BackendError("no-output", f"no label files in {processed}: nothing to pull")
    targets = check_destinations(backend, files, destination, force)
    targets |= {file: place for file, place in (decided or {}).items() if file in targets}
    for file in progress(files, "checking"):
        runs = (completed or {}).get(file) or dependencies_of(labels.Labels.read(file))
        check_runs(runs, raw / file.parent.relative_to(processed))
    return copy_to(targets)


def copy_to(targets: Mapping[Path, Destination]) -> list[Path]:
    """Copy checked files to their destinations, all or none, and return the destinations."""
    paths = [place.path for place in targets.values()]
    with folders_of(paths):
        copy_files(progress([(file, *place) for file, place in targets.items()], "pulling"))
    return paths


def check_destinations(
    backend: BackendFolder,
    files: Iterable[Path],
    destination: str | PathLike[str] | None = None,
    force: bool = False,
    accept: Callable[[Path, Path], bool] = same_content,
) -> dict[Path, Destination]:
    """Return the destinations of label files, after checking that `pull` can write them.

    Parameters
    ----------
    files : iterable of Path
        Files below data/processed. They need not exist yet.
    backend, destination, force
        As for `pull`.
    accept : callable
        Called with a file and its existing destination, without `force`. It returns whether the
        destination has, or may get, the same content.

    Returns
    -------
    dict
        File -> destination, and what may be replaced there.

    Raises
    ------
    BackendError
        ``existing-file`` or ``unknown-origin``, as for `pull`.
    PermissionError
        The folder of a destination is not writable, or the destination is read-only.
    OSError
        A destination is a pipe or a device.
    """
    place = beside_input(backend) if destination is None else _absolute(destination).joinpath
    *_, processed = backend.data_dirs()
    return check_targets({x: place(x.relative_to(processed)) for x in files}, force, accept)


def check_targets(
    targets: Mapping[Path, Path],
    force: bool = False,
    accept: Callable[[Path, Path], bool] = same_content,
) -> dict[Path, Destination]:
    """Do what `check_destinations` does, for known destinations: file -> path."""
    seen: set[Path] = set()
    for target in targets.values():
        if target in seen:
            problem = f"{target}: two label files would be copied there; name a folder to pull into"
            raise BackendError("existing-file", problem)
        seen.add(target)
    for folder in dict.fromkeys(target.parent for target in targets.values()):
        _check_writable(folder)
    for target in targets.values():
        if target.is_dir():
            raise BackendError("existing-file", f"{target}: expected a file, found a folder")
        check_replaceable(target)
    if force:
        return {file: Destination(target, stamp(target)) for file, target in targets.items()}
    existing = [
        target for file, target in targets.items() if target.exists() and not accept(file, target)
    ]
    if existing:
        more = f" (and {len(existing) - 1} more)" if len(existing) > 1 else ""
        fix = "replace with force=True, or name another folder"
        problem = f"{existing[0]}: exists already{more}"
        edited = [target for target in existing if _is_edited(target)]
        if edited:
            problem += f"; with labels that a person edited: {listed(edited)}"
        raise BackendError("existing-file", problem, fix)
    return {file: Destination(target) for file, target in targets.items()}


def _is_edited(file: Path) -> bool:
    try:
        return any(map(is_edited, labels.Labels.read(file).values()))
    except (LabelFileError, OSError):
        return False


def _check_writable(folder: Path) -> None:
    """Raise an error if no file can be created in a folder, before any script runs."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir():
        raise BackendError("existing-file", f"{there}: expected a folder, found a file")
    if not os.access(there, os.W_OK | os.X_OK):
        problem = "expected a folder that you can write to; name another folder"
        raise PermissionError(errno.EACCES, problem, str(there))


def remove_data(backend: BackendFolder) -> list[Path]:
    """Remove the data of a model instance, or only of its sandbox if one is set.

    Returns
    -------
    list of Path
        The folders that were removed.

    Raises
    ------
    BackendError
        ``not-a-sandbox``: a folder of input has the sandbox's name. ``in-use``: a command is
        running in the sandbox, or in one of the instance's, or the instance is in training.
        Nothing is removed.
    """
    folders = backend.data_dirs()
    for folder in folders:
        if backend.sandbox is not None and folder.exists() and not is_sandbox(folder):
            problem = f"{folder}: expected a sandbox, found a folder of input; not removed"
            raise BackendError("not-a-sandbox", problem)
    if backend.sandbox is not None:
        return sandboxes.remove_unused(backend)
    sandboxes.check_unused(backend)
    with locked_if_free(backend.training_lock(backend.required_instance("reset"))) as free:
        if free is False:
            problem = f"{folders[0]}: a training uses this input"
            raise BackendError("in-use", problem, "wait for it, or end it")
        return [folder for folder in folders if remove_folder(folder)]


def label_name(stem: str, several: bool) -> str:
    """Return the name of the file with the predicted labels of a recording.

    Parameters
    ----------
    stem : str
        The stem of the recording's files.
    several : bool
        Whether the recording's folder holds several recordings.
    """
    return f"{stem}.{PREDICTED}" if several else PREDICTED


def broken_link(path: Path) -> BackendError:
    """Return the error about a link that leads to nothing or to itself."""
    problem = f"{path}: found a broken link to {path.readlink()}"
    return BackendError("no-input", problem, "fetch the file (git annex get) or remove the link")


def _absolute(path: str | PathLike[str]) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - links named by the user stay links


def _collect(paths: list[Path], choice: Choice, suffixes: Sequence[str]) -> dict[Path, Path]:
    """Return the files to push: relative path in data/raw -> source."""
    kinds = {path: _kind(path) for path in paths}
    for path, kind in kinds.items():
        if kind not in ("file", "folder"):
            raise BackendError("no-input", f"{path}: expected a file or a folder, found {kind}")
    if len(paths) == 1 and kinds[paths[0]] == "folder":
        common = paths[0]
    else:
        common = Path(os.path.commonpath([path.parent for path in paths])) if paths else Path()
    unreadable: dict[Path, OSError] = {}
    folders = [path for path, kind in kinds.items() if kind == "folder"]
    found = [file for folder in folders for file in _folder_files(folder, unreadable)]
    for path in (*paths, *found):
        if not is_utf8(path):
            problem = f"{str(path)!r}: expected a name in UTF-8; rename the file or folder"
            raise BackendError("bad-name", problem)
    if unreadable:
        skipped = counted(len(unreadable), "folder")
        some = listed(map(describe, unreadable.values()))
        warnings.warn(f"skipped {skipped} that cannot be read: {some}", stacklevel=4)
    for file in found:
        if file.is_symlink() and may_be_input(file, choice, suffixes):
            _kind(file)  # an error if the link is broken
    named = [path for path, kind in kinds.items() if kind == "file"]
    sources = input_files(named, found, choice, suffixes)
    if not sources:
        is_push = choice.purpose == "push" or not found
        expected = "visible files" if is_push else "recordings of a known format"
        if choice.format is not None:
            expected = f"files in the format {choice.format}"
        raise BackendError("no-input", f"{common}: expected {expected}, found none")
    return {source.relative_to(common): source for source in sources}


def _kind(path: Path) -> str:
    """Return what is at a path: file, folder or something that cannot be pushed."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if error.errno not in NOT_THERE:
            raise
        if path.is_symlink():
            raise broken_link(path) from None
        raise BackendError("no-input", f"{path}: no such file or folder") from None
    if stat.S_ISDIR(mode):
        return "folder"
    return "file" if stat.S_ISREG(mode) else "a pipe, a socket or a device"


def _folder_files(folder: Path, unreadable: dict[Path, OSError]) -> Iterator[Path]:
    real = folder.resolve()

    def enter(inner: Path) -> bool:
        if inner.is_symlink() and not inner.resolve().is_relative_to(real):
            problem = f"{inner}: found a link to a folder outside {folder}"
            fix = "remove it, and push that folder by its own path"
            raise BackendError("outside-link", problem, fix)
        return True

    yield from walk(folder, enter, unreadable=unreadable)


def _check_place(backend: BackendFolder, target: Path, top: Path) -> None:
    relative = target.relative_to(top)
    if any(part.startswith(".") for part in relative.parts):
        problem = f"{relative}: hidden, so it would not be found as input; push it by its own path"
        raise BackendError("no-input", problem)
    if backend.sandbox is None and len(relative.parts) > 1 and is_sandbox(top / relative.parts[0]):
        problem = f"{top / relative.parts[0]}: a sandbox of this name exists already"
        raise BackendError("existing-file", problem)


def beside_input(backend: BackendFolder) -> Callable[[Path], Path]:
    """Return a function from a label file, relative to data/processed, to its destination.

    The destination is beside the input that the labels were predicted from. If that folder holds
    several recordings, the name includes the recording's stem, even if only one of them was
    pushed. So the labels of different recordings have different names.
    """
    recordings = cache(recordings_in)  # read each folder once, not once per label file
    raw = backend.data_dirs()[0]
    known: dict[tuple[Path, str | None], set[Path]] = {}  # folder, stem (None: any) -> origins
    for path, source in read_origins(raw).items():
        for stem in (stem_of(path), None):
            known.setdefault((path.parent, stem), set()).add(source.parent)

    def destination(relative: Path) -> Path:
        above = relative.parent
        stem = recording_stem(relative.name, recordings(raw / above).keys())
        folders = known.get((above, stem)) or known.get((above, None), set())
        if len(folders) != 1:
            which = f"{len(folders)} folders" if folders else "no known folder"
            problem = f"{relative}: its input comes from {which}; name a folder to pull into"
            raise BackendError("unknown-origin", problem)
        (folder,) = folders
        if relative.name == PREDICTED and stem:
            return folder / label_name(stem, len(recordings(folder)) > 1)
        return folder / relative.name

    return destination
