"""Record in predicted label files which software and input files they come from."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from taggingbackends import labels as label_files
from taggingbackends.backend.folder import BackendFolder
from taggingbackends.backend.project import project_metadata
from taggingbackends.data.formats import recording_stem, recordings_in
from taggingbackends.labels.dependencies import dependency
from taggingbackends.system.version import own_version

__all__ = ["complete", "software"]


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
    recordings = cache(_recordings)  # read each folder once, not once per label file
    known = software(backend)
    raw, _, processed = backend.data_dirs()
    for file in files:
        relative = file.relative_to(processed)
        _complete(file, relative, known, *recordings(raw / relative.parent))


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
    relative: Path,
    software: dict[str, str],
    recordings: dict[str, list[Path]],
    runs: dict[str, list[Path] | None],
) -> None:
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
                    f"{relative}: the input of run {run.id} is unknown; set its dependencies in "
                    "predict_model",
                    stacklevel=3,
                )
    if changed:
        labels.write(file)
    if not any(labels.count().keys() - {""}):
        warnings.warn(f"{relative}: no frame has a label", stacklevel=3)
