"""The border to Julia within one process: JSON crosses it, while arrays stay where they are.

In the JSON an array is ``[address, type, shape, order]``: NumPy's name of the type (``"f8"``), and
the memory order, "C" (last index fastest) or "F". The Julia half is julia/python/border.jl.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import DTypeLike, NDArray

from taggingbackends.data.tracks import Recording, Track
from taggingbackends.errors import located
from taggingbackends.labels import Labels
from taggingbackends.labels.dependencies import validate_dependencies
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import StateTable
from taggingbackends.labels.tracklabels import TrackLabels
from taggingbackends.labels.validation import check_units
from taggingbackends.labels.writing import json_text

__all__ = ["Parcel", "pack", "unpack"]

_DEPTH = 8  # at least the brackets around what a user has set
_ELEMENTS = {"f8", "f4", "b1", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1"}


class Parcel:
    """A value on its way to Julia, made by `pack`.

    Attributes
    ----------
    text : str
        JSON, with the places of the arrays.
    arrays : list of array
        Kept alive as long as the parcel is.
    """

    def __init__(self) -> None:
        self.text = ""
        self.arrays: list[NDArray[Any]] = []

    def place(self, array: NDArray[Any] | None, dtype: DTypeLike | None = None) -> list[Any] | None:
        """Return where an array is; it is copied if not contiguous, aligned and in native order."""
        if array is None:
            return None
        array = np.asarray(array, dtype=dtype)
        if not (array.dtype.isnative and array.flags.aligned):
            array = array.astype(array.dtype.newbyteorder("="))
        if not array.flags.forc:
            array = np.ascontiguousarray(array)
        self.arrays.append(array)
        address = array.__array_interface__["data"][0]
        order = "C" if array.flags.c_contiguous else "F"
        return [address, array.dtype.str[1:], array.shape, order]


def pack(x: Any) -> Parcel | None:
    """Return a parcel for Julia, None for a value of another type.

    Parameters
    ----------
    x : Labels, Recording, Track, array of numbers or booleans, or list of states

    Raises
    ------
    LabelFileError
        Labels that could not be written to a file either.
    """
    parcel = Parcel()
    if isinstance(x, Labels):
        content = _labels_content(x, parcel)
    elif isinstance(x, Recording):
        content = _recording_content(x, parcel)
    elif isinstance(x, Track):
        content = _track_content(x, parcel)
    elif _is_placeable(x):
        # Julia has no read-only memory
        content = {"type": "array", "array": parcel.place(x if x.flags.writeable else x.copy())}
    elif isinstance(x, list) and all(map(_is_state, x)):
        content = {"type": "states", "states": x}
    else:
        return None
    parcel.text = orjson.dumps(content).decode()
    return parcel


def unpack(text: str, owner: object) -> Labels | Recording | Track | NDArray[Any] | list[Any]:
    """Return the value that a text from Julia describes.

    Parameters
    ----------
    text : str
        The text of a parcel.
    owner : object
        Keeps the arrays alive; it is kept as long as one of them is in use.
    """
    content = orjson.loads(text)
    if content["type"] == "labels":
        return _labels_from(content, owner)
    if content["type"] == "recording":
        return _recording_from(content, owner)
    if content["type"] == "track":
        return _track_from(content, owner)
    if content["type"] == "states":
        return [_state_from(state) for state in content["states"]]
    return _array_from(content["array"], owner)


# -- arrays


def _is_placeable(x: Any) -> bool:
    plain = isinstance(x, np.ndarray) and not isinstance(x, np.ma.MaskedArray)
    return plain and x.ndim > 0 and x.dtype.str[1:] in _ELEMENTS


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


def _array_or_none(place: list[Any] | None, owner: object) -> NDArray[Any] | None:
    return None if place is None else _array_from(place, owner)


def _is_state(x: Any) -> bool:
    return isinstance(x, str) or (
        isinstance(x, (tuple, list)) and all(isinstance(name, str) for name in x)
    )


# -- labels


def _labels_content(labels: Labels, parcel: Parcel) -> dict[str, Any]:
    return {
        "type": "labels",
        "attributes": _fragment(labels.attributes),
        "runs": [_run_content(run, parcel) for run in labels.values()],
    }


def _run_content(run: RunLabels, parcel: Parcel) -> dict[str, Any]:
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
                    "times": parcel.place(track.times),
                    "codes": parcel.place(track.codes),
                    **{
                        name: None if column is None else parcel.place(column)
                        for name, column in (
                            ("confidence", track.confidence),
                            ("second_codes", track.second_codes),
                        )
                    },
                    "records": [
                        [key, parcel.place(value), None]
                        if _is_placeable(value)
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
        times, codes = (_array_from(track[name], owner) for name in ("times", "codes"))
        records = {
            key: value if place is None else _array_from(place, owner)
            for key, place, value in track["records"]
        }
        confidence, second = (
            None if track[name] is None else _array_from(track[name], owner)
            for name in ("confidence", "second_codes")
        )
        run._tracks[track["id"]] = TrackLabels(table, times, codes, records, confidence, second)
    return run


def _state_from(state: str | list[str]) -> str | tuple[str, ...]:
    return state if isinstance(state, str) else tuple(state)


# -- tracks


def _recording_content(recording: Recording, parcel: Parcel) -> dict[str, Any]:
    return {
        "type": "recording",
        "run": recording.run,
        "metadata": _fragment(recording.metadata),
        "format": recording.format,
        "sources": list(map(str, recording.sources)),
        "labels": _labels_content(recording.own_labels, parcel),
        "left_out": recording.left_out,
        "tracks": [
            {"id": larva, **_track_content(track, parcel)} for larva, track in recording.items()
        ],
    }


def _track_content(track: Track, parcel: Parcel) -> dict[str, Any]:
    return {
        "type": "track",
        "times": parcel.place(track.times, np.float64),
        "spine": parcel.place(track.spine, np.float64),
        "outline": parcel.place(track.outline, np.float64),
        "outline_offsets": parcel.place(track.outline_offsets, np.int64),
        "indicators": [
            [name, parcel.place(values, np.bool_)] for name, values in track.indicators.items()
        ],
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
    return Track(
        _array_from(content["times"], owner),
        _array_or_none(content["spine"], owner),
        _array_or_none(content["outline"], owner),
        _array_or_none(content["outline_offsets"], owner),
        {name: _array_from(place, owner) for name, place in content["indicators"]},
    )
