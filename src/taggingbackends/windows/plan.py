"""Training sets: labelled windows, planned from label files, then loaded or written.

Planning reads each recording once and keeps counts. Loading or writing a set reads each recording
again and cuts its windows. Each step holds one recording in memory at a time, plus about one byte
per fitting window when windows are cut.
"""

from __future__ import annotations

import glob
import json
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from taggingbackends.data.bodyframe import body_length
from taggingbackends.data.formats import Paths, as_paths, find_recordings, is_label_file
from taggingbackends.data.loading import load_runs, load_silently
from taggingbackends.data.resampling import SAME_TIME, complete_frames
from taggingbackends.data.tracks import Recording
from taggingbackends.errors import BackendError, TrackFileError
from taggingbackends.labels.confidence import edited_states
from taggingbackends.labels.dependencies import dependency
from taggingbackends.labels.origin import is_edited, model_instance, predicting_instance
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import labels_of
from taggingbackends.system.files import walk
from taggingbackends.system.notes import WINDOWS, leave_note
from taggingbackends.system.progress import progress
from taggingbackends.system.version import __version__
from taggingbackends.system.words import counted
from taggingbackends.windows import selection
from taggingbackends.windows.selection import Patterns
from taggingbackends.windows.shape import WindowShape
from taggingbackends.windows.windowfile import Block, Dataset, Windows, write_windows

__all__ = ["DatasetPlan", "plan_dataset"]

_MOST = 1024  # windows per block
# what the record of a training says of its set
_NOTED = ("selected", "fitting", "observed", "ambiguous", "duration", "framerate", "margin", "seed")
_ROUNDING = 0.5e-3 + SAME_TIME  # s, of times in label files


class _Survey(NamedTuple):
    """Summary of a recording that planning keeps."""

    name: str  # of the file, for display
    file: Path
    run: str  # of the labels
    source: dict[str, Any]  # as in `Windows.sources`
    points: int | None  # points of a spine; None if no window fits
    declared: dict[str, str | None]  # label names -> colours
    observed: Counter[tuple[str, ...]]  # number of frames by primary labels
    fitting: Counter[tuple[str, ...]]  # number of these frames around which a window fits


