"""Tables of frames, bouts and budgets, as columns of NumPy and as DataFrames."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from taggingbackends.labels.bouts import Bouts, bouts_of_spans
from taggingbackends.labels.confidence import known_confidence, second_codes
from taggingbackends.labels.facts import run_facts
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import State, labels_of
from taggingbackends.labels.stretches import columns_of, find_spans, find_stretches, label_pairs
from taggingbackends.labels.tracklabels import TrackLabels, is_record
from taggingbackends.labels.writing import json_text
from taggingbackends.system.extras import require
from taggingbackends.system.names import utf8_name

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = [
    "FIXED",
    "FRAMES",
    "TABLES",
    "Columns",
    "Extent",
    "Texts",
    "as_data_frame",
    "bout_columns",
    "budget_columns",
    "extent_of",
    "frame_columns",
    "state_text",
    "text_state",
]

FRAMES = ("run", "larva", "time", "duration", "state")
_MODEL = ("confidence", "second")
FIXED = {
    "frames": FRAMES + _MODEL,
    "bouts": ("run", "larva", "label", "start", "stop", "duration", "frames", "confidence"),
    "budget": ("run", "larva", "label", "seconds", "share", "frames", "bouts", "tracked"),
}
"""Columns that each table has, whatever the labels are."""


class _Labels(Protocol):
    # what Labels has, which this module cannot import
    file: Path | None

    def values(self) -> Iterable[RunLabels]: ...


class Texts(NamedTuple):
    """A column of texts, most of which are repeated.

    Attributes
    ----------
    codes : (n,) array of int
        0-based indices into `categories`; -1: missing.
    categories : list of str
        Distinct texts.
    """

    codes: NDArray[Any]
    categories: list[str]


Columns: TypeAlias = dict[str, NDArray[Any] | Texts]
"""A table: columns of one length, by name."""


class Extent(NamedTuple):
    """What the tables of frames of several recordings contain, to give all the same columns.

    Attributes
    ----------
    names : dict
        Primary and secondary labels, in order of appearance; the values do not matter.
    records : dict
        Per-frame records, with the type of their columns: ``"?"``, ``"i8"``, ``"f8"`` or
        ``"text"``.
    """

    names: dict[str, None]
    records: dict[str, str]


def extent_of(recordings: Iterable[_Labels]) -> Extent:
    """Return the labels and the per-frame records of some recordings, which are read once."""
    names: dict[str, None] = {}
    found: dict[str, set[str]] = {}
    tracks = 0
    having: dict[str, int] = {}  # number of tracks that have a record
    for labels in recordings:
        for run in labels.values():
            names |= dict.fromkeys(run.names + run.secondary_names)
            for track in run.values():
                tracks += len(track) > 0
                for key, value in _records(track).items():
                    found.setdefault(key, set()).add(_type_of(value))
                    having[key] = having.get(key, 0) + 1
    records = {}
    for key, types in found.items():
        complete = having[key] == tracks and len(types) == 1
        records[key] = next(iter(types)) if complete else "text" if "text" in types else "f8"
    return Extent(names, records)


def _records(track: TrackLabels) -> dict[str, Any]:
    n = len(track)
    return {key: value for key, value in track.records.items() if n and is_record(value, n)}


def _type_of(record: Any) -> str:
    if isinstance(record, np.ndarray) and record.ndim == 1:
        if record.dtype.kind in "biuf":
            large = record.dtype.kind == "u" and record.max() > np.iinfo(np.int64).max
            return {"b": "?", "f": "f8"}.get(record.dtype.kind, "f8" if large else "i8")
        record = record.tolist()
    if isinstance(record, list) and all(
        isinstance(x, (float, int, type(None))) and not isinstance(x, bool) for x in record
    ):
        return "f8"
    return "text"


def frame_columns(
    labels: _Labels,
    max_gap: float | None,
    metadata: Sequence[str],
    extent: Extent | None = None,
) -> Columns:
    """Return the table of `Labels.to_frames`.

    Parameters
    ----------
    labels, max_gap, metadata
        As there.
    extent : Extent, optional
        Give the table the columns of these labels and records; it must include those of `labels`.
    """
    extent = extent_of([labels]) if extent is None else extent
    headers = _Headers("frames", metadata, extent)
    return _joined(labels, partial(_frames_of, max_gap=max_gap, headers=headers))


def bout_columns(
    labels: _Labels, max_gap: float | None, metadata: Sequence[str], _: Extent | None = None
) -> Columns:
    """Return the table of `Labels.to_bouts`."""
    headers = _Headers("bouts", metadata)
    return _joined(labels, partial(_bouts_of, max_gap=max_gap, headers=headers))


def budget_columns(
    labels: _Labels, max_gap: float | None, metadata: Sequence[str], _: Extent | None = None
) -> Columns:
    """Return the table of `Labels.to_budget`."""
    headers = _Headers("budget", metadata)
    return _joined(labels, partial(_budget_of, max_gap=max_gap, headers=headers))


class _Table(Protocol):
    def __call__(
        self,
        labels: _Labels,
        max_gap: float | None,
        metadata: Sequence[str],
        extent: Extent | None = None,
        /,
    ) -> Columns: ...


TABLES: dict[str, _Table] = {
    "frames": frame_columns,
    "bouts": bout_columns,
    "budget": budget_columns,
}
"""Functions that return the tables, by name."""


class _Headers:
    """Names of the columns of metadata, labels and records, each different from all others."""

    def __init__(self, table: str, metadata: Sequence[str], extent: Extent | None = None) -> None:
        taken = set(FIXED[table])
        metadata = (metadata,) if isinstance(metadata, str) else metadata
        self.extent = Extent({}, {}) if extent is None else extent
        self.metadata = _free("metadata", metadata, taken)
        self.labels = _free("label", self.extent.names, taken)
        self.records = _free("record", self.extent.records, taken)


def _free(kind: str, names: Iterable[str], taken: set[str]) -> dict[str, str]:
    """Return the header of each name: the name itself, or ``kind_name`` if it is taken."""
    headers = {}
    for name in dict.fromkeys(names):
        header = name
        while header in taken:
            header = f"{kind}_{header}"
        taken.add(header)
        headers[name] = header
    return headers


def _joined(labels: _Labels, columns_of_run: Callable[[RunLabels, str | None], Columns]) -> Columns:
    """Return the tables of all runs as one."""
    file = None if labels.file is None else utf8_name(labels.file)
    if file is not None:  # a file's name may have bytes that are not UTF-8
        file = file.encode("utf-8", "backslashreplace").decode()
    parts = [columns_of_run(run, file) for run in labels.values()]
    if not parts:
        return columns_of_run(RunLabels("none"), None)
    return parts[0] if len(parts) == 1 else {name: _stacked(parts, name) for name in list(parts[0])}


def _stacked(parts: list[Columns], name: str) -> NDArray[Any] | Texts:
    columns = [part.pop(name) for part in parts]  # to free the memory
    texts = [column for column in columns if isinstance(column, Texts)]
    if not texts:
        return np.concatenate([np.asarray(column) for column in columns])
    codes: dict[str, int] = {}
    for column in texts:
        for text in column.categories:
            codes.setdefault(text, len(codes))
    dtype = _code_type(len(codes))
    return Texts(
        np.concatenate(
            [
                np.array([*map(codes.__getitem__, column.categories), -1], dtype)[column.codes]
                for column in texts
            ]
        ),
        list(codes),
    )


def _code_type(categories: int) -> type[np.signedinteger[Any]]:
    return np.int8 if categories < 2**7 else np.int16 if categories < 2**15 else np.int32


def _repeated(text: str | None, n: int) -> Texts:
    """Return a column with one text, or none, in each of its rows."""
    if text is None or not n:
        return Texts(np.full(n, -1, np.int8), [])
    return Texts(np.zeros(n, np.int8), [text])


def _metadata(run: RunLabels, file: str | None, headers: _Headers, n: int) -> Columns:
    facts = run_facts(run) | ({} if file is None else {"file": file})
    return {header: _repeated(facts.get(name), n) for name, header in headers.metadata.items()}


def _frames_of(
    run: RunLabels, file: str | None, max_gap: float | None, headers: _Headers
) -> Columns:
    tracks, times, codes = columns_of(run)
    n = len(times)
    columns: Columns = {"run": _repeated(run.id, n), "larva": _larvae(run)[tracks], "time": times}
    columns["duration"] = find_stretches(tracks, times, max_gap).ends - times
    del tracks
    states = run.states
    columns["state"] = _coded(codes, [state_text(state) or None for state in states])
    having: dict[str, list[int]] = {}  # numbers of the states that have a label
    for number in run._used_codes():
        for name in labels_of(states[number]):
            having.setdefault(name, []).append(number)
    for name, header in headers.labels.items():
        is_on = np.zeros(len(states), dtype=bool)
        is_on[having.get(name, [])] = True
        columns[header] = is_on[codes]
    columns |= _model_columns(run, states)
    for key, header in headers.records.items():
        columns[header] = _record(run, key, headers.extent.records[key])
    return columns | _metadata(run, file, headers, n)


def _larvae(run: RunLabels) -> NDArray[np.int32]:
    return np.array(list(run), dtype=np.int32)


def _coded(codes: NDArray[np.int32], texts: Sequence[str | None]) -> Texts:
    """Return a column of texts by number; those that do not occur become no category."""
    used = np.bincount(codes, minlength=len(texts)) > 0
    numbers: dict[str, int] = {}
    for number in np.flatnonzero(used).tolist():
        text = texts[number]
        if text is not None:
            numbers.setdefault(text, len(numbers))
    translation = [
        numbers[text] if is_used and text is not None else -1
        for text, is_used in zip(texts, used.tolist(), strict=True)
    ]
    return Texts(np.array(translation, _code_type(len(numbers)))[codes], list(numbers))


def _model_columns(run: RunLabels, states: Sequence[State]) -> Columns:
    confidence = [np.empty(0)]
    for track in run.values():
        known = track.confidence
        confidence.append(np.full(len(track), np.nan) if known is None else known)
    choices = [state if isinstance(state, str) else None for state in states]
    return {
        "confidence": np.concatenate(confidence),
        "second": _coded(second_codes(run), choices),
    }


def _record(run: RunLabels, key: str, type: str) -> NDArray[Any] | Texts:
    if type == "text":
        cells: list[str | None] = []
        for track in run.values():
            record = _records(track).get(key, [None] * len(track))
            cells += map(_cell, record.tolist() if isinstance(record, np.ndarray) else record)
        texts = [text for text in dict.fromkeys(cells) if text is not None]
        numbers = {text: number for number, text in enumerate(texts)}
        codes = [-1 if text is None else numbers[text] for text in cells]
        return Texts(np.array(codes, _code_type(len(texts))), texts)
    dtype = np.dtype(type)
    parts = [np.empty(0, dtype)]
    for track in run.values():
        record = _records(track).get(key)
        missing = record is None
        parts.append(np.full(len(track), np.nan) if missing else np.asarray(record, dtype))
    return np.concatenate([part.astype(dtype, copy=False) for part in parts])


def _cell(element: Any) -> str | None:
    """Return an element of a record that is not of numbers only, as text."""
    if element is None or isinstance(element, str):
        return element
    try:
        return json.dumps(element)
    except RecursionError:  # label files may be nested deeper than Python's limit
        return json_text(element).decode()


def _bouts_of(
    run: RunLabels, file: str | None, max_gap: float | None, headers: _Headers
) -> Columns:
    bouts, tracks = bouts_of_spans(run, find_spans(run, max_gap))
    return {
        "run": _repeated(run.id, len(bouts)),
        "larva": bouts.larvae.astype(np.int32),
        "label": Texts(bouts.labels.astype(_code_type(len(bouts.names))), bouts.names),
        "start": bouts.start,
        "stop": bouts.stop,
        "duration": bouts.durations,
        "frames": bouts.frames,
        "confidence": _mean_confidence(run, bouts, tracks),
        **_metadata(run, file, headers, len(bouts)),
    }


def _mean_confidence(
    run: RunLabels, bouts: Bouts, tracks: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the mean over the frames of each bout whose confidence is known, or else NaN."""
    confidence = known_confidence(run)
    known = ~np.isnan(confidence)
    if not known.any():
        return np.full(len(bouts), np.nan)
    sizes = np.array([len(track) for track in run.values()])
    first = (np.cumsum(sizes) - sizes)[tracks] + bouts.first_frames
    edges = np.column_stack([first, first + bouts.frames]).ravel()
    columns = (np.where(known, confidence, 0.0), known.astype(np.float64))
    # every other sum is of the frames between bouts; an edge may be the end of all frames
    total, count = (np.add.reduceat(np.append(x, 0.0), edges)[::2] for x in columns)
    return _shares(total, count)


