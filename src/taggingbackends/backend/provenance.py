"""Record in predicted label files which software and input files they come from."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from taggingbackends import labels as label_files
from taggingbackends.backend.folder import BackendFolder
from taggingbackends.backend.project import project_metadata
from taggingbackends.data.formats import recording_stem, recordings_in
from taggingbackends.errors import BackendError, LabelFileError
from taggingbackends.labels.dependencies import check_dependencies, dependency
from taggingbackends.labels.origin import is_edited
from taggingbackends.system.files import stamp
from taggingbackends.system.lazy import lazy_function
from taggingbackends.system.version import own_version

if TYPE_CHECKING:
    from taggingbackends.labels.runlabels import RunLabels

__all__ = ["complete", "is_current", "is_made_by", "is_made_from", "software"]

_write = lazy_function("taggingbackends.labels.writing", "write")  # needs numpy


def software(backend: BackendFolder) -> dict[str, str]:
    """Return ``metadata.software`` for labels that a backend predicts.

    The keys are ``name`` and ``version`` of the backend, its ``model_instance``, and
    ``taggingbackends``, the version of this package. Unknown values are omitted.
    """
    known = project_metadata(backend.project_dir)
    if backend.model_instance is not None:
        known["model_instance"] = backend.model_instance
    return known | {"taggingbackends": own_version()}


def complete(backend: BackendFolder, files: Iterable[Path]) -> None:
    """Add missing software and dependencies to predicted label files.

    Parameters
    ----------
    backend : BackendFolder
        With the model instance (and sandbox) that made the predictions.
    files : iterable of Path
        Files below ``backend.processed_data_dir()``. A file is written only if it changes.

    Raises
    ------
    LabelFileError
        A file is not a valid label file.

    Warns
    -----
    UserWarning
        The input of a run is unknown, or no frame of a file has a label.
    """
    recordings = cache(recordings_in)  # read each folder once, not once per label file
    for file in files:
        relative = file.relative_to(backend.processed_data_dir())
        known = recordings(backend.raw_data_dir() / relative.parent)
        while not _complete(backend, file, relative, known):
            pass


def is_current(backend: BackendFolder, path: Path, recording: Iterable[Path]) -> bool:
    """Return whether a file has unedited predictions of a recording by this backend and model.

    Parameters
    ----------
    backend : BackendFolder
        With the model instance.
    path : Path
        The file.
    recording : iterable of Path
        The tracker files.
    """
    files = list(recording)
    try:
        runs = list(label_files.Labels.read(path).values())
    except (LabelFileError, OSError):
        return False
    now = software(backend)
    return bool(runs) and all(
        not is_edited(run) and is_made_by(run, now) and is_made_from(run, files) for run in runs
    )


def is_made_by(
    run: RunLabels,
    now: Mapping[str, str],
    keys: Iterable[str] = ("name", "version", "model_instance"),
) -> bool:
    """Return whether a run was predicted by what `software` returns now, as far as `keys` say."""
    made_by = run.metadata.get("software")
    return isinstance(made_by, dict) and all(made_by.get(key) == now.get(key) for key in keys)


def is_made_from(run: RunLabels, recording: Sequence[Path]) -> bool:
    """Return whether a run depends on files of a recording, and these have not changed."""
    depends = {entry["filename"] for entry in run.dependencies}
    if not depends or not depends <= {path.name for path in recording}:
        return False
    try:
        check_dependencies(run.dependencies, recording[0].parent)
    except LabelFileError:
        return False
    return True


def _complete(
    backend: BackendFolder, file: Path, relative: Path, recordings: dict[Path, list[Path]]
) -> bool:
    """Return False if the file was changed meanwhile; it is unchanged then."""
    before = stamp(file)
    labels = label_files.Labels.read(file)
    changed = False
    for run in labels.values():
        known = run.metadata.get("software", {})
        if isinstance(known, dict):
            run.metadata["software"] = known | {
                key: value for key, value in software(backend).items() if key not in known
            }
            changed |= run.metadata["software"] != known
        if not run.dependencies:
            sources = _sources(recordings, file, run)
            run.dependencies = [dependency(source) for source in sorted(sources)]
            changed |= bool(sources)
            if not sources:
                warnings.warn(
                    f"{relative}: the input of run {run.id} is unknown; set its dependencies in "
                    "predict_model",
                    stacklevel=3,
                )
    if changed:
        try:
            _write(file, labels.attributes, labels, expected=before)
        except BackendError:
            return False
    if not any(labels.count().keys() - {""}):
        warnings.warn(f"{relative}: no frame has a label", stacklevel=3)
    return True


def _sources(recordings: dict[Path, list[Path]], file: Path, run: RunLabels) -> list[Path]:
    """Return the files of the recording that a run belongs to; an empty list if ambiguous."""
    stem = recording_stem(file.name, {main.stem for main in recordings})
    fitting = [files for main, files in recordings.items() if main.stem == stem]
    if not fitting:
        fitting = [files for main, files in recordings.items() if main.stem.split("@")[0] == run.id]
    return fitting[0] if len(fitting) == 1 else []
