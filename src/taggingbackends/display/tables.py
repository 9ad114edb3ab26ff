"""Tables as text, for a terminal of a given width."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from unicodedata import category, east_asian_width

from taggingbackends.analysis.comparison import NOT_THERE, Comparison, Confusion
from taggingbackends.analysis.overview import RunOverview
from taggingbackends.analysis.reviewing import UnsureBout
from taggingbackends.display.colors import legend_order
from taggingbackends.system.words import printable

__all__ = [
    "aligned",
    "columns",
    "confusion_table",
    "cut",
    "differences_table",
    "label_table",
    "review_table",
    "run_table",
]

_BETWEEN = "  "
_NO_WIDTH = ("Cf", "Me", "Mn")  # joiners, and marks on the character before


def aligned(
    rows: Sequence[Sequence[str]], left: Collection[int] = (0,), width: int | None = None
) -> str:
    """Return rows as lines with aligned columns.

    Parameters
    ----------
    rows : sequence of rows with the same number of str
        The first row may contain the column headings.
    left : collection of int
        0-based columns that are aligned to the left. The others are aligned to the right.
    width : int, optional
        Width of the terminal in columns. To fit, texts in the first column are shortened.
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
    """Shorten text to a width in the middle, because names often differ at their ends."""
    if columns(text) <= width:
        return text
    before, after = text[: (width - 1) // 2], text[len(text) - width // 2 :]
    while columns(before + after) > width - 1:  # wide characters
        before, after = before[:-1], after[1:]
    return f"{before}…{after}"


def columns(text: str) -> int:
    """Return the number of terminal columns of a text; wide characters take two."""
    if text.isascii():
        return len(text)
    wide = sum(east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(category(character) in _NO_WIDTH for character in text)


def run_table(runs: Sequence[RunOverview], width: int | None = None) -> str:
    """Return a table of runs: larvae, frames, duration, first and last time."""
    rows = [("run", "larvae", "frames", "duration", "from", "to")]
    for run in runs:
        ends = ["" if time is None else f"{time:.3f} s" for time in (run.start, run.stop)]
        rows.append(
            (run.run, str(run.larvae), str(run.frames), f"{run.duration:.3f} s", ends[0], ends[1])
        )
    return aligned(rows, width=width)


def label_table(runs: Sequence[RunOverview], width: int | None = None) -> str:
    """Return a table of the labels of some runs: frames, and their share of all frames.

    If there is any confidence, a third column has its mean.
    """
    counts: dict[str, int] = {}
    sums: dict[str, float] = {}
    rated: dict[str, int] = {}
    for run in runs:
        for name, n in run.labels.items():
            counts[name] = counts.get(name, 0) + n
        for name, n in run.rated.items():
            rated[name] = rated.get(name, 0) + n
            sums[name] = sums.get(name, 0) + n * run.confidence[name]
    secondary = {name for run in runs for name in run.secondary}
    names = legend_order(counts)
    names.sort(key=secondary.__contains__)  # stable: primary labels first
    undefined = sum(run.undefined for run in runs)
    if undefined:
        counts["(undefined)"] = undefined
        names.append("(undefined)")
    frames = sum(run.frames for run in runs)
    rows = [["label", "   frames", " share"]]  # padded to align the tables of several files
    rows += [[name, str(counts[name]), f"{counts[name] / frames:.1%}"] for name in names]
    if rated:
        rows[0].append("confidence")
        for row in rows[1:]:
            row.append(f"{sums[row[0]] / rated[row[0]]:.0%}" if row[0] in rated else "")
    return aligned(rows, width=width)


def review_table(
    bouts: Sequence[tuple[str, UnsureBout]], columns: Collection[str], width: int | None = None
) -> str:
    """Return a table of bouts, each with the name of its file.

    Parameters
    ----------
    bouts : sequence of (str, UnsureBout)
        The bouts.
    columns : collection of str
        "file" or "run" or both: the columns at the left.
    width : int, optional
        Width of the terminal in columns.
    """
    names = [name for name in ("file", "run") if name in columns]
    rows = [[*names, "larva", "label", "start", "stop", "confidence", "second", "doubt"]]
    for file, x in bouts:
        before = [{"file": file, "run": x.run}[name] for name in names]
        times = [f"{x.start:.3f}", f"{x.stop:.3f}"]
        rows.append(
            [
                *before,
                str(x.larva),
                x.label,
                *times,
                f"{x.confidence:.0%}",
                x.second,
                f"{x.doubt:.3f}",
            ]
        )
    n = len(names)
    return aligned(rows, left=(*range(n), n + 1, n + 5), width=width if names else None)


def confusion_table(found: Confusion, width: int, without_row: str = "") -> str:
    """Return a confusion matrix: rows are classes of the one, columns of the other.

    If the names of columns do not fit into the width, rows and columns are numbered. Of more than
    60 classes, the most frequent ones are shown; the last one stands for all others. The class
    `without_row` gets no row.
    """
    names, matrix = found.condensed(60)
    rows = [[name, *map(str, row)] for name, row in zip(names, matrix.tolist(), strict=True)]
    rows = [row for row in rows if row[0] != without_row]
    text = aligned([["", *names], *rows])
    if max(map(columns, text.splitlines()), default=0) <= width:
        return text
    numbers = [str(place) for place in range(1, len(names) + 1)]
    numbered = dict(zip(names, numbers, strict=True))
    rows = [[f"{numbered[row[0]]} {row[0]}", *row[1:]] for row in rows]
    return aligned([["", *numbers], *rows], width=width)


def differences_table(found: Comparison, most: int | None = None) -> str:
    """Return a table of differences, limited to the first `most`."""
    names = [*found.names, "(not there)"]
    assert NOT_THERE == -1  # indexes "(not there)"
    rows = [["larva", "start", "stop", "frames", "one", "other"]]
    columns_shown = (column[:most].tolist() for column in vars(found.differences).values())
    for larva, start, stop, n, one, other in zip(*columns_shown, strict=True):
        rows.append([str(larva), f"{start:.3f}", f"{stop:.3f}", str(n), names[one], names[other]])
    return aligned(rows, left=(4, 5))
