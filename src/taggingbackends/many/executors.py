"""Executors that label recordings: on this machine, or on a Dask cluster."""

from __future__ import annotations

import logging
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from taggingbackends.errors import BackendError
from taggingbackends.many.labelling import Outcome, Processes, Result, Task, label_recording
from taggingbackends.system.messages import describe

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["DaskExecutor", "Executor", "LocalExecutor"]

_CONNECTING = 10  # s; time limit for the scheduler's answer


class Executor(Protocol):
    """Something that labels recordings, several at a time."""

    def run(self, tasks: Sequence[Task]) -> Generator[Outcome, None, None]:
        """Yield each outcome once it is known. Closing the generator cancels waiting tasks."""


class LocalExecutor:
    """An executor that labels recordings on this machine, each in its own process.

    Parameters
    ----------
    jobs : int
        The number of recordings that are labelled at a time.
    """

    def __init__(self, jobs: int = 1) -> None:
        self._jobs = jobs

    def run(self, tasks: Sequence[Task]) -> Generator[Outcome, None, None]:
        """Yield each outcome once it is known. Closing the generator ends the processes."""
        processes = Processes()
        with ThreadPoolExecutor(self._jobs) as pool:  # each thread waits for a process
            futures = [pool.submit(label_recording, task, processes) for task in tasks]
            try:
                for future in as_completed(futures):
                    yield future.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
                processes.end()


class DaskExecutor:
    """An executor that labels recordings on the workers of a running Dask cluster.

    If a worker dies, its recording goes to another worker.

    Parameters
    ----------
    scheduler : str
        The scheduler's address, e.g. ``tcp://10.0.0.1:8786``.

    Raises
    ------
    BackendError
        ``missing-package``: distributed is not installed. ``no-scheduler``: no scheduler answers
        at this address.
    """

    def __init__(self, scheduler: str) -> None:
        try:
            from distributed import Client
            from distributed.comm import resolve_address
        except ImportError:
            fix = "install it: pip install 'taggingbackends[dask]'"
            raise BackendError("missing-package", "a Dask cluster needs Dask", fix) from None
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # outcomes report errors
        try:
            resolve_address(scheduler)  # with an invalid address, Client would retry
            self._client: Client = Client(scheduler, timeout=_CONNECTING, set_as_default=False)
        except (OSError, ValueError) as error:
            problem = f"no Dask scheduler at {scheduler}: {error}"
            raise BackendError("no-scheduler", problem) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()

    def run(self, tasks: Sequence[Task]) -> Generator[Outcome, None, None]:
        """Yield each outcome once it is known. Closing the generator cancels waiting tasks."""
        from distributed import as_completed

        # not pure: the same task can have another outcome the next time
        futures = self._client.map(label_recording, tasks, pure=False)
        recordings = {
            future.key: task.files[0] for future, task in zip(futures, tasks, strict=True)
        }
        try:
            for future in as_completed(futures, loop=self._client.loop):
                yield _outcome(future, recordings[future.key])
        finally:
            self._client.cancel(futures)


def _outcome(future: Future, recording: Path) -> Outcome:
    if future.status == "finished":
        outcome: Outcome = future.result()
        return outcome
    if future.status == "error":  # e.g. KilledWorker, or a worker without this package
        why = describe(future.exception())
    else:
        why = "the Dask scheduler has stopped or cancelled the task"
    return Outcome(recording, Result.FAILED, why=why)
