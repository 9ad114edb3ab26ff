"""Recordings of tracked larvae, of any tracker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from taggingbackends.errors import shown
from taggingbackends.labels.labels import Labels
from taggingbackends.labels.lookup import check_seconds, frames_between, missing_larva, times_of
from taggingbackends.labels.reprs import html_table, time_range
from taggingbackends.system.files import sha1
from taggingbackends.system.lazy import lazy_function
from taggingbackends.system.names import local_name, utf8_name
from taggingbackends.system.words import counted, printable

if TYPE_CHECKING:
    import xarray

__all__ = ["Recording", "Track", "without_spine"]

_companions = lazy_function("taggingbackends.data.formats", "companions")
_from_xarray = lazy_function("taggingbackends.data.movement", "from_xarray")
_to_xarray = lazy_function("taggingbackends.data.movementexport", "to_xarray")
_write = lazy_function("taggingbackends.data.movementexport", "write")


@dataclass(frozen=True, eq=False, repr=False)
class Track:
    """Shape of one larva over time.

    A slice in seconds selects frames: ``track[3.0:5.0]`` is the track of the frames with
    3 s - 1 ns <= time <= 5 s + 1 ns. Its arrays share memory with those of the whole track.

    Attributes
    ----------
    times : (n,) float64 array
        Times in seconds, strictly increasing.
    spine : (n, points, 2) float64 array or None
        Midline in mm, with points in the order of the file. NaN in frames without a spine, see
        `has_spine`. None if not loaded.
    outline : (total points, 2) float64 array or None
        Outlines of all frames in mm, concatenated. None if not loaded.
    outline_offsets : (n + 1,) int64 array or None
        The outline of frame i is ``outline[outline_offsets[i]:outline_offsets[i + 1]]``; empty if
        the frame has none.
    indicators : dict of str to (n,) bool array
        Whether an action is on in each frame, in formats with indicators.

    Examples
    --------
    >>> import numpy as np
    >>> track = Track(times=np.array([0.0, 0.1, 0.2]), spine=np.zeros((3, 11, 2)))
    >>> track[0.1:0.2].times.tolist()
    [0.1, 0.2]
    >>> track.has_spine.tolist()
    [True, True, True]
    """

    times: NDArray[np.float64]
    spine: NDArray[np.float64] | None = None
    outline: NDArray[np.float64] | None = None
    outline_offsets: NDArray[np.int64] | None = None
    indicators: dict[str, NDArray[Any]] = field(default_factory=dict)

    __iter__: ClassVar[None] = None  # not a sequence of frames

    @property
    def has_spine(self) -> NDArray[np.bool_]:
        """(n,) bool array: whether all values of the frame's spine are finite.

        False everywhere if spines are not loaded.
        """
        if self.spine is None:
            return np.zeros(len(self), dtype=bool)
        return np.asarray(np.isfinite(self.spine).all(axis=(1, 2)))

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, times: slice) -> Track:
        if not isinstance(times, slice):
            problem = f"expected a slice of seconds, track[start:stop], found {shown(times)}"
            raise TypeError(f"{problem}; frame i is track.times[i], track.spine[i]")
        frames = frames_between(self.times, *times_of(times))
        outline, offsets = self.outline, self.outline_offsets
        if outline is not None and offsets is not None:
            offsets = offsets[frames.start : frames.stop + 1]
            outline, offsets = outline[offsets[0] : offsets[-1]], offsets - offsets[0]
        return Track(
            times=self.times[frames],
            spine=None if self.spine is None else self.spine[frames],
            outline=outline,
            outline_offsets=offsets,
            indicators={name: values[frames] for name, values in self.indicators.items()},
        )

    def __repr__(self) -> str:
        parts = [time_range(self.times)]
        if self.spine is not None:
            parts.append(f"spine of {_about_spine(self)}")
        if self.outline is not None:
            parts.append("outline")
        if self.indicators:
            parts.append(counted(len(self.indicators), "indicator"))
        return f"<Track: {', '.join(parts)}>"


@dataclass(frozen=True, eq=False)
class Recording(Mapping[int, Track]):
    """Larvae of one run, as a mapping: larva identifier -> `Track`.

    Attributes
    ----------
    run : str
        Identifier of the run, typically ``date_time``.
    tracks : dict
        Larva identifier -> Track, in the order of the file.
    metadata : dict
        Information about the recording, from the file or its name.
    format : str
        Name of the format.
    sources : tuple of Path
        Files that were read.
    left_out : tuple of str
        What these files contain and the recording does not, counted: ``"12 rows that are not
        used"``. Usually empty.
    run_is_derived : bool
        Whether `run` is the name of the file or of its folder, because the files do not contain
        the run's identifier. A copy elsewhere may then have another one.

    Examples
    --------
    >>> from taggingbackends.simulation import simulate, write_tracks
    >>> from taggingbackends.data import load_tracks
    >>> tracks = simulate(larvae=2, seconds=20, seed=1)
    >>> files = write_tracks("recording", "20240611_101500", tracks)
    >>> recording = load_tracks("recording")
    >>> recording.run, recording.format, len(recording)
    ('20240611_101500', 'Choreography', 2)
    >>> part = recording.crop(5.0, 10.0)
    >>> all(5.0 <= track.times[0] for track in part.values())
    True
    """

    run: str
    tracks: dict[int, Track]
    metadata: dict[str, Any]
    format: str
    sources: tuple[Path, ...]
    own_labels: Labels = field(default_factory=Labels, repr=False)
    left_out: tuple[str, ...] = ()
    run_is_derived: bool = False

    def labels(self) -> Labels:
        """Return the labels that the loaded file contains; empty if it contains none."""
        return self.own_labels

    @property
    def files(self) -> list[Path]:
        """`sources`, and files that belong to them, such as .outline to .spine; if still there."""
        files = [*self.sources, *(_companions(self.sources[0]) if self.sources else ())]
        return [file for file in dict.fromkeys(files) if file.is_file()]

    def other_files(self, names: Mapping[str, str]) -> list[str]:
        """Return the names of the recording's `files`, or [] if one has one of these SHA-1.

        Parameters
        ----------
        names : mapping of str to str
            SHA-1 in lower case -> name of the file, which is looked for first.
        """
        likely = set(map(local_name, names.values()))
        there = sorted(self.files, key=lambda file: file.name not in likely)
        if any(sha1(file) in names for file in there):
            return []
        return [utf8_name(file.name) for file in there]

    def crop(self, start: float, stop: float) -> Recording:
        """Return the frames with start - 1 ns <= time <= stop + 1 ns (times in seconds).

        Larvae without a frame in this range are omitted. The labels are cropped, too. The arrays
        of the tracks share memory with the original ones.

        Parameters
        ----------
        start, stop : float
            Seconds.
        """
        start, stop = check_seconds(start), check_seconds(stop)
        parts = ((larva, track[start:stop]) for larva, track in self.items())
        return replace(
            self,
            tracks={larva: part for larva, part in parts if len(part)},
            metadata=deepcopy(self.metadata),
            own_labels=self.own_labels.crop(start, stop),
        )

    def to_xarray(
        self, framerate: float | None = None, labels: Labels | None = None
    ) -> xarray.Dataset:
        """Return a dataset in the layout that the package movement gives to poses.

        Outlines and indicators are not part of it. Requires the extra `xarray`.

        Parameters
        ----------
        framerate : float, optional
            Frames/s. The tracks are resampled at the times k / framerate, see
            `taggingbackends.data.resample`; labels are those of the nearest frame. By default, the
            times are those of all larvae together, and nothing is interpolated.
        labels : Labels, optional
            Labels of this recording, by default `labels()`. Labels of other frames are left out.

        Returns
        -------
        xarray.Dataset
            - ``position`` (time, space, keypoints, individuals): float64, mm. NaN where a larva is
              not tracked. Keypoints are ``head``, ``spine_1``, ..., ``tail``, or those of
              ``metadata["keypoints"]``. Individuals are ``larva_12`` for larva 12.
            - ``confidence`` (time, keypoints, individuals): NaN, because it is unknown.
            - ``tracked`` (time, individuals): bool, only if there are frames without a spine.
            - coordinate ``labels`` (time, individuals), if there are any: the label as text, empty
              if it is undefined; several are joined by ", ". Its attributes contain the names.
              ``label_confidence`` and ``second_label`` are like it.
            - attributes: ``fps`` if all times are on a grid within 1 ms, ``time_unit`` (seconds),
              ``ds_type``, ``source_software``, ``source_file``, ``run``; ``metadata`` is JSON.

        Raises
        ------
        ValueError
            The larvae have no common times, so that `framerate` is needed; it is not above 0 and
            at most 1000; or the recording has no frames or was loaded without spines.
        MissingKeyError
            The labels are those of other runs.
        TaggingBackendsError
            xarray is not installed.
        """
        ds: xarray.Dataset = _to_xarray(self, framerate, labels)
        return ds

    @classmethod
    def from_xarray(
        cls,
        ds: xarray.Dataset,
        run: str | None = None,
        *,
        spine: Sequence[str] | None = None,
        framerate: float | None = None,
        pixelsize: float | None = None,
    ) -> Recording:
        """Return the recording in a poses dataset of the package movement.

        Parameters
        ----------
        ds : xarray.Dataset
            As movement loads it from files of SLEAP, DeepLabCut, Anipose and others.
        run : str, optional
            Identifier of the run; by default the attribute ``run``, else the name of the file in
            the attribute ``source_file``, or of its folder if that is a date_time.
        spine : sequence of str, optional
            The keypoints that make up the spine, from head to tail. By default all, in their
            order, or reversed if names with ``head`` are last, or those with ``tail`` first.
        framerate : float, optional
            Frames/s, if times are frame numbers and the dataset has no attribute ``fps``.
        pixelsize : float, optional
            Width of a pixel in µm, if the dataset has no attribute ``space_unit`` or coordinates
            in pixels.

        Returns
        -------
        Recording
            The last number in the name of an individual is the larva; the larvae are numbered from
            1 if a name has no number, or two have the same. A larva has the frames in which one of
            its keypoints has coordinates. A spine without all coordinates is missing. ``z`` is left
            out. The coordinate ``labels`` gives `labels()`.

        Raises
        ------
        TrackFileError
            It is another dataset, a unit is missing and not given, keypoints are beside the midline
            or not in order, or there is nothing to name the run.
        TypeError
            `ds` is not a dataset.
        """
        recording: Recording = _from_xarray(
            ds, run, spine=spine, framerate=framerate, pixelsize=pixelsize
        )
        return recording

    def write(
        self,
        path: str | PathLike[str],
        framerate: float | None = None,
        labels: Labels | None = None,
    ) -> None:
        """Write the recording as NetCDF 4, atomically. `load_tracks` and movement read this file.

        Parameters
        ----------
        path : path
            The file, with the suffix ``.nc``. An existing file is replaced.
        framerate, labels : optional
            As for `to_xarray`, which also says what the file contains.

        Raises
        ------
        ValueError, MissingKeyError, TaggingBackendsError
            As for `to_xarray`; or the path has another suffix.
        OSError
            The file cannot be written. An old file is left unchanged.
        """
        _write(self, Path(path), framerate, labels)

    def __getitem__(self, larva: int) -> Track:
        try:
            return self.tracks[larva]
        except KeyError:
            raise missing_larva(larva, self.tracks) from None

    def __contains__(self, larva: object) -> bool:
        return larva in self.tracks

    def __iter__(self) -> Iterator[int]:
        return iter(self.tracks)

    def __len__(self) -> int:
        return len(self.tracks)

    def __repr__(self) -> str:
        larvae = counted(len(self), "larva", "larvae")
        frames = counted(sum(map(len, self.tracks.values())), "frame")
        lacking = without_spine(self.values())
        frames += f", {lacking} without a spine" if lacking else ""
        return f"<Recording {printable(self.run)} ({self.format}): {larvae}, {frames}>"

    def _ipython_key_completions_(self) -> list[int]:
        return list(self)

    def _repr_html_(self) -> str:
        rows = []
        for larva, track in self.items():
            times = track.times[[0, -1]].tolist() if len(track) else ["", ""]
            spine = "" if track.spine is None else _about_spine(track)
            outline = "" if track.outline is None else "loaded"
            rows.append([larva, len(track), *times, spine, outline, ", ".join(track.indicators)])
        header = ["larva", "frames", "from (s)", "to (s)", "spine", "outline", "indicators"]
        return html_table(repr(self)[1:-1], header, rows, len(self))


def without_spine(tracks: Iterable[Track]) -> int:
    """Return the number of frames without a spine, in tracks whose spines are loaded."""
    return sum(len(x) - int(x.has_spine.sum()) for x in tracks if x.spine is not None)


def _about_spine(track: Track) -> str:
    assert track.spine is not None
    lacking = without_spine([track])
    points = counted(track.spine.shape[1], "point")
    return f"{points}, none in {counted(lacking, 'frame')}" if lacking else points
