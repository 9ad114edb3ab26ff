"""Writing of label files.

The canonical text is the same, byte by byte, for the same labels in Python and in Julia.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from taggingbackends.errors import LabelFileError, located, shown
from taggingbackends.labels.dependencies import validate_dependencies
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import Codes, State, labels_of
from taggingbackends.labels.tracklabels import TrackLabels
from taggingbackends.labels.validation import (
    COLUMN_KEYS,
    RUN_KEYS,
    TRACK_KEYS,
    check_confidence,
    check_units,
)
from taggingbackends.system.files import Expected, write_file

__all__ = ["json_text", "text", "write"]

MAX_DEPTH = 1024  # reading refuses deeper nesting
_LONG = 64  # bytes of a state's text; longer ones are not padded to the same length
_SHORT = 1024  # bytes of a text that orjson keeps in more memory than it needs


def write(
    path: str | PathLike[str],
    attributes: Mapping[str, Any],
    runs: Mapping[str, RunLabels],
    named: bool = False,
    expected: Expected = "anything",
) -> None:
    """Write a label file atomically; for the parameters see `text` and `write_file`."""
    with located(file=path):
        content = text(attributes, runs, named)
    write_file(Path(path), [content], expected)


def text(
    attributes: Mapping[str, Any], runs: Mapping[str, RunLabels], named: bool = False
) -> bytes:
    """Return the canonical text of labels (docs/contract.md, section 6).

    Parameters
    ----------
    attributes : mapping
        Further entries of the file, besides its runs.
    runs : mapping
        Run identifier -> labels of the run.
    named : bool
        Write states as names instead of codes. The result is not canonical, but can be read.

    Raises
    ------
    LabelFileError
        See `Labels.write`.
    """
    if len(runs) == 1 and not attributes:
        return b"".join(_run_text(next(iter(runs.values())), named, depth=1)) + b"\n"
    parts = [b"{"]
    for key, value in attributes.items():
        if key in ("data", "runs"):
            raise _reserved(f'expected no attribute named "{key}", which is reserved for the runs')
        parts += [_entry(key, value, depth=1), b",\n"]
    parts.append(b'"runs":{')
    for position, run in enumerate(runs.values()):
        parts += [
            b",\n" if position else b"\n",
            _dumps(run.id),
            b":",
            *_run_text(run, named, depth=3),
        ]
    return b"".join((*parts, b"\n}}\n"))


def _run_text(run: RunLabels, named: bool, depth: int) -> Iterator[bytes]:
    """Yield the text of a run that is nested `depth` levels deep."""
    with located(run=run.id):
        entries: dict[str, Any] = {"units": check_units(run.units)}
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
            ("attributes", run.attributes, (*RUN_KEYS, "runs")),
        ):
            for key in reserved:
                if key in given:
                    raise _reserved(f'expected no "{key}" in {name}: the key is reserved')
        yield b"{" + _entry("metadata", {"id": run.id, **run.metadata}, depth)
        for key, value in (entries | run.attributes).items():
            yield b",\n" + _entry(key, value, depth)
        yield b',\n"data":['
        states = _StateTexts(run, named)
        for position, (larva, track) in enumerate(run.items()):
            with located(track=larva):
                text = _track_text(larva, track, states, depth + 2)
                yield (b",\n" if position else b"\n") + text
        yield b"\n]}" if run else b"]}"


def _reserved(problem: str) -> LabelFileError:
    return LabelFileError("not-a-label-file", problem)


def _track_text(larva: int, track: TrackLabels, states: _StateTexts, depth: int) -> bytes:
    parts = [b'{"id":"%d","t":' % larva, _times_text(track.times), b',"labels":']
    parts.append(states.column(track.codes))
    if track.confidence is not None:
        percents = np.rint(100 * check_confidence(track.confidence, len(track)))
        percents[np.isnan(percents)] = -1
        parts += [b',"confidence":', _dumps(percents.astype(np.int32))]
    if track.second_codes is not None:
        parts += [b',"second":', _dumps(states.codes[track.second_codes])]
    for key, value in track.records.items():
        if key in TRACK_KEYS or key in COLUMN_KEYS:
            raise _reserved(f'expected no record named "{key}": the key is reserved')
        parts += [b",", _entry(key, value, depth)]
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
            else f"expected a time that can be written in milliseconds, found {times[index]}"
        )
        raise LabelFileError("bad-time", problem, index=index)
    return _dumps(rounded)


class _StateTexts:
    """Text of each state of a run: a code, a name, or an array of these."""

    def __init__(self, run: RunLabels, named: bool) -> None:
        code_of = {name: code for code, name in enumerate((*run.names, *run.secondary_names), 1)}

        def text(state: State) -> bytes:
            # a state without frames may have names that are no longer declared
            items = [name if named else code_of.get(name, 0) for name in labels_of(state)]
            return _dumps(items[0] if isinstance(state, str) else items) + b","

        # of single labels
        self.codes = run._table.translation(
            lambda state: code_of.get(state, 0) if isinstance(state, str) else 0
        )
        self._texts = list(map(text, run._table.states))
        self._padded = np.array(self._texts) if max(map(len, self._texts)) <= _LONG else None

    def column(self, column: Codes) -> bytes:
        if self._padded is None:
            elements = b"".join(map(self._texts.__getitem__, column.tolist()))
        else:
            elements = self._padded.take(column).tobytes().translate(None, b"\0")
        return b"[%b]" % elements[:-1]


def _entry(key: Any, value: Any, depth: int) -> bytes:
    return _dumps(_key(key)) + b":" + json_text(value, depth)


def json_text(value: Any, depth: int = 0) -> bytes:
    """Return the canonical text of a JSON value that is nested `depth` levels deep."""
    parts: list[bytes] = []
    # A stack, because reading allows deeper nesting than Python's recursion limit.
    stack: list[tuple[bytes, Any]] = [(b"", value)]
    while stack:
        before, item = stack.pop()
        parts.append(before)
        if item is _END:
            depth -= 1
            continue
        if isinstance(item, np.ndarray) and (item.dtype.kind not in "biuf" or item.ndim != 1):
            item = item.tolist()
        if isinstance(item, (dict, list, tuple)):
            depth += 1
            if depth > MAX_DEPTH:
                problem = f"expected at most {MAX_DEPTH} levels of brackets, found more"
                raise LabelFileError("invalid-json", problem)
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
    """Serialize a leaf, a column or a list of integers, with floats in orjson's format."""
    floats = isinstance(value, (float, np.floating)) or (
        isinstance(value, np.ndarray) and value.dtype.kind == "f"
    )
    if floats and not np.isfinite(value).all():
        raise LabelFileError("invalid-json", f"expected finite numbers, found {shown(value)}")
    if isinstance(value, np.ndarray):
        value = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("="))
    try:
        text = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
        # a short text of orjson keeps 2 kB of memory; a copy of it does not
        return bytes(memoryview(text)) if len(text) < _SHORT else text
    except TypeError as error:
        problem = f"expected a value that JSON can hold, found {shown(value)} ({error})"
        raise LabelFileError("invalid-json", problem) from None
