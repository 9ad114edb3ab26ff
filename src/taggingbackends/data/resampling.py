"""Tracks and states at evenly spaced times."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taggingbackends.data.tracks import Track
from taggingbackends.errors import wrong_type
from taggingbackends.labels.stretches import check_max_gap, default_max_gap, is_gap
from taggingbackends.labels.tracklabels import TrackLabels

__all__ = [
    "SAME_TIME",
    "complete_frames",
    "even_times",
    "interpolate",
    "is_covered",
    "nearest",
    "resample",
    "resample_states",
]

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

    Examples
    --------
    >>> even_times([0.03, 0.31], interval=0.1, anchor=0.0).round(3).tolist()
    [0.1, 0.2, 0.3]
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


def resample(
    track: Track, interval: float, anchor: float | None = None, max_gap: float | None = None
) -> Track:
    """Return a track at evenly spaced times, see `even_times`.

    Spines are interpolated linearly between the frames with a spine before and after. Where these
    are further apart than `max_gap`, the result has no spine. Outlines and indicators are those of
    the nearest frame, or of the earlier one if two are equally near. If it is further away than
    `max_gap`, the outline is empty, and indicators are off. Outlines are not interpolated because
    the points of two outlines do not correspond. Nothing is extrapolated.

    Parameters
    ----------
    track : Track
        At any times.
    interval : float
        Seconds, at least 0.001.
    anchor : float, optional
        Seconds; by default the track's first time.
    max_gap : float, optional
        Seconds. By default the longer of 1 s and 5 median frame intervals of the track;
        ``default_max_gap(recording.values())`` is that of the recording.

    Returns
    -------
    Track
        With the same parts. At the time of a frame, within 1 ns, the values are exactly its own. At
        the time of a frame without a spine, the spine is interpolated.

    Raises
    ------
    ValueError
        Invalid interval, anchor or `max_gap`.
    TypeError
        Not a track.

    Examples
    --------
    >>> import numpy as np
    >>> from taggingbackends.data import Track
    >>> spine = np.zeros((3, 11, 2))
    >>> spine[:, :, 0] = [[0.0], [1.0], [2.0]]
    >>> track = resample(Track(np.array([0.0, 0.1, 0.2]), spine), interval=0.05)
    >>> track.times.round(3).tolist()
    [0.0, 0.05, 0.1, 0.15, 0.2]
    >>> track.spine[:, 0, 0].tolist()
    [0.0, 0.5, 1.0, 1.5, 2.0]
    """
    if not isinstance(track, Track):
        fix = "resample the tracks, one by one" if isinstance(track, Mapping) else ""
        raise wrong_type("a Track, such as recording[larva]", track, fix)
    check_max_gap(max_gap)
    if max_gap is None:
        max_gap = default_max_gap([track])
    if anchor is None:
        anchor = track.times[0] if len(track) else 0.0
    times = even_times(track.times, interval, anchor)
    frames = nearest(track.times, times)
    near = ~is_gap(np.abs(track.times[frames] - times), max_gap)
    outline, offsets = track.outline, track.outline_offsets
    if outline is not None and offsets is not None:
        outline, offsets = _take_outlines(outline, offsets, frames, near)
    return Track(
        times=times,
        spine=None if track.spine is None else _spines_at(track, times, max_gap),
        outline=outline,
        outline_offsets=offsets,
        indicators={name: values[frames] * near for name, values in track.indicators.items()},
    )


def resample_states(
    track_labels: TrackLabels, times: ArrayLike, max_gap: float | None = None
) -> NDArray[np.int32]:
    """Return the state of the nearest frame at each time, as a code.

    Parameters
    ----------
    track_labels : TrackLabels
        ``labels[run][larva]``.
    times : (m,) array_like
        Seconds, in any order.
    max_gap : float, optional
        Seconds. By default the longer of 1 s and 5 median frame intervals of the labels.

    Returns
    -------
    (m,) int32 array
        Indices into ``labels[run].states``, like `TrackLabels.codes`. Of two equally near frames
        (within 1 ns), the earlier is taken. 0, undefined, if the nearest frame is further away than
        `max_gap`. -1 outside of the track: more than 1 ns before the first frame or after the last.

    Raises
    ------
    ValueError
        `max_gap` is not above 0.
    TypeError
        `track_labels` are of another type.

    Examples
    --------
    >>> from taggingbackends import Labels
    >>> labels = Labels()
    >>> labels.set("run1", 7, [0.0, 0.1, 0.2, 0.3], ["run", "run", "cast", "run"])
    >>> codes = resample_states(labels["run1"][7], [0.0, 0.14, 0.22])
    >>> [labels["run1"].states[code] for code in codes]
    ['run', 'run', 'cast']
    """
    if not isinstance(track_labels, TrackLabels):
        raise wrong_type("TrackLabels, such as labels[run][larva]", track_labels)
    check_max_gap(max_gap)
    if max_gap is None:
        max_gap = default_max_gap([track_labels])
    at = np.asarray(times, dtype=np.float64)
    frames = nearest(track_labels.times, at)
    codes = np.append(track_labels.codes, np.int32(-1))[frames]  # the last is for no frame
    inside = frames >= 0
    codes[inside] *= ~is_gap(np.abs(track_labels.times[frames[inside]] - at[inside]), max_gap)
    return codes


def complete_frames(track: Track) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the frames of a track that have a spine.

    Parameters
    ----------
    track : Track
        A track with spines.

    Returns
    -------
    times : (n,) float64 array
        Seconds.
    spine : (n, points, 2) float64 array
        Millimetres.

    Raises
    ------
    ValueError
        The track was loaded without spines.
    """
    if track.spine is None:
        raise ValueError("expected a track with a spine, found one that was loaded without")
    complete = track.has_spine
    if complete.all():
        return track.times, track.spine
    return track.times[complete], track.spine[complete]


