"""Executors that label recordings: on this machine, or on a Dask cluster."""

from __future__ import annotations

import logging
import pickle
import warnings
from collections.abc import Generator, Sequence
from concurrent.futures import CancelledError
from contextlib import closing, suppress
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self
from uuid import uuid4

from taggingbackends.errors import BackendError
from taggingbackends.many.batches import Batches
from taggingbackends.many.labelling import Outcome, Result, Task, label_batch
from taggingbackends.many.workers import side_by_side
from taggingbackends.system.extras import require
from taggingbackends.system.messages import describe
from taggingbackends.system.version import __version__

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["DaskExecutor", "Executor", "LocalExecutor"]

_CONNECTING = 10  # s; time limit for the scheduler's answer
_QUEUED = 32  # batches that wait or run at least, so that an adaptive cluster grows
_FIRST = 4  # recordings in each of these: they are submitted before the time for one is known


class Executor(Protocol):
    """Something that labels recordings, several at a time."""

    def run(self, tasks: Sequence[Task]) -> Generator[Outcome, None, None]:
        """Yield each outcome once it is known. Closing the generator cancels waiting tasks."""


class LocalExecutor:
    """An executor that labels recordings on this machine, each batch in its own process.

    Parameters
    ----------
    jobs : int
        The number of batches that are labelled at a time.
    batch : int, optional
        The number of recordings in a batch. By default, a batch takes about a minute.
    """

    def __init__(self, jobs: int = 1, batch: int | None = None) -> None:
        self._jobs = jobs
        self._batch = batch

    def run(self, tasks: Sequence[Task]) -> Generator[Outcome, None, None]:
        """Yield each outcome once it is known. Closing the generator ends the processes."""
        batches = Batches(tasks, self._batch, self._jobs)
        with closing(side_by_side(label_batch, batches, self._jobs)) as finished:
            for outcomes in finished:
                batches.learn(outcomes)
                yield from outcomes


