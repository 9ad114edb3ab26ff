"""Labels over time: the share of larvae in each label by time bin, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from taggingbackends.analysis.groups.observations import Observation, check_bins
from taggingbackends.analysis.groups.responses import score_interval

__all__ = ["REPLICATES", "TimeCourse", "resampled", "time_course"]

REPLICATES = 1000
"""Replicates of the bootstrap."""

_CELLS = 2**22  # float32 values of an array at a time


class TimeCourse(NamedTuple):
    """The share of larvae in each label over time, in a group.

    Attributes
    ----------
    start, stop : (bins,) float64 arrays
        Limits of each bin, s.
    larvae : (bins,) int64 array
        Larvae that are tracked in the bin.
    share, low, high : (bins, L) float64 arrays
        The mean over these larvae of the label's share of the larva's tracked time in the bin, and
        its 95 % interval. NaN without larvae; an interval also with one unit.
    """

    start: NDArray[np.float64]
    stop: NDArray[np.float64]
    larvae: NDArray[np.int64]
    share: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def time_course(
    recordings: Sequence[Observation],
    labels: Sequence[str],
    width: float,
    rng: np.random.Generator,
) -> TimeCourse:
    """Return the share of larvae in each of some labels over time.

    Intervals are those of `score_interval`, with the variance over bootstrap samples of the units
    of the observations: larvae, or recordings with all their larvae.

    Parameters
    ----------
    recordings : sequence of Observation
        The recordings of a group.
    labels : sequence of str
        The labels.
    width : float
        Width of the bins, s.
    rng : numpy.random.Generator
        Draws the replicates.

    Raises
    ------
    BackendError
        ``unusable-data``: there are too many bins.
    """
    timed = [one for one in recordings if one.seen.size]
    units = sum(len(one.seen) for one in timed)
    first = min((one.first_bin for one in timed), default=0)
    bins = max((one.first_bin + one.seen.shape[1] for one in timed), default=first) - first
    check_bins(bins, width)
    counts = resampled(units, rng).astype(np.float32)
    columns = len(labels) + 1  # the last one: larvae
    step = max(_CELLS // (max(units, REPLICATES) * columns), 1)
    larvae = np.zeros(bins, dtype=np.int64)
    share, low, high = np.full((3, bins, len(labels)), np.nan)
    for begin in range(0, bins, step):
        part = slice(begin, min(begin + step, bins))
        cells = _cells(timed, labels, first + part.start, first + part.stop)
        total = cells.sum(axis=0, dtype=np.float64)
        larvae[part] = np.rint(total[:, -1])
        share[part] = _ratio(total).clip(0, 1)
        replicates = _ratio((counts @ cells.reshape(units, -1)).reshape(-1, *total.shape))
        drawn = np.count_nonzero(cells[:, :, -1], axis=0)[:, None]
        variance = _variance(replicates)
        low[part], high[part] = score_interval(share[part], variance, larvae[part, None], drawn)
    edges = np.round((first + np.arange(bins + 1)) * width, 9)
    return TimeCourse(edges[:-1], edges[1:], larvae, share, low, high)


def resampled(units: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return how often each unit is drawn, (REPLICATES, units); each draws as many with return."""
    counts = np.zeros((REPLICATES, units), dtype=np.uint8)
    for replicate in counts if units else ():
        replicate[:] = np.bincount(rng.integers(0, units, units), minlength=units)
    return counts


def _cells(
    recordings: Sequence[Observation], labels: Sequence[str], begin: int, end: int
) -> NDArray[np.float32]:
    """Return the sums of shares, and larvae, of each unit, bin and label (the last: larvae)."""
    place = {name: at for at, name in enumerate(labels)}
    units = sum(len(one.seen) for one in recordings)
    cells = np.zeros((units, end - begin, len(labels) + 1), dtype=np.float32)
    row = 0
    for one in recordings:
        own = cells[row : row + len(one.seen)]
        row += len(own)
        start = max(begin, one.first_bin)
        stop = max(min(end, one.first_bin + one.seen.shape[1]), start)
        there, here = (
            slice(start - one.first_bin, stop - one.first_bin),
            slice(start - begin, stop - begin),
        )
        own[:, here, -1] = one.seen[:, there]
        for at, label in enumerate(one.shared.tolist()):
            if one.labels[label] in place:
                own[:, here, place[one.labels[label]]] = one.shares[:, there, at]
    return cells


def _ratio(sums: NDArray[np.floating]) -> NDArray[np.floating]:
    larvae = sums[..., -1:]
    return sums[..., :-1] / np.where(larvae > 0, larvae, np.nan)


def _variance(replicates: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the variance over the replicates that have larvae; 0 without any."""
    known = ~np.isnan(replicates)
    n = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, replicates, 0).sum(axis=0, dtype=np.float64) / n
    squares = np.where(known, replicates - mean, 0) ** 2
    variance: NDArray[np.float64] = squares.sum(axis=0, dtype=np.float64) / n
    return variance
