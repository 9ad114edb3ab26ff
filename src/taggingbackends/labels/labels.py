"""Labels: nested mappings run -> larva -> time -> state.

The times and states of a track are stored as columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from copy import copy
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taggingbackends.errors import LabelFileError, located, shown, wrong_type
from taggingbackends.labels import editing, fromtables, reading, smoothing, tables, writing
from taggingbackends.labels.dependencies import (
    check_runs,
    check_same_recording,
    dependencies_of,
    dependency,
    names_by_sha1,
    other_recording,
)
from taggingbackends.labels.facts import FACTS
from taggingbackends.labels.lookup import check_seconds, missing_run
from taggingbackends.labels.nested import copied, is_equal
from taggingbackends.labels.reprs import html_table
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import State, StateTable, check_second, listed
from taggingbackends.labels.tracklabels import TrackLabels
from taggingbackends.labels.validation import check_confidence, check_larva, check_run, check_times
from taggingbackends.system.words import counted

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["Labels"]


class _Timed(Protocol):
    @property
    def times(self) -> NDArray[np.float64]: ...


class TrackedRun(Protocol):
    """A recording: a run and its tracks, which have times."""

    @property
    def run(self) -> str: ...
    def items(self) -> Iterable[tuple[int, _Timed]]: ...


class Labels(MutableMapping[str, RunLabels]):
    """Discrete behavioural states of larvae: run -> larva -> time -> state.

    A state is a str (one label) or a tuple of str (several labels at once). An empty tuple is an
    undefined state: the frame was looked at, but has no label.

    Delete runs and larvae with ``del labels[run]`` and ``del labels[run][larva]``. Setting a run,
    ``labels["b"] = other["a"]``, copies it; the key becomes its identifier.

    Attributes
    ----------
    attributes : dict
        Further entries of a label file with several runs.
    file : Path or None
        The file that the labels were read from.

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
        self.file: Path | None = None
        self._runs: dict[str, RunLabels] = {}

    @classmethod
    def _of(cls, content: reading.Content) -> Labels:
        labels = cls()
        labels.attributes, labels._runs = content
        return labels

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Labels:
        """Read a label file strictly.

        Parameters
        ----------
        path : path
            A label file.

        Raises
        ------
        LabelFileError
            The first violation in the order of the file, with kind, file, run, track and index.
        OSError
            The file cannot be read.
        TypeError
            `path` is not a path.
        """
        if not isinstance(path, (str, PathLike)):
            one_by_one = isinstance(path, (list, tuple))
            fix = "read files one by one" if one_by_one else _ways_to_labels(path)
            raise wrong_type("the path of a label file", path, fix)
        labels = cls._of(reading.read(path))
        labels.file = Path(path)
        return labels

    @classmethod
    def from_dict(cls, nested: Mapping[str, Mapping[int, Mapping[float, Any]]]) -> Labels:
        """Make labels from nested dictionaries, as returned by `to_dict`.

        Parameters
        ----------
        nested : mapping
            Run -> larva -> time (s, in any order) -> state.

        Raises
        ------
        LabelFileError
            As for `set`.
        TypeError
            `nested`, or a value where a mapping is expected, is not a mapping.
        """
        labels = cls()
        for run, larvae in _checked_mapping(nested, "run").items():
            labels.add_run(run)
            for larva, states in _checked_mapping(larvae, "larva").items():
                times = _as_floats(list(_checked_mapping(states, "time")))
                order = np.argsort(times, kind="stable")
                items = list(states.values())
                labels.set(run, larva, times[order], [items[place] for place in order.tolist()])
        return labels

    def write(self, path: str | PathLike[str]) -> None:
        """Write a label file in its canonical form, atomically.

        Times are rounded to whole milliseconds. An existing file is replaced, even if it has
        changed since it was read, unless it is read-only.

        Parameters
        ----------
        path : path
            The label file. Its folder must exist.

        Raises
        ------
        LabelFileError
            ``bad-time``: rounding makes two times equal. Other kinds: a field was set to an
            invalid value. Nothing is written then.
        OSError
            The file cannot be written. An old file is left unchanged.
        """
        writing.write(path, self.attributes, self)

    def add_run(self, run: str) -> RunLabels:
        """Return the labels of a run; add an empty run if it is missing.

        Parameters
        ----------
        run : str
            Run identifier.
        """
        return self._runs.setdefault(check_run(run), RunLabels(run))

    def set(
        self,
        run: str,
        larva: int | np.integer[Any],
        times: ArrayLike,
        states: Iterable[Any],
        confidence: ArrayLike | None = None,
        second: Iterable[Any] | None = None,
    ) -> None:
        """Set the labels of a larva, replacing its old track.

        Parameters
        ----------
        run : str
            Run identifier. A missing run is added.
        larva : int
            Larva identifier, 0..65535.
        times : (n,) array_like of float
            Seconds, finite, strictly increasing.
        states : n states
            Each is a str or a sequence of str; an empty sequence is undefined. New names are
            declared in order of appearance.
        confidence : (n,) array_like of float, optional
            Probability that a model gives to each state, 0 to 1; NaN if it is unknown. Label files
            hold whole percents.
        second : n labels, optional
            The model's second choice for each frame: a str, or an empty sequence for none.

        Raises
        ------
        LabelFileError
            ``bad-larva-id``, ``bad-time``, ``bad-code``, ``bad-label``, ``length-mismatch`` or
            ``bad-confidence``. Nothing is changed then.
        """
        larva = check_larva(larva, check_run(run))
        with located(run=run, track=larva):
            column = check_times(_as_floats(times))
            items = listed(states)
            if len(items) != len(column):
                problem = f"expected {len(column)} states, as many as times, found {len(items)}"
                raise LabelFileError("length-mismatch", problem)
            n = len(column)
            confidence = None if confidence is None else check_confidence(confidence, n)
            choices = None if second is None else check_second(second, n)
            known = self._runs.get(run)
            table = StateTable() if known is None else known._table
            codes = table.encode(items)
            second_codes = None if choices is None else table.encode(choices)
        labels = self.add_run(run)
        labels._table = table
        labels._tracks[larva] = TrackLabels(table, column, codes, None, confidence, second_codes)

    def to_dict(self) -> dict[str, dict[int, dict[float, State]]]:
        """Return plain nested dictionaries: run -> larva -> time -> state."""
        return {
            run: {
                larva: dict(zip(track.times.tolist(), track.states, strict=True))
                for larva, track in tracks.items()
            }
            for run, tracks in self.items()
        }

    def to_frames(self, max_gap: float | None = None, metadata: Sequence[str] = FACTS) -> DataFrame:
        """Return a table with one row per frame. It needs the extra ``pandas``.

        Parameters
        ----------
        max_gap : float, optional
            Longest step between successive frames of a stretch, s, for the durations. By default
            the longer of 1 s and 5 median frame intervals of the run's tracks.
        metadata : sequence of str
            Facts about the run that become columns: those of the names of tracker files, any key
            of the run's metadata, and ``"file"``, the label file.

        Returns
        -------
        DataFrame
            run (categorical), larva (int32), time and duration (float64, s), state (categorical:
            the labels, joined by +; missing if undefined), a bool column for each label,
            confidence (float64, 0 to 1), second (categorical), the per-frame records, and the
            metadata (categorical). What is unknown is missing (NaN).

            A label, a record or a fact with the name of another column gets a prefix:
            ``"label_run"``, ``"record_time"``, ``"metadata_state"``.

        Raises
        ------
        LabelFileError
            ``bad-time``: a time is so large that no double holds it in milliseconds.
        TaggingBackendsError
            pandas is not installed.
        ValueError
            `max_gap` is not above 0.
        """
        return tables.as_data_frame(tables.frame_columns(self, max_gap, metadata))

    def to_bouts(self, max_gap: float | None = None, metadata: Sequence[str] = FACTS) -> DataFrame:
        """Return a table with one row per bout; see `taggingbackends.labels.find_bouts`.

        Parameters
        ----------
        max_gap, metadata
            As for `to_frames`.

        Returns
        -------
        DataFrame
            run (categorical), larva (int32), label (categorical), start, stop and duration
            (float64, s), frames (int64), confidence (float64: the mean over the frames that have
            one and that nobody edited), and the metadata (categorical).

        Raises
        ------
        LabelFileError, TaggingBackendsError, ValueError
            As for `to_frames`.
        """
        return tables.as_data_frame(tables.bout_columns(self, max_gap, metadata))

    def to_budget(self, max_gap: float | None = None, metadata: Sequence[str] = FACTS) -> DataFrame:
        """Return a table with one row per larva and label of its run, also if it has none of it.

        Parameters
        ----------
        max_gap, metadata
            As for `to_frames`.

        Returns
        -------
        DataFrame
            run (categorical), larva (int32), label (categorical), seconds (float64: duration of
            the frames with the label), share (float64: of the tracked time), frames and bouts
            (int64), tracked (float64: duration of all frames of the larva, s), and the metadata
            (categorical).

        Raises
        ------
        LabelFileError, TaggingBackendsError, ValueError
            As for `to_frames`.
        """
        return tables.as_data_frame(tables.budget_columns(self, max_gap, metadata))

    @classmethod
    def from_frames(cls, table: DataFrame) -> Labels:
        """Make labels from a table of frames, such as `to_frames` returns.

        Parameters
        ----------
        table : DataFrame
            The columns run, larva, time (s) and state, with rows in any order. Optional columns:

            - confidence and second;
            - bool columns: each that is true where the state has the label of its name declares
              this label, and is not needed;
            - texts that are the same in all rows of a run: the run's metadata. The facts that
              `to_frames` has by default may be whole numbers, because programs read them so;
            - other numbers, booleans and texts: per-frame records.

            Booleans may be missing, as they are after ``pd.concat`` of the tables of recordings.

            The columns duration and file, and the index, are ignored.

        Raises
        ------
        LabelFileError
            ``bad-table``: a column is missing or of another type, or a row lacks its run or larva.
            ``bad-time``: a time is not finite, or twice for a larva. Other kinds: as for `set`.
        TypeError
            `table` is not a DataFrame.
        """
        labels = cls()
        labels._runs = fromtables.runs_from_frames(table)
        return labels

    @classmethod
    def from_bouts(cls, table: DataFrame, like: Labels | TrackedRun) -> Labels:
        """Make labels from a table of bouts, such as `to_bouts` returns.

        A frame has all labels with ``start <= time < stop``, in the order in which they are
        declared; times may be rounded to ms. Frames without a label are undefined.

        Parameters
        ----------
        table : DataFrame
            The columns run, larva, label, start and stop (s). Other columns are ignored.
        like : Labels or Recording
            What has the frames. Labels also give names, colours, metadata and dependencies; a
            recording gives its metadata, and its files as dependencies.

        Raises
        ------
        LabelFileError
            ``bad-table``: as for `from_frames`, or `like` lacks a run or a larva of the table.
            ``bad-time``: a time is not finite, or a stop is before its start. Other kinds: as for
            `set`.
        TypeError
            `table` is not a DataFrame, or `like` is neither Labels nor a recording.

        Warns
        -----
        UserWarning
            There is no frame in some bouts.
        """
        labels, frames = cls(), _frames_of(like)
        if isinstance(like, Labels):
            labels.attributes = copied(like.attributes)
            labels._runs = {run.id: run._copy(run.id, tracks=False) for run in like.values()}
        else:
            run = labels.add_run(like.run)
            run.metadata = copied(getattr(like, "metadata", {}))
            run.dependencies = [dependency(file) for file in sorted(getattr(like, "files", ()))]
        fromtables.fill_from_bouts(labels, frames, table)
        return labels

    def count(self) -> dict[str, int]:
        """Count the frames of each label that occurs, over all runs.

        A frame counts for each of its labels. Undefined frames are counted under the key ``""``,
        which is the last one.
        """
        counts: dict[str, int] = {}
        for run in self.values():
            for name, n in run.count().items():
                counts[name] = counts.get(name, 0) + n
        undefined = counts.pop("", 0)
        return counts | ({"": undefined} if undefined else {})

    def merge(
        self,
        other: Labels,
        when: Callable[[tuple[str, ...]], bool] | None = None,
        force: bool = False,
    ) -> None:
        """Overwrite states with those of other labels at matching times.

        Parameters
        ----------
        other : Labels
            Its runs, larvae and times that are missing here are added unchanged.
        when : callable, optional
            Called with the labels of a state, as a tuple. A state overwrites only if the result
            is true. By default all states overwrite except undefined ones.
        force : bool
            Also merge runs whose dependencies are the files of different recordings.

        Raises
        ------
        LabelFileError
            ``bad-dependency``: a run depends on other files in each of them, which share none, and
            `force` is False;
            ``overlapping-names``: a name is primary in one and secondary in the other;
            ``length-mismatch``: a time would be added to a track with per-frame records.
            Nothing is changed then.
        TypeError
            `other` is not Labels.
        """
        if not isinstance(other, Labels):
            raise wrong_type("Labels", other, _ways_to_labels(other))
        editing.merge(self._runs, other, when, force)

    def crop(self, start: float, stop: float) -> Labels:
        """Return the labels between two times, in seconds.

        Frames with start - 1 ns <= time <= stop + 1 ns are kept. Larvae without such frames are
        dropped. Everything else in the runs is copied.

        Parameters
        ----------
        start, stop : float
            Seconds.
        """
        runs = editing.crop(self, check_seconds(start), check_seconds(stop))
        return self._of(reading.Content(copied(self.attributes), runs))

    def fill(
        self, default: str, like: Labels | TrackedRun | None = None, force: bool = False
    ) -> None:
        """Give undefined frames a label.

        Parameters
        ----------
        default : str
            The label. A new name is declared.
        like : Labels or Recording, optional
            Frames that are missing here are added from it, with the default label.
        force : bool
            Also add frames of another recording.

        Raises
        ------
        LabelFileError
            ``bad-dependency``: the labels depend on files, `like` depends on others or is a
            recording of others, and `force` is False;
            ``bad-label``: invalid `default`; ``length-mismatch``: a time would be added to a track
            with per-frame records. Nothing is changed then.
        TypeError
            `like` is neither Labels nor a recording.
        """
        frames = {} if like is None else _frames_of(like)
        if like is not None and not force:
            self._check_like(like)
        editing.fill(self._runs, default, frames)

    def _check_like(self, like: Labels | TrackedRun) -> None:
        """Check that labels or a recording are not of another recording than these labels."""
        if isinstance(like, Labels):
            for run in like.values():
                if run.id in self:
                    check_same_recording(self[run.id], run)
            return
        runs = [self[like.run]] if like.run in self else list(self.values())
        names: dict[str, str] = {}
        for run in runs:
            with located(run=run.id):
                names |= names_by_sha1(run.dependencies)
        other_files: Callable[[Mapping[str, str]], list[str]] | None
        other_files = getattr(like, "other_files", None)
        files = other_files(names) if names and other_files is not None else []
        if files:
            with located(run=like.run):
                raise other_recording(names.values(), files)

    def tag(self, name: str, unless: str | Sequence[str] = ()) -> None:
        """Append a secondary label to every defined state.

        Parameters
        ----------
        name : str
            The secondary label, e.g. ``"edited"``. States that have it already are not changed.
        unless : str or sequence of str, optional
            States with one of these labels are not changed either.

        Raises
        ------
        LabelFileError
            ``bad-label``: invalid `name`; ``overlapping-names``: `name` is a primary label.
            Nothing is changed then.
        """
        editing.tag(self._runs, name, (unless,) if isinstance(unless, str) else unless)

    def rename(self, names: Mapping[str, str]) -> None:
        """Rename labels, primary and secondary ones, all at once.

        Parameters
        ----------
        names : mapping of str to str
            Old name -> new name. Several names that get one new name are joined, and so are a name
            and another label that has its new name already. Of joined names, the one that stays
            keeps its colour, or else the first one. A frame with two joined labels has the new one
            once. A second choice that is joined with the first one is dropped.

        Raises
        ------
        LabelFileError
            ``bad-label``: no run has any old name, or a new name is not a string or empty;
            ``overlapping-names``: a name would be primary and secondary. Nothing is changed then.

        Warns
        -----
        UserWarning
            No run has one of the old names.
        """
        editing.rename(self._runs, names)

    def smooth(self, shortest: float, max_gap: float | None = None) -> None:
        """Give bouts that are too short the primary labels of a neighbour.

        A bout is here a longest series of consecutive frames of a larva with the same primary
        labels; a gap ends it. The shortest bout comes first. It gets the labels of the bout before
        or after it: of the one with the higher mean confidence, if both have one, else of the
        longer one, else of the one before. Then it is one bout with that. This is repeated until no
        bout is too short. Bouts with a frame that has the label "edited" stay, and so do undefined
        frames, which are no neighbours. Frames keep their secondary labels. Those that change lose
        their confidence.

        Parameters
        ----------
        shortest : float
            Seconds. Durations are compared in whole µs.
        max_gap : float, optional
            Longest step between successive frames of a bout, s. By default the longer of 1 s and
            5 median frame intervals of the run's tracks.

        Raises
        ------
        LabelFileError
            ``bad-time``: a time is so large that no double holds it in milliseconds. Nothing is
            changed then.
        ValueError
            `shortest` or `max_gap` is not above 0.
        """
        smoothing.smooth(self._runs, shortest, max_gap)

    def check_dependencies(self, folder: str | PathLike[str]) -> list[Path]:
        """Check that the tracker files of all runs are in a folder and unchanged.

        Parameters
        ----------
        folder : path
            The folder of the tracker files.

        Returns
        -------
        list of Path
            The files.

        Raises
        ------
        LabelFileError
            ``bad-dependency``: a file is missing or has another SHA-1.
        """
        return check_runs(dependencies_of(self), folder)

    def __getitem__(self, run: str) -> RunLabels:
        try:
            return self._runs[run]
        except KeyError:
            raise missing_run(run, self._runs) from None

    def __setitem__(self, run: str, labels: RunLabels) -> None:
        if not isinstance(labels, RunLabels):
            fix = "Labels.from_dict takes dictionaries" if isinstance(labels, Mapping) else ""
            raise wrong_type("RunLabels, such as labels[run]", labels, fix)
        self._runs[run] = labels._copy(check_run(run))

    def __delitem__(self, run: str) -> None:
        self[run]  # raises the error for a missing key
        del self._runs[run]

    def __contains__(self, run: object) -> bool:
        return run in self._runs

    def setdefault(self, run: str, default: RunLabels | None = None) -> RunLabels:
        """Return a run; if it is missing, add a copy of `default`, or an empty run.

        Parameters
        ----------
        run : str
            Run identifier.
        default : RunLabels, optional
            Labels of a run.
        """
        if default is not None and run not in self:
            self[run] = default
        return self.add_run(run)

    def __iter__(self) -> Iterator[str]:
        return iter(self._runs)

    def __len__(self) -> int:
        return len(self._runs)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Labels):
            return NotImplemented
        return is_equal(self.attributes, other.attributes) and (
            list(self._runs.items()) == list(other._runs.items())
        )

    def __copy__(self) -> Labels:
        # a change of a copy never changes the original
        runs = {run.id: run._copy(run.id) for run in self.values()}
        return self._of(reading.Content(copied(self.attributes), runs))

    def __deepcopy__(self, memo: dict[int, Any]) -> Labels:
        return copy(self)

    def __repr__(self) -> str:
        runs = counted(len(self), "run")
        larvae = counted(sum(map(len, self.values())), "larva", "larvae")
        frames = sum(len(track) for run in self.values() for track in run.values())
        return f"<Labels: {runs}, {larvae}, {counted(frames, 'frame')}>"

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def _repr_html_(self) -> str:
        names = list(self.count())
        header = ["run", "larvae", "frames", "duration (s)", *(n or "(undefined)" for n in names)]
        rows = (_row(run, names) for run in self.values())
        return html_table(repr(self)[1:-1], header, rows, len(self))


