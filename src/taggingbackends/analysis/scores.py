"""How well predicted labels agree with true ones: figures by label, with intervals."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from taggingbackends.analysis.comparison import (
    UNDEFINED,
    Confusion,
    class_names,
    cohens_kappa,
    primary_labels,
)
from taggingbackends.labels.bouts import Bouts, find_bouts
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import StateTable
from taggingbackends.labels.tracklabels import TrackLabels

__all__ = [
    "LEAST_RECORDINGS",
    "Counts",
    "Estimate",
    "LabelScores",
    "Reliability",
    "Scores",
    "count",
    "score",
]

LEAST_RECORDINGS = 5
"""Fewer recordings give no intervals."""

_CLASSES = 1000  # in a matrix of JSON
_RANGE = 10  # percent of confidence
_RESAMPLES = 2000
_SEED = 0
_OVERLAP = 0.5  # least share of the union of two bouts that both cover
_ROUNDING = 1e-6  # of times, relative to the length of a bout
_UNDEFINED: frozenset[str] = frozenset()


@dataclass
class Counts:
    """Frames and bouts of a recording, counted by true and predicted labels.

    Attributes
    ----------
    names : list of str
        The primary labels, those of the true labels first.
    frames : Counter
        (true labels, predicted labels) -> number of frames. Each is a frozenset. Predicted labels
        are empty where the prediction is undefined or has no such frame.
    bouts : dict of str to Counter
        ``"true"``, ``"predicted"`` and ``"found"`` -> number of bouts by label.
    confidence : Counter
        (confidence of the prediction in percent, whether it is right) -> number of frames. Frames
        without a prediction or without its confidence do not count.
    """

    names: list[str] = field(default_factory=list)
    frames: Counter[tuple[frozenset[str], frozenset[str]]] = field(default_factory=Counter)
    bouts: dict[str, Counter[str]] = field(
        default_factory=lambda: {"true": Counter(), "predicted": Counter(), "found": Counter()}
    )
    confidence: Counter[tuple[int, bool]] = field(default_factory=Counter)

    @property
    def accuracy(self) -> float:
        """Share of the frames that are predicted correctly; NaN without frames."""
        right = sum(n for (true, predicted), n in self.frames.items() if true == predicted)
        return right / self.frames.total() if self.frames else math.nan

    @property
    def without_prediction(self) -> int:
        """Number of frames whose prediction is undefined or missing."""
        return sum(n for (_, predicted), n in self.frames.items() if not predicted)

    def add(self, other: Counts) -> None:
        """Add the counts of another run of the recording."""
        self.names = list(dict.fromkeys([*self.names, *other.names]))
        self.frames.update(other.frames)
        for kind, counter in other.bouts.items():
            self.bouts[kind].update(counter)
        self.confidence.update(other.confidence)


def count(true: RunLabels, predicted: RunLabels | None) -> Counts:
    """Count the frames and bouts of a run by true and predicted labels.

    Parameters
    ----------
    true : RunLabels
        The true labels. Frames without a primary label do not count.
    predicted : RunLabels or None
        The predicted labels; None if there are none. Frames are matched by larva and time, within
        1 ms. Other frames do not count.

    Returns
    -------
    Counts

    Raises
    ------
    LabelFileError
        ``bad-time``: see `taggingbackends.labels.find_spans`.

    Notes
    -----
    The class of a frame is the set of its primary labels. A bout is found if a true and a predicted
    bout of the label share at least half of the time that they cover together. Each bout counts
    once. Predicted bouts consist of the frames that have a true label.
    """
    states = primary_labels(true)
    is_labelled = np.array([bool(labels) for labels in states])
    seen, confidence = _on_frames(true, is_labelled, predicted)
    codes, guesses = (
        np.concatenate([np.empty(0, np.int64), *(track.codes for track in run.values())])
        for run in (true, seen)
    )
    guessed = primary_labels(seen)
    kept = is_labelled[codes]
    pairs, numbers = np.unique(codes[kept] * len(guessed) + guesses[kept], return_counts=True)
    counts = Counts(list(dict.fromkeys([*true.names, *seen.names])))
    for pair, n in zip(pairs.tolist(), numbers.tolist(), strict=True):
        counts.frames[states[pair // len(guessed)], guessed[pair % len(guessed)]] += n
    _count_bouts(true, seen, counts.bouts)
    counts.confidence = _count_confidence(true, seen, confidence)
    return counts


def _on_frames(
    true: RunLabels, is_labelled: NDArray[np.bool_], predicted: RunLabels | None
) -> tuple[RunLabels, dict[int, NDArray[np.float64]]]:
    """Return the predicted labels of the frames of the true ones, undefined where these are.

    Return also the confidence of each frame, of the larvae that have it.
    """
    table = StateTable() if predicted is None else predicted._table
    seen = RunLabels(true.id, table)
    confidence = {}
    for larva, track in true.items():
        codes = np.zeros(len(track), dtype=np.int32)
        guess = None if predicted is None else predicted.get(larva)
        if guess is not None and len(guess):
            at = guess.match(track.times)
            known = (at >= 0) & is_labelled[track.codes]
            codes = np.where(known, guess.codes[at], 0).astype(np.int32)
            rated = guess.confidence
            if rated is not None:
                confidence[larva] = np.where(known, rated[at], np.nan)
        seen._tracks[larva] = TrackLabels(table, track.times, codes)
    return seen, confidence


def _count_confidence(
    true: RunLabels, seen: RunLabels, confidence: dict[int, NDArray[np.float64]]
) -> Counter[tuple[int, bool]]:
    counts: Counter[tuple[int, bool]] = Counter()
    classes = {_UNDEFINED: 0}
    of_true, of_seen = (
        np.array([classes.setdefault(labels, len(classes)) for labels in primary_labels(run)])
        for run in (true, seen)
    )
    for larva, rated in confidence.items():
        guesses = of_seen[seen[larva].codes]
        kept = (guesses > 0) & ~np.isnan(rated)
        percent = np.rint(100 * rated[kept]).astype(np.int64)
        right = guesses[kept] == of_true[true[larva].codes[kept]]
        counts.update(zip(percent.tolist(), right.tolist(), strict=True))
    return counts


def _count_bouts(true: RunLabels, seen: RunLabels, counts: dict[str, Counter[str]]) -> None:
    runs = {"true": true, "predicted": seen}
    place = {name: label for label, name in enumerate(true.names)}
    places = []
    for kind, run in runs.items():
        bouts = find_bouts(run)
        numbers = np.bincount(bouts.labels, minlength=len(bouts.names)).tolist()
        counts[kind].update(dict(zip(run.names, numbers, strict=False)))
        labels = np.array([place.get(name, -1) for name in run.names], dtype=np.int64)
        places.append(_places(bouts, labels, true))
    found = np.bincount(_found(*places), minlength=len(true.names)).tolist()
    shared = set(seen.names)
    counts["found"].update({name: found[label] for name, label in place.items() if name in shared})


class _Places(NamedTuple):
    """The bouts of some labels, by label, then in the order of time of all tracks in a row."""

    labels: NDArray[np.int64]
    first: NDArray[np.int64]  # frame, counted over all tracks, and over these for each label
    end: NDArray[np.int64]
    start: NDArray[np.float64]  # s
    stop: NDArray[np.float64]


def _places(bouts: Bouts, label_of_name: NDArray[np.int64], run: RunLabels) -> _Places:
    """Return the bouts of the primary labels that the run of true labels has."""
    ends = np.cumsum([len(track) for track in run.values()], dtype=np.int64)
    begins = dict(zip(run, [0, *ends.tolist()], strict=False))
    primary = np.flatnonzero(bouts.labels < len(label_of_name))
    labels = label_of_name[bouts.labels[primary]]
    kept, labels = primary[labels >= 0], labels[labels >= 0]
    order = np.argsort(labels, kind="stable")
    kept, labels = kept[order], labels[order]
    offset = np.array([begins[larva] for larva in bouts.larvae[kept].tolist()], dtype=np.int64)
    first = labels * ends[-1] if len(ends) else labels
    first = first + offset + bouts.first_frames[kept]
    return _Places(labels, first, first + bouts.frames[kept], bouts.start[kept], bouts.stop[kept])


def _found(true: _Places, predicted: _Places) -> NDArray[np.int64]:
    """Return the label of each bout that is found."""
    lower = np.searchsorted(predicted.end, true.first, "right")
    upper = np.searchsorted(predicted.first, true.end, "left")
    numbers = upper - lower
    one = np.repeat(np.arange(len(numbers)), numbers)
    other = np.arange(len(one)) - np.repeat(np.cumsum(numbers) - numbers - lower, numbers)
    shared = np.minimum(true.stop[one], predicted.stop[other])
    shared = shared - np.maximum(true.start[one], predicted.start[other])
    union = np.maximum(true.stop[one], predicted.stop[other])
    union = union - np.minimum(true.start[one], predicted.start[other])
    # the frame between two bouts of a label keeps them from both being half of another one
    labels: NDArray[np.int64] = true.labels[one[shared >= (1 - _ROUNDING) * _OVERLAP * union]]
    return labels


class Estimate(NamedTuple):
    """A figure, and its 95 % interval. NaN where it cannot be computed."""

    value: float
    low: float = math.nan
    high: float = math.nan

    def to_dict(self) -> dict[str, Any]:
        """Return the value and the interval, with None instead of NaN."""
        interval = None if math.isnan(self.low) else [self.low, self.high]
        return {"value": None if math.isnan(self.value) else self.value, "interval": interval}


class Reliability(NamedTuple):
    """The frames whose predictions have a confidence in a range.

    Attributes
    ----------
    low, high : int
        The range in percent, both included.
    frames : int
    confidence : float
        Mean confidence, 0 to 1.
    accuracy : float
        Share of the frames that are predicted correctly. It is about the confidence if that is
        calibrated.
    """

    low: int
    high: int
    frames: int
    confidence: float
    accuracy: float


class LabelScores(NamedTuple):
    """The figures of a class of frames, or of the bouts of a label.

    Attributes
    ----------
    name : str
    true, predicted, right : int
        Number of frames or bouts that are of the label, that are predicted so, and both.
    precision, recall, f1 : Estimate
    """

    name: str
    true: int
    predicted: int
    right: int
    precision: Estimate
    recall: Estimate
    f1: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, with None instead of NaN."""
        return {
            key: value.to_dict() if isinstance(value, Estimate) else value
            for key, value in self._asdict().items()
        }


