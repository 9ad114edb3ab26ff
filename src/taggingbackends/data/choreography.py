"""Choreography's .spine and .outline files (of the Multi-Worm Tracker).

A line is ``date_time larva_id time x1 y1 x2 y2 ...``: times in seconds, coordinates in mm. The
format is described in docs/contract.md, section 7; tracker and Choreography in Swierczek, Giles,
Rankin and Kerr (2011), High-throughput behavioral analysis in C. elegans, Nature Methods 8:592.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from taggingbackends.data.tracks import Recording, Track
from taggingbackends.errors import TrackFileError
from taggingbackends.runlabels import MAX_LARVA_ID

__all__ = ["load"]

_HEADER = 3  # fields of a line before the coordinates
_SPINE_POINTS = 11
_STEM = ("date_time", "genotype", "effector", "tracker", "protocol")


def load(path: Path, spine: bool = True, outline: bool = True) -> Recording:
    """Load a pair of files, or one of them.

    Parameters
    ----------
    path : Path
        Either file; the other one is beside it.
    spine, outline : bool
        Whether to load the one and the other.

    Raises
    ------
    TrackFileError
        A file is missing, a line is no such line, or the two files differ in larvae or times.
    """
    wanted = [suffix for suffix, on in ((".spine", spine), (".outline", outline)) if on]
    if not wanted:
        raise ValueError("expected spine or outline to be loaded, found both turned off")
    files = [path.with_suffix(suffix) for suffix in wanted]
    for file in files:
        if not file.is_file():
            rest = f"load {path.name} alone with {file.suffix[1:]}=False"
            problem = f"expected this file beside {path.name}, found none; bring it, or {rest}"
            raise TrackFileError(problem, file=file)
    tables = {file.suffix: _read(file) for file in files}
    first, *others = tables.values()
    for other in others:
        _check_same_frames(first, other)
    larvae = list(first.rows)
    tracks = {larva: _track(larva, tables) for larva in larvae}
    return Recording(first.run, tracks, _metadata(path.stem), "Choreography", tuple(files))


def _metadata(stem: str) -> dict[str, str]:
    parts = stem.split("@")
    return dict(zip(_STEM, parts, strict=False)) if len(parts) >= len(_STEM) else {}


@dataclass(frozen=True)
class _Table:
    """The lines of one file."""

    file: Path
    run: str
    rows: dict[int, NDArray[np.intp]]  # larva -> its rows, in order
    times: NDArray[np.float64]
    lines: NDArray[np.intp]  # 1-based line number of each row
    points: NDArray[np.float64]  # (total points, 2)
    offsets: NDArray[np.int64]  # (rows + 1,) of each row's points


def _read(file: Path) -> _Table:
    content = file.read_bytes()
    fields = content.split()
    first, counts, lines = _layout(content)

    def fault(row: int, problem: str) -> TrackFileError:
        return TrackFileError(problem, file=file, line=int(lines[row]))

    if not fields:
        raise TrackFileError("expected tracks, found an empty file", file=file)
    _check_counts(file, counts, lines)
    runs = list(map(fields.__getitem__, first.tolist()))
    if len(set(runs)) > 1:
        row = next(row for row, run in enumerate(runs) if run != runs[0])
        raise fault(row, f"expected run {_str(runs[0])} in all lines, found {_str(runs[row])}")
    try:
        values = np.fromiter(map(float, fields), np.float64, len(fields))
    except ValueError:
        values = np.fromiter(map(_number, fields), np.float64, len(fields))
    values[first] = 0.0  # the run's identifier, which is no number
    bad = ~np.isfinite(values)
    if content.count(b"_") != len(runs) * runs[0].count(b"_"):  # float() would read over them
        bad |= np.fromiter((b"_" in field for field in fields), bool, len(fields))
        bad[first] = False
    if bad.any():
        at = int(bad.argmax())
        row = int(np.searchsorted(first, at, "right")) - 1
        field = at - int(first[row]) + 1
        raise fault(row, f"expected a number in field {field}, found {_str(fields[at])}")
    _check_end(file, content, int(lines[-1]))
    larvae = values[first + 1]
    bad = (larvae % 1 != 0) | (larvae < 0) | (larvae > MAX_LARVA_ID)
    if bad.any():
        row = int(bad.argmax())
        found = _str(fields[first[row] + 1])
        raise fault(row, f"expected a larva identifier from 0 to {MAX_LARVA_ID}, found {found}")
    coordinates = np.ones(len(values), dtype=bool)
    for column in range(_HEADER):
        coordinates[first + column] = False
    table = _Table(
        file=file,
        run=runs[0].decode(),
        rows=_rows(larvae.astype(np.int64)),
        times=values[first + 2],
        lines=lines,
        points=values[coordinates].reshape(-1, 2),
        offsets=np.concatenate([[0], np.cumsum((counts - _HEADER) // 2)]),
    )
    _check_times(table)
    return table


def _layout(content: bytes) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return, of each line that is not blank: first field, number of fields, line number."""
    text = np.frombuffer(content, np.uint8)
    blank = (text == ord(" ")) | ((text >= ord("\t")) & (text <= ord("\r")))  # as bytes.split
    starts = ~blank
    starts[1:] &= blank[:-1]
    ends = np.append(np.flatnonzero(text == ord("\n")), len(text))
    upto = np.concatenate([[0], np.searchsorted(np.flatnonzero(starts), ends)])
    counts = np.diff(upto)
    rows = np.flatnonzero(counts)
    return upto[rows], counts[rows], rows + 1