def _row(run: RunLabels, names: list[str]) -> list[object]:
    counts = run.count()
    times = [track.times[[0, -1]] for track in run.values() if len(track)]
    duration = float(np.ptp(times)) if times else 0.0
    frames = sum(map(len, run.values()))
    return [run.id, len(run), frames, duration, *(counts.get(name, 0) for name in names)]


def _as_floats(times: ArrayLike) -> NDArray[np.float64]:
    try:
        column = np.array(times)
        if column.dtype.kind not in "biufO":  # e.g. texts, or dates, whose unit is not seconds
            raise TypeError
        return column.astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError):
        raise LabelFileError("bad-time", f"expected numbers, found {shown(times)}") from None


def _frames_of(like: Labels | TrackedRun) -> editing.Frames:
    if isinstance(like, Labels):
        return {
            run.id: {larva: track.times for larva, track in run.items()} for run in like.values()
        }
    if not (hasattr(like, "run") and hasattr(like, "items")):
        fix = f"{_ways_to_labels(like)}, or taggingbackends.data.load_tracks"
        raise wrong_type("Labels or a recording", like, fix.removeprefix(", or "))
    return {like.run: {larva: track.times for larva, track in like.items()}}


def _ways_to_labels(found: Any) -> str:
    """Return the call that makes Labels from this object, or "" if there is no call for it."""
    if isinstance(found, (str, PathLike)):
        return "Labels.read reads a file"
    if isinstance(found, RunLabels):
        return "labels[run] = other[run] sets a whole run"
    if callable(getattr(found, "labels", None)):
        return "recording.labels() gives those of a recording"
    return "Labels.from_dict takes dictionaries" if isinstance(found, Mapping) else ""


def _checked_mapping(found: Any, key: str) -> Mapping[Any, Any]:
    if not isinstance(found, Mapping):
        raise wrong_type(f"a dictionary by {key}, in run -> larva -> time -> state", found)
    return found
