"""Label a batch of recordings, as far as needed, in a process and a sandbox of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from taggingbackends.backend.folder import BackendFolder
from taggingbackends.backend.options import Options
from taggingbackends.backend.provenance import Status
from taggingbackends.backend.trainingrecord import DIGESTS
from taggingbackends.data.formats import stem_of
from taggingbackends.many.labelstatus import label_files, label_status
from taggingbackends.many.workers import Processes, ask, why_failed
from taggingbackends.system.files import Stamp, stamp
from taggingbackends.system.messages import describe
from taggingbackends.system.temporaries import clean_once

__all__ = [
    "Outcome",
    "Result",
    "Task",
    "failure",
    "label_batch",
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
    found : dict, optional
        What `settled` has found, if the recording needs labelling.
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
    found: Mapping[Path, Stamp | None] | None = None

    def backend(self) -> BackendFolder:
        """Return the backend with the sandbox of a batch that begins with this recording."""
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
        Time that labelling took, s; 0 if nothing was done. It is a share of the time of the batch.
    together : int
        The number of recordings that one run of the scripts has labelled, with this one. If it
        failed, the number among which the cause may be: those that the scripts were run for. 0 if
        no script is the cause.
    """

    recording: Path
    result: Result
    labels: tuple[Path, ...] = ()
    why: str = ""
    step: str = ""
    warnings: tuple[str, ...] = ()
    left_out: str = ""
    seconds: float = 0.0
    together: int = 0


def label_batch(tasks: Sequence[Task], processes: Processes | None = None) -> list[Outcome]:
    """Label recordings unless their labels are up to date or not made by this backend and model.

    The scripts run once for all of them. Recordings for which this fails are tried again, in
    smaller batches, until each of them has labels or has failed alone.

    Parameters
    ----------
    tasks : sequence of Task
    processes : Processes, optional
        The group that the processes for the recordings join.

    Returns
    -------
    list of Outcome
        In the order of the tasks.

    Notes
    -----
    Errors of a recording, the backend's scripts or the file system are not raised. They give
    outcomes with `Result.FAILED`.
    """
    start = time.monotonic()
    processes = processes or Processes()
    outcomes: dict[Path, Outcome] = {}
    waiting: list[Task] = []
    for task in tasks:
        try:
            outcome, outdated = _looked_at(task)
        except Exception as error:  # other recordings go on after any error
            outcome = Outcome(task.files[0], Result.FAILED, why=_named(error))
        if outcome is None:
            # labels of the process that it waits for may be replaced
            waiting.append(task._replace(found=None if task.wait else outdated))
        else:
            outcomes[task.files[0]] = outcome
    batches = [waiting]
    while batches:
        batch = batches.pop()
        if not batch:
            continue
        found = _in_process(batch, processes)
        outcomes |= {outcome.recording: outcome for outcome in found}
        failed = {x.recording for x in found if x.result is Result.FAILED and x.together > 1}
        again = [task for task in batch if task.files[0] in failed]
        # scripts label the recordings in order: the first without labels is probably the culprit
        in_order = sum(x.result is Result.LABELLED for x in found) > 1
        middle = 1 if in_order else (len(again) + 1) // 2
        batches += [again[middle:], again[:middle]]
    worked = [x for x in outcomes.values() if x.result in (Result.LABELLED, Result.FAILED)]
    share = (time.monotonic() - start) / max(1, len(worked))
    for outcome in worked:
        outcomes[outcome.recording] = outcome._replace(seconds=share)
    return [outcomes[task.files[0]] for task in tasks]


def failure(task: Task, error: Exception, together: int = 0) -> Outcome:
    """Return the outcome of a recording that an error has stopped."""
    why, step = why_failed(error)
    return Outcome(task.files[0], Result.FAILED, why=why, step=step, together=together)


def settled(task: Task) -> tuple[Outcome | None, dict[Path, Stamp | None]]:
    """Check whether a recording needs labelling.

    Returns
    -------
    Outcome or None
        The outcome if the existing labels stay; None if the recording needs labelling.
    dict
        The existing label files to replace, each with what it was just before it was read. With
        `force`, this is what was there when the recording was first looked at.
    """
    DIGESTS.update(task.digests)
    if task.force and task.found is not None:  # what is saved while a batch is tried again stays
        return None, dict(task.found)
    if task.force or task.found is not None:
        files = label_files(task.files, task.place).values()
        now = {file: stamp(file) for file in files if file is not None}
        if task.force or now == task.found:
            return None, now
    status, found, why = label_status(task.backend(), task.files, task.place)
    if status is Status.CURRENT:
        return Outcome(task.files[0], Result.CURRENT, tuple(found), why), {}
    if status is Status.FOREIGN:
        return Outcome(task.files[0], Result.LEFT, tuple(found), why), {}
    return None, found


def _looked_at(task: Task) -> tuple[Outcome | None, dict[Path, Stamp | None] | None]:
    """Do what `settled` does, unless there is a leftover sandbox to remove."""
    clean_once(task.place.parent)  # where nothing is written, nobody else would
    if any(folder.exists() for folder in task.backend().data_dirs()):
        return None, None
    return settled(task)


def _in_process(tasks: Sequence[Task], processes: Processes) -> list[Outcome]:
    """Label recordings in a process, at once."""

    def failed(why: str) -> list[Outcome]:
        return [
            Outcome(task.files[0], Result.FAILED, why=why, together=len(tasks)) for task in tasks
        ]

    try:
        return ask("taggingbackends.many.sandboxed", tasks, processes, failed)
    except Exception as error:  # other recordings go on after any error
        return failed(_named(error))


def _named(error: Exception) -> str:
    return describe(error) or type(error).__name__
