"""All violations in a label file, where reading stops at the first one.

The strict reader checks parts of the file one by one: each entry of a run, all larva identifiers,
each column of a track. When it refuses an element of a list, it checks the list without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taggingbackends.errors import LabelFileError
from taggingbackends.labels.dependencies import check_dependencies
from taggingbackends.labels.fast.elements import Decoder
from taggingbackends.labels.otherwriters import normalize_document
from taggingbackends.labels.reading import (
    load_document,
    parse,
    parse_columns,
    parse_declarations,
    parse_document,
    parse_larva,
)
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import StateTable
from taggingbackends.labels.tracklabels import is_record
from taggingbackends.labels.validation import COLUMN_KEYS, TRACK_KEYS, check_overlap
from taggingbackends.system.files import open_file
from taggingbackends.system.words import listed

__all__ = ["find_errors", "unreadable_records"]

_Check = Callable[[list[Any]], list[Path]]

_MOST = 20  # errors reported for one list


def find_errors(path: str | PathLike[str]) -> list[LabelFileError]:
    """Return all violations in a label file and in the files that it depends on.

    Parameters
    ----------
    path : path
        The label file.

    Returns
    -------
    list of LabelFileError
        Each has kind, file, run, track and index, as from `Labels.read`; the first is the one that
        `Labels.read` raises. At most 20 are reported for one list, such as the labels of a track.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    path = Path(path)
    with open_file(path) as file:
        content = file.read()
    found: list[LabelFileError] = []
    try:
        parse(content, file=path)
    except LabelFileError as first:
        found.append(first)
        if first.kind == "invalid-json":
            return found
    check = partial(check_dependencies, folder=path.parent)
    document = load_document(content)
    normalize_document(document)
    found += _document_errors(document, check)
    distinct: dict[tuple[Any, ...], LabelFileError] = {}
    for error in found:
        error.file = error.file or path
        distinct.setdefault((error.kind, error.problem, error.run, error.track, error.index), error)
    return list(distinct.values())


def unreadable_records(runs: Mapping[str, RunLabels]) -> list[str]:
    """Return a sentence for each per-frame record of a run that Nyx cannot read.

    Nyx reads a record as values of the type of the first one. To Nyx, whole floats are integers.
    """
    sentences = []
    for run in runs.values():
        found: dict[tuple[str, str], list[int]] = {}
        for larva, track in run.items():
            for key, value in track.records.items():
                problem = _unreadable(value) if is_record(value, len(track)) else None
                if problem is not None:
                    found.setdefault((key, problem), []).append(larva)
        for (key, problem), larvae in found.items():
            of = f"{'larva' if len(larvae) == 1 else 'larvae'} {listed(larvae, 5)}"
            sentences.append(f"run {run.id}: Nyx cannot read the record {key!r} of {of}: {problem}")
    return sentences


def _unreadable(record: list[Any] | NDArray[Any]) -> str | None:
    """Return why Nyx cannot read a per-frame record; None if it can."""
    values = record.tolist() if isinstance(record, np.ndarray) else record
    kinds = {float if type(value) is int else type(value) for value in values}
    if type(None) in kinds:
        return "null among its values"
    if not (kinds <= {float} or kinds <= {bool} or kinds <= {str}):
        return "values that are not all numbers, all booleans or all strings"
    whole = [float(value).is_integer() for value in values if kinds == {float}]
    if whole and whole[0] and not all(whole):
        return "a whole number first, and others that are not whole"
    return None


def _document_errors(document: Any, check: _Check) -> Iterator[LabelFileError]:
    if not isinstance(document, dict):
        yield from _errors(document)
        return
    runs = document.get("runs")
    if ("runs" in document) == ("data" in document) or not isinstance(runs, dict | None):
        yield from _errors(_bare(document))
    if "data" in document:
        if "runs" not in document:
            yield from _errors(_bare(document))
        yield from _located(_identifier(document), _run_errors(document, check))
    for key, run in runs.items() if isinstance(runs, dict) else ():
        yield from _located(key, _errors({"runs": {key: _bare(run)}}))
        if isinstance(run, dict):
            yield from _located(_identifier(run) or key, _run_errors(run, check))


def _bare(run: Any) -> Any:
    """Return a run without its parts: only what identifies it."""
    if not (isinstance(run, dict) and "data" in run):
        return run
    return {key: run[key] for key in ("metadata", "runs") if key in run} | {"data": []}


def _identifier(run: dict[str, Any]) -> str | None:
    metadata = run.get("metadata")
    identifier = metadata.get("id") if isinstance(metadata, dict) else None
    return identifier if isinstance(identifier, str) and identifier else None


def _run_errors(run: dict[str, Any], check: _Check) -> Iterator[LabelFileError]:
    if "units" in run:
        yield from _errors(_run(units=run["units"]))
    declared: dict[str, Any] = {
        key: run[key] for key in ("labels", "secondarylabels") if key in run
    }
    yield from _declaration_errors(declared)
    dependencies = run.get("dependencies", [])
    dependencies = dependencies if isinstance(dependencies, list) else [dependencies]
    for index, entry in enumerate(dependencies):
        for error in _raised(partial(_check_dependency, entry, check)):
            error.index = index
            yield error
    tracks = run.get("data", [])
    if not isinstance(tracks, list):
        yield from _errors(_run(data=tracks))
        return
    bare = [_without_columns(track) for track in tracks]
    yield from _element_errors(bare, lambda tracks: _errors(_run(data=tracks)))
    table, faults = parse_declarations(declared)
    decoder = Decoder(table, declared=not faults)
    for position, track in enumerate(tracks):
        if isinstance(track, dict):
            yield from _column_errors(track, position, table, decoder)


