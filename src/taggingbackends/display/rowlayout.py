"""Where in the row of a larva a picture shows the labels of a state."""

from __future__ import annotations

from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import labels_of

__all__ = ["bands"]


def bands(run: RunLabels) -> list[tuple[list[int], list[int]]]:
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
