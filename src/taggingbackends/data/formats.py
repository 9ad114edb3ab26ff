"""Registry of the formats of tracker files.

A format is recognized by a file's suffix and first bytes. The parser is imported when it is used.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from taggingbackends.data.compressed import decompressed_head, is_compressed
from taggingbackends.data.nearmisses import (
    is_own_table,
    reason,
    reason_for_archive,
    reason_for_compressed,
)
from taggingbackends.errors import TrackFileError, shown, wrong_type
from taggingbackends.system.files import Stamp, open_file, stamp, walk
from taggingbackends.system.lazy import lazy_function

if TYPE_CHECKING:
    from taggingbackends.data.tracks import Recording

__all__ = [
    "FORMATS",
    "LABEL_SUFFIXES",
    "Examined",
    "Format",
    "Paths",
    "TrackerName",
    "as_paths",
    "check_format",
    "companions",
    "examined",
    "find_recordings",
    "format_of",
    "has_format",
    "is_label_file",
    "may_be_one",
    "recording_files",
    "recording_stem",
    "recordings_in",
    "several_runs",
    "stem_of",
    "suffix_formats",
    "tracker_format",
    "tracker_name",
]

LABEL_SUFFIXES = (".label", ".labels", ".nyxlabel", ".json")

Paths: TypeAlias = str | PathLike[str] | Iterable[str | PathLike[str]]

_dialect_of = lazy_function("taggingbackends.data.dialect", "dialect_of")

_HEAD = 1024  # bytes read to recognize a format
_LARVA = re.compile(r"\.(\d{5})")  # at the end of the stem of a larva's own file
# what a line may begin with, then a number; or a time without points
_CHOREOGRAPHY = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:[^\s\0]+[ \t]+[-+.,]*\d|\d+[.,]\d+\s)")


class Format(NamedTuple):
    """A tracker's file format.

    Attributes
    ----------
    name : str
        Name for messages and for ``Recording.format``.
    suffixes : tuple of str
        Suffixes of the files that make up a recording, in lower case. Files may have them in upper
        case, and ``.gz`` after them. The file with the first existing suffix is the one to load.
    recognize : callable
        ``recognize(head)`` returns whether the first bytes of a file are of this format. They are
        decompressed if the file is compressed with gzip.
    load : callable
        ``load(path, **options)`` returns the `Recording`.
    beginning : str
        How a file of this format begins, for error messages.
    fix : str
        What to do with another file of the same suffix, for error messages.
    specific : bool
        Whether no other kind of file has these suffixes. A file with such a suffix that is not
        recognized then counts as damaged.
    options : tuple of str
        The options of `load`.
    options_from : callable
        ``options_from(metadata)`` returns the options of `load` that the metadata of a run in a
        label file gives. Options of the caller take precedence.
    per_larva : bool
        Whether a recording may have one file per larva, ``<stem>.00012<suffix>``. The number is
        the larva and has five digits.
    compressed : bool
        Whether `load` reads files that are compressed with gzip.
    runs : callable, optional
        ``runs(path)`` returns the runs of a file, if files of this format may contain several.
    run : callable, optional
        ``run(path)`` returns the run of a file. Files of other formats that have `runs` are other
        forms of the recording if they are in the same folder and contain this run.
    has_labels : bool
        Whether files of this format may contain labels.
    """

    name: str
    suffixes: tuple[str, ...]
    recognize: Callable[[bytes], bool]
    load: Callable[..., Recording]
    beginning: str
    specific: bool = False
    options: tuple[str, ...] = ("spine", "outline")
    options_from: Callable[[Mapping[str, Any]], dict[str, Any]] = lambda metadata: {}
    per_larva: bool = False
    compressed: bool = False
    runs: Callable[[Path], list[str]] | None = None
    run: Callable[[Path], str] | None = None
    fix: str = ""
    has_labels: bool = False


FORMATS: list[Format] = [
    Format(
        name="Choreography",
        suffixes=(".spine", ".outline"),
        recognize=lambda head: bool(_CHOREOGRAPHY.match(head)),
        load=lazy_function("taggingbackends.data.choreography", "load"),
        beginning="a line `date_time larva_id time x1 y1 x2 y2 ...`",
        specific=True,
        per_larva=True,
        compressed=True,
        run=lazy_function("taggingbackends.data.choreography", "run_of"),
        fix="export it with Choreography again",
    ),
    Format(
        name="trx.mat",
        suffixes=(".mat",),
        recognize=lambda head: head.startswith(b"MATLAB 7.3 MAT-file"),
        load=lazy_function("taggingbackends.data.trxmat", "load"),
        beginning="`MATLAB 7.3 MAT-file`",
        options=("spine", "outline", "labels", "run"),
        runs=lazy_function("taggingbackends.data.trxmat", "runs"),
        fix="save it in MATLAB with -v7.3",
        has_labels=True,
    ),
    Format(
        name="FIMTrack",
        suffixes=(".csv",),
        recognize=lambda head: _dialect_of(head) is not None,
        load=lazy_function("taggingbackends.data.fimtrack", "load"),
        beginning="a line `,larva(0),larva(1),...`",
        options=("spine", "outline", "framerate", "pixelsize", "radii"),
        options_from=lazy_function("taggingbackends.data.fimtrack", "options_from"),
        fix="save it with FIMTrack again, or move it if it is another table",
    ),
    Format(
        name="movement",
        suffixes=(".nc",),
        recognize=lambda head: head.startswith(b"\x89HDF\r\n\x1a\n"),
        load=lazy_function("taggingbackends.data.movement", "load"),
        beginning="`\\x89HDF`, as NetCDF 4",
        options=("spine", "outline", "framerate", "pixelsize"),
        options_from=lazy_function("taggingbackends.data.fimtrack", "options_from"),
        fix="save it as NetCDF 4 (ds.to_netcdf(path, engine='h5netcdf'))",
        has_labels=True,
    ),
]
"""All formats. A backend can append its own."""


class TrackerName(NamedTuple):
    """Parts of a tracker file's name."""

    stem: str  # of the recording
    larva: int | None  # of a larva's own file
    suffix: str  # in lower case, without .gz


