"""trx.mat: tracks and indicators of actions, in a struct array of MATLAB 7.3.

Section 7 of docs/contract.md lists the fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from taggingbackends.data.changes import unchanged
from taggingbackends.data.hdf5 import opened
from taggingbackends.data.structarray import StructArray
from taggingbackends.data.tracks import Recording, Track
from taggingbackends.errors import TrackFileError, shown
from taggingbackends.labels import Labels
from taggingbackends.labels.tracklabels import TrackLabels
from taggingbackends.labels.validation import MAX_LARVA_ID
from taggingbackends.system.files import Stamp, stamp
from taggingbackends.system.memory import keep_freed_memory
from taggingbackends.system.words import counted, listed

__all__ = [
    "KINDS",
    "KNOWN",
    "NO_INDICATORS",
    "REQUIRED",
    "STATES",
    "STATE_FIELD",
    "Larva",
    "LeftOut",
    "check_times",
    "has_actions",
    "is_indicator",
    "load",
    "read_larvae",
    "runs",
]

REQUIRED = ("t", "numero_larva_num")  # fields that only a struct array of tracks has
_ACTIONS = ("back", "cast", "hunch", "roll", "run", "small_motion", "stop")
KINDS = ("plain", "large", "strong", "weak")  # all but the first are suffixes of variants
KNOWN = {*_ACTIONS, *(f"{action}_{kind}" for action in _ACTIONS for kind in KINDS[1:])}
STATES = ("run", "cast", "stop", "hunch", "back", "roll", "small_motion")  # numbers from 1 on
STATE_FIELD = "global_state"  # prefix of columns with numbers of states
NO_INDICATORS = {
    *("id", "full_path", "numero_larva", "numero_larva_num", "pipeline", "protocol", "t"),
    *(f"{axis}_{shape}" for axis in "xy" for shape in ("spine", "contour")),
}
_SPINE_POINTS = 11  # if no larva has a spine
_NAMED = 5  # larvae that a sentence names at most


class Larva(NamedTuple):
    """An element of the struct array that has frames.

    Attributes
    ----------
    place : int
        0-based index of the element.
    run : str
    number : int
        Identifier of the larva.
    times : (n,) float64 array
        s; NaN where a frame has no time.
    timed : slice or int64 array
        The frames with a time; a slice if all have one, so that nothing is copied.
    """

    place: int
    run: str
    number: int
    times: NDArray[np.float64]
    timed: slice | NDArray[np.int64]


def load(
    path: Path,
    spine: bool = True,
    outline: bool = True,
    labels: str | Iterable[str] = "plain",
    run: str | None = None,
) -> Recording:
    """Load a trx.mat.

    Coordinates are in mm and times in s, as in the file. Only the requested parts are read.

    Parameters
    ----------
    path : Path
        The file.
    spine, outline : bool
        Whether to load spines and outlines. Times and indicators are always loaded.
    labels : str or iterable of str
        Which indicators become the recording's labels, under their own names: ``"plain"`` (``run``,
        ``cast``, ... and those of other names), ``"large"`` (``run_large``, ...), ``"strong"``,
        ``"weak"``, or several of these. ``small_motion`` has no variants and is part of every
        kind. A frame with several indicators on has several labels; a frame with none is undefined.
        The name of a column of state numbers, such as ``"global_state_large_state"``, gives the
        labels 1 ``run``, 2 ``cast``, 3 ``stop``, 4 ``hunch``, 5 ``back``, 6 ``roll``,
        7 ``small_motion``.
    run : str, optional
        The run to load from a file of several runs.

    Returns
    -------
    Recording
        `Track.indicators` contains all indicators in the file, as (n,) bool arrays. A value of 1
        is on, any other value is off. A spine with a coordinate that is not a finite number is
        missing: all its coordinates are NaN.

    Raises
    ------
    TrackFileError
        The file is not a trx.mat, is damaged or changes while it is read, a field is missing or
        invalid, the file has several runs and `run` is not one of them, or `labels` is not one of
        the kinds. The error names the field, e.g. ``trx(2).x_spine``, with elements counted from 1
        as in MATLAB.
    """
    kinds = (labels,) if isinstance(labels, str) else tuple(labels)
    for kind in kinds:
        if kind not in KINDS and not str(kind).startswith(STATE_FIELD):
            expected = ", ".join((*KINDS, f"{STATE_FIELD}*"))
            problem = f"expected labels out of {expected}, found {shown(kind)}"
            raise TrackFileError(problem, file=path)
    keep_freed_memory()
    left_out = LeftOut()
    with read_larvae(path, left_out) as (trx, every):
        larvae = _of_run(path, every, run)
        tracks = {one.number: _track(trx, one, spine, outline, left_out) for one in larvae}
        if spine:
            _complete(path, tracks)
        indicators = _set_indicators(trx, larvae, every, tracks, left_out)
        labelled = _labels(trx, kinds, indicators, larvae, tracks, left_out)
        is_derived = not ("id" in trx.fields and trx.text("id", larvae[0].place))
    run = larvae[0].run
    metadata = {"date_time": run} if re.fullmatch(r"\d{8}_\d{6}", run) else {}
    sentences = left_out.sentences()
    return Recording(
        run, tracks, metadata, "trx.mat", (path,), labelled, sentences, run_is_derived=is_derived
    )


def runs(path: Path) -> list[str]:
    """Return the runs of a trx.mat, in the order of the file.

    Raises
    ------
    TrackFileError
        As `load` does for times and identifiers.
    """
    with read_larvae(path, LeftOut()) as (_, larvae):
        return list(dict.fromkeys(one.run for one in larvae))


def has_actions(path: Path) -> bool:
    """Return whether a trx.mat has one of the known actions; its values are not read.

    Raises
    ------
    TrackFileError
        The file is not a trx.mat, or is damaged.
    """
    with opened(path) as file:
        return not KNOWN.isdisjoint(StructArray(path, file, REQUIRED).fields)


class LeftOut:
    """What was left out: a sentence for each kind, with the number of cases and their larvae."""

    def __init__(self) -> None:
        self._cases: dict[tuple[str, str], dict[object, int]] = {}

    def add(self, words: tuple[str, str], larva: object, count: int = 1) -> None:
        """Count cases of a kind, whose words are singular and plural."""
        if count:
            cases = self._cases.setdefault(words, {})
            cases[larva] = cases.get(larva, 0) + count

    def add_all(self, other: LeftOut) -> None:
        """Count all cases of another object."""
        for words, cases in other._cases.items():
            for larva, count in cases.items():
                self.add(words, larva, count)

    def sentences(self) -> tuple[str, ...]:
        """Return a sentence for each kind."""
        return tuple(
            f"{counted(sum(cases.values()), *words)} ({listed(cases, _NAMED)})"
            for words, cases in self._cases.items()
        )


_known: dict[tuple[Path, Stamp | None], tuple[list[Larva], LeftOut]] = {}
"""Of the last file of several runs: these are loaded one after the other."""


@contextmanager
def read_larvae(path: Path, left_out: LeftOut) -> Iterator[tuple[StructArray, list[Larva]]]:
    """Open a file, and read the identifiers and times of all larvae with frames."""
    with unchanged(path), opened(path) as file:
        trx = StructArray(path, file, REQUIRED)
        for other in trx.others:
            left_out.add(("struct array beside trx", "struct arrays beside trx"), other)
        key = path.absolute(), stamp(path)
        larvae, found = _known.get(key, ([], LeftOut()))
        if not larvae:
            larvae = _larvae(trx, found)
            if len({one.run for one in larvae}) > 1:
                _known.clear()
                _known[key] = larvae, found
        left_out.add_all(found)
        if key in _known:  # tracks may be changed
            larvae = [one._replace(times=one.times.copy()) for one in larvae]
        yield trx, larvae


def _larvae(trx: StructArray, left_out: LeftOut) -> list[Larva]:
    larvae = []
    for index in range(len(trx)):
        times = trx.numbers("t", index, (None, 1))
        timed = ~np.isnan(times)
        if timed.any():
            run = trx.text("id", index) if "id" in trx.fields else None
            frames = slice(None) if timed.all() else np.flatnonzero(timed)
            larvae.append(Larva(index, run or "", _number(trx, index), times, frames))
        else:
            name = _number_or_place(trx, index)
            left_out.add(("larva without frames", "larvae without frames"), name)
    if not larvae:
        problem = "expected one larva with frames or more, found none"
        raise TrackFileError(problem, file=trx.path, key=trx.name)
    if not any(one.run for one in larvae):  # as for formats without a run's identifier
        folder, stem = trx.path.absolute().parent.name, trx.path.stem
        name = folder if re.fullmatch(r"\d{8}_\d{6}", folder) else stem
        rest = f"of the run, named {name} instead"
        for one in larvae:
            left_out.add((f"missing identifier {rest}", f"missing identifiers {rest}"), one.number)
        larvae = [one._replace(run=name) for one in larvae]
    first: dict[tuple[str, int], int] = {}
    for one in larvae:
        if not one.run or not one.run.isprintable():
            found = shown(one.run) if one.run else "none that can be read"
            problem = f"expected the run's identifier, found {found}"
            raise trx.error("id", one.place, problem)
        before = first.setdefault((one.run, one.number), one.place)
        if before != one.place:
            problem = f"expected another larva than in {trx.name}({before + 1})"
            problem = f"{problem}, found {one.number} of run {one.run} again"
            raise trx.error("numero_larva_num", one.place, problem)
    return larvae


def _number(trx: StructArray, index: int) -> int:
    field = "numero_larva_num"
    numbers = trx.numbers(field, index, (1, 1))
    found = f"{numbers[0]:g}" if numbers.size else "none"
    if not (numbers.size and numbers[0].is_integer() and 0 <= numbers[0] <= MAX_LARVA_ID):
        problem = f"expected a larva identifier from 0 to {MAX_LARVA_ID}, found {found}"
        raise trx.error(field, index, problem)
    return int(numbers[0])


def _number_or_place(trx: StructArray, index: int) -> int | str:
    try:
        return _number(trx, index)
    except TrackFileError:
        return f"{trx.name}({index + 1})"


def _of_run(path: Path, larvae: list[Larva], run: str | None) -> list[Larva]:
    """Return the larvae of the run; by default, of the only run."""
    there = list(dict.fromkeys(one.run for one in larvae))
    if run is None and len(there) > 1:
        problem = f"expected one run, found {len(there)} ({listed(there, _NAMED)}); choose one of "
        problem += "those that runs_in(path) returns: load_tracks(path, run=...)"
        raise TrackFileError(problem, file=path)
    chosen = [one for one in larvae if run is None or one.run == run]
    if not chosen:
        raise TrackFileError(f"expected run {shown(run)}, found {listed(there, _NAMED)}", file=path)
    return chosen


def _track(trx: StructArray, larva: Larva, spine: bool, outline: bool, left_out: LeftOut) -> Track:
    """Return the track without its indicators."""
    times = larva.times[larva.timed]
    words = ("frame without a time", "frames without a time")
    left_out.add(words, larva.number, len(larva.times) - len(times))
    check_times(trx, larva)
    midline = _spine(trx, larva, left_out)[larva.timed] if spine else None
    return Track(times, midline, *(_outline(trx, larva, left_out) if outline else ()))


def check_times(trx: StructArray, larva: Larva) -> None:
    """Raise TrackFileError unless the times of the frames that have one increase."""
    times = larva.times[larva.timed]
    bad = ~np.isfinite(times)
    bad[1:] |= ~(times[1:] > times[:-1])
    if bad.any():
        at = int(bad.argmax())
        expected = f"a time after {times[at - 1]}" if at else "a finite time"
        frame = np.arange(len(larva.times))[larva.timed][at] + 1
        problem = f"expected {expected}, found {times[at]} in frame {frame}"
        raise trx.error("t", larva.place, problem)


def _spine(trx: StructArray, larva: Larva, left_out: LeftOut) -> NDArray[np.float64]:
    """Return the spine; without points if the larva has none."""
    n = len(larva.times)
    spine = np.empty((n, 0, 2))
    for first, xy in trx.points("spine", larva.place, (n, None)):
        if not first:
            if xy.shape[1] < 3:
                problem = f"expected 3 points or more, found {xy.shape[1]}"
                raise trx.error("x_spine", larva.place, problem)
            spine = np.empty((n, *xy.shape[1:]))
        part = spine[first : first + len(xy)]
        _copy(xy, part)
        finite = np.isfinite(xy)
        if not finite.all():
            missing = ~finite.all(axis=(1, 2))
            partial = int((missing & ~np.isnan(xy).all(axis=(1, 2))).sum())
            left_out.add(("incomplete spine", "incomplete spines"), larva.number, partial)
            part[missing] = np.nan
    return spine


def _complete(path: Path, tracks: dict[int, Track]) -> None:
    """Make the spines of larvae that have none as long as the others."""
    sizes = {track.spine.shape[1] for track in tracks.values() if track.spine is not None} - {0}
    if len(sizes) > 1:
        found = " and ".join(map(str, sorted(sizes)))
        problem = f"expected spines of as many points for all larvae, found {found}"
        raise TrackFileError(problem, file=path)
    size = sizes.pop() if sizes else _SPINE_POINTS
    for larva, track in tracks.items():
        if track.spine is not None and not track.spine.shape[1]:
            tracks[larva] = replace(track, spine=np.full((len(track), size, 2), np.nan))


def _outline(
    trx: StructArray, larva: Larva, left_out: LeftOut
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the outlines of frames with a time, and their offsets."""
    n = len(larva.times)
    outline = np.empty((0, 2))
    sizes = np.zeros(n, dtype=np.int64)
    end = 0
    for first, xy in trx.points("contour", larva.place, (n, None)):
        if not first:  # memory is not occupied until it is used
            outline = np.empty((n * xy.shape[1], 2))
        frames = slice(first, first + len(xy))
        xy[np.isnan(larva.times[frames])] = np.nan
        there = np.isfinite(xy)
        if there.all():
            start, end = end, end + len(xy) * xy.shape[1]
            sizes[frames] = xy.shape[1]
            _copy(xy, outline[start:end].reshape(xy.shape))
            continue
        filled = ~np.isnan(xy).all(axis=(0, 2))
        used = slice(np.flatnonzero(filled).max(initial=-1) + 1)
        xy, there = xy[:, used], there[:, used]  # often most points are padding
        valid = there[:, :, 0]
        bad = (there[:, :, 1] != valid) | ~(valid | np.isnan(xy[:, :, 0]))
        bad[:, 1:] |= valid[:, 1:] & ~valid[:, :-1]
        if bad.any():  # a contour has finite x and y, and NaN for both after its last point
            invalid = bad.any(axis=1)
            words = ("invalid outline", "invalid outlines")
            left_out.add(words, larva.number, int(invalid.sum()))
            valid[invalid] = False
        valid.sum(axis=1, out=sizes[frames])
        start, end = end, end + int(sizes[frames].sum())
        points = np.empty(xy.shape)
        _copy(xy, points)
        points.reshape(-1, 2).compress(valid.ravel(), axis=0, out=outline[start:end])
    outline.resize((end, 2), refcheck=False)
    return outline, np.concatenate([[0], np.cumsum(sizes[larva.timed])])


