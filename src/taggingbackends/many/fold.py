"""The process that evaluates one fold; `evaluation` starts it.

It reads the task from standard input and writes the outcome to standard output, as `sandboxed`
does. Everything that scripts write is in a temporary folder, which is removed at the end.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
import warnings
from pathlib import Path

from taggingbackends.analysis.scores import Counts, count
from taggingbackends.backend import pipeline
from taggingbackends.backend.folder import MODELS, BackendFolder
from taggingbackends.backend.origins import origin
from taggingbackends.backend.staging import push
from taggingbackends.data.unlabelled import copy_without_labels, has_labels
from taggingbackends.errors import KeptDataWarning, ScriptError
from taggingbackends.labels import Labels
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.many.evaluation import FoldOutcome, FoldTask
from taggingbackends.many.labelled import true_labels
from taggingbackends.many.sandboxed import end_with_input, take_streams
from taggingbackends.system.messages import configure, describe, is_user_error
from taggingbackends.system.signals import end_by_signals
from taggingbackends.system.temporaries import temporary_folder

__all__ = ["main"]


def main() -> None:
    """Read a task, perform it and write the outcome."""
    end_by_signals()
    configure()
    requests, answers = take_streams()
    task: FoldTask = pickle.load(requests)
    threading.Thread(target=end_with_input, args=(requests,), daemon=True).start()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        outcome = _outcome(task)
    kept = (one.message for one in warned if not issubclass(one.category, KeptDataWarning))
    with answers:
        pickle.dump(outcome._replace(warnings=tuple(map(str, kept))), answers)


def _outcome(task: FoldTask) -> FoldOutcome:
    try:
        with temporary_folder() as folder:
            return _evaluated(task, folder)
    except ScriptError as error:
        code = error.exit_code
        ended = f"signal {code - 128}" if code > 128 else f"exit code {code}"
        return FoldOutcome(task.fold, why=ended, step=error.step)
    except Exception as error:
        if not (is_user_error(error) or isinstance(error, OSError)):
            raise
        return FoldOutcome(task.fold, why=describe(error))


def _evaluated(task: FoldTask, folder: Path) -> FoldOutcome:
    training = 0.0
    instance = task.model_instance
    if instance is None:
        start = time.monotonic()
        os.environ[MODELS] = str(folder / "models")
        # the model is trained on other data than it predicts: scripts list all their input
        backend = BackendFolder(task.project_dir, data_folder=folder / "training")
        files = [file for one in task.fold.training for file in one.sources]
        instance = pipeline.train(backend, files, task.training_options, skip=task.skip)
        training = time.monotonic() - start
    start = time.monotonic()
    backend = BackendFolder(task.project_dir, instance, data_folder=folder / "prediction")
    predicted = _predict(task, backend, folder)
    predicting = time.monotonic() - start
    counts = []
    for recording in task.fold.held_out:
        guesses = predicted[recording.file]
        together = Counts()
        for run, labels in true_labels(recording).items():
            together.add(count(labels, guesses.get(run)))
        counts.append(together)
    return FoldOutcome(task.fold, counts, training, predicting)


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
                copy = folder / "unlabelled" / str(n) / file.name
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy_without_labels(file, copy)
            shown[copy] = file
    push(backend, list(shown), private=True)
    expected = pipeline.expected_labels(backend)
    pipeline.predict(backend, task.prediction_options, task.skip)
    for loaded, _, paths in expected:
        file = shown[origin(backend, loaded)]
        for path in paths:
            if path.exists():
                found[file].update(Labels.read(path))
    for file, runs in found.items():
        if not runs:
            warnings.warn(f"{file}: no labels were predicted", stacklevel=2)
    return found


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
