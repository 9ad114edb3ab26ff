"""Labels of a larva: a mapping time -> state, stored as columns."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from copy import copy
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taggingbackends.labels.lookup import frames_between, missing_time, times_of
from taggingbackends.labels.nested import copied, is_equal
from taggingbackends.labels.reprs import time_range
from taggingbackends.labels.states import Codes, State, StateTable

__all__ = ["TIME_TOLERANCE", "TrackLabels", "find_frames", "is_record"]

TIME_TOLERANCE = 1e-3 + 1e-9  # seconds; label files hold milliseconds


class TrackLabels(Mapping[float, State]):
    """Labels of a larva: time -> state.

    A time stands for the nearest frame within 1 ms. Iteration yields the times as floats. A slice
    of seconds, ``track[3.0:5.0]``, returns a copy of these frames, as `Labels.crop` does.

    Attributes
    ----------
    times : (n,) float64 array, read-only
        Seconds, strictly increasing.
    codes : (n,) int32 array, read-only
        Index of each state in the run's table of states (``labels[run].states``); 0: undefined.
    confidence : (n,) float64 array, read-only, or None
        Probability that a model gives to each state, 0 to 1; NaN: unknown. None without any. A
        frame loses it when its primary labels change, or when it gets the label "edited".
    second_codes : (n,) int32 array, read-only, or None
        The model's second choice for each frame, a single label, as in `codes`; 0: none.
    records : dict
        Further entries of the track in a label file. A list as long as `times` is a per-frame
        record; one of numbers or booleans is stored as an array. Other entries belong to the track.

    Examples
    --------
    >>> from taggingbackends import Labels
    >>> labels = Labels()
    >>> labels.set("run1", 7, [0.0, 0.1, 0.2, 0.3], ["run", "run", "cast", "run"])
    >>> track = labels["run1"][7]
    >>> track[0.2]
    'cast'
    >>> track[0.0:0.15].states
    ['run', 'run']
    >>> track.codes.tolist()
    [1, 1, 2, 1]
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self,
        table: StateTable,
        times: NDArray[np.float64],
        codes: Codes,
        records: dict[str, Any] | None = None,
        confidence: NDArray[np.float64] | None = None,
        second_codes: Codes | None = None,
    ) -> None:
        self._table = table
        self.times = times
        self.codes = codes
        self.confidence = confidence
        self.second_codes = second_codes
        self._protect()
        self.records: dict[str, Any] = {} if records is None else records

    @property
    def states(self) -> list[State]:
        """State of each frame: a str (one label) or a tuple of str (several, or none)."""
        states = self._table.states
        return [states[code] for code in self.codes.tolist()]

    @property
    def second(self) -> list[State] | None:
        """Second choice for each frame: a str, or ``()`` for none. None without any choices."""
        if self.second_codes is None:
            return None
        states = self._table.states
        return [states[code] for code in self.second_codes.tolist()]

    def _protect(self) -> None:
        for column in (self.times, self.codes, self.confidence, self.second_codes):
            if column is not None and column.flags.writeable:
                column.setflags(write=False)

    def find(self, times: ArrayLike) -> NDArray[np.intp]:
        """Return the index of the frame nearest to each time, or -1 if none is within 1 ms.

        Parameters
        ----------
        times : (m,) array_like
            Seconds.

        Returns
        -------
        (m,) intp array
            0-based. Of two equally near frames, the earlier one.
        """
        return find_frames(self.times, np.asarray(times, dtype=np.float64))

    def match(self, times: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the result of `find`, but match each frame only to the time nearest to it.

        Parameters
        ----------
        times : (m,) float64 array
            Seconds, increasing.

        Returns
        -------
        (m,) intp array
            0-based indices of frames, each at most once; -1: no frame.
        """
        at = self.find(times)
        near = np.flatnonzero(at >= 0)
        found = at[near]
        if (found[1:] > found[:-1]).all():
            return at  # the usual case
        distance = np.abs(self.times[at[near]] - times[near])
        best = near[np.lexsort((distance, at[near]))]
        first = np.append(True, at[best][1:] != at[best][:-1])[: len(best)]
        matched = np.full_like(at, -1)
        matched[best[first]] = at[best[first]]
        return matched

    @overload
    def __getitem__(self, time: float) -> State: ...
    @overload
    def __getitem__(self, time: slice) -> TrackLabels: ...
    def __getitem__(self, time: float | slice) -> State | TrackLabels:
        index = self._frame(time)
        if index >= 0:
            return self._table.states[int(self.codes[index])]
        if isinstance(time, slice):
            return self._part(frames_between(self.times, *times_of(time)))
        raise missing_time(time, self.times)

    def __contains__(self, time: object) -> bool:
        return self._frame(time) >= 0

    def _frame(self, time: Any) -> int:
        """Return the result of `find` for one time of any type."""
        index, nearest = -1, TIME_TOLERANCE
        if isinstance(time, (str, bytes)):
            return -1  # float() would parse it
        try:
            seconds = float(time)
            after = bisect_left(self.times, seconds)
            for frame in range(max(after - 1, 0), min(after + 1, len(self.times))):
                distance = abs(float(self.times[frame]) - seconds)
                if distance < nearest or (distance == nearest and index < 0):
                    index, nearest = frame, distance
        except (TypeError, ValueError, OverflowError):
            pass  # not a number, or too large for a float
        return index

    def _part(self, frames: slice) -> TrackLabels:
        records = {
            key: copied(value[frames] if is_record(value, len(self)) else value)
            for key, value in self.records.items()
        }
        times, codes = self.times[frames].copy(), self.codes[frames].copy()
        confidence = None if self.confidence is None else self.confidence[frames].copy()
        second = None if self.second_codes is None else self.second_codes[frames].copy()
        return TrackLabels(self._table, times, codes, records, confidence, second)

    def __iter__(self) -> Iterator[float]:
        return iter(self.times.tolist())

    def items(self) -> ItemsView[float, State]:
        """Return a view of times and states."""
        return _Items(self)

    def values(self) -> ValuesView[State]:
        """Return a view of the states."""
        return _Values(self)

    def __len__(self) -> int:
        return len(self.times)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TrackLabels):
            return NotImplemented
        return (
            np.array_equal(self.times, other.times)
            and _same_states(self._table, self.codes, other._table, other.codes)
            and _same_confidence(self, other)
            and list(self.records) == list(other.records)
            and is_equal(self.records, other.records)
        )

    def __copy__(self) -> TrackLabels:
        return self._on(self._table.copy(), self.codes, self.second_codes)

    def _on(self, table: StateTable, codes: Codes, second: Codes | None) -> TrackLabels:
        """Return a copy with the numbers of another table."""
        records = copied(self.records)
        return TrackLabels(table, self.times, codes, records, self.confidence, second)

    def __deepcopy__(self, memo: dict[int, Any]) -> TrackLabels:
        return copy(self)

    def __repr__(self) -> str:
        return f"<TrackLabels: {time_range(self.times)}>"

    def __setstate__(self, state: dict[str, Any]) -> None:
        # pickle and copy make the arrays writable
        vars(self).update(state)
        self._protect()


def find_frames(frames: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the index of the frame nearest to each time, as `TrackLabels.find` does."""
    n = len(frames)
    if n == 0:
        return np.full(times.shape, -1, dtype=np.intp)
    after = np.searchsorted(frames, times).clip(max=n - 1)
    before = (after - 1).clip(min=0)
    earlier = np.abs(times - frames[before]) <= np.abs(frames[after] - times)
    nearest = np.where(earlier, before, after)
    near = np.abs(frames[nearest] - times) <= TIME_TOLERANCE
    return np.where(near, nearest, -1)


def is_record(value: Any, n: int) -> bool:
    """Return whether an entry of a track is per frame: a list or array with n elements."""
    return isinstance(value, (list, np.ndarray)) and len(value) == n


class _Items(ItemsView[float, State]):
    """View of times and states that iterates over the columns, without a search per frame."""

    _mapping: TrackLabels

    def __iter__(self) -> Iterator[tuple[float, State]]:
        return zip(self._mapping.times.tolist(), self._mapping.states, strict=True)


class _Values(ValuesView[State]):
    _mapping: TrackLabels

    def __iter__(self) -> Iterator[State]:
        return iter(self._mapping.states)


def _same_states(table: StateTable, codes: Codes, other: StateTable, others: Codes) -> bool:
    """Compare the states of two tracks of equal length, which may number states differently."""
    # each pair of numbers once: the tables may be larger than the track
    pairs = np.unique(codes.astype(np.int64) << 32 | others).tolist()
    return all(table.states[pair >> 32] == other.states[pair & 0xFFFFFFFF] for pair in pairs)


def _same_confidence(one: TrackLabels, other: TrackLabels) -> bool:
    a, b = one.confidence, other.confidence
    if not (a is b if a is None or b is None else np.array_equal(a, b, equal_nan=True)):
        return False
    c, d = one.second_codes, other.second_codes
    if c is None or d is None:
        return c is d
    return _same_states(one._table, c, other._table, d)