def _copy(xy: NDArray[np.float64], to: NDArray[np.float64]) -> None:
    """Copy points; copying x, then y, is faster than copying both at once."""
    to[:, :, 0] = xy[:, :, 0]
    to[:, :, 1] = xy[:, :, 1]


def _set_indicators(
    trx: StructArray,
    larvae: list[Larva],
    every: list[Larva],
    tracks: dict[int, Track],
    left_out: LeftOut,
) -> list[str]:
    """Set the indicators of the tracks, and return their names.

    The known actions and their variants are indicators whatever their values. Others are if their
    values in all larvae of the file, NaN aside, are only 0 and 1, or -1 and 1.
    """
    fields = [x for x in trx.fields if x not in NO_INDICATORS and not x.startswith(STATE_FIELD)]
    names = [name for name in fields if name in KNOWN or is_indicator(trx, name, every)]
    names = sorted(names, key=lambda name: KINDS.index(_kind(name, names)))
    for one in larvae:
        for name in names:
            tracks[one.number].indicators[name] = _column(trx, name, one, left_out) == 1
    return names


def _column(
    trx: StructArray, name: str, larva: Larva, left_out: LeftOut | None = None
) -> NDArray[np.float64]:
    """Return a number per frame with a time; NaN if the column is ``[]`` or invalid."""
    n = len(larva.times)
    try:
        values = trx.numbers(name, larva.place, (n, 1))
    except TrackFileError:
        if left_out is not None:
            left_out.add((f"invalid column {name}", f"invalid columns {name}"), larva.number)
        values = np.empty(0)
    return (values if values.size else np.full(n, np.nan))[larva.timed]


