"""Run the scripts of a backend, each in its own process."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from taggingbackends.backend import sandboxes
from taggingbackends.backend.claims import claim_instance, claimed, remove_dead_claims
from taggingbackends.backend.folder import (
    DATA,
    NOT_LISTED,
    TRAINING_INPUT,
    BackendFolder,
    label_paths,
)
from taggingbackends.backend.identifiers import new_sandbox
from taggingbackends.backend.inputfiles import ALL_FILES, USUAL_FILES, Choice
from taggingbackends.backend.juliascripts import find_julia, julia_command, julia_environment
from taggingbackends.backend.options import OptionError, Options, format_options
from taggingbackends.backend.optiontypes import TRACKER
from taggingbackends.backend.origins import origins_of
from taggingbackends.backend.provenance import Status, complete, software, status_of
from taggingbackends.backend.requirements import check_packages
from taggingbackends.backend.signatures import PREPARING, check_options, read_signatures
from taggingbackends.backend.staging import (
    check_destinations,
    collect,
    pull,
    push,
    push_collected,
)
from taggingbackends.backend.trainingrecord import new_record, write_record
from taggingbackends.backend.unfinished import unfinished_model
from taggingbackends.data.formats import find_recordings, is_label_file, tracker_format
from taggingbackends.errors import BackendError, BackendWarning, LeftOutWarning, ScriptError
from taggingbackends.system import processes
from taggingbackends.system.files import Destination, Stamp, sha1, stamp
from taggingbackends.system.lazy import lazy_function
from taggingbackends.system.messages import VERBOSITY, logger, warn_of_each
from taggingbackends.system.names import utf8_name
from taggingbackends.system.notes import LEFT_OUT, TAKEN, WINDOWS, collected_notes
from taggingbackends.system.progress import progress
from taggingbackends.system.temporaries import remove_dead_folders, temporary_folder

if TYPE_CHECKING:
    from taggingbackends.analysis.traininginput import TrainingInput

__all__ = [
    "PYTHON",
    "Expected",
    "check_prediction",
    "checked",
    "expected_labels",
    "find_training_input",
    "finetune",
    "predict",
    "predict_files",
    "predict_in_sandbox",
    "required_script",
    "run_optional",
    "run_prediction",
    "run_training",
    "train",
]

PYTHON = "TAGGINGBACKENDS_PYTHON"
"""Environment variable for scripts in other languages: the Python that started them."""

# needs numpy
_training_input = lazy_function("taggingbackends.analysis.traininginput", "training_input")


def check_prediction(backend: BackendFolder) -> None:
    """Raise `BackendError` if the model, predict_model or a required package is missing."""
    backend.check_model()
    required_script(backend, "predict_model")


def checked(
    backend: BackendFolder,
    options: Mapping[str, Any],
    step: str,
    skip: Iterable[str] | None = None,
    refuse_unknown: bool = True,
) -> Options:
    """Check the options for the scripts that will run, before any of them runs.

    Parameters
    ----------
    backend : BackendFolder
    options : mapping
        Keyword arguments for the scripts' functions.
    step : str
        The last step.
    skip : iterable of str, optional
        The steps among make_dataset and build_features that are skipped. The default is both.
    refuse_unknown : bool
        Whether an option that no script takes is an error.

    Returns
    -------
    dict
        The options as text, for the functions that run scripts.

    Raises
    ------
    OptionError
        See `check_options`.
    """
    skip = PREPARING if skip is None else skip
    return check_options(read_signatures(backend, [step], skip), options, refuse_unknown)


def run_optional(backend: BackendFolder, step: str, options: Mapping[str, Any]) -> None:
    """Run the script of a step if the backend has one."""
    script = backend.find_script(step)
    if script is not None:
        _run(backend, script, checked(backend, options, step))


def run_training(
    backend: BackendFolder, step: str, options: Mapping[str, Any], force: bool = False
) -> None:
    """Run train_model or finetune_model. The model appears only if the script succeeds."""
    script = required_script(backend, step)
    options = checked(backend, options, step)
    with unfinished_model(backend, force) as environment:
        _run_and_record(backend, script, options, environment, {"files": _input_digests(backend)})


def _run_and_record(
    backend: BackendFolder,
    script: Path,
    options: Options,
    environment: Mapping[str, str],
    trained_on: Mapping[str, Any],
    skip: Iterable[str] = PREPARING,
) -> None:
    """Run the scripts of a training, and write its record into the unfinished model."""
    record = new_record(backend, script.stem, options, trained_on)
    start = time.monotonic()
    with _reporting(backend, options) as notes:
        _prepare(backend, options, skip)
        _run(backend, script, options, environment)
    windows = [texts[0] for kind, *texts in notes if kind == WINDOWS]
    if windows:  # of several training sets, the last one
        record["windows"] = json.loads(windows[-1])
    record["seconds"] = round(time.monotonic() - start, 1)
    write_record(backend.unfinished_model_dir(record["model_instance"]), record)


def _input_digests(backend: BackendFolder) -> list[dict[str, str]]:
    """Return names and SHA-1 of the label files and tracker files in data/raw."""
    raw = backend.data_dirs()[0]
    return [
        {"filename": utf8_name(file.relative_to(raw).as_posix()), "sha1": sha1(file)}
        for file in backend.list_input_files()
        if is_label_file(file) or tracker_format(file) is not None
    ]


def run_prediction(backend: BackendFolder, options: Mapping[str, Any]) -> list[Path]:
    """Run predict_model, then complete and return the label files that it wrote or changed."""
    required_script(backend, "predict_model")
    return _run_prediction(backend, checked(backend, options, "predict_model"))


def _run_prediction(backend: BackendFolder, options: Options) -> list[Path]:
    script = required_script(backend, "predict_model")
    before, known = _label_files(backend), software(backend)
    _run(backend, script, options)
    new = [file for file, now in _label_files(backend).items() if before.get(file) != now]
    if new:
        complete(backend, progress(new, "completing"), known)
    return new


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
    check_prediction(backend)
    return _predict(backend, checked(backend, options, "predict_model", skip, refuse_unknown), skip)


def _predict(backend: BackendFolder, options: Options, skip: Iterable[str]) -> list[Path]:
    backend.check_data_dirs(backend.data_dirs()[-1])
    if backend.sandbox is not None:  # mark the folders first, so that reset works after a failure
        for mark in (backend.raw_data_dir, backend.interim_data_dir, backend.processed_data_dir):
            mark()
    before = _stamps(backend.list_input_files())
    with _reporting(backend, options):
        _prepare(backend, options, skip)
        predicted = _run_prediction(backend, options)
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
    check_prediction(backend)
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
    options: Options,
    force: bool = False,
    skip: Iterable[str] = (),
    before_pull: Callable[[], object] = lambda: None,
    replacing: Mapping[Path, Stamp | None] | None = None,
    link: bool = False,
) -> list[Path]:
    """Do what `predict_files` does, in a sandbox that the caller holds and removes.

    Parameters
    ----------
    backend, files, force, skip, link
        As for `predict_files`.
    options : dict
        As `checked` returns them.
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
    """Return the recordings in data/raw, with the label files that predict_model should write."""
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
    options: Options,
    output: str | PathLike[str] | None,
    force: bool,
    skip: Iterable[str],
    before_pull: Callable[[], object] = lambda: None,
) -> list[Path]:
    predicted = _predict(backend, options, skip)
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
    prefer: Sequence[str] = (),
    on_input: Callable[[TrainingInput], object] = lambda found: None,
) -> str:
    """Run make_dataset, build_features and train_model, and record what the model was trained on.

    Parameters
    ----------
    backend : BackendFolder
        With the model instance to train. Without one, `files` are required and the new instance
        is named by the local time.
    files : sequence of path
        Files to push first, into the sandbox `TRAINING_INPUT`. If empty, the input is what data/raw
        holds for the instance, or else what an earlier training has pushed.
    options, skip
        As for `predict`.
    force : bool
        Replace an existing model.
    step : str
        The training script, train_model or finetune_model.
    choice : Choice
        Which of the files to push, for any purpose.
    prefer : sequence of str
        Patterns that choose among several label files of a recording, see `training_input`.
    on_input : callable
        Called with what the model is going to be trained on, before a script runs.

    Returns
    -------
    str
        The model instance.

    Raises
    ------
    OptionError
        As for `predict`.
    BackendError
        ``existing-model``, ``no-input``, ``missing-script``, ``missing-package``, and
        ``repeated-labels``, see `training_input`. Raised before a script runs.
    LabelFileError
        A label file is invalid. Raised before a script runs.
    ScriptError
        A script failed. No model is created, and an existing one is unchanged.

    Warns
    -----
    BackendWarning
        A script failed; the pushed input is kept.
    UserWarning
        Labels may be wrong, see `TrainingInput.remarks`, or no script took one of the options. The
        input of a killed training was removed.
    """
    skip = tuple(skip)
    script = required_script(backend, step)
    options = checked(backend, options, step, skip)
    chosen = backend.model_instance is None
    if chosen:
        if not files:
            fix = "name files, or the instance that has the input with model_instance=..."
            raise BackendError("no-input", f"{step} needs input", fix)
        backend.check_data_dirs(backend.data_folder / "raw")
        remove_dead_claims(backend)
        backend = claim_instance(backend)
    instance = backend.required_instance(step)
    remove_dead_folders()
    with ExitStack() as stack:
        stack.callback(_remove_empty, backend.data_dirs()[0])
        environment = stack.enter_context(unfinished_model(backend, force))
        if chosen:
            stack.enter_context(claimed(backend))
        choice = choice._replace(purpose="train")
        sources = collect(backend, files, choice) if files else {}
        training = _with_input(backend, bool(files))
        if training.sandbox is not None:
            stack.enter_context(sandboxes.hold(training))
            stack.callback(sandboxes.remove_if_empty, training.data_dirs()[0])
        raw = training.data_dirs()[0]
        if not files:
            sources = {file.relative_to(raw): file for file in training.list_input_files()}
        found = _checked_input(sources, files, options, prefer)
        on_input(found)
        kept = {name: file for name, file in sources.items() if file not in found.left_out}
        if files:
            push_collected(training, kept, alone=True)
            sandboxes.mark_training(training)
        else:
            stack.enter_context(_not_listed(found.left_out))
        names = {file: name.as_posix() for name, file in sources.items()}
        trained_on = _entries_of(found, names)
        try:
            _run_and_record(training, script, options, environment, trained_on, skip)
        except BaseException:
            if files:
                whole = backend if chosen else training
                _warn_kept(f"input is kept in {whole.data_dirs()[0]}", whole)
            raise
    return instance


