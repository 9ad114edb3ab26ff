"""Statistics of groups of recordings: labels over time, responses, budgets, bouts, transitions."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from taggingbackends.analysis.design import Design
from taggingbackends.analysis.grouping import Grouping, Groups, Recordings
from taggingbackends.analysis.grouptests import (
    PERMUTATIONS,
    GroupTest,
    compare_proportions,
    compare_ranks,
    compare_recordings,
    holm,
    smallest_p,
)
from taggingbackends.analysis.methods import methods
from taggingbackends.analysis.observing import Observation, Questions, observe
from taggingbackends.analysis.protocol import Window
from taggingbackends.analysis.responding import clustered_wilson, median_latency, wilson
from taggingbackends.analysis.timecourse import REPLICATES, time_course
from taggingbackends.data.labelsources import iter_labels
from taggingbackends.errors import BackendError, BackendWarning
from taggingbackends.labels.labels import Labels
from taggingbackends.labels.stretches import check_max_gap
from taggingbackends.system.extras import require
from taggingbackends.system.words import counted, listed

__all__ = ["MEASURES", "Statistics", "statistics"]

MEASURES = ("response", "budget", "duration", "rate")
"""What is compared between groups: see `statistics`."""

_Path = str | PathLike[str]
_Floats = NDArray[np.float64]
_ALL = "all"  # the group if recordings are not divided


@dataclass(frozen=True, eq=False)
class Statistics:
    """Statistics of groups of recordings, as pandas.DataFrames. Times are in s.

    The columns group, label, file and run are categorical.

    Attributes
    ----------
    design : Design
        What was asked for, and how much there is.
    groups : DataFrame
        group, a column for each of `by`, recordings, larvae, frames.
    over_time : DataFrame
        group, label, start, stop (of the time bin), larvae (tracked in it), share, low, high.
    responses : DataFrame
        group, label, tracked (larvae that count), excluded (those with the label before),
        responded, proportion, low, high, median_latency.
    latencies : DataFrame
        file, run, larva, group, label, latency, responded. Without response, the latency is the
        time for which the larva was observed.
    budgets : DataFrame
        file, run, larva, group, label, tracked, seconds, share.
    bouts : DataFrame
        file, run, larva, group, label, bouts, rate (per minute), mean_duration (NaN without bouts).
    transitions : DataFrame
        group, before, after, count, probability.
    comparisons : DataFrame
        measure, label, group, control, n, n_control (units), value, value_control (means), test,
        statistic, p, p_adjusted, effect (its name), effect_size.
    """

    design: Design
    groups: Any
    over_time: Any
    responses: Any
    latencies: Any
    budgets: Any
    bouts: Any
    transitions: Any
    comparisons: Any

    def methods(self) -> str:
        """Return the paragraph that describes these statistics in a paper, with their numbers."""
        return methods(self.design, self.comparisons)


def statistics(
    files: _Path | Labels | Iterable[_Path | Labels],
    by: str | Sequence[str] = ("genotype",),
    *,
    window: tuple[float, float] | None = None,
    before: tuple[float, float] | None = None,
    bin: float = 0.5,
    min_tracked: float = 0.8,
    control: str | None = None,
    unit: str = "larva",
    groups: _Path | Groups | None = None,
    max_gap: float | None = None,
    labels: Sequence[str] | None = None,
    seed: int = 0,
) -> Statistics:
    """Compute statistics of groups of recordings, one recording in memory at a time.

    - **Over time**: the mean over the larvae tracked in a time bin of the label's share of the
      larva's tracked time in the bin. 95 % intervals are percentile intervals of 1,000 bootstrap
      samples of larvae (or recordings, with all their larvae), expanded after Hesterberg (2015).
    - **Larvae that count** are those tracked for at least `min_tracked` of the window. All results
      but those over time are of these larvae.
    - **Response**: a larva responds if it has the label in the window at least once; a bout that
      began before counts. With `before`, larvae count that are also tracked for `min_tracked` of
      that time; those with the label in it are excluded. 95 % intervals are Wilson's.
    - **Latency**: from the start of the window to the first frame with the label, 0 if the larva
      has it already. A larva that does not respond is censored where its tracked time in the
      window ends. The median is Kaplan and Meier's.
    - **Budget**: the label's share of the larva's tracked time in the window.
    - **Bouts** that begin in the window: their rate per minute of tracked time in the window, and
      their mean duration, also beyond the window.
    - **Transitions** between primary labels in the window, as `transitions` counts them.
    - **Comparisons** of the measures response, budget, duration and rate, for each label, between
      each group and the control, or all pairs of groups. If larvae are the units: responses by
      Fisher's exact test if an expected count is below 5, else the chi-square test (without
      correction for continuity); other measures by the Mann-Whitney test. If recordings are the
      units: all measures by permutation of recordings between the groups, with the difference of
      the means of recordings' means; all permutations if they are at most 10,000, else 9,999 random
      ones. p-values are corrected after Holm over all comparisons of a measure.

    Parameters
    ----------
    files : path, Labels, or iterable of these
        What `iter_labels` takes, or labels.
    by : str or sequence of str
        What recordings are grouped by: columns of `groups`, or what `run_facts` returns, e.g.
        genotype, effector, tracker, protocol. Empty: one group of all.
    window : (float, float), optional
        Start and stop, s. Default: the first stimulus window of each recording's protocol. If there
        are none: the whole recordings; all larvae count, and there are no responses.
    before : (float, float), optional
        Start and stop, s.
    bin : float
        Width of the time bins, s. The first one that could be begins at 0.
    min_tracked : float
        0 to 1.
    control : str, optional
        The group with which the others are compared. The name of a group of several columns is
        ``"a, b"``.
    unit : {"larva", "recording"}
        What is independent.
    groups : path or mapping, optional
        A table, see `read_groups`; or a dictionary of recordings with their groups.
    max_gap : float, optional
        Longest step within a stretch, s. Default: the longer of 1 s and 5 median frame intervals.
    labels : sequence of str, optional
        Labels, primary or secondary. Default: the primary labels that occur.
    seed : int
        Of the random numbers.

    Raises
    ------
    BackendError
        ``repeated-run``: a recording is there twice; ``unknown-label``: no recording has it;
        ``no-input``: nothing to read; ``no-window``: no larva is tracked in the window;
        ``unusable-data``: groups are unknown, or there are too many time bins.
    LabelFileError, TrackFileError, OSError
        A file cannot be read.
    TaggingBackendsError
        pandas or scipy is not installed.
    ValueError
        An argument is out of range.
    """
    require("pandas", "stats", "a table")
    require("scipy", "stats", "statistics of groups")
    check_max_gap(max_gap)
    by = (by,) if isinstance(by, str) else tuple(by)
    if isinstance(labels, str):
        labels = [labels]
    if unit not in ("larva", "recording"):
        raise ValueError(f"expected the unit 'larva' or 'recording', found {unit!r}")
    if not 0 < bin < np.inf:
        raise ValueError(f"expected a bin above 0 s, found {bin!r}")
    if not 0 <= min_tracked <= 1:
        raise ValueError(f"expected min_tracked from 0 to 1, found {min_tracked!r}")
    questions = Questions(
        _window("window", window), _window("before", before), bin, min_tracked, max_gap, unit
    )
    grouping = Grouping(by, groups)
    recordings, left_out = _observed(files, grouping, questions)
    if not recordings:
        problem = f"expected recordings in groups, found {len(left_out)} in no group"
        raise BackendError("unusable-data", problem, "complete the table of groups")
    return _Assembly(recordings, by, questions, control, labels, seed, left_out).statistics()


class _Recording(NamedTuple):
    """A recording in its group."""

    file: str
    run: str
    group: tuple[str, ...]
    seen: Observation

    @property
    def name(self) -> str:
        return self.file or self.run


def _observed(
    files: _Path | Labels | Iterable[_Path | Labels], grouping: Grouping, questions: Questions
) -> tuple[list[_Recording], list[str]]:
    """Return the recordings that are in a group, and the names of the others."""
    known = Recordings()
    found: list[_Recording] = []
    left_out = []
    for labels in _each(files):
        for run in labels.values():
            file = labels.file
            known.add(file, run)
            group = grouping.group_of(file, run)
            if group is None:
                left_out.append(str(file or run.id))
            else:
                text = str(file or "")
                found.append(_Recording(text, run.id, group, observe(run, questions)))
    if not found and not left_out:
        raise BackendError("no-input", "expected labels, found none")
    if left_out:
        problem = f"left out, since the groups do not have them: {listed(left_out)}"
        warnings.warn(BackendWarning(problem, "add rows for them"), stacklevel=4)
    if unused := grouping.unused():
        problem = f"no recording matches these rows of the groups: {listed(unused)}"
        fix = "compare them with the names of files, folders and runs"
        warnings.warn(BackendWarning(problem, fix), stacklevel=4)
    return found, left_out


def _each(files: _Path | Labels | Iterable[_Path | Labels]) -> Iterator[Labels]:
    if isinstance(files, (str, PathLike, Labels)):
        files = [files]
    paths: list[_Path] = []
    for one in files:
        if isinstance(one, Labels):
            yield one
        else:
            paths.append(one)  # together: a file in two of them counts once
    if paths:
        yield from iter_labels(paths)


def _window(name: str, found: tuple[float, float] | None) -> Window | None:
    if found is None:
        return None
    start, stop = found
    if not -np.inf < start < stop < np.inf:
        raise ValueError(f"expected {name}=(start, stop) in s, start before stop, found {found!r}")
    return Window(float(start), float(stop))


class _Assembly:
    """Tables of recordings that are reduced to arrays.

    Arrays by larva have the larvae of all recordings in their order.
    """

    def __init__(
        self,
        recordings: list[_Recording],
        by: tuple[str, ...],
        questions: Questions,
        control: str | None,
        labels: Sequence[str] | None,
        seed: int,
        left_out: list[str],
    ) -> None:
        self.recordings, self.by, self.questions = recordings, by, questions
        self.control, self.seed, self.left_out = control, seed, left_out
        names = {_text(one.group): one.group for one in recordings}
        if control is not None and control not in names:
            problem = f"expected the control among the groups, found {control!r}"
            raise BackendError("unusable-data", problem, f"the groups are {listed(names, 20)}")
        self.values = dict(sorted(names.items(), key=lambda item: (item[0] != control, item[1])))
        self.groups = list(self.values)
        self.labels = self._labels(labels)
        place = {name: at for at, name in enumerate(self.groups)}
        self.group_of = np.array([place[_text(one.group)] for one in recordings])  # of a recording
        self.has_window = not all(one.seen.is_whole for one in recordings)
        # of each larva
        sizes = [len(one.seen.larvae) for one in recordings]
        self.recording = np.repeat(np.arange(len(recordings)), sizes)
        self.larva = self._column("larvae")
        self.group = self.group_of[self.recording]
        in_window = np.array([not (self.has_window and one.seen.is_whole) for one in recordings])
        self.tracked = self._column("tracked")
        self.is_counted = self._column("is_counted") & in_window[self.recording]
        self.seconds, self.bouts = self._by_label("seconds"), self._by_label("bouts")
        if not self.is_counted.any():
            self._refuse_window()
        self.without_window = [
            one.name for one, is_in in zip(recordings, in_window, strict=True) if not is_in
        ]
        if self.without_window:
            problem = (
                "counted over time only, since there is no stimulus in their protocol, but in "
                f"others: {listed(self.without_window)}"
            )
            warnings.warn(BackendWarning(problem, "set window=(start, stop)"), stacklevel=4)

    def statistics(self) -> Statistics:
        tables = {
            "groups": self._groups(),
            "over_time": self._over_time(),
            "responses": self._responses(),
            "latencies": self._latencies(),
            "budgets": self._budgets(),
            "bouts": self._bouts(),
            "transitions": self._transitions(),
            "comparisons": self._comparisons(),
        }
        measures = tables["comparisons"].dropna(subset=["p"])["measure"].value_counts()
        return Statistics(self._design({name: int(n) for name, n in measures.items()}), **tables)

    # -- the recordings as columns

    def _labels(self, asked: Sequence[str] | None) -> list[str]:
        known: dict[str, None] = {}
        primary: set[str] = set()
        occurring: set[str] = set()
        for one in self.recordings:
            names = one.seen.labels
            known.update(dict.fromkeys(names))
            primary.update(names[: one.seen.primary])
            occurring.update(names[at] for at in one.seen.shared.tolist())
        if asked is None:
            return [name for name in known if name in primary and name in occurring]
        if unknown := [name for name in asked if name not in known]:
            problem = f"expected labels of the recordings, found {listed(unknown)}"
            fix = f"the recordings have {listed(known, 20) or 'none'}"
            raise BackendError("unknown-label", problem, fix)
        return list(dict.fromkeys(asked))

    def _column(self, name: str) -> NDArray[Any]:
        return np.concatenate([getattr(one.seen, name) for one in self.recordings])

    def _by_label(self, name: str) -> NDArray[Any]:
        """Return a value by larva and label; 0 or False where a recording lacks the label."""
        parts = []
        for one in self.recordings:
            values = getattr(one.seen, name)
            place = {label: at for at, label in enumerate(one.seen.labels)}
            padded = np.concatenate(
                [values, np.zeros_like(values[:, :0], shape=(len(values), 1))], 1
            )
            parts.append(padded[:, [place.get(label, -1) for label in self.labels]])
        return np.concatenate(parts)

    def _refuse_window(self) -> None:
        asked = self.questions.window
        first = min(one.seen.window.start for one in self.recordings)
        what = "the whole recordings" if not self.has_window else f"from {first:g} s on"
        if asked is not None:
            what = f"from {asked.start:g} to {asked.stop:g} s"
        if (self.tracked > 0).any():
            share = f"{self.questions.min_tracked:.0%}"
            problem = (
                f"expected larvae tracked for at least {share} of the window {what}, found none"
            )
            raise BackendError("no-window", problem, "set a smaller min_tracked=... or window=...")
        problem = f"expected larvae tracked in the window {what}, found none"
        raise BackendError("no-window", problem, "set window=(start, stop) to a time with larvae")

    # -- tables

    def _frame(self, columns: Mapping[str, Any]) -> Any:
        """Return a DataFrame; texts that repeat are categorical."""
        import pandas as pd

        categories = {"group": self.groups, "control": self.groups}
        categories |= dict.fromkeys(("label", "before", "after"), self.labels)
        return pd.DataFrame({
            name: pd.Categorical.from_codes(values, categories[name])
            if name in categories and isinstance(values, np.ndarray)
            else values
            for name, values in columns.items()
        })  # fmt: skip

    def _by_larva(self, chosen: NDArray[np.bool_], columns: Mapping[str, NDArray[Any]]) -> Any:
        """Return a DataFrame with a row for each chosen larva and label, (larvae, labels)."""
        import pandas as pd

        larvae, labels = np.nonzero(chosen)
        of = self.recording[larvae]
        files, file = np.unique([one.file for one in self.recordings], return_inverse=True)
        runs, run = np.unique([one.run for one in self.recordings], return_inverse=True)
        identity = {
            "file": pd.Categorical.from_codes(file[of], files.tolist()),
            "run": pd.Categorical.from_codes(run[of], runs.tolist()),
            "larva": self.larva[larvae],
            "group": self.group[larvae],
            "label": labels,
        }
        return self._frame(identity | {name: x[chosen] for name, x in columns.items()})

    def _groups(self) -> Any:
        frames = [one.seen.frames for one in self.recordings]
        n = len(self.groups)
        columns = zip(*self.values.values(), strict=True) if self.by else ()
        return self._frame(
            {"group": np.arange(n)}
            | {name: list(x) for name, x in zip(self.by, columns, strict=True) if name != "group"}
            | {
                "recordings": np.bincount(self.group_of, minlength=n),
                "larvae": np.bincount(self.group, minlength=n),
                "frames": np.bincount(self.group_of, frames, minlength=n).astype(np.int64),
            }
        )

    def _over_time(self) -> Any:
        width = self.questions.bin
        columns: dict[str, list[NDArray[Any]]] = {}
        for group in range(len(self.groups)):
            members = [self.recordings[at].seen for at in np.flatnonzero(self.group_of == group)]
            rng = np.random.default_rng([self.seed, group])
            course = time_course(members, self.labels, width, rng)
            bins, labels = course.share.shape
            rows = {
                "group": np.full(bins * labels, group),
                "label": np.repeat(np.arange(labels), bins),
                "start": np.tile(course.start, labels),
                "stop": np.tile(course.start + width, labels),
                "larvae": np.tile(course.larvae, labels),
                "share": course.share.T.ravel(),
                "low": course.low.T.ravel(),
                "high": course.high.T.ravel(),
            }
            for name, values in rows.items():
                columns.setdefault(name, []).append(values)
        return self._frame({name: np.concatenate(parts) for name, parts in columns.items()})

    def _at_risk(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which larvae are eligible, who is at risk and who of them responds, by label."""
        eligible = self._column("is_eligible") & self.is_counted & self.has_window
        at_risk = eligible[:, None] & ~self._by_label("did_before")
        return eligible, at_risk, at_risk & self._by_label("responded")

    def _latency(self) -> _Floats:
        """Return latencies by larva and label; of those without response, the time observed."""
        observed = self._column("observed")[:, None]
        return np.where(self._by_label("responded"), self._by_label("latency"), observed)

    def _responses(self) -> Any:
        eligible, at_risk, responded = self._at_risk()
        latency = self._latency()
        rows = []
        for group in range(len(self.groups)) if self.has_window else ():
            of_group = self.group == group
            tracked = int(eligible[of_group].sum())
            for label in range(len(self.labels)):
                risk = at_risk[:, label] & of_group
                n, k = int(risk.sum()), int(responded[risk, label].sum())
                if self.questions.unit == "larva":
                    low, high = map(float, wilson(k, n))
                else:
                    by_recording = self._of_recordings(responded[risk, label], risk)
                    low, high = clustered_wilson(*by_recording)
                median = median_latency(latency[risk, label], responded[risk, label])
                proportion = k / n if n else np.nan
                rows.append((group, label, tracked, tracked - n, k, proportion, low, high, median))
        names = ("tracked", "excluded", "responded", "proportion", "low", "high", "median_latency")
        return self._rows(rows, ("group", "label", *names), names[:3])

    def _of_recordings(
        self, values: NDArray[np.bool_], chosen: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return how many of how many chosen larvae, by recording."""
        of = self.recording[chosen]
        size = len(self.recordings)
        return np.bincount(of[values], minlength=size), np.bincount(of, minlength=size)

    def _latencies(self) -> Any:
        _, at_risk, responded = self._at_risk()
        return self._by_larva(at_risk, {"latency": self._latency(), "responded": responded})

    def _budgets(self) -> Any:
        chosen = np.repeat(self.is_counted[:, None], len(self.labels), axis=1)
        tracked = np.broadcast_to(self.tracked[:, None], chosen.shape)
        return self._by_larva(
            chosen, {"tracked": tracked, "seconds": self.seconds, "share": self._measure("budget")}
        )

    def _bouts(self) -> Any:
        chosen = np.repeat(self.is_counted[:, None], len(self.labels), axis=1)
        columns = {"bouts": self.bouts, "rate": self._measure("rate")}
        return self._by_larva(chosen, columns | {"mean_duration": self._measure("duration")})

    def _transitions(self) -> Any:
        n = len(self.labels)
        place = {label: at for at, label in enumerate(self.labels)}
        counts = np.zeros((len(self.groups), n, n), dtype=np.int64)
        left = set(self.without_window)
        for one, group in zip(self.recordings, self.group_of.tolist(), strict=True):
            if one.name in left:
                continue
            names = one.seen.labels[: one.seen.primary]
            known = [at for at, name in enumerate(names) if name in place]
            to = [place[names[at]] for at in known]
            counts[group][np.ix_(to, to)] += one.seen.transitions[np.ix_(known, known)]
        group, before, after = np.nonzero(counts)
        found = counts[group, before, after]
        return self._frame({
            "group": group,
            "before": before,
            "after": after,
            "count": found,
            "probability": found / counts.sum(axis=2)[group, before],
        })  # fmt: skip

    def _measure(self, measure: str) -> _Floats:
        """Return a measure by larva and label; NaN where it has none."""
        tracked = np.where(self.tracked > 0, self.tracked, np.nan)[:, None]
        if measure == "budget":
            share: _Floats = self.seconds / tracked
            return share
        if measure == "rate":
            rate: _Floats = self.bouts * 60 / tracked
            return rate
        duration: _Floats = self._by_label("bout_seconds") / np.where(
            self.bouts > 0, self.bouts, np.nan
        )
        return duration

    # -- comparisons

    def _comparisons(self) -> Any:
        _, at_risk, responded = self._at_risk()
        n = len(self.groups)
        pairs = [(group, 0) for group in range(1, n)] if self.control else [
            (group, control) for control, group in combinations(range(n), 2)
        ]  # fmt: skip
        rows: list[tuple[Any, ...]] = []
        adjusted: list[_Floats] = []
        for measure in MEASURES:
            if measure == "response" and not self.has_window:
                continue
            if measure == "response":
                values = np.where(at_risk, responded, np.nan)
            else:
                values = np.where(self.is_counted[:, None], self._measure(measure), np.nan)
            found = [
                (
                    measure,
                    label,
                    group,
                    control,
                    *self._compared(measure, values[:, label], group, control),
                )
                for label in range(len(self.labels))
                for group, control in pairs
            ]
            adjusted.append(holm([row[-3] for row in found]))
            rows += found
        self._warn_of_few(pairs)
        names = (
            "n",
            "n_control",
            "value",
            "value_control",
            "test",
            "statistic",
            "p",
            "effect",
            "effect_size",
        )
        table = self._rows(rows, ("measure", "label", "group", "control", *names), names[:2])
        table.insert(table.columns.get_loc("p") + 1, "p_adjusted", np.concatenate(adjusted))
        return table

    def _compared(self, measure: str, values: _Floats, group: int, control: int) -> tuple[Any, ...]:
        """Return n, n of the control, values, and the test, of the larvae that have a value."""
        samples = [self._sample(values, of) for of in (group, control)]
        means = [float(sample.mean()) if len(sample) else np.nan for sample in samples]
        found: GroupTest
        if self.questions.unit == "recording":
            found = compare_recordings(samples[0], samples[1], self.seed)
        elif measure == "response":
            (a, n), (b, m) = ((int(sample.sum()), len(sample)) for sample in samples)
            found = compare_proportions((a, n), (b, m))
        else:
            found = compare_ranks(*samples)
        return (*map(len, samples), *means, *found)

    def _sample(self, values: _Floats, group: int) -> _Floats:
        """Return the values of a group: of larvae, or the means of recordings."""
        chosen = (self.group == group) & ~np.isnan(values)
        if self.questions.unit == "larva":
            return values[chosen]
        of, size = self.recording[chosen], len(self.recordings)
        n = np.bincount(of, minlength=size)
        sums = np.bincount(of, values[chosen], minlength=size)
        means: _Floats = sums[n > 0] / n[n > 0]
        return means

    def _warn_of_few(self, pairs: list[tuple[int, int]]) -> None:
        counted_recordings = np.unique(self.recording[self.is_counted])
        recordings = np.bincount(self.group_of[counted_recordings], minlength=len(self.groups))
        larvae = np.bincount(self.group[self.is_counted], minlength=len(self.groups))
        is_larva = self.questions.unit == "larva"
        sizes = (larvae if is_larva else recordings).tolist()
        unit, units = ("larva", "larvae") if is_larva else ("recording", "recordings")
        if few := [name for name, n in zip(self.groups, sizes, strict=True) if n < 2]:
            problem = f"expected at least 2 {units} in each group, found fewer in {listed(few)}"
            warnings.warn(BackendWarning(problem, ""), stacklevel=5)
        if is_larva:
            return
        weak = [pair for pair in pairs if min(sizes[at] for at in pair) > 0]
        weak = [pair for pair in weak if smallest_p(*(sizes[at] for at in pair)) > 0.05]
        if weak:
            group, control = weak[0]
            problem = (
                f"{self.groups[group]} and {self.groups[control]} have {sizes[group]} and "
                f"{counted(sizes[control], unit)}: no p-value can be below 0.05"
            )
            if len(weak) > 1:
                problem += f" (nor for {len(weak) - 1} more pairs of groups)"
            warnings.warn(BackendWarning(problem, "add recordings"), stacklevel=5)

    def _rows(
        self, rows: list[tuple[Any, ...]], names: Sequence[str], integers: Sequence[str]
    ) -> Any:
        """Return a DataFrame of rows; groups and labels are given by number."""
        texts = ("measure", "test", "effect")
        columns = list(zip(*rows, strict=True)) or [()] * len(names)
        found: dict[str, Any] = {}
        for name, values in zip(names, columns, strict=True):
            if name in texts:
                found[name] = list(values)
            else:
                is_integer = name in integers or name in ("group", "control", "label")
                found[name] = np.array(values, dtype=np.int64 if is_integer else np.float64)
        return self._frame(found)

    def _design(self, families: Mapping[str, int]) -> Design:
        windows: dict[str, tuple[Window, ...]] = {}
        stimulus: dict[str, tuple[Window, ...]] = {}
        for group, name in enumerate(self.groups):
            seen = [self.recordings[at].seen for at in np.flatnonzero(self.group_of == group)]
            windows[name] = tuple(sorted({one.window for one in seen if not one.is_whole}))
            stimulus[name] = tuple(sorted({window for one in seen for window in one.stimulus}))
        asked = self.questions
        return Design(
            by=self.by,
            groups=tuple(self.groups),
            control=self.control,
            unit=asked.unit,
            labels=tuple(self.labels),
            window=asked.window,
            windows=windows,
            before=asked.before,
            stimulus=stimulus,
            bin=asked.bin,
            min_tracked=asked.min_tracked,
            max_gap=asked.max_gap,
            seed=self.seed,
            files=len({one.file for one in self.recordings} - {""}),
            recordings=len(self.recordings),
            larvae=len(self.larva),
            frames=sum(one.seen.frames for one in self.recordings),
            counted=int(self.is_counted.sum()),
            left_out=tuple(self.left_out),
            without_window=tuple(self.without_window),
            families=families,
            replicates=REPLICATES,
            permutations=PERMUTATIONS,
        )


def _text(group: tuple[str, ...]) -> str:
    return ", ".join(group) or _ALL