def _declaration_errors(declared: dict[str, Any]) -> Iterator[LabelFileError]:
    good: dict[str, list[Any]] = {}
    for key, value in declared.items():
        listed = value.get("names") if isinstance(value, dict) else value
        if not isinstance(listed, list):
            yield from _errors(_run(**{key: value}))
            continue
        errors = _element_errors(listed, partial(_name_errors, key))
        yield from errors
        bad = {error.index for error in errors}
        names = (name for place, name in enumerate(listed) if place not in bad)
        good[key] = [name for name in names if isinstance(name, str)]
        if isinstance(value, dict):
            yield from _color_errors(key, value, len(listed))
    primary = set(good.get("labels", []))
    both = (name for name in good.get("secondarylabels", []) if name in primary)
    for name in islice(both, _MOST):
        yield from _raised(partial(check_overlap, [name], [name]))


def _name_errors(key: str, names: list[Any]) -> list[LabelFileError]:
    return _errors(_run(**{key: names}))


def _color_errors(key: str, value: dict[str, Any], size: int) -> Iterator[LabelFileError]:
    def errors(names: int, colors: Any) -> list[LabelFileError]:
        named = value | {"names": [str(place) for place in range(names)]}
        return _errors(_run(**{key: named | ({} if colors is None else {"colors": colors})}))

    colors = value.get("colors")
    if isinstance(colors, list):
        yield from _element_errors(colors, lambda colors: errors(len(colors), colors))
        yield from errors(size, ["#000000"] * len(colors))
    else:
        yield from errors(size, None)


def _check_dependency(entry: Any, check: _Check) -> None:
    try:
        check([entry])
    except OSError as error:
        problem = f"expected a file that can be read, found: {error.strerror}"
        raise LabelFileError("bad-dependency", problem, file=error.filename) from None


def _without_columns(track: Any) -> Any:
    if not isinstance(track, dict):
        return track
    return {key: track[key] if key == "id" else [] for key in TRACK_KEYS if key in track}


def _column_errors(
    track: dict[str, Any], position: int, table: StateTable, decoder: Decoder
) -> Iterator[LabelFileError]:
    larva: int | None = None
    with suppress(LabelFileError):  # the error is reported elsewhere
        larva = parse_larva(track.get("id"), position)
    times, states = (track.get(key, []) for key in ("t", "labels"))

    def errors(times: Any, states: Any, **more: Any) -> list[LabelFileError]:
        columns = {"t": times, "labels": states, **more}
        found = _raised(partial(parse_columns, columns, table, decoder))
        for error in found:
            error.track = larva
            if larva is None:
                error.problem += f" (in track {position} of data)"
        return found

    if isinstance(times, list):
        yield from _element_errors(times, lambda times: errors(times, [[]] * len(times)))
    else:
        yield from errors(times, [])
    if isinstance(states, list):
        yield from _element_errors(states, lambda states: errors([*range(len(states))], states))
    else:
        yield from errors([], states)
    if isinstance(times, list) and isinstance(states, list) and track.keys() >= set(TRACK_KEYS):
        yield from errors([*range(len(times))], [[]] * len(states))
    for key in (key for key in COLUMN_KEYS if key in track):
        value = track[key]

        def of_column(items: Any, key: str = key) -> list[LabelFileError]:
            n = len(items) if isinstance(items, list) else 0
            return errors([*range(n)], [[]] * n, **{key: items})

        yield from (
            _element_errors(value, of_column) if isinstance(value, list) else of_column(value)
        )
        if isinstance(value, list) and isinstance(times, list) and len(value) != len(times):
            yield from errors([*range(len(times))], [[]] * len(times), **{key: [0] * len(value)})


def _run(**entries: Any) -> dict[str, Any]:
    return {"metadata": {"id": "-"}, "data": entries.pop("data", []), **entries}


def _element_errors(
    items: list[Any], errors: Callable[[list[Any]], list[LabelFileError]]
) -> list[LabelFileError]:
    """Find the bad elements of a list, leaving out one after the other."""
    left, places = list(items), list(range(len(items)))
    found: list[LabelFileError] = []
    while len(found) < _MOST and (more := errors(list(left))):
        found += more
        at = more[0].index
        if at is None:
            break
        more[0].index = places[at]
        del left[at], places[at]
    return found


def _errors(document: Any) -> list[LabelFileError]:
    """Return the error that the reader raises for a document, none if it is valid."""
    return _raised(partial(parse_document, document))


def _raised(ask: Callable[[], Any]) -> list[LabelFileError]:
    try:
        ask()
    except LabelFileError as error:
        error.run = None  # the run of the file is not known here
        return [error]
    return []


def _located(run: str | None, errors: Iterable[LabelFileError]) -> Iterator[LabelFileError]:
    for error in errors:
        error.run = run
        yield error