def is_indicator(trx: StructArray, name: str, larvae: list[Larva]) -> bool:
    """Return whether a column is 0 and 1, or -1 and 1, in all larvae of the file."""
    off = {0, -1}  # values that may stand for off
    is_column = False
    for larva in larvae:
        values = _column(trx, name, larva)
        missing = np.isnan(values)
        off = {value for value in off if ((values == value) | (values == 1) | missing).all()}
        if not off:
            return False
        is_column |= len(values) > 1 and not missing.all()  # not a number per larva
    return is_column


def _kind(name: str, names: Iterable[str]) -> str:
    """Return the kind of an indicator: that of a variant if the action itself is there, too."""
    action, _, kind = name.rpartition("_")
    return kind if kind in KINDS[1:] and action in names else "plain"


def _chosen(trx: StructArray, kinds: tuple[str, ...], names: list[str]) -> list[str]:
    """Return the indicators that become labels."""
    chosen: list[str] = []
    for kind in kinds:
        if kind == "plain":
            chosen += [name for name in names if _kind(name, names) == "plain"]
        elif kind in KINDS:
            suffix = f"_{kind}"
            if not any(name.endswith(suffix) for name in names):
                found = ", ".join(names) or "no indicators"
                problem = f"expected indicators such as run{suffix}, found {found}; "
                problem += "choose other labels"
                raise TrackFileError(problem, file=trx.path, key=trx.name)
            chosen += [x for x in names if x.endswith(suffix) or x == "small_motion"]
        elif kind not in trx.fields:
            found = ", ".join(name for name in trx.fields if name.startswith(STATE_FIELD))
            problem = f"expected a column {shown(kind)}, found {found or 'no column of states'}"
            raise TrackFileError(problem, file=trx.path, key=trx.name)
    return list(dict.fromkeys(chosen))


