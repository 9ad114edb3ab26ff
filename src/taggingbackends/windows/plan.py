"""Training sets: labelled windows, planned from label files, then collected or written.

Planning reads every recording once and keeps counts; making the set reads each once more and keeps
its windows. What is held meanwhile is one recording, and a byte or so for each window there is.
"""

from __future__ import annotations

import glob
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from taggingbackends.data.bodyframe import body_length
from taggingbackends.data.formats import Paths, as_paths, find_recordings, is_label_file
from taggingbackends.data.loading import load_tracks
from taggingbackends.data.tracks import Recording
from taggingbackends.errors import BackendError, TrackFileError
from taggingbackends.labels.origin import predicting_instance
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import labels_of
from taggingbackends.system.files import sha1, walk
from taggingbackends.system.progress import progress
from taggingbackends.system.version import own_version
from taggingbackends.system.words import counted
from taggingbackends.windows import selection
from taggingbackends.windows.selection import Patterns
from taggingbackends.windows.shape import WindowShape, complete_frames
from taggingbackends.windows.windowfile import Block, Dataset, Windows, write_windows

__all__ = ["DatasetPlan", "plan_dataset"]

_MOST = 1024  # windows cut at once


class _Survey(NamedTuple):
    """What planning keeps of a recording."""

    name: str  # of the file, for people
    file: Path
    source: dict[str, Any]  # as in `Windows.sources`
    points: int | None  # of a spine; None if no window fits
    declared: dict[str, str | None]  # names of labels, and their colours
    observed: Counter[tuple[str, ...]]  # frames by their primary labels
    fitting: Counter[tuple[str, ...]]  # of these, the frames that a window fits around


