"""Tables of labels as CSV and Parquet, one recording at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taggingbackends.errors import BackendError, located
from taggingbackends.labels.facts import FACTS
from taggingbackends.labels.labels import Labels
from taggingbackends.labels.tables import TABLES, Columns, Extent, Texts, extent_of
from taggingbackends.system.csvtext import BOOLEANS, text_cell
from taggingbackends.system.extras import require

__all__ = ["SUFFIXES", "table_chunks"]

SUFFIXES = (".csv", ".parquet")

_ROWS = 20_000  # of CSV at a time
_SECONDS = ("time", "start", "stop", "duration", "seconds", "tracked")
_SHARES = ("share", "confidence")


def table_chunks(
    table: str,
    recordings: Callable[[], Iterable[Labels]],
    suffix: str,
    max_gap: float | None = None,
    metadata: Sequence[str] = ("file", *FACTS),
) -> Iterator[bytes]:
    """Yield the content of a file with the table of several recordings.

    Only one recording is in memory at a time. A Parquet file has one row group for each.

    Parameters
    ----------
    table : str
        ``"frames"``, ``"bouts"`` or ``"budget"``.
    recordings : callable
        Returns the labels of all recordings. It is called twice for frames, because all labels must
        be known before the first row is written.
    suffix : str
        ``".csv"`` or ``".parquet"``.
    max_gap, metadata
        As for `Labels.to_frames`.

    Raises
    ------
    BackendError
        ``changed-input``: labels or records have been added between the two calls.
    LabelFileError
        ``bad-time``: a time is so large that no double holds it in milliseconds.
    TaggingBackendsError
        pyarrow is not installed, which Parquet files need.
    """
    write = _parquet if suffix == ".parquet" else _csv
    extent = extent_of(recordings()) if table == "frames" else None
    return write(table, _tables(table, recordings(), extent, max_gap, metadata))


def _tables(
    table: str,
    recordings: Iterable[Labels],
    extent: Extent | None,
    max_gap: float | None,
    metadata: Sequence[str],
) -> Iterator[Columns]:
    yield TABLES[table](Labels(), max_gap, metadata, extent)  # no rows, but all columns
    for labels in recordings:
        with located(file=labels.file):
            if extent is not None and not _includes(extent, extent_of([labels])):
                problem = f"{labels.file}: expected the same labels as before, found others"
                raise BackendError("changed-input", problem, "try again")
            yield TABLES[table](labels, max_gap, metadata, extent)


def _includes(extent: Extent, other: Extent) -> bool:
    return extent.names.keys() >= other.names.keys() and (
        extent.records.keys() >= other.records.keys()
    )


def _csv(table: str, parts: Iterable[Columns]) -> Iterator[bytes]:
    for number, columns in enumerate(parts):
        if number == 0:
            yield ",".join(map(text_cell, columns)).encode() + b"\n"
        if table == "bouts":
            # the duration of the times as they are written
            start, stop = (np.round(np.asarray(columns[name]), 3) for name in ("start", "stop"))
            columns |= {"start": start, "stop": stop, "duration": stop - start}
        rows = len(columns["larva"])
        for first in range(0, rows, _ROWS):
            cells = [
                _cells(name, column, slice(first, first + _ROWS))
                for name, column in columns.items()
            ]
            yield ("\n".join(map(",".join, zip(*cells, strict=True))) + "\n").encode()


def _cells(name: str, column: NDArray[Any] | Texts, rows: slice) -> Iterable[str]:
    """Return the cells of some rows of a column."""
    if isinstance(column, Texts):
        cells = [*map(text_cell, column.categories), ""]  # the last one for -1
        return map(cells.__getitem__, column.codes[rows].tolist())
    values = column[rows].tolist()
    if column.dtype.kind == "b":
        return map(BOOLEANS.__getitem__, values)
    if column.dtype.kind != "f":
        return map(str, values)
    if name in _SECONDS:
        return map("{:.3f}".format, values)
    if name in _SHARES:
        values = np.round(column[rows], 6).tolist()
    return ("" if x != x else repr(x) for x in values)


def _parquet(_: str, parts: Iterable[Columns]) -> Iterator[bytes]:
    require("pyarrow", "pandas", "a Parquet file")
    from pyarrow import parquet

    sink = _Sink()
    (header,) = islice(parts, 1)
    first = _arrow(header)
    with parquet.ParquetWriter(sink, first.schema) as writer:
        for columns in parts:
            rows = _arrow(columns)
            if len(rows):
                writer.write_table(rows, row_group_size=len(rows))
                yield sink.taken()
    yield sink.taken()


def _arrow(columns: Columns) -> Any:
    import pyarrow as pa

    arrays = {}
    for name, column in columns.items():
        if isinstance(column, Texts):
            codes = pa.array(column.codes.astype(np.int32), mask=column.codes < 0)
            texts = pa.array(column.categories, pa.string())
            arrays[name] = pa.DictionaryArray.from_arrays(codes, texts)
        else:
            arrays[name] = pa.array(column)
    return pa.table(arrays)


class _Sink:
    """A file that keeps what is written until it is taken."""

    closed = False

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, data: Any) -> int:
        self._chunks.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing, as there is no buffer."""

    def close(self) -> None:
        """Do nothing, as what is written may not be taken yet."""

    def taken(self) -> bytes:
        content = b"".join(self._chunks)
        self._chunks.clear()
        return content
