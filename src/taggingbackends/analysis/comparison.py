"""Comparison of two labellings of a run: confusion matrix, agreement, kappa, differences."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taggingbackends.errors import BackendError, located
from taggingbackends.labels import Labels
from taggingbackends.labels.dependencies import check_same_recording
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import labels_of
from taggingbackends.labels.stretches import columns_of, find_stretches
from taggingbackends.labels.tracklabels import TrackLabels

__all__ = [
    "NOT_THERE",
    "UNDEFINED",
    "Comparison",
    "Confusion",
    "Differences",
    "class_names",
    "cohens_kappa",
    "compare",
    "compare_files",
    "primary_labels",
]

UNDEFINED = "(undefined)"
_CLASSES = 1000  # in a matrix of JSON
NOT_THERE = -1  # class of a frame that is missing from one labelling


@dataclass(frozen=True, eq=False)
class Differences:
    """The differences between two labellings, as columns.

    A difference is a longest series of consecutive frames of a larva with the same pair of
    different classes in the two labellings. A gap ends it. Differences are sorted by larva, then by
    time.

    Attributes
    ----------
    larvae : (n,) int64 array
        Larva identifiers.
    start : (n,) float64 array
        Time of the first frame, s.
    stop : (n,) float64 array
        End of the last frame, s, as for bouts.
    frames : (n,) int64 array
        Number of frames.
    one, other : (n,) int64 array
        Class in each labelling: 0-based index into `Comparison.names`, or `NOT_THERE` if the frames
        are missing from that labelling.
    """

    larvae: NDArray[np.int64]
    start: NDArray[np.float64]
    stop: NDArray[np.float64]
    frames: NDArray[np.int64]
    one: NDArray[np.int64]
    other: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.larvae)


@dataclass(frozen=True, eq=False)
class Confusion:
    """Number of frames by their classes in two labellings.

    Attributes
    ----------
    names : list of str
        The classes that occur. The class of a frame is its primary labels, several joined by "+",
        or `UNDEFINED`.
    pairs : (m, 3) int64 array
        Class in one, class in other, and number of frames, for each pair of classes that occurs.
    """

    names: list[str]
    pairs: NDArray[np.int64]

    @cached_property
    def matrix(self) -> NDArray[np.int64]:
        """Confusion matrix: frames in both labellings, by class in one (row) and other (column).

        A (k, k) int64 array for k classes.
        """
        matrix = np.zeros((len(self.names), len(self.names)), dtype=np.int64)
        one, other, frames = self.pairs.T
        matrix[one, other] = frames
        return matrix

    @property
    def frames(self) -> int:
        """Number of frames in both labellings."""
        return int(self.pairs[:, 2].sum())

    @property
    def agreement(self) -> float:
        """Share of the frames in both that have the same class; NaN without frames."""
        one, other, frames = self.pairs.T
        return float(frames[one == other].sum()) / self.frames if self.frames else math.nan

    @property
    def kappa(self) -> float:
        """Cohen's kappa: 1 if all frames agree, 0 if they agree as often as by chance.

        kappa = (p - e) / (1 - e), where p is the agreement and e the agreement expected by chance.
        e is the sum over classes of the product of the class's shares in the two labellings (Cohen,
        1960, Educational and Psychological Measurement 20:37). NaN if there are no frames, or if
        all frames have the same class in both.
        """
        k = len(self.names)
        one, other, frames = self.pairs.T
        of_one, of_other = np.bincount(one, frames, k), np.bincount(other, frames, k)
        return float(cohens_kappa(frames[one == other].sum(), of_one, of_other))

    def condensed(self, most: int) -> tuple[list[str], NDArray[np.int64]]:
        """Return at most `most` names, and their confusion matrix.

        If there are more, these are the classes with most frames in both labellings, and the last
        one stands for all others.
        """
        if len(self.names) <= most:
            return self.names, self.matrix
        one, other, frames = self.pairs.T
        counts = np.bincount(np.append(one, other), np.append(frames, frames), len(self.names))
        kept = np.sort(np.argsort(-counts, kind="stable")[: most - 1])
        place = np.full(len(self.names), most - 1)
        place[kept] = np.arange(most - 1)
        matrix = np.zeros((most, most), dtype=np.int64)
        np.add.at(matrix, (place[one], place[other]), frames)
        others = f"({len(self.names) - most + 1} others)"
        return [*(self.names[n] for n in kept.tolist()), others], matrix


@dataclass(frozen=True, eq=False)
class Comparison(Confusion):
    """Agreement and differences of two labellings of a run.

    Attributes
    ----------
    names : list of str
        The classes that occur. The class of a frame is its primary labels, several joined by "+".
    pairs : (m, 3) int64 array
        Class in one, class in other, and number of frames, for each pair of classes that occurs.
    run : str
        Run identifier.
    differences : Differences
        Frames that differ.
    only_one, only_other : int
        Frames that only one labelling has.
    """

    run: str
    differences: Differences
    only_one: int
    only_other: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and numbers; None stands for NaN and for a missing frame.

        With more than 1000 classes, None stands for the matrix, too.
        """
        names = [*self.names, None]  # None at index NOT_THERE
        columns = {name: column.tolist() for name, column in vars(self.differences).items()}
        return {
            "run": self.run,
            "names": self.names,
            "matrix": self.matrix.tolist() if len(self.names) <= _CLASSES else None,
            "frames": self.frames,
            "only_one": self.only_one,
            "only_other": self.only_other,
            "agreement": None if math.isnan(self.agreement) else self.agreement,
            "kappa": None if math.isnan(self.kappa) else self.kappa,
            "differences": [
                dict(zip(columns, (*row, names[one], names[other]), strict=True))
                for *row, one, other in zip(*columns.values(), strict=True)
            ],
        }

    @property
    def is_same(self) -> bool:
        """True if no frame differs."""
        return len(self.differences) == 0


