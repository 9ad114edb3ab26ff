"""Where predicted labels come from, written into label files that do not say it themselves."""

from __future__ import annotations

import warnings
from pathlib import Path

from taggingbackends import __version__
from taggingbackends.data.formats import recording_stem
from taggingbackends.dependencies import dependency
from taggingbackends.explorer import BackendExplorer
from taggingbackends.labels import Labels
from taggingbackends.project import project_metadata
from taggingbackends.runlabels import RunLabels

__all__ = ["complete", "predicting_instance", "software", "unedited_prediction"]


def software(backend: BackendExplorer) -> dict[str, str]:
    """Return what ``metadata.software`` says of labels that a backend predicts.

    ``name`` and ``version`` of the backend, its ``model_instance``, and the version of this
    package as ``taggingbackends``; what is not known is left out.
    """
    known = project_metadata(backend.project_dir)
    if backend.model_instance is not None:
        known["model_instance"] = backend.model_instance
    return known | {"taggingbackends": __version__}


def complete(backend: BackendExplorer, file: Path) -> None:
    """Add software and dependencies to a predicted label file, where it lacks them.

    Parameters
    ----------
    backend : BackendExplorer
        With the model instance (and sandbox) that predicted.
    file : Path
        Below ``backend.processed_data_dir()``; written only if something is added.

    Raises
    ------
    LabelFileError
        It is no label file.
    """
    labels = Labels.read(file)
    relative = file.relative_to(backend.processed_data_dir())
    recordings = backend.recordings_in(backend.raw_data_dir() / relative.parent)
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
                    f"{relative}: cannot tell which input run {run.id} was predicted from; set its "
                    "dependencies in predict_model",
                    stacklevel=2,
                )
    if changed:
        labels.write(file)
    if not any(labels.count().keys() - {""}):
        warnings.warn(f"{relative}: no frame has a label", stacklevel=2)


def unedited_prediction(file: Path) -> str | None:
    """Return the model instance that predicted the labels in a file, None if a person made them.

    Labels that a person has edited, as a secondary label "edited" tells, are a person's.
    """
    return predicting_instance(Labels.read(file))


def predicting_instance(labels: Labels) -> str | None:
    """Return the model instance of labels as `unedited_prediction` does of those in a file."""
    for run in labels.values():
        origin = run.metadata.get("software")
        if isinstance(origin, dict) and "edited" not in run.secondary_names:
            instance = origin.get("model_instance")
            if isinstance(instance, str):
                return instance
    return None


def _sources(recordings: dict[Path, list[Path]], file: Path, run: RunLabels) -> list[Path]:
    """Return the files of the recording that a run's labels are for, none if it is not clear."""
    stem = recording_stem(file.name, {main.stem for main in recordings})
    fitting = [files for main, files in recordings.items() if main.stem == stem]
    if not fitting:
        fitting = [files for main, files in recordings.items() if main.stem.split("@")[0] == run.id]
    return fitting[0] if len(fitting) == 1 else []
