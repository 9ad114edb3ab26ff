"""What changes labels as a whole: merge, crop, fill, tag. On columns, checked before it is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from taggingbackends.errors import LabelFileError, located
from taggingbackends.labels import Labels
from taggingbackends.runlabels import RunLabels, TrackLabels
from taggingbackends.states import Codes, State, StateTable, check_names, check_overlap, labels_of

if TYPE_CHECKING:
    from taggingbackends.data.tracks import Recording

__all__ = ["crop", "fill", "merge", "tag"]

_EDGE = 1e-9  # seconds; a segment's ends are decimals, which doubles only come near to


def merge(
    labels: Labels, other: Labels, when: Callable[[tuple[str, ...]], bool] | None = None
) -> None:
    """See `Labels.merge`."""
    for run in other.values():
        known = labels.get(run.id)
        if known is None:
            continue
        with located(run=run.id):
            check_overlap(known.names, run.secondary_names)
            check_overlap(run.names, known.secondary_names)
            for larva in known.keys() & run.keys():
                _check_addable(known[larva], run[larva].times, larva)
    # asked for all states before anything is changed: `when` may raise
    overwriting = {run.id: _overwriting(run, when or bool) for run in other.values()}
    for run in other.values():
        known = labels.get(run.id)
        if known is None:
            _copy_run(labels, run)
        else:
            _merge_run(known, run, overwriting[run.id])


def crop(labels: Labels, start: float, stop: float) -> Labels:
    """See `Labels.crop`."""
    cropped = Labels()
    cropped.attributes = deepcopy(labels.attributes)
    for run in labels.values():
        copy = _copy_run(cropped, run)
        for larva, track in run.items():
            first = int(np.searchsorted(track.times, start - _EDGE, "left"))
            last = int(np.searchsorted(track.times, stop + _EDGE, "right"))
            if first >= last:
                del copy._tracks[larva]
                continue
            segment = slice(first, last)
            records = {
                key: value[segment] if is_record(value, len(track)) else value
                for key, value in deepcopy(track.records).items()
            }
            copy._tracks[larva] = TrackLabels(
                copy._table, track.times[segment].copy(), track.codes[segment].copy(), records
            )
    return cropped


def fill(labels: Labels, default: str, like: Labels | Recording | None = None) -> None:
    """See `Labels.fill`."""
    check_names([default])
    frames = {} if like is None else _frames_of(like)
    for run_id, larvae in frames.items():
        for larva, times in larvae.items() if run_id in labels else ():
            if larva in labels[run_id]:
                with located(run=run_id):
                    _check_addable(labels[run_id][larva], times, larva)
    for run_id, larvae in frames.items():
        run = labels.add_run(run_id)
        for larva, times in larvae.items():
            undefined = np.zeros(len(times), dtype=np.int32)
            if larva in run:
                _add(run, larva, times, undefined, run[larva].match(times))
            else:
                run._tracks[larva] = TrackLabels(run._table, times.copy(), undefined)
    for run in labels.values():
        number: int | None = None
        for larva, track in run.items():
            undefined_frames = track.codes == 0
            if undefined_frames.any():
                # declared only where it is needed
                number = run._table.number(default) if number is None else number
                codes = np.where(undefined_frames, np.int32(number), track.codes)
                _replace(run, larva, codes)


def tag(labels: Labels, name: str, unless: Sequence[str] = ()) -> None:
    """See `Labels.tag`."""
    check_names([name])
    for run in labels.values():
        with located(run=run.id):
            check_overlap(run.names, [name])
    for run in labels.values():
        table = run._table
        if name not in table.secondary_names:
            table.redeclare(table.names, [*table.secondary_names, name], table.colors)

        def tagged(state: State, table: StateTable = table) -> int:
            names = labels_of(state)
            if not names or name in names or not set(names).isdisjoint(unless):
                return table.number(state)
            return table.number((*names, name))

        # Only states in use, lest a table grow by states that nothing has.
        translation = np.arange(len(table.states), dtype=np.int32)
        for code in run._used_codes():
            translation[code] = tagged(table.states[code])
        for larva, track in run.items():
            _replace(run, larva, translation[track.codes])


def is_record(value: Any, n: int) -> bool:
    """Tell whether an entry of a track with n frames belongs to the frames (is as long as they)."""
    return isinstance(value, (list, np.ndarray)) and len(value) == n


def _copy_run(labels: Labels, run: RunLabels) -> RunLabels:
    copy = RunLabels(run.id, run._table.copy())
    for name in ("metadata", "units", "attributes", "dependencies"):
        setattr(copy, name, deepcopy(getattr(run, name)))
    for larva, track in run.items():
        records = deepcopy(track.records)
        copy._tracks[larva] = TrackLabels(copy._table, track.times, track.codes, records)
    labels._runs[run.id] = copy
    return copy


def _overwriting(run: RunLabels, when: Callable[[tuple[str, ...]], bool]) -> NDArray[np.bool_]:
    """Return of each state of a run, by its number, whether it overwrites others."""
    overwrites = np.zeros(len(run._table.states), dtype=bool)
    for code in run._used_codes():
        overwrites[code] = when(labels_of(run._table.states[code]))
    return overwrites


def _merge_run(known: RunLabels, run: RunLabels, overwrites: NDArray[np.bool_]) -> None:
    table = known._table
    if not table.names and run.colors is not None:
        table.redeclare(run.names, table.secondary_names, run.colors)
    new = [name for name in run.secondary_names if name not in table.secondary_names]
    table.redeclare(table.names, [*table.secondary_names, *new], table.colors)
    for name in run.names:
        table.declare(name)
    translation = np.zeros(len(run._table.states), dtype=np.int32)
    for code in run._used_codes():
        translation[code] = table.number(run._table.states[code])
    for larva, track in run.items():
        codes = translation[track.codes]
        if larva not in known:
            known._tracks[larva] = TrackLabels(table, track.times, codes, dict(track.records))
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
    """Add those frames to a track that none of its own frames matches (`at` is -1)."""
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
            f"expected no new time in a track with further records ({', '.join(records)}), "
            f"found {times[index]}"
        )
        raise LabelFileError("length-mismatch", problem, track=larva, index=index)


def _frames_of(like: Labels | Recording) -> dict[str, dict[int, NDArray[np.float64]]]:
    if isinstance(like, Labels):
        return {
            run.id: {larva: track.times for larva, track in run.items()} for run in like.values()
        }
    return {like.run: {larva: track.times for larva, track in like.items()}}
