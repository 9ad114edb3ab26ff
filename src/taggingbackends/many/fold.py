"""The process that evaluates one fold; `evaluation` starts it.

Everything that scripts write is in a temporary folder, which is removed at the end.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from taggingbackends.analysis.scores import Counts, count
from taggingbackends.analysis.traininginput import TrainingInput
from taggingbackends.backend import prediction, training
from taggingbackends.backend.folder import MODELS, BackendFolder
from taggingbackends.backend.origins import origin
from taggingbackends.backend.staging import push
from taggingbackends.data.ownlabels import copy_without_labels, has_labels
from taggingbackends.labels import Labels
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.many.evaluation import FoldOutcome, FoldTask
from taggingbackends.many.truth import true_labels
from taggingbackends.many.workers import serve, why_failed
from taggingbackends.system.temporaries import temporary_folder

__all__ = ["main"]


def main() -> None:
    """Read a task, perform it and write the outcome."""
    serve(_outcome)


def _outcome(task: FoldTask, warned: list[warnings.WarningMessage]) -> list[FoldOutcome]:
    try:
        with temporary_folder() as folder:
            # the command has checked the input of all folds and shown the warnings about it
            outcome = _evaluated(task, folder, on_input=lambda _: warned.clear())
    except Exception as error:
        why, step = why_failed(error)
        return [FoldOutcome(task.fold, why=why, step=step)]
    return [outcome._replace(warnings=tuple(str(warning.message) for warning in warned))]


def _evaluated(
    task: FoldTask, folder: Path, on_input: Callable[[TrainingInput], object]
) -> FoldOutcome:
    train_seconds = 0.0
    instance = task.model_instance
    if instance is None:
        start = time.monotonic()
        os.environ[MODELS] = str(folder / "models")
        # the model is trained on other data than it predicts: scripts list all their input
        backend = BackendFolder(task.project_dir, data_folder=folder / "training")
        files = [file for one in task.fold.training for file in one.sources]
        instance = training.train(
            backend, files, task.options.training, skip=task.skip, on_input=on_input
        )
        train_seconds = time.monotonic() - start
    start = time.monotonic()
    backend = BackendFolder(task.project_dir, instance, data_folder=folder / "prediction")
    predicted = _predict(task, backend, folder)
    predict_seconds = time.monotonic() - start
    counts = []
    for recording in task.fold.held_out:
        guesses = predicted[recording.file]
        together = Counts()
        for run, labels in true_labels(recording).items():
            together.add(count(labels, guesses.get(run)))
        counts.append(together)
    return FoldOutcome(task.fold, counts, train_seconds, predict_seconds)


def _predict(
    task: FoldTask, backend: BackendFolder, folder: Path
) -> dict[Path, dict[str, RunLabels]]:
    """Predict the recordings from their tracker files; return the labels of each by run."""
    found: dict[Path, dict[str, RunLabels]] = {one.file: {} for one in task.fold.held_out}
    shown: dict[Path, Path] = {}  # what the scripts get -> tracker file
    for n, recording in enumerate(task.fold.held_out):
        for file in recording.trackers:
            copy = file
            if has_labels(file):
                copy = folder / "without-labels" / str(n) / file.name
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy_without_labels(file, copy)
            shown[copy] = file
    push(backend, list(shown), private=True)
    expected = prediction.expected_labels(backend)
    prediction.predict(backend, task.options.prediction, task.skip)
    for loaded, _, paths in expected:
        file = shown[origin(backend, loaded)]
        for path in paths:
            if path.exists():
                found[file].update(Labels.read(path))
    for file, runs in found.items():
        if not any(run.count().keys() - {""} for run in runs.values()):
            warnings.warn(f"{file}: no labels were predicted", stacklevel=2)
    return found


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