class DaskExecutor:
    """An executor that labels batches of recordings on the workers of a running Dask cluster.

    If a worker dies, its batch goes to another worker; after several deaths, each half of it.

    Parameters
    ----------
    scheduler : str
        The scheduler's address, e.g. ``tcp://10.0.0.1:8786``.
    batch : int, optional
        As for `LocalExecutor`.

    Raises
    ------
    BackendError
        ``no-scheduler``: no scheduler answers at this address.
    TaggingBackendsError
        distributed is not installed.
    """

    def __init__(self, scheduler: str, batch: int | None = None) -> None:
        import asyncio  # slow to import

        require("distributed", "dask", "a Dask cluster")
        from distributed import Client, Security
        from distributed.comm import connect, resolve_address

        async def reach() -> None:
            security = Security().get_connection_args("client")
            comm = await connect(scheduler, timeout=_CONNECTING, **security)
            await comm.close()

        for module in ("batched", "client"):  # outcomes report errors
            logging.getLogger(f"distributed.{module}").setLevel(logging.CRITICAL)
        self._scheduler = scheduler
        self._batch = batch
        try:
            resolve_address(scheduler)  # with an invalid address, connect would retry
            asyncio.run(reach())  # a Client that cannot connect leaves a thread with errors behind
            self._client: Client = Client(scheduler, timeout=_CONNECTING, set_as_default=False)
        except Exception as error:  # each protocol has its own errors, e.g. TypeError for tls://
            raise _no_scheduler(scheduler, error) from None

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

        If the scheduler stops, the remaining recordings fail.

        Raises
        ------
        BackendError
            ``no-scheduler``: it has stopped. ``unsuitable-worker``: a worker lacks this package or
            has another version. It may have joined while other workers label recordings.

        Warns
        -----
        UserWarning
            There are no workers yet. The tasks wait for them.
        """
        from distributed import as_completed

        self._check_workers()
        batches = Batches(tasks, self._batch, first=_FIRST)
        running: dict[Future, Sequence[Task]] = {}
        finished = as_completed(loop=self._client.loop)

        def submit(batch: Sequence[Task]) -> None:
            key = f"{label_batch.__name__}-{uuid4()}"
            future = self._client.submit(pickle.loads, pickle.dumps(_Call(batch)), key=key)
            running[future] = batch
            finished.add(future)

        def fill() -> None:
            try:
                batches.jobs = sum(self._client.nthreads().values()) or 1
            except OSError:  # the scheduler has just stopped: what runs is cancelled then
                return
            for batch in islice(batches, max(_QUEUED, 2 * batches.jobs) - len(running)):
                submit(batch)

        fill()
        try:
            for future in finished:
                batch = running.pop(future)
                outcomes = self._outcomes(future, batch)
                if future.status == "error" and len(batch) > 1:  # one recording may have caused it
                    middle = len(batch) // 2
                    submit(batch[:middle])
                    submit(batch[middle:])
                    continue
                batches.learn(outcomes)
                if not future.cancelled():  # by a scheduler that stops; it would not answer
                    fill()
                yield from outcomes
            for batch in batches:
                yield from _lost(batch)
        finally:
            if running and self._client.status != "closed":  # the scheduler stopped
                self._client.cancel(list(running))

    def _check_workers(self) -> None:
        from importlib.metadata import version

        # a function of the standard library, which workers without this package can run, too
        try:
            found = self._client.run(version, "taggingbackends", on_error="return")
        except OSError as error:  # it has stopped
            raise _no_scheduler(self._scheduler, error) from None
        if not found:
            warnings.warn(f"no Dask workers yet at {self._scheduler}: waiting", stacklevel=3)
        for worker, answer in found.items():
            if isinstance(answer, ImportError):
                raise _unsuitable(f"Dask worker {worker}", "none")
            if isinstance(answer, str) and answer != __version__:
                raise _unsuitable(f"Dask worker {worker}", answer)

    def _outcomes(self, future: Future, batch: Sequence[Task]) -> list[Outcome]:
        if future.status == "finished":
            with suppress(OSError, CancelledError):  # the scheduler has just stopped
                outcomes: list[Outcome] = future.result()
                return outcomes
        if future.status == "error":  # e.g. KilledWorker
            error = future.exception()
            if isinstance(error, _NOT_CALLED):  # of a worker that has joined meanwhile
                self._check_workers()
                raise _unsuitable("a Dask worker", describe(error))
            return _lost(batch, describe(error))
        return _lost(batch)


def _lost(
    batch: Sequence[Task], why: str = "the Dask scheduler has stopped or cancelled the task"
) -> list[Outcome]:
    return [Outcome(task.files[0], Result.FAILED, why=why) for task in batch]


def _no_scheduler(address: str, error: Exception) -> BackendError:
    problem = f"no Dask scheduler at {address}: {describe(error) or type(error).__name__}"
    fix = "give the address that `dask scheduler` prints, e.g. tcp://10.0.0.1:8786"
    return BackendError("no-scheduler", problem, fix)


class _Call:
    """A batch that is labelled by unpickling it.

    So a scheduler or worker can receive it without this package, and report that it is missing.
    With a function of this package, workers would die, and the tasks would wait for ever.
    """

    def __init__(self, batch: Sequence[Task]) -> None:
        self._batch = batch

    def __reduce__(self) -> tuple[Any, ...]:
        return _label_on_worker, (__version__, self._batch)


_NOT_CALLED = (ImportError, AttributeError, BackendError)  # errors of unpickling a `_Call`


def _label_on_worker(version: str, batch: Sequence[Task]) -> list[Outcome]:
    if version != __version__:
        raise _unsuitable("a Dask worker", __version__, version)
    return label_batch(batch)


def _unsuitable(worker: str, found: str, expected: str | None = None) -> BackendError:
    problem = f"{worker}: expected taggingbackends {expected or __version__}, found {found}"
    return BackendError("unsuitable-worker", problem, "install this version on all Dask workers")
