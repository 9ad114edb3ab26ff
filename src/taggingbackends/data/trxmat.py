"""trx.mat: tracks and indicators of actions, in a struct array of MATLAB 7.3.

Section 7 of docs/contract.md lists the fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from taggingbackends.data.changes import unchanged
from taggingbackends.data.structarray import StructArray, opened
from taggingbackends.data.tracks import Recording, Track
from taggingbackends.errors import TrackFileError, shown
from taggingbackends.labels import Labels
from taggingbackends.labels.states import State
from taggingbackends.labels.tracklabels import TrackLabels
from taggingbackends.labels.validation import MAX_LARVA_ID
from taggingbackends.system.memory import keep_freed_memory

__all__ = ["load"]

_ACTIONS = ("back", "cast", "hunch", "roll", "run", "small_motion", "stop")
_KINDS = {"plain": "", "large": "_large", "strong": "_strong", "weak": "_weak"}
_SPINE_POINTS = 11
_ROOM = 16  # factor by which the array of outlines grows


def load(
    path: Path,
    spine: bool = True,
    outline: bool = True,
    labels: str | Iterable[str] = "plain",
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
        ``cast``, ...), ``"large"`` (``run_large``, ...), ``"strong"``, ``"weak"``, or several of
        these. ``small_motion`` has no variants and is part of every kind. A frame with several
        indicators on has several labels; a frame with none is undefined.

    Returns
    -------
    Recording
        `Track.indicators` contains all actions and variants in the file, as (n,) bool arrays. A
        value of 1 is on, any other value is off.

    Raises
    ------
    TrackFileError
        The file is not a trx.mat, is damaged or changes while it is read, a field is missing or
        invalid, or `labels` is not one of the kinds. The error names the field, e.g.
        ``trx(2).x_spine``, with elements counted from 1 as in MATLAB.
    """
    kinds = (labels,) if isinstance(labels, str) else tuple(labels)
    for kind in kinds:
        if kind not in _KINDS:
            expected = ", ".join(_KINDS)
            problem = f"expected labels out of {expected}, found {shown(kind)}"
            raise TrackFileError(problem, file=path)
    keep_freed_memory()
    with unchanged(path), opened(path) as file:
        trx = StructArray(path, file)
        indicators = [name for name in _names(*_KINDS) if name in trx]
        names = _chosen(trx, kinds, indicators)
        run, larvae = _run(trx), _larvae(trx)
        tracks = {
            larva: _track(trx, index, spine, outline, indicators)
            for index, larva in enumerate(larvae)
        }
    metadata = {"date_time": run} if re.fullmatch(r"\d{8}_\d{6}", run) else {}
    return Recording(run, tracks, metadata, "trx.mat", (path,), _labels(run, tracks, names))


def _names(*kinds: str) -> list[str]:
    """Return the names of the indicators of some kinds, without duplicates."""
    names = (
        name if name == "small_motion" else name + _KINDS[kind]
        for kind in kinds
        for name in _ACTIONS
    )
    return list(dict.fromkeys(names))


def _chosen(trx: StructArray, kinds: tuple[str, ...], indicators: list[str]) -> list[str]:
    """Return the indicators that become labels."""
    for kind in kinds:
        suffix = _KINDS[kind]
        if suffix and not any(name.endswith(suffix) for name in indicators):
            found = ", ".join(indicators) or "no indicators"
            problem = f"expected indicators such as run{suffix}, found {found}; choose other labels"
            raise TrackFileError(problem, file=trx.path, key="trx")
    return [name for name in _names(*kinds) if name in indicators]


def _run(trx: StructArray) -> str:
    run = ""
    for index in range(len(trx)):
        text = trx.text("id", index)
        if not text.isprintable():
            raise trx.error("id", index, f"expected the run's identifier, found {shown(text)}")
        run = run or text
        if text != run:
            problem = (
                f"expected run {run}, as in trx(1), found {shown(text)}; store one run per file"
            )
            raise trx.error("id", index, problem)
    return run


def _larvae(trx: StructArray) -> list[int]:
    larvae: dict[int, int] = {}
    for index in range(len(trx)):
        number = float(trx.numbers("numero_larva_num", index, (1, 1))[0])
        if not (number.is_integer() and 0 <= number <= MAX_LARVA_ID):
            problem = f"expected a larva identifier from 0 to {MAX_LARVA_ID}, found {number:g}"
            raise trx.error("numero_larva_num", index, problem)
        first = larvae.setdefault(int(number), index)
        if first != index:
            problem = f"expected another larva than in trx({first + 1}), found {number:g} again"
            raise trx.error("numero_larva_num", index, problem)
    return list(larvae)


