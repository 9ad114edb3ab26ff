"""Tables of features: one row per feature and frame, one column per larva.

The first line is ``,larva(0),larva(1),...``. A row is ``feature(frame),value,value,...``, with an
empty cell where the larva is not tracked. All rows of a feature are consecutive.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import takewhile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from taggingbackends.data import decimals
from taggingbackends.data.changes import unchanged
from taggingbackends.errors import TrackFileError, shown
from taggingbackends.labels.validation import MAX_LARVA_ID
from taggingbackends.system.files import open_file
from taggingbackends.system.memory import keep_freed_memory

__all__ = ["Feature", "common_cells", "read_features"]

_ROW = re.compile(rb"([^,()]+)\((\d{1,9})\)")
_LARVA = re.compile(rb"larva\((\d{1,9})\)")

_SAME = "; each feature has the same frames, in consecutive rows"
_TENS = 10 ** np.arange(1, 10)
_BLOCK = 1 << 18  # bytes read at once; arrays of larger blocks would not fit into the cache
_CELL = 64  # bytes per cell in the longest line
_HEADER = (MAX_LARVA_ID + 2) * len(",larva(65535)")  # longest first line in bytes


@dataclass(frozen=True)
class Feature:
    """Non-empty cells of a feature."""

    cells: NDArray[np.int64]  # frame * larvae + column, increasing
    values: NDArray[Any]

    def at(self, cells: NDArray[np.int64]) -> NDArray[Any]:
        """Return the values of some cells, 0 for empty ones."""
        if cells is self.cells or not len(cells):
            return self.values[: len(cells)]
        if not len(self.cells):
            return np.zeros(len(cells), self.values.dtype)
        found = np.searchsorted(self.cells, cells).clip(max=len(self.cells) - 1)
        values: NDArray[Any] = self.values[found]
        values[self.cells[found] != cells] = 0
        return values


def common_cells(all_cells: Iterator[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return the cells that all features have."""
    distinct = {id(cells): cells for cells in all_cells}.values()
    return reduce(lambda a, b: np.intersect1d(a, b, assume_unique=True), distinct)


def read_features(
    file: Path, wanted: Callable[[str], bool]
) -> tuple[list[int], dict[str, Feature]]:
    """Read some features of a table, and check the row names and cell counts of all features.

    Parameters
    ----------
    file : Path
        The table.
    wanted : callable
        ``wanted(name)`` returns whether to read a feature.

    Returns
    -------
    larvae : list of int
        Larva identifier of each column.
    features : dict of str to Feature
        The wanted features that the table has.

    Raises
    ------
    TrackFileError
        The table breaks the format, or changes while it is read.
    """
    keep_freed_memory()
    with unchanged(file), open_file(file) as stream:
        larvae = _larvae(file, stream.readline(_HEADER + 2))
        longest = _CELL * (len(larvae) + 4)
        frames = _rows_of_first_feature(stream, longest)
        table = _Table(file, len(larvae), frames, wanted)
        for line, text in _blocks(file, stream, longest):
            table.add(line, text)
    return larvae, table.finish()


def _larvae(file: Path, header: bytes) -> list[int]:
    larvae: dict[int, None] = {}
    for field in header.rstrip(b"\r\n").split(b",")[1:]:
        match = _LARVA.fullmatch(field)
        if match is None:
            problem = f"expected larva(i), found {shown(_str(field))}"
            raise TrackFileError(problem, file=file, line=1)
        larva = int(match[1])
        if larva > MAX_LARVA_ID or larva in larvae:
            expected = f"a larva from 0 to {MAX_LARVA_ID}, each once"
            problem = f"expected {expected}, found {_str(field)}"
            raise TrackFileError(problem + " again" * (larva in larvae), file=file, line=1)
        larvae[larva] = None
    return list(larvae)


def _rows_of_first_feature(stream: BinaryIO, longest: int) -> int:
    """Count the rows of the first feature; all features have the same number of rows."""
    start = stream.tell()
    first = stream.readline(longest)
    prefix = first[: first.find(b"(") + 1]
    rows = iter(lambda: stream.readline(longest), b"")
    frames = 1 + sum(1 for _ in takewhile(lambda row: row.startswith(prefix), rows))
    stream.seek(start)
    return frames


def _blocks(file: Path, stream: BinaryIO, longest: int) -> Iterator[tuple[int, bytes]]:
    """Yield blocks of whole lines, each with the number of its first line.

    Blank lines at the end of the file are skipped.
    """
    line = 2
    blank = 0
    while text := stream.read(_BLOCK):
        text += stream.readline(longest)
        if not text.endswith(b"\n") and stream.read(1):
            at = line + text.count(b"\n")
            problem = f"expected a row of cells, found more than {longest} bytes"
            raise TrackFileError(problem, file=file, line=at)
        rows = text.rstrip(b"\r\n")
        if rows and blank:
            raise TrackFileError("expected a row, found a blank line", file=file, line=blank)
        if rows:
            yield line, rows + b"\n"
        blanks = text.count(b"\n", len(rows)) - bool(rows)
        line += text.count(b"\n")
        if blanks > 0:
            blank = blank or line - blanks


