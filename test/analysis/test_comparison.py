"""Comparison of two labellings of a run."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, cohen_kappa_score, confusion_matrix

from support import RUN
from taggingbackends import Labels
from taggingbackends.analysis.comparison import NOT_THERE, compare

STATES = ["run", "cast", "stop", ()]


def labelled(tracks: dict[int, dict[float, str | tuple[str, ...]]]) -> Labels:
    labels = Labels()
    labels.add_run(RUN)
    for larva, track in tracks.items():
        labels.set(RUN, larva, list(track), list(track.values()))
    return labels


def test_a_comparison() -> None:
    one = labelled({1: {0.0: "run", 0.1: "run", 0.2: "cast", 0.3: ()}, 5: {1.0: "run"}})
    other = labelled({1: {0.0005: "run", 0.1: "cast", 0.2: "run", 0.4: "run"}, 2: {7.0: "cast"}})
    found = compare(one[RUN], other[RUN])
    assert found.names == ["run", "cast", "(undefined)"]
    assert found.matrix.tolist() == [[1, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert (found.only_one, found.only_other, found.frames) == (2, 2, 3)
    assert found.agreement == pytest.approx(1 / 3)
    # expected: (2 * 2 + 1 * 1) / 9
    assert found.kappa == pytest.approx((1 / 3 - 5 / 9) / (1 - 5 / 9))
    rows = list(zip(*vars(found.differences).values(), strict=True))
    assert rows == [
        (1, 0.1, 0.2, 1, 0, 1),
        (1, 0.2, 0.3, 1, 1, 0),
        (1, 0.3, 0.4, 1, 2, NOT_THERE),
        (1, 0.4, 0.5, 1, NOT_THERE, 0),
        (2, 7.0, 7.1, 1, NOT_THERE, 1),
        (5, 1.0, 1.1, 1, 0, NOT_THERE),
    ]
    assert not found.is_same


def test_a_bout_with_another_label_is_one_difference() -> None:
    times = np.arange(6) / 10
    one, other = Labels(), Labels()
    one.set(RUN, 1, times, ["run", "run", "run", "run", "cast", "cast"])
    other.set(RUN, 1, times, ["run", "cast", "cast", "stop", "stop", "stop"])
    found = compare(one[RUN], other[RUN]).differences
    assert found.start.tolist() == [0.1, 0.3, 0.4]
    np.testing.assert_allclose(found.stop, [0.3, 0.4, 0.6])
    assert found.frames.tolist() == [2, 1, 2]
    assert len(replace(found, start=found.start)) == 3


def test_a_difference_ends_at_a_gap() -> None:
    times = [*np.arange(5) / 10, *(31 + np.arange(5) / 10)]
    one, other = Labels(), Labels()
    one.set(RUN, 1, times, ["run"] * 10)
    other.set(RUN, 1, times, ["cast"] * 10)
    found = compare(one[RUN], other[RUN]).differences
    assert (found.start.tolist(), found.frames.tolist()) == ([0, 31], [5, 5])
    np.testing.assert_allclose(found.stop, [0.5, 31.5])
    assert compare(one[RUN], other[RUN], max_gap=31).differences.frames.tolist() == [10]


def test_the_order_of_labels_and_secondary_labels_are_ignored() -> None:
    one = labelled({1: {0.0: ("roll", "fast"), 0.1: ("roll", "edited"), 0.2: "edited"}})
    one[RUN].secondary_names = ["edited"]
    other = labelled({1: {0.0: ("fast", "roll"), 0.1: "roll", 0.2: ()}})
    found = compare(one[RUN], other[RUN])
    assert found.is_same
    assert found.names == ["roll", "roll+fast", "(undefined)"]
    assert found.kappa == 1.0


def test_class_names_are_unique() -> None:
    one = labelled({1: {0.0: "a+b", 0.1: ("a", "b"), 0.2: "a++b"}})
    assert compare(one[RUN], one[RUN]).names == ["a+b", "a++b", "a+++b"]


def test_nothing_to_compare() -> None:
    found = compare(labelled({})[RUN], labelled({3: {}})[RUN])
    assert found.is_same
    assert (found.names, found.matrix.shape) == ([], (0, 0))
    assert math.isnan(found.agreement)
    assert math.isnan(found.kappa)
    alike = compare(labelled({1: {0.0: "run"}})[RUN], labelled({1: {0.0: "run"}})[RUN])
    assert alike.agreement == 1.0
    assert math.isnan(alike.kappa)  # chance agrees as well


def assert_as_scikit_learn(one: Labels, other: Labels) -> None:
    run = next(iter(one))
    found = compare(one[run], other[run])
    pairs = []
    for larva in one[run].keys() & other[run].keys():
        a, b = one[run][larva], other[run][larva]
        at = b.match(a.times)
        pairs += [(s, b.states[j]) for s, j in zip(a.states, at.tolist(), strict=True) if j >= 0]
    first, second = ([state or "(undefined)" for state in column] for column in zip(*pairs))  # noqa: B905
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a single class, and kappas that are not defined
        matrix = confusion_matrix(first, second, labels=found.names)
        kappa = cohen_kappa_score(first, second)
    assert found.matrix.tolist() == matrix.tolist()
    assert found.agreement == pytest.approx(accuracy_score(first, second), rel=1e-12)
    assert found.kappa == pytest.approx(kappa, rel=1e-12, nan_ok=True)


@given(
    st.lists(st.tuples(st.sampled_from(STATES), st.sampled_from(STATES)), min_size=1, max_size=40),
)
def test_the_results_equal_those_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    one, other = Labels(), Labels()
    times = np.arange(len(pairs)) / 10
    for labels, states in zip((one, other), zip(*pairs, strict=True), strict=True):
        labels.set(RUN, 1, times, list(states))
    assert_as_scikit_learn(one, other)


def test_real_labels(recordings: Path) -> None:
    (truth,) = (recordings / "chore" / "20170714_101500").glob("groundtruth.label")
    one, other = Labels.read(truth), Labels.read(truth)
    run = next(iter(other))
    rng = np.random.default_rng(1)
    for larva, track in list(other[run].items()):
        states = np.array(track.states, dtype=object)
        changed = rng.random(len(track)) < 0.2
        states[changed] = rng.choice(["run", "cast", "stop", "back"], changed.sum())
        kept = rng.random(len(track)) < 0.95
        other.set(run, larva, track.times[kept], states[kept].tolist())
    assert_as_scikit_learn(one, other)


def test_the_matrix_of_the_most_frequent_classes() -> None:
    one, other = Labels(), Labels()
    one.set(RUN, 1, range(8), ["a", "b", "b", "b", "c", "d", "d", "d"])
    other.set(RUN, 1, range(8), ["a", "b", "b", "d", "d", "d", "d", "c"])
    found = compare(one[RUN], other[RUN])
    names, matrix = found.condensed(3)
    assert names == ["b", "d", "(2 others)"]
    assert matrix.tolist() == [[2, 1, 0], [0, 2, 1], [0, 1, 1]]
    assert found.condensed(4) == (found.names, found.matrix)
    assert found.matrix is found.matrix
    assert found.agreement == np.trace(found.matrix) / 8


def test_classes_have_different_names() -> None:
    labels = Labels()
    labels.set(RUN, 1, range(3), ["a", ("a", "b"), "a++b"])
    assert compare(labels[RUN], labels[RUN]).names == ["a", "a++b", "a+++b"]
