"""Labels one recording of many: in a process and a sandbox of its own, if there is need to."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import IO, Any, NamedTuple

from taggingbackends.backend.folder import BackendFolder
from taggingbackends.many.labelstatus import Status, label_file, label_status
from taggingbackends.system.messages import VERBOSITY, describe

__all__ = ["Outcome", "Processes", "Result", "Task", "label_recording", "settled"]

_TAIL = 1 << 16  # bytes of a failed process's output in which the last line is looked for


class Task(NamedTuple):
    """A recording to be labelled; it can be sent to another process, or machine.

    Attributes
    ----------
    project_dir, model_instance
        The backend and its model.
    files : tuple of Path
        The tracker files, absolute.
    place : Path
        Where the labels go.
    options, skip
        As for `pipeline.predict`.
    force : bool
        Replace whatever labels there are.
    wait : bool
        If another process is labelling this recording, wait until it has done so.
    """

    project_dir: Path
    model_instance: str
    files: tuple[Path, ...]
    place: Path
    options: Mapping[str, Any]
    skip: tuple[str, ...] = ()
    force: bool = False
    wait: bool = False

    def backend(self) -> BackendFolder:
        """Return the backend, with the sandbox that is this recording's."""
        import hashlib

        # Always the same one: so a lock keeps others off this recording, and what a killed
        # process has left is found by the next that labels it.
        where = os.path.join(os.path.realpath(self.place.parent), self.files[0].stem)  # noqa: PTH118
        digest = hashlib.sha1(os.fsencode(where)).hexdigest()[:16]
        return BackendFolder(self.project_dir, self.model_instance, f"recording-{digest}")


class Result(Enum):
    """What became of a recording."""

    LABELLED = "labelled"
    CURRENT = "up to date"
    LEFT = "left alone"
    FAILED = "failed"
    BUSY = "busy"


class Outcome(NamedTuple):
    """What became of a recording, and why.

    Attributes
    ----------
    recording : Path
    result : Result
    labels : tuple of Path
        The label files that were written, or that are there.
    why : str
        Of what was left alone, or failed: the reason, in one line.
    step : str
        The script that failed, "" if it was none.
    warnings : tuple of str
    seconds : float
        That labelling, or failing, took; 0 if nothing was done.
    """

    recording: Path
    result: Result
    labels: tuple[Path, ...] = ()
    why: str = ""
    step: str = ""
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0


def label_recording(task: Task, processes: Processes | None = None) -> Outcome:
    """Label a recording unless it has labels that are up to date, or somebody's.

    Parameters
    ----------
    task : Task
    processes : Processes, optional
        Those that the process for this recording is to be among.

    Notes
    -----
    Never raises because of the recording, the backend's scripts or the file system: these are
    failures among the outcomes.
    """
    start = time.monotonic()
    try:
        outcome = _looked_at(task) or _in_process(task, processes or Processes())
    except Exception as error:  # whatever it is, others are to go on
        return Outcome(task.files[0], Result.FAILED, why=_in_one_line(error))
    if outcome.result in (Result.LABELLED, Result.FAILED):
        return outcome._replace(seconds=time.monotonic() - start)
    return outcome


def settled(task: Task) -> tuple[Outcome | None, Path | None]:
    """Return the outcome for a recording that is to stay as it is, None if it is to be labelled.

    Then comes the outdated label file that is to be replaced, if any.
    """
    if task.force:
        return None, label_file(task.files, task.place)
    status, file, why = label_status(task.backend(), task.files, task.place)
    there = () if file is None else (file,)
    if status is Status.CURRENT:
        return Outcome(task.files[0], Result.CURRENT, there), None
    if status is Status.FOREIGN:
        return Outcome(task.files[0], Result.LEFT, there, why), None
    return None, file


def _looked_at(task: Task) -> Outcome | None:
    """Do without a process where nothing is to be done, nor cleared away."""
    if any(folder.exists() for folder in task.backend().data_dirs()):
        return None
    return settled(task)[0]


def _in_process(task: Task, processes: Processes) -> Outcome:
    with tempfile.TemporaryFile() as output:
        with processes.started(output) as process:
            assert process.stdin is not None and process.stdout is not None
            with suppress(BrokenPipeError):  # it has ended already
                process.stdin.write(pickle.dumps(task))
                process.stdin.flush()
            answer = process.stdout.read()
            exit_code = process.wait()
        said = _last_line(output)
    if answer:
        outcome: Outcome = pickle.loads(answer)
        if outcome.step:  # a script's failure: it has told itself why
            return outcome._replace(why=_with_reason(outcome.why, said))
        return outcome
    ended = f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
    return Outcome(task.files[0], Result.FAILED, why=_with_reason(f"ended with {ended}", said))


class Processes:
    """The processes that label recordings, of any thread, so that all can be ended at once."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._ending = False

    @contextmanager
    def started(self, output: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
        """Start a process; its input stays open inside, and it ends when that is closed."""
        with self._lock:
            if self._ending:
                raise InterruptedError("interrupted")
            process = subprocess.Popen(
                [sys.executable, "-m", "taggingbackends.many.sandboxed"],
                # its last line is to be what went wrong, not what was done
                env={k: value for k, value in os.environ.items() if k != VERBOSITY},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
            )
            self._running.add(process)
        with process:
            try:
                yield process
            finally:
                with self._lock:
                    self._running.discard(process)
                    _hang_up(process)

    def end(self) -> None:
        """End them, and start no more."""
        with self._lock:
            self._ending = True
            for process in self._running:
                _hang_up(process)


def _hang_up(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.close()


def _last_line(output: IO[bytes]) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - _TAIL))
    lines = output.read().decode("utf-8", "replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _with_reason(ended: str, said: str) -> str:
    reason = said.removeprefix("Error: ")
    if not reason or ended == "exit code 1":  # which Python gives to any exception
        return reason or ended
    return f"{ended}: {reason}"


def _in_one_line(error: Exception) -> str:
    return describe(error) or type(error).__name__
