"""What a run's labels amount to: shares over time, lengths of bouts, transitions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from taggingbackends.labels.bouts import Bouts
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import labels_of
from taggingbackends.labels.stretches import Spans, columns_of

__all__ = [
    "Lengths",
    "Shares",
    "bout_lengths",
    "shares_over_time",
    "transitions",
]

_BINS = 200  # of time, at most; about as many as a chart shows


class Shares(NamedTuple):
    """How the frames of successive bins of time are divided among labels.

    Attributes
    ----------
    names : list of str
        The primary labels.
    edges : (bins + 1,) float64 array
        Limits of the bins, s; a bin has its lower limit, not its upper one.
    shares : (bins, len(names) + 1) float64 array
        Share of the bin's frames with each label, the last column of undefined ones. A frame of
        several primary labels is divided equally among them, so that a row sums to 1 (to 0, if
        the bin has no frame). Secondary labels do not count.
    larvae : (bins,) int64 array
        Larvae that have a frame in the bin.
    """

    names: list[str]
    edges: NDArray[np.float64]
    shares: NDArray[np.float64]
    larvae: NDArray[np.int64]


class Lengths(NamedTuple):
    """How long bouts last.

    Attributes
    ----------
    edges : (bins + 1,) float64 array
        Limits of the bins, s: 0, then evenly spaced logarithms.
    counts : (labels, bins) int64 array
        Bouts of each label by length, the time from the first to the last frame.
    medians : (labels,) float64 array
        s; NaN for a label without bouts.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    medians: NDArray[np.float64]


def shares_over_time(run: RunLabels) -> Shares:
    """Return the shares of the labels in bins of 1, 2 or 5 times a power of ten seconds.

    The bins are as many as possible, up to 200, but not shorter than two frame intervals.
    """
    names = run.names
    tracks, times, codes = columns_of(run)
    if not len(times):
        empty = np.zeros((0, len(names) + 1))
        return Shares(names, np.zeros(1), empty, np.zeros(0, dtype=np.int64))
    start, stop = times.min(), times.max()
    steps = np.diff(times)[tracks[1:] == tracks[:-1]]
    shortest = 2 * float(np.median(steps)) if len(steps) else 1.0
    width = _nice(max(float(stop - start) / (_BINS - 1), shortest))
    lower = int(np.floor(start / width))
    bins = int(np.floor(stop / width)) - lower + 1
    edges = np.round(np.arange(lower, lower + bins + 1).astype(np.float64) * width, 9)
    place = np.clip(np.searchsorted(edges, times, "right") - 1, 0, bins - 1)
    states = len(run.states)
    frames = np.bincount(place * states + codes, minlength=bins * states).reshape(bins, states)
    of_bin = frames.sum(axis=1)
    total = np.maximum(of_bin, 1)
    shares = frames @ _weights(run, names) / total[:, None]
    pairs = np.unique(place * (len(run) + 1) + tracks) // (len(run) + 1)
    return Shares(names, edges, shares, np.bincount(pairs, minlength=bins))


def bout_lengths(bouts: Bouts) -> Lengths:
    """Return the distribution of the lengths of bouts, for each of `bouts.names`.

    The bins are up to four an octave, at most 24, from the shortest bout of several frames to
    the longest; the first also has the bouts of one frame, whose length is 0.
    """
    length = bouts.stop - bouts.start
    labels = len(bouts.names)
    longer = length[length > 0]
    if len(longer):
        low, high = np.log2([longer.min(), longer.max()])
        bins = max(min(int(np.ceil(4 * (high - low))), 24), 1)
        edges = np.append(0.0, 2 ** np.linspace(low, max(high, low + 0.25), bins + 1)[1:])
    else:
        edges = np.array([0.0, 1.0])
    place = np.clip(np.searchsorted(edges, length, "right") - 1, 0, len(edges) - 2)
    counts = np.bincount(
        bouts.labels * (len(edges) - 1) + place, minlength=labels * (len(edges) - 1)
    ).reshape(labels, len(edges) - 1)
    of_label = [length[bouts.labels == label] for label in range(labels)]
    medians = np.array([np.median(found) if len(found) else np.nan for found in of_label])
    return Lengths(edges, counts, medians)


def transitions(run: RunLabels, spans: Spans) -> tuple[list[str], NDArray[np.int64]]:
    """Count how often one label follows another in the next frame of a larva.

    Parameters
    ----------
    run : RunLabels
        The labels.
    spans : Spans
        Its spans, as `find_spans` gives them.

    Returns
    -------
    names : list of str
        The primary labels.
    counts : (n, n) int64 array
        Transitions from the label of the row to that of the column. A state counts as the first
        of its primary labels. What leads to or from undefined frames, or across a gap, is none,
        and what stays as it is neither; so the diagonal is 0.
    """
    names = run.names
    place = {name: index for index, name in enumerate(names)}
    leading = np.array(
        [next((place[x] for x in labels_of(s) if x in place), -1) for s in run.states]
    )[spans.states]
    before, after = leading[:-1], leading[1:]
    counted = spans.follows[1:] & (before >= 0) & (after >= 0) & (before != after)
    n = len(names)
    pairs = before[counted] * n + after[counted]
    return names, np.bincount(pairs, minlength=n * n).reshape(n, n)


def _weights(run: RunLabels, names: list[str]) -> NDArray[np.float64]:
    """Return, of each state, the part that goes to each name, and to undefined."""
    place = {name: index for index, name in enumerate(names)}
    weights = np.zeros((len(run.states), len(names) + 1))
    for row, state in zip(weights, run.states, strict=True):
        places = [place[name] for name in labels_of(state) if name in place] or [len(names)]
        row[places] = 1 / len(places)
    return weights


def _nice(least: float) -> float:
    """Return the smallest of 1, 2, 5 times a power of ten that is not below."""
    power = 10.0 ** np.floor(np.log10(least))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= least * (1 - 1e-9)))
