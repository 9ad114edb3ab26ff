"""Keep a model in a hidden folder until its training has succeeded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from taggingbackends.backend.folder import TRAINING, BackendFolder
from taggingbackends.backend.identifiers import new_instance
from taggingbackends.errors import BackendError
from taggingbackends.system.locks import locked
from taggingbackends.system.processes import keeping

__all__ = ["claim_instance", "not_in_training", "unfinished_model"]


def claim_instance(backend: BackendFolder) -> BackendFolder:
    """Return a `BackendFolder` with a new instance, named by the local time.

    The folder of the instance in data/raw is created, so no other process can claim the name.
    """
    while True:
        taken = {*backend.list_models(), *(path.name for path in _raw(backend).glob("*"))}
        instance = new_instance(taken)
        try:
            (_raw(backend) / instance).mkdir(parents=True)
        except FileExistsError:
            continue
        return BackendFolder(backend.project_dir, instance)


@contextmanager
def unfinished_model(backend: BackendFolder, force: bool = False) -> Iterator[dict[str, str]]:
    """Create a model that appears only if the block succeeds.

    Within the block, models/.<instance>.partial exists; it is empty at first. Afterwards it is
    renamed to models/<instance>, or removed if the block raised an exception. Leftovers of a
    killed training are removed.

    Parameters
    ----------
    backend : BackendFolder
        With a model instance.
    force : bool
        Replace an existing model once the new one is complete.

    Yields
    ------
    dict
        Environment variables for the training process. They make ``model_dir()`` return the
        hidden folder.

    Raises
    ------
    BackendError
        ``existing-model``: the model exists, or another process is training it.
    """
    instance = backend.required_instance("training")
    backend.models_folder.mkdir(exist_ok=True)
    with not_in_training(backend, "name another with model_instance=..."):
        yield from _make(backend, instance, force)


@contextmanager
def not_in_training(backend: BackendFolder, fix: str) -> Iterator[None]:
    """Hold the lock of a training, so that no other process trains the instance in the block.

    Raises
    ------
    BackendError
        ``existing-model``: another process is training the instance.
    """
    instance = backend.required_instance("training")
    with ExitStack() as stack:
        try:
            descriptor = stack.enter_context(locked(backend.training_lock(instance)))
        except BlockingIOError:
            problem = f"another training of {instance} is under way"
            raise BackendError("existing-model", problem, fix) from None
        with keeping(descriptor):  # a script may outlive this process
            yield


def _make(backend: BackendFolder, instance: str, force: bool) -> Iterator[dict[str, str]]:
    model = backend.trained_model_dir(instance)
    unfinished = backend.unfinished_model_dir(instance)
    replaced = backend.replaced_model_dir(instance)
    if replaced.exists() and not model.exists():
        replaced.rename(model)  # a training was killed between two renames
    if model.exists() and not force:
        problem = f"model {instance} exists already in {model.parent}"
        fix = "name another with model_instance=..., or replace it with force=True"
        raise BackendError("existing-model", problem, fix)
    before = model.exists()
    _remove(unfinished)
    unfinished.mkdir()
    succeeded = False
    try:
        yield {TRAINING: instance}
        succeeded = True
    except SystemExit as error:
        succeeded = error.code in (None, 0)
        raise
    finally:
        try:
            if succeeded:
                _put(unfinished, model, replaced, before)
        finally:
            _remove(unfinished)


def _put(unfinished: Path, model: Path, replaced: Path, replace: bool) -> None:
    if model.exists() and not replace:
        fix = "the script should write into backend.model_dir()"
        raise BackendError("existing-model", f"{model}: expected no such folder yet", fix)
    _remove(replaced)
    try:
        if model.exists():
            model.rename(replaced)
        unfinished.rename(model)
    except BaseException:
        if replaced.exists() and not model.exists():
            replaced.rename(model)
        raise
    _remove(replaced)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _raw(backend: BackendFolder) -> Path:
    return backend.data_folder / "raw"
