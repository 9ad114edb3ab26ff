"""Spans: the stretches of a track in one state, as pictures show them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from taggingbackends.labels.runlabels import RunLabels

__all__ = ["Spans", "columns_of", "find_spans"]

_GAP = 5  # frame intervals without a frame: the larva was not tracked meanwhile


class Spans(NamedTuple):
    """The spans of a run, column by column: by larva as in the run, then by time.

    A span is as many consecutive frames of a track as are in one state, without a gap (more than
    5 frame intervals) between them. Spans do not overlap, unlike bouts of several labels.

    Attributes
    ----------
    tracks : (n,) int64 array
        0-based index of the larva in the run.
    states : (n,) int64 array
        Index into the run's `states`; 0: undefined.
    frames : (n,) int64 array
        How many frames.
    first, last : (n,) float64 array
        Times of the first and the last frame, s.
    stop : (n,) float64 array
        Until when the last frame lasts, s: the next frame, or one frame interval if there is none
        or a gap before it.
    interval : float
        The frame interval: the median over all tracks, s; 1 if no track has two frames.
    """

    tracks: NDArray[np.int64]
    states: NDArray[np.int64]
    frames: NDArray[np.int64]
    first: NDArray[np.float64]
    last: NDArray[np.float64]
    stop: NDArray[np.float64]
    interval: float

    def __len__(self) -> int:
        return len(self.tracks)

    @property
    def follows(self) -> NDArray[np.bool_]:
        """(n,) bool array: the span before is of the same larva, and there is no gap between."""
        joined = np.zeros(len(self), dtype=bool)
        joined[1:] = (self.tracks[1:] == self.tracks[:-1]) & (self.stop[:-1] == self.first[1:])
        return joined


def find_spans(run: RunLabels) -> Spans:
    """Find the spans of a run."""
    tracks, times, codes = columns_of(run)
    same = tracks[1:] == tracks[:-1]
    steps = np.diff(times)
    interval = float(np.median(steps[same])) if same.any() else 1.0
    follows = same & (steps <= _GAP * interval)
    starts = np.append(True, ~follows | (codes[1:] != codes[:-1]))[: len(codes)]
    first = np.flatnonzero(starts)
    after = np.append(first[1:], len(codes))[: len(first)]
    lasts = np.append(follows, False)[: len(codes)]  # until the next frame
    stop = np.where(lasts, np.append(times[1:], 0.0)[: len(codes)], times + interval)
    return Spans(
        tracks=tracks[first],
        states=codes[first].astype(np.int64),
        frames=after - first,
        first=times[first],
        last=times[after - 1],
        stop=stop[after - 1],
        interval=interval,
    )


def columns_of(
    run: RunLabels,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int32]]:
    """Return the frames of all tracks, one track after the other.

    Returns
    -------
    tracks : (n,) int64 array
        0-based index of the larva in the run.
    times : (n,) float64 array
        s.
    codes : (n,) int32 array
        Index into the run's `states`.
    """
    sizes = [len(track) for track in run.values()]
    tracks = np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)
    times = np.concatenate([np.empty(0), *(track.times for track in run.values())])
    codes = np.concatenate([np.empty(0, np.int32), *(track.codes for track in run.values())])
    return tracks, times, codes
