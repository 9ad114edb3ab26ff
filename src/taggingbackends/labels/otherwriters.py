"""Label files of other JSON writers, such as MATLAB's jsonencode and R's jsonlite.

They write an array of one element as the element, or an element as an array of one. Where only one
of the two is valid, both have the same meaning. The functions change the parsed JSON in place.
"""

from __future__ import annotations

from typing import Any

from taggingbackends.labels.validation import COLUMN_KEYS, TRACK_KEYS

__all__ = ["normalize_document", "normalize_run", "normalize_track", "whole"]


def normalize_document(document: Any) -> None:
    """Normalize all runs and tracks of a label file, as far as these can be recognized."""
    if not isinstance(document, dict):
        return
    runs = document.get("runs")
    for run in [document, *(runs.values() if isinstance(runs, dict) else ())]:
        if isinstance(run, dict) and "data" in run:
            normalize_run(run)
            for track in run["data"] if isinstance(run["data"], list) else ():
                if isinstance(track, dict):
                    normalize_track(track)


def normalize_run(run: dict[str, Any]) -> None:
    """Normalize the entries of a run, except the tracks' own."""
    for key in ("metadata", "units"):
        value = _change(run, key, _only(dict))
        if isinstance(value, dict):
            for name in value if key == "units" else ("id",):
                _change(value, name, _only(str))
    for key in ("labels", "secondarylabels"):
        value = _change(run, key, _only(dict))
        if isinstance(value, dict):
            for name in ("names", "colors"):
                _change(value, name, _texts)
        else:
            _change(run, key, _texts)
    entries = run.get("dependencies")
    for entry in entries if isinstance(entries, list) else [entries]:
        if isinstance(entry, dict):
            for key in ("filename", "sha1"):
                _change(entry, key, _only(str))
    data = run.get("data")
    if isinstance(data, dict) and all(key in data for key in TRACK_KEYS):
        run["data"] = [data]


def normalize_track(track: dict[str, Any]) -> None:
    """Normalize the entries of a track; whole numbers as codes are the decoder's task."""
    _change(track, "id", _only(str, int, float))
    if type(track.get("id")) is float:
        track["id"] = whole(track["id"])
    for key in ("t", "labels", *COLUMN_KEYS):
        types = (int, float, str) if key == "labels" else (int, float)
        if type(track.get(key)) in types:
            track[key] = [track[key]]
    for key in ("t", *COLUMN_KEYS):
        _change(track, key, lambda numbers: _elements(numbers, int, float))


def whole(number: float) -> int | float:
    """Return a whole number as an int, and any other as it is."""
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _change(entries: dict[str, Any], key: str, change: Any) -> Any:
    """Change a value, if there is one, and return it."""
    if key in entries:
        entries[key] = change(entries[key])
    return entries.get(key)


def _only(*types: type) -> Any:
    """Return a function that takes one value of some types out of an array of one element."""
    return lambda value: value[0] if _is_box(value, types) else value


def _texts(value: Any) -> Any:
    return [value] if isinstance(value, str) else _elements(value, str)


def _elements(value: Any, *types: type) -> Any:
    """Take the elements of an array out of arrays of one element, if each is in one."""
    if not (isinstance(value, list) and value and all(_is_box(item, types) for item in value)):
        return value
    return [item for (item,) in value]


def _is_box(value: Any, types: tuple[type, ...]) -> bool:
    return isinstance(value, list) and len(value) == 1 and type(value[0]) in types
