"""Features of every frame of a track, from the larva's spine alone.

All of them are free of position, heading, camera and body size: lengths are in median body lengths
(bl) of the track, times in seconds, angles in radians. Motion is measured over windows of time and
not of frames, so that the frame interval may vary.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

SMOOTH = 0.1  # s; half-width of the mean that positions go through before they are differentiated
SHORT = 0.25  # s; half-width of the window for what a larva does now
LONG = 1.0  # s; half-width of the window for what it is about: a stride or a head sweep takes ~1 s

FEATURES = (
    "speed_short",
    "speed_long",
    "speed_low",
    "forward_short",
    "forward_long",
    "straightness",
    "head_speed",
    "tail_speed",
    "bend",
    "bend_head",
    "bend_short",
    "bend_long",
    "bend_high",
    "head_turning",
    "tail_turning",
    "length",
    "length_range",
)


def spine_features(times: ArrayLike, spine: ArrayLike) -> Floats:
    """Compute the features of one track.

    Parameters
    ----------
    times : (n,) float, s
        Time of each frame, strictly increasing; any frame interval, also a varying one.
    spine : (n, points, 2) float, mm
        The spine's points from one end to the other, 3 or more of them (11 in Choreography's files),
        in either order: see `orient`.

    Returns
    -------
    (n, k) float64
        A row for each frame and a column for each of `FEATURES`; always finite.

    Raises
    ------
    ValueError
        If the shapes do not match, times do not increase, or a value is not finite.
    """
    t, spine = _checked(times, spine)
    spine = orient(t, spine)
    head, middle, tail = spine[:, 0], spine[:, spine.shape[1] // 2], spine[:, -1]
    neck = spine[:, max(1, spine.shape[1] // 5)]

    lengths = _norm(np.diff(spine, axis=1)).sum(axis=1)
    body_length = np.median(lengths) or 1.0  # a spine without extent must not divide by zero
    front = _angle(middle - tail, head - middle)
    bend = np.abs(front)
    length = lengths / body_length
    strides = _steps(_smooth(t, middle)) / body_length
    path = _total(_norm(strides))
    along = _smooth(t, _unit(head - tail))[:-1]
    advance = _total((strides * along).sum(axis=1))
    speed_short, speed_long = _rate(t, path, SHORT), _rate(t, path, LONG)

    return np.column_stack(
        [
            speed_short,
            speed_long,
            _extreme(np.minimum, t, speed_short, SHORT),
            _rate(t, advance, SHORT),
            _rate(t, advance, LONG),
            _straightness(t, middle, path * body_length),
            _rate(t, _total(_norm(_steps(_smooth(t, head)))), SHORT) / body_length,
            _rate(t, _total(_norm(_steps(_smooth(t, tail)))), SHORT) / body_length,
            bend,
            np.abs(_angle(middle - tail, head - neck)),
            _mean(t, bend, SHORT),
            _mean(t, bend, LONG),
            _extreme(np.maximum, t, bend, LONG),
            _rate(t, _total(_turns(_smooth(t, head - middle))), SHORT),
            _rate(t, _total(_turns(_smooth(t, middle - tail))), SHORT),
            length,
            _extreme(np.maximum, t, length, LONG) - _extreme(np.minimum, t, length, LONG),
        ]
    )


def orient(times: ArrayLike, spine: ArrayLike) -> Floats:
    """Put the head first in every frame of a track.

    Trackers guess which end is the head, and change their mind within a track. Two rules undo that:

    1. From a frame to the next, the order is kept that moves the points least (sum of squared
       distances): a larva cannot turn round within a frame interval, a guess can.
    2. The head is the end that leads: with the midpoint m and the unit vector u from the last point
       to the first, the whole track is reversed if sum over frames of
       (m[i+1] - m[i]) . (u[i] + u[i+1]) / 2 is negative. Larvae run far more than they back up.

    Parameters
    ----------
    times : (n,) float, s
    spine : (n, points, 2) float, mm

    Returns
    -------
    (n, points, 2) float64, mm
        The spine with the head first; in the order given if the larva does not move at all.
    """
    _, spine = _checked(times, spine)
    reversed_ = spine[:, ::-1]
    kept = np.square(spine[1:] - spine[:-1]).sum(axis=(1, 2))
    swapped = np.square(reversed_[1:] - spine[:-1]).sum(axis=(1, 2))
    sign = np.cumprod(np.concatenate([[1.0], np.where(swapped < kept, -1.0, 1.0)]))
    axis = _unit(spine[:, 0] - spine[:, -1]) * sign[:, None]
    middle = (spine + reversed_)[:, spine.shape[1] // 2] / 2
    crawled = (np.diff(middle, axis=0) * (axis[1:] + axis[:-1]) / 2).sum()
    if crawled < 0:
        sign = -sign
    return np.where(sign[:, None, None] > 0, spine, reversed_)


def _checked(times: ArrayLike, spine: ArrayLike) -> tuple[Floats, Floats]:
    t, xy = np.asarray(times, dtype=np.float64), np.asarray(spine, dtype=np.float64)
    if t.ndim != 1 or len(t) == 0:
        raise ValueError(f"times: expected shape (n,) with n > 0, got {t.shape}")
    if xy.ndim != 3 or len(xy) != len(t) or xy.shape[1] < 3 or xy.shape[2] != 2:
        raise ValueError(f"spine: expected shape ({len(t)}, 3 or more, 2), got {xy.shape}")
    if not (np.isfinite(t).all() and np.isfinite(xy).all()):
        raise ValueError("times and spine must be finite, got NaN or infinity")
    if not (np.diff(t) > 0).all():
        raise ValueError("times must increase strictly")
    return t, xy


def _norm(vectors: Floats) -> Floats:
    return np.hypot(vectors[..., 0], vectors[..., 1])


def _unit(vectors: Floats) -> Floats:
    norm = _norm(vectors)[:, None]
    return np.divide(vectors, norm, out=np.zeros_like(vectors), where=norm > 0)


def _angle(a: Floats, b: Floats) -> Floats:
    """Angle that turns a into b, in -pi..pi."""
    return np.arctan2(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0], (a * b).sum(axis=1))


def _window(times: Floats, half: float) -> tuple[Floats, Floats]:
    """Window of time around each frame, cut where the track begins and ends."""
    return np.maximum(times - half, times[0]), np.minimum(times + half, times[-1])


def _rate(times: Floats, total: Floats, half: float) -> Floats:
    """Growth of a running total per second, over the window around each frame."""
    start, stop = _window(times, half)
    gained = np.interp(stop, times, total) - np.interp(start, times, total)
    span = stop - start
    return np.divide(gained, span, out=np.zeros_like(gained), where=span > 0)


def _total(steps: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(steps)])


def _mean(times: Floats, values: Floats, half: float) -> Floats:
    """Mean over time in the window around each frame."""
    if len(times) == 1:
        return values.copy()
    steps = np.diff(times) * (values[1:] + values[:-1]) / 2
    return _rate(times, _total(steps), half)


def _smooth(times: Floats, vectors: Floats) -> Floats:
    return np.column_stack([_mean(times, column, SMOOTH) for column in vectors.T])


def _steps(vectors: Floats) -> Floats:
    return np.diff(vectors, axis=0)


def _turns(vectors: Floats) -> Floats:
    """Unsigned angle between successive vectors."""
    return np.abs(_angle(vectors[:-1], vectors[1:]))


def _straightness(times: Floats, positions: Floats, path: Floats) -> Floats:
    start, stop = _window(times, LONG)
    net = _norm(
        np.column_stack(
            [np.interp(stop, times, x) - np.interp(start, times, x) for x in positions.T]
        )
    )
    far = np.interp(stop, times, path) - np.interp(start, times, path)
    return np.minimum(np.divide(net, far, out=np.zeros_like(net), where=far > 0), 1.0)


def _extreme(pick: np.ufunc, times: Floats, values: Floats, half: float) -> Floats:
    """Minimum or maximum over the frames in the window around each frame."""
    rounding = 1e-6  # s; times are rounded, and the window's edge must not hang on the last digit
    first = np.searchsorted(times, times - half - rounding)
    stop = np.searchsorted(times, times + half + rounding)
    padded = np.append(values, values[-1])  # reduceat takes no index at the end
    return pick.reduceat(padded, np.column_stack([first, stop]).ravel())[::2]
