"""Run the scripts of a backend, each in its own process."""

from __future__ import annotations

import os
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from taggingbackends import labels
from taggingbackends.backend import sandboxes
from taggingbackends.backend.claims import claim_instance, claimed, remove_dead_claims
from taggingbackends.backend.folder import DATA, BackendFolder, label_paths
from taggingbackends.backend.identifiers import new_sandbox
from taggingbackends.backend.inputfiles import ALL_FILES, USUAL_FILES, Choice
from taggingbackends.backend.juliascripts import find_julia, julia_command, julia_environment
from taggingbackends.backend.options import format_options
from taggingbackends.backend.origins import origins_of
from taggingbackends.backend.provenance import Status, complete, status_of
from taggingbackends.backend.requirements import check_packages
from taggingbackends.backend.staging import check_destinations, pull, push
from taggingbackends.backend.unfinished import unfinished_model
from taggingbackends.data.formats import find_recordings, is_label_file
from taggingbackends.errors import BackendError, KeptDataWarning, LeftOutWarning, ScriptError
from taggingbackends.labels.origin import predicting_instance, undeclared_names
from taggingbackends.system import processes
from taggingbackends.system.files import Destination, Stamp, stamp
from taggingbackends.system.messages import VERBOSITY, logger, warn_of_each
from taggingbackends.system.notes import LEFT_OUT, TAKEN, collected_notes
from taggingbackends.system.progress import progress

__all__ = [
    "PYTHON",
    "Expected",
    "check_prediction",
    "expected_labels",
    "finetune",
    "predict",
    "predict_files",
    "predict_in_sandbox",
    "run_optional",
    "run_prediction",
    "run_training",
    "train",
]

PYTHON = "TAGGINGBACKENDS_PYTHON"
"""Environment variable for scripts in other languages: the Python that started them."""

_PREPARING = ("make_dataset", "build_features")


def check_prediction(backend: BackendFolder) -> None:
    """Raise `BackendError` if the model, predict_model or a required package is missing."""
    backend.check_model()
    _required_script(backend, "predict_model")


def run_optional(backend: BackendFolder, step: str, options: Mapping[str, Any]) -> None:
    """Run the script of a step if the backend has one."""
    script = backend.find_script(step)
    if script is not None:
        _run(backend, script, options)


def run_training(
    backend: BackendFolder, step: str, options: Mapping[str, Any], force: bool = False
) -> None:
    """Run train_model or finetune_model. The model appears only if the script succeeds."""
    script = _required_script(backend, step)
    with unfinished_model(backend, force) as environment:
        _run(backend, script, options, environment)


def run_prediction(backend: BackendFolder, options: Mapping[str, Any]) -> list[Path]:
    """Run predict_model, then complete and return the label files that it wrote or changed."""
    script = _required_script(backend, "predict_model")
    before = _label_files(backend)
    _run(backend, script, options)
    new = [file for file, now in _label_files(backend).items() if before.get(file) != now]
    if new:
        complete(backend, progress(new, "completing"))
    return new


