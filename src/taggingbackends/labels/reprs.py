"""Representations of labels and recordings: one line of text, and HTML tables for notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from taggingbackends.system.words import counted

__all__ = ["html_table", "time_range"]

_MOST = 50  # rows of a table


def time_range(times: NDArray[np.float64]) -> str:
    """Return a summary of the frames of a track, e.g. ``"640 frames, 12.3 to 76.1 s"``."""
    frames = counted(len(times), "frame")
    if not len(times):
        return frames
    first, last = (f"{round(float(time), 3):.12g}" for time in times[[0, -1]])
    return f"{frames}, {first} to {last} s"


def html_table(
    title: str, header: Sequence[str], rows: Iterable[Iterable[object]], total: int
) -> str:
    """Return the first 50 rows of a table as HTML.

    Parameters
    ----------
    title : str
        Caption of the table.
    header : sequence of str
        Names of the columns.
    rows : iterable of iterables
        Cells of each row. Floats are shown with 3 decimals.
    total : int
        Number of rows.
    """
    lines = [_row("th", header), *(_row("td", row) for row in islice(rows, _MOST))]
    if total > _MOST:
        lines.append(f'<tr><td colspan="{len(header)}">... {total - _MOST} more</td></tr>')
    caption = f"<caption>{escape(title)}</caption>"
    return "\n".join(["<table>", caption, *lines, "</table>"])


def _row(tag: str, cells: Iterable[object]) -> str:
    texts = (f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in cells)
    return "<tr>" + "".join(f"<{tag}>{escape(text)}</{tag}>" for text in texts) + "</tr>"