def tracker_name(path: str | PathLike[str]) -> TrackerName:
    """Return the parts of a file's name; those of `Path` if no format has its suffix."""
    path = path if isinstance(path, Path) else Path(path)
    stem, suffix = path.stem, path.suffix.lower()
    if suffix == ".gz":
        inner = Path(stem)
        stem, suffix = inner.stem, inner.suffix.lower()
    near = _formats_with(suffix)
    if not near:
        return TrackerName(path.stem, None, path.suffix)
    if any(format.per_larva for format in near):
        start, number = stem[:-6], _LARVA.fullmatch(stem[-6:])
        if start and number:
            return TrackerName(start, int(number[1]), suffix)
    return TrackerName(stem, None, suffix)


def stem_of(path: str | PathLike[str]) -> str:
    """Return the stem of the recording that a file belongs to, by the file's name."""
    return tracker_name(path).stem


def _suffixes(format: Format) -> list[str]:
    return [suffix.lower() for suffix in format.suffixes]


def _formats_with(suffix: str) -> list[Format]:
    return [format for format in FORMATS if suffix in _suffixes(format)]


def suffix_formats(path: str | PathLike[str]) -> list[Format]:
    """Return the formats that have the file's suffix."""
    return _formats_with(tracker_name(path).suffix)


def check_format(name: str | None) -> None:
    """Raise ValueError if no format has the name."""
    names = [format.name for format in FORMATS]
    if name is not None and name not in names:
        raise ValueError(f"expected a format out of {', '.join(names)}, found {shown(name)}")


def has_format(path: Path, name: str | None) -> bool:
    """Return whether a file may be in a format, by its suffix, or has none of any format."""
    near = suffix_formats(path) if name is not None else ()
    return not near or name in [format.name for format in near]


def format_of(path: str | PathLike[str]) -> Format | None:
    """Return the format of a file by its suffix and first bytes; None if no format matches.

    Raises
    ------
    OSError
        The file has the suffix of a tracker file but cannot be read.
    """
    return examined(Path(path), archives=False).format


class Examined(NamedTuple):
    """The format of a file, or why it cannot be read although its name is like a tracker file's.

    Attributes
    ----------
    format : Format or None
    error : TrackFileError or None
        The reason, with the fix. None if there is a format, or if the name is another.
    is_own_table : bool
        Whether it is a table that this package writes.
    """

    format: Format | None = None
    error: TrackFileError | None = None
    is_own_table: bool = False


