"""Ethograms as PNG, SVG or PDF, drawn by matplotlib."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from taggingbackends.analysis.protocol import stimulus_windows
from taggingbackends.display.colors import label_colors
from taggingbackends.display.filenames import short_names
from taggingbackends.display.layout import (
    fading,
    limited,
    row_layout,
    span_confidence,
    time_range,
)
from taggingbackends.display.saving import saved, suffix_of
from taggingbackends.display.tables import cut
from taggingbackends.labels import Labels
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.stretches import Spans, find_spans
from taggingbackends.system.extras import require
from taggingbackends.system.files import write_file
from taggingbackends.system.words import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_ethograms", "plot_ethogram"]

_RUNS = 20  # a larger picture could not be opened
_WIDTH = 10.0  # inches
_ROW, _TALLEST = 0.22, 14.0  # inches: height of one row, and largest height of a run
_DPI = 150
_VECTORS = 50_000  # more rectangles become an image: no viewer opens as many in an SVG or PDF
_HATCHED = 1_000  # rectangles; each takes long to hatch, and more are too small to show it
_UNDEFINED, _HATCH, _STIMULUS = "#e6e6e6", "#b5b5b5", "#444444"
_LONGEST = 30  # characters of a name in the legend, which leaves room for the rows
_LINE = 0.2  # height of the line of secondary labels, relative to a row


def plot_ethogram(
    labels: Labels | RunLabels,
    path: str | PathLike[str] | None = None,
    max_gap: float | None = None,
    *,
    ax: Axes | None = None,
) -> None:
    """Draw an ethogram: one row per larva, with time along the x axis, in the labels' colours.

    Several runs are drawn below each other. A row is blank where the larva is not tracked, and
    hatched in grey where its state is undefined (only grey if there are many such spans).
    Simultaneous primary labels share the height of the row, in their order in the state. Secondary
    labels are a thin line at the bottom of the row. A bar above the rows shows when the stimulus is
    on (see `stimulus_windows`). States are fainter if the mean confidence of their frames is lower:
    from 90 % (full colour) to 60 % and less.

    Only the first 20 runs are drawn; a warning says so. Of more than 60 labels of a run, the most
    frequent ones are drawn; the last one stands for all others.

    Parameters
    ----------
    labels : Labels or RunLabels
        One run or several; one for `ax`.
    path : path, optional
        The picture, written atomically. Its suffix, ``.png``, ``.svg`` or ``.pdf``, selects the
        format.
    max_gap : float, optional
        Longest gap, in s, across which a larva counts as tracked. Default: the longer of 1 s and 5
        median frame intervals of the run's tracks.
    ax : matplotlib.axes.Axes, optional
        Draw into these axes of a figure of your own, instead of writing a picture. The legend is
        beside them, on the right: a figure with ``layout="constrained"`` makes room for it. Your
        matplotlib settings apply.

    Raises
    ------
    TaggingBackendsError
        matplotlib is not installed, or the suffix is not one of these.
    OSError
        The file cannot be written. An existing file stays unchanged.
    LabelFileError
        ``bad-time``: a time is so large that no double holds it in milliseconds.
    TypeError
        Both `path` and `ax` are given, or neither.
    ValueError
        `max_gap` is not above 0, or `ax` is given and there is not one run.

    Examples
    --------
    >>> from taggingbackends import Labels
    >>> labels = Labels()
    >>> labels.set("run1", 7, [0.0, 0.1, 0.2, 0.3], ["run", "run", "cast", "run"])
    >>> plot_ethogram(labels, "ethogram.svg")
    """
    if (path is None) == (ax is None):
        raise TypeError("expected either a path to write, or axes to draw into (ax=...)")
    runs = {labels.id: labels} if isinstance(labels, RunLabels) else labels
    if ax is not None:
        if len(runs) != 1:
            problem = f"expected one run to draw into axes, found {len(runs)}; choose labels[run]"
            raise ValueError(problem)
        (run,) = map(limited, runs.values())
        _draw(ax, run, find_spans(run, max_gap), run.id)
        return
    assert path is not None
    suffix = suffix_of(path)
    write_file(Path(path), [draw_ethograms([runs], suffix, max_gap)])


def draw_ethograms(
    labels: Iterable[Mapping[str, RunLabels]], suffix: str, max_gap: float | None = None
) -> bytes:
    """Return the content of a picture of the runs of one or several files.

    Parameters
    ----------
    labels : iterable of Labels
        Labels of one file each, or of one run each, as `iter_labels` yields them. The name of the
        file is in the title of a panel if another file has the same run.
    suffix : str
        One of `saving.SUFFIXES`.
    max_gap
        As for `plot_ethogram`.
    """
    mpl = require("matplotlib", "plot", "a picture")
    drawn: list[tuple[str, RunLabels]] = []  # with the file
    total = 0
    for of_file in labels:
        file = getattr(of_file, "file", None)
        room = max(_RUNS - total, 0)
        drawn += [("" if file is None else str(file), run) for run in _first(of_file, room)]
        total += len(of_file)
    left_out = f"only the first {_RUNS} of {total} runs are drawn" if total > _RUNS else ""
    if left_out:
        warnings.warn(left_out, stacklevel=3)
    # independent of the user's settings; text stays text, and equal labels give equal bytes
    settings = {"svg.fonttype": "none", "svg.hashsalt": "labels", "pdf.fonttype": 42}
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(settings | {"font.size": 9, "hatch.linewidth": 0.5})
        return saved(_figure(_titled(drawn), left_out, max_gap), suffix, _DPI)


def _first(labels: Mapping[str, RunLabels], n: int) -> list[RunLabels]:
    return [limited(run) for run in islice(labels.values(), n)]


def _titled(drawn: list[tuple[str, RunLabels]]) -> list[tuple[str, RunLabels]]:
    """Return runs with the titles of their panels."""
    files: dict[str, set[str]] = {}
    for file, run in drawn:
        files.setdefault(run.id, set()).add(file)
    names = short_names(dict.fromkeys(file for file, _ in drawn))
    return [
        (f"{run.id}, {names[file]}" if len(files[run.id]) > 1 else run.id, run)
        for file, run in drawn
    ]


def _figure(drawn: list[tuple[str, RunLabels]], left_out: str, max_gap: float | None) -> Figure:
    from matplotlib.figure import Figure  # pyplot would open windows and keep global state

    heights = [max(min(_ROW * len(run), _TALLEST), _legend_height(run)) for _, run in drawn]
    heights = heights or [0.5]
    # one inch per run for title, stimulus and axis
    figure = Figure((_WIDTH, sum(heights) + len(heights)), layout="constrained")
    panels = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    if not drawn:
        panels[0].set_axis_off()
        panels[0].text(0.5, 0.5, "no runs", ha="center")
    for (title, run), panel in zip(drawn, panels, strict=False):
        _draw(panel, run, find_spans(run, max_gap), title)
    if left_out:
        figure.supxlabel(left_out)
    return figure


def _legend_height(run: RunLabels) -> float:
    """Return the height of rows, in inches, beside which the legend is not cut off."""
    return max(0.2 * (len(run.count()) + 2) - 0.7, 0.5)


def _draw(axes: Axes, run: RunLabels, spans: Spans, title: str) -> None:
    from matplotlib.patches import Patch

    colors = label_colors(run)
    axes.set_title(cut(printable(title), 2 * _LONGEST), loc="left", pad=12, parse_math=False)
    axes.set_xlabel("time (s)")
    axes.set_ylabel("larva")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(max(len(run), 1), 0)
    larvae = list(run)
    # label every row, or every 2nd, 5th, 10th, ... if there are too many to read
    room = int(_TALLEST / 0.2)
    steps = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)  # for 65,536 larvae at most
    every = next(step for step in steps if len(larvae) <= step * room)
    axes.set_yticks(np.arange(0, len(larvae), every) + 0.5, larvae[::every])
    if not len(spans):
        axes.set_xticks([])
        axes.text(0.5, 0.5, "no frames", ha="center", va="center", transform=axes.transAxes)
        return
    start, stop = time_range(spans)
    axes.set_xlim(start, stop)
    used = _rectangles(axes, run, list(colors.values()), spans)
    names = [list(colors)[label] for label in used]
    keys = [Patch(color=colors[name]) for name in names]
    if (spans.states == 0).any():
        keys.append(Patch(facecolor=_UNDEFINED, edgecolor=_HATCH, hatch="////", linewidth=0))
        names.append("undefined")
    if _stimulus(axes, run, start, stop):
        keys.append(Patch(color=_STIMULUS))
        names.append("stimulus")
    legend = axes.legend(
        keys,
        ["label"] * len(names),  # matplotlib would interpret a leading _ or a $ in names
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        borderaxespad=0,
        frameon=False,
        handlelength=1.2,
        handleheight=1.2,
    )
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(cut(printable(name), _LONGEST))


def _rectangles(axes: Axes, run: RunLabels, colors: list[str], spans: Spans) -> list[int]:
    """Draw the spans, and return the indices of the labels that occur."""
    from matplotlib.collections import PolyCollection

    parts: dict[int, list[tuple[NDArray[np.int64], float, float]]] = {}
    for state, (primary, secondary) in enumerate(row_layout(run)):
        found = np.flatnonzero(spans.states == state)
        if not len(found):
            continue
        foot = 1 - _LINE * bool(secondary)
        tops = [
            (label, foot * i / len(primary), foot / len(primary)) for i, label in enumerate(primary)
        ]
        tops += [
            (label, foot + (1 - foot) * i / len(secondary), (1 - foot) / len(secondary))
            for i, label in enumerate(secondary)
        ]
        for label, top, height in tops or [(-1, 0.0, 1.0)]:
            parts.setdefault(label, []).append((found, top, height))
    confidence = span_confidence(run, spans)
    faint = np.zeros(len(spans)) if confidence is None else fading(confidence)
    margin = 0.08 if len(run) * _ROW <= _TALLEST else 0.0  # above and below, relative to a row
    for label in sorted(parts):
        verts = [
            _corners(
                spans.start[found],
                spans.stop[found],
                spans.tracks[found].astype(np.float64) + margin + (1 - 2 * margin) * top,
                (1 - 2 * margin) * height,
            )
            for found, top, height in parts[label]
        ]
        fades = np.concatenate([faint[found] for found, _, _ in parts[label]])
        style: dict[str, Any] = {"facecolor": _UNDEFINED, "edgecolor": _HATCH, "hatch": "////"}
        if label >= 0:
            style = {"facecolor": _faded(colors[label], fades)}
        elif sum(map(len, verts)) > _HATCHED:
            style = {"facecolor": _UNDEFINED}
        # antialiasing would leave seams between neighbours
        drawn = PolyCollection(
            np.concatenate(verts),
            linewidth=0,
            antialiased=False,
            rasterized=len(spans) > _VECTORS,
            zorder=1,
            **style,
        )
        axes.add_collection(drawn, autolim=False)
    return [label for label in sorted(parts) if label >= 0]


def _faded(color: str, fades: NDArray[np.float64]) -> str | NDArray[np.float64]:
    """Return a colour, or the colours of rectangles as (n, 3) red, green and blue."""
    if not fades.any():
        return color
    own = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return own + (1 - own) * fades[:, None]


def _corners(
    start: NDArray[np.float64], stop: NDArray[np.float64], top: NDArray[np.float64], height: float
) -> NDArray[np.float64]:
    """Return the corners of rectangles, of shape (n, 4, 2)."""
    bottom = top + height
    x = np.stack([start, stop, stop, start], axis=1)
    y = np.stack([top, top, bottom, bottom], axis=1)
    return np.stack([x, y], axis=2)


def _stimulus(axes: Axes, run: RunLabels, start: float, stop: float) -> bool:
    """Draw the stimulus above the rows, with thin lines down; return whether there is any."""
    from matplotlib.collections import LineCollection
    from matplotlib.transforms import ScaledTranslation

    found = np.array(stimulus_windows(run)).reshape(-1, 2)
    shown = found[(found[:, 0] < stop) & (found[:, 1] > start)].clip(start, stop)
    if not len(shown):
        return False
    points = axes.figure.dpi_scale_trans
    across = axes.get_xaxis_transform()
    bars = LineCollection(
        [[(begin, 1), (end, 1)] for begin, end in shown.tolist()],
        color=_STIMULUS,
        linewidth=5,
        capstyle="butt",
        transform=across + ScaledTranslation(0, 5 / 72, points),
        clip_on=False,
    )
    edges = LineCollection(
        [[(edge, 0), (edge, 1)] for edge in shown.ravel().tolist()],
        color=_STIMULUS,
        linewidth=0.7,
        linestyle=(0, (3, 3)),
        transform=across,
        zorder=3,
    )
    for drawn in (bars, edges):
        axes.add_collection(drawn, autolim=False)
    return True
