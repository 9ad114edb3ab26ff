"""Runs a backend's scripts, one after the other, as processes."""

from __future__ import annotations

import os
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import Any

from taggingbackends import labels
from taggingbackends.backend.folder import BackendFolder
from taggingbackends.backend.identifiers import new_sandbox
from taggingbackends.backend.juliascripts import find_julia, julia_command, julia_environment
from taggingbackends.backend.options import TAKEN, format_options
from taggingbackends.backend.provenance import complete
from taggingbackends.backend.staging import check_destinations, pull, push, remove_data
from taggingbackends.backend.unfinished import claim_instance, unfinished_model
from taggingbackends.data.formats import find_recordings, is_label_file
from taggingbackends.errors import BackendError, KeptDataWarning, ScriptError
from taggingbackends.labels.origin import predicting_instance
from taggingbackends.system import processes
from taggingbackends.system.messages import VERBOSITY, logger
from taggingbackends.system.progress import progress

__all__ = [
    "PYTHON",
    "check_prediction",
    "finetune",
    "predict",
    "predict_files",
    "run_optional",
    "run_prediction",
    "run_training",
    "train",
]

PYTHON = "TAGGINGBACKENDS_PYTHON"
"""Environment variable of scripts: the Python that runs them, for scripts in other languages."""

_PREPARING = ("make_dataset", "build_features")


def check_prediction(backend: BackendFolder) -> None:
    """Raise a `BackendError` if the model or the script is missing that predicting needs."""
    backend.check_model()
    _required_script(backend, "predict_model")


def run_optional(backend: BackendFolder, step: str, options: Mapping[str, Any]) -> None:
    """Run a script if the backend has it."""
    script = backend.find_script(step)
    if script is not None:
        _run(backend, script, options)


def run_training(
    backend: BackendFolder, step: str, options: Mapping[str, Any], force: bool = False
) -> None:
    """Run train_model or finetune_model; the model appears when it has succeeded."""
    script = _required_script(backend, step)
    with unfinished_model(backend, force) as environment:
        _run(backend, script, options, environment)


def run_prediction(backend: BackendFolder, options: Mapping[str, Any]) -> list[Path]:
    """Run predict_model; complete and return the label files that it made or changed."""
    script = _required_script(backend, "predict_model")
    before = _label_files(backend)
    _run(backend, script, options)
    new = [file for file, status in _label_files(backend).items() if before.get(file) != status]
    if new:
        complete(backend, progress(new, "completing"))
    return new


def predict(
    backend: BackendFolder, options: Mapping[str, Any], skip: Iterable[str] = ()
) -> list[Path]:
    """Run make_dataset, build_features and predict_model on the input that is in place.

    Parameters
    ----------
    backend : BackendFolder
        With a model instance, maybe a sandbox.
    options : mapping
        Keyword arguments for the scripts' functions; an option that none takes is warned about.
    skip : iterable of str
        Steps, of make_dataset and build_features, that are left out.

    Returns
    -------
    list of Path
        The label files.

    Raises
    ------
    BackendError
        ``unknown-model``, ``missing-script``, ``ambiguous-script``: before anything is run.
    ScriptError
        A script failed.
    """
    check_prediction(backend)
    if backend.sandbox is not None:  # marked before anything runs, or fails
        for mark in (backend.raw_data_dir, backend.interim_data_dir, backend.processed_data_dir):
            mark()
    with _options_taken(options):
        _prepare(backend, options, skip)
        return run_prediction(backend, options)


def predict_files(
    backend: BackendFolder,
    files: Sequence[str | PathLike[str]],
    options: Mapping[str, Any],
    output: str | PathLike[str] | None = None,
    force: bool = False,
    skip: Iterable[str] = (),
    before_pull: Callable[[], object] = lambda: None,
) -> list[Path]:
    """Push files into a fresh sandbox, predict, pull the labels, remove the sandbox.

    Parameters
    ----------
    backend : BackendFolder
        With a model instance; a sandbox is made up unless it has one, which must be fresh.
    files : sequence of path
        As for `BackendFolder.push`.
    options, skip
        As for `predict`.
    output : path, optional
        Where the labels go; by default each beside its input.
    force : bool
        Replace files that are there already.
    before_pull : callable
        Called when there are labels, before they are brought out; what it raises ends the round.

    Returns
    -------
    list of Path
        The label files, at their destination.

    Raises
    ------
    BackendError
        ``existing-file``: labels are there already, known before anything is run; ``no-output``:
        nothing was predicted. As `predict`, too.
    """
    check_prediction(backend)
    sandbox = backend.sandbox or new_sandbox()
    backend = BackendFolder(backend.project_dir, backend.model_instance, sandbox)
    for folder in backend.data_dirs():
        if folder.exists():
            problem = (
                f"{folder}: expected a fresh sandbox, found this folder; name another, or none"
            )
            raise BackendError("existing-file", problem)
    try:
        push(backend, files)
        recordings = find_recordings(backend.list_input_files())
        check_destinations(backend, map(backend.output_path, recordings), output, force)
    except BaseException:
        remove_data(backend)
        raise
    try:
        predicted = predict(backend, options, skip)
        if not predicted:
            problem = f"predict_model made no label file in {backend.processed_data_dir()}"
            if not recordings:
                problem += "; there is no tracker file of a known format among the input"
            raise BackendError("no-output", problem)
        for recording in recordings:
            if backend.output_path(recording) not in predicted:
                warnings.warn(f"{recording.name}: no labels were predicted", stacklevel=2)
        before_pull()
        pulled = pull(backend, output, force=force)
    except BaseException:
        _warn_of_kept(f"input and results are kept in {backend.project_dir / 'data'}", backend)
        raise
    remove_data(backend)
    return pulled


