"""Recordings as poses datasets of the package movement; movement.py reads these."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import h5py
import numpy as np
import orjson
from numpy.typing import NDArray

from taggingbackends.data.movement import DIMS, LABELS, PER_FRAME, keypoint_names
from taggingbackends.data.resampling import SAME_TIME, nearest, resample
from taggingbackends.data.tracks import Recording, Track
from taggingbackends.errors import shown, wrong_type
from taggingbackends.labels.labels import Labels
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import State, labels_of
from taggingbackends.labels.stretches import default_max_gap, is_gap
from taggingbackends.labels.tracklabels import TrackLabels
from taggingbackends.system.extras import require
from taggingbackends.system.files import new_version
from taggingbackends.system.names import utf8_name

if TYPE_CHECKING:
    import xarray

__all__ = ["remove_labels", "to_xarray", "write"]

_BLOCK = 4 << 20  # bytes of positions in a chunk
_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
_MILLISECOND = 1e-3 + SAME_TIME


class _Grid(NamedTuple):
    """Frames that all larvae share.

    Attributes
    ----------
    times : (n,) float64 array
        Seconds.
    fps : float or None
        Frames/s; None if they are not evenly spaced.
    tracks : dict
        Larva -> its track.
    places : dict
        Larva -> (frames of the track,) int64 array, the places of its frames in `times`.
    max_gap : float or None
        Seconds, if the tracks were resampled.
    """

    times: NDArray[np.float64]
    fps: float | None
    tracks: dict[int, Track]
    places: dict[int, NDArray[np.int64]]
    max_gap: float | None


def to_xarray(
    recording: Recording, framerate: float | None = None, labels: Labels | None = None
) -> xarray.Dataset:
    """Return a recording as a poses dataset. See `Recording.to_xarray`."""
    xr = require("xarray", "xarray", "a dataset of a recording")
    points = _check(recording)
    run = _labels_of(recording, labels)
    grid = _shared(recording) if framerate is None else _resampled(recording, framerate)
    shape = (len(grid.times), len(grid.tracks))
    position = np.full((len(grid.times), 2, points, len(grid.tracks)), np.nan)
    tracked = np.zeros(shape, dtype=bool)
    for column, (larva, track) in enumerate(grid.tracks.items()):
        assert track.spine is not None
        rows = grid.places[larva]
        position[rows, :, :, column] = track.spine.transpose(0, 2, 1)
        tracked[rows, column] = True
    names = recording.metadata.get("keypoints")
    if not (isinstance(names, list) and len({*map(str, names)}) == len(names) == points):
        names = keypoint_names(points)
    unknown = np.full((len(grid.times), points, len(grid.tracks)), np.nan, dtype=np.float32)
    data: dict[str, Any] = {
        "position": (DIMS, position, {"space_unit": "mm"}),
        "confidence": (("time", "keypoints", "individuals"), unknown),
    }
    if not np.array_equal(tracked, np.isfinite(position).any(axis=(1, 2))):
        data["tracked"] = (PER_FRAME, tracked)
    coords: dict[str, Any] = {
        "time": grid.times,
        "space": ["x", "y"],
        "keypoints": [str(name) for name in names],
        "individuals": [f"larva_{larva}" for larva in grid.tracks],
    }
    if run is not None:
        coords |= _label_coords(run, grid, shape)
    software = recording.metadata.get("source_software", recording.format)
    attributes: dict[str, Any] = {
        "source_software": str(software),
        "ds_type": "poses",
        "time_unit": "seconds",
        "run": recording.run,
        "metadata": orjson.dumps(recording.metadata, default=str, option=_OPTIONS).decode(),
    }
    if grid.fps is not None:
        attributes["fps"] = grid.fps
    if recording.sources:
        attributes["source_file"] = utf8_name(recording.sources[0].name)
    ds: xarray.Dataset = xr.Dataset(data, coords, attributes)
    return ds


def write(
    recording: Recording,
    path: Path,
    framerate: float | None = None,
    labels: Labels | None = None,
) -> None:
    """Write a recording as a NetCDF 4 file. See `Recording.write`."""
    if path.suffix.lower() != ".nc":
        raise ValueError(f"expected a file name that ends with .nc, found {shown(path.name)}")
    ds = to_xarray(recording, framerate, labels)
    require("h5netcdf", "xarray", "a NetCDF file")
    n, _, points, larvae = ds["position"].shape
    frames = min(max(_BLOCK // (16 * points * larvae), 1), n)
    compressed = {"zlib": True, "complevel": 1, "shuffle": True}
    chunks = {"position": (frames, 2, points, larvae), "confidence": (frames, points, larvae)}
    encoding: dict[str, Any] = {
        name: {**compressed, "chunksizes": sizes} for name, sizes in chunks.items()
    }
    # texts of variable length would be neither compressed nor fast
    texts = [name for name in ("labels", "second_label") if name in ds.coords]
    encoding |= {name: {"dtype": "S1", **compressed} for name in texts}
    with new_version(path) as temporary:
        ds.to_netcdf(temporary, engine="h5netcdf", encoding=encoding)


def remove_labels(path: Path) -> None:
    """Remove the labels from a file."""
    with h5py.File(path, "r+") as file:
        for name in file.keys() & {*LABELS}:
            del file[name]


def _check(recording: Recording) -> int:
    """Return the number of points of the spines."""
    tracks = [track for track in recording.values() if len(track)]
    if not tracks:
        raise ValueError("expected a recording with frames, found none")
    sizes = {track.spine.shape[1] for track in tracks if track.spine is not None}
    if any(track.spine is None for track in tracks):
        fix = "load it with spine=True"
        raise ValueError(f"expected a recording with spines, found one without; {fix}")
    if len(sizes) > 1:
        found = " and ".join(map(str, sorted(sizes)))
        raise ValueError(f"expected spines of as many points for all larvae, found {found}")
    return int(sizes.pop())


def _labels_of(recording: Recording, labels: Labels | None) -> RunLabels | None:
    """Return the labels of the recording; None if there are none and none are given."""
    if labels is None:
        return recording.labels().get(recording.run)
    if not isinstance(labels, Labels):
        raise wrong_type("Labels, such as Labels.read(path)", labels)
    return labels[recording.run]


def _shared(recording: Recording) -> _Grid:
    """Return all times of all larvae; raise ValueError if the larvae have clocks of their own."""
    tracks = {larva: track for larva, track in recording.items() if len(track)}
    every = np.unique(np.concatenate([track.times for track in tracks.values()]))
    times = every[np.append(True, np.diff(every) > SAME_TIME)]
    steps = np.concatenate([np.diff(track.times) for track in tracks.values()])
    closest = np.diff(times).min(initial=np.inf)
    if closest < steps.min(initial=np.inf) / 2 and len(steps):
        problem = (
            f"expected larvae with common times, found frames of two larvae that are {closest:g} s "
            f"apart, although no larva has frames less than {steps.min():g} s apart"
        )
        raise ValueError(f"{problem}; resample them: framerate=...")
    places = {
        larva: np.searchsorted(times, track.times - SAME_TIME) for larva, track in tracks.items()
    }
    return _Grid(times, _fps(times), tracks, places, None)


def _fps(times: NDArray[np.float64]) -> float | None:
    """Return the frame rate if all times are within 1 ms of ``times[0] + k / fps``."""
    if len(times) < 2:
        return None
    steps = np.diff(times)
    counts = np.append(0, np.cumsum(np.rint(steps / np.median(steps))))
    # least squares: recorded times may be rounded
    from_mean = counts - counts.mean()
    period = float(from_mean @ times) / max(float(from_mean @ from_mean), 1.0)
    deviations = times - times.mean() - from_mean * period
    if period <= 0 or (np.abs(deviations) > _MILLISECOND).any():
        return None
    return round(1 / period, 3) or None


def _resampled(recording: Recording, framerate: float) -> _Grid:
    """Return tracks at the times k / framerate."""
    if not (isinstance(framerate, (int, float)) and 0 < framerate <= 1000):
        raise ValueError(f"expected a framerate above 0, up to 1000 /s, found {shown(framerate)}")
    max_gap = default_max_gap(recording.values())
    tracks = {
        larva: resample(track, 1 / framerate, 0.0, max_gap)
        for larva, track in recording.items()
        if len(track)
    }
    numbers = {
        larva: np.rint(track.times * framerate).astype(np.int64) for larva, track in tracks.items()
    }
    tracks = {larva: track for larva, track in tracks.items() if len(track)}
    if not tracks:
        raise ValueError(f"expected a larva that is tracked at a time k / {framerate}, found none")
    first = min(int(numbers[larva][0]) for larva in tracks)
    last = max(int(numbers[larva][-1]) for larva in tracks)
    times = np.arange(first, last + 1) / framerate
    places = {larva: numbers[larva] - first for larva in tracks}
    return _Grid(times, float(framerate), tracks, places, max_gap)


def _label_coords(run: RunLabels, grid: _Grid, shape: tuple[int, int]) -> dict[str, Any]:
    """Return the coordinates of labels: texts of states, confidence and second choices."""
    texts, combined = _state_texts(run.states)
    known = np.array(texts, dtype=object)
    labels = np.full(shape, "", dtype=object)
    confidence = np.full(shape, np.nan)
    second = np.full(shape, "", dtype=object)
    for column, (larva, track) in enumerate(grid.tracks.items()):
        if larva in run:
            own = run[larva]
            at = _frames_of(own, track.times, grid.max_gap)
            rows, at = grid.places[larva][at >= 0], at[at >= 0]
            labels[rows, column] = known[own.codes[at]]
            if own.confidence is not None:
                confidence[rows, column] = own.confidence[at]
            if own.second_codes is not None:
                second[rows, column] = known[own.second_codes[at]]
    attributes: dict[str, Any] = {
        key: value
        for key, value in (
            ("names", run.names),
            ("colors", run.colors),
            ("secondary_names", run.secondary_names),
            ("states", orjson.dumps(combined).decode() if combined else None),
        )
        if value
    }
    coords: dict[str, Any] = {"labels": (PER_FRAME, labels.astype(str), attributes)}
    if not np.isnan(confidence).all():
        coords["label_confidence"] = (PER_FRAME, confidence)
    if (second != "").any():
        coords["second_label"] = (PER_FRAME, second.astype(str))
    return coords


def _frames_of(
    labels: TrackLabels, times: NDArray[np.float64], max_gap: float | None
) -> NDArray[np.intp]:
    """Return the labelled frame for each time, or -1: within 1 ms, or the nearest if resampled."""
    if max_gap is None:
        return labels.match(times)
    at = nearest(labels.times, times)
    inside = at >= 0
    at[inside] = np.where(
        is_gap(np.abs(labels.times[at[inside]] - times[inside]), max_gap), -1, at[inside]
    )
    return at


def _state_texts(states: Iterable[State]) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """Return a text for each state, and what texts of several labels stand for."""
    states = list(states)
    taken = {state for state in states if isinstance(state, str)}
    texts: list[str] = []
    combined: dict[str, tuple[str, ...]] = {}
    for state in states:
        names = labels_of(state)
        text = ", ".join(names)
        if len(names) > 1:
            while text in taken:
                text += " "  # a label has this name
            taken.add(text)
            combined[text] = names
        texts.append(text)
    return texts, combined
