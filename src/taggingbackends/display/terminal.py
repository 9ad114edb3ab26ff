"""Labels as text: an ethogram, one line per larva."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from taggingbackends.display.colors import label_colors
from taggingbackends.display.layout import time_range
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import labels_of
from taggingbackends.labels.stretches import find_spans
from taggingbackends.system.words import printable

__all__ = ["ethogram"]

_RESET = "\x1b[0m"
_UNDEFINED = "."
_USUAL = {
    "run": "r",
    "cast": "c",
    "stop": "s",
    "hunch": "h",
    "back": "b",
    "roll": "R",
    "small_motion": "m",
}
"""Letters reserved for the usual names, so that they are the same in all files."""


def ethogram(run: RunLabels, width: int = 80, max_gap: float | None = None) -> str:
    """Return an ethogram as text: one line per larva, with a coloured letter for each label.

    Time runs from left to right.

    Parameters
    ----------
    run : RunLabels
        One run.
    width : int
        Width of the terminal in columns.
    max_gap : float, optional
        Longest gap, in s, across which a larva counts as tracked. Default: the longer of 1 s and 5
        median frame intervals of the run's tracks.

    Returns
    -------
    str
        Text with ANSI colours, from the run or else from a palette. A cell shows the state that
        lasts longest in it, by its first label. "." means undefined, blank means not tracked.

    Raises
    ------
    ValueError
        `max_gap` is not above 0.
    """
    spans = find_spans(run, max_gap)
    if not len(spans):
        return "no frames"
    colors = label_colors(run)
    symbols = _symbols(list(colors))
    cells = {name: _cell(symbols[name], color) for name, color in colors.items()}
    # states that are no longer used may have names that are no longer declared
    shown = [cells.get(labels_of(s)[0], "?") if s else _UNDEFINED for s in run.states]
    margin = max(len(str(larva)) for larva in run) + 1
    columns = max(10, width - margin)
    start, stop = time_range(spans)
    of_span, column, seconds = spans.split(np.linspace(start, stop, columns + 1))
    states = spans.states[of_span]
    ends = np.searchsorted(spans.tracks[of_span], np.arange(len(run)), "right").tolist()
    lines = []
    for larva, begin, end in zip(run, [0, *ends], ends, strict=False):
        part = slice(begin, end)
        line = _line(column[part], states[part], seconds[part], shown, columns)
        lines.append(f"{larva:>{margin - 1}} {line}".rstrip())
    legend = "  ".join(f"{cell} {printable(name)}" for name, cell in cells.items())
    axis = f"{start:.1f} s".ljust(columns - len(f"{stop:.1f} s")) + f"{stop:.1f} s"
    return "\n".join([legend, *lines, " " * margin + axis])


def _line(
    column: NDArray[np.intp],
    states: NDArray[np.int64],
    seconds: NDArray[np.float64],
    shown: list[str],
    columns: int,
) -> str:
    """Return the line of a larva from columns, states and durations of its parts."""
    size = columns * len(shown)
    time = np.bincount(column * len(shown) + states, seconds, size).reshape(columns, len(shown))
    line = [shown[state] for state in time.argmax(axis=1).tolist()]
    tracked = (time.max(axis=1) > 0).tolist()
    return "".join(cell if some else " " for cell, some in zip(line, tracked, strict=True))


def _symbols(names: list[str]) -> dict[str, str]:
    """Return a letter for each name: its usual one, or else an unused one, preferably from it."""
    symbols: dict[str, str] = {}
    spare = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    for name in names:
        taken = {*symbols.values(), *_USUAL.values()}
        letters = (letter for letter in name + name.upper() + spare if letter.isalnum())
        symbols[name] = _USUAL.get(name) or next((x for x in letters if x not in taken), "?")
    return symbols


def _cell(symbol: str, color: str) -> str:
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    text = 30 if 0.3 * red + 0.59 * green + 0.11 * blue > 110 else 97  # black or white
    return f"\x1b[{text};48;2;{red};{green};{blue}m{symbol}{_RESET}"