@dataclass(frozen=True, eq=False)
class DatasetPlan:
    """Which windows a training set is to have; `load` collects them, `write` stores them.

    Printed, it shows the counts as a table.

    Attributes
    ----------
    shape : WindowShape
        How windows are cut.
    names : list of str
        The classes, in the order of their codes.
    colors : dict of str to (str or None)
        Colour of each class, ``"#rrggbb"``, that of the first file that has one.
    excluded : list of str
        Frames with one of these labels are left out.
    observed : dict of str to int
        Labelled frames of each class.
    fitting : dict of str to int
        Of these, the frames around which the track covers the whole window.
    selected : dict of str to int
        Windows that the set will have.
    ambiguous : int
        Frames left out because several of their labels are selected.
    points : int
        Of a spine.
    """

    shape: WindowShape
    names: list[str]
    colors: dict[str, str | None]
    excluded: list[str]
    observed: dict[str, int]
    fitting: dict[str, int]
    selected: dict[str, int]
    ambiguous: int
    points: int
    _request: dict[str, Any] = field(repr=False)
    _surveys: list[_Survey] = field(repr=False)

    def __len__(self) -> int:
        return sum(self.selected.values())

    def __str__(self) -> str:
        width = max(map(len, ["label", *self.names]))
        lines = [f"{'label':{width}} {'observed':>10} {'fitting':>10} {'selected':>10}"]
        for name in self.names:
            counts = (self.observed[name], self.fitting[name], self.selected[name])
            lines.append(f"{name:{width}} {counts[0]:10} {counts[1]:10} {counts[2]:10}")
        if self.ambiguous:
            ambiguous = counted(self.ambiguous, "frame")
            lines.append(f"left out, with several of these labels: {ambiguous}")
        return "\n".join(lines)

    def load(self, dtype: DTypeLike = "float32") -> Windows:
        """Collect the windows in memory.

        Parameters
        ----------
        dtype : dtype
            Of the spines: float32 (24 bits, 0.01 um in an arena of 100 mm) or float64.

        Raises
        ------
        BackendError
            ``changed-input``: a file has changed since the plan was made.
        """
        about = self._about(dtype)
        blocks = self._blocks(about["dtype"])
        spines, labels, recordings, larvae, times = map(np.concatenate, zip(*blocks, strict=True))
        sources = [survey.source for survey in self._surveys]
        return Windows(spines, labels, recordings, larvae, times, self.names, sources, about)

    def write(self, path: str | PathLike[str], dtype: DTypeLike = "float32") -> Dataset:
        """Write the windows into an HDF5 file, recording by recording, and open it.

        The same request on the same files gives the same bytes (with the same versions of h5py and
        HDF5). The file is there whole, or an old one still is, also if the process is killed; the
        next write replaces the hidden ``.<name>.partial`` that a killed one leaves beside it.

        Parameters
        ----------
        path : path
            Its folder must exist.
        dtype : dtype
            Of the spines, as in `load`.

        Raises
        ------
        BackendError
            ``changed-input``, as in `load`; ``existing-file``: another process is writing it.
        OSError
            The file cannot be written.
        """
        about = self._about(dtype)
        sources = [survey.source for survey in self._surveys]
        blocks = self._blocks(about["dtype"])
        return write_windows(Path(path), len(self), self.points, sources, about, blocks)

    def _about(self, dtype: DTypeLike) -> dict[str, Any]:
        """Return what a set says about itself: the request, and what came out of it."""
        kind = np.dtype(dtype).name
        if kind not in ("float32", "float64"):
            raise ValueError(f"expected float32 or float64 as dtype, found {kind}")
        counts = {
            "names": self.names,
            "excluded": self.excluded,
            "observed": self.observed,
            "fitting": self.fitting,
            "selected": self.selected,
            "ambiguous": self.ambiguous,
        }
        return self._request | counts | {"dtype": kind}

    def _blocks(self, dtype: str) -> Iterator[Block]:
        """Yield the windows, recording by recording."""
        repeats = [
            selection.repeats(self.fitting[name], self.selected[name], self._request["seed"], code)
            for code, name in enumerate(self.names)
        ]
        for index, survey in enumerate(progress(self._surveys, "cutting windows of")):
            *counts, _, _ = _by_class(survey.fitting, self.names, self.excluded)
            parts = [np.split(times, [n]) for times, n in zip(repeats, counts, strict=True)]
            repeats = [rest for _, rest in parts]
            if any(times.any() for times, _ in parts):
                yield from self._cut(index, [times for times, _ in parts], np.dtype(dtype))

    def _cut(
        self, index: int, repeats: list[NDArray[Any]], dtype: np.dtype[Any]
    ) -> Iterator[Block]:
        """Yield the windows of a recording, given how often each of a class is taken."""
        survey = self._surveys[index]
        recording = load_tracks(survey.file, **self._request["options"])
        if _source(recording) != survey.source:
            problem = f"{survey.file}: expected the files as they were when the set was planned"
            raise BackendError("changed-input", f"{problem}, found others; plan it again")
        for candidate in _candidates(recording, self.shape, survey.file):
            classes = np.array(
                [
                    selection.class_of(labels, self.names, self.excluded)
                    for labels in candidate.table
                ]
            )
            codes = classes[candidate.states[candidate.fits]]
            anchors = candidate.anchors[candidate.fits]
            taken = np.zeros(len(codes), dtype=np.intp)
            for code in range(len(repeats)):
                at = np.flatnonzero(codes == code)
                taken[at], repeats[code] = np.split(repeats[code], [len(at)])
            order = np.repeat(np.arange(len(codes)), taken)
            for i in range(0, len(order), _MOST):
                part = order[i : i + _MOST]
                n = len(part)
                yield Block(
                    self.shape.cut(candidate.times, candidate.spine, anchors[part]).astype(dtype),
                    codes[part].astype(np.int32),
                    np.full(n, index, dtype=np.int32),
                    np.full(n, candidate.larva, dtype=np.int32),
                    anchors[part],
                )


