"""Choreography's .spine and .outline files (Multi-Worm Tracker).

A line is ``date_time larva_id time x1 y1 x2 y2 ...``, with times in seconds and coordinates in mm.
Section 7 of docs/contract.md describes the format.

The tracker and Choreography are described in Swierczek, Giles, Rankin and Kerr (2011),
High-throughput behavioral analysis in C. elegans, Nature Methods 8:592.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from taggingbackends.data import decimals
from taggingbackends.data.changes import unchanged
from taggingbackends.data.tracks import Recording, Track
from taggingbackends.errors import TrackFileError
from taggingbackends.labels.validation import MAX_LARVA_ID
from taggingbackends.system.files import open_file
from taggingbackends.system.memory import keep_freed_memory
from taggingbackends.system.names import utf8_name

__all__ = ["load"]

_HEADER = 3  # fields before the coordinates of a line
_SPINE_POINTS = 11
_BLOCK = 1 << 18  # bytes read at once; arrays of larger blocks would not fit into the cache
_LONGEST = 1 << 20  # longest line in bytes, an outline of 50,000 points
_STEM = ("date_time", "genotype", "effector", "tracker", "protocol")


def load(path: Path, spine: bool = True, outline: bool = True) -> Recording:
    """Load a .spine and .outline file, or one of them.

    If all lines of a larva are consecutive, as Choreography writes them, its arrays are views into
    arrays of the whole recording. Copy them to keep one track without the others.

    Parameters
    ----------
    path : Path
        Either file. The other one must be beside it.
    spine, outline : bool
        Whether to load spines and outlines.

    Raises
    ------
    TrackFileError
        A file is missing or changes while it is read, a line is invalid, or the two files differ
        in larvae or times, or only one of them ends with a line break.
    """
    wanted = [suffix for suffix, on in ((".spine", spine), (".outline", outline)) if on]
    if not wanted:
        raise ValueError("expected spine or outline to be loaded, found both turned off")
    files = [path.with_suffix(suffix) for suffix in wanted]
    for file in files:
        if not file.is_file():
            rest = f"load {path.name} alone with {file.suffix[1:]}=False"
            problem = f"expected this file beside {path.name}, found none; add it, or {rest}"
            raise TrackFileError(problem, file=file)
    with unchanged(*files):
        tables = {file.suffix: _read(file) for file in files}
    first, *others = tables.values()
    for other in others:
        _check_same_frames(first, other)
    larvae = list(first.rows)
    tracks = {larva: _track(larva, tables) for larva in larvae}
    return Recording(
        first.run, tracks, _metadata(utf8_name(path.stem)), "Choreography", tuple(files)
    )


def _metadata(stem: str) -> dict[str, str]:
    parts = stem.split("@")
    return dict(zip(_STEM, parts, strict=False)) if len(parts) >= len(_STEM) else {}


@dataclass(frozen=True)
class _Block:
    """Fields of consecutive lines of a file; blank lines are skipped."""

    text: bytes
    stops: NDArray[np.intp]  # field i is text[stops[i] - lengths[i] : stops[i]]
    lengths: NDArray[np.intp]
    first: NDArray[np.intp]  # index of each line's first field
    counts: NDArray[np.intp]  # number of fields of each line
    lines: NDArray[np.intp]  # 1-based line numbers

    def field(self, i: int) -> bytes:
        return self.text[self.stops[i] - self.lengths[i] : self.stops[i]]


@dataclass(frozen=True)
class _Table:
    """Content of one file."""

    file: Path
    run: str
    rows: dict[int, NDArray[np.intp]]  # larva -> its rows, in order
    times: NDArray[np.float64]
    lines: NDArray[np.intp]  # 1-based line number of each row
    points: NDArray[np.float64]  # (total points, 2)
    offsets: NDArray[np.int64]  # (rows + 1,), where the points of each row begin
    is_ended: bool  # whether the last line ends with a line break


def _read(file: Path) -> _Table:
    run = b""
    parts = []
    coordinates = bytearray()  # grows in place; concatenating arrays would double the memory
    faults: dict[str, TrackFileError] = {}  # the first of each kind
    blocks = _blocks(file)
    for block in blocks:
        _check_counts(file, block, blocks)
        run = run or block.field(block.first[0])
        larvae, times, xy, wrong = _numbers(block)
        coordinates.extend(xy.data)
        parts.append((block.counts, block.lines, larvae, times))
        same = _fields_equal(block, block.first, run)
        _note(faults, "run", file, block, block.first[~same], f"run {_str(run)} in all lines")
        _note(faults, "number", file, block, wrong, "a number")
        bad = (np.floor(larvae) != larvae) | (larvae < 0) | (larvae > MAX_LARVA_ID)
        expected = f"a larva identifier from 0 to {MAX_LARVA_ID}"
        _note(faults, "larva", file, block, block.first[bad] + 1, expected)
    if not parts:
        raise TrackFileError("expected tracks, found an empty file", file=file)
    counts, lines, larvae, times = map(np.concatenate, zip(*parts, strict=True))
    for kind in ("run", "number"):
        if kind in faults:
            raise faults[kind]
    is_ended = _check_end(file, block.text, int(lines[-1]))
    if "larva" in faults:
        raise faults["larva"]
    table = _Table(
        file=file,
        run=_run(file, run, int(lines[0])),
        rows=_rows(larvae.astype(np.int64)),
        times=times,
        lines=lines,
        points=np.frombuffer(coordinates).reshape(-1, 2),
        offsets=np.concatenate([[0], np.cumsum((counts - _HEADER) // 2)]),
        is_ended=is_ended,
    )
    _check_times(table)
    return table


def _note(
    faults: dict[str, TrackFileError],
    kind: str,
    file: Path,
    block: _Block,
    fields: NDArray[np.intp],
    expected: str,
) -> None:
    """Add the error about the first of some fields, unless there is one of this kind."""
    if len(fields) and kind not in faults:
        row = int(np.searchsorted(block.first, fields[0], "right")) - 1
        if kind == "number":
            expected += f" in field {fields[0] - block.first[row] + 1}"
        problem = f"expected {expected}, found {_str(block.field(fields[0]))}"
        faults[kind] = TrackFileError(problem, file=file, line=int(block.lines[row]))


def _run(file: Path, run: bytes, line: int) -> str:
    try:
        return run.decode()
    except UnicodeDecodeError:
        problem = f"expected a run in UTF-8, found {_str(run)}"
        raise TrackFileError(problem, file=file, line=line) from None


def _blocks(file: Path) -> Iterator[_Block]:
    """Yield the blocks of a file, each of whole lines."""
    keep_freed_memory()
    above = 0  # lines before the block
    with open_file(file) as stream:
        while text := stream.read(_BLOCK) + stream.readline(_LONGEST):
            if not text.endswith(b"\n") and stream.read(1):
                problem = f"expected lines of {_LONGEST} bytes at most, found a longer one"
                raise TrackFileError(problem, file=file, line=above + text.count(b"\n") + 1)
            stops, lengths, counts = decimals.split(text)
            rows = np.flatnonzero(counts)
            if len(rows):
                first = (np.cumsum(counts) - counts)[rows]
                yield _Block(text, stops, lengths, first, counts[rows], above + rows + 1)
            above += len(counts)


def _check_counts(file: Path, block: _Block, later: Iterator[_Block]) -> None:
    counts = block.counts
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
        is_last = row == len(counts) - 1 and next(later, None) is None
        hint = "; is the file cut?" if is_last else ""
        problem = f"expected {expected}, found {counts[row]}{hint}"
        raise TrackFileError(problem, file=file, line=int(block.lines[row]))


def _fields_equal(block: _Block, fields: NDArray[np.intp], text: bytes) -> NDArray[np.bool_]:
    """Return which of the fields equal `text`."""
    size = len(text)
    equal: NDArray[np.bool_] = block.lengths[fields] == size
    if equal.any():
        windows = np.ndarray((len(block.text) - size + 1,), f"S{size}", block.text, strides=(1,))
        equal[equal] = windows[block.stops[fields][equal] - size] == text
    return equal


def _numbers(
    block: _Block,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]]:
    """Return larvae, times, coordinates, and the fields that are no finite numbers."""
    first = block.first  # the run, which is not a number
    values = decimals.parse(block.text, block.stops, block.lengths, skip=first)
    is_coordinate = np.ones(len(values), dtype=bool)
    for column in range(_HEADER):
        is_coordinate[first + column] = False
    wrong = np.flatnonzero(~np.isfinite(values))
    return values[first + 1], values[first + 2], values[is_coordinate], wrong


def _check_end(file: Path, content: bytes, line: int) -> bool:
    """Return whether the last line ends with a line break.

    Raise an error if the file was cut within its last number, which may still be valid.
    """
    text = content.rstrip()
    if b"\n" in content[len(text) :] or b"\r" in content[len(text) :]:
        return True
    last = text.rsplit(b"\n", 1)[-1].split()[_HEADER - 1 :]
    *others, found = (len(field.partition(b".")[2]) for field in last)
    if len(set(others)) == 1 and found < others[0]:
        problem = (
            f"expected a last number with {others[0]} decimals and the line's end, "
            f"found {_str(last[-1])}; is the file cut?"
        )
        raise TrackFileError(problem, file=file, line=line)
    return False


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
    if one.is_ended != other.is_ended:
        # an outline may have any number of points, so a cut between two points is not noticed
        cut, whole = (other, one) if one.is_ended else (one, other)
        problem = f"expected a line break at the end, as {whole.file.name} has, found none"
        problem += "; is the file cut?"
        raise TrackFileError(problem, file=cut.file, line=int(cut.lines[-1]))


def _track(larva: int, tables: dict[str, _Table]) -> Track:
    times = spine = outline = offsets = None
    if ".spine" in tables:
        table = tables[".spine"]
        rows = _slice(table.rows[larva])
        times = table.times[rows]
        spine = table.points.reshape(-1, _SPINE_POINTS, 2)[rows]
    if ".outline" in tables:
        table = tables[".outline"]
        rows = _slice(table.rows[larva])
        times = table.times[rows] if times is None else times
        starts, stops = table.offsets[:-1][rows], table.offsets[1:][rows]
        offsets = np.concatenate([[0], np.cumsum(stops - starts)])
        if isinstance(rows, slice):
            outline = table.points[starts[0] : stops[-1]]
        else:
            outline = np.concatenate(
                [table.points[i:j] for i, j in zip(starts, stops, strict=True)]
            )
    assert times is not None
    return Track(times, spine, outline, offsets)


def _slice(rows: NDArray[np.intp]) -> slice | NDArray[np.intp]:
    """Return consecutive rows as a slice, which takes views instead of copies."""
    start, stop = int(rows[0]), int(rows[-1]) + 1
    return slice(start, stop) if stop - start == len(rows) else rows


def _str(field: bytes) -> str:
    return field[:60].decode("ascii", "backslashreplace")
