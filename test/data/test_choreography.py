"""Tests of recognizing tracker files, and of Choreography's .spine and .outline files."""

from __future__ import annotations

import gzip
import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import RUN, STEM, write_labels, write_recording
from taggingbackends import LabelFileError, TrackFileError
from taggingbackends.data import (
    FORMATS,
    Format,
    Recording,
    Track,
    choreography,
    compressed,
    find_recordings,
    load_tracks,
)
from taggingbackends.data.formats import companions, recordings_in, tracker_name
from variants.choreography import FRAMES, LARVAE, coordinate, seconds, variants


@pytest.fixture
def spine(tmp_path: Path) -> Path:
    return write_recording(tmp_path)


def test_a_pair_is_loaded_from_either_file(spine: Path) -> None:
    for path in (spine, spine.with_suffix(".outline")):
        recording = load_tracks(path)
        assert (recording.run, recording.format) == (RUN, "Choreography")
        assert recording.metadata == {
            "date_time": RUN,
            "genotype": "g",
            "effector": "e",
            "tracker": "t5",
            "protocol": "p",
        }
        assert recording.sources == (spine, spine.with_suffix(".outline"))
        assert list(recording) == [1, 20]
        track = recording[20]
        assert track.times.tolist() == [20.0, 20.1, 20.2, 20.3, 20.4]
        assert track.spine is not None
        assert track.outline is not None
        assert track.outline_offsets is not None
        assert (track.spine.shape, track.spine.dtype) == ((5, 11, 2), np.float64)
        assert track.spine[1, 3].tolist() == [1.62, 1.72]
        assert track.outline.shape == (40, 2)
        assert track.outline_offsets.tolist() == [0, 8, 16, 24, 32, 40]
        assert track.outline[track.outline_offsets[2]].tolist() == [2.02, 2.12]
        assert len(recording.labels()) == 0


def test_real_recordings(recordings: Path) -> None:
    folder = recordings / "chore" / "20170714_101500"
    recording = load_tracks(next(folder.glob("*.spine")))
    labels = load_tracks(folder / "groundtruth.label").labels()["20170714_101500"]
    assert list(recording) == list(labels) == [20, 45, 47, 154, 155, 122]
    for larva, track in recording.items():
        assert track.times.tolist() == labels[larva].times.tolist()
    lines = (folder / recording.sources[1].name).read_text().splitlines()
    line = lines[909 + 831 + 100].split()  # frame 101 of the third larva
    track = recording[47]
    assert track.outline is not None
    assert track.outline_offsets is not None
    start, stop = track.outline_offsets[100:102]
    assert track.times[100] == float(line[2])
    assert track.outline[start:stop].ravel().tolist() == [float(x) for x in line[3:]]


def test_outlines_vary_in_length(spine: Path) -> None:
    outline = spine.with_suffix(".outline")
    lines = outline.read_text().splitlines()
    lines[1] += " 7.5 8.5 9.5 10.5"
    outline.write_text("\n".join(lines) + "\n")
    track = load_tracks(spine)[1]
    assert track.outline is not None
    assert track.outline_offsets is not None
    assert track.outline_offsets.tolist() == [0, 8, 18, 26, 34, 42]
    assert track.outline[16:18].tolist() == [[7.5, 8.5], [9.5, 10.5]]
    assert track.outline[18].tolist() == [2.001, 2.101]


def test_one_of_the_pair_is_loaded_on_request(spine: Path) -> None:
    spine.with_suffix(".outline").unlink()
    recording = load_tracks(spine, outline=False)
    assert recording[1].outline is None
    assert recording.sources == (spine,)
    with pytest.raises(TrackFileError, match="expected this file beside") as caught:
        load_tracks(spine)
    assert caught.value.file == spine.with_suffix(".outline")


