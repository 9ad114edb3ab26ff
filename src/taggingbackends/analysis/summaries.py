"""Summaries of a run's labels: shares over time, bout durations, transitions."""

from __future__ import annotations

from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from taggingbackends.labels.bouts import Bouts
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import labels_of
from taggingbackends.labels.stretches import Spans, find_spans, label_pairs

__all__ = [
    "Lengths",
    "Shares",
    "bout_lengths",
    "shares_over_time",
    "transitions",
]

_BINS = 200  # time bins, at most; a chart resolves about as many
_SHORTEST = 1e-3  # s; label files hold milliseconds
_LENGTHS = 24  # bins of bout durations, at most


class Shares(NamedTuple):
    """Shares of the labels in the tracked time, in successive time bins.

    Attributes
    ----------
    names : list of str
        The primary labels.
    edges : (bins + 1,) float64 array
        Limits of the bins, s. A bin includes its lower limit, but not its upper one.
    shares : (bins, len(names) + 1) float64 array
        Share of each label in the tracked time of all larvae in the bin. The last column is the
        share of undefined frames. A row sums to 1, or to 0 if no larva is tracked.

        A frame counts from its time to the larva's next frame (at a gap: for the frame interval).
        Its time is divided equally among its primary labels. Secondary labels do not count.
    larvae : (bins,) int64 array
        Number of larvae that are tracked in the bin.
    """

    names: list[str]
    edges: NDArray[np.float64]
    shares: NDArray[np.float64]
    larvae: NDArray[np.int64]


