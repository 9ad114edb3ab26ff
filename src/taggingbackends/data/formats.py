"""Registry of the formats of tracker files.

A format is recognized by a file's suffix and first bytes. The parser is imported when it is used.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from taggingbackends.data.dialect import dialect_of
from taggingbackends.errors import wrong_type
from taggingbackends.system.files import open_file, walk
from taggingbackends.system.lazy import lazy_function

if TYPE_CHECKING:
    from taggingbackends.data.tracks import Recording

__all__ = [
    "FORMATS",
    "LABEL_SUFFIXES",
    "Format",
    "Paths",
    "as_paths",
    "companions",
    "find_recordings",
    "format_of",
    "is_label_file",
    "recording_stem",
    "recordings_in",
    "suffix_formats",
    "tracker_format",
]

LABEL_SUFFIXES = (".label", ".labels", ".nyxlabel", ".json")

Paths: TypeAlias = str | PathLike[str] | Iterable[str | PathLike[str]]

_HEAD = 1024  # bytes read to recognize a format


class Format(NamedTuple):
    """A tracker's file format.

    Attributes
    ----------
    name : str
        Name for messages and for ``Recording.format``.
    suffixes : tuple of str
        Suffixes of the files that make up a recording. The file with the first existing suffix is
        the one to load.
    recognize : callable
        ``recognize(head)`` returns whether the first bytes of a file are of this format.
    load : callable
        ``load(path, **options)`` returns the `Recording`.
    beginning : str
        How a file of this format begins, for error messages.
    specific : bool
        Whether no other kind of file has these suffixes. A file with such a suffix that is not
        recognized then counts as damaged.
    options : tuple of str
        The options of `load`.
    options_from : callable
        ``options_from(metadata)`` returns the options of `load` that the metadata of a run in a
        label file gives. Options of the caller take precedence.
    """

    name: str
    suffixes: tuple[str, ...]
    recognize: Callable[[bytes], bool]
    load: Callable[..., Recording]
    beginning: str
    specific: bool = False
    options: tuple[str, ...] = ("spine", "outline")
    options_from: Callable[[Mapping[str, Any]], dict[str, Any]] = lambda metadata: {}


FORMATS: list[Format] = [
    Format(
        name="Choreography",
        suffixes=(".spine", ".outline"),
        recognize=lambda head: bool(re.match(rb"\s*\d{8}_\d{6}[ \t]+\d+[ \t]+[-+.\d]", head)),
        load=lazy_function("taggingbackends.data.choreography", "load"),
        beginning="a line `date_time larva_id time x1 y1 x2 y2 ...`",
        specific=True,
    ),
    Format(
        name="trx.mat",
        suffixes=(".mat",),
        recognize=lambda head: head.startswith(b"MATLAB 7.3 MAT-file"),
        load=lazy_function("taggingbackends.data.trxmat", "load"),
        beginning="`MATLAB 7.3 MAT-file` (MATLAB saves it so with -v7.3)",
        options=("spine", "outline", "labels"),
    ),
    Format(
        name="FIMTrack",
        suffixes=(".csv",),
        recognize=lambda head: dialect_of(head) is not None,
        load=lazy_function("taggingbackends.data.fimtrack", "load"),
        beginning="a line `,larva(0),larva(1),...`",
        options=("spine", "outline", "framerate", "pixelsize", "radii"),
        options_from=lazy_function("taggingbackends.data.fimtrack", "options_from"),
    ),
]
"""All formats. A backend can append its own."""


def suffix_formats(path: str | PathLike[str]) -> list[Format]:
    """Return the formats that have the file's suffix."""
    suffix = Path(path).suffix
    return [format for format in FORMATS if suffix in format.suffixes]


def format_of(path: str | PathLike[str]) -> Format | None:
    """Return the format of a file by its suffix and first bytes; None if no format matches.

    Raises
    ------
    OSError
        The file has the suffix of a tracker file but cannot be read.
    """
    path = Path(path)
    near = suffix_formats(path)
    if not near:
        return None
    head = _head(path)
    return next((format for format in near if format.recognize(head)), None)


def tracker_format(path: Path) -> Format | None:
    """Return the format of a file found in a folder; None if it is not a tracker file.

    An unrecognized file counts as a damaged tracker file if its suffix is specific to a format.
    """
    damaged = (format for format in suffix_formats(path) if format.specific)
    return format_of(path) or next(damaged, None)


def _head(path: Path) -> bytes:
    with open_file(path) as file:
        try:
            return file.read(_HEAD)
        except OSError as error:  # the error of a failed read lacks the file's name
            raise OSError(error.errno, error.strerror, str(path)) from None


