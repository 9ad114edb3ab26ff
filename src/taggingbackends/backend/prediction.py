"""Predict labels of the input in data/raw, or of files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from taggingbackends.backend import sandboxes
from taggingbackends.backend.folder import BackendFolder, label_paths
from taggingbackends.backend.identifiers import new_sandbox
from taggingbackends.backend.inputfiles import USUAL_FILES, Choice
from taggingbackends.backend.options import Options
from taggingbackends.backend.origins import origins_of
from taggingbackends.backend.provenance import complete, is_current, software
from taggingbackends.backend.running import (
    checked,
    prepare,
    reporting,
    required_script,
    run_script,
    warn_kept,
)
from taggingbackends.backend.staging import check_destinations, pull, push
from taggingbackends.data.formats import find_recordings, is_label_file
from taggingbackends.errors import BackendError
from taggingbackends.labels.dependencies import Dependencies
from taggingbackends.system.files import Destination, Stamp, scratch, stamp
from taggingbackends.system.messages import warn_of_each
from taggingbackends.system.progress import progress
from taggingbackends.system.temporaries import remove_dead_folders

__all__ = [
    "Expected",
    "check_prediction",
    "check_unchanged",
    "expected_labels",
    "input_stamps",
    "no_output",
    "predict",
    "predict_files",
    "run_prediction",
]


def check_prediction(backend: BackendFolder) -> Path:
    """Return predict_model. Raise `BackendError` if it, the model or a package is missing."""
    backend.check_model()
    return required_script(backend, "predict_model")


def run_prediction(backend: BackendFolder, options: Mapping[str, Any]) -> list[Path]:
    """Run predict_model, then complete and return the label files that it wrote or changed."""
    script = required_script(backend, "predict_model")
    return list(_run_prediction(backend, script, checked(backend, options, "predict_model")))


def _run_prediction(
    backend: BackendFolder, script: Path, options: Options
) -> dict[Path, Dependencies]:
    before, known = _label_files(backend), software(backend)
    run_script(backend, script, options)
    new = [file for file, now in _label_files(backend).items() if before.get(file) != now]
    return complete(backend, progress(new, "completing"), known) if new else {}


def predict(
    backend: BackendFolder,
    options: Mapping[str, Any],
    skip: Iterable[str] = (),
    refuse_unknown: bool = True,
) -> list[Path]:
    """Run make_dataset, build_features and predict_model on the input in data/raw.

    Parameters
    ----------
    backend : BackendFolder
        With a model instance and, optionally, a sandbox.
    options : mapping
        Keyword arguments for the scripts' functions.
    skip : iterable of str
        Steps to skip: make_dataset, build_features or both.
    refuse_unknown : bool
        Whether an option that no script takes is an error. Otherwise, it is a warning.

    Returns
    -------
    list of Path
        The label files.

    Raises
    ------
    OptionError
        An option that no script takes, or a value of the wrong type. Raised before a script runs.
    BackendError
        ``unknown-model``, ``missing-script``, ``ambiguous-script``, ``missing-package``,
        ``unusable-data``. Raised before a script runs. ``changed-input``: a script changed a file
        in data/raw.
    ScriptError
        A script failed.

    Warns
    -----
    UserWarning
        No labels were predicted for one of the recordings. No script took one of the options.
    LeftOutWarning
        Tracker files contain something that the scripts did not use.
    """
    skip = tuple(skip)
    script = check_prediction(backend)
    options = checked(backend, options, "predict_model", skip, refuse_unknown)
    return list(_predict(backend, script, options, skip))


def _predict(
    backend: BackendFolder, script: Path, options: Options, skip: Iterable[str]
) -> dict[Path, Dependencies]:
    """Predict, and return the label files with their dependencies; see `complete`."""
    backend.check_data_dirs(backend.data_dirs()[-1])
    if backend.sandbox is not None:  # mark the folders first, so that reset works after a failure
        for mark in (backend.raw_data_dir, backend.interim_data_dir, backend.processed_data_dir):
            mark()
    before = input_stamps(backend)
    with reporting(backend, options):
        prepare(backend, options, skip)
        predicted = _run_prediction(backend, script, options)
    check_unchanged(before, input_stamps(backend))
    if predicted:
        _warn_of_missing(backend, predicted.keys())
    return predicted


def input_stamps(backend: BackendFolder) -> dict[Path, Stamp | None]:
    """Return the input files, each with its stamp."""
    return _stamps(backend.list_input_files())


def check_unchanged(
    before: Mapping[Path, Stamp | None], after: Mapping[Path, Stamp | None]
) -> None:
    """Raise `BackendError` ``changed-input`` if scripts have changed a file of the input."""
    for file, now in after.items():
        if before.get(file, now) != now:
            problem = f"{file}: changed by a script, so the labels do not belong to the input"
            fix = "the script should write into data/interim"
            raise BackendError("changed-input", f"{problem}; {fix}")


def _warn_of_missing(backend: BackendFolder, predicted: Collection[Path]) -> None:
    """Warn of the recordings, or runs, for which a script predicted no labels."""
    lacking = [
        (one.recording, f"no {path.name} was" if len(one.labels) > 1 else "no labels were")
        for one in expected_labels(backend)  # again, since scripts may bring input
        for path in one.labels
        if path not in predicted
    ]
    files = origins_of(backend, [recording for recording, _ in lacking])
    pairs = zip(files, lacking, strict=True)
    warn_of_each([f"{file}: {what} predicted" for file, (_, what) in pairs], 3)


def predict_files(
    backend: BackendFolder,
    files: Sequence[str | PathLike[str]],
    options: Mapping[str, Any],
    output: str | PathLike[str] | None = None,
    force: bool = False,
    skip: Iterable[str] = (),
    choice: Choice = USUAL_FILES,
    link: bool = False,
) -> list[Path]:
    """Push files into a new sandbox, predict, pull the labels and remove the sandbox.

    The sandboxes of killed commands are removed first.

    Parameters
    ----------
    backend : BackendFolder
        With a model instance. If it has a sandbox, that must be unused. Otherwise a new sandbox
        is chosen.
    files : sequence of path
        As for `staging.push`.
    options, skip
        As for `predict`.
    output : path, optional
        The folder for the labels. The default is beside each input file.
    force : bool
        Replace existing files.
    choice : Choice
        Which of the files to use, for any purpose.
    link : bool
        Link the files instead of copying them.

    Returns
    -------
    list of Path
        The label files, at their destination.

    Raises
    ------
    OptionError
        As for `predict`.
    BackendError
        ``existing-file``: a label file exists with other content, or the sandbox exists. For
        labels, this is raised before a script runs, unless they can be the result of the same
        prediction. ``in-use``: another command uses the sandbox. ``unusable-data``: no sandbox can
        be created. ``changed-file``: a label file has changed since then. ``no-output``: nothing
        was predicted. Errors of `predict`, `staging.push` and `staging.pull`.

    Warns
    -----
    BackendWarning
        An error occurred after the input was pushed; the sandbox is kept.
    UserWarning
        Warnings of `predict`. Leftovers were removed, or cannot be removed.
    """
    skip = tuple(skip)
    script = check_prediction(backend)
    options = checked(backend, options, "predict_model", skip)
    instance = backend.required_instance("predict")
    sandboxes.remove_dead(backend)
    remove_dead_folders()
    new = backend.sandbox is None
    backend = backend.with_instance(instance, backend.sandbox or new_sandbox())
    backend.check_data_dirs()
    with ExitStack() as stack:
        try:
            # the lock of a new sandbox is held only by commands that look for left ones
            stack.enter_context(sandboxes.hold(backend, wait=new))
        except BlockingIOError:
            problem = f"{backend.data_dirs()[0]}: another command uses this sandbox"
            raise BackendError("in-use", problem, "name another sandbox, or none") from None
        for folder in backend.data_dirs():
            if folder.exists():
                problem = f"{folder}: expected a fresh sandbox, found this folder"
                raise BackendError("existing-file", problem, "name another sandbox, or none")
        sandboxes.mark_temporary(backend)
        stack.enter_context(scratch(backend.data_dirs()))
        kept = False
        try:
            choice = choice._replace(purpose="predict")
            push(backend, files, link=link, private=True, choice=choice)
            decided = _destinations(backend, output, force)
            try:
                return _predict_pushed(backend, script, decided, options, output, force, skip)
            except BaseException:
                kept = True
                sandboxes.keep(backend)
                warn_kept(f"input and results are kept in {backend.data_folder}", backend)
                raise
        finally:
            if not kept:
                sandboxes.remove_or_warn(backend)


class Expected(NamedTuple):
    """A recording in data/raw: the file to load, all its files, and the paths of its labels."""

    recording: Path
    files: list[Path]
    labels: list[Path]


def expected_labels(backend: BackendFolder) -> list[Expected]:
    """Return the recordings in data/raw, with the label files that predict_model should write."""
    return [
        Expected(file, parts, label_paths(file, backend.output_path(file)))
        for file, parts in find_recordings(backend.list_input_files()).items()
    ]


def _destinations(
    backend: BackendFolder, output: str | PathLike[str] | None, force: bool
) -> dict[Path, Destination]:
    """Return the expected label files with the places to pull them to."""
    inputs = {path: one.files for one in expected_labels(backend) for path in one.labels}

    def accept(file: Path, target: Path) -> bool:
        return is_current(backend, target, inputs[file])

    return check_destinations(backend, inputs, output, force, accept)


def _predict_pushed(
    backend: BackendFolder,
    script: Path,
    decided: Mapping[Path, Destination],
    options: Options,
    output: str | PathLike[str] | None,
    force: bool,
    skip: Iterable[str],
) -> list[Path]:
    predicted = _predict(backend, script, options, skip)
    if not predicted:
        raise no_output(backend, bool(decided))
    return pull(backend, output, force, decided, predicted)


def no_output(backend: BackendFolder, is_known: bool = True) -> BackendError:
    """Return the error about scripts that wrote no label file.

    Parameters
    ----------
    backend : BackendFolder
    is_known : bool
        Whether the input has recordings of a known format.
    """
    problem = f"predict_model wrote no label file in {backend.processed_data_dir()}"
    if not is_known:
        problem += "; the input has no tracker file of a known format"
    return BackendError("no-output", problem)


def _label_files(backend: BackendFolder) -> dict[Path, Stamp | None]:
    """Return the label files below data/processed, each with its stamp."""
    return _stamps(filter(is_label_file, backend.list_processed_files()))


def _stamps(files: Iterable[Path]) -> dict[Path, Stamp | None]:
    return {file: stamp(file) for file in files if file.exists()}  # without broken links
