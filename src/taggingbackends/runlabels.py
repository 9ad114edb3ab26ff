"""The labels of one run and of one larva: columns that read as mappings."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import ItemsView, Iterable, Iterator, Mapping, ValuesView
from contextlib import suppress
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taggingbackends.errors import LabelFileError, located, shown
from taggingbackends.states import NEW_COLOR, Codes, State, StateTable, check_names, labels_of

__all__ = ["MAX_LARVA_ID", "TIME_TOLERANCE", "RunLabels", "TrackLabels"]

MAX_LARVA_ID = 65535  # Nyx holds larva identifiers in 16 bits
RUN_KEYS = ("metadata", "units", "labels", "secondarylabels", "dependencies", "data")
TRACK_KEYS = ("id", "t", "labels")
"""The entries of a run, and of a track, in a label file; attributes have other names."""

_CARRIED = (
    "id",
    "metadata",
    "units",
    "names",
    "colors",
    "secondary_names",
    "dependencies",
    "attributes",
)

TIME_TOLERANCE = 1e-3 + 1e-9  # seconds; label files hold milliseconds


class TrackLabels(Mapping[float, State]):
    """The labels of one larva: time -> state.

    A time is found within 1 ms (the nearest one). Iteration gives the times as floats.

    Attributes
    ----------
    times : (n,) float64 array, read-only
        Seconds, strictly increasing.
    codes : (n,) int32 array, read-only
        Index of each state in the run's table of states (``labels[run].states``); 0: undefined.
    records : dict
        Further entries of the track in a label file. What is as long as `times` belongs to the
        frames (numbers and booleans as arrays), the rest to the track.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self,
        table: StateTable,
        times: NDArray[np.float64],
        codes: Codes,
        records: dict[str, Any] | None = None,
    ) -> None:
        times.flags.writeable = codes.flags.writeable = False
        self._table = table
        self.times = times
        self.codes = codes
        self.records: dict[str, Any] = {} if records is None else records

    @property
    def states(self) -> list[State]:
        """The state of each frame, a str (one label) or a tuple of str (several, or none)."""
        states = self._table.states
        return [states[code] for code in self.codes.tolist()]

    def find(self, times: ArrayLike) -> NDArray[np.intp]:
        """Return the index of the frame nearest to each time, -1 where none is within 1 ms.

        Parameters
        ----------
        times : (m,) array_like
            Seconds.

        Returns
        -------
        (m,) intp array
            0-based; the earlier of two equally near frames.
        """
        wanted = np.asarray(times, dtype=np.float64)
        n = len(self.times)
        if n == 0:
            return np.full(wanted.shape, -1, dtype=np.intp)
        after = np.searchsorted(self.times, wanted).clip(max=n - 1)
        before = (after - 1).clip(min=0)
        earlier = np.abs(wanted - self.times[before]) <= np.abs(self.times[after] - wanted)
        nearest = np.where(earlier, before, after)
        near = np.abs(self.times[nearest] - wanted) <= TIME_TOLERANCE
        return np.where(near, nearest, -1)

    def match(self, times: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return what `find` does, but give each frame to one time only: the nearest to it."""
        at = self.find(times)
        near = np.flatnonzero(at >= 0)
        found = at[near]
        if (found[1:] > found[:-1]).all():
            return at  # as nearly always
        distance = np.abs(self.times[at[near]] - times[near])
        best = near[np.lexsort((distance, at[near]))]
        first = np.append(True, at[best][1:] != at[best][:-1])[: len(best)]
        matched = np.full_like(at, -1)
        matched[best[first]] = at[best[first]]
        return matched

    def __getitem__(self, time: float) -> State:
        # as `find`, for one time
        index, nearest = -1, TIME_TOLERANCE
        with suppress(TypeError, ValueError):
            after = bisect_left(self.times, float(time))
            for frame in range(max(after - 1, 0), min(after + 1, len(self.times))):
                distance = abs(float(self.times[frame]) - time)
                if distance < nearest or (distance == nearest and index < 0):
                    index, nearest = frame, distance
        if index < 0:
            raise KeyError(time)
        return self._table.states[int(self.codes[index])]

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
            and _same_states(self, other)
            and list(self.records) == list(other.records)
            and all(_same_values(self.records[key], other.records[key]) for key in self.records)
        )

    def __repr__(self) -> str:
        return f"<TrackLabels: {len(self)} frames>"


class _Items(ItemsView[float, State]):
    """Goes along the columns: looking each time up would cost a search a frame."""

    _mapping: TrackLabels

    def __iter__(self) -> Iterator[tuple[float, State]]:
        return zip(self._mapping.times.tolist(), self._mapping.states, strict=True)


class _Values(ValuesView[State]):
    _mapping: TrackLabels

    def __iter__(self) -> Iterator[State]:
        return iter(self._mapping.states)


class RunLabels(Mapping[int, TrackLabels]):
    """The labels of one run: larva identifier -> track.

    Attributes
    ----------
    metadata : dict
        Of the recording; without the identifier.
    units : dict
        ``{"t": "s"}``, and what else the label file says.
    attributes : dict
        Further entries of the run in a label file.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, run: str, table: StateTable | None = None) -> None:
        self._id = run
        self.metadata: dict[str, Any] = {}
        self.units: dict[str, Any] = {"t": "s"}
        self.dependencies: list[dict[str, Any]] = []
        self.attributes: dict[str, Any] = {}
        self._table = StateTable() if table is None else table
        self._tracks: dict[int, TrackLabels] = {}

    @property
    def id(self) -> str:
        """The run's identifier, typically ``date_time``."""
        return self._id

    @property
    def names(self) -> list[str]:
        """The label names, in the order of their codes (a copy; see `declare`)."""
        return list(self._table.names)

    @property
    def colors(self) -> list[str] | None:
        """None, or a colour for each name (a copy; see `declare`)."""
        return None if self._table.colors is None else list(self._table.colors)

    @property
    def secondary_names(self) -> list[str]:
        """The names of tags about tags, such as ``"edited"`` (a copy; assign to change)."""
        return list(self._table.secondary_names)

    @secondary_names.setter
    def secondary_names(self, names: Iterable[str]) -> None:
        # Names may be primary so far: they have been seen in states before they were declared.
        with located(run=self.id):
            names = check_names(names)
        kept = [name not in names for name in self.names]
        primary = list(compress(self.names, kept))
        colors = None if self.colors is None else list(compress(self.colors, kept))
        self._redeclare(primary, names, colors)

    @property
    def states(self) -> list[State]:
        """The distinct states that the tracks' `codes` stand for (a copy)."""
        return list(self._table.states)

    def declare(self, names: Iterable[str], colors: Iterable[str] | None = None) -> None:
        """Fix the order of the label names, and their colours.

        Parameters
        ----------
        names : iterable of str
            All the names in use, and any more.
        colors : iterable of str, optional
            One for each name, e.g. ``"#2ca02c"``. By default names keep the colours that they have,
            and new ones get ``#808080`` where there are colours.

        Raises
        ------
        LabelFileError
            ``bad-label``: not strings, empty or repeated, a name in use left out, colours that are
            not as many; ``overlapping-names``: a secondary name among them.
        """
        with located(run=self.id):
            names = check_names(names)
        if colors is None and self.colors is not None:
            known = dict(zip(self.names, self.colors, strict=True))
            colors = [known.get(name, NEW_COLOR) for name in names]
        self._redeclare(names, self._table.secondary_names, colors)

    def count(self) -> dict[str, int]:
        """Count the frames of each label that occurs, as `Labels.count` does."""
        frames = np.zeros(len(self._table.states), dtype=np.int64)
        for track in self.values():
            frames += np.bincount(track.codes, minlength=len(frames))
        counts = dict.fromkeys((*self._table.names, *self._table.secondary_names, ""), 0)
        for state, n in zip(self._table.states, frames.tolist(), strict=True):
            for name in (labels_of(state) or ("",)) if n else ():
                counts[name] += n
        return {name: n for name, n in counts.items() if n}

    def _redeclare(
        self, names: list[str], secondary: list[str], colors: Iterable[str] | None
    ) -> None:
        with located(run=self.id):
            missing = self._used_names().difference(names, secondary)
            if missing:
                problem = f"expected all the names in use, found none of {sorted(missing)}"
                raise LabelFileError("bad-label", problem)
            self._table.redeclare(names, secondary, colors)

    def _used_names(self) -> set[str]:
        return {name for code in self._used_codes() for name in labels_of(self._table.states[code])}

    def _used_codes(self) -> list[int]:
        used = np.zeros(len(self._table.states), dtype=bool)
        for track in self._tracks.values():
            used[track.codes] = True
        return np.flatnonzero(used).tolist()

    def __getitem__(self, larva: int) -> TrackLabels:
        return self._tracks[larva]

    def __iter__(self) -> Iterator[int]:
        return iter(self._tracks)

    def __len__(self) -> int:
        return len(self._tracks)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RunLabels):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _CARRIED) and (
            list(self._tracks.items()) == list(other._tracks.items())
        )

    def __repr__(self) -> str:
        return f"<RunLabels {self.id}: {len(self)} larvae>"


