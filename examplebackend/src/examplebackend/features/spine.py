"""Features of windows of spines: how a larva moves and bends around a frame.

Features do not depend on position, heading, camera and body size, and hardly on the number of spine
points. Lengths are in body lengths of the recording (bl), times in seconds, angles in radians.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taggingbackends.data import WindowShape, egocentric

WINDOW = WindowShape(duration=1.1, framerate=10)
"""Shape of windows in training and prediction: 5 frames before a frame, the frame, 5 after."""

FEATURES = (
    "speed",
    "forward",
    "head_speed",
    "tail_speed",
    "head_turning",
    "bend",
    "bend_head",
    "bend_mean",
    "length",
    "length_range",
)

_POINTS = 11  # points per spine after resampling
_HEAD, _NECK, _MIDDLE, _TAIL = 0, 2, 5, 10


def spine_features(spines: ArrayLike, length: ArrayLike) -> NDArray[np.float64]:
    """Compute the features of windows.

    Parameters
    ----------
    spines : (m, n, points, 2) array_like
        Windows of the shape `WINDOW`, in mm, with 3 points or more per spine, head first.
    length : float or (m,) array_like
        Body length of the recording in mm, or of each window's recording.

    Returns
    -------
    (m, k) float64 array
        One row per window, one column for each of `FEATURES`.

    Raises
    ------
    ValueError
        The shape of `spines` is invalid, or a body length is not above 0.
    """
    spines = np.asarray(spines, dtype=np.float64)
    n = len(WINDOW.offsets)
    if spines.ndim != 4 or spines.shape[1] != n or spines.shape[2] < 3 or spines.shape[3] != 2:
        raise ValueError(f"expected spines of shape (m, {n}, 3 or more, 2), found {spines.shape}")
    own = egocentric(resample_spine(spines, _POINTS), length)
    points = own[..., 0] + 1j * own[..., 1]  # complex: multiplying rotates, abs is a length
    head, neck, middle, tail = (points[..., i] for i in (_HEAD, _NECK, _MIDDLE, _TAIL))
    front, rear = _smooth(head - middle), middle - tail
    velocity = _velocity(middle)
    bend = _angle(rear, head - middle)
    lengths = np.abs(np.diff(points)).sum(axis=-1)
    frame = WINDOW.anchor_frame
    columns = [
        _now(np.abs(velocity)),
        _now(velocity.real),  # the larva heads along x
        _now(np.abs(_velocity(head))),
        _now(np.abs(_velocity(tail))),
        _now(_angle(front[:, :-1], front[:, 1:])) * WINDOW.framerate,
        bend[:, frame],
        _angle(rear, head - neck)[:, frame],
        bend.mean(axis=1),
        lengths[:, frame],
        np.ptp(lengths, axis=1),
    ]
    return np.column_stack(columns)


def resample_spine(spine: ArrayLike, points: int) -> NDArray[np.float64]:
    """Resample spines at evenly spaced points, from the first point to the last.

    Parameters
    ----------
    spine : (..., p, 2) array_like
        Spines with 2 points or more.
    points : int
        Number of points of the result, 2 or more.

    Returns
    -------
    (..., points, 2) float64 array
        Points on the segments between the given points, in the same unit.
    """
    xy = np.asarray(spine, dtype=np.float64)
    x, y = xy[..., 0], xy[..., 1]
    place = np.zeros_like(x)  # distance of each given point along the spine
    np.cumsum(np.hypot(np.diff(x), np.diff(y)), axis=-1, out=place[..., 1:])
    resampled = np.empty((*xy.shape[:-2], points, 2))
    for i, part in enumerate(np.linspace(0.0, 1.0, points)):
        wanted = part * place[..., -1:]
        before = ((place <= wanted).sum(axis=-1, keepdims=True) - 1).clip(0, x.shape[-1] - 2)
        start, stop = (np.take_along_axis(place, before + k, axis=-1) for k in (0, 1))
        span = stop - start
        weight = np.divide(wanted - start, span, out=np.zeros_like(span), where=span > 0)
        for axis, values in enumerate((x, y)):
            a, b = (np.take_along_axis(values, before + k, axis=-1) for k in (0, 1))
            resampled[..., i, axis] = (a + weight * (b - a))[..., 0]
    return resampled


def _smooth(points: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Return the mean of three frames, to reduce jitter of the tracker."""
    return (points[:, :-2] + points[:, 1:-1] + points[:, 2:]) / 3


def _velocity(points: NDArray[np.complex128]) -> NDArray[np.complex128]:
    return np.diff(_smooth(points), axis=1) * WINDOW.framerate


def _now(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of the four steps around the frame, 0.2 s on either side."""
    middle = steps.shape[1] // 2
    mean: NDArray[np.float64] = steps[:, middle - 2 : middle + 2].mean(axis=1)
    return mean


def _angle(a: NDArray[np.complex128], b: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Return the unsigned angle between vectors, 0 to pi; 0 if a vector has length 0."""
    return np.abs(np.angle(b * a.conj()))