@dataclass(frozen=True, eq=False)
class DatasetPlan:
    """Plan of a training set: the windows that it will have.

    `load` collects the windows in memory, `write` stores them in a file. `str` returns a table of
    the counts.

    Attributes
    ----------
    shape : WindowShape
        Shape of the windows.
    names : list of str
        The classes, in the order of their codes.
    colors : dict of str to (str or None)
        Colour of each class, ``"#rrggbb"``, from the first file that has one.
    excluded : list of str
        Excluded labels: frames with one of them are left out.
    observed : dict of str to int
        Number of labelled frames of each class.
    fitting : dict of str to int
        Number of these frames around which the track covers the whole window.
    selected : dict of str to int
        Number of windows of each class in the set.
    ambiguous : int
        Number of frames left out because several of their labels are selected.
    points : int
        Number of points of a spine.
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
            Type of the spines: float32 (24 bits, 0.01 um in an arena of 100 mm) or float64.

        Raises
        ------
        BackendError
            ``changed-input``: a file has changed since it was planned.
        """
        about = self._about(dtype)
        blocks = self._blocks(about["dtype"])
        columns = Block(*map(np.concatenate, zip(*blocks, strict=True)))
        sources = [survey.source for survey in self._surveys]
        return Windows(*columns, self.names, sources, about)

    def write(self, path: str | PathLike[str], dtype: DTypeLike = "float32") -> Dataset:
        """Write the windows to an HDF5 file, recording by recording, and open it.

        The same request on the same files gives the same bytes, with the same versions of h5py and
        HDF5. The file is written atomically, even if the process is killed: either the new file is
        complete, or an old one is unchanged. A killed process leaves a hidden file
        ``.<name>.partial`` beside it, which the next write replaces.

        Parameters
        ----------
        path : path
            File to write. Its folder must exist.
        dtype : dtype
            Type of the spines, as in `load`.

        Raises
        ------
        BackendError
            ``changed-input``, as in `load`; ``existing-file``: another process is writing the file.
        OSError
            The file cannot be written.
        """
        about = self._about(dtype)
        sources = [survey.source for survey in self._surveys]
        blocks = self._blocks(about["dtype"])
        return write_windows(Path(path), len(self), self.points, sources, about, blocks)

    def _about(self, dtype: DTypeLike) -> dict[str, Any]:
        """Return the attributes of the training set: the request and the resulting counts."""
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
        about = self._request | counts | {"dtype": kind}
        note = {"total": len(self)} | {name: about[name] for name in _NOTED}
        leave_note(WINDOWS, json.dumps(note))
        return about

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
        """Yield the windows of a recording, given how often to take each window of each class."""
        survey = self._surveys[index]
        recording = load_silently(survey.file, **{**self._request["options"], "run": survey.run})
        if list(map(dependency, recording.sources)) != survey.source["files"]:
            problem = f"{survey.file}: expected files unchanged since planning"
            raise BackendError("changed-input", f"{problem}, found changes; plan it again")
        run = _run(recording, survey.file)
        table, edited = _states(run, self._request["edited_only"])
        numbers, excluded = _numbers(self.names), set(self.excluded)
        classes = np.array([selection.class_of(labels, numbers, excluded) for labels in table])
        for candidate in _candidates(recording, run, self.shape, survey.file):
            states = candidate.states[candidate.fits]
            anchors = candidate.anchors[candidate.fits]
            labelled = candidate.labelled[candidate.fits]
            codes = classes[states]
            taken = np.zeros(len(codes), dtype=np.intp)
            by_class = np.argsort(codes, kind="stable")[np.count_nonzero(codes < 0) :]
            present, counts = np.unique(codes[by_class], return_counts=True)
            parts = [taken[:0]]
            for code, n in zip(present.tolist(), counts.tolist(), strict=True):
                part, repeats[code] = np.split(repeats[code], [n])
                parts.append(part)
            taken[by_class] = np.concatenate(parts)
            order = np.repeat(np.arange(len(codes)), taken)
            for i in range(0, len(order), _MOST):
                part = order[i : i + _MOST]
                n = len(part)
                yield Block(
                    self.shape.cut(candidate.times, candidate.spine, anchors[part]).astype(dtype),
                    codes[part].astype(np.int32),
                    np.full(n, index, dtype=np.int32),
                    np.full(n, candidate.larva, dtype=np.int32),
                    labelled[part],
                    edited[states[part]],
                )


