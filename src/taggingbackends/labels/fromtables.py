"""Labels from tables of frames and of bouts."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from taggingbackends.errors import LabelFileError, located, shown, wrong_type
from taggingbackends.labels.editing import Frames
from taggingbackends.labels.facts import FACTS
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import Codes, State, StateTable, labels_of
from taggingbackends.labels.tables import FIXED, Texts, text_state
from taggingbackends.labels.tracklabels import TrackLabels
from taggingbackends.labels.validation import (
    check_confidence,
    check_larva,
    check_names,
    check_run,
    fault_in,
)
from taggingbackends.system.extras import require
from taggingbackends.system.words import counted, listed

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["fill_from_bouts", "runs_from_frames"]

_HALF = 5e-4 + 1e-9  # s; tables may have rounded times, and frames are at least 1 ms apart


def runs_from_frames(table: DataFrame) -> dict[str, RunLabels]:
    """See `Labels.from_frames`."""
    _check_table(table, ("run", "larva", "time", "state"))
    rows = _Rows(table)
    states = _column(table, "state")
    decoded = [_decoded(text) for text in states.categories]
    second = _column(table, "second") if "second" in table else None
    choices = [] if second is None else [_choice(text) for text in second.categories]
    confidence = None
    if "confidence" in table:
        confidence = check_confidence(_numbers(table, "confidence"), len(table))
    names, records, facts = _others(table, rows, states.codes, decoded)
    runs: dict[str, RunLabels] = {}
    for run_id, in_run, tracks in rows.runs():
        run = runs[run_id] = RunLabels(run_id)
        with located(run=run_id):
            run.declare(names)
            codes = _numbered(run._table, rows.sorted(states.codes, in_run), decoded)
            seconds = None
            if second is not None:
                seconds = _numbered(run._table, rows.sorted(second.codes, in_run), choices)
        sure = None if confidence is None else rows.sorted(confidence, in_run)
        columns = {
            key: Texts(rows.sorted(values.codes, in_run), values.categories)
            if isinstance(values, Texts)
            else rows.sorted(values, in_run)
            for key, values in records.items()
        }
        for name, text in facts.items():
            code = int(rows.sorted(text.codes, slice(in_run.start, in_run.start + 1))[0])
            if code >= 0:
                run.metadata[name] = text.categories[code]
        for larva, part in tracks:
            run._tracks[larva] = TrackLabels(
                run._table,
                rows.times[in_run][part].copy(),
                codes[part].copy(),
                {
                    key: record
                    for key, values in columns.items()
                    if (record := _record(values, part)) is not None
                },
                None if sure is None or np.isnan(sure[part]).all() else sure[part].copy(),
                None if seconds is None or not seconds[part].any() else seconds[part].copy(),
            )
    return runs


class _Rows:
    """The rows of a table, by run, larva and time.

    Runs, and the larvae of a run, are in the order of their first rows.

    Attributes
    ----------
    times : (n,) float64 array
        Seconds, sorted.
    """

    def __init__(self, table: DataFrame) -> None:
        times = _numbers(table, "time")
        runs, larvae = _column(table, "run"), _larvae(table)
        _check_complete("run", runs.codes)
        _check_complete("larva", larvae[0])
        self._run_ids = [check_run(run) for run in runs.categories]
        self._larvae = larvae[1]
        key = runs.codes.astype(np.int64) << 32 | larvae[0]
        starts = np.flatnonzero(np.append(True, key[1:] != key[:-1])[: len(key)])
        ranks = _ranks(key[starts])
        row_ranks = ranks.repeat(np.diff(np.append(starts, len(key))))
        self._order: NDArray[np.intp] | None = None
        step = np.diff(row_ranks)
        if not ((step > 0) | ((step == 0) & (times[1:] > times[:-1]))).all():
            self._order = np.lexsort((times, row_ranks))
            key, times = key[self._order], times[self._order]
            row_ranks = row_ranks[self._order]
        self.times = times
        self._key = key
        self._starts = np.flatnonzero(np.append(True, np.diff(row_ranks) > 0)[: len(key)])
        self._check_times(table)

    def _check_times(self, table: DataFrame) -> None:
        bad = ~np.isfinite(self.times)
        bad[1:] |= (self._key[1:] == self._key[:-1]) & (self.times[1:] == self.times[:-1])
        if not bad.any():
            return
        at = int(bad.argmax())
        run, larva = self._identifiers(at)
        time = float(self.times[at])
        if np.isfinite(time):
            problem, fix = f"expected each time of a larva once, found {time} again", ""
            if "file" in table and table["file"].nunique() > 1:
                fix = "select the rows of one file"
        else:
            problem, fix = f"expected a finite time, found {time}", "leave out such rows"
        raise LabelFileError("bad-time", problem, run=run, track=larva, fix=fix)

    def _identifiers(self, at: int) -> tuple[str, int]:
        key = int(self._key[at])
        return self._run_ids[key >> 32], self._larvae[key & 0xFFFFFFFF]

    def runs(self) -> Iterator[tuple[str, slice, list[tuple[int, slice]]]]:
        """Yield the id and the sorted rows of each run; and of its larvae, from its first row."""
        starts = self._starts.tolist()
        stops = [*starts, len(self._key)][1:]
        tracks: list[tuple[int, slice]] = []
        begin = 0
        for place, (start, stop) in enumerate(zip(starts, stops, strict=True)):
            run, larva = self._identifiers(start)
            tracks.append((larva, slice(start - begin, stop - begin)))
            if place + 1 == len(starts) or self._identifiers(stop)[0] != run:
                yield run, slice(begin, stop), tracks
                tracks, begin = [], stop

    def are_constant(self, column: NDArray[Any]) -> bool:
        """Return whether a column has one value in each run."""
        column = self.sorted(column, slice(None))
        runs = self._key >> 32
        return bool((column[1:] == column[:-1])[runs[1:] == runs[:-1]].all())

    def sorted(self, column: NDArray[Any], rows: slice) -> NDArray[Any]:
        """Return some of the sorted rows of a column."""
        return column[rows] if self._order is None else column[self._order[rows]]


def _ranks(keys: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the rank of each run and larva: by first run, then by first larva."""
    _, first_of_key, of_key = np.unique(keys, return_index=True, return_inverse=True)
    _, first_of_run, of_run = np.unique(keys >> 32, return_index=True, return_inverse=True)
    first_of_run = first_of_run[of_run][first_of_key]  # of each distinct key
    order = np.lexsort((first_of_key, first_of_run))
    ranks = np.empty(len(order), dtype=np.intp)
    ranks[order] = np.arange(len(order))
    return ranks[of_key]


