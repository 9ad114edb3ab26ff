"""Recordings whose true labels are known, to evaluate predictions."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from taggingbackends.analysis.traininginput import TrainingInput
from taggingbackends.data.formats import companions, find_recordings, stem_of
from taggingbackends.data.ownlabels import own_labels
from taggingbackends.errors import BackendError
from taggingbackends.labels import Labels
from taggingbackends.labels.facts import file_name_parts, run_facts
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.system.messages import warn_of_each

__all__ = ["LabelledRecording", "labelled_recordings", "true_labels"]


class LabelledRecording(NamedTuple):
    """A recording with true labels.

    Attributes
    ----------
    trackers : tuple of Path
        Absolute paths of the tracker files. The first is the one to load.
    sources : tuple of Path
        Absolute paths of the label files; the tracker file if that contains the labels.
    frames : int
        Number of frames with a primary label; those with two count twice.
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


def labelled_recordings(found: TrainingInput) -> list[LabelledRecording]:
    """Return the recordings that have labels, sorted by path.

    Raises
    ------
    BackendError
        ``no-input``: there is none, or a label file does not depend on one recording.
    LabelFileError, TrackFileError, OSError
        A file cannot be read.

    Warns
    -----
    UserWarning
        No frame of a recording has a primary label. It is left out.
    """
    trackers: dict[Path, list[Path]] = {}  # the file to load -> all files
    sources: dict[Path, list[Path]] = {}
    for source, part in found.parts.items():
        near = [other for file in part.depends_on for other in companions(file)]
        on = find_recordings(dict.fromkeys([*(part.depends_on or [source]), *near]))
        if len(on) != 1:
            problem = f"{source}: expected labels that depend on one recording, found {len(on)}"
            fix = "write a label file for each run" if on else "set the dependencies of the labels"
            raise BackendError("no-input", problem, fix)
        ((main, files),) = on.items()
        trackers[main] = [main, *(file for file in files if file != main)]
        sources.setdefault(main, []).append(source)
    recordings = []
    for main in sorted(sources):
        parts = (found.parts[source] for source in sources[main])
        frames = sum(part.frames_by_label.total() for part in parts)
        one = LabelledRecording(tuple(trackers[main]), tuple(sources[main]), frames, {})
        recordings.append(one._replace(facts=_facts(one)))
    empty = [one.file for one in recordings if not one.frames]
    warn_of_each([f"{file}: no frame has a primary label; left out" for file in empty], 2)
    labelled = [one for one in recordings if one.frames]
    if not labelled:
        fix = "name label files beside their tracker files, or folders of these"
        raise BackendError("no-input", "no labelled recording in the input", fix)
    return labelled


def _facts(recording: LabelledRecording) -> dict[str, str]:
    facts = file_name_parts(stem_of(recording.file))
    for labels in true_labels(recording).values():
        facts |= run_facts(labels)
    return facts


def true_labels(recording: LabelledRecording) -> dict[str, RunLabels]:
    """Return the true labels of the runs of a recording.

    Raises
    ------
    BackendError
        ``repeated-labels``: two files label a run, each with another of its tracker files.
    LabelFileError, TrackFileError, OSError
        A file cannot be read.
    """
    if recording.has_own_labels:
        return {run.id: run for run in own_labels(recording.file)}
    found: dict[str, RunLabels] = {}
    for file in recording.sources:
        for run in Labels.read(file).values():
            if run.id in found:
                problem = f"{file}: run {run.id} is also labelled in {recording.sources[0]}"
                raise BackendError("repeated-labels", problem, "name only one of them")
            found[run.id] = run
    return found