def _with_input(backend: BackendFolder, pushing: bool) -> BackendFolder:
    """Return the instance or its sandbox that has the input of a training, or will have it."""
    pushed = backend.with_instance(backend.required_instance("training"), TRAINING_INPUT)
    if pushing:
        return pushed
    places = [place for place in (backend, pushed) if place.list_input_files()]
    if not places:
        problem = f"no input in {backend.data_dirs()[0]}"
        raise BackendError("no-input", problem, "name files, or add them with push(...)")
    if len(places) > 1:
        both = " and ".join(str(place.data_dirs()[0]) for place in places)
        fix = (
            f"name files, or remove the input of the last training with {pushed.call('reset_data')}"
        )
        raise BackendError("existing-file", f"expected input in one place, found it in {both}", fix)
    return places[0]


def find_training_input(
    backend: BackendFolder,
    files: Sequence[str | PathLike[str]],
    options: Options,
    prefer: Sequence[str] = (),
    choice: Choice = USUAL_FILES,
) -> TrainingInput:
    """Return what `train` would train on, with its errors and warnings about the input.

    Parameters
    ----------
    backend, files, prefer, choice
        As for `train`.
    options : dict
        As `checked` returns them.
    """
    sources = collect(backend, files, choice._replace(purpose="train"))
    return _checked_input(sources, files, options, prefer)


