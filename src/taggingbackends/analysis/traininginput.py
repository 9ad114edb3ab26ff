"""What a model is going to be trained on: labels, recordings, and what is left out and why."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from taggingbackends.analysis.comparison import compare
from taggingbackends.data.agreement import LabelFileCheck
from taggingbackends.data.formats import (
    find_recordings,
    is_label_file,
    several_runs,
)
from taggingbackends.data.loading import load_silently
from taggingbackends.data.ownlabels import own_labels
from taggingbackends.errors import BackendError, LabelFileError, TaggingBackendsError
from taggingbackends.labels import Labels
from taggingbackends.labels.dependencies import (
    LabelFileGroup,
    check_dependencies,
    group_label_files,
)
from taggingbackends.labels.origin import predicting_instance, undeclared_names
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.system.files import sha1
from taggingbackends.system.messages import describe, warn_of_each
from taggingbackends.system.progress import progress
from taggingbackends.system.words import counted

__all__ = ["TrainingInput", "training_input"]


@dataclass
class TrainingInput:
    """Labels and recordings to train on.

    Attributes
    ----------
    files : dict of Path to str
        The label files and tracker files -> their SHA-1; empty for a part.
    depends_on : dict of Path to None
        The tracker files that label files depend on, in order.
    frames_by_label, recordings_by_label : Counter
        Frames and recordings of each primary label.
    undefined, edited : int
        Number of frames without a primary label, and with the label "edited".
    recordings, larvae, frames : int
        Numbers of what has labels.
    unlabelled : int
        Number of recordings without labels.
    left_out : dict of Path to str
        Label files that are left out -> why.
    remarks : dict of str to list of str
        What may be wrong: a kind -> a sentence for each file.
    parts : dict of Path to TrainingInput
        Each file that contains labels -> what it labels.
    """

    files: dict[Path, str] = field(default_factory=dict)
    depends_on: dict[Path, None] = field(default_factory=dict)
    frames_by_label: Counter[str] = field(default_factory=Counter)
    recordings_by_label: Counter[str] = field(default_factory=Counter)
    undefined: int = 0
    edited: int = 0
    recordings: int = 0
    larvae: int = 0
    frames: int = 0
    unlabelled: int = 0
    left_out: dict[Path, str] = field(default_factory=dict)
    remarks: dict[str, list[str]] = field(default_factory=dict)
    parts: dict[Path, TrainingInput] = field(default_factory=dict)

    def remark(self, kind: str, sentence: str) -> None:
        """Add a remark."""
        self.remarks.setdefault(kind, []).append(sentence)

    def add_file(self, file: Path, labels: Labels) -> None:
        """Count the labels of a file."""
        for sentence in undeclared_names(labels):
            self.remark("undeclared", f"{file}: {sentence}")
        for run in labels.values():
            self.add(run)
            try:
                depends_on = check_dependencies(run.dependencies, file.parent)
            except LabelFileError as error:
                found = f"{error.file}: {error.problem}" if error.file else error.problem
                self.remark("tracks", f"{file}: run {run.id}: {found}")
            else:
                self.depends_on |= dict.fromkeys(depends_on)

    def add(self, run: RunLabels) -> None:
        """Count the labels of a recording."""
        counts = run.count()
        primary = {name: counts[name] for name in run.names if name in counts}
        self.frames_by_label.update(primary)
        self.recordings_by_label.update(primary.keys())
        self.recordings += 1
        self.larvae += len(run)
        self.frames += sum(map(len, run.values()))
        self.edited += counts.get("edited", 0)
        self.undefined += counts.get("", 0)

    def include(self, file: Path, part: TrainingInput) -> None:
        """Add what a file labels."""
        self.parts[file] = part
        self.depends_on |= part.depends_on
        self.frames_by_label.update(part.frames_by_label)
        self.recordings_by_label.update(part.recordings_by_label)
        for name in ("undefined", "edited", "recordings", "larvae", "frames"):
            setattr(self, name, getattr(self, name) + getattr(part, name))
        for kind, sentences in part.remarks.items():
            self.remarks.setdefault(kind, []).extend(sentences)


def training_input(
    files: Sequence[Path],
    named: Collection[Path] = (),
    prefer: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
) -> TrainingInput:
    """Return what a model is going to be trained on.

    Label files decide, unless all are left out. Without, tracker files that contain labels count.

    Parameters
    ----------
    files : sequence of Path
        The input. Label files are beside the tracker files that they depend on.
    named : collection of Path
        Those that the user named. Unedited predictions are left out unless their file is named
        and the only one of its recording.
    prefer : sequence of str
        Patterns of paths, as in `Path.match`. If a recording has several label files, the first
        pattern that fits any of them chooses the one that it fits.
    options : mapping, optional
        Options of `load_tracks`.

    Raises
    ------
    BackendError
        ``repeated-labels``: a recording has several label files. ``no-input``: all label files are
        left out.
    LabelFileError
        A label file is invalid.
    OSError
        A file cannot be read.

    Warns
    -----
    UserWarning
        The agreement of further label files of one recording.
    """
    options = dict(options or {})
    label_files = [file for file in files if is_label_file(file)]
    found = TrainingInput()
    parts: dict[Path, TrainingInput] = {}
    check = LabelFileCheck(by_default=True)

    def read() -> Iterator[tuple[Path, Labels]]:
        for file in progress(label_files, "checking"):
            labels = Labels.read(file)
            instance = predicting_instance(labels)
            whole = all(predicting_instance({run.id: run}) for run in labels.values())
            if instance is not None and whole:
                predicted[file] = f"predictions of model {instance} that nobody edited"
                if file not in named:
                    found.left_out[file] = predicted[file]
                    continue
            part = parts[file] = TrainingInput()
            part.add_file(file, labels)
            if instance is not None:
                which = "named, although these are predictions" if whole else "partly predictions"
                part.remark(
                    "predictions", f"{file}: {which} of model {instance} that nobody edited"
                )
            if "tracks" not in part.remarks:
                for error in check.mismatches(file, labels, **options):
                    part.remark("tracks", f"{file}: run {error.run}: {error.problem}")
            yield file, labels

    predicted: dict[Path, str] = {}  # files of unedited predictions -> a reason to leave them out
    _choose(group_label_files(read()), prefer, predicted, found)
    for file, part in parts.items():
        if file not in found.left_out:
            found.include(file, part)
    recordings = find_recordings([file for file in files if not is_label_file(file)])
    mains = [
        main
        for main, parts_of in recordings.items()
        if not found.depends_on.keys().isdisjoint(parts_of)
    ]
    kept = [file for file in label_files if file not in found.left_out]
    if not kept:
        mains = [main for main in recordings if _add_own_labels(found, main, options)]
        if label_files and not mains:
            raise _nothing_left(found)
    found.unlabelled = len(recordings) - len(mains)
    _compare_points(found, mains, options)
    kept += [file for parts_of in recordings.values() for file in parts_of]
    found.files = {file: sha1(file) for file in sorted(kept)}
    return found


def _nothing_left(found: TrainingInput) -> BackendError:
    counts = Counter(found.left_out.values())
    reasons = "; ".join(f"{counted(n, 'label file')}: {why}" for why, n in counts.items())
    problem = f"no labels to train on; left out: {reasons}"
    return BackendError("no-input", problem, "name the label files to train on them nevertheless")


def _choose(
    labelled: Sequence[LabelFileGroup],
    prefer: Sequence[str],
    predicted: Mapping[Path, str],
    found: TrainingInput,
) -> None:
    """Leave out label files of recordings that have a better one.

    That is one that the first fitting pattern fits, or else one that is not an unedited prediction.
    """
    kept: set[Path] = set()
    others: dict[Path, str] = {}
    for recording in labelled:
        files = recording.label_files
        choices = [[file for file in files if file.match(pattern)] for pattern in prefer]
        choices.append([file for file in files if file not in predicted])
        better = next(filter(None, choices), files) if len(files) > 1 else files
        kept.update(better)
        for file in files:
            if file not in better:
                others[file] = predicted.get(file, f"{better[0].name} is preferred")
    found.left_out |= {file: why for file, why in others.items() if file not in kept}
    repeated = []
    for recording in labelled:
        files = [file for file in recording.label_files if file not in found.left_out]
        if len(files) > 1:
            repeated.append((recording.run, files))
    if repeated:
        raise _repeated_labels(repeated)


def _repeated_labels(repeated: Sequence[tuple[str, list[Path]]]) -> BackendError:
    first, *rest = (
        _agreement(run, one, other)
        for run, files in progress(repeated, "comparing")
        for one, other in combinations(files, 2)
    )
    warn_of_each([f"label files of one recording: {agreement}" for agreement in rest], 4)
    more = f" (and {counted(len(repeated) - 1, 'more recording')})" if len(repeated) > 1 else ""
    problem = f"label files of one recording: {first}{more}"
    return BackendError("repeated-labels", problem, "choose with prefer=..., or name only one")


def _agreement(run: str, one: Path, other: Path) -> str:
    """Return a sentence about two label files of a run."""
    found = compare(Labels.read(one)[run], Labels.read(other)[run])
    same = "no frame is in both"
    if found.frames:
        same = f"they agree in {found.agreement:.1%} of {counted(found.frames, 'frame')}"
        same += "" if math.isnan(found.kappa) else f" (kappa {found.kappa:.2f})"
    return f"{one} and {other.name if one.parent == other.parent else other}, run {run}; {same}"


def _add_own_labels(found: TrainingInput, main: Path, options: Mapping[str, Any]) -> bool:
    """Add the labels that a tracker file contains; return whether there are any."""
    part = TrainingInput()
    try:
        for labels in own_labels(main, **options):
            part.add(labels)
    except TaggingBackendsError as error:
        part.remark("tracks", describe(error))
    if part.recordings or part.remarks:
        found.include(main, part)
    return part.recordings > 0


def _compare_points(
    found: TrainingInput, mains: Sequence[Path], options: Mapping[str, Any]
) -> None:
    """Remark on recordings whose spines have another number of points than most have."""
    points: dict[Path, int] = {}
    for main in progress(mains, "checking spines of"):
        with suppress(TaggingBackendsError, OSError, KeyError):  # the script reports it
            run = next(iter(several_runs(main)), None)
            tracks = load_silently(main, **{"outline": False, **options, "run": run}).values()
            sizes = {track.spine.shape[1] for track in tracks if track.spine is not None}
            points[main] = sizes.pop()  # a reader refuses several
    usual, times = next(iter(Counter(points.values()).most_common(1)), (0, 0))
    for main, size in points.items():
        if size != usual:
            most = f"{times} of {len(points)} recordings have {usual}"
            sentence = f"spines of {size} points; {most}"
            found.remark("points", f"{main}: {sentence}")
