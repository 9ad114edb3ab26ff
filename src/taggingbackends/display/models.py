"""Tables about training: what a model is trained on, and the models of a backend."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from taggingbackends.display.tables import aligned, cut

__all__ = ["model_table"]

_NAMES = 24  # columns for the names of labels


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
