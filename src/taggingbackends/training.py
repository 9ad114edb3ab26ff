"""A model in the making: in a hidden folder beside, until the training has succeeded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from taggingbackends.errors import BackendError
from taggingbackends.explorer import TRAINING, BackendExplorer

__all__ = ["check_new_model", "model_in_the_making"]


def check_new_model(backend: BackendExplorer, instance: str, force: bool = False) -> None:
    """Raise ``existing-model`` if the instance is a model, or in the making, already."""
    if force:
        return
    if instance in backend.list_models():
        problem = (
            f"model {instance} exists already in {backend.project_dir / 'models'}: "
            "name another --model-instance, or replace it with --force"
        )
        raise BackendError("existing-model", problem)
    partial = backend.partial_model_dir(instance)
    if partial.exists():
        problem = (
            f"{partial}: another training of this instance is under way, or was killed; "
            "in that case start over with --force"
        )
        raise BackendError("existing-model", problem)


@contextmanager
def model_in_the_making(backend: BackendExplorer, force: bool = False) -> Iterator[dict[str, str]]:
    """Make the explorer's instance appear as a model when the block succeeds, and only then.

    Inside, models/.<instance>.partial is there, empty at first; afterwards it is renamed to
    models/<instance>, or removed if the block raised.

    Parameters
    ----------
    backend : BackendExplorer
        With a model instance.
    force : bool
        Replace an old model of this name, once the new one is there.

    Yields
    ------
    dict
        The environment variables that make ``model_dir()`` the folder to write into, for a
        process to be started.

    Raises
    ------
    BackendError
        ``existing-model``.
    """
    instance = backend._instance("training")
    check_new_model(backend, instance, force)
    model = backend.project_dir / "models" / instance
    partial = backend.partial_model_dir(instance)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield {TRAINING: instance}
        _put(partial, model, force)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _put(partial: Path, model: Path, force: bool) -> None:
    replaced = model.with_name(f".{model.name}.replaced")
    if model.exists():
        if not force:
            problem = (
                f"{model}: expected no such folder yet; the script should write into "
                "backend.model_dir()"
            )
            raise BackendError("existing-model", problem)
        shutil.rmtree(replaced, ignore_errors=True)
        model.rename(replaced)
    try:
        partial.rename(model)
    except BaseException:
        if replaced.exists():
            replaced.rename(model)
        raise
    shutil.rmtree(replaced, ignore_errors=True)
