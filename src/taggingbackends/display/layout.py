"""Where an ethogram shows what: the labels of a state in the row of a larva, and time 0."""

from __future__ import annotations

from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import labels_of
from taggingbackends.labels.stretches import Spans

__all__ = ["row_layout", "time_range"]

_CLOCK = 0xFFFFFFFF / 1000  # s; 49 days, which are 32 bits of ms


def row_layout(run: RunLabels) -> list[tuple[list[int], list[int]]]:
    """Return the labels of each state of a run, as indices into its names and secondary names.

    Returns
    -------
    list of (list of int, list of int)
        Of each state the primary labels, which share the height of the row equally, from top to
        bottom, and the secondary labels, which share a line at its foot. Both are empty for the
        undefined state.
    """
    place = {name: index for index, name in enumerate(run.names + run.secondary_names)}
    found = []
    for state in run.states:
        # a state that no frame has any longer may have names that there are no more
        places = [place[name] for name in labels_of(state) if name in place]
        primary = [index for index in places if index < len(run.names)]
        found.append((primary, [index for index in places if index >= len(run.names)]))
    return found


def time_range(spans: Spans) -> tuple[float, float]:
    """Return the first and the last time of a time axis, s; both 0 without spans.

    It begins at 0, where the clock of a recording does. A clock that is below 0, or that has been
    going for more than 49 days, is another one: then the axis begins with the first frame.
    """
    if not len(spans):
        return 0.0, 0.0
    start, stop = float(spans.start.min()), float(spans.stop.max())
    return (0.0 if 0 <= start <= _CLOCK else start), stop
