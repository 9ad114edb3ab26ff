"""The process that labels a batch of recordings in a sandbox; `labelling` starts it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from taggingbackends.backend.batch import Batch, Wanted, wanted
from taggingbackends.backend.folder import BackendFolder
from taggingbackends.backend.sandboxes import free_sandbox, hold
from taggingbackends.errors import BackendError, LeftOutWarning
from taggingbackends.many.labelling import Outcome, Result, Task, failure, settled
from taggingbackends.many.workers import serve
from taggingbackends.system.files import remove_file, scratch

__all__ = ["main"]


def main() -> None:
    """Read the tasks of a batch, perform them and write the outcomes."""
    serve(_label)


def _label(tasks: Sequence[Task], warned: list[warnings.WarningMessage]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    with ExitStack() as stack:
        backend = None
        held = []
        for task in tasks:
            try:
                # a process that waits holds no other recording, so that two never wait for each
                # other
                if backend is None:
                    backend = stack.enter_context(free_sandbox(task.backend(), task.wait))
                else:
                    stack.enter_context(hold(task.backend(), inherited=False))
                held.append(task)
            except BlockingIOError:
                outcomes.append(Outcome(task.files[0], Result.BUSY))
            except Exception as error:
                outcomes.append(failure(task, error, len(tasks)))
        if backend is not None:
            outcomes += _label_held(held, backend, warned)
    return outcomes


def _label_held(
    tasks: Sequence[Task], backend: BackendFolder, warned: list[warnings.WarningMessage]
) -> list[Outcome]:
    """Label recordings that this process has locked, unless their labels stay."""
    outcomes: list[Outcome] = []
    recordings: list[tuple[Task, Wanted]] = []
    for task in tasks:
        try:
            outcome, outdated = settled(task)
            if outcome is None:
                task = task._replace(found=outdated)
                recordings.append((task, _wanted(task, backend)))
            else:
                outcomes.append(outcome)
        except Exception as error:
            outcomes.append(_meanwhile(task, error) or failure(task, error))
    if not recordings:
        return outcomes
    labelled = [task for task, _ in recordings]
    try:
        with scratch(backend.data_dirs()):
            batch = Batch(backend, [one for _, one in recordings], labelled[0].link)
            batch.run(labelled[0].options, labelled[0].skip)
    except Exception as error:
        return outcomes + [failure(task, error, len(labelled)) for task in labelled]
    of_all, warned[:] = warned[:], []
    owners = {file: task for task, one in recordings for file in one.sources.values()}
    found = []
    for n, task in enumerate(labelled):
        try:
            with scratch(backend.data_dirs()):
                files = batch.pull(n)
            outcome = Outcome(task.files[0], Result.LABELLED, tuple(files))
            _remove_outdated(task, outcome)
            outcome = _with_warnings(outcome, [*of_all, *warned], task, owners)
        except Exception as error:
            outcome = _meanwhile(task, error) or failure(task, error, len(labelled))
        found.append(outcome)
        warned.clear()
    together = sum(outcome.result is Result.LABELLED for outcome in found)
    return outcomes + [
        outcome._replace(together=together) if outcome.result is Result.LABELLED else outcome
        for outcome in found
    ]


def _wanted(task: Task, backend: BackendFolder) -> Wanted:
    force = task.force or bool(task.found)
    return wanted(backend, task.files, task.place, force, task.found)


def _meanwhile(task: Task, error: Exception) -> Outcome | None:
    """Return the outcome if others have labelled a recording, or edited its labels, meanwhile."""
    if isinstance(error, BackendError) and error.kind in ("existing-file", "changed-file"):
        return settled(task._replace(found=None))[0]
    return None


def _remove_outdated(task: Task, outcome: Outcome) -> None:
    """Remove the labels under the other name."""
    for file, before in (task.found or {}).items():
        if before is not None and file not in outcome.labels and not remove_file(file, before):
            warnings.warn(f"{file}: changed meanwhile, so it is not removed", stacklevel=2)


def _with_warnings(
    outcome: Outcome,
    warned: Sequence[warnings.WarningMessage],
    task: Task,
    owners: Mapping[Path, Task],
) -> Outcome:
    """Add the warnings, except those about files of other recordings."""
    left_out, others = [], []
    for message in (one.message for one in warned):
        if not isinstance(message, LeftOutWarning):
            others.append(str(message))
        elif owners.get(message.file, task) is task:
            left_out.append(message.problem)
    return outcome._replace(warnings=tuple(others), left_out="; ".join(left_out))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
