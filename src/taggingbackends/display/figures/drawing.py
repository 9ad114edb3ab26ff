"""What the figures share: panels, the style of print, colours of groups, marks of tests."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from taggingbackends.display.colors import legend_order
from taggingbackends.display.layout import MOST_LABELS
from taggingbackends.display.saving import saved, suffix_of
from taggingbackends.display.tables import cut
from taggingbackends.errors import TaggingBackendsError
from taggingbackends.system.extras import require
from taggingbackends.system.files import write_file
from taggingbackends.system.words import listed, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from taggingbackends.analysis.groups.statistics import Statistics

__all__ = [
    "INK",
    "STEPS",
    "across",
    "chosen",
    "drawn_labels",
    "group_colors",
    "group_panels",
    "note",
    "panels",
    "picture",
    "shown",
    "small",
    "style",
    "title",
]

INK, _MUTED = "#222222", "#6b6b6b"

STEPS = (1, 2, 2.5, 5, 10)
"""Ticks of axes: these times a power of ten."""

_GROUPS = ("#4477AA", "#EE6677", "#228833", "#AA3377", "#CCBB44", "#66CCEE")
"""Paul Tol's bright colours, which colour-blind people can distinguish; not those of labels."""

_CONTROL = "#4d4d4d"

_WIDTH = 7.0  # inches; two columns of a journal
_DPI = 300
_CHARACTERS = 18  # of 7 points in an inch
_LONGEST = 32  # characters of a name

_STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))


def panels(
    names: Sequence[str],
    draw: Callable[[Axes, str], None],
    path: str | PathLike[str] | None,
    ax: Axes | None,
    *,
    columns: int,
    height: float,
    width: float | None = None,
    xlabel: str = "",
    ylabel: str = "",
    finish: Callable[[Figure], None] | None = None,
) -> Figure:
    """Draw one panel per name, in rows, and write the figure if there is a path.

    Parameters
    ----------
    names : sequence of str
        What the panels show.
    draw : callable
        Draws one of them.
    path : path, optional
        The picture: ``.png``, ``.svg`` or ``.pdf``. It is written atomically.
    ax : matplotlib.axes.Axes, optional
        Draw into it, in the style of its figure; needs exactly one name.
    columns : int
        Panels in a row.
    height, width : float
        Size of a panel, in inches; by default as wide as two columns of a journal in all, or as one
        column if there is one panel.
    xlabel, ylabel : str
        Names of the axes: below the lowest panels, beside those on the left.
    finish : callable, optional
        Adds what stands outside the panels. It is not called with `ax`.
    """
    require("matplotlib", "stats", "a figure")
    from matplotlib.figure import Figure  # pyplot would open windows and keep global state

    suffix = None if path is None else suffix_of(path)
    if ax is not None:
        if len(names) != 1:
            problem = f"expected one panel to draw into ax, found {len(names)} ({listed(names)})"
            raise TaggingBackendsError(problem)
        draw(ax, names[0])
        _name_axes([ax], 1, xlabel, ylabel)
        figure = ax.get_figure(root=True)
        assert figure is not None
    else:
        with style():
            rows = max(math.ceil(len(names) / columns), 1)
            across = (_WIDTH if columns > 1 else _WIDTH / 2) if width is None else columns * width
            figure = Figure((across, rows * height + 0.4), layout="constrained")
            made = list(figure.subplots(rows, columns, squeeze=False).flat)
            if not names:
                made[0].set_axis_off()
                made[0].text(0.5, 0.5, "no labels", ha="center")
            for axes in made[max(len(names), 1) :]:
                figure.delaxes(axes)
            for axes, name in zip(made, names, strict=False):
                draw(axes, name)
            _name_axes(made[: len(names)], columns, xlabel, ylabel)
            if finish is not None:
                finish(figure)
    if path is not None and suffix is not None:
        write_file(Path(path), [picture(figure, suffix)])
    return figure


def _name_axes(made: list[Axes], columns: int, xlabel: str, ylabel: str) -> None:
    for axes in made[-columns:] if xlabel else ():
        axes.set_xlabel(xlabel)
    for axes in made[::columns] if ylabel else ():
        axes.set_ylabel(ylabel)


def across(n: int) -> int:
    """Return how many of n panels stand in a row."""
    return 2 if n in (2, 4) else max(min(n, 3), 1)


@contextmanager
def style() -> Iterator[None]:
    """Draw for print, whatever the user's settings are. Equal figures give equal bytes."""
    import matplotlib as mpl

    settings = {
        "axes.edgecolor": _MUTED,
        "axes.labelsize": 8,
        "axes.linewidth": 0.6,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlelocation": "left",
        "axes.titlesize": 8,
        "axes.titleweight": "bold",
        "font.family": "sans-serif",
        "font.sans-serif": ["Arial", "Helvetica", "Liberation Sans", "DejaVu Sans"],
        "font.size": 8,
        "legend.fontsize": 8,
        "legend.frameon": False,
        "pdf.fonttype": 42,  # text stays text
        "svg.fonttype": "none",
        "svg.hashsalt": "statistics",
        "text.color": INK,
        "xtick.color": _MUTED,
        "xtick.labelcolor": INK,
        "xtick.labelsize": 7,
        "xtick.major.size": 2.5,
        "xtick.major.width": 0.6,
        "ytick.color": _MUTED,
        "ytick.labelcolor": INK,
        "ytick.labelsize": 7,
        "ytick.major.size": 2.5,
        "ytick.major.width": 0.6,
    }
    import logging

    fonts = logging.getLogger("matplotlib.font_manager")
    level = fonts.level
    fonts.setLevel(logging.ERROR)  # it reports each font that is not installed
    try:
        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(settings)
            yield
    finally:
        fonts.setLevel(level)