def _labels(
    trx: StructArray,
    kinds: tuple[str, ...],
    indicators: list[str],
    larvae: list[Larva],
    tracks: dict[int, Track],
    left_out: LeftOut,
) -> Labels:
    """Return the labels that indicators and columns of state numbers give."""
    labels = Labels()
    chosen = _chosen(trx, kinds, indicators)
    fields = [kind for kind in kinds if kind not in KINDS]
    names = list(dict.fromkeys([*chosen, *(STATES if fields else ())]))
    if not names:
        return labels
    states = labels.add_run(larvae[0].run)
    states.declare(names)
    table = states._table
    for larva in larvae:
        track = tracks[larva.number]
        is_on = {name: track.indicators[name] for name in chosen}
        for field in fields:
            values = _column(trx, field, larva, left_out)
            rest = f"a number in {field} that is no state"
            other = ~(np.isin(values, range(len(STATES) + 1)) | np.isnan(values))
            words = (f"frame with {rest}", f"frames with {rest}")
            left_out.add(words, larva.number, int(other.sum()))
            for number, name in enumerate(STATES, 1):
                is_on[name] = (values == number) | is_on.get(name, False)
        columns = np.array([is_on[name] for name in names], bool)
        codes = table.encode_columns(names, columns)
        states._tracks[larva.number] = TrackLabels(table, track.times.copy(), codes)
    return labels
