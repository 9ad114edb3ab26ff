"""Comparisons of groups: the tests of each measure and label between pairs of groups."""

from __future__ import annotations

import warnings
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taggingbackends.analysis.groups.grouped import Grouped
from taggingbackends.analysis.groups.significance import (
    GroupTest,
    compare_proportions,
    compare_ranks,
    compare_recordings,
    holm,
    smallest_p,
)
from taggingbackends.analysis.groups.tables import rows_frame
from taggingbackends.errors import BackendWarning
from taggingbackends.system.words import counted, listed

__all__ = ["MEASURES", "comparisons_table", "warn_of_few"]

MEASURES = ("response", "budget", "duration", "rate")
"""What is compared; see `Grouped.measure`."""

_NAMES = (
    *("measure", "label", "group", "control", "n", "n_control", "value", "value_control"),
    *("test", "statistic", "p", "effect", "effect_size"),
)

_Floats = NDArray[np.float64]


def comparisons_table(grouped: Grouped, seed: int) -> Any:
    """Compare groups with the control, or all pairs; p-values are corrected for each measure."""
    pairs = _pairs(grouped)
    adjusted: list[_Floats] = []
    rows: list[tuple[Any, ...]] = []
    for measure in MEASURES[0 if grouped.has_window else 1 :]:
        values = grouped.measure(measure)
        found = []
        for label in range(len(grouped.labels)):
            samples = _samples(grouped, values[:, label])
            for group, control in pairs:
                compared = _compared(grouped, measure, samples[group], samples[control], seed)
                found.append((measure, label, group, control, *compared))
        adjusted.append(holm([row[_NAMES.index("p")] for row in found]))
        rows += found
    table = rows_frame(grouped, _NAMES, rows)
    table.insert(_NAMES.index("p") + 1, "p_adjusted", np.concatenate(adjusted))
    return table


def warn_of_few(grouped: Grouped, comparisons: Any, stacklevel: int) -> None:
    """Warn of groups that are too small to be compared, or to differ after correction."""
    n = len(grouped.groups)
    chosen = grouped.is_counted
    sizes = np.bincount(grouped.group[chosen], minlength=n).tolist()
    unit, units = "larva", "larvae"
    if grouped.questions.unit == "recording":
        recordings = np.unique(grouped.recording[chosen])
        sizes = np.bincount(grouped.group_of[recordings], minlength=n).tolist()
        unit, units = "recording", "recordings"
    few = [name for name, size in zip(grouped.groups, sizes, strict=True) if size < 2]
    if few:
        problem = f"expected at least 2 {units} that count in each group, found fewer in "
        warnings.warn(BackendWarning(problem + listed(few), ""), stacklevel=stacklevel + 1)
    if unit == "larva":
        return
    names = list(grouped.groups)
    weak = [(a, b) for a, b in _pairs(grouped) if sizes[a] > 1 and sizes[b] > 1]
    families = comparisons.loc[comparisons["p"].notna(), "measure"].value_counts()
    tests = int(families.min()) if len(families) else 1
    weak = [(a, b) for a, b in weak if tests * smallest_p(sizes[a], sizes[b]) > 0.05]
    if weak:
        (a, b), *others = weak
        least = smallest_p(sizes[a], sizes[b])
        problem = f"{names[a]} and {names[b]} have {sizes[a]} and {counted(sizes[b], unit)}: "
        problem += f"no p-value can be below {least:.2g}"
        if tests > 1:
            problem += f", and none below {min(tests * least, 1):.2g} after Holm's correction"
        if others:
            problem += f"; the like holds for {counted(len(others), 'more pair')} of groups"
        fix = "add recordings"
        if grouped.control is None and len(names) > 2:
            fix += ", or name a control"
        warnings.warn(BackendWarning(problem, fix), stacklevel=stacklevel + 1)


def _pairs(grouped: Grouped) -> list[tuple[int, int]]:
    """Return pairs of a group and the one that it is compared with, by number."""
    n = len(grouped.groups)
    if grouped.control is not None:
        return [(group, 0) for group in range(1, n)]
    return [(group, control) for control, group in combinations(range(n), 2)]


def _samples(grouped: Grouped, values: _Floats) -> list[_Floats]:
    """Return the values of each group: of larvae that have one, or the means of recordings."""
    known = ~np.isnan(values)
    of, values = grouped.group[known], values[known]
    if grouped.questions.unit == "recording":
        recording, size = grouped.recording[known], len(grouped.recordings)
        n = np.bincount(recording, minlength=size)
        values = np.bincount(recording, values, minlength=size)[n > 0] / n[n > 0]
        of = grouped.group_of[n > 0]
    return [values[of == group] for group in range(len(grouped.groups))]


def _compared(
    grouped: Grouped, measure: str, group: _Floats, control: _Floats, seed: int
) -> tuple[Any, ...]:
    """Return n, n_control, value, value_control, and the test."""
    samples = (group, control)
    means = [float(sample.mean()) if len(sample) else np.nan for sample in samples]
    found: GroupTest
    if grouped.questions.unit == "recording":
        found = compare_recordings(group, control, seed)
    elif measure == "response":
        (a, n), (b, m) = ((int(sample.sum()), len(sample)) for sample in samples)
        found = compare_proportions((a, n), (b, m))
    else:
        found = compare_ranks(group, control)
    return (*map(len, samples), *means, *found)
