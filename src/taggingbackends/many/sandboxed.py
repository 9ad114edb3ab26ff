"""The process that labels a batch of recordings in a sandbox; `labelling` starts it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from contextlib import ExitStack

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
            stack.enter_context(scratch(backend.data_dirs()))
            outcomes += _label_held(held, backend, warned)
    return [_with_warnings(outcome, warned) for outcome in outcomes]  # about removing the sandbox


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
                one = wanted(backend, task.files, task.place, outdated, task.force)
                recordings.append((task, one))
            else:
                outcomes.append(outcome)
        except Exception as error:
            outcomes.append(_failed(task, error))
    if not recordings:
        return outcomes
    labelled = [task for task, _ in recordings]
    try:
        batch = Batch(backend, [one for _, one in recordings], labelled[0].link)
        batch.run(labelled[0].options, labelled[0].skip)
    except Exception as error:
        return outcomes + [failure(task, error, len(labelled)) for task in labelled]
    of_all, warned[:] = warned[:], []
    found = []
    for n, task in enumerate(labelled):
        try:
            outcome = Outcome(task.files[0], Result.LABELLED, tuple(batch.pull(n)))
            _remove_outdated(task, outcome)
            outcome = _with_warnings(outcome, [*of_all, *warned])
        except Exception as error:
            outcome = _failed(task, error, len(labelled))
        found.append(outcome)
        warned.clear()
    together = sum(outcome.result is Result.LABELLED for outcome in found)
    if batch.failed is not None and together == len(found):  # nothing else would tell it
        note = f"{batch.failed}, when it had labelled the recordings"
        found = [one._replace(warnings=(*one.warnings, note)) for one in found]
    for outcome in found:
        is_labelled = outcome.result is Result.LABELLED
        outcomes.append(outcome._replace(together=together) if is_labelled else outcome)
    return outcomes


def _failed(task: Task, error: Exception, together: int = 0) -> Outcome:
    """Return the outcome of a recording that failed, or that others have labelled meanwhile."""
    if isinstance(error, BackendError) and error.kind in ("existing-file", "changed-file"):
        try:
            now, _ = settled(task._replace(found=None))
        except Exception as another:
            return failure(task, another, together)
        if now is not None:
            return now
        together = 0  # it would be the same for the recording alone
    return failure(task, error, together)


def _remove_outdated(task: Task, outcome: Outcome) -> None:
    """Remove the labels under the other name."""
    for file, before in (task.found or {}).items():
        if before is not None and file not in outcome.labels and not remove_file(file, before):
            warnings.warn(f"{file}: changed meanwhile, so it is not removed", stacklevel=2)


def _with_warnings(outcome: Outcome, warned: Sequence[warnings.WarningMessage]) -> Outcome:
    """Add warnings to the outcome of a recording that was labelled."""
    if outcome.result is not Result.LABELLED:
        return outcome
    messages = [warning.message for warning in warned]
    left_out = [one.problem for one in messages if isinstance(one, LeftOutWarning)]
    others = [str(one) for one in messages if not isinstance(one, LeftOutWarning)]
    left_out = [*filter(None, [outcome.left_out]), *left_out]
    return outcome._replace(warnings=(*outcome.warnings, *others), left_out="; ".join(left_out))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