def _check_complete(name: str, codes: NDArray[Any]) -> None:
    if (codes < 0).any():
        row = int((codes < 0).argmax())
        raise _bad_table(f"expected a {name} in each row, found none in row {row}")


def _check_table(table: Any, needed: Sequence[str]) -> None:
    pd = require("pandas", "pandas", "a DataFrame")
    if not isinstance(table, pd.DataFrame):
        raise wrong_type("a DataFrame", table)
    columns = list(table.columns)
    missing = [name for name in needed if name not in columns]
    if missing:
        found = ", ".join(map(str, columns)) or "none"
        problem = f"expected the columns {', '.join(needed)}, found {found}"
        raise _bad_table(f"{problem}; missing: {', '.join(missing)}")
    seen = set()
    for name in columns:
        if not isinstance(name, str):
            raise _bad_table(f"expected columns with names, found {shown(name)}")
        if name in seen:
            raise _bad_table(f"expected each column once, found {shown(name)} again")
        seen.add(name)


def _bad_table(problem: str, fix: str = "") -> LabelFileError:
    return LabelFileError("bad-table", problem, fix=fix)


def _numbers(table: DataFrame, name: str) -> NDArray[np.float64]:
    """Return a column of numbers; those that are missing are NaN."""
    import pandas as pd

    column = table[name]
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        if len(column) and not column.isna().all():
            raise _bad_table(f"expected numbers in the column {name}, found {column.dtype}")
        return np.full(len(column), np.nan)
    numbers: NDArray[np.float64] = column.to_numpy(np.float64, na_value=np.nan)
    return numbers