def train(
    backend: BackendFolder,
    files: Sequence[str | PathLike[str]],
    options: Mapping[str, Any],
    force: bool = False,
    skip: Iterable[str] = (),
    step: str = "train_model",
) -> str:
    """Run make_dataset, build_features and train_model.

    Parameters
    ----------
    backend : BackendFolder
        With the instance to be made; without one, `files` are needed and it is named by the time.
    files : sequence of path
        Pushed first; empty: the instance's input is in place.
    options, skip
        As for `predict`.
    force : bool
        Replace an old model.
    step : str
        The training script.

    Returns
    -------
    str
        The instance.

    Raises
    ------
    BackendError
        ``existing-model``, ``no-input``, ``missing-script``: before anything is run.
    ScriptError
        A script failed; there is no new model, and an old one is untouched.
    """
    script = _required_script(backend, step)
    if backend.model_instance is None:
        if not files:
            fix = "name files, or the instance they are pushed for with model_instance=..."
            raise BackendError("no-input", f"{step} needs input", fix)
        backend = claim_instance(backend)
    instance = backend.required_instance(step)
    with unfinished_model(backend, force) as environment:
        try:
            if files:
                push(backend, files, alone=True)
        except BaseException:
            _remove_empty(backend.data_dirs()[0])
            raise
        if not backend.list_input_files():
            problem = f"no input in {backend.data_dirs()[0]}"
            raise BackendError("no-input", problem, "name files, or bring them in with push(...)")
        _warn_of_predictions(backend)
        try:
            with _options_taken(options):
                _prepare(backend, options, skip)
                _run(backend, script, options, environment)
        except BaseException:
            if files:
                _warn_of_kept(f"input is kept in {backend.raw_data_dir()}", backend)
            raise
    return instance


def _warn_of_kept(problem: str, backend: BackendFolder) -> None:
    which = f"model_instance={backend.model_instance!r}"
    if backend.sandbox is not None:
        which += f", sandbox={backend.sandbox!r}"
    fix = f"remove with BackendExplorer({which}).reset_data()"
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
) -> str:
    """Run make_dataset, build_features and finetune_model, as `train` does.

    The script gets `original` as ``original_model_instance``.
    """
    backend.check_model(original)
    if original == backend.model_instance:
        problem = f"model {original} is finetuned into a new one"
        raise BackendError("existing-model", problem, "name another with model_instance=...")
    options = {"original_model_instance": original, **options}
    return train(backend, files, options, force, skip, step="finetune_model")


def _warn_of_predictions(backend: BackendFolder) -> None:
    """Warn about labels that nobody made: they lie beside true ones, and ``*.label`` takes both."""
    for file in filter(is_label_file, backend.list_input_files()):
        instance = predicting_instance(labels.Labels.read(file))
        if instance is not None:
            warnings.warn(
                f"{file.name}: labels that model {instance} predicted, and nobody edited, are "
                "among the training labels",
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
    if script.suffix == ".jl":
        find_julia()  # now, rather than after the steps before
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
    variables = {**os.environ, PYTHON: sys.executable, **(environment or {})}
    if script.suffix == ".jl":
        arguments = [*julia_command(backend.project_dir), *arguments]
        variables = julia_environment(variables)
    else:
        arguments.insert(0, sys.executable)
        variables["PYTHONUNBUFFERED"] = "1"
        source = backend.project_dir / "src"
        if source.is_dir():  # the scripts' own package, whether it is installed or not
            paths = (str(source), os.environ.get("PYTHONPATH"))
            variables["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    logger.info(f"{script.stem}: {shlex.join(arguments)}")
    if sys.stderr.isatty() and not os.environ.get(VERBOSITY):
        sys.stderr.write(f"{script.stem}\n")
    start = time.monotonic()
    exit_code = processes.run(arguments, variables, cwd=backend.project_dir)
    logger.info(f"{script.stem}: exit code {exit_code} after {time.monotonic() - start:.1f} s")
    if exit_code:
        script = script.relative_to(backend.project_dir)
        raise ScriptError(script.stem, script, exit_code)


def _label_files(backend: BackendFolder) -> dict[Path, tuple[int, int, int]]:
    """Return the label files below data/processed, with what changes when they are written."""
    statuses = {file: file.stat() for file in backend.list_processed_files() if is_label_file(file)}
    return {file: (s.st_mtime_ns, s.st_size, s.st_ino) for file, s in statuses.items()}


@contextmanager
def _options_taken(options: Mapping[str, Any]) -> Iterator[None]:
    """Warn, when the scripts have run, about the options that none of them took."""
    if not options:
        yield
        return
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="taggingbackends-") as folder:
        taken = Path(folder, "taken")
        os.environ[TAKEN] = str(taken)
        try:
            yield
        finally:
            os.environ.pop(TAKEN, None)
        if taken.is_file():
            for name in options.keys() - set(taken.read_text().split()):
                option = f"--{name.replace('_', '-')}"
                warnings.warn(f"no script took the option {option}", stacklevel=3)
