"""Tracks of a report's page: the spines and outlines of the recordings, as compressed integers."""

from __future__ import annotations

import warnings
import zlib
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from taggingbackends.data.formats import is_label_file, several_runs
from taggingbackends.data.loading import load_tracks
from taggingbackends.data.tracks import Recording, Track
from taggingbackends.errors import LabelFileError, TrackFileError
from taggingbackends.labels import Labels
from taggingbackends.labels.dependencies import names_by_sha1
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.stretches import default_max_gap, find_stretches
from taggingbackends.system.files import sha1

__all__ = ["FORMS", "Form", "Tracks", "packed", "tracks_of"]

JSON = dict[str, Any]
_Ints = NDArray[np.int64]


class Form(NamedTuple):
    """What a page carries of each frame.

    Attributes
    ----------
    quantum : float
        Coordinates are multiples of it, mm.
    points : int
        Points of a spine at most, evenly chosen, with both ends. 0: all.
    outlines : bool
        Whether there are outlines.
    """

    quantum: float
    points: int
    outlines: bool


FORMS = (Form(0.01, 0, True), Form(0.01, 0, False), Form(0.02, 6, False))
"""Forms from the most to the least detailed one. A page has the first one that fits."""

_OUTLINE = 30  # points of an outline that are kept
_FARTHEST = 2**26  # quanta; a point farther away counts as missing, so that 32 bits suffice


class Tracks(NamedTuple):
    """The tracks of a page.

    Attributes
    ----------
    data : dict
        ``quantum``, mm; ``recordings``, a list of what `packed` returns.
    places : dict of (str, str) to int
        Name of the file and run -> index of the recording.
    """

    data: JSON
    places: dict[tuple[str, str], int]


def tracks_of(
    labels: Mapping[str, Labels], runs: Collection[str], room: int, max_gap: float | None = None
) -> Tracks:
    """Load the recordings that labels depend on, and pack their tracks.

    Files of the same run share the recording of the first one that names its tracker files.

    Parameters
    ----------
    labels : mapping of str to Labels
        Labels by the name of their file. They were read from files.
    runs : collection of str
        Runs to load.
    room : int
        Number of characters that all tracks should have at most.
    max_gap : float, optional
        Longest step between successive frames that is not a gap, s.

    Raises
    ------
    LabelFileError
        ``bad-dependency``: no run names its tracker files, or they are missing or changed.
    TrackFileError, OSError
        A tracker file cannot be read.
    """
    found: list[list[JSON]] = []  # of each recording, in each form
    sizes = [0] * len(FORMS)
    loaded: dict[tuple[str, str], int] = {}  # by run and SHA-1 of a tracker file
    places: dict[tuple[str, str], int] = {}
    for name, run, digests in _sources(labels, runs):
        keys = [(run.id, digest) for digest in digests]
        known = next((loaded[key] for key in keys if key in loaded), None)
        if known is None:
            recording = _load(labels[name], run.id)
            known = len(found)
            found.append([])
            for place, form in enumerate(FORMS):
                last = place == len(FORMS) - 1
                fits = sizes[place] <= room
                one = packed(recording, form, max_gap) if fits or last else {"packed": ""}
                sizes[place] += len(one["packed"])
                found[-1].append(one)
        loaded |= dict.fromkeys(keys, known)
        places[name, run.id] = known
    if not found and any(run in of_file for of_file in labels.values() for run in runs):
        raise _without_tracks(labels, runs)
    of_run = {run: place for (_, run), place in reversed(places.items())}
    for name, of_file in labels.items():
        for run_id in of_file:
            if run_id in of_run and not of_file[run_id].dependencies:
                places.setdefault((name, run_id), of_run[run_id])
    fitting = (place for place, size in enumerate(sizes) if size <= room)
    chosen = next(fitting, len(FORMS) - 1)
    recordings = [of_forms[chosen] for of_forms in found]
    return Tracks({"quantum": FORMS[chosen].quantum, "recordings": recordings}, places)


