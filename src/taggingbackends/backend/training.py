"""Train models on the input in data/raw, or on files."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taggingbackends.backend import sandboxes
from taggingbackends.backend.claims import claim_instance, claimed, remove_dead_claims
from taggingbackends.backend.folder import NOT_LISTED, TRAINING_INPUT, BackendFolder
from taggingbackends.backend.inputfiles import USUAL_FILES, Choice
from taggingbackends.backend.options import OptionError, Options
from taggingbackends.backend.optiontypes import TRACKER, Signature
from taggingbackends.backend.running import (
    prepare,
    reporting,
    required_script,
    run_script,
    warn_kept,
)
from taggingbackends.backend.signatures import PREPARING, check_options, read_signatures
from taggingbackends.backend.staging import collect, push_collected
from taggingbackends.backend.trainingrecord import new_record, write_record
from taggingbackends.backend.unfinished import unfinished_model
from taggingbackends.data.formats import is_label_file, tracker_format
from taggingbackends.errors import BackendError
from taggingbackends.system.files import sha1
from taggingbackends.system.lazy import lazy_function
from taggingbackends.system.messages import warn_of_each
from taggingbackends.system.names import utf8_name
from taggingbackends.system.notes import WINDOWS
from taggingbackends.system.temporaries import remove_dead_folders, temporary_folder

if TYPE_CHECKING:
    from taggingbackends.analysis.traininginput import TrainingInput

__all__ = [
    "find_training_input",
    "finetune",
    "run_training",
    "train",
]

# needs numpy
_training_input = lazy_function("taggingbackends.analysis.traininginput", "training_input")


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
        As `check_options` returns them.
    """
    sources = collect(backend, files, choice._replace(purpose="train"))
    return _checked_input(sources, files, options, prefer)


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
    signatures = read_signatures(backend, [step], skip)
    options = check_options(signatures, options)
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
            _run_and_record(
                training, script, options, signatures[script], environment, trained_on, skip
            )
        except BaseException:
            if files:
                whole = backend if chosen else training
                warn_kept(f"input is kept in {whole.data_dirs()[0]}", whole)
            raise
    return instance


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


def run_training(
    backend: BackendFolder, step: str, options: Mapping[str, Any], force: bool = False
) -> None:
    """Run train_model or finetune_model. The model appears only if the script succeeds."""
    script = required_script(backend, step)
    signatures = read_signatures(backend, [step], PREPARING)
    options = check_options(signatures, options)
    with unfinished_model(backend, force) as environment:
        trained_on = {"files": _input_digests(backend)}
        _run_and_record(backend, script, options, signatures[script], environment, trained_on)


def _run_and_record(
    backend: BackendFolder,
    script: Path,
    options: Options,
    signature: Signature | None,
    environment: Mapping[str, str],
    trained_on: Mapping[str, Any],
    skip: Iterable[str] = PREPARING,
) -> None:
    """Run the scripts of a training, and write its record into the unfinished model."""
    record = new_record(backend, script.stem, options, signature, trained_on)
    start = time.monotonic()
    with reporting(backend, options) as notes:
        prepare(backend, options, skip)
        run_script(backend, script, options, environment)
    windows = [texts[0] for kind, *texts in notes if kind == WINDOWS]
    if windows:  # of several training sets, the last one
        record["windows"] = json.loads(windows[-1])
    record["seconds"] = round(time.monotonic() - start, 2)
    write_record(backend.unfinished_model_dir(record["model_instance"]), record)


def _input_digests(backend: BackendFolder) -> list[dict[str, str]]:
    """Return names and SHA-1 of the label files and tracker files in data/raw."""
    raw = backend.data_dirs()[0]
    return [
        {"filename": utf8_name(file.relative_to(raw).as_posix()), "sha1": sha1(file)}
        for file in backend.list_input_files()
        if is_label_file(file) or tracker_format(file) is not None
    ]


def _with_input(backend: BackendFolder, pushing: bool) -> BackendFolder:
    """Return the instance or its sandbox that has the input of a training, or will have it."""
    pushed = backend.with_instance(backend.required_instance("training"), TRAINING_INPUT)
    if pushing:
        return pushed
    places = [place for place in (backend, pushed) if place.list_input_files()]
    if not places:
        problem = f"no input in {backend.data_dirs()[0]}"
        fix = f"name files, or add them with {backend.call('push', '...')}"
        raise BackendError("no-input", problem, fix)
    if len(places) > 1:
        both = " and ".join(str(place.data_dirs()[0]) for place in places)
        fix = (
            f"name files, or remove the input of the last training with {pushed.call('reset_data')}"
        )
        raise BackendError("existing-file", f"expected input in one place, found it in {both}", fix)
    return places[0]


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


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()
