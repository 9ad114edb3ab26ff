"""Choreography's .spine and .outline files (Multi-Worm Tracker).

A line is ``date_time larva_id time x1 y1 x2 y2 ...``, with times in seconds and coordinates in mm.
There is one file for all larvae, or one per larva, whose lines may lack the first two fields.
Section 7 of docs/contract.md describes the format.

The tracker and Choreography are described in Swierczek, Giles, Rankin and Kerr (2011),
High-throughput behavioral analysis in C. elegans, Nature Methods 8:592.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from taggingbackends.data import decimals
from taggingbackends.data.changes import unchanged
from taggingbackends.data.compressed import open_data
from taggingbackends.data.formats import recording_files, stem_of, tracker_name
from taggingbackends.data.tracks import Recording, Track
from taggingbackends.errors import TrackFileError
from taggingbackends.labels.validation import MAX_LARVA_ID
from taggingbackends.system.memory import keep_freed_memory
from taggingbackends.system.names import utf8_name
from taggingbackends.system.words import counted, listed

__all__ = ["load", "run_of"]

_FEWEST_POINTS = 3  # of a spine
_BLOCK = 1 << 18  # bytes read at once; arrays of larger blocks would not fit into the cache
_LONGEST = 1 << 20  # longest line in bytes, an outline of 50,000 points
_STEM = ("date_time", "genotype", "effector", "tracker", "protocol")
_DATE_TIME = re.compile(r"\d{8}_\d{6}")
_NUMBER = re.compile(rb"[-+]?(\d+[.,]?\d*|[.,]\d+)(e[-+]?\d+)?", re.IGNORECASE)
# what C, Java, MATLAB, Python, R and Visual C++ write
_MISSING = re.compile(rb"[-+]?(nan(\(\w*\))?|inf(inity)?|1[.]#\w+)|na|n/a|null|none", re.IGNORECASE)
_BOM = b"\xef\xbb\xbf"


def load(path: Path, spine: bool = True, outline: bool = True) -> Recording:
    """Load a .spine and .outline file, or one of them, or such files of each larva.

    The times are those of the spines. A spine that is missing is NaN, an outline that is missing
    is empty. If all lines of a larva are consecutive, as Choreography writes them, its arrays are
    views into arrays of the whole recording. Copy them to keep one track without the others.

    Without spines and outlines, only times are read: those of the spines, or else of the outlines.

    Parameters
    ----------
    path : Path
        Any of the files. The others must be beside it.
    spine, outline : bool
        Whether to load spines and outlines.

    Raises
    ------
    TrackFileError
        A file is missing or changes while it is read, a line is invalid, the two files are of
        different runs or have no frame in common, or only one of them ends with a line break.
    """
    wanted = [suffix for suffix, on in ((".spine", spine), (".outline", outline)) if on]
    only_times = not wanted
    parts, others = _parts(path, wanted) if wanted else _first_part(path)
    left_out = [f"{listed(others)}, beside {path.name}"] if others else []
    files = [file for part in parts.values() for file in part]
    with unchanged(*files):
        tables = {
            suffix: _table(part, suffix, left_out, only_times) for suffix, part in parts.items()
        }
    first, *rest = tables.values()
    for other in rest:
        _check_same_run(first, other)
        _check_same_end(first, other)
        left_out += _differences(first, other)
    if only_times:
        tracks = {larva: Track(first.times[_slice(rows)]) for larva, rows in first.rows.items()}
    else:
        for suffix, table in tables.items():
            (_set_spines if suffix == ".spine" else _clean_outlines)(table, left_out)
        tracks = {larva: _track(larva, tables) for larva in first.rows}
    run = _first(table.run for table in tables.values())
    return Recording(
        _run_of(path) if run is None else run,
        tracks,
        _metadata(utf8_name(stem_of(path))),
        "Choreography",
        tuple(files),
        left_out=tuple(left_out),
        run_is_derived=run is None,
    )


def _first_part(path: Path) -> tuple[dict[str, list[Path]], list[str]]:
    """Return the files of spines, or else those of outlines, as `_parts` does."""
    usual = path.with_suffix(".spine")
    is_usual = path.suffix in (".spine", ".outline") and tracker_name(path).larva is None
    if is_usual and usual.is_file():  # without listing the folder, which may be large
        return {".spine": [usual]}, []
    try:
        return _parts(path, [".spine"])
    except TrackFileError:
        return _parts(path, [".outline"])


def _parts(path: Path, wanted: list[str]) -> tuple[dict[str, list[Path]], list[str]]:
    """Return the files to load by suffix, and names of other files with these suffixes."""
    per_larva = tracker_name(path).larva is not None
    names = {file: tracker_name(file) for file in recording_files(path)}
    parts: dict[str, list[Path]] = {}
    others = []
    for suffix in wanted:
        files = [file for file, name in names.items() if name.suffix == suffix]
        if path in files:  # the file that was asked for comes first
            files.sort(key=lambda file: file != path)
        chosen: dict[int | None, Path] = {}
        for file in files:
            chosen.setdefault(names[file].larva, file)
        if None in chosen and (len(chosen) == 1 or not per_larva):
            chosen = {None: chosen[None]}
        else:
            chosen.pop(None, None)
        if not chosen:
            missing = path.with_name(stem_of(path) + suffix)
            rest = f"load {path.name} alone with {suffix[1:]}=False"
            problem = f"expected this file beside {path.name}, found none; add it, or {rest}"
            raise TrackFileError(problem, file=missing)
        parts[suffix] = [chosen[larva] for larva in sorted(chosen, key=lambda x: x or 0)]
        others += [file.name for file in files if file not in parts[suffix]]
    return parts, sorted(others)


_T = TypeVar("_T")


def _first(items: Iterable[_T | None]) -> _T | None:
    """Return the first item that is not None."""
    return next((item for item in items if item is not None), None)


def _metadata(stem: str) -> dict[str, str]:
    parts = stem.split("@")
    return dict(zip(_STEM, parts, strict=False)) if len(parts) >= len(_STEM) else {}


def run_of(path: Path) -> str:
    """Return the run of a recording, by the first line of one of its files.

    Raises
    ------
    TrackFileError
        The file has no line, or an invalid one.
    """
    with closing(_blocks(path)) as blocks:
        block = next(blocks, None)
    if block is None:
        raise TrackFileError("expected tracks, found an empty file", file=path)
    at = _layout(path, block).run
    return _run_of(path) if at is None else _run(path, block.field(at), int(block.lines[0]))


def _run_of(file: Path) -> str:
    """Return the run of a file whose lines have none: a date_time in its name or its folder's."""
    stem = utf8_name(stem_of(file))
    folder = utf8_name(file.absolute().parent.name)
    names = (stem.split("@")[0], folder)
    return next((name for name in names if _DATE_TIME.fullmatch(name)), stem)


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

    def of_first_fields(self, n: int) -> _Block:
        """Return the block of the first n fields of each line, which all lines have."""
        fields = (self.first[:, None] + np.arange(n)).ravel()
        return replace(
            self,
            stops=self.stops[fields],
            lengths=self.lengths[fields],
            first=np.arange(0, len(fields), n),
            counts=np.full(len(self.counts), n),
        )


