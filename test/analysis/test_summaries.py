"""Spans, shares, lengths and transitions, against loops that anyone would write first."""

from __future__ import annotations

from collections import Counter
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
import pytest

from support import RUN
from taggingbackends import Labels
from taggingbackends.analysis.summaries import bout_lengths, shares_over_time, transitions
from taggingbackends.labels.bouts import find_bouts
from taggingbackends.labels.runlabels import RunLabels
from taggingbackends.labels.states import labels_of
from taggingbackends.labels.stretches import find_spans

STATES = ["run", "cast", ("run", "cast"), ("cast", "edited"), (), "edited", "stop"]


def simulated(seed: int) -> RunLabels:
    """Return larvae with bouts, gaps, uneven frames, and tracks of few frames or none."""
    rng = np.random.default_rng(seed)
    labels = Labels()
    for larva, size in enumerate(rng.permutation([0, 1, 2, 150, 200])):
        steps = rng.uniform(0.08, 0.12, size)
        steps[rng.random(size) < 0.02] = 3.0
        times = np.round(rng.uniform(0, 5) + np.cumsum(steps), 3)
        states = np.repeat(rng.integers(0, len(STATES), size), rng.integers(1, 9, size))[:size]
        labels.set(RUN, larva, times, [STATES[state] for state in states])
    run = labels.add_run(RUN)
    run.secondary_names = ["edited"]
    return run


@pytest.fixture(params=range(5))
def run(request: pytest.FixtureRequest) -> RunLabels:
    return simulated(request.param)


def test_spans(run: RunLabels) -> None:
    interval = np.median(np.concatenate([np.diff(track.times) for track in run.values()]))
    expected = []
    for row, track in enumerate(run.values()):
        frames = list(track.items())
        group = 0
        numbered = []
        for index, (time, state) in enumerate(frames):
            before = frames[index - 1] if index else (-np.inf, None)
            gap = time - before[0] > 5 * interval
            group += bool(gap or before[1] != state)
            numbered.append((group, gap, time, state))
        spans = [list(items) for _, items in groupby(numbered, key=lambda frame: frame[0])]
        for at, span in enumerate(spans):
            following = spans[at + 1][0] if at + 1 < len(spans) else None
            last = span[-1][2]
            stop = last + interval if following is None or following[1] else following[2]
            joined = at > 0 and not span[0][1]
            expected.append((row, span[0][3], len(span), span[0][2], last, stop, joined))
    found = find_spans(run)
    assert found.interval == interval
    states = [run.states[code] for code in found.states]
    columns = (found.tracks, states, found.frames, found.first, found.last, found.stop)
    assert list(zip(*columns, found.follows, strict=True)) == expected


def test_a_gap_is_more_than_five_frame_intervals() -> None:
    labels = Labels()
    labels.set(RUN, 1, np.array([0, 1, 2, 3, 8, 9, 10, 16]) / 8, ["run"] * 8)
    assert find_spans(labels[RUN]).frames.tolist() == [7, 1]


def test_shares(run: RunLabels) -> None:
    found = shares_over_time(run)
    assert found.names == run.names
    assert len(found.edges) == len(found.larvae) + 1 <= 202
    expected = np.zeros(found.shares.shape)
    seen = [set() for _ in found.larvae]
    for larva, track in run.items():
        for time, state in track.items():
            bin_ = max(i for i, edge in enumerate(found.edges) if edge <= time)
            primary = [run.names.index(name) for name in labels_of(state) if name in run.names]
            for place in primary or [len(run.names)]:
                expected[bin_, place] += 1 / len(primary or [0])
            seen[bin_].add(larva)
    assert [len(larvae) for larvae in seen] == found.larvae.tolist()
    total = expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.shares, expected / np.where(total, total, 1))
    assert set(np.round(found.shares.sum(axis=1), 12)) <= {0, 1}


def test_lengths(run: RunLabels) -> None:
    bouts = find_bouts(run)
    found = bout_lengths(bouts)
    assert (np.diff(found.edges) > 0).all()
    for label in range(len(bouts.names)):
        of_label = zip(bouts.labels, bouts.start, bouts.stop, strict=True)
        lengths = [stop - start for which, start, stop in of_label if which == label]
        expected = np.zeros(len(found.edges) - 1)
        for length in lengths:
            places = [i for i, edge in enumerate(found.edges[:-1]) if edge <= length]
            expected[places[-1]] += 1
        assert found.counts[label].tolist() == expected.tolist()
        np.testing.assert_equal(found.medians[label], np.median(lengths) if lengths else np.nan)
        assert max(lengths, default=0) <= found.edges[-1] * (1 + 1e-12)


def test_how_many_bins_there_are() -> None:
    labels = Labels()
    labels.set(RUN, 1, np.arange(17) / 8, ["run"] * 9 + ["cast"] * 8)
    labels.set(RUN, 2, np.arange(17) / 8, ["run"] * 17)
    shares = shares_over_time(labels[RUN])
    assert np.diff(shares.edges).min() == pytest.approx(0.5)  # two intervals are 0.25 s
    lengths = bout_lengths(find_bouts(labels[RUN]))  # from 0.875 s to 2 s: 1.2 octaves
    assert len(lengths.edges) - 1 == 5


def test_transitions(run: RunLabels) -> None:
    interval = find_spans(run).interval
    expected: Counter[tuple[str, str]] = Counter()
    for track in run.values():
        for (time, state), (after, following) in pairwise(track.items()):
            names = [
                next((x for x in labels_of(s) if x in run.names), "") for s in (state, following)
            ]
            if after - time <= 5 * interval and all(names) and names[0] != names[1]:
                expected[names[0], names[1]] += 1
    names, counts = transitions(run, find_spans(run))
    assert names == run.names
    found = {(names[i], names[j]): counts[i, j] for i, j in np.argwhere(counts)}
    assert found == dict(expected)


def test_little() -> None:
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
