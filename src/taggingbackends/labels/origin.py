"""Who made labels: a model, or a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taggingbackends.labels.runlabels import RunLabels

__all__ = ["predicting_instance"]


def predicting_instance(runs: Mapping[str, RunLabels]) -> str | None:
    """Return the model instance that predicted labels, None if a person made or edited them.

    Labels that a person has edited, as a secondary label "edited" tells, are a person's.

    Parameters
    ----------
    runs : mapping
        Run identifier -> the labels of the run, such as `Labels`.
    """
    for run in runs.values():
        origin = run.metadata.get("software")
        if isinstance(origin, dict) and "edited" not in run.secondary_names:
            instance = origin.get("model_instance")
            if isinstance(instance, str):
                return instance
    return None
