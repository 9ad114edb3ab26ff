"""Tests of tracks and states at even times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from support import RUN, write_labels, write_recording
from taggingbackends import Labels
from taggingbackends.data import Track, even_times, load_tracks, resample, resample_states

MS = st.integers(0, 10**6)


@st.composite
def times(draw: st.DrawFn) -> NDArray[np.float64]:
    """Draw the times of a track as in files: 3 decimals, with gaps of any length."""
    steps = draw(st.lists(st.integers(1, 300), max_size=30))
    return np.cumsum([draw(MS), *steps]) / 1000


def track_of(
    times: list[float] | NDArray[np.float64], spine: NDArray[np.float64] | None = None
) -> Track:
    """Return a track with outlines of 0, 1, 2, 0, ... points that contain the frame's number."""
    frames = np.arange(len(times))
    points = frames % 3
    return Track(
        times=np.array(times, dtype=np.float64),
        spine=np.stack([frames, -2.0 * frames], -1)[:, None] if spine is None else spine,
        outline=np.repeat(frames, points)[:, None] * np.ones(2),
        outline_offsets=np.append(0, np.cumsum(points)),
        indicators={"frame": frames},
    )


def labels_of(times: list[float], states: list[str | tuple[str, ...]]) -> Labels:
    labels = Labels()
    labels.set(RUN, 1, times, states)
    return labels


@pytest.mark.parametrize(
    ("start", "interval", "steps"),
    [
        (158.414, 0.1, 300),
        (0.001, 0.001, 5000),
        (58.343, 0.04, 1000),
        (0.3, 0.1, 3),
        (9999.9, 0.7, 9),
    ],
)
@pytest.mark.parametrize("at", ["first", "last", "outside"])
def test_both_ends_are_included_despite_rounding(
    start: float, interval: float, steps: int, at: str
) -> None:
    stop = round(start + steps * interval, 3)
    anchor = {"first": start, "last": stop, "outside": round(stop + 7 * interval, 3)}[at]
    found = even_times([start, stop], interval, anchor)
    assert len(found) == steps + 1
    assert np.round(found, 3).tolist() == [round(start + k * interval, 3) for k in range(steps + 1)]
    assert found[[0, -1]] == pytest.approx([start, stop], abs=1e-9)
    assert resample(track_of([start, stop]), interval, anchor).spine[[0, -1], 0, 0].tolist() == [
        0,
        1,
    ]


@given(times(), st.integers(1, 500), st.integers(-(10**6), 2 * 10**6))
def test_even_times_are_the_grid_times_within_the_track(
    times: NDArray[np.float64], interval: int, anchor: int
) -> None:
    found = even_times(times, interval / 1000, anchor / 1000)
    first, last = np.rint(times[[0, -1]] * 1000).astype(int).tolist()
    expected = range(first + (anchor - first) % interval, last + 1, interval)
    assert found.dtype == np.float64
    assert np.rint(found * 1000).tolist() == list(expected)
    assert found == pytest.approx(np.array(expected) / 1000, rel=0, abs=1e-9)
    assert ((found >= times[0] - 1e-9) & (found <= times[-1] + 1e-9)).all()


def test_no_time_of_the_grid_in_the_track() -> None:
    assert even_times([0.11, 0.19], 0.1, 0).tolist() == []
    assert even_times([], 0.1, 0).tolist() == []
    empty = resample(track_of([0.11, 0.19]), 0.1, 0)
    assert (len(empty), empty.spine.shape, empty.outline_offsets.tolist()) == (0, (0, 1, 2), [0])


@pytest.mark.parametrize("interval", [0, -0.1, 0.0009, float("nan"), float("inf")])
def test_intervals_are_milliseconds_at_least(interval: float) -> None:
    with pytest.raises(ValueError, match=r"interval of at least 0.001 s, found"):
        resample(track_of([1, 2]), interval)


@pytest.mark.parametrize("anchor", [float("nan"), float("-inf")])
def test_anchors_are_finite(anchor: float) -> None:
    with pytest.raises(ValueError, match="finite time as anchor, found"):
        even_times([1, 2], 0.1, anchor)


