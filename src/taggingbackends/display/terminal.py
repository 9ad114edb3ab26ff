"""Labels as text: an ethogram, one line a larva."""

from __future__ import annotations

import numpy as np

from taggingbackends.display.colors import label_colors
from taggingbackends.display.tables import printable
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import labels_of
from taggingbackends.labels.tracklabels import TrackLabels

__all__ = ["ethogram"]

_RESET = "\x1b[0m"
_UNDEFINED = "."


def ethogram(run: RunLabels, width: int = 80) -> str:
    """Return one line a larva, time from left to right, a coloured letter a label.

    Parameters
    ----------
    run : RunLabels
        One run.
    width : int
        Columns of the terminal.

    Returns
    -------
    str
        With ANSI colours: the run's own, else a palette. A cell shows the state of most of its
        frames (of several labels the first); "." is undefined, blank is not tracked.
    """
    colors = label_colors(run)
    symbols = _symbols(list(colors))
    cells = {name: _cell(symbols[name], color) for name, color in colors.items()}
    margin = max([len(str(larva)) for larva in run], default=0) + 1
    columns = max(10, width - margin)
    tracked = [track for track in run.values() if len(track)]
    if not tracked:
        return "no frames"
    start = min(track.times[0] for track in tracked)
    stop = max(track.times[-1] for track in tracked)
    lines = [
        f"{larva:>{margin - 1}} {_line(run, track, cells, start, stop, columns)}"
        for larva, track in run.items()
    ]
    legend = "  ".join(f"{cell} {printable(name)}" for name, cell in cells.items())
    axis = f"{start:.1f} s".ljust(columns - len(f"{stop:.1f} s")) + f"{stop:.1f} s"
    return "\n".join([legend, *lines, " " * margin + axis])


def _line(
    run: RunLabels,
    track: TrackLabels,
    cells: dict[str, str],
    start: float,
    stop: float,
    columns: int,
) -> str:
    states = run.states
    step = (stop - start) / columns or 1.0
    column = ((track.times - start) / step).astype(np.intp).clip(max=columns - 1)
    frames = np.bincount(
        column * len(states) + track.codes, minlength=columns * len(states)
    ).reshape(columns, len(states))
    # states that no frame has any longer may have names that are no longer declared
    shown = [cells.get(labels_of(state)[0], "?") if state else _UNDEFINED for state in states]
    line = [shown[code] for code in frames.argmax(axis=1).tolist()]
    # within a track a cell may fall between two frames: it shows what the cell before does
    seen = np.flatnonzero(frames.any(axis=1))
    for at in range(columns):
        if not len(seen) or not seen[0] <= at <= seen[-1]:
            line[at] = " "
        elif not frames[at].any():
            line[at] = line[at - 1]
    return "".join(line).rstrip()


def _symbols(names: list[str]) -> dict[str, str]:
    """Give each name a letter of its own, one of the name's if possible."""
    symbols: dict[str, str] = {}
    spare = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    for name in names:
        letters = (letter for letter in name + name.upper() + spare if letter.isalnum())
        symbols[name] = next((x for x in letters if x not in symbols.values()), "?")
    return symbols


def _cell(symbol: str, color: str) -> str:
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    text = 30 if 0.3 * red + 0.59 * green + 0.11 * blue > 110 else 97  # black or white
    return f"\x1b[{text};48;2;{red};{green};{blue}m{symbol}{_RESET}"