def plan_dataset(
    files: Paths,
    duration: float,
    framerate: float,
    margin: float | tuple[float, float] = 0.0,
    *,
    labels: Patterns = "*",
    exclude: Patterns = (),
    balance: str | float | None = None,
    seed: int = 0,
    max_gap: float | None = None,
    options: Mapping[str, Any] | None = None,
) -> DatasetPlan:
    """Plan a training set: a window around each labelled frame that is selected.

    Parameters
    ----------
    files : path, or iterable of path
        Label files beside the tracker files that they depend on, or tracker files that carry labels
        themselves. A folder stands for the label files in it, or for the recordings if it has no
        label file; a pattern (``"**/truth.label"``) for the files that it matches; hidden ones are
        left out. Each file counts once, in the order of the paths' components.
    duration : float
        Of a window, s.
    framerate : float
        Frames/s. A window has ``duration * framerate`` frames, which must be a whole number; the
        one of the anchor, the time of the labelled frame, is number ``frames // 2``, from 0.
    margin : float or (float, float)
        Seconds added on both sides, or before and after.
    labels : str or iterable of str
        The classes: names, and patterns of names (as in `fnmatch`). Their order is that of the
        classes; names that a pattern matches come in the order in which the files declare them,
        those without a frame left out.
    exclude : str or iterable of str
        Names and patterns; frames with such a label are left out.
    balance : None, "minority", "majority" or float, optional
        Take all windows; as many of each class as the smallest has; as many as the largest has,
        some more than once; at most so many times the smallest class, 1 or more.
    seed : int
        0 or more. Which windows `balance` takes depends on it only, on any machine.
    max_gap : float, optional
        Seconds. A window in which two tracked frames are further apart is not kept. By default,
        for each recording, the longer of 1 s and 5 median frame intervals of its tracks.
    options : mapping, optional
        Of the tracker's format, for `load_tracks`.

    Returns
    -------
    DatasetPlan

    Raises
    ------
    BackendError
        ``no-input``: no file; ``unknown-label``; ``no-window``: none that is selected fits.
    LabelFileError, TrackFileError
        A bad file; tracks without spines, or with another number of points than in other files.
    ValueError
        Parameters that make no sense.

    Notes
    -----
    A frame counts by its primary labels: secondary ones, such as "edited", are ignored.
    It belongs to a class if just one of its labels is selected, and none excluded; frames with
    several selected ones are left out, and counted as ambiguous.

    Frames whose spine lacks a value are no frames of the track: windows are interpolated across
    them, unless the gap is too long. Nothing is extrapolated.
    """
    if isinstance(margin, Sequence):
        margin = (margin[0], margin[1]) if len(margin) == 2 else tuple(margin)
    shape = WindowShape(duration, framerate, margin, max_gap)
    wanted, unwanted = selection.as_patterns(labels), selection.as_patterns(exclude)
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"expected a whole number from 0 as seed, found {seed!r}")
    selection.sizes([], balance)
    paths = _files(files)
    loading = {"outline": False} | dict(options or {})
    surveys = [_survey(file, shape, loading) for file in progress(paths, "reading")]
    declared: dict[str, str | None] = {}
    for survey in surveys:
        for name, color in survey.declared.items():
            declared[name] = declared.get(name) or color
    occurring = {name for survey in surveys for state in survey.observed for name in state}
    used = [name for name in declared if name in occurring]
    excluded = selection.matching(unwanted, list(declared), list(declared))
    names = selection.matching(wanted, list(declared), used)
    names = [name for name in names if name not in excluded]
    points = {survey.points: survey.file for survey in reversed(surveys) if survey.points}
    if len(points) > 1:
        (one, first), (other, file) = sorted(points.items(), key=lambda item: item[1].parts)[:2]
        raise _other_points(file, one, other, f"as in {first}")
    request = {
        "duration": float(duration),
        "framerate": float(framerate),
        "margin": [float(x) for x in np.broadcast_to(margin, 2)],
        "max_gap": None if max_gap is None else float(max_gap),
        "labels": list(wanted),
        "exclude": list(unwanted),
        "balance": balance if balance is None or isinstance(balance, str) else float(balance),
        "seed": int(seed),
        "frames": shape.frames,
        "margin_frames": list(shape.margin_frames),
        "anchor_frame": shape.anchor_frame,
        "options": loading,
        "versions": _versions(),
    }
    observed = sum(_by_class(survey.observed, names, excluded) for survey in surveys)
    fitting = sum(_by_class(survey.fitting, names, excluded) for survey in surveys)
    *fit, _, _ = np.asarray(fitting).tolist()
    *seen, ambiguous, _ = np.asarray(observed).tolist()
    if not any(fit):
        raise _no_window(sum(seen), ambiguous, shape)
    return DatasetPlan(
        shape=shape,
        names=names,
        colors={name: declared[name] for name in names},
        excluded=excluded,
        observed=dict(zip(names, seen, strict=True)),
        fitting=dict(zip(names, fit, strict=True)),
        selected=dict(zip(names, selection.sizes(fit, balance), strict=True)),
        ambiguous=ambiguous,
        points=next(iter(points)),
        _request=request,
        _surveys=surveys,
    )


def _by_class(
    states: Mapping[tuple[str, ...], int], names: list[str], excluded: list[str]
) -> NDArray[np.int64]:
    """Sum counts by class; the last but one is ambiguous, the last not selected."""
    counts = np.zeros(len(names) + 2, dtype=np.int64)
    for labels, count in states.items():
        counts[selection.class_of(labels, names, excluded)] += count
    return counts


class _Candidate(NamedTuple):
    """The labelled frames of one larva."""

    larva: int
    times: NDArray[np.float64]  # (n,) of the track's complete frames, s
    spine: NDArray[np.float64]  # (n, points, 2) mm
    anchors: NDArray[np.float64]  # (m,) of the labels, s
    states: NDArray[np.int32]  # (m,) indices into `table`
    table: list[tuple[str, ...]]  # primary labels
    fits: NDArray[np.bool_]  # (m,) whether the track covers the window