def _budget_of(
    run: RunLabels, file: str | None, max_gap: float | None, headers: _Headers
) -> Columns:
    spans = find_spans(run, max_gap)
    bouts, tracks = bouts_of_spans(run, spans)
    larvae, names = len(run), run.names + run.secondary_names
    n = larvae * len(names)
    durations = spans.stop - spans.start
    places, labels = label_pairs(run, spans.states)
    rows = spans.tracks[places] * len(names) + labels
    seconds = np.bincount(rows, durations[places], minlength=n).astype(np.float64)
    frames = np.bincount(rows, spans.frames[places], minlength=n).astype(np.int64)
    of_bouts = tracks * len(names) + bouts.labels
    tracked = np.bincount(spans.tracks, durations, minlength=larvae).astype(np.float64)
    tracked = tracked.repeat(len(names))
    return {
        "run": _repeated(run.id, n),
        "larva": _larvae(run).repeat(len(names)),
        "label": Texts(np.tile(np.arange(len(names), dtype=_code_type(len(names))), larvae), names),
        "seconds": seconds,
        "share": _shares(seconds, tracked),
        "frames": frames,
        "bouts": np.bincount(of_bouts, minlength=n).astype(np.int64),
        "tracked": tracked,
        **_metadata(run, file, headers, n),
    }