def plan_dataset(
    files: Paths,
    duration: float,
    framerate: float,
    margin: float | tuple[float, float] = 0.0,
    *,
    labels: Patterns = "*",
    exclude: Patterns = (),
    balance: Literal["minority", "majority"] | float | None = None,
    seed: int = 0,
    max_gap: float | None = None,
    edited_only: bool = False,
    options: Mapping[str, Any] | None = None,
) -> DatasetPlan:
    """Plan a training set: one window around each selected labelled frame.

    Parameters
    ----------
    files : path, or iterable of path
        Label files beside the tracker files that they depend on, or tracker files that contain
        labels. A folder stands for the label files in it, or for its recordings if it has no label
        file. A pattern (``"**/truth.label"``) stands for the files that it matches. Hidden files
        are left out. Each file counts once, with all its runs. Files are sorted by the components
        of their paths.
    duration : float
        Duration of a window, s.
    framerate : float
        Frames/s of the windows. ``duration * framerate``, the number of frames of a window, must be
        a whole number. The window's frame at the time of the labelled frame (the anchor) has the
        0-based index ``frames // 2``, not counting the margin.
    margin : float or (float, float)
        Seconds added on both sides, or before and after.
    labels : str or iterable of str
        The classes: label names, and patterns of names (as in `fnmatch`), in the order of the
        classes. Names that a pattern matches come in the order of their declaration in the files.
        A pattern does not select names without frames.
    exclude : str or iterable of str
        Names and patterns. Frames with one of these labels are left out.
    balance : None, "minority", "majority" or float, optional
        Number of windows per class:

        - None: all windows.
        - "minority": as many as the smallest class has.
        - "majority": as many as the largest class has; windows of smaller classes are repeated.
        - float, 1 or more: at most this multiple of the smallest class.
    seed : int
        Seed of the random choice by `balance`, 0 or more. A seed gives the same choice on any
        machine.
    max_gap : float, optional
        Seconds. Windows with a longer step between two frames that have a spine are left out. By
        default, for each recording, the longer of 1 s and 5 median frame intervals of its tracks.
    edited_only : bool
        Leave out the frames without the label "edited" of runs that a model predicted and a person
        edited: they are the model's own labels. Runs that nobody edited, and those that a person
        labelled, are used as a whole.
    options : mapping, optional
        Options of the tracker's format, for `load_tracks`.

    Returns
    -------
    DatasetPlan

    Raises
    ------
    BackendError
        ``no-input``: there is no file; ``unknown-label``: a name or pattern fits no label;
        ``no-window``: no selected window fits.
    LabelFileError, TrackFileError
        A file is invalid, tracks have no spines, or the number of points of a spine differs between
        files.
    ValueError
        A parameter is invalid.

    Notes
    -----
    Only primary labels count; secondary labels, such as "edited", are ignored. A frame belongs to a
    class if exactly one of its labels is selected and none is excluded. Frames with several
    selected labels are left out and counted as ambiguous.

    Windows are interpolated across frames without a spine, as across frames that are not tracked,
    up to `max_gap`. Nothing is extrapolated.

    Examples
    --------
    >>> from taggingbackends.simulation import simulate, write_tracks, write_truth
    >>> tracks = simulate(larvae=2, seconds=20, seed=1)
    >>> files = write_tracks("recording", "20240611_101500", tracks)
    >>> path = write_truth("recording", "20240611_101500", tracks, files)
    >>> plan = plan_dataset(path, duration=1, framerate=10, labels=["run", "cast"])
    >>> plan.names
    ['run', 'cast']
    >>> windows = plan.load()
    >>> windows.spines.shape[1:]  # frames, points, x and y
    (10, 11, 2)
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
    surveys: list[_Survey] = []
    for path in progress(paths, "reading"):  # with map, one recording at a time is in memory
        surveys += map(partial(_survey, path, shape, edited_only), load_runs(path, **loading))
    declared: dict[str, str | None] = {}
    for survey in surveys:
        for name, color in survey.declared.items():
            declared[name] = declared.get(name) or color
    occurring = {name for survey in surveys for state in survey.observed for name in state}
    used = [name for name in declared if name in occurring]
    excluded = selection.matching(unwanted, list(declared), list(declared))
    names = selection.matching(wanted, list(declared), used)
    left_out = set(excluded)
    names = [name for name in names if name not in left_out]
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
        "edited_only": bool(edited_only),
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
    """Sum counts by class. The last two elements are ambiguous and not selected frames."""
    counts = np.zeros(len(names) + 2, dtype=np.int64)
    numbers, left_out = _numbers(names), set(excluded)
    for labels, count in states.items():
        counts[selection.class_of(labels, numbers, left_out)] += count
    return counts


def _numbers(names: list[str]) -> dict[str, int]:
    return {name: code for code, name in enumerate(names)}


class _Candidate(NamedTuple):
    """The labelled frames of one larva."""

    larva: int
    times: NDArray[np.float64]  # (n,) times of the track's frames that have a spine, s
    spine: NDArray[np.float64]  # (n, points, 2) mm
    labelled: NDArray[np.float64]  # (m,) times of the labels, s
    anchors: NDArray[np.float64]  # (m,) times of the track's frames that have these labels, s
    states: NDArray[np.int32]  # (m,) indices into the states of the run
    fits: NDArray[np.bool_]  # (m,) whether the track covers the window


def _states(run: RunLabels, edited_only: bool) -> tuple[list[tuple[str, ...]], NDArray[np.bool_]]:
    """Return the primary labels of each state, () if it is left out; whether it is edited."""
    secondary = set(run.secondary_names)
    edited = edited_states(run)
    table = [
        tuple(name for name in labels_of(state) if name not in secondary) for state in run.states
    ]
    if edited_only and is_edited(run) and model_instance(run) is not None:
        table = [x if kept else () for x, kept in zip(table, edited.tolist(), strict=True)]
    return table, edited


def _candidates(
    recording: Recording, run: RunLabels, shape: WindowShape, file: Path
) -> Iterator[_Candidate]:
    points: int | None = None
    shape = shape.for_tracks(recording.values())
    for larva, labels in run.items():
        times, spine = np.empty(0), np.empty((0, points or 0, 2))
        if larva in recording:
            track = recording[larva]
            if track.spine is None:
                problem = f"expected a spine of larva {larva}, found none in this recording"
                raise TrackFileError(f"{problem}; leave the recording out", file=file, key="spine")
            times, spine = complete_frames(track)
            if points not in (None, spine.shape[1]):
                raise _other_points(file, points, spine.shape[1], "as in the larvae before")
            points = spine.shape[1]
        anchors = _at_frames(labels.times, times)
        fits = shape.fits(times, anchors)
        codes = labels.codes
        yield _Candidate(larva, times, spine, labels.times, anchors, codes, fits)


def _at_frames(labelled: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return times of labels as those of the frames that they are rounded from, if there are any.

    Label files round times to milliseconds. Around a rounded time, a window may begin before the
    track's first frame, and it is interpolated between frames.
    """
    if not len(times):
        return labelled
    after = np.searchsorted(times, labelled).clip(max=len(times) - 1)
    before = (after - 1).clip(min=0)
    is_before = labelled - times[before] < np.abs(times[after] - labelled)
    frames = times[np.where(is_before, before, after)]
    return np.where(np.abs(frames - labelled) <= _ROUNDING, frames, labelled)


