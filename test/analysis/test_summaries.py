"""Spans, shares, bout durations and transitions, compared with plain loops."""

from __future__ import annotations

import math
from collections import Counter
from itertools import groupby, pairwise
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import RUN
from taggingbackends import Labels
from taggingbackends.analysis.comparison import compare
from taggingbackends.analysis.summaries import bout_lengths, shares_over_time, transitions
from taggingbackends.labels import find_bouts, find_spans
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import State, labels_of

STATES = ["run", "cast", ("run", "cast"), ("cast", "edited"), (), "edited", "stop"]


def simulated(seed: int, interval: float) -> RunLabels:
    """Return a run with bouts, gaps, uneven frame intervals, and short or empty tracks."""
    rng = np.random.default_rng(seed)
    labels = Labels()
    for larva, size in enumerate(rng.permutation([0, 1, 2, 150, 200])):
        steps = rng.uniform(0.8, 1.2, size) * interval
        long = rng.random(size) < 0.04
        steps[long] = rng.choice([0.9, 1.1, 3.0], long.sum())
        times = np.round(rng.uniform(0, 5) + np.cumsum(steps), 3)
        states = np.repeat(rng.integers(0, len(STATES), size), rng.integers(1, 9, size))[:size]
        labels.set(RUN, larva, times, [STATES[state] for state in states])
    run = labels.add_run(RUN)
    run.secondary_names = ["edited"]
    return run


@pytest.fixture(params=[(0, 0.1), (1, 0.1), (2, 0.03), (3, 0.25), (4, 0.4)])
def run(request: pytest.FixtureRequest) -> RunLabels:
    return simulated(*request.param)


class Frame(NamedTuple):
    larva: int
    row: int
    time: float
    state: State
    stretch: int
    end: float


def frames_of(run: RunLabels) -> list[Frame]:
    """Return each frame with its stretch and its end, found by a plain loop."""
    steps = [after - time for track in run.values() for time, after in pairwise(track)]
    interval = median(steps)
    max_gap = max(1.0, 5 * interval)
    found, stretch = [], 0
    for row, (larva, track) in enumerate(run.items()):
        times = list(track)
        for index, (time, state) in enumerate(track.items()):
            after = times[index + 1] if index + 1 < len(times) else math.inf
            ends = after - time > max_gap + 1e-9
            found.append(
                Frame(larva, row, time, state, stretch, time + interval if ends else after)
            )
            stretch += ends
    return found


def primary(run: RunLabels, state: State) -> list[str]:
    return [name for name in labels_of(state) if name in run.names]


def test_spans(run: RunLabels) -> None:
    groups = groupby(frames_of(run), key=lambda frame: (frame.stretch, frame.state))
    expected = []
    for (stretch, state), group in groups:
        frames = list(group)
        first, last = frames[0], frames[-1]
        expected.append((first.row, stretch, state, len(frames), first.time, last.time, last.end))
    found = find_spans(run)
    columns = (found.tracks, found.stretches, [run.states[code] for code in found.states])
    columns += (found.frames, found.start, found.last, found.stop)
    assert list(zip(*columns, strict=True)) == expected


def test_a_gap_is_more_than_five_frame_intervals() -> None:
    labels = Labels()
    labels.set(RUN, 1, np.array([0, 1, 2, 3, 8, 9, 10, 16]) * 2, ["run"] * 8)
    assert find_spans(labels[RUN]).frames.tolist() == [7, 1]


def test_shares(run: RunLabels) -> None:
    found = shares_over_time(run)
    assert found.names == run.names
    expected = np.zeros(found.shares.shape)
    seen = [set() for _ in found.larvae]
    for frame in frames_of(run):
        labels = primary(run, frame.state)
        places = [run.names.index(name) for name in labels] or [len(run.names)]
        for bin_, (low, high) in enumerate(pairwise(found.edges.tolist())):
            seconds = min(high, frame.end) - max(low, frame.time)
            if seconds > 1e-9:
                expected[bin_, places] += seconds / len(places)
                seen[bin_].add(frame.larva)
    assert [len(larvae) for larvae in seen] == found.larvae.tolist()
    total = expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.shares, expected / np.where(total, total, 1), atol=1e-9)
    assert set(np.round(found.shares.sum(axis=1), 12)) <= {0, 1}


@pytest.mark.parametrize(
    ("interval", "frames", "width", "bins"),
    [
        (0.1, 30, 0.2, 15),  # two frame intervals
        (0.1, 400, 0.2, 200),
        (0.1, 401, 0.5, 81),  # not 201 bins
        (0.04, 50, 0.1, 20),
        (0.5, 2000, 5, 200),
        (0.5, 2001, 10, 101),
        (1, 1, 2, 1),
    ],
)
def test_the_bins_of_shares(interval: float, frames: int, width: float, bins: int) -> None:
    labels = Labels()
    labels.set(RUN, 1, np.arange(frames) * interval, ["run"] * frames)
    edges = shares_over_time(labels[RUN]).edges
    assert edges.tolist() == [round(i * width, 9) for i in range(bins + 1)]


def test_rounding_leaves_no_bin_of_shares_empty() -> None:
    labels = Labels()
    labels.set(RUN, 1, np.round(0.3 + np.arange(30) / 20, 3), ["run"] * 30)
    found = shares_over_time(labels[RUN])  # 0.3 / 0.1 is less than 3
    assert found.edges.tolist() == [round(i / 10, 9) for i in range(3, 19)]
    assert found.larvae.tolist() == [1] * 15