def _candidates(recording: Recording, shape: WindowShape, file: Path) -> Iterator[_Candidate]:
    run = _run(recording, file)
    secondary = set(run.secondary_names)
    table = [
        tuple(name for name in labels_of(state) if name not in secondary) for state in run.states
    ]
    points: int | None = None
    shape = shape.for_tracks(recording.values())
    for larva, labels in run.items():
        times, spine = np.empty(0), np.empty((0, points or 0, 2))
        if larva in recording:
            track = recording[larva]
            if track.spine is None:
                problem = f"expected a spine of larva {larva}, found none in this recording"
                raise TrackFileError(f"{problem}; leave it out", file=file, key="spine")
            times, spine = complete_frames(track)
            if points not in (None, spine.shape[1]):
                raise _other_points(file, points, spine.shape[1], "as of the larvae before")
            points = spine.shape[1]
        fits = shape.fits(times, labels.times)
        yield _Candidate(larva, times, spine, labels.times, labels.codes, table, fits)


def _run(recording: Recording, file: Path) -> RunLabels:
    runs = list(recording.labels().values())
    if len(runs) != 1:
        problem = f"expected the labels of one run, found {len(runs)}; name label files"
        raise TrackFileError(problem, file=file)
    return runs[0]


def _survey(file: Path, shape: WindowShape, options: Mapping[str, Any]) -> _Survey:
    recording = load_tracks(file, **options)
    run = _run(recording, file)
    instance = predicting_instance(recording.labels())
    if instance is not None:
        problem = f"{file}: labels that {instance} predicted, and nobody edited, are trained on"
        warnings.warn(problem, stacklevel=3)
    observed: Counter[tuple[str, ...]] = Counter()
    fitting: Counter[tuple[str, ...]] = Counter()
    points = None
    for candidate in _candidates(recording, shape, file):
        for counter, states in (
            (observed, candidate.states),
            (fitting, candidate.states[candidate.fits]),
        ):
            counts = np.bincount(states, minlength=len(candidate.table)).tolist()
            for labels, count in zip(candidate.table, counts, strict=True):
                if count and labels:
                    counter[labels] += count
        if candidate.fits.any():
            points = candidate.spine.shape[1]
    colors: Iterable[str | None] = run.colors or [None] * len(run.names)
    declared = dict(zip(run.names, colors, strict=True))
    return _Survey(file.name, file, _source(recording), points, declared, observed, fitting)


def _source(recording: Recording) -> dict[str, Any]:
    files = [{"filename": file.name, "sha1": sha1(file)} for file in recording.sources]
    source: dict[str, Any] = {"run": recording.run, "files": files, "body_length": None}
    with suppress(ValueError):  # no spine is complete
        source["body_length"] = body_length(recording)
    return source


def _files(paths: Paths) -> list[Path]:
    found: list[Path] = []
    for item in as_paths(paths):
        if item.is_dir():
            files = list(filter(is_label_file, walk(item))) or list(find_recordings(item))
        elif item.exists() or not glob.has_magic(str(item)):
            files = [item]
        else:
            matches = glob.glob(str(item), recursive=True)  # noqa: PTH207, of absolute ones too
            files = [file for file in map(Path, matches) if file.is_file()]
        if not files:
            expected = "label files" if item.is_dir() else "files that match"
            raise BackendError("no-input", f"{item}: expected {expected}, found none")
        found += files
    if not found:
        raise BackendError("no-input", "expected label files, found none; name one or more")
    # links are not followed: where they lead to is no order of the user's
    found.sort(key=lambda file: Path(os.path.abspath(file)).parts)  # noqa: PTH100
    distinct = {file.resolve(): file for file in reversed(found)}
    return list(reversed(distinct.values()))


def _versions() -> dict[str, str]:
    import h5py

    versions = {"taggingbackends": own_version(), "numpy": np.__version__, "h5py": h5py.__version__}
    return versions | {"hdf5": h5py.version.hdf5_version}


def _other_points(file: Path, expected: int, found: int, where: str) -> TrackFileError:
    problem = f"expected spines of {expected} points, {where}, found {found}; make a set of each"
    return TrackFileError(problem, file=file, key="spine")


def _no_window(observed: int, ambiguous: int, shape: WindowShape) -> BackendError:
    if observed:
        length = shape.offsets[-1] - shape.offsets[0]
        above = "" if shape.max_gap is None else f" above {shape.max_gap:.6g} s"
        problem = (
            f"expected a track of {length:.6g} s around one of the {observed} selected frames, "
            f"without a gap{above}, found none; "
            "try a shorter duration or margin, or a longer max_gap"
        )
    elif ambiguous:
        problem = (
            f"expected frames with one of the selected labels, found {ambiguous} with several; "
            "select fewer labels"
        )
    else:
        problem = "expected frames with a selected label, found none; select other labels"
    return BackendError("no-window", problem)
