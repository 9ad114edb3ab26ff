"""Spines in the larva's own frame of reference: centred, turned and scaled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from taggingbackends.data.tracks import Recording

__all__ = ["body_length", "egocentric"]


def body_length(spines: Recording | ArrayLike) -> float:
    """Return the median over all frames of the spine's length, the sum of its segments.

    Parameters
    ----------
    spines : Recording or (..., points, 2) array_like
        In mm. Of a recording, all frames of all larvae count.

    Returns
    -------
    float
        In mm.
    """
    raise NotImplementedError


def egocentric(spine: ArrayLike, length: float | None = None) -> NDArray[np.float64]:
    """Return windows of spines, each moved, turned and scaled as a whole.

    Parameters
    ----------
    spine : (n, points, 2) or (..., n, points, 2) array_like
        A window of n frames, or any number of such; mm.
    length : float, optional
        The body length that becomes 1, mm; by default ``body_length(spine)``.

    Returns
    -------
    float64 array
        Of the same shape; in body lengths.
    """
    raise NotImplementedError
