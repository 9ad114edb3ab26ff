"""Find out whether the labels of a recording are missing, current, outdated or foreign."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from taggingbackends.backend.folder import PREDICTED, BackendFolder, label_paths
from taggingbackends.backend.provenance import Status, status_of
from taggingbackends.backend.staging import label_name
from taggingbackends.data.formats import stem_of
from taggingbackends.errors import LabelFileError
from taggingbackends.labels import Labels
from taggingbackends.system.files import Stamp, stamp
from taggingbackends.system.names import local_name

__all__ = ["LabelStatus", "label_files", "label_status"]


class LabelStatus(NamedTuple):
    """A status, and what it is about.

    Attributes
    ----------
    status : Status
    found : dict
        The existing label files, each with what it was just before it was read.
    why : str
        The reason if outdated or foreign; for current labels, see `status_of`.
    """

    status: Status
    found: dict[Path, Stamp | None]
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
    Labels stay current when this package changes, and when the scripts get other options. The
    tracker files are read for their SHA-1, so this is the last check.
    """
    files = label_files(recording, place).values()
    # before reading, so that later changes are noticed
    found = {file: stamp(file) for file in files if file is not None}
    judged = [status_of(backend, file, recording) for file in found]
    judged += [(Status.MISSING, "")] if None in files else []
    order = [Status.FOREIGN, Status.OUTDATED, Status.MISSING, Status.CURRENT]
    status, why = min(judged, key=lambda one: (order.index(one[0]), not one[1]))
    return LabelStatus(status, found, why)


def label_files(recording: Sequence[Path], place: Path) -> dict[Path, Path | None]:
    """Return the predicted labels of a recording's runs under either name, or None.

    Returns
    -------
    dict
        The path for the labels of each run -> the existing file.

    Raises
    ------
    OSError
        No file can have the name `place`, or a file cannot be read.
    """
    return {path: _found(recording, path) for path in label_paths(recording[0], place)}


def _found(recording: Sequence[Path], place: Path) -> Path | None:
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
