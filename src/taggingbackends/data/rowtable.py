"""Tables of features that spreadsheets, pandas, R or users have changed, read row by row.

Whatever has one certain meaning is read. `FeatureTable.left_out` counts what was left out.
"""

from __future__ import annotations

import csv
import io
import math
import re
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from taggingbackends.data.dialect import LARVA, Dialect, decoded, dialect_of
from taggingbackends.data.numerals import decimal_mark, number
from taggingbackends.errors import TrackFileError, shown
from taggingbackends.labels.validation import MAX_LARVA_ID
from taggingbackends.system.words import counted, listed, printable

__all__ = ["Feature", "FeatureTable", "read_rows"]

_ROW = re.compile(r"(.+)\(([0-9]{1,9})\)")
_HEAD = 1024  # bytes that contain the first row's beginning

_MISSING = re.compile(
    r"|[-+]?nan(\(.*\))?|[-+]?inf(inity)?|[-+]?1[.,]#(qnan|snan|ind|inf)0*"  # C, pandas, Windows
    r"|n/?a|<na>|nat|null|none|#[^ ]*|-+|\.|missing",  # R, pandas, spreadsheets' errors, people
    re.IGNORECASE,
)
_WORDS = {
    **dict.fromkeys(("true", "t", "yes", "wahr", "vrai"), 1.0),
    **dict.fromkeys(("false", "f", "no", "falsch", "faux"), 0.0),
}


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


class FeatureTable(NamedTuple):
    """A table of features.

    Attributes
    ----------
    larvae : list of int
        Larva identifier of each column.
    features : dict of str to Feature
        The wanted features that the table has.
    left_out : list of str
        What was left out, counted.
    """

    larvae: list[int]
    features: dict[str, Feature]
    left_out: list[str]


def read_rows(
    file: Path, content: bytes, wanted: Callable[[str], bool], booleans: Collection[str]
) -> FeatureTable:
    """Read a table; see `featuretable.read_features`."""
    dialect = dialect_of(content[:_HEAD])
    if dialect is None:
        problem = "expected a first row `,larva(0),larva(1),...`, found another"
        raise TrackFileError(problem, file=file, line=1)
    try:
        text = decoded(content, dialect.encoding)
    except ValueError as error:
        raise TrackFileError(str(error), file=file) from None
    return _RowTable(file, text, dialect, wanted, booleans).read()


def _short(text: str) -> str:
    """Return a name from a file, in a length for messages."""
    return printable(text[:40])


class _Row(NamedTuple):
    """A row of a wanted feature."""

    line: int
    feature: str
    frame: int
    cells: list[str]  # of the larvae; the last may be lacking


class _Cells(NamedTuple):
    """Rows of a feature, in the order of the file."""

    frames: array[int]
    lines: array[int]
    counts: array[int]  # cells of each row
    values: array[float]  # NaN for empty cells