def test_spines_are_interpolated_and_other_parts_are_of_the_nearest_frame() -> None:
    track = track_of([1.0, 1.1, 1.3, 1.4])
    found = resample(track, 0.05)
    assert found.times == pytest.approx(1 + np.arange(9) * 0.05, abs=1e-9)
    assert found.spine.shape == (9, 1, 2)
    expected = [0, 0.5, 1, 1.25, 1.5, 1.75, 2, 2.5, 3]
    assert found.spine[:, 0, 0] == pytest.approx(expected, abs=1e-9)
    assert found.spine[:, 0, 1] == pytest.approx(-2 * np.array(expected), abs=1e-9)
    # at ties, 1.05, 1.2 and 1.35, the earlier frame is used
    nearest = [0, 0, 1, 1, 1, 2, 2, 2, 3]
    assert found.indicators["frame"].tolist() == nearest
    assert found.outline[:, 0].tolist() == [1, 1, 1, 2, 2, 2, 2, 2, 2]
    assert np.diff(found.outline_offsets).tolist() == [frame % 3 for frame in nearest]
    assert (found.outline_offsets.dtype, found.outline.dtype) == (np.int64, np.float64)


def test_parts_that_are_not_loaded_stay_none() -> None:
    found = resample(Track(times=np.array([0.0, 1.0])), 0.5)
    assert found.times.tolist() == [0, 0.5, 1]
    assert (found.spine, found.outline, found.outline_offsets, found.indicators) == (
        None,
        None,
        None,
        {},
    )


@given(times(), st.integers(1, 500), st.integers(-(10**6), 2 * 10**6))
def test_values_at_frames_are_kept_exactly(
    times: NDArray[np.float64], interval: int, anchor: int
) -> None:
    spine = np.random.default_rng(0).normal(size=(len(times), 3, 2)) * 100
    found = resample(track_of(times, spine), interval / 1000, anchor / 1000)
    for frame, time in enumerate(times):
        for k in np.flatnonzero(np.abs(found.times - time) < 1e-7):
            assert found.spine[k].tolist() == spine[frame].tolist()
            assert found.indicators["frame"][k] == frame


@given(times(), st.integers(1, 500), MS)
def test_linear_movement_is_reproduced(
    times: NDArray[np.float64], interval: int, anchor: int
) -> None:
    slopes = np.array([[1.0, -0.5], [0.0, 3.25]])
    found = resample(
        track_of(times, times[:, None, None] * slopes + 7), interval / 1000, anchor / 1000
    )
    expected = found.times[:, None, None] * slopes + 7
    assert found.spine == pytest.approx(expected, rel=0, abs=1e-9 * (1 + np.abs(slopes).max()))


@given(times(), st.integers(1, 500), MS)
def test_of_two_nearest_frames_the_earlier_is_used(
    times: NDArray[np.float64], interval: int, anchor: int
) -> None:
    found = resample(track_of(times), interval / 1000, anchor / 1000)
    frames = np.rint(times * 1000).astype(int).tolist()
    expected = [
        min(range(len(frames)), key=lambda i: (abs(frames[i] - time), i))
        for time in np.rint(found.times * 1000).astype(int).tolist()
    ]
    assert found.indicators["frame"].tolist() == expected
    for k, frame in enumerate(expected):
        start, stop = found.outline_offsets[k : k + 2]
        assert found.outline[start:stop].tolist() == [[frame, frame]] * (frame % 3)


def test_spines_are_interpolated_across_frames_without_one() -> None:
    spine = np.array([np.nan, 1, np.nan, 3, 4])[:, None, None] * np.ones((2, 2))
    spine[4, 1, 0] = np.nan
    track = track_of([0, 0.1, 0.2, 0.3, 0.4], spine)
    found = resample(track, 0.05)
    assert len(found) == 9
    assert found.has_spine.tolist() == [False] * 2 + [True] * 5 + [False] * 2
    assert np.isnan(found.spine[[0, 1, 7, 8]]).all()
    assert found.spine[2:7, 1, 0] == pytest.approx([1, 1.5, 2, 2.5, 3], abs=1e-9)
    # the other parts are those of frames without a spine, too
    assert found.indicators["frame"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4]
    near = resample(track, 0.05, max_gap=0.1)
    assert near.has_spine.tolist() == [False] * 2 + [True] + [False] * 3 + [True] + [False] * 2
    assert near.spine[[2, 6], 0, 0].tolist() == [1, 3]


