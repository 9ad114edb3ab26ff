"""Checks of labels, both from files and from programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taggingbackends.errors import LabelFileError, shown

__all__ = [
    "COLUMN_KEYS",
    "MAX_LARVA_ID",
    "RUN_KEYS",
    "TRACK_KEYS",
    "check_colors",
    "check_confidence",
    "check_larva",
    "check_names",
    "check_overlap",
    "check_run",
    "check_times",
    "check_units",
    "fault_in",
]

MAX_LARVA_ID = 65535  # Nyx holds larva identifiers in 16 bits
RUN_KEYS = ("metadata", "units", "labels", "secondarylabels", "dependencies", "data")
TRACK_KEYS = ("id", "t", "labels")
"""Reserved entries of a run and of a track in a label file, which a track must have."""
COLUMN_KEYS = ("confidence", "second")
"""Reserved entries of a track that are optional: integers of its frames."""


def check_run(run: Any) -> str:
    """Return a run identifier; raise ``not-a-label-file`` unless it is a non-empty string."""
    if not (isinstance(run, str) and run):
        problem = f"expected a run identifier that is a string and not empty, found {shown(run)}"
        raise LabelFileError("not-a-label-file", problem)
    return run


def check_larva(larva: Any, run: str | None = None) -> int:
    """Return a larva identifier as an int; raise ``bad-larva-id`` unless it is in 0..65535."""
    whole = isinstance(larva, (int, np.integer)) and not isinstance(larva, bool)
    if not (whole and 0 <= larva <= MAX_LARVA_ID):
        problem = f"expected a larva identifier from 0 to {MAX_LARVA_ID}, found {shown(larva)}"
        raise LabelFileError("bad-larva-id", problem, run=run)
    return int(larva)


def check_times(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return times unchanged; raise ``bad-time`` unless finite and strictly increasing."""
    if times.ndim != 1:
        problem = f"expected times in one dimension, found an array of shape {times.shape}"
        raise LabelFileError("bad-time", problem)
    if (times[1:] > times[:-1]).all() and np.isfinite(times[[0, -1]] if len(times) else 0).all():
        return times  # increasing times between finite ones are finite
    bad = ~np.isfinite(times)
    # both violations in one mask, to report the first one
    bad[1:] |= ~(times[1:] > times[:-1])
    index = int(bad.argmax())
    problem = f"expected a finite time, found {times[index]}"
    if np.isfinite(times[index]):
        problem = f"expected a time after {times[index - 1]}, found {times[index]}"
    raise LabelFileError("bad-time", problem, index=index)


def check_confidence(values: ArrayLike, n: int) -> NDArray[np.float64]:
    """Return n numbers from 0 to 1, or NaN, as a new column; raise ``bad-confidence`` otherwise."""
    try:
        column = np.array(values)
        if column.dtype.kind not in "biufO":  # e.g. texts
            raise TypeError
        column = column.astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError):
        problem = f"expected numbers from 0 to 1, found {shown(values)}"
        raise LabelFileError("bad-confidence", problem) from None
    if column.shape != (n,):
        problem = f"expected {n} numbers, as many as times, found an array of shape {column.shape}"
        raise LabelFileError("bad-confidence", problem)
    bad = (column < 0) | (column > 1)
    if bad.any():
        index = int(bad.argmax())
        problem = f"expected a number from 0 to 1, or NaN, found {column[index]}"
        raise LabelFileError("bad-confidence", problem, index=index)
    return column


def check_units(units: Any) -> dict[str, Any]:
    """Return units, with `t` added if missing; raise ``bad-units`` unless `t` is "s"."""
    if not isinstance(units, dict):
        raise LabelFileError("bad-units", f"expected an object as units, found {shown(units)}")
    if units.get("t", "s") != "s":
        raise LabelFileError("bad-units", f'expected "s" as units.t, found {shown(units["t"])}')
    return units if "t" in units else {"t": "s", **units}


def check_names(names: Iterable[Any]) -> list[str]:
    """Return names as a list; raise ``bad-label`` unless they are distinct non-empty strings."""
    if isinstance(names, str):
        raise LabelFileError("bad-label", f"expected a list of names, found {shown(names)}")
    checked: dict[str, None] = {}
    for index, name in enumerate(names):
        if not (isinstance(name, str) and name):
            problem = f"expected a name that is a string and not empty, found {shown(name)}"
            raise LabelFileError("bad-label", problem, index=index)
        if name in checked:
            problem = f"expected each name once, found {shown(name)} again"
            raise LabelFileError("bad-label", problem, index=index)
        checked[str(name)] = None
    return list(checked)


def check_colors(colors: Iterable[Any], n: int) -> list[str]:
    """Return colours as a list; raise ``bad-label`` unless they are n strings."""
    checked = [colors] if isinstance(colors, str) else list(colors)
    for index, color in enumerate(checked):
        if not isinstance(color, str):
            problem = f"expected a colour that is a string, found {shown(color)}"
            raise LabelFileError("bad-label", problem, index=index)
    if len(checked) != n:
        problem = f"expected {n} colours, one for each name, found {len(checked)}"
        raise LabelFileError("bad-label", problem)
    return [str(color) for color in checked]


def check_overlap(names: Iterable[str], secondary_names: Iterable[str]) -> None:
    """Raise ``overlapping-names`` if a name is both primary and secondary."""
    primary = set(names)
    both = next((name for name in secondary_names if name in primary), None)
    if both is not None:
        problem = f"expected a name to be primary or secondary, found {shown(both)} as both"
        raise LabelFileError("overlapping-names", problem)


def fault_in(state: Any) -> tuple[str, str] | None:
    """Return the kind and problem of an invalid state, or None if it is valid."""
    names: Sequence[Any] = (state,) if isinstance(state, str) else state
    if isinstance(state, (set, frozenset)):
        problem = f"expected a label or a tuple of labels, found {shown(state)}"
        return "bad-code", f"{problem}, which has no order; write a tuple"
    if not (isinstance(names, tuple) and all(isinstance(name, str) for name in names)):
        return "bad-code", f"expected a label or a tuple of labels, found {shown(state)}"
    if "" in names:
        return "bad-label", f"expected a label that is not empty, found {shown(state)}"
    if len(set(names)) < len(names):
        return "bad-code", f"expected each label once in a state, found {shown(state)}"
    return None