@pytest.mark.parametrize("files", ["pair", "only spines", "only outlines", "per larva"])
def test_times_without_coordinates(files: str, spine: Path) -> None:
    outline = spine.with_suffix(".outline")
    full = load_tracks(spine)
    if files == "only spines":
        outline.unlink()
    elif files == "only outlines":
        spine.unlink()
    elif files == "per larva":
        for larva in full:
            own = [x for x in spine.read_text().splitlines(True) if int(x.split()[1]) == larva]
            lines = [line.split(" ", 2)[2] for line in own]
            spine.with_name(f"{spine.stem}.{larva:05d}.spine").write_text("".join(lines))
        spine.unlink()
        outline.unlink()
        spine = spine.with_name(f"{spine.stem}.00001.spine")
    path = outline if files == "only outlines" else spine
    times = load_tracks(path, spine=False, outline=False)
    assert times.run == full.run == RUN
    assert times.run_is_derived == (files == "per larva")
    assert list(times) == list(full)
    for larva, track in times.items():
        assert track.times.tolist() == full[larva].times.tolist()
        assert (track.spine, track.outline, track.outline_offsets) == (None, None, None)


def test_times_of_a_file_that_is_cut(spine: Path) -> None:
    spine.write_bytes(spine.read_bytes()[:-100])
    with pytest.raises(TrackFileError, match="is the file cut"):
        load_tracks(spine, spine=False, outline=False)


def test_an_outline_alone(spine: Path) -> None:
    spine.unlink()
    outline = spine.with_suffix(".outline")
    track = load_tracks(outline, spine=False)[20]
    assert track.spine is None
    assert len(track) == 5
    with pytest.raises(TrackFileError, match="outline alone with spine=False"):
        load_tracks(outline)


def test_lines_of_larvae_can_be_interleaved(spine: Path) -> None:
    before = load_tracks(spine)
    for path in (spine, spine.with_suffix(".outline")):
        lines = path.read_text().splitlines()
        mixed = [line for pair in zip(lines[5:], lines[:5], strict=True) for line in pair]
        path.write_text("\n".join(mixed) + "\n\n  \n")
    after = load_tracks(spine)
    assert list(after) == [20, 1]
    for larva in before:
        for name in ("times", "spine", "outline", "outline_offsets"):
            assert np.array_equal(getattr(after[larva], name), getattr(before[larva], name))


def test_numbers_in_any_notation(spine: Path) -> None:
    line = f"{RUN}\t7  1e0 " + " ".join(["-.5", "+2.", "1E-3"] * 7) + " 12345.678901234567\r\n"
    spine.write_text(line)
    recording = load_tracks(spine, outline=False)
    track = recording[7]
    assert track.spine is not None
    assert track.times.tolist() == [1.0]
    assert track.spine[0, :2].tolist() == [[-0.5, 2.0], [0.001, -0.5]]
    assert track.spine[0, -1, 1] == 12345.678901234567


@pytest.mark.parametrize(
    "end",
    [
        "0.5 2",
        "1.25 1e-05",
        "1.250 1.255",
        "1.250 1.2555",
        "1.250 1.255  \t",
        "1.250 1.25\n ",
        "1.250 1.25\r",
    ],
)
def test_a_last_line_without_a_line_break(end: str, spine: Path) -> None:
    spine.write_text(f"{RUN} 7 1.000 " + "0.125 " * 20 + end)
    track = load_tracks(spine, outline=False)[7]
    assert track.spine is not None
    assert track.spine[0, -1, 1] == float(end.split()[1])


@pytest.mark.parametrize("end", ["1.250 1.2", "1.250 1.25", "1.250 1", "1.250 1.25  \t"])
def test_a_last_number_that_was_cut(end: str, spine: Path) -> None:
    """All fields are present, but the last has fewer decimals than the others."""
    line = f"{RUN} 7 1.000 " + "0.125 " * 20
    spine.write_text(f"{line}0.125 0.125\n{line.replace('1.000', '2.000')}{end}")
    with pytest.raises(TrackFileError, match="with 3 decimals and the line's end") as caught:
        load_tracks(spine, outline=False)
    assert (caught.value.file, caught.value.line) == (spine, 2)


def test_numbers_with_varying_decimals_do_not_count_as_cut(spine: Path) -> None:
    for time, number in (("1.00", "0.125"), ("1.000", "0.12")):
        spine.write_text(f"{RUN} 7 {time} " + "0.125 " * 20 + f"{number} 0.1")
        assert load_tracks(spine, outline=False)[7].times.tolist() == [1.0]


