"""Stretches (frames of a larva without a gap) and spans (consecutive frames in one state).

This module defines gaps and the duration of frames for all code that counts or draws labels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from taggingbackends.errors import LabelFileError
from taggingbackends.labels.runlabels import RunLabels, check_run_labels
from taggingbackends.labels.states import labels_of

__all__ = [
    "Spans",
    "Stretches",
    "check_max_gap",
    "columns_of",
    "default_max_gap",
    "find_spans",
    "find_stretches",
    "is_gap",
    "label_pairs",
]

_LEAST = 1.0  # s
_INTERVALS = 5  # median frame intervals
_LARGEST = 2**53 / 1000  # s; doubles beyond do not hold milliseconds
_SAME = 1e-6  # s; below the milliseconds of label files, above the rounding errors of times

_COLUMNS = ("tracks", "stretches", "states", "frames", "start", "last", "stop")  # of spans


class _Timed(Protocol):
    @property
    def times(self) -> NDArray[np.float64]: ...


@dataclass(frozen=True, eq=False)
class Stretches:
    """Stretch and end of each frame.

    Attributes
    ----------
    numbers : (n,) int64 array
        0-based number of the frame's stretch.
    ends : (n,) float64 array
        End of the frame, s. A frame lasts until the larva's next frame. The last frame of a stretch
        lasts for the frame interval, but not beyond the larva's next frame.
    interval : float
        Median frame interval over all tracks, s; 1 if no track has two frames.
    """

    numbers: NDArray[np.int64]
    ends: NDArray[np.float64]
    interval: float


@dataclass(frozen=True, eq=False)
class Spans:
    """The spans of a run, as columns.

    A span is a longest series of consecutive frames of a stretch in one state. Unlike bouts, spans
    of a larva do not overlap. Within a stretch, each span begins where the span before ends.

    Spans are sorted by larva (in the order of the run), then by time.

    Attributes
    ----------
    tracks : (n,) int64 array
        0-based index of the larva in the run.
    stretches : (n,) int64 array
        0-based number of the stretch in the run.
    states : (n,) int64 array
        Index into the run's `states`; 0: undefined.
    frames : (n,) int64 array
        Number of frames.
    start, last : (n,) float64 array
        Times of the first and the last frame, s.
    stop : (n,) float64 array
        End of the last frame, s; ``stop - start`` is the duration.
    interval : float
        Median frame interval, s; 1 if no track has two frames.

    Examples
    --------
    >>> from taggingbackends import Labels
    >>> from taggingbackends.labels import find_spans
    >>> labels = Labels()
    >>> labels.set("run1", 7, [0.0, 0.1, 0.2, 0.3], ["run", "run", "cast", "run"])
    >>> spans = find_spans(labels["run1"])
    >>> (spans.stop - spans.start).round(3).tolist()
    [0.2, 0.1, 0.1]
    """

    tracks: NDArray[np.int64]
    stretches: NDArray[np.int64]
    states: NDArray[np.int64]
    frames: NDArray[np.int64]
    start: NDArray[np.float64]
    last: NDArray[np.float64]
    stop: NDArray[np.float64]
    interval: float

    def __len__(self) -> int:
        return len(self.tracks)

    def __getitem__(self, places: NDArray[np.integer]) -> Spans:
        """Return the spans at some places, given by 0-based indices, as columns."""
        columns = {
            name: column[places] for name, column in vars(self).items() if name != "interval"
        }
        return Spans(**columns, interval=self.interval)

    def split(
        self, edges: NDArray[np.float64]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
        """Divide the spans among successive time bins.

        Parameters
        ----------
        edges : (bins + 1,) float64 array
            Limits of the bins, s, increasing. Parts of spans outside the bins are ignored.

        Returns
        -------
        spans, bins : (m,) intp array
            0-based indices of each pair of a span and a bin that overlap by more than 1 ns, in the
            order of the spans.
        seconds : (m,) float64 array
            Duration of the overlap, s.
        """
        first = (np.searchsorted(edges, self.start, "right") - 1).clip(min=0)
        last = (np.searchsorted(edges, self.stop, "left") - 1).clip(max=len(edges) - 2)
        counts = (last - first + 1).clip(min=0)
        spans = np.repeat(np.arange(len(self)), counts)
        bins = np.arange(len(spans)) - np.repeat(np.cumsum(counts) - counts - first, counts)
        seconds = np.minimum(edges[bins + 1], self.stop[spans])
        seconds -= np.maximum(edges[bins], self.start[spans])
        kept = seconds > 1e-9
        return spans[kept], bins[kept], seconds[kept]


def default_max_gap(tracks: Iterable[_Timed]) -> float:
    """Return the largest gap within a stretch: the longer of 1 s and 5 median frame intervals.

    Parameters
    ----------
    tracks : iterable of tracks
        All tracks of a recording, e.g. ``recording.values()``, or of its labels. Each has `times`
        (s).

    Returns
    -------
    float
        Seconds; 1 if no track has two frames.

    Examples
    --------
    >>> from taggingbackends.data import Track
    >>> default_max_gap([Track([0.0, 0.08, 0.16])])
    1.0
    >>> default_max_gap([Track([0.0, 0.5, 1.0])])
    2.5
    """
    steps = [np.diff(track.times) for track in tracks]
    return _rule(_median(np.concatenate([np.empty(0), *steps])))


def is_gap(steps: NDArray[np.float64], max_gap: float) -> NDArray[np.bool_]:
    """Return which steps between successive frames of a track (s) are longer than `max_gap`."""
    gaps: NDArray[np.bool_] = steps > max_gap + _SAME
    return gaps


def check_max_gap(max_gap: float | None) -> None:
    """Raise ValueError unless `max_gap` is None or above 0."""
    if max_gap is not None and not max_gap > 0:
        raise ValueError(f"expected a max_gap above 0 s, found {max_gap!r}")


def find_stretches(
    tracks: NDArray[np.int64], times: NDArray[np.float64], max_gap: float | None = None
) -> Stretches:
    """Find the stretches in concatenated tracks.

    Parameters
    ----------
    tracks : (n,) int64 array
        Track of each frame.
    times : (n,) float64 array
        Time of each frame, s, strictly increasing within a track.
    max_gap : float, optional
        Longest step between successive frames of a stretch, s. Default: see `default_max_gap`.

    Raises
    ------
    ValueError
        `max_gap` is not above 0.
    """
    check_max_gap(max_gap)
    steps = np.diff(times)
    same = tracks[1:] == tracks[:-1]
    interval = _median(steps[same])
    if max_gap is None:
        max_gap = _rule(interval)
    if interval is None:
        interval = 1.0
    begins = ~same | is_gap(steps, max_gap)
    numbers = np.zeros(len(times), dtype=np.int64)
    np.cumsum(begins, out=numbers[1:])
    ends = np.roll(times, -1)  # a frame ends where the next one begins
    last = np.flatnonzero(np.append(begins, True))[: len(times)]
    ends[last] = times[last] + interval
    gaps = last[:-1][same[last[:-1]]]
    ends[gaps] = np.minimum(ends[gaps], times[gaps + 1])
    return Stretches(numbers, ends, interval)


def find_spans(run: RunLabels, max_gap: float | None = None) -> Spans:
    """Find the spans of a run.

    Parameters
    ----------
    run : RunLabels
        The labels.
    max_gap : float, optional
        Longest step between successive frames of a stretch, s. By default the longer of 1 s and
        5 median frame intervals.

    Returns
    -------
    Spans

    Raises
    ------
    LabelFileError
        ``bad-time``: a time is so large that no double holds it in milliseconds.
    ValueError
        `max_gap` is not above 0.

    Examples
    --------
    >>> from taggingbackends import Labels
    >>> labels = Labels()
    >>> labels.set("run1", 7, [0.0, 0.1, 0.2, 5.0], ["run", "run", "cast", "run"])
    >>> spans = find_spans(labels["run1"])
    >>> spans.stretches.tolist()  # 4.8 s without a frame are a gap
    [0, 0, 1]
    >>> spans.frames.tolist()
    [2, 1, 1]
    """
    tracks, times, codes = columns_of(run)
    stretches = find_stretches(tracks, times, max_gap)
    numbers = stretches.numbers
    begins = np.ones(len(times), dtype=bool)
    begins[1:] = (numbers[1:] != numbers[:-1]) | (codes[1:] != codes[:-1])
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(times))[: len(first)] - 1
    return Spans(
        tracks=tracks[first],
        stretches=numbers[first],
        states=codes[first].astype(np.int64),
        frames=last - first + 1,
        start=times[first],
        last=times[last],
        stop=stretches.ends[last],
        interval=stretches.interval,
    )


def columns_of(
    run: RunLabels,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int32]]:
    """Return the frames of all tracks, concatenated.

    Returns
    -------
    tracks : (n,) int64 array
        0-based index of the larva in the run.
    times : (n,) float64 array
        Seconds.
    codes : (n,) int32 array
        Index into the run's `states`.

    Raises
    ------
    LabelFileError
        ``bad-time``: a time is so large that no double holds it in milliseconds. Such a time can be
        read, but durations have no meaning.
    """
    check_run_labels(run)
    sizes = [len(track) for track in run.values()]
    tracks = np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)
    times = np.concatenate([np.empty(0), *(track.times for track in run.values())])
    codes = np.concatenate([np.empty(0, np.int32), *(track.codes for track in run.values())])
    beyond = np.abs(times) > _LARGEST
    if beyond.any():
        at = int(beyond.argmax())
        problem = f"expected a time within {_LARGEST:.3g} s of 0, found {times[at]}"
        larva = list(run)[tracks[at]]
        index = at - int(np.searchsorted(tracks, tracks[at]))
        raise LabelFileError("bad-time", problem, run=run.id, track=larva, index=index)
    return tracks, times, codes


def label_pairs(
    run: RunLabels, states: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Return each pair of an element of `states` and one of its labels.

    Parameters
    ----------
    run : RunLabels
        The labels.
    states : (n,) int64 array
        Indices into the run's `states`.

    Returns
    -------
    places : (m,) intp array
        0-based index into `states`, in order.
    labels : (m,) int64 array
        0-based index into the names, then the secondary names.
    """
    place = {name: label for label, name in enumerate(run.names + run.secondary_names)}
    # a state that is no longer used may have names that are no longer declared
    labels = [[place.get(name, -1) for name in labels_of(state)] for state in run.states]
    sizes = np.array([len(found) for found in labels], dtype=np.int64)
    begins = np.cumsum(sizes) - sizes
    flat = np.fromiter(chain.from_iterable(labels), np.int64, int(sizes.sum()))
    counts = sizes[states]
    places = np.repeat(np.arange(len(states)), counts)
    within = np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)
    return places, flat[begins[states][places] + within]


def _median(steps: NDArray[np.float64]) -> float | None:
    return float(np.median(steps)) if len(steps) else None


def _rule(interval: float | None) -> float:
    return _LEAST if interval is None else max(_LEAST, _INTERVALS * interval)