def _sources(
    labels: Mapping[str, Labels], runs: Collection[str]
) -> Iterator[tuple[str, RunLabels, list[str]]]:
    """Yield the name of the file, the run and the SHA-1 of its tracker files, if it has any."""
    for name, of_file in labels.items():
        for run in of_file.values():
            if run.id not in runs or of_file.file is None:
                continue
            if not is_label_file(of_file.file):
                yield name, run, [sha1(of_file.file)]  # a trx.mat
            elif run.dependencies:
                yield name, run, list(names_by_sha1(run.dependencies))


def _load(labels: Labels, run: str) -> Recording:
    file = Path(labels.file or "")
    chosen = run if is_label_file(file) or several_runs(file) else None
    try:
        return load_tracks(file, run=chosen)
    except TrackFileError as error:
        recording = load_tracks(file, run=chosen, outline=False)
        warnings.warn(f"the report has no outlines: {error}", stacklevel=4)
        return recording


def _without_tracks(labels: Mapping[str, Labels], runs: Collection[str]) -> LabelFileError:
    file, of_file = next(iter(labels.items()))
    problem = "expected labels that name the tracker files of their recording, found none"
    fix = "add them in Python: labels[run].dependencies = [dependency(tracker_file)]"
    run = next((run for run in of_file if run in runs), None)
    return LabelFileError("bad-dependency", problem, file=file, run=run, fix=fix)


def packed(recording: Recording, form: Form, max_gap: float | None = None) -> JSON:
    """Pack the tracks of a recording.

    Parameters
    ----------
    recording : Recording
        The recording.
    form : Form
        What is packed.
    max_gap : float, optional
        Longest step between successive frames that is not a gap, s.

    Returns
    -------
    dict
        ``larvae``, ``frames`` and ``points`` (of a spine) have an item for each larva. Times are
        ``start`` (s) plus multiples of ``unit`` (s). ``gap`` and ``interval`` are in these units.
        ``packed`` is base64 of zlib of integers, see `_columns`; ``outlined`` says whether these
        have outlines. ``form`` describes it for people.
    """
    tracks = list(recording.values())
    times = np.concatenate([np.empty(0), *(track.times for track in tracks)])
    start = float(times.min()) if len(times) else 0.0
    extent = float(times.max()) - start if len(times) else 0.0
    unit = max(np.ceil(extent * 1000 / 0x7FFFFFFF), 1) / 1000
    numbers = np.repeat(np.arange(len(tracks)), [len(track) for track in tracks])
    stretches = find_stretches(numbers, times, max_gap)
    has_outlines = any(track.outline is not None for track in tracks)
    gap = default_max_gap(tracks) if max_gap is None else max_gap
    form = form if has_outlines else form._replace(outlines=False)
    # noisy differences hardly repeat: smaller than with a search for repetitions, and much faster
    stream = zlib.compressobj(memLevel=5, strategy=zlib.Z_RLE)
    chunks, points = [], []
    for track in tracks:
        spine = _chosen_points(track, form.points)
        points.append(spine.shape[1])
        at = np.rint((track.times - start) / unit).astype(np.int64)
        chunks.append(stream.compress(_varints(np.concatenate(_columns(track, at, spine, form)))))
    chunks.append(stream.flush())
    return {
        "larvae": list(recording),
        "frames": [len(track) for track in tracks],
        "points": points,
        "outlined": form.outlines,
        "form": _described(form, has_outlines),
        "start": start,
        "unit": unit,
        "gap": min(gap, extent + 1) / unit,
        "interval": stretches.interval / unit,
        "packed": b64encode(b"".join(chunks)).decode(),
    }


def _described(form: Form, has_outlines: bool) -> str:
    points = f"at most {form.points} points" if form.points else "all points"
    found = f"spines of {points}, to {form.quantum} mm"
    if form.outlines:
        return f"{found}, and outlines of at most {_OUTLINE} points"
    return f"{found}, without outlines, which would make it too large" if has_outlines else found


