"""Training sets: windows around labelled frames, in memory and in HDF5 files."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing import get_context
from operator import itemgetter
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import backend_error, posix
from taggingbackends import Labels, TrackFileError, dependency
from taggingbackends.data import (
    Dataset,
    Track,
    WindowShape,
    body_length,
    egocentric,
    load_runs,
    load_tracks,
    plan_dataset,
    predict_frames,
    runs_in,
)
from taggingbackends.system import temporaries
from taggingbackends.system.files import sha1
from taggingbackends.system.temporaries import temporary_beside
from taggingbackends.windows import windowfile
from taggingbackends.windows.plan import DatasetPlan
from taggingbackends.windows.selection import class_of, repeats, shuffled, sizes
from variants import trxmat

LARVAE = (1, 20)
COUNTS = {"run": 100, "cast": 40, "stop": 20}


def write(
    folder: Path, run: str = "20240611_101500", states: list[Any] | None = None, **options: Any
) -> Path:
    """Write a recording and labels of two larvae that move at 1 mm/s along x, at 10 frames/s.

    Point k of the spine is at (larva + t, k / 10).
    """
    folder.mkdir(parents=True, exist_ok=True)
    if states is None:
        states = [name for name, count in COUNTS.items() for _ in range(count)]
    frames = options.get("frames") or list(range(len(states)))
    spine = folder / f"{run}@g@e@t5@p.spine"
    labels = Labels()
    with spine.open("w") as file:
        for larva in LARVAE:
            for t in (frame / 10 for frame in frames):
                xy = " ".join(f"{larva + t:.3f} {k / 10:.3f}" for k in range(11))
                file.write(f"{run} {larva:05d} {t:.3f} {xy}\n")
            times = [frame / 10 for frame in range(len(states))]
            labels.set(run, larva, times, states)
    labels[run].secondary_names = ["edited"]
    labels[run].metadata.update(options.get("metadata", {}))
    labels[run].dependencies = [dependency(spine)]
    labels.write(folder / "truth.label")
    return folder / "truth.label"


@pytest.fixture
def label_file(tmp_path: Path) -> Path:
    return write(tmp_path / "1")


def two(folder: Path) -> DatasetPlan:
    write(folder / "1")
    write(folder / "2", "20240612_101500")
    return plan_dataset(folder, 1, 10, balance=2, seed=3)


# cutting


def test_a_window_is_the_spine_at_evenly_spaced_times_around_its_frame(label_file: Path) -> None:
    windows = plan_dataset(label_file, duration=1, framerate=20, margin=(0.5, 0.25)).load("float64")
    shape = WindowShape(1, 20, (0.5, 0.25))
    assert (shape.frames, shape.margin_frames, shape.anchor_frame) == (20, (10, 5), 20)
    assert windows.spines.shape[1:] == (35, 11, 2)
    for i in range(len(windows)):
        at = windows.times[i] + (np.arange(35) - 20) / 20
        np.testing.assert_allclose(windows.spines[i, :, 4, 0], windows.larvae[i] + at, atol=1e-9)
        np.testing.assert_allclose(windows.spines[i, :, 4, 1], 0.4)
    run = load_tracks(label_file, outline=False).labels()["20240611_101500"]
    for i in range(len(windows)):
        state = run[int(windows.larvae[i])][float(windows.times[i])]
        assert state == windows.names[windows.labels[i]]


def test_windows_reach_the_ends_of_the_track_but_not_beyond(label_file: Path) -> None:
    windows = plan_dataset(label_file, 1, 10).load()
    mine = windows.times[windows.larvae == 1]
    # frames -5..4 around the anchor; the track has 0..159
    np.testing.assert_allclose(mine, np.arange(5, 156) / 10)


def test_one_frame_is_a_window(label_file: Path) -> None:
    windows = plan_dataset(label_file, 0.1, 10).load()
    assert len(windows) == 2 * 160
    assert windows.spines.shape[1] == 1


def test_no_window_goes_across_a_gap(tmp_path: Path) -> None:
    frames = [*range(30), *range(60, 100)]  # a gap from 2.9 s to 6 s
    file = write(tmp_path, states=["run"] * 100, frames=frames)
    times = plan_dataset(file, 1, 10).load().times
    np.testing.assert_allclose(
        times[: len(times) // 2], [*np.arange(5, 26) / 10, *np.arange(65, 96) / 10]
    )
    assert len(plan_dataset(file, 1, 10, max_gap=3.2)) == 2 * 91


def keep(file: Path, kept: Callable[[int, int], bool]) -> None:
    """Keep only the frames of a recording for which `kept(larva, frame number)` is true."""
    spine = next(file.parent.glob("*.spine"))
    lines = spine.read_text().splitlines(keepends=True)
    fields = [line.split() for line in lines]
    frames = [(int(larva), round(10 * float(time))) for _, larva, time, *_ in fields]
    spine.write_text("".join(x for x, y in zip(lines, frames, strict=True) if kept(*y)))
    labels = Labels.read(file)
    labels["20240611_101500"].dependencies = [dependency(spine)]
    labels.write(file)


def test_the_default_gap_is_longer_in_slow_recordings(tmp_path: Path) -> None:
    # a frame every 0.5 s: steps above 2.5 s are gaps (2.5 s in larva 20, 3 s in larva 1)
    file = write(tmp_path, states=["run"] * 400)
    lost = {1: range(201, 230), 20: range(201, 225)}
    keep(file, lambda larva, frame: frame % 5 == 0 and frame not in lost[larva])
    plan = plan_dataset(file, 1, 10)
    windows = plan.load()
    assert (windows.about["max_gap"], plan.shape.max_gap) == (None, None)
    within = (windows.times > 20.5) & (windows.times < 22)
    assert set(windows.larvae[within].tolist()) == {20}
    explicit = plan_dataset(file, 1, 10, max_gap=1).load()
    assert explicit.about["max_gap"] == 1
    assert not ((explicit.times > 20.5) & (explicit.times < 22)).any()
    # the same windows fit around the frames that are predicted
    recording = load_tracks(file, outline=False)
    shape = plan.shape.for_tracks(recording.values())
    assert shape.max_gap == 2.5
    assert shape.for_tracks([]) is shape
    for larva, fits in ((1, False), (20, True)):
        assert shape.fits(recording[larva].times, np.array([21.0])).tolist() == [fits]


def test_the_default_gap_depends_on_all_tracks_of_a_recording(tmp_path: Path) -> None:
    file = write(tmp_path, states=["run"] * 400)
    keep(file, lambda larva, frame: larva == 1 or (frame % 5 == 0 and frame not in range(201, 220)))
    windows = plan_dataset(file, 1, 10).load()  # most frames are of larva 1, hence 1 s
    within = (windows.times > 20.5) & (windows.times < 21.5)
    assert set(windows.larvae[within].tolist()) == {1}


def test_the_default_gap_of_a_track_depends_on_its_complete_frames() -> None:
    track = straight(np.arange(400) / 10)
    assert track.spine is not None
    complete = (np.arange(400) % 5 == 0) & ~np.isin(np.arange(400), range(201, 220))
    track.spine[~complete] = np.nan  # complete ones are 0.5 s apart, and once 2 s
    shape = WindowShape(1, 10)
    found, predicted = predict_frames(track, shape, middle_times(shape))
    assert np.array_equal(found, track.times)
    anchors = set(np.round(predicted[~np.isnan(predicted)], 6).tolist())
    # windows of 0.5 s before and 0.4 s after, from 0 to 20.0 s and from 22.0 to 39.5 s
    assert anchors == set(np.round([*np.arange(1, 40) / 2, *np.arange(45, 79) / 2], 6).tolist())
    assert np.flatnonzero(np.isnan(predicted)).tolist() == list(range(206, 215))


@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=60),
    st.lists(st.integers(-500, 20000), min_size=1, max_size=30),
    st.integers(1, 12),
    st.sampled_from([5.0, 10.0, 12.5, 30.0]),
)
def test_a_window_fits_if_it_is_inside_the_track_and_overlaps_no_gap(
    steps: list[int], anchors_ms: list[int], frames: int, framerate: float
) -> None:
    times = np.cumsum(steps) / 1000
    anchors = np.array(anchors_ms) / 1000
    shape = WindowShape(frames / framerate, framerate, max_gap=0.3)
    fits = shape.fits(times, anchors)
    for anchor, fit in zip(anchors.tolist(), fits.tolist(), strict=True):
        start, stop = anchor + shape.offsets[0], anchor + shape.offsets[-1]
        inside = times[0] - 1e-9 <= start and stop <= times[-1] + 1e-9
        gap = any(
            b - a > 0.3 + 1e-9 and start < b - 1e-9 and stop > a + 1e-9
            for a, b in zip(times[:-1].tolist(), times[1:].tolist(), strict=True)
        )
        assert fit == (inside and not gap)
    spine = np.stack([times, -times], axis=-1)[:, None]
    cut = shape.cut(times, spine, anchors[fits])
    np.testing.assert_allclose(cut[..., 0, 0], anchors[fits][:, None] + shape.offsets, atol=1e-8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.05, 10), "duration.*whole number of frames from 1.*try duration=1.0"),
        ((0, 10), "try duration=0.1"),
        ((1, 10, 0.26), "margin.*try margin=0.3"),
        ((1, 10, (0, -1)), "margin.*from 0"),
        ((1, 10, (0, 0, 0)), "one margin or"),
        ((1, 0), "framerate above 0"),
        ((float("nan"), 10), "whole number"),
        ((1e300, 10), "whole number.*found 1e\\+300 s \\* 10 frames/s$"),
    ],
)
def test_invalid_shapes_are_refused(
    label_file: Path, arguments: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        plan_dataset(label_file, *arguments)


# predicting


def straight(times: Any) -> Track:
    """Return a larva whose first point is at (t, 0)."""
    times = np.asarray(times, dtype=np.float64)
    spine = np.zeros((len(times), 11, 2))
    spine[:, :, 0] = times[:, None] - np.arange(11) / 5
    return Track(times, spine)


def middle_times(shape: WindowShape) -> Any:
    """Return a tagger that predicts the time of a window's anchor from the spine."""
    return lambda windows: windows[:, shape.anchor_frame, 0, 0]


