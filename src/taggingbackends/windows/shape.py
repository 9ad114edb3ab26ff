"""Windows: the spines of a larva at even times around an anchor; and taggers that look at them."""

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
    """How windows are cut.

    Parameters
    ----------
    duration : float
        Seconds; ``duration * framerate`` frames, a whole number from 1.
    framerate : float
        Frames a second.
    margin : float or (float, float)
        Seconds added before and after; ``margin * framerate`` frames, whole numbers.
    max_gap : float, optional
        Seconds; a track does not cover a window in which two frames are further apart than that.
        By default it is that of a recording's tracks (see `for_tracks`), and of the one track that
        `fits` or `predict_frames` gets if it was not asked for.

    Attributes
    ----------
    frames : int
        Of the duration.
    margin_frames : (int, int)
        Before and after.
    anchor_frame : int
        Index of the anchor's frame in a window: ``margin_frames[0] + frames // 2``.
    offsets : (n,) float64 array
        Seconds from the anchor to each frame of a window, margins included.

    Raises
    ------
    ValueError
        Parameters that are no such numbers.
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
        # from integers: errors would add up in a sum
        offsets = (np.arange(before + frames + after) - anchor) / self.framerate
        values = {"frames": frames, "margin_frames": (before, after), "anchor_frame": anchor}
        for name, value in (values | {"offsets": offsets}).items():
            object.__setattr__(self, name, value)

    def for_tracks(self, tracks: Iterable[Track]) -> WindowShape:
        """Return the shape with a `max_gap`: its own, or that of a recording's tracks.

        Parameters
        ----------
        tracks : iterable of Track
            All tracks of a recording: ``recording.values()``.

        Returns
        -------
        WindowShape
            Without a `max_gap` of its own, a shape gets the longer of 1 s and 5 median frame
            intervals of the tracks.
        """
        if self.max_gap is not None:
            return self
        return replace(self, max_gap=default_max_gap(tracks))

    def fits(self, times: NDArray[np.float64], anchors: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell around which anchors a track covers the whole window.

        Parameters
        ----------
        times : (n,) float64 array
            Of the track, s, strictly increasing.
        anchors : (m,) float64 array
            s.

        Returns
        -------
        (m,) bool array
            True where the window lies between the first and the last frame, within 1 ns, and
            meets no gap.
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
            # the gap that ends after the start
            gap = np.searchsorted(closes[:-1], start + SAME_TIME, "right")
            inside &= np.append(opens, np.inf)[gap] >= stop - SAME_TIME
        return inside

    def cut(
        self,
        times: NDArray[np.float64],
        spine: NDArray[np.float64],
        anchors: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Interpolate the spine linearly at the times of the windows around anchors that fit.

        Parameters
        ----------
        times : (n,) float64 array
            Of the track, s, strictly increasing.
        spine : (n, points, 2) float64 array
        anchors : (m,) float64 array
            s.

        Returns
        -------
        (m, len(offsets), points, 2) float64 array
        """
        at = (anchors[:, None] + self.offsets).ravel()
        values = interpolate(times, spine, at)
        return values.reshape(len(anchors), len(self.offsets), *spine.shape[1:])


def complete_frames(track: Track) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the frames of a track whose spine lacks no value; windows are cut from these.

    Parameters
    ----------
    track : Track
        With a spine.

    Returns
    -------
    times : (n,) float64 array
        s.
    spine : (n, points, 2) float64 array
        mm.

    Raises
    ------
    ValueError
        A track without a spine.
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
    """Predict something for every frame of a track from the window around it.

    The windows are those of a training set of the same shape. Where none fits, as at the ends of
    the track and beside gaps, a frame gets what was predicted for the nearest frame that has one,
    the earlier of two.

    Parameters
    ----------
    track : Track
        With a spine. Frames whose spine lacks a value are left out.
    shape : WindowShape
        E.g. that of the plan of the training set,
        ``plan.shape.for_tracks(recording.values())``: gaps are then those of the recording.
    predict : callable
        ``predict(windows)``, of windows (m, n, points, 2), mm, gives an array of m rows: codes,
        probabilities... What it gives for a window must not depend on the others.
    batch : int
        Windows cut at once, 1 or more.

    Returns
    -------
    times : (k,) float64 array
        Of the complete frames, s.
    predicted : (k, ...) array
        A row each. If no window fits into the track, both are empty.

    Raises
    ------
    ValueError
        A track without a spine.
    """
    times, spine = complete_frames(track)
    shape = shape.for_tracks([track])
    anchors = times[shape.fits(times, times)]
    if len(anchors) == 0:
        return np.empty(0), np.empty(0)
    predicted = np.concatenate(
        [
            predict(shape.cut(times, spine, anchors[start : start + batch]))
            for start in range(0, len(anchors), batch)
        ]
    )
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
