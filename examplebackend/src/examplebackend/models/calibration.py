"""Confidence: the share of the trees that vote for a label, as the probability that it is right.

With Platt's method, the log odds of this probability are a linear function of the log odds of the
votes. The slope is common to all labels, and each label has its own offset. They are fitted to
votes about frames on which the trees were not trained.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression

__all__ = ["confidence", "fit"]

_LEAST = 1e-3  # votes closer to 0 or 1 count as this far away, since their log odds are infinite


def fit(
    labels: NDArray[np.intp],
    votes: NDArray[np.float64],
    right: NDArray[np.bool_],
    frames: NDArray[np.float32],
    n: int,
) -> NDArray[np.float64]:
    """Fit a calibration.

    Parameters
    ----------
    labels : (m,) intp array
        The label that was predicted, 0 to n - 1.
    votes : (m,) float64 array
        Share of the votes for it, 0 to 1.
    right : (m,) bool array
        Whether it is right.
    frames : (m,) float32 array
        Number of frames for which this prediction stands.
    n : int
        Number of labels.

    Returns
    -------
    (1 + n,) float64 array
        The slope, and the offset of each label.
    """
    # one right and one wrong frame of each label, so that few frames make nothing certain
    added = np.repeat(np.arange(n), 2)
    labels, votes = np.append(labels, added), np.append(votes, np.full(2 * n, 0.5))
    right = np.append(right, added * 0 + np.tile([True, False], n))
    columns = np.column_stack([_log_odds(votes), np.eye(n)[labels]])
    model = LogisticRegression(max_iter=1000)
    model.fit(columns, right.astype(bool), sample_weight=np.append(frames, np.ones(2 * n)))
    calibration: NDArray[np.float64] = model.coef_[0]
    calibration[1:] += model.intercept_
    return calibration


def confidence(
    calibration: NDArray[np.float64], labels: NDArray[np.intp], votes: ArrayLike
) -> NDArray[np.float64]:
    """Return the probability that labels are right, 0 to 1; see `fit`."""
    log_odds = calibration[0] * _log_odds(votes) + calibration[1:][labels]
    sure: NDArray[np.float64] = 1 / (1 + np.exp(-log_odds))
    return sure


def _log_odds(share: ArrayLike) -> NDArray[np.float64]:
    clipped = np.clip(np.asarray(share, dtype=np.float64), _LEAST, 1 - _LEAST)
    return np.log(clipped / (1 - clipped))
