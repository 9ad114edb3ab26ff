"""Tables of statistics of groups, as pandas.DataFrames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taggingbackends.analysis.groups.grouped import Grouped
from taggingbackends.analysis.groups.responses import clustered_wilson, median_latency, wilson
from taggingbackends.analysis.groups.timecourse import time_course

__all__ = [
    "bouts_table",
    "budgets_table",
    "frame",
    "groups_table",
    "latencies_table",
    "over_time_table",
    "responses_table",
    "rows_frame",
    "transitions_table",
]

_INTEGERS = ("tracked", "excluded", "responded", "n", "n_control")
_COUNTS = ("recordings", "larvae", "frames")
_TEXTS = ("measure", "test", "effect")


def frame(grouped: Grouped, columns: Mapping[str, Any]) -> Any:
    """Return a DataFrame; groups and labels are given by number, and become categorical."""
    import pandas as pd

    groups = list(grouped.groups)
    categories = {"group": groups, "control": groups}
    categories |= dict.fromkeys(("label", "before", "after"), grouped.labels)
    return pd.DataFrame({
        name: pd.Categorical.from_codes(values, categories[name]) if name in categories else values
        for name, values in columns.items()
    })  # fmt: skip


def rows_frame(grouped: Grouped, names: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> Any:
    """Return a DataFrame of rows; for groups and labels, see `frame`."""
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    found: dict[str, Any] = {}
    for name, values in zip(names, columns, strict=True):
        if name in _TEXTS:
            found[name] = list(values)
        else:
            is_integer = name in ("group", "control", "label", *_INTEGERS)
            found[name] = np.array(values, dtype=np.int64 if is_integer else np.float64)
    return frame(grouped, found)


def groups_table(grouped: Grouped, by: Sequence[str]) -> Any:
    """Return group, the columns of `by`, recordings, larvae, frames."""
    n = len(grouped.groups)
    frames = [one.seen.frames for one in grouped.recordings]
    values = zip(*grouped.groups.values(), strict=True)
    columns = {name: list(x) for name, x in zip(by, values, strict=False)}
    return frame(
        grouped,
        columns
        | {
            "group": np.arange(n),
            "recordings": np.bincount(grouped.group_of, minlength=n),
            "larvae": np.bincount(grouped.group, minlength=n),
            "frames": np.bincount(grouped.group_of, frames, minlength=n).astype(np.int64),
        },
    )[["group", *(name for name in columns if name not in ("group", *_COUNTS)), *_COUNTS]]


def over_time_table(grouped: Grouped, seed: int) -> Any:
    """Return group, label, start, stop, larvae, share, low, high; see `time_course`."""
    width = grouped.questions.bin
    columns: dict[str, list[NDArray[Any]]] = {}
    for group in range(len(grouped.groups)):
        rng = np.random.default_rng([seed, group])
        course = time_course(grouped.members(group), grouped.labels, width, rng)
        bins, labels = course.share.shape
        rows = {
            "group": np.full(bins * labels, group),
            "label": np.repeat(np.arange(labels), bins),
            "start": np.tile(course.start, labels),
            "stop": np.tile(course.stop, labels),
            "larvae": np.tile(course.larvae, labels),
            "share": course.share.T.ravel(),
            "low": course.low.T.ravel(),
            "high": course.high.T.ravel(),
        }
        for name, values in rows.items():
            columns.setdefault(name, []).append(values)
    return frame(grouped, {name: np.concatenate(parts) for name, parts in columns.items()})


def responses_table(grouped: Grouped) -> Any:
    """Return group, label, tracked, excluded, responded, proportion, low, high, median_latency.

    Without a window, it has no rows.
    """
    latency = grouped.latency()
    rows = []
    for group in range(len(grouped.groups)) if grouped.has_window else ():
        of_group = np.flatnonzero(grouped.group == group)
        tracked = int(grouped.is_eligible[of_group].sum())
        for label in range(len(grouped.labels)):
            at_risk = of_group[grouped.at_risk[of_group, label]]
            responded = grouped.responded[at_risk, label]
            n, k = len(at_risk), int(responded.sum())
            if grouped.questions.unit == "larva":
                low, high = map(float, wilson(k, n))
            else:
                of, size = grouped.recording[at_risk], len(grouped.recordings)
                successes = np.bincount(of[responded], minlength=size)
                low, high = clustered_wilson(successes, np.bincount(of, minlength=size))
            median = median_latency(latency[at_risk, label], responded)
            proportion = k / n if n else np.nan
            rows.append((group, label, tracked, tracked - n, k, proportion, low, high, median))
    names = ("group", "label", "tracked", "excluded", "responded", "proportion", "low", "high")
    return rows_frame(grouped, (*names, "median_latency"), rows)


def latencies_table(grouped: Grouped) -> Any:
    """Return file, run, larva, group, label, latency, responded, of larvae at risk."""
    columns = {"latency": grouped.latency(), "responded": grouped.responded}
    return _by_larva(grouped, grouped.at_risk, columns)


def budgets_table(grouped: Grouped) -> Any:
    """Return file, run, larva, group, label, tracked, seconds, share."""
    seconds = grouped.by_label("seconds")
    tracked = np.broadcast_to(grouped.tracked[:, None], seconds.shape)
    columns = {"tracked": tracked, "seconds": seconds, "share": grouped.measure("budget")}
    return _by_larva(grouped, grouped.is_counted[:, None], columns)


def bouts_table(grouped: Grouped) -> Any:
    """Return file, run, larva, group, label, bouts, rate, mean_duration."""
    columns = {"bouts": grouped.by_label("bouts"), "rate": grouped.measure("rate")}
    columns["mean_duration"] = grouped.measure("duration")
    return _by_larva(grouped, grouped.is_counted[:, None], columns)


def transitions_table(grouped: Grouped) -> Any:
    """Return group, before, after, count, probability, of the transitions that occur.

    The probability is the share of the transitions from `before` to any label, also to one that was
    not asked for.
    """
    n = len(grouped.labels)
    place = {label: at for at, label in enumerate(grouped.labels)}
    counts = np.zeros((len(grouped.groups), n, n), dtype=np.int64)
    totals = np.zeros((len(grouped.groups), n), dtype=np.int64)
    for at in np.flatnonzero(grouped.is_in_window).tolist():
        seen = grouped.recordings[at].seen
        names = seen.labels[: seen.primary]
        known = [at for at, name in enumerate(names) if name in place]
        to = [place[names[at]] for at in known]
        counts[grouped.group_of[at]][np.ix_(to, to)] += seen.transitions[np.ix_(known, known)]
        totals[grouped.group_of[at], to] += seen.transitions[known].sum(axis=1)
    group, before, after = np.nonzero(counts)
    found = counts[group, before, after]
    probability = found / totals[group, before]
    columns = {"group": group, "before": before, "after": after}
    return frame(grouped, columns | {"count": found, "probability": probability})


def _by_larva(
    grouped: Grouped, chosen: NDArray[np.bool_], columns: Mapping[str, NDArray[Any]]
) -> Any:
    """Return a DataFrame with a row for each chosen larva and label, (n, labels) or (n, 1)."""
    import pandas as pd

    chosen = np.broadcast_to(chosen, (len(chosen), len(grouped.labels)))
    larvae, labels = np.nonzero(chosen)
    of = grouped.recording[larvae]
    files, file = np.unique([one.file for one in grouped.recordings], return_inverse=True)
    runs, run = np.unique([one.run for one in grouped.recordings], return_inverse=True)
    identity = {
        "file": pd.Categorical.from_codes(file[of], files.tolist()),
        "run": pd.Categorical.from_codes(run[of], runs.tolist()),
        "larva": grouped.larva[larvae],
        "group": grouped.group[larvae],
        "label": labels,
    }
    return frame(grouped, identity | {name: x[chosen] for name, x in columns.items()})
