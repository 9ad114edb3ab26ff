"""Tests between two groups, effect sizes, and the correction for several tests."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "PERMUTATIONS",
    "GroupTest",
    "compare_proportions",
    "compare_ranks",
    "compare_recordings",
    "holm",
    "smallest_p",
]

PERMUTATIONS = 9999
"""Random permutations; if there are not more, all of them are used."""

_CACHED = 2**17  # values
_DECIMALS = 9  # of values that are ranked: those that only differ by rounding errors are equal

_Floats = NDArray[np.float64]


class GroupTest(NamedTuple):
    """The result of a test of two groups.

    Attributes
    ----------
    test : str
        Its name; "" if there was nothing to test.
    statistic, p : float
        Its statistic and p-value (two-sided); NaN without test.
    effect : str
        Name of the effect size.
    effect_size : float
        Above 0 if the group has more than the control; NaN without larvae.
    """

    test: str
    statistic: float
    p: float
    effect: str
    effect_size: float


def compare_proportions(group: tuple[int, int], control: tuple[int, int]) -> GroupTest:
    """Compare two proportions.

    By Fisher's exact test if an expected count is below 5, else by Pearson's chi-square test
    without correction for continuity. The effect size is Cohen's h.

    Parameters
    ----------
    group, control : (int, int)
        How many of how many.
    """
    from scipy.stats import chi2_contingency, fisher_exact

    (a, n), (b, m) = group, control
    if not n or not m:
        return GroupTest("", np.nan, np.nan, "Cohen's h", np.nan)
    effect = float(2 * (np.arcsin(np.sqrt(a / n)) - np.arcsin(np.sqrt(b / m))))
    table = np.array([[a, n - a], [b, m - b]])
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    if expected.min() < 5:
        name, found = "Fisher's exact", fisher_exact(table)
    else:
        name, found = "chi-square", chi2_contingency(table, correction=False)
    return GroupTest(name, float(found.statistic), float(found.pvalue), "Cohen's h", effect)


def compare_ranks(group: _Floats, control: _Floats) -> GroupTest:
    """Compare the values of independent larvae by the Mann-Whitney test.

    The effect size is the rank-biserial correlation: the probability that a larva of the group has
    more than one of the control, less the probability that it has less. Values that differ by
    rounding errors are equal: the durations 60.24 - 60.16 and 1.08 - 1 are.
    """
    from scipy.stats import mannwhitneyu

    if not len(group) or not len(control):
        return GroupTest("", np.nan, np.nan, "rank-biserial", np.nan)
    group, control = group.round(_DECIMALS), control.round(_DECIMALS)
    if np.ptp(np.concatenate([group, control])) == 0:  # all are equal
        u, p = len(group) * len(control) / 2, 1.0
    else:
        u, p = map(float, mannwhitneyu(group, control))
    effect = 2 * u / (len(group) * len(control)) - 1
    return GroupTest("Mann-Whitney", u, p, "rank-biserial", effect)


def compare_recordings(group: _Floats, control: _Floats, seed: int) -> GroupTest:
    """Compare the means of recordings by permuting recordings between the groups.

    The statistic is the difference of the groups' means. Larvae of a recording need not be
    independent. The effect size is the rank-biserial correlation of the recordings' means.
    """
    effect = compare_ranks(group, control).effect_size
    n, m = len(group), len(control)
    if n + m < 3 or not n or not m:
        return GroupTest("", np.nan, np.nan, "rank-biserial", effect)
    values = np.concatenate([group, control])
    values = values - values.mean()
    observed = values[:n].mean() - values[n:].mean()
    chosen, is_exact = _permutations(n, m, seed)
    # in parts that a processor's cache holds as doubles
    sums = np.concatenate(
        [part @ values for part in np.array_split(chosen, 1 + chosen.size // _CACHED)]
    )
    differences = np.abs(sums / n + sums / m)  # the values sum to 0
    tolerance = 1e-12 + 1e-9 * abs(observed)  # equal, but for rounding
    extreme = int(np.count_nonzero(differences >= abs(observed) - tolerance))
    p = extreme / len(differences) if is_exact else (extreme + 1) / (len(differences) + 1)
    return GroupTest("permutation", float(observed), p, "rank-biserial", effect)


def smallest_p(n: int, m: int) -> float:
    """Return the smallest p-value that permuting n and m recordings can give."""
    return max((2 if n == m else 1) / comb(n + m, n), 1 / (PERMUTATIONS + 1))


def holm(p: ArrayLike) -> _Floats:
    """Return p-values corrected after Holm (1979); NaN stays, and does not count.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p, dtype=np.float64)
    corrected = np.full(p.shape, np.nan)
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return corrected


@lru_cache(maxsize=4)
def _permutations(n: int, m: int, seed: int) -> tuple[NDArray[np.bool_], bool]:
    """Return which of n + m recordings are in the group, (permutations, n + m); whether all are."""
    if comb(n + m, n) <= PERMUTATIONS + 1:
        members = np.array(list(combinations(range(n + m), n)))
        chosen = np.zeros((len(members), n + m), dtype=bool)
        np.put_along_axis(chosen, members, True, axis=1)
        return chosen, True
    rng = np.random.default_rng([seed, n, m])
    group = np.broadcast_to(np.arange(n + m) < n, (PERMUTATIONS, n + m))
    return rng.permuted(group, axis=1), False