def _shares(parts: NDArray[Any], of: NDArray[Any]) -> NDArray[np.float64]:
    """Return parts / of, or NaN where there is nothing."""
    shares = np.full(len(parts), np.nan)
    np.divide(parts, of, out=shares, where=of > 0)
    return shares


def state_text(state: State) -> str:
    r"""Return a state as text: its labels, joined by +; a + in a label is written ``\+``."""
    return "+".join(name.replace("\\", "\\\\").replace("+", "\\+") for name in labels_of(state))


def text_state(text: str) -> State:
    """Return the state of which `state_text` returns the text."""
    names, name, escaped = [], "", False
    for character in text:
        if escaped or character not in "\\+":
            name, escaped = name + character, False
        elif character == "\\":
            escaped = True
        else:
            names.append(name)
            name = ""
    if not names:
        return name or ()
    return (*names, name)


def as_data_frame(columns: Mapping[str, NDArray[Any] | Texts]) -> DataFrame:
    """Return a table as a DataFrame; texts become categorical columns."""
    pd = require("pandas", "pandas", "a DataFrame")
    series = {
        name: pd.Categorical.from_codes(column.codes, pd.Index(column.categories, dtype="str"))
        if isinstance(column, Texts)
        else column
        for name, column in columns.items()
    }
    return pd.DataFrame(series, copy=False)
