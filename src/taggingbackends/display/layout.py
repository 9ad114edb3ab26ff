"""Layout of an ethogram: the labels of a state within a row, and the time axis."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from taggingbackends.display.colors import label_colors, legend_order
from taggingbackends.labels.confidence import known_confidence
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import NEW_COLOR, StateTable, labels_of
from taggingbackends.labels.stretches import Spans
from taggingbackends.labels.tracklabels import TrackLabels

__all__ = ["fading", "limited", "ordered", "row_layout", "span_confidence", "time_range"]

_CLOCK = 0xFFFFFFFF / 1000  # s; the range of 32 bits of ms, 49 days
_LONGEST = 100  # length of an axis from 0, in those of the labels


MOST_LABELS = 60  # more cannot be told apart, and a legend has no room for them


def ordered(run: RunLabels) -> RunLabels:
    """Return a run with its names in the order of legends, without copying its frames."""
    names, secondary = legend_order(run.names), legend_order(run.secondary_names)
    if (names, secondary) == (run.names, run.secondary_names):
        return run
    own = dict(zip(run.names, run.colors or (), strict=False))
    table = StateTable(names, secondary, [own[name] for name in names] if own else None, run.states)
    shown = RunLabels(run.id, table)
    shown.metadata, shown.dependencies = run.metadata, run.dependencies
    for larva, track in run.items():
        shown._tracks[larva] = TrackLabels(
            table, track.times, track.codes, confidence=track.confidence
        )
    return shown


def limited(run: RunLabels) -> RunLabels:
    """Return a run with at most 60 labels, in the order of legends, to be drawn.

    If there are more, the less frequent ones are replaced by one label that says how many they are
    (and one for secondary labels).
    """
    run = ordered(run)
    names = run.names + run.secondary_names
    if len(names) <= MOST_LABELS:
        return run
    counts = run.count()
    kept = set(sorted(names, key=lambda name: -counts.get(name, 0))[: MOST_LABELS - 2])
    secondary = set(run.secondary_names)
    others = [name for name in run.names if name not in kept]
    secondary_others = secondary - kept
    other = f"({len(others)} others)"
    other_secondary = f"({len(secondary_others)} other secondary labels)"

    def drawn(name: str) -> str:
        return name if name in kept else other_secondary if name in secondary else other

    colors = label_colors(run)
    primary = [name for name in run.names if name in kept]
    of_primary = [colors[name] for name in primary]
    if others:
        primary.append(other)
        of_primary.append(NEW_COLOR)
    kept_secondary = [name for name in run.secondary_names if name in kept]
    if secondary_others:
        kept_secondary.append(other_secondary)
    table = StateTable(primary, kept_secondary, of_primary)
    shown = RunLabels(run.id, table)
    shown.metadata, shown.dependencies = run.metadata, run.dependencies
    numbers = np.zeros(len(run.states), dtype=np.int32)
    states = run.states
    for code in run._used_codes():
        numbers[code] = table.number(tuple(dict.fromkeys(map(drawn, labels_of(states[code])))))
    for larva, track in run.items():
        codes = numbers[track.codes]
        shown._tracks[larva] = TrackLabels(table, track.times, codes, confidence=track.confidence)
    return shown


def row_layout(run: RunLabels) -> list[tuple[list[int], list[int]]]:
    """Return the labels of each state of a run, as indices into names plus secondary names.

    Returns
    -------
    list of (list of int, list of int)
        The primary and the secondary labels of each state. Primary labels share the height of the
        row equally, from top to bottom. Secondary labels share a line at the bottom of the row.
        Both lists are empty for the undefined state.
    """
    place = {name: index for index, name in enumerate(run.names + run.secondary_names)}
    found = []
    for state in run.states:
        # a state that is no longer used may have names that are no longer declared
        places = [place[name] for name in labels_of(state) if name in place]
        primary = [index for index in places if index < len(run.names)]
        found.append((primary, [index for index in places if index >= len(run.names)]))
    return found


def span_confidence(run: RunLabels, spans: Spans) -> NDArray[np.float64] | None:
    """Return the mean confidence of each span of a run, NaN if unknown; None without any."""
    confidence = known_confidence(run)
    known = ~np.isnan(confidence)
    if not known.any():
        return None
    of_frame = np.repeat(np.arange(len(spans)), spans.frames)[known]
    counts = np.bincount(of_frame, minlength=len(spans))
    sums = np.bincount(of_frame, confidence[known], minlength=len(spans))
    return np.where(counts > 0, sums / counts.clip(min=1), np.nan)


def fading(confidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far colours fade to the background: 0 above 90 %, at most 0.72 up to 60 %.

    There are five levels, as in the page's script.
    """
    levels = np.floor(10 * (1 - np.nan_to_num(confidence, nan=1.0)) + 1e-9).clip(0, 4)
    parts: NDArray[np.float64] = 0.18 * levels
    return parts


def time_range(spans: Spans) -> tuple[float, float]:
    """Return the first and the last time of a time axis in s; both are 0 without spans.

    The axis begins at 0, the start of the recording. If the first frame is before 0 or after 49
    days, or the labels would take up less than 1 % of the axis, times have another origin, and the
    axis begins at the first frame.
    """
    if not len(spans):
        return 0.0, 0.0
    start, stop = float(spans.start.min()), float(spans.stop.max())
    latest = min(_CLOCK, (stop - start) * (_LONGEST - 1))
    return (0.0 if 0 <= start <= latest else start), stop
