"""Tables of features: one row per feature and frame, one column per larva.

The first row is ``,larva(0),larva(1),...``. A row is ``feature(frame),value,value,...``, with an
empty cell where the larva is not tracked. A table as the tracker writes it is read in blocks, and
all rows of a feature are consecutive. Any other table is read row by row, see `rowtable`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from functools import reduce
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

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
    try:
        table = _Table(len(larvae), _rows_of_first_feature(stream, longest), wanted)
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
    start, prefix, frames = stream.tell(), b"", 0
    while text := stream.read(_BLOCK) + stream.readline(longest):
        prefix = prefix or _row_name(text, 0)[1] + b"("
        rows = (b"\n" + text).count(b"\n" + prefix)
        frames += rows
        if rows < text.count(b"\n"):
            break
    stream.seek(start)
    return frames


def _row_name(text: bytes, start: int) -> re.Match[bytes]:
    match = _ROW.match(text, start)
    if match is None:
        raise _UnusualError
    return match


class _Part(NamedTuple):
    """Consecutive rows of a feature."""

    feature: str
    cell: int  # the first one
    rows: int
    is_last: bool  # whether the feature ends


class _Table:
    """Parser of the rows below the first one."""

    def __init__(self, larvae: int, frames: int, wanted: Callable[[str], bool]) -> None:
        self.larvae = larvae
        self.frames = frames  # rows of each feature
        self.wanted = wanted
        self.first = -1  # number of the first frame
        self.numbers = np.empty(0, np.int64)  # of all frames
        self.digits = np.empty(0, np.int64)  # of these numbers
        self.row = 0  # the next one
        self.prefix = b""  # of the names of its feature's rows
        self.feature = ""  # its feature, if it is wanted
        self.features: dict[str, Feature] = {}
        self.parts: list[tuple[NDArray[np.int64], NDArray[Any]]] = []  # of the next feature

    def add(self, text: bytes) -> None:
        """Parse some rows; `text` consists of whole lines."""
        # alone, a carriage return ends a line, too
        _check(b"\r" not in text or text.count(b"\r") == text.count(b"\r\n"))
        characters = np.frombuffer(text, np.uint8)
        stops = np.flatnonzero(characters == ord("\n")) + 1
        starts = np.append(0, stops[:-1])
        numbers = starts.copy()  # where the frame's number begins
        runs: dict[int, list[_Part]] = {}  # first row -> wanted parts without others between them
        run, row = 0, 0
        while row < len(stops):
            frame = self.row % self.frames
            if not frame:
                self._open(text, int(starts[row]))
            n = min(self.frames - frame, len(stops) - row)
            rows, size = slice(row, row + n), len(self.prefix)
            _check((starts[rows] + size <= stops[rows]).all())
            windows = np.ndarray((len(text) - size + 1,), f"S{size}", text, strides=(1,))
            _check(windows[starts[rows]].tobytes() == self.prefix * n)
            numbers[rows] += size
            self.row, row = self.row + n, row + n
            if not self.feature:
                run = row
                continue
            cell = (self.first + frame) * self.larvae
            part = _Part(self.feature, cell, n, frame + n == self.frames)
            runs.setdefault(run, []).append(part)
        self._check_numbers(text, characters, numbers, stops)
        for row, parts in runs.items():
            ends = stops[row : row + sum(part.rows for part in parts)]
            start = starts[row]
            self._read(text[start : ends[-1]], ends - start - 1, parts)

    def finish(self) -> dict[str, Feature]:
        _check(self.first >= 0 and self.row % self.frames == 0)
        return self.features

    def _open(self, text: bytes, start: int) -> None:
        match = _row_name(text, start)
        name = match[1].decode("latin-1")
        _check(name == name.strip())
        if self.first < 0:
            self.first = int(match[2])
            self.numbers = self.first + np.arange(self.frames)
            self.digits = np.searchsorted(_TENS, self.numbers, "right") + 1
        self.prefix = match[1] + b"("
        self.feature = name if self.wanted(name) else ""

    def _check_numbers(
        self,
        text: bytes,
        characters: NDArray[np.uint8],
        starts: NDArray[np.intp],
        stops: NDArray[np.intp],
    ) -> None:
        """Check that rows are those of the next frames; their numbers begin at `starts`."""
        frames = np.arange(self.row - len(starts), self.row) % self.frames
        digits = self.digits[frames]
        ends = starts + digits
        _check((ends + 2 <= stops).all())
        _check((characters[ends] == ord(")")).all() and (characters[ends + 1] == ord(",")).all())
        _check(np.array_equal(decimals.parse(text, ends, digits), self.numbers[frames]))

    def _read(self, text: bytes, ends: NDArray[np.intp], parts: list[_Part]) -> None:
        """Read the non-empty cells of consecutive rows, which end at `ends`, and their values."""
        characters = np.frombuffer(text, np.uint8)
        stops = np.flatnonzero((characters == ord(",")) | (characters == ord("\n")))
        width = self.larvae + 1
        _check(len(stops) == len(ends) * width)
        _check(np.array_equal(stops[width - 1 :: width], ends))
        lengths = stops.copy()
        lengths[1:] -= stops[:-1] + 1
        if b"\r" in text:
            is_return = characters[ends - 1] == ord("\r")
            stops[width - 1 :: width] -= is_return
            lengths[width - 1 :: width] -= is_return
        lengths[::width] = 0  # names are no cells
        filled = np.flatnonzero(lengths)
        stops, lengths = stops[filled], lengths[filled]
        values = decimals.parse(text, stops, lengths)
        _check(bool(np.isfinite(values).all()))
        cells = filled - filled // width - 1
        row, start = 0, 0
        for part in parts:
            stop = int(np.searchsorted(cells, (row + part.rows) * self.larvae))
            moved = cells[start:stop] + (part.cell - row * self.larvae)
            self.parts.append((moved, values[start:stop]))
            row, start = row + part.rows, stop
            if part.is_last:
                self._close(part.feature)

    def _close(self, feature: str) -> None:
        _check(feature not in self.features)
        cells, values = map(np.concatenate, zip(*self.parts, strict=True))
        features = reversed(self.features.values())
        same = (one.cells for one in features if np.array_equal(one.cells, cells))
        self.features[feature] = Feature(next(same, cells), values)
        self.parts = []


def _check(usual: bool | np.bool_) -> None:
    if not usual:
        raise _UnusualError
