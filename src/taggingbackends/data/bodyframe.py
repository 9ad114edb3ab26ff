"""Spines in the frame of reference of the larva: centred, rotated and scaled."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taggingbackends.data.tracks import Recording, Track
from taggingbackends.errors import wrong_type

__all__ = ["body_length", "egocentric"]


def body_length(spines: Recording | ArrayLike) -> float:
    """Return the median over all frames of the spine's length, the sum of its segments.

    Parameters
    ----------
    spines : Recording or (..., points, 2) array_like
        In mm. All frames of all larvae of a recording are used, except frames with a value that
        is not finite.

    Returns
    -------
    float
        In mm.

    Raises
    ------
    ValueError
        A recording without spines, an array of another shape, or no complete frame.

    Examples
    --------
    >>> body_length([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    2.0
    """
    if isinstance(spines, Mapping):
        tracks = [track.spine for track in spines.values()]
        if any(spine is None for spine in tracks):
            raise ValueError("expected spines, found a recording that was loaded without them")
        lengths = np.concatenate([_lengths(spine) for spine in tracks]) if tracks else np.empty(0)
    else:
        lengths = _lengths(_checked(spines)).ravel()
    lengths = lengths[np.isfinite(lengths)]
    if len(lengths) == 0:
        raise ValueError("expected a complete spine to measure the body length, found none")
    return float(np.median(lengths))


def egocentric(spine: ArrayLike, length: ArrayLike | None = None) -> NDArray[np.float64]:
    """Return windows of spines, each window moved, rotated and scaled as a whole.

    The mean position of the middle point over the window becomes the origin. The mean direction
    from the tail to the middle point becomes +x: the front half swings in a cast, while the rear
    half shows the heading. The body length becomes 1. Nothing is mirrored, and movement within the
    window is kept. The head is the first point, as trackers write spines. With an even number of
    points, the middle is halfway between the two inner points. Frames without a middle point or a
    tail are left out of the means.

    Parameters
    ----------
    spine : (n, points, 2) or (..., n, points, 2) array_like
        One window of n frames, or an array of windows, in mm. A window has at least one frame
        and two points.
    length : float or (...) array_like, optional
        The body length that becomes 1, mm: ``body_length(recording)``, or one for each window if
        they come from several recordings. Default: ``body_length(spine)`` of all windows together.

    Returns
    -------
    float64 array
        Of the same shape, in body lengths. A window without a direction (all points are equal) is
        not rotated. A missing point stays NaN. A window without any spine is all NaN.

    Raises
    ------
    ValueError
        An array of another shape; a body length that is not finite and above 0; lengths that are
        not one for each window.

    Examples
    --------
    >>> window = [[[2.0, 5.0], [2.0, 4.0], [2.0, 3.0]]]  # one frame: head, middle, tail
    >>> egocentric(window).round(3).tolist()
    [[[0.5, 0.0], [0.0, 0.0], [-0.5, -0.0]]]
    """
    spine = np.ascontiguousarray(_checked(spine), dtype=np.float64)
    if spine.ndim < 3 or spine.shape[-1] != 2 or spine.shape[-2] < 2 or spine.shape[-3] < 1:
        raise ValueError(f"expected spines of shape (..., n, points, 2), found {spine.shape}")
    lengths = np.asarray(body_length(spine) if length is None else length, dtype=np.float64)
    if lengths.ndim and lengths.shape != spine.shape[:-3]:
        expected = f"one body length, or one for each window, {spine.shape[:-3]}"
        raise ValueError(f"expected {expected}, found an array of shape {lengths.shape}")
    bad = lengths[~(np.isfinite(lengths) & (lengths > 0))]
    if bad.size:
        raise ValueError(f"expected a body length above 0 mm, found {bad.flat[0]}")
    points = spine.shape[-2]
    xy = spine.view(np.complex128)[..., 0]  # x + iy: a product rotates and scales
    middle = (xy[..., (points - 1) // 2] + xy[..., points // 2]) / 2
    with np.errstate(invalid="ignore"):  # for NaN
        rear = middle - xy[..., -1]
        direction, origin = rear.mean(axis=-1), middle.mean(axis=-1)
        if not np.isfinite(direction).all():
            known = np.isfinite(rear)
            frames = known.sum(axis=-1)
            direction = np.where(known, rear, 0).sum(axis=-1) / frames
            origin = np.where(known, middle, 0).sum(axis=-1) / frames
        size = np.abs(direction)
        unit = np.divide(direction, size, out=np.ones_like(direction), where=size != 0)
        moved = xy - origin[..., None, None]
        moved *= (unit.conj() / lengths)[..., None, None]
    own: NDArray[np.float64] = moved.view(np.float64).reshape(spine.shape)
    return own


def _checked(spine: ArrayLike) -> ArrayLike:
    if isinstance(spine, Track):
        raise wrong_type("spines", spine, "track.spine has them")
    return spine


def _lengths(spine: ArrayLike | None) -> NDArray[np.float64]:
    """Return the length of each spine: shape (..., points, 2) in, (...) out."""
    spine = np.asarray(spine, dtype=np.float64)
    if spine.ndim < 2 or spine.shape[-1] != 2:
        raise ValueError(f"expected spines of shape (..., points, 2), found {spine.shape}")
    segments = np.diff(spine, axis=-2)
    lengths: NDArray[np.float64] = np.hypot(segments[..., 0], segments[..., 1]).sum(axis=-1)
    return lengths
