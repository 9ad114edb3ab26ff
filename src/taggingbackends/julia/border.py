"""The border to Julia within one process: values cross it in messages, while arrays stay in place.

A message is a JSON text::

    {"value": ..., "arrays": [[number, address, type, shape, order], ...], "released": [number]}

In the value, an array is its number. Its type is NumPy's name (``"f8"``), its order that of the
memory, "C" (last index fastest) or "F". Who owns an array that the other one uses keeps it under
its number, until the other one releases it. The Julia half is julia/python/border.jl.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
import orjson
from numpy.typing import NDArray

from taggingbackends.data.tracks import Recording, Track
from taggingbackends.errors import located
from taggingbackends.labels import Labels
from taggingbackends.labels.dependencies import validate_dependencies
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import State, StateTable
from taggingbackends.labels.tracklabels import TrackLabels
from taggingbackends.labels.validation import check_units
from taggingbackends.labels.writing import json_text

__all__ = ["content_of", "received", "sent"]

_DEPTH = 16  # at least the brackets around what a user has set
_ELEMENTS = {"f8", "f4", "f2", "b1", "c16", "c8"}
_ELEMENTS |= {"i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1"}
_Arrays: TypeAlias = dict[int | None, Any]  # by number; None stands for a column that is missing

_numbers = count(1)
_lent: dict[int, NDArray[Any]] = {}  # arrays that Julia uses


def sent(value: Any) -> tuple[Any, ...]:
    """Return a message for Julia, followed by what is in it of types that do not cross as JSON."""
    others: list[Any] = []
    arrays: dict[int, NDArray[Any]] = {}

    def number(array: NDArray[Any]) -> int:
        arrays[n := next(_numbers)] = _contiguous(array)
        return n

    content = orjson.dumps(content_of(value, others), default=number)
    _lent.update(arrays)
    message = {
        "value": orjson.Fragment(content),
        "arrays": [[number, *_place(array)] for number, array in arrays.items()],
        "released": [_Kept.released.pop() for _ in range(len(_Kept.released))],
    }
    return orjson.dumps(message).decode(), *others


def received(text: str, *others: Any) -> Any:
    """Return the value in a message from Julia."""
    message = orjson.loads(text)
    for number in message["released"]:
        del _lent[number]
    arrays: _Arrays = {None: None}
    for number, *place in message["arrays"]:
        arrays[number] = _array_from(number, *place)
    return _value_from(message["value"], arrays, others)


# -- arrays


def _is_placeable(x: Any) -> bool:
    plain = isinstance(x, np.ndarray) and not isinstance(x, np.ma.MaskedArray)
    return plain and x.ndim > 0 and x.dtype.str[1:] in _ELEMENTS


def _contiguous(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array, or a copy that is contiguous, aligned and in native byte order."""
    if not (array.dtype.isnative and array.flags.aligned):
        array = array.astype(array.dtype.newbyteorder("="))
    return array if array.flags.forc else np.ascontiguousarray(array)


def _place(array: NDArray[Any]) -> list[Any]:
    order = "C" if array.flags.c_contiguous else "F"
    return [array.__array_interface__["data"][0], array.dtype.str[1:], array.shape, order]


class _Kept:
    """An array that Julia keeps until this is gone. NumPy keeps this with the memory."""

    released: ClassVar[list[int]] = []  # numbers that Julia does not know of yet

    def __init__(self, number: int, address: int, dtype: str, shape: list[int]) -> None:
        self.number = number
        self.__array_interface__ = {
            "version": 3,
            "data": (address, False),
            "typestr": np.dtype(dtype).str,
            "shape": tuple(shape),
        }

    def __del__(self) -> None:
        self.released.append(self.number)


def _array_from(number: int, address: int, dtype: str, shape: list[int], order: str) -> Any:
    if order == "C":
        return np.asarray(_Kept(number, address, dtype, shape))
    return np.asarray(_Kept(number, address, dtype, shape[::-1])).T


# -- values: each crosses as its kind and its content, which is a list of parts for a class


def content_of(x: Any, others: list[Any]) -> tuple[str, Any]:
    """Return the JSON of a value, with arrays in it as they are; add what is not JSON to others."""
    if type(x) is tuple:
        return "tuple", [content_of(item, others) for item in x]
    if isinstance(x, list) and all(map(_is_state, x)):
        return "states", x
    if isinstance(x, Labels):
        return "labels", _labels_content(x)
    if isinstance(x, Recording):
        return "recording", _recording_content(x)
    if isinstance(x, Track):
        return "track", _track_content(x)
    if _is_placeable(x):
        return "array", x if x.flags.writeable else x.copy()  # Julia has no read-only memory
    if isinstance(x, Path):
        x = os.fspath(x)
    elif isinstance(x, (np.bool_, np.character)):  # juliacall makes arrays of these
        x = x.item()
    others.append(x)
    return "other", len(others) - 1


