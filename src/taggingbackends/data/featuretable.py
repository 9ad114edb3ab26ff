"""Tables of features: one row per feature and frame, one column per larva.

The first row is ``,larva(0),larva(1),...``. A row is ``feature(frame),value,value,...``, with an
empty cell where the larva is not tracked. A table as the tracker writes it is read in blocks, and
all rows of a feature are consecutive. Any other table is read row by row, see `rowtable`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from functools import reduce
from itertools import takewhile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from taggingbackends.data import decimals
from taggingbackends.data.changes import unchanged
from taggingbackends.data.rowtable import Feature, FeatureTable, read_rows
from taggingbackends.labels.validation import MAX_LARVA_ID
from taggingbackends.system.files import open_file
from taggingbackends.system.memory import keep_freed_memory

__all__ = ["common_cells", "read_features"]

_FIRST_ROW = re.compile(rb'(?:\xef\xbb\xbf)?[^,"]*((?:,larva\(\d{1,9}\))+)\r?\n')
_ROW = re.compile(rb'([^,"\r\n]+)\((\d{1,9})\),')

_TENS = 10 ** np.arange(1, 10)
_BLOCK = 1 << 18  # bytes read at once; arrays of larger blocks would not fit into the cache
_CELL = 64  # bytes per cell in the longest line
_HEADER = (MAX_LARVA_ID + 2) * len(",larva(65535)")  # longest first line in bytes


def common_cells(all_cells: Iterator[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return the cells that all features have."""
    distinct = {id(cells): cells for cells in all_cells}.values()
    return reduce(lambda a, b: np.intersect1d(a, b, assume_unique=True), distinct)


def read_features(
    file: Path, wanted: Callable[[str], bool], booleans: Collection[str]
) -> FeatureTable:
    """Read some features of a table. The rows of other features are not checked.

    Parameters
    ----------
    file : Path
        The table.
    wanted : callable
        ``wanted(name)`` returns whether to read a feature.
    booleans : set of str
        Features whose cells may be words, such as True.

    Raises
    ------
    TrackFileError
        The table breaks the format, or changes while it is read.
    """
    keep_freed_memory()
    with unchanged(file), open_file(file) as stream:
        table = _read_blocks(stream, wanted)
        if table is None:
            stream.seek(0)
            table = read_rows(file, stream.read(), wanted, booleans)
    return table


class _UnusualError(Exception):
    """The table is not as the tracker writes it."""


def _read_blocks(stream: BinaryIO, wanted: Callable[[str], bool]) -> FeatureTable | None:
    """Read a table as the tracker writes it; return None for any other table."""
    header = _FIRST_ROW.fullmatch(stream.readline(_HEADER + 2))
    larvae = [int(field[6:-1]) for field in header[1].split(b",")[1:]] if header else []
    if not larvae or max(larvae) > MAX_LARVA_ID or len(set(larvae)) < len(larvae):
        return None
    longest = _CELL * (len(larvae) + 4)
    table = _Table(len(larvae), _rows_of_first_feature(stream, longest), wanted)
    try:
        while text := stream.read(_BLOCK):
            text += stream.readline(longest)
            rows = text.rstrip(b"\r\n")
            if len(rows) == len(text) and stream.read(1):
                return None  # a line that is too long
            if rows:
                table.add(rows + b"\n")
        return FeatureTable(larvae, table.finish(), [])
    except _UnusualError:
        return None


def _rows_of_first_feature(stream: BinaryIO, longest: int) -> int:
    """Count the rows of the first feature; all features have the same number of rows."""
    start = stream.tell()
    match = _ROW.match(stream.readline(longest))
    prefix = match[1] + b"(" if match else b""
    rows = iter(lambda: stream.readline(longest), b"")
    frames = 1 + sum(1 for _ in takewhile(lambda row: row.startswith(prefix), rows))
    stream.seek(start)
    return frames


