"""Worker processes: each performs one task, and ends with the process that started it.

The started process reads the pickled task from its standard input and writes the pickled outcomes
to its standard output. The output of scripts goes to standard error. It ends when its input is
closed, because the process that started it has ended or has cancelled the task.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import tempfile
import threading
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from itertools import islice
from typing import IO, Any, TypeVar

from taggingbackends.errors import ScriptError
from taggingbackends.system.messages import VERBOSITY, configure, describe, is_user_error
from taggingbackends.system.processes import environment, interrupts_blocked, own_module
from taggingbackends.system.signals import end_by_signals

__all__ = ["Processes", "ask", "serve", "side_by_side", "why_failed"]

T = TypeVar("T")
R = TypeVar("R")

_TAIL = 1 << 16  # bytes at the end of a process's output that are searched for its last line


# -- in the process that starts them


def side_by_side(
    work: Callable[[T, Processes], R], tasks: Iterable[T], jobs: int
) -> Generator[R, None, None]:
    """Perform tasks in processes, some at a time, and yield each result once it is known.

    Closing the generator ends the processes.

    Parameters
    ----------
    work : callable
        ``work(task, processes)`` waits for a process of this group, and returns a result.
    tasks : iterable
        A task is taken when a process can begin with it.
    jobs : int
        The number of tasks that are performed at a time.
    """
    processes = Processes()
    waiting = iter(tasks)
    running: set[Future[R]] = set()
    with ThreadPoolExecutor(jobs) as pool:  # each thread waits for a process
        try:
            while True:
                for task in islice(waiting, jobs - len(running)):
                    running.add(pool.submit(work, task, processes))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            processes.end()


class Processes:
    """Running processes that work side by side. Several threads may share this object."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._ending = False

    @contextmanager
    def started(self, module: str, output: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
        """Start a process that runs a module of this package.

        Its input is open within the block; closing the input ends it.
        """
        with self._lock:
            if self._ending:
                raise InterruptedError("interrupted")
            variables = environment()
            variables.pop(VERBOSITY, None)  # with --verbose, the last line would be no error
            with interrupts_blocked():
                process = subprocess.Popen(
                    own_module(module),
                    env=variables,
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
        """End all processes and refuse to start more."""
        with self._lock:
            self._ending = True
            for process in self._running:
                _hang_up(process)


def _hang_up(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.close()


def ask(
    module: str, task: object, processes: Processes, failed: Callable[[str], list[R]]
) -> list[R]:
    """Perform a task in a process, and return its outcomes.

    Parameters
    ----------
    module : str
        The module of this package that the process runs. It calls `serve`.
    task : object
    processes : Processes
        The group that the process joins.
    failed : callable
        Returns the outcomes of a process that gave none, from the reason in one line.
    """
    with tempfile.TemporaryFile() as output:
        with processes.started(module, output) as process:
            assert process.stdin is not None and process.stdout is not None
            with suppress(BrokenPipeError):  # it has ended already
                process.stdin.write(pickle.dumps(task))
                process.stdin.flush()
            answer, code = process.stdout.read(), process.wait()
        said = _last_line(output)
    if not answer:
        ended = f"ended with {f'signal {-code}' if code < 0 else f'exit code {code}'}"
        return failed(_with_reason(ended, said))
    outcomes: Any = pickle.loads(answer)
    return [
        # the failed script has printed the reason
        outcome._replace(why=_with_reason(outcome.why, said)) if outcome.step else outcome
        for outcome in outcomes
    ]


def _last_line(output: IO[bytes]) -> str:
    """Return the last line that a process printed."""
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - _TAIL))
    lines = output.read().decode("utf-8", "replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _with_reason(ended: str, said: str) -> str:
    """Return how a script ended, with the last line that it printed."""
    reason = said.removeprefix("Error: ")
    if not reason or ended == "exit code 1":  # that of any exception, so not informative
        return reason or ended
    return f"{ended}: {reason}"


# -- in a started process


def serve(work: Callable[[Any, list[warnings.WarningMessage]], list[Any]]) -> None:
    """Read a task, perform it and write its outcomes.

    Parameters
    ----------
    work : callable
        ``work(task, warned)`` returns the outcomes: named tuples with the fields ``why`` and
        ``step``. The list `warned` receives the warnings.
    """
    end_by_signals()
    configure()
    requests, answers = _take_streams()
    task = pickle.load(requests)
    threading.Thread(target=_end_with_input, args=(requests,), daemon=True).start()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        outcomes = work(task, warned)
    with answers:
        pickle.dump(outcomes, answers)


def why_failed(error: Exception) -> tuple[str, str]:
    """Return why a task failed, and the script that failed or "".

    Other errors than those of scripts, users and the file system are raised again.
    """
    if isinstance(error, ScriptError):
        code = error.exit_code
        return f"signal {code - 128}" if code > 128 else f"exit code {code}", error.step
    if not (is_user_error(error) or isinstance(error, OSError)):
        raise error
    return describe(error), ""


def _take_streams() -> tuple[IO[bytes], IO[bytes]]:
    """Return copies of the standard streams, and redirect those that scripts inherit."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def _end_with_input(requests: IO[bytes]) -> None:
    """End this process as by SIGTERM when its input is closed."""
    while os.read(requests.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
