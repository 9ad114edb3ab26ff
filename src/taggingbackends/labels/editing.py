"""Operations on whole labels: merge, crop, fill, tag and rename.

All checks precede the first change.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from taggingbackends.errors import LabelFileError, located, shown
from taggingbackends.labels.dependencies import check_same_recording
from taggingbackends.labels.origin import EDITED
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import NEW_COLOR, Codes, State, StateTable, labels_of
from taggingbackends.labels.tracklabels import TrackLabels, is_record
from taggingbackends.labels.validation import check_names, check_overlap
from taggingbackends.system.words import listed

__all__ = [
    "Frames",
    "crop",
    "fill",
    "merge",
    "missing_names",
    "rename",
    "replace_codes",
    "tag",
]

Runs = dict[str, RunLabels]
Frames = Mapping[str, Mapping[int, NDArray[np.float64]]]
"""Times of frames, s: run -> larva -> times."""


def merge(
    runs: Runs,
    other: Mapping[str, RunLabels],
    when: Callable[[tuple[str, ...]], bool] | None = None,
    force: bool = False,
) -> None:
    """See `Labels.merge`."""
    for run in other.values():
        known = runs.get(run.id)
        if known is None:
            continue
        if not force:
            check_same_recording(known, run)
        with located(run=run.id):
            check_overlap(known.names, run.secondary_names)
            check_overlap(run.names, known.secondary_names)
            for larva in known.keys() & run.keys():
                _check_addable(known[larva], run[larva].times, larva)
    # before the first change, because `when` may raise
    overwriting = {run.id: _overwriting(run, when or bool) for run in other.values()}
    for run in other.values():
        known = runs.get(run.id)
        if known is None:
            runs[run.id] = run._copy(run.id)
        else:
            _merge_run(known, run, overwriting[run.id])


def crop(runs: Mapping[str, RunLabels], start: float, stop: float) -> Runs:
    """See `Labels.crop`."""
    cropped: Runs = {}
    for run in runs.values():
        copy = cropped[run.id] = run._copy(run.id, tracks=False)
        for larva, track in run.items():
            part = track[start:stop]
            if len(part):
                part._table = copy._table
                copy._tracks[larva] = part
    return cropped


def fill(runs: Runs, default: str, frames: Frames) -> None:
    """See `Labels.fill`; `frames` are the frames of its `like`."""
    check_names([default])
    for run_id, larvae in frames.items():
        for larva, times in larvae.items() if run_id in runs else ():
            if larva in runs[run_id]:
                with located(run=run_id):
                    _check_addable(runs[run_id][larva], times, larva)
    for run_id, larvae in frames.items():
        run = runs.setdefault(run_id, RunLabels(run_id))
        for larva, times in larvae.items():
            undefined = np.zeros(len(times), dtype=np.int32)
            if larva in run:
                _add(run, larva, times, undefined, run[larva].match(times))
            else:
                run._tracks[larva] = TrackLabels(run._table, times.copy(), undefined)
    for run in runs.values():
        number: int | None = None
        for larva, track in run.items():
            undefined_frames = track.codes == 0
            if undefined_frames.any():
                # declare the label only if a frame needs it
                number = run._table.number(default) if number is None else number
                codes = np.where(undefined_frames, np.int32(number), track.codes)
                replace_codes(run, larva, codes)


def tag(runs: Runs, name: str, unless: Sequence[str] = ()) -> None:
    """See `Labels.tag`."""
    check_names([name])
    for run in runs.values():
        with located(run=run.id):
            check_overlap(run.names, [name])
    for run in runs.values():
        table = run._table
        if name not in table.secondary_names:
            table.redeclare(table.names, [*table.secondary_names, name], table.colors)

        def tagged(state: State, table: StateTable = table) -> int:
            names = labels_of(state)
            if not names or name in names or not set(names).isdisjoint(unless):
                return table.number(state)
            return table.number((*names, name))

        # Only states in use, to keep unused states out of the table.
        translation = np.arange(len(table.states), dtype=np.int32)
        for code in run._used_codes():
            translation[code] = tagged(table.states[code])
        for larva, track in run.items():
            replace_codes(run, larva, translation[track.codes])


def rename(runs: Runs, names: Mapping[str, str]) -> None:
    """See `Labels.rename`."""
    for name in names.values():
        check_names([name])
    known = {name for run in runs.values() for name in run.names + run.secondary_names}
    for name in missing_names(names, known):
        there = listed(sorted(known), 20)
        warnings.warn(f"no label {shown(name)} to rename; labels: {there}", stacklevel=3)
    tables = {run.id: _renamed(run, names) for run in runs.values()}
    for run in runs.values():
        used = {*run._used_codes(), *run._used_second_codes()}
        old, run._table = run._table, tables[run.id]
        numbers = np.zeros(len(old.states), dtype=np.int32)
        for code in sorted(used):
            state = tuple(dict.fromkeys(names.get(x, x) for x in labels_of(old.states[code])))
            numbers[code] = run._table.number(state)
        joined = len(run._table.names) < len(old.names)
        for larva, track in run.items():
            codes, second = numbers[track.codes], track.second_codes
            if second is not None:
                second = numbers[second]
                if joined:  # the second choice may have become the first
                    second = np.where(second == codes, np.int32(0), second)
            run._tracks[larva] = TrackLabels(
                run._table, track.times, codes, track.records, track.confidence, second
            )
        run._undeclared = list(dict.fromkeys(names.get(x, x) for x in run._undeclared))


def missing_names(names: Collection[str], known: Collection[str]) -> list[str]:
    """Return the names to change that are no labels.

    Some may be missing, because one list of names may be for files that do not have all of them.

    Raises
    ------
    LabelFileError
        ``bad-label``: all of them are missing.
    """
    missing = [name for name in names if name not in known]
    if missing and len(missing) == len(names):
        there = listed(sorted(known), 20) or "none"
        problem = f"expected names of labels ({there}), found {shown(missing[0])}"
        raise LabelFileError("bad-label", problem)
    return missing


def _renamed(run: RunLabels, names: Mapping[str, str]) -> StateTable:
    """Return a table with the renamed names in their order, and their colours."""
    table = run._table
    staying = {name for name in table.names if names.get(name, name) == name}
    colors: dict[str, str] = {}
    for name, color in zip(
        table.names, table.colors or [NEW_COLOR] * len(table.names), strict=True
    ):
        new = names.get(name, name)
        if new == name or not (new in colors or new in staying):
            colors[new] = color
    secondary = list(dict.fromkeys(names.get(name, name) for name in table.secondary_names))
    with located(run=run.id):
        check_overlap(colors, secondary)
    return StateTable(colors, secondary, None if table.colors is None else colors.values())


def _overwriting(run: RunLabels, when: Callable[[tuple[str, ...]], bool]) -> NDArray[np.bool_]:
    """Return whether each state of a run, by number, overwrites other states."""
    overwrites = np.zeros(len(run._table.states), dtype=bool)
    for code in run._used_codes():
        overwrites[code] = when(labels_of(run._table.states[code]))
    return overwrites


def _merge_run(known: RunLabels, run: RunLabels, overwrites: NDArray[np.bool_]) -> None:
    table = known._table
    if not table.names and run.colors is not None:
        table.redeclare(run.names, table.secondary_names, run.colors)
    known_names = set(table.secondary_names)
    new = [name for name in run.secondary_names if name not in known_names]
    table.redeclare(table.names, [*table.secondary_names, *new], table.colors)
    for name in run.names:
        table.declare(name)
    translation = np.zeros(len(run._table.states), dtype=np.int32)
    for code in run._used_codes():
        translation[code] = table.number(run._table.states[code])
    for larva, track in run.items():
        codes = translation[track.codes]
        if larva not in known:
            second = track.second_codes
            second = None if second is None else table.adopt(run._table, second)
            known._tracks[larva] = track._on(table, codes, second)
            continue
        at = known[larva].match(track.times)
        chosen = overwrites[track.codes] & (at >= 0)
        merged = known[larva].codes.copy()
        merged[at[chosen]] = codes[chosen]
        replace_codes(known, larva, merged)
        _add(known, larva, track.times, codes, at)


def replace_codes(run: RunLabels, larva: int, codes: Codes) -> None:
    """Set the states of a track; frames that get other labels, or "edited", lose confidence."""
    track = run[larva]
    confidence, second = track.confidence, track.second_codes
    if confidence is not None or second is not None:
        kept = ~_changed(run._table, track.codes, codes)
        confidence = None if confidence is None else np.where(kept, confidence, np.nan)
        second = None if second is None else second * kept
    run._tracks[larva] = TrackLabels(
        run._table, track.times, codes, track.records, confidence, second
    )


def _changed(table: StateTable, old: Codes, new: Codes) -> NDArray[np.bool_]:
    """Return where the primary labels change, or the label "edited"."""

    def meaning(code: int) -> tuple[tuple[str, ...], bool]:
        state = table.states[code]
        return table.primary(state), EDITED in labels_of(state)

    pairs, places = np.unique(old.astype(np.int64) << 32 | new, return_inverse=True)
    changed = [meaning(pair >> 32) != meaning(pair & 0xFFFFFFFF) for pair in pairs.tolist()]
    return np.array(changed, dtype=bool)[places]


def _add(
    run: RunLabels, larva: int, times: NDArray[np.float64], codes: Codes, at: NDArray[np.intp]
) -> None:
    """Add the frames that match no frame of the track (`at` is -1)."""
    track = run[larva]
    new = at < 0
    if new.any():
        all_times = np.concatenate([track.times, times[new]])
        order = np.argsort(all_times, kind="stable")
        all_codes = np.concatenate([track.codes, codes[new]])
        confidence, second, n = track.confidence, track.second_codes, int(new.sum())
        if confidence is not None:
            confidence = np.append(confidence, np.full(n, np.nan))[order]
        if second is not None:
            second = np.append(second, np.zeros(n, np.int32))[order]
        run._tracks[larva] = TrackLabels(
            run._table, all_times[order], all_codes[order], track.records, confidence, second
        )


def _check_addable(track: TrackLabels, times: NDArray[np.float64], larva: int) -> None:
    records = [key for key, value in track.records.items() if is_record(value, len(track))]
    if records and (new := track.match(times) < 0).any():
        index = int(new.argmax())
        problem = (
            f"expected no new time in a track with per-frame records ({', '.join(records)}), "
            f"found {times[index]}"
        )
        raise LabelFileError("length-mismatch", problem, track=larva, index=index)
