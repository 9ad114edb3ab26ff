"""Share of time of each label, larva by larva, by group."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np

from taggingbackends.display.figures.drawing import (
    INK,
    STEPS,
    drawn_labels,
    group_colors,
    group_panels,
    small,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from taggingbackends.analysis.groups.statistics import Statistics

__all__ = ["plot_budgets"]

_POINTS = 1_000  # per group; more would hide each other
_VECTORS = 5_000  # more points become an image: viewers open an SVG or PDF with many slowly


def plot_budgets(
    statistics: Statistics,
    path: str | PathLike[str] | None = None,
    *,
    labels: str | Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the time that larvae spend in each label: one panel per label, one box per group.

    A point is the share of a larva's tracked time. The box reaches from the first to the third
    quartile, with a line at the median and a diamond at the mean; its whiskers reach to the last
    point within 1.5 times its length. Of groups of more than 1000 larvae, 1000 points are drawn.

    Parameters
    ----------
    statistics : Statistics
        Result of `taggingbackends.analysis.statistics`.
    path, labels, ax
        As for `plot_over_time`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TaggingBackendsError, OSError
        As for `plot_over_time`.

    Examples
    --------
    >>> from taggingbackends.analysis import statistics
    >>> from taggingbackends.simulation import simulate_labels
    >>> recordings = []
    >>> for n, genotype in enumerate(["attP2", "mutant"] * 2):
    ...     labels = simulate_labels(f"run{n}", larvae=5, seed=n, genotype=genotype)
    ...     recordings.append(labels)
    >>> figure = plot_budgets(statistics(recordings, control="attP2"), "budgets.svg")
    """
    rows = statistics.budgets
    names = drawn_labels(statistics, labels)
    colors = group_colors(statistics)

    def draw(axes: Axes, label: str, stars: dict[tuple[str, str], str]) -> None:
        from matplotlib.ticker import MaxNLocator

        of_label = rows[rows["label"] == label]
        rng = np.random.default_rng(0)
        top = 0.0
        for at, group in enumerate(colors):
            shares = of_label.loc[of_label["group"] == group, "share"].dropna().to_numpy(float)
            axes.text(
                1.02, at, f"{len(shares)} {stars.get((label, group), '')}".rstrip(), va="center",
                fontsize=small(), transform=axes.get_yaxis_transform(),
            )  # fmt: skip
            if not len(shares):
                continue
            top = max(top, shares.max())
            points = rng.permutation(shares)[:_POINTS]
            axes.scatter(
                points,
                at + rng.uniform(-0.26, 0.26, len(points)),
                s=4,
                color=colors[group],
                alpha=max(min(40 / len(points), 0.6), 0.15),
                linewidth=0,
                clip_on=False,
                rasterized=len(rows) > _VECTORS,
            )
            axes.boxplot(
                [shares],
                positions=[at],
                widths=0.66,
                orientation="horizontal",
                manage_ticks=False,
                showfliers=False,
                showmeans=True,
                meanprops={
                    "marker": "D",
                    "markersize": 3,
                    "markerfacecolor": "#ffffff",
                    "markeredgecolor": INK,
                    "markeredgewidth": 0.8,
                },
                boxprops={"color": colors[group], "linewidth": 0.9},
                whiskerprops={"color": colors[group], "linewidth": 0.9},
                capprops={"color": colors[group], "linewidth": 0.9},
                medianprops={"color": INK, "linewidth": 1.3},
            )
        axes.set_xlim(0, min(1.0, 1.05 * top) if top > 0 else 1.0)
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=STEPS))

    return group_panels(
        statistics,
        names,
        draw,
        path,
        ax,
        measure="budget",
        row=0.2,
        xlabel="share of tracked time",
        text="Points and numbers: larvae. Boxes: quartiles, with the median. Diamonds: means.",
    )
