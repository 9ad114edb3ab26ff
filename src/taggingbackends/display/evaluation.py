"""The result of an evaluation as tables, for a terminal of a given width."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from taggingbackends.analysis.comparison import UNDEFINED, Confusion
from taggingbackends.display.filenames import short_names
from taggingbackends.display.tables import aligned, confusion_table
from taggingbackends.system.words import counted

__all__ = ["confusion_of", "evaluation_text", "how", "names_of"]

_RECORDINGS = 10  # in the table of recordings


def evaluation_text(result: Mapping[str, Any], width: int) -> str:
    """Return the tables of an evaluation.

    Parameters
    ----------
    result : mapping
        As `taggingbackends.many.evaluation.summary` returns it.
    width : int
        Width of the terminal, in columns.
    """
    parts = [_head(result)]
    if result["frames"]:
        matrix = confusion_table(confusion_of(result), width, UNDEFINED)
        parts += [
            f"frames by true label (row) and predicted label (column)\n{matrix}",
            aligned(_frame_rows(result), width=width),
            aligned(_bout_rows(result), width=width),
            _totals(result),
        ]
        if result["reliability"]:
            parts.append(aligned(_reliability_rows(result)))
    return "\n\n".join([*parts, _recordings(result, width)])


def how(result: Mapping[str, Any]) -> str:
    """Return how the recordings were divided, in words."""
    if result["left_out"] == "model":
        return (
            f"model {result['model_instance']} on {counted(len(result['recordings']), 'recording')}"
        )
    folds, recordings = result["folds"], counted(len(result["recordings"]), "recording")
    if result["left_out"] == "fold":
        return f"{recordings} in {counted(folds, 'fold')}, each left out in turn"
    if result["left_out"] == "recording":
        return f"{recordings}, each left out in turn"
    return f"{recordings} of {folds} values of {result['left_out']}, each left out in turn"


def names_of(result: Mapping[str, Any]) -> dict[str, str]:
    """Return the recordings' paths, and these without what all have in common."""
    return short_names(one["recording"] for one in result["recordings"])


def _head(result: Mapping[str, Any]) -> str:
    seconds = result["seconds"]
    training = f"training {seconds['training']:.1f} s, " if seconds["training"] else ""
    sums = " (sums of all folds)" if training else ""
    return (
        f"{how(result)}: {counted(result['frames'], 'labelled frame')}\n"
        f"{training}predicting {seconds['predicting']:.1f} s{sums}; "
        f"took {seconds['total']:.1f} s"
    )


def confusion_of(result: Mapping[str, Any]) -> Confusion:
    """Return the confusion matrix of an evaluation."""
    matrix = np.array(result["matrix"], dtype=np.int64)
    one, other = matrix.nonzero()
    cells = np.stack([one, other, matrix[one, other]], axis=1)
    return Confusion(result["names"], cells)


def _frame_rows(result: Mapping[str, Any]) -> list[list[str]]:
    rows = [["label", "frames", "precision", "recall", "F1"]]
    for one in result["labels"]:
        figures = (_figure(one[name]) for name in ("precision", "recall", "f1"))
        rows.append([one["name"], str(one["true"]), *figures])
    return rows


def _bout_rows(result: Mapping[str, Any]) -> list[list[str]]:
    rows = [["label", "bouts", "predicted", "found", "F1 of bouts"]]
    numbers = ("true", "predicted", "right")
    for one in result["bouts"]:
        found = (str(one[name]) for name in numbers)
        rows.append([one["name"], *found, _figure(one["f1"])])
    sums = [str(sum(one[name] for one in result["bouts"])) for name in numbers]
    return [*rows, ["(all)", *sums, _figure(result["bout_f1"])]]


def _totals(result: Mapping[str, Any]) -> str:
    names = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy"}
    names["kappa"] = "Cohen's kappa"
    text = aligned([[name, _figure(result[key])] for key, name in names.items()], left=(0, 1))
    why = result["why_no_intervals"]
    return f"{text}\n{f'no intervals: {why}' if why else 'in brackets: 95 % intervals'}"


def _reliability_rows(result: Mapping[str, Any]) -> list[list[str]]:
    rows = [["confidence", "frames", "mean", "accuracy"]]
    for one in result["reliability"]:
        figures = (f"{one['confidence']:.3f}", f"{one['accuracy']:.3f}")
        rows.append([f"{one['low']} to {one['high']} %", str(one["frames"]), *figures])
    return rows


def _recordings(result: Mapping[str, Any], width: int) -> str:
    found = sorted(result["recordings"], key=lambda one: one["accuracy"])
    names = names_of(result)
    rows = [["recording", "frames", "no prediction", "accuracy"]]
    for one in found[:_RECORDINGS]:
        numbers = (str(one["frames"]), str(one["without_prediction"]), f"{one['accuracy']:.3f}")
        rows.append([names[one["recording"]], *numbers])
    if len(found) > _RECORDINGS:
        rows.append([f"(and {len(found) - _RECORDINGS} better ones)", "", "", ""])
    return aligned(rows, width=width)


def _figure(estimate: Mapping[str, Any]) -> str:
    if estimate["value"] is None:
        return "-"
    interval = estimate["interval"]
    limits = "" if interval is None else f" ({interval[0]:.2f} to {interval[1]:.2f})"
    return f"{estimate['value']:.3f}{limits}"
