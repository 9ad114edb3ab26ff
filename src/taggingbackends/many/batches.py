"""Divide recordings into batches, so that each takes about a minute."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence

from taggingbackends.errors import BackendWarning
from taggingbackends.many.labelling import Outcome, Result, Task

__all__ = ["LARGEST", "Batches"]

LARGEST = 200
"""The largest batch. A lock is held for each recording of it, and a process can open few files."""

_SECONDS = 60.0


class Batches:
    """An iterator of batches of recordings. Several threads must not use it at the same time.

    Parameters
    ----------
    tasks : sequence of Task
        One for each recording, in order.
    size : int, optional
        The size of the batches. By default, it is chosen by the time that the last batch has taken.
    jobs : int
        The number of batches at a time. There is at least one for each, so they may be smaller.
    first : int
        The size as long as the time for a recording is unknown. It may be long.

    Attributes
    ----------
    jobs : int
        It may change.
    """

    def __init__(
        self, tasks: Sequence[Task], size: int | None = None, jobs: int = 1, first: int = 1
    ) -> None:
        self.jobs = jobs
        self._tasks = tasks
        self._begun = 0
        self._size = size or first
        self._chosen = size is not None

    def __iter__(self) -> Iterator[Sequence[Task]]:
        return self

    def __next__(self) -> Sequence[Task]:
        if self._begun == len(self._tasks):
            raise StopIteration
        most = min(LARGEST, math.ceil(len(self._tasks) / self.jobs))
        begun = self._begun
        self._begun = min(begun + min(self._size, most), len(self._tasks))
        return self._tasks[begun : self._begun]

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """Choose the size of the next batches by the outcomes of one.

        Warns
        -----
        BackendWarning
            The scripts have labelled each recording of the batch, but never two at once. From now
            on, each recording is a batch.
        """
        times = [one.seconds for one in outcomes if one.result in (Result.LABELLED, Result.FAILED)]
        alone = [one for one in outcomes if one.result is Result.LABELLED and one.together == 1]
        if len(alone) == len(outcomes) > 1 and self._size > 1:
            self._size, self._chosen = 1, True
            problem = "the scripts label only one recording at a time, so each is a batch now"
            warnings.warn(BackendWarning(problem, "choose this with batch=1"), stacklevel=3)
        elif times and not self._chosen:
            has_labels = any(one.result is Result.LABELLED for one in outcomes)
            mean = max(sum(times) / len(times), 1e-9)
            self._size = max(1, round(_SECONDS / mean)) if has_labels else 1  # all may fail