def _checked_input(
    sources: Mapping[Path, Path],
    files: Sequence[str | PathLike[str]],
    options: Options,
    prefer: Sequence[str],
) -> TrainingInput:
    """Return what a model is going to be trained on, and warn of what may be wrong."""
    named = {Path(os.path.abspath(file)) for file in files}  # noqa: PTH100 - as in `collect`
    found: TrainingInput = _training_input(
        list(sources.values()), named, prefer, _of_tracker(options)
    )
    for sentences in found.remarks.values():
        warn_of_each(sentences, stacklevel=3)
    return found


def _of_tracker(options: Options) -> dict[str, Any]:
    try:
        return TRACKER.keywords(options)
    except OptionError:  # the script reports it
        return {}


@contextmanager
def _not_listed(files: Collection[Path]) -> Iterator[None]:
    """Leave files out of the input that scripts list."""
    if not files:
        yield
        return
    with temporary_folder() as folder:
        path = folder / "left-out"
        path.write_bytes(b"".join(os.fsencode(file) + b"\0" for file in files))
        os.environ[NOT_LISTED] = str(path)
        try:
            yield
        finally:
            del os.environ[NOT_LISTED]


def _entries_of(found: TrainingInput, names: Mapping[Path, str]) -> dict[str, Any]:
    """Return the entries of a training's record about its input."""
    labels = {
        name: {"frames": n, "recordings": found.recordings_by_label[name]}
        for name, n in found.frames_by_label.items()
    }
    counts = ("undefined", "edited", "recordings", "larvae", "frames", "unlabelled")
    files = {utf8_name(names[file]): digest for file, digest in found.files.items()}
    return {
        "labels": labels,
        **{name: getattr(found, name) for name in counts},
        "left_out": [
            {"filename": utf8_name(names[file]), "why": why} for file, why in found.left_out.items()
        ],
        "remarks": [sentence for sentences in found.remarks.values() for sentence in sentences],
        "files": [{"filename": name, "sha1": files[name]} for name in sorted(files)],
    }


