"""All violations in a label file, where reading stops at the first one.

The strict reader checks parts of the file one by one: each entry of a run, all larva identifiers,
each column of a track. When it refuses an element of a list, it checks the list without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any

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
from taggingbackends.labels.states import StateTable
from taggingbackends.labels.validation import TRACK_KEYS, check_overlap
from taggingbackends.system.files import open_file

__all__ = ["find_errors"]

_Check = Callable[[list[Any]], list[Path]]

_MOST = 20  # errors reported for one list


def find_errors(
    path: str | PathLike[str], known: dict[Path, str] | None = None
) -> list[LabelFileError]:
    """Return all violations in a label file and in the files that it depends on.

    Parameters
    ----------
    path : path
        The label file.
    known : dict of Path to str, optional
        As for `check_dependencies`, to read the tracker files of several label files once.

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
    known = {} if known is None else known
    check = partial(check_dependencies, folder=path.parent, known=known)
    document = load_document(content)
    normalize_document(document)
    found += _document_errors(document, check)
    distinct: dict[tuple[Any, ...], LabelFileError] = {}
    for error in found:
        error.file = error.file or path
        distinct.setdefault((error.kind, error.problem, error.run, error.track, error.index), error)
    return list(distinct.values())


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

    def errors(times: Any, states: Any) -> list[LabelFileError]:
        columns = {"t": times, "labels": states}
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