def _chosen_points(track: Track, most: int) -> NDArray[np.float64]:
    """Return (n, points, 2) spines, with at most this number of points if it is not 0."""
    if track.spine is None:
        return np.full((len(track), 0, 2), np.nan)
    points = track.spine.shape[1]
    if not most or points <= most:
        return track.spine
    return track.spine[:, np.rint(np.linspace(0, points - 1, most)).astype(int)]


def _columns(track: Track, times: _Ints, spine: NDArray[np.float64], form: Form) -> list[_Ints]:
    """Return the integers of a track.

    - n differences of times, the first from 0;
    - n numbers, 1 for frames with a spine;
    - for each point, the x and then the y of all m frames with a spine, as differences from the
      point before it (none before the first), and then from the frame before;
    - if the form has outlines: n numbers of points, the x of all points and the y of all points.
      The first point is the difference from the first one of the outline before. The others are
      differences from the point before, and then, if the outline before has as many points, from
      its difference there.
    """
    places = np.rint(spine / form.quantum)
    shown = track.has_spine & (np.abs(places) < _FARTHEST).all(axis=(1, 2)) & (spine.shape[1] > 0)
    kept = places[shown].astype(np.int64)
    kept[:, 1:] -= kept[:, :-1].copy()
    kept = np.diff(kept.reshape(len(kept), 2 * spine.shape[1]), axis=0, prepend=0)
    columns = [np.diff(times, prepend=0), shown.astype(np.int64), kept.T.ravel()]
    return [*columns, *_outlines(track, form.quantum)] if form.outlines else columns


def _outlines(track: Track, quantum: float) -> list[_Ints]:
    if track.outline is None or track.outline_offsets is None or not len(track.outline):
        return [np.zeros(len(track), dtype=np.int64)]
    offsets = track.outline_offsets
    places = np.rint(track.outline / quantum)
    bad = np.concatenate([[0], np.cumsum(~(np.abs(places) < _FARTHEST).all(axis=1))])
    counts = np.where(bad[offsets[1:]] > bad[offsets[:-1]], 0, np.diff(offsets))
    sizes = np.minimum(counts, _OUTLINE)
    frames = np.repeat(np.arange(len(track)), sizes)
    begins = np.cumsum(sizes) - sizes
    within = np.arange(len(frames)) - begins[frames]
    chosen = offsets[:-1][frames] + within * counts[frames] // np.maximum(sizes[frames], 1)
    points = places[chosen].astype(np.int64)
    first = begins[sizes > 0]
    steps = np.diff(points, axis=0, prepend=0)
    differences = steps.copy()
    shown = sizes[sizes > 0]
    as_many = np.concatenate([[False], shown[1:] == shown[:-1]])
    alike = np.flatnonzero(np.repeat(as_many, shown))
    differences[alike] -= steps[alike - np.repeat(shown, shown)[alike]]
    differences[first] = np.diff(points[first], axis=0, prepend=0)
    return [sizes.astype(np.int64), differences.T.ravel()]


def _varints(values: _Ints) -> bytes:
    """Encode integers in 7 bits a byte, lowest first; the top bit says that more follow.

    The sign is in the lowest bit: 0, -1, 1, -2, ... are 0, 1, 2, 3, ...
    """
    numbers = (values << 1) ^ (values >> 63)
    sizes = np.ones(len(numbers), dtype=np.int64)
    for bits in range(7, 35, 7):
        larger = numbers >> bits > 0
        if not larger.any():
            break
        sizes += larger
    begins = np.cumsum(sizes) - sizes
    text = np.empty(int(sizes.sum()), dtype=np.uint8)
    for byte in range(int(sizes.max(initial=0))):
        more = np.flatnonzero(sizes > byte) if byte else slice(None)
        low = (numbers[more] >> (7 * byte)) & 127
        text[begins[more] + byte] = low | (128 * (sizes[more] > byte + 1))
    return text.tobytes()