def find_recordings(
    files: Paths, unreadable: dict[Path, OSError] | None = None
) -> dict[Path, list[Path]]:
    """Find the recordings among files.

    Tracker files with the same stem in the same folder make up one recording. If they are of
    several formats, the format that comes first in `FORMATS` is the one to load.

    Parameters
    ----------
    files : path, or iterable of path
        Files of any kind, e.g. ``backend.list_input_files()``. A folder stands for all files in it
        and in its subfolders, except hidden ones.
    unreadable : dict, optional
        Collects the files that cannot be read, each with its error. By default, the error is
        raised.

    Returns
    -------
    dict
        The file to pass to `load_tracks` -> all files of that recording, in order of appearance.

    Raises
    ------
    OSError
        A file cannot be read and `unreadable` is not given, or `files` is a single path that does
        not exist.
    TypeError
        `files` is not a path or an iterable of paths.
    """
    found: dict[tuple[Path, str], dict[Path, tuple[int, int]]] = {}
    for file in _expanded(files):
        try:
            format = tracker_format(file)
        except OSError as error:
            if unreadable is None:
                raise
            unreadable[file] = error
            continue
        if format is not None:
            rank = (FORMATS.index(format), format.suffixes.index(file.suffix))
            found.setdefault((file.parent, file.stem), {})[file] = rank
    return {min(ranks, key=ranks.__getitem__): list(ranks) for ranks in found.values()}


def as_paths(files: Paths) -> list[Path]:
    """Return a path or several paths as a list; raise TypeError for anything else."""
    if isinstance(files, (str, PathLike)):
        return [Path(files)]
    # Labels and Recording are iterable mappings, too
    if isinstance(files, Iterable) and (isinstance(files, dict) or not isinstance(files, Mapping)):
        return [_path(file) for file in files]
    raise wrong_type("a path, or a list of paths", files)


def _path(file: Any) -> Path:
    if not isinstance(file, (str, PathLike)):
        raise wrong_type("paths", file)
    return Path(file)


def _expanded(files: Paths) -> Iterator[Path]:
    """Yield the files, with folders replaced by the files in them."""
    for path in as_paths(files):
        if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises an error in Python < 3.14
            yield from walk(path)
        else:
            yield path
    if isinstance(files, (str, PathLike)):
        Path(files).stat()  # a missing single file is an error whatever its suffix


def recordings_in(folder: Path) -> dict[str, list[Path]]:
    """Find the recordings in a folder, without subfolders, as `find_recordings` does.

    Returns
    -------
    dict
        Stem -> the files of the recording. Files that cannot be read are skipped. The result is
        empty if `folder` is not a folder.
    """
    if not folder.is_dir():
        return {}
    # not file.is_file(), which may raise an error in Python < 3.14
    files = (file for file in folder.glob("[!.]*") if os.path.isfile(file))  # noqa: PTH113
    return {main.stem: parts for main, parts in find_recordings(sorted(files), {}).items()}


def recording_stem(label_file: str, stems: Collection[str]) -> str | None:
    """Return the stem of the recording that a label file belongs to; None if it is ambiguous.

    Parameters
    ----------
    label_file : str
        Name of the label file, e.g. ``<stem>.predicted.label``. With a single recording in the
        folder, any name belongs to it.
    stems : set, or keys of a dict
        Stems of the recordings in the folder.
    """
    if len(stems) == 1:
        return next(iter(stems))
    parts = label_file.split(".")
    longest_first = (".".join(parts[:n]) for n in range(len(parts) - 1, 0, -1))
    return next((stem for stem in longest_first if stem in stems), None)


def companions(path: str | PathLike[str]) -> list[Path]:
    """Return the other existing files of the recording that a tracker file belongs to."""
    path = Path(path)
    siblings = [
        path.with_suffix(other) for near in suffix_formats(path)[:1] for other in near.suffixes
    ]
    return [file for file in siblings if file != path and file.is_file()]


def is_label_file(path: str | PathLike[str]) -> bool:
    """Return whether a file is a label file, by its suffix and, for ``.json``, its first bytes.

    Raises
    ------
    OSError
        A ``.json`` file cannot be read.
    """
    path = Path(path)
    if path.suffix != ".json":
        return path.suffix in LABEL_SUFFIXES
    start = b"".join(_head(path).split())
    return start.startswith((b'{"metadata":{"id":', b'{"runs":{')) or (
        start.startswith(b"{") and b'"runs":{"' in start and b'{"metadata":{"id":' in start
    )
