"""Label all recordings below some folders, except those with labels that must stay."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from taggingbackends.backend.folder import BackendFolder
from taggingbackends.backend.inputfiles import warn_of_unreadable
from taggingbackends.backend.prediction import check_prediction
from taggingbackends.backend.running import checked
from taggingbackends.backend.sandboxes import remove_dead
from taggingbackends.backend.staging import NOT_THERE, broken_link
from taggingbackends.backend.trainingrecord import model_digest, state_of
from taggingbackends.errors import BackendError, TrackFileError
from taggingbackends.many.discovery import discover
from taggingbackends.many.executors import Executor
from taggingbackends.many.labelling import Outcome, Result, Task
from taggingbackends.system.messages import describe

__all__ = ["Plan", "label_all", "plan"]


class Plan(NamedTuple):
    """The tasks, and what cannot be labelled.

    Attributes
    ----------
    tasks : list of Task
    failed : list of Outcome
        Those of recordings and folders that cannot be used.
    near_misses : dict
        File that looks like a tracker file, but is in no known format -> the error.
    """

    tasks: list[Task]
    failed: list[Outcome]
    near_misses: Mapping[Path, Exception]


def plan(
    backend: BackendFolder,
    roots: Sequence[str | PathLike[str]],
    options: Mapping[str, Any],
    force: bool = False,
    skip: Iterable[str] = (),
    link: bool = False,
    format: str | None = None,
) -> Plan:
    """Find the recordings below folders. No script is run and no label file is read.

    Parameters
    ----------
    backend : BackendFolder
        With a model instance.
    roots : sequence of path
        The folders to search.
    options, skip
        As for `prediction.predict`.
    force : bool
        Label recordings that have labels, too. Replace the labels, whoever made them.
    link : bool
        Link the input of the scripts instead of copying it.
    format : str, optional
        Label only recordings in this format.

    Raises
    ------
    OptionError
        As for `prediction.predict`.
    BackendError
        ``unknown-model``, ``missing-script``, ``ambiguous-script``. ``no-input``: there are no
        recordings, or a root is not a folder. ``unusable-data``: no sandbox can be created.
        ``unknown-format``.

    Warns
    -----
    UserWarning
        Sandboxes of killed commands were removed, or cannot be removed. There are no recordings,
        and files that look like tracker files cannot be read.
    """
    skip = tuple(skip)
    check_prediction(backend)
    options = checked(backend, options, "predict_model", skip)
    backend.check_data_dirs()
    instance = backend.required_instance("predict")
    found, unusable = discover(backend, roots, format)
    near_misses = {x: e for x, e in unusable.items() if isinstance(e, TrackFileError)}
    unusable = {x: e for x, e in unusable.items() if x not in near_misses}
    if not found and not unusable:
        warn_of_unreadable(near_misses)
        places = ", ".join(map(str, roots))
        which = "of a known format" if format is None else f"in the format {format}"
        raise BackendError("no-input", f"no recording {which} below {places}")
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
            skip=skip,
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
    return Plan(tasks, failed, near_misses)


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
    while tasks:
        busy: set[Path] = set()
        with closing(executor.run(tasks)) as outcomes:
            for outcome in outcomes:
                if outcome.result is Result.BUSY:
                    busy.add(outcome.recording)
                else:
                    yield outcome
        # a batch waits for its first recording only, so there may be others left
        tasks = [task._replace(wait=True) for task in tasks if task.files[0] in busy]
