"""Tests of FIMTrack's tables."""

from __future__ import annotations

import csv
import hashlib
import math
import os
import re
import subprocess
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import RECORDINGS, ROOT, command
from taggingbackends import Labels, TrackFileError, dependency
from taggingbackends.analysis.info import info
from taggingbackends.backend.juliascripts import JULIA
from taggingbackends.data import (
    Recording,
    featuretable,
    fimtrack,
    find_recordings,
    load_tracks,
    plan_dataset,
)
from variants.fimtrack import variants

RUN = "20170714_120000"
SPINE = [
    *("head_x", "head_y"),
    *(f"spinepoint_{k}_{axis}" for k in (1, 2, 3) for axis in "xy"),
    *("tail_x", "tail_y"),
]
RADII = ["radius_1", "radius_2", "radius_3"]
FEATURES = ["mom_x", *SPINE, *RADII, "is_coiled"]

Cells = dict[str, list[list[str]]]


def straight(frames: int = 4, larvae: int = 2) -> Cells:
    """Return cells of larvae that head along x, with x of the head 40; y is 100 x the column."""
    x = {"head": 40, "spinepoint_1": 30, "spinepoint_2": 20, "spinepoint_3": 10, "tail": 0}
    cells: Cells = {}
    for feature in FEATURES:
        part = feature[:-2]
        for frame in range(frames):
            row = []
            for column in range(larvae):
                if feature in RADII:
                    row.append(f"{feature[-1]}.5")
                elif feature == "is_coiled":
                    row.append(str(int(frame == 1)))
                elif part in x:
                    row.append(str(x[part] + frame if feature[-1] == "x" else 100 * column))
                else:
                    row.append("7.125")
            cells.setdefault(feature, []).append(row)
    return cells