def predict(
    backend: BackendFolder, options: Mapping[str, Any], skip: Iterable[str] = ()
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

    Returns
    -------
    list of Path
        The label files.

    Raises
    ------
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
    check_prediction(backend)
    backend.check_data_dirs(backend.data_dirs()[-1])
    if backend.sandbox is not None:  # mark the folders first, so that reset works after a failure
        for mark in (backend.raw_data_dir, backend.interim_data_dir, backend.processed_data_dir):
            mark()
    before = _stamps(backend.list_input_files())
    with _reporting(backend, options):
        _prepare(backend, options, skip)
        predicted = run_prediction(backend, options)
    for file, now in _stamps(backend.list_input_files()).items():
        if before.get(file, now) != now:
            problem = f"{file}: changed by a script, so the labels do not belong to the input"
            raise BackendError(
                "changed-input", f"{problem}; the script should write into data/interim"
            )
    if predicted:
        _warn_of_missing(backend, set(predicted))
    return predicted


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
    BackendError
        ``existing-file``: a label file exists with other content, or the sandbox exists. For
        labels, this is raised before a script runs, unless they can be the result of the same
        prediction. ``in-use``: another command uses the sandbox. ``unusable-data``: no sandbox can
        be created. ``changed-file``: a label file has changed since then. ``no-output``: nothing
        was predicted. Errors of `predict`, `staging.push` and `staging.pull`.

    Warns
    -----
    KeptDataWarning
        An error occurred after the input was pushed; the sandbox is kept.
    UserWarning
        Warnings of `predict`. Leftovers were removed, or cannot be removed.
    """
    check_prediction(backend)
    instance = backend.required_instance("predict")
    sandboxes.remove_dead(backend)
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
        kept = False
        try:
            choice = choice._replace(purpose="predict")
            decided = _push_input(backend, files, choice, output, force, link)
            try:
                return _predict_pushed(backend, decided, options, output, force, skip)
            except BaseException:
                kept = True
                sandboxes.keep(backend)
                _warn_kept(f"input and results are kept in {backend.data_folder}", backend)
                raise
        finally:
            if not kept:
                sandboxes.remove_or_warn(backend)


def predict_in_sandbox(
    backend: BackendFolder,
    files: Sequence[str | PathLike[str]],
    options: Mapping[str, Any],
    force: bool = False,
    skip: Iterable[str] = (),
    before_pull: Callable[[], object] = lambda: None,
    replacing: Mapping[Path, Stamp | None] | None = None,
    link: bool = False,
) -> list[Path]:
    """Do what `predict_files` does, in a sandbox that the caller holds and removes.

    Parameters
    ----------
    backend, files, options, force, skip, link
        As for `predict_files`.
    before_pull : callable
        Called after predicting and before pulling. If it raises, nothing is pulled.
    replacing : mapping, optional
        With `force`: the label files to replace, and what the caller has found there. Those that
        have changed since then are not replaced. By default, this is looked up before predicting.
    """
    decided = _push_input(backend, files, ALL_FILES, None, force, link)
    for file, (path, before) in decided.items():
        decided[file] = Destination(path, (replacing or {}).get(path, before))
    return _predict_pushed(backend, decided, options, None, force, skip, before_pull)


class Expected(NamedTuple):
    """A recording in data/raw: the file to load, all its files, and the paths of its labels."""

    recording: Path
    files: list[Path]
    labels: list[Path]


def expected_labels(backend: BackendFolder) -> list[Expected]:
    """Return the recordings in data/raw, with the paths of their labels."""
    return [
        Expected(file, parts, label_paths(file, backend.output_path(file)))
        for file, parts in find_recordings(backend.list_input_files()).items()
    ]


def _push_input(
    backend: BackendFolder,
    files: Sequence[str | PathLike[str]],
    choice: Choice,
    output: str | PathLike[str] | None,
    force: bool,
    link: bool,
) -> dict[Path, Destination]:
    """Push files, and return the expected label files with the places to pull them to."""
    push(backend, files, link=link, private=True, choice=choice)
    inputs = {path: one.files for one in expected_labels(backend) for path in one.labels}

    def accept(file: Path, target: Path) -> bool:
        try:
            return status_of(backend, target, inputs[file])[0] is Status.CURRENT
        except OSError:
            return False

    return check_destinations(backend, inputs, output, force, accept)


def _predict_pushed(
    backend: BackendFolder,
    decided: Mapping[Path, Destination],
    options: Mapping[str, Any],
    output: str | PathLike[str] | None,
    force: bool,
    skip: Iterable[str],
    before_pull: Callable[[], object] = lambda: None,
) -> list[Path]:
    predicted = predict(backend, options, skip)
    if not predicted:
        problem = f"predict_model wrote no label file in {backend.processed_data_dir()}"
        if not decided:
            problem += "; the input has no tracker file of a known format"
        raise BackendError("no-output", problem)
    before_pull()
    return pull(backend, output, force, decided)


def train(
    backend: BackendFolder,
    files: Sequence[str | PathLike[str]],
    options: Mapping[str, Any],
    force: bool = False,
    skip: Iterable[str] = (),
    step: str = "train_model",
    choice: Choice = USUAL_FILES,
) -> str:
    """Run make_dataset, build_features and train_model.

    Parameters
    ----------
    backend : BackendFolder
        With the model instance to train. Without one, `files` are required and the new instance
        is named by the local time.
    files : sequence of path
        Files to push first. If empty, the input is what data/raw holds for the instance.
    options, skip
        As for `predict`.
    force : bool
        Replace an existing model.
    step : str
        The training script, train_model or finetune_model.
    choice : Choice
        Which of the files to push, for any purpose.

    Returns
    -------
    str
        The model instance.

    Raises
    ------
    BackendError
        ``existing-model``, ``no-input``, ``missing-script``, ``missing-package``. Raised before a
        script runs.
    ScriptError
        A script failed. No model is created, and an existing one is unchanged.

    Warns
    -----
    KeptDataWarning
        A script failed; the pushed input is kept.
    UserWarning
        Unedited predictions are among the training labels, or no script took one of the options.
        The input of a killed training was removed.
    """
    script = _required_script(backend, step)
    chosen = backend.model_instance is None
    if chosen:
        if not files:
            fix = "name files, or the instance that has the input with model_instance=..."
            raise BackendError("no-input", f"{step} needs input", fix)
        backend.check_data_dirs(backend.data_folder / "raw")
        remove_dead_claims(backend)
        backend = claim_instance(backend)
    instance = backend.required_instance(step)
    raw = backend.data_dirs()[0]
    with ExitStack() as stack:
        stack.callback(_remove_empty, raw)
        environment = stack.enter_context(unfinished_model(backend, force))
        if chosen:
            stack.enter_context(claimed(backend))
        if files:
            push(backend, files, alone=True, choice=choice._replace(purpose="train"))
        if not backend.list_input_files():
            fix = "name files, or add them with push(...)"
            raise BackendError("no-input", f"no input in {raw}", fix)
        _warn_of_labels(backend)
        try:
            with _reporting(backend, options):
                _prepare(backend, options, skip)
                _run(backend, script, options, environment)
        except BaseException:
            if files:
                _warn_kept(f"input is kept in {raw}", backend)
            raise
    return instance


def _warn_kept(problem: str, backend: BackendFolder) -> None:
    fix = f"remove with {backend.call('reset_data')}"
    warnings.warn(KeptDataWarning(problem, fix), stacklevel=3)


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def finetune(
    backend: BackendFolder,
    original: str,
    files: Sequence[str | PathLike[str]],
    options: Mapping[str, Any],
    force: bool = False,
    skip: Iterable[str] = (),
    choice: Choice = USUAL_FILES,
) -> str:
    """Run make_dataset, build_features and finetune_model. See `train`.

    The script receives `original` as the option ``original_model_instance``.
    """
    backend.check_model(original)
    if original == backend.model_instance:
        problem = f"expected a new instance for the finetuned model, found the original {original}"
        raise BackendError("existing-model", problem, "name another with model_instance=...")
    options = {"original_model_instance": original, **options}
    return train(backend, files, options, force, skip, "finetune_model", choice)


def _warn_of_labels(backend: BackendFolder) -> None:
    """Warn about unedited predictions in the training input, and about undeclared names.

    Predictions are often beside the true labels, and the pattern ``*.label`` matches both.
    """
    for file in filter(is_label_file, backend.list_input_files()):
        found = labels.Labels.read(file)
        for sentence in undeclared_names(found):
            warnings.warn(f"{file.name}: {sentence}", stacklevel=3)
        instance = predicting_instance(found)
        if instance is not None:
            warnings.warn(
                f"{file.name}: the training labels include unedited predictions of model "
                f"{instance}",
                stacklevel=3,
            )


def _prepare(backend: BackendFolder, options: Mapping[str, Any], skip: Iterable[str]) -> None:
    for step in _PREPARING:
        if step not in skip:
            run_optional(backend, step, options)


def _required_script(backend: BackendFolder, step: str) -> Path:
    script = backend.find_script(step)
    if script is None:
        places = f"src/{backend.package_name}/models/{step}.py or scripts/{step}.py"
        problem = f"{backend.project_dir}: expected a script {places}, found none"
        raise BackendError("missing-script", problem)
    check_packages(backend.project_dir)  # fail before the earlier steps run
    if script.suffix == ".jl":
        find_julia()
    return script


def _run(
    backend: BackendFolder,
    script: Path,
    options: Mapping[str, Any],
    environment: Mapping[str, str] | None = None,
) -> None:
    arguments = [str(script)]
    if backend.model_instance is not None:
        arguments.append(f"--model-instance={backend.model_instance}")
    if backend.sandbox is not None:
        arguments.append(f"--sandbox={backend.sandbox}")
    arguments += format_options(options)
    variables = processes.environment({PYTHON: sys.executable, **(environment or {})})
    if DATA in variables or backend.data_folder != backend.project_dir / "data":
        variables[DATA] = str(backend.data_folder)
    if script.suffix == ".jl":
        arguments = [*julia_command(backend.project_dir), *arguments]
        variables = julia_environment(variables)
    else:
        arguments.insert(0, sys.executable)
        variables["PYTHONUNBUFFERED"] = "1"
        source = backend.project_dir / "src"
        if source.is_dir():  # the backend's package need not be installed
            variables["PYTHONPATH"] = str(source)
    logger.info(f"{script.stem}: {shlex.join(arguments)}")
    if sys.stderr.isatty() and not os.environ.get(VERBOSITY):
        sys.stderr.write(f"{script.stem}\n")
    start = time.monotonic()
    exit_code = processes.run(arguments, variables, cwd=backend.project_dir)
    logger.info(f"{script.stem}: exit code {exit_code} after {time.monotonic() - start:.1f} s")
    if exit_code:
        script = script.relative_to(backend.project_dir)
        raise ScriptError(script.stem, script, exit_code)


def _label_files(backend: BackendFolder) -> dict[Path, Stamp | None]:
    """Return the label files below data/processed, each with its stamp."""
    return _stamps(filter(is_label_file, backend.list_processed_files()))


def _stamps(files: Iterable[Path]) -> dict[Path, Stamp | None]:
    return {file: stamp(file) for file in files if file.exists()}  # without broken links


@contextmanager
def _reporting(backend: BackendFolder, options: Mapping[str, Any]) -> Iterator[None]:
    """Warn, after scripts have run, of what they left out, and of options that none took."""
    notes: list[list[str]] = []
    try:
        with collected_notes() as notes:
            yield
    finally:
        left_out: dict[str, dict[str, None]] = {}
        for kind, file, *sentences in (note for note in notes if len(note) > 1):
            if kind == LEFT_OUT:
                left_out.setdefault(file, {}).update(dict.fromkeys(sentences))
        files = origins_of(backend, list(map(Path, left_out)))
        pairs = zip(files, left_out.values(), strict=True)
        warn_of_each([LeftOutWarning(file, list(sentences)) for file, sentences in pairs], 3)
    taken = [set(texts) for kind, *texts in notes if kind == TAKEN]
    for name in options.keys() - set().union(*taken) if taken else ():
        warnings.warn(f"no script took the option --{name.replace('_', '-')}", stacklevel=3)
