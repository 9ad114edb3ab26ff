"""FIMTrack's tables (version 2): features of larvae in pixels, one row per feature and frame.

`featuretable` parses the table. Section 7 of docs/contract.md describes the format.

The tracker is described in Risse, Berh, Otto, Klämbt and Jiang (2017), FIMTrack: an open source
tracking and locomotion analysis software for small animals, PLoS Computational Biology
13:e1005530.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taggingbackends.data.featuretable import common_cells, read_features
from taggingbackends.data.rowtable import Feature
from taggingbackends.data.tracks import Recording, Track
from taggingbackends.errors import TrackFileError, shown
from taggingbackends.system.names import utf8_name
from taggingbackends.system.words import counted, listed

__all__ = ["load", "options_from", "run_of"]

_FRAMERATE = 30.0  # frames/s, FIMTrack's default
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
_DATE_TIME = re.compile(r"\d{8}_\d{6}")

_FRAMES = 1 << 12  # outlines computed at once; arrays of more would not fit into the cache
_LARGEST = 1e9  # of coordinates in pixels, and of options; far from an overflow of products
_NO_LENGTH = 1e-12  # vectors up to this length (mm, or sums of unit vectors) are rounding errors


def load(
    path: Path,
    framerate: float | None = None,
    pixelsize: float | None = None,
    radii: Sequence[float | None] | Mapping[int, float] | None = None,
    spine: bool = True,
    outline: bool = True,
) -> Recording:
    """Load a table.

    A track has the frames in which all values of the larva's spine and radii are present, whether
    they are loaded or not. A larva without a complete frame is omitted. Times are frame /
    framerate. The arrays of tracks are views into arrays of the whole recording; copy them to keep
    one track without the others.

    Parameters
    ----------
    path : Path
        The table.
    framerate : float, optional
        Frames/s, by default 30.
    pixelsize : float
        Width of a pixel in µm. Required unless only times are loaded, because the table does not
        contain it.
    radii : sequence or mapping, optional
        Radii in pixels that replace those of the table in all frames. A sequence gives the radii
        at spine points 1, 2, ...; None keeps the table's. A mapping has keys 1, 2, ...
    spine : bool
        Whether to load spines: head, spine points 1 to k, tail.
    outline : bool
        Whether to compute outlines of 2 k + 2 points from spines and radii; see `_outlines`.
        Without both, tracks have times and indicators only.

    Returns
    -------
    Recording
        `Track.indicators` contains the table's booleans, e.g. ``is_coiled``, as (n,) bool arrays.
        A number above 0 is True; any other number and an empty cell are False.

    Raises
    ------
    TrackFileError
        The table breaks the format or changes while it is read, a feature is missing, no larva
        has a complete frame, an option is invalid, or no pixel size is given.
    """
    framerate = _FRAMERATE if framerate is None else framerate
    framerate = _positive(path, framerate, "framerate", "frames/s")
    camera = {"framerate": framerate}
    has_points = spine or outline
    if pixelsize is not None:
        camera["pixelsize"] = pixelsize = _positive(path, pixelsize, "pixelsize", "µm")
    elif has_points:
        problem = (
            "expected the size of a pixel, which is not in the table, found none; give it in "
            "µm with the option pixelsize, or as metadata.camera.pixelsize of a label file that "
            "depends on this table"
        )
        raise TrackFileError(problem, file=path, key="pixelsize")
    given = _given_radii(path, radii)
    larvae, features, left_out = read_features(
        path, lambda name: _is_of_use(name, given), _BOOLEANS
    )
    names = _spine_names(path, features)
    count = len(names) // 2 - 2  # spine points between head and tail
    _check_radii(path, given, features, count, outline)

    needed = [*names, *(f"radius_{k}" for k in range(1, count + 1) if f"radius_{k}" in features)]
    cells = common_cells(features[name].cells for name in needed)
    if not len(cells):
        problem = "expected a frame of a larva with all coordinates and radii, found none"
        raise TrackFileError(problem, file=path, key=needed[0])
    left_out += _incomplete(larvae, cells, [features[name].cells for name in needed])
    columns = (cells % len(larvae)).astype(np.uint16)
    order = np.argsort(columns, kind="stable")

    def taken(name: str) -> NDArray[Any]:
        return features.pop(name).at(cells)[order]

    def pixels(name: str) -> NDArray[np.float64]:
        values = taken(name)
        bad = np.flatnonzero(np.abs(values) > _LARGEST)
        if len(bad):
            found = f"{values[bad[0]]:g} for larva {larvae[columns[order[bad[0]]]]}"
            problem = f"expected pixels from {-_LARGEST:g} to {_LARGEST:g}, found {found}"
            raise TrackFileError(problem, file=path, key=name)
        return values

    booleans = {name: taken(name) > 0 for name in _BOOLEANS if name in features}
    points = contours = None
    if pixelsize is not None and has_points:
        points = np.empty((len(cells), count + 2, 2))
        for i, name in enumerate(names):
            points[:, i // 2, i % 2] = pixels(name) * pixelsize / 1000
    if points is not None and pixelsize is not None and outline:
        widths = np.empty((count, len(cells)))
        for k in range(1, count + 1):
            radius = given[k] if k in given else pixels(f"radius_{k}")
            widths[k - 1] = radius * pixelsize / 1000
        contours = _outlines(points, widths)
    features.clear()
    times = (cells // len(larvae))[order] / framerate

    tracks = {}
    sizes = np.bincount(columns, minlength=len(larvae))
    for larva, stop, n in zip(larvae, np.cumsum(sizes).tolist(), sizes.tolist(), strict=True):
        if n:
            rows = slice(stop - n, stop)
            tracks[larva] = Track(
                times[rows],
                points[rows] if points is not None and spine else None,
                None if contours is None else contours[rows].reshape(-1, 2),
                None if contours is None else np.arange(n + 1) * contours.shape[1],
                {name: values[rows] for name, values in booleans.items()},
            )
    return Recording(
        run_of(path),
        tracks,
        {"camera": camera},
        "FIMTrack",
        (path,),
        left_out=tuple(left_out),
        run_is_derived=True,
    )


def run_of(path: Path) -> str:
    """Return the run of a table: the folder's name if it is a date_time, else the file's stem."""
    folder = path.absolute().parent.name
    return folder if _DATE_TIME.fullmatch(folder) else utf8_name(path.stem)


def options_from(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of `load` that the metadata of a label file gives.

    The metadata are ``camera.framerate``, ``camera.pixelsize`` and ``overrides.radius_1``,
    ``overrides.radius_2``, ..., in the units of `load`.
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
    if is_number and (1 / _LARGEST <= value <= _LARGEST or (zero and value == 0)):
        return float(value)
    least = "0 or" if zero else "from"
    expected = f"a number of {unit}, {least} {1 / _LARGEST:g} to {_LARGEST:g}"
    fix = "fix the option or the label file's metadata"
    problem = f"expected {expected}, found {shown(value)}; {fix}"
    raise TrackFileError(problem, file=path, key=key)


def _given_radii(
    path: Path, radii: Sequence[float | None] | Mapping[int, float] | None
) -> dict[int, float]:
    pairs = radii.items() if isinstance(radii, Mapping) else enumerate(radii or (), 1)
    return {
        k: _positive(path, radius, f"radius_{k}", "pixels", zero=True)
        for k, radius in pairs
        if radius is not None
    }


def _is_of_use(name: str, given: Mapping[int, float]) -> bool:
    radius = _RADIUS.fullmatch(name)
    if radius:
        return int(radius[1]) not in given
    return name in ("head_x", "head_y", "tail_x", "tail_y", *_BOOLEANS) or bool(
        _SPINEPOINT.fullmatch(name)
    )


def _spine_names(path: Path, features: Mapping[str, Feature]) -> list[str]:
    """Return the names of the features that make up a spine, in order."""
    count = max((int(m[1]) for m in map(_SPINEPOINT.fullmatch, features) if m), default=0)
    parts = ["head", *(f"spinepoint_{k}" for k in range(1, count + 1)), "tail"]
    names = [f"{part}_{axis}" for part in parts for axis in "xy"]
    _check_features(path, names, features)
    return names


def _check_radii(
    path: Path,
    given: Mapping[int, float],
    features: Mapping[str, Feature],
    count: int,
    outline: bool,
) -> None:
    beyond = [k for k in given if not 1 <= k <= count]
    if beyond:
        problem = f"expected radii of spine points 1 to {count}, found one of {shown(beyond[0])}"
        raise TrackFileError(problem, file=path, key="radii")
    if outline:
        names = [f"radius_{k}" for k in range(1, count + 1) if k not in given]
        fix = "; give radii, in pixels, or load the spines alone with outline=False"
        _check_features(path, names, features, fix)


def _check_features(
    path: Path, names: list[str], features: Mapping[str, Feature], fix: str = ""
) -> None:
    missing = next((name for name in names if name not in features), None)
    if missing is not None:
        problem = f"expected rows {missing}(frame), found none{fix or '; is the file cut?'}"
        raise TrackFileError(problem, file=path, key=missing)


def _incomplete(
    larvae: list[int], complete: NDArray[np.int64], all_cells: list[NDArray[np.int64]]
) -> list[str]:
    """Return what is left out: frames in which a larva has only some values, and whole larvae."""
    left_out = []
    distinct = {id(cells): cells for cells in all_cells}.values()
    if len(distinct) > 1:
        partly = np.setdiff1d(np.concatenate(list(distinct)), complete)
        if len(partly):
            some = [larvae[column] for column in np.unique(partly % len(larvae)).tolist()]
            found = counted(len(partly), "frame in which a larva", "frames in which a larva")
            left_out.append(f"{found} lacks a coordinate or radius (larva {listed(some)})")
    sizes = np.bincount(complete % len(larvae), minlength=len(larvae))
    missing = [larva for larva, n in zip(larvae, sizes.tolist(), strict=True) if not n]
    if missing:
        found = counted(len(missing), "larva", "larvae")
        left_out.append(f"{found} without a complete frame ({listed(missing)})")
    return left_out


# -- outlines


def _outlines(spines: NDArray[np.float64], radii: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return outlines computed from spines and radii.

    Each spine point p[i] between head p[0] and tail p[k + 1] gives two points of the outline,
    p[i] + r[i] n[i] and p[i] - r[i] n[i].

    n[i] = (d_y, -d_x) / |d| is perpendicular to the mean d of the two neighbouring directions:
    d = u(p[i] - p[i - 1]) + u(p[i + 1] - p[i]), with u(v) = v / |v| and u(0) = 0. If d = 0, in a
    spine that folds back on itself, n = 0.

    n points to the larva's left if the y axis is 90 degrees counterclockwise of the x axis.
    Outlines then go counterclockwise. In an image, whose y axis points down, they go clockwise.

    Parameters
    ----------
    spines : (n, k + 2, 2) float64 array
        Spines in mm.
    radii : (k, n) float64 array
        Radii in mm at spine points 1 to k.

    Returns
    -------
    (n, 2 k + 2, 2) float64 array
        Head, left points from head to tail, tail, right points from tail to head.
    """
    n, points, _ = spines.shape
    outlines = np.empty((n, 2 * points - 2, 2))
    for start in range(0, n, _FRAMES):
        frames = slice(start, start + _FRAMES)
        part = spines[frames].transpose(1, 2, 0).copy()
        directions = _units(part[1:] - part[:-1])
        offsets = _units(directions[:-1] + directions[1:])[:, ::-1] * radii[:, None, frames]
        np.negative(offsets[:, 1], out=offsets[:, 1])
        left, right = part[1:-1] + offsets, part[1:-1] - offsets
        outline = np.concatenate([part[:1], left, part[-1:], right[::-1]])
        outlines[frames] = outline.transpose(2, 0, 1)
    return outlines


def _units(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (m, 2, n) vectors scaled to length 1; vectors of length 0 stay 0."""
    x, y = vectors[:, 0], vectors[:, 1]
    lengths = np.sqrt(x * x + y * y)[:, None]
    # the sum of opposite directions is 0 except for rounding errors
    has_length = lengths > _NO_LENGTH
    if has_length.all():  # faster
        return vectors / lengths
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=has_length)
