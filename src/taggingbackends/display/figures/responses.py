"""Proportion of larvae that respond in the window, by label and group."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING

from taggingbackends.display.figures.drawing import (
    INK,
    drawn_labels,
    group_colors,
    group_panels,
    small,
)
from taggingbackends.errors import TaggingBackendsError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from taggingbackends.analysis.groups.statistics import Statistics

__all__ = ["plot_responses"]


def plot_responses(
    statistics: Statistics,
    path: str | PathLike[str] | None = None,
    *,
    labels: str | Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the proportions of larvae that respond: one panel per label, one bar per group.

    The line on a bar is the 95 % interval. The numbers are larvae that respond / larvae that
    count. Stars mark what differs from the control, if there is one.

    Parameters
    ----------
    statistics : Statistics
        Result of `taggingbackends.analysis.statistics`, with a window.
    path, labels, ax
        As for `plot_over_time`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TaggingBackendsError
        There are no responses, since there is no window. Others as for `plot_over_time`.
    OSError
        The file cannot be written.
    """
    rows = statistics.responses
    if not len(rows):
        problem = "expected statistics with responses, found none: there is no window"
        raise TaggingBackendsError(problem)
    names = drawn_labels(statistics, labels)
    colors = group_colors(statistics)

    def draw(axes: Axes, label: str, stars: dict[tuple[str, str], str]) -> None:
        of_label = rows[rows["label"] == label].set_index("group")
        for at, group in enumerate(colors):
            if group not in of_label.index:
                continue
            row = of_label.loc[group]
            n = int(row["tracked"] - row["excluded"])
            counted = f"{int(row['responded'])}/{n}"
            mark = stars.get((label, group), "")
            axes.text(1.04, at, f"{counted} {mark}".rstrip(), va="center", fontsize=small())
            if n == 0:
                continue
            p, low, high = float(row["proportion"]), float(row["low"]), float(row["high"])
            axes.barh(at, p, height=0.68, color=colors[group], alpha=0.75, linewidth=0)
            axes.errorbar(
                p, at, xerr=[[max(p - low, 0)], [max(high - p, 0)]], color=INK, elinewidth=0.8,
                capsize=1.8, capthick=0.8,
            )  # fmt: skip
        axes.set_xlim(0, 1)
        axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])

    return group_panels(
        statistics,
        names,
        draw,
        path,
        ax,
        measure="response",
        row=0.17,
        xlabel="larvae that respond",
        text="Bars: proportion, with its 95 % interval. Numbers: larvae that respond / count.",
    )
