"""Label one recording of many, if needed, in its own process and sandbox."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from taggingbackends.backend.folder import BackendFolder
from taggingbackends.backend.options import Options
from taggingbackends.backend.provenance import Status
from taggingbackends.backend.trainingrecord import DIGESTS
from taggingbackends.data.formats import stem_of
from taggingbackends.many.labelstatus import label_files, label_status
from taggingbackends.many.workers import Processes, ask
from taggingbackends.system.files import Stamp, stamp
from taggingbackends.system.messages import describe
from taggingbackends.system.temporaries import clean_once

__all__ = [
    "Outcome",
    "Result",
    "Task",
    "label_recording",
    "settled",
]


class Task(NamedTuple):
    """A recording to label. A task can be sent to another process or machine.

    Attributes
    ----------
    project_dir, model_instance
        The backend and its model.
    files : tuple of Path
        Absolute paths of the tracker files.
    place : Path
        The path for the labels.
    options : dict
        As `running.checked` returns them.
    skip : tuple of str
        As for `prediction.predict`.
    force : bool
        Replace existing labels, whoever made them.
    wait : bool
        Wait for another process that is labelling this recording.
    data_folder : Path, optional
        As for `BackendExplorer`.
    digests : mapping
        `trainingrecord.DIGESTS`, so that the model is read once and not by each process.
    link : bool
        Link the tracker files instead of copying them.
    """

    project_dir: Path
    model_instance: str
    files: tuple[Path, ...]
    place: Path
    options: Options
    skip: tuple[str, ...] = ()
    force: bool = False
    wait: bool = False
    data_folder: Path | None = None
    digests: Mapping[str, str] = {}
    link: bool = False

    def backend(self) -> BackendFolder:
        """Return the backend with the sandbox of this recording."""
        import hashlib

        # The name depends only on the recording. So processes can lock it, and the next process
        # finds the leftovers of a killed one.
        where = os.path.join(os.path.realpath(self.place.parent), stem_of(self.files[0]))  # noqa: PTH118
        digest = hashlib.sha1(os.fsencode(where)).hexdigest()[:16]
        sandbox = f"recording-{digest}"
        return BackendFolder(self.project_dir, self.model_instance, sandbox, self.data_folder)


class Result(Enum):
    """The result for a recording."""

    LABELLED = "labelled"
    CURRENT = "up to date"
    LEFT = "left alone"
    FAILED = "failed"
    BUSY = "busy"


class Outcome(NamedTuple):
    """The result for a recording, and the reason for it.

    Attributes
    ----------
    recording : Path
        The file of the recording that is loaded first, or a path that cannot be read.
    result : Result
    labels : tuple of Path
        The label files that were written or that exist already.
    why : str
        The reason if the recording was left alone or failed, in one line. If its labels are up to
        date, what is unknown about them.
    step : str
        The script that failed, or "".
    warnings : tuple of str
    left_out : str
        What the tracker files contain and the labels lack, or "".
    seconds : float
        Time that labelling took, s; 0 if nothing was done.
    """

    recording: Path
    result: Result
    labels: tuple[Path, ...] = ()
    why: str = ""
    step: str = ""
    warnings: tuple[str, ...] = ()
    left_out: str = ""
    seconds: float = 0.0


def label_recording(task: Task, processes: Processes | None = None) -> Outcome:
    """Label a recording unless its labels are up to date or not made by this backend and model.

    Parameters
    ----------
    task : Task
    processes : Processes, optional
        The group that the process for this recording joins.

    Notes
    -----
    Errors of the recording, the backend's scripts or the file system are not raised. They give
    an outcome with `Result.FAILED`.
    """
    start = time.monotonic()
    try:
        outcome = _looked_at(task) or _in_process(task, processes or Processes())
    except Exception as error:  # other recordings go on after any error
        return Outcome(task.files[0], Result.FAILED, why=describe(error) or type(error).__name__)
    if outcome.result in (Result.LABELLED, Result.FAILED):
        return outcome._replace(seconds=time.monotonic() - start)
    return outcome


def settled(task: Task) -> tuple[Outcome | None, dict[Path, Stamp | None]]:
    """Check whether a recording needs labelling.

    Returns
    -------
    Outcome or None
        The outcome if the existing labels stay; None if the recording needs labelling.
    dict
        The existing label files to replace, each with what it was just before it was read.
    """
    DIGESTS.update(task.digests)
    if task.force:
        files = label_files(task.files, task.place).values()
        return None, {file: stamp(file) for file in files if file is not None}
    status, found, why = label_status(task.backend(), task.files, task.place)
    if status is Status.CURRENT:
        return Outcome(task.files[0], Result.CURRENT, tuple(found), why), {}
    if status is Status.FOREIGN:
        return Outcome(task.files[0], Result.LEFT, tuple(found), why), {}
    return None, found


def _looked_at(task: Task) -> Outcome | None:
    """Return the outcome if there is nothing to do and no leftover sandbox, otherwise None."""
    clean_once(task.place.parent)  # where nothing is written, nobody else would
    if any(folder.exists() for folder in task.backend().data_dirs()):
        return None
    return settled(task)[0]


def _in_process(task: Task, processes: Processes) -> Outcome:
    def failed(why: str) -> Outcome:
        return Outcome(task.files[0], Result.FAILED, why=why)

    return ask("taggingbackends.many.sandboxed", task, processes, failed)