def picture(figure: Figure, suffix: str, **settings: Any) -> bytes:
    """Return the content of a file with a figure.

    Parameters
    ----------
    suffix : str
        One of `saving.SUFFIXES`.
    **settings
        Settings of matplotlib, with ``_`` instead of ``.``.
    """
    import matplotlib as mpl

    with style():
        mpl.rcParams.update({name.replace("_", "."): value for name, value in settings.items()})
        return saved(figure, suffix, _DPI)


def chosen(names: str | Sequence[str] | None, known: Sequence[str], what: str) -> list[str]:
    """Return the names to draw: those that are asked for, or all."""
    if names is None:
        return list(known)
    names = [names] if isinstance(names, str) else list(names)
    for name in names:
        if name not in known:
            problem = f"expected a {what} of the statistics ({listed(known, 12)}), found {name!r}"
            raise TaggingBackendsError(problem)
    return names


def drawn_labels(statistics: Statistics, labels: str | Sequence[str] | None) -> list[str]:
    """Return the labels to draw: those that are asked for, or the 60 most frequent ones.

    The latter have the order of legends.
    """
    known = legend_order(statistics.design.labels)
    if labels is None and len(known) > MOST_LABELS:
        seconds = statistics.budgets.groupby("label", observed=False)["seconds"].sum()
        kept = set(seconds.sort_values(ascending=False, kind="stable").index[:MOST_LABELS])
        problem = f"only the {MOST_LABELS} most frequent of {len(known)} labels are drawn"
        warnings.warn(problem, stacklevel=3)
        return [name for name in known if name in kept]
    return chosen(labels, known, "label")


def shown(name: str) -> str:
    """Return a name as it is drawn."""
    return cut(printable(name), _LONGEST)


def small() -> float | str:
    """Return the size of text within a panel: that of the ticks."""
    import matplotlib as mpl

    size: float | str = mpl.rcParams["xtick.labelsize"]
    return size


def title(axes: Axes, name: str, above: float = 0.0) -> None:
    """Write a name above a panel, and above what is as high as `above`, in points."""
    axes.set_title(shown(name), pad=4 + above, parse_math=False)


def group_colors(statistics: Statistics) -> dict[str, str]:
    """Return the colour of each group; the control is grey."""
    design = statistics.design
    colors = dict.fromkeys(design.groups, _CONTROL)
    others = [group for group in design.groups if group != design.control]
    return colors | {group: _GROUPS[at % len(_GROUPS)] for at, group in enumerate(others)}


def group_panels(
    statistics: Statistics,
    names: Sequence[str],
    draw: Callable[[Axes, str, dict[tuple[str, str], str]], None],
    path: str | PathLike[str] | None,
    ax: Axes | None,
    *,
    measure: str,
    row: float,
    xlabel: str,
    text: str,
) -> Figure:
    """Draw one panel per label, with one row per group.

    Parameters
    ----------
    statistics : Statistics
        The groups, and the comparisons with the control.
    names : sequence of str
        The labels.
    draw : callable
        Draws the rows of a label; called with the axes, the label, and the stars of each label and
        group.
    path, ax, xlabel
        As for `panels`.
    measure : str
        The measure of the comparisons that give the stars.
    row : float
        Height of a row, in inches.
    text : str
        The note below the panels.
    """
    groups, columns = statistics.design.groups, across(len(names))
    stars = _stars_of(statistics, measure)

    def panel(axes: Axes, label: str) -> None:
        _name_groups(axes, groups, ax is not None or names.index(label) % columns == 0)
        draw(axes, label, stars)
        title(axes, label)

    def finish(figure: Figure) -> None:
        note(figure, bool(stars), statistics.design.control, text)

    height = 0.55 + row * len(groups)
    return panels(
        names, panel, path, ax, columns=columns, height=height, xlabel=xlabel, finish=finish
    )


def _name_groups(axes: Axes, groups: Sequence[str], named: bool) -> None:
    """Give each group a row of a panel, from top to bottom, with its name in the first column."""
    axes.set_ylim(len(groups) - 0.45, -0.55)
    axes.set_yticks(range(len(groups)), [shown(group) if named else "" for group in groups])
    for text in axes.get_yticklabels():
        text.set_parse_math(False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _stars_of(statistics: Statistics, measure: str) -> dict[tuple[str, str], str]:
    """Return the stars of each label and group that differs from the control.

    There are none without a control: with all pairs, a mark has no place.
    """
    if statistics.design.control is None:
        return {}
    rows = statistics.comparisons
    rows = rows[rows["measure"] == measure]
    found = zip(rows["label"], rows["group"], rows["p_adjusted"], strict=True)
    return {(label, group): _stars(p) for label, group, p in found if _stars(p)}


def _stars(p: float) -> str:
    return next((stars for most, stars in _STARS if p < most), "")


def note(figure: Figure, marked: bool, control: str | None, text: str) -> None:
    """Write below the panels what they show, and what stars mean if there are any."""
    if marked and control is not None:
        meaning = ", ".join(f"{stars} p < {most:g}" for most, stars in reversed(_STARS))
        text += f"\n{meaning}, compared with {shown(control)}; corrected after Holm"
    width = int(_CHARACTERS * figure.get_figwidth())
    wrapped = "\n".join(fill(line, width) for line in text.split("\n"))
    figure.supxlabel(wrapped, x=0.01, ha="left", fontsize=7, color=_MUTED, parse_math=False)
