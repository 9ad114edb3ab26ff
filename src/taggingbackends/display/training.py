"""Tables about training: what a model is trained on, and the models of a backend."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from taggingbackends.analysis.traininginput import TrainingInput
from taggingbackends.display.tables import aligned, cut
from taggingbackends.system.words import counted, listed, printable

__all__ = ["model_table", "training_table", "windows_line"]

_NAMES = 24  # columns for the names of labels


def training_table(found: TrainingInput, width: int) -> str:
    """Return what a model will be trained on: labels by frames and recordings, and what is not.

    Parameters
    ----------
    found : TrainingInput
    width : int
        Width of the terminal, in columns.
    """
    rows = [("label", "frames", "recordings")]
    for name, n in found.frames_by_label.items():
        rows.append((name, str(n), str(found.recordings_by_label[name])))
    if found.undefined:
        rows.append(("(undefined)", str(found.undefined), ""))
    lines = [aligned(rows, width=width)] if len(rows) > 1 else ["no labels in the input"]
    if found.recordings:
        larvae = counted(found.larvae, "larva", "larvae")
        total = f"{counted(found.recordings, 'recording')}, {larvae}, "
        total += counted(found.frames, "frame")
        lines.append(total + (f", {found.edited} of them edited" if found.edited else ""))
    if found.unlabelled:
        lines.append(f"without labels: {counted(found.unlabelled, 'recording')}")
    reasons: dict[str, list[str]] = {}
    for file, why in found.left_out.items():
        reasons.setdefault(why, []).append(str(file))
    for why, files in reasons.items():
        sentence = f"left out: {counted(len(files), 'label file')}, {why}: {listed(files)}"
        lines.append(_wrapped(sentence, width))
    return "\n".join(lines)


def windows_line(windows: Mapping[str, Any], width: int) -> str:
    """Return the number of windows of a training set, and those of each label."""
    parts = (f"{name} {n}" for name, n in windows["selected"].items())
    return _wrapped(f"{counted(windows['total'], 'window')}: {', '.join(parts)}", width)


def _wrapped(text: str, width: int) -> str:
    """Return a text in lines, with paths and names in one piece."""
    text = printable(text)
    return textwrap.fill(
        text, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def model_table(records: Mapping[str, Mapping[str, Any] | None], width: int) -> str:
    """Return a table of models: date, labels, recordings, frames, windows and accuracy.

    Parameters
    ----------
    records : mapping
        Model instance -> its record, see `trainingrecord`, or None.
    width : int
        Width of the terminal, in columns.
    """
    heads = ("instance", "date", "labels", "recordings", "frames", "windows", "accuracy")
    rows = [(name, *_cells(record or {})) for name, record in records.items()]
    return aligned([heads, *rows], left=(0, 1, 2), width=width)


def _cells(record: Mapping[str, Any]) -> list[str]:
    accuracy = _entry(record, "evaluation", "accuracy")
    return [
        _local(record.get("date")),
        cut(",".join(map(str, record.get("labels") or ())), _NAMES),
        str(record.get("recordings", "")),
        str(record.get("frames", "")),
        str(_entry(record, "windows", "total") or ""),
        f"{accuracy:.1%}" if isinstance(accuracy, float) else "",
    ]


def _entry(record: Mapping[str, Any], key: str, inner: str) -> Any:
    value = record.get(key)
    return value.get(inner) if isinstance(value, Mapping) else None


def _local(date: Any) -> str:
    """Return a date as the local one, without the time."""
    try:
        return datetime.fromisoformat(date).astimezone().strftime("%Y-%m-%d")
    except (TypeError, ValueError, OverflowError):
        return ""