class _Table:
    """Parser of the rows below the first one."""

    def __init__(self, larvae: int, frames: int, wanted: Callable[[str], bool]) -> None:
        self.larvae = larvae
        self.frames = frames  # rows of each feature
        self.wanted = wanted
        self.features: dict[str, Feature] = {}
        self.feature = ""  # the one being read, if it is wanted
        self.prefix = b""  # of the names of its rows
        self.frame = frames  # frame of the next row, relative to `first`
        self.first = -1  # number of the first frame
        self.parts: list[tuple[NDArray[np.int64], NDArray[Any]]] = []

    def add(self, text: bytes) -> None:
        """Parse some rows; `text` consists of whole lines."""
        # alone, a carriage return ends a line, too
        _check(b"\r" not in text or text.count(b"\r") == text.count(b"\r\n"))
        characters = np.frombuffer(text, np.uint8)
        stops = np.flatnonzero(characters == ord("\n")) + 1
        starts = np.append(0, stops[:-1])
        row = 0
        while row < len(stops):
            if self.frame == self.frames:
                self._open(text, int(starts[row]))
            rows = slice(row, row + self.frames - self.frame)
            self._check_names(text, characters, starts[rows], stops[rows])
            n = len(stops[rows])
            if self.feature:
                self.parts.append(self._cells(text[starts[row] : stops[row + n - 1]]))
            self.frame += n
            row += n

    def finish(self) -> dict[str, Feature]:
        _check(self.first >= 0 and self.frame == self.frames)
        self._close()
        return self.features

    def _open(self, text: bytes, start: int) -> None:
        self._close()
        match = _ROW.match(text, start)
        if match is None:
            raise _UnusualError
        name = match[1].decode("latin-1")
        first = int(match[2])
        _check(self.first in (-1, first) and name not in self.features and name == name.strip())
        self.first, self.frame = first, 0
        self.prefix = match[1] + b"("
        self.feature = name if self.wanted(name) else ""

    def _check_names(
        self,
        text: bytes,
        characters: NDArray[np.uint8],
        starts: NDArray[np.intp],
        stops: NDArray[np.intp],
    ) -> None:
        """Check that the names of rows are those of this feature and of the next frames."""
        size = len(self.prefix)
        frames = self.first + self.frame + np.arange(len(starts))
        digits = np.searchsorted(_TENS, frames, "right") + 1
        ends = starts + size + digits  # of the frame's number
        _check((ends + 2 <= stops).all())
        windows = np.ndarray((len(text) - size + 1,), f"S{size}", text, strides=(1,))
        _check((windows[starts] == self.prefix).all())
        _check((characters[ends] == ord(")")).all() and (characters[ends + 1] == ord(",")).all())
        _check(np.array_equal(decimals.parse(text, ends, digits), frames))

    def _cells(self, text: bytes) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Return the non-empty cells of some rows of a feature, and their values."""
        characters = np.frombuffer(text, np.uint8)
        is_end = characters == ord("\n")
        stops = np.flatnonzero((characters == ord(",")) | is_end)
        width = self.larvae + 1
        ends = is_end[stops]
        _check(len(stops) % width == 0 and bool(ends[width - 1 :: width].all()))
        _check(np.count_nonzero(ends) == len(stops) // width)
        lengths = stops.copy()
        lengths[1:] -= stops[:-1] + 1
        last = slice(width - 1, None, width)
        is_return = characters[stops[last] - 1] == ord("\r")
        stops[last] -= is_return
        lengths[last] -= is_return
        stops, lengths = (array.reshape(-1, width)[:, 1:].ravel() for array in (stops, lengths))
        filled = np.flatnonzero(lengths)
        if len(filled) < len(lengths):
            stops, lengths = stops[filled], lengths[filled]
        values = decimals.parse(text, stops, lengths)
        _check(bool(np.isfinite(values).all()))
        cells = filled.astype(np.int64, copy=False) + (self.first + self.frame) * self.larvae
        return cells, values

    def _close(self) -> None:
        if self.parts:
            cells, values = map(np.concatenate, zip(*self.parts, strict=True))
            features = reversed(self.features.values())
            same = (one.cells for one in features if np.array_equal(one.cells, cells))
            self.features[self.feature] = Feature(next(same, cells), values)
            self.parts = []


def _check(usual: bool | np.bool_) -> None:
    if not usual:
        raise _UnusualError
