"""Layout of an ethogram: the labels of a state within a row, and the time axis."""

from __future__ import annotations

from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import labels_of
from taggingbackends.labels.stretches import Spans

__all__ = ["row_layout", "time_range"]

_CLOCK = 0xFFFFFFFF / 1000  # s; the range of 32 bits of ms, 49 days


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


def time_range(spans: Spans) -> tuple[float, float]:
    """Return the first and the last time of a time axis in s; both are 0 without spans.

    The axis begins at 0, the start of the recording. If the first frame is before 0 or after 49
    days, times have another origin, and the axis begins at the first frame.
    """
    if not len(spans):
        return 0.0, 0.0
    start, stop = float(spans.start.min()), float(spans.stop.max())
    return (0.0 if 0 <= start <= _CLOCK else start), stop
