"""Whether a recording has labels that a backend would make anew, or that it must not touch."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from taggingbackends.backend.folder import PREDICTED, BackendFolder
from taggingbackends.backend.provenance import software
from taggingbackends.backend.staging import label_name
from taggingbackends.errors import LabelFileError
from taggingbackends.labels import Labels
from taggingbackends.labels.dependencies import check_dependencies
from taggingbackends.labels.origin import is_edited

__all__ = ["LabelStatus", "Status", "label_file", "label_status"]


class Status(Enum):
    """What the labels of a recording are, as a model of a backend sees them."""

    MISSING = "missing"
    CURRENT = "current"
    """Predicted by this version of the backend and this model, from the files as they are."""
    OUTDATED = "outdated"
    """Predicted by this backend and model, but of another version, or from other files."""
    FOREIGN = "foreign"
    """Edited, or made by somebody or something else."""


class LabelStatus(NamedTuple):
    """A status, with the label file (None if there is none) and, of labels not current, why."""

    status: Status
    file: Path | None = None
    why: str = ""


def label_status(backend: BackendFolder, recording: Sequence[Path], place: Path) -> LabelStatus:
    """Look at the labels of a recording.

    Parameters
    ----------
    backend : BackendFolder
        With a model instance.
    recording : sequence of Path
        Its tracker files.
    place : Path
        Where its labels go. Labels that were written when the folder held more, or fewer,
        recordings have another name, and are found too.

    Raises
    ------
    OSError
        A file cannot be read.

    Notes
    -----
    Another version of this package does not make labels outdated. A model that was trained again
    under the same name, and other options for the scripts, are not noticed. The tracker files are
    read, for their SHA-1, only if everything else is as it should be.
    """
    file = label_file(recording, place)
    if file is None:
        return LabelStatus(Status.MISSING)
    try:
        labels = Labels.read(file)
    except (LabelFileError, IsADirectoryError):
        return LabelStatus(Status.FOREIGN, file, "no label file")
    runs = list(labels.values())
    if not runs:  # nothing tells whose it is
        return LabelStatus(Status.FOREIGN, file, "no runs")
    if any(map(is_edited, runs)):
        return LabelStatus(Status.FOREIGN, file, "edited")
    now = software(backend)
    for run in runs:
        made_by = run.metadata.get("software")
        if not isinstance(made_by, dict) or any(
            made_by.get(key) != now.get(key) for key in ("name", "model_instance")
        ):
            return LabelStatus(Status.FOREIGN, file, "not made by this backend and model")
        if made_by.get("version") != now.get("version"):
            return LabelStatus(Status.OUTDATED, file, "another version of the backend")
    names = {path.name for path in recording}
    for run in runs:
        depends = {entry["filename"] for entry in run.dependencies}
        try:
            check_dependencies(run.dependencies, place.parent)
        except LabelFileError:
            depends = set()
        if not depends or not depends <= names:
            return LabelStatus(Status.OUTDATED, file, "made from other files")
    return LabelStatus(Status.CURRENT, file)


def label_file(recording: Sequence[Path], place: Path) -> Path | None:
    """Return the predicted labels that a recording has, by either name; None if there are none."""
    return place if place.exists() else _elsewhere(recording, place)


def _elsewhere(recording: Sequence[Path], place: Path) -> Path | None:
    """Return the label file under the other name that predicted labels have, if it is for this."""
    other = place.with_name(label_name(recording[0].stem, several=place.name == PREDICTED))
    try:
        labels = Labels.read(other) if other.is_file() else {}
    except LabelFileError:
        return None
    names = {path.name for path in recording}
    for run in labels.values():
        if names.intersection(entry["filename"] for entry in run.dependencies):
            return other
    return None
