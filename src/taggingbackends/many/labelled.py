"""Find labelled recordings, and read their true labels."""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np

from taggingbackends.analysis.comparison import primary_labels
from taggingbackends.analysis.protocol import file_name_parts
from taggingbackends.backend.inputfiles import report
from taggingbackends.data.formats import (
    companions,
    find_recordings,
    is_label_file,
    stem_of,
)
from taggingbackends.data.loading import file_and_runs, load_silently
from taggingbackends.data.unlabelled import has_labels
from taggingbackends.errors import BackendError, TrackFileError
from taggingbackends.labels import Labels
from taggingbackends.labels.origin import predicting_instance
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.system.files import walk
from taggingbackends.system.progress import progress
from taggingbackends.system.words import counted, listed

__all__ = ["LabelledRecording", "find_labelled", "true_labels"]


class LabelledRecording(NamedTuple):
    """A recording with true labels.

    Attributes
    ----------
    trackers : tuple of Path
        Absolute paths of the tracker files. The first is the one to load.
    sources : tuple of Path
        Absolute paths of the label files; the tracker file if that contains the labels.
    frames : int
        Number of frames with a primary label.
    facts : dict of str to str
        Genotype and other parts of the file's name; the metadata of label files take precedence.
    """

    trackers: tuple[Path, ...]
    sources: tuple[Path, ...]
    frames: int
    facts: dict[str, str]

    @property
    def file(self) -> Path:
        """The tracker file to load."""
        return self.trackers[0]

    @property
    def has_own_labels(self) -> bool:
        """Whether a tracker file contains the labels."""
        return self.sources == (self.file,)


def find_labelled(
    paths: Sequence[str | PathLike[str]], suffixes: Collection[str] = ()
) -> list[LabelledRecording]:
    """Find the labelled recordings among files and in folders.

    Parameters
    ----------
    paths : sequence of path
        Label files beside the tracker files that they depend on, tracker files that contain
        labels, and folders of these. In folders, predicted labels that nobody edited are left out.
    suffixes : collection of str
        Suffixes of the backend's own formats, in lower case.

    Returns
    -------
    list of LabelledRecording
        Sorted by path. The label files of a recording are together.

    Raises
    ------
    BackendError
        ``no-input``: a path does not exist, a label file depends on no tracker file, or there is
        no labelled recording. ``repeated-run``: several label files label a run.
    LabelFileError, TrackFileError, OSError
        A file cannot be read, or is not beside the labels that depend on it.

    Warns
    -----
    UserWarning
        What was left out.
    """
    left_out: dict[tuple[str, str], list[Path]] = {}  # what, and why
    label_files: dict[Path, None] = {}
    others: dict[Path, None] = {}
    named = set()
    for path in paths:
        file = Path(os.path.abspath(path))  # noqa: PTH100 - links named by the user stay links
        if not os.path.exists(file):  # noqa: PTH110
            raise BackendError("no-input", f"{path}: no such file or folder")
        if os.path.isdir(file):  # noqa: PTH112
            inside = list(walk(file))
        else:
            inside = [file]
            named.add(file)
        for found in inside:
            (label_files if is_label_file(found) else others)[found] = None
    recordings: dict[Path, tuple[Path, ...]] = {}  # file to load -> all files
    sources: dict[Path, dict[str, Path]] = {}  # file to load -> run -> label file
    facts: dict[Path, dict[str, str]] = {}
    frames: dict[Path, int] = {}
    for file in progress(sorted(label_files), "reading"):
        labels = Labels.read(file)
        if file not in named and predicting_instance(labels) is not None:
            reason = "label file", "with predictions that nobody edited"
            left_out.setdefault(reason, []).append(file)
            continue
        main, *parts = _labelled_by(file, labels)
        recordings[main] = (main, *parts)
        runs = sources.setdefault(main, {})
        for run in labels.values():
            if runs.setdefault(run.id, file) != file:
                problem = f"{file}: run {run.id} is also labelled in {runs[run.id]}"
                fix = "name one of the two, or merge them with Labels.merge"
                raise BackendError("repeated-run", problem, fix)
            facts.setdefault(main, {}).update(_texts(run))
        frames[main] = frames.get(main, 0) + _labelled_frames(labels.values())
    known = {part for parts in recordings.values() for part in parts}
    unreadable: dict[Path, Exception] = {}
    for main, files in find_recordings(others, unreadable).items():
        if main in unreadable or not known.isdisjoint(files):
            continue
        runs_of_file = list(own_labels(main))
        if runs_of_file:
            recordings[main] = (main, *(file for file in files if file != main))
            sources[main] = dict.fromkeys((run.id for run in runs_of_file), main)
            frames[main] = _labelled_frames(runs_of_file)
        else:
            left_out.setdefault(("recording", "without labels"), []).append(main)
    _report(unreadable, named, suffixes)
    unlabelled = [main for main in recordings if not frames[main]]
    if unlabelled:
        left_out["recording", "without a labelled frame"] = unlabelled
    for (what, why), left in left_out.items():
        problem = f"left out {counted(len(left), what)} {why}: {listed(left)}"
        warnings.warn(problem, stacklevel=2)
    labelled = [
        LabelledRecording(
            recordings[main],
            tuple(dict.fromkeys(sources[main].values())),
            frames[main],
            file_name_parts(stem_of(main)) | facts.get(main, {}),
        )
        for main in sorted(recordings)
        if frames[main]
    ]
    if not labelled:
        some = counted(len(paths), "path")
        fix = "name label files beside their tracker files, or folders of these"
        raise BackendError("no-input", f"no labelled recording in {some}", fix)
    return labelled


