"""Labels of larvae, and label files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taggingbackends.system.lazy import lazy_names

if TYPE_CHECKING:
    from taggingbackends.data.events import import_events
    from taggingbackends.data.labelsources import iter_labels
    from taggingbackends.labels.boris import export_boris
    from taggingbackends.labels.bouts import Bouts, find_bouts
    from taggingbackends.labels.dependencies import dependency
    from taggingbackends.labels.labels import Labels
    from taggingbackends.labels.runlabels import RunLabels
    from taggingbackends.labels.states import State
    from taggingbackends.labels.stretches import Spans, default_max_gap, find_spans
    from taggingbackends.labels.tracklabels import TrackLabels

__all__ = [
    "Bouts",
    "Labels",
    "RunLabels",
    "Spans",
    "State",
    "TrackLabels",
    "default_max_gap",
    "dependency",
    "export_boris",
    "find_bouts",
    "find_spans",
    "import_events",
    "iter_labels",
]

if not TYPE_CHECKING:  # checkers would accept any name
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "taggingbackends.data.events": ("import_events",),
            "taggingbackends.data.labelsources": ("iter_labels",),
            "taggingbackends.labels.boris": ("export_boris",),
            "taggingbackends.labels.bouts": ("Bouts", "find_bouts"),
            "taggingbackends.labels.dependencies": ("dependency",),
            "taggingbackends.labels.labels": ("Labels",),
            "taggingbackends.labels.runlabels": ("RunLabels",),
            "taggingbackends.labels.states": ("State",),
            "taggingbackends.labels.stretches": ("Spans", "default_max_gap", "find_spans"),
            "taggingbackends.labels.tracklabels": ("TrackLabels",),
        },
    )
