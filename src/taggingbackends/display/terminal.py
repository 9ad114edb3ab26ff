"""Labels as text: an ethogram, one line per larva."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from taggingbackends.display.colors import label_colors
from taggingbackends.display.layout import time_range
from taggingbackends.display.tables import printable
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import labels_of
from taggingbackends.labels.stretches import find_spans

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
"""Letters of the usual names, which no other name gets: they are the same for all files."""


def ethogram(run: RunLabels, width: int = 80, max_gap: float | None = None) -> str:
    """Return one line per larva, time from left to right, a coloured letter for each label.

    Parameters
    ----------
    run : RunLabels
        One run.
    width : int
        Columns of the terminal.
    max_gap : float, optional
        s. A larva is not tracked in a gap longer than this; by default the longer of 1 s and 5
        median frame intervals of the run's tracks.

    Returns
    -------
    str
        With ANSI colours: the run's own, else a palette. A cell shows the state that lasts longest
        in it (of several labels the first); "." is undefined, blank is not tracked.

    Raises
    ------
    ValueError
        A `max_gap` that is not above 0.
    """
    spans = find_spans(run, max_gap)
    if not len(spans):
        return "no frames"
    colors = label_colors(run)
    symbols = _symbols(list(colors))
    cells = {name: _cell(symbols[name], color) for name, color in colors.items()}
    # states that no frame has any longer may have names that are no longer declared
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
    """Return the cells of a larva: how long, in which column, it is in which state."""
    size = columns * len(shown)
    time = np.bincount(column * len(shown) + states, seconds, size).reshape(columns, len(shown))
    line = [shown[state] for state in time.argmax(axis=1).tolist()]
    tracked = (time.max(axis=1) > 0).tolist()
    return "".join(cell if some else " " for cell, some in zip(line, tracked, strict=True))


def _symbols(names: list[str]) -> dict[str, str]:
    """Give each name a letter: its usual one, else one that no other has, of it if possible."""
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