def _column(table: DataFrame, name: str) -> Texts:
    """Return a column of texts. Whole numbers are taken for texts."""
    import pandas as pd

    column = table[name]
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes, values = column.cat.codes.to_numpy(), column.cat.categories.tolist()
    else:
        try:
            codes, values = pd.factorize(column, use_na_sentinel=True)
        except TypeError:  # lists, for example
            found = next((x for x in column if x.__hash__ is None), column.iloc[0])
            raise _bad_table(f"expected texts in the column {name}, found {shown(found)}") from None
        values = values.tolist()
    texts = []
    for value in values:
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise _bad_table(f"expected texts in the column {name}, found {shown(value)}")
        texts.append(str(value))
    return Texts(codes, texts)


def _larvae(table: DataFrame) -> tuple[NDArray[Any], list[int]]:
    """Return the index of each row's larva, and the larvae."""
    import pandas as pd

    codes, values = pd.factorize(table["larva"], use_na_sentinel=True)
    whole = [int(x) if isinstance(x, float) and x.is_integer() else x for x in values.tolist()]
    return codes, [check_larva(larva) for larva in whole]


def _decoded(text: str) -> State:
    state = text_state(text)
    fault = fault_in(state)
    if fault:
        raise LabelFileError(*fault)
    return state


def _choice(text: str) -> str:
    """Return a second choice, which is one label and hence no text of a state."""
    return check_names([text])[0]


def _numbered(table: StateTable, codes: NDArray[Any], states: Sequence[State]) -> Codes:
    """Return the numbers of states in a table; declare new names."""
    used = np.flatnonzero(np.bincount(codes.astype(np.int64) + 1, minlength=len(states) + 1)[1:])
    numbers = np.zeros(len(states) + 1, dtype=np.int32)  # the last one for -1
    for code in used.tolist():
        numbers[code] = table.number(states[code])
    return np.asarray(numbers[codes])


def _others(
    table: DataFrame, rows: _Rows, codes: NDArray[Any], states: Sequence[State]
) -> tuple[list[str], dict[str, NDArray[Any] | Texts], dict[str, Texts]]:
    """Return what the further columns are: names of labels, per-frame records, and metadata."""
    import pandas as pd

    names: list[str] = []

    def is_label(name: str, values: NDArray[np.bool_], known: NDArray[np.bool_]) -> bool:
        has_it = np.array([*(name in labels_of(state) for state in states), False])
        return bool(((has_it[codes] == values) | ~known).all())

    records: dict[str, NDArray[Any] | Texts] = {}
    facts: dict[str, Texts] = {}
    for header in table.columns:
        if header in FIXED["frames"] or header == "file":
            continue
        column = table[header]
        types = pd.api.types
        if _is_bool(column):
            flags = column.astype("boolean")
            known = flags.notna().to_numpy()
            values = flags.to_numpy(np.bool_, na_value=False)
            plain = _plain(header, "label", table)
            name = next((x for x in plain if is_label(x, values, known)), None)
            if name is not None:
                names.append(name)
                continue
            record = values if known.all() else np.where(known, values, np.nan)
            records[_plain(header, "record", table)[0]] = record
        elif types.is_numeric_dtype(column) and not (
            header in FACTS and types.is_integer_dtype(column)
        ):
            whole = types.is_integer_dtype(column) and not column.isna().any()
            whole = whole and not (column > np.iinfo(np.int64).max).any()
            values = column.to_numpy(np.int64) if whole else _numbers(table, header)
            records[_plain(header, "record", table)[0]] = values
        else:
            texts = _column(table, header)
            if rows.are_constant(texts.codes):
                facts[_plain(header, "metadata", table)[0]] = texts
            else:
                records[_plain(header, "record", table)[0]] = texts
    return list(dict.fromkeys(names)), records, facts


def _is_bool(column: Any) -> bool:
    """Return whether a column is of booleans, which may be missing if tables were put together."""
    types = require("pandas", "pandas", "a DataFrame").api.types
    if types.is_object_dtype(column):
        return bool(types.infer_dtype(column, skipna=True) == "boolean")
    return bool(types.is_bool_dtype(column))


