"""Proportions of larvae with their intervals, and the median latency with censored larvae."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["clustered_wilson", "median_latency", "score_interval", "wilson"]

_Z = 1.959963984540054  # 97.5 % quantile of the normal distribution
_PRIOR = 2.0  # larvae with the label that count for the variance of independent larvae


def wilson(
    successes: ArrayLike, n: ArrayLike, z: ArrayLike = _Z
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Wilson's score interval of proportions.

    Parameters
    ----------
    successes, n : array_like
        How many of how many; not necessarily whole numbers.
    z : array_like
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
    successes, n, z = (np.asarray(x, dtype=np.float64) for x in (successes, n, z))
    n = np.where(n > 0, n, np.nan)
    p = successes / n
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low = np.where(p > 0, middle - half, p)  # exactly 0 and 1, without rounding errors
    return low.clip(0, 1), np.where(p < 1, middle + half, p).clip(0, 1)


def score_interval(
    share: ArrayLike, variance: ArrayLike, n: ArrayLike, units: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Wilson's interval of shares whose variance is estimated from some units.

    It is the interval of a proportion of as many independent larvae as would have this variance,
    with Student's t instead of the normal distribution: Dean and Pagano (2015), Journal of Survey
    Statistics and Methodology 3:484. Percentiles of the bootstrap are too narrow for rare labels.

    Few larvae with the label say little about the variance, and none say nothing. So its ratio to
    the variance of a proportion of independent larvae is the mean of what was found, weighted by
    the number of larvae with the label (or without, if these are fewer), and of 1, weighted by 2.

    Parameters
    ----------
    share : array_like
        The shares.
    variance : array_like
        Their variance over samples of all units.
    n : array_like of int
        Larvae.
    units : array_like of int
        Units, larvae or recordings.

    Returns
    -------
    low, high : float64 arrays
        NaN with fewer than 2 units.
    """
    from scipy.stats import t

    share, variance = np.asarray(share, np.float64), np.asarray(variance, np.float64)
    enough = np.asarray(units) > 1
    units = np.where(enough, units, 2)
    variance = variance * units / (units - 1)  # a sample varies less than what it is drawn from
    n = np.where(enough, n, np.nan)
    independent = share * (1 - share) / n
    design = variance / np.where(independent > 0, independent, 1)
    events = n * np.minimum(share, 1 - share)
    effective = n * (events + _PRIOR) / (events * design + _PRIOR)
    return wilson(share * effective, effective, t.ppf(0.975, units - 1))


def clustered_wilson(successes: NDArray[np.integer], n: NDArray[np.integer]) -> tuple[float, float]:
    """Return the interval of a proportion over larvae that are in recordings.

    The same as `score_interval`, with the variance over recordings. Larvae of a recording may be
    alike, but do not count as less alike than independent ones.

    Parameters
    ----------
    successes, n : (m,) int arrays
        How many of how many, in each recording.

    Returns
    -------
    low, high : float
        NaN with fewer than 2 recordings that have larvae.
    """
    successes, n = successes[n > 0], n[n > 0]
    total = max(int(n.sum()), 1)
    p = successes.sum() / total
    variance = float(((successes - p * n) ** 2).sum()) / total**2
    variance = max(variance, p * (1 - p) / total)
    low, high = score_interval(p, variance, total, len(n))
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