class _Layout(NamedTuple):
    """What the lines of a file begin with, by its first line."""

    run: int | None  # index of this field; None if there is none
    larva: int | None
    time: int
    has_commas: bool  # in numbers, instead of points

    @property
    def before(self) -> int:
        """Number of fields before the coordinates."""
        return self.time + 1

    def __str__(self) -> str:
        names = ("date_time", self.run), ("larva_id", self.larva), ("time", self.time)
        return " ".join(name for name, at in names if at is not None)


@dataclass
class _Table:
    """Content of one file, or of the files of all larvae."""

    file: Path
    run: str | None  # None if the lines lack it
    rows: dict[int, NDArray[np.intp]]  # larva -> its rows, in order
    times: NDArray[np.float64]
    points: NDArray[np.float64]  # (total points, 2)
    offsets: NDArray[np.int64]  # (rows + 1,), where the points of each row begin
    size: int | None  # number of points of a spine; None if there is none
    cut: tuple[Path, int] | None  # a file without a line break at its end, and its last line
    has_missing: bool  # whether any coordinates are missing
    spine: NDArray[np.float64] | None = field(default=None, init=False)  # (rows, points, 2)


def _table(files: list[Path], suffix: str, left_out: list[str], only_times: bool) -> _Table:
    """Read the files of all larvae, or the one file of them."""
    read = (_read(file, suffix, left_out, only_times) for file in files)
    tables = [table for table in read if table is not None]
    empty = len(files) - len(tables)
    if not tables:
        raise TrackFileError("expected tracks, found an empty file", file=files[0])
    if empty:
        left_out.append(counted(empty, f"empty {suffix} file"))
    return _joined(tables) if len(tables) > 1 else tables[0]