def _report(
    unreadable: Mapping[Path, Exception], named: Collection[Path], suffixes: Collection[str]
) -> None:
    """Warn of files in folders that look like tracker files but cannot be read; refuse others."""
    near: dict[Path, Exception] = {}
    for file, error in unreadable.items():
        if not isinstance(error, TrackFileError):
            raise error
        if not file.name.lower().endswith(tuple(suffixes)):
            near[file] = error
    for file in near.keys() & named:
        raise near[file]
    report(near)


def true_labels(recording: LabelledRecording) -> dict[str, RunLabels]:
    """Return the true labels of the runs of a recording.

    Raises
    ------
    LabelFileError, TrackFileError, OSError
        A file cannot be read.
    """
    if recording.has_own_labels:
        return {run.id: run for run in own_labels(recording.file)}
    return {run.id: run for file in recording.sources for run in Labels.read(file).values()}


def own_labels(file: Path) -> Iterator[RunLabels]:
    """Yield the labels in a tracker file, if its format can contain any."""
    if not has_labels(file):
        return
    _, several = file_and_runs(file)
    for run in several or (None,):
        yield from load_silently(file, spine=False, outline=False, run=run).labels().values()


def _labelled_by(file: Path, labels: Labels) -> list[Path]:
    """Return the tracker files that a label file depends on; the first is the one to load."""
    depends = labels.check_dependencies(file.parent)
    files = dict.fromkeys([*depends, *(other for path in depends for other in companions(path))])
    found = find_recordings(files)
    if len(found) != 1:
        problem = f"{file}: expected labels that depend on one recording, found {len(found)}"
        fix = "write a label file for each run" if found else "set the dependencies of the labels"
        raise BackendError("no-input", problem, fix)
    ((main, parts),) = found.items()
    return [main, *(part for part in parts if part != main)]


def _texts(run: RunLabels) -> dict[str, str]:
    return {key: value for key, value in run.metadata.items() if isinstance(value, str)}


def _labelled_frames(runs: Iterable[RunLabels]) -> int:
    total = 0
    for run in runs:
        is_labelled = np.array([bool(labels) for labels in primary_labels(run)])
        total += sum(int(is_labelled[track.codes].sum()) for track in run.values())
    return total
