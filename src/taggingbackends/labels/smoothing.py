"""Smoothing: short bouts get the labels of a neighbour."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heappop, heappush

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

    def sums(column: NDArray[np.generic]) -> NDArray[np.int64]:
        before: NDArray[np.int64] = np.append(0, np.cumsum(column, dtype=np.int64))
        return before[first + sizes] - before[first]

    # whole percents, as in files: sums are exact
    percents = np.nan_to_num(np.rint(100 * known_confidence(run)), nan=-1)
    bouts = _Bouts(
        classes=old[first],
        stretches=stretches.numbers[first],
        start=times[first],
        stop=stretches.ends[first + sizes - 1],
        edited=sums(edited_states(run)[codes]) > 0,
        known=sums(percents >= 0),
        percents=sums(percents.clip(min=0)),
    )
    new = np.repeat(bouts.smoothed(shortest), sizes)
    changed = np.flatnonzero(new != old)
    pairs, places = np.unique(
        new[changed].astype(np.int64) << 32 | codes[changed], return_inverse=True
    )
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

    A bout that is united with another one is represented by it from then on. Undefined bouts are
    no neighbours.
    """

    def __init__(
        self,
        classes: NDArray[np.integer],
        stretches: NDArray[np.int64],
        start: NDArray[np.float64],
        stop: NDArray[np.float64],
        edited: NDArray[np.bool_],
        known: NDArray[np.int64],
        percents: NDArray[np.int64],
    ) -> None:
        self.originals = classes
        self.classes: list[int] = classes.tolist()
        self.start, self.stop = start.tolist(), stop.tolist()
        # in whole µs, so that rounding errors of times do not decide
        self.durations: list[float] = np.rint(1e6 * (stop - start)).tolist()
        self.known, self.percents = known.tolist(), percents.tolist()
        defined = classes != _UNDEFINED
        self.stays: list[bool] = (edited | ~defined).tolist()
        n = len(classes)
        apart = ~(defined[1:] & defined[:-1] & (stretches[1:] == stretches[:-1]))
        before, after = np.arange(n) - 1, np.arange(n) + 1
        before[1:][apart] = after[:-1][apart] = before[:1] = after[-1:] = -1
        # place -1 takes what is written about a neighbour that is missing
        self.before, self.after = [*before.tolist(), -1], [*after.tolist(), -1]
        self.united = list(range(n))

    def smoothed(self, shortest: float) -> NDArray[np.integer]:
        """Return the class of each of the original bouts."""
        least = float(np.rint(1e6 * shortest))
        durations, stays = self.durations, self.stays
        short = [
            (duration, bout)
            for bout, duration in enumerate(durations)
            if duration < least and not stays[bout]
        ]
        short.sort(reverse=True)
        grown: list[tuple[float, int]] = []  # a heap of those that are too short after all
        while short or grown:
            if not short or (grown and grown[0] < short[-1]):
                duration, bout = heappop(grown)
            else:
                duration, bout = short.pop()
            if duration != durations[bout] or self.united[bout] != bout or stays[bout]:
                continue  # united with others since then
            into = self._neighbour(bout)
            if into < 0:
                continue
            other = self.before[bout] if into == self.after[bout] else self.after[bout]
            self._unite(bout, into)
            if other >= 0 and self.classes[other] == self.classes[into]:
                self.known[into] += self.known[other]
                self.percents[into] += self.percents[other]
                stays[into] |= stays[other]
                self._unite(other, into)
            durations[into] = round(1e6 * (self.stop[into] - self.start[into]))
            if durations[into] < least:
                heappush(grown, (durations[into], into))
        united = np.array(self.united, dtype=np.intp)
        while not np.array_equal(united, farther := united[united]):
            united = farther
        return self.originals[united]

    def _neighbour(self, bout: int) -> int:
        """Return the neighbour whose labels a bout gets, -1 if there is none."""
        before, after = self.before[bout], self.after[bout]
        if before < 0 or after < 0:
            return max(before, after)
        if self.known[before] and self.known[after]:
            sure = self.percents[before] * self.known[after]
            surer = self.percents[after] * self.known[before]
            if sure != surer:
                return before if sure > surer else after
        return after if self.durations[after] > self.durations[before] else before

    def _unite(self, bout: int, into: int) -> None:
        self.united[bout] = into
        if self.start[bout] < self.start[into]:
            self.start[into], self.before[into] = self.start[bout], self.before[bout]
            self.after[self.before[bout]] = into
        else:
            self.stop[into], self.after[into] = self.stop[bout], self.after[bout]
            self.before[self.after[bout]] = into
