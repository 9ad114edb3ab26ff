"""The process that labels one recording in its sandbox; `labelling` starts it."""

from __future__ import annotations

import sys
import warnings
from contextlib import ExitStack

from taggingbackends.backend.folder import BackendFolder
from taggingbackends.backend.prediction import expected_labels, predict_in_sandbox
from taggingbackends.backend.sandboxes import free_sandbox
from taggingbackends.errors import BackendError, LeftOutWarning
from taggingbackends.many.labelling import Outcome, Result, Task, settled
from taggingbackends.many.workers import serve, why_failed
from taggingbackends.system.files import remove_file

__all__ = ["main"]


def main() -> None:
    """Read a task, perform it and write the outcome."""
    serve(_label_and_report)


def _label_and_report(task: Task, warned: list[warnings.WarningMessage]) -> Outcome:
    outcome = _label(task)
    if outcome.result is not Result.LABELLED:
        return outcome
    messages = [warning.message for warning in warned]
    left_out = [one.problem for one in messages if isinstance(one, LeftOutWarning)]
    others = (str(one) for one in messages if not isinstance(one, LeftOutWarning))
    return outcome._replace(warnings=tuple(others), left_out="; ".join(left_out))


def _label(task: Task) -> Outcome:
    recording = task.files[0]
    try:
        with ExitStack() as stack:
            try:
                backend = stack.enter_context(free_sandbox(task.backend(), task.wait))
            except BlockingIOError:
                return Outcome(recording, Result.BUSY)
            return _label_alone(task, backend)
    except Exception as error:
        why, step = why_failed(error)
        return Outcome(recording, Result.FAILED, why=why, step=step)


def _label_alone(task: Task, backend: BackendFolder) -> Outcome:
    outcome, outdated = settled(task)
    if outcome is not None:
        return outcome
    try:
        labels = predict_in_sandbox(
            backend,
            task.files,
            task.options,
            force=task.force or bool(outdated),
            skip=task.skip,
            before_pull=lambda: _check_output(backend),
            replacing=outdated,
            link=task.link,
        )
    except BackendError as error:
        if error.kind not in ("existing-file", "changed-file"):
            raise
        now, _ = settled(task)  # labelled or edited by others in the meantime
        if now is None:
            raise
        return now
    for file, before in outdated.items():  # the new labels may have other names
        if before is not None and file not in labels and not remove_file(file, before):
            warnings.warn(f"{file}: changed meanwhile, so it is not removed", stacklevel=2)
    return Outcome(task.files[0], Result.LABELLED, tuple(labels))


def _check_output(backend: BackendFolder) -> None:
    """Raise an error if labels have a name that `label_files` does not find."""
    for *_, places in expected_labels(backend):
        for place in places:
            if place.exists():
                continue
            top = backend.processed_data_dir()
            written = (path.relative_to(top).as_posix() for path in backend.list_processed_files())
            call = f"backend.output_path(file{', run' if len(places) > 1 else ''})"
            problem = f"expected predict_model to write {place.name}, {call}"
            raise BackendError("no-output", f"{problem}; found {', '.join(written)}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
