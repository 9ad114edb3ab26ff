"""Executors that label recordings: on this machine, or on a Dask cluster."""

from __future__ import annotations

import logging
import pickle
import warnings
from collections.abc import Generator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from taggingbackends.errors import BackendError
from taggingbackends.many.labelling import Outcome, Result, Task, label_recording
from taggingbackends.many.workers import side_by_side
from taggingbackends.system.extras import require
from taggingbackends.system.messages import describe
from taggingbackends.system.version import own_version

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
        return side_by_side(label_recording, tasks, self._jobs)


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
        ``no-scheduler``: no scheduler answers at this address.
    TaggingBackendsError
        distributed is not installed.
    """

    def __init__(self, scheduler: str) -> None:
        import asyncio  # slow to import

        require("distributed", "dask", "a Dask cluster")
        from distributed import Client, Security
        from distributed.comm import connect, resolve_address

        async def reach() -> None:
            security = Security().get_connection_args("client")
            comm = await connect(scheduler, timeout=_CONNECTING, **security)
            await comm.close()

        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # outcomes report errors
        self._scheduler = scheduler
        try:
            resolve_address(scheduler)  # with an invalid address, connect would retry
            asyncio.run(reach())  # a Client that cannot connect leaves a thread with errors behind
            self._client: Client = Client(scheduler, timeout=_CONNECTING, set_as_default=False)
        except Exception as error:  # each protocol has its own errors, e.g. TypeError for tls://
            problem = f"no Dask scheduler at {scheduler}: {describe(error) or type(error).__name__}"
            fix = "give the address that `dask scheduler` prints, e.g. tcp://10.0.0.1:8786"
            raise BackendError("no-scheduler", problem, fix) from None

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
        """Yield each outcome once it is known. Closing the generator cancels waiting tasks.

        Raises
        ------
        BackendError
            ``unsuitable-worker``: a worker lacks this package or has another version. It may
            have joined while other workers label recordings.

        Warns
        -----
        UserWarning
            There are no workers yet. The tasks wait for them.
        """
        from distributed import as_completed

        self._check_workers()
        # not pure: the same task can have another outcome the next time
        calls = [pickle.dumps(_Call(task)) for task in tasks]
        futures = self._client.map(pickle.loads, calls, key=label_recording.__name__, pure=False)
        recordings = {
            future.key: task.files[0] for future, task in zip(futures, tasks, strict=True)
        }
        try:
            for future in as_completed(futures, loop=self._client.loop):
                yield self._outcome(future, recordings[future.key])
        finally:
            self._client.cancel(futures)

    def _check_workers(self) -> None:
        from importlib.metadata import version

        # a function of the standard library, which workers without this package can run, too
        found = self._client.run(version, "taggingbackends", on_error="return")
        if not found:
            warnings.warn(f"no Dask workers yet at {self._scheduler}: waiting", stacklevel=3)
        for worker, answer in found.items():
            if isinstance(answer, ImportError):
                raise _unsuitable(f"Dask worker {worker}", "none")
            if isinstance(answer, str) and answer != own_version():
                raise _unsuitable(f"Dask worker {worker}", answer)

    def _outcome(self, future: Future, recording: Path) -> Outcome:
        if future.status == "finished":
            outcome: Outcome = future.result()
            return outcome
        if future.status == "error":  # e.g. KilledWorker
            error = future.exception()
            if isinstance(error, _NOT_CALLED):  # of a worker that has joined meanwhile
                self._check_workers()
                raise _unsuitable("a Dask worker", describe(error))
            why = describe(error)
        else:
            why = "the Dask scheduler has stopped or cancelled the task"
        return Outcome(recording, Result.FAILED, why=why)


class _Call:
    """A task that is performed by unpickling it.

    So a scheduler or worker can receive it without this package, and report that it is missing.
    With a function of this package, workers would die, and the tasks would wait for ever.
    """

    def __init__(self, task: Task) -> None:
        self._task = task

    def __reduce__(self) -> tuple[Any, ...]:
        return _label_on_worker, (own_version(), self._task)


_NOT_CALLED = (ImportError, AttributeError, BackendError)  # errors of unpickling a `_Call`


def _label_on_worker(version: str, task: Task) -> Outcome:
    if version != own_version():
        raise _unsuitable("a Dask worker", own_version(), version)
    return label_recording(task)


def _unsuitable(worker: str, found: str, expected: str | None = None) -> BackendError:
    problem = f"{worker}: expected taggingbackends {expected or own_version()}, found {found}"
    return BackendError("unsuitable-worker", problem, "install this version on all Dask workers")