def compare(
    one: RunLabels, other: RunLabels, max_gap: float | None = None, force: bool = False
) -> Comparison:
    """Compare two labellings of a run, frame by frame.

    Frames are matched one to one by larva and time, within 1 ms. Primary labels count, in any
    order. Secondary labels, such as "edited", are ignored.

    Parameters
    ----------
    one, other : RunLabels
        E.g. the predictions and an expert's labels.
    max_gap : float, optional
        Longest step between successive frames of a difference, s, as in `find_bouts`. Steps are
        between the frames of both labellings together.
    force : bool
        Also compare labels whose dependencies are the files of different recordings.

    Returns
    -------
    Comparison

    Raises
    ------
    LabelFileError
        ``bad-dependency``: the two depend on different files and share none, and `force` is False;
        ``bad-time``: see `taggingbackends.labels.find_spans`.
    ValueError
        `max_gap` is not above 0.

    Examples
    --------
    >>> from taggingbackends import Labels
    >>> labels = Labels()
    >>> labels.set("run1", 7, [0.0, 0.1, 0.2, 0.3], ["run", "run", "cast", "run"])
    >>> other = Labels()
    >>> other.set("run1", 7, [0.0, 0.1, 0.2, 0.3], ["run", "cast", "cast", "run"])
    >>> found = compare(labels["run1"], other["run1"])
    >>> found.agreement, found.names
    (0.75, ['run', 'cast'])
    >>> found.matrix.tolist()
    [[2, 1], [0, 1]]
    """
    for run in (one, other):
        columns_of(run)  # raises the errors about the labels
    if not force:
        check_same_recording(one, other)
    classes = _classes(one, other)
    codes_one, codes_other = (_codes(run, classes) for run in (one, other))
    tracks = [
        (larva, *_aligned(one.get(larva), other.get(larva)))
        for larva in sorted(one.keys() | other.keys())
    ]
    larvae = np.repeat(
        np.array([larva for larva, *_ in tracks], dtype=np.int64),
        [len(times) for _, times, _, _ in tracks],
    )
    times = np.concatenate([np.empty(0), *(times for _, times, _, _ in tracks)])
    none = np.empty(0, dtype=np.int64)
    first = np.concatenate([none, *(codes for _, _, codes, _ in tracks)])
    second = np.concatenate([none, *(codes for _, _, _, codes in tracks)])
    first = np.where(first < 0, NOT_THERE, codes_one[first])
    second = np.where(second < 0, NOT_THERE, codes_other[second])
    both = (first >= 0) & (second >= 0)
    k = len(classes)
    pairs, frames = np.unique(first[both] * k + second[both], return_counts=True)
    occurring = np.union1d(first, second)
    kept = occurring[occurring >= 0]
    place = np.full(k + 1, NOT_THERE)  # the last element is for NOT_THERE
    place[kept] = np.arange(len(kept))
    names = list(classes.values())
    return Comparison(
        run=one.id,
        names=[names[code] for code in kept],
        pairs=np.stack([place[pairs // k], place[pairs % k], frames], axis=1),
        differences=_differences(larvae, times, place[first], place[second], max_gap),
        only_one=int((second < 0).sum()),
        only_other=int((first < 0).sum()),
    )


def compare_files(
    one: str | PathLike[str], other: str | PathLike[str], force: bool = False
) -> list[Comparison]:
    """Compare the runs of two label files.

    Parameters
    ----------
    one, other : path
        Label files of the same runs.
    force : bool
        As for `compare`.

    Returns
    -------
    list of Comparison
        One per run, in the order of `one`.

    Raises
    ------
    BackendError
        ``no-input``: the files have different runs.
    LabelFileError
        A file is invalid, or as for `compare`.

    Examples
    --------
    >>> from taggingbackends import Labels
    >>> labels = Labels()
    >>> labels.set("run1", 7, [0.0, 0.1, 0.2, 0.3], ["run", "run", "cast", "run"])
    >>> labels.write("one.label")
    >>> labels["run1"][7] = labels["run1"][7][0.0:0.15]
    >>> labels.write("other.label")
    >>> [(found.run, found.only_one) for found in compare_files("one.label", "other.label")]
    [('run1', 2)]
    """
    first, second = Labels.read(one), Labels.read(other)
    if first.keys() != second.keys():
        expected, found = (", ".join(islice(runs, 10)) or "none" for runs in (first, second))
        problem = f"{other}: expected the runs of {one}, {expected}; found {found}"
        raise BackendError("no-input", problem)
    with located(file=Path(other)):
        return [compare(run, second[run.id], force=force) for run in first.values()]


def cohens_kappa(
    same: ArrayLike, of_one: NDArray[Any], of_other: NDArray[Any]
) -> NDArray[np.float64]:
    """Return Cohen's kappa, see `Comparison.kappa`.

    Parameters
    ----------
    same : (...) array_like
        Numbers of frames that have the same class in both labellings.
    of_one, of_other : (..., k) array
        Numbers of frames of each class in each labelling.
    """
    n = of_one.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = (of_one / n[..., None] * of_other).sum(axis=-1) / n
        kappa = (np.asarray(same) / n - expected) / (1 - expected)
    return np.where(expected < 1, kappa, math.nan)


def class_names(
    names: Iterable[str], states: Iterable[frozenset[str]]
) -> dict[frozenset[str], str]:
    """Return the names of classes: first single labels, then several, undefined last.

    Parameters
    ----------
    names : iterable of str
        All primary labels.
    states : iterable of frozenset of str
        Sets of labels that occur; sets of several labels become classes of their own.
    """
    names = dict.fromkeys(names)
    place = {name: index for index, name in enumerate(names)}
    # more plus signs than any name has in a row keep class names unique
    found = (len(signs) for name in names for signs in re.findall(r"\++", name))
    plus = "+" * (max(found, default=0) + 1)
    several = {
        labels: plus.join(sorted(labels, key=place.__getitem__))
        for labels in states
        if len(labels) > 1
    }
    single = {frozenset((name,)): name for name in names}
    return single | several | {frozenset(): UNDEFINED}


def _classes(*runs: RunLabels) -> dict[frozenset[str], str]:
    names = (name for run in runs for name in run.names)
    return class_names(names, (labels for run in runs for labels in primary_labels(run)))


def primary_labels(run: RunLabels) -> list[frozenset[str]]:
    """Return the primary labels of each state of a run."""
    names = set(run.names)
    return [frozenset(name for name in labels_of(state) if name in names) for state in run.states]


def _codes(run: RunLabels, classes: dict[frozenset[str], str]) -> NDArray[np.int64]:
    """Return the class of each state of a run."""
    place = {labels: code for code, labels in enumerate(classes)}
    return np.array([place[labels] for labels in primary_labels(run)], dtype=np.int64)


def _aligned(
    one: TrackLabels | None, other: TrackLabels | None
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the merged times of two tracks and the state codes in each, -1 for no frame."""
    if one is None or other is None:
        track = other if one is None else one
        assert track is not None
        none = np.full(len(track), -1, dtype=np.int64)
        codes = track.codes.astype(np.int64)
        return (track.times, codes, none) if other is None else (track.times, none, codes)
    at = other.match(one.times)
    second = np.where(at < 0, -1, other.codes[at]) if len(other) else at
    left = np.ones(len(other), dtype=bool)
    left[at[at >= 0]] = False
    times = np.concatenate([one.times, other.times[left]])
    first = np.concatenate([one.codes.astype(np.int64), np.full(int(left.sum()), -1)])
    second = np.concatenate([second, other.codes[left]]).astype(np.int64)
    order = np.argsort(times, kind="stable")
    return times[order], first[order], second[order]


def _differences(
    larvae: NDArray[np.int64],
    times: NDArray[np.float64],
    one: NDArray[np.int64],
    other: NDArray[np.int64],
    max_gap: float | None,
) -> Differences:
    differ = one != other
    stretches = find_stretches(larvae, times, max_gap)
    begins = np.ones(len(times), dtype=bool)  # where the stretch or a class changes
    for column in (stretches.numbers, one, other):
        begins[1:] &= column[1:] == column[:-1]
    begins[1:] = ~begins[1:]
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(times)) - 1
    kept = differ[first]
    first, last = first[kept], last[kept]
    return Differences(
        larvae=larvae[first],
        start=times[first],
        stop=stretches.ends[last],
        frames=last - first + 1,
        one=one[first],
        other=other[first],
    )
