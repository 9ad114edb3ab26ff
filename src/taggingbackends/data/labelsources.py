"""Labels from what people name: label files, trx.mat with labels, folders of them, patterns."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator
from os import PathLike, fspath
from pathlib import Path

from taggingbackends.data.formats import (
    FORMATS,
    LABEL_SUFFIXES,
    Examined,
    examined,
    is_label_file,
    suffix_formats,
)
from taggingbackends.data.ownlabels import contains_labels, has_labels, own_labels
from taggingbackends.errors import BackendError, wrong_type
from taggingbackends.labels.dependencies import dependency
from taggingbackends.labels.labels import Labels

__all__ = ["iter_labels", "label_sources", "read_labels", "read_to_write"]

_Path = str | PathLike[str]


def iter_labels(files: _Path | Iterable[_Path]) -> Iterator[Labels]:
    """Yield the labels of many recordings, one recording at a time.

    Parameters
    ----------
    files : path, or iterable of paths
        Files, folders, and patterns such as ``"**/predicted.label"``. A folder stands for the label
        files in it and in its subfolders, and for each trx.mat or NetCDF file with labels in a
        folder without label files.

    Yields
    ------
    Labels
        The labels of one run. `Labels.file` is the file that they come from.

    Raises
    ------
    BackendError
        ``no-input``: there is nothing to read at one of the paths.
    LabelFileError, TrackFileError, OSError
        A file cannot be read.

    Examples
    --------
    >>> from taggingbackends import Labels
    >>> labels = Labels()
    >>> labels.set("run1", 7, [0.0, 0.1, 0.2, 0.3], ["run", "run", "cast", "run"])
    >>> labels.write("a.label")
    >>> for recording in iter_labels("*.label"):
    ...     print(recording.file, recording.count())
    a.label {'run': 3, 'cast': 1}
    """
    for file in label_sources(files):
        labels = read_labels(file)
        for run in labels.values():
            one = Labels()
            one.file = labels.file
            one.attributes = labels.attributes
            one._runs[run.id] = run
            yield one


def label_sources(files: _Path | Iterable[_Path]) -> list[Path]:
    """Return the files with labels at some paths.

    Parameters
    ----------
    files : path, or iterable of paths
        - a file is returned as it is;
        - a folder stands for the label files in it and in its subfolders, and for each trx.mat or
          NetCDF file with labels in a folder without label files; hidden ones are skipped;
        - a pattern with ``*``, ``?`` or ``[...]``, if there is no file of that name; ``**`` is
          any number of folders.

    Returns
    -------
    list of Path
        In the order of `files`, and sorted within each. A file is returned once.

    Raises
    ------
    BackendError
        ``no-input``: a folder has no labels, or no file matches a pattern.
    """
    if isinstance(files, (str, PathLike)):
        files = [files]
    found: dict[Path, Path] = {}  # by absolute path, so that a file is there once
    for path in files:
        if not isinstance(path, (str, PathLike)):
            raise wrong_type("the path of a file or folder, or a pattern", path)
        for file in _sources(Path(path), fspath(path)):
            found.setdefault(file.absolute(), file)
    return list(found.values())


def _sources(path: Path, pattern: str) -> list[Path]:
    if path.is_dir():
        found = _in_folder(path)
        if not found:
            problem = f"{path}: expected label files, or tracker files with labels, found none"
            raise BackendError("no-input", problem, "name a folder of label files, or label files")
        return found
    if path.exists() or not glob.has_magic(pattern):
        return [path]  # if it is missing, reading it says so
    # Path.glob takes no absolute patterns
    matching = map(Path, sorted(glob.glob(pattern, recursive=True)))  # noqa: PTH207
    files = [one for one in matching if one.is_file()]
    if not files:
        fix = "see whether the pattern is right"
        raise BackendError("no-input", f"{pattern}: expected matching files, found none", fix)
    return files


def _in_folder(folder: Path) -> list[Path]:
    # Path.glob finds hidden ones, too
    files = glob.glob(f"{glob.escape(str(folder))}/**/*", recursive=True)  # noqa: PTH207
    by_folder: dict[Path, list[Path]] = {}
    suffixes = [suffix for format in FORMATS if format.has_labels for suffix in format.suffixes]
    for file in map(Path, sorted(files)):
        if file.name.lower().endswith((*LABEL_SUFFIXES, *suffixes)) and file.is_file():
            by_folder.setdefault(file.parent, []).append(file)
    return [
        file
        for beside in by_folder.values()
        for file in [one for one in beside if is_label_file(one)]
        or list(filter(contains_labels, beside))
    ]


def read_labels(file: _Path) -> Labels:
    """Read the labels in a label file, in a trx.mat or in a NetCDF file.

    Raises
    ------
    BackendError
        ``no-input``: it is a tracker file without labels.
    LabelFileError, TrackFileError, OSError
        The file cannot be read.
    """
    path = Path(file)
    format, error, _ = Examined() if is_label_file(path) else examined(path)
    if format is None:
        if error is not None and any(near.has_labels for near in suffix_formats(path)):
            raise error
        return Labels.read(path)
    labels = Labels()
    labels.file = path
    labels._runs = {run.id: run for run in own_labels(path)}
    if not labels:
        problem = f"{path}: expected labels, found a recording without labels ({format.name})"
        raise BackendError("no-input", problem, "name its label file, such as predicted.label")
    return labels


def read_to_write(file: _Path) -> Labels:
    """Read labels that will be in a label file: those of a trx.mat depend on it.

    Raises
    ------
    BackendError, LabelFileError, TrackFileError, OSError
        As for `read_labels`.
    """
    path = Path(file)
    labels = read_labels(path)
    if not is_label_file(path) and has_labels(path):
        for run in labels.values():
            run.dependencies = [dependency(path)]
    return labels
