"""Shape of windows, and prediction from windows.

A window holds the spines of a larva at evenly spaced times around an anchor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taggingbackends.data.resampling import SAME_TIME, interpolate, nearest
from taggingbackends.data.tracks import Track
from taggingbackends.labels.stretches import check_max_gap, default_max_gap, is_gap

__all__ = ["WindowShape", "complete_frames", "predict_frames"]


@dataclass(frozen=True)
class WindowShape:
    """Shape of windows: duration, frame rate, margins and longest gap.

    Parameters
    ----------
    duration : float
        Seconds. ``duration * framerate`` must be a whole number, 1 or more.
    framerate : float
        Frames/s, above 0.
    margin : float or (float, float)
        Seconds added on both sides, or before and after. ``margin * framerate`` must be a whole
        number, 0 or more.
    max_gap : float, optional
        Seconds. A track does not cover a window with a longer step between two of its frames.
        Default: that of a recording's tracks, see `for_tracks`. Without a call of `for_tracks`,
        `fits` and `predict_frames` use the default of the one track that they get.

    Attributes
    ----------
    frames : int
        Number of frames of the duration.
    margin_frames : (int, int)
        Number of frames of the margins before and after.
    anchor_frame : int
        0-based index of the anchor's frame in a window: ``margin_frames[0] + frames // 2``.
    offsets : (n,) float64 array
        Time of each frame of a window, margins included, relative to the anchor, s.

    Raises
    ------
    ValueError
        A parameter is invalid.
    """

    duration: float
    framerate: float
    margin: float | tuple[float, float] = 0.0
    max_gap: float | None = None
    frames: int = field(init=False)
    margin_frames: tuple[int, int] = field(init=False)
    anchor_frame: int = field(init=False)
    offsets: NDArray[np.float64] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.framerate) and self.framerate > 0):
            raise ValueError(f"expected a framerate above 0 frames/s, found {self.framerate!r}")
        check_max_gap(self.max_gap)
        margin = self.margin if isinstance(self.margin, tuple) else (self.margin, self.margin)
        if len(margin) != 2:
            raise ValueError(f"expected one margin or (before, after), found {self.margin!r}")
        frames = _whole("duration", self.duration, self.framerate, 1)
        before, after = (_whole("margin", seconds, self.framerate, 0) for seconds in margin)
        anchor = before + frames // 2
        # from integers, to avoid accumulating rounding errors
        offsets = (np.arange(before + frames + after) - anchor) / self.framerate
        values = {"frames": frames, "margin_frames": (before, after), "anchor_frame": anchor}
        for name, value in (values | {"offsets": offsets}).items():
            object.__setattr__(self, name, value)

    def for_tracks(self, tracks: Iterable[Track]) -> WindowShape:
        """Return the shape with a `max_gap`: its own, or the default for a recording's tracks.

        Parameters
        ----------
        tracks : iterable of Track
            All tracks of a recording: ``recording.values()``.

        Returns
        -------
        WindowShape
            The default is the longer of 1 s and 5 median frame intervals of the tracks.
        """
        if self.max_gap is not None:
            return self
        return replace(self, max_gap=default_max_gap(tracks))

    def fits(self, times: NDArray[np.float64], anchors: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return around which anchors a track covers the whole window.

        Parameters
        ----------
        times : (n,) float64 array
            Times of the track's frames, s, strictly increasing.
        anchors : (m,) float64 array
            Times of the anchors, s.

        Returns
        -------
        (m,) bool array
            True if the window is between the first and the last frame, within 1 ns, and overlaps
            no gap.
        """
        max_gap = self.for_tracks([Track(times)]).max_gap
        assert max_gap is not None
        if len(times) == 0:
            return np.zeros(len(anchors), dtype=bool)
        start, stop = anchors + self.offsets[0], anchors + self.offsets[-1]
        first, last = times[0] - SAME_TIME, times[-1] + SAME_TIME
        inside: NDArray[np.bool_] = (start >= first) & (stop <= last)
        gaps = np.flatnonzero(is_gap(np.diff(times), max_gap))
        if len(gaps):
            opens, closes = times[gaps], np.append(times[gaps + 1], np.inf)
            # first gap that ends after the start
            gap = np.searchsorted(closes[:-1], start + SAME_TIME, "right")
            inside &= np.append(opens, np.inf)[gap] >= stop - SAME_TIME
        return inside

    def cut(
        self,
        times: NDArray[np.float64],
        spine: NDArray[np.float64],
        anchors: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Cut windows: interpolate the spine linearly at the times of their frames.

        Parameters
        ----------
        times : (n,) float64 array
            Times of the track's frames, s, strictly increasing.
        spine : (n, points, 2) float64 array
        anchors : (m,) float64 array
            Times of the anchors, s. The windows must fit (see `fits`).

        Returns
        -------
        (m, len(offsets), points, 2) float64 array
        """
        at = (anchors[:, None] + self.offsets).ravel()
        values = interpolate(times, spine, at)
        return values.reshape(len(anchors), len(self.offsets), *spine.shape[1:])


def complete_frames(track: Track) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the frames of a track with a complete spine, from which windows are cut.

    Parameters
    ----------
    track : Track
        A track with a spine.

    Returns
    -------
    times : (n,) float64 array
        Seconds.
    spine : (n, points, 2) float64 array
        Millimetres.

    Raises
    ------
    ValueError
        The track has no spine.
    """
    if track.spine is None:
        raise ValueError("expected a track with a spine, found one that was loaded without")
    complete = np.isfinite(track.spine).all(axis=(1, 2))
    if complete.all():
        return track.times, track.spine
    return track.times[complete], track.spine[complete]


def predict_frames(
    track: Track,
    shape: WindowShape,
    predict: Callable[[NDArray[np.float64]], NDArray[Any]],
    batch: int = 1024,
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Predict a value for every frame of a track from the window around the frame.

    The windows are cut as those of a training set of the same shape. At the ends of the track and
    beside gaps, no window fits around a frame. It gets the prediction for the nearest frame with a
    window, the earlier of two equally near ones.

    Parameters
    ----------
    track : Track
        A track with a spine. Frames with missing spine values are left out.
    shape : WindowShape
        Shape of the windows, e.g. ``plan.shape.for_tracks(recording.values())``: the shape of the
        training set, with the default `max_gap` of the recording.
    predict : callable
        ``predict(windows)`` takes windows (m, n, points, 2), in mm, and returns an array of m rows,
        e.g. codes or probabilities. The result for a window must not depend on the others.
    batch : int
        Number of windows per call of `predict`, 1 or more.

    Returns
    -------
    times : (k,) float64 array
        Times of the complete frames, s.
    predicted : (k, ...) array
        One row per frame. If no window fits in the track, both arrays are empty.

    Raises
    ------
    ValueError
        The track has no spine, `batch` is less than 1, or `predict` does not return one row per
        window.
    """
    if batch < 1:
        raise ValueError(f"expected a batch of 1 window or more, found {batch!r}")
    times, spine = complete_frames(track)
    shape = shape.for_tracks([track])
    anchors = times[shape.fits(times, times)]
    if len(anchors) == 0:
        return np.empty(0), np.empty(0)
    parts = []
    for start in range(0, len(anchors), batch):
        part = anchors[start : start + batch]
        parts.append(np.asarray(predict(shape.cut(times, spine, part))))
        if parts[-1].shape[:1] != part.shape:
            problem = f"expected {len(part)} rows from predict, one per window"
            raise ValueError(f"{problem}, found an array of shape {parts[-1].shape}")
    predicted = np.concatenate(parts)
    return times, predicted[nearest(anchors, times.clip(anchors[0], anchors[-1]))]


def _whole(name: str, seconds: float, framerate: float, least: int) -> int:
    frames = seconds * framerate
    if not (math.isfinite(frames) and abs(frames - round(frames)) < 1e-6 and frames > least - 0.5):
        problem = (
            f"expected {name} * framerate to be a whole number of frames from {least}, found "
            f"{seconds!r} s * {framerate!r} frames/s"
        )
        if math.isfinite(frames):
            problem += f"; try {name}={max(round(frames), least) / framerate!r}"
        raise ValueError(problem)
    return round(frames)
