"""Loads the recording that a file belongs to, whatever tracker made it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from taggingbackends.data.formats import (
    FORMATS,
    find_recordings,
    format_of,
    is_label_file,
    suffix_formats,
)
from taggingbackends.data.tracks import Recording
from taggingbackends.errors import TrackFileError, shown, wrong_type
from taggingbackends.labels.labels import Labels

__all__ = ["load_tracks"]

_NAMED = 5  # recordings that an error lists


def load_tracks(path: str | PathLike[str], **options: Any) -> Recording:
    """Load the recording that a file belongs to.

    Parameters
    ----------
    path : path
        A tracker file of any format in ``taggingbackends.data.FORMATS``, or a label file: then the
        tracker files that it depends on are checked and loaded, and `Recording.labels` gives its
        labels. Or a folder, with the tracker files of one recording in it or below.
    **options
        Of the format; those of other formats are left out of account. ``spine=False`` or
        ``outline=False`` leaves that one out. FIMTrack's tables need ``pixelsize``, in µm, and take
        ``framerate``, in frames/s, and ``radii``, in pixels
        (`taggingbackends.data.fimtrack.load`), unless a label file's metadata tells these; None is
        for what this tells. ``labels`` is of trx.mat (`taggingbackends.data.trxmat.load`).

    Raises
    ------
    TrackFileError
        No such format, or a file that breaks its format, with file and line or key; a folder of no
        recording, or of several.
    LabelFileError
        A bad label file, or one whose dependencies are not beside it.
    OSError
        A file cannot be read.
    TypeError
        An option that no format takes; not a path.
    """
    if not isinstance(path, (str, PathLike)):
        raise wrong_type("the path of a tracker file or a label file", path, _fix(path))
    path = Path(path)
    _check_options(options)
    if path.is_dir():
        path = _only_recording(path)
    if is_label_file(path):
        return _load_labelled(path, options)
    format = format_of(path)
    if format is not None:
        return format.load(path, **{k: v for k, v in options.items() if k in format.options})
    near = suffix_formats(path)
    if near:
        with path.open("rb") as file:
            found = file.read(40).decode(errors="replace")
        expected = " or ".join(
            f"a {one.name} file, which begins with {one.beginning}" for one in near
        )
        problem = f"expected {expected}, found {shown(found)}"
        problem = problem if found else "expected tracks, found an empty file"
        raise TrackFileError(problem, file=path)
    known = ", ".join(suffix for format in FORMATS for suffix in format.suffixes)
    problem = f"expected a tracker file ({known}) or a label file, found suffix {path.suffix!r}"
    raise TrackFileError(problem, file=path)


def _fix(found: Any) -> str:
    if isinstance(found, Recording):
        return "a recording is loaded already"
    if isinstance(found, Labels):
        return "load_tracks of a label file loads the tracker files that it depends on"
    return "find_recordings finds those to load, one by one" if isinstance(found, Iterable) else ""


def _only_recording(folder: Path) -> Path:
    files = list(find_recordings(folder))
    if len(files) != 1:
        names = ", ".join(str(file.relative_to(folder)) for file in files[:_NAMED])
        names += ", ..." if len(files) > _NAMED else ""
        found = f"{len(files)}: {names}; load one by one" if files else "none"
        raise TrackFileError(f"expected one recording in this folder, found {found}", file=folder)
    return files[0]


def _check_options(options: Mapping[str, Any]) -> None:
    known = dict.fromkeys(option for format in FORMATS for option in format.options)
    other = next((option for option in options if option not in known), None)
    if other is not None:
        raise TypeError(f"expected options out of {', '.join(known)}, found {other}")


def _load_labelled(path: Path, options: dict[str, Any]) -> Recording:
    labels = Labels.read(path)
    recordings = find_recordings(labels.check_dependencies(path.parent))
    if len(recordings) != 1 or len(labels) != 1:
        problem = (
            "expected one run that depends on the files of one recording, "
            f"found {len(labels)} runs and {len(recordings)} recordings"
        )
        raise TrackFileError(problem, file=path, key="dependencies")
    file = next(iter(recordings))
    told = next(iter(labels.values())).metadata
    format = format_of(file)
    known = format.options_from(told) if format is not None else {}
    recording = load_tracks(file, **known | {k: v for k, v in options.items() if v is not None})
    metadata = recording.metadata | told
    if isinstance(told.get("camera"), Mapping) and "camera" in recording.metadata:
        metadata["camera"] = told["camera"] | recording.metadata["camera"]  # what was loaded with
    return replace(
        recording,
        metadata=metadata,
        sources=(*recording.sources, path),
        own_labels=labels,
    )