def _warn_kept(problem: str, backend: BackendFolder) -> None:
    fix = f"remove with {backend.call('reset_data')}"
    warnings.warn(BackendWarning(problem, fix), stacklevel=3)


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
    prefer: Sequence[str] = (),
    on_input: Callable[[TrainingInput], object] = lambda found: None,
) -> str:
    """Run make_dataset, build_features and finetune_model. See `train`.

    The script receives `original` as the option ``original_model_instance``.
    """
    backend.check_model(original)
    if original == backend.model_instance:
        problem = f"expected a new instance for the finetuned model, found the original {original}"
        raise BackendError("existing-model", problem, "name another with model_instance=...")
    options = {"original_model_instance": original, **options}
    return train(backend, files, options, force, skip, "finetune_model", choice, prefer, on_input)


def _prepare(backend: BackendFolder, options: Options, skip: Iterable[str]) -> None:
    for step in PREPARING:
        script = None if step in skip else backend.find_script(step)
        if script is not None:
            _run(backend, script, options)


def required_script(backend: BackendFolder, step: str) -> Path:
    """Return the script of a step; raise `BackendError` if it is missing or cannot be run."""
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
    options: Options,
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
def _reporting(backend: BackendFolder, options: Mapping[str, Any]) -> Iterator[list[list[str]]]:
    """Warn, after scripts have run, of what they left out, and of options that none took.

    Yield a list, which has all notes of the scripts afterwards.
    """
    notes: list[list[str]] = []
    try:
        with collected_notes() as notes:
            yield notes
    finally:
        left_out: dict[str, dict[str, None]] = {}
        for kind, file, *sentences in (note for note in notes if len(note) > 1):
            if kind == LEFT_OUT:
                left_out.setdefault(file, {}).update(dict.fromkeys(sentences))
        files = origins_of(backend, list(map(Path, left_out)))
        pairs = zip(files, left_out.values(), strict=True)
        warn_of_each([LeftOutWarning(file, list(sentences)) for file, sentences in pairs], 3)
    taken = [set(texts) for kind, *texts in notes if kind == TAKEN]
    given = {name for name, value in options.items() if value is not None and value is not False}
    for name in given - set().union(*taken) if taken else ():
        warnings.warn(f"no script took the option --{name.replace('_', '-')}", stacklevel=3)
