"""Label files: strict reading into columns, canonical writing. The only place that touches JSON."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from taggingbackends.dependencies import validate_dependencies
from taggingbackends.errors import LabelFileError, located, shown
from taggingbackends.files import write_file
from taggingbackends.labels import (
    Labels,
    RunLabels,
    TrackLabels,
    check_larva,
    check_times,
)
from taggingbackends.states import (
    Codes,
    State,
    StateTable,
    check_colors,
    check_names,
    check_overlap,
    fault_in,
    labels_of,
)

__all__ = ["parse", "read", "text", "write"]

_RUN_KEYS = ("metadata", "units", "labels", "secondarylabels", "dependencies", "data")
_TRACK_KEYS = ("id", "t", "labels")


def read(path: str | PathLike[str]) -> Labels:
    """See `Labels.read`."""
    return parse(Path(path).read_bytes(), file=path)


def write(path: str | PathLike[str], labels: Labels) -> None:
    """See `Labels.write`."""
    with located(file=path):
        content = text(labels)
    write_file(Path(path), [content])


# ---------------------------------------------------------------------------------------------
# Reading


def parse(content: bytes, file: str | PathLike[str] | None = None) -> Labels:
    """Read the text of a label file.

    Parameters
    ----------
    content : bytes
        UTF-8 JSON, as in docs/contract.md, section 6.
    file : path, optional
        Named in errors.

    Raises
    ------
    LabelFileError
        The first violation in the text's order.
    """
    with located(file=file):
        document = _load(content)
        labels = Labels()
        if not isinstance(document, dict):
            raise _not_a_label_file(f"expected an object, found {shown(document)}")
        if "data" in document and "runs" in document:
            raise _not_a_label_file('expected either "data" or "runs", found both')
        if "data" in document:
            run = _parse_run(document)
            labels._runs[run.id] = run
        elif "runs" in document:
            _parse_runs(document.pop("runs"), labels)
            labels.attributes = document
        else:
            raise _not_a_label_file('expected "data" (or "runs"), found neither')
    return labels


def _load(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise LabelFileError("invalid-json", f"expected JSON, found: {error}") from None


def _not_a_label_file(problem: str, index: int | None = None) -> LabelFileError:
    return LabelFileError("not-a-label-file", problem, index=index)


def _parse_runs(runs: Any, labels: Labels) -> None:
    if not isinstance(runs, dict):
        raise _not_a_label_file(f'expected an object as "runs", found {shown(runs)}')
    for identifier, document in runs.items():
        with located(run=identifier):
            if not (isinstance(document, dict) and "data" in document):
                raise _not_a_label_file(f'expected a run with "data", found {shown(document)}')
            run = _parse_run(document)
            if run.id != identifier:
                problem = f"expected metadata.id to be the run's key, found {shown(run.id)}"
                raise _not_a_label_file(problem)
            labels._runs[run.id] = run


def _parse_run(document: dict[str, Any]) -> RunLabels:
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
    """Check and take a run's entries in their order, so that the first violation is reported."""
    table, faults = _parse_declarations(document)
    run._table = table
    for key, value in document.items():
        if key in faults:
            raise faults[key]
        if key == "metadata":
            run.metadata = {name: item for name, item in value.items() if name != "id"}
        elif key == "units":
            run.units = _parse_units(value)
        elif key == "dependencies":
            run.dependencies = validate_dependencies(value)
        elif key == "data":
            _parse_data(value, run, _Decoder(table, declared=not faults))
        elif key not in _RUN_KEYS:
            run.attributes[key] = value


def _parse_units(units: Any) -> dict[str, Any]:
    if not isinstance(units, dict):
        raise LabelFileError("bad-units", f"expected an object as units, found {shown(units)}")
    if units.get("t", "s") != "s":
        raise LabelFileError("bad-units", f'expected "s" as units.t, found {shown(units["t"])}')
    return units if "t" in units else {"t": "s", **units}