@pytest.mark.parametrize("points", [1, 11])
def test_a_larva_without_any_spine(points: int) -> None:
    track = track_of([0, 0.1, 0.2], np.full((3, points, 2), np.nan))
    found = resample(track, 0.05)
    assert found.spine.shape == (5, points, 2)
    assert not found.has_spine.any()
    assert found.indicators["frame"].tolist() == [0, 0, 1, 1, 2]


def test_gaps_are_bridged_up_to_max_gap() -> None:
    track = track_of([0, 0.1, 10.1, 10.2])
    found = resample(track, 0.1, max_gap=10)
    assert len(found) == 103
    assert found.spine[51, 0, 0] == pytest.approx(1.5, abs=1e-9)
    assert found.indicators["frame"].tolist() == [0] + [1] * 51 + [2] * 50 + [3]
    for max_gap in (None, 9.9, np.inf):
        found = resample(track, 0.1, max_gap=max_gap)
        assert found.has_spine.all() == (max_gap == np.inf)
        assert found.has_spine[[0, 1, 101, 102]].all()
    found = resample(track, 0.1)  # 1 s
    assert np.flatnonzero(found.has_spine).tolist() == [0, 1, 101, 102]
    near = [1] * 11 + [0] * 79 + [2] * 11
    assert found.indicators["frame"].tolist() == [0, *near, 3]
    assert np.diff(found.outline_offsets).tolist() == [0, *near, 0]
    assert resample_states(labels_of([0, 10.1], ["run", "cast"])[RUN][1], found.times).tolist() == [
        1 if time <= 5.05 + 1e-9 else 2 for time in found.times[:102].tolist()
    ] + [-1]
    labels = labels_of([0, 0.1, 10.1, 10.2], ["run", "run", "cast", "cast"])[RUN][1]
    assert resample_states(labels, found.times).tolist() == [1] * 12 + [0] * 79 + [2] * 12
    assert resample_states(labels, found.times, 5).tolist() == [1] * 52 + [2] * 51
    for wrong in (0, -1, np.nan):
        with pytest.raises(ValueError, match="max_gap above 0 s"):
            resample(track, 0.1, max_gap=wrong)
        with pytest.raises(ValueError, match="max_gap above 0 s"):
            resample_states(labels, found.times, wrong)


@given(times(), st.integers(1, 500), MS, st.integers(1, 600), st.data())
def test_spines_come_from_the_frames_with_a_spine_around_a_time(
    times: NDArray[np.float64], interval: int, anchor: int, max_gap: int, data: st.DataObject
) -> None:
    complete = np.array([data.draw(st.booleans()) for _ in times])
    slopes = np.array([[1.0, -0.5], [0.0, 3.25]])
    spine = times[:, None, None] * slopes
    spine[~complete] = np.nan
    found = resample(track_of(times, spine), interval / 1000, anchor / 1000, max_gap / 1000)
    frames = np.rint(times[complete] * 1000).astype(int)
    for k, time in enumerate(np.rint(found.times * 1000).astype(int).tolist()):
        before, after = frames[frames <= time], frames[frames >= time]
        known = len(before) > 0 and len(after) > 0 and after[0] - before[-1] <= max_gap
        assert found.has_spine[k] == known
        expected = time / 1000 * slopes if known else np.full((2, 2), np.nan)
        assert found.spine[k] == pytest.approx(expected, abs=1e-7, nan_ok=True)


@pytest.mark.parametrize(("anchor", "length"), [(None, 1), (158.414, 1), (158.514, 1), (158.45, 0)])
def test_a_single_frame(anchor: float | None, length: int) -> None:
    track = track_of([158.414])
    found = resample(track, 0.1, anchor)
    assert len(found) == length
    assert found.spine.tolist() == track.spine.tolist()[:length]


def test_an_empty_track() -> None:
    found = resample(Track(times=np.empty(0), spine=np.empty((0, 11, 2))), 0.1)
    assert (found.times.shape, found.spine.shape) == ((0,), (0, 11, 2))


def test_the_track_itself_stays_unchanged() -> None:
    track = track_of([0.0, 0.1])
    found = resample(track, 0.1)
    found.spine[:] = found.outline[:] = found.indicators["frame"][:] = -1
    assert track.spine[:, 0, 0].tolist() == track.indicators["frame"].tolist() == [0, 1]
    assert track.outline.tolist() == [[1, 1]]


