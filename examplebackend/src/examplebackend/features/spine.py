"""Features of windows of spines: how a larva moves and bends around a frame.

They are free of position, heading, camera and body size, and of the number of points of a spine:
lengths are in body lengths of the recording (bl), times in seconds, angles in radians.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taggingbackends.data import WindowShape, egocentric

WINDOW = WindowShape(duration=1.1, framerate=10)
"""What is cut out of tracks, to train as to predict: 5 frames before, the frame, 5 after."""

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

_POINTS = 11  # along every spine, however many the tracker gives
_HEAD, _NECK, _MIDDLE, _TAIL = 0, 2, 5, 10


def spine_features(spines: ArrayLike, length: ArrayLike) -> NDArray[np.float64]:
    """Compute the features of windows.

    Parameters
    ----------
    spines : (m, n, points, 2) array_like
        In mm; windows of the shape `WINDOW`, the head first, 3 points or more.
    length : float or (m,) array_like
        Body length of the recording, mm, or of each window's.

    Returns
    -------
    (m, k) float64 array
        A row for each window, a column for each of `FEATURES`.

    Raises
    ------
    ValueError
        Other shapes, or a body length that is not above 0.
    """
    spines = np.asarray(spines, dtype=np.float64)
    n = len(WINDOW.offsets)
    if spines.ndim != 4 or spines.shape[1] != n or spines.shape[2] < 3 or spines.shape[3] != 2:
        raise ValueError(f"expected spines of shape (m, {n}, 3 or more, 2), found {spines.shape}")
    own = egocentric(resample_spine(spines, _POINTS), length)
    points = own[..., 0] + 1j * own[..., 1]  # complex: a product turns, abs is a length
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
    """Put points at even distances along spines, from the first point to the last.

    Parameters
    ----------
    spine : (..., p, 2) array_like
        Any number of spines, of 2 points or more.
    points : int
        How many points each is to have, 2 or more.

    Returns
    -------
    (..., points, 2) float64 array
        In the unit given; on the segments between the given points.
    """
    xy = np.asarray(spine, dtype=np.float64)
    x, y = xy[..., 0], xy[..., 1]
    place = np.zeros_like(x)  # of each given point, along the spine
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
    """Mean of three frames: jitter of the tracker is not to pass for motion."""
    return (points[:, :-2] + points[:, 1:-1] + points[:, 2:]) / 3


def _velocity(points: NDArray[np.complex128]) -> NDArray[np.complex128]:
    return np.diff(_smooth(points), axis=1) * WINDOW.framerate


def _now(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the four steps around the frame, 0.2 s on either side."""
    middle = steps.shape[1] // 2
    mean: NDArray[np.float64] = steps[:, middle - 2 : middle + 2].mean(axis=1)
    return mean


def _angle(a: NDArray[np.complex128], b: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Unsigned angle between vectors, 0 to pi; 0 if one has no length."""
    return np.abs(np.angle(b * a.conj()))
