"""Recordings from datasets of the package movement, and from NetCDF files of these.

A poses dataset has the variable ``position`` with the dimensions time, space, keypoints and
individuals, and attributes such as ``fps`` and ``time_unit``. Section 7 of docs/contract.md
describes how it is read. The package movement itself is not needed.

See https://movement.neuroinformatics.dev.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import orjson
from numpy.typing import NDArray

from taggingbackends.data.changes import unchanged
from taggingbackends.data.fimtrack import run_of
from taggingbackends.data.hdf5 import H5PY_ERRORS, opened
from taggingbackends.data.netcdf import Variable, attributes_of, plain, variables_of
from taggingbackends.data.tracks import Recording, Track
from taggingbackends.errors import TaggingBackendsError, TrackFileError, shown, wrong_type
from taggingbackends.labels.labels import Labels
from taggingbackends.labels.states import State
from taggingbackends.labels.validation import MAX_LARVA_ID, check_run
from taggingbackends.system.memory import keep_freed_memory
from taggingbackends.system.words import counted, listed

if TYPE_CHECKING:
    import xarray

__all__ = ["DIMS", "LABELS", "PER_FRAME", "from_xarray", "keypoint_names", "load"]

DIMS = ("time", "space", "keypoints", "individuals")
_ONE = {"keypoints": "keypoint", "individuals": "individual"}  # other names of dimensions
PER_FRAME = ("time", "individuals")
LABELS = ("labels", "label_confidence", "second_label")
_READ = ("position", "shape", "tracked", *LABELS, *DIMS, *_ONE.values())
_SECONDS = {
    **dict.fromkeys(("seconds", "second", "sec", "s"), 1.0),
    **dict.fromkeys(("milliseconds", "millisecond", "msec", "ms"), 1e-3),
    **dict.fromkeys(("minutes", "minute", "min"), 60.0),
    **dict.fromkeys(("nanoseconds", "nanosecond", "ns"), 1e-9),
    **dict.fromkeys(("microseconds", "microsecond", "us", "µs"), 1e-6),
}
_FRAMES = ("frames", "frame")
_MILLIMETRES = {
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), 1.0),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), 10.0),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1000.0),
    **dict.fromkeys(("um", "µm", "μm", "micrometer", "micrometers", "micron", "microns"), 1e-3),
}
_PIXELS = ("px", "pixel", "pixels")
_LEAST = 3  # points of a spine, as in other formats
_LARGEST = 1e9  # of options and of attributes such as fps; far from an overflow of products
_BLOCK = 4 << 20  # bytes of positions read at once
_NAMED = 5  # individuals that a sentence names at most

_NUMBER = re.compile(r"\d+")
_HEAD = re.compile(r"head|mouth|nose|snout|anterior", re.IGNORECASE)
_TAIL = re.compile(r"tail|posterior", re.IGNORECASE)
# left and right, and the letters L and R where they are a word of their own: L_ear, earR, ear-r
_SIDE = re.compile(
    r"left|right|(?<![a-z])[lr](?![a-z])|(?-i:(?<=[a-z])[LR](?![a-z]))", re.IGNORECASE
)
_OTHER_SIDE = {"left": "right", "right": "left", "l": "r", "r": "l"}

_Error: TypeAlias = Callable[..., TrackFileError]


class _Poses(NamedTuple):
    """A dataset, in memory or in a file.

    Attributes
    ----------
    variables : dict of str to Variable
        Those of `_READ` that there are. Dimensions have the names of `DIMS`.
    others : list of str
        Names of the other variables.
    attributes : dict
    error : callable
        ``error(problem, key)`` returns a TrackFileError.
    """

    variables: dict[str, Variable]
    others: list[str]
    attributes: dict[str, Any]
    error: _Error


def load(
    path: Path,
    spine: bool | Sequence[str] = True,
    outline: bool = True,
    framerate: float | None = None,
    pixelsize: float | None = None,
) -> Recording:
    """Load a NetCDF 4 file of a poses dataset.

    Parameters
    ----------
    path : Path
        The file, written by ``ds.to_netcdf(path)`` or `Recording.write`.
    spine : bool or sequence of str
        Whether to load spines; or the keypoints that make them up, from head to tail. See
        `from_xarray` for the default.
    outline : bool
        Has no effect: datasets have no outlines.
    framerate, pixelsize : float, optional
        As for `from_xarray`.

    Returns
    -------
    Recording
        As of `from_xarray`.

    Raises
    ------
    TrackFileError
        The file is damaged, changes while it is read or contains another dataset, a unit is
        missing and not given as an option, or the keypoints cannot be ordered.
    """
    keep_freed_memory()

    def error(problem: str, key: str | None = None) -> TrackFileError:
        return TrackFileError(problem, file=path, key=key)

    with unchanged(path), opened(path, header=0) as file:
        try:
            names = [str(name) for name in file]
            attributes = attributes_of(file)
        except H5PY_ERRORS as damage:
            raise error(f"expected NetCDF 4, found damage ({damage}); copy it anew") from None
        poses = _named(variables_of(path, file, _READ), names, attributes, error)
        return _recording(poses, run_of(path), (path,), spine, framerate, pixelsize)


def from_xarray(
    ds: xarray.Dataset,
    run: str | None = None,
    *,
    spine: Sequence[str] | None = None,
    framerate: float | None = None,
    pixelsize: float | None = None,
) -> Recording:
    """Return the recording in a poses dataset. See `Recording.from_xarray`."""
    if not (hasattr(ds, "data_vars") and hasattr(ds, "coords")):
        raise wrong_type("an xarray.Dataset, such as movement loads", ds)

    def error(problem: str, key: str | None = None) -> TrackFileError:
        return TrackFileError(problem, file=None, key=key)

    attributes = {str(name): plain(value) for name, value in ds.attrs.items()}
    variables = {name: _in_memory(ds[name]) for name in _READ if name in ds.variables}
    poses = _named(variables, [str(name) for name in ds.variables], attributes, error)
    if run is not None:
        poses.attributes["run"] = check_run(run)
    source = attributes.get("source_file")
    name = run_of(Path(source)) if isinstance(source, str) and source else None
    if not isinstance(attributes.get("run"), str) and name is None:
        problem = "expected the run's identifier, found none; give it: from_xarray(ds, run=...)"
        raise error(problem, "run")
    return _recording(poses, name or "", (), True if spine is None else spine, framerate, pixelsize)


def _in_memory(array: xarray.DataArray) -> Variable:
    values = array.values
    attributes = {str(name): plain(value) for name, value in array.attrs.items()}
    if values.dtype.kind == "m":  # of time differences
        values = values / np.timedelta64(1, "s")
        attributes["units"] = "seconds"
    is_text = values.dtype.kind in "OSUT"
    if is_text:
        texts: NDArray[Any] = np.empty(values.shape, dtype=object)
        for place, text in enumerate(values.ravel().tolist()):
            texts.flat[place] = plain(text) if isinstance(text, (str, bytes)) else ""
        values = texts
    return Variable(
        tuple(map(str, array.dims)), values.shape, is_text, attributes, values.__getitem__
    )


def _named(
    variables: dict[str, Variable], names: list[str], attributes: dict[str, Any], error: _Error
) -> _Poses:
    """Return a dataset whose dimensions and coordinates have the names of `DIMS`."""
    usual = {other: name for name, other in _ONE.items()}
    found = {
        usual.get(name, name): one._replace(dims=tuple(usual.get(dim, dim) for dim in one.dims))
        for name, one in variables.items()
    }
    return _Poses(found, [name for name in names if name not in _READ], attributes, error)


def _recording(
    poses: _Poses,
    name: str,
    sources: tuple[Path, ...],
    spine: bool | Sequence[str],
    framerate: float | None,
    pixelsize: float | None,
) -> Recording:
    position = _position(poses)
    left_out: list[str] = []
    camera: dict[str, float] = {}
    names = _texts(poses, "keypoints", position)
    chosen = _spine_places(poses, names, spine) if spine is not False else []
    axes = _axes(poses, position, left_out)
    times = _times(poses, position, framerate, camera)
    scale = _millimetres(poses, position, pixelsize, camera) if chosen else 1.0
    individuals = _texts(poses, "individuals", position)
    larvae = _larva_ids(individuals, left_out)
    tracked, spines = _points(poses, position, axes, chosen, scale)
    tracks, incomplete = {}, {}
    for place, larva in enumerate(larvae):
        frames = tracked[:, place]
        midline = spines[place] if chosen else None
        if midline is not None:
            partial = ~np.isfinite(midline).all(axis=(1, 2))
            lacking = int((partial & ~np.isnan(midline).all(axis=(1, 2))).sum())
            if lacking:
                incomplete[larva] = lacking
            midline[partial] = np.nan
        if frames.any():
            tracks[larva] = Track(times[frames], midline)
    if not tracks:
        problem = "expected one individual with positions or more, found none"
        raise poses.error(problem, "position")
    absent = [one for one, larva in zip(individuals, larvae, strict=True) if larva not in tracks]
    if absent:
        words = ("individual without positions", "individuals without positions")
        left_out.append(f"{counted(len(absent), *words)} ({listed(absent, _NAMED)})")
    if incomplete:
        number = counted(sum(incomplete.values()), "incomplete spine")
        left_out.append(f"{number} ({listed(incomplete, _NAMED)})")
    run = poses.attributes.get("run")
    is_derived = not (isinstance(run, str) and run and run.isprintable())
    run = name if is_derived else str(run)
    metadata = _metadata(poses, camera, names, individuals, larvae)
    labels = _labels(poses, run, metadata, times, tracks, larvae, tracked, left_out)
    return Recording(
        run,
        tracks,
        metadata,
        "movement",
        sources,
        labels,
        tuple(left_out),
        run_is_derived=is_derived,
    )


def _position(poses: _Poses) -> Variable:
    """Return the variable of positions, after checking its dimensions and those of coordinates."""
    position = poses.variables.get("position")
    expected = f"a poses dataset: a variable position ({', '.join(DIMS)})"
    if poses.attributes.get("ds_type") == "bboxes" or "shape" in poses.variables:
        raise poses.error(f"expected {expected}, found bounding boxes, which have no keypoints")
    if position is None:
        found = listed([*poses.variables, *poses.others], _NAMED) or "none"
        fix = "load the tracker's file with movement, and save that dataset"
        raise poses.error(f"expected {expected}, found variables {found}; {fix}")
    required = {"time", "space"}
    if not (required <= {*position.dims} <= {*DIMS}) or len({*position.dims}) < len(position.dims):
        found = f"position ({', '.join(position.dims)})"
        raise poses.error(f"expected {expected}, found {found}", "position")
    if position.is_text:
        raise poses.error("expected numbers, found text", "position")
    for name in DIMS:
        coordinate = poses.variables.get(name)
        size = _size(position, name)
        if coordinate is not None and (
            coordinate.dims not in ((name,), ()) or size not in (coordinate.shape or (1,))
        ):
            found = f"{coordinate.shape} along {coordinate.dims}"
            raise poses.error(f"expected {size} values along {name}, found {found}", name)
    return position


def _size(position: Variable, dim: str) -> int:
    """Return the length of a dimension; 1 if a dataset of one individual or keypoint has none."""
    return position.shape[position.dims.index(dim)] if dim in position.dims else 1


def _texts(poses: _Poses, dim: str, position: Variable) -> list[str]:
    """Return the names along a dimension; its numbers from 0 if it has no coordinate."""
    coordinate = poses.variables.get(dim)
    size = _size(position, dim)
    if coordinate is None:
        return [str(place) for place in range(size)]
    names = [str(name) for name in np.ravel(coordinate.read(())).tolist()]
    if len({*names}) < len(names):
        raise poses.error(f"expected distinct names, found {listed(names, _NAMED)}", dim)
    return names


def _axes(poses: _Poses, position: Variable, left_out: list[str]) -> list[int]:
    """Return the places of x and y along space."""
    names = _texts(poses, "space", position)
    if "space" not in poses.variables and len(names) == 2:
        names = ["x", "y"]
    if not {"x", "y"} <= {*names} or not {*names} <= {"x", "y", "z"}:
        problem = f"expected coordinates x and y, found {listed(names, _NAMED)}"
        raise poses.error(problem, "space")
    if "z" in names:
        left_out.append("the coordinate z")
    return [names.index("x"), names.index("y")]


def _times(
    poses: _Poses, position: Variable, framerate: float | None, camera: dict[str, float]
) -> NDArray[np.float64]:
    """Return the times in seconds."""
    coordinate = poses.variables.get("time")
    n = _size(position, "time")
    values = np.arange(n) if coordinate is None else np.ravel(coordinate.read(()))
    if values.dtype.kind not in "iuf":
        found = "dates" if values.dtype.kind == "M" else "text"
        raise poses.error(f"expected times in seconds or frames, found {found}", "time")
    fps = poses.attributes.get("fps")
    fps = None if fps is None else _positive(poses, fps, "fps", "frames/s")
    unit = coordinate.attributes.get("units") if coordinate is not None else None
    unit = poses.attributes.get("time_unit") if unit is None else unit
    if unit is None:
        unit = "frames" if values.dtype.kind in "iu" else "seconds" if fps else None
    if unit in _FRAMES:
        rate = fps
        if rate is None and framerate is not None:
            rate = _positive(poses, framerate, "framerate", "frames/s")
        if rate is None:
            problem = (
                "expected the frame rate, because times are frame numbers, found none; give it in "
                "frames/s with the option framerate, or as metadata.camera.framerate of a label "
                "file that depends on this file, or load the tracker's file in movement with fps="
            )
            raise poses.error(problem, "fps")
        camera["framerate"] = rate
        times = np.asarray(values, dtype=np.float64) / rate
    elif isinstance(unit, str) and unit in _SECONDS:
        if fps is not None:
            camera["framerate"] = fps
        times = np.asarray(values, dtype=np.float64) * _SECONDS[unit]
    else:
        found = "none" if unit is None else shown(unit)
        problem = f"expected the unit of time, seconds or frames, found {found}; set it: "
        raise poses.error(f"{problem}ds.attrs['time_unit'] = 'seconds'", "time_unit")
    bad = ~np.isfinite(times)
    bad[1:] |= ~(times[1:] > times[:-1])
    if bad.any():
        at = int(bad.argmax())
        expected = f"a time after {times[at - 1]} s" if at else "a finite time"
        raise poses.error(f"expected {expected}, found {times[at]} at index {at}", "time")
    return times


def _positive(poses: _Poses, value: Any, key: str, unit: str) -> float:
    is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not (is_number and 1 / _LARGEST <= value <= _LARGEST):
        expected = f"a number of {unit}, from {1 / _LARGEST:g} to {_LARGEST:g}"
        raise poses.error(f"expected {expected}, found {shown(value)}", key)
    return float(value)


def _millimetres(
    poses: _Poses, position: Variable, pixelsize: float | None, camera: dict[str, float]
) -> float:
    """Return the factor of coordinates to mm."""
    given = (
        position.attributes.get("space_unit"),
        poses.attributes.get("space_unit"),
        position.attributes.get("units"),
    )
    unit = next((one for one in given if one is not None), None)
    if isinstance(unit, str) and unit in _MILLIMETRES:
        return _MILLIMETRES[unit]
    if unit is not None and unit not in _PIXELS:
        expected = "mm, cm, m, um or pixels"
        raise poses.error(f"expected {expected}, found {shown(unit)}", "space_unit")
    if pixelsize is None:
        problem = (
            "expected the size of a pixel, because the file gives no unit of length, found none; "
            "give it in µm with the option pixelsize, or as metadata.camera.pixelsize of a label "
            "file that depends on this file, or scale positions in movement with space_unit='mm'"
        )
        raise poses.error(problem, "pixelsize")
    camera["pixelsize"] = _positive(poses, pixelsize, "pixelsize", "µm")
    return camera["pixelsize"] / 1000


def _spine_places(poses: _Poses, names: list[str], spine: bool | Sequence[str]) -> list[int]:
    """Return the places of the keypoints that make up the spine, from head to tail."""
    fix = "choose those of the midline, from head to tail: "
    fix += "ds.sel(keypoints=[...]), or load_tracks(path, spine=[...])"
    if not isinstance(spine, bool):
        chosen = [spine] if isinstance(spine, str) else list(spine)
        missing = [name for name in chosen if name not in names]
        if missing:
            problem = f"expected keypoints out of {', '.join(names)}, found {shown(missing[0])}"
            raise poses.error(problem, "spine")
        places = [names.index(name) for name in chosen]
    else:
        lower = {name.lower() for name in names}
        sides = [name for name in names if _other_side(name) in lower]
        if sides:
            found = f"points on its left and right ({listed(sides)})"
            problem = f"expected keypoints along the midline of the larva, found {found}; {fix}"
            raise poses.error(problem, "keypoints")
        heads = {place for place, name in enumerate(names) if _HEAD.search(name)}
        tails = {place for place, name in enumerate(names) if _TAIL.search(name)}
        both = heads & tails
        heads, tails = heads - both, tails - both
        places = [*range(len(names))]
        # from head to tail, or from tail to head
        begins = (not heads or 0 in heads) and (not tails or places[-1] in tails)
        if not begins and (not heads or places[-1] in heads) and (not tails or 0 in tails):
            places.reverse()
        elif not begins:
            found = listed(names, 2 * _NAMED)
            problem = f"expected keypoints from head to tail, found {found}; {fix}"
            raise poses.error(problem, "keypoints")
    if len(places) < _LEAST or len({*places}) < len(places):
        found = listed([names[place] for place in places], _NAMED) or "none"
        problem = (
            f"expected {_LEAST} different keypoints or more along the midline, found {found}; {fix}"
        )
        raise poses.error(problem, "keypoints")
    return places


def _other_side(name: str) -> str:
    """Return the name of the point on the other side, in lower case; "" if it has no side."""
    other = _SIDE.sub(lambda found: _OTHER_SIDE[found[0].lower()], name).lower()
    return other if other != name.lower() else ""


def _larva_ids(names: list[str], left_out: list[str]) -> list[int]:
    """Return an identifier for each individual: the number in its name, if all have one."""
    numbers = [[int(text) for text in _NUMBER.findall(name)[-1:]] for name in names]
    ids = [found[0] for found in numbers if found and found[0] <= MAX_LARVA_ID]
    if len({*ids}) == len(names):
        return ids
    if len(names) > 1 or numbers[0]:
        numbered = f"numbered 1 to {len(names)} instead" if len(names) > 1 else "1 instead"
        words = f"{counted(len(names), 'name')} of individuals, {numbered}"
        left_out.append(f"{words} ({listed(names, _NAMED)})")
    return [*range(1, len(names) + 1)]


def _points(
    poses: _Poses, position: Variable, axes: list[int], chosen: list[int], scale: float
) -> tuple[NDArray[np.bool_], list[NDArray[np.float64]]]:
    """Return in which frames each individual is tracked, and its spines in these frames.

    A frame with any coordinate, or with True in the variable ``tracked``, is one.
    """
    n, count = _size(position, "time"), _size(position, "individuals")
    tracked = np.zeros((n, count), dtype=bool)
    if _is_per_frame(poses, "tracked", is_text=False):
        tracked |= _per_frame(poses, "tracked", (n, count)) == 1
    parts: list[list[NDArray[np.float64]]] = [[] for _ in range(count)]
    at = position.dims.index("time")
    bytes_per_frame = 8 * max(int(np.prod(position.shape)) // max(n, 1), 1)
    step = max(_BLOCK // bytes_per_frame, 1)
    order = ("time", "individuals", "keypoints", "space")
    for first in range(0, n, step):
        frames = slice(first, first + step)
        block = position.read((slice(None),) * at + (frames,))
        part = _ordered(block, position.dims, order)[..., axes]
        rows = tracked[frames]
        rows |= ~np.isnan(part).all(axis=(2, 3))
        for place in range(count) if chosen else ():
            parts[place].append(np.asarray(part[rows[:, place], place][:, chosen], np.float64))
    spines = []
    for pieces in parts if chosen else ():
        midline = np.concatenate(pieces) if pieces else np.empty((0, len(chosen), 2))
        if scale != 1:
            midline *= scale
        pieces.clear()
        spines.append(midline)
    return tracked, spines


def _ordered(values: NDArray[Any], dims: Sequence[str], order: Sequence[str]) -> NDArray[Any]:
    """Return an array with its dimensions in an order; those that are missing have length 1."""
    present = [dim for dim in order if dim in dims]
    values = values.transpose([dims.index(dim) for dim in present])
    return values.reshape(
        [values.shape[present.index(dim)] if dim in present else 1 for dim in order]
    )


def _per_frame(poses: _Poses, name: str, shape: tuple[int, int]) -> NDArray[Any]:
    """Return a variable along time and individuals; it may be the same for one of them."""
    one = poses.variables[name]
    sizes = dict(zip(PER_FRAME, shape, strict=True))
    if one.shape != tuple(sizes[dim] for dim in one.dims):  # before it is read
        expected = " x ".join(str(sizes[dim]) for dim in one.dims)
        found = " x ".join(map(str, one.shape))
        raise poses.error(f"expected {expected} values, found {found}", name)
    return np.broadcast_to(_ordered(one.read(()), one.dims, PER_FRAME), shape)


def _is_per_frame(poses: _Poses, name: str, is_text: bool) -> bool:
    """Return whether there is a variable along time and individuals, or one of them."""
    one = poses.variables.get(name)
    return one is not None and one.is_text is is_text and {*one.dims} <= {*PER_FRAME}


def _metadata(
    poses: _Poses,
    camera: dict[str, float],
    keypoints: list[str],
    individuals: list[str],
    larvae: list[int],
) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    text = poses.attributes.get("metadata")
    if isinstance(text, str):
        try:
            stored = orjson.loads(text)
        except orjson.JSONDecodeError:
            stored = None
        metadata |= stored if isinstance(stored, dict) else {}
    software = poses.attributes.get("source_software")
    if isinstance(software, str) and software:
        metadata.setdefault("source_software", software)
    if camera:
        metadata.setdefault("camera", {})
        if isinstance(metadata["camera"], dict):
            metadata["camera"] |= camera
    if keypoints != keypoint_names(len(keypoints)):
        metadata["keypoints"] = keypoints
    if not all(_NUMBER.search(name) for name in individuals):
        metadata["individuals"] = dict(zip(map(str, larvae), individuals, strict=True))
    return metadata


def keypoint_names(points: int) -> list[str]:
    """Return the names of the points of a spine whose points have no names."""
    return ["head", *(f"spine_{k}" for k in range(1, points - 1)), "tail"]


def _labels(
    poses: _Poses,
    run: str,
    metadata: Mapping[str, Any],
    times: NDArray[np.float64],
    tracks: Mapping[int, Track],
    larvae: list[int],
    tracked: NDArray[np.bool_],
    left_out: list[str],
) -> Labels:
    """Return the labels in the coordinate ``labels``."""
    labels = Labels()
    coordinate = poses.variables.get("labels")
    if coordinate is None:
        return labels
    if not _is_per_frame(poses, "labels", is_text=True):
        found = f"{'text' if coordinate.is_text else 'numbers'} ({', '.join(coordinate.dims)})"
        left_out.append(f"labels that are not text along time and individuals, but {found}")
        return labels
    shape = (len(times), len(larvae))
    texts = _per_frame(poses, "labels", shape)
    confidence, second = (
        _per_frame(poses, name, shape) if _is_per_frame(poses, name, is_text) else None
        for name, is_text in (("label_confidence", False), ("second_label", True))
    )
    states = _stored_states(coordinate.attributes)
    try:
        labelled = labels.add_run(run)
        labelled.metadata = dict(metadata)
        names, colors = (_list(coordinate.attributes.get(key)) for key in ("names", "colors"))
        labelled.declare(names, colors or None)
        labelled.secondary_names = _list(coordinate.attributes.get("secondary_names"))
        for place, larva in enumerate(larvae):
            if larva not in tracks:
                continue
            frames = tracked[:, place]
            own = [_state(text, states) for text in texts[frames, place].tolist()]
            chance = None if confidence is None else confidence[frames, place]
            choice = None if second is None else second[frames, place].tolist()
            labels.set(
                run,
                larva,
                tracks[larva].times,
                own,
                None if chance is None or np.isnan(chance).all() else chance,
                [name or () for name in choice] if choice and any(choice) else None,
            )
    except TaggingBackendsError as invalid:
        raise poses.error(f"expected labels, found invalid ones: {invalid}", "labels") from None
    return labels


def _list(value: Any) -> list[str]:
    """Return an attribute that is a list of texts; xarray writes one of a single text as text."""
    items = value if isinstance(value, list) else [value] if value else []
    return [item for item in items if isinstance(item, str)]


def _state(text: str, states: Mapping[str, tuple[str, ...]]) -> State:
    return states.get(text, text or ())


def _stored_states(attributes: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return what texts of several labels stand for, from the attribute ``states``."""
    try:
        stored = orjson.loads(str(attributes.get("states")))
    except orjson.JSONDecodeError:
        stored = None
    if not isinstance(stored, dict):
        return {}
    return {
        text: tuple(names)
        for text, names in stored.items()
        if isinstance(names, list) and all(isinstance(name, str) for name in names)
    }
