"""Tracks and states at evenly spaced times."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taggingbackends.data.tracks import Track
from taggingbackends.errors import wrong_type
from taggingbackends.labels.tracklabels import TrackLabels

__all__ = ["SAME_TIME", "even_times", "interpolate", "nearest", "resample", "resample_states"]

SAME_TIME = 1e-9
"""Seconds; times with 3 decimals, and their sums, that differ by less are taken as equal."""

_MIN_INTERVAL = 1e-3  # seconds; label files hold milliseconds


def even_times(times: ArrayLike, interval: float, anchor: float) -> NDArray[np.float64]:
    """Return all times ``anchor + k * interval``, for integers k, between the ends of `times`.

    Parameters
    ----------
    times : (n,) array_like
        Seconds, increasing; only the first and the last are used.
    interval : float
        Seconds, at least 0.001.
    anchor : float
        Seconds; a time of the grid, which may be outside of the track.

    Returns
    -------
    (m,) float64 array
        Seconds, at most 1 ns outside of the track, so that a first or last time is not lost to
        rounding. Empty if no time of the grid is inside.

    Raises
    ------
    ValueError
        Invalid interval or anchor.
    """
    if not (math.isfinite(interval) and interval >= _MIN_INTERVAL):
        raise ValueError(f"expected an interval of at least 0.001 s, found {interval}")
    if not math.isfinite(anchor):
        raise ValueError(f"expected a finite time as anchor, found {anchor}")
    times = np.asarray(times, dtype=np.float64)
    if len(times) == 0:
        return np.empty(0)
    first = math.ceil((times[0] - anchor - SAME_TIME) / interval)
    last = math.floor((times[-1] - anchor + SAME_TIME) / interval)
    # from integers: rounding errors would add up in a sum
    return anchor + np.arange(first, last + 1) * interval


def resample(track: Track, interval: float, anchor: float | None = None) -> Track:
    """Return a track at evenly spaced times, see `even_times`.

    Spines are interpolated linearly between the frames before and after, also across gaps
    (``numpy.diff(track.times)`` shows gaps). Outlines and indicators are those of the nearest
    frame, or of the earlier one if two are equally near. Outlines are not interpolated because the
    points of two outlines do not correspond. Nothing is extrapolated.

    Parameters
    ----------
    track : Track
        At any times.
    interval : float
        Seconds, at least 0.001.
    anchor : float, optional
        Seconds; by default the track's first time.

    Returns
    -------
    Track
        With the same parts. At the time of a frame, within 1 ns, the values are exactly its own.

    Raises
    ------
    ValueError
        Invalid interval or anchor.
    TypeError
        Not a track.
    """
    if not isinstance(track, Track):
        fix = "resample the tracks, one by one" if isinstance(track, Mapping) else ""
        raise wrong_type("a Track, such as recording[larva]", track, fix)
    if anchor is None:
        anchor = track.times[0] if len(track) else 0.0
    times = even_times(track.times, interval, anchor)
    frames = nearest(track.times, times)
    outline, offsets = track.outline, track.outline_offsets
    if outline is not None and offsets is not None:
        outline, offsets = _take_outlines(outline, offsets, frames)
    return Track(
        times=times,
        spine=None if track.spine is None else interpolate(track.times, track.spine, times),
        outline=outline,
        outline_offsets=offsets,
        indicators={name: values[frames] for name, values in track.indicators.items()},
    )


def resample_states(track_labels: TrackLabels, times: ArrayLike) -> NDArray[np.int32]:
    """Return the state of the nearest frame at each time, as a code.

    Parameters
    ----------
    track_labels : TrackLabels
        ``labels[run][larva]``.
    times : (m,) array_like
        Seconds, in any order.

    Returns
    -------
    (m,) int32 array
        Indices into ``labels[run].states``, like `TrackLabels.codes`; 0 is undefined. Of two
        equally near frames (within 1 ns), the earlier is taken. -1 outside of the track: more than
        1 ns before the first frame or after the last.

    Raises
    ------
    TypeError
        `track_labels` are of another type.
    """
    if not isinstance(track_labels, TrackLabels):
        raise wrong_type("TrackLabels, such as labels[run][larva]", track_labels)
    frames = nearest(track_labels.times, np.asarray(times, dtype=np.float64))
    codes = np.append(track_labels.codes, np.int32(-1))  # the last is for no frame
    return codes[frames]


def nearest(times: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the index of the frame nearest to each time, the earlier of two; -1 outside."""
    if len(times) == 0:
        return np.full(at.shape, -1, dtype=np.intp)
    after = np.searchsorted(times, at).clip(max=len(times) - 1)
    before = (after - 1).clip(min=0)
    # differences of rounded times: a tie is one within twice the tolerance
    earlier = at - times[before] <= times[after] - at + 2 * SAME_TIME
    inside = (at >= times[0] - SAME_TIME) & (at <= times[-1] + SAME_TIME)
    return np.where(inside, np.where(earlier, before, after), -1)


def interpolate(
    times: NDArray[np.float64], values: NDArray[np.float64], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Interpolate values of shape (n, ...) linearly, at times inside of the track."""
    after = np.searchsorted(times, at - SAME_TIME).clip(max=len(times) - 1)
    # at a frame, both are that frame: its neighbours, which may lack values, are not used
    before = np.where(np.abs(times[after] - at) <= SAME_TIME, after, after - 1)
    span = np.where(before == after, 1.0, times[after] - times[before])
    weight = ((at - times[before]) / span).reshape(-1, *[1] * (values.ndim - 1))
    start = values[before]
    found: NDArray[np.float64] = values[after]
    # start + weight * (stop - start), in place: spines are large
    found -= start
    found *= weight
    found += start
    return found


def _take_outlines(
    outline: NDArray[np.float64], offsets: NDArray[np.int64], frames: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the outlines of some frames, one after the other, and their offsets."""
    points = np.diff(offsets)[frames]
    taken = np.concatenate(([0], np.cumsum(points)))
    shift = np.repeat(offsets[frames] - taken[:-1], points)
    return outline[np.arange(taken[-1]) + shift], taken
