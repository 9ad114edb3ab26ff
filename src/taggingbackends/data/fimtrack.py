"""FIMTrack's tables (version 2): features of larvae in pixels, a row a feature and frame.

The first line is ``,larva(0),larva(1),...``; a row is ``feature(frame),value,value,...``, a value a
larva, nothing where the larva is not tracked. All frames of a feature are together. The format is
described in docs/contract.md, section 7; the tracker in Risse, Berh, Otto, Klämbt and Jiang (2017),
FIMTrack: an open source tracking and locomotion analysis software for small animals, PLoS
Computational Biology 13:e1005530.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from math import inf
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from taggingbackends.data import decimals
from taggingbackends.data.tracks import Recording, Track
from taggingbackends.errors import TrackFileError, shown
from taggingbackends.memory import keep_freed_memory
from taggingbackends.runlabels import MAX_LARVA_ID

__all__ = ["load", "options_from"]

_FRAMERATE = 30.0  # frames/s, FIMTrack's own default
_BOOLEANS = (
    "is_coiled",
    "is_well_oriented",
    "in_collision",
    "go_phase",
    "left_bended",
    "right_bended",
)
_SPINEPOINT = re.compile(r"spinepoint_([1-9]\d{0,2})_[xy]")
_RADIUS = re.compile(r"radius_([1-9]\d{0,2})")
_ROW = re.compile(rb"([^,()]+)\((\d{1,9})\)")
_LARVA = re.compile(rb"larva\((\d{1,9})\)")
_DATE_TIME = re.compile(r"\d{8}_\d{6}")

_TENS = 10 ** np.arange(1, 10)

_FEATURES = 1000  # FIMTrack has some 30
_BLOCK = 1 << 18  # bytes read at once; what is made of many more would leave a processor's cache
_CELL = 64  # bytes that no number is longer than
_HEADER = (MAX_LARVA_ID + 2) * len(",larva(65535)")  # bytes of the longest first line
_FRAMES = 1 << 10  # whose outlines are made at once, as there

_NO_LENGTH = 1e-12  # of a vector, in mm or of unit vectors: rounding


def load(
    path: Path,
    framerate: float | None = None,
    pixelsize: float | None = None,
    radii: Sequence[float | None] | Mapping[int, float] | None = None,
    spine: bool = True,
    outline: bool = True,
) -> Recording:
    """Load a table.

    A track has the frames in which the larva has all values of the spine and of the radii, whatever
    is loaded; a larva without any such frame is left out. Times are frame / framerate. The tracks
    share the memory of the recording: to keep one of many, copy its arrays.

    Parameters
    ----------
    path : Path
        The table.
    framerate : float, optional
        Frames/s; 30 if not given.
    pixelsize : float
        Width of a pixel in µm; the table itself does not tell it.
    radii : sequence or mapping, optional
        Radii in pixels to use, in all frames, instead of the table's: that of spine point 1, of 2,
        and so on, None to use the table's; or a mapping of 1, 2, ... to radii.
    spine : bool
        Whether to load the spines: head, spine points 1 to k, tail.
    outline : bool
        Whether to make outlines, of 2 k + 2 points each, out of spines and radii; see `_outlines`.

    Returns
    -------
    Recording
        `Track.indicators` has the table's booleans, e.g. ``is_coiled``, as (n,) bool arrays; True
        is for a number above 0, False for any other and for an empty cell.

    Raises
    ------
    TrackFileError
        The table breaks the format or lacks a feature, or there is no pixel size.
    """
    if not (spine or outline):
        raise ValueError("expected spine or outline to be loaded, found both turned off")
    framerate = _FRAMERATE if framerate is None else framerate
    framerate = _positive(path, framerate, "framerate", "frames/s")
    if pixelsize is None:
        problem = (
            "expected the size of a pixel, which the table does not tell, found none; give it in "
            "µm: load_tracks(path, pixelsize=73), or as metadata.camera.pixelsize of a label file "
            "that depends on this table"
        )
        raise TrackFileError(problem, file=path, key="pixelsize")
    pixelsize = _positive(path, pixelsize, "pixelsize", "µm")
    given = _given_radii(path, radii)
    larvae, features = _read(path, leave_out={f"radius_{k}" for k in given})
    names = _spine_names(path, features)
    count = len(names) // 2 - 2  # spine points between head and tail
    _check_radii(path, given, features, count, outline)

    needed = [*names, *(f"radius_{k}" for k in range(1, count + 1) if f"radius_{k}" in features)]
    cells = _common(features[name].cells for name in needed)
    columns = (cells % len(larvae)).astype(np.uint16)
    order = np.argsort(columns, kind="stable")

    def taken(name: str) -> NDArray[Any]:
        return features.pop(name).at(cells)[order]

    booleans = {name: taken(name) for name in _BOOLEANS if name in features}
    points = np.empty((len(cells), count + 2, 2))
    for i, name in enumerate(names):
        points[:, i // 2, i % 2] = taken(name) * pixelsize / 1000
    contours = None
    if outline:
        widths = [
            np.asarray(given[k]) if k in given else taken(f"radius_{k}")
            for k in range(1, count + 1)
        ]
        contours = _outlines(points, [width * pixelsize / 1000 for width in widths])
    features.clear()
    times = (cells // len(larvae))[order] / framerate

    tracks = {}
    sizes = np.bincount(columns, minlength=len(larvae))
    for larva, stop, n in zip(larvae, np.cumsum(sizes).tolist(), sizes.tolist(), strict=True):
        if n:
            rows = slice(stop - n, stop)
            tracks[larva] = Track(
                times[rows],
                points[rows] if spine else None,
                None if contours is None else contours[rows].reshape(-1, 2),
                None if contours is None else np.arange(n + 1) * contours.shape[1],
                {name: values[rows] for name, values in booleans.items()},
            )
    folder = path.absolute().parent.name
    run = folder if _DATE_TIME.fullmatch(folder) else path.stem
    metadata = {"camera": {"framerate": framerate, "pixelsize": pixelsize}}
    return Recording(run, tracks, metadata, "FIMTrack", (path,))


def options_from(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of `load` that a label file's metadata gives.

    These are ``camera.framerate``, ``camera.pixelsize`` and ``overrides.radius_1``, ``radius_2``,
    ... , in the units of `load`.
    """
    camera, overrides = (
        value if isinstance(value := metadata.get(key), Mapping) else {}
        for key in ("camera", "overrides")
    )
    options = {key: camera[key] for key in ("framerate", "pixelsize") if key in camera}
    radii = {
        int(match[1]): value
        for key, value in overrides.items()
        if (match := _RADIUS.fullmatch(key))
    }
    return options | ({"radii": radii} if radii else {})