def test_a_stem_without_metadata(spine: Path, tmp_path: Path) -> None:
    other = tmp_path / "any.spine"
    spine.rename(other)
    recording = load_tracks(other, outline=False)
    assert (recording.run, recording.metadata) == (RUN, {})


def edited(path: Path, line: int, pattern: str, by: str) -> None:
    lines = path.read_text().splitlines(keepends=True)
    lines[line - 1], n = re.subn(pattern, by, lines[line - 1])
    assert n
    path.write_text("".join(lines))


@pytest.mark.parametrize(
    ("suffix", "line", "pattern", "by", "message"),
    [
        pytest.param(".spine", 4, r" \S+$", "", "expected 25 fields", id="a missing field"),
        pytest.param(".spine", 4, r"\n$", " 1 2\n", "expected 25 fields", id="an additional point"),
        pytest.param(".spine", 10, r"( \S+){10}\n$", "", "found 15; is the file cut", id="cut"),
        pytest.param(".spine", 10, r"\d\n$", "", "is the file cut", id="cut within a number"),
        pytest.param(".outline", 4, r" \S+\n$", "\n", "odd number of fields", id="half a point"),
        pytest.param(".spine", 4, r" 3\.", " x3.", "expected a number in field", id="a letter"),
        pytest.param(".spine", 4, r" 3\.", " 1_3.", "expected a number in field", id="underscore"),
        pytest.param(".spine", 4, r" \S+$", " 1e999", "number in field 25", id="too large"),
        pytest.param(".spine", 4, r"^(\S+) \S+", r"\1 inf", "field 2, found inf", id="no larva"),
        pytest.param(".spine", 4, "^2024", "2025", "expected run 20240611", id="another run"),
        pytest.param(".spine", 4, r"^(\S+) \S+", r"\1 70000", "larva identifier", id="larva"),
        pytest.param(".spine", 4, r"^(\S+) \S+", r"\1 1.5", "larva identifier", id="half a larva"),
        pytest.param(".spine", 4, r"1\.3", "1.2", "time of larva 1 after 1.2", id="time again"),
    ],
)
def test_an_invalid_line_is_reported(
    spine: Path, suffix: str, line: int, pattern: str, by: str, message: str
) -> None:
    path = spine.with_suffix(suffix)
    edited(path, line, pattern, by)
    with pytest.raises(TrackFileError, match=re.escape(message)) as caught:
        load_tracks(spine)
    assert (caught.value.file, caught.value.line) == (path, line)
    assert str(caught.value).startswith(f"{path}, line {line}: expected ")


def test_an_empty_file(spine: Path) -> None:
    spine.with_suffix(".outline").write_text("")
    with pytest.raises(TrackFileError, match="empty file"):
        load_tracks(spine)


def test_an_outline_that_lacks_a_frame(spine: Path) -> None:
    outline = spine.with_suffix(".outline")
    lines = outline.read_text().splitlines(keepends=True)
    outline.write_text("".join(lines[:1] + lines[2:]))
    with pytest.warns(UserWarning, match="outlines of 1 frame, which are missing") as caught:
        track = load_tracks(spine)[1]
    assert len(caught) == 1
    assert track.times.tolist() == [1.0, 1.1, 1.2, 1.3, 1.4]
    assert track.outline is not None
    assert track.outline_offsets is not None
    assert track.outline_offsets.tolist() == [0, 8, 8, 16, 24, 32]
    assert track.outline[8].tolist() == [2.001, 2.101]


def test_a_frame_without_a_spine(spine: Path) -> None:
    edited(spine, 2, r"( \S+){22}\n", " nan" * 22 + "\n")
    edited(spine, 3, r" \S+\n", " nan\n")
    with pytest.warns(UserWarning, match="left out: 1 spine with missing coordinates$"):
        track = load_tracks(spine)[1]
    assert track.spine is not None
    assert np.isnan(track.spine).all(axis=(1, 2)).tolist() == [False, True, True, False, False]
    assert track.times.tolist() == [1.0, 1.1, 1.2, 1.3, 1.4]