def examined(path: Path, archives: bool = True) -> Examined:
    """Look at the name and the first bytes of a file.

    Parameters
    ----------
    path : Path
        The file. Only its first bytes are read.
    archives : bool
        Whether to look for tracker files in ZIP archives and other compressed files, which are
        never recognized.

    Raises
    ------
    OSError
        The file has the suffix of a tracker file but cannot be read.
    """
    near = suffix_formats(path)
    if not near:
        if not archives:
            return Examined()
        is_zip = path.suffix.lower() == ".zip"
        reason_for = reason_for_archive if is_zip else reason_for_compressed
        why = reason_for(path, lambda name: bool(suffix_formats(name)))
        return Examined(error=TrackFileError(why, file=path) if why else None)
    head = _head(path)
    content = decompressed_head(head, _HEAD)
    known = next((format for format in near if format.recognize(content)), None)
    if known is not None and (known.compressed or not is_compressed(head)):
        return Examined(known)
    if known is not None:
        why = f"expected a plain {known.name} file, found one compressed with gzip"
        why += "; decompress it first (gunzip)"
    else:
        expected = (f"a {one.name} file, which begins with {one.beginning}" for one in near)
        fixes = "; ".join(one.fix for one in near if one.fix)
        why = reason(head, content, " or ".join(expected), fixes)
    return Examined(None, TrackFileError(why, file=path), is_own_table(content))


def tracker_format(path: Path) -> Format | None:
    """Return the format of a file found in a folder; None if it is not a tracker file.

    An unrecognized file counts as a damaged tracker file if its suffix is specific to a format.
    """
    return format_of(path) or _damaged(path)


def _damaged(path: Path) -> Format | None:
    return next((format for format in suffix_formats(path) if format.specific), None)


def _head(path: Path) -> bytes:
    with open_file(path) as file:
        try:
            return file.read(_HEAD)
        except OSError as error:  # the error of a failed read lacks the file's name
            raise OSError(error.errno, error.strerror, str(path)) from None


def several_runs(path: str | PathLike[str]) -> list[str]:
    """Return the runs of a tracker file that contains several runs; otherwise an empty list.

    Raises
    ------
    TrackFileError, OSError
        The runs cannot be read.
    """
    if all(format.runs is None for format in suffix_formats(path)):
        return []  # without opening the file
    format = format_of(path)
    runs = format.runs(Path(path)) if format is not None and format.runs is not None else []
    return runs if len(runs) > 1 else []


def find_recordings(
    files: Paths, unreadable: dict[Path, Exception] | None = None, format: str | None = None
) -> dict[Path, list[Path]]:
    """Find the recordings among files.

    Tracker files with the same stem in the same folder make up one recording. If they are of
    several formats, the format that comes first in `FORMATS` is the one to load. Files of single
    larvae, ``<stem>.00012.spine``, have the stem of their recording. A trx.mat beside files of
    Choreography is passed over if these have the same runs.

    Parameters
    ----------
    files : path, or iterable of path
        Files of any kind, e.g. ``backend.list_input_files()``. A folder stands for all files in it
        and in its subfolders, except hidden ones.
    unreadable : dict, optional
        Collects the files that cannot be read, each with its error. By default, an OSError is
        raised. A TrackFileError says why a file that looks like a tracker file is in no format,
        and how to fix it. ZIP archives with tracker files, and tracker files that are compressed
        otherwise than with gzip, are among these files.
    format : str, optional
        Find only recordings in this format, one of the names in `FORMATS`.

    Returns
    -------
    dict
        The file to pass to `load_tracks` -> all files of that recording, in order of appearance.
        A .spine or .outline file in another format counts: `load_tracks` raises its error.

    Raises
    ------
    OSError
        A file cannot be read and `unreadable` is not given, or `files` is a single path that does
        not exist.
    TypeError
        `files` is not a path or an iterable of paths.
    ValueError
        No format has the name `format`.

    Examples
    --------
    >>> from taggingbackends.simulation import simulate, write_tracks
    >>> tracks = simulate(larvae=2, seconds=20, seed=1)
    >>> files = write_tracks("recording", "20240611_101500", tracks)
    >>> for first, others in find_recordings("recording").items():
    ...     print(first.suffix, [file.suffix for file in others])
    .spine ['.outline', '.spine']
    """
    check_format(format)
    found: dict[tuple[Path, str], dict[Path, tuple[Any, ...]]] = {}
    for file in _expanded(files):
        if not has_format(file, format):
            continue
        try:
            known, error, is_own_table = examined(file, archives=unreadable is not None)
        except OSError as refused:
            if unreadable is None:
                raise
            unreadable[file] = refused
            continue
        if error is not None:
            known = _damaged(file)
            if unreadable is not None and not is_own_table:
                unreadable[file] = error
        if known is not None:
            rank = _rank(file, known, is_damaged=error is not None)
            found.setdefault((file.parent, stem_of(file)), {})[file] = rank
    _remove_other_forms(found)
    recordings = {min(ranks, key=ranks.__getitem__): list(ranks) for ranks in found.values()}
    if unreadable:
        for main, parts in recordings.items():
            for file in parts if main not in unreadable else ():
                if tracker_name(file).larva is not None:  # loading the recording reports it
                    unreadable.pop(file, None)
    return recordings