def _run(recording: Recording, file: Path) -> RunLabels:
    runs = list(recording.labels().values())
    if len(runs) != 1:
        problem = f"expected the labels of one run, found {len(runs)}; name label files"
        raise TrackFileError(problem, file=file)
    return runs[0]


def _survey(file: Path, shape: WindowShape, edited_only: bool, recording: Recording) -> _Survey:
    run = _run(recording, file)
    instance = predicting_instance(recording.labels())
    if instance is not None:
        problem = f"{file}: training on labels that {instance} predicted and nobody edited"
        warnings.warn(problem, stacklevel=3)
    observed, fitting = [np.empty(0, np.int32)], [np.empty(0, np.int32)]
    points = None
    for candidate in _candidates(recording, run, shape, file):
        observed.append(candidate.states)
        fitting.append(candidate.states[candidate.fits])
        if candidate.fits.any():
            points = candidate.spine.shape[1]
    table, _ = _states(run, edited_only)
    counts = [_counted(table, np.concatenate(states)) for states in (observed, fitting)]
    colors: Iterable[str | None] = run.colors or [None] * len(run.names)
    declared = dict(zip(run.names, colors, strict=True))
    return _Survey(file.name, file, run.id, _source(recording), points, declared, *counts)


def _counted(table: list[tuple[str, ...]], states: NDArray[np.int32]) -> Counter[tuple[str, ...]]:
    """Return the number of frames by labels, without those that have none."""
    counter: Counter[tuple[str, ...]] = Counter()
    frames = np.bincount(states, minlength=len(table)).tolist()
    for labels, n in zip(table, frames, strict=True):
        if n and labels:
            counter[labels] += n
    return counter


def _source(recording: Recording) -> dict[str, Any]:
    files = list(map(dependency, recording.sources))
    (run,) = recording.labels()  # its file may have another name, such as table.csv
    source: dict[str, Any] = {"run": run, "files": files, "body_length": None}
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
            matches = glob.glob(str(item), recursive=True)  # noqa: PTH207, for absolute patterns
            files = [file for file in map(Path, matches) if file.is_file()]
        if not files:
            expected = "label files" if item.is_dir() else "files that match"
            raise BackendError("no-input", f"{item}: expected {expected}, found none")
        found += files
    if not found:
        raise BackendError("no-input", "expected label files, found none; name one or more")
    # by the user's paths, not the targets of links
    found.sort(key=lambda file: Path(os.path.abspath(file)).parts)  # noqa: PTH100
    distinct = {file.resolve(): file for file in reversed(found)}
    return list(reversed(distinct.values()))


def _versions() -> dict[str, str]:
    import h5py

    versions = {"taggingbackends": __version__, "numpy": np.__version__, "h5py": h5py.__version__}
    return versions | {"hdf5": h5py.version.hdf5_version}


def _other_points(file: Path, expected: int, found: int, where: str) -> TrackFileError:
    problem = f"expected spines of {expected} points, {where}, found {found}; plan a set for each"
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
