"""Variants of label files, as other JSON writers make them, and what must come of each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

RUN = "20240611_101500"
SHA1 = "2e7d81499d3ca85a39a1e185788d2f545c02b528"

OURS: dict[str, Any] = {
    "metadata": {"id": RUN},
    "units": {"t": "s"},
    "labels": {"names": ["run"], "colors": ["#2ca02c"]},
    "secondarylabels": ["edited"],
    "dependencies": [{"filename": "x.spine", "sha1": SHA1}],
    "data": [{"id": "7", "t": [0.5], "labels": [1]}],
}
"""A run in which every list has one element."""

# places in the run, and the forms in which other writers have what is there
READ: dict[tuple[str | int, ...], list[Any]] = {
    ("metadata",): [[{"id": RUN}], [{"id": [RUN]}]],
    ("metadata", "id"): [[RUN]],
    ("units",): [[{"t": "s"}], {"t": ["s"]}, [{"t": ["s"]}], {}],
    ("labels",): [[{"names": "run", "colors": "#2ca02c"}]],
    ("labels", "names"): ["run", [["run"]]],
    ("labels", "colors"): ["#2ca02c", [["#2ca02c"]]],
    ("secondarylabels",): ["edited", [["edited"]]],
    ("dependencies",): [{"filename": "x.spine", "sha1": SHA1}],
    ("dependencies", 0, "filename"): [["x.spine"]],
    ("dependencies", 0, "sha1"): [[SHA1]],
    ("data",): [{"id": 7.0, "t": 0.5, "labels": 1.0}],
    ("data", 0, "id"): [7, 7.0, [7], ["7"], [7.0], "007"],
    ("data", 0, "t"): [0.5, [[0.5]]],
    ("data", 0, "labels"): [1, 1.0, "run", ["run"], [1.0], [[1]], [[1.0]], [["run"]]],
}
REFUSED: dict[tuple[str | int, ...], list[Any]] = {
    ("metadata",): [[{"id": RUN}, {"id": RUN}], [], RUN],
    ("metadata", "id"): [[RUN, RUN], [], [[RUN]], 20240611.0],
    ("units",): [{"t": ["ms"]}, {"t": ["s", "s"]}, "s"],
    ("labels",): [1, "", [{"names": ["run"]}, {"names": ["cast"]}]],
    ("labels", "colors"): [["a", "b"], [], 1],
    ("secondarylabels",): ["run", [["edited", "run"]], {}],
    ("dependencies", 0, "filename"): [["x.spine", "y.spine"], "a/x.spine"],
    ("data",): ["7", {"7": []}, {"id": "7", "t": [0.5]}],
    ("data", 0, "id"): [7.5, ["7", "8"], [], True, "7.0", -7.0, 65536.0],
    ("data", 0, "t"): ["0.5", [[0.5, 0.6]], None, True, [["0.5"]], [], {}],
    ("data", 0, "labels"): [1.5, 0.0, -1.0, 3.0, None, True, {}, [], [1.0, 1.0], [[[1]]], ""],
}


def variants() -> Iterator[tuple[str, dict[str, bytes], str]]:
    """Yield name, files, and what must come of them: ``"read"`` as `OURS`, or ``"refused"``."""
    for places, expected in ((READ, "read"), (REFUSED, "refused")):
        for place, forms in places.items():
            for form in forms:
                run = changed(OURS, place, form)
                name = f"{'.'.join(map(str, place))} {json.dumps(form)}"
                yield name, {"x.label": json.dumps(run).encode()}, expected
    # all at once
    for number in range(3):
        run = OURS
        for place, forms in sorted(READ.items(), key=lambda item: -len(item[0])):
            if len(place) > 1:
                run = changed(run, place, forms[number % len(forms)])
        run |= {"metadata": [run["metadata"]], "data": run["data"][0]}
        yield f"all {number}", {"x.label": json.dumps(run).encode()}, "read"


def changed(run: dict[str, Any], place: tuple[str | int, ...], form: Any) -> dict[str, Any]:
    """Return a run with another form of what is in a place."""
    run = deepcopy(run)
    at: Any = run
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = form
    return run