class _Table:
    """Parser of the rows below the first line."""

    def __init__(self, file: Path, larvae: int, frames: int, wanted: Callable[[str], bool]) -> None:
        self.file = file
        self.larvae = larvae
        self.frames = frames  # rows of each feature
        self.wanted = wanted
        self.features: dict[str, Feature] = {}
        self.known: set[bytes] = set()
        self.feature = b""  # the one being read
        self.frame = frames  # frame of the next row, relative to `first`
        self.first = 0  # number of the first frame
        self.parts: list[tuple[NDArray[np.int64], NDArray[Any]]] = []
        self.line = 1  # last line read

    def add(self, line: int, text: bytes) -> None:
        """Parse some rows; `text` consists of whole lines."""
        stops, lengths = self._split(line, text)
        ends = stops[:, 0]
        row = 0
        while row < len(ends):
            if self.frame == self.frames:
                self._open(line + row, text[ends[row] - lengths[row, 0] : ends[row]])
            rows = slice(row, row + self.frames - self.frame)
            self._check_names(line + row, text, ends[rows], lengths[rows, 0])
            if self.wanted(self.feature.decode("latin-1")):
                cells = self._values(line + row, text, stops[rows, 1:], lengths[rows, 1:])
                self.parts.append(cells)
            n = len(ends[rows])
            self.frame += n
            row += n
        self.line = line + len(ends) - 1

    def finish(self) -> dict[str, Feature]:
        if not self.feature:
            problem = "expected rows feature(frame) below the first line, found none"
            raise TrackFileError(problem, file=self.file, line=1)
        if self.frame < self.frames:
            expected = f"{_str(self.feature)}({self.first + self.frame})"
            problem = f"expected {expected} next, found the end; is the file cut?"
            raise TrackFileError(problem, file=self.file, line=self.line)
        self._close()
        return self.features

    def _split(self, line: int, text: bytes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return stops and lengths of cells, each of shape (rows, 1 + larvae)."""
        if b"\0" in text:
            at = line + text.count(b"\n", 0, text.index(b"\0"))
            problem = "expected text, found a NUL byte; is the file damaged?"
            raise TrackFileError(problem, file=self.file, line=at)
        characters = np.frombuffer(text, np.uint8)
        is_end = characters == ord("\n")
        stops = np.flatnonzero((characters == ord(",")) | is_end)
        width = self.larvae + 1
        ends = is_end[stops]
        if (
            len(stops) % width
            or not ends[width - 1 :: width].all()
            or (np.count_nonzero(ends) != len(stops) // width)
        ):
            found = np.diff(np.flatnonzero(ends), prepend=-1)
            row = int((found != width).argmax())
            problem = (
                f"expected a name and one cell per larva ({self.larvae}), "
                f"found {found[row] - 1} cells; is the file cut?"
            )
            raise TrackFileError(problem, file=self.file, line=line + row)
        lengths = stops.copy()
        lengths[1:] -= stops[:-1] + 1
        last = slice(width - 1, None, width)
        is_return = characters[stops[last] - 1] == ord("\r")
        stops[last] -= is_return
        lengths[last] -= is_return
        return stops.reshape(-1, width), lengths.reshape(-1, width)

    def _check_names(
        self, line: int, text: bytes, stops: NDArray[np.intp], lengths: NDArray[np.intp]
    ) -> None:
        """Check that the names of rows are those of this feature and of the next frames."""
        prefix = self.feature + b"("
        size = len(prefix)
        good = lengths > size
        if good.any():  # otherwise the text may be shorter than a window
            windows = np.ndarray((len(text) - size + 1,), f"S{size}", text, strides=(1,))
            good[good] = windows[(stops - lengths)[good]] == prefix
        frames = self.first + self.frame + np.arange(len(stops))
        digits = lengths - (size + 1)
        good &= digits == np.searchsorted(_TENS, frames, "right") + 1
        good &= np.frombuffer(text, np.uint8)[stops - 1] == ord(")")
        good &= decimals.parse(text, stops - 1, digits.clip(min=0)) == frames
        if not good.all():
            at = int(good.argmin())
            found = _str(text[stops[at] - lengths[at] : stops[at]])
            problem = f"expected row {_str(prefix)}{frames[at]}), found {shown(found)}{_SAME}"
            raise TrackFileError(problem, file=self.file, line=line + at)

    def _open(self, line: int, name: bytes) -> None:
        self._close()
        match = _ROW.fullmatch(name)
        if match is None:
            problem = f"expected a row feature(frame), found {shown(_str(name))}"
            raise TrackFileError(problem, file=self.file, line=line)
        if not self.known:
            self.first = int(match[2])
        if match[1] in self.known or int(match[2]) != self.first:
            problem = f"expected row ({self.first}) of another feature, found {_str(name)}{_SAME}"
            raise TrackFileError(problem, file=self.file, line=line)
        self.known.add(match[1])
        self.feature, self.frame = match[1], 0

    def _close(self) -> None:
        if self.parts:
            cells, values = map(np.concatenate, zip(*self.parts, strict=True))
            same = next(
                (
                    feature.cells
                    for feature in reversed(self.features.values())
                    if np.array_equal(feature.cells, cells)
                ),
                cells,
            )
            self.features[self.feature.decode("latin-1")] = Feature(same, values)
            self.parts = []

    def _values(
        self, line: int, text: bytes, stops: NDArray[np.intp], lengths: NDArray[np.intp]
    ) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Return the non-empty cells and their values."""
        stops, lengths = stops.ravel(), lengths.ravel()
        filled = np.flatnonzero(lengths)
        if len(filled) < len(lengths):
            stops, lengths = stops[filled], lengths[filled]
        values = decimals.parse(text, stops, lengths)
        wrong = ~np.isfinite(values)
        if wrong.any():
            first = int(wrong.argmax())
            cell = int(filled[first])
            found = text[stops[first] - lengths[first] : stops[first]]
            problem = f"expected a number or an empty cell, found {shown(_str(found))}"
            at = line + cell // self.larvae
            raise TrackFileError(problem, file=self.file, line=at)
        cells = filled.astype(np.int64, copy=False) + (self.first + self.frame) * self.larvae
        return cells, values


def _str(field: bytes) -> str:
    return field[:60].decode("ascii", "backslashreplace")