@dataclass(frozen=True, eq=False)
class Scores:
    """The agreement of predicted with true labels, pooled over recordings.

    Attributes
    ----------
    recordings : int
        Number of recordings.
    confusion : Confusion
        True (one) and predicted (other) class of each frame with a true label. The predicted class
        is `UNDEFINED` if there is no prediction.
    accuracy, balanced_accuracy, kappa : Estimate
        Share of the frames that are predicted correctly; mean recall of the true classes; Cohen's
        kappa.
    labels : list of LabelScores
        The figures of each class of frames.
    bouts : list of LabelScores
        The figures of the bouts of each label.
    bout_f1 : Estimate
        F1 of the bouts of all labels together.
    reliability : list of Reliability
        Ranges of confidence, rising. Empty if the predictions have no confidence.
    """

    recordings: int
    confusion: Confusion
    accuracy: Estimate
    balanced_accuracy: Estimate
    kappa: Estimate
    labels: list[LabelScores]
    bouts: list[LabelScores]
    bout_f1: Estimate
    reliability: list[Reliability]

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and numbers, with None instead of NaN.

        Of more than 1000 classes, the last name in ``names`` stands for the less frequent ones.
        """
        names, matrix = self.confusion.condensed(_CLASSES)
        return {
            "frames": self.confusion.frames,
            "names": names,
            "matrix": matrix.tolist(),
            "accuracy": self.accuracy.to_dict(),
            "balanced_accuracy": self.balanced_accuracy.to_dict(),
            "kappa": self.kappa.to_dict(),
            "labels": [one.to_dict() for one in self.labels],
            "bouts": [one.to_dict() for one in self.bouts],
            "bout_f1": self.bout_f1.to_dict(),
            "reliability": [one._asdict() for one in self.reliability],
        }


@dataclass(frozen=True, eq=False)
class _Tally:
    """Numbers by recording (or by resample) and class."""

    right: NDArray[np.float64]
    true: NDArray[np.float64]
    predicted: NDArray[np.float64]

    def weighted(self, weights: NDArray[np.float64]) -> _Tally:
        return _Tally(weights @ self.right, weights @ self.true, weights @ self.predicted)

    def precision(self) -> NDArray[np.float64]:
        return _ratio(self.right, self.predicted)

    def recall(self) -> NDArray[np.float64]:
        return _ratio(self.right, self.true)

    def f1(self) -> NDArray[np.float64]:
        return _ratio(2 * self.right, self.true + self.predicted)

    def accuracy(self) -> NDArray[np.float64]:
        return _ratio(self.right.sum(axis=-1), self.true.sum(axis=-1))

    def balanced_accuracy(self) -> NDArray[np.float64]:
        is_true = self.true > 0
        recall = np.where(is_true, self.recall(), 0.0)
        return _ratio(recall.sum(axis=-1), is_true.sum(axis=-1))

    def kappa(self) -> NDArray[np.float64]:
        return cohens_kappa(self.right.sum(axis=-1), self.true, self.predicted)

    def all_f1(self) -> NDArray[np.float64]:
        together = (x.sum(axis=-1) for x in (self.right, self.true, self.predicted))
        return _Tally(*together).f1()


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    ratio = np.full(part.shape, np.nan)
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio


def score(recordings: Sequence[Counts]) -> Scores:
    """Compute the figures of some recordings together.

    Parameters
    ----------
    recordings : sequence of Counts
        One for each recording.

    Returns
    -------
    Scores
        A class without true frames has no recall, and one that is never predicted no precision:
        NaN. Intervals are NaN if there are fewer than 5 recordings.

    Notes
    -----
    Intervals are percentiles of 2000 resamples of the recordings (bootstrap). Frames of a recording
    are not independent, so frames are not resampled. The seed is fixed.
    """
    classes = _classes(recordings)
    place = {labels: at for at, labels in enumerate(classes)}
    k = len(classes)
    frames = np.zeros((3, len(recordings), k))
    pairs: Counter[tuple[int, int]] = Counter()
    for at, one in enumerate(recordings):
        for (true, predicted), n in one.frames.items():
            row, column = place[true], place[predicted]
            pairs[row, column] += n
            frames[0, at, row] += n if row == column else 0
            frames[1, at, row] += n
            frames[2, at, column] += n
    cells = np.array([(*pair, n) for pair, n in sorted(pairs.items())], dtype=np.int64)
    names = list(classes.values())
    labels = [name for name in _label_names(recordings) if _has_bouts(name, recordings)]
    bouts = np.array(
        [
            [[one.bouts[kind][name] for name in labels] for one in recordings]
            for kind in ("found", "true", "predicted")
        ],
        dtype=np.float64,
    ).reshape(3, len(recordings), len(labels))
    estimates = _Estimates(len(recordings))
    of_frames, of_bouts = _Tally(*frames), _Tally(*bouts)
    accuracy, balanced, kappa = (
        estimates.of(of_frames, figure)[0]
        for figure in (_Tally.accuracy, _Tally.balanced_accuracy, _Tally.kappa)
    )
    return Scores(
        recordings=len(recordings),
        confusion=Confusion(names, cells.reshape(-1, 3)),
        accuracy=accuracy,
        balanced_accuracy=balanced,
        kappa=kappa,
        labels=[x for x in estimates.by_label(of_frames, names) if x.name != UNDEFINED],
        bouts=estimates.by_label(of_bouts, labels),
        bout_f1=estimates.of(of_bouts, _Tally.all_f1)[0],
        reliability=_reliability(recordings),
    )


def _reliability(recordings: Sequence[Counts]) -> list[Reliability]:
    together: Counter[tuple[int, bool]] = Counter()
    for one in recordings:
        together.update(one.confidence)
    found = []
    for low in range(0, 100, _RANGE):
        high = low + _RANGE - 1 if low + _RANGE < 100 else 100
        inside = {key: n for key, n in together.items() if low <= key[0] <= high}
        frames = sum(inside.values())
        if frames:
            confidence = sum(percent * n for (percent, _), n in inside.items()) / 100 / frames
            right = sum(n for (_, is_right), n in inside.items() if is_right)
            found.append(Reliability(low, high, frames, confidence, right / frames))
    return found


class _Estimates:
    """Computes figures of all recordings, and of resamples of them."""

    def __init__(self, recordings: int) -> None:
        self._all = np.ones((1, recordings))
        self._resamples = np.empty((0, recordings))
        if recordings >= LEAST_RECORDINGS:
            chosen = np.random.default_rng(_SEED).integers(
                recordings, size=(_RESAMPLES, recordings)
            )
            places = chosen + recordings * np.arange(_RESAMPLES)[:, None]
            numbers = np.bincount(places.ravel(), minlength=_RESAMPLES * recordings)
            self._resamples = numbers.reshape(_RESAMPLES, recordings).astype(np.float64)

    def of(self, tally: _Tally, figure: Callable[[_Tally], NDArray[np.float64]]) -> list[Estimate]:
        """Return the estimates of a figure; several if it is one by class."""
        values = np.atleast_1d(figure(tally.weighted(self._all))[0])
        if not len(self._resamples):
            return [Estimate(value) for value in values.tolist()]
        found = figure(tally.weighted(self._resamples)).reshape(len(self._resamples), -1)
        return [
            Estimate(value, *_percentiles(column))
            for value, column in zip(values.tolist(), found.T, strict=True)
        ]

    def by_label(self, tally: _Tally, names: Sequence[str]) -> list[LabelScores]:
        total = tally.weighted(self._all)
        numbers = (x[0].astype(int).tolist() for x in (total.true, total.predicted, total.right))
        figures = (self.of(tally, x) for x in (_Tally.precision, _Tally.recall, _Tally.f1))
        return [LabelScores(*row) for row in zip(names, *numbers, *figures, strict=True)]


def _percentiles(column: NDArray[np.float64]) -> tuple[float, float]:
    """Return the limits of the middle 95 % of the values that are not NaN."""
    known = column[~np.isnan(column)]
    low, high = np.percentile(known, [2.5, 97.5]).tolist() if len(known) else (math.nan, math.nan)
    return low, high


def _label_names(recordings: Iterable[Counts]) -> list[str]:
    return list(dict.fromkeys(name for one in recordings for name in one.names))


def _has_bouts(name: str, recordings: Iterable[Counts]) -> bool:
    return any(one.bouts[kind][name] for one in recordings for kind in ("true", "predicted"))


def _classes(recordings: Sequence[Counts]) -> dict[frozenset[str], str]:
    """Return the classes that occur."""
    occurring = dict.fromkeys(
        labels for one in recordings for pair in one.frames for labels in pair
    )
    names = class_names(_label_names(recordings), occurring)
    return {labels: name for labels, name in names.items() if labels in occurring}