def _remove_other_forms(found: dict[tuple[Path, str], dict[Path, tuple[Any, ...]]]) -> None:
    """Remove files whose runs are all those of other recordings in the same folder."""
    several = [
        (key, file)
        for key, ranks in found.items()
        for file, rank in ranks.items()
        if FORMATS[rank[0]].runs is not None
    ]
    known: dict[Path, set[str]] = {folder: set() for (folder, _), _ in several}
    for (folder, _), ranks in found.items() if several else ():
        if folder in known:
            main = min(ranks, key=ranks.__getitem__)
            if FORMATS[ranks[main][0]].run is not None:
                known[folder] |= _runs_of(main)
    for key, file in several:
        runs = _runs_of(file) if known[key[0]] else None
        if runs and runs <= known[key[0]]:
            del found[key][file]
            if not found[key]:
                del found[key]


def may_be_one(one: Path, other: Path) -> bool:
    """Return whether files of different stems may be of one recording: they have a common run."""
    if all(format.runs is None for file in (one, other) for format in suffix_formats(file)):
        return False  # without opening the files
    return not _runs_of(one).isdisjoint(_runs_of(other))


def _runs_of(file: Path) -> frozenset[str]:
    """Return the runs of a file; none if its format does not give them, or it cannot be read."""
    try:
        return _known_runs(file, stamp(file))
    except OSError:
        return frozenset()


@lru_cache(maxsize=1024)  # each of many files in a folder is compared with the first ones
def _known_runs(file: Path, seen: Stamp | None) -> frozenset[str]:
    format = format_of(file)
    try:
        if format is not None and format.runs is not None:
            return frozenset(format.runs(file))
        if format is not None and format.run is not None:
            return frozenset([format.run(file)])
    except TrackFileError:  # loading the file raises it again
        pass
    return frozenset()


def _rank(file: Path, format: Format, is_damaged: bool = False) -> tuple[Any, ...]:
    """Return the place of a file among those of one stem; the first one is to be loaded.

    A file of all larvae comes before those of single larvae, then one in its format before a
    damaged one, a plain file before a compressed one, and a suffix in lower case before others.
    """
    name = tracker_name(file)
    is_usual = file.name.endswith(name.suffix)
    return (
        FORMATS.index(format),
        name.larva is not None,
        _suffixes(format).index(name.suffix),
        is_damaged,
        -1 if name.larva is None else name.larva,
        file.suffix.lower() == ".gz",
        not is_usual,
        file.name,
    )


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
    return {stem_of(main): parts for main, parts in find_recordings(sorted(files), {}).items()}


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
    near = suffix_formats(path)[:1]
    usual = [path.with_suffix(suffix) for format in near for suffix in format.suffixes]
    if path in usual and tracker_name(path).larva is None:
        found = [file for file in usual if file != path and file.is_file()]
        if len(found) == len(usual) - 1:  # without listing the folder, which may be large
            return found
    return [file for file in recording_files(path) if file != path]


def recording_files(path: Path) -> list[Path]:
    """Return the existing files of a tracker file's recording, of the format of this file.

    The file to load is the first one. The contents of the files do not matter.
    """
    stem = stem_of(path)
    ranked = []
    for format in suffix_formats(path)[:1]:
        with os.scandir(path.parent) as entries:
            for entry in entries:
                # a comparison of strings excludes nearly all
                if entry.name.startswith(stem):
                    name = tracker_name(entry.name)
                    if name.stem == stem and name.suffix in _suffixes(format) and entry.is_file():
                        file = path.with_name(entry.name)
                        ranked.append((_rank(file, format), file))
    return [file for _, file in sorted(ranked)]


def is_label_file(path: str | PathLike[str]) -> bool:
    """Return whether a file is a label file, by its suffix and, for ``.json``, its first bytes.

    Parameters
    ----------
    path : path
        Of a file. It need not exist, unless it ends in ``.json``.

    Raises
    ------
    OSError
        A ``.json`` file cannot be read.

    Examples
    --------
    >>> from taggingbackends import Labels
    >>> labels = Labels()
    >>> labels.set("run1", 7, [0.0, 0.1, 0.2, 0.3], ["run", "run", "cast", "run"])
    >>> labels.write("a.label")
    >>> is_label_file("a.label")
    True
    """
    path = Path(path)
    if path.suffix != ".json":
        return path.suffix in LABEL_SUFFIXES
    start = b"".join(_head(path).split())
    return start.startswith((b'{"metadata":{"id":', b'{"runs":{')) or (
        start.startswith(b"{") and b'"runs":{"' in start and b'{"metadata":{"id":' in start
    )
