"""Labels: run -> larva -> time -> state, read as nested mappings, stored by column."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taggingbackends.dependencies import check_dependencies
from taggingbackends.errors import LabelFileError, located, shown
from taggingbackends.states import Codes, State, StateTable, check_names, labels_of

if TYPE_CHECKING:
    from taggingbackends.data.tracks import Recording

__all__ = ["MAX_LARVA_ID", "TIME_TOLERANCE", "Labels", "RunLabels", "TrackLabels"]

MAX_LARVA_ID = 65535  # Nyx holds larva identifiers in 16 bits
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

    def __getitem__(self, time: float) -> State:
        try:
            index = int(self.find(time))
        except (TypeError, ValueError):
            index = -1
        if index < 0:
            raise KeyError(time)
        return self._table.states[int(self.codes[index])]

    def __iter__(self) -> Iterator[float]:
        return iter(self.times.tolist())

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


class RunLabels(Mapping[int, TrackLabels]):
    """The labels of one run: larva identifier -> track.

    Attributes
    ----------
    id : str
        The run's identifier, typically ``date_time``.
    metadata : dict
        Of the recording; without the identifier.
    units : dict
        ``{"t": "s"}``, and what else the label file says.
    attributes : dict
        Further entries of the run in a label file.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, run: str, table: StateTable | None = None) -> None:
        self.id = run
        self.metadata: dict[str, Any] = {}
        self.units: dict[str, Any] = {"t": "s"}
        self.dependencies: list[dict[str, Any]] = []
        self.attributes: dict[str, Any] = {}
        self._table = StateTable() if table is None else table
        self._tracks: dict[int, TrackLabels] = {}

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
        self._redeclare(self._table.names, names, self._table.colors)

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
            One for each name, e.g. ``"#2ca02c"``.

        Raises
        ------
        LabelFileError
            ``bad-label``: not strings, empty or repeated, a name in use left out, colours that are
            not as many; ``overlapping-names``: a secondary name among them.
        """
        self._redeclare(names, self._table.secondary_names, colors)

    def _redeclare(
        self, names: Iterable[str], secondary: Iterable[str], colors: Iterable[str] | None
    ) -> None:
        with located(run=self.id):
            names, secondary = check_names(names), check_names(secondary)
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


class Labels(Mapping[str, RunLabels]):
    """Discrete behavioural states of larvae: run -> larva -> time -> state.

    A state is a str (one label), or a tuple of str (several at once; empty: looked at, undefined).

    Attributes
    ----------
    attributes : dict
        What a label file with several runs carries besides the runs.

    Examples
    --------
    >>> labels = Labels()
    >>> labels.set("20150701_105504", 512, [66.675, 66.755], ["run", "cast"])
    >>> labels["20150701_105504"][512][66.755]
    'cast'
    >>> labels.count()
    {'run': 1, 'cast': 1}
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self.attributes: dict[str, Any] = {}
        self._runs: dict[str, RunLabels] = {}

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Labels:
        """Read a label file, strictly.

        Raises
        ------
        LabelFileError
            The first violation in the file's order, with kind, file, run, track and index.
        OSError
            The file cannot be read.
        """
        from taggingbackends.labelfile import read

        return read(path)

    def write(self, path: str | PathLike[str]) -> None:
        """Write a label file: canonical text, atomically.

        Times are written in whole milliseconds.

        Raises
        ------
        LabelFileError
            ``bad-time``: times that become equal in milliseconds; any kind, for what the fields
            were set to. Nothing is written then.
        OSError
            The file cannot be written; an old one is untouched.
        """
        from taggingbackends.labelfile import write

        write(path, self)

    def add_run(self, run: str) -> RunLabels:
        """Return the labels of a run, made empty if there is none of this identifier."""
        if not (isinstance(run, str) and run):
            problem = f"expected a run identifier that is a string and not empty, found {run!r}"
            raise LabelFileError("not-a-label-file", problem)
        return self._runs.setdefault(run, RunLabels(run))

    def set(self, run: str, larva: int, times: ArrayLike, states: Iterable[Any]) -> None:
        """Set the whole track of one larva.

        Parameters
        ----------
        run : str
            Identifier; the run is made if there is none.
        larva : int
            Identifier, 0..65535; an old track is replaced.
        times : (n,) array_like of float
            Seconds, finite, strictly increasing.
        states : n states
            A state is a str or a sequence of str; an empty sequence is undefined. New names are
            declared in order of appearance.

        Raises
        ------
        LabelFileError
            ``bad-larva-id``, ``bad-time``, ``bad-code``, ``bad-label`` or ``length-mismatch``;
            nothing is changed then.
        """
        larva = check_larva(larva, run)
        with located(run=run, track=larva):
            column = check_times(np.array(times, dtype=np.float64))
            items = list(states)
            if len(items) != len(column):
                problem = f"expected {len(column)} states, as many as times, found {len(items)}"
                raise LabelFileError("length-mismatch", problem)
            known = self._runs.get(run)
            table = StateTable() if known is None else known._table
            codes = table.encode(items)
        labels = self.add_run(run)
        labels._table = table
        labels._tracks[larva] = TrackLabels(table, column, codes)

    def to_dict(self) -> dict[str, dict[int, dict[float, State]]]:
        """Return plain nested dictionaries: run -> larva -> time -> state."""
        return {
            run: {
                larva: dict(zip(track.times.tolist(), track.states, strict=True))
                for larva, track in tracks.items()
            }
            for run, tracks in self.items()
        }

    def count(self) -> dict[str, int]:
        """Count the frames of each label that occurs, over all runs.

        A frame counts for each of its labels; undefined ones are counted under ``""``, last.
        """
        counts: dict[str, int] = {}
        undefined = 0
        for run in self.values():
            frames = np.zeros(len(run._table.states), dtype=np.int64)
            for track in run.values():
                frames += np.bincount(track.codes, minlength=len(frames))
            of_names = dict.fromkeys((*run._table.names, *run._table.secondary_names), 0)
            for state, n in zip(run._table.states, frames.tolist(), strict=True):
                for name in labels_of(state) if n else ():
                    of_names[name] += n
            for name, n in of_names.items():
                if n:
                    counts[name] = counts.get(name, 0) + n
            undefined += int(frames[0])
        return counts | ({"": undefined} if undefined else {})

    def merge(self, other: Labels, when: Callable[[tuple[str, ...]], bool] | None = None) -> None:
        """Overwrite states, at matching times, with those of other labels.

        Parameters
        ----------
        other : Labels
            Its runs, larvae and times that these labels do not have are added as they are.
        when : callable, optional
            Called with the labels of a state, as a tuple; only states for which it holds
            overwrite. By default those that are not undefined do.

        Raises
        ------
        LabelFileError
            ``overlapping-names``: a name is primary here and secondary there, or the reverse;
            ``length-mismatch``: a time would be added to a track that carries further records.
            Nothing is changed then.
        """
        from taggingbackends.editing import merge

        merge(self, other, when)

    def crop(self, start: float, stop: float) -> Labels:
        """Return new labels of the frames with start - 1 ns <= time <= stop + 1 ns (in seconds).

        Larvae without such a frame are left out; all else that the runs carry is kept.
        """
        from taggingbackends.editing import crop

        return crop(self, start, stop)

    def fill(self, default: str, like: Labels | Recording | None = None) -> None:
        """Give undefined frames a label.

        Parameters
        ----------
        default : str
            The label; declared if it is new.
        like : Labels or Recording, optional
            Frames that only this one has are added, with the default label.

        Raises
        ------
        LabelFileError
            ``bad-label``; ``length-mismatch``: a time would be added to a track that carries
            further records. Nothing is changed then.
        """
        from taggingbackends.editing import fill

        fill(self, default, like)

    def tag(self, name: str, unless: str | Sequence[str] = ()) -> None:
        """Append a secondary label to every defined state.

        Parameters
        ----------
        name : str
            The secondary label, e.g. ``"edited"``; states that have it already stay as they are.
        unless : str or sequence of str, optional
            States with one of these labels stay as they are, too.

        Raises
        ------
        LabelFileError
            ``bad-label``, or ``overlapping-names``: the name is a primary one. Nothing is changed.
        """
        from taggingbackends.editing import tag

        tag(self, name, (unless,) if isinstance(unless, str) else unless)

    def check_dependencies(self, folder: str | PathLike[str]) -> list[Path]:
        """Check that the tracker files of all runs are in a folder with the content they had.

        Returns
        -------
        list of Path
            The files.

        Raises
        ------
        LabelFileError
            ``bad-dependency``: a file is missing or has another SHA-1.
        """
        files: dict[Path, None] = {}
        for run in self.values():
            with located(run=run.id):
                files.update(dict.fromkeys(check_dependencies(run.dependencies, folder)))
        return list(files)

    def __getitem__(self, run: str) -> RunLabels:
        return self._runs[run]

    def __iter__(self) -> Iterator[str]:
        return iter(self._runs)

    def __len__(self) -> int:
        return len(self._runs)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Labels):
            return NotImplemented
        return self.attributes == other.attributes and (
            list(self._runs.items()) == list(other._runs.items())
        )

    def __repr__(self) -> str:
        larvae = sum(map(len, self.values()))
        frames = sum(len(track) for run in self.values() for track in run.values())
        return f"<Labels: {len(self)} runs, {larvae} larvae, {frames} frames>"


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


def _same_states(one: TrackLabels, other: TrackLabels) -> bool:
    """Compare the states of two tracks of equal length, whatever their numbers are."""
    numbers = {state: number for number, state in enumerate(other._table.states)}
    translation = one._table.translation(lambda state: numbers.get(state, -1))
    return bool(np.array_equal(translation[one.codes], other.codes))


def _same_values(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return bool(np.array_equal(one, other))
    return bool(one == other)
