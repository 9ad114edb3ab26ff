"""Operations on whole labels: merge, crop, fill and tag.

All checks precede the first change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from taggingbackends.errors import LabelFileError, located
from taggingbackends.labels.dependencies import check_same_recording
from taggingbackends.labels.nested import copied
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import Codes, State, StateTable, labels_of
from taggingbackends.labels.tracklabels import TrackLabels, is_record
from taggingbackends.labels.validation import check_names, check_overlap

__all__ = ["Frames", "crop", "fill", "merge", "tag"]

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
                _replace(run, larva, codes)


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
            _replace(run, larva, translation[track.codes])


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
            known._tracks[larva] = TrackLabels(table, track.times, codes, copied(track.records))
            continue
        at = known[larva].match(track.times)
        chosen = overwrites[track.codes] & (at >= 0)
        merged = known[larva].codes.copy()
        merged[at[chosen]] = codes[chosen]
        _replace(known, larva, merged)
        _add(known, larva, track.times, codes, at)


def _replace(run: RunLabels, larva: int, codes: Codes) -> None:
    track = run[larva]
    run._tracks[larva] = TrackLabels(run._table, track.times, codes, track.records)


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
        run._tracks[larva] = TrackLabels(
            run._table, all_times[order], all_codes[order], track.records
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
