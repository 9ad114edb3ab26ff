"""Find out whether the labels of a recording are missing, current, outdated or foreign."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from taggingbackends.backend.folder import PREDICTED, BackendFolder
from taggingbackends.backend.provenance import Status, status_of
from taggingbackends.backend.staging import label_name
from taggingbackends.data.formats import stem_of
from taggingbackends.errors import LabelFileError
from taggingbackends.labels import Labels
from taggingbackends.system.files import Stamp, stamp
from taggingbackends.system.names import local_name

__all__ = ["LabelStatus", "label_file", "label_status"]


class LabelStatus(NamedTuple):
    """A status, and what it is about.

    Attributes
    ----------
    status : Status
    file : Path or None
        The label file.
    why : str
        The reason if outdated or foreign.
    before : Stamp or None
        What the label file was just before it was read.
    """

    status: Status
    file: Path | None = None
    why: str = ""
    before: Stamp | None = None


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
    before = stamp(file)  # before reading, so that later changes are noticed
    status, why = status_of(backend, file, recording)
    return LabelStatus(status, file, why, before)


def label_file(recording: Sequence[Path], place: Path) -> Path | None:
    """Return the predicted labels of a recording under either name, or None.

    Raises
    ------
    OSError
        No file can have the name `place`, or a file cannot be read.
    """
    try:
        place.stat()
    except FileNotFoundError:
        return _elsewhere(recording, place)
    return place


def _elsewhere(recording: Sequence[Path], place: Path) -> Path | None:
    """Return the label file under the other name if it belongs to the recording."""
    other = place.with_name(label_name(stem_of(recording[0]), several=place.name == PREDICTED))
    try:
        # not other.is_file(): the name, which nobody needs, may be too long
        labels = Labels.read(other) if os.path.isfile(other) else {}  # noqa: PTH113
    except LabelFileError:
        return None
    names = {path.name for path in recording}
    for run in labels.values():
        if names.intersection(local_name(entry["filename"]) for entry in run.dependencies):
            return other
    return None
