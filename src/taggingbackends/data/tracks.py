"""Recordings of tracked larvae, whatever tracker made them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taggingbackends.data.formats import (
    FORMATS,
    find_recordings,
    format_of,
    is_label_file,
    suffix_formats,
)
from taggingbackends.errors import TrackFileError, shown
from taggingbackends.labels import Labels

__all__ = ["Recording", "Track", "load_tracks"]


@dataclass(frozen=True)
class Track:
    """The shape of one larva over time.

    Attributes
    ----------
    times : (n,) float64 array
        Seconds, strictly increasing.
    spine : (n, points, 2) float64 array or None
        Midline, in mm, points in the order of the file; None if not loaded.
    outline : (total points, 2) float64 array or None
        The contours of all frames, one after the other, in mm; None if not loaded.
    outline_offsets : (n + 1,) int64 array or None
        The contour of frame i is ``outline[outline_offsets[i]:outline_offsets[i + 1]]``.
    indicators : dict of str to (n,) array
        Per-frame indicators of actions, in the formats that carry them.
    """

    times: NDArray[np.float64]
    spine: NDArray[np.float64] | None = None
    outline: NDArray[np.float64] | None = None
    outline_offsets: NDArray[np.int64] | None = None
    indicators: dict[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True, eq=False)
class Recording(Mapping[int, Track]):
    """The larvae of one run: larva identifier -> `Track`.

    Attributes
    ----------
    run : str
        The run's identifier, typically ``date_time``.
    tracks : dict
        Larva identifier -> Track, in the order of the file.
    metadata : dict
        What the file or its name says about the recording.
    format : str
        The name of the format.
    sources : tuple of Path
        The files read.
    """

    run: str
    tracks: dict[int, Track]
    metadata: dict[str, Any]
    format: str
    sources: tuple[Path, ...]
    own_labels: Labels = field(default_factory=Labels, repr=False)

    def labels(self) -> Labels:
        """Return the labels that the loaded file itself carries; empty if it carries none."""
        return self.own_labels

    def __getitem__(self, larva: int) -> Track:
        return self.tracks[larva]

    def __iter__(self) -> Iterator[int]:
        return iter(self.tracks)

    def __len__(self) -> int:
        return len(self.tracks)

    def __repr__(self) -> str:
        frames = sum(map(len, self.tracks.values()))
        return f"<Recording {self.run} ({self.format}): {len(self)} larvae, {frames} frames>"


def load_tracks(path: str | PathLike[str], **options: Any) -> Recording:
    """Load the recording that a file belongs to.

    Parameters
    ----------
    path : path
        A tracker file of any format in ``taggingbackends.data.FORMATS``, or a label file: then the
        tracker files that it depends on are checked and loaded, and `Recording.labels` gives its
        labels.
    **options
        Of the format; those of other formats are left out of account. ``spine=False`` or
        ``outline=False`` leaves that one out. FIMTrack's tables need ``pixelsize``, in µm, and take
        ``framerate``, in frames/s, and ``radii``, in pixels
        (`taggingbackends.data.fimtrack.load`), unless a label file's metadata tells these; None is
        for what this tells. ``labels`` is of trx.mat (`taggingbackends.data.trxmat.load`).

    Raises
    ------
    TrackFileError
        No such format, or a file that breaks its format, with file and line or key.
    LabelFileError
        A bad label file, or one whose dependencies are not beside it.
    OSError
        A file cannot be read.
    TypeError
        An option that no format takes.
    """
    path = Path(path)
    _check_options(options)
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
