"""Model instances whose name a training command chose, and their input.

While the command runs, the instance's folder in data/raw has a mark. It names the backend, since
several may share the data. If the mark is there and the instance is not in training, the command
was killed. Nobody else knew the name, and the input is a copy, so the next such command removes it.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from taggingbackends.backend.folder import BackendFolder
from taggingbackends.backend.identifiers import new_instance
from taggingbackends.backend.sandboxes import remove_marked
from taggingbackends.system.files import remove_folder
from taggingbackends.system.locks import locked_if_free
from taggingbackends.system.names import is_identifier

__all__ = ["claim_instance", "claimed", "dead_claims", "remove_dead_claims"]

_MARK = ".training"


def claim_instance(backend: BackendFolder) -> BackendFolder:
    """Return a `BackendFolder` with a new instance, named by the local time.

    The folder of the instance in data/raw is created, so no other process can claim the name.
    """
    raw = backend.data_folder / "raw"
    while True:
        instance = new_instance({*backend.list_models(), *(path.name for path in raw.glob("*"))})
        try:
            (raw / instance).mkdir(parents=True)
        except FileExistsError:
            continue
        return backend.with_instance(instance)


@contextmanager
def claimed(backend: BackendFolder) -> Iterator[None]:
    """Mark the input as that of a running training. The caller holds the lock of the training."""
    mark = backend.raw_data_dir() / _MARK
    mark.write_bytes(os.fsencode(backend.project_dir))
    try:
        yield
    finally:
        mark.unlink(missing_ok=True)


def dead_claims(backend: BackendFolder) -> list[Path]:
    """Return the folders in data/raw with the input of killed trainings, which have no model."""
    folders = [claim.data_dirs()[0] for claim in _dead(backend)]
    return [raw for raw in folders if not backend.trained_model_dir(raw.name).exists()]


def remove_dead_claims(backend: BackendFolder) -> None:
    """Remove the input of killed trainings, and the files of their models.

    Warns
    -----
    UserWarning
        What was removed, and what cannot be removed.
    """
    for claim in _dead(backend):
        raw, *others = claim.data_dirs()
        if claim.trained_model_dir(raw.name).exists():  # killed after it had succeeded
            (raw / _MARK).unlink(missing_ok=True)
            continue
        try:
            remove_folder(claim.unfinished_model_dir(raw.name))
            for folder in (*others, raw):
                if folder.exists():
                    remove_marked(folder, _MARK)
        except OSError as error:
            where = error.filename or raw
            warnings.warn(f"{where}: cannot be removed ({error.strerror or error})", stacklevel=2)
        else:
            warnings.warn(f"{raw}: removed the input of a killed training", stacklevel=2)


def _dead(backend: BackendFolder) -> Iterator[BackendFolder]:
    """Yield the instances whose training was killed. Hold the lock of each meanwhile."""
    for mark in sorted((backend.data_folder / "raw").glob(f"*/{_MARK}")):
        name = mark.parent.name
        if not (is_identifier(name) and _names(mark, backend)):
            continue
        with locked_if_free(backend.training_lock(name)) as held:
            if held and mark.exists():
                yield backend.with_instance(name)


def _names(mark: Path, backend: BackendFolder) -> bool:
    with suppress(OSError):  # of another user, or ended in the meantime
        return mark.read_bytes() == os.fsencode(backend.project_dir)
    return False