def test_every_frame_is_predicted_from_the_nearest_window() -> None:
    shape = WindowShape(1, 10)  # 0.5 s before, 0.4 s after
    times = np.concatenate([np.arange(20), np.arange(60, 90)]) / 10
    for batch in (1, 7, 1024):
        found, predicted = predict_frames(straight(times), shape, middle_times(shape), batch)
        assert np.array_equal(found, times)
        # windows fit from 0.5 to 1.5 s, and from 6.5 to 8.5 s
        expected = [*times[:20].clip(0.5, 1.5), *times[20:].clip(6.5, 8.5)]
        np.testing.assert_allclose(predicted, expected)
    rows = predict_frames(straight(times), shape, lambda windows: np.ones((len(windows), 3)))[1]
    assert rows.shape == (50, 3)


def test_frames_without_a_spine_take_the_nearest_prediction_within_max_gap() -> None:
    shape = WindowShape(0.3, 10, max_gap=0.5)
    track = straight(np.arange(30) / 10)
    assert track.spine is not None
    track.spine[[0, 4], 3, 1] = np.nan  # one value
    track.spine[10:22] = np.nan
    track.spine[29] = np.nan
    found, predicted = predict_frames(track, shape, middle_times(shape))
    assert np.array_equal(found, track.times)
    frames = [2, 2, 2, 3, 3, 5, 6, 7, 8, 8, 8, 8, 8, 8]  # 4 is interpolated across
    expected = np.array([*frames, *[np.nan] * 4, *[23] * 5, *range(23, 28), 27, 27]) / 10
    np.testing.assert_allclose(predicted, expected)


