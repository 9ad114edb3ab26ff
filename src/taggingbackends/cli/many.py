"""``tagging-backend predict --recursive``: how far it is, what failed, and what was left alone."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from taggingbackends.options import Options
from taggingbackends.progress import Meter

if TYPE_CHECKING:
    from taggingbackends.explorer import BackendExplorer
    from taggingbackends.labelling import Outcome

__all__ = ["predict_below"]


def predict_below(
    backend: BackendExplorer,
    roots: Sequence[Path],
    options: Options,
    force: bool,
    skip: Sequence[str],
    jobs: int,
    scheduler: str | None,
) -> int:
    """Label the recordings below folders, tell about it, and return the exit code."""
    from taggingbackends.executors import DaskExecutor, Executor, LocalExecutor
    from taggingbackends.labelling import Result
    from taggingbackends.many import label_all, plan

    tasks, failed = plan(backend, roots, options, force, skip)
    report = _Report(backend)
    for outcome in failed:
        report.add(outcome)
    with ExitStack() as stack:
        executor: Executor = LocalExecutor(jobs)
        if scheduler is not None:
            executor = stack.enter_context(DaskExecutor(scheduler))
        meter = Meter(len(tasks), lambda: executor.slots)
        stack.callback(meter.clear)
        for outcome in stack.enter_context(closing(label_all(tasks, executor))):
            report.add(outcome)
            meter.clear()
            if outcome.result is Result.LABELLED:
                for path in outcome.labels:
                    click.echo(path)
            meter.add(outcome.result is Result.FAILED, outcome.seconds)
    report.tell()
    return 1 if report.failed else 0


class _Report:
    def __init__(self, backend: BackendExplorer) -> None:
        self._model = backend.model_instance
        self._model_time = _newest(backend.model_dir())
        self._counts: Counter[str] = Counter()
        self._left: Counter[str] = Counter()
        self._older = 0
        self._warned: dict[str, list[Path]] = {}
        self.failed: list[Outcome] = []

    def add(self, outcome: Outcome) -> None:
        from taggingbackends.labelling import Result

        self._counts[outcome.result.value] += 1
        for text in outcome.warnings:
            self._warned.setdefault(text, []).append(outcome.recording)
        if outcome.result is Result.FAILED:
            self.failed.append(outcome)
        elif outcome.result is Result.LEFT:
            self._left[outcome.why] += 1
        elif outcome.result is Result.CURRENT:
            self._older += outcome.labels[0].stat().st_mtime < self._model_time

    def tell(self) -> None:
        for text, recordings in self._warned.items():
            several = f" (and {len(recordings) - 1} more)" if len(recordings) > 1 else ""
            _say(f"Warning: {recordings[0]}{several}: {text}")
        if self._older:
            _say(
                f"Warning: {self._older} label files that are up to date are older than model "
                f"{self._model}; if that was trained again, --force labels all anew"
            )
        _say(", ".join(f"{result} {n}" for result, n in self._counts.items()))
        if self._left:
            reasons = ", ".join(f"{n} {why}" for why, n in self._left.items())
            _say(f"left alone: {reasons}; --force replaces these, too")
        if self.failed:
            rows = [(str(o.recording), o.step or "-", o.why) for o in self.failed]
            _table([("failed", "step", "why"), *sorted(rows)])


def _table(rows: list[tuple[str, str, str]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    _say("")
    for path, step, why in rows:
        _say(f"{path:<{widths[0]}}  {step:<{widths[1]}}  {why}")


def _newest(folder: Path) -> float:
    """Return when a model was trained: the time of its newest file, s; 0 if it has none."""
    times = [
        os.stat(os.path.join(top, file)).st_mtime  # noqa: PTH116, PTH118
        for top, _, files in os.walk(folder)
        for file in files
    ]
    return max(times, default=0.0)


def _say(text: str) -> None:
    click.echo(text, err=True)
