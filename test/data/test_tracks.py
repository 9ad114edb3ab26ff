"""Tests of tracks and recordings in memory, and of finding recordings in folders."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from support import RUN, backend_error, write_labels, write_recording
from taggingbackends import Labels, TrackFileError
from taggingbackends.analysis.info import info
from taggingbackends.data import (
    Recording,
    Track,
    body_length,
    choreography,
    egocentric,
    find_recordings,
    load_tracks,
    plan_dataset,
    resample,
    resample_states,
)


@pytest.fixture
def track() -> Track:
    """Return a track of 5 frames from 1.0 to 1.4 s; the outline of frame i has i points."""
    return Track(
        times=np.array([1.0, 1.1, 1.1 + 0.1, 1.3, 1.4]),  # the third is 1.2000000000000002
        spine=np.arange(110.0).reshape(5, 11, 2),
        outline=np.arange(20.0).reshape(10, 2),
        outline_offsets=np.array([0, 0, 1, 3, 6, 10]),
        indicators={"run": np.array([True, False, True, True, False])},
    )


def outlines(track: Track) -> list[list[list[float]]]:
    assert track.outline is not None
    assert track.outline_offsets is not None
    starts, stops = track.outline_offsets[:-1], track.outline_offsets[1:]
    return [track.outline[i:j].tolist() for i, j in zip(starts, stops, strict=True)]


# -- tracks


@pytest.mark.parametrize(
    ("times", "frames"),
    [
        (slice(1.1, 1.2), slice(1, 3)),
        (slice(1, 1.3), slice(0, 4)),
        (slice(None, np.float32(1.1)), slice(0, 2)),
        (slice(1.3, None), slice(3, 5)),
        (slice(None), slice(0, 5)),
        (slice(2, 3), slice(5, 5)),
        (slice(1.3, 1.1), slice(3, 3)),
        (slice(-np.inf, np.inf), slice(0, 5)),
    ],
)
def test_a_slice_of_seconds_is_a_track(track: Track, times: slice, frames: slice) -> None:
    part = track[times]
    assert len(part) == len(track.times[frames])
    assert part.times.tolist() == track.times[frames].tolist()
    assert part.spine is not None
    assert track.spine is not None
    assert part.spine.tolist() == track.spine[frames].tolist()
    assert outlines(part) == outlines(track)[frames]
    assert part.outline_offsets is not None
    assert (part.outline_offsets.dtype, part.outline_offsets[0]) == (np.int64, 0)
    assert part.indicators["run"].tolist() == track.indicators["run"][frames].tolist()
    bare = Track(track.times)[times]
    assert (bare.spine, bare.outline, bare.outline_offsets) == (None, None, None)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda track: track[3], r"track\[start:stop\], found 3; frame i is track.times\[i\]"),
        (lambda track: track["run"], "expected a slice of seconds"),
        (lambda track: track[1.0:1.4:0.1], "no step, found .*; taggingbackends.data.resample"),
        (lambda track: track["1":"2"], "expected a time in seconds, found a str"),
        (lambda track: list(track), "not iterable"),
        (lambda track: 1.0 in track, "not (iterable|a container)"),
    ],
)
def test_other_items_of_a_track_are_refused(
    track: Track, use: Callable[[Any], Any], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        use(track)


def test_tracks_are_compared_and_hashed_by_identity(track: Track) -> None:
    assert track == track
    assert track != track[:]
    assert len({track, track[:]}) == 2


def test_short_reprs(track: Track) -> None:
    assert repr(track) == "<Track: 5 frames, 1 to 1.4 s, spine of 11 points, outline, 1 indicator>"
    assert repr(Track(np.array([12.3456]))) == "<Track: 1 frame, 12.346 to 12.346 s>"
    assert repr(Track(np.empty(0))) == "<Track: 0 frames>"
    one = Recording(RUN, {1: track[1:1]}, {}, "x", ())
    assert repr(one) == f"<Recording {RUN} (x): 1 larva, 1 frame>"


def lacking(track: Track, *frames: int) -> Track:
    """Return a track whose spine is missing in some frames."""
    assert track.spine is not None
    spine = track.spine.copy()
    spine[list(frames)] = np.nan
    return replace(track, spine=spine)


def test_frames_without_a_spine(track: Track) -> None:
    assert track.has_spine.tolist() == [True] * 5
    assert track.has_spine.dtype == np.bool_
    part = lacking(track, 0, 3)
    assert part.spine is not None
    part.spine[4, 10, 1] = np.inf  # half a point
    assert part.has_spine.tolist() == [False, True, True, False, False]
    assert part[1.1:1.3].has_spine.tolist() == [True, True, False]
    assert part[2:3].has_spine.tolist() == []
    assert repr(part) == (
        "<Track: 5 frames, 1 to 1.4 s, spine of 11 points, none in 3 frames, outline, 1 indicator>"
    )
    assert replace(track, spine=None).has_spine.tolist() == [False] * 5
    one = Recording(RUN, {1: part, 2: replace(track, spine=None)}, {}, "x", ())
    assert repr(one) == f"<Recording {RUN} (x): 2 larvae, 10 frames, 3 without a spine>"
    assert "<td>11 points, none in 3 frames</td>" in one._repr_html_()
    assert repr(one.crop(1, 1.05)).endswith("2 larvae, 2 frames, 1 without a spine>")


# -- recordings


def test_what_is_left_out_is_one_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spine = write_recording(tmp_path)
    label = write_labels(spine)
    left_out = ("2 larvae without frames (3, 17)", "12 rows that are not used")
    load = choreography.load

    def leaving_out(*arguments: Any, **options: Any) -> Recording:
        return replace(load(*arguments, **options), left_out=left_out)

    monkeypatch.setattr(choreography, "load", leaving_out)
    message = f"{spine}: left out: {left_out[0]}; {left_out[1]}"
    for file in (spine, label, tmp_path):  # the label file loads the .spine
        with pytest.warns(UserWarning) as caught:
            recording = load_tracks(file)
        assert [str(warning.message) for warning in caught] == [message]
        assert recording.left_out == left_out
        assert recording.crop(1, 1.2).left_out == left_out
        assert caught[0].filename == __file__
    with pytest.warns(UserWarning) as caught:
        plan_dataset(label, 0.1, 10).load()  # loads it twice
    assert [str(warning.message) for warning in caught] == [message]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        facts, problems = info(label)
    assert (facts["left out"], problems) == ("; ".join(left_out), [])


@pytest.fixture
def recording(track: Track) -> Recording:
    labels = Labels()
    labels.set(RUN, 20, track.times, ["run"] * 5)
    labels.set(RUN, 7, [1.4], ["cast"])
    late = Track(np.array([1.4]))
    return Recording(RUN, {20: track, 7: late}, {"camera": {"framerate": 10}}, "x", (), labels)


def test_a_recording_is_cropped_with_its_labels(recording: Recording) -> None:
    part = recording.crop(1.0, 1.2)
    assert list(part) == [20]
    assert part[20].times.tolist() == recording[20].times[:3].tolist()
    assert part.labels().to_dict() == recording.labels().crop(1.0, 1.2).to_dict()
    assert list(part.labels()[RUN]) == [20]
    assert (part.run, part.format, part.metadata) == (RUN, "x", recording.metadata)
    part.metadata["camera"]["framerate"] = 1
    assert recording.metadata["camera"]["framerate"] == 10
    assert list(recording) == [20, 7]
    with pytest.raises(TypeError, match="expected a time in seconds"):
        recording.crop("1", 2)  # type: ignore[arg-type]


def test_the_error_of_a_missing_larva_lists_existing_ones(recording: Recording) -> None:
    with pytest.raises(KeyError) as caught:
        recording["20"]  # type: ignore[index]
    assert str(caught.value) == "larva '20': identifiers are integers; nearest: 20"
    with pytest.raises(KeyError, match=r"larva 8: not found; nearest: 7, 20"):
        recording[8]
    assert 8 not in recording
    assert recording.get(8) is None


def test_recordings_can_be_pickled(recording: Recording) -> None:
    again = pickle.loads(pickle.dumps(recording))
    assert outlines(again[20]) == outlines(recording[20])
    assert again.labels() == recording.labels()


def test_notebooks_show_a_table_of_larvae(recording: Recording) -> None:
    recording.tracks[3] = Track(np.empty(0), indicators={"<i>": np.empty(0, bool)})
    rows = ElementTree.fromstring(recording._repr_html_()).iter("tr")
    assert [[cell.text for cell in row] for row in rows] == [
        ["larva", "frames", "from (s)", "to (s)", "spine", "outline", "indicators"],
        ["20", "5", "1.000", "1.400", "11 points", "loaded", "run"],
        ["7", "1", "1.400", "1.400", None, None, None],
        ["3", "0", None, None, None, None, "<i>"],
    ]


# -- folders


def test_recordings_are_found_in_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = write_recording(tmp_path / "a")
    two = write_recording(tmp_path / "a" / "b")
    write_labels(one)
    write_recording(tmp_path / "a" / ".hidden")
    other = write_recording(tmp_path / "c")
    found = {spine: [spine.with_suffix(".outline"), spine] for spine in (one, two)}
    assert find_recordings(tmp_path / "a") == find_recordings(str(tmp_path / "a")) == found
    assert find_recordings([tmp_path / "a", other]) == found | {other: [other]}
    assert find_recordings(one) == find_recordings(str(one)) == {one: [one]}
    assert find_recordings(found) == {one: [one], two: [two]}
    assert find_recordings([tmp_path / "a", *found[one]]) == found
    monkeypatch.chdir(tmp_path / "c")
    assert list(find_recordings(".")) == [Path(other.name)]


def test_missing_files(tmp_path: Path) -> None:
    for name in ("none", "none.spine", "*.spine"):
        with pytest.raises(FileNotFoundError, match=r"none|\*"):
            find_recordings(tmp_path / name)
        with pytest.raises(FileNotFoundError, match=r"none|\*"):
            load_tracks(tmp_path / name)
    assert find_recordings([tmp_path / "none"]) == {}


def test_the_recording_of_a_folder_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(TrackFileError, match=r"expected one recording in this folder, found none$"):
        load_tracks(tmp_path)
    one = write_recording(tmp_path / "1")
    write_labels(one)
    assert load_tracks(tmp_path).sources == (one, one.with_suffix(".outline"))
    assert load_tracks(str(tmp_path), outline=False)[20].outline is None
    for number in range(2, 8):
        write_recording(tmp_path / str(number))
    with pytest.raises(
        TrackFileError, match=rf"found 7: 1.{one.name}, 2.*, \.\.\.; load"
    ) as caught:
        load_tracks(tmp_path)
    assert caught.value.file == tmp_path


@pytest.mark.parametrize(
    ("call", "found", "message"),
    [
        (load_tracks, Labels(), "a Labels; pass the path of the label file"),
        (load_tracks, Recording(RUN, {}, {}, "x", ()), "found a Recording; the recording is"),
        (load_tracks, ["x"], "found a list; load the files that find_recordings returns"),
        (load_tracks, None, "expected the path of a tracker file or a label file, found a NoneTyp"),
        (find_recordings, Labels(), "expected a path, or a list of paths, found a Labels"),
        (find_recordings, Recording(RUN, {}, {}, "x", ()), "found a Recording"),
        (find_recordings, [5], "expected paths, found an int"),
        (find_recordings, 5, "or a list of paths, found an int"),
        (lambda files: plan_dataset(files, 1, 10), Labels(), "found a Labels"),
        (lambda files: plan_dataset(files, 1, 10), [None], "expected paths, found a NoneType"),
    ],
)
def test_other_types_than_paths_are_refused(
    call: Callable[[Any], Any], found: Any, message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        call(found)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda recording: resample(recording, 1), "found a Recording; resample the tracks, one"),
        (
            lambda recording: resample(recording[7].times, 1),
            r"recording\[larva\], found a ndarray",
        ),
        (
            lambda recording: resample_states(recording[7], [1.0]),
            "expected TrackLabels, .* a Track",
        ),
        (lambda recording: body_length(recording[7]), "found a Track; track.spine has them"),
        (lambda recording: egocentric(recording[7]), "found a Track; track.spine has them"),
    ],
)
def test_other_types_than_tracks_are_refused(
    recording: Recording, call: Callable[[Any], Any], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        call(recording)


def test_a_training_set_of_a_folder_without_label_files(tmp_path: Path) -> None:
    """The recordings contain the labels, or the error names one that does not."""
    spine = write_recording(tmp_path)
    with pytest.raises(TrackFileError, match="expected the labels of one run") as caught:
        plan_dataset(tmp_path, 0.2, 10)
    assert caught.value.file == spine
    write_labels(spine)
    assert len(plan_dataset(tmp_path, 0.2, 10)) == 8
    (tmp_path / "empty").mkdir()
    with backend_error("no-input", "expected label files"):
        plan_dataset(tmp_path / "empty", 0.2, 10)
