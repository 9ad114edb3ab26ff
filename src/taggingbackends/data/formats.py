"""The registry of tracker files: recognize cheaply, then parse. Imports nothing heavy."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from taggingbackends.errors import wrong_type
from taggingbackends.system.files import walk
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

_HEAD = 1024  # bytes that a format is recognized by


class Format(NamedTuple):
    """A tracker's file format.

    Attributes
    ----------
    name : str
        For people, and ``Recording.format``.
    suffixes : tuple of str
        The files that make up a recording, told apart by suffix; the first that is there is the
        one to load.
    recognize : callable
        ``recognize(head)`` tells from the first bytes of a file whether it is of this format.
    load : callable
        ``load(path, **options)`` gives the `Recording`.
    beginning : str
        What such a file begins with, for errors.
    specific : bool
        Nothing else has these suffixes: a file that is not recognized is a broken one.
    options : tuple of str
        The options that `load` takes.
    options_from : callable
        ``options_from(metadata)`` gives the options of `load` that a label file's metadata, that of
        a run, tells; those of the caller go before.
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
        recognize=lambda head: bool(re.match(rb",larva\(\d+\)(,|\r?\n|\Z)", head)),
        load=lazy_function("taggingbackends.data.fimtrack", "load"),
        beginning="a line `,larva(0),larva(1),...`",
        options=("spine", "outline", "framerate", "pixelsize", "radii"),
        options_from=lazy_function("taggingbackends.data.fimtrack", "options_from"),
    ),
]
"""All formats; a backend appends its own."""


def suffix_formats(path: str | PathLike[str]) -> list[Format]:
    """Return the formats that have the file's suffix."""
    suffix = Path(path).suffix
    return [format for format in FORMATS if suffix in format.suffixes]


def format_of(path: str | PathLike[str]) -> Format | None:
    """Return the format of a file, by its suffix and its first bytes; None if it has none.

    Raises
    ------
    OSError
        The file has the suffix of a tracker's file but cannot be read.
    """
    path = Path(path)
    near = suffix_formats(path)
    if not near:
        return None
    head = _head(path)
    return next((format for format in near if format.recognize(head)), None)


def tracker_format(path: Path) -> Format | None:
    """Return the format that a file counts as in a folder, None if it is no tracker file.

    A file that is not recognized counts by its suffix if nothing else has that suffix.
    """
    broken = (format for format in suffix_formats(path) if format.specific)
    return format_of(path) or next(broken, None)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        try:
            return file.read(_HEAD)
        except OSError as error:  # a failed read does not say of which file
            raise OSError(error.errno, error.strerror, str(path)) from None


def find_recordings(
    files: Paths, unreadable: dict[Path, OSError] | None = None
) -> dict[Path, list[Path]]:
    """Find the recordings among files.

    The tracker files of one stem in one folder are one recording. If they are in several formats,
    the format that comes first in `FORMATS` is the one to load.

    Parameters
    ----------
    files : path, or iterable of path
        Files of any kind, e.g. ``backend.list_input_files()``. A folder stands for the files in it
        and below, without hidden ones.
    unreadable : dict, optional
        Gets the files that cannot be read, each with its error. Without it, the error is raised.

    Returns
    -------
    dict
        The file to hand to `load_tracks` -> all the files of that recording, in order of
        appearance.

    Raises
    ------
    OSError
        A file cannot be read, and there is no `unreadable`; or there is no file of the one name
        that is given.
    TypeError
        Not paths.
    """
    found: dict[tuple[Path, str], list[tuple[tuple[int, int], Path]]] = {}
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
            found.setdefault((file.parent, file.stem), []).append((rank, file))
    return {min(ranked)[1]: [file for _, file in ranked] for ranked in found.values()}


def as_paths(files: Paths) -> list[Path]:
    """Return the path, or the paths, as a list; a TypeError if they are none."""
    if isinstance(files, (str, PathLike)):
        return [Path(files)]
    # labels and recordings are mappings, and iterable as well
    if isinstance(files, Iterable) and (isinstance(files, dict) or not isinstance(files, Mapping)):
        return [_path(file) for file in files]
    raise wrong_type("a path, or a list of paths", files)


def _path(file: Any) -> Path:
    if not isinstance(file, (str, PathLike)):
        raise wrong_type("paths", file)
    return Path(file)


def _expanded(files: Paths) -> Iterator[Path]:
    """Yield files, and those in folders."""
    for path in as_paths(files):
        if path.is_dir():
            yield from walk(path)
        else:
            yield path
    if isinstance(files, (str, PathLike)):
        Path(files).stat()  # among many files, one that is not there may be of no format


def recordings_in(folder: Path) -> dict[Path, list[Path]]:
    """Find the recordings right in a folder, as `find_recordings` does; none if it is no folder.

    Files that cannot be read are left out.
    """
    if not folder.is_dir():
        return {}
    return find_recordings(sorted(file for file in folder.glob("[!.]*") if file.is_file()), {})


def recording_stem(label_file: str, stems: Collection[str]) -> str | None:
    """Return the stem of the recording that a label file is for, None if that is not clear.

    Parameters
    ----------
    label_file : str
        Its name: ``<stem>.predicted.label`` tells; any name does where there is one recording only.
    stems : collection of str
        Of the recordings in the folder.
    """
    if len(stems) == 1:
        return next(iter(stems))
    fitting = [stem for stem in stems if label_file.startswith(f"{stem}.")]
    return max(fitting, key=len, default=None)


def companions(path: str | PathLike[str]) -> list[Path]:
    """Return the existing files that belong to the same recording as a tracker file."""
    path = Path(path)
    siblings = [
        path.with_suffix(other) for near in suffix_formats(path)[:1] for other in near.suffixes
    ]
    return [file for file in siblings if file != path and file.is_file()]


def is_label_file(path: str | PathLike[str]) -> bool:
    """Tell a label file by its extension and, for ``.json``, by how it begins."""
    path = Path(path)
    if path.suffix != ".json":
        return path.suffix in LABEL_SUFFIXES
    start = b"".join(_head(path).split())
    return start.startswith((b'{"metadata":{"id":', b'{"runs":{')) or (
        start.startswith(b"{") and b'"runs":{"' in start and b'{"metadata":{"id":' in start
    )