def test_the_end_of_an_outline_that_is_nan(spine: Path) -> None:
    outline = spine.with_suffix(".outline")
    edited(outline, 2, r"\n", " nan nan\n")
    edited(outline, 3, r" \S+ \S+\n", " nan nan\n")
    track = load_tracks(spine)[1]
    assert track.outline is not None
    assert track.outline_offsets is not None
    assert track.outline_offsets.tolist() == [0, 8, 16, 23, 31, 39]
    assert np.isfinite(track.outline).all()


def test_no_frame_in_common(spine: Path) -> None:
    outline = spine.with_suffix(".outline")
    outline.write_text(outline.read_text().replace(f"{RUN} 0", f"{RUN} 1"))
    with pytest.raises(TrackFileError, match="expected larvae and times of"):
        load_tracks(spine)


def test_the_runs_of_a_pair_differ(spine: Path) -> None:
    outline = spine.with_suffix(".outline")
    outline.write_text(outline.read_text().replace(RUN, "20240611_101501"))
    with pytest.raises(TrackFileError, match=f"expected run {RUN}"):
        load_tracks(spine)


def test_files_of_unknown_formats(tmp_path: Path) -> None:
    (tmp_path / "x.spine").write_text("head,tail\n1,2\n")
    with pytest.raises(TrackFileError, match=r"expected a Choreography file.*found 'head,tail"):
        load_tracks(tmp_path / "x.spine")
    (tmp_path / "y.spine").write_text("")
    with pytest.raises(TrackFileError, match="found an empty file"):
        load_tracks(tmp_path / "y.spine")
    (tmp_path / "z.avi").write_text("")
    with pytest.raises(TrackFileError, match=r"expected a tracker file \(.spine, .outline"):
        load_tracks(tmp_path / "z.avi")
    with pytest.raises(FileNotFoundError):
        load_tracks(tmp_path / "none.spine")


def test_a_label_file_loads_its_tracks(spine: Path) -> None:
    path = write_labels(spine)
    recording = load_tracks(path, outline=False)
    assert recording.sources == (spine, path)
    assert recording.labels()[RUN][20].states == ["run"] * 5
    assert recording.metadata["genotype"] == "g"
    spine.write_text(spine.read_text().replace("1.1", "1.2"))
    with pytest.raises(LabelFileError, match="bad-dependency"):
        load_tracks(path)


def test_finding_recordings(tmp_path: Path) -> None:
    one = write_recording(tmp_path)
    two = write_recording(tmp_path, "20240612_090000@g")
    three = write_recording(tmp_path / "sub")
    label = write_labels(one)
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "broken.outline").write_text("")
    (tmp_path / "table.csv").write_text("a,b\n")
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert label in files
    assert find_recordings(files) == {
        one: [one.with_suffix(".outline"), one],
        two: [two.with_suffix(".outline"), two],
        tmp_path / "broken.outline": [tmp_path / "broken.outline"],
        three: [three.with_suffix(".outline"), three],
    }


def test_a_line_that_is_too_long(tmp_path: Path) -> None:
    spine = write_recording(tmp_path)
    with spine.open("a") as file:
        file.write(f"{RUN} 00001 2.0 " + "1 " * (1 << 20))
    with pytest.raises(TrackFileError, match="expected lines of 1048576 bytes at most") as caught:
        load_tracks(spine)
    assert (caught.value.file, caught.value.line) == (spine, 11)