def _track(
    trx: StructArray, index: int, spine: bool, outline: bool, indicators: list[str]
) -> Track:
    times = trx.numbers("t", index, (None, 1))
    bad = ~np.isfinite(times)
    bad[1:] |= ~(times[1:] > times[:-1])
    if bad.any():
        at = int(bad.argmax())
        expected = f"a time after {times[at - 1]}" if at else "a finite time"
        raise trx.error("t", index, f"expected {expected}, found {times[at]} in frame {at + 1}")
    n = len(times)
    midline = _spine(trx, index, n) if spine else None
    contours, offsets = _outline(trx, index, n) if outline else (None, None)
    states = {name: trx.numbers(name, index, (n, 1)) == 1 for name in indicators}
    return Track(times, midline, contours, offsets, states)


def _spine(trx: StructArray, index: int, n: int) -> NDArray[np.float64]:
    spine = np.empty((n, _SPINE_POINTS, 2))
    for first, xy in trx.points("spine", index, (n, _SPINE_POINTS)):
        finite = np.isfinite(xy)
        if not finite.all():
            raise _bad_point(trx, "spine", index, first, xy, ~finite, "a finite number")
        _copy(xy, spine[first : first + len(xy)])
    return spine


def _outline(trx: StructArray, index: int, n: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    outline = np.empty((0, 2))
    offsets = np.zeros(n + 1, dtype=np.int64)
    end = 0
    for first, xy in trx.points("contour", index, (n, None)):
        most = n * xy.shape[1]
        sizes = offsets[first + 1 : first + 1 + len(xy)]
        sizes[:] = xy.shape[1]
        there = np.isfinite(xy)
        is_full = there.all()
        if not is_full:
            filled = ~np.isnan(xy).all(axis=(0, 2))
            used = slice(np.flatnonzero(filled).max(initial=-1) + 1)
            xy, there = xy[:, used], there[:, used]  # often most points are padding
            valid = there[:, :, 0]
            bad = ~there & ~np.isnan(xy)
            bad[:, 1:] |= (there[:, 1:] & ~there[:, :-1]) & ~bad.any()
            bad[:, :, 1] |= (there[:, :, 1] != valid) & ~bad.any()
            if bad.any():
                expected = "finite x and y, and NaN for both after the contour's last point"
                raise _bad_point(trx, "contour", index, first, xy, bad, expected)
            valid.sum(axis=1, out=sizes)
        start, end = end, end + int(sizes.sum())
        if end > len(outline):  # spare room occupies no memory until it is used
            grown = np.empty((min(_ROOM * end, most), 2))
            grown[:start] = outline[:start]
            outline = grown
        if is_full:
            _copy(xy, outline[start:end].reshape(xy.shape))
        else:
            points = np.empty(xy.shape)
            _copy(xy, points)
            points.reshape(-1, 2).compress(valid.ravel(), axis=0, out=outline[start:end])
    outline.resize((end, 2), refcheck=False)
    return outline, np.cumsum(offsets, out=offsets)


def _copy(xy: NDArray[np.float64], to: NDArray[np.float64]) -> None:
    """Copy points; copying x, then y, is faster than copying both at once."""
    to[:, :, 0] = xy[:, :, 0]
    to[:, :, 1] = xy[:, :, 1]


def _bad_point(
    trx: StructArray,
    shape: str,
    index: int,
    first: int,
    xy: NDArray[np.float64],
    bad: NDArray[np.bool_],
    expected: str,
) -> TrackFileError:
    frame, point, axis = np.unravel_index(int(bad.argmax()), bad.shape)
    found = f"{xy[frame, point, axis]} as point {point + 1} of frame {first + frame + 1}"
    return trx.error(f"{'xy'[axis]}_{shape}", index, f"expected {expected}, found {found}")


def _labels(run: str, tracks: dict[int, Track], names: list[str]) -> Labels:
    """Return the labels given by the indicators `names`; no labels if `names` is empty."""
    labels = Labels()
    if not names:
        return labels
    states = labels.add_run(run)
    states.declare(names)
    table = states._table
    for larva, track in tracks.items():
        bits = np.zeros(len(track), dtype=np.int64)
        for place, name in enumerate(names):
            bits |= track.indicators[name].astype(np.int64) << place
        distinct, codes = np.unique(bits, return_inverse=True)
        # once per distinct state: `Labels.set` would process the state of each frame
        numbers = [table.number(_state(names, number)) for number in distinct.tolist()]
        columns = track.times.copy(), np.array(numbers, np.int32)[codes]
        states._tracks[larva] = TrackLabels(table, *columns)
    return labels


def _state(names: list[str], bits: int) -> State:
    on = tuple(name for place, name in enumerate(names) if bits >> place & 1)
    return on[0] if len(on) == 1 else on