@given(
    st.lists(st.tuples(st.integers(1, 400), st.booleans()), min_size=1, max_size=40),
    st.integers(1, 6),
    st.integers(100, 900),
)
def test_every_frame_takes_the_nearest_window_of_a_frame_with_a_spine(
    frames: list[tuple[int, bool]], n: int, max_gap: int
) -> None:
    steps, complete = map(np.array, zip(*frames, strict=True))
    track = straight(np.cumsum(steps) / 1000)
    assert track.spine is not None
    track.spine[~complete] = np.nan
    shape = WindowShape(n / 10, 10, max_gap=max_gap / 1000)
    seen: list[Any] = []

    def predict(windows: Any) -> Any:
        seen.append(windows)
        return windows[:, shape.anchor_frame, 0, 0]

    found, predicted = predict_frames(track, shape, predict, undefined=np.nan)
    assert all(np.isfinite(windows).all() for windows in seen)
    own = track.times[complete]
    anchors = np.rint(1000 * own[shape.fits(own, own)]).astype(int).tolist()
    expected = []
    for at in np.rint(1000 * track.times).astype(int).tolist():
        nearest = min(anchors, key=lambda anchor: (abs(anchor - at), anchor), default=None)
        near = nearest is not None and abs(nearest - at) <= max_gap
        expected.append(nearest / 1000 if nearest is not None and near else np.nan)
    assert np.array_equal(found, track.times)
    np.testing.assert_allclose(predicted, expected, atol=1e-9)


def test_confidence_and_second_choice_are_those_of_the_nearest_window() -> None:
    shape = WindowShape(0.3, 10, max_gap=0.5)
    track = straight(np.arange(30) / 10)
    assert track.spine is not None
    track.spine[10:22] = np.nan

    def predict(windows: Any) -> Any:
        at = windows[:, shape.anchor_frame, 0, 0]
        names = np.where(at < 1, "run", "cast")
        return names, (at / 10).astype(np.float32), np.where(at < 0.5, "stop", "run")

    labels = Labels()
    for batch in (1, 1024):
        times, states, confidence, second = result = predict_frames(
            track, shape, predict, batch, confidence=True
        )
        at = np.array([1, *range(1, 9), *[8] * 5, *[np.nan] * 4, *[23] * 6, *range(24, 29), 28])
        at = at / 10
        np.testing.assert_allclose(confidence, at / 10, rtol=1e-6)
        assert confidence.dtype == np.float64
        undefined = np.isnan(at)
        assert states.tolist() == [
            () if nothing else "run" if x < 1 else "cast"
            for x, nothing in zip(at, undefined, strict=True)
        ]
        assert second.tolist() == [
            () if nothing else "stop" if x < 0.5 else "run"
            for x, nothing in zip(at, undefined, strict=True)
        ]
        labels.set("r", 1, *result)
    assert labels["r"][1].second == second.tolist()
    assert np.array_equal(labels["r"][1].times, times)


def test_a_track_without_windows_has_no_confidence() -> None:
    shape = WindowShape(3, 10)
    result = predict_frames(straight([0, 0.1]), shape, lambda _: pytest.fail(), confidence=True)
    labels = Labels()
    labels.set("r", 1, *result)
    track = labels["r"][1]
    assert track.states == track.second == [(), ()]
    assert track.confidence is not None
    assert np.isnan(track.confidence).all()
    assert [column.dtype.kind for column in result] == ["f", "O", "f", "O"]


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (np.ones(10), "expected a tuple of names, confidence and second choices"),
        ((np.ones(8), np.ones(8)), "expected a tuple of names, confidence and second choices"),
        ((["run"] * 8, np.ones(7), ["run"] * 8), "expected 8 rows from predict"),
    ],
)
def test_confidence_needs_three_columns(result: Any, message: str) -> None:
    shape, track = WindowShape(0.3, 10), straight(np.arange(10) / 10)
    with pytest.raises(ValueError, match=message):
        predict_frames(track, shape, lambda _: result, confidence=True)


def test_undefined_rows_fit_what_is_predicted() -> None:
    shape = WindowShape(0.3, 10, max_gap=0.2)
    track = straight(np.arange(12) / 10)
    assert track.spine is not None
    track.spine[8:] = np.nan  # windows from 0.1 to 0.6 s, and 0.8 s is within 0.2 s

    def rows(values: Any, **options: Any) -> Any:
        return predict_frames(
            track, shape, lambda windows: np.array([values] * len(windows)), **options
        )[1]

    states = rows("run")
    assert states.tolist() == ["run"] * 9 + [()] * 3
    labels = Labels()
    labels.set("r", 1, track.times, states.tolist())
    assert labels.count() == {"run": 9, "": 3}
    assert rows(np.array("run", object)[()]).tolist() == states.tolist()
    codes = rows(2)
    assert (codes.dtype, codes.tolist()) == (np.int64, [2] * 9 + [-1] * 3)
    assert rows(np.uint8(200)).tolist() == [200] * 9 + [-1] * 3
    probabilities = rows(np.float32([0.5, 0.25]))
    assert (probabilities.dtype, probabilities.shape) == (np.float32, (12, 2))
    assert np.isnan(probabilities[9:]).all()
    assert np.isfinite(probabilities[:9]).all()
    assert rows(2, undefined=9).tolist() == [2] * 9 + [9] * 3
    assert rows("run", undefined="").tolist() == ["run"] * 9 + [""] * 3
    assert rows([1, 2], undefined=[3, 4]).tolist() == [[1, 2]] * 9 + [[3, 4]] * 3
    assert rows(True, undefined=False).tolist() == [True] * 9 + [False] * 3
    with pytest.raises(ValueError, match="codes or floats from predict, found bool; give `undef"):
        rows(True)


@pytest.mark.parametrize("rows", [0, 1, 2, 8])
def test_one_row_per_window_is_expected(rows: int) -> None:
    track, shape = straight(np.arange(9) / 10), WindowShape(0.3, 10)
    with pytest.raises(ValueError, match=r"expected 7 rows from predict, one per window, found"):
        predict_frames(track, shape, lambda windows: np.ones((rows, 2)))
    with pytest.raises(ValueError, match=r"shape \(\)"):
        predict_frames(track, shape, lambda windows: np.float64(1))
    with pytest.raises(ValueError, match="expected a batch of 1 window or more, found 0"):
        predict_frames(track, shape, middle_times(shape), batch=0)


def test_nothing_is_predicted_if_no_window_fits() -> None:
    shape = WindowShape(1, 10)
    without = straight(np.arange(30) / 10)
    assert without.spine is not None
    without.spine[:] = np.nan
    for track in (straight([]), straight(np.arange(9) / 10), without):
        found, predicted = predict_frames(track, shape, middle_times(shape))
        assert np.array_equal(found, track.times)
        assert predicted.tolist() == [()] * len(track)
        predicted = predict_frames(track, shape, middle_times(shape), undefined=[-1, 2])[1]
        assert predicted.tolist() == [[-1, 2]] * len(track)
    with pytest.raises(ValueError, match="loaded without"):
        predict_frames(Track(np.arange(9.0)), shape, middle_times(shape))


