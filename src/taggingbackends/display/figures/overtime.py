"""Probability of each label over time, by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from taggingbackends.display.figures.drawing import (
    INK,
    STEPS,
    across,
    drawn_labels,
    group_colors,
    panels,
    shown,
    title,
)
from taggingbackends.system.words import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from pandas import DataFrame

    from taggingbackends.analysis.groups.design import Design
    from taggingbackends.analysis.groups.statistics import Statistics
    from taggingbackends.analysis.protocol import Window

__all__ = ["plot_over_time"]

_STIMULUS = "#e4e4e4"
_BAR = 2.6  # points; height of a bar above a panel
_STYLES = ("-", (0, (4, 1.2)), (0, (1, 1)), (0, (5, 1, 1, 1)), (0, (2, 1)), (0, (6, 1, 1, 1, 1, 1)))


def plot_over_time(
    statistics: Statistics,
    path: str | PathLike[str] | None = None,
    *,
    labels: str | Sequence[str] | None = None,
    times: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the probability of labels over time: one panel per label, one line per group.

    A line is the share of tracked larvae in the label, in each bin of time. The band is its 95 %
    interval. Grey shows when the stimulus is on. If groups have different stimuli, each has a bar
    of its colour above the panel instead. Where less than half of a group's larvae are tracked,
    bands may end above the panel.

    Parameters
    ----------
    statistics : Statistics
        Result of `taggingbackends.analysis.statistics`.
    path : path, optional
        Write the figure to this file, atomically. Its suffix selects the format: ``.png``, ``.svg``
        or ``.pdf``.
    labels : str or sequence of str, optional
        Draw only these, in this order. Default: all; of more than 60, the most frequent ones, with
        a warning.
    times : (float, float), optional
        First and last time to draw, s. Default: those between which at least half of the larvae are
        tracked that are tracked at most, in one of the groups.
    ax : matplotlib.axes.Axes, optional
        Draw one label into it, in the style of its figure. The legend is up to you.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TaggingBackendsError
        matplotlib is not installed, the suffix is not one of these, a label is unknown, or there
        are several labels for `ax`.
    OSError
        The file cannot be written.

    Examples
    --------
    >>> from taggingbackends.analysis import statistics
    >>> from taggingbackends.simulation import simulate_labels
    >>> recordings = []
    >>> for n, genotype in enumerate(["attP2", "mutant"] * 2):
    ...     labels = simulate_labels(f"run{n}", larvae=5, seed=n, genotype=genotype)
    ...     recordings.append(labels)
    >>> found = statistics(recordings, control="attP2")
    >>> figure = plot_over_time(found, "over_time.svg", labels="hunch")
    """
    names = drawn_labels(statistics, labels)
    shown_times = times or _times(statistics)
    return panels(
        names,
        partial(_draw, statistics=statistics, times=shown_times),
        path,
        ax,
        columns=across(len(names)),
        height=1.55,
        xlabel="time (s)",
        ylabel="probability",
        finish=partial(_legend, statistics=statistics),
    )


def _draw(axes: Axes, label: str, statistics: Statistics, times: tuple[float, float]) -> None:
    from matplotlib.ticker import MaxNLocator

    found = statistics.over_time
    found = found[found["label"] == label]
    found = found[(found["stop"] > times[0]) & (found["start"] < times[1])]
    colors = group_colors(statistics)
    top = 0.0
    groups = statistics.design.groups
    faint = min(0.2, 0.5 / len(groups))  # bands lie upon each other
    for at, group in enumerate(groups):
        rows = found[found["group"] == group]
        middle = ((rows["start"] + rows["stop"]) / 2).to_numpy(float)
        share, low, high = (rows[name].to_numpy(float) for name in ("share", "low", "high"))
        color = colors[group]
        axes.fill_between(middle, low, high, color=color, alpha=faint, linewidth=0, zorder=2)
        dashes = _dashes(at)
        axes.plot(
            middle,
            share,
            color=color,
            label=shown(group),
            linestyle=dashes,
            linewidth=1.1,
            zorder=3,
        )
        if (alone := _are_alone(share)).any():  # a line does not show them
            errors = np.maximum([share - low, high - share], 0)[:, alone]
            x, y = middle[alone], share[alone]
            axes.errorbar(x, y, errors, color=color, fmt=".", elinewidth=0.8, zorder=3)
        # bins of few larvae have wide bands, which would flatten all others
        top = max(top, rows.loc[_are_many(rows), ["share", "high"]].max().max())
    axes.set_ylim(0, min(1.0, 1.08 * top) if top > 0 else 1.0)
    axes.set_xlim(times)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=STEPS))
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=STEPS))
    title(axes, label, above=_stimulus(axes, statistics))


