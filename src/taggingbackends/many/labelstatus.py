"""Find out whether the labels of a recording are missing, current, outdated or foreign."""

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
from taggingbackends.system.names import local_name

__all__ = ["LabelStatus", "Status", "label_file", "label_status"]


class Status(Enum):
    """The status of a recording's labels with respect to a backend and its model."""

    MISSING = "missing"
    CURRENT = "current"
    """Predicted by this version of the backend and this model, from the present files."""
    OUTDATED = "outdated"
    """Predicted by this backend and model, but by another version or from other files."""
    FOREIGN = "foreign"
    """Edited, or not made by this backend and model."""


class LabelStatus(NamedTuple):
    """A status, the label file (None if missing), and the reason if outdated or foreign."""

    status: Status
    file: Path | None = None
    why: str = ""


def label_status(backend: BackendFolder, recording: Sequence[Path], place: Path) -> LabelStatus:
    """Return the status of a recording's labels.

    Parameters
    ----------
    backend : BackendFolder
        With a model instance.
    recording : sequence of Path
        The recording's tracker files.
    place : Path
        The path for the labels. Labels written when the folder held more or fewer recordings have
        another name. They are found, too.

    Raises
    ------
    OSError
        A file cannot be read.

    Notes
    -----
    Labels stay current when this package changes, when the model is trained again under the same
    name, and when the scripts get other options. The tracker files are read for their SHA-1, so
    this is the last check.
    """
    file = label_file(recording, place)
    if file is None:
        return LabelStatus(Status.MISSING)
    try:
        labels = Labels.read(file)
    except (LabelFileError, IsADirectoryError):
        return LabelStatus(Status.FOREIGN, file, "not a label file")
    runs = list(labels.values())
    if not runs:  # the origin is unknown
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
        depends = {local_name(entry["filename"]) for entry in run.dependencies}
        try:
            check_dependencies(run.dependencies, place.parent)
        except LabelFileError:
            depends = set()
        if not depends or not depends <= names:
            return LabelStatus(Status.OUTDATED, file, "made from other files")
    return LabelStatus(Status.CURRENT, file)


def label_file(recording: Sequence[Path], place: Path) -> Path | None:
    """Return the predicted labels of a recording under either name, or None."""
    return place if place.exists() else _elsewhere(recording, place)


def _elsewhere(recording: Sequence[Path], place: Path) -> Path | None:
    """Return the label file under the other name if it belongs to the recording."""
    other = place.with_name(label_name(recording[0].stem, several=place.name == PREDICTED))
    try:
        labels = Labels.read(other) if other.is_file() else {}
    except LabelFileError:
        return None
    names = {path.name for path in recording}
    for run in labels.values():
        if names.intersection(local_name(entry["filename"]) for entry in run.dependencies):
            return other
    return None