def test_prediction_uses_the_windows_of_the_training_set(label_file: Path) -> None:
    plan = plan_dataset(label_file, 0.5, 20, margin=(0.1, 0.2))
    windows = plan.load("float64")
    seen: list[Any] = []
    for track in load_tracks(label_file, outline=False).values():
        predict_frames(track, plan.shape, lambda cut: (seen.append(cut), cut[:, 0])[1])
    assert np.array_equal(np.concatenate(seen), windows.spines)


# selecting


def test_labels_are_selected_by_name_and_pattern_and_excluded(label_file: Path) -> None:
    def names(**options: Any) -> list[str]:
        return plan_dataset(label_file, 1, 10, **options).names

    assert names() == ["run", "cast", "stop"]
    assert names(labels="cast") == ["cast"]
    assert names(labels=["stop", "run"]) == ["stop", "run"]
    assert names(labels="*s*") == ["cast", "stop"]
    assert names(labels=["stop", "*"]) == ["stop", "run", "cast"]
    assert names(exclude="cast") == ["run", "stop"]
    assert names(exclude=["c*", "s*"]) == ["run"]


def test_counts_are_reported(label_file: Path) -> None:
    plan = plan_dataset(label_file, 1, 10, labels=["run", "stop"], balance="minority")
    assert plan.observed == {"run": 200, "stop": 40}
    assert plan.fitting == {"run": 190, "stop": 32}
    assert plan.selected == {"run": 32, "stop": 32}
    assert len(plan) == len(plan.load()) == 64
    assert str(plan).splitlines()[1].split() == ["run", "200", "190", "32"]


def test_a_frame_with_several_labels_counts_if_one_is_selected(tmp_path: Path) -> None:
    states = [("run", "cast")] * 20 + ["run"] * 20 + [("run", "edited")] * 20 + [()] * 20
    file = write(tmp_path, states=states)
    plan = plan_dataset(file, 0.1, 10)
    assert (plan.observed, plan.ambiguous) == ({"run": 80, "cast": 0}, 40)
    assert "several of these labels: 40" in str(plan)
    assert plan_dataset(file, 0.1, 10, labels="run").observed == {"run": 120}
    assert plan_dataset(file, 0.1, 10, exclude="cast").observed == {"run": 80}
    with backend_error("no-window", "found 40 with several"):
        plan_dataset(write(tmp_path / "2", states=[("run", "cast")] * 20), 0.1, 10)


def test_a_name_stands_for_itself_before_it_is_a_pattern(tmp_path: Path) -> None:
    file = write(tmp_path, states=["r[u]n"] * 10 + ["run"] * 10)
    assert plan_dataset(file, 0.1, 10, labels="r[u]n").names == ["r[u]n"]
    assert plan_dataset(file, 0.1, 10, labels="r[u]*").names == ["run"]


def test_unknown_labels_are_refused(label_file: Path) -> None:
    for options in ({"labels": "csat"}, {"exclude": ["csat"]}):
        with backend_error("unknown-label", r"'csat': did you mean cast\?"):
            plan_dataset(label_file, 1, 10, **options)
    with backend_error("unknown-label", r"found 'x\*': there are"):
        plan_dataset(label_file, 1, 10, labels="x*")


def test_the_error_suggests_changes_if_no_window_fits(label_file: Path) -> None:
    with backend_error("no-window", r"track of 29.9 s around one of the 320 .* try a shorter"):
        plan_dataset(label_file, 30, 10)
    with backend_error("no-window", "found none; select other labels"):
        plan_dataset(label_file, 1, 10, labels="run", exclude="run")


def test_class_of() -> None:
    names = {"a": 0, "b": 1}
    assert class_of((), names, ()) == -1
    assert class_of(("b", "x"), names, ()) == 1
    assert class_of(("b", "x"), names, ("x",)) == -1
    assert class_of(("b", "a"), names, ()) == -2


# balancing


def test_sizes() -> None:
    assert sizes([10, 0, 3], None) == [10, 0, 3]
    assert sizes([10, 0, 3], "minority") == [3, 0, 3]
    assert sizes([10, 0, 3], "majority") == [10, 0, 10]
    assert sizes([10, 0, 3], 2.5) == [7, 0, 3]
    assert sizes([10, 4, 3], 1) == [3, 3, 3]
    for bad in ("equal", 0.5, float("nan"), float("inf"), True):
        with pytest.raises(ValueError, match="as balance"):
            sizes([1], bad)


@given(st.integers(1, 300), st.integers(0, 1000), st.integers(0, 2**70))
def test_numbers_of_repeats_differ_by_at_most_one(n: int, size: int, seed: int) -> None:
    times = repeats(n, size, seed, 0)
    assert times.sum() == size
    assert int(times.max()) - int(times.min()) <= 1


def test_a_seed_gives_the_same_order_everywhere() -> None:
    # depends on the raw numbers of PCG64, which NumPy guarantees
    assert shuffled(12, 1, 2).tolist() == [5, 6, 9, 3, 2, 1, 0, 10, 8, 4, 7, 11]
    assert sorted(shuffled(1000, 5).tolist()) == list(range(1000))


def test_majority_repeats_windows_of_rare_classes(label_file: Path) -> None:
    windows = plan_dataset(label_file, 1, 10, balance="majority").load()
    assert np.bincount(windows.labels).tolist() == [190, 190, 190]
    keys, counts = np.unique(
        [windows.labels, windows.larvae, np.rint(windows.times * 10)], axis=1, return_counts=True
    )
    assert keys.shape[1] == 190 + 80 + 32
    stops = counts[keys[0] == 2]
    assert (stops.min(), stops.max(), stops.sum()) == (5, 6, 190)


def test_classes_have_the_colours_in_the_files(tmp_path: Path) -> None:
    assert plan_dataset(write(tmp_path / "1"), 1, 10).colors == dict.fromkeys(COUNTS)
    other = write(tmp_path / "2", "20240612_101500")
    labels = Labels.read(other)
    labels["20240612_101500"].declare(list(COUNTS), ["#000001", "#000002", "#000003"])
    labels.write(other)
    plan = plan_dataset(tmp_path, 1, 10, labels=["stop", "run"])
    assert plan.colors == {"stop": "#000003", "run": "#000001"}
    third = write(tmp_path / "3", "20240613_101500")
    labels = Labels.read(third)
    labels["20240613_101500"].declare(list(COUNTS), ["#999999"] * 3)
    labels.write(third)
    assert plan_dataset(tmp_path, 1, 10, labels=["stop", "run"]).colors == plan.colors


