"""Statistics of groups of recordings: labels over time, responses, budgets, bouts, transitions."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from taggingbackends.analysis.groups.comparisons import MEASURES, comparisons_table, warn_of_few
from taggingbackends.analysis.groups.design import Design
from taggingbackends.analysis.groups.grouped import Grouped, GroupedRecording
from taggingbackends.analysis.groups.grouping import Grouping, Groups, Recordings
from taggingbackends.analysis.groups.methods import methods, windows_text
from taggingbackends.analysis.groups.observations import Questions, observe
from taggingbackends.analysis.groups.significance import PERMUTATIONS
from taggingbackends.analysis.groups.tables import (
    bouts_table,
    budgets_table,
    groups_table,
    latencies_table,
    over_time_table,
    responses_table,
    transitions_table,
)
from taggingbackends.analysis.groups.timecourse import REPLICATES
from taggingbackends.analysis.protocol import Window
from taggingbackends.data.labelsources import iter_labels
from taggingbackends.errors import BackendError, BackendWarning
from taggingbackends.labels.labels import Labels
from taggingbackends.labels.stretches import check_max_gap
from taggingbackends.system.extras import require
from taggingbackends.system.words import listed

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["Statistics", "statistics"]

_Path = str | PathLike[str]


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
    groups: DataFrame
    over_time: DataFrame
    responses: DataFrame
    latencies: DataFrame
    budgets: DataFrame
    bouts: DataFrame
    transitions: DataFrame
    comparisons: DataFrame

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
    unit: Literal["larva", "recording"] = "larva",
    groups: _Path | Groups | None = None,
    max_gap: float | None = None,
    labels: Sequence[str] | None = None,
    seed: int = 0,
) -> Statistics:
    """Compute statistics of groups of recordings, one recording in memory at a time.

    - **Over time**: the mean over the larvae tracked in a time bin of the label's share of the
      larva's tracked time in the bin. 95 % intervals are Wilson's score intervals with the variance
      over 1,000 bootstrap samples of larvae, or of recordings with all their larvae (Dean and
      Pagano 2015): percentiles of the bootstrap are too narrow for rare labels.
    - **Larvae that count** are those tracked for at least `min_tracked` of the window. All results
      but those over time are of these larvae.
    - **Response**: a larva responds if it has the label in the window at least once; a bout that
      began before counts. With `before`, larvae count that are also tracked for `min_tracked` of
      that time; those with the label in it are excluded. 95 % intervals are Wilson's, with the
      variance between recordings if these are the units.
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
        What recordings are grouped by: columns of `groups`, genotype, effector, tracker, protocol,
        or other entries of the metadata. Empty: one group of all.
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
        A CSV table whose column ``recording`` has names of recordings (of label or tracker files,
        their folders, or runs), and whose other columns are groups; or a dictionary of recordings
        with their groups.
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
        ``no-input``: nothing to read; ``no-window``: no larva is tracked in the window, or there
        is none for `before`;
        ``unusable-data``: groups are unknown, or there are too many time bins.
    LabelFileError, TrackFileError, OSError
        A file cannot be read.
    TaggingBackendsError
        pandas or scipy is not installed.
    ValueError
        An argument is out of range.

    Examples
    --------
    >>> from taggingbackends.simulation import simulate_labels
    >>> recordings = []
    >>> for n, genotype in enumerate(["attP2", "mutant"] * 2):
    ...     labels = simulate_labels(f"run{n}", larvae=5, seed=n, genotype=genotype)
    ...     recordings.append(labels)
    >>> found = statistics(recordings, control="attP2")
    >>> print(found.groups[["group", "recordings", "larvae"]])
        group  recordings  larvae
    0   attP2           2      10
    1  mutant           2      10
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
    grouped = Grouped(recordings, questions, control, labels)
    _warn_of_windows(grouped)
    comparisons = comparisons_table(grouped, seed)
    warn_of_few(grouped, comparisons, stacklevel=2)
    return Statistics(
        design=_design(grouped, by, seed, left_out, comparisons),
        groups=groups_table(grouped, by),
        over_time=over_time_table(grouped, seed),
        responses=responses_table(grouped),
        latencies=latencies_table(grouped),
        budgets=budgets_table(grouped),
        bouts=bouts_table(grouped),
        transitions=transitions_table(grouped),
        comparisons=comparisons,
    )


def _warn_of_windows(grouped: Grouped) -> None:
    if without := _without_window(grouped):
        problem = (
            "counted over time only, since their protocols have no stimulus window, but others "
            f"do: {listed(without)}"
        )
        warnings.warn(BackendWarning(problem, "set window=(start, stop)"), stacklevel=3)
    before = grouped.questions.before
    windows = sorted({one.seen.window for one in grouped.recordings if not one.seen.is_whole})
    if before and (late := [window for window in windows if window.start < before.stop]):
        problem = (
            f"the time before, {windows_text([before])}, ends after the start of the window of "
            f"responses, {windows_text(late)}: larvae are excluded since they respond"
        )
        fix = "set before=(start, stop) to a time before the window"
        warnings.warn(BackendWarning(problem, fix), stacklevel=3)


def _without_window(grouped: Grouped) -> list[str]:
    return [grouped.recordings[at].name for at in np.flatnonzero(~grouped.is_in_window)]


def _design(
    grouped: Grouped, by: tuple[str, ...], seed: int, left_out: list[str], comparisons: Any
) -> Design:
    windows: dict[str, tuple[Window, ...]] = {}
    stimulus: dict[str, tuple[Window, ...]] = {}
    for group, name in enumerate(grouped.groups):
        seen = grouped.members(group)
        windows[name] = tuple(sorted({one.window for one in seen if not one.is_whole}))
        stimulus[name] = tuple(sorted({window for one in seen for window in one.stimulus}))
    tested = comparisons.loc[comparisons["p"].notna(), "measure"]
    asked, recordings = grouped.questions, grouped.recordings
    return Design(
        by=by,
        groups=tuple(grouped.groups),
        control=grouped.control,
        unit=asked.unit,
        labels=tuple(grouped.labels),
        window=asked.window,
        windows=windows,
        before=asked.before,
        stimulus=stimulus,
        bin=asked.bin,
        min_tracked=asked.min_tracked,
        max_gap=asked.max_gap,
        seed=seed,
        files=len({one.file for one in recordings} - {""}),
        recordings=len(recordings),
        larvae=len(grouped.larva),
        frames=sum(one.seen.frames for one in recordings),
        counted=int(grouped.is_counted.sum()),
        left_out=tuple(left_out),
        without_window=tuple(_without_window(grouped)),
        families={name: int((tested == name).sum()) for name in MEASURES},
        replicates=REPLICATES,
        permutations=PERMUTATIONS,
    )


def _observed(
    files: _Path | Labels | Iterable[_Path | Labels], grouping: Grouping, questions: Questions
) -> tuple[list[GroupedRecording], list[str]]:
    """Return the recordings that are in a group, and the names of the others."""
    known = Recordings()
    found: list[GroupedRecording] = []
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
                found.append(GroupedRecording(text, run.id, group, observe(run, questions)))
    if not found and not left_out:
        raise BackendError("no-input", "expected labels, found none")
    if left_out:
        problem = f"left out, since the groups do not have them: {listed(left_out)}"
        warnings.warn(BackendWarning(problem, "add rows for them"), stacklevel=3)
    if unused := grouping.unused():
        problem = f"no recording matches these rows of the groups: {listed(map(repr, unused))}"
        fix = "compare them with the names of files, folders and runs"
        warnings.warn(BackendWarning(problem, fix), stacklevel=3)
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
