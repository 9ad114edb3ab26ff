"""Figures of predicted labels, against scikit-learn and against plain loops."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from taggingbackends import Labels
from taggingbackends.analysis.comparison import UNDEFINED
from taggingbackends.analysis.scores import Counts, Scores, count, score
from taggingbackends.labels import find_bouts
from taggingbackends.labels.runlabels import RunLabels

RUN = "20240611_101500"
LABELS = ("run", "cast", "stop", "roll")

Pair = tuple[RunLabels, RunLabels]


def run_labels(tracks: dict[int, tuple[Any, Any]]) -> RunLabels:
    labels = Labels()
    labels.add_run(RUN).secondary_names = ["edited"]
    for larva, (times, states) in tracks.items():
        labels.set(RUN, larva, times, states)
    labels[RUN].declare(LABELS)
    return labels[RUN]


def simulated(seed: int, larvae: int = 3, frames: int = 200) -> Pair:
    """Return true and predicted labels with bouts, gaps, undefined, missing and other frames."""
    random = np.random.default_rng(seed)
    true, predicted = {}, {}
    for larva in range(larvae):
        times = np.cumsum(random.choice([0.08, 0.08, 0.08, 0.09, 3.0], frames)).round(3)
        states: list[Any] = []
        while len(states) < frames:
            weights = [0.5, 0.3, 0.15, 0.05] if seed % 2 else [0.6, 0.4, 0.0, 0.0]
            states += [str(random.choice(LABELS, p=weights))] * int(random.integers(1, 20))
        states = states[:frames]
        guess = [str(random.choice(LABELS)) if random.random() < 0.1 else x for x in states]
        guess = [() if random.random() < 0.02 else x for x in guess]
        for frame in random.integers(frames, size=4).tolist():
            states[frame] = ()
            guess[frame] = ("cast", "edited")
        states[7] = ("run", "cast")
        guess[8] = ("cast", "run")
        kept = random.random(frames) > 0.05
        true[larva] = (times, states)
        predicted[larva] = (
            times[kept] + 0.0004,
            [x for x, keep in zip(guess, kept, strict=True) if keep],
        )
    del predicted[0]
    predicted[99] = ([0.5, 0.6], ["run", "run"])
    return run_labels(true), run_labels(predicted)


def frames_of(true: RunLabels, predicted: RunLabels) -> tuple[list[str], list[str]]:
    """Return true and predicted class of each labelled frame, by plain look-up."""

    def name(state: Any) -> str:
        labels = {state} if isinstance(state, str) else set(state)
        return "+".join(sorted(labels - {"edited"}, key=LABELS.index)) or UNDEFINED

    first, second = [], []
    for larva, track in true.items():
        for time, state in track.items():
            if name(state) != UNDEFINED:
                guesses = predicted.get(larva, {})
                first.append(name(state))
                second.append(name(guesses[time]) if time in guesses else UNDEFINED)
    return first, second


def same(found: float, expected: float) -> bool:
    return math.isclose(found, expected, abs_tol=1e-12) or (
        math.isnan(found) and math.isnan(expected)
    )


def check_against_scikit_learn(scores: Scores, true: list[str], predicted: list[str]) -> None:
    names = scores.confusion.names
    matrix = metrics.confusion_matrix(true, predicted, labels=names)
    assert (scores.confusion.matrix == matrix).all()
    shown = [one.name for one in scores.labels]
    assert shown == [name for name in names if name != UNDEFINED]
    figures = metrics.precision_recall_fscore_support(
        true, predicted, labels=shown, zero_division=np.nan
    )
    for one, *expected in zip(scores.labels, *figures, strict=True):
        found = (one.precision.value, one.recall.value, one.f1.value, one.true)
        assert all(map(same, found, expected)), (one, expected)
    assert same(scores.accuracy.value, metrics.accuracy_score(true, predicted))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that are only predicted
        assert same(
            scores.balanced_accuracy.value, metrics.balanced_accuracy_score(true, predicted)
        )
        assert same(scores.kappa.value, metrics.cohen_kappa_score(true, predicted))


def plain_bouts(true: RunLabels, predicted: RunLabels) -> dict[str, list[int]]:
    """Return numbers of true, predicted and found bouts of each label, by plain loops."""
    grid = Labels()
    grid.add_run(RUN)
    for larva, track in true.items():
        states = []
        for time, state in track.items():
            guesses = predicted.get(larva, {})
            guess = guesses.get(time, ())
            guess = (guess,) if isinstance(guess, str) else guess
            has_label = set((state,) if isinstance(state, str) else state) - {"edited"}
            states.append(tuple(x for x in guess if x != "edited") if has_label else ())
        grid.set(RUN, larva, track.times, states)
    numbers: dict[str, list[int]] = {}
    lists = []
    for run in (true, grid[RUN]):
        bouts = find_bouts(run)
        lists.append(
            [
                (larva, bouts.names[label], start, stop)
                for larva, label, start, stop in zip(
                    bouts.larvae, bouts.labels, bouts.start, bouts.stop, strict=True
                )
                if bouts.names[label] != "edited"
            ]
        )
    for place, bouts in enumerate(lists):
        for _, name, _, _ in bouts:
            numbers.setdefault(name, [0, 0, 0])[place] += 1
    free = list(lists[1])
    for larva, name, start, stop in lists[0]:
        for other in free:
            shared = min(stop, other[3]) - max(start, other[2])
            together = max(stop, other[3]) - min(start, other[2])
            if other[:2] == (larva, name) and shared >= 0.5 * together - 1e-6:
                numbers[name][2] += 1
                free.remove(other)
                break
    return numbers


@pytest.mark.parametrize("seed", range(4))
def test_figures_of_frames_are_those_of_scikit_learn(seed: int) -> None:
    pair = simulated(seed)
    check_against_scikit_learn(score([count(*pair)]), *frames_of(*pair))


def test_figures_are_pooled_over_recordings() -> None:
    pairs = [simulated(seed) for seed in range(3)]
    columns = [frames_of(*pair) for pair in pairs]
    true, predicted = (list(chain(*column)) for column in zip(*columns, strict=True))
    check_against_scikit_learn(score([count(*pair) for pair in pairs]), true, predicted)


@pytest.mark.parametrize("seed", range(4))
def test_bouts_are_those_of_plain_loops(seed: int) -> None:
    pair = simulated(seed)
    scores = score([count(*pair)])
    expected = plain_bouts(*pair)
    found = {one.name: [one.true, one.predicted, one.right] for one in scores.bouts}
    assert found == expected
    assert sum(n for *_, n in expected.values()) > 0
    true, predicted, right = map(sum, zip(*expected.values(), strict=True))
    assert same(scores.bout_f1.value, 2 * right / (true + predicted))


def test_intervals_are_those_of_a_plain_bootstrap() -> None:
    pairs = [simulated(seed, larvae=2, frames=30) for seed in range(6)]
    scores = score([count(*pair) for pair in pairs])
    columns = [frames_of(*pair) for pair in pairs]
    bouts = [plain_bouts(*pair) for pair in pairs]
    found: dict[str, list[float]] = {"accuracy": [], "kappa": [], "roll": [], "bouts": []}
    for chosen in np.random.default_rng(0).integers(6, size=(2000, 6)).tolist():
        true = np.concatenate([columns[n][0] for n in chosen])
        predicted = np.concatenate([columns[n][1] for n in chosen])
        agreement = np.mean(true == predicted)
        names = np.unique([*true, *predicted])
        chance = sum(np.mean(true == x) * np.mean(predicted == x) for x in names)
        found["accuracy"].append(agreement)
        found["kappa"].append((agreement - chance) / (1 - chance))
        if "roll" in true:
            found["roll"].append(np.mean(predicted[true == "roll"] == "roll"))
        numbers = np.sum([x for n in chosen for x in bouts[n].values()], axis=0)
        found["bouts"].append(2 * numbers[2] / (numbers[0] + numbers[1]))
    roll = next(one for one in scores.labels if one.name == "roll").recall
    estimates = (scores.accuracy, scores.kappa, roll, scores.bout_f1)
    for values, estimate in zip(found.values(), estimates, strict=True):
        assert np.allclose(np.percentile(values, [2.5, 97.5]), estimate[1:], atol=1e-12)
        assert estimate.low < estimate.value < estimate.high


def test_the_same_recordings_give_the_same_intervals() -> None:
    counts = [count(*simulated(seed)) for seed in range(5)]
    assert score(counts).to_dict() == score(counts).to_dict()
    assert score(counts).accuracy.to_dict()["interval"] is not None
    assert score(counts[:4]).accuracy.to_dict()["interval"] is None


@pytest.mark.parametrize(
    ("true", "predicted", "found"),
    [
        ("rrrr....", "rr......", 1),  # half of it
        ("rrrrr...", "rr......", 0),
        ("rrrr....", "rr.rrrrr", 1),
        ("rrrr....", "rrrrrrrr", 1),
        ("rrrrcrrr", "rrrrrrrr", 1),  # both bouts, of which one reaches half
        ("rrrr", "rrcr", 1),
        ("rrrrr", "rr.rr", 0),
        ("rrrrr", "rrr.r", 1),
        ("", "rrr", 0),
    ],
)
def test_what_counts_as_found(true: str, predicted: str, found: int) -> None:
    names = {"r": "run", "c": "cast", ".": "stop"}
    times = [n / 10 for n in range(max(len(true), len(predicted)))]
    one = run_labels({1: (times[: len(true)], [names[x] for x in true])})
    other = run_labels({1: (times[: len(predicted)], [names[x] for x in predicted])})
    counts = count(one, other)
    assert counts.bouts["found"]["run"] == found
    assert counts.bouts["predicted"]["run"] <= predicted.count("r")


def test_frames_without_a_prediction_are_wrong() -> None:
    true = run_labels({1: ([0.1, 0.2], ["run", "cast"]), 2: ([0.1, 0.2], ["run", ()])})
    scores = score([count(true, None)])
    assert scores.accuracy.value == 0
    assert scores.confusion.frames == 3
    assert scores.confusion.names == ["run", "cast", UNDEFINED]
    assert scores.to_dict()["labels"][0]["precision"] == {"value": None, "interval": None}
    assert scores.labels[0].recall.value == 0


def test_confidence_is_compared_with_accuracy() -> None:
    times = [n / 10 for n in range(6)]
    true = run_labels({1: (times, ["run"] * 5 + [()])})
    predicted = run_labels({1: (times, ["run", "cast", "run", (), "run", "run"])})
    vars(predicted[1])["confidence"] = np.array([0.955, 0.96, 0.1, 0.5, np.nan, 1.0])
    (low, high) = score([count(true, predicted)] * 2).reliability
    assert low == (10, 19, 2, 0.1, 1.0)
    assert high == (90, 100, 4, pytest.approx(0.96), 0.5)
    assert score([count(true, run_labels({}))]).reliability == []


def test_the_order_of_labels_of_a_frame_does_not_matter() -> None:
    pairs = [
        (run_labels({1: ([0.1], [order])}), run_labels({1: ([0.1], [("run", "cast", "edited")])}))
        for order in (("run", "cast"), ("cast", "run"))
    ]
    scores = score([count(*pair) for pair in pairs])
    assert scores.confusion.names == ["run+cast"]
    assert scores.accuracy.value == 1


def test_no_frames() -> None:
    empty = run_labels({})
    for recordings in ([], [count(empty, None)], [Counts()]):
        scores = score(recordings)
        assert scores.confusion.frames == 0
        assert scores.to_dict()["accuracy"]["value"] is None
        assert scores.labels == scores.bouts == []


states = st.lists(st.sampled_from(["run", "cast", ()]), min_size=1, max_size=12)


@given(states, states)
def test_bouts_of_any_two_labellings(one: Sequence[Any], other: Sequence[Any]) -> None:
    true = run_labels({3: (np.arange(len(one)) / 10, one)})
    predicted = run_labels({3: (np.arange(len(other)) / 10, other)})
    bouts = count(true, predicted).bouts
    found = {
        name: [bouts[kind][name] for kind in ("true", "predicted", "found")]
        for name in ("run", "cast")
    }
    expected = plain_bouts(true, predicted)
    assert {name: numbers for name, numbers in found.items() if any(numbers)} == expected
