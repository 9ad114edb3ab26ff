"""``tagging-backend predict --recursive``: show progress and summarize the outcomes."""

from __future__ import annotations

import logging
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from taggingbackends.backend.inputfiles import warn_of_unreadable
from taggingbackends.backend.options import Options
from taggingbackends.backend.trainingrecord import RECORD
from taggingbackends.backend.wording import in_command_words
from taggingbackends.cli.output import echo, print_names, say
from taggingbackends.system.messages import log, logger, warn_of_each
from taggingbackends.system.progress import meter
from taggingbackends.system.words import counted

if TYPE_CHECKING:
    from taggingbackends.backend.explorer import BackendExplorer
    from taggingbackends.many.labelling import Outcome

__all__ = ["predict_below"]


def predict_below(
    backend: BackendExplorer,
    roots: Sequence[Path],
    options: Options,
    force: bool,
    skip: Sequence[str],
    jobs: int,
    scheduler: str | None,
    link: bool = False,
    format: str | None = None,
    batch: int | None = None,
) -> int:
    """Label the recordings below folders, print a summary and return the exit code."""
    from taggingbackends.many.executors import DaskExecutor, Executor, LocalExecutor
    from taggingbackends.many.folders import label_all, plan
    from taggingbackends.many.labelling import Result

    tasks, failed, near_misses = plan(backend, roots, options, force, skip, link, format)
    tally = _Tally(backend, near_misses)
    for outcome in failed:
        tally.add(outcome)
    with ExitStack() as stack:
        executor: Executor = LocalExecutor(jobs, batch)
        if scheduler is not None:
            executor = stack.enter_context(DaskExecutor(scheduler, batch))
        bar = stack.enter_context(meter(len(tasks)))
        for outcome in stack.enter_context(closing(label_all(tasks, executor))):
            tally.add(outcome)
            bar.clear()
            logger.info(_logged(outcome))
            if outcome.result is Result.LABELLED:
                print_names(outcome.labels)
            if outcome.result is Result.FAILED:
                bar.set_postfix_str(f"{len(tally.failed)} failed", refresh=False)
            bar.update()
    tally.show()
    return 1 if tally.failed else 0


def _logged(outcome: Outcome) -> str:
    text = f"{outcome.recording}: {outcome.result.value}, {outcome.seconds:.2f} s"
    return f"{text}, in a batch of {outcome.together}" if outcome.together > 1 else text


class _Tally:
    def __init__(self, backend: BackendExplorer, near_misses: Mapping[Path, Exception]) -> None:
        self._near_misses = near_misses
        self._model = backend.model_instance
        self._model_time = _newest(backend.model_dir())
        self._counts: Counter[str] = Counter()
        self._left: Counter[str] = Counter()
        self._older = 0
        self._warned: dict[str, list[Path]] = {}
        self._left_out: list[tuple[Path, str]] = []
        self.failed: list[Outcome] = []

    def add(self, outcome: Outcome) -> None:
        from taggingbackends.many.labelling import Result

        self._counts[outcome.result.value] += 1
        if outcome.left_out:
            self._left_out.append((outcome.recording, outcome.left_out))
        for text in outcome.warnings:
            self._warned.setdefault(text, []).append(outcome.recording)
        if outcome.result is Result.FAILED:
            self.failed.append(outcome)
        elif outcome.result is Result.LEFT:
            self._left[outcome.why] += 1
        elif outcome.result is Result.CURRENT and outcome.why:
            self._older += _modified(outcome.labels[0]) < self._model_time

    def show(self) -> None:
        from taggingbackends.display.tables import aligned

        warn_of_each([f"{path}: {text}" for path, text in self._left_out])
        for text, recordings in self._warned.items():
            several = f" (and {len(recordings) - 1} more)" if len(recordings) > 1 else ""
            logger.warning(f"{recordings[0]}{several}: {text}")
        if self._older:
            logger.warning(
                f"{counted(self._older, 'label file')} without model_digest: up to date, but older "
                f"than model {self._model}; if it was trained again, use --force to label all"
            )
        warn_of_unreadable(self._near_misses, count=False)
        if self._near_misses:
            self._counts["not readable"] = len(self._near_misses)
        say(", ".join(f"{result} {n}" for result, n in self._counts.items()))
        if self._left:
            reasons = ", ".join(f"{n} {why}" for why, n in self._left.items())
            say(f"left alone: {reasons}; use --force to replace these, too")
        if self.failed:
            rows = sorted((str(o.recording), o.step or "-", _why(o)) for o in self.failed)
            for path, step, why in rows:
                log(f"{path}: {step}: {why}", logging.ERROR)
            table = aligned([("failed", "step", "why"), *rows], left=(0, 1, 2))
            echo("", *table.split("\n"), err=True)


def _why(outcome: Outcome) -> str:
    """Return why a recording failed, in terms of the command line.

    The message of a script is returned as it is.
    """
    return outcome.why if outcome.step else in_command_words(outcome.why)


def _newest(folder: Path) -> float:
    """Return the modification time of the newest file of a model, s; 0 if it has no files."""
    files = (Path(top, name) for top, _, names in os.walk(folder) for name in names)
    times = (_modified(file) for file in files if file != folder / RECORD)
    return max((time for time in times if time < math.inf), default=0.0)


def _modified(file: Path) -> float:
    """Return the modification time of a file, s; infinity if it is unknown."""
    try:
        return file.stat().st_mtime
    except OSError:  # a broken link, or a file that somebody has removed
        return math.inf