def test_the_seed_determines_the_choice(label_file: Path) -> None:
    def times(seed: int) -> list[float]:
        plan = plan_dataset(label_file, 1, 10, balance="minority", seed=seed)
        return plan.load().times.tolist()

    assert times(1) == times(1) != times(2)
    with pytest.raises(ValueError, match="as seed"):
        times(-1)


# input


def test_files_folders_and_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = write(tmp_path / "1"), write(tmp_path / "2", "20240612_101500")
    write(tmp_path / ".hidden", "20240613_101500")
    monkeypatch.chdir(tmp_path)
    for files in (".", tmp_path, "*/truth.label", f"{tmp_path}/**/*.label", [other, one, "2"]):
        plan = plan_dataset(files, 1, 10)
        assert len(plan) == 2 * 302
        windows = plan.load()
        assert [source["run"] for source in windows.sources] == [
            "20240611_101500",
            "20240612_101500",
        ]
        assert windows.run(0) == "20240611_101500"
        assert windows.run(-1) == "20240612_101500"


def test_each_run_of_a_file_is_a_recording(tmp_path: Path) -> None:
    """In a trx.mat, in labels of it, and in labels of several recordings."""
    frames = np.arange(30.0)[None].T
    spines = {"x_spine": frames + np.arange(11.0), "y_spine": frames * np.ones(11)}
    indicators = {"run": np.ones((30, 1)), "stop": -np.ones((30, 1))}
    fields = {"t": frames / 10, **spines, **indicators}
    runs = (trxmat.RUN, trxmat.OTHER)
    larvae = [trxmat.larva(n + 1, 30, **fields, id=run) for n, run in enumerate(runs)]
    mat = tmp_path / "trx.mat"
    mat.write_bytes(trxmat.image(*larvae)["trx.mat"])
    both = Labels()
    for recording in load_runs(mat):
        both.merge(recording.labels())
        both[recording.run].dependencies = [dependency(mat)]
    both.write(tmp_path / "both.label")
    spine = write(tmp_path, "20240612_101500", states=["run"] * 30)
    both.merge(Labels.read(spine))
    both["20240612_101500"].dependencies = Labels.read(spine)["20240612_101500"].dependencies
    both.write(tmp_path / "all.label")
    for file, runs in ((mat, [*both][:2]), ("both.label", [*both][:2]), ("all.label", [*both])):
        path = tmp_path / file
        assert runs_in(path) == runs
        assert [list(recording.labels()) for recording in load_runs(path, outline=False)] == [
            [x] for x in runs
        ]
        plan = plan_dataset(path, 1, 10, labels="run")
        windows = plan.load()
        assert [source["run"] for source in windows.sources] == runs
        assert Counter(windows.recordings.tolist()) == {
            n: 21 * (1 + (n == 2)) for n in range(len(runs))
        }
        with pytest.raises(TrackFileError, match=r"choose one of those that runs_in\(path\)"):
            load_tracks(path)
        with pytest.raises(TrackFileError, match="expected run 'x', found"):
            load_tracks(path, run="x")
        (only,) = plan_dataset(path, 1, 10, options={"run": runs[1]}).load().sources
        assert only["run"] == runs[1]
    both["20240612_101500"].dependencies = []
    both.write(tmp_path / "all.label")
    with pytest.raises(TrackFileError, match="the files of one recording, found 0 recordings"):
        load_tracks(tmp_path / "all.label", run="20240612_101500")


def test_missing_input_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for files, message in (
        (tmp_path / "empty", "expected label files"),
        (tmp_path / "*.label", "files that match"),
        ([], "name one or more"),
    ):
        with backend_error("no-input", message):
            plan_dataset(files, 1, 10)
    with pytest.raises(FileNotFoundError, match=r"none\.label"):
        plan_dataset(tmp_path / "none.label", 1, 10)
    spine = next(write(tmp_path / "1").parent.glob("*.spine"))
    with pytest.raises(TrackFileError, match="expected the labels of one run, found 0"):
        plan_dataset(spine, 1, 10)


def test_predicted_labels_give_a_warning(tmp_path: Path) -> None:
    states = ["run"] * 20
    file = write(tmp_path, states=states, metadata={"software": {"model_instance": "m1"}})
    labels = Labels.read(file)
    with pytest.warns(UserWarning, match="m1 predicted"):
        labels["20240611_101500"].secondary_names = []
        labels.write(file)
        plan_dataset(file, 1, 10)


@pytest.mark.parametrize("predicted", [True, False])
def test_edited_frames_are_known_and_may_be_the_only_ones(predicted: bool, tmp_path: Path) -> None:
    states: list[Any] = ["run"] * 60 + [("run", "edited")] * 20 + [("cast", "edited")] * 20
    software = {"software": {"model_instance": "m"}} if predicted else {}
    write(tmp_path / "1", states=states, metadata=software)
    write(tmp_path / "2", "20240612_101500")  # nobody edited these: they are used as a whole
    for edited_only in (False, True):
        plan = plan_dataset(tmp_path, 1, 10, edited_only=edited_only)
        own = 2 * 60 if predicted and edited_only else 0
        assert plan.observed == {"run": 2 * (80 + 100) - own, "cast": 2 * (20 + 40), "stop": 40}
        in_memory, in_file = plan.load(), plan.write(tmp_path / "set")
        for windows in (in_memory, in_file):
            edited = (windows.recordings == 0) & (windows.times > 5.95)
            assert windows.edited.dtype == bool
            assert np.array_equal(windows.edited, edited)
            assert ((windows.recordings == 0) & ~edited).any() != bool(own)


def test_recordings_without_spines_are_refused(label_file: Path, replace_tracks: Any) -> None:
    replace_tracks(lambda spine: None)
    with pytest.raises(TrackFileError, match="larva 1, found none in this recording") as caught:
        plan_dataset(label_file, 1, 10)
    assert (caught.value.file, caught.value.key) == (label_file, "spine")