def is_covered(
    times: NDArray[np.float64],
    start: NDArray[np.float64],
    stop: NDArray[np.float64],
    max_gap: float,
) -> NDArray[np.bool_]:
    """Return which intervals are between the first and the last frame and overlap no gap.

    Parameters
    ----------
    times : (n,) float64 array
        Times of the frames, s, strictly increasing.
    start, stop : (m,) float64 array
        Ends of each interval, s, with a tolerance of 1 ns; an interval may be a time.
    max_gap : float
        Seconds.
    """
    if len(times) == 0:
        return np.zeros(len(start), dtype=bool)
    inside: NDArray[np.bool_] = (start >= times[0] - SAME_TIME) & (stop <= times[-1] + SAME_TIME)
    gaps = np.flatnonzero(is_gap(np.diff(times), max_gap))
    if len(gaps):
        opens, closes = times[gaps], times[gaps + 1]
        # first gap that ends after the start
        gap = np.searchsorted(closes, start + SAME_TIME, "right")
        inside &= np.append(opens, np.inf)[gap] >= stop - SAME_TIME
    return inside


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


def _spines_at(track: Track, times: NDArray[np.float64], max_gap: float) -> NDArray[np.float64]:
    """Interpolate the spines of a track; NaN in gaps and before the first and after the last."""
    own, spine = complete_frames(track)
    inside = is_covered(own, times, times, max_gap)
    if inside.all():
        return interpolate(own, spine, times)
    found = np.full((len(times), *spine.shape[1:]), np.nan)
    found[inside] = interpolate(own, spine, times[inside])
    return found


def _take_outlines(
    outline: NDArray[np.float64],
    offsets: NDArray[np.int64],
    frames: NDArray[np.intp],
    near: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the outlines of some frames, one after the other, and their offsets.

    The outline is empty where `near` is False.
    """
    points = np.diff(offsets)[frames] * near
    taken = np.concatenate(([0], np.cumsum(points)))
    shift = np.repeat(offsets[frames] - taken[:-1], points)
    return outline[np.arange(taken[-1]) + shift], taken
