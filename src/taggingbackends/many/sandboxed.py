"""The process that labels one recording in its sandbox; `labelling` starts it.

It reads the task from standard input and writes the outcome to standard output. The output of
scripts goes to standard error. The process ends when its input is closed, because the process
that started it has ended or has cancelled the task.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import warnings
from contextlib import ExitStack
from typing import IO

from taggingbackends.backend.folder import BackendFolder
from taggingbackends.backend.pipeline import expected_labels, predict_in_sandbox
from taggingbackends.backend.sandboxes import free_sandbox
from taggingbackends.errors import BackendError, LeftOutWarning, ScriptError
from taggingbackends.many.labelling import Outcome, Result, Task, settled
from taggingbackends.system.files import remove_file
from taggingbackends.system.messages import configure, describe, is_user_error
from taggingbackends.system.signals import end_by_signals

__all__ = ["main"]


def main() -> None:
    """Read a task, perform it and write the outcome."""
    end_by_signals()
    configure()
    requests, answers = _take_streams()
    task: Task = pickle.load(requests)
    threading.Thread(target=_end_with_input, args=(requests,), daemon=True).start()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        outcome = _label(task)
    if outcome.result is Result.LABELLED:
        messages = [warning.message for warning in warned]
        left_out = [one.problem for one in messages if isinstance(one, LeftOutWarning)]
        others = (str(one) for one in messages if not isinstance(one, LeftOutWarning))
        outcome = outcome._replace(warnings=tuple(others), left_out="; ".join(left_out))
    with answers:
        pickle.dump(outcome, answers)


def _take_streams() -> tuple[IO[bytes], IO[bytes]]:
    """Return copies of the standard streams, and redirect those that scripts inherit."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def _end_with_input(requests: IO[bytes]) -> None:
    while os.read(requests.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _label(task: Task) -> Outcome:
    recording = task.files[0]
    try:
        with ExitStack() as stack:
            try:
                backend = stack.enter_context(free_sandbox(task.backend(), task.wait))
            except BlockingIOError:
                return Outcome(recording, Result.BUSY)
            return _label_alone(task, backend)
    except ScriptError as error:
        code = error.exit_code
        ended = f"signal {code - 128}" if code > 128 else f"exit code {code}"
        return Outcome(recording, Result.FAILED, why=ended, step=error.step)
    except Exception as error:
        if not (is_user_error(error) or isinstance(error, OSError)):
            raise
        return Outcome(recording, Result.FAILED, why=describe(error))


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
