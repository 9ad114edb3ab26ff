"""Probability of each label after each other, by group."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np

from taggingbackends.display.colors import legend_order
from taggingbackends.display.figures.drawing import (
    INK,
    chosen,
    note,
    panels,
    shown,
    small,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from taggingbackends.analysis.groups.statistics import Statistics

__all__ = ["plot_transitions"]

_CELL, _SMALLEST = 0.27, 0.13  # inches; side of a cell
_LEGIBLE = 0.17  # inches; smaller cells have no number
_NAMES = 1.1  # inches beside and above the cells
_ACROSS = 7.0  # inches; two columns of a journal


def plot_transitions(
    statistics: Statistics,
    path: str | PathLike[str] | None = None,
    *,
    groups: str | Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the probabilities of transitions between labels: one matrix per group.

    A row is a label, and a column the label of the next bout. Each row adds up to 1, unless the
    statistics are of some labels only. n is the number of transitions of the group.

    Parameters
    ----------
    statistics : Statistics
        Result of `taggingbackends.analysis.statistics`.
    path : path, optional
        As for `plot_over_time`.
    groups : str or sequence of str, optional
        Draw only these, in this order. Default: all, the control first.
    ax : matplotlib Axes, optional
        As for `plot_over_time`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TaggingBackendsError, OSError
        As for `plot_over_time`.
    """
    rows = statistics.transitions
    names = chosen(groups, statistics.design.groups, "group")
    there = set(rows.loc[rows["count"] > 0, ["before", "after"]].to_numpy().ravel())
    labels = [label for label in legend_order(statistics.design.labels) if label in there]
    place = {label: at for at, label in enumerate(labels)}
    n = max(len(labels), 1)
    cell = min(max((_ACROSS / 2 - _NAMES) / n, _SMALLEST), _CELL)
    size = n * cell + _NAMES
    width = max(size, 0.8 + 0.085 * max(len(shown(name)) for name in names))

    def draw(axes: Axes, group: str) -> None:
        from matplotlib.colors import LinearSegmentedColormap

        of_group = rows[rows["group"] == group]
        total = int(of_group["count"].sum())
        axes.set_title(f"{shown(group)}\nn = {total}", parse_math=False)
        if not labels:
            axes.set_axis_off()
            axes.text(0.5, 0.5, "no transitions", ha="center", va="center")
            return
        table = np.full((n, n), np.nan)
        for before, after, p in of_group[["before", "after", "probability"]].itertuples(
            index=False
        ):
            if before in place and after in place:
                table[place[before], place[after]] = p
        colors = LinearSegmentedColormap.from_list("", ["#ffffff", "#9ecae1", "#08519c"])
        axes.imshow(np.nan_to_num(table), cmap=colors, vmin=0, vmax=1)
        seen = np.nan_to_num(table) >= 0.005 if cell >= _LEGIBLE else np.zeros_like(table, bool)
        for i, j in zip(*np.nonzero(seen), strict=True):
            text = f"{table[i, j]:.2f}".removeprefix("0")
            ink = "#ffffff" if table[i, j] > 0.7 else INK
            axes.text(j, i, text, ha="center", va="center", fontsize=small(), color=ink)
        drawn = [shown(label) for label in labels]
        axes.set_yticks(range(len(labels)), drawn)
        axes.set_xticks(range(len(labels)), drawn, rotation=90 if n > 4 else 0)
        for tick in (*axes.get_xticklabels(), *axes.get_yticklabels()):
            tick.set_parse_math(False)
        axes.tick_params(length=0)
        axes.set_xticks(np.arange(n + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(n + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="#e0e0e0", linewidth=0.5)
        axes.tick_params(which="minor", length=0)
        axes.spines[:].set_visible(False)
        axes.set_ylabel("from")
        axes.set_xlabel("to")

    def finish(figure: Figure) -> None:
        text = "Probability of the next label (column) after a label (row). n: transitions."
        note(figure, False, None, text)

    return panels(
        names,
        draw,
        path,
        ax,
        columns=min(max(int(_ACROSS / width), 1), max(len(names), 1)),
        height=size + 0.15,
        width=width,
        finish=finish,
    )
