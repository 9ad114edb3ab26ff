"""Bouts and spans."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import median

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import RUN, table_csv
from taggingbackends import Labels
from taggingbackends.labels.bouts import find_bouts
from taggingbackends.labels.states import labels_of
from taggingbackends.labels.stretches import default_max_gap, find_spans

STATES = ["run", "cast", (), ("run", "small"), ("cast", "small", "edited"), "edited"]
STEPS = [40, 90, 100, 110, 250, 800, 1000, 1001, 3000]  # ms between frames


def test_bouts() -> None:
    labels = Labels()
    labels.set(RUN, 7, [0.0, 0.1, 0.2, 0.3, 0.4], ["run", "run", (), "run", ("cast", "small")])
    labels.set(RUN, 3, [0.4, 0.5], [("cast", "small"), "small"])
    found = find_bouts(labels[RUN])
    assert found.names == ["run", "cast", "small"]
    assert found.larvae.tolist() == [7, 7, 7, 7, 3, 3]
    assert [found.names[label] for label in found.labels] == [
        *("run", "run", "cast", "small"),
        *("cast", "small"),
    ]
    assert found.first_frames.tolist() == [0, 3, 4, 4, 0, 0]
    assert found.frames.tolist() == [2, 1, 1, 1, 1, 2]
    assert found.start.tolist() == [0.0, 0.3, 0.4, 0.4, 0.4, 0.4]
    assert found.last.tolist() == [0.1, 0.3, 0.4, 0.4, 0.4, 0.5]
    assert found.stop.tolist() == [0.2, 0.4, 0.5, 0.5, 0.5, 0.6]
    np.testing.assert_allclose(found.durations, [0.2, 0.1, 0.1, 0.1, 0.1, 0.2])


def test_a_bout_ends_at_a_gap() -> None:
    labels = Labels()
    times = [*np.arange(10) / 10, *(31 + np.arange(10) / 10)]
    labels.set(RUN, 1, times, ["run"] * 20)
    found = find_bouts(labels[RUN])
    assert found.start.tolist() == [0, 31]
    assert found.last.tolist() == [0.9, 31.9]
    np.testing.assert_allclose(found.stop, [1, 32])
    assert find_bouts(labels[RUN], max_gap=30.1).frames.tolist() == [20]  # 30.1 s is no longer
    np.testing.assert_allclose(find_bouts(labels[RUN], max_gap=31).durations, [32])
    assert len(find_bouts(labels[RUN], max_gap=30.09)) == 2
    assert table_csv(labels).splitlines() == [
        "run,larva,label,start,stop,duration,frames,confidence",
        f"{RUN},1,run,0.000,1.000,1.000,10,",
        f"{RUN},1,run,31.000,32.000,1.000,10,",
    ]
    assert table_csv(labels, max_gap=31).splitlines()[1:] == [
        f"{RUN},1,run,0.000,32.000,32.000,20,"
    ]


def test_a_frame_does_not_last_beyond_the_next_one() -> None:
    labels = Labels()
    labels.set(RUN, 1, [0, 1, 2, 2.5], ["run"] * 4)
    found = find_bouts(labels[RUN], max_gap=0.1)
    assert found.start.tolist() == [0, 1, 2, 2.5]
    assert found.stop.tolist() == [1, 2, 2.5, 3.5]


@pytest.mark.parametrize("start", [0, 1e7, 1e9])  # a time of day, or since 1970
def test_a_step_of_max_gap_is_no_gap(start: float) -> None:
    labels = Labels()
    labels.set(RUN, 1, [round(start + frame * 0.05, 3) for frame in range(100)], ["run"] * 100)
    assert find_bouts(labels[RUN], 0.05).frames.tolist() == [100]
    assert find_bouts(labels[RUN], 0.049).frames.tolist() == [1] * 100


def test_spans_are_split_at_the_limits_of_bins() -> None:
    labels = Labels()
    labels.set(RUN, 1, [0, 0.1, 0.2, 9.0], ["run", "run", "run", "cast"])
    spans = find_spans(labels[RUN])
    assert spans.stop[0] > 0.3  # only by rounding, so the span is not in the bin that begins at 0.3
    of_span, of_bin, seconds = spans.split(np.array([0, 0.25, 0.3, 0.6, 9.05]))
    assert (of_span.tolist(), of_bin.tolist()) == ([0, 0, 1], [0, 1, 3])
    np.testing.assert_allclose(seconds, [0.25, 0.05, 0.05])
    assert len(spans.split(np.array([2.0, 3.0, 4.0]))[0]) == 0
    assert len(spans.split(np.array([20.0, 30.0]))[0]) == 0


def test_invalid_gaps_are_refused() -> None:
    for bad in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="max_gap above 0 s"):
            find_bouts(Labels().add_run(RUN), max_gap=bad)


def test_columns_can_be_replaced() -> None:
    labels = Labels()
    labels.set(RUN, 1, [0.0, 0.1], ["run", "cast"])
    for found in (find_bouts(labels[RUN]), find_spans(labels[RUN])):
        changed = replace(found, start=found.start + 1)
        assert len(changed) == len(found) == 2
        assert changed.start.tolist() == [1.0, 1.1]


@pytest.mark.parametrize(
    ("tracks", "max_gap"),
    [
        ([], 1),
        ([[]], 1),
        ([[3.0], [4.0]], 1),
        ([np.arange(5) / 10], 1),
        ([np.arange(5) / 5], 1),
        ([np.arange(5) / 4, [0, 9]], 1.25),  # the median over all tracks
        ([[0, 2, 3, 7]], 10),
    ],
)
def test_the_default_gap(tracks: list[list[float]], max_gap: float) -> None:
    labels = Labels()
    for larva, times in enumerate(tracks):
        labels.set(RUN, larva, times, ["run"] * len(times))
    run = labels.add_run(RUN)
    assert default_max_gap(run.values()) == max_gap
    # a step equal to max_gap does not end a bout
    labels.set("other", 1, [0, max_gap, 2 * max_gap + 0.001], ["run"] * 3)
    assert find_bouts(labels["other"], max_gap).frames.tolist() == [2, 1]


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from(STATES), st.sampled_from(STEPS)), max_size=8), max_size=5
    ),
    st.sampled_from([None, 300, 1000, 5000]),
)
def test_bouts_equal_those_of_a_loop_over_frames(
    tracks: list[list[tuple[str | tuple[str, ...], int]]], max_gap: int | None
) -> None:
    labels = Labels()
    run = labels.add_run(RUN)
    for larva, frames in enumerate(tracks):
        times = np.cumsum([step for _, step in frames]) / 1000
        labels.set(RUN, larva, times, [state for state, _ in frames])
    if "edited" in run.names:
        run.secondary_names = ["edited"]
    steps = [step for frames in tracks for _, step in frames[1:]]  # ms
    interval = median(steps) if steps else 1000
    if max_gap is None:
        max_gap = max(1000, 5 * interval) if steps else 1000
    expected = []
    for larva, frames in enumerate(tracks):
        times = np.cumsum([step for _, step in frames]).tolist()
        n = len(frames)
        after = [*frames[1:], ("", math.inf)][:n]
        gaps = [step > max_gap for _, step in after]  # after the frame
        ends = [
            time + (min(interval, step) if gap else step)
            for time, (_, step), gap in zip(times, after, gaps, strict=True)
        ]
        for name in run.names + run.secondary_names:
            first = None
            for f, (state, _) in enumerate(frames):
                if name not in labels_of(state):
                    continue
                first = f if first is None else first
                if gaps[f] or f + 1 == n or name not in labels_of(frames[f + 1][0]):
                    of_frames = (first, f - first + 1)
                    expected.append((larva, name, *of_frames, times[first], times[f], ends[f]))
                    first = None
    found = find_bouts(run, max_gap / 1000)
    names = [found.names[label] for label in found.labels]
    in_ms = (np.round(1000 * column, 6) for column in (found.start, found.last, found.stop))
    bouts = list(zip(found.larvae, names, found.first_frames, found.frames, *in_ms, strict=True))
    assert sorted(bouts) == sorted(expected)
    order = list(zip(found.larvae.tolist(), found.first_frames.tolist(), strict=True))
    assert order == sorted(order)


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(STEPS)), max_size=20), max_size=5
    )
)
def test_durations_add_up_to_the_tracked_time(tracks: list[list[tuple[str, int]]]) -> None:
    labels = Labels()
    run = labels.add_run(RUN)
    for larva, frames in enumerate(tracks):
        times = np.cumsum([step for _, step in frames]) / 1000
        labels.set(RUN, larva, times, [state for state, _ in frames])
    steps = pd.concat([pd.Series(track.times).diff() for track in run.values()] or [pd.Series()])
    interval = steps.median() if steps.notna().any() else 1.0
    max_gap = max(1.0, 5 * interval) if steps.notna().any() else 1.0
    tracked = sum(
        pd.Series(track.times).diff(-1).mul(-1).where(lambda x: x <= max_gap + 1e-9, interval).sum()
        for track in run.values()
    )
    bouts = find_bouts(run)
    assert bouts.durations.sum() == pytest.approx(tracked)
    spans = find_spans(run)
    assert (spans.stop - spans.start).sum() == pytest.approx(tracked)
    edges = np.arange(0, 200, 0.37)
    assert spans.split(edges)[2].sum() == pytest.approx(tracked, abs=1e-6)
    rows = [line.split(",") for line in table_csv(labels).splitlines()[1:]]
    assert sum(float(row[5]) for row in rows) == pytest.approx(tracked, abs=0.001 * len(rows))
    for _, _, _, start, stop, duration, *_ in rows:
        assert float(stop) - float(start) == pytest.approx(float(duration), abs=1e-9)