def _value_from(value: list[Any], arrays: _Arrays, others: Sequence[Any]) -> Any:
    kind, content = value
    match kind:
        case "labels":
            return _labels_from(content, arrays)
        case "recording":
            return _recording_from(content, arrays)
        case "track":
            return _track_from(content, arrays)
        case "array":
            return arrays[content]
        case "states":
            return _states_from(content)
        case "tuple":
            return tuple(_value_from(item, arrays, others) for item in content)
    return others[content]


def _is_state(x: Any) -> bool:
    return isinstance(x, str) or (
        isinstance(x, (tuple, list)) and all(isinstance(name, str) for name in x)
    )


def _states_from(states: list[Any]) -> list[State]:
    return [state if isinstance(state, str) else tuple(state) for state in states]


def _labels_content(labels: Labels) -> list[Any]:
    return [_fragment(labels.attributes), list(map(_run_content, labels.values()))]


def _labels_from(content: list[Any], arrays: _Arrays) -> Labels:
    labels = Labels()
    labels.attributes, runs = content
    labels._runs = {run[0]: _run_from(run, arrays) for run in runs}
    return labels


def _run_content(run: RunLabels) -> list[Any]:
    with located(run=run.id):
        units, dependencies = check_units(run.units), validate_dependencies(run.dependencies)
        plain = map(_fragment, (run.metadata, units, dependencies, run.attributes))
        table, tracks = run._table, [[larva, *_columns(track)] for larva, track in run.items()]
        names = [table.names, table.secondary_names, table.colors, table.states]
        return [run.id, names, tracks, *plain]


def _columns(track: TrackLabels) -> list[Any]:
    def record(key: str, value: Any) -> list[Any]:
        is_column = _is_placeable(value) and value.dtype.kind != "c"
        return [key, value, None] if is_column else [key, None, _fragment(value)]

    records = [record(key, value) for key, value in track.records.items()]
    return [records, track.times, track.codes, track.confidence, track.second_codes]


def _fragment(value: Any) -> orjson.Fragment:
    """Return the text of a value that a user has set, checked to be JSON."""
    return orjson.Fragment(json_text(value, _DEPTH))


def _run_from(content: list[Any], arrays: _Arrays) -> RunLabels:
    run, (names, secondary_names, colors, states), tracks, *plain = content
    table = StateTable(names, secondary_names, colors, _states_from(states))
    labels = RunLabels(run, table)
    labels.metadata, labels.units, labels.dependencies, labels.attributes = plain
    for larva, records, *numbers in tracks:
        times, codes, confidence, second = (arrays[number] for number in numbers)
        records = {key: value if n is None else arrays[n] for key, n, value in records}
        labels._tracks[larva] = TrackLabels(table, times, codes, records, confidence, second)
    return labels


def _recording_content(recording: Recording) -> list[Any]:
    return [
        recording.run,
        [[larva, _track_content(track)] for larva, track in recording.items()],
        _fragment(recording.metadata),
        recording.format,
        list(map(str, recording.sources)),
        _labels_content(recording.own_labels),
        recording.left_out,
        recording.run_is_derived,
    ]


def _recording_from(content: list[Any], arrays: _Arrays) -> Recording:
    run, tracks, metadata, format, sources, labels, left_out, is_derived = content
    tracks = {larva: _track_from(track, arrays) for larva, track in tracks}
    sources, labels = tuple(map(Path, sources)), _labels_from(labels, arrays)
    return Recording(run, tracks, metadata, format, sources, labels, tuple(left_out), is_derived)


def _track_content(track: Track) -> list[Any]:
    columns = (track.times, track.spine, track.outline, track.outline_offsets)
    types = ("f8", "f8", "f8", "i8")
    parts = zip(columns, types, strict=True)
    indicators = {name: np.asarray(values, "b1") for name, values in track.indicators.items()}
    return [*(x if x is None else np.asarray(x, type) for x, type in parts), indicators]


def _track_from(content: list[Any], arrays: _Arrays) -> Track:
    *numbers, indicators = content
    times, spine, outline, outline_offsets = (arrays[number] for number in numbers)
    indicators = {name: arrays[number] for name, number in indicators.items()}
    return Track(times, spine, outline, outline_offsets, indicators)
