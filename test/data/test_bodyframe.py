"""Tests of spines in the larva's frame of reference."""

from __future__ import annotations

import warnings
from math import cos, pi, sin
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from support import write_recording
from taggingbackends.data import body_length, egocentric, load_tracks

FORWARD = np.array([[3.0, 0.0], [2.0, 0.0], [1.0, 0.0]])  # head first, 2 mm long


def turned(xy: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    return xy @ np.array([[cos(angle), sin(angle)], [-sin(angle), cos(angle)]])


def larva(seed: int, frames: int = 7, points: int = 11) -> NDArray[np.float64]:
    """Return a window of a larva that crawls and bends, with a well-defined direction."""
    rng = np.random.default_rng(seed)
    heading = rng.uniform(-pi, pi) + np.cumsum(rng.normal(0, 0.1, (frames, points - 1)), axis=-1)
    segments = -0.4 * np.stack([np.cos(heading), np.sin(heading)], -1)
    start = rng.uniform(0, 50, 2) + np.cumsum(rng.uniform(0, 0.2, (frames, 1, 2)), axis=0)
    return np.concatenate([start, start + np.cumsum(segments, axis=1)], axis=1)


def test_values_computed_by_hand() -> None:
    bent = np.array([[3.0, 1.0], [3.0, 0.0], [2.0, 0.0]])
    window = np.stack([FORWARD, bent])  # middles at x = 2 and 3
    expected = np.array([[[0.25, 0], [-0.25, 0], [-0.75, 0]], [[0.25, 0.5], [0.25, 0], [-0.25, 0]]])
    assert body_length(window) == 2
    assert egocentric(window) == pytest.approx(expected, abs=1e-12)
    # rotation by a quarter to the left and translation change nothing
    assert egocentric(turned(window, pi / 2) - 8) == pytest.approx(expected, abs=1e-12)
    assert egocentric(window, length=4) == pytest.approx(expected / 2, abs=1e-12)


def test_the_rear_half_defines_the_direction() -> None:
    casting = np.array([[[0.0, 2.0], [0.0, 1.0], [0.0, 0.0], [-1.0, 0.0], [-2.0, 0.0]]])
    found = egocentric(casting, 1)
    assert found[0, 2:].tolist() == [[0, 0], [-1, 0], [-2, 0]]
    assert found[0, 0].tolist() == [0, 2]  # left is left


def test_an_even_number_of_points() -> None:
    spine = np.array([[[4.0, 0.0], [3.0, 0.0], [2.0, 0.0], [1.0, 0.0]]])
    assert egocentric(spine, 1)[0, :, 0].tolist() == [1.5, 0.5, -0.5, -1.5]


@given(
    st.integers(0, 10**6),
    st.integers(2, 12),
    st.floats(-pi, pi),
    st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)),
    st.floats(0.01, 100),
)
def test_place_heading_and_size_make_no_difference(
    seed: int, points: int, angle: float, place: tuple[float, float], size: float
) -> None:
    window = larva(seed, points=points)
    expected = egocentric(window)
    assert egocentric(turned(window, angle)) == pytest.approx(expected, abs=1e-7)
    assert egocentric(window + place) == pytest.approx(expected, abs=1e-7)
    assert egocentric(window * size) == pytest.approx(expected, abs=1e-7)
    assert egocentric(turned(window, angle) * size + place) == pytest.approx(expected, abs=1e-6)