def _check_counts(file: Path, counts: NDArray[np.intp], lines: NDArray[np.intp]) -> None:
    if file.suffix == ".spine":
        expected = (
            f"{_HEADER + 2 * _SPINE_POINTS} fields (date_time larva_id time x1 y1 ... x11 y11)"
        )
        bad = counts != _HEADER + 2 * _SPINE_POINTS
    else:
        expected = "an odd number of fields from 5 (date_time larva_id time x1 y1 x2 y2 ...)"
        bad = (counts % 2 == 0) | (counts < _HEADER + 2)
    if bad.any():
        row = int(bad.argmax())
        hint = "; is the file cut?" if row == len(counts) - 1 else ""
        problem = f"expected {expected}, found {counts[row]}{hint}"
        raise TrackFileError(problem, file=file, line=int(lines[row]))


def _check_end(file: Path, content: bytes, line: int) -> None:
    """Refuse a file that was cut within its last number, which may still read as one."""
    text = content.rstrip()
    if b"\n" in content[len(text) :] or b"\r" in content[len(text) :]:
        return
    last = text.rsplit(b"\n", 1)[-1].split()[_HEADER - 1 :]
    *others, decimals = (len(field.partition(b".")[2]) for field in last)
    if len(set(others)) == 1 and decimals < others[0]:
        problem = (
            f"expected a last number with {others[0]} decimals and the line's end, "
            f"found {_str(last[-1])}; is the file cut?"
        )
        raise TrackFileError(problem, file=file, line=line)


def _rows(larvae: NDArray[np.int64]) -> dict[int, NDArray[np.intp]]:
    order = np.argsort(larvae, kind="stable")
    found, start = np.unique(larvae[order], return_index=True)
    rows = dict(zip(found.tolist(), np.split(order, start[1:]), strict=True))
    return dict(sorted(rows.items(), key=lambda item: int(item[1][0])))


def _check_times(table: _Table) -> None:
    for larva, rows in table.rows.items():
        times = table.times[rows]
        bad = np.diff(times) <= 0
        if bad.any():
            at = int(bad.argmax())
            problem = (
                f"expected a time of larva {larva} after {times[at]}, found {times[at + 1]}; "
                "are the lines of two larvae under one identifier?"
            )
            raise TrackFileError(problem, file=table.file, line=int(table.lines[rows[at + 1]]))


def _check_same_frames(one: _Table, other: _Table) -> None:
    if one.run != other.run:
        problem = f"expected run {one.run}, as in {one.file.name}, found {other.run}"
        raise TrackFileError(problem, file=other.file, line=1)
    if one.rows.keys() != other.rows.keys():
        larva = min(one.rows.keys() ^ other.rows.keys())
        having, lacking = (one, other) if larva in one.rows else (other, one)
        problem = f"expected larva {larva}, which {having.file.name} has, found none"
        raise TrackFileError(problem, file=lacking.file)
    for larva, rows in one.rows.items():
        times, others = one.times[rows], other.times[other.rows[larva]]
        n = min(len(times), len(others))
        differ = np.flatnonzero(times[:n] != others[:n])
        if len(times) == len(others) and not len(differ):
            continue
        at = int(differ[0]) if len(differ) else n
        expected = f"time {times[at]}" if at < len(times) else "no more"
        row = other.rows[larva][min(at, len(others) - 1)]
        found = f"time {others[at]}" if at < len(others) else "no more"
        problem = (
            f"expected {expected} as frame {at + 1} of larva {larva}, as in {one.file.name}, "
            f"found {found}"
        )
        raise TrackFileError(problem, file=other.file, line=int(other.lines[row]))


def _track(larva: int, tables: dict[str, _Table]) -> Track:
    times = spine = outline = offsets = None
    if ".spine" in tables:
        table = tables[".spine"]
        rows = table.rows[larva]
        times = table.times[rows]
        spine = table.points.reshape(-1, _SPINE_POINTS, 2)[rows]
    if ".outline" in tables:
        table = tables[".outline"]
        rows = table.rows[larva]
        times = table.times[rows] if times is None else times
        sizes = table.offsets[rows + 1] - table.offsets[rows]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], sizes)
        outline = table.points[np.repeat(table.offsets[rows], sizes) + within]
    assert times is not None
    return Track(times, spine, outline, offsets)


def _number(field: bytes) -> float:
    try:
        return float(field)
    except ValueError:
        return np.nan


def _str(field: bytes) -> str:
    return field[:60].decode("ascii", "backslashreplace")
