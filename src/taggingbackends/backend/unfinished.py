"""Keep a model in a hidden folder until its training has succeeded; replace and remove models.

At any moment, also after a kill or a power failure, a model is complete or not there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from taggingbackends.backend.folder import TRAINING, BackendFolder
from taggingbackends.errors import BackendError
from taggingbackends.system.files import remove_folder, sync_folder, sync_tree
from taggingbackends.system.locks import locked
from taggingbackends.system.renames import exchange

__all__ = ["remove_model", "unfinished_model"]


@contextmanager
def unfinished_model(backend: BackendFolder, force: bool = False) -> Iterator[dict[str, str]]:
    """Create a model that appears only if the block succeeds.

    Within the block, models/.<instance>.partial exists; it is empty at first. Afterwards it is
    written to the disk and renamed to models/<instance>, or removed if the block raised an
    exception. Leftovers of a killed training are removed first.

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
    OSError
        The model cannot be written to the disk, or a leftover cannot be removed.
    """
    instance = backend.required_instance("training")
    backend.models_folder.mkdir(exist_ok=True)
    with _not_in_training(backend, "name another with model_instance=..."):
        yield from _make(backend, instance, force)


def remove_model(backend: BackendFolder) -> list[Path]:
    """Remove a model and any leftovers of a killed training. See `reset_model`."""
    instance = backend.required_instance("reset_model")
    model, removed = backend.trained_model_dir(instance), backend.removed_model_dir(instance)
    unfinished = backend.unfinished_model_dir(instance)
    replaced = backend.replaced_model_dir(instance)
    if not model.parent.is_dir():
        return []
    with _not_in_training(backend, "wait for it, or end it"):
        found = [path for path in (model, unfinished, replaced, removed) if os.path.lexists(path)]
        for folder in reversed(found):  # without the new model, the replaced one would be used
            _discard(folder, removed)
        return found


@contextmanager
def _not_in_training(backend: BackendFolder, fix: str) -> Iterator[None]:
    """Hold the lock of a training, so that no other process trains the instance in the block."""
    instance = backend.required_instance("training")
    with ExitStack() as stack:
        try:
            # a script may outlive this process
            stack.enter_context(locked(backend.training_lock(instance), inherited=True))
        except BlockingIOError:
            problem = f"another training of {instance} is under way"
            raise BackendError("existing-model", problem, fix) from None
        yield


def _make(backend: BackendFolder, instance: str, force: bool) -> Iterator[dict[str, str]]:
    model, removed = backend.trained_model_dir(instance), backend.removed_model_dir(instance)
    unfinished = backend.unfinished_model_dir(instance)
    replaced = backend.replaced_model_dir(instance)
    before = os.path.lexists(model)
    if not before and replaced.exists():  # a training was killed between its two renames
        replaced.rename(model)
        before = True
    if before and not force:
        problem = f"model {instance} exists already in {model.parent}"
        fix = "name another with model_instance=..., or replace it with force=True"
        raise BackendError("existing-model", problem, fix)
    for folder in (removed, unfinished, replaced):
        _discard(folder, removed)
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
            with suppress(OSError):  # `check` lists what is left
                _discard(unfinished, removed)
                if os.path.lexists(model):
                    _discard(replaced, removed)


def _put(unfinished: Path, model: Path, replaced: Path, replace: bool) -> None:
    """Put a model in its place, with the old one left in a hidden folder."""
    there = os.path.lexists(model)
    if there and not replace:
        fix = "the script should write into backend.model_dir()"
        raise BackendError("existing-model", f"{model}: expected no such folder yet", fix)
    sync_tree(unfinished)
    if not there:
        unfinished.rename(model)
    elif not exchange(unfinished, model):
        try:
            model.rename(replaced)
            unfinished.rename(model)
        except BaseException:
            if not os.path.lexists(model):
                replaced.rename(model)
            raise
    sync_folder(model.parent)


def _discard(folder: Path, removed: Path) -> None:
    """Remove a folder, under a name by which a part of it is never taken for a model."""
    if not os.path.lexists(folder):
        return
    if folder != removed:
        remove_folder(removed)
        folder.rename(removed)
        sync_folder(removed.parent)
    remove_folder(removed)