def test_different_numbers_of_spine_points_are_refused(
    tmp_path: Path, label_file: Path, replace_tracks: Any
) -> None:
    other = write(tmp_path / "2", "20240612_101500")
    replace_tracks(lambda spine: spine[:, :5], only=other)
    with pytest.raises(
        TrackFileError, match=r"of 11 points, as in .*1/truth.label, found 5"
    ) as caught:
        plan_dataset([label_file, other], 1, 10)
    assert caught.value.file == other


def test_windows_are_interpolated_across_few_incomplete_frames(
    label_file: Path, replace_tracks: Any
) -> None:
    def lacking(spine: Any) -> Any:
        spine = spine.copy()
        spine[20:22] = spine[100:120, 3, 1] = np.nan
        return spine

    replace_tracks(lacking)
    windows = plan_dataset(label_file, 1, 10).load()
    assert np.isfinite(windows.spines).all()
    mine = np.rint(windows.times[windows.larvae == 1] * 10).astype(int)
    assert mine.tolist() == [*range(5, 96), *range(125, 156)]


@pytest.fixture
def replace_tracks(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that changes the spines of recordings when they are loaded."""
    from dataclasses import replace

    from taggingbackends.windows import plan

    def install(change: Any, only: Path | None = None) -> None:
        def load(path: Path, **options: Any) -> Any:
            recording = load_tracks(path, **options)
            if only not in (None, path):
                return recording
            tracks = {
                larva: replace(track, spine=change(track.spine))
                for larva, track in recording.items()
            }
            return replace(recording, tracks=tracks)

        monkeypatch.setattr(plan, "load_silently", load)
        monkeypatch.setattr(plan, "load_runs", lambda path, **options: [load(path, **options)])

    return install


def test_real_recordings(recordings: Path) -> None:
    windows = plan_dataset(recordings / "chore", 2, 10, exclude="back").load("float64")
    assert windows.names == ["cast", "run", "stop"]
    for i in range(0, len(windows), 500):
        file = recordings / "chore" / windows.run(i) / "groundtruth.label"
        recording = load_tracks(file, outline=False)
        track = recording[int(windows.larvae[i])]
        at = windows.times[i] + (np.arange(20) - 10) / 10
        assert track.spine is not None
        expected = np.interp(at, track.times, track.spine[:, 10, 1])
        np.testing.assert_allclose(windows.spines[i, :, 10, 1], expected, atol=1e-9)


def test_windows_of_several_recordings_are_scaled_by_body_length(
    tmp_path: Path, replace_tracks: Any
) -> None:
    small, large = write(tmp_path / "1"), write(tmp_path / "2", "20240612_101500")
    replace_tracks(lambda spine: 3 * spine, only=large)
    plan = plan_dataset(tmp_path, 1, 10)
    length = body_length(load_tracks(small, outline=False))
    for windows in (plan.load(), plan.write(tmp_path / "set.h5")):
        found = [source["body_length"] for source in windows.sources]
        np.testing.assert_allclose(found, [length, 3 * length])
        lengths = windows.body_lengths
        assert (lengths.shape, lengths.dtype) == ((len(windows),), np.float64)
        scaled = egocentric(windows.spines, lengths)
        half = len(windows) // 2
        np.testing.assert_allclose(scaled[:half], scaled[half:], atol=1e-4)


def test_a_recording_without_a_complete_spine_has_no_body_length(
    tmp_path: Path, replace_tracks: Any
) -> None:
    write(tmp_path / "1")
    replace_tracks(lambda spine: spine * np.nan, only=write(tmp_path / "2", "20240612_101500"))
    windows = plan_dataset(tmp_path, 1, 10).load()
    assert windows.sources[1]["body_length"] is None
    assert np.isfinite(windows.body_lengths).all()


# files


def test_a_file_holds_what_load_gives(tmp_path: Path) -> None:
    plan = two(tmp_path)
    windows, dataset = plan.load(), plan.write(tmp_path / "set.h5")
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["1", "2", "set.h5"]
    for column in ("spines", "labels", "recordings", "larvae", "times"):
        assert np.array_equal(getattr(dataset, column), getattr(windows, column))
    assert (dataset.names, dataset.sources) == (windows.names, windows.sources)
    assert dataset.about == windows.about
    assert len(dataset) == len(plan) == sum(dataset.about["selected"].values())
    with h5py.File(tmp_path / "set.h5") as file:  # as any other program reads it
        assert np.array_equal(file["spines"][()], windows.spines)
        assert file["spines"].dtype == np.dtype("<f4")
        assert (file.attrs["duration"], file.attrs["seed"]) == (b"1.0", b"3")
    run = dataset.sources[0]["files"]
    truth = tmp_path / "1" / "truth.label"
    assert {"filename": "truth.label", "sha1": sha1(truth)} in run
    assert set(dataset.about["versions"]) == {"taggingbackends", "numpy", "h5py", "hdf5"}


def test_windows_are_read_one_by_one(tmp_path: Path) -> None:
    dataset = two(tmp_path).write(tmp_path / "set.h5", dtype="float64")
    spines, label = dataset[3]
    assert type(spines) is np.ndarray
    assert spines.flags.writeable
    assert (spines.dtype, spines.shape) == (np.float64, (10, 11, 2))
    assert type(label) is int
    assert np.array_equal(dataset[-1][0], dataset[len(dataset) - 1][0])
    both, classes = dataset[[7, 3]]
    assert both.flags.writeable
    assert np.array_equal(both, [dataset[7][0], spines])
    assert (classes.dtype, classes.tolist()) == (np.int32, [dataset[7][1], label])
    assert len(list(dataset)) == len(dataset)  # by IndexError at the end
    with pytest.raises(AttributeError, match="no attribute 'spine'"):
        dataset.spine  # noqa: B018
    with pytest.raises(ValueError, match="float32 or float64"):
        two(tmp_path).write(tmp_path / "set.h5", dtype="float16")


def test_batches_are_shuffled_by_epoch(tmp_path: Path) -> None:
    dataset = two(tmp_path).write(tmp_path / "set.h5")

    def times(**options: Any) -> list[bytes]:
        found = list(dataset.batches(7, **options))
        assert all(len(spines) == len(labels) == 7 for spines, labels in found[:-1])
        return [spines[i].tobytes() for spines, _ in found for i in range(len(spines))]

    ordered = times(shuffle=False)
    assert ordered == [spines.tobytes() for spines, _ in dataset]
    assert times(epoch=1) == times(epoch=1) != times(epoch=2) != times(seed=1, epoch=2)
    assert sorted(times(epoch=1)) == sorted(ordered)
    with pytest.raises(ValueError, match="1 window or more"):
        next(dataset.batches(0))


def test_indices_are_those_of_the_batches(tmp_path: Path) -> None:
    plan = two(tmp_path)
    dataset, windows = plan.write(tmp_path / "set.h5"), plan.load()
    for options in ({"seed": 3, "epoch": 1}, {"shuffle": False}):
        rows = list(dataset.indices(7, **options))
        assert list(map(len, rows[:-1])) == [7] * (len(dataset) // 7)
        assert list(map(bytes, rows)) == list(map(bytes, windows.indices(7, **options)))
        for at, (spines, labels) in zip(rows, dataset.batches(7, **options), strict=True):
            assert np.array_equal(spines, windows.spines[at])
            assert np.array_equal(labels, windows.labels[at])
    with pytest.raises(ValueError, match="1 window or more"):
        next(dataset.indices(0))


def test_a_large_set_is_shuffled_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = two(tmp_path)
    dataset, windows = plan.write(tmp_path / "set.h5"), plan.load()
    size = windows.spines[0].nbytes
    monkeypatch.setattr(windowfile, "_BLOCK", 3 * size + 1)  # blocks of 3 windows
    monkeypatch.setattr(windowfile, "_PART", 30 * (3 * size + 1))
    read: list[list[int]] = []
    monkeypatch.setattr(windows, "_read_ahead", lambda starts, n: read.append(starts.tolist()))
    orders = []
    for seed, epoch in ((0, 0), (0, 0), (0, 1), (1, 0)):
        order = np.concatenate(list(windows.indices(16, seed, epoch)))
        assert np.array_equal(order, np.concatenate(list(dataset.indices(16, seed, epoch))))
        assert sorted(order.tolist()) == list(range(len(windows)))  # each window once
        orders.append(order.tolist())
        assert len(read) > 2
        for starts in read:  # in the order of the file
            blocks = [range(start, min(start + 3, len(windows))) for start in starts]
            part, order = np.split(order, [sum(map(len, blocks))])
            assert sorted(part.tolist()) == [row for block in blocks for row in block]
            # neighbours in the file are apart, and each part has all kinds of windows
            assert np.count_nonzero(abs(np.diff(part)) == 1) < 0.1 * len(part)
            for column in (windows.labels, windows.recordings, windows.larvae):
                assert set(column[part]) == set(column)
        lengths = list(map(len, read))
        assert max(lengths) - min(lengths) <= 1
        read.clear()
    assert orders[0] == orders[1]
    assert len(set(map(tuple, orders))) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts what a process reads")
def test_a_file_is_read_once_and_the_parts_of_a_large_one_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read() -> int:  # bytes that all threads have read, not through mappings
        return int(Path("/proc/self/io").read_text().split()[1])

    dataset = two(tmp_path).write(tmp_path / "set.h5")
    size = dataset.spines.nbytes
    for blocks, expected in ((len(dataset), (1, 0)), (10, (1, 1))):
        monkeypatch.setattr(windowfile, "_BLOCK", 3 * dataset.spines[0].nbytes)
        monkeypatch.setattr(windowfile, "_PART", blocks * windowfile._BLOCK)
        for epoch, times in enumerate(expected):
            start = read()
            list(dataset.indices(64, epoch=epoch))
            assert times * size <= read() - start < times * size + 5000
        dataset = Dataset(dataset.path)
        assert dataset.spines.nbytes == size


@posix
def test_a_file_that_is_removed_while_it_is_read(tmp_path: Path) -> None:
    plan = two(tmp_path)
    dataset, windows = plan.write(tmp_path / "set.h5"), plan.load()
    assert np.array_equal(dataset.labels, windows.labels)
    assert np.array_equal(dataset.spines[0], windows.spines[0])
    dataset.path.unlink()
    for (ours, _), (expected, _) in zip(dataset.batches(64), windows.batches(64), strict=True):
        assert np.array_equal(ours, expected)
    with pytest.raises(FileNotFoundError):
        dataset.times  # noqa: B018


@pytest.mark.parametrize("method", ["fork", "spawn"] if os.name == "posix" else ["spawn"])
def test_other_processes_read_the_file(tmp_path: Path, method: str) -> None:
    dataset = two(tmp_path).write(tmp_path / "set.h5")
    expected = dataset[3][0]
    assert np.array_equal(pickle.loads(pickle.dumps(dataset))[3][0], expected)
    with get_context(method).Pool(2) as pool:  # of a function that a spawned process can import
        for spines, _ in pool.map_async(itemgetter(3), [dataset] * 2).get(timeout=60):
            assert np.array_equal(spines, expected)


def test_the_same_request_gives_the_same_bytes(tmp_path: Path) -> None:
    first = sha1(two(tmp_path).write(tmp_path / "a.h5").path)
    time.sleep(1.1)  # HDF5 can store times, in seconds
    (tmp_path / "elsewhere").mkdir()
    assert sha1(two(tmp_path / "elsewhere").write(tmp_path / "b.h5").path) == first


WRITING = """
import sys
from taggingbackends.data import plan_dataset
plan = plan_dataset(sys.argv[1], 1, 10, balance=2, seed=3)
print(flush=True)
while True:
    plan.write(sys.argv[2])
"""


FULL = """
import os, resource, sys
from taggingbackends.data import plan_dataset
plan = plan_dataset(sys.argv[1], 1, 10, balance=2, seed=3)
for limit in sys.argv[3:]:
    if limit == "unreserved":
        del os.posix_fallocate
        continue
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
    try:
        plan.write(sys.argv[2])
    except OSError as error:
        print(error)
"""


@posix
def test_a_killed_process_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    whole = sha1(two(tmp_path).write(tmp_path / "whole.h5").path)
    path = tmp_path / "set.h5"
    path.write_bytes(b"old")
    found = set()
    partials = 0
    for delay in np.random.default_rng(0).uniform(0, 0.2, 6).tolist():
        command = [sys.executable, "-c", WRITING, str(tmp_path), str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(delay)
            process.kill()
        found.add(path.read_bytes() == b"old" or sha1(path) == whole)
        partials += len(list(tmp_path.glob(".*.tmp")))
    assert found == {True}
    assert partials > 0
    left = temporary_beside(path)  # the first of this process in this folder
    name = left.name.replace(f"-{os.getpid()}-", f"-{process.pid}-")
    left.with_name(name).write_bytes(b"of a killed process")
    temporaries._cleaned.discard(tmp_path)
    with pytest.warns(UserWarning, match="of processes that were killed"):
        written = two(tmp_path).write(path).path
    assert sha1(written) == whole
    assert not list(tmp_path.glob(".*"))


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = two(tmp_path).write(tmp_path / "set.h5").path
    before = path.read_bytes()
    blocks = DatasetPlan._blocks

    def failing(plan: DatasetPlan, dtype: str) -> Any:
        yield next(blocks(plan, dtype))
        raise KeyboardInterrupt

    monkeypatch.setattr(DatasetPlan, "_blocks", failing)
    with pytest.raises(KeyboardInterrupt):
        two(tmp_path).write(path)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob(".set*"))


@posix
def test_a_full_disk(tmp_path: Path) -> None:
    """The limit of a file's size stands for the end of the disk; HDF5 may crash there."""
    path = two(tmp_path).write(tmp_path / "set.h5").path
    before = path.read_bytes()
    limits = [1, 5_000, 60_000, len(before) - 1]
    if sys.platform == "linux":
        limits += ["unreserved", *limits]
    command = [sys.executable, "-c", FULL, tmp_path, path, *map(str, limits)]
    result = subprocess.run(command, capture_output=True, text=True)
    expected = [f"[Errno 27] File too large: '{path}'"] * (len(limits) - limits.count("unreserved"))
    assert (result.stdout.splitlines(), result.returncode) == (expected, 0)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob(".set*"))


