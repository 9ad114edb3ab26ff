"""The border to Julia within one process: JSON crosses it, while arrays stay where they are.

In the JSON an array is ``[address, type, shape, order]``: NumPy's name of the type (``"f8"``), and
the memory order, "C" (last index fastest) or "F". Who owns memory that the other one uses keeps it
under a number, until that number comes back. The Julia half is julia/python/border.jl.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

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

__all__ = ["Request", "answered"]

_DEPTH = 12  # at least the brackets around what a user has set
_ELEMENTS = {"f8", "f4", "f2", "b1", "c16", "c8"}
_ELEMENTS |= {"i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1"}

_numbers = count(1)
_lent: dict[int, list[NDArray[Any]]] = {}  # what Julia uses
_released: list[int] = []  # the numbers of what Python no longer uses


class Request:
    """The arguments of a call of Julia."""

    def __init__(self) -> None:
        self.others: list[Any] = []  # of types that do not cross as JSON
        self._arrays: list[NDArray[Any]] = []

    def content(self, x: Any) -> dict[str, Any]:
        """Return the JSON of an argument, except that arrays are in it as they are."""
        if isinstance(x, Labels):
            return _labels_content(x)
        if isinstance(x, Recording):
            return _recording_content(x)
        if isinstance(x, Track):
            return _track_content(x)
        if _is_placeable(x):
            # Julia has no read-only memory
            return {"type": "array", "array": x if x.flags.writeable else x.copy()}
        if isinstance(x, list) and all(map(_is_state, x)):
            return {"type": "states", "states": x}
        if type(x) is tuple:
            return {"type": "tuple", "items": list(map(self.content, x))}
        if isinstance(x, Path):
            x = os.fspath(x)
        elif isinstance(x, (np.bool_, np.character)):  # juliacall makes arrays of these
            x = x.item()
        self.others.append(x)
        return {"type": "other", "index": len(self.others) - 1}

    def text(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        """Return the text for Julia, of contents; the arrays are kept until Julia returns them."""
        values = orjson.dumps([args, kwargs], default=self._place)
        number = next(_numbers)
        _lent[number] = self._arrays
        released = [_released.pop() for _ in range(len(_released))]
        request = {"values": orjson.Fragment(values), "loan": number, "released": released}
        return orjson.dumps(request).decode()

    def _place(self, array: NDArray[Any]) -> list[Any]:
        """Return where an array is; it is copied if not contiguous, aligned and in native order."""
        if not (array.dtype.isnative and array.flags.aligned):
            array = array.astype(array.dtype.newbyteorder("="))
        if not array.flags.forc:
            array = np.ascontiguousarray(array)
        self._arrays.append(array)
        address = array.__array_interface__["data"][0]
        order = "C" if array.flags.c_contiguous else "F"
        return [address, array.dtype.str[1:], array.shape, order]


def answered(text: str, *others: Any) -> Any:
    """Return the value in an answer of Julia's."""
    answer = orjson.loads(text)
    for number in answer["returned"]:
        del _lent[number]
    owner = None if answer["kept"] is None else _Kept(answer["kept"])
    return _value(answer["value"], owner, others)


def _value(content: dict[str, Any], owner: object, others: Sequence[Any]) -> Any:
    match content["type"]:
        case "labels":
            return _labels_from(content, owner)
        case "recording":
            return _recording_from(content, owner)
        case "track":
            return _track_from(content, owner)
        case "states":
            return [_state_from(state) for state in content["states"]]
        case "array":
            return _array_from(content["array"], owner)
        case "tuple":
            return tuple(_value(item, owner, others) for item in content["items"])
    return others[content["index"]]


# -- arrays


def _is_placeable(x: Any) -> bool:
    plain = isinstance(x, np.ndarray) and not isinstance(x, np.ma.MaskedArray)
    return plain and x.ndim > 0 and x.dtype.str[1:] in _ELEMENTS


class _Kept:
    """What Julia keeps for Python, as long as this exists."""

    def __init__(self, number: int) -> None:
        self._release = partial(_released.append, number)

    def __del__(self) -> None:
        self._release()


class _Memory:
    """Memory that NumPy uses in place; NumPy keeps the owner alive."""

    def __init__(self, address: int, type: str, shape: list[int], owner: object) -> None:
        self.owner = owner
        self.__array_interface__ = {
            "version": 3,
            "data": (address, False),
            "typestr": np.dtype(type).str,
            "shape": tuple(shape),
        }