@given(st.integers(0, 10**6), st.integers(2, 12))
def test_centre_direction_and_length_are_as_documented(seed: int, points: int) -> None:
    found = egocentric(larva(seed, points=points))
    middle = (found[:, (points - 1) // 2] + found[:, points // 2]) / 2
    assert middle.mean(axis=0) == pytest.approx([0, 0], abs=1e-9)
    direction = (middle - found[:, -1]).mean(axis=0)
    assert direction[0] > 0
    assert direction[1] == pytest.approx(0, abs=1e-9)
    assert body_length(found) == pytest.approx(1)


def test_windows_together_equal_windows_one_by_one() -> None:
    windows = np.stack([larva(seed) for seed in range(6)]).reshape(2, 3, 7, 11, 2)
    found = egocentric(windows, 4.0)
    assert (found.shape, found.dtype) == (windows.shape, np.float64)
    for i in np.ndindex(2, 3):
        assert found[i].tolist() == egocentric(windows[i], 4.0).tolist()
    assert egocentric(windows[:0], 4.0).shape == (0, 3, 7, 11, 2)
    assert egocentric(windows)[0, 0] == pytest.approx(found[0, 0] * 4 / body_length(windows))


def test_any_array_is_accepted_and_stays_unchanged() -> None:
    window = larva(1)
    kept = window.copy()
    expected = egocentric(window, 4.0)
    assert window.tolist() == kept.tolist()
    assert egocentric(window.tolist(), 4.0).tolist() == expected.tolist()
    assert egocentric(np.asfortranarray(window), 4.0).tolist() == expected.tolist()
    assert egocentric(window.astype(np.float32), 4.0) == pytest.approx(expected, abs=1e-5)


def test_a_window_without_a_direction_is_not_turned() -> None:
    points = np.full((3, 11, 2), 7.0)
    assert egocentric(points, 4.0).tolist() == np.zeros((3, 11, 2)).tolist()
    there_and_back = np.stack([FORWARD, -FORWARD])
    assert egocentric(there_and_back, 1.0).tolist() == there_and_back.tolist()
    with pytest.raises(ValueError, match=r"body length above 0 mm, found 0.0"):
        egocentric(points)


def test_missing_values_stay_in_their_frame() -> None:
    windows = np.stack([larva(1), larva(2), larva(3), larva(4), larva(5)])
    windows[1, 2] = np.nan  # a frame
    windows[2, 2, 0] = np.nan  # a head
    windows[3, 2, 10, 0] = np.nan  # half a tail
    windows[4] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = egocentric(windows, 4.0)
    assert [np.isnan(window).sum() for window in found[[0, 1, 2, 4]]] == [0, 22, 2, 7 * 22]
    assert np.isnan(found[3]).any(axis=(1, 2)).tolist() == [frame == 2 for frame in range(7)]
    for window in (0, 1, 2, 3):
        expected = egocentric(
            np.delete(windows[window], 2, axis=0) if window in (1, 3) else windows[window], 4.0
        )
        kept = np.delete(found[window], 2, axis=0) if window in (1, 3) else found[window]
        np.testing.assert_allclose(kept, expected, atol=1e-12)
    assert egocentric(windows[1], 4.0).tobytes() == found[1].tobytes()


@pytest.mark.parametrize("length", [0, -1.0, float("nan"), float("inf")])
def test_invalid_lengths(length: float) -> None:
    with pytest.raises(ValueError, match="body length above 0 mm, found"):
        egocentric(larva(1), length)


def test_each_window_can_have_its_own_length() -> None:
    windows = np.stack([larva(3), 2 * larva(3)])
    found = egocentric(windows, [2.0, 4.0])
    np.testing.assert_allclose(found[0], egocentric(windows[0], 2.0))
    np.testing.assert_allclose(found[1], found[0])
    assert egocentric(windows[:0], []).shape == (0, *windows.shape[1:])
    with pytest.raises(
        ValueError, match=r"one for each window, \(2,\), found an array of shape \(3,\)"
    ):
        egocentric(windows, [1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="above 0 mm, found nan"):
        egocentric(windows, [1.0, np.nan])


@pytest.mark.parametrize(
    "shape", [(11, 2), (3, 11), (3, 11, 3), (3, 1, 2), (0, 11, 2), (2, 0, 11, 2)]
)
def test_invalid_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"shape \(..., n, points, 2\), found"):
        egocentric(np.zeros(shape), 1.0)


def test_the_body_length_is_the_median_over_complete_frames(tmp_path: Path) -> None:
    scaled = FORWARD * np.array([1, 2, 4, 100, np.nan])[:, None, None]
    assert body_length(scaled) == 2 * 3  # between 2 and 4
    assert body_length(scaled[1]) == 4
    with pytest.raises(ValueError, match="found none"):
        body_length(scaled[4:])
    with pytest.raises(ValueError, match=r"shape \(..., points, 2\), found \(3,\)"):
        body_length([1.0, 2.0, 3.0])
    spine = write_recording(tmp_path)
    recording = load_tracks(spine)
    assert body_length(recording) == pytest.approx(10 * 0.2 * 2**0.5, abs=0.01)
    with pytest.raises(ValueError, match="a recording that was loaded without them"):
        body_length(load_tracks(spine.with_suffix(".outline"), spine=False))


def test_real_larvae_crawl_head_first(recordings: Path) -> None:
    # docs/data.md states this order of points in a .spine
    for run in ("20170714_101500", "20170714_113000"):
        recording = load_tracks(recordings / "chore" / run / "groundtruth.label", outline=False)
        length = body_length(recording)
        assert 2 < length < 6
        for larva, track in recording.items():
            running = np.array(recording.labels()[run][larva].states) == "run"
            windows = np.lib.stride_tricks.sliding_window_view(track.spine, 11, axis=0)
            found = egocentric(np.moveaxis(windows, -1, 1), length)
            advance = found[:, -1, 5, 0] - found[:, 0, 5, 0]
            assert (advance[running[5:-5]] > 0).mean() > 0.9
