"""Proportions of larvae with their intervals, and the median latency with censored larvae."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["clustered_wilson", "median_latency", "wilson"]

_Z = 1.959963984540054  # 97.5 % quantile of the normal distribution


def wilson(
    successes: ArrayLike, n: ArrayLike, z: float = _Z
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Wilson's score interval of proportions.

    Parameters
    ----------
    successes, n : array_like
        How many of how many; not necessarily whole numbers.
    z : float
        Quantile of the normal distribution; by default that of 95 % intervals.

    Returns
    -------
    low, high : float64 arrays
        NaN where n is 0.

    Examples
    --------
    >>> low, high = wilson(7, 10)
    >>> print(f"{low:.3f} {high:.3f}")
    0.397 0.892
    """
    n = np.asarray(n, dtype=np.float64)
    n = np.where(n > 0, n, np.nan)
    p = np.asarray(successes, dtype=np.float64) / n
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low = np.where(p > 0, middle - half, p)  # exactly 0 and 1, without rounding errors
    return low.clip(0, 1), np.where(p < 1, middle + half, p).clip(0, 1)


def clustered_wilson(successes: NDArray[np.integer], n: NDArray[np.integer]) -> tuple[float, float]:
    """Return Wilson's interval of a proportion over larvae that are in recordings.

    Larvae of a recording may be alike. The interval is that of as many independent larvae as would
    have the variance between recordings, with Student's t for so many recordings: Dean and Pagano
    (2015), Journal of Survey Statistics and Methodology 3:484.

    Parameters
    ----------
    successes, n : (m,) int arrays
        How many of how many, in each recording.

    Returns
    -------
    low, high : float
        NaN with fewer than 2 recordings that have larvae.
    """
    from scipy.stats import t

    successes, n = successes[n > 0], n[n > 0]
    m, total = len(n), int(n.sum())
    if m < 2:
        return np.nan, np.nan
    p = successes.sum() / total
    variance = m / (m - 1) * float(((successes - p * n) ** 2).sum()) / total**2
    # without variance, or less than that of independent larvae, they count as independent
    effective = min(p * (1 - p) / variance, total) if variance > 0 else total
    low, high = wilson(p * effective, effective, float(t.ppf(0.975, m - 1)))
    return float(low), float(high)


def median_latency(latency: NDArray[np.float64], responded: NDArray[np.bool_]) -> float:
    """Return the median of Kaplan and Meier's estimate of latencies.

    Parameters
    ----------
    latency : (n,) float64 array
        s; of a larva that did not respond, how long it was observed.
    responded : (n,) bool array
        Whether it responded.

    Returns
    -------
    float
        The first latency at which at most half of the larvae have not responded; NaN if there is
        none.
    """
    order = np.lexsort((~responded, latency))  # a larva is at risk when another responds
    at_risk = np.arange(len(order), 0, -1)
    times, events = latency[order], responded[order]
    remaining = np.cumprod(1 - events / at_risk)
    half = np.flatnonzero(remaining <= 0.5 + 1e-12)
    return float(times[half[0]]) if len(half) else np.nan
