"""Shape of windows, and prediction from windows.

A window holds the spines of a larva at evenly spaced times around an anchor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taggingbackends.data.resampling import complete_frames, interpolate, is_covered, nearest
from taggingbackends.data.tracks import Track
from taggingbackends.errors import shown
from taggingbackends.labels.stretches import check_max_gap, default_max_gap, is_gap

__all__ = ["WindowShape", "predict_frames"]

_UNKNOWN = np.float64(math.nan)  # confidence
_UNDEFINED = {"U": (), "O": (), "f": math.nan, "i": -1, "u": -1}  # by kind of dtype


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

    Examples
    --------
    >>> shape = WindowShape(duration=2, framerate=10)
    >>> shape.frames
    20
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
        return is_covered(times, anchors + self.offsets[0], anchors + self.offsets[-1], max_gap)

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
            Spines of the frames, mm.
        anchors : (m,) float64 array
            Times of the anchors, s. The windows must fit (see `fits`).

        Returns
        -------
        (m, len(offsets), points, 2) float64 array
        """
        at = (anchors[:, None] + self.offsets).ravel()
        values = interpolate(times, spine, at)
        return values.reshape(len(anchors), len(self.offsets), *spine.shape[1:])


@overload
def predict_frames(
    track: Track,
    shape: WindowShape,
    predict: Callable[[NDArray[np.float64]], ArrayLike],
    batch: int = 1024,
    *,
    undefined: Any = None,
    confidence: Literal[False] = False,
) -> tuple[NDArray[np.float64], NDArray[Any]]: ...
@overload
def predict_frames(
    track: Track,
    shape: WindowShape,
    predict: Callable[[NDArray[np.float64]], tuple[ArrayLike, ArrayLike, ArrayLike]],
    batch: int = 1024,
    *,
    undefined: Any = None,
    confidence: Literal[True],
) -> tuple[NDArray[np.float64], NDArray[Any], NDArray[np.float64], NDArray[Any]]: ...
def predict_frames(
    track: Track,
    shape: WindowShape,
    predict: Callable[[NDArray[np.float64]], Any],
    batch: int = 1024,
    *,
    undefined: Any = None,
    confidence: bool = False,
) -> tuple[NDArray[Any], ...]:
    """Predict a value for every frame of a track from the window around the frame.

    The windows are cut as those of a training set of the same shape, around the frames that have a
    spine. Frames without a window get the prediction for the nearest frame with one, or for the
    earlier of two equally near ones. These are frames without a spine, and frames at the ends of
    the track and beside gaps. If the nearest frame with a window is further away than `max_gap`,
    the result is undefined.

    Parameters
    ----------
    track : Track
        A track with spines.
    shape : WindowShape
        Shape of the windows, e.g. ``plan.shape.for_tracks(recording.values())``: the shape of the
        training set, with the default `max_gap` of the recording.
    predict : callable
        ``predict(windows)`` takes windows (m, n, points, 2), in mm, and returns an array of m rows,
        e.g. names, codes or probabilities. The result for a window must not depend on the others.
    batch : int
        Number of windows per call of `predict`, 1 or more.
    undefined : optional
        Value of undefined rows. By default ``()`` for names, as in `Labels.set`, -1 for integers,
        and NaN for floats.
    confidence : bool
        Whether `predict` returns a tuple of three arrays of m rows: names, the confidence in each
        (0 to 1), and the second choices (names).

    Returns
    -------
    times : (n,) float64 array
        Times of all frames of the track, s.
    predicted : (n, ...) array
        One row per frame. The type is one that also holds `undefined`: object for names and ``()``.
        If no window fits in the track, `predict` is not called, and all rows are `undefined`, by
        default ``()``.
    confidence, second : (n,) array
        Only with `confidence`: NaN and ``()`` where the result is undefined. The result fits
        ``labels.set(run, larva, *result)``.

    Raises
    ------
    ValueError
        The track has no spine, `batch` is less than 1, `predict` does not return one row per
        window, or it returns values of a type that has no default of `undefined`.

    Examples
    --------
    >>> from taggingbackends.simulation import simulate, write_tracks
    >>> import numpy as np
    >>> from taggingbackends.data import WindowShape, load_tracks
    >>> tracks = simulate(larvae=2, seconds=20, seed=1)
    >>> files = write_tracks("recording", "20240611_101500", tracks)
    >>> def predict(spines):  # (b, 10, 11, 2) mm -> (b,) names
    ...     return np.full(len(spines), "run")
    >>> shape = WindowShape(duration=1, framerate=10)
    >>> for larva, track in load_tracks("recording", outline=False).items():
    ...     times, states = predict_frames(track, shape, predict)
    ...     print(larva, len(times) == len(track), set(states.tolist()))
    6 True {'run'}
    14 True {'run'}
    """
    if batch < 1:
        raise ValueError(f"expected a batch of 1 window or more, found {batch!r}")
    times, spine = complete_frames(track)
    shape = shape.for_tracks([track])
    assert shape.max_gap is not None
    anchors = times[shape.fits(times, times)]
    undefined_values = (undefined, _UNKNOWN, ()) if confidence else (undefined,)
    if len(anchors) == 0:
        values = [_undefined_value(np.dtype(object), given) for given in undefined_values]
        return track.times, *(np.full((len(track), *value.shape), value) for value in values)
    parts: list[list[NDArray[Any]]] = [[] for _ in undefined_values]
    for start in range(0, len(anchors), batch):
        part = anchors[start : start + batch]
        result = predict(shape.cut(times, spine, part))
        if confidence and not (isinstance(result, tuple) and len(result) == len(parts)):
            problem = "expected a tuple of names, confidence and second choices from predict"
            raise ValueError(f"{problem}, found {shown(result)}")
        for found, rows in zip(parts, result if confidence else (result,), strict=True):
            found.append(_rows(rows, len(part)))
    frames = nearest(anchors, track.times.clip(anchors[0], anchors[-1]))
    without = is_gap(np.abs(anchors[frames] - track.times), shape.max_gap)
    columns = []
    for found, given in zip(parts, undefined_values, strict=True):
        predicted = np.concatenate(found)
        value = _undefined_value(predicted.dtype, given)
        column = predicted.astype(np.promote_types(predicted.dtype, value.dtype), copy=False)[
            frames
        ]
        column[without] = value
        columns.append(column)
    return track.times, *columns