# -- options


def _positive(path: Path, value: Any, key: str, unit: str, zero: bool = False) -> float:
    is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if is_number and (0 < value < inf or (zero and value == 0)):
        return float(value)
    least = "of 0 or more" if zero else "above 0"
    problem = f"expected a number of {unit} {least}, found {shown(value)}; mend the option or the "
    raise TrackFileError(f"{problem}label file's metadata", file=path, key=key)


def _given_radii(
    path: Path, radii: Sequence[float | None] | Mapping[int, float] | None
) -> dict[int, float]:
    pairs = radii.items() if isinstance(radii, Mapping) else enumerate(radii or (), 1)
    return {
        k: _positive(path, radius, f"radius_{k}", "pixels", zero=True)
        for k, radius in pairs
        if radius is not None
    }


def _spine_names(path: Path, features: Mapping[str, _Feature]) -> list[str]:
    """Return the features that make up a spine, in order."""
    count = max((int(m[1]) for m in map(_SPINEPOINT.fullmatch, features) if m), default=0)
    parts = ["head", *(f"spinepoint_{k}" for k in range(1, count + 1)), "tail"]
    names = [f"{part}_{axis}" for part in parts for axis in "xy"]
    _check_features(path, names, features)
    return names


def _check_radii(
    path: Path,
    given: Mapping[int, float],
    features: Mapping[str, _Feature],
    count: int,
    outline: bool,
) -> None:
    beyond = [k for k in given if not 1 <= k <= count]
    if beyond:
        problem = f"expected radii of spine points 1 to {count}, found one of {shown(beyond[0])}"
        raise TrackFileError(problem, file=path, key="radii")
    if outline:
        names = [f"radius_{k}" for k in range(1, count + 1) if k not in given]
        mend = "; give radii, in pixels, or load the spines alone with outline=False"
        _check_features(path, names, features, mend)


