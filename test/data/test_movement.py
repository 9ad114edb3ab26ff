"""Tests of NetCDF files and datasets of the package movement."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from support import RUN, command, refused, write_recording
from taggingbackends import Labels, TaggingBackendsError, TrackFileError, dependency, iter_labels
from taggingbackends.analysis.info import info
from taggingbackends.data import Recording, Track, find_recordings, load_tracks, resample
from taggingbackends.data.netcdf import variables_of
from taggingbackends.data.ownlabels import copy_without_labels, has_labels
from variants.movement import FRAMES, alike, content, dataset, variants

Maker = Callable[..., Path]


def recording_of(tracks: dict[int, Track], **changes: Any) -> Recording:
    given: dict[str, Any] = {"metadata": {}, "format": "test", "sources": ()}
    return Recording(**{"run": RUN, "tracks": tracks, **given, **changes})


def track_at(times: Any, points: int = 3, start: float = 0.0) -> Track:
    spine = start + np.arange(2.0 * len(times) * points).reshape(len(times), points, 2)
    return Track(np.asarray(times, dtype=np.float64), spine)


def assert_equal(one: Recording, other: Recording, tolerance: float = 0.0) -> None:
    assert list(one) == list(other)
    for larva, track in one.items():
        np.testing.assert_allclose(track.times, other[larva].times, rtol=0, atol=tolerance)
        spine = other[larva].spine
        assert track.spine is not None and spine is not None
        np.testing.assert_allclose(track.spine, spine, rtol=0, atol=tolerance)


@pytest.fixture(scope="module")
def labelled() -> Recording:
    """Return larvae 5 and 3 at common times, with a frame without a spine, and labels."""
    times = np.array([0.5, 0.5625, 0.625, 0.75])
    first, second = track_at(times), track_at(times[1:], start=100)
    assert second.spine is not None
    second.spine[1] = np.nan
    labels = Labels()
    states = ["run", ("run", "edited"), (), ("a, b", "edited")]
    labels.set(RUN, 5, times, states, [0.5, np.nan, 1.0, 0.25], ["cast", (), (), "run"])
    labels.set(RUN, 3, times[1:], ["cast", "cast", "run, edited"])
    labels[RUN].secondary_names = ["edited"]
    labels[RUN].declare(["run", "a, b", "cast", "run, edited"], ["#111111"] * 4)
    metadata = {"date_time": RUN}
    known = {"source_software": "test", "camera": {"framerate": 16.0}}  # what a file adds
    labels[RUN].metadata = metadata | known
    return recording_of({5: first, 3: second}, own_labels=labels, metadata=metadata)


# -- variants

VARIANTS = list(variants())


@pytest.mark.parametrize(
    ("name", "files", "expected"), VARIANTS, ids=[variant[0] for variant in VARIANTS]
)
def test_variants(tmp_path: Path, name: str, files: dict[str, bytes], expected: str) -> None:
    for file, data in files.items():
        (tmp_path / file).write_bytes(data)
    path = tmp_path / next(iter(files))
    if expected == "refused":
        with pytest.raises(TrackFileError, match=r"expected .*, found") as caught:
            load_tracks(path, pixelsize=100)
        assert caught.value.file == path
        return
    assert find_recordings(tmp_path) == {path: [path]}
    with warnings.catch_warnings(record=True) as caught_warnings:
        warnings.simplefilter("always")
        recording = load_tracks(path, pixelsize=100)
    assert len(caught_warnings) == bool(recording.left_out) == (expected == "reported")


@pytest.mark.parametrize(
    ("name", "data"), list(alike()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_forms_of_a_dataset_are_the_same_recording(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / f"{RUN}.nc"
    path.write_bytes(data)
    recording = load_tracks(path, pixelsize=100)
    assert recording.run == RUN and recording.run_is_derived
    assert list(recording) == [3, 12]
    position = dataset()["position"].values
    for place, larva in enumerate(recording):
        frames = [0, 1, 3, 4, 5] if larva == 12 else range(FRAMES)
        np.testing.assert_allclose(recording[larva].times, np.array(frames) / 10, atol=1e-12)
        spine = position[frames, ..., place].transpose(0, 2, 1)
        assert recording[larva].spine is not None
        np.testing.assert_allclose(recording[larva].spine, spine, rtol=1e-6)


def test_files_of_netcdf4_are_read(tmp_path: Path) -> None:
    pytest.importorskip("netCDF4", reason="netCDF4 is large, and movement brings it")
    ds = dataset().assign_coords(labels=("time", ["run"] * FRAMES))
    for number, options in enumerate(
        ({}, {"encoding": {"keypoints": {"dtype": "S1"}}}, {"unlimited_dims": ["time"]})
    ):
        path = tmp_path / f"{number}.nc"
        path.write_bytes(content(ds, engine="netcdf4", **options))
        recording = load_tracks(path)
        assert_equal(recording, Recording.from_xarray(ds, "x"))
        assert recording.labels().count() == {"run": 2 * FRAMES - 1}


# -- reading


def test_units_of_the_file_or_of_the_options(tmp_path: Path) -> None:
    ds = dataset(time_unit="frames").assign_coords(time=np.arange(FRAMES))
    del ds.attrs["fps"], ds["position"].attrs["space_unit"]
    path = tmp_path / "x.nc"
    path.write_bytes(content(ds))
    with pytest.raises(TrackFileError, match=r"fps: expected the frame rate, .*option framerate"):
        load_tracks(path)
    with pytest.raises(TrackFileError, match=r"pixelsize: .*, found none; give it in µm"):
        load_tracks(path, framerate=20)
    times = load_tracks(path, framerate=20, spine=False)
    assert times[3].spine is None and times[3].times[-1] == 0.25
    recording = load_tracks(path, framerate=20, pixelsize=73)
    assert recording.metadata["camera"] == {"framerate": 20.0, "pixelsize": 73.0}
    assert recording[3].spine is not None
    assert recording[3].spine[0, 1, 0] == ds["position"].values[0, 0, 1, 0] * 73 / 1000
    for option in ({"framerate": 0, "pixelsize": 1}, {"framerate": 1, "pixelsize": "a"}):
        with pytest.raises(TrackFileError, match=r"expected a number of .*, found"):
            load_tracks(path, **option)

    # units of the file take precedence
    path.write_bytes(content(dataset()))
    known = load_tracks(path, framerate=20, pixelsize=73)
    assert known.metadata["camera"] == {"framerate": 10.0}
    assert_equal(known, load_tracks(path))

    # a label file gives the options
    path.write_bytes(content(ds))
    labels = Labels()
    labels.set("x", 3, recording[3].times, ["run"] * FRAMES)
    labels["x"].metadata = recording.metadata
    labels["x"].dependencies = [dependency(path)]
    labels.write(tmp_path / "x.label")
    assert_equal(load_tracks(tmp_path / "x.label"), recording)
    facts, problems = info(tmp_path / "x.label")
    assert problems == [] and facts["format"] == "label file, of movement tracks"


def test_keypoints_of_the_spine(tmp_path: Path) -> None:
    names = ("left_eye", "right_eye", "tail", "middle", "head")
    path = tmp_path / "x.nc"
    path.write_bytes(content(dataset(names)))
    with pytest.raises(TrackFileError, match=r"left and right \(left_eye, right_eye\); choose"):
        load_tracks(path)
    chosen = load_tracks(path, spine=["head", "middle", "tail"])
    assert chosen.metadata["keypoints"] == [*names]
    position = dataset(names)["position"].values
    assert_array_equal(chosen[3].spine, position[..., [4, 3, 2], 0].transpose(0, 2, 1))
    assert_equal(
        chosen, Recording.from_xarray(dataset(names), "x", spine=["head", "middle", "tail"])
    )
    # a frame in which only another keypoint has coordinates is one without a spine
    ds = dataset(names)
    ds["position"][1, :, 2:, 0] = np.nan
    partial = Recording.from_xarray(ds, "x", spine=["head", "middle", "tail"])
    assert len(partial[3]) == FRAMES and not partial[3].has_spine[1]
    assert partial.left_out == ()
    for spine, found in ((["head"], "3 different"), (["head", "head", "tail"], "3 different")):
        with pytest.raises(TrackFileError, match=found):
            load_tracks(path, spine=spine)
    with pytest.raises(TrackFileError, match=r"spine: expected keypoints out of .*, found 'neck'"):
        load_tracks(path, spine=["head", "neck"])


@pytest.mark.parametrize(
    ("names", "larvae", "sentence"),
    [
        (("id_0", "id_1"), [0, 1], None),
        (("20240611_larva7", "20240611_larva5"), [7, 5], None),
        (("Alice", "Bob"), [1, 2], "2 names of individuals, numbered 1 to 2 instead (Alice, Bob)"),
        (("a1", "b1"), [1, 2], "2 names of individuals, numbered 1 to 2 instead (a1, b1)"),
        (("70000", "1"), [1, 2], "2 names of individuals, numbered 1 to 2 instead (70000, 1)"),
    ],
)
def test_larvae_of_individuals(
    names: tuple[str, ...], larvae: list[int], sentence: str | None
) -> None:
    recording = Recording.from_xarray(dataset(individuals=names), "x")
    assert list(recording) == larvae
    assert recording.left_out == (() if sentence is None else (sentence,))
    known = recording.metadata.get("individuals")
    assert known == ({"1": "Alice", "2": "Bob"} if "Alice" in names else None)


def test_what_is_left_out() -> None:
    ds = dataset(space=("x", "y", "z"), individuals=("l1", "l2"))
    ds["position"][1:3, 0, 1, 0] = np.nan
    ds["position"][..., 1] = np.nan
    recording = Recording.from_xarray(ds, "x")
    assert list(recording) == [1]
    assert_array_equal(np.flatnonzero(~recording[1].has_spine), [1, 2])
    assert recording.left_out == (
        "the coordinate z",
        "1 individual without positions (l2)",
        "2 incomplete spines (1)",
    )


def test_the_run_of_a_dataset() -> None:
    with pytest.raises(TrackFileError, match=r"give it: from_xarray\(ds, run=\.\.\.\)"):
        Recording.from_xarray(dataset())
    assert Recording.from_xarray(dataset(source_file="lab/mice.slp")).run == "mice"
    assert Recording.from_xarray(dataset(source_file=f"{RUN}/mice.slp")).run == RUN
    assert Recording.from_xarray(dataset(run="a", source_file="lab/mice.slp")).run == "a"
    named = Recording.from_xarray(dataset(run="a"), "b")
    assert named.run == "b" and not named.run_is_derived
    with pytest.raises(TypeError, match=r"expected an xarray\.Dataset"):
        Recording.from_xarray(dataset()["position"])  # type: ignore[arg-type]


def test_files_that_would_never_end_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.nc"
    data = bytearray(content(dataset()))
    heap = data.index(b"GCOL\x01")
    at = heap + 16 + 8  # size of the first object
    for size in (8, 0, (1 << 64) - 24):
        number = int(size == (1 << 64) - 24)  # object 0 is free space
        data[at - 8 : at + 8] = number.to_bytes(8, "little") + size.to_bytes(8, "little")
        if size != 8:
            path.write_bytes(data)
            with pytest.raises(TrackFileError, match="a heap that does not end"):
                load_tracks(path)


def test_texts_longer_than_the_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.nc"
    data = bytearray(content(dataset()))
    path.write_bytes(data)
    with h5py.File(path) as file:
        at = file["keypoints"].id.get_offset()
    data[at : at + 4] = (3 << 30).to_bytes(4, "little")  # HDF5 would take 3 GB
    path.write_bytes(data)
    with pytest.raises(
        TrackFileError, match=f"keypoints: .* at most {len(data)} bytes, found one of"
    ):
        load_tracks(path)


@pytest.mark.parametrize("size", [2, 4, 8])
def test_texts_with_addresses_of_any_size(size: int, tmp_path: Path) -> None:
    path = tmp_path / "x.nc"
    sizes = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    sizes.set_sizes(size, size)
    with h5py.File(h5py.h5f.create(bytes(path), fcpl=sizes)) as file:
        file.create_dataset("keypoints", data=["head", "tail", "x"], dtype=h5py.string_dtype())
        file["keypoints"].make_scale("keypoints")
    with h5py.File(path) as file:
        keypoints = variables_of(path, file, ("keypoints",))["keypoints"]
        assert keypoints.read(()).tolist() == ["head", "tail", "x"]


def test_texts_in_another_file(tmp_path: Path) -> None:
    path, other = tmp_path / "x.nc", tmp_path / "other.nc"
    with h5py.File(other, "w") as file:
        file.create_dataset("keypoints", data=["t" * 9999], dtype=h5py.string_dtype())
        file["keypoints"].make_scale("keypoints")
        at = file["keypoints"].id.get_offset()
    with h5py.File(path, "w") as file:
        file["keypoints"] = h5py.ExternalLink(str(other), "keypoints")
        file.create_dataset("x", data=np.full(at, 0xFF, np.uint8))
    with h5py.File(path) as file:
        keypoints = variables_of(path, file, ("keypoints",))["keypoints"]
        assert keypoints.read(()).tolist() == ["t" * 9999]


# -- writing


def test_to_xarray(labelled: Recording) -> None:
    ds = labelled.to_xarray()
    assert dict(ds.sizes) == {"time": 4, "space": 2, "keypoints": 3, "individuals": 2}
    assert ds["position"].dims == ("time", "space", "keypoints", "individuals")
    assert_array_equal(ds["time"], labelled[5].times)
    assert ds["keypoints"].values.tolist() == ["head", "spine_1", "tail"]
    assert ds["individuals"].values.tolist() == ["larva_5", "larva_3"]
    larva = ds.sel(individuals="larva_5", keypoints="tail")["position"]
    assert labelled[5].spine is not None
    assert_array_equal(larva, labelled[5].spine[:, 2])
    assert_array_equal(ds["tracked"], [[True, False], [True, True], [True, True], [True, True]])
    assert ds["labels"].values[:, 0].tolist() == ["run", "run, edited ", "", "a, b, edited"]
    assert ds["labels"].values[:, 1].tolist() == ["", "cast", "cast", "run, edited"]
    assert ds["second_label"].values[:, 0].tolist() == ["cast", "", "", "run"]
    assert_array_equal(ds["label_confidence"][:, 0], [0.5, np.nan, 1, 0.25])
    assert ds["position"].attrs == {"space_unit": "mm"}
    assert json.loads(ds.attrs.pop("metadata")) == {"date_time": RUN}
    assert ds.attrs == {
        "source_software": "test",
        "ds_type": "poses",
        "time_unit": "seconds",
        "run": RUN,
        "fps": 16.0,
    }
    assert "tracked" not in recording_of({1: track_at([0, 1])}).to_xarray()


@pytest.mark.parametrize(
    ("times", "fps"),
    [
        (np.arange(90) / 30, 30.0),
        (np.arange(90) / 29.97, 29.97),
        (np.round(np.arange(90) / 30, 3), 30.0),
        (np.arange(90)[np.arange(90) % 7 > 0] / 30, 30.0),
        (np.arange(90) / 30 + 0.002 * (np.arange(90) > 50), None),
        (np.array([0.0, 0.1, 0.25]), None),
        (np.array([5.0]), None),
    ],
)
def test_fps(times: Any, fps: float | None) -> None:
    found = recording_of({1: track_at(times)}).to_xarray().attrs.get("fps")
    assert found == (fps if fps is None else pytest.approx(fps, rel=1e-4))


def test_clocks_of_their_own_need_a_framerate() -> None:
    first, second = track_at(np.arange(20) / 10 + 0.01), track_at(np.arange(5, 15) / 10 + 0.03)
    recording = recording_of({1: first, 2: second})
    with pytest.raises(ValueError, match=r"0\.02 s apart, .* resample them: framerate=\.\.\."):
        recording.to_xarray()
    ds = recording.to_xarray(framerate=10)
    assert ds.attrs["fps"] == 10
    assert_array_equal(ds["time"], np.arange(1, 20) / 10)
    position = ds["position"].values
    for column, track in enumerate((first, second)):
        even = resample(track, 0.1, 0.0)
        places = np.rint(even.times * 10).astype(int) - 1
        assert even.spine is not None
        np.testing.assert_allclose(position[places, ..., column].transpose(0, 2, 1), even.spine)
        assert np.isfinite(position[..., column]).all(axis=(1, 2)).sum() == len(even)
    labels = Labels()
    labels.set(RUN, 1, first.times, ["a"] * 10 + ["b"] * 10)
    ds = recording.to_xarray(framerate=10, labels=labels)
    assert ds["labels"].values[:, 0].tolist() == ["a"] * 9 + ["b"] * 10
    assert set(ds["labels"].values[:, 1]) == {""}


def test_what_cannot_be_a_dataset(labelled: Recording, tmp_path: Path) -> None:
    for tracks, found in (
        ({}, "with frames, found none"),
        ({1: Track(np.arange(2.0))}, "load it with spine=True"),
        ({1: track_at([0]), 2: track_at([0], 4)}, "for all larvae, found 3 and 4"),
    ):
        with pytest.raises(ValueError, match=found):
            recording_of(tracks).to_xarray()
    for framerate in (0, -1, 1001, np.nan, "a"):
        with pytest.raises(ValueError, match="expected a framerate above 0"):
            labelled.to_xarray(framerate=framerate)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"tracked at a time k / 0\.001"):
        labelled.to_xarray(framerate=0.001)
    with pytest.raises(KeyError, match="other"):
        labelled.to_xarray(labels=Labels.from_dict({"other": {}}))
    with pytest.raises(TypeError, match="expected Labels"):
        labelled.to_xarray(labels="x.label")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"ends with \.nc, found 'x\.h5'"):
        labelled.write(tmp_path / "x.h5")
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra(labelled: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "xarray", None)
    fix = re.escape("needs xarray: pip install 'taggingbackends[xarray]'")
    with pytest.raises(TaggingBackendsError, match=fix):
        labelled.to_xarray()


def test_nothing_loads_xarray(loaded_modules: Callable[[str], set[str]], tmp_path: Path) -> None:
    path = tmp_path / "x.nc"
    path.write_bytes(content(dataset()))
    statement = f"from taggingbackends.data import load_tracks; load_tracks({str(path)!r})"
    assert {"xarray", "pandas", "h5netcdf"}.isdisjoint(loaded_modules(statement))


# -- back and forth


def test_labels_come_back(labelled: Recording, tmp_path: Path) -> None:
    path = tmp_path / "x.nc"
    labelled.write(path)
    back = load_tracks(path)
    assert_equal(back, labelled)
    assert back.run == RUN and not back.run_is_derived and back.left_out == ()
    assert back.labels() == labelled.labels()
    assert back.metadata == {
        "date_time": RUN,
        "source_software": "test",
        "camera": {"framerate": 16.0},
    }
    assert next(iter_labels(path))[RUN] == back.labels()[RUN]
    assert next(iter_labels(tmp_path)).file == path
    assert has_labels(path)
    copy_without_labels(path, tmp_path / "y.nc")
    without = load_tracks(tmp_path / "y.nc")
    assert_equal(without, labelled)
    assert len(without.labels()) == 0
    with xr.open_dataset(tmp_path / "y.nc", engine="h5netcdf") as ds:
        assert "labels" not in ds.coords and ds["position"].shape == (4, 2, 3, 2)


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    steps = draw(st.lists(st.integers(50, 99), min_size=1, max_size=8))  # of a camera's clock
    times = np.cumsum(steps) / 1000
    points = draw(st.integers(3, 5))
    numbers = st.floats(-1e6, 1e6)
    labels = Labels()
    letters = st.characters(codec="utf-8", exclude_characters="\0")
    text = st.text(letters, min_size=1, max_size=4)
    names = draw(st.lists(text, min_size=1, max_size=3, unique=True))
    tracks = {}
    for larva in draw(st.lists(st.integers(0, 65535), min_size=1, max_size=3, unique=True)):
        start = draw(st.integers(0, len(times) - 1))
        # all frames in between: others than common times would need a framerate
        own = times[start : draw(st.integers(start + 1, len(times)))]
        spine = np.array(draw(st.lists(numbers, min_size=2 * points, max_size=2 * points)))
        spines = spine.reshape(points, 2) + np.arange(len(own))[:, None, None]
        spines[draw(st.lists(st.integers(0, len(own) - 1), max_size=2))] = np.nan
        tracks[larva] = Track(own, spines)
        state = st.sampled_from(names) | st.lists(st.sampled_from(names), unique=True).map(tuple)
        labels.set(RUN, larva, own, draw(st.lists(state, min_size=len(own), max_size=len(own))))
    metadata = draw(st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=2))
    labels[RUN].metadata = metadata | {"source_software": "test"}
    return recording_of(tracks, own_labels=labels, metadata=metadata)


@settings(max_examples=20)
@given(recordings())
def test_a_recording_comes_back(recording: Recording) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "x.nc")
        recording.write(path)
        loaded = load_tracks(path)
    for back in (loaded, Recording.from_xarray(recording.to_xarray())):
        assert_equal(back, recording)
        assert back.left_out == ()
        ours, theirs = recording.labels()[RUN], back.labels()[RUN]
        assert dict(theirs) == dict(ours)
        assert theirs.names == ours.names
        assert back.metadata.items() >= recording.metadata.items()


@settings(max_examples=10)
@given(recordings())
def test_times_that_differ_by_rounding_are_common(recording: Recording) -> None:
    tracks = {
        larva: Track(track.times + number * 2e-10, track.spine)
        for number, (larva, track) in enumerate(recording.items())
    }
    back = Recording.from_xarray(recording_of(tracks).to_xarray())
    assert_equal(back, recording, tolerance=1e-9)


# -- the package movement

MOVEMENT = "movement is not part of the group dev because of its size: pip install movement"


@pytest.fixture(scope="module")
def movement() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package = pytest.importorskip("movement", reason=MOVEMENT)
        from movement.io import load_poses, save_poses
        from movement.validators.datasets import ValidPosesInputs
    return package, load_poses, save_poses, ValidPosesInputs


@pytest.mark.filterwarnings("ignore")  # of movement and its libraries
def test_movement_accepts_our_datasets(movement: Any, labelled: Recording, tmp_path: Path) -> None:
    _, load_poses, save_poses, valid = movement
    ds = labelled.to_xarray()
    valid.validate(ds)
    theirs = load_poses.from_numpy(
        ds["position"].values, individual_names=["a", "b"], keypoint_names=["1", "2", "3"], fps=16
    )
    assert ds["position"].dims == theirs["position"].dims
    assert ds["confidence"].dims == theirs["confidence"].dims
    assert ds["confidence"].dtype == theirs["confidence"].dtype
    assert {*theirs.attrs} <= {*ds.attrs}
    assert {*theirs.coords} <= {*ds.coords}
    from movement.kinematics import compute_speed

    speed = compute_speed(ds["position"])
    assert_array_equal(speed["labels"], ds["labels"])
    labelled.write(tmp_path / "x.nc")
    with xr.open_dataset(tmp_path / "x.nc") as back:
        valid.validate(back)
        np.testing.assert_allclose(compute_speed(back["position"]), speed)
        assert_array_equal(back["labels"], ds["labels"])
        save_poses.to_dlc_file(back, tmp_path / "x.h5", split_individuals=False)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("software", ["SLEAP", "DeepLabCut", "LightningPose"])
@pytest.mark.parametrize("engine", ["netcdf4", "h5netcdf"])
def test_what_movement_loads(movement: Any, software: str, engine: Any, tmp_path: Path) -> None:
    _, load_poses, save_poses, _ = movement
    keypoints, individuals = ["head", "middle", "tail"], ["larva_3", "larva_12"]
    position = dataset()["position"].values
    if software == "LightningPose":
        position, individuals = position[..., :1], ["individual_0"]
    names = {"individual_names": individuals, "keypoint_names": keypoints}
    ds = load_poses.from_numpy(position, fps=10, **names)
    file = tmp_path / ("x.csv" if software == "LightningPose" else "x.h5")
    if software == "SLEAP":
        save_poses.to_sleap_analysis_file(ds, file)
        loaded = load_poses.from_sleap_file(file, fps=10)
    elif software == "DeepLabCut":
        save_poses.to_dlc_file(ds, file, split_individuals=False)
        loaded = load_poses.from_dlc_file(file, fps=10)
    else:
        save_poses.to_lp_file(ds, file)
        (file,) = tmp_path.glob("*.csv")
        loaded = load_poses.from_lp_file(file, fps=10)
    loaded.to_netcdf(tmp_path / "x.nc", engine=engine)
    recording = load_tracks(tmp_path / "x.nc", pixelsize=1000)
    assert recording.metadata["source_software"] == software
    assert list(recording) == ([0] if software == "LightningPose" else [3, 12])
    first, *others = recording.values()
    assert_array_equal(first.times, np.arange(FRAMES) / 10)
    assert first.spine is not None
    np.testing.assert_allclose(first.spine, position[..., 0].transpose(0, 2, 1))
    assert [len(track) for track in others] == [FRAMES - 1] * len(others)


# -- the whole way


def test_predict(make_backend: Maker, tmp_path: Path) -> None:
    script = (
        "from taggingbackends import Labels\n"
        "from taggingbackends.data import find_recordings\n"
        "from taggingbackends.main import main\n"
        "def predict_model(backend):\n"
        "    for file in find_recordings(backend.list_input_files()):\n"
        "        recording = backend.load_tracks(file)\n"
        "        labels = Labels()\n"
        "        run = labels.add_run(recording.run)\n"
        "        run.metadata = recording.metadata\n"
        "        for larva, track in recording.items():\n"
        "            labels.set(run.id, larva, track.times, ['run'] * len(track))\n"
        "        labels.write(backend.output_path(file))\n"
        "main(predict_model)\n"
    )
    project = make_backend(predict_model=script)
    lab = tmp_path / "lab"
    for name, unit in (("a", "mm"), ("b", "px")):
        ds = dataset()
        ds["position"].attrs["space_unit"] = unit
        folder = lab / name / RUN
        folder.mkdir(parents=True)
        (folder / "tracks.nc").write_bytes(content(ds))
    second = lab / "b" / RUN / "tracks.nc"
    result = command("predict", second, "--model-instance=m", cwd=project)
    refused(result, f"{second}, pixelsize: expected the size of a pixel", lines=3)
    assert "give it in µm with --pixelsize" in result.stderr
    options = ("--recursive", "--pixelsize=73", "--force")
    result = command("predict", lab, "--model-instance=m", *options, cwd=project)
    assert result.returncode == 0, result.stderr
    labels = Labels.read(lab / "a" / RUN / "predicted.label")
    assert labels[RUN][12].states == ["run"] * (FRAMES - 1)
    assert [one["filename"] for one in labels[RUN].dependencies] == ["tracks.nc"]
    labels = Labels.read(second.with_name("predicted.label"))
    assert labels[RUN].metadata["camera"] == {"framerate": 10.0, "pixelsize": 73.0}
    assert load_tracks(second.with_name("predicted.label")).labels() == labels


def test_a_file_beside_its_tracker_files_is_the_same_recording(tmp_path: Path) -> None:
    spine = write_recording(tmp_path, larvae=(1, 2))
    load_tracks(spine).write(spine.with_suffix(".nc"))
    (main,) = find_recordings(tmp_path)
    assert main == spine
    assert_equal(load_tracks(spine.with_suffix(".nc")), load_tracks(spine))
    with h5py.File(spine.with_suffix(".nc")) as file:
        assert file["position"].compression == "gzip"