def test_states_are_those_of_the_nearest_frame() -> None:
    labels = labels_of([158.414, 158.514, 158.614], ["run", (), ("run", "cast")])
    track, states = labels[RUN][1], labels[RUN].states
    found = resample_states(track, [158.414, 158.464, 158.465, 158.514, 158.563, 158.614])
    assert (found.dtype, found.shape) == (np.int32, (6,))
    assert [states[code] for code in found] == ["run", "run", (), (), (), ("run", "cast")]
    assert found[2] == 0
    # a tie, though 158.564 - 158.514 and 158.614 - 158.564 differ in binary
    assert states[resample_states(track, [158.564])[0]] == ()


def test_there_is_no_state_outside() -> None:
    track = labels_of([1.0, 2.0], ["run", "run"])[RUN][1]
    at = [0.999, 1 - 2e-9, 1 - 5e-10, 1, 2, 2 + 5e-10, 2 + 2e-9, np.nan, np.inf]
    assert (resample_states(track, at) >= 0).tolist() == [False] * 2 + [True] * 4 + [False] * 3
    empty = labels_of([], [])[RUN][1]
    assert resample_states(empty, [1.0, 2.0]).tolist() == [-1, -1]
    assert resample_states(track, []).tolist() == []


@given(times(), st.lists(MS))
def test_states_at_any_times(times: NDArray[np.float64], at: list[int]) -> None:
    states: list[str | tuple[str, ...]] = [f"state {frame}" for frame in range(len(times))]
    labels = labels_of(times.tolist(), states)
    frames = np.rint(times * 1000).astype(int).tolist()
    found = resample_states(labels[RUN][1], np.array(at) / 1000).tolist()
    for time, code in zip(at, found, strict=True):
        if frames[0] <= time <= frames[-1]:
            nearest = min(range(len(frames)), key=lambda i: (abs(frames[i] - time), i))
            assert labels[RUN].states[code] == states[nearest]
        else:
            assert code == -1


@given(times(), st.data())
def test_resampling_at_the_track_s_own_times_changes_nothing(
    times: NDArray[np.float64], data: st.DataObject
) -> None:
    interval = data.draw(st.sampled_from([0.04, 0.1, 0.625]))
    once = resample(track_of(times), interval)
    assume(len(once) > 1)
    again = resample(once, interval)
    assert again.times.tolist() == once.times.tolist()
    assert again.spine.tolist() == once.spine.tolist()
    assert again.outline.tolist() == once.outline.tolist()


def test_states_of_a_label_file_meet_the_frames_within_a_millisecond(tmp_path: Path) -> None:
    spine = write_recording(tmp_path)
    labels = Labels.read(write_labels(spine))
    labels.set(RUN, 20, labels[RUN][20].times + 0.001, ["run", "cast", "stop", "back", "hunch"])
    labels.write(tmp_path / "late.label")
    recording = load_tracks(tmp_path / "late.label")
    track, times = recording.labels()[RUN][20], recording[20].times
    assert track.find(times).tolist() == [0, 1, 2, 3, 4]
    assert track.find(times - 0.001).tolist() == [-1] * 5


def test_real_recordings(recordings: Path) -> None:
    recording = load_tracks(recordings / "chore" / "20170714_101500" / "groundtruth.label")
    labels = recording.labels()[recording.run]
    for larva, track in recording.items():
        track.indicators["frame"] = np.arange(len(track))
        assert labels[larva].find(track.times).tolist() == list(range(len(track)))
        for anchor in (None, track.times[-1]):
            even = resample(track, 0.1, anchor)
            assert np.diff(even.times) == pytest.approx(0.1)
            assert 0 <= track.times[-1] - even.times[-1] + 1e-9 < 0.1 + 2e-9
            for point in (0, 10):
                expected = np.interp(even.times, track.times, track.spine[:, point, 1])
                assert even.spine[:, point, 1] == pytest.approx(expected, abs=1e-9)
            codes = resample_states(labels[larva], even.times)
            nearest = np.abs(track.times[:, None] - even.times).argmin(axis=0)
            assert (np.abs(nearest - even.indicators["frame"]) <= 1).all()
            assert codes.tolist() == labels[larva].codes[even.indicators["frame"]].tolist()