def test_files_are_hashed_once_and_parsed_once_to_plan_and_once_to_write(
    tmp_path: Path, hashed: Counter[Path], parsed: Counter[Path]
) -> None:
    labels = [write(tmp_path / n, f"2024061{n}_101500") for n in "12"]
    files = [file for folder in "12" for file in (tmp_path / folder).iterdir()]
    for file in files:
        os.utime(file, (0, 0))
    hashed.clear()
    plan = plan_dataset(tmp_path, 1, 10)
    assert parsed == dict.fromkeys(labels, 1)
    plan.write(tmp_path / "set.h5")
    assert parsed == dict.fromkeys(labels, 2)
    assert hashed == dict.fromkeys(files, 1)


def test_files_that_change_after_planning_are_refused(tmp_path: Path) -> None:
    plan = two(tmp_path)
    write(tmp_path / "2", "20240612_101500", states=["run"] * 50 + ["cast"] * 10)
    with backend_error("changed-input", "2/truth.label: .*plan it again"):
        plan.load()
    with backend_error("changed-input"):
        plan.write(tmp_path / "set.h5")
    assert not (tmp_path / "set.h5").exists()


@posix
def test_only_one_process_writes_a_file(tmp_path: Path) -> None:
    from taggingbackends.system.locks import locked

    with locked(tmp_path / ".set.h5.lock"), backend_error("existing-file", "another process"):
        two(tmp_path).write(tmp_path / "set.h5")


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = two(tmp_path).write(tmp_path / "set.h5").path
    content = path.read_bytes()

    def refused(message: str, change: Any) -> None:
        path.write_bytes(content)
        change()
        with backend_error("not-a-dataset", message):
            Dataset(path)

    def edit(change: Any) -> Any:
        def edited() -> None:
            with h5py.File(path, "r+") as file:
                change(file)

        return edited

    def compress(file: Any) -> None:
        spines = file["spines"][()]
        del file["spines"]
        file.create_dataset("spines", data=spines, compression="gzip")

    def link(file: Any) -> None:
        del file["spines"]
        file["spines"] = h5py.ExternalLink("/etc/other.h5", "x")

    refused("found", lambda: path.write_bytes(b"text"))
    refused("is the file truncated", lambda: path.write_bytes(content[: len(content) // 2]))
    refused("format None", edit(lambda file: file.attrs.pop("format")))
    refused("no names of labels", edit(lambda file: file.attrs.pop("names")))
    refused("compressed", edit(compress))
    refused("no spines in the file itself", edit(link))
    refused("no times", edit(lambda file: file.pop("times")))
    refused("names 3", edit(lambda file: file.attrs.__setitem__("names", b"3")))
    refused("names \\[\\]", edit(lambda file: file.attrs.__setitem__("names", b"[]")))
    refused("Expecting value", edit(lambda file: file.attrs.__setitem__("names", b"x")))

    path.write_bytes(content)
    m = len(Dataset(path))

    def replaced(name: str, data: Any) -> Any:
        def change(file: Any) -> None:
            del file[name]
            file.create_dataset(name, data=data)

        return edit(change)

    refused("sources without run", replaced("sources", np.array([b"{}"])))
    refused("sources compressed or of another type", replaced("sources", ["{}"]))
    refused("labels of type float64", replaced("labels", np.zeros(m)))
    refused("spines of type float64 and shape", replaced("spines", np.zeros((m, 2, 11))))
    refused("3 times of ", replaced("times", np.zeros(3)))
    path.write_bytes(content)
    dataset = Dataset(path)
    with h5py.File(path, "r+") as file:
        file["labels"][2] = 7
        file["recordings"][0] = -1
        file["edited"][1] = 2
    with backend_error("not-a-dataset", "labels that are not from 0 to 2"):
        dataset[0]
    with backend_error("not-a-dataset", "recordings that are not from 0 to 1"):
        dataset.run(0)
    with backend_error("not-a-dataset", "edited that are not from 0 to 1"):
        _ = dataset.edited
    path.write_bytes(content[: len(content) // 2])
    with backend_error("not-a-dataset", "an incomplete times"):
        _ = dataset.times
    with pytest.raises(FileNotFoundError):
        Dataset(tmp_path / "none.h5")


def test_importing_the_package_loads_no_h5py(loaded_modules: Any) -> None:
    loaded = loaded_modules("from taggingbackends.data import Dataset, plan_dataset")
    assert "h5py" not in loaded
    assert "torch" not in loaded
