"""One recording reduced to small arrays: what statistics of groups are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from taggingbackends.analysis.protocol import Window, stimulus_windows
from taggingbackends.analysis.summaries import transitions
from taggingbackends.errors import BackendError
from taggingbackends.labels.bouts import bouts_of_spans
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import StateTable, labels_of
from taggingbackends.labels.stretches import Spans, find_spans, label_pairs
from taggingbackends.labels.tracklabels import TrackLabels

__all__ = ["Observation", "Questions", "check_bins", "observe"]

_Floats = NDArray[np.float64]

_MOST_BINS = 100_000  # more do not fit into memory, and no figure shows them

_SAME = 1e-9  # s; rounding errors of times


class Questions(NamedTuple):
    """What is asked of each recording; see `taggingbackends.analysis.statistics`."""

    window: Window | None
    before: Window | None
    bin: float
    min_tracked: float
    max_gap: float | None
    unit: str


@dataclass(frozen=True, eq=False)
class Observation:
    """What one recording says.

    n larvae, L labels, u units of the bootstrap; times and durations in s.

    Attributes
    ----------
    declared : list of str
        All names, in the order of their declaration; those that do not occur cost no memory below.
    labels : list of str
        The names that occur: primary names, then secondary names.
    primary : int
        Number of primary names among these.
    larvae : (n,) int64 array
        Larva identifiers.
    frames : int
        Number of frames.
    stimulus : tuple of Window
        The stimulus windows of its protocol.
    window : Window
        The window; without one, the time from the first to the last frame.
    is_whole : bool
        Whether the window is the whole recording, because there is no other one.
    first_bin : int
        Number of the first time bin; bin k begins at k times the width of the bins.
    seen : (u, bins) float32 array
        Larvae that are tracked in the bin: for each larva, or in total (u = 1) if recordings are
        the units.
    shares : (u, bins, k) float32 array
        The sum over these larvae of the label's share of the larva's tracked time in the bin.
    shared : (k,) intp array
        The labels of `shares`, those that occur, as indices into `labels`.
    tracked : (n,) float64 array
        Tracked time in the window.
    seconds : (n, L) float64 array
        Time with each label in the window.
    is_counted : (n,) bool array
        Whether the larva is tracked for long enough in the window.
    bouts : (n, L) int64 array
        Bouts that begin in the window.
    bout_seconds : (n, L) float64 array
        The sum of their durations, also beyond the window.
    transitions : (primary, primary) int64 array
        Transitions in the window, as counted by `taggingbackends.analysis.transitions`.
    is_eligible : (n,) bool array
        Whether the larva counts for responses: tracked for long enough in the window, and before.
    did_before : (n, L) bool array
        Whether it has the label in the window before.
    responded : (n, L) bool array
        Whether it has the label in the window.
    latency : (n, L) float64 array
        From the start of the window to the first frame with the label, 0 if the larva has it
        already; infinite without the label.
    observed : (n,) float64 array
        From the start of the window to the end of the tracked time in it.
    """

    declared: list[str]
    labels: list[str]
    primary: int
    larvae: NDArray[np.int64]
    frames: int
    stimulus: tuple[Window, ...]
    window: Window
    is_whole: bool
    first_bin: int
    seen: NDArray[np.float32]
    shares: NDArray[np.float32]
    shared: NDArray[np.intp]
    tracked: _Floats
    seconds: _Floats
    is_counted: NDArray[np.bool_]
    bouts: NDArray[np.int64]
    bout_seconds: _Floats
    transitions: NDArray[np.int64]
    is_eligible: NDArray[np.bool_]
    did_before: NDArray[np.bool_]
    responded: NDArray[np.bool_]
    latency: _Floats
    observed: _Floats


def observe(run: RunLabels, questions: Questions) -> Observation:
    """Reduce the labels of a recording.

    Raises
    ------
    BackendError
        ``unusable-data``: the recording has too many time bins.
    LabelFileError
        ``bad-time``: a time is so large that no double holds it in milliseconds.
    """
    declared = run.names + run.secondary_names
    spans = find_spans(run, questions.max_gap)
    run = _occurring(run, spans)
    stimulus = tuple(stimulus_windows(run))
    window = questions.window or (stimulus[0] if stimulus else None)
    is_whole = window is None
    ends = (float(spans.start.min()), float(spans.stop.max())) if len(spans) else (0.0, 0.0)
    if window is None:
        window = Window(*ends)
    first_bin, seen, shares = _over_time(run, spans, ends, questions.bin)
    shared = np.flatnonzero(shares.any(axis=(0, 1)))
    if questions.unit == "recording":
        seen, shares = (column.sum(axis=0, keepdims=True) for column in (seen, shares))

    tracked, seconds = _in_window(run, spans, window)
    least = 0.0 if is_whole else questions.min_tracked * (window.stop - window.start)
    is_counted = (tracked > 0) & (tracked >= least - _SAME)
    is_eligible, did_before = is_counted, np.zeros(seconds.shape, dtype=bool)
    if questions.before is not None:
        before = questions.before
        tracked_before, seconds_before = _in_window(run, spans, before)
        least = questions.min_tracked * (before.stop - before.start)
        is_eligible = is_counted & (tracked_before >= least - _SAME)
        did_before = seconds_before > 0
    bouts, bout_seconds = _bouts(run, spans, window)
    latency, observed = _latencies(run, spans, window)
    return Observation(
        declared=declared,
        labels=run.names + run.secondary_names,
        primary=len(run.names),
        larvae=np.array(list(run), dtype=np.int64),
        frames=int(spans.frames.sum()),
        stimulus=stimulus,
        window=window,
        is_whole=is_whole,
        first_bin=first_bin,
        seen=seen.astype(np.float32),
        shares=shares[:, :, shared].astype(np.float32),
        shared=shared,
        tracked=tracked,
        seconds=seconds,
        is_counted=is_counted,
        bouts=bouts,
        bout_seconds=bout_seconds,
        transitions=_transitions(run, spans, window, is_counted),
        is_eligible=is_eligible,
        did_before=did_before,
        responded=seconds > 0,
        latency=latency,
        observed=observed,
    )


def _occurring(run: RunLabels, spans: Spans) -> RunLabels:
    """Return a run that declares only the names of its states, without copying its frames."""
    codes = np.unique(spans.states).tolist()
    used = {name for code in codes for name in labels_of(run._table.states[code])}
    names, secondary = (
        [name for name in declared if name in used] for declared in (run.names, run.secondary_names)
    )
    table = StateTable(names, secondary, states=run._table.states)
    shown = RunLabels(run.id, table)
    shown.metadata = run.metadata
    for larva, track in run.items():
        shown._tracks[larva] = TrackLabels(table, track.times, track.codes)
    return shown


def _over_time(
    run: RunLabels, spans: Spans, ends: tuple[float, float], width: float
) -> tuple[int, _Floats, _Floats]:
    """Return the first bin, 1 where a larva is tracked in a bin, and shares by larva and bin."""
    check_bins((ends[1] - ends[0]) / width, width, run.id)
    first = int(np.floor(ends[0] / width + 1e-9))
    bins = max(int(np.ceil(ends[1] / width - 1e-9)) - first, 0)
    check_bins(bins, width, run.id)
    edges = np.arange(first, first + bins + 1, dtype=np.float64) * width
    tracked, seconds = _divided(run, spans, edges)
    shares = seconds / np.where(tracked > 0, tracked, 1)[:, :, None]
    return first, (tracked > 0).astype(np.float64), shares


def check_bins(bins: float, width: float, run: str | None = None) -> None:
    """Raise BackendError ``unusable-data`` if there are too many time bins."""
    if bins > _MOST_BINS:
        where = "" if run is None else f"run {run}: "
        problem = f"{where}expected at most {_MOST_BINS} bins of {width:g} s, found {bins:.0f}"
        fix = "set a longer bin=..., or see whether times are in seconds from the recording's start"
        raise BackendError("unusable-data", problem, fix)


def _divided(run: RunLabels, spans: Spans, edges: _Floats) -> tuple[_Floats, _Floats]:
    """Return tracked seconds by larva and bin, and seconds by larva, bin and label."""
    larvae, bins, labels = len(run), len(edges) - 1, len(run.names) + len(run.secondary_names)
    if not bins or not len(spans):
        return np.zeros((larvae, bins)), np.zeros((larvae, bins, labels))
    of_span, of_bin, seconds = spans.split(edges)
    cells = spans.tracks[of_span] * bins + of_bin
    tracked = _sums(cells, seconds, larvae * bins)
    parts, of_label = label_pairs(run, spans.states[of_span])
    cells = cells[parts] * labels + of_label
    labelled = _sums(cells, seconds[parts], larvae * bins * labels)
    return tracked.reshape(larvae, bins), labelled.reshape(larvae, bins, labels)


def _in_window(run: RunLabels, spans: Spans, window: Window) -> tuple[_Floats, _Floats]:
    """Return tracked seconds by larva, and seconds by larva and label."""
    tracked, seconds = _divided(run, spans, np.array(window))
    return tracked[:, 0], seconds[:, 0]


def _latencies(run: RunLabels, spans: Spans, window: Window) -> tuple[_Floats, _Floats]:
    """Return latencies by larva and label, and how long larvae are observed."""
    observed = np.zeros(len(run))
    latency = np.full((len(run), len(run.names) + len(run.secondary_names)), np.inf)
    if len(spans):
        inside, _, _ = spans.split(np.array(window))
        spans = spans[inside]
        np.maximum.at(observed, spans.tracks, np.minimum(spans.stop, window.stop) - window.start)
        parts, of_label = label_pairs(run, spans.states)
        begins = np.maximum(spans.start - window.start, 0.0)
        np.minimum.at(latency, (spans.tracks[parts], of_label), begins[parts])
    return latency, observed


def _bouts(run: RunLabels, spans: Spans, window: Window) -> tuple[NDArray[np.int64], _Floats]:
    """Return number and seconds of the bouts that begin in a window, by larva and label."""
    bouts, tracks = bouts_of_spans(run, spans)
    labels = len(bouts.names)
    begins = (bouts.start >= window.start - _SAME) & (bouts.start < window.stop - _SAME)
    cells = (tracks * labels + bouts.labels)[begins]
    size, shape = len(run) * labels, (len(run), labels)
    counts: NDArray[np.int64] = np.bincount(cells, minlength=size).reshape(shape)
    return counts, _sums(cells, bouts.durations[begins], size).reshape(shape)


def _transitions(
    run: RunLabels, spans: Spans, window: Window, is_counted: NDArray[np.bool_]
) -> NDArray[np.int64]:
    if len(spans):
        inside, _, _ = spans.split(np.array(window))
        spans = spans[inside[is_counted[spans.tracks[inside]]]]
    _, counts = transitions(run, spans)
    return counts


def _sums(cells: NDArray[np.int64], values: _Floats, size: int) -> _Floats:
    """Return the sum of the values in each cell."""
    return np.bincount(cells, values, minlength=size).astype(np.float64, copy=False)
