"""Features of every frame of a track, from the larva's spine alone.

All of them are free of position, heading, camera and body size: lengths are in median body lengths
(bl) of the track, times in seconds, angles in radians. Motion is measured over windows of time and
not of frames, so that the frame interval may vary.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# half-widths of the windows of time, in seconds
SMOOTH = 0.1  # the mean that positions go through before they are differentiated
NOW = 0.25  # what the larva does now
CYCLE = 1.0  # holds a whole peristaltic cycle

FEATURES = (
    "speed",
    "speed_low",
    "forward",
    "head_speed",
    "tail_speed",
    "bend",
    "bend_head",
    "bend_mean",
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
        The spine's points from one end to the other, 3 or more of them (Choreography has 11), in
        either order: see `orient`.

    Returns
    -------
    (n, k) float64
        A row for each frame and a column for each of `FEATURES`; always finite.

    Raises
    ------
    ValueError
        If the shapes do not match, times do not increase, or a value is not finite.
    """
    t, xy = _checked(times, spine)
    xy = orient(xy)
    points = xy.shape[1]
    head, neck, middle, tail = (xy[:, i] for i in (0, max(1, points // 5), points // 2, -1))

    lengths = _norm(np.diff(xy, axis=1)).sum(axis=1)
    body_length = np.median(lengths) or 1.0  # a spine without extent must not divide by zero
    length = lengths / body_length
    bend = np.abs(_angle(middle - tail, head - middle))

    axis = _unit(head - tail)
    steps = np.diff(_smooth(t, middle), axis=0) / body_length
    forward = (steps * (axis[1:] + axis[:-1]) / 2).sum(axis=1)
    head_steps = np.diff(_smooth(t, head), axis=0) / body_length
    tail_steps = np.diff(_smooth(t, tail), axis=0) / body_length
    speed = _rate(t, _norm(steps), NOW)

    return np.column_stack(
        [
            speed,
            _extreme(np.minimum, t, speed, NOW),
            _rate(t, forward, NOW),
            _rate(t, _norm(head_steps), NOW),
            _rate(t, _norm(tail_steps), NOW),
            bend,
            np.abs(_angle(middle - tail, head - neck)),
            _mean(t, bend, NOW),
            _rate(t, _turns(_smooth(t, head - middle)), NOW),
            _rate(t, _turns(_smooth(t, middle - tail)), NOW),
            length,
            _extreme(np.maximum, t, length, CYCLE) - _extreme(np.minimum, t, length, CYCLE),
        ]
    )


def orient(spine: ArrayLike) -> Floats:
    """Put the head first in every frame of a track.

    Trackers guess which end is the head, and change their mind within a track. Two rules undo that:

    1. From a frame to the next, the order is kept that moves the points least (sum of squared
       distances): a larva cannot turn round within a frame interval, a guess can.
    2. The head is the end that leads: with the midpoint m and the unit vector u from the last point
       to the first, the whole track is reversed if sum over frames of
       (m[i+1] - m[i]) . (u[i] + u[i+1]) / 2 is negative. Larvae run far more than they back up.

    Parameters
    ----------
    spine : (n, points, 2) float, mm
        Finite.

    Returns
    -------
    (n, points, 2) float64, mm
        The spine with the head first; in the order given if the larva does not move at all.
    """
    forth = np.asarray(spine, dtype=np.float64)
    back = forth[:, ::-1]
    kept = np.square(forth[1:] - forth[:-1]).sum(axis=(1, 2))
    swapped = np.square(back[1:] - forth[:-1]).sum(axis=(1, 2))
    sign = np.cumprod(np.concatenate([[1.0], np.where(swapped < kept, -1.0, 1.0)]))
    axis = _unit(forth[:, 0] - forth[:, -1]) * sign[:, None]
    middle = (forth + back)[:, forth.shape[1] // 2] / 2
    crawled = (np.diff(middle, axis=0) * (axis[1:] + axis[:-1]) / 2).sum()
    if crawled < 0:
        sign = -sign
    return np.where(sign[:, None, None] > 0, forth, back)


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
    angle: Floats = np.arctan2(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0], (a * b).sum(axis=1))
    return angle


def _turns(vectors: Floats) -> Floats:
    """Unsigned angle from each vector to the next."""
    return np.abs(_angle(vectors[:-1], vectors[1:]))


def _rate(times: Floats, steps: Floats, half: float | Floats) -> Floats:
    """Sum of the steps between frames, per second of the window around each frame.

    The window is cut where the track begins and ends; of a step that it cuts, a part counts.
    """
    total = np.concatenate([[0.0], np.cumsum(steps)])
    start, stop = np.maximum(times - half, times[0]), np.minimum(times + half, times[-1])
    gained = np.interp(stop, times, total) - np.interp(start, times, total)
    span = stop - start
    rate: Floats = np.divide(gained, span, out=np.zeros_like(gained), where=span > 0)
    return rate


def _mean(times: Floats, values: Floats, half: float | Floats) -> Floats:
    """Mean over time in the window around each frame."""
    if len(times) == 1:
        return values.copy()
    return _rate(times, np.diff(times) * (values[1:] + values[:-1]) / 2, half)


def _smooth(times: Floats, vectors: Floats) -> Floats:
    # as far back as ahead: a lopsided mean would slow the larva where its track begins and ends
    half = np.minimum(SMOOTH, np.minimum(times - times[0], times[-1] - times))
    means = [np.where(half > 0, _mean(times, column, half), column) for column in vectors.T]
    return np.column_stack(means)


def _extreme(pick: np.ufunc, times: Floats, values: Floats, half: float) -> Floats:
    """Minimum or maximum over the frames in the window around each frame."""
    rounding = 1e-6  # s; times are rounded, and the window's edge must not hang on the last digit
    first = np.searchsorted(times, times - half - rounding)
    stop = np.searchsorted(times, times + half + rounding)
    padded = np.append(values, values[-1])  # reduceat takes no index at the end
    return pick.reduceat(padded, np.column_stack([first, stop]).ravel())[::2]
