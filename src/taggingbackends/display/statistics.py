"""Statistics of groups as text, and as data for JSON and pages."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from taggingbackends.analysis.groups.design import Design
from taggingbackends.analysis.groups.methods import windows_text
from taggingbackends.display.colors import legend_order
from taggingbackends.display.tables import aligned
from taggingbackends.system.words import counted

if TYPE_CHECKING:
    from pandas import DataFrame

    from taggingbackends.analysis.groups.statistics import Statistics

__all__ = ["facts_of", "records", "statistics_dict", "statistics_text"]

_LEVEL = 0.05  # of p-values after correction
_MOST = 30  # comparisons in the text


def statistics_text(statistics: Statistics, width: int) -> str:
    """Return the groups, the responses and the significant comparisons as tables.

    Parameters
    ----------
    statistics : Statistics
        Result of `taggingbackends.analysis.statistics`.
    width : int
        Width of the terminal, in columns.
    """
    parts = [_head(statistics.design), aligned(_group_rows(statistics), width=width)]
    if len(statistics.responses):
        parts.append(aligned(_response_rows(statistics), left=(0, 1), width=width))
    if len(statistics.comparisons):
        parts.append(_comparisons(statistics, width))
    return "\n\n".join(parts)


def statistics_dict(statistics: Statistics) -> dict[str, Any]:
    """Return the design, groups, responses and comparisons as data for JSON."""
    tables = ("groups", "responses", "comparisons")
    return {
        "design": asdict(statistics.design),
        **{name: records(getattr(statistics, name)) for name in tables},
        "methods": statistics.methods(),
    }


def facts_of(design: Design) -> list[tuple[str, str]]:
    """Return names and values of what was asked for."""
    facts = [
        ("recordings", f"{design.recordings:,}"),
        ("larvae", f"{design.larvae:,}"),
        ("grouped by", ", ".join(design.by) or "nothing"),
        ("window", _window(design)),
    ]
    if design.before is not None:
        facts.append(("without the label in", windows_text([design.before])))
    facts += [("larvae that count", f"{design.counted:,}"), ("time bins", f"{design.bin:g} s")]
    facts.append(("independent", {"larva": "larvae", "recording": "recordings"}[design.unit]))
    return facts + ([] if design.control is None else [("control", design.control)])


def records(frame: DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as dictionaries for JSON. NaN becomes None."""
    columns = [[_plain(value) for value in frame[name].tolist()] for name in frame.columns]
    return [
        dict(zip(frame.columns.tolist(), row, strict=True)) for row in zip(*columns, strict=True)
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.9g}") if math.isfinite(value) else None
    return value


def _window(design: Design) -> str:
    windows = sorted({window for own in design.windows.values() for window in own})
    return windows_text(windows) if windows else "whole recordings"


def _head(design: Design) -> str:
    groups = counted(len(design.groups), "group")
    text = f"{counted(design.recordings, 'recording')}, {groups}; window: {_window(design)}"
    if design.has_responses:
        text += (
            f"\n{design.counted} of {counted(design.larvae, 'larva', 'larvae')} count: "
            f"tracked for at least {100 * design.min_tracked:g} % of the window"
        )
    return text


def _group_rows(statistics: Statistics) -> list[list[str]]:
    columns = ["group", "recordings", "larvae", "frames"]
    rows = statistics.groups[columns].itertuples(index=False)
    return [columns, *([str(cell) for cell in row] for row in rows)]


def _response_rows(statistics: Statistics) -> list[list[str]]:
    rows = [["group", "label", "respond", "of", "proportion (95 % interval)", "median latency"]]
    place = {label: at for at, label in enumerate(legend_order(statistics.design.labels))}
    for one in sorted(records(statistics.responses), key=lambda one: place[one["label"]]):
        latency = one["median_latency"]
        interval = f" ({_figure(one['low'])} to {_figure(one['high'])})"
        rows.append(
            [
                one["group"],
                one["label"],
                str(one["responded"]),
                str(one["tracked"] - one["excluded"]),
                _figure(one["proportion"]) + ("" if one["low"] is None else interval),
                "-" if latency is None else f"{latency:.2f} s",
            ]
        )
    return rows


def _comparisons(statistics: Statistics, width: int) -> str:
    found = records(statistics.comparisons)
    tested = [one for one in found if one["p_adjusted"] is not None]
    differ = [one for one in tested if one["p_adjusted"] < _LEVEL]
    control = statistics.design.control
    text = f"{len(differ)} of {counted(len(tested), 'comparison')}"
    text += f"{'' if control is None else f' with {control}'}: p < {_LEVEL} after Holm"
    if not differ:
        return text
    others = ["compared with"] if control is None else []
    rows = [["group", *others, "measure", "label", "means", "test", "p", "effect"]]
    rows += [
        [
            one["group"],
            *([one["control"]] if others else []),
            one["measure"],
            one["label"],
            f"{one['value']:.3g} / {one['value_control']:.3g}",
            one["test"],
            f"{one['p_adjusted']:.2g}",
            f"{one['effect_size']:+.2f}",
        ]
        for one in differ[:_MOST]
    ]
    more = len(differ) - _MOST
    rest = f"\n(and {more} more: see comparisons)" if more > 0 else ""
    return f"{text}\n{aligned(rows, left=range(len(rows[0]) - 2), width=width)}{rest}"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
