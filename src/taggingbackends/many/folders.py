"""Label all recordings below some folders, except those with labels that must stay."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from taggingbackends.backend.folder import BackendFolder
from taggingbackends.backend.pipeline import check_prediction
from taggingbackends.backend.sandboxes import remove_dead
from taggingbackends.backend.staging import NOT_THERE, broken_link
from taggingbackends.backend.trainingrecord import model_digest, state_of
from taggingbackends.errors import BackendError
from taggingbackends.many.discovery import discover
from taggingbackends.many.executors import Executor
from taggingbackends.many.labelling import Outcome, Result, Task
from taggingbackends.system.messages import describe

__all__ = ["Plan", "label_all", "plan"]


class Plan(NamedTuple):
    """The tasks, and the outcomes of recordings and folders that cannot be used."""

    tasks: list[Task]
    failed: list[Outcome]


def plan(
    backend: BackendFolder,
    roots: Sequence[str | PathLike[str]],
    options: Mapping[str, Any],
    force: bool = False,
    skip: Iterable[str] = (),
    link: bool = False,
) -> Plan:
    """Find the recordings below folders. No script is run and no label file is read.

    Parameters
    ----------
    backend : BackendFolder
        With a model instance.
    roots : sequence of path
        The folders to search.
    options, skip
        As for `pipeline.predict`.
    force : bool
        Label recordings that have labels, too. Replace the labels, whoever made them.
    link : bool
        Link the input of the scripts instead of copying it.

    Raises
    ------
    BackendError
        ``unknown-model``, ``missing-script``, ``ambiguous-script``. ``no-input``: there are no
        recordings, or a root is not a folder. ``unusable-data``: no sandbox can be created.

    Warns
    -----
    UserWarning
        Sandboxes of killed commands were removed, or cannot be removed.
    """
    check_prediction(backend)
    backend.check_data_dirs()
    instance = backend.required_instance("predict")
    found, unusable = discover(backend, roots)
    if not found and not unusable:
        places = ", ".join(map(str, roots))
        raise BackendError("no-input", f"no recording of a known format below {places}")
    remove_dead(backend)
    model = backend.model_dir()
    digests = {state_of(model): model_digest(model)}
    tasks = [
        Task(
            project_dir=backend.project_dir,
            model_instance=instance,
            files=files,
            place=place,
            options=options,
            skip=tuple(skip),
            force=force,
            data_folder=backend.data_folder,
            digests=digests,
            link=link,
        )
        for files, place in found
    ]
    failed = [
        Outcome(path, Result.FAILED, why=_why(path, error)) for path, error in unusable.items()
    ]
    return Plan(tasks, failed)


def _why(path: Path, error: Exception) -> str:
    """Return the message of an error without the path that it is reported for."""
    if isinstance(error, OSError) and error.errno in NOT_THERE and path.is_symlink():
        error = broken_link(path)
    return describe(error).removeprefix(f"{path}: ")


def label_all(tasks: Sequence[Task], executor: Executor) -> Generator[Outcome, None, None]:
    """Label recordings and yield each outcome once it is known.

    Recordings that another process is labelling come last, since they are usually up to date by
    then.
    """
    busy: set[Path] = set()
    with closing(executor.run(tasks)) as outcomes:
        for outcome in outcomes:
            if outcome.result is Result.BUSY:
                busy.add(outcome.recording)
            else:
                yield outcome
    again = [task._replace(wait=True) for task in tasks if task.files[0] in busy]
    if again:
        with closing(executor.run(again)) as outcomes:
            yield from outcomes