def _are_alone(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which values are known, but not those before and after."""
    known = np.concatenate([[False], ~np.isnan(values), [False]])
    alone: NDArray[np.bool_] = known[1:-1] & ~known[:-2] & ~known[2:]
    return alone


def _are_many(rows: DataFrame) -> Any:
    """Return in which bins of a group at least half of its larvae at a time are tracked."""
    return rows["larvae"] >= 0.5 * rows["larvae"].max()


def _times(statistics: Statistics) -> tuple[float, float]:
    """Return the first and the last time with many larvae of a group."""
    table = statistics.over_time
    parts = [rows[_are_many(rows)] for _, rows in table.groupby("group", observed=True)]
    if not parts:
        return 0.0, 1.0
    return min(rows["start"].min() for rows in parts), max(rows["stop"].max() for rows in parts)


def _dashes(at: int) -> Any:
    """Return the dashes of a group; groups beyond the number of colours have others."""
    return _STYLES[(at + at // len(_STYLES)) % len(_STYLES)]


def _stimulus(axes: Axes, statistics: Statistics) -> float:
    """Mark the stimulus in a panel, and return the height of the bars above it, in points.

    If the protocols do not say when it is on, the window is marked.
    """
    from matplotlib.transforms import ScaledTranslation

    _, windows = _marked(statistics.design)
    start, stop = axes.get_xlim()
    within = {
        group: [(max(on, start), min(off, stop)) for on, off in own if on < stop and off > start]
        for group, own in windows.items()
    }
    if len(set(windows.values())) == 1:
        for on, off in next(iter(within.values())):
            axes.axvspan(on, off, color=_STIMULUS, linewidth=0, zorder=0, gid="stimulus")
        return 0.0
    colors = group_colors(statistics)
    figure = axes.get_figure(root=True)
    assert figure is not None
    height = 0.0
    for group in reversed([group for group in within if within[group]]):
        height += _BAR
        up = ScaledTranslation(0, height / 72, figure.dpi_scale_trans)
        for on, off in within[group]:
            axes.plot(
                [on, off],
                [1, 1],
                color=colors[group],
                linewidth=0.75 * _BAR,
                solid_capstyle="butt",
                transform=axes.get_xaxis_transform() + up,
                clip_on=False,
                scalex=False,
                scaley=False,
                gid="stimulus",
            )
    return height


def _marked(design: Design) -> tuple[str, Mapping[str, tuple[Window, ...]]]:
    """Return what is marked, and when it is."""
    if any(design.stimulus.values()):
        return "stimulus", design.stimulus
    return "window", design.windows


def _legend(figure: Figure, statistics: Statistics) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    colors = group_colors(statistics)
    design = statistics.design
    unit, units = ("larva", "larvae") if design.unit == "larva" else ("recording", "recordings")
    numbers = (counted(n, unit, units) for n in statistics.groups[units])
    sizes = dict(zip(statistics.groups["group"], numbers, strict=True))
    keys: list[Line2D | Patch] = []
    names = []
    for at, group in enumerate(statistics.design.groups):
        dashes = _dashes(at)
        keys.append(Line2D([], [], color=colors[group], linewidth=1.4, linestyle=dashes))
        names.append(f"{shown(group)} ({sizes[group]})")
    what, marked = _marked(design)
    windows = set(marked.values())
    if windows != {()}:
        alike = len(windows) == 1
        keys.append(Patch(color=_STIMULUS) if alike else Line2D([], [], color=INK, linewidth=2))
        names.append(what if alike else f"{what} of the group")
    width = figure.get_figwidth()
    longest = max(map(len, names))
    columns = max(int(width / (0.45 + 0.06 * longest)), 1)
    legend = figure.legend(
        keys,
        ["group"] * len(keys),  # matplotlib would interpret a leading _ or a $ in names
        loc="outside upper left",
        ncols=min(columns, len(keys)),
        handlelength=2.2,
        columnspacing=1.4,
    )
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(name)