def test_a_backend_can_add_a_format(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    def load(path: Path, scale: float = 1.0) -> Recording:
        times = scale * np.array([float(line) for line in path.read_text().split()[1:]])
        return Recording("r", {1: Track(times)}, {}, "times", (path,))

    def recognize(head: bytes) -> bool:
        return head.startswith(b"times\n")

    FORMATS.append(Format("times", (".csv",), recognize, load, "times", options=("scale",)))
    request.addfinalizer(FORMATS.pop)
    path = tmp_path / "x.csv"
    path.write_text("times\n1\n2\n")
    assert load_tracks(path, scale=2.0)[1].times.tolist() == [2.0, 4.0]
    assert load_tracks(path, pixelsize=73, outline=False)[1].times.tolist() == [1.0, 2.0]
    with pytest.raises(TypeError, match=r"spine, outline, .*, scale, found scael$"):
        load_tracks(path, scael=2.0)
    assert find_recordings([path]) == {path: [path]}
    path.write_text("other\n")
    assert find_recordings([path]) == {}
    with pytest.raises(
        TrackFileError, match=r"FIMTrack file.* or a times file, which begins with times, found"
    ):
        load_tracks(path)


def test_formats_import_no_heavy_modules(loaded_modules: Callable[[str], set[str]]) -> None:
    modules = loaded_modules("from taggingbackends.data import find_recordings, is_label_file")
    assert not modules & {"numpy", "h5py", "orjson"}


def test_a_stem_with_dots(tmp_path: Path) -> None:
    spine = write_recording(tmp_path, f"{STEM}@1.5.x")
    assert load_tracks(spine).sources == (spine, spine.with_suffix(".outline"))


def read_line_by_line(path: Path) -> dict[int, tuple[list[float], list[list[float]]]]:
    larvae: dict[int, tuple[list[float], list[list[float]]]] = {}
    for line in path.read_text().splitlines():
        if fields := line.split():
            times, coordinates = larvae.setdefault(int(fields[1]), ([], []))
            times.append(float(fields[2]))
            coordinates.append([float(field) for field in fields[3:]])
    return larvae


COORDINATES = st.floats(-2000, 2000).flatmap(
    lambda x: st.sampled_from([f"{x:.3f}", f"{x:.3f}", f"{x:.3f}", f"{x:.0f}", f"{x:.4g}", f"{x}"])
)


@given(st.data(), st.integers(1, 2000))
def test_tracks_are_those_of_a_loop_over_lines(data: st.DataObject, block: int) -> None:
    larvae = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=20))
    if data.draw(st.booleans()):
        larvae.sort()
    ends = st.sampled_from(["\n", "\n", "\r\n", " \n", "\n\n", "\n \n"])
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(choreography, "_BLOCK", block)
        spine = Path(folder, f"{STEM}.spine")
        outline = spine.with_suffix(".outline")
        for path in (spine, outline):
            lines = []
            for frame, larva in enumerate(larvae):
                points = 11 if path is spine else data.draw(st.integers(1, 13))
                numbers = data.draw(st.lists(COORDINATES, min_size=2, max_size=6)) * points
                xy = " ".join(numbers[: 2 * points])
                lines.append(f"{RUN} {larva:05d} {frame / 8:.3f} {xy}{data.draw(ends)}")
            path.write_text("".join(lines), newline="")
        recording = load_tracks(spine)
        spines, outlines = read_line_by_line(spine), read_line_by_line(outline)
    assert list(recording) == list(spines)
    for larva, track in recording.items():
        assert track.spine is not None
        assert track.outline is not None
        assert track.outline_offsets is not None
        times, rows = spines[larva]
        assert track.times.tolist() == times
        assert track.spine.reshape(-1, 22).tolist() == rows
        _, rows = outlines[larva]
        assert track.outline.ravel().tolist() == [x for row in rows for x in row]
        assert track.outline_offsets.tolist() == [0, *np.cumsum([len(row) // 2 for row in rows])]


def test_the_first_error_does_not_depend_on_blocks(
    spine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choreography, "_BLOCK", 1)
    faults = [
        (2, r"^(\S+) \S+", r"\1 70000", "larva identifier"),
        (3, r" 3\.", " x3.", "expected a number in field"),
        (4, " 3[.]", " y3.", "expected a number in field"),
        (5, "^2024", "2025", "expected run"),
        (6, "^2024", "2026", "expected run"),
        (9, r" \S+$", "", "expected 25 fields"),
        (10, r" \S+$", "", "expected 25 fields"),
    ]
    reported = [2, 3, 3, 5, 5, 9, 9]
    for (line, pattern, by, message), first in zip(faults, reported, strict=True):
        edited(spine, line, pattern, by)
        with pytest.raises(TrackFileError, match=message) as caught:
            load_tracks(spine)
        assert caught.value.line == first
        assert "is the file cut" not in str(caught.value)


@pytest.mark.parametrize("change", ["cut", "grown", "replaced"])
def test_a_file_that_changes_while_it_is_read(
    spine: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse = choreography.decimals.parse

    def parsing(*arguments: Any, **options: Any) -> Any:
        if change == "cut":
            os.truncate(spine, 10)
        elif change == "grown":
            with spine.open("a") as file:
                file.write("20240611_101500 0000")
        else:
            other = spine.with_name("other")
            other.write_text("other")
            other.replace(spine)
        return parse(*arguments, **options)

    monkeypatch.setattr(choreography.decimals, "parse", parsing)
    with pytest.raises(TrackFileError, match="found that it changed while it was read") as caught:
        load_tracks(spine)
    assert caught.value.file == spine


def test_an_outline_that_was_cut_between_two_points(spine: Path) -> None:
    """The remaining line is valid; only its missing end tells."""
    outline = spine.with_suffix(".outline")
    outline.write_text(outline.read_text().rstrip().rsplit(" ", 2)[0])
    with pytest.raises(TrackFileError, match=r"a line break at the end, as .*spine has") as caught:
        load_tracks(spine)
    assert (caught.value.file, caught.value.line) == (outline, 10)
    assert len(load_tracks(outline, spine=False)) == 2


def test_a_run_that_is_not_text(spine: Path) -> None:
    outline = spine.with_suffix(".outline")
    outline.write_bytes(outline.read_bytes().replace(RUN.encode(), b"2024\xff{x}"))
    with pytest.raises(TrackFileError, match=r"a run in UTF-8, found 2024\\xff\{x\}") as caught:
        load_tracks(spine)
    assert (caught.value.file, caught.value.line) == (outline, 1)
    content = outline.read_bytes()
    outline.write_bytes(content.replace(b"{x}", b"{y}").replace(b"{y}", b"{x}", 1))
    with pytest.raises(TrackFileError, match=r"run 2024\\xff\{x\} in all lines, found .*\{y\}"):
        load_tracks(spine)


def _frames(recording: Recording) -> dict[tuple[int, float], tuple[Any, Any]]:
    frames = {}
    for larva, track in recording.items():
        assert track.spine is not None
        assert track.outline is not None
        assert track.outline_offsets is not None
        assert len(track.times) == len(track.spine) == len(track.outline_offsets) - 1
        outlines = np.split(track.outline, track.outline_offsets[1:-1])
        for time, points, outline in zip(track.times, track.spine, outlines, strict=True):
            frames[larva, float(time)] = points, outline
    return frames


@pytest.mark.parametrize(
    ("files", "expected"), [pytest.param(*rest, id=name) for name, *rest in variants()]
)
def test_variants(files: dict[str, bytes], expected: str, tmp_path: Path) -> None:
    """Nothing is skipped in silence, and what is read has its only meaning."""
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    found = find_recordings(tmp_path)
    assert [sorted(file.name for file in parts) for parts in found.values()] == [sorted(files)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            recording = load_tracks(next(iter(found)))
        except TrackFileError as error:
            assert expected == "refused"
            assert error.file is not None
            return
    assert [str(one.message).count(": left out: ") for one in caught] == (
        [1] if expected == "reported" else []
    )
    frames = _frames(recording)
    written = [(larva, frame) for larva in LARVAE for frame in range(FRAMES)]
    assert expected == "reported" or set(frames) == {(x, float(seconds(x, y))) for x, y in written}
    for larva, frame in written:
        if (larva, float(seconds(larva, frame))) in frames:
            spine, outline = frames[larva, float(seconds(larva, frame))]
            numbers = [float(coordinate(larva, frame, i)) for i in range(2 * len(spine))]
            assert np.isnan(spine).all() or spine.ravel().tolist() == numbers
            assert outline.ravel().tolist() in (
                [],
                numbers[:16]
                + [float(coordinate(larva, frame, i)) for i in range(len(numbers), 16)],
            )


def test_gzip_that_is_a_bomb(spine: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The content is limited to 64 times the file's size, if this is more than 64 MiB."""
    small = tmp_path / "x.spine.gz"
    line = f"{RUN} 1 {{}} " + "0.000 " * 220 + "\n"
    small.write_bytes(gzip.compress("".join(map(line.format, range(1000))).encode()))
    assert len(load_tracks(small, outline=False)[1]) == 1000
    monkeypatch.setattr(compressed, "_SMALL", 1 << 20)
    with pytest.raises(TrackFileError, match="64 times the file's size or 1 MiB") as caught:
        load_tracks(small, outline=False)
    assert caught.value.file == small


def test_formats_that_are_not_read_from_gzip(tmp_path: Path) -> None:
    for name, content in (
        ("table.csv.gz", b",larva(0)\nmom_x(0),1\n"),
        ("trx.mat.gz", b"MATLAB 7.3 MAT-file"),
    ):
        path = tmp_path / name
        path.write_bytes(gzip.compress(content))
        with pytest.raises(TrackFileError, match=r"compressed with gzip; .* \(gunzip\)"):
            load_tracks(path)
        path.write_bytes(gzip.compress(content)[:5])
        with pytest.raises(TrackFileError, match="found no content or damaged gzip"):
            load_tracks(path)


def test_names_of_tracker_files() -> None:
    names = {
        "x.spine": ("x", None, ".spine"),
        "x.1.5.OUTLINE": ("x.1.5", None, ".outline"),
        "x.Spine.GZ": ("x", None, ".spine"),
        "x.00012.spine": ("x", 12, ".spine"),
        "x.00012.spine.gz": ("x", 12, ".spine"),
        "00012.spine": ("00012", None, ".spine"),
        ".00012.spine": (".00012", None, ".spine"),
        "x.012.spine": ("x.012", None, ".spine"),
        "x.123456.spine": ("x.123456", None, ".spine"),
        "x.00012.csv": ("x.00012", None, ".csv"),
        "x.CSV": ("x", None, ".csv"),
        "x.tar.gz": ("x.tar", None, ".gz"),
        "x.00012.label": ("x.00012", None, ".label"),
    }
    assert {name: tuple(tracker_name(name)) for name in names} == names


def test_the_run_of_lines_without_one(tmp_path: Path) -> None:
    cases = {"20240612_090000@x/20240611_101500@g": RUN, f"{RUN}/x": RUN, "a/x@b": "x@b"}
    for stem, run in cases.items():
        path = tmp_path / f"{stem}.00007.spine"
        path.parent.mkdir(exist_ok=True)
        path.write_text("0.5" + " 1.0" * 22 + "\n")
        recording = load_tracks(path, outline=False)
        assert (recording.run, list(recording)) == (run, [7])


def test_companions_of_any_name(tmp_path: Path) -> None:
    def names(name: str) -> list[str]:
        return [file.name for file in companions(tmp_path / name)]

    for name in (
        "a.spine",
        "a.outline",
        "b.SPINE",
        "b.outline.gz",
        "c.00001.spine",
        "c.00002.spine",
        "c.00001.outline",
        "d.csv",
        "d.csv.gz",
        "e.spine",
        "ee.outline",
    ):
        (tmp_path / name).touch()
    assert names("a.spine") == ["a.outline"]
    assert names("b.SPINE") == ["b.outline.gz"]
    assert names("c.00002.spine") == ["c.00001.spine", "c.00001.outline"]
    assert names("d.csv") == names("e.spine") == []
    assert list(recordings_in(tmp_path)) == ["a", "b", "c", "e", "ee"]


def test_a_file_without_a_spine_and_a_field_too_few(tmp_path: Path) -> None:
    spine = write_recording(tmp_path)
    spine.write_text(f"{RUN} 1 0.5\n{RUN} 1\n")
    message = r"line 2: expected 3 fields \(date_time larva_id time\), found 2"
    with pytest.raises(TrackFileError, match=message):
        load_tracks(spine, outline=False)
