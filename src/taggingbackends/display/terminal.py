"""Labels as text: an ethogram, one line per larva."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from taggingbackends.display.colors import label_colors
from taggingbackends.display.layout import limited, time_range
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import labels_of
from taggingbackends.labels.stretches import Spans, find_spans
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
        lasts longest in it, by its first label. "." means undefined, blank means not tracked. Of
        more than 60 labels, only the most frequent ones are shown; the last one stands for all
        others.

    Raises
    ------
    LabelFileError
        ``bad-time``: a time is so large that no double holds it in milliseconds.
    ValueError
        `max_gap` is not above 0.

    Examples
    --------
    >>> from taggingbackends import Labels
    >>> import re
    >>> labels = Labels()
    >>> labels.set("run1", 7, [0.0, 0.1, 0.2, 0.3], ["run", "run", "cast", "run"])
    >>> print(re.sub(r"\\x1b.*?m", "", ethogram(labels["run1"], width=30)))  # without colours
    r run  c cast
    7 rrrrrrrrrrrrrrcccccccrrrrrrr
      0.0 s                  0.4 s
    """
    run = limited(run)
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
    states = _cells(spans, np.linspace(start, stop, columns + 1), len(run)).tolist()
    shown.append(" ")  # at -1: not tracked
    lines = [
        f"{larva:>{margin - 1}} {''.join([shown[state] for state in row])}".rstrip()
        for larva, row in zip(run, states, strict=True)
    ]
    legend = "  ".join(f"{cell} {printable(name)}" for name, cell in cells.items())
    axis = f"{start:.1f} s".ljust(columns - len(f"{stop:.1f} s")) + f"{stop:.1f} s"
    return "\n".join([legend, *lines, " " * margin + axis])


def _cells(spans: Spans, edges: NDArray[np.float64], rows: int) -> NDArray[np.int64]:
    """Return the state that lasts longest in each row and column; -1 if there is none."""
    columns = len(edges) - 1
    of_span, column, seconds = spans.split(edges)
    number = 1 + int(spans.states.max())
    parts = (spans.tracks[of_span] * columns + column) * number + spans.states[of_span]
    parts, inverse = np.unique(parts, return_inverse=True)
    time = np.bincount(inverse, seconds, len(parts))
    order = np.lexsort((-time, parts // number))  # by cell; the longest state of a cell first
    cells, first = np.unique(parts[order] // number, return_index=True)
    longest = np.full(rows * columns, -1)
    longest[cells] = parts[order[first]] % number
    return longest.reshape(rows, columns)


def _symbols(names: list[str]) -> dict[str, str]:
    """Return a letter for each name: its usual one, or else an unused one, preferably from it."""
    symbols: dict[str, str] = {}
    taken = set(_USUAL.values())
    spare = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    for name in names:
        letters = (letter for letter in name + name.upper() + spare if letter.isalnum())
        symbols[name] = _USUAL.get(name) or next((x for x in letters if x not in taken), "?")
        taken.add(symbols[name])
    return symbols


def _cell(symbol: str, color: str) -> str:
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    text = 30 if 0.3 * red + 0.59 * green + 0.11 * blue > 110 else 97  # black or white
    return f"\x1b[{text};48;2;{red};{green};{blue}m{symbol}{_RESET}"
