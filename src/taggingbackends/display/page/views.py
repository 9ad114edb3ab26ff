"""Data of a report's page: JSON, with columns of integers in base64."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Container, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taggingbackends.analysis.comparison import NOT_THERE, UNDEFINED, Comparison, compare
from taggingbackends.analysis.protocol import stimulus_windows
from taggingbackends.analysis.scores import count, score
from taggingbackends.analysis.summaries import bout_lengths, shares_over_time, transitions
from taggingbackends.display.colors import colors_of, declared_colors
from taggingbackends.display.filenames import short_names
from taggingbackends.display.layout import (
    limited,
    ordered,
    row_layout,
    span_confidence,
    time_range,
)
from taggingbackends.display.tables import cut
from taggingbackends.errors import located
from taggingbackends.labels import Labels
from taggingbackends.labels.bouts import Bouts, bouts_of_spans
from taggingbackends.labels.confidence import mean_confidence
from taggingbackends.labels.facts import run_facts
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import NEW_COLOR
from taggingbackends.labels.stretches import Spans, find_spans
from taggingbackends.labels.writing import json_text

__all__ = ["views"]

JSON = dict[str, Any]

_CLASSES = 60  # rows and columns of a confusion matrix
_GROUPED_BY = ("genotype", "effector", "protocol")
_LONGEST = 48  # characters of a file's name; the whole path is shown on hover


def views(
    labels: Mapping[str, Labels],
    runs: Container[str],
    max_gap: float | None = None,
    force: bool = False,
) -> list[JSON]:
    """Return the data of the page: a view of each of these runs in each file.

    If several files contain the same run, ``comparison`` compares each later one with the first.
    ``group`` says what the run has of the facts that differ between runs; "" if none do.
    """
    shown: list[JSON] = []
    short = short_names(labels)
    alike: dict[str, list[int]] = {}  # indices of the views of each run
    for file, of_file in labels.items():
        for run in of_file.values():
            if run.id not in runs:
                continue
            view = _view(file, limited(run), max_gap) | {"short": cut(short[file], _LONGEST)}
            if run.id in alike:
                index = alike[run.id][0]
                with located(file=file):
                    reference = labels[shown[index]["file"]][run.id]
                    found = compare(ordered(reference), ordered(run), max_gap, force)
                view["comparison"] = _comparison(found, run, view) | {
                    "reference": index,
                    "scores": _scores(reference, run),
                }
            alike.setdefault(run.id, []).append(len(shown))
            shown.append(view)
    _share_colors(shown, labels)
    _group(shown, labels)
    return shown


def _group(shown: list[JSON], labels: Mapping[str, Labels]) -> None:
    """Give each view the group of its run, by genotype, effector and protocol."""
    facts = [run_facts(labels[view["file"]][view["run"]]) for view in shown]
    differing = [name for name in _GROUPED_BY if len({of_run.get(name) for of_run in facts}) > 1]
    for view, of_run in zip(shown, facts, strict=True):
        found = [of_run.get(name, f"{name} unknown") for name in differing]
        view["group"] = ", ".join(found)


def _share_colors(shown: list[JSON], labels: Mapping[str, Labels]) -> None:
    """Give each label the same colour in all views."""
    runs = [labels[view["file"]][view["run"]] for view in shown]
    known = {name for run in runs for name in run.names + run.secondary_names}
    names = {name for view in shown for name in view["names"]}
    others = dict.fromkeys(names - known, NEW_COLOR)  # stand for the less frequent ones
    colors = colors_of(names, declared_colors(runs) | others)
    for view in shown:
        view["colors"] = [colors[name] for name in view["names"]]


def _view(file: str, run: RunLabels, max_gap: float | None) -> JSON:
    spans = find_spans(run, max_gap)
    bouts, _ = bouts_of_spans(run, spans)
    start, stop = time_range(spans)
    # milliseconds, as in label files; longer units if 32 bits (49 days) do not suffice
    unit = max(math.ceil((stop - start) * 1000 / 0xFFFFFFFF), 1) / 1000
    windows = stimulus_windows(run)
    columns = {
        "counts": np.bincount(spans.tracks, minlength=len(run)),
        "stretches": spans.stretches,
        "states": spans.states,
        "frames": spans.frames,
        "start": np.rint((spans.start - start) / unit),
        "stop": np.rint((spans.stop - start) / unit),
    }
    confidence = span_confidence(run, spans)
    if confidence is not None:
        # percents, plus 1; 0 is unknown
        columns["confidence"] = np.nan_to_num(np.rint(100 * confidence) + 1, nan=0)
    return {
        "file": file,
        "run": run.id,
        "facts": _facts(file, run, spans),
        "tracked": _number(float((spans.stop - spans.start).sum())),
        "names": run.names + run.secondary_names,
        "primary": len(run.names),
        "states": row_layout(run),
        "larvae": list(run),
        "start": start,
        "stop": stop,
        "unit": unit,
        "interval": spans.interval,
        "spans": {name: _packed(column) for name, column in columns.items()},
        "stimulus": [window for window in windows if window.start < stop and window.stop > start],
        "labels": _table(run, spans, bouts),
        "shares": _shares(run, max_gap),
        "lengths": _lengths(bouts),
        "transitions": transitions(run, spans)[1].tolist(),
        "comparison": None,
    }


def _comparison(found: Comparison, run: RunLabels, view: JSON) -> JSON:
    """Return the data that compares the labels of a view's run with the reference's."""
    different, (names, counts) = found.differences, found.condensed(_CLASSES)
    # the rows of this view do not show frames that only one of the two has
    shown = (different.one != NOT_THERE) & (different.other != NOT_THERE)
    rows = {larva: row for row, larva in enumerate(run)}
    start, unit = view["start"], view["unit"]
    rows_shown = np.array([rows[larva] for larva in different.larvae[shown].tolist()], np.int64)
    order = np.argsort(rows_shown, kind="stable")  # the run's larvae may be in any order
    return {
        "names": names,
        "counts": counts.tolist(),
        "agreement": _number(found.agreement),
        "kappa": _number(found.kappa),
        "only": [found.only_one, found.only_other],
        "differences": {
            "rows": _packed(rows_shown[order]),
            "start": _packed(np.rint((different.start[shown][order] - start) / unit)),
            "stop": _packed(np.rint((different.stop[shown][order] - start) / unit)),
        },
    }


def _scores(reference: RunLabels, run: RunLabels) -> JSON:
    """Return precision, recall and F1 of frames and bouts, the reference's labels being true."""
    found = score([count(reference, run)])
    frames, bouts = (
        [one.to_dict() for one in scores if one.name != UNDEFINED]
        for scores in (found.labels, found.bouts)
    )
    return {
        "frames": frames[:_CLASSES],
        "bouts": bouts[:_CLASSES],
        "left_out": max(len(frames) - _CLASSES, 0),
    }