def _plain(header: str, kind: str, table: DataFrame) -> list[str]:
    """Return the name that a header stands for, and the header; see `Labels.to_frames`."""
    name = header.removeprefix(f"{kind}_")
    return [name, header] if name in table else [header]


def _record(values: NDArray[Any] | Texts, part: slice) -> Any:
    """Return the record of a larva, or None if all of it is missing."""
    if isinstance(values, Texts):
        texts = [*values.categories, None]  # the last one for -1
        cells = [texts[code] for code in values.codes[part].tolist()]
        return None if all(cell is None for cell in cells) else cells
    numbers = values[part]
    missing = np.isnan(numbers)
    if not missing.any():
        return numbers.copy()
    if missing.all():
        return None
    return [None if x != x else x for x in numbers.tolist()]


def fill_from_bouts(runs: Mapping[str, RunLabels], times: Frames, table: DataFrame) -> None:
    """Fill runs without tracks with those of `Labels.from_bouts`.

    Parameters
    ----------
    runs : mapping
        Run -> labels, without tracks.
    times : mapping
        Times of the frames, s: run -> larva -> times.
    table : DataFrame
        The bouts.
    """
    _check_table(table, ("run", "larva", "label", "start", "stop"))
    run_of, label_of = _column(table, "run"), _column(table, "label")
    larva_of, larvae = _larvae(table)
    columns = {"run": run_of.codes, "larva": larva_of, "label": label_of.codes}
    for name, codes in columns.items():
        _check_complete(name, codes)
    check_names(label_of.categories)
    start, stop = _numbers(table, "start"), _numbers(table, "stop")
    bad = ~(np.isfinite(start) & np.isfinite(stop) & (start <= stop))
    if bad.any():
        row = int(bad.argmax())
        run, larva = run_of.categories[run_of.codes[row]], larvae[larva_of[row]]
        problem = f"expected finite times, start <= stop, found {start[row]} and {stop[row]}"
        raise LabelFileError("bad-time", problem, run=run, track=larva)
    for run_id in run_of.categories:
        if run_id not in times:
            raise _bad_table(f"expected the runs {listed(list(times))}, found {shown(run_id)}")
    bouts: dict[tuple[str, int], list[int]] = {}
    for row, (run_code, larva_code) in enumerate(
        zip(run_of.codes.tolist(), larva_of.tolist(), strict=True)
    ):
        key = run_of.categories[run_code], larvae[larva_code]
        if key[1] not in times[key[0]]:
            known = listed(list(map(str, times[key[0]])))
            problem = f"expected a larva of the run ({known}), found {key[1]}"
            raise LabelFileError("bad-table", problem, run=key[0])
        bouts.setdefault(key, []).append(row)
    without = np.zeros(len(table), dtype=bool)
    for run_id, of_larvae in times.items():
        run = runs[run_id]
        order = {name: place for place, name in enumerate(run.names + run.secondary_names)}
        for larva, frames in of_larvae.items():
            rows = np.array(bouts.get((run_id, larva), []), dtype=np.intp)
            first = np.searchsorted(frames, start[rows] - _HALF)
            last = np.searchsorted(frames, stop[rows] - _HALF)
            without[rows] = last <= first
            labels = [label_of.categories[code] for code in label_of.codes[rows].tolist()]
            for name in labels:
                order.setdefault(name, len(order))
            names = sorted(set(labels), key=order.__getitem__)
            places = {name: place for place, name in enumerate(names)}
            on = np.zeros((len(names), len(frames)), dtype=bool)
            for name, begin, end in zip(labels, first.tolist(), last.tolist(), strict=True):
                on[places[name], begin:end] = True
            codes = run._table.encode_columns(names, on)
            run._tracks[larva] = TrackLabels(run._table, frames.copy(), codes)
    if without.any():
        row = int(without.argmax())
        where = f"the first: {run_of.categories[run_of.codes[row]]}, larva {larvae[larva_of[row]]}"
        number = counted(int(without.sum()), "bout")
        warnings.warn(f"{number} without a frame ({where}, {start[row]:g} s)", stacklevel=3)
