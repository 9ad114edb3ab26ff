"""The border to Julia within one process: values cross it in messages, while arrays stay in place.

A message is a JSON text::

    {"value": ..., "arrays": [[number, address, type, shape, order], ...], "released": [number]}

In the value, an array is its number. Its type is NumPy's name (``"f8"``), its order that of the
memory, "C" (last index fastest) or "F". Who owns an array that the other one uses keeps it under
its number, until the other one releases it. The Julia half is julia/python/border.jl.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import orjson
from numpy.typing import NDArray

from taggingbackends.data.tracks import Recording, Track
from taggingbackends.errors import located
from taggingbackends.labels import Labels
from taggingbackends.labels.dependencies import validate_dependencies
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import StateTable
from taggingbackends.labels.tracklabels import TrackLabels
from taggingbackends.labels.validation import check_units
from taggingbackends.labels.writing import json_text

__all__ = ["content_of", "received", "sent"]

_DEPTH = 16  # at least the brackets around what a user has set
_ELEMENTS = {"f8", "f4", "f2", "b1", "c16", "c8"}
_ELEMENTS |= {"i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1"}
_LABEL_COLUMNS = ("times", "codes", "confidence", "second_codes")
_TRACK_COLUMNS = {"times": "f8", "spine": "f8", "outline": "f8", "outline_offsets": "i8"}

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
        "arrays": [_place(number, array) for number, array in arrays.items()],
        "released": [_Kept.released.pop() for _ in range(len(_Kept.released))],
    }
    return orjson.dumps(message).decode(), *others


def received(text: str, *others: Any) -> Any:
    """Return the value in a message from Julia."""
    message = orjson.loads(text)
    for number in message["released"]:
        del _lent[number]
    arrays = {place[0]: _array_from(*place) for place in message["arrays"]}
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


def _place(number: int, array: NDArray[Any]) -> list[Any]:
    order = "C" if array.flags.c_contiguous else "F"
    return [number, array.ctypes.data, array.dtype.str[1:], array.shape, order]


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


# -- values


def content_of(x: Any, others: list[Any]) -> dict[str, Any]:
    """Return the JSON of a value, with arrays in it as they are; add what is not JSON to others."""
    if isinstance(x, Labels):
        return _labels_content(x)
    if isinstance(x, Recording):
        return _recording_content(x)
    if isinstance(x, Track):
        return _track_content(x)
    if _is_placeable(x):
        # Julia has no read-only memory
        return {"type": "array", "number": x if x.flags.writeable else x.copy()}
    if isinstance(x, list) and all(map(_is_state, x)):
        return {"type": "states", "states": x}
    if type(x) is tuple:
        return {"type": "tuple", "items": [content_of(item, others) for item in x]}
    if isinstance(x, Path):
        x = os.fspath(x)
    elif isinstance(x, (np.bool_, np.character)):  # juliacall makes arrays of these
        x = x.item()
    others.append(x)
    return {"type": "other", "index": len(others) - 1}


def _is_state(x: Any) -> bool:
    return isinstance(x, str) or (
        isinstance(x, (tuple, list)) and all(isinstance(name, str) for name in x)
    )


def _value_from(content: dict[str, Any], arrays: dict[int, Any], others: Sequence[Any]) -> Any:
    match content["type"]:
        case "labels":
            return _labels_from(content, arrays)
        case "recording":
            return _recording_from(content, arrays)
        case "track":
            return _track_from(content, arrays)
        case "states":
            return _states_from(content["states"])
        case "array":
            return arrays[content["number"]]
        case "tuple":
            return tuple(_value_from(item, arrays, others) for item in content["items"])
    return others[content["index"]]


def _states_from(states: list[Any]) -> list[str | tuple[str, ...]]:
    return [state if isinstance(state, str) else tuple(state) for state in states]


def _columns_from(content: Any, names: Iterable[str], arrays: dict[int, Any]) -> dict[str, Any]:
    return {name: arrays.get(content[name]) for name in names}


def _labels_content(labels: Labels) -> dict[str, Any]:
    runs = [_run_content(run) for run in labels.values()]
    return {"type": "labels", "attributes": _fragment(labels.attributes), "runs": runs}


def _labels_from(content: dict[str, Any], arrays: dict[int, Any]) -> Labels:
    labels = Labels()
    labels.attributes = content["attributes"]
    labels._runs = {run["id"]: _run_from(run, arrays) for run in content["runs"]}
    return labels


def _run_content(run: RunLabels) -> dict[str, Any]:
    table = run._table
    with located(run=run.id):
        return {
            "id": run.id,
            "metadata": _fragment(run.metadata),
            "units": _fragment(check_units(run.units)),
            "dependencies": _fragment(validate_dependencies(run.dependencies)),
            "attributes": _fragment(run.attributes),
            "table": [table.names, table.secondary_names, table.colors, table.states],
            "tracks": [
                {
                    "id": larva,
                    "records": [_record_content(*record) for record in track.records.items()],
                    **{name: getattr(track, name) for name in _LABEL_COLUMNS},
                }
                for larva, track in run.items()
            ],
        }


def _record_content(key: str, value: Any) -> list[Any]:
    is_column = _is_placeable(value) and value.dtype.kind != "c"
    return [key, value, None] if is_column else [key, None, _fragment(value)]


def _fragment(value: Any) -> orjson.Fragment:
    """Return the text of a value that a user has set, checked to be JSON."""
    return orjson.Fragment(json_text(value, _DEPTH))


def _run_from(content: dict[str, Any], arrays: dict[int, Any]) -> RunLabels:
    names, secondary_names, colors, states = content["table"]
    table = StateTable(names, secondary_names, colors, _states_from(states))
    run = RunLabels(content["id"], table)
    for name in ("metadata", "units", "dependencies", "attributes"):
        setattr(run, name, content[name])
    for track in content["tracks"]:
        columns = _columns_from(track, _LABEL_COLUMNS, arrays)
        records = {key: arrays.get(number, value) for key, number, value in track["records"]}
        run._tracks[track["id"]] = TrackLabels(table, records=records, **columns)
    return run


def _recording_content(recording: Recording) -> dict[str, Any]:
    return {
        "type": "recording",
        "run": recording.run,
        "metadata": _fragment(recording.metadata),
        "format": recording.format,
        "sources": list(map(str, recording.sources)),
        "own_labels": _labels_content(recording.own_labels),
        "left_out": recording.left_out,
        "run_is_derived": recording.run_is_derived,
        "tracks": [{"id": larva, **_track_content(track)} for larva, track in recording.items()],
    }


def _recording_from(content: dict[str, Any], arrays: dict[int, Any]) -> Recording:
    return Recording(
        content["run"],
        {track["id"]: _track_from(track, arrays) for track in content["tracks"]},
        content["metadata"],
        content["format"],
        tuple(map(Path, content["sources"])),
        _labels_from(content["own_labels"], arrays),
        tuple(content["left_out"]),
        content["run_is_derived"],
    )


def _track_content(track: Track) -> dict[str, Any]:
    columns = {name: getattr(track, name) for name in _TRACK_COLUMNS}
    return {
        "type": "track",
        "indicators": {name: np.asarray(x, "b1") for name, x in track.indicators.items()},
        **{
            name: None if column is None else np.asarray(column, _TRACK_COLUMNS[name])
            for name, column in columns.items()
        },
    }


def _track_from(content: dict[str, Any], arrays: dict[int, Any]) -> Track:
    indicators = {name: arrays[number] for name, number in content["indicators"].items()}
    return Track(**_columns_from(content, _TRACK_COLUMNS, arrays), indicators=indicators)
