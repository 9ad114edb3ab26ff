"""Labels of a run: larva -> track."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping
from itertools import compress
from typing import Any

import numpy as np

from taggingbackends.errors import LabelFileError, located, shown, wrong_type
from taggingbackends.labels.lookup import missing_larva
from taggingbackends.labels.nested import copied, is_equal
from taggingbackends.labels.reprs import html_table
from taggingbackends.labels.states import NEW_COLOR, Codes, State, StateTable, labels_of
from taggingbackends.labels.tracklabels import TrackLabels
from taggingbackends.labels.validation import check_larva, check_names
from taggingbackends.system.words import counted, printable

__all__ = ["RunLabels", "check_run_labels"]

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


class RunLabels(MutableMapping[int, TrackLabels]):
    """Labels of a run: larva identifier -> track.

    Setting a track, ``labels[run][5] = other[run][3]``, copies it with its records. New names are
    declared; secondary names stay secondary. To set a track from times and states, use
    `Labels.set`.

    Attributes
    ----------
    metadata : dict
        Metadata of the recording, without the identifier.
    units : dict
        ``{"t": "s"}``, and further units in the label file.
    attributes : dict
        Further entries of the run in a label file.

    Examples
    --------
    >>> from taggingbackends import Labels
    >>> labels = Labels()
    >>> labels.set("run1", 7, [0.0, 0.1, 0.2, 0.3], ["run", "run", "cast", "run"])
    >>> run = labels["run1"]
    >>> run.names, list(run), run.count()
    (['run', 'cast'], [7], {'run': 3, 'cast': 1})
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
        self._undeclared: list[str] = []

    @property
    def undeclared(self) -> list[str]:
        """Names that the data of the label file have, which declares others, but not these.

        Such a name may be a typing error, or "NA". Empty for labels that were not read from a file.
        """
        return list(self._undeclared)

    @property
    def id(self) -> str:
        """Run identifier, typically ``date_time``."""
        return self._id

    @property
    def names(self) -> list[str]:
        """Primary label names, in the order of their codes (a copy; change with `declare`)."""
        return list(self._table.names)

    @property
    def colors(self) -> list[str] | None:
        """Colour of each name, or None without colours (a copy; change with `declare`)."""
        return None if self._table.colors is None else list(self._table.colors)

    @property
    def secondary_names(self) -> list[str]:
        """Secondary label names, e.g. ``"edited"`` (a copy; assign to change)."""
        return list(self._table.secondary_names)

    @secondary_names.setter
    def secondary_names(self, names: Iterable[str]) -> None:
        # A name may be primary: states with it may have been set before it was declared secondary.
        with located(run=self.id):
            names = check_names(names)
        secondary = set(names)
        kept = [name not in secondary for name in self.names]
        primary = list(compress(self.names, kept))
        colors = None if self.colors is None else list(compress(self.colors, kept))
        self._redeclare(primary, names, colors)

    @property
    def states(self) -> list[State]:
        """Distinct states, indexed by the tracks' `codes` (a copy)."""
        return list(self._table.states)

    def declare(self, names: Iterable[str], colors: Iterable[str | None] | None = None) -> None:
        """Set the order of the primary label names, and their colours.

        Parameters
        ----------
        names : iterable of str
            Must include all primary names in use; may include others.
        colors : iterable of (str or None), optional
            One for each name, e.g. ``"#2ca02c"``. By default, or where it is None, names keep their
            colours, and new names get ``#808080``. If no name has a colour, none are added.

        Raises
        ------
        LabelFileError
            ``bad-label``: a name is not a string, empty, repeated or missing although it is in use;
            or there is not one colour for each name. ``overlapping-names``: a name is secondary.
        """
        with located(run=self.id):
            names = check_names(names)
        if colors is None:
            colors = [None] * len(names)
        given = [colors] if isinstance(colors, str) else list(colors)
        if self.colors is None and given == [None] * len(names):
            self._redeclare(names, self._table.secondary_names, None)
            return
        if len(given) == len(names):
            known = dict(zip(self.names, self.colors or (), strict=False))
            pairs = zip(names, given, strict=True)
            given = [
                known.get(name, NEW_COLOR) if color is None else color for name, color in pairs
            ]
        self._redeclare(names, self._table.secondary_names, given)

    def count(self) -> dict[str, int]:
        """Count the frames of each label that occurs, as `Labels.count` does."""
        return self._count(self.values())

    def _count(self, tracks: Iterable[TrackLabels]) -> dict[str, int]:
        codes = np.concatenate([np.empty(0, np.int32), *(track.codes for track in tracks)])
        frames = np.bincount(codes, minlength=len(self._table.states))
        counts = dict.fromkeys((*self._table.names, *self._table.secondary_names, ""), 0)
        for state, n in zip(self._table.states, frames.tolist(), strict=True):
            for name in (labels_of(state) or ("",)) if n else ():
                counts[name] += n
        return {name: n for name, n in counts.items() if n}

    def _redeclare(
        self, names: list[str], secondary: list[str], colors: Iterable[str | None] | None
    ) -> None:
        with located(run=self.id):
            missing = self._used_names().difference(names, secondary)
            if missing:
                missed = shown(sorted(missing))
                problem = f"expected all the names in use, found these missing: {missed}"
                raise LabelFileError("bad-label", problem)
            self._table.redeclare(names, secondary, colors)

    def _used_names(self) -> set[str]:
        used = {*self._used_codes(), *self._used_second_codes()}
        return {name for code in used for name in labels_of(self._table.states[code])}

    def _used_codes(self) -> list[int]:
        return self._used(track.codes for track in self._tracks.values())

    def _used_second_codes(self) -> list[int]:
        choices = (track.second_codes for track in self._tracks.values())
        return self._used(codes for codes in choices if codes is not None)

    def _used(self, columns: Iterable[Codes]) -> list[int]:
        used = np.zeros(len(self._table.states), dtype=bool)
        for codes in columns:
            used[codes] = True
        return np.flatnonzero(used).tolist()

    def __getitem__(self, larva: int) -> TrackLabels:
        try:
            return self._tracks[larva]
        except KeyError:
            raise missing_larva(larva, self._tracks) from None

    def __setitem__(self, larva: int, track: TrackLabels) -> None:
        if not isinstance(track, TrackLabels):
            fix = "labels.set(run, larva, times, states) takes columns"
            raise wrong_type("TrackLabels, such as labels[run][larva]", track, fix)
        larva = check_larva(larva, self.id)
        codes = self._table.adopt(track._table, track.codes)
        second = track.second_codes
        second = None if second is None else self._table.adopt(track._table, second)
        self._tracks[larva] = track._on(self._table, codes, second)

    def __delitem__(self, larva: int) -> None:
        self[larva]  # raises the error for a missing key
        del self._tracks[larva]

    def __contains__(self, larva: object) -> bool:
        return larva in self._tracks

    def setdefault(self, larva: int, default: TrackLabels) -> TrackLabels:
        """Return the track of a larva; if it is missing, set it to a copy of `default`.

        Parameters
        ----------
        larva : int
            Larva identifier.
        default : TrackLabels
            Labels of a larva.
        """
        if larva not in self:
            self[larva] = default
        return self[larva]

    def __iter__(self) -> Iterator[int]:
        return iter(self._tracks)

    def __len__(self) -> int:
        return len(self._tracks)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RunLabels):
            return NotImplemented
        return all(is_equal(getattr(self, name), getattr(other, name)) for name in _CARRIED) and (
            list(self._tracks.items()) == list(other._tracks.items())
        )

    def _copy(self, identifier: str, tracks: bool = True) -> RunLabels:
        """Return a copy under an identifier. The two share no mutable data."""
        copy = RunLabels(identifier, self._table.copy())
        for name in ("metadata", "units", "attributes", "dependencies"):
            setattr(copy, name, copied(getattr(self, name)))
        for larva, track in self._tracks.items() if tracks else ():
            copy._tracks[larva] = track._on(copy._table, track.codes, track.second_codes)
        return copy

    def __copy__(self) -> RunLabels:
        return self._copy(self.id)  # a change of a copy never changes the original

    def __deepcopy__(self, memo: dict[int, Any]) -> RunLabels:
        return self._copy(self.id)

    def __repr__(self) -> str:
        larvae = counted(len(self), "larva", "larvae")
        frames = counted(sum(map(len, self.values())), "frame")
        return f"<RunLabels {printable(self.id)}: {larvae}, {frames}>"

    def _ipython_key_completions_(self) -> list[int]:
        return list(self)

    def _repr_html_(self) -> str:
        names = list(self.count())
        header = ["larva", "frames", "from (s)", "to (s)", *(n or "(undefined)" for n in names)]
        rows = (self._row(larva, names) for larva in self)
        return html_table(repr(self)[1:-1], header, rows, len(self))

    def _row(self, larva: int, names: list[str]) -> list[object]:
        track = self[larva]
        counts = self._count([track])
        times = track.times[[0, -1]].tolist() if len(track) else ["", ""]
        return [larva, len(track), *times, *(counts.get(name, 0) for name in names)]


def check_run_labels(run: Any) -> None:
    """Raise TypeError unless these are the labels of a run."""
    if not isinstance(run, RunLabels):
        raise wrong_type("RunLabels, such as labels[run]", run)
