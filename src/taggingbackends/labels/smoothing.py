"""Smoothing: short bouts get the labels of a neighbour."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heapify, heappop, heappush
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from taggingbackends.labels.confidence import edited_states, known_confidence
from taggingbackends.labels.editing import replace_codes
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import Codes, labels_of
from taggingbackends.labels.stretches import check_max_gap, columns_of, find_stretches

__all__ = ["smooth"]

_UNDEFINED = 0  # the class of frames without primary labels


def smooth(runs: Mapping[str, RunLabels], shortest: float, max_gap: float | None = None) -> None:
    """See `Labels.smooth`."""
    if not shortest > 0:
        raise ValueError(f"expected a shortest duration above 0 s, found {shortest!r}")
    check_max_gap(max_gap)
    # before the first change, because a time may be refused
    smoothed = [(run, _smoothed(run, shortest, max_gap)) for run in runs.values()]
    for run, columns in smoothed:
        for larva, codes in zip(list(run), columns, strict=True):
            replace_codes(run, larva, codes)


def _smoothed(run: RunLabels, shortest: float, max_gap: float | None) -> list[Codes]:
    """Return the codes of each track of a run."""
    tracks, times, codes = columns_of(run)
    stretches, table = find_stretches(tracks, times, max_gap), run._table
    classes: dict[tuple[str, ...], int] = {(): _UNDEFINED}  # primary labels -> number
    of_state = table.translation(lambda x: classes.setdefault(table.primary(x), len(classes)))
    old = of_state[codes]
    begins = np.ones(len(times), dtype=bool)
    begins[1:] = (old[1:] != old[:-1]) | (stretches.numbers[1:] != stretches.numbers[:-1])
    first = np.flatnonzero(begins)
    sizes = np.diff(np.append(first, len(times)))

    def sums(column: NDArray[np.generic]) -> list[int]:
        before = np.append(0, np.cumsum(column, dtype=np.int64))
        return [int(x) for x in before[first + sizes] - before[first]]

    # whole percents, as in files: sums are exact
    percents = np.nan_to_num(np.rint(100 * known_confidence(run)), nan=-1)
    bouts = _Bouts(
        classes=old[first].tolist(),
        stretches=stretches.numbers[first].tolist(),
        start=times[first].tolist(),
        stop=stretches.ends[first + sizes - 1].tolist(),
        edited=list(map(bool, sums(edited_states(run)[codes]))),
        known=sums(percents >= 0),
        percents=sums(percents.clip(min=0)),
    )
    new = np.repeat(np.array(bouts.smoothed(shortest), dtype=np.int64), sizes)
    changed = np.flatnonzero(new != old)
    pairs, places = np.unique(new[changed] << 32 | codes[changed], return_inverse=True)
    numbers, names = np.zeros(len(pairs), dtype=np.int32), list(classes)
    for place, pair in enumerate(pairs.tolist()):
        state = table.states[pair & 0xFFFFFFFF]
        primary = set(table.primary(state))
        own = (name for name in labels_of(state) if name not in primary)  # secondary labels
        numbers[place] = table.number((*names[pair >> 32], *own))
    codes[changed] = numbers[places]
    ends = np.cumsum([len(track) for track in run.values()], dtype=np.int64)
    return np.split(codes, ends[:-1])[: len(run)]


class _Bouts:
    """Bouts of primary labels as columns, which are changed when bouts are united.

    A bout that is united with another one is represented by it from then on.
    """

    def __init__(
        self,
        classes: list[int],
        stretches: list[int],
        start: list[float],
        stop: list[float],
        edited: list[bool],
        known: list[int],
        percents: list[int],
    ) -> None:
        self.classes, self.start, self.stop = classes, start, stop
        self.edited, self.known, self.percents = edited, known, percents
        n = len(classes)
        near = [a == b for a, b in pairwise(stretches)]
        self.before = [bout - 1 if bout and near[bout - 1] else -1 for bout in range(n)]
        self.after = [bout + 1 if bout < n - 1 and near[bout] else -1 for bout in range(n)]
        self.united = list(range(n))

    def smoothed(self, shortest: float) -> list[int]:
        """Return the class of each of the original bouts."""
        least = np.rint(1e6 * shortest)
        durations = map(self._duration, range(len(self.classes)))
        short = [(length, bout) for bout, length in enumerate(durations) if length < least]
        heapify(short)
        while short:
            duration, bout = heappop(short)
            if self.united[bout] != bout or duration != self._duration(bout):
                continue  # united with others since then
            if self.edited[bout] or self.classes[bout] == _UNDEFINED:
                continue
            into = self._neighbour(bout)
            if into < 0:
                continue
            other = self.before[bout] if into == self.after[bout] else self.after[bout]
            self._unite(bout, into)
            if other >= 0 and self.classes[other] == self.classes[into]:
                self.known[into] += self.known[other]
                self.percents[into] += self.percents[other]
                self.edited[into] |= self.edited[other]
                self._unite(other, into)
            duration = self._duration(into)
            if duration < least:
                heappush(short, (duration, into))
        return [self.classes[self._representative(bout)] for bout in range(len(self.classes))]

    def _duration(self, bout: int) -> int:
        """Return the duration in whole µs, so that rounding errors of times do not decide."""
        return round(1e6 * (self.stop[bout] - self.start[bout]))

    def _neighbour(self, bout: int) -> int:
        """Return the neighbour whose labels a bout gets, -1 if there is none."""
        before, after = (
            x if x >= 0 and self.classes[x] != _UNDEFINED else -1
            for x in (self.before[bout], self.after[bout])
        )
        if before < 0 or after < 0:
            return max(before, after)
        if self.known[before] and self.known[after]:
            sure = self.percents[before] * self.known[after]
            surer = self.percents[after] * self.known[before]
            if sure != surer:
                return before if sure > surer else after
        return after if self._duration(after) > self._duration(before) else before

    def _unite(self, bout: int, into: int) -> None:
        self.united[bout] = into
        if self.start[bout] < self.start[into]:
            self.start[into], self.before[into] = self.start[bout], self.before[bout]
            if self.before[bout] >= 0:
                self.after[self.before[bout]] = into
        else:
            self.stop[into], self.after[into] = self.stop[bout], self.after[bout]
            if self.after[bout] >= 0:
                self.before[self.after[bout]] = into

    def _representative(self, bout: int) -> int:
        while self.united[bout] != bout:
            self.united[bout] = self.united[self.united[bout]]  # shorter paths
            bout = self.united[bout]
        return bout