@given(
    st.integers(0, 10**6),
    st.lists(st.integers(1, 3000), min_size=1, max_size=50),
)
def test_bins_are_as_many_as_possible(start: int, steps: list[int]) -> None:
    times = np.cumsum([start, *steps])  # ms
    labels = Labels()
    labels.set(RUN, 1, times / 1000, ["run"] * len(times))
    edges = shares_over_time(labels[RUN]).edges
    interval = median(steps)
    stop = times[-1] + interval

    def bins(width: int) -> int:
        return math.ceil(stop / width) - math.floor(start / width)

    widths = [step * 10**power for power in range(9) for step in (1, 2, 5)]  # ms
    width = next(w for w in widths if w >= 2 * interval and bins(w) <= 200)
    np.testing.assert_allclose(np.diff(edges), width / 1000)
    assert len(edges) - 1 == bins(width)
    assert edges[0] <= start / 1000 < edges[1] + 1e-9


def test_frames_are_weighted_by_their_duration() -> None:
    labels = Labels()
    # 5 frames of 0.2 s, then one of 1 s
    labels.set(RUN, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0, 2.0], ["run"] * 5 + ["cast", "cast"])
    found = shares_over_time(labels[RUN])
    assert found.edges.tolist() == [0, 0.5, 1, 1.5, 2, 2.5]
    assert found.shares.argmax(axis=1).tolist() == [0, 0, 1, 1, 1]
    assert found.larvae.tolist() == [1] * 5


def test_lengths(run: RunLabels) -> None:
    bouts = find_bouts(run)
    found = bout_lengths(bouts)
    steps = np.diff(np.log2(found.edges))
    np.testing.assert_allclose(steps, steps[0])
    octaves = math.log2(max(bouts.durations) / min(bouts.durations))
    assert len(steps) == min(24, math.ceil(4 * octaves))
    for label in range(len(bouts.names)):
        lengths = bouts.durations[bouts.labels == label].tolist()
        expected = [0] * len(steps)
        for length in lengths:
            places = [i for i, edge in enumerate(found.edges[:-1]) if edge <= length * (1 + 1e-9)]
            expected[places[-1]] += 1
        assert found.counts[label].tolist() == expected
        np.testing.assert_equal(found.medians[label], np.median(lengths) if lengths else np.nan)
        assert max(lengths, default=0) <= found.edges[-1] * (1 + 1e-12)


@pytest.mark.parametrize(
    ("frames", "edges", "counts"),
    [
        # bins of a quarter octave, which include their lower limits; the last also its upper limit
        ([1, 1, 2, 4], 0.1 * 2 ** (np.arange(9) / 4), [2, 0, 0, 0, 1, 0, 0, 1]),
        ([3, 3], 0.3 * 2 ** (np.arange(2) / 4), [2]),
        ([1, 1000], 0.1 * 1000 ** (np.arange(25) / 24), [1, *[0] * 22, 1]),  # 24 at most
    ],
)
def test_the_bins_of_lengths(frames: list[int], edges: Any, counts: list[int]) -> None:
    states = np.repeat([f"{i % 2}" for i in range(len(frames))], frames)
    for start in (0, 0.7, 7.3, 12.4, 158.414, 1001.001):  # whichever way floats are rounded
        labels = Labels()
        times = np.round(np.arange(len(states)) / 10 + start, 3)
        labels.set(RUN, 1, times, states.tolist())
        found = bout_lengths(find_bouts(labels[RUN]))
        np.testing.assert_allclose(found.edges, edges)
        assert found.counts.sum(axis=0).tolist() == counts


def test_transitions(run: RunLabels) -> None:
    expected: Counter[tuple[str, str]] = Counter()
    for frame, following in pairwise(frames_of(run)):
        before, after = (next(iter(primary(run, x.state)), "") for x in (frame, following))
        if frame.stretch == following.stretch and before and after and before != after:
            expected[before, after] += 1
    names, counts = transitions(run, find_spans(run))
    assert names == run.names
    found = {(names[i], names[j]): counts[i, j] for i, j in np.argwhere(counts)}
    assert found == dict(expected)


def test_the_labels_of_one_run_are_expected(run: RunLabels) -> None:
    labels: Any = Labels()
    for call in (
        lambda: shares_over_time(labels),
        lambda: find_bouts(labels),
        lambda: compare(run, labels),
        lambda: compare(labels, run),
    ):
        with pytest.raises(TypeError, match=r"expected RunLabels, such as labels\[run\], found"):
            call()


def test_short_and_empty_runs() -> None:
    empty = RunLabels(RUN)
    labels = Labels()
    labels.set(RUN, 1, [5.0], ["run"])
    labels.set(RUN, 2, [], [])
    one = labels[RUN]
    assert len(find_spans(empty)) == 0
    assert find_spans(one).stop.tolist() == [6.0]
    assert shares_over_time(empty).shares.shape == (0, 1)
    assert shares_over_time(one).shares.tolist() == [[1.0, 0.0]]
    assert bout_lengths(find_bouts(empty)).counts.shape == (0, 1)
    assert bout_lengths(find_bouts(one)).counts.tolist() == [[1]]
    assert transitions(empty, find_spans(empty))[1].shape == (0, 0)
    assert transitions(one, find_spans(one))[1].tolist() == [[0]]


def test_real_labels(recordings: Path) -> None:
    run = Labels.read(recordings / "labels" / "20190612_140000" / "fed.label")["20190612_140000"]
    spans = find_spans(run)
    assert spans.frames.sum() == sum(map(len, run.values()))
    counts = run.count()
    shares = shares_over_time(run)
    assert shares.larvae.max() < len(run) == 389
    names, changes = transitions(run, spans)
    assert changes.sum() > 1000
    assert (np.diagonal(changes) == 0).all()
    assert [name for name in names if counts.get(name)] == names
