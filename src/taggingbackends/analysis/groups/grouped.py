"""The larvae of all recordings as columns, with their groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from taggingbackends.analysis.groups.observations import Observation, Questions
from taggingbackends.errors import BackendError, shown
from taggingbackends.system.words import listed

__all__ = ["Grouped", "GroupedRecording"]

_Floats = NDArray[np.float64]
_Bools = NDArray[np.bool_]

_ALL = "all"  # the group if recordings are not divided


class GroupedRecording(NamedTuple):
    """A recording of a group: a value for each column by which recordings are grouped."""

    file: str
    run: str
    group: tuple[str, ...]
    seen: Observation

    @property
    def name(self) -> str:
        """The file, or the run of labels that are in no file."""
        return self.file or self.run

    @property
    def group_name(self) -> str:
        """The group in one text."""
        return ", ".join(self.group) or _ALL


class Grouped:
    """The larvae of all recordings as columns, in their order, with their groups.

    Attributes
    ----------
    recordings : list of GroupedRecording
        The recordings.
    questions : Questions
        What was asked of them.
    groups : dict of str to tuple of str
        Name of each group -> its values; the control first, then sorted.
    control : str or None
        The control.
    labels : list of str
        The labels.
    group_of : (recordings,) int64 array
        0-based index of each recording's group.
    has_window : bool
        Whether there is a window, rather than whole recordings.
    is_in_window : (recordings,) bool array
        Whether the recording has it.
    recording, larva, group : (n,) int64 arrays
        0-based index of the larva's recording, its identifier, index of its group.
    tracked : (n,) float64 array
        Tracked time in the window, s.
    is_counted : (n,) bool array
        Whether the larva is tracked for long enough in the window.
    is_eligible : (n,) bool array
        Whether it counts for responses, before larvae with a label before are excluded.
    at_risk : (n, labels) bool array
        Whether it counts for the response.
    responded : (n, labels) bool array
        Whether it counts and responded.

    Raises
    ------
    BackendError
        ``unusable-data``: there is no such control, or two groups have one name;
        ``unknown-label``: no recording has a label; ``no-window``: no larva is tracked in the
        window; or there is a window before, but none.
    """

    def __init__(
        self,
        recordings: list[GroupedRecording],
        questions: Questions,
        control: str | None,
        labels: Sequence[str] | None,
    ) -> None:
        self.recordings, self.questions, self.control = recordings, questions, control
        groups = {one.group_name: one.group for one in recordings}
        for one in recordings:
            if one.group != (other := groups[one.group_name]):
                problem = f"expected groups of different names, found {one.group_name!r} for "
                problem += f"{shown(other)} and {shown(one.group)}"
                fix = "name one of them without a comma, with groups=..."
                raise BackendError("unusable-data", problem, fix)
        if control is not None and control not in groups:
            problem = f"expected the control among the groups, found {control!r}"
            raise BackendError("unusable-data", problem, f"the groups are {listed(groups, 20)}")
        self.groups = dict(sorted(groups.items(), key=lambda one: (one[0] != control, one[1])))
        self.labels = _labels(recordings, labels)
        place = {name: at for at, name in enumerate(self.groups)}
        self.group_of = np.array([place[one.group_name] for one in recordings], dtype=np.int64)
        is_whole = np.array([one.seen.is_whole for one in recordings])
        self.has_window = not is_whole.all()
        if questions.before is not None and not self.has_window:
            problem = "expected a window of responses, to compare it with the window before; found "
            problem += "no stimulus in the protocols of the recordings"
            raise BackendError("no-window", problem, "set window=(start, stop)")
        self.is_in_window = ~is_whole | (not self.has_window)

        sizes = [len(one.seen.larvae) for one in recordings]
        self.recording = np.repeat(np.arange(len(recordings)), sizes)
        self.larva: NDArray[np.int64] = self._column("larvae")
        self.group = self.group_of[self.recording]
        self.tracked: _Floats = self._column("tracked")
        is_in_window = self.is_in_window[self.recording]
        self.is_counted: _Bools = self._column("is_counted") & is_in_window
        if not self.is_counted.any():
            raise self._no_window()
        self.is_eligible: _Bools = self._column("is_eligible") & is_in_window & self.has_window
        self.at_risk: _Bools = self.is_eligible[:, None] & ~self.by_label("did_before")
        self.responded: _Bools = self.at_risk & self.by_label("responded")

    def by_label(self, name: str) -> NDArray[Any]:
        """Return a value of observations, (n, labels); 0 where a recording lacks the label."""
        parts = []
        for one in self.recordings:
            values = getattr(one.seen, name)
            place = {label: at for at, label in enumerate(one.seen.labels)}
            known = [at for at, label in enumerate(self.labels) if label in place]
            column = np.zeros((len(values), len(self.labels)), dtype=values.dtype)
            column[:, known] = values[:, [place[self.labels[at]] for at in known]]
            parts.append(column)
        return np.concatenate(parts)

    def latency(self) -> _Floats:
        """Return latencies, (n, labels), s; without response, for how long it was observed."""
        observed = self._column("observed")[:, None]
        return np.where(self.by_label("responded"), self.by_label("latency"), observed)

    def measure(self, name: str) -> _Floats:
        """Return a measure, (n, labels): "response" (0 or 1), "budget", "duration" (s) or "rate".

        NaN where a larva does not count, and for the duration also without bouts. The rate is per
        minute.
        """
        if name == "response":
            return np.where(self.at_risk, self.responded, np.nan)
        tracked = np.where(self.is_counted, self.tracked, np.nan)[:, None]
        values: _Floats
        if name == "budget":
            values = self.by_label("seconds") / tracked
        elif name == "rate":
            values = self.by_label("bouts") * 60 / tracked
        else:
            bouts = self.by_label("bouts") * self.is_counted[:, None]
            values = self.by_label("bout_seconds") / np.where(bouts > 0, bouts, np.nan)
        return values

    def members(self, group: int) -> list[Observation]:
        """Return the observations of a group."""
        return [self.recordings[at].seen for at in np.flatnonzero(self.group_of == group)]

    def _column(self, name: str) -> NDArray[Any]:
        return np.concatenate([getattr(one.seen, name) for one in self.recordings])

    def _no_window(self) -> BackendError:
        asked = self.questions.window
        what = "the first stimulus window" if self.has_window else "the recordings"
        if asked is not None:
            what = f"the window from {asked.start:g} to {asked.stop:g} s"
        if (self.tracked > 0).any():
            share = f"{self.questions.min_tracked:.0%}"
            problem = f"expected larvae tracked for at least {share} of {what}, found none"
            return BackendError("no-window", problem, "set a smaller min_tracked=... or window=...")
        problem = f"expected larvae tracked in {what}, found none"
        return BackendError("no-window", problem, "set window=(start, stop) to a time with larvae")


def _labels(recordings: list[GroupedRecording], asked: Sequence[str] | None) -> list[str]:
    """Return the labels asked for, by default the primary ones that occur."""
    known: dict[str, None] = {}
    primary: set[str] = set()
    occurring: set[str] = set()
    for one in recordings:
        names = one.seen.labels
        known |= dict.fromkeys(one.seen.declared)
        primary.update(names[: one.seen.primary])
        occurring.update(names[at] for at in one.seen.shared.tolist())
    if asked is None:
        return [name for name in known if name in primary and name in occurring]
    if unknown := [name for name in asked if name not in known]:
        problem = f"expected labels of the recordings, found {listed(map(repr, unknown))}"
        fix = f"the recordings have {listed(known, 20) or 'none'}"
        raise BackendError("unknown-label", problem, fix)
    return list(dict.fromkeys(asked))