class Lengths(NamedTuple):
    """Distribution of the durations of bouts.

    Attributes
    ----------
    edges : (bins + 1,) float64 array
        Limits of the bins, s, evenly spaced on a logarithmic scale. A bin includes its lower limit;
        the last bin also includes its upper limit.
    counts : (labels, bins) int64 array
        Number of bouts of each label by duration.
    medians : (labels,) float64 array
        Median duration, s; NaN for a label without bouts.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    medians: NDArray[np.float64]


def shares_over_time(run: RunLabels, max_gap: float | None = None) -> Shares:
    """Return the shares of the labels in the tracked time, in time bins.

    The width of the bins is 1, 2 or 5 times a power of ten seconds. It is the shortest width that
    gives at most 200 bins and is at least two frame intervals.

    Parameters
    ----------
    run : RunLabels
        The labels.
    max_gap : float, optional
        Seconds, as in `find_spans`. Larvae are not tracked in gaps.

    Returns
    -------
    Shares
        Columns `names`, `edges` (s), `shares` and `larvae`.

    Raises
    ------
    LabelFileError
        ``bad-time``: a time is so large that no double holds it in milliseconds.
    ValueError
        `max_gap` is not above 0.

    Examples
    --------
    >>> from taggingbackends import Labels
    >>> labels = Labels()
    >>> labels.set("run1", 7, [0.0, 0.1, 0.2, 0.3], ["run", "run", "cast", "run"])
    >>> found = shares_over_time(labels["run1"])
    >>> found.names, found.edges[:2].tolist()
    (['run', 'cast'], [0.0, 0.2])
    >>> found.shares[0].tolist()  # run, cast, undefined
    [1.0, 0.0, 0.0]
    """
    spans, names = find_spans(run, max_gap), run.names
    if not len(spans):
        empty = np.zeros((0, len(names) + 1))
        return Shares(names, np.zeros(1), empty, np.zeros(0, dtype=np.int64))
    edges = _edges(float(spans.start.min()), float(spans.stop.max()), 2 * spans.interval)
    bins, columns = len(edges) - 1, len(names) + 1
    of_span, of_bin, seconds = spans.split(edges)
    parts, labels = label_pairs(run, spans.states[of_span])
    is_primary = labels < len(names)
    parts, labels = parts[is_primary], labels[is_primary]
    sizes = np.bincount(parts, minlength=len(of_span))
    undefined = np.flatnonzero(sizes == 0)
    cells = of_bin[parts] * columns + labels
    cells = np.concatenate([cells, of_bin[undefined] * columns + len(names)])
    seconds = np.concatenate([seconds[parts] / sizes[parts], seconds[undefined]])
    time = np.bincount(cells, seconds, minlength=bins * columns).reshape(bins, columns)
    total = time.sum(axis=1, keepdims=True)
    shares = time / np.where(total > 0, total, 1)
    pairs = np.unique(of_bin * len(run) + spans.tracks[of_span]) // len(run)
    return Shares(names, edges, shares, np.bincount(pairs, minlength=bins))


def bout_lengths(bouts: Bouts) -> Lengths:
    """Return the distribution of bout durations for each of `bouts.names`.

    The bins span the shortest to the longest bout, with four bins per octave, but at most 24.

    Parameters
    ----------
    bouts : Bouts
        The bouts, as returned by `find_bouts`.

    Returns
    -------
    Lengths
        Columns `edges` (s), `counts` and `medians` (s).

    Examples
    --------
    >>> from taggingbackends import Labels
    >>> from taggingbackends.labels import find_bouts
    >>> labels = Labels()
    >>> labels.set("run1", 7, [0.0, 0.1, 0.2, 0.3], ["run", "run", "cast", "run"])
    >>> bouts = find_bouts(labels["run1"])
    >>> dict(zip(bouts.names, bout_lengths(bouts).medians.round(3).tolist()))
    {'run': 0.15, 'cast': 0.1}
    """
    length = bouts.durations
    labels = len(bouts.names)
    ends = np.clip([length.min(), length.max()], _SHORTEST, None) if len(length) else np.ones(2)
    low, high = np.log2(ends)
    bins = max(min(int(np.ceil(4 * (high - low) - 1e-9)), _LENGTHS), 1)
    edges = 2 ** np.linspace(low, max(high, low + 0.25), bins + 1)
    # a length that equals a limit, up to rounding, is in the bin that begins there
    place = np.searchsorted(edges * (1 - 1e-9), length, "right") - 1
    cells = bouts.labels * bins + place.clip(0, bins - 1)
    counts = np.bincount(cells, minlength=labels * bins).reshape(labels, bins)
    n = counts.sum(axis=1)
    begins = np.cumsum(n) - n
    ordered = np.append(length[np.lexsort((length, bouts.labels))], np.nan)
    middle = (ordered[begins + (n - 1).clip(min=0) // 2] + ordered[begins + n // 2]) / 2
    return Lengths(edges, counts, np.where(n > 0, middle, np.nan))


def transitions(run: RunLabels, spans: Spans) -> tuple[list[str], NDArray[np.int64]]:
    """Count how often one label follows another in the next frame of a larva.

    Parameters
    ----------
    run : RunLabels
        The labels.
    spans : Spans
        Its spans, as returned by `taggingbackends.labels.find_spans`.

    Returns
    -------
    names : list of str
        The primary labels.
    counts : (n, n) int64 array
        Transitions from the label of the row to the label of the column. A state with several
        primary labels counts as the first of them. Changes to or from undefined frames, and changes
        across a gap, do not count. The diagonal is 0.

    Examples
    --------
    >>> from taggingbackends import Labels
    >>> from taggingbackends.labels import find_spans
    >>> labels = Labels()
    >>> labels.set("run1", 7, [0.0, 0.1, 0.2, 0.3], ["run", "run", "cast", "run"])
    >>> names, counts = transitions(labels["run1"], find_spans(labels["run1"]))
    >>> names, counts.tolist()
    (['run', 'cast'], [[0, 1], [1, 0]])
    """
    names = run.names
    place = {name: index for index, name in enumerate(names)}
    leading = np.array(
        [next((place[x] for x in labels_of(s) if x in place), -1) for s in run.states]
    )[spans.states]
    before, after = leading[:-1], leading[1:]
    follows = spans.stretches[1:] == spans.stretches[:-1]
    counted = follows & (before >= 0) & (after >= 0) & (before != after)
    n = len(names)
    pairs = before[counted] * n + after[counted]
    return names, np.bincount(pairs, minlength=n * n).reshape(n, n)


def _edges(start: float, stop: float, shortest: float) -> NDArray[np.float64]:
    """Return the limits of the shortest bins that are long enough and not too many."""
    shortest = max(shortest, _SHORTEST)
    power = int(np.floor(np.log10(shortest)))
    for width in (step * 10.0**exponent for exponent in count(power) for step in (1, 2, 5)):
        lower, upper = np.floor(start / width + 1e-9), np.ceil(stop / width - 1e-9)
        if width >= shortest * (1 - 1e-9) and upper - lower <= _BINS:
            break
    edges: NDArray[np.float64] = np.round(np.arange(lower, upper + 1) * width, 9)
    return edges