def _check_features(
    path: Path, names: list[str], features: Mapping[str, _Feature], mend: str = ""
) -> None:
    missing = next((name for name in names if name not in features), None)
    if missing is not None:
        problem = f"expected rows {missing}(frame), found none{mend or '; is the file cut?'}"
        raise TrackFileError(problem, file=path, key=missing)


# -- the table


@dataclass(frozen=True)
class _Feature:
    """The cells of a feature that are not empty."""

    cells: NDArray[np.int64]  # frame * larvae + column, increasing
    values: NDArray[Any]

    def at(self, cells: NDArray[np.int64]) -> NDArray[Any]:
        """Return the values in some cells, 0 where they are empty."""
        if cells is self.cells or not len(cells):
            return self.values[: len(cells)]
        if not len(self.cells):
            return np.zeros(len(cells), self.values.dtype)
        found = np.searchsorted(self.cells, cells).clip(max=len(self.cells) - 1)
        values: NDArray[Any] = self.values[found]
        values[self.cells[found] != cells] = 0
        return values


def _common(all_cells: Iterator[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return the cells that all features have."""
    distinct = {id(cells): cells for cells in all_cells}.values()
    return reduce(lambda a, b: np.intersect1d(a, b, assume_unique=True), distinct)


def _read(file: Path, leave_out: set[str]) -> tuple[list[int], dict[str, _Feature]]:
    """Read the features that are of use but for those to leave out, and check all others' rows."""
    keep_freed_memory()
    with file.open("rb") as stream:
        larvae = _larvae(file, stream.readline(_HEADER + 2))
        table = _Table(file, len(larvae), leave_out)
        for line, text in _blocks(file, stream, len(larvae)):
            table.add(line, text)
    return larvae, table.finish()


def _larvae(file: Path, header: bytes) -> list[int]:
    larvae: dict[int, None] = {}
    for field in header.rstrip(b"\r\n").split(b",")[1:]:
        match = _LARVA.fullmatch(field)
        if match is None:
            problem = f"expected larva(i), found {shown(_str(field))}"
            raise TrackFileError(problem, file=file, line=1)
        larva = int(match[1])
        if larva > MAX_LARVA_ID or larva in larvae:
            expected = f"a larva from 0 to {MAX_LARVA_ID}, each once"
            problem = f"expected {expected}, found {_str(field)}"
            raise TrackFileError(problem + " again" * (larva in larvae), file=file, line=1)
        larvae[larva] = None
    return list(larvae)


def _blocks(file: Path, stream: BinaryIO, larvae: int) -> Iterator[tuple[int, bytes]]:
    """Read whole lines, blank ones at the end left out, with the number of the first."""
    longest = _CELL * (larvae + 4)
    line = 2
    blank = 0
    while text := stream.read(_BLOCK):
        text += stream.readline(longest)
        if not text.endswith(b"\n") and stream.read(1):
            at = line + text.count(b"\n")
            problem = f"expected a row of {larvae} cells, found more than {longest} bytes"
            raise TrackFileError(problem, file=file, line=at)
        rows = text.rstrip(b"\r\n")
        if rows and blank:
            raise TrackFileError("expected a row, found a blank line", file=file, line=blank)
        if rows:
            yield line, rows + b"\n"
        blanks = text.count(b"\n", len(rows)) - bool(rows)
        line += text.count(b"\n")
        if blanks > 0:
            blank = blank or line - blanks


class _Table:
    """Rows in, features out."""

    def __init__(self, file: Path, larvae: int, leave_out: set[str]) -> None:
        self.file = file
        self.larvae = larvae
        self.leave_out = leave_out
        self.features: dict[str, _Feature] = {}
        self.known: set[bytes] = set()
        self.feature = b""  # the one being read
        self.frame = 0  # of the next row, counted from the first
        self.first = 0
        self.frames: int | None = None  # of each feature, once the first is read
        self.parts: list[tuple[NDArray[np.int64], NDArray[Any]]] = []
        self.line = 1  # the last one

    def add(self, line: int, text: bytes) -> None:
        """Add some rows; text is whole lines."""
        stops, lengths = self._split(line, text)
        ends = stops[:, 0]
        row = 0
        while row < len(ends):
            n = self._rows_of_one_feature(line + row, text, ends[row:], lengths[row:, 0])
            if n and self._is_wanted(self.feature.decode("latin-1")):
                rows = slice(row, row + n)
                cells = self._values(line + row, text, stops[rows, 1:], lengths[rows, 1:])
                self.parts.append(cells)
            self.frame += n
            row += n
        self.line = line + len(ends) - 1

    def finish(self) -> dict[str, _Feature]:
        if not self.feature:
            problem = "expected rows feature(frame) below the first line, found none"
            raise TrackFileError(problem, file=self.file, line=1)
        if self.frames is not None and self.frame < self.frames:
            expected = f"{_str(self.feature)}({self.first + self.frame})"
            problem = f"expected {expected} next, found the end; is the file cut?"
            raise TrackFileError(problem, file=self.file, line=self.line)
        self._close()
        return self.features

    def _split(self, line: int, text: bytes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return stops and lengths of cells, (rows, 1 + larvae)."""
        if b"\0" in text:
            at = line + text.count(b"\n", 0, text.index(b"\0"))
            problem = "expected text, found a NUL byte; is the file damaged?"
            raise TrackFileError(problem, file=self.file, line=at)
        characters = np.frombuffer(text, np.uint8)
        is_end = characters == ord("\n")
        stops = np.flatnonzero((characters == ord(",")) | is_end)
        width = self.larvae + 1
        ends = is_end[stops]
        if (
            len(stops) % width
            or not ends[width - 1 :: width].all()
            or (np.count_nonzero(ends) != len(stops) // width)
        ):
            found = np.diff(np.flatnonzero(ends), prepend=-1)
            row = int((found != width).argmax())
            problem = (
                f"expected a name and {self.larvae} cells, one a larva, "
                f"found {found[row] - 1} cells; is the file cut?"
            )
            raise TrackFileError(problem, file=self.file, line=line + row)
        lengths = stops.copy()
        lengths[1:] -= stops[:-1] + 1
        last = slice(width - 1, None, width)
        is_return = characters[stops[last] - 1] == ord("\r")
        stops[last] -= is_return
        lengths[last] -= is_return
        return stops.reshape(-1, width), lengths.reshape(-1, width)

    def _rows_of_one_feature(
        self, line: int, text: bytes, stops: NDArray[np.intp], lengths: NDArray[np.intp]
    ) -> int:
        """Return how many rows from the first on are of one feature, given their names' places."""
        if self.frame == self.frames or not self.feature:
            self._open(line, text[stops[0] - lengths[0] : stops[0]])
        if self.frames is not None:
            stops = stops[: self.frames - self.frame]
            lengths = lengths[: len(stops)]
        prefix = self.feature + b"("
        size = len(prefix)
        good = lengths > size
        if good.any():  # else the text may be shorter than a window
            windows = np.ndarray((len(text) - size + 1,), f"S{size}", text, strides=(1,))
            good[good] = windows[(stops - lengths)[good]] == prefix
        if self.frames is None and not good.all():
            n = int(good.argmin())
            if n == 0:
                self.frames = self.frame
                return 0
            stops, lengths, good = stops[:n], lengths[:n], good[:n]
        frames = self.first + self.frame + np.arange(len(stops))
        digits = lengths - (size + 1)
        good &= digits == np.searchsorted(_TENS, frames, "right") + 1
        good &= np.frombuffer(text, np.uint8)[stops - 1] == ord(")")
        good &= decimals.parse(text, stops - 1, digits.clip(min=0)) == frames
        if not good.all():
            at = int(good.argmin())
            found = _str(text[stops[at] - lengths[at] : stops[at]])
            problem = (
                f"expected row {_str(prefix)}{frames[at]}), found {shown(found)}; "
                "all features have the same frames, one after the other"
            )
            raise TrackFileError(problem, file=self.file, line=line + at)
        return len(stops)

    def _open(self, line: int, name: bytes) -> None:
        self._close()
        match = _ROW.fullmatch(name)
        if match is None:
            problem = f"expected a row feature(frame), found {shown(_str(name))}"
            raise TrackFileError(problem, file=self.file, line=line)
        if self.frames is not None and int(match[2]) != self.first:
            problem = (
                f"expected row ({self.first}) of another feature, found {_str(name)}; "
                "all features have the same frames, one after the other"
            )
            raise TrackFileError(problem, file=self.file, line=line)
        if match[1] in self.known or len(self.known) == _FEATURES:
            expected = f"each feature once, {_FEATURES} at most"
            problem = f"expected {expected}, found {_str(match[1])} after {len(self.known)}"
            problem += ", again" * (match[1] in self.known)
            raise TrackFileError(problem, file=self.file, line=line)
        self.known.add(match[1])
        if self.frames is None:
            self.first = int(match[2])
        self.feature, self.frame = match[1], 0

    def _close(self) -> None:
        if self.parts:
            cells, values = map(np.concatenate, zip(*self.parts, strict=True))
            same = next(
                (
                    feature.cells
                    for feature in reversed(self.features.values())
                    if np.array_equal(feature.cells, cells)
                ),
                cells,
            )
            self.features[self.feature.decode("latin-1")] = _Feature(same, values)
            self.parts = []

    def _is_wanted(self, name: str) -> bool:
        return name not in self.leave_out and (
            name in ("head_x", "head_y", "tail_x", "tail_y", *_BOOLEANS)
            or bool(_SPINEPOINT.fullmatch(name) or _RADIUS.fullmatch(name))
        )

    def _values(
        self, line: int, text: bytes, stops: NDArray[np.intp], lengths: NDArray[np.intp]
    ) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Return the cells that are not empty and their values."""
        stops, lengths = stops.ravel(), lengths.ravel()
        filled = np.flatnonzero(lengths)
        if len(filled) < len(lengths):
            stops, lengths = stops[filled], lengths[filled]
        values = decimals.parse(text, stops, lengths)
        wrong = ~np.isfinite(values)
        if wrong.any():
            first = int(wrong.argmax())
            cell = int(filled[first])
            found = text[stops[first] - lengths[first] : stops[first]]
            problem = f"expected a number or an empty cell, found {shown(_str(found))}"
            at = line + cell // self.larvae
            raise TrackFileError(problem, file=self.file, line=at)
        cells = filled.astype(np.int64, copy=False) + (self.first + self.frame) * self.larvae
        if self.feature.decode("latin-1") in _BOOLEANS:
            return cells, values > 0
        return cells, values


# -- outlines


def _outlines(spines: NDArray[np.float64], radii: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return outlines: head, left side, tail, right side; head and tail once.

    Each spine point p[i] between head p[0] and tail p[k + 1] gives a point on either side, p[i] +
    r[i] n[i] and p[i] - r[i] n[i], where n[i] = (d_y, -d_x) / |d| is perpendicular to the mean of
    the neighbouring directions, d = u(p[i] - p[i - 1]) + u(p[i + 1] - p[i]) with u(v) = v / |v|,
    u(0) = 0. n points to the left of a larva that looks ahead where the y axis is 90 degrees
    counterclockwise of the x axis, so that outlines go counterclockwise there, and clockwise in an
    image, whose y axis points down. Where d = 0, in a spine that folds back on itself, n = 0.

    Parameters
    ----------
    spines : (n, k + 2, 2) float64 array
    radii : list of k (n,) or () float64 arrays

    Returns
    -------
    (n, 2 k + 2, 2) float64 array
        Head, left points from head to tail, tail, right points from tail to head.
    """
    n, points, _ = spines.shape
    outlines = np.empty((n, 2 * points - 2, 2))
    for start in range(0, n, _FRAMES):
        rows = slice(start, start + _FRAMES)
        part, out = spines[rows].transpose(1, 2, 0).copy(), outlines[rows]
        directions = _units(np.diff(part, axis=0))
        means = _units(directions[:-1] + directions[1:])
        out[:, 0], out[:, points - 1] = part[0].T, part[-1].T
        for i, radius in enumerate(radii, 1):
            x, y = means[i - 1]
            offset = np.stack([y, -x]) * (radius[rows] if radius.ndim else radius)
            out[:, i], out[:, -i] = (part[i] + offset).T, (part[i] - offset).T
    return outlines


def _units(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (m, 2, n) vectors at length 1, or 0."""
    x, y = vectors[:, 0], vectors[:, 1]
    lengths = np.sqrt(x * x + y * y)[:, None]
    # opposite directions cancel, but for rounding
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > _NO_LENGTH)


def _str(field: bytes) -> str:
    return field[:60].decode("ascii", "backslashreplace")