def _joined(tables: list[_Table]) -> _Table:
    first = tables[0]
    size = _first(table.size for table in tables)
    rows: dict[int, NDArray[np.intp]] = {}
    owners: dict[int, Path] = {}
    offsets: list[NDArray[np.int64]] = [np.zeros(1, np.int64)]
    row = point = 0
    for table in tables:
        fix = "give files of other runs names that differ before the number"
        _check_same_run(first, table, fix)
        if table.size is not None and size is not None and table.size != size:
            problem = f"expected spines of {size} points, as in the files of other larvae"
            raise TrackFileError(f"{problem}, found {table.size}", file=table.file)
        for larva, own in table.rows.items():
            if larva in rows:
                problem = f"expected larva {larva} in one file, found it also in "
                raise TrackFileError(problem + owners[larva].name, file=table.file)
            rows[larva], owners[larva] = own + row, table.file
        offsets.append(table.offsets[1:] + point)
        row, point = row + len(table.times), point + len(table.points)
    return _Table(
        file=first.file,
        run=_first(table.run for table in tables),
        rows=rows,
        times=np.concatenate([table.times for table in tables]),
        points=np.concatenate([table.points for table in tables]),
        offsets=np.concatenate(offsets),
        size=size,
        cut=_first(table.cut for table in tables),
        has_missing=any(table.has_missing for table in tables),
    )


