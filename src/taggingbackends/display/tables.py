"""Tables as text, for a terminal of some width."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from unicodedata import combining, east_asian_width

from taggingbackends.analysis.comparison import NOT_THERE, Comparison
from taggingbackends.analysis.overview import RunOverview

__all__ = [
    "aligned",
    "columns",
    "confusion_table",
    "cut",
    "differences_table",
    "label_table",
    "printable",
    "run_table",
]

_BETWEEN = "  "


def aligned(
    rows: Sequence[Sequence[str]], left: Collection[int] = (0,), width: int | None = None
) -> str:
    """Return rows with their columns below each other.

    Parameters
    ----------
    rows : sequence of rows of as many str each
        The first may be the heads.
    left : collection of int
        The columns, 0-based, that begin below each other; the others end so.
    width : int, optional
        Columns of the terminal; what would not fit in is cut out of the first column.
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]
    if width is not None and widths:
        beside = sum(widths[1:]) + len(_BETWEEN) * (len(widths) - 1)
        widths[0] = min(widths[0], max(8, width - beside))
    lines = []
    for row in rows:
        cells = [cut(row[0], widths[0]), *row[1:]] if row else []
        padded = [
            cell + blanks if place in left else blanks + cell
            for place, (cell, size) in enumerate(zip(cells, widths, strict=True))
            for blanks in [" " * (size - columns(cell))]
        ]
        lines.append(_BETWEEN.join(padded).rstrip())
    return "\n".join(lines)


def cut(text: str, width: int) -> str:
    """Return text shortened to a width, in the middle: names often differ in their ends."""
    if columns(text) <= width:
        return text
    before, after = text[: (width - 1) // 2], text[len(text) - width // 2 :]
    while columns(before + after) > width - 1:  # wide characters
        before, after = before[:-1], after[1:]
    return f"{before}…{after}"


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes up: two for wide characters."""
    if text.isascii():
        return len(text)
    wide = sum(east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(map(bool, map(combining, text)))


def printable(text: str) -> str:
    """Return text with what a terminal would not show, but obey, escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def run_table(runs: Sequence[RunOverview], width: int | None = None) -> str:
    """Return a row for each run: larvae, frames, duration and when it begins."""
    rows = [("run", "larvae", "frames", "duration", "from", "to")]
    for run in runs:
        ends = ["" if time is None else f"{time:.3f} s" for time in (run.start, run.stop)]
        rows.append(
            (run.run, str(run.larvae), str(run.frames), f"{run.duration:.3f} s", ends[0], ends[1])
        )
    return aligned(rows, width=width)


def label_table(runs: Sequence[RunOverview], width: int | None = None) -> str:
    """Return a row for each label of some runs: frames, and their share of all frames."""
    counts: dict[str, int] = {}
    for run in runs:
        for name, n in run.labels.items():
            counts[name] = counts.get(name, 0) + n
    undefined = sum(run.undefined for run in runs)
    if undefined:
        counts["(undefined)"] = undefined
    frames = sum(run.frames for run in runs)
    rows = [("label", "   frames", " share")]  # so wide at least: tables below each other
    rows += [(name, str(n), f"{n / frames:.1%}") for name, n in counts.items()]
    return aligned(rows, width=width)


def confusion_table(found: Comparison, width: int) -> str:
    """Return a comparison's matrix: a row for each class of the one, columns of the other.

    Columns have numbers, those of the rows, where the names do not fit into the width.
    """
    names = found.names
    rows = [[name, *map(str, row)] for name, row in zip(names, found.matrix.tolist(), strict=True)]
    text = aligned([["", *names], *rows])
    if max(map(columns, text.splitlines()), default=0) <= width:
        return text
    numbers = [str(place) for place in range(1, len(names) + 1)]
    rows = [[f"{number} {row[0]}", *row[1:]] for number, row in zip(numbers, rows, strict=True)]
    return aligned([["", *numbers], *rows], width=width)


def differences_table(found: Comparison, most: int | None = None) -> str:
    """Return a row for each difference, the first `most` of them."""
    names = [*found.names, "(not there)"]
    assert NOT_THERE == -1  # the last
    rows = [["larva", "start", "stop", "frames", "one", "other"]]
    columns_shown = (column[:most].tolist() for column in vars(found.differences).values())
    for larva, start, stop, n, one, other in zip(*columns_shown, strict=True):
        rows.append([str(larva), f"{start:.3f}", f"{stop:.3f}", str(n), names[one], names[other]])
    return aligned(rows, left=(4, 5))