def write(path: Path, cells: Cells, larvae: list[int] | None = None, first: int = 0) -> Path:
    n = len(next(iter(cells.values()))[0])
    lines = ["".join(f",larva({i})" for i in larvae or range(n))]
    for feature, rows in cells.items():
        lines += [f"{feature}({i}),{','.join(row)}" for i, row in enumerate(rows, first)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write(tmp_path / RUN / "table.csv", straight(), [3, 1])


def loaded(path: Path, **options: Any) -> Recording:
    """Load a recording, whatever is left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_tracks(path, **options)


def assert_equal(found: Recording, expected: Recording) -> None:
    assert found.keys() == expected.keys()
    for larva, track in expected.items():
        for name in ("times", "spine", "outline", "outline_offsets"):
            assert np.array_equal(getattr(found[larva], name), getattr(track, name))
        assert found[larva].indicators.keys() == track.indicators.keys()
        for name, values in track.indicators.items():
            assert np.array_equal(found[larva].indicators[name], values)


def outline(track: Any, frame: int) -> np.ndarray:
    start, stop = track.outline_offsets[frame : frame + 2]
    found: np.ndarray = track.outline[start:stop]
    return found


def test_the_real_table(recordings: Path) -> None:
    path = recordings / "fimtrack" / RUN / "table.csv"
    recording = load_tracks(path, framerate=16, pixelsize=73)
    assert (recording.run, recording.format, recording.sources) == (RUN, "FIMTrack", (path,))
    assert list(recording) == [0, 1]
    one, two = recording.values()
    assert (len(one), one.times[0], one.times[-1]) == (1206, 0.0, 1205 / 16)
    assert (len(two), two.times[0], two.times[-1]) == (1218, 1.25, 1237 / 16)  # frame 20
    # 302 px * 73 um / 1000 = 22.046 mm, 1140 px: 83.22 mm, and so on
    by_hand = [
        [22.046, 83.22],
        [22.703, 82.49],
        [23.579, 81.249],
        [24.309, 80.008],
        [24.82, 79.205],
    ]
    assert np.allclose(one.spine[0], by_hand, rtol=0, atol=1e-12)
    with path.open(newline="") as file:
        rows = {row[0]: row[1:] for row in csv.reader(file)}
    for column, (larva, first) in enumerate([(0, 0), (1, 20)]):
        track = recording[larva]
        for i in range(0, len(track), 97):
            pixels = [float(rows[f"{name}({first + i})"][column]) for name in SPINE]
            assert track.spine[i].ravel().tolist() == [x * 73 / 1000 for x in pixels]
            radii = [float(rows[f"{name}({first + i})"][column]) * 0.073 for name in RADII]
            expected = np.array(outline_by_loop(track.spine[i], radii))
            defined = np.isfinite(expected)
            assert np.allclose(outline(track, i)[defined], expected[defined], atol=1e-6)
        assert track.indicators["is_coiled"].dtype == bool
        assert not track.indicators["is_coiled"].any()


def outline_by_loop(spine: np.ndarray, radii: list[float]) -> list[list[float]]:
    left, right = [], []
    for k, radius in enumerate(radii, 1):
        (x0, y0), (x1, y1), (x2, y2) = spine[k - 1 : k + 2].tolist()
        before, after = math.hypot(x1 - x0, y1 - y0), math.hypot(x2 - x1, y2 - y1)
        before, after = (x if x > 1e-12 else 0.0 for x in (before, after))
        x = ((x1 - x0) / before if before else 0.0) + ((x2 - x1) / after if after else 0.0)
        y = ((y1 - y0) / before if before else 0.0) + ((y2 - y1) / after if after else 0.0)
        length = math.hypot(x, y)
        nx, ny = (y / length, -x / length) if length > 1e-12 else (0.0, 0.0)
        if 1e-12 < length < 1e-3:
            nx = ny = math.nan  # directions nearly cancel: the result depends on rounding
        left.append([x1 + radius * nx, y1 + radius * ny])
        right.append([x1 - radius * nx, y1 - radius * ny])
    return [spine[0].tolist(), *left, spine[-1].tolist(), *right[::-1]]


def test_a_table(table: Path) -> None:
    recording = load_tracks(table, pixelsize=1000)
    assert recording.metadata == {"camera": {"framerate": 30.0, "pixelsize": 1000.0}}
    assert list(recording) == [3, 1]
    track = recording[1]
    assert track.times.tolist() == [0, 1 / 30, 2 / 30, 3 / 30]
    assert (track.spine.shape, track.spine.dtype) == ((4, 5, 2), np.float64)
    assert track.spine[1].tolist() == [[41, 100], [31, 100], [21, 100], [11, 100], [1, 100]]
    assert track.outline_offsets.tolist() == [0, 8, 16, 24, 32]
    assert track.outline_offsets.dtype == np.int64
    # larvae head along +x, so the left side is at +y
    sides = [[40, 100], [30, 101.5], [20, 102.5], [10, 103.5]]
    sides += [[0, 100], [10, 96.5], [20, 97.5], [30, 98.5]]
    assert outline(track, 0).tolist() == sides
    assert track.indicators["is_coiled"].tolist() == [False, True, False, False]


def test_an_indicator_is_on_above_0(tmp_path: Path) -> None:
    cells = straight(frames=6, larvae=1)
    cells["is_coiled"] = [["1"], ["0"], ["-1"], [""], ["0.5"], ["2"]]
    track = load_tracks(write(tmp_path / "t.csv", cells), pixelsize=73)[0]
    coiled = track.indicators["is_coiled"]
    assert coiled.dtype == np.bool_
    assert coiled.tolist() == [True, False, False, False, True, True]


def test_an_outline_at_a_bend_and_at_a_fold(tmp_path: Path) -> None:
    cells = straight(frames=1, larvae=1)
    for part, (x, y) in {
        "head": (0, 10),
        "spinepoint_1": (0, 0),  # a right angle
        "spinepoint_2": (10, 0),  # a fold
        "spinepoint_3": (5, 0),
        "tail": (5, 0),  # no length
    }.items():
        cells[f"{part}_x"], cells[f"{part}_y"] = [[str(x)]], [[str(y)]]
    path = write(tmp_path / "t.csv", cells)
    found = outline(load_tracks(path, pixelsize=1000, radii=[2**0.5, 1, 2])[0], 0)
    # directions at point 1 are (0, -1) and (1, 0), at 3 (-1, 0) and none
    expected = [[0, 10], [-1, -1], [10, 0], [5, 2], [5, 0], [5, -2], [10, 0], [1, 1]]
    assert np.allclose(found, expected)


def test_larvae_with_missing_frames_and_values(tmp_path: Path) -> None:
    cells = straight(frames=6, larvae=3)
    for feature, rows in cells.items():
        for frame in (0, 1, 5):
            rows[frame][1] = ""
        if feature in ("spinepoint_2_y", "radius_3", "is_coiled"):
            rows[3][0 if feature == "radius_3" else 1] = ""
        for row in rows:
            row[2] = "" if feature == "tail_x" else row[2]
    path = write(tmp_path / "t.csv", cells, [5, 9, 7])
    with pytest.warns(UserWarning, match="left out: 8 frames in which") as caught:
        recording = load_tracks(path, framerate=1, pixelsize=1e3)
    assert recording.left_out == (
        "8 frames in which a larva lacks a coordinate or radius (larva 5, 9, 7)",
        "1 larva without a complete frame (7)",
    )
    assert str(caught[0].message) == f"{path}: left out: {'; '.join(recording.left_out)}"
    assert len(caught) == 1
    assert list(recording) == [5, 9]  # 7 has no tail
    assert recording[9].times.tolist() == [2, 4]
    assert recording[5].times.tolist() == [0, 1, 2, 4, 5]
    assert recording[5].spine[:, 0, 0].tolist() == [40, 41, 42, 44, 45]
    assert recording[5].indicators["is_coiled"].tolist() == [False, True, False, False, False]
    # the frames do not depend on the loaded parts
    alone = loaded(path, framerate=1, pixelsize=1e3, outline=False)
    assert alone[5].times.tolist() == [0, 1, 2, 4, 5]
    # missing values of an overridden radius or an indicator do not matter
    full = loaded(path, framerate=1, pixelsize=1e3, radii=(None, None, 1.0))
    assert full[5].times.tolist() == [0, 1, 2, 3, 4, 5]
    cells["is_coiled"][1][0] = ""
    coiled = loaded(write(path, cells, [5, 9, 7]), pixelsize=73)[5]
    assert coiled.indicators["is_coiled"].tolist() == [False] * 5


def test_only_spines_or_only_outlines(table: Path) -> None:
    track = load_tracks(table, pixelsize=73, outline=False)[3]
    assert (track.outline, track.outline_offsets) == (None, None)
    track = load_tracks(table, pixelsize=73, spine=False)[3]
    assert track.spine is None
    assert track.outline.shape == (32, 2)
    recording = load_tracks(table, framerate=16, spine=False, outline=False)
    assert recording.metadata == {"camera": {"framerate": 16}}
    assert recording.run_is_derived
    track = recording[3]
    assert (track.spine, track.outline, track.outline_offsets) == (None, None, None)
    full = load_tracks(table, framerate=16, pixelsize=73)[3]
    assert track.times.tolist() == full.times.tolist()
    assert track.indicators.keys() == full.indicators.keys()


def test_tables_without_radii(tmp_path: Path) -> None:
    cells = {name: rows for name, rows in straight().items() if name not in RADII}
    path = write(tmp_path / "t.csv", cells)
    with pytest.raises(
        TrackFileError, match=r"rows radius_1\(frame\), found none; give radii"
    ) as e:
        load_tracks(path, pixelsize=73)
    assert (e.value.file, e.value.key) == (path, "radius_1")
    with pytest.raises(TrackFileError, match=r"rows radius_2\(frame\)"):
        load_tracks(path, pixelsize=73, radii=[1])
    assert load_tracks(path, pixelsize=73, outline=False)[0].spine is not None
    assert load_tracks(path, pixelsize=73, radii=[1, 2, 1])[0].outline is not None


def labelled(table: Path, **metadata: Any) -> Path:
    labels = Labels()
    labels.set(RUN, 3, [0.0], ["run"])
    labels[RUN].dependencies = [dependency(table)]
    labels[RUN].metadata.update(metadata)
    labels.write(table.with_name("truth.label"))
    return table.with_name("truth.label")


def test_a_label_file_gives_the_camera_and_radii(table: Path) -> None:
    path = labelled(
        table,
        camera={"framerate": 16, "pixelsize": 73},
        overrides={"radius_1": 1.0, "radius_3": 3, "other": "x"},
    )
    recording = load_tracks(path)
    expected = load_tracks(table, framerate=16, pixelsize=73, radii=(1, None, 3))
    assert recording.sources == (table, path)
    assert recording.labels()[RUN][3].states == ["run"]
    for larva, track in expected.items():
        assert np.array_equal(recording[larva].times, track.times)
        assert np.array_equal(recording[larva].spine, track.spine)
        assert np.array_equal(recording[larva].outline, track.outline)
    # options of the caller take precedence one by one
    given = load_tracks(path, framerate=8, radii=[2, 2, 2])
    assert given[3].times[1] == 1 / 8
    assert given.metadata["camera"] == {"framerate": 8, "pixelsize": 73}
    assert np.array_equal(given[3].spine, expected[3].spine)
    assert outline(given[3], 0)[1:4, 1] == pytest.approx([0.146] * 3)
    assert load_tracks(path, framerate=None)[3].times[1] == 1 / 16


def test_a_training_set_of_a_table(table: Path) -> None:
    label_file = labelled(table, camera={"framerate": 2, "pixelsize": 73})
    labels = Labels.read(label_file)
    labels.set(RUN, 3, [0.0, 0.5, 1.0, 1.5], ["run", "run", "cast", "run"])
    labels.write(label_file)
    windows = plan_dataset(label_file, duration=1, framerate=2).load("float64")
    assert (windows.times.tolist(), windows.names) == ([0.5, 1.0, 1.5], ["run", "cast"])
    assert windows.labels.tolist() == [0, 1, 0]
    assert np.array_equal(windows.spines[1], load_tracks(label_file)[3].spine[1:3])
    faster = plan_dataset(label_file, 1, 2, options={"framerate": 4}).load()
    assert faster.times.tolist() == [0.5]


@pytest.mark.parametrize("framerate", [30, 29.97, 7.5, 60])
def test_no_window_is_lost_to_the_rounding_of_times(tmp_path: Path, framerate: float) -> None:
    n = 200
    table = write(tmp_path / RUN / "table.csv", straight(n))
    recording = load_tracks(table, framerate=framerate, pixelsize=73)
    labels = Labels()
    for larva, track in recording.items():
        labels.set(RUN, larva, track.times, ["run"] * n)
    labels[RUN].dependencies = [dependency(table)]
    labels[RUN].metadata["camera"] = {"framerate": framerate, "pixelsize": 73}
    labels.write(tmp_path / RUN / "truth.label")
    plan = plan_dataset(tmp_path, duration=20 / framerate, framerate=framerate)
    assert plan.fitting == {"run": 2 * (n - 19)} == plan.selected
    windows = plan.load("float64")
    rounded = Labels.read(tmp_path / RUN / "truth.label")[RUN][0].times
    assert np.array_equal(windows.times[: n - 19], rounded[10 : n - 9])
    frames = np.lib.stride_tricks.sliding_window_view(recording[0].spine, 20, axis=0)
    assert np.array_equal(windows.spines[: n - 19], np.moveaxis(frames, -1, 1))


def test_data_info(table: Path) -> None:
    facts, (problem,) = info(table)
    assert "give it in µm" in problem
    facts, problems = info(table, pixelsize=73, framerate=2)
    assert problems == []
    assert facts["format"] == "FIMTrack"
    assert facts["duration"] == "1.500 s, from 0.000 to 1.500 s"
    assert facts["interval"] == "0.500 s mostly, 90 % from 0.500 to 0.500 s"
    result = command("data", "info", table, "--pixelsize", "73", cwd=table.parent)
    assert (result.returncode, result.stderr) == (0, "")
    assert "  spine       5 points, mm" in result.stdout.splitlines()


@pytest.mark.parametrize(
    ("metadata", "key"),
    [
        ({}, "pixelsize"),
        ({"camera": 3, "overrides": []}, "pixelsize"),
        ({"camera": {"pixelsize": "73"}}, "pixelsize"),
        ({"camera": {"pixelsize": True}}, "pixelsize"),
        ({"camera": {"pixelsize": 73, "framerate": 0}}, "framerate"),
        ({"camera": {"pixelsize": 73}, "overrides": {"radius_2": -1}}, "radius_2"),
        ({"camera": {"pixelsize": 73}, "overrides": {"radius_4": 1}}, "radii"),
    ],
)
def test_a_label_file_with_invalid_metadata(table: Path, metadata: Any, key: str) -> None:
    with pytest.raises(TrackFileError, match="expected") as caught:
        load_tracks(labelled(table, **metadata))
    assert (caught.value.file, caught.value.key) == (table, key)


def test_bad_options(table: Path) -> None:
    with pytest.raises(TrackFileError, match="give it in µm with the option pixelsize, or as"):
        load_tracks(table)
    for options in (
        {"pixelsize": math.nan},
        {"pixelsize": 1e300},
        {"pixelsize": 73, "framerate": math.inf},
        {"pixelsize": 73, "framerate": 1e-300},
        {"pixelsize": 73, "radii": [1e10]},
    ):
        with pytest.raises(TrackFileError, match=r"1e-09 to 1e\+09, found"):
            load_tracks(table, **options)
    with pytest.raises(TrackFileError, match="spine points 1 to 3, found one of 4"):
        load_tracks(table, pixelsize=73, radii=(1, 1, 1, 1))


def test_the_run(tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_tracks(table, pixelsize=73).run == RUN
    path = write(tmp_path / "2017" / "mine.x.csv", straight())
    assert load_tracks(path, pixelsize=73).run == "mine.x"
    monkeypatch.chdir(table.parent)
    assert load_tracks("table.csv", pixelsize=73).run == RUN


def test_tables_are_recognized_by_their_first_line(tmp_path: Path, table: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("larva(0),larva(1)\n")
    assert find_recordings([other, table]) == {table: [table]}
    with pytest.raises(TrackFileError, match="expected a FIMTrack file, which begins with"):
        load_tracks(other)
    other.write_text("")
    with pytest.raises(TrackFileError, match="found an empty file"):
        load_tracks(other)
    renamed = table.rename(table.with_suffix(".txt"))
    with pytest.raises(TrackFileError, match=r"tracker file \(.*\.csv, .*\)"):
        load_tracks(renamed)


def test_frames_that_do_not_begin_at_0(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", straight(), first=60)
    assert load_tracks(path, pixelsize=73)[0].times.tolist() == [2, 61 / 30, 62 / 30, 63 / 30]


@pytest.mark.parametrize(
    ("pattern", "by", "line", "message"),
    [
        pytest.param(r"larva\(1\)", "larva(3)", 1, "found larva(3) again", id="larva twice"),
        pytest.param(r"larva\(1\)", "larva(70000)", 1, "0 to 65535", id="larva beyond"),
        pytest.param(r"larva\(1\)", "larva(x)", 1, "found 'larva(x)'", id="no larva"),
        pytest.param(r"larva\(1\)", "", 6, "found '40' in column 3", id="unnamed"),
        pytest.param(r",larva\(1\)", ",larva(1)" * 10**5, 1, "again", id="100000 columns"),
        pytest.param(r"head_x\(2\),", "head_x(2),1,", 8, "'42' in column 4", id="more cells"),
        pytest.param(r"(?s)(tail_y\(3\)),.*", r"\1,1", 45, "found 1 cells; is", id="cut in a row"),
        pytest.param(r"(?s)tail_y\(2\).*", "", 43, "row tail_y(2), as head_x", id="cut in a block"),
        pytest.param(r"(?s)tail_y\(0\).*", "", None, "rows tail_y(frame), found none", id="cut"),
        pytest.param(r"(?s)\n.*", "\n", None, "rows head_x(frame), found none", id="no rows"),
        pytest.param(
            r"(?s)spinepoint_2_x\(0\).*?(?=spinepoint_2_y)", "", None, "spinepoint_2_x", id="no x"
        ),
        pytest.param(r"head_y\(2\).*\n", "", 12, "row head_y(2), as head_x has", id="missing"),
        pytest.param(r"head_x\(3\).*\n", "", 8, "row head_x(3), as head_y has", id="in the first"),
        pytest.param(r"head_y\(", "head_x(", 10, "head_x(0) again with other", id="feature twice"),
        pytest.param(r"head_x\(1\),41", "head_x(1),4x1", 7, "found '4x1'", id="no number"),
        pytest.param(r"head_x\(1\),41", "head_x(1),1e999", 7, "found '1e999'", id="infinite"),
        pytest.param(r"head_x\(1\),41", "head_x(1),\0", 7, "found '\\x00'", id="NUL"),
        pytest.param(r"mom_x\(1\),7", "\0", 3, "found a NUL byte", id="NUL in a name"),
    ],
)
def test_an_invalid_table_is_reported(
    table: Path, pattern: str, by: str, line: int | None, message: str
) -> None:
    text, n = re.subn(pattern, by, table.read_text())
    assert n
    table.write_text(text)
    with pytest.raises(TrackFileError, match=re.escape(message)) as caught:
        load_tracks(table, pixelsize=73)
    assert (caught.value.file, caught.value.line) == (table, line)


def test_coordinates_whose_product_with_the_pixel_size_is_not_finite(table: Path) -> None:
    text = table.read_text()
    for name, cell in (("tail_x", "1e307"), ("radius_2", "1e10")):
        row = next(row for row in text.splitlines() if row.startswith(f"{name}(2)"))
        table.write_text(text.replace(row, f"{name}(2),1,{cell}"))
        with pytest.raises(TrackFileError, match="for larva 1") as caught:
            load_tracks(table, pixelsize=73)
        assert caught.value.key == name


def test_a_table_without_a_complete_frame_is_refused(table: Path) -> None:
    write(table, straight() | {"head_y": [["", ""]] * 4}, [3, 1])
    with pytest.raises(TrackFileError, match="with all coordinates and radii, found none"):
        load_tracks(table, pixelsize=73)


def test_a_long_row(table: Path) -> None:
    expected = load_tracks(table, pixelsize=73)
    with table.open("a") as file:
        file.write("x" * 10**6)
    with pytest.warns(UserWarning, match=r"left out: 1 row that is not feature\(frame\) \('xxx"):
        assert_equal(load_tracks(table, pixelsize=73), expected)


def test_notations_and_line_ends(table: Path) -> None:
    expected = load_tracks(table, pixelsize=73)
    text = table.read_text().replace(",40,", ",+4e1,").replace(",41,", ",41.00000000000,")
    for changed in (text.replace("\n", "\r\n"), text.rstrip(), text + "\n\r\n\n"):
        table.write_text(changed, newline="")
        assert_equal(load_tracks(table, pixelsize=73), expected)


def test_unused_features_can_contain_any_text(table: Path) -> None:
    table.write_text(table.read_text().replace("7.125", "-nan"))
    assert len(load_tracks(table, pixelsize=73)) == 2


VARIANTS = list(variants())


@pytest.mark.parametrize(
    ("name", "files", "expected"), VARIANTS, ids=[variant[0] for variant in VARIANTS]
)
def test_variants(tmp_path: Path, name: str, files: dict[str, bytes], expected: str) -> None:
    path, plain = tmp_path / "table.csv", tmp_path / "plain.csv"
    path.write_bytes(files["table.csv"])
    assert find_recordings(path) == {path: [path]}
    if expected == "refused":
        with pytest.raises(TrackFileError, match=r"expected .*, found") as caught:
            load_tracks(path, pixelsize=100)
        assert caught.value.file == path
        return
    with warnings.catch_warnings(record=True) as caught_warnings:
        warnings.simplefilter("always")
        recording = load_tracks(path, pixelsize=100)
    assert len(caught_warnings) == bool(recording.left_out) == (expected == "reported")
    if name.startswith("same"):
        plain.write_bytes(VARIANTS[0][1]["table.csv"])
        assert_equal(recording, load_tracks(plain, pixelsize=100))


def test_what_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    found = {}
    for name, files, expected in VARIANTS:
        if expected == "reported":
            path.write_bytes(files["table.csv"])
            found[name] = loaded(path, pixelsize=100).left_out
    assert found == {
        "larva-without-frames": ("1 larva without a complete frame (7)",),
        "coordinate-NA": ("2 frames in which a larva lacks a coordinate or radius (larva 0, 1)",),
        "coordinate-empty": (
            "2 frames in which a larva lacks a coordinate or radius (larva 0, 1)",
        ),
        "radius-nan": ("2 frames in which a larva lacks a coordinate or radius (larva 0, 1)",),
        "row-without-cells": (
            "the last larvae in 1 row that is shorter than the first",
            "2 frames in which a larva lacks a coordinate or radius (larva 0, 1)",
        ),
        "carriage-return": ("2 rows that are not feature(frame) ('00.025', '00.125')",),
        "rows-shorter": ("the last larvae in 15 rows that are shorter than the first",),
        "landmark-with-a-comma": ("4 rows that are not feature(frame) ('is_in_odor')",),
        "row-without-a-frame": ("1 row that is not feature(frame) ('comment')",),
        "row-without-a-name": ("1 row that is not feature(frame) ('')",),
        "first-row-again": ("1 row that is not feature(frame) ('')",),
        "row-again": ("1 repeated row",),
        "column-of-comments": ("1 column without a larva (comment)",),
        "column-between": ("1 column without a larva (note)",),
    }


def test_many_columns_and_short_rows_take_little_memory(tmp_path: Path) -> None:
    """Rows need not have a cell for each of 65,536 larvae."""
    path = tmp_path / "table.csv"
    larvae = range(65_536)
    rows = [f"{name}({i}),1" for name in (*SPINE, *RADII) for i in range(200)]
    path.write_text("\n".join(["".join(f",larva({i})" for i in larvae), *rows, ""]))
    tracemalloc.start()
    try:
        recording = loaded(path, pixelsize=100)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert list(recording) == [0]
    assert peak < 60 << 20


def test_fimtrack_is_not_imported_before_it_is_needed(
    loaded_modules: Callable[[str], set[str]],
) -> None:
    modules = loaded_modules("from taggingbackends.data import load_tracks")
    assert "taggingbackends.data.fimtrack" not in modules


@given(st.data(), st.integers(1, 2000))
def test_tracks_are_those_of_a_loop_over_cells(data: st.DataObject, block: int) -> None:
    larvae = data.draw(st.lists(st.integers(0, 65535), min_size=1, max_size=4, unique=True))
    frames = data.draw(st.integers(1, 12))
    numbers = st.sampled_from(
        ["", "0", "12", "-3.25", "1040", "1.23456", "1e2", "123456.789", "7."]
    )
    filled = st.sampled_from(["1", "20", "300"])
    cell = numbers if data.draw(st.booleans()) else filled
    row = st.lists(cell, min_size=len(larvae), max_size=len(larvae))
    features = data.draw(st.permutations(FEATURES))
    cells = {name: data.draw(st.lists(row, min_size=frames, max_size=frames)) for name in features}
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(featuretable, "_BLOCK", block)
        patch.setattr(fimtrack, "_FRAMES", 3)
        path = write(Path(folder, "t.csv"), cells, larvae)
        try:
            recording = loaded(path, framerate=7, pixelsize=10)
            patch.setattr(featuretable, "_read_blocks", lambda stream, wanted: None)
            assert_equal(loaded(path, framerate=7, pixelsize=10), recording)
        except TrackFileError as error:
            assert "expected a frame of a larva" in error.problem
            recording = {}
    expected = {}
    for column, larva in enumerate(larvae):
        kept = [
            i for i in range(frames) if all(cells[name][i][column] for name in [*SPINE, *RADII])
        ]
        if kept:
            expected[larva] = (column, kept)
    assert list(recording) == list(expected)
    for larva, (column, kept) in expected.items():
        track = recording[larva]
        assert track.times.tolist() == [i / 7 for i in kept]
        coordinates = [[float(cells[name][i][column]) * 10 / 1000 for name in SPINE] for i in kept]
        assert track.spine.reshape(len(kept), -1).tolist() == coordinates
        coiled = [float(cells["is_coiled"][i][column] or 0) > 0 for i in kept]
        assert track.indicators["is_coiled"].tolist() == coiled
        for at, i in enumerate(kept):
            radii = [float(cells[name][i][column]) * 10 / 1000 for name in RADII]
            expected = np.array(outline_by_loop(track.spine[at], radii))
            defined = np.isfinite(expected)
            assert np.allclose(outline(track, at)[defined], expected[defined], atol=1e-6)


def digest(recording: Recording) -> str:
    """Return the digest of `tables.jl`."""
    parts = [recording.run.encode()]
    for larva, track in recording.items():
        parts.append(np.array([larva], dtype=np.int64).tobytes())
        arrays = (track.times, track.spine, track.outline, track.outline_offsets)
        parts += [array.tobytes() for array in arrays]
        for name, values in sorted(track.indicators.items()):
            parts += [name.encode(), values.tobytes()]
    return hashlib.sha1(b"".join(parts)).hexdigest()


def test_julia_reads_the_same(compiling_julia: dict[str, str], tmp_path: Path) -> None:
    tables = []
    for name, files, _ in VARIANTS:
        tables.append(tmp_path / name / "table.csv")
        tables[-1].parent.mkdir()
        tables[-1].write_bytes(files["table.csv"])
    real = RECORDINGS / "fimtrack" / RUN / "table.csv"
    tables += [real] * real.is_file()
    expected = []
    for table in tables:
        try:
            recording = loaded(table, pixelsize=100)
            found = ["read", digest(recording), *(recording.left_out or [""])]
        except TrackFileError as error:
            found = ["refused", str(error.line or ""), error.key or ""]
        expected.append(f"{table.parent.name}\t" + "\t".join(found).replace("'", '"'))
    julia = [compiling_julia[JULIA], "--startup-file=no", f"--project={ROOT}"]
    result = subprocess.run(
        [*julia, str(ROOT / "test" / "data" / "tables.jl"), *map(str, tables)],
        env=os.environ | compiling_julia,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert [f"{t.parent.name}\t{line}" for t, line in zip(tables, lines, strict=True)] == expected