def _read(file: Path, suffix: str, left_out: list[str], only_times: bool) -> _Table | None:
    """Read a file; None if it has no lines."""
    run = b""
    layout = None
    parts = []
    coordinates = bytearray()  # grows in place; concatenating arrays would double the memory
    faults: dict[str, TrackFileError] = {}  # the first of each kind
    points: int | None = None  # of all spines
    places: dict[str, int] = {}
    has_missing = False
    blocks = _blocks(file)
    for block in blocks:
        if layout is None:
            layout = _layout(file, block)
        if suffix == ".spine" and points is None:
            points = _number_of_points(file, block, layout)
        _check_counts(file, block, layout, points, suffix, blocks)
        if layout.has_commas:
            _check_commas(file, block, layout, places)
        whole = block
        if only_times:
            block = block.of_first_fields(layout.before)
        larvae, times, xy, wrong, missing = _numbers(file, block, layout)
        has_missing = has_missing or missing
        coordinates.extend(xy.data)
        parts.append((block.counts, block.lines, larvae, times))
        if layout.run is not None:
            runs = block.first + layout.run
            run = run or block.field(runs[0])
            same = _fields_equal(block, runs, run)
            _note(faults, "run", file, block, runs[~same], f"run {_str(run)} in all lines")
        _note(faults, "number", file, block, wrong, "a number")
        bad = (np.floor(larvae) != larvae) | (larvae < 0) | (larvae > MAX_LARVA_ID)
        expected = f"a larva identifier from 0 to {MAX_LARVA_ID}"
        if layout.larva is not None:
            _note(faults, "larva", file, block, block.first[bad] + layout.larva, expected)
        elif bad.any():
            problem = f"expected {expected} in the file's name, found {larvae[0]:.0f}"
            raise TrackFileError(problem, file=file)
    if layout is None:
        return None
    counts, lines, larvae, times = map(np.concatenate, zip(*parts, strict=True))
    for kind in ("run", "number"):
        if kind in faults:
            raise faults[kind]
    cut = None if _check_end(file, whole, layout) else (file, int(lines[-1]))
    if "larva" in faults:
        raise faults["larva"]
    in_use = np.flatnonzero(~np.isnan(times))
    if len(in_use) < len(times):
        n = len(times) - len(in_use)
        left_out.append(f"{counted(n, 'line')} without a time in {file.name}")
        if not len(in_use):
            raise TrackFileError("expected times, found none in any line", file=file)
    table = _Table(
        file=file,
        run=None if layout.run is None else _run(file, run, int(lines[0])),
        rows=_rows(larvae.astype(np.int64), in_use),
        times=times,
        points=np.frombuffer(coordinates).reshape(-1, 2),
        offsets=np.concatenate([[0], np.cumsum((counts - layout.before) // 2)]),
        size=points,
        cut=cut,
        has_missing=has_missing,
    )
    _check_times(table, lines)
    named = tracker_name(file).larva
    if named is not None and named not in table.rows:
        found = listed(sorted(table.rows))
        left_out.append(f"the number in the name of {file.name}, which has larva {found}")
    return table


def _layout(file: Path, block: _Block) -> _Layout:
    """Return what lines begin with; lines of one larva's file may lack the run and the larva."""
    n = int(block.counts[0])
    fields = [block.field(i) for i in range(min(n, 3))]
    larva = tracker_name(file).larva
    is_number = [_NUMBER.fullmatch(text) is not None for text in fields]
    is_larva = [_is_id(text) and int(text) == larva for text in fields]
    run_at: int | None = 0
    larva_at: int | None = 1
    if larva is None:
        # a first number with decimals is a time
        if n > 1 and is_number[0] and not fields[0].isdigit() and not fields[1].isdigit():
            problem = (
                "expected date_time and larva_id before the time, "
                f"found {_str(b' '.join(fields))} ..."
            )
            fix = f"if all lines are of one larva, name the file <stem>.00001{file.suffix}"
            raise TrackFileError(f"{problem}; {fix}", file=file, line=int(block.lines[0]))
    elif n % 2 and is_number[0] and not (n > 1 and is_larva[1] and fields[0].isdigit()):
        run_at = larva_at = None
    elif n % 2 == 0 and is_larva[0]:
        run_at, larva_at = None, 0
    elif n % 2 == 0 and not is_number[0]:
        run_at, larva_at = 0, None
    time = sum(at is not None for at in (run_at, larva_at))
    return _Layout(run_at, larva_at, time, time < n and b"," in fields[time])


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


def _blocks(file: Path) -> Generator[_Block, None, None]:
    """Yield the blocks of a file, each of whole lines."""
    keep_freed_memory()
    above = 0  # lines before the block
    with open_data(file) as opened:
        stream = opened
        text = (stream.read(_BLOCK) + stream.readline(_LONGEST)).removeprefix(_BOM)
        if b"\r" in text and b"\n" not in text:  # as old programs on a Mac end lines
            stream = BytesIO((text + stream.read()).replace(b"\r", b"\n"))
            text = stream.readline()
        while text:
            if b"\r" in text:
                text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            if not text.endswith(b"\n") and stream.read(1):
                problem = f"expected lines of {_LONGEST} bytes at most, found a longer one"
                raise TrackFileError(problem, file=file, line=above + text.count(b"\n") + 1)
            stops, lengths, counts = decimals.split(text)
            rows = np.flatnonzero(counts)
            if len(rows):
                first = (np.cumsum(counts) - counts)[rows]
                yield _Block(text, stops, lengths, first, counts[rows], above + rows + 1)
            above += len(counts)
            text = stream.read(_BLOCK) + stream.readline(_LONGEST)


def _is_id(text: bytes) -> bool:
    return text.isdigit() and len(text) < 10


def _number_of_points(file: Path, block: _Block, layout: _Layout) -> int | None:
    """Return the number of points of a block's first spine; None if there is no spine."""
    rows = np.flatnonzero(block.counts > layout.before)
    if not len(rows):
        return None
    row = int(rows[0])
    points, odd = divmod(int(block.counts[row]) - layout.before, 2)
    if odd or points < _FEWEST_POINTS:
        expected = (
            f"an odd number of fields from {layout.before + 2 * _FEWEST_POINTS}"
            if layout.time % 2 == 0
            else f"an even number of fields from {layout.before + 2 * _FEWEST_POINTS}"
        )
        problem = f"expected {expected} ({layout} x1 y1 ...), found {block.counts[row]}"
        raise TrackFileError(problem, file=file, line=int(block.lines[row]))
    return points


def _check_counts(
    file: Path,
    block: _Block,
    layout: _Layout,
    points: int | None,
    suffix: str,
    later: Iterator[_Block],
) -> None:
    """Check the number of fields; a line without coordinates has no spine or outline."""
    counts = block.counts
    if suffix == ".spine":
        n = layout.before + 2 * (points or 0)
        coordinates = f" x1 y1 ... x{points} y{points}" if points else ""
        expected = f"{n} fields ({layout}{coordinates})"
        bad = counts != n
        if bad.any():
            bad &= counts != layout.before
    else:
        parity = "an odd" if layout.before % 2 else "an even"
        expected = f"{parity} number of fields from {layout.before} ({layout} x1 y1 x2 y2 ...)"
        bad = (counts % 2 != layout.before % 2) | (counts < layout.before)
    if bad.any():
        row = int(bad.argmax())
        is_last = row == len(counts) - 1 and next(later, None) is None
        hint = "; is the file cut?" if is_last else ""
        problem = f"expected {expected}, found {counts[row]}{hint}"
        raise TrackFileError(problem, file=file, line=int(block.lines[row]))


def _check_commas(file: Path, block: _Block, layout: _Layout, places: dict[str, int]) -> None:
    """Check that commas are decimal commas: one in each number, before as many decimals.

    `places` has the number of decimals of times and coordinates of the file, and is added to.
    """
    commas = np.flatnonzero(np.frombuffer(block.text, np.uint8) == ord(","))
    fields = np.searchsorted(block.stops, commas, "right")
    found = np.bincount(fields, minlength=len(block.stops))
    decimals_of = np.zeros(len(block.stops), np.int64)
    decimals_of[fields] = block.stops[fields] - commas - 1
    is_time = np.zeros(len(block.stops), bool)
    is_time[block.first + layout.time] = True
    is_coordinate = _is_coordinate(block, layout)
    for kind, of_kind in (("times", is_time), ("coordinates", is_coordinate)):
        numbers = np.flatnonzero(of_kind)
        if kind not in places:
            some = next((i for i in numbers.tolist() if not _is_missing(block.field(i))), None)
            if some is None:
                continue
            places[kind] = int(decimals_of[some])
        n = places[kind]
        unusual = numbers[(found[numbers] != 1) | (decimals_of[numbers] != n)]
        wrong = next((i for i in unusual.tolist() if not _is_missing(block.field(i))), None)
        if wrong is not None:
            row = int(np.searchsorted(block.first, wrong, "right")) - 1
            problem = (
                f"expected decimal commas before {counted(n, 'decimal')} in all {kind}, "
                f"as in the first line, found {_str(block.field(wrong))}; "
                "write numbers with decimal points"
            )
            raise TrackFileError(problem, file=file, line=int(block.lines[row]))


def _is_missing(text: bytes) -> bool:
    return _MISSING.fullmatch(text.replace(b",", b".")) is not None


def _is_coordinate(block: _Block, layout: _Layout) -> NDArray[np.bool_]:
    is_coordinate = np.ones(len(block.stops), dtype=bool)
    for column in range(layout.before):
        is_coordinate[block.first + column] = False
    return is_coordinate


def _fields_equal(block: _Block, fields: NDArray[np.intp], text: bytes) -> NDArray[np.bool_]:
    """Return which of the fields equal `text`."""
    size = len(text)
    equal: NDArray[np.bool_] = block.lengths[fields] == size
    if equal.any():
        windows = np.ndarray((len(block.text) - size + 1,), f"S{size}", block.text, strides=(1,))
        equal[equal] = windows[block.stops[fields][equal] - size] == text
    return equal


def _numbers(
    file: Path, block: _Block, layout: _Layout
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.intp], bool]:
    """Return larvae, times, coordinates, invalid fields, and whether coordinates are missing."""
    text = block.text.replace(b",", b".") if layout.has_commas else block.text
    skip = slice(0) if layout.run is None else block.first + layout.run  # not a number
    values = decimals.parse(text, block.stops, block.lengths, skip=skip)
    is_coordinate = _is_coordinate(block, layout)
    wrong = np.flatnonzero(~np.isfinite(values))
    has_missing = False
    if len(wrong):
        missing = np.array([_is_missing(block.field(i)) for i in wrong.tolist()])
        if layout.larva is not None:
            missing &= ~np.isin(wrong, block.first + layout.larva)
        values[wrong[missing]] = np.nan
        has_missing = bool(missing.any())
        wrong = wrong[~missing]
    if layout.larva is None:
        larva = tracker_name(file).larva
        assert larva is not None
        larvae = np.full(len(block.first), float(larva))
    else:
        larvae = values[block.first + layout.larva]
    return larvae, values[block.first + layout.time], values[is_coordinate], wrong, has_missing


def _check_end(file: Path, block: _Block, layout: _Layout) -> bool:
    """Return whether the last line ends with a line break.

    Raise an error if the file was cut after its first fields or within its last number, which may
    still be valid.
    """
    content = block.text
    text = content.rstrip()
    if b"\n" in content[len(text) :]:
        return True
    line = int(block.lines[-1])
    if block.counts[-1] == layout.before:
        problem = "expected coordinates or the line's end, found none; is the file cut?"
        raise TrackFileError(problem, file=file, line=line)
    point = b"," if layout.has_commas else b"."
    last = text.rsplit(b"\n", 1)[-1].split()[layout.time :]
    *others, found = (len(number.partition(point)[2]) for number in last)
    if len(set(others)) == 1 and found < others[0]:
        problem = (
            f"expected a last number with {others[0]} decimals and the line's end, "
            f"found {_str(last[-1])}; is the file cut?"
        )
        raise TrackFileError(problem, file=file, line=line)
    return False


def _rows(larvae: NDArray[np.int64], in_use: NDArray[np.intp]) -> dict[int, NDArray[np.intp]]:
    order = in_use[np.argsort(larvae[in_use], kind="stable")]
    found, start = np.unique(larvae[order], return_index=True)
    rows = dict(zip(found.tolist(), np.split(order, start[1:]), strict=True))
    return dict(sorted(rows.items(), key=lambda item: int(item[1][0])))


def _check_times(table: _Table, lines: NDArray[np.intp]) -> None:
    for larva, rows in table.rows.items():
        times = table.times[rows]
        bad = np.diff(times) <= 0
        if bad.any():
            at = int(bad.argmax())
            problem = (
                f"expected a time of larva {larva} after {times[at]}, found {times[at + 1]}; "
                "are the lines of two larvae under one identifier?"
            )
            raise TrackFileError(problem, file=table.file, line=int(lines[rows[at + 1]]))


def _check_same_run(one: _Table, other: _Table, fix: str = "") -> None:
    if one.run is not None and other.run is not None and one.run != other.run:
        problem = f"expected run {one.run}, as in {one.file.name}, found {other.run}"
        raise TrackFileError(f"{problem}; {fix}" if fix else problem, file=other.file, line=1)


def _check_same_end(one: _Table, other: _Table) -> None:
    # an outline may have any number of points, so a cut between two points is not noticed
    for table, whole in ((one, other), (other, one)):
        if table.cut is not None and whole.cut is None:
            file, line = table.cut
            problem = f"expected a line break at the end, as {whole.file.name} has, found none"
            raise TrackFileError(f"{problem}; is the file cut?", file=file, line=line)


def _differences(spines: _Table, outlines: _Table) -> list[str]:
    """Return what is left out, and which outlines are missing."""
    common = missing = additional = 0
    lacking, unused = [], []
    for larva in spines.rows | outlines.rows:
        times = _times(spines, larva)
        others = _times(outlines, larva)
        if np.array_equal(times, others):
            common += len(times)
            continue
        n = int(np.isin(times, others, assume_unique=True).sum())
        common += n
        missing += len(times) - n
        additional += len(others) - n
        if n < len(times):
            lacking.append(larva)
        if n < len(others):
            unused.append(larva)
    if not common:
        problem = f"expected larvae and times of {spines.file.name}, found none of them"
        raise TrackFileError(problem, file=outlines.file)
    found = []
    if missing:
        found.append(f"outlines of {counted(missing, 'frame')}, which are missing ({_of(lacking)})")
    if additional:
        found.append(f"outlines of {counted(additional, 'frame')} without a spine ({_of(unused)})")
    return found


def _times(table: _Table, larva: int) -> NDArray[np.float64]:
    return table.times[table.rows[larva]] if larva in table.rows else np.empty(0)


def _of(larvae: list[int]) -> str:
    return f"{'larva' if len(larvae) == 1 else 'larvae'} {listed(sorted(larvae))}"


def _set_spines(table: _Table, left_out: list[str]) -> None:
    """Set the spines of all rows; a spine is NaN if a coordinate is missing."""
    counts = np.diff(table.offsets)
    if table.size is None:
        problem = f"expected spines of {_FEWEST_POINTS} points or more, found none"
        raise TrackFileError(problem, file=table.file)
    table.spine = table.points.reshape(-1, table.size, 2)
    if len(table.spine) < len(counts):
        spine = np.full((len(counts), table.size, 2), np.nan)
        spine[counts > 0] = table.spine
        table.spine = spine
    if table.has_missing:
        is_missing = np.isnan(table.spine)
        some = is_missing.any(axis=(1, 2))
        partly = int(np.sum(some & ~is_missing.all(axis=(1, 2))))
        table.spine[some] = np.nan
        if partly:
            left_out.append(f"{counted(partly, 'spine')} with missing coordinates")


def _clean_outlines(table: _Table, left_out: list[str]) -> None:
    """Remove what is missing at the end of outlines, and outlines with other missing points."""
    if not table.has_missing:
        return
    counts = np.diff(table.offsets)
    rows = np.repeat(np.arange(len(counts)), counts)  # of each point
    present = np.flatnonzero(~np.isnan(table.points).any(axis=1))
    ends = table.offsets[:-1].copy()  # after the last point that is present
    np.maximum.at(ends, rows[present], present + 1)
    lengths = ends - table.offsets[:-1]
    complete = np.bincount(rows[present], minlength=len(counts)) == lengths
    if not complete.all():
        n = int(np.sum(~complete))
        left_out.append(f"{counted(n, 'outline')} with missing coordinates")
        lengths[~complete] = 0
    keep = np.arange(len(rows)) < (table.offsets[:-1] + lengths)[rows]
    table.points = table.points[keep]
    table.offsets = np.concatenate([[0], np.cumsum(lengths)])


def _track(larva: int, tables: dict[str, _Table]) -> Track:
    times = spine = outline = offsets = None
    if ".spine" in tables:
        table = tables[".spine"]
        rows = _slice(table.rows[larva])
        times = table.times[rows]
        assert table.spine is not None
        spine = table.spine[rows]
    if ".outline" in tables:
        table = tables[".outline"]
        if times is None:
            times = _times(table, larva)
        outline, offsets = _outlines(table, larva, times)
    assert times is not None
    return Track(times, spine, outline, offsets)


def _outlines(
    table: _Table, larva: int, times: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the outlines at some times, and their offsets; empty where there is none."""
    own = _times(table, larva)
    if np.array_equal(own, times):
        rows = _slice(table.rows[larva])
        starts, stops = table.offsets[:-1][rows], table.offsets[1:][rows]
    else:
        starts = stops = np.zeros(len(times), np.int64)
        _, at, found = np.intersect1d(times, own, assume_unique=True, return_indices=True)
        if len(at):
            rows = table.rows[larva][found]
            starts[at], stops = table.offsets[:-1][rows], starts.copy()
            stops[at] = table.offsets[1:][rows]
        rows = at
    offsets = np.concatenate([[0], np.cumsum(stops - starts)])
    if isinstance(rows, slice):
        return table.points[starts[0] : stops[-1]], offsets
    parts = [table.points[i:j] for i, j in zip(starts, stops, strict=True)]
    return np.concatenate(parts), offsets


def _slice(rows: NDArray[np.intp]) -> slice | NDArray[np.intp]:
    """Return consecutive rows as a slice, which takes views instead of copies."""
    start, stop = int(rows[0]), int(rows[-1]) + 1
    return slice(start, stop) if stop - start == len(rows) else rows


def _str(field: bytes) -> str:
    return field[:60].decode("ascii", "backslashreplace")
