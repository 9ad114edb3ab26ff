"""Strict reading of label files into columns."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterable
from contextlib import suppress
from itertools import repeat
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from taggingbackends.errors import LabelFileError, located, shown
from taggingbackends.labels.dependencies import validate_dependencies
from taggingbackends.labels.fast.elements import Decoder
from taggingbackends.labels.fast.jsonarrays import ArrayReader, is_whole
from taggingbackends.labels.fast.tracktexts import TrackTexts, take_apart
from taggingbackends.labels.otherwriters import normalize_run, normalize_track, whole
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import StateTable
from taggingbackends.labels.tracklabels import TrackLabels
from taggingbackends.labels.validation import (
    COLUMN_KEYS,
    MAX_LARVA_ID,
    RUN_KEYS,
    TRACK_KEYS,
    check_colors,
    check_larva,
    check_names,
    check_overlap,
    check_times,
    check_units,
)
from taggingbackends.system.filekinds import file_kind, first_line
from taggingbackends.system.files import open_file
from taggingbackends.system.memory import keep_freed_memory

__all__ = [
    "Content",
    "load_document",
    "parse",
    "parse_columns",
    "parse_declarations",
    "parse_document",
    "parse_larva",
    "read",
]


_FIX = "name a label file, such as predicted.label"
_HEAD = 1024  # bytes that say what another file is
_FRACTIONS = np.append(np.arange(101) / 100, np.nan)  # by percent; -1, unknown, is the last


class Content(NamedTuple):
    """Content of a label file: its attributes, and its runs by identifier."""

    attributes: dict[str, Any]
    runs: dict[str, RunLabels]


def read(path: str | PathLike[str]) -> Content:
    """Read a label file; see `Labels.read`."""
    keep_freed_memory()
    with open_file(Path(path)) as file:
        content = file.read()
    return parse(content, file=path)


def parse(content: bytes, file: str | PathLike[str] | None = None) -> Content:
    """Read the text of a label file.

    Parameters
    ----------
    content : bytes
        UTF-8 JSON, as specified in docs/contract.md, section 6.
    file : path, optional
        Shown in errors.

    Raises
    ------
    LabelFileError
        The first violation in the order of the text.
    """
    with located(file=file):
        with suppress(ValueError):  # it may be invalid, or needs reading as a whole
            return parse_document(take_apart(content))
        return parse_document(load_document(content))


def parse_document(document: Any) -> Content:
    """Read a parsed JSON document, consuming it to free memory."""
    if not isinstance(document, dict):
        raise _not_a_label_file(f"expected an object, found {shown(document)}", fix=_FIX)
    if "data" in document and "runs" in document:
        raise _not_a_label_file('expected either "data" or "runs", found both')
    if "data" in document:
        run = _parse_run(document)
        return Content({}, {run.id: run})
    if "runs" in document:
        runs = _parse_runs(document.pop("runs"))
        return Content(document, runs)
    raise _not_a_label_file('expected "data" (or "runs"), found neither', fix=_FIX)


def load_document(content: bytes) -> Any:
    """Return the JSON value of a label file; raise ``invalid-json`` if it is not JSON."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        if content.removeprefix(BOM_UTF8).lstrip()[:1] in (b"{", b"["):
            raise LabelFileError("invalid-json", f"expected JSON, found: {error}") from None
    found, fix = file_kind(content[:_HEAD]) or (first_line(content[:_HEAD]), "")
    problem = f"expected a label file (JSON), found {found}"
    raise LabelFileError("invalid-json", problem, fix=fix or _FIX)


def _not_a_label_file(problem: str, index: int | None = None, fix: str = "") -> LabelFileError:
    return LabelFileError("not-a-label-file", problem, index=index, fix=fix)


def _parse_runs(runs: Any) -> dict[str, RunLabels]:
    if not isinstance(runs, dict):
        raise _not_a_label_file(f'expected an object as "runs", found {shown(runs)}')
    found: dict[str, RunLabels] = {}
    for identifier, document in runs.items():
        with located(run=identifier):
            if not (isinstance(document, dict) and "data" in document):
                raise _not_a_label_file(f'expected a run with "data", found {shown(document)}')
            if "runs" in document:
                raise _not_a_label_file('expected a run without "runs", found "data" and "runs"')
            run = _parse_run(document)
            if run.id != identifier:
                problem = f"expected metadata.id to be the run's key, found {shown(run.id)}"
                raise _not_a_label_file(problem)
            found[run.id] = run
    return found


def _parse_run(document: dict[str, Any]) -> RunLabels:
    normalize_run(document)
    metadata = document.get("metadata")
    identifier = metadata.get("id") if isinstance(metadata, dict) else None
    if not (isinstance(identifier, str) and identifier):
        raise _not_a_label_file(
            f"expected metadata.id, a string that is not empty, found {shown(identifier)}"
        )
    run = RunLabels(identifier)
    with located(run=identifier):
        _parse_entries(document, run)
    return run


def _parse_entries(document: dict[str, Any], run: RunLabels) -> None:
    """Check and store a run's entries in their order, to report the first violation."""
    table, faults = parse_declarations(document)
    run._table = table
    declared = len(table.names)
    for key, value in document.items():
        if key in faults:
            raise faults[key]
        if key == "metadata":
            run.metadata = {name: item for name, item in value.items() if name != "id"}
        elif key == "units":
            run.units = check_units(value)
        elif key == "dependencies":
            run.dependencies = validate_dependencies(value)
        elif key == "data":
            _parse_data(value, run, Decoder(table, declared=not faults))
        elif key not in RUN_KEYS:
            run.attributes[key] = value
    if declared or table.secondary_names:
        run._undeclared = table.names[declared:]


def parse_declarations(
    document: dict[str, Any],
) -> tuple[StateTable, dict[str, LabelFileError]]:
    """Return the declared names, and the errors in the declarations, by key.

    The declarations may come after the data, but decoding needs them first. The caller raises
    their errors when it reaches the key.
    """
    names: dict[str, list[str]] = {"labels": [], "secondarylabels": []}
    colors: dict[str, list[str] | None] = {}
    faults: dict[str, LabelFileError] = {}
    for key in (key for key in document if key in names):
        try:
            names[key], colors[key] = _parse_names(document[key])
            check_overlap(names["labels"], names["secondarylabels"])
        except LabelFileError as error:
            faults[key] = error
    if faults:
        return StateTable(), faults
    return StateTable(names["labels"], names["secondarylabels"], colors.get("labels")), faults


def _parse_names(value: Any) -> tuple[list[str], list[str] | None]:
    if isinstance(value, list):
        return check_names(value), None
    if not (isinstance(value, dict) and isinstance(value.get("names"), list)):
        problem = f'expected a list, or {{"names": [...], "colors": [...]}}, found {shown(value)}'
        raise LabelFileError("bad-label", problem)
    unknown = value.keys() - {"names", "colors"}
    if unknown:
        problem = f"expected names and colors only, found {shown(min(unknown))} among the keys"
        raise LabelFileError("bad-label", problem)
    names = check_names(value["names"])
    if "colors" not in value:
        return names, None
    if not isinstance(value["colors"], list):
        raise LabelFileError("bad-label", f"expected a list, found {shown(value['colors'])}")
    return names, check_colors(value["colors"], len(names))


def _parse_data(data: Any, run: RunLabels, decoder: Decoder) -> None:
    if isinstance(data, TrackTexts):
        _read_tracks(data, run, decoder)
    elif isinstance(data, list):
        for position, document in enumerate(data):
            _parse_track(document, position, run, decoder)
            data[position] = None  # free its numbers, now stored in columns
    else:
        raise _not_a_label_file(f'expected a list as "data", found {shown(data)}')


def _read_tracks(texts: TrackTexts, run: RunLabels, decoder: Decoder) -> None:
    """Read tracks from their texts; raise ValueError if they may be invalid."""
    reader = ArrayReader()
    for batch, columns in texts.batches():
        try:
            _read_columns(columns, run, decoder, reader)
        except ValueError:
            for position, document in enumerate(batch.parsed()):
                _parse_track(document, position, run, decoder)


def _read_columns(
    columns: dict[str, list[memoryview]], run: RunLabels, decoder: Decoder, reader: ArrayReader
) -> None:
    """Read tracks with the same columns; raise ValueError if they must be parsed as JSON."""
    if not (columns and b"".join(columns["id"]).isdigit()):
        raise ValueError("tracks that are not in the usual form")
    larvae, labels = list(map(int, columns.pop("id"))), columns.pop("labels")
    is_new = len({*larvae}) == len(larvae) and run._tracks.keys().isdisjoint(larvae)
    if not is_new or max(larvae) > MAX_LARVA_ID:
        raise ValueError("invalid or repeated larva identifier")
    numbers, sizes = reader.read(columns.pop("t"))
    if 0 in sizes:
        raise ValueError("tracks without frames")
    times = numbers.astype(np.float64, copy=False)
    stops = np.cumsum(sizes)
    is_later = times[1:] > times[:-1]
    is_later[stops[:-1] - 1] = True  # of the next track
    if not is_later.all():
        raise ValueError("times that are not increasing")
    frames = list(map(slice, (stops - sizes).tolist(), stops.tolist()))
    records: list[dict[str, Any]] = [{} for _ in larvae]
    integers: dict[str, NDArray[np.int32]] = {}
    for key, parts in columns.items():
        values, counts = reader.read(parts)
        is_integer = values.dtype == np.int64
        if counts != sizes or not (is_integer or -(2**53) < values.min() <= values.max() < 2**53):
            raise ValueError("not per frame, or integers that may lose digits as doubles")
        if key in COLUMN_KEYS:
            least, largest = _range(key, decoder)
            if not (is_integer and least <= values.min() <= values.max() <= largest):
                raise ValueError("out of range")
            integers[key] = values.astype(np.int32)
            continue
        for record, part, text in zip(records, frames, parts, strict=True):
            record[key] = values[part]
            if not is_integer and is_whole(bytes(text)):
                record[key] = record[key].astype(np.int64)
    codes = decoder.read(labels, stops)

    def by_track(column: NDArray[Any] | None) -> Iterable[Any]:
        if column is None:
            return repeat(None)
        column.setflags(write=False)  # at once, not by track
        return map(column.__getitem__, frames)

    confidence, second = map(integers.get, COLUMN_KEYS)
    others = map(by_track, (_fractions(confidence), second))
    tracks = map(
        TrackLabels, repeat(run._table), by_track(times), by_track(codes), records, *others
    )
    run._tracks.update(zip(larvae, tracks, strict=True))


def _parse_track(document: Any, position: int, run: RunLabels, decoder: Decoder) -> None:
    if not isinstance(document, dict):
        raise _not_a_label_file(f"expected an object, found {shown(document)}", position)
    for key in TRACK_KEYS:
        if key not in document:
            raise _not_a_label_file(f'expected a track with "{key}", found none', position)
    normalize_track(document)
    larva = parse_larva(document["id"], position)
    if larva in run:
        problem = "expected a larva once in a run, found it again"
        raise LabelFileError("duplicate-larva", problem, track=larva, index=position)
    with located(track=larva):
        run._tracks[larva] = parse_columns(document, run._table, decoder)


def parse_larva(value: Any, position: int) -> int:
    """Return the larva identifier of the track at a position in ``data``."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        digits = value.lstrip("0") or "0"
        value = int(digits) if len(digits) <= 5 else value
    with located(index=position):
        return check_larva(value)


def parse_columns(document: dict[str, Any], table: StateTable, decoder: Decoder) -> TrackLabels:
    """Return the times, states and records of a track."""
    columns: dict[str, NDArray[Any]] = {}
    for key, value in document.items():
        if key in ("t", "labels"):
            if not isinstance(value, list):
                raise _not_a_label_file(f'expected a list as "{key}", found {shown(value)}')
            columns[key] = _parse_times(value) if key == "t" else decoder.decode(value)
    n, found = len(columns["t"]), len(columns["labels"])
    if n != found:
        problem = f"expected {n} labels, as many as times, found {found}"
        raise LabelFileError("length-mismatch", problem)
    integers: dict[str, NDArray[np.int32]] = {}
    records: dict[str, Any] = {}
    for key, value in document.items():
        if key in COLUMN_KEYS:
            integers[key] = _parse_integers(value, n, key, *_range(key, decoder))
        elif key not in TRACK_KEYS:
            records[key] = _parse_record(value, n)
    confidence, second = map(integers.get, COLUMN_KEYS)
    times, codes = columns["t"], columns["labels"]
    return TrackLabels(table, times, codes, records, _fractions(confidence), second)


def _range(key: str, decoder: Decoder) -> tuple[int, int]:
    """Return the least and the largest integer in a column."""
    if key == "confidence":
        return -1, 100
    return 0, np.iinfo(np.int32).max if decoder.largest is None else decoder.largest


def _parse_integers(value: Any, n: int, key: str, least: int, largest: int) -> NDArray[np.int32]:
    if not isinstance(value, list):
        problem = f'expected a list as "{key}", found {shown(value)}'
        raise LabelFileError("bad-confidence", problem)
    for index, item in enumerate(value):
        integer = whole(item) if type(item) is float else item  # MATLAB's numbers are doubles
        if not (type(integer) is int and least <= integer <= largest):
            problem = f'expected integers from {least} to {largest} as "{key}", found {shown(item)}'
            raise LabelFileError("bad-confidence", problem, index=index)
    if len(value) != n:
        problem = f'expected {n} integers as "{key}", as many as times, found {len(value)}'
        raise LabelFileError("bad-confidence", problem)
    return np.array(value, dtype=np.int32)


def _fractions(percents: NDArray[np.int32] | None) -> NDArray[np.float64] | None:
    return None if percents is None else _FRACTIONS[percents]


def _parse_times(values: list[Any]) -> NDArray[np.float64]:
    if not set(map(type, values)) <= {int, float}:
        index = next(n for n, value in enumerate(values) if type(value) not in (int, float))
        check_times(np.array(values[:index], dtype=np.float64))  # an earlier violation comes first
        problem = f"expected a number, found {shown(values[index])}"
        raise LabelFileError("bad-time", problem, index=index)
    return check_times(np.array(values, dtype=np.float64))


def _parse_record(value: Any, n: int) -> Any:
    """Return per-frame values as an array if it can hold them without loss."""
    if not (isinstance(value, list) and len(value) == n):
        return value
    kinds = set(map(type, value))
    if kinds == {bool}:
        return np.array(value, dtype=np.bool_)
    if kinds == {float}:
        return np.array(value, dtype=np.float64)
    if kinds == {int} and min(value) >= -(2**63) and max(value) < 2**63:
        return np.array(value, dtype=np.int64)
    if kinds == {int, float} and all(type(x) is float or abs(x) <= 2**53 for x in value):
        return np.array(value, dtype=np.float64)
    return value
