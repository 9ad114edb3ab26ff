"""Record in predicted label files which software and input they come from, and compare it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taggingbackends import labels as label_files
from taggingbackends.backend.folder import BackendFolder
from taggingbackends.backend.project import project_metadata
from taggingbackends.backend.trainingrecord import model_digest
from taggingbackends.data.formats import recording_stem, recordings_in
from taggingbackends.errors import BackendError, LabelFileError
from taggingbackends.labels.dependencies import (
    Dependencies,
    check_dependencies,
    dependencies_of,
    dependency,
)
from taggingbackends.labels.origin import is_edited
from taggingbackends.system.files import stamp
from taggingbackends.system.lazy import lazy_function
from taggingbackends.system.names import local_name
from taggingbackends.system.version import __version__

if TYPE_CHECKING:
    from taggingbackends.labels.runlabels import RunLabels

__all__ = ["Status", "complete", "is_current", "software", "status_of"]

_write = lazy_function("taggingbackends.labels.writing", "write")  # needs numpy


class Status(Enum):
    """The status of a recording's labels with respect to a backend and its model."""

    MISSING = "missing"
    CURRENT = "current"
    """Predicted by this version of the backend and this model, from the present files."""
    OUTDATED = "outdated"
    """Predicted by this backend and model: by another version of one, or from other files."""
    FOREIGN = "foreign"
    """Edited, or not made by this backend and model."""


def software(backend: BackendFolder) -> dict[str, str]:
    """Return ``metadata.software`` for labels that a backend predicts.

    The keys are ``name`` and ``version`` of the backend, its ``model_instance``, the
    ``model_digest`` of the model's files, and ``taggingbackends``, the version of this package.
    Unknown values are omitted.

    Raises
    ------
    OSError
        A file of the model cannot be read.
    """
    known = project_metadata(backend.project_dir)
    if backend.model_instance is not None:
        known["model_instance"] = backend.model_instance
        model = backend.model_dir()
        if model.is_dir():
            known["model_digest"] = model_digest(model)
    return known | {"taggingbackends": __version__}


def complete(
    backend: BackendFolder,
    files: Iterable[Path],
    known: Mapping[str, str] | None = None,
    below: Path = Path(),
) -> dict[Path, Dependencies]:
    """Add missing software and dependencies to predicted label files.

    Parameters
    ----------
    backend : BackendFolder
        With the model instance (and sandbox) that made the predictions.
    files : iterable of Path
        Files below ``backend.processed_data_dir()``. A file is written only if it changes.
    known : mapping, optional
        The result of `software` before the predictions, if the model may have changed since then.
    below : Path
        The folder, relative to ``backend.processed_data_dir()``, that warnings do not mention.

    Returns
    -------
    dict
        The dependencies of each file.

    Raises
    ------
    LabelFileError
        A file is not a valid label file.

    Warns
    -----
    UserWarning
        The input of a run is unknown, or no frame of a file has a label.
    """
    recordings = cache(_recordings)  # read each folder once, not once per label file
    known = software(backend) if known is None else known
    raw, _, processed = backend.data_dirs()
    completed = {}
    for file in files:
        relative = file.relative_to(processed)
        there = recordings(raw / relative.parent)
        name = relative.relative_to(below)
        while (found := _complete(file, name, known, *there)) is None:
            pass
        completed[file] = found
    return completed


def status_of(backend: BackendFolder, path: Path, recording: Sequence[Path]) -> tuple[Status, str]:
    """Return the status of an existing label file, and a reason.

    The reason says why the file is outdated or foreign. For a current file, it is "" or says that
    the file has no ``model_digest``, so that it may be of an earlier training.

    Parameters
    ----------
    backend : BackendFolder
        With the model instance.
    path : Path
        The file.
    recording : sequence of Path
        The tracker files.

    Raises
    ------
    OSError
        A file cannot be read.
    """
    try:
        labels = label_files.Labels.read(path)
    except (LabelFileError, IsADirectoryError):
        return Status.FOREIGN, "not a label file"
    runs = list(labels.values())
    if not runs:  # the origin is unknown
        return Status.FOREIGN, "no runs"
    if any(map(is_edited, runs)):
        return Status.FOREIGN, "edited"
    now = software(backend)
    for run in runs:
        made_by = run.metadata.get("software")
        if not isinstance(made_by, dict) or _differ(made_by, now, "name", "model_instance"):
            return Status.FOREIGN, "not made by this backend and model"
        if _differ(made_by, now, "version"):
            return Status.OUTDATED, "another version of the backend"
        if "model_digest" in made_by and _differ(made_by, now, "model_digest"):
            return Status.OUTDATED, "another training of the model"
    if not all(_is_made_from(run, recording) for run in runs):
        return Status.OUTDATED, "made from other files"
    known = all("model_digest" in run.metadata["software"] for run in runs)
    return Status.CURRENT, "" if known else "without model_digest"


def is_current(backend: BackendFolder, path: Path, recording: Sequence[Path]) -> bool:
    """Return whether a label file is current; see `status_of`. An unreadable file is not."""
    try:
        return status_of(backend, path, recording)[0] is Status.CURRENT
    except OSError:
        return False


def _differ(made_by: Mapping[str, Any], now: Mapping[str, str], *keys: str) -> bool:
    return any(made_by.get(key) != now.get(key) for key in keys)


def _is_made_from(run: RunLabels, recording: Sequence[Path]) -> bool:
    """Return whether a run depends on files of a recording, and these have not changed."""
    depends = {local_name(entry["filename"]) for entry in run.dependencies}
    if not depends or not depends <= {path.name for path in recording}:
        return False
    try:
        check_dependencies(run.dependencies, recording[0].parent)
    except LabelFileError:
        return False
    return True


def _recordings(folder: Path) -> tuple[dict[str, list[Path]], dict[str, list[Path] | None]]:
    """Return the recordings in a folder by stem, and by run; None if several are of a run."""
    recordings = recordings_in(folder)
    runs: dict[str, list[Path] | None] = {}
    for stem, files in recordings.items():
        run = stem.split("@")[0]
        runs[run] = None if run in runs else files
    return recordings, runs


def _complete(
    file: Path,
    name: Path,
    software: Mapping[str, str],
    recordings: dict[str, list[Path]],
    runs: dict[str, list[Path] | None],
) -> Dependencies | None:
    """Return None if the file was changed meanwhile; it is unchanged then."""
    before = stamp(file)
    labels = label_files.Labels.read(file)
    stem = recording_stem(file.name, recordings.keys())
    changed = False
    for run in labels.values():
        known = run.metadata.get("software", {})
        if isinstance(known, dict) and software.keys() - known:
            missing = {key: value for key, value in software.items() if key not in known}
            run.metadata["software"] = known | missing
            changed = True
        if not run.dependencies:
            sources = (runs.get(run.id) or []) if stem is None else recordings[stem]
            run.dependencies = [dependency(source) for source in sorted(sources)]
            changed |= bool(sources)
            if not sources:
                warnings.warn(
                    f"{name}: the input of run {run.id} is unknown; set its dependencies in "
                    "predict_model",
                    stacklevel=3,
                )
    if changed:
        try:
            _write(file, labels.attributes, labels, expected=before)
        except BackendError:
            return None
    if not any(labels.count().keys() - {""}):
        warnings.warn(f"{name}: no frame has a label", stacklevel=3)
    return dependencies_of(labels)