def _packed(column: ArrayLike) -> str:
    """Encode a column of whole numbers as little-endian unsigned 32-bit integers in base64."""
    return b64encode(np.asarray(column).astype("<u4").tobytes()).decode()


def _facts(file: str, run: RunLabels, spans: Spans) -> list[tuple[str, str]]:
    """Return the names and values at the top of the page."""
    facts = [
        ("file", file),
        ("larvae", f"{len(run):,}"),
        ("frames", f"{spans.frames.sum():,}"),
    ]
    if len(spans):
        start, stop = spans.start.min(), spans.last.max()
        facts += [("time", f"{start:.12g} to {stop:.12g} s")]
        facts += [("frame interval", f"{spans.interval:.3g} s (median)")]
    known = run_facts(run).items()
    facts += [(name, value) for name, value in known if not {name, value} & {*run.metadata, run.id}]
    facts += [(name, _text(value)) for name, value in run.metadata.items()]
    files = [str(file.get("filename", "")) for file in run.dependencies]
    return facts + ([("tracker files", ", ".join(files))] if files else [])


def _text(value: Any, levels: int = 3) -> str:
    """Return metadata as text: `name value, ...` for objects; JSON for deeper ones."""
    if isinstance(value, dict) and levels:
        return ", ".join(f"{name} {_text(item, levels - 1)}" for name, item in value.items())
    return value if isinstance(value, str) else json_text(value).decode()


def _table(run: RunLabels, spans: Spans, bouts: Bouts) -> list[JSON]:
    """Return frames, time, larvae, bouts, median bout length and mean confidence of each label.

    The last row has the frames and the time of undefined.
    """
    frames, confidence = run.count(), mean_confidence(run)
    lengths = bout_lengths(bouts)
    rows: list[JSON] = []
    for label, name in enumerate(bouts.names):
        mine = bouts.labels == label
        rows.append(
            {
                "frames": frames.get(name, 0),
                "seconds": _number(float(bouts.durations[mine].sum())),
                "larvae": len(np.unique(bouts.larvae[mine])),
                "bouts": int(mine.sum()),
                "median": _number(float(lengths.medians[label])),
            }
        )
        if name in confidence:
            rows[-1]["confidence"] = _number(confidence[name][0])
    undefined = float((spans.stop - spans.start)[spans.states == 0].sum())
    return [*rows, {"frames": frames.get("", 0), "seconds": _number(undefined)}]


def _shares(run: RunLabels, max_gap: float | None) -> JSON:
    found = shares_over_time(run, max_gap)
    return {
        "edges": _rounded(found.edges, 6),
        "shares": _rounded(found.shares, 4),
        "larvae": found.larvae.tolist(),
    }


def _lengths(bouts: Bouts) -> JSON:
    found = bout_lengths(bouts)
    return {"edges": _rounded(found.edges, 6), "counts": found.counts.tolist()}


def _rounded(column: NDArray[np.float64], digits: int) -> Any:
    return np.round(column, digits).tolist()


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)
