"""What MATLAB's jsondecode makes of JSON, and a reader of label files that gets only that.

`test/contract/jsondecode.json` states the same as data. `test_r_and_octave.py`
compares it with Octave.
"""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from support import CONTRACT
from taggingbackends import Labels
from taggingbackends.labels.states import labels_of

CASES = json.loads((CONTRACT / "jsondecode.json").read_text("utf-8"))
KEYWORDS = {"case", "catch", "end", "function", "global", "otherwise", "parfor", "switch"} | {
    name for name in keyword.kwlist if name in {"break", "continue", "else", "for", "if", "while"}
}


class Structs(list[dict[str, Any]]):
    """An array of structs with the same fields."""


def jsondecode(value: Any) -> Any:
    """Return a JSON value as MATLAB has it.

    Numbers and booleans are arrays of two dimensions or more, a cell array is a list, a struct a
    dict, and an array of structs a `Structs`.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return {valid_name(key): jsondecode(each) for key, each in value.items()}
    if not isinstance(value, list):
        return np.zeros((0, 0)) if value is None else np.array([[value]], _type(value))
    if not value:
        return np.zeros((0, 0))
    types = {_type(each) for each in value if each is not None}
    if types in ({bool}, {float}) and (None not in value or types == {float}):
        return np.array([[np.nan if x is None else x] for x in value], types.pop())
    decoded = [jsondecode(each) for each in value]
    if types == {dict} and len({tuple(each) for each in decoded}) == 1:
        return Structs(decoded)
    sizes = {isinstance(each, np.ndarray) and (each.dtype, each.shape) for each in decoded}
    if types != {list} or len(sizes) > 1 or sizes == {False} or not decoded[0].size:
        return decoded
    return np.stack([each[:, 0] if each.shape[1] == 1 else each for each in decoded])


def _type(value: Any) -> type:
    return float if type(value) is int else type(value)


def valid_name(name: str) -> str:
    """Return a name as matlab.lang.makeValidName does."""
    name = re.sub(r"\s+([a-z]?)", lambda found: found[1].upper(), name)
    if name in KEYWORDS:
        return "x" + name.capitalize()
    name = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return name if re.match("[A-Za-z]", name) else "x" + name


def described(value: Any) -> str:
    """Return the class, the size and the fields of a decoded value."""
    if isinstance(value, str):
        return "char"
    if isinstance(value, dict):
        return f"struct ({', '.join(value)})"
    if isinstance(value, Structs):
        return f"struct {len(value)}x1 ({', '.join(value[0])})"
    if isinstance(value, list):
        return f"cell {len(value)}x1"
    name = "logical" if value.dtype == bool else "double"
    return f"{name} {'x'.join(map(str, value.shape))}"


def check(path: Path) -> None:
    """Check that a label file has in MATLAB what the contract says."""
    for run in _runs(path):
        assert {"metadata", "units", "data"} <= run.keys()
        for place, value in _entries(run):
            known = CASES["entries"].get(place)
            assert known is None or described(value).split()[0] in known, place


def _runs(path: Path) -> list[dict[str, Any]]:
    file = jsondecode(json.loads(path.read_text("utf-8")))
    return list(file["runs"].values()) if "runs" in file else [file]


def _entries(run: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the values in a run, and those in its structs, with their names."""
    for key, value in run.items():
        yield key, value
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, dict):
                yield from ((f"{key}.{name}", each) for name, each in part.items())


Meaning = dict[str, dict[str, list[tuple[float, list[str]]]]]


def read(path: Path) -> Meaning:
    """Return run -> larva -> times and labels, as the reader in docs/other-programs.md does."""
    found: Meaning = {}
    for run in _runs(path):
        names = run.get("labels", [])
        names = names["names"] if isinstance(names, dict) else names
        names = names + run.get("secondarylabels", [])
        tracks = run["data"] if isinstance(run["data"], list) else []
        found[run["metadata"]["id"]] = {
            track["id"]: [
                (float(time), [names[int(code) - 1] for code in np.ravel(codes)])
                for time, codes in zip(np.ravel(track["t"]), track["labels"], strict=True)
            ]
            for track in tracks
        }
    return found


def meant(labels: Labels) -> Meaning:
    """Return the same of labels."""
    return {
        run.id: {
            str(larva): [
                (time, list(labels_of(state)))
                for time, state in zip(track.times.tolist(), track.states, strict=True)
            ]
            for larva, track in run.items()
        }
        for run in labels.values()
    }
