"""The origin of labels: a model or a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from taggingbackends.system.words import counted, listed

if TYPE_CHECKING:
    from taggingbackends.labels.runlabels import RunLabels

__all__ = ["EDITED", "is_edited", "model_instance", "predicting_instance", "undeclared_names"]

EDITED = "edited"
"""The label of frames whose labels a person has changed or confirmed."""

_NAMED = 5  # names that a sentence lists at most


def is_edited(run: RunLabels) -> bool:
    """Return whether a person edited the labels of a run.

    They are edited if a frame has the label "edited", primary or secondary. Declaring the name is
    not enough.
    """
    return EDITED in run.count()


def predicting_instance(runs: Mapping[str, RunLabels]) -> str | None:
    """Return the model instance that predicted labels, or None if a person made or edited them.

    Edited runs (see `is_edited`) count as made by a person. The first other run that names a model
    instance decides.

    Parameters
    ----------
    runs : mapping
        Run identifier -> the labels of the run, such as `Labels`.
    """
    for run in runs.values():
        instance = model_instance(run)
        if instance is not None and not is_edited(run):
            return instance
    return None


def model_instance(run: RunLabels) -> str | None:
    """Return the model instance that the metadata name, whether or not a person edited the run."""
    origin = run.metadata.get("software")
    instance = origin.get("model_instance") if isinstance(origin, dict) else None
    return instance if isinstance(instance, str) else None


def undeclared_names(runs: Mapping[str, RunLabels]) -> list[str]:
    """Return a sentence for each run that was read with names that its file does not declare."""
    sentences = []
    for run in runs.values():
        if run.undeclared:
            counts = run.count()
            found = [f"{name!r} ({counted(counts[name], 'frame')})" for name in run.undeclared]
            names = listed(found, _NAMED)
            sentences.append(f"run {run.id}: labels that the file does not declare: {names}")
    return sentences
