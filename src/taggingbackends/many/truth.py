"""Recordings whose true labels are known, to evaluate predictions."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from taggingbackends.analysis.protocol import file_name_parts
from taggingbackends.analysis.traininginput import TrainingInput
from taggingbackends.data.formats import find_recordings, is_label_file, stem_of
from taggingbackends.data.ownlabels import own_labels
from taggingbackends.errors import BackendError
from taggingbackends.labels import Labels
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
    trackers = find_recordings([file for file in found.files if not is_label_file(file)])
    mains = {file: main for main, files in trackers.items() for file in files}
    sources: dict[Path, list[Path]] = {}
    for source, part in found.parts.items():
        of = {mains[file] for file in part.files or (source,) if file in mains}
        if len(of) != 1:
            problem = f"{source}: expected labels that depend on one recording, found {len(of)}"
            fix = "write a label file for each run" if of else "set the dependencies of the labels"
            raise BackendError("no-input", problem, fix)
        sources.setdefault(of.pop(), []).append(source)
    recordings = []
    for main in sorted(sources):
        files = (main, *(file for file in trackers[main] if file != main))
        parts = (found.parts[source] for source in sources[main])
        frames = sum(part.frames_by_label.total() for part in parts)
        one = LabelledRecording(files, tuple(sources[main]), frames, {})
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
        facts |= {key: value for key, value in labels.metadata.items() if isinstance(value, str)}
    return facts


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