class _RowTable:
    """Parser of a table."""

    def __init__(
        self,
        file: Path,
        text: str,
        dialect: Dialect,
        wanted: Callable[[str], bool],
        booleans: Collection[str],
    ) -> None:
        self.file = file
        self.text = text.rstrip("\x1a")  # the end of a file in CP/M and MS-DOS
        self.separator = dialect.separator
        self.wanted = wanted
        self.booleans = booleans
        self.names = 0  # column of the names of rows
        self.columns: dict[int, int] = {}  # larva -> column
        self.others: dict[int, str] = {}  # columns that are not larvae -> name
        self.is_ended = True  # whether the last line that was read ends with a line break
        self.start = 0  # number of lines up to the first row
        self.short = 0  # rows with fewer cells than larvae
        self.repeated = 0  # rows
        self.strange: Counter[str] = Counter()  # names of rows that are not feature(frame)
        self.mark = "."  # of decimals

    def read(self) -> FeatureTable:
        self._read_first_row()
        self.mark = self._decimal_mark()
        self.short = 0
        self.strange.clear()
        rows: dict[str, _Cells] = {}
        for row in self._rows():
            if row.feature not in rows:
                rows[row.feature] = _Cells(array("q"), array("q"), array("q"), array("d"))
            cells = rows[row.feature]
            cells.frames.append(row.frame)
            cells.lines.append(row.line)
            cells.counts.append(len(row.cells))
            cells.values.extend(self._numbers(row))
        self._check_frames(rows)
        features = {name: self._feature(name, cells) for name, cells in rows.items()}
        left_out = []
        if self.others:
            found = counted(len(self.others), "column without a larva", "columns without a larva")
            left_out.append(f"{found} ({listed(map(_short, self.others.values()))})")
        if self.strange:
            found = counted(self.strange.total(), "row that is", "rows that are")
            names = listed(_short(shown(name)) for name in self.strange)
            left_out.append(f"{found} not feature(frame) ({names})")
        if self.repeated:
            left_out.append(counted(self.repeated, "repeated row"))
        if self.short:
            found = counted(self.short, "row that is", "rows that are")
            left_out.append(f"the last larvae in {found} shorter than the first")
        return FeatureTable(list(self.columns), features, left_out)

    # -- rows

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the number and the cells of each line that is not blank."""
        blank = f' "\t\n\x1a{self.separator}'
        quoted = '"' in self.text
        for place, line in enumerate(io.StringIO(self.text, newline=None), 1):
            if not line.strip(blank):
                continue
            self.is_ended = line.endswith("\n")
            line = line.removesuffix("\n")
            if quoted and '"' in line:
                try:
                    yield place, next(csv.reader([line], delimiter=self.separator))
                except csv.Error as error:
                    problem = f"expected a row of cells, found none that can be read ({error})"
                    raise TrackFileError(problem, file=self.file, line=place) from None
            else:
                yield place, line.split(self.separator)

    def _read_first_row(self) -> None:
        is_larva = LARVA.fullmatch
        rows = (row for row in self._lines() if any(is_larva(cell.strip()) for cell in row[1]))
        self.start, cells = next(rows)
        for column, cell in enumerate(map(str.strip, cells)):
            match = LARVA.fullmatch(cell)
            if match:
                larva = int(re.sub("[^0-9]", "", cell)[:10])
                if larva > MAX_LARVA_ID or larva in self.columns:
                    expected = f"a larva from 0 to {MAX_LARVA_ID}, each once"
                    again = " again" * (larva in self.columns)
                    self._refuse(self.start, f"expected {expected}, found {cell[:60]}{again}")
                self.names = self.names if self.columns else column - 1
                self.columns[larva] = column
            elif cell.lower().startswith("larva"):
                self._refuse(self.start, f"expected larva(i), found {shown(cell[:60])}")
            elif cell and self.columns:
                self.others[column] = cell

    def _rows(self) -> Iterator[_Row]:
        """Yield the rows of wanted features, and count others that are not feature(frame)."""
        columns = list(self.columns.values())
        first, stop = columns[0], columns[-1] + 1
        gapless = columns == list(range(first, stop))
        known = {*columns, *self.others}
        of_use: dict[str, bool] = {}
        for line, cells in self._lines():
            if line <= self.start:
                continue
            name = cells[self.names].strip() if len(cells) > self.names else ""
            match = _ROW.fullmatch(name)
            if match is None:
                if "\0" in name:
                    self._refuse(line, "expected text, found a NUL byte; is the file damaged?")
                self.strange[name] += 1
                continue
            feature = match[1].strip()
            if feature not in of_use:
                of_use[feature] = self.wanted(feature)
            if not of_use[feature]:
                continue
            if len(cells) < stop:
                if not self.is_ended:
                    found = f"{max(len(cells) - first, 0)} cells; is the file cut?"
                    expected = f"a name and one cell per larva ({len(columns)})"
                    self._refuse(line, f"expected {expected}, found {found}")
                self.short += 1
            elif len(cells) > stop or not gapless:
                others = range(stop if gapless else first, len(cells))
                more = [i for i in others if cells[i].strip() and i not in known]
                if more:
                    expected = f"a name and one cell per larva ({len(columns)})"
                    found = f"found {shown(cells[more[-1]][:60])} in column {more[-1] + 1}"
                    self._refuse(line, f"expected {expected}, {found}, which has no name")
            if gapless:
                values = cells[first:stop]
            else:
                values = [cells[i] for i in columns[: bisect_left(columns, len(cells))]]
            yield _Row(line, feature, int(match[2]), values)

    def _refuse(self, line: int, problem: str) -> None:
        raise TrackFileError(problem, file=self.file, line=line)

    # -- numbers

    def _decimal_mark(self) -> str:
        """Return the decimal mark of the table: a point, or a comma if that is certain."""
        if self.separator == "," and '"' not in self.text:
            return "."
        distinct: dict[str, None] = {}
        for row in self._rows():
            distinct.update(dict.fromkeys(row.cells))
        try:
            return decimal_mark(distinct, self.separator)
        except ValueError as error:
            raise TrackFileError(str(error), file=self.file) from None

    def _numbers(self, row: _Row) -> list[float]:
        if not row.cells:
            return []
        joined = "\n".join(row.cells)
        is_usual = "_" not in joined
        if self.mark == ",":
            is_usual &= "." not in joined
            joined = joined.replace(",", ".")
        if is_usual:
            with suppress(ValueError):
                values = [float(cell) if cell else np.nan for cell in joined.split("\n")]
                if not any(map(math.isinf, values)):
                    return values
        return [self._number(cell.strip(), row) for cell in row.cells]

    def _number(self, cell: str, row: _Row) -> float:
        if _MISSING.fullmatch(cell):
            return np.nan
        if row.feature in self.booleans and cell.lower() in _WORDS:
            return _WORDS[cell.lower()]
        value = number(cell, self.mark)
        if value is not None:
            return value
        problem = f"expected a number or an empty cell, found {shown(cell[:60])}"
        raise TrackFileError(problem, file=self.file, line=row.line)

    # -- features

    def _feature(self, name: str, rows: _Cells) -> Feature:
        """Sort the rows of a feature by frame."""
        frames, counts = np.asarray(rows.frames), np.asarray(rows.counts)
        columns = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        cells = np.repeat(frames, counts) * len(self.columns) + columns
        values = np.asarray(rows.values)
        filled = ~np.isnan(values)
        cells, values, lines = (
            array[filled] for array in (cells, values, np.repeat(rows.lines, counts))
        )
        order = np.argsort(cells, kind="stable")
        cells, values, lines = cells[order], values[order], lines[order]
        again = np.flatnonzero(cells[1:] == cells[:-1]) + 1
        other = again[values[again] != values[again - 1]]
        if len(other):
            frame = cells[other[0]] // len(self.columns)
            problem = f"expected each row once, found {name}({frame}) again with other values"
            self._refuse(int(lines[other[0]]), problem)
        self.repeated += len(frames) - len(np.unique(frames))
        return Feature(np.delete(cells, again), np.delete(values, again))

    def _check_frames(self, rows: dict[str, _Cells]) -> None:
        """Check that all features have the same frames."""
        if not rows:
            return
        every = {name: np.unique(np.asarray(cells.frames)) for name, cells in rows.items()}
        longest = max(every, key=lambda name: len(every[name]))
        for name, frames in every.items():
            differing = np.setxor1d(every[longest], frames)
            if len(differing):
                having, lacking = (name, longest) if differing[0] in frames else (longest, name)
                frame = differing[0]
                problem = f"expected row {lacking}({frame}), as {having} has, found none"
                fix = "each feature has the same frames; is the file cut?"
                self._refuse(rows[lacking].lines[-1], f"{problem}; {fix}")