def _rows(rows: Any, n: int) -> NDArray[Any]:
    """Return the result for n windows as an array."""
    array = np.asarray(rows)
    if array.shape[:1] != (n,):
        problem = f"expected {n} rows from predict, one per window"
        raise ValueError(f"{problem}, found an array of shape {array.shape}")
    return array


def _undefined_value(dtype: np.dtype[Any], given: Any) -> NDArray[Any]:
    """Return the value of undefined rows among rows of a type, as an array of the least type."""
    if given is None:
        if dtype.kind not in _UNDEFINED:
            problem = f"expected names, codes or floats from predict, found {dtype}"
            raise ValueError(f"{problem}; give `undefined`, the value of frames without a window")
        given = _UNDEFINED[dtype.kind]
    if isinstance(given, tuple):  # a state, not a row
        value = np.empty((), dtype=object)
        value[()] = given
        return value
    return np.asarray(given, dtype=None if given is _UNKNOWN else np.min_scalar_type(given))


def _whole(name: str, seconds: float, framerate: float, least: int) -> int:
    frames = seconds * framerate
    countable = abs(frames) < 2**53  # doubles beyond are all whole numbers
    if not (countable and abs(frames - round(frames)) < 1e-6 and frames > least - 0.5):
        problem = (
            f"expected {name} * framerate to be a whole number of frames from {least}, found "
            f"{seconds!r} s * {framerate!r} frames/s"
        )
        if countable:
            problem += f"; try {name}={max(round(frames), least) / framerate!r}"
        raise ValueError(problem)
    return round(frames)