def _parse_declarations(
    document: dict[str, Any],
) -> tuple[StateTable, dict[str, LabelFileError]]:
    """Return the declared names, and what is wrong with them by the key where it is found.

    Codes need the declarations, which may stand after the data; their violations are reported in
    their place all the same.
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


def _parse_data(data: Any, run: RunLabels, decoder: _Decoder) -> None:
    if not isinstance(data, list):
        raise _not_a_label_file(f'expected a list as "data", found {shown(data)}')
    for position, document in enumerate(data):
        if not isinstance(document, dict):
            raise _not_a_label_file(f"expected an object, found {shown(document)}", position)
        for key in _TRACK_KEYS:
            if key not in document:
                raise _not_a_label_file(f'expected a track with "{key}", found none', position)
        larva = _parse_larva(document["id"], position)
        if larva in run:
            problem = "expected a larva once in a run, found it again"
            raise LabelFileError("duplicate-larva", problem, track=larva, index=position)
        with located(track=larva):
            run._tracks[larva] = _parse_track(document, run, decoder)
        data[position] = None  # the memory of its numbers, which are in columns now


def _parse_larva(value: Any, position: int) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        digits = value.lstrip("0") or "0"
        value = int(digits) if len(digits) <= 5 else value
    with located(index=position):
        return check_larva(value)


def _parse_track(document: dict[str, Any], run: RunLabels, decoder: _Decoder) -> TrackLabels:
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
    records = {
        key: _parse_record(value, n) for key, value in document.items() if key not in _TRACK_KEYS
    }
    return TrackLabels(run._table, columns["t"], columns["labels"], records)


def _parse_times(values: list[Any]) -> NDArray[np.float64]:
    if not set(map(type, values)) <= {int, float}:
        index = next(n for n, value in enumerate(values) if type(value) not in (int, float))
        check_times(np.array(values[:index], dtype=np.float64))  # what stands before counts first
        problem = f"expected a number, found {shown(values[index])}"
        raise LabelFileError("bad-time", problem, index=index)
    return check_times(np.array(values, dtype=np.float64))


def _parse_record(value: Any, n: int) -> Any:
    """Turn what belongs to the frames into an array, where one holds it without loss."""
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


class _Decoder:
    """Turns the elements of ``labels`` into a column of state numbers.

    With `declared` false the declarations are bad: there are no codes to check against, and what
    is decoded is never seen.
    """

    def __init__(self, table: StateTable, declared: bool) -> None:
        self._table = table
        self._names = [*table.names, *table.secondary_names]  # by code - 1
        self._largest = len(self._names) if declared else None

    def decode(self, elements: list[Any]) -> Codes:
        kinds = set(map(type, elements))
        if kinds == {int} and self._largest is not None:
            if min(elements) >= 1 and max(elements) <= self._largest:
                return np.array(elements, dtype=np.int32)  # codes are state numbers
        elif kinds <= {int, str, list}:
            lists = (element for element in elements if type(element) is list)
            if set(map(type, chain.from_iterable(lists))) <= {int, str}:
                return self._decode_each(elements)
        for index, element in enumerate(elements):
            with located(index=index):
                self._resolve(element)
        raise AssertionError("a column was refused whose elements are all valid")

    def _decode_each(self, elements: list[Any]) -> Codes:
        keys = [tuple(x) if type(x) is list else x for x in elements]
        numbers = dict.fromkeys(keys, 0)  # in order of appearance
        for key in numbers:
            try:
                numbers[key] = self._table.number(self._resolve(key))
            except LabelFileError as error:
                error.index = keys.index(key)
                raise
        return np.fromiter(map(numbers.__getitem__, keys), np.int32, len(keys))

    def _resolve(self, element: Any) -> State:
        """Return the state that an element stands for."""
        parts = element if isinstance(element, (list, tuple)) else [element]
        names = tuple(self._name(part, element) for part in parts)
        fault = fault_in(names)
        if fault is not None:
            raise LabelFileError(*fault)
        return names

    def _name(self, part: Any, element: Any) -> str:
        if type(part) is str:
            return part
        if type(part) is not int:
            problem = f"expected a code, a name or an array of these, found {shown(element)}"
            raise LabelFileError("bad-code", problem)
        if self._largest is None:
            return str(part)
        if not 1 <= part <= self._largest:
            problem = f"expected a code from 1 to {self._largest}, found {part}"
            if self._largest == 0:
                problem = f"expected a name, since no names are declared, found code {part}"
            raise LabelFileError("bad-code", problem)
        return self._names[part - 1]


# ---------------------------------------------------------------------------------------------
# Writing


def text(labels: Labels) -> bytes:
    """Return the canonical text of labels (docs/contract.md, section 6).

    Raises
    ------
    LabelFileError
        See `Labels.write`.
    """
    if len(labels) == 1 and not labels.attributes:
        return b"".join(_run_text(next(iter(labels.values())))) + b"\n"
    parts = [b"{"]
    for key, value in labels.attributes.items():
        if key in ("data", "runs"):
            raise _not_a_label_file(f'expected no attribute named "{key}", which is the runs\' own')
        parts += [_json(key), b":", _json(value), b",\n"]
    parts.append(b'"runs":{')
    for position, run in enumerate(labels.values()):
        parts += [b",\n" if position else b"\n", _json(run.id), b":", *_run_text(run)]
    return b"".join((*parts, b"\n}}\n"))


def _run_text(run: RunLabels) -> Iterator[bytes]:
    with located(run=run.id):
        entries: dict[str, Any] = {"units": _parse_units(run.units)}
        if run.names:
            names, colors = run.names, run.colors
            entries["labels"] = names if colors is None else {"names": names, "colors": colors}
        if run.secondary_names:
            entries["secondarylabels"] = run.secondary_names
        dependencies = validate_dependencies(run.dependencies)
        if dependencies:
            entries["dependencies"] = dependencies[0] if len(dependencies) == 1 else dependencies
        for name, given, reserved in (
            ("metadata", run.metadata, ("id",)),
            ("attributes", run.attributes, _RUN_KEYS),
        ):
            for key in reserved:
                if key in given:
                    raise _not_a_label_file(f'expected no "{key}" among {name}: it has its place')
        yield b'{"metadata":' + _json({"id": run.id, **run.metadata})
        for key, value in (entries | run.attributes).items():
            yield b",\n" + _json(key) + b":" + _json(value)
        yield b',\n"data":['
        states = _StateTexts(run)
        for position, (larva, track) in enumerate(run.items()):
            with located(track=larva):
                yield (b",\n" if position else b"\n") + _track_text(larva, track, states)
        yield b"\n]}" if run else b"]}"


def _track_text(larva: int, track: TrackLabels, states: _StateTexts) -> bytes:
    parts = [b'{"id":"%d","t":' % larva, _times_text(track.times), b',"labels":']
    parts.append(states.column(track.codes))
    for key, value in track.records.items():
        if key in _TRACK_KEYS:
            raise _not_a_label_file(f'expected no record named "{key}": it has its place')
        parts += [b",", _json(key), b":", _json(value)]
    return b"".join((*parts, b"}"))


def _times_text(times: NDArray[np.float64]) -> bytes:
    with np.errstate(over="ignore"):
        rounded = np.rint(times * 1000.0) / 1000.0 + 0.0  # + 0.0: no negative zero
    bad = ~np.isfinite(rounded)
    bad[1:] |= ~(rounded[1:] > rounded[:-1])
    if bad.any():
        index = int(bad.argmax())
        problem = (
            f"expected times that differ in milliseconds, found {times[index]} after "
            f"{times[index - 1]}"
            if np.isfinite(rounded[index])
            else f"expected a time that milliseconds can be told of, found {times[index]}"
        )
        raise LabelFileError("bad-time", problem, index=index)
    return _dumps(rounded)


class _StateTexts:
    """How each state of a run is written: a code, or an array of codes."""

    def __init__(self, run: RunLabels) -> None:
        code_of = {name: code for code, name in enumerate((*run.names, *run.secondary_names), 1)}

        def codes(state: State) -> list[int]:
            # a state that no frame has any longer may have a name that is no longer declared
            return [code_of.get(name, 0) for name in labels_of(state)]

        self._single = run._table.translation(
            lambda state: codes(state)[0] if isinstance(state, str) else -1
        )
        self._texts = [
            _dumps(codes(state)[0] if isinstance(state, str) else codes(state))
            for state in run._table.states
        ]

    def column(self, column: Codes) -> bytes:
        single = self._single[column]
        if (single >= 0).all():
            return _dumps(single)
        return b"[%b]" % b",".join(map(self._texts.__getitem__, column.tolist()))


def _json(value: Any) -> bytes:
    """Return the canonical text of any value that JSON can hold, however deeply nested."""
    parts: list[bytes] = []
    # A stack instead of recursion: reading allows deeper values than Python's own recursion does.
    stack: list[tuple[bytes, Any]] = [(b"", value)]
    while stack:
        before, item = stack.pop()
        parts.append(before)
        if item is _END:
            continue
        if isinstance(item, np.ndarray) and (item.dtype.kind not in "biuf" or item.ndim != 1):
            item = item.tolist()
        if isinstance(item, dict):
            parts.append(b"{")
            stack.append((b"}", _END))
            keys = [(b"," if n else b"") + _dumps(_key(key)) + b":" for n, key in enumerate(item)]
            stack += zip(reversed(keys), reversed(item.values()), strict=True)
        elif isinstance(item, (list, tuple)):
            parts.append(b"[")
            stack.append((b"]", _END))
            stack += [(b"," if n else b"", item[n]) for n in reversed(range(len(item)))]
        else:
            parts.append(_dumps(item))
    return b"".join(parts)


_END = object()


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise LabelFileError("invalid-json", f"expected keys that are strings, found {shown(key)}")
    return key


def _dumps(value: Any) -> bytes:
    """Serialize a leaf, a column or a list of integers; orjson's float format is the contract's."""
    floats = isinstance(value, (float, np.floating)) or (
        isinstance(value, np.ndarray) and value.dtype.kind == "f"
    )
    if floats and not np.isfinite(value).all():
        raise LabelFileError("invalid-json", f"expected finite numbers, found {shown(value)}")
    if isinstance(value, np.ndarray):
        value = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("="))
    try:
        return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError as error:
        problem = f"expected a value that JSON can hold, found {shown(value)} ({error})"
        raise LabelFileError("invalid-json", problem) from None