def check_larva(larva: Any, run: str | None = None) -> int:
    """Return a larva identifier as an int; ``bad-larva-id`` unless it is one of 0..65535."""
    whole = isinstance(larva, (int, np.integer)) and not isinstance(larva, bool)
    if not (whole and 0 <= larva <= MAX_LARVA_ID):
        problem = f"expected a larva identifier from 0 to {MAX_LARVA_ID}, found {shown(larva)}"
        raise LabelFileError("bad-larva-id", problem, run=run)
    return int(larva)


def check_times(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return times as they are; ``bad-time`` unless they are finite and strictly increasing."""
    if times.ndim != 1:
        problem = f"expected times in one dimension, found an array of shape {times.shape}"
        raise LabelFileError("bad-time", problem)
    if (times[1:] > times[:-1]).all() and np.isfinite(times[[0, -1]] if len(times) else 0).all():
        return times  # what stands in order between finite times is finite
    finite = np.isfinite(times)
    # written so that the first violation counts, whichever it is
    bad = ~finite
    bad[1:] |= finite[1:] & ~(times[1:] > times[:-1])
    if bad.any():
        index = int(bad.argmax())
        if finite[index]:
            problem = f"expected a time after {times[index - 1]}, found {times[index]}"
        else:
            problem = f"expected a finite time, found {times[index]}"
        raise LabelFileError("bad-time", problem, index=index)
    return times


def check_units(units: Any) -> dict[str, Any]:
    """Return units with `t`; ``bad-units`` unless that is "s", or left out."""
    if not isinstance(units, dict):
        raise LabelFileError("bad-units", f"expected an object as units, found {shown(units)}")
    if units.get("t", "s") != "s":
        raise LabelFileError("bad-units", f'expected "s" as units.t, found {shown(units["t"])}')
    return units if "t" in units else {"t": "s", **units}


def _same_states(one: TrackLabels, other: TrackLabels) -> bool:
    """Compare the states of two tracks of equal length, whatever their numbers are."""
    numbers = {state: number for number, state in enumerate(other._table.states)}
    translation = one._table.translation(lambda state: numbers.get(state, -1))
    return bool(np.array_equal(translation[one.codes], other.codes))


def _same_values(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return bool(np.array_equal(one, other))
    return bool(one == other)
