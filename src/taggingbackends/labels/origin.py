"""Who made labels: a model, or a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taggingbackends.labels.runlabels import RunLabels

__all__ = ["is_edited", "predicting_instance"]


def is_edited(run: RunLabels) -> bool:
    """Return whether a person edited labels: a frame has the label "edited".

    The label may be primary or secondary. A name that is only declared does not count.
    """
    return "edited" in run.count()


def predicting_instance(runs: Mapping[str, RunLabels]) -> str | None:
    """Return the model instance that predicted labels, None if a person made or edited them.

    Runs that a person edited (see `is_edited`) are a person's.

    Parameters
    ----------
    runs : mapping
        Run identifier -> the labels of the run, such as `Labels`.
    """
    for run in runs.values():
        origin = run.metadata.get("software")
        if isinstance(origin, dict) and not is_edited(run):
            instance = origin.get("model_instance")
            if isinstance(instance, str):
                return instance
    return None