def _array_from(place: list[Any], owner: object) -> NDArray[Any]:
    address, type, shape, order = place
    if 0 in shape:
        return np.empty(shape, type)
    if order == "F":
        return np.asarray(_Memory(address, type, shape[::-1], owner)).T
    return np.asarray(_Memory(address, type, shape, owner))


def _columns_from(content: dict[str, Any], names: Iterable[str], owner: object) -> dict[str, Any]:
    places = {name: content[name] for name in names}
    return {name: place and _array_from(place, owner) for name, place in places.items()}


def _is_state(x: Any) -> bool:
    return isinstance(x, str) or (
        isinstance(x, (tuple, list)) and all(isinstance(name, str) for name in x)
    )


# -- labels

_LABEL_COLUMNS = ("times", "codes", "confidence", "second_codes")
_TRACK_COLUMNS = {
    "times": np.float64,
    "spine": np.float64,
    "outline": np.float64,
    "outline_offsets": np.int64,
}


def _labels_content(labels: Labels) -> dict[str, Any]:
    return {
        "type": "labels",
        "attributes": _fragment(labels.attributes),
        "runs": [_run_content(run) for run in labels.values()],
    }


def _run_content(run: RunLabels) -> dict[str, Any]:
    table = run._table
    with located(run=run.id):
        return {
            "id": run.id,
            "metadata": _fragment(run.metadata),
            "units": _fragment(check_units(run.units)),
            "names": table.names,
            "secondary_names": table.secondary_names,
            "colors": table.colors,
            "states": table.states,
            "dependencies": _fragment(validate_dependencies(run.dependencies)),
            "attributes": _fragment(run.attributes),
            "tracks": [
                {
                    "id": larva,
                    **{name: getattr(track, name) for name in _LABEL_COLUMNS},
                    "records": [
                        [key, value, None]
                        if _is_placeable(value) and value.dtype.kind != "c"
                        else [key, None, _fragment(value)]
                        for key, value in track.records.items()
                    ],
                }
                for larva, track in run.items()
            ],
        }


def _fragment(value: Any) -> orjson.Fragment:
    """Return the text of a value that a user has set, checked to be JSON."""
    return orjson.Fragment(json_text(value, _DEPTH))


def _labels_from(content: dict[str, Any], owner: object) -> Labels:
    labels = Labels()
    labels.attributes = content["attributes"]
    for run in content["runs"]:
        labels._runs[run["id"]] = _run_from(run, owner)
    return labels


def _run_from(content: dict[str, Any], owner: object) -> RunLabels:
    states = map(_state_from, content["states"])
    table = StateTable(content["names"], content["secondary_names"], content["colors"], states)
    run = RunLabels(content["id"], table)
    for name in ("metadata", "units", "dependencies", "attributes"):
        setattr(run, name, content[name])
    for track in content["tracks"]:
        columns = _columns_from(track, _LABEL_COLUMNS, owner)
        records = {
            key: value if place is None else _array_from(place, owner)
            for key, place, value in track["records"]
        }
        run._tracks[track["id"]] = TrackLabels(table, records=records, **columns)
    return run


def _state_from(state: str | list[str]) -> str | tuple[str, ...]:
    return state if isinstance(state, str) else tuple(state)


# -- tracks


def _recording_content(recording: Recording) -> dict[str, Any]:
    return {
        "type": "recording",
        "run": recording.run,
        "metadata": _fragment(recording.metadata),
        "format": recording.format,
        "sources": list(map(str, recording.sources)),
        "labels": _labels_content(recording.own_labels),
        "left_out": recording.left_out,
        "tracks": [{"id": larva, **_track_content(track)} for larva, track in recording.items()],
    }


def _track_content(track: Track) -> dict[str, Any]:
    return {
        "type": "track",
        **{
            name: None if (column := getattr(track, name)) is None else np.asarray(column, dtype)
            for name, dtype in _TRACK_COLUMNS.items()
        },
        "indicators": [[name, np.asarray(x, np.bool_)] for name, x in track.indicators.items()],
    }


def _recording_from(content: dict[str, Any], owner: object) -> Recording:
    return Recording(
        content["run"],
        {track["id"]: _track_from(track, owner) for track in content["tracks"]},
        content["metadata"],
        content["format"],
        tuple(map(Path, content["sources"])),
        _labels_from(content["labels"], owner),
        tuple(content["left_out"]),
    )


def _track_from(content: dict[str, Any], owner: object) -> Track:
    indicators = {name: _array_from(place, owner) for name, place in content["indicators"]}
    return Track(**_columns_from(content, _TRACK_COLUMNS, owner), indicators=indicators)
