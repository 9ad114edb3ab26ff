"""Tests of trx.mat, with small files that h5py writes as MATLAB does."""

from __future__ import annotations

import errno
import re
import struct
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import RUN, command, posix
from taggingbackends import TrackFileError, dependency
from taggingbackends.data import (
    Recording,
    find_recordings,
    hdf5,
    load_runs,
    load_tracks,
    plan_dataset,
    runs_in,
    structarray,
    trxmat,
)
from variants.trxmat import (
    ACTIONS,
    OTHER,
    Larva,
    empty,
    larva,
    store,
    string,
    subsystem,
    variants,
    write,
    write_head,
)

NAN = np.nan


def write_trxmat(path: Path, *larvae: Larva, **options: Any) -> Path:
    write(path, larvae, **options)
    with path.open("r+b") as file:
        write_head(file)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trx.mat"


@pytest.mark.parametrize("numbers", [(7,), (20, 1)], ids=["a single struct", "a struct array"])
def test_a_whole_file(path: Path, numbers: tuple[int, ...]) -> None:
    write_trxmat(path, *map(larva, numbers))
    recording = load_tracks(path)
    assert (recording.run, recording.format, recording.sources) == (RUN, "trx.mat", (path,))
    assert recording.metadata == {"date_time": RUN}
    assert tuple(recording) == numbers
    for number, track in recording.items():
        wanted = larva(number)
        assert track.spine is not None
        assert track.outline is not None
        assert track.outline_offsets is not None
        assert track.times.tolist() == [0.0, 0.125, 0.25, 0.375]
        assert (track.spine.shape, track.spine.dtype) == ((4, 11, 2), np.float64)
        assert np.array_equal(track.spine[:, :, 0], wanted["x_spine"])
        assert np.array_equal(track.spine[:, :, 1], wanted["y_spine"])
        assert track.outline.tolist() == [[x, x + 0.5] for x in range(12)]
        assert track.outline_offsets.tolist() == [0, 3, 6, 9, 12]
        assert list(track.indicators) == list(ACTIONS)
        assert track.indicators["cast"].tolist() == [False, True, False, False]
        assert track.indicators["cast"].dtype == np.bool_
        labels = recording.labels()[RUN]
        assert labels.names == list(ACTIONS)
        assert labels[number].times.tolist() == track.times.tolist()
        assert labels[number].states == ["back", "cast", "hunch", "roll"]


def test_real_recording(recordings: Path) -> None:
    """The larvae equal those of the .spine and .outline, the states those of the label file.

    In the files of Choreography, and in times, are 3 decimals; the coordinates have 5 here.
    """
    folder = recordings / "chore" / "20170714_101500"
    expected = load_tracks(folder / "groundtruth.label")
    found = load_tracks(recordings / "trxmat" / "20170714_101500" / "trx.mat")
    assert found.run == expected.run
    assert list(found) == list(expected)
    for number, track in found.items():
        other = expected[number]
        assert track.times.tolist() == other.times.tolist()
        assert np.abs(track.spine - other.spine).max() <= 0.0005 + 1e-12
        assert np.abs(track.outline - other.outline).max() <= 0.0005 + 1e-12
        assert np.array_equal(track.outline_offsets, other.outline_offsets)  # type: ignore[arg-type]
    run = found.run
    assert found.labels()[run].names == expected.labels()[run].names
    assert found.labels().to_dict() == expected.labels().to_dict()


def test_only_requested_parts_are_read(path: Path) -> None:
    bad = {name: np.array([[NAN]]) for name in ("x_contour", "y_contour")}
    write_trxmat(path, larva(1, **bad), larva(2))
    track = load_tracks(path, outline=False)[1]
    assert track.spine is not None
    assert track.outline is track.outline_offsets is None
    with pytest.raises(TrackFileError, match="x_contour"):
        load_tracks(path)
    without = larva(3)
    del without["x_spine"], without["y_spine"]
    write_trxmat(path, without)
    track = load_tracks(path, spine=False)[3]
    assert track.spine is None
    assert track.outline is not None
    track = load_tracks(path, spine=False, outline=False)[3]
    assert len(track) == 4
    assert track.indicators["back"].tolist() == [True, False, False, False]


def test_nan_padding_is_dropped(path: Path) -> None:
    x = np.array([[1.0, 2, 3], [4, NAN, NAN], [NAN, NAN, NAN], [5, 6, NAN]])
    write_trxmat(path, larva(1, x_contour=x, y_contour=x + 0.5))
    track = load_tracks(path)[1]
    assert track.outline is not None
    assert track.outline_offsets is not None
    assert track.outline.tolist() == [[x, x + 0.5] for x in (1, 2, 3, 4, 5, 6)]
    assert track.outline_offsets.tolist() == [0, 3, 4, 4, 6]


def on(*frames: bool) -> np.ndarray[Any, Any]:
    return np.where(frames, 1.0, -1.0)[:, None]


def test_contours_of_many_blocks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first contours have no points."""
    monkeypatch.setattr(structarray, "_BLOCK", 256)
    n = 40
    points = np.r_[0, 0, 0, 0, 0, 0, np.arange(n - 6) % 7]
    x = np.arange(7.0 * n).reshape(n, 7)
    x[np.arange(7) >= points[:, None]] = NAN
    write_trxmat(path, larva(n=n, x_contour=x, y_contour=-x))
    track = load_tracks(path)[1]
    assert np.diff(track.outline_offsets).tolist() == points.tolist()
    valid = x[~np.isnan(x)]
    assert track.outline.tolist() == np.stack([valid, -valid], axis=1).tolist()


def test_selection_of_indicators_as_labels(path: Path) -> None:
    fields = {
        "run": on(True, True, False, False),
        "cast": on(False, True, False, False),
        "small_motion": on(False, False, False, True),
        "run_large": on(True, False, False, False),
        "cast_strong": on(False, True, False, False),
    }
    plain = {name: on(False, False, False, False) for name in ACTIONS}
    write_trxmat(path, larva(1, **(plain | fields)), larva(2, **(plain | fields)))

    def states(*kinds: str) -> list[Any]:
        labels = load_tracks(path, labels=kinds[0] if len(kinds) == 1 else kinds).labels()
        assert labels[RUN][1].states == labels[RUN][2].states
        return labels[RUN][1].states

    assert list(load_tracks(path)[1].indicators) == [*ACTIONS, "run_large", "cast_strong"]
    assert load_tracks(path).labels()[RUN][1].states == states("plain")
    assert states("plain") == ["run", ("cast", "run"), (), "small_motion"]
    assert states("large") == ["run_large", (), (), "small_motion"]
    assert states("strong") == [(), "cast_strong", (), "small_motion"]
    assert states("large", "strong") == ["run_large", "cast_strong", (), "small_motion"]
    assert states("plain", "large")[0] == ("run", "run_large")
    assert len(load_tracks(path, labels=()).labels()) == 0
    with pytest.raises(TrackFileError, match="expected indicators such as run_weak, found back"):
        load_tracks(path, labels="weak")
    with pytest.raises(TrackFileError, match=r"strong, weak, global_state\*, found 'big'"):
        load_tracks(path, labels="big")


def test_an_indicator_is_on_where_it_is_1(path: Path) -> None:
    columns = {"run": [[1.0, -1, 0, NAN]], "cast": [[0.5, 2, 1, 1]], "stop": [[-1.0] * 4]}
    other = {"run": np.array([[1, 0, 1, 0]], dtype=np.uint8).T}  # logical in MATLAB
    off = {action: np.full((4, 1), -1.0) for action in ACTIONS}
    fields = {name: np.array(values).T for name, values in columns.items()}
    write_trxmat(path, larva(1, **off | fields), larva(2, **off | other))
    recording = load_tracks(path)
    assert all(values.dtype == np.bool_ for values in recording[1].indicators.values())
    assert recording[1].indicators["run"].tolist() == [True, False, False, False]
    assert recording[1].indicators["cast"].tolist() == [False, False, True, True]
    assert recording[2].indicators["run"].tolist() == [True, False, True, False]
    assert recording.labels()[RUN][1].states == ["run", (), "cast", "cast"]
    assert recording.labels()[RUN][2].states == ["run", (), "run", ()]


def test_without_indicators_there_are_no_labels(path: Path) -> None:
    bare = {name: value for name, value in larva().items() if name not in ACTIONS}
    write_trxmat(path, bare)
    recording = load_tracks(path)
    assert recording[1].indicators == {}
    assert len(recording.labels()) == 0


def test_numbers_of_other_types_and_columns_as_rows(path: Path) -> None:
    fields = {
        "t": np.array([[1, 2, 3, 5]], dtype=np.int16),
        "run": np.array([[1, -1, -1, 1]], dtype=np.int8),
        "x_spine": np.ones((4, 11), dtype=">f4"),
    }
    write_trxmat(path, larva(65535, **fields))
    track = load_tracks(path)[65535]
    assert track.times.tolist() == [1.0, 2.0, 3.0, 5.0]
    assert track.times.dtype == np.float64
    assert track.indicators["run"].tolist() == [True, False, False, True]
    assert track.spine is not None
    assert (track.spine[:, :, 0] == 1).all()


def test_a_run_that_is_not_a_date(path: Path) -> None:
    write_trxmat(path, larva(id="évasion 7"))
    recording = load_tracks(path)
    assert (recording.run, recording.metadata) == ("évasion 7", {})


def test_a_label_file_can_depend_on_a_trxmat(path: Path) -> None:
    write_trxmat(path, larva(3))
    labels = load_tracks(path).labels()
    labels.set(RUN, 3, [0.0], ["hunch"])
    labels[RUN].dependencies = [dependency(path)]
    labels.write(path.with_name("x.label"))
    recording = load_tracks(path.with_name("x.label"))
    assert recording.format == "trx.mat"
    assert recording.labels()[RUN][3].states == ["hunch"]


def test_a_training_set_of_a_trxmat(path: Path) -> None:
    write_trxmat(path, larva(20, 6), larva(1, 6))  # back, cast, hunch, roll, run, small_motion
    plan = plan_dataset(path, duration=0.5, framerate=8, labels=["cast", "hunch", "roll"])
    windows = plan.load("float64")
    assert plan.observed == {"cast": 2, "hunch": 2, "roll": 2}
    assert windows.larvae.tolist() == [20, 20, 1, 1]  # around frame 1 no window fits
    assert [windows.names[code] for code in windows.labels] == ["hunch", "roll"] * 2
    spine = load_tracks(path)[1].spine
    assert spine is not None
    assert np.array_equal(windows.spines[3], spine[1:5])


def test_a_trxmat_is_recognized_by_suffix_and_first_bytes(path: Path, tmp_path: Path) -> None:
    write_trxmat(path, larva())
    old = tmp_path / "old.mat"
    old.write_bytes(b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(1000))
    other = tmp_path / "trx.dat"
    other.write_bytes(path.read_bytes())
    assert find_recordings([old, other, path]) == {path: [path]}
    with pytest.raises(TrackFileError, match="found a MATLAB 5 file; save it in MATLAB with"):
        load_tracks(old)
    with pytest.raises(TrackFileError, match=r"as MATLAB saves with -v7\.3, found none"):
        trxmat.load(old)
    with pytest.raises(TrackFileError, match="expected a tracker file"):
        load_tracks(other)
    with pytest.raises(FileNotFoundError):
        trxmat.load(tmp_path / "none.mat")


def changed(number: int, **fields: Any) -> Callable[[Path], Path]:
    elements = [larva(1), larva(2)]
    elements[number - 1] |= fields
    return lambda path: write_trxmat(path, *elements)


def edited(edit: Callable[[h5py.File], Any]) -> Callable[[Path], Path]:
    return lambda path: write_trxmat(path, larva(1), larva(2), edit=edit)


def single(edit: Callable[[h5py.File], Any]) -> Callable[[Path], Path]:
    return lambda path: write_trxmat(path, larva(1), edit=edit)


def replaced(name: str, make: Callable[[h5py.Group, str], Any]) -> Callable[[h5py.File], Any]:
    """Replace a dataset."""

    def edit(file: h5py.File) -> None:
        group, _, field = name.rpartition("/")
        del file[name]
        make(file[group or "/"], field)

    return edit


def refer(target: str, field: str) -> Callable[[h5py.File], Any]:
    """Make the second element of a field refer to another object."""

    def edit(file: h5py.File) -> None:
        references = file["trx"][field][()]
        references[0, 1] = file[target].ref
        file["trx"][field][...] = references

    return edit


def nothing(file: h5py.File) -> None:
    references = file["trx/t"][()]
    references[0, 1] = h5py.Reference()
    file["trx/t"][...] = references


def virtual(group: h5py.Group, name: str) -> None:
    layout = h5py.VirtualLayout((1, 4), "f8")
    layout[...] = h5py.VirtualSource("other.mat", "t", (1, 4))
    group.create_virtual_dataset(name, layout)


def elsewhere(group: h5py.Group, name: str) -> None:
    group.create_dataset(name, (1, 4), "f8", external=[("other.bin", 0, 32)])


def huge(**options: Any) -> Callable[[h5py.Group, str], Any]:
    return lambda group, name: group.create_dataset(name, (1, 10**9), "f8", **options)


def zeros(megabytes: int) -> bytes:
    """Return deflated zeros, without an end."""
    stream = zlib.compressobj(9)
    first, later = (
        stream.compress(bytes(1 << 20)) + stream.flush(zlib.Z_FULL_FLUSH) for _ in range(2)
    )
    return first + later * (megabytes - 1)


def deflated(
    data: bytes, times: int = 1, shape: tuple[int, int] = (1, 4), chunks: int = 1
) -> Callable[[h5py.Group, str], Any]:
    """Store bytes as each chunk of a dataset."""

    def make(group: h5py.Group, name: str) -> None:
        width = shape[1] // chunks
        options = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        options.set_chunk((1, width))
        for _ in range(times):
            options.set_deflate(9)
        space = h5py.h5s.create_simple(shape)
        at = name.encode()
        dataset = h5py.h5d.create(group.id, at, h5py.h5t.NATIVE_DOUBLE, space, options)
        try:
            for i in range(chunks):
                dataset.write_direct_chunk((0, i * width), data)
        except OSError as error:
            pytest.skip(f"this version of HDF5 does not write such chunks: {error}")

    return make


def filtered(**options: Any) -> Callable[[h5py.Group, str], Any]:
    data = np.arange(4.0)[None]
    return lambda group, name: group.create_dataset(name, data=data, **options)


def circle(group: h5py.Group, name: str) -> None:
    group[name] = h5py.SoftLink(f"/trx/{name}")


def huge_bytes(group: h5py.Group, name: str) -> None:
    data = np.zeros((1, 40 << 20), "u1")
    group.create_dataset(name, data=data, chunks=(1, 10 << 20), compression=9)


def tiny_chunks(group: h5py.Group, name: str) -> None:
    dataset = group.create_dataset(name, (1, 500_000), "f8", chunks=(1, 1))
    dataset[:, :1000] = 1.0


REFUSED: dict[str, tuple[Callable[[Path], Path], str | None, str]] = {
    "no struct array of tracks": (
        edited(lambda f: (f.__delitem__("trx"), f.create_group("info"))),
        "trx",
        "a variable with the fields t, numero_larva_num, found variables: 'info'",
    ),
    "an array trx": (
        edited(replaced("trx", lambda g, name: g.create_dataset(name, data=[[1]]))),
        "trx",
        "a struct array, found an array",
    ),
    "a named type trx": (
        edited(replaced("trx", lambda g, name: g.__setitem__(name, np.dtype("f8")))),
        "trx",
        "a struct array, found",
    ),
    "no larva": (
        edited(replaced("trx/t", lambda g, n: g.create_dataset(n, (1, 0), h5py.ref_dtype))),
        "trx",
        "one larva with frames or more",
    ),
    **{
        f"no {field}": (
            edited(lambda f, field=field: f.__delitem__(f"trx/{field}")),
            f"trx.{field}",
            "expected this field, found none",
        )
        for field in larva()
        if field not in (*ACTIONS, "id")
    },
    "an element less": (
        edited(replaced("trx/x_spine", lambda g, n: g.create_dataset(n, data=g["t"][:, :1]))),
        "trx.x_spine",
        "expected 2 elements, as trx.t has, found 1",
    ),
    "a single array": (
        edited(replaced("trx/x_spine", lambda g, name: g.create_dataset(name, data=[[1.0]]))),
        "trx.x_spine",
        "expected 2 elements, as trx.t has, found 1",
    ),
    "null reference": (edited(nothing), "trx(2).t", "n x 1), found a reference to nothing"),
    "a struct within": (edited(refer("trx", "t")), "trx(2).t", "n x 1), found a struct"),
    "a cell within": (edited(refer("trx/id", "t")), "trx(2).t", "found 2 x 1 references (a cell"),
    "text as time": (changed(2, t="abcd"), "trx(2).t", "numbers (n x 1), found 1 x 4 text"),
    "a text type": (
        single(
            replaced("trx/t", lambda g, n: g.create_dataset(n, data=np.array([["a", "b"]], "S1")))
        ),
        "trx(1).t",
        "found 2 x 1 |S1",
    ),
    "complex numbers": (
        changed(1, t=np.ones((4, 1), complex)),
        "trx(1).t",
        "expected numbers (n x 1), found 4 x 1 complex128",
    ),
    "a matrix of times": (changed(1, t=np.ones((4, 2))), "trx(1).t", "found 4 x 2 float64"),
    "times again": (
        changed(2, t=np.array([[0.0, 1, 1, 2]]).T),
        "trx(2).t",
        "a time after 1.0, found 1.0 in frame 3",
    ),
    "infinite": (changed(1, t=np.array([[-np.inf, 1, 2, 3]]).T), "trx(1).t", "a finite time"),
    "frames less": (
        changed(2, x_spine=np.ones((3, 11))),
        "trx(2).x_spine",
        "expected numbers (4 x n, as many rows as in t), found 3 x 11 float64",
    ),
    "points less": (changed(2, y_spine=np.ones((4, 10))), "trx(2).y_spine", "found 4 x 10"),
    "contours differ": (
        changed(2, y_contour=np.ones((4, 2))),
        "trx(2).y_contour",
        "expected numbers (4 x 3, as many rows as in t), found 4 x 2",
    ),
    "two runs": (
        changed(2, id="20240611_101501"),
        None,
        f"expected one run, found 2 ({RUN}, 20240611_101501); choose one of those that runs_in",
    ),
    "NUL in the run": (changed(1, id="2024\0"), "trx(1).id", r"identifier, found '2024\x00'"),
    "a number as run": (changed(1, id=np.array([[1.0]])), "trx(1).id", "found 1 x 1 float64"),
    "half a character": (
        edited(lambda f: f["#refs#/trxid0"].write_direct(np.full((15, 1), 0xD800, "u2"))),
        "trx(1).id",
        "codes [55296",
    ),
    "a larva twice": (
        changed(2, numero_larva_num=np.array([[1]])),
        "trx(2).numero_larva_num",
        f"another larva than in trx(1), found 1 of run {RUN} again",
    ),
    **{
        f"larva {number}": (
            changed(2, numero_larva_num=np.array([[number]])),
            "trx(2).numero_larva_num",
            f"a larva identifier from 0 to 65535, found {number:g}",
        )
        for number in (65536, -1, 1.5, NAN, np.inf)
    },
    "two larvae in one": (
        changed(2, numero_larva_num=np.array([[1, 2]])),
        "trx(2).numero_larva_num",
        "expected a number, found 1 x 2",
    ),
    "external link": (
        single(replaced("trx/t", lambda g, n: g.__setitem__(n, h5py.ExternalLink("o.mat", "/t")))),
        "trx.t",
        "data in this file, found a link to another",
    ),
    "external struct": (
        edited(replaced("trx", lambda g, n: g.__setitem__(n, h5py.ExternalLink("o.mat", "/t")))),
        "trx",
        "data in this file, found a link to another",
    ),
    "virtual": (single(replaced("trx/t", virtual)), "trx(1).t", "found a link to others"),
    "external data": (single(replaced("trx/t", elsewhere)), "trx(1).t", "found a link to others"),
    "links in circles": (
        single(replaced("trx/t", circle)),
        "trx.t",
        "a link that leads in circles",
    ),
    "10^9 rows, no chunk": (
        single(replaced("trx/t", huge(chunks=(1, 1000)))),
        "trx(1).t",
        "found 1000000000 x 1 float64, stored in 0 bytes, too much for this file",
    ),
    "10^9 rows, not there": (single(replaced("trx/t", huge())), "trx(1).t", "stored in 0 bytes"),
    "10^9 rows in a chunk": (
        single(replaced("trx/t", huge(chunks=(1, 10**8), compression="gzip"))),
        "trx(1).t",
        "stored in 0 bytes",
    ),
    "deflated three times": (
        single(
            replaced(
                "trx/t", deflated(zlib.compress(zlib.compress(zlib.compress(bytes(32)))), times=3)
            )
        ),
        "trx(1).t",
        "expected data that are deflated once, found other filters",
    ),
    "another filter": (
        single(replaced("trx/t", filtered(compression="lzf"))),
        "trx(1).t",
        "expected data that are deflated once, found other filters",
    ),
    "inflated to more than declared": (
        single(replaced("trx/t", deflated(zeros(300)))),
        "trx(1).t",
        " bytes, too much for this file",
    ),
    "inflated to 800 MB": (
        single(replaced("trx/t", deflated(zeros(20), shape=(1, 100 << 20), chunks=40))),
        "trx(1).t",
        " bytes, too much for this file",
    ),
    "1-byte numbers inflated to 320 MB, 8 bytes each": (
        single(replaced("trx/t", huge_bytes)),
        "trx(1).t",
        " bytes, too much for this file",
    ),
    "chunks of a number": (
        single(replaced("trx/t", tiny_chunks)),
        "trx(1).t",
        "found 500000 x 1 float64, stored in 8000 bytes, too much for this file",
    ),
    "10^9 elements": (
        edited(
            replaced(
                "trx/t", lambda g, n: g.create_dataset(n, (1, 10**9), h5py.ref_dtype, chunks=True)
            )
        ),
        "trx.t",
        "expected 65536 larvae at most, found 1000000000",
    ),
}


@pytest.mark.parametrize(
    ("write", "key", "message"), [pytest.param(*case, id=name) for name, case in REFUSED.items()]
)
def test_invalid_files_are_refused(
    path: Path, write: Callable[[Path], Path], key: str | None, message: str
) -> None:
    write(path)
    with pytest.raises(TrackFileError) as caught:
        load_tracks(path)
    error = caught.value
    assert message in error.problem
    assert error.key == key
    assert error.problem.startswith("expected ")
    assert str(error).startswith(f"{path}, {error.key}: " if key else f"{path}: expected ")


def test_an_external_link_behind_a_soft_one_is_not_followed(path: Path, tmp_path: Path) -> None:
    write_trxmat(tmp_path / "other.mat", larva())

    def edit(file: h5py.File) -> None:
        file["out"] = h5py.ExternalLink("other.mat", "/")
        del file["trx/t"]
        file["trx/t"] = h5py.SoftLink("/out/trx/t")

    write_trxmat(path, larva(), edit=edit)
    with pytest.raises(TrackFileError, match="found a link to another"):
        load_tracks(path)


def test_soft_links_within_the_file_are_followed(path: Path) -> None:
    def edit(file: h5py.File) -> None:
        file.move("trx/t", "there")
        file["here"] = h5py.SoftLink("./there")
        file["trx/t"] = h5py.SoftLink("/here")
        file["trx/inner"] = h5py.SoftLink("run")
        file.move("trx", "all")
        file["trx"] = h5py.SoftLink("all")

    write_trxmat(path, larva(), edit=edit)
    assert len(load_tracks(path)[1]) == 4


def test_data_shared_by_many_elements_are_bounded(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small file must not expand to a large recording."""
    larvae = [larva(number, 1000) for number in range(9)]

    def edit(file: h5py.File) -> None:
        for field in ("x_contour", "y_contour"):
            target = file.create_dataset(f"big_{field}", data=np.ones((60, 1000)))
            file["trx"][field][...] = np.array([[target.ref] * 9], dtype=h5py.ref_dtype)

    write_trxmat(path, *larvae, edit=edit)
    assert len(load_tracks(path)) == 9
    monkeypatch.setattr(structarray, "_MOST_OF_ANY_FILE", 0)
    monkeypatch.setattr(structarray, "_MOST_OF_FILE", 1)
    with pytest.raises(TrackFileError, match="too much for this file"):
        load_tracks(path)


@pytest.mark.parametrize("numbers", [(1,), (1, 2)], ids=["a single struct", "a struct array"])
def test_a_file_that_consists_mostly_of_data(path: Path, numbers: tuple[int, ...]) -> None:
    """Each dataset counts only once against the size of the file."""
    write_trxmat(path, *(larva(number, 20000) for number in numbers))
    assert len(load_tracks(path, labels=("plain", "plain"))[1]) == 20000


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(
            lambda data: data[: len(data) // 2], "is the file cut", id="cut in the middle"
        ),
        pytest.param(lambda data: data[:-1], "is the file cut", id="cut at the end"),
        pytest.param(lambda data: data[:512], "is the file cut", id="only the header"),
        pytest.param(lambda data: data[:512] + bytes(len(data) - 512), "found none", id="zeros"),
        pytest.param(lambda data: data[:600] + bytes(len(data) - 600), "damage", id="zeros later"),
    ],
)
def test_damaged_files(path: Path, damage: Callable[[bytes], bytes], message: str) -> None:
    path.write_bytes(damage(write_trxmat(path, larva(1), larva(2)).read_bytes()))
    with pytest.raises(TrackFileError, match=message) as caught:
        load_tracks(path)
    assert caught.value.file == path


@pytest.mark.parametrize("options", [{"shuffle": True}, {"fletcher32": True}, {"scaleoffset": 0}])
def test_filters(path: Path, options: dict[str, Any]) -> None:
    if "scaleoffset" in options:  # has no limit of compression
        with pytest.raises(TrackFileError, match="found other filters"):
            load_tracks(write_trxmat(path, larva(), **options))
    else:
        write_trxmat(path, larva(), compression="gzip", **options)
        assert len(load_tracks(path)[1]) == 4


def test_a_chunk_that_is_most_of_a_file_is_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is inflated twice, the first time only to see how long it becomes."""
    spine = np.random.default_rng(0).normal(size=(20000, 11))
    write_trxmat(path, larva(1, 20000, x_spine=spine, y_spine=spine), compression="gzip")
    monkeypatch.setattr(structarray, "_MOST_OF_ANY_FILE", 0)
    seen = []
    inflates = structarray._inflates_beyond
    monkeypatch.setattr(
        structarray,
        "_inflates_beyond",
        lambda data, size: seen.append(size) or inflates(data, size),  # type: ignore[func-returns-value]
    )
    found = load_tracks(path, outline=False)[1].spine
    assert found is not None
    assert np.array_equal(found[:, :, 0], spine)
    assert seen == []  # many small chunks
    options = {"compression": "gzip", "chunks": (11, 20000)}
    with h5py.File(path, "r+") as file:
        for name in ("x_spine", "y_spine"):
            del file["trx"][name]
            store(file["trx"], name, spine, **options)
    assert np.array_equal(load_tracks(path, outline=False)[1].spine[:, :, 0], spine)  # type: ignore[index]
    assert seen == [11 * 20000 * 8] * 2


@pytest.mark.parametrize("change", ["cut", "grown"])
def test_a_file_that_changes_while_it_is_read(
    path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_trxmat(path, larva(1, 400), larva(2, 400), compression="gzip")
    fill = structarray._fill

    def filling(values: Any, *rest: Any) -> None:
        if len(values) == 11:  # of a spine
            with path.open("r+b") as file:
                file.truncate(1000) if change == "cut" else file.seek(0, 2) and file.write(b"x")
        fill(values, *rest)

    monkeypatch.setattr(structarray, "_fill", filling)
    with pytest.raises(TrackFileError, match="found that it changed while it was read"):
        load_tracks(path)


def test_a_damaged_root_group(path: Path) -> None:
    with h5py.File(write_trxmat(path, larva(1), larva(2))) as file:
        place = h5py.h5o.get_info(file.id).addr
    with path.open("r+b") as raw:
        raw.seek(512 + place + 16)  # the type of its first message
        raw.write(b"\xee")
    with pytest.raises(TrackFileError, match="found damage"):
        load_tracks(path)


@pytest.mark.parametrize("group", ["/", "trx"])
def test_free_blocks_in_circles(path: Path, group: str) -> None:
    """HDF5 copies this list of a group's heap until no memory is left."""
    write_trxmat(path, larva(1), larva(2))
    content = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        header = h5py.h5o.get_info(file[group].id).addr
    heap, *_ = struct.unpack_from("<Q", content, 512 + header + 32)
    struct.pack_into("<Q", content, 512 + heap + 16, 8)  # the first free block
    (start,) = struct.unpack_from("<Q", content, 512 + heap + 24)
    # two blocks, each with the next one and its size
    struct.pack_into("<QQQQ", content, 512 + start + 8, 24, 16, 8, 16)
    path.write_bytes(content)
    with pytest.raises(TrackFileError, match="free blocks leads in circles"):
        load_tracks(path)


def test_damaged_chunks(path: Path) -> None:
    write_trxmat(path, larva(1, 400), larva(2, 400), compression="gzip")
    with h5py.File(path) as file:
        dataset = file[file["trx/x_spine"][0, 1]]
        chunk = dataset.id.get_chunk_info(0)
    with path.open("r+b") as raw:
        raw.seek(512 + chunk.byte_offset)
        raw.write(bytes(chunk.size))
    with pytest.raises(TrackFileError, match="expected HDF5 that can be read") as caught:
        load_tracks(path)
    assert caught.value.key == "trx(2).x_spine"


def test_a_chunk_that_claims_to_be_larger_than_the_file(path: Path) -> None:
    write_trxmat(path, larva(1, 400), larva(2, 400), compression="gzip")
    with h5py.File(path) as file:
        size = file[file["trx/x_spine"][0, 1]].id.get_chunk_info(0).size
    content = path.read_bytes()
    was = struct.pack("<IIQ", size, 0, 0)  # size, filters that were skipped, first coordinate
    assert content.count(was) == 1
    path.write_bytes(content.replace(was, struct.pack("<IIQ", (1 << 31) - 1, 0, 0)))
    with pytest.raises(TrackFileError, match="bytes, too much for this file") as caught:
        load_tracks(path)
    assert caught.value.key == "trx(2).x_spine"


@posix
def test_a_file_that_a_writer_has_locked(path: Path) -> None:
    import fcntl

    write_trxmat(path, larva())
    with path.open("rb+") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        with pytest.raises(TrackFileError, match="close it in other programs") as caught:
            load_tracks(path)
    assert caught.value.file == path
    load_tracks(path)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_is_read_where_locks_are_not_supported(
    number: int, no_flock: dict[str, str], path: Path
) -> None:
    write_trxmat(path, larva())
    result = command("data", "info", path, FLOCK_ERRNO=str(number), cwd=path.parent, **no_flock)
    assert (result.returncode, result.stderr) == (0, ""), result.stderr
    assert f"format      {path.name}" in result.stdout


def test_errors_of_the_system_name_the_file(path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"trx\.mat"), hdf5.opened(path):
        pass


FUZZ = """
import random, sys
from pathlib import Path
from taggingbackends import TrackFileError
from taggingbackends.data import trxmat
path, rng = Path(sys.argv[1]), random.Random(1)
whole = path.read_bytes()
reported = 0
for _ in range(300):
    data = bytearray(whole)
    for _ in range(rng.randint(1, 8)):
        data[rng.randrange(512, len(data))] = rng.choice([0, 255, rng.randrange(256)])
    path.write_bytes(data)
    try:
        trxmat.load(path)
    except TrackFileError:
        reported += 1
print(reported)
"""


@posix
@pytest.mark.parametrize("options", [{}, {"compression": "gzip"}], ids=["plain", "gzip"])
def test_garbled_files_never_crash(path: Path, options: dict[str, Any]) -> None:
    """The test runs in a separate process with limited memory."""
    write_trxmat(path, larva(1), larva(2), **options)
    limited = f"import resource\nresource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))\n{FUZZ}"
    result = subprocess.run(
        [sys.executable, "-c", limited, str(path)],
        capture_output=True,
        text=True,
        timeout=300,
        env={"OPENBLAS_NUM_THREADS": "1", "PATH": ""},
    )
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) > 20


@settings(max_examples=40)
@given(st.data(), st.integers(1, 400))
def test_written_tracks_are_read_unchanged(data: st.DataObject, block: int) -> None:
    """The result does not depend on chunks and on blocks read at once."""
    larvae = []
    contours = []
    for number in range(data.draw(st.integers(1, 3))):
        n, points = data.draw(st.integers(1, 20)), data.draw(st.integers(1, 9))
        rng = np.random.default_rng(data.draw(st.integers(0, 99)))
        xy = rng.normal(size=(n, points, 2))
        counts = rng.integers(0, points + 1, n)
        contours.append([frame[:count] for frame, count in zip(xy, counts, strict=True)])
        xy[np.arange(points) >= counts[:, None]] = NAN
        spines = {f"{axis}_spine": rng.normal(size=(n, 11)) for axis in "xy"}
        outlines = {"x_contour": xy[:, :, 0], "y_contour": xy[:, :, 1]}
        larvae.append(larva(number, n, **spines, **outlines))
    options = data.draw(st.sampled_from([{}, {"chunks": True}, {"compression": "gzip"}]))
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for name in ("_BLOCK", "_CHUNKS"):
            patch.setattr(structarray, name, block * 16)
        recording = load_tracks(write_trxmat(Path(folder, "trx.mat"), *larvae, **options))
    for number, (wanted, frames) in enumerate(zip(larvae, contours, strict=True)):
        track = recording[number]
        assert track.spine is not None
        assert track.outline is not None
        assert track.outline_offsets is not None
        assert np.array_equal(track.spine[:, :, 0], wanted["x_spine"])
        assert np.array_equal(track.spine[:, :, 1], wanted["y_spine"])
        assert np.array_equal(track.outline, np.concatenate(frames))
        assert np.diff(track.outline_offsets).tolist() == [len(frame) for frame in frames]


def test_messages_give_sizes_in_matlabs_order(path: Path) -> None:
    write_trxmat(path, larva(1, x_spine=np.ones((4, 7))))
    with pytest.raises(
        TrackFileError, match=re.escape("(4 x 7, as many rows as in t), found 4 x 11")
    ):
        load_tracks(path)


@pytest.mark.parametrize(
    ("files", "expected"), [pytest.param(*rest, id=name) for name, *rest in variants()]
)
def test_variants(files: dict[str, bytes], expected: str, tmp_path: Path) -> None:
    """Nothing is skipped in silence, and what is read has its only meaning."""
    ((name, content),) = files.items()
    (tmp_path / name).write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what was left out
        try:
            recordings = list(load_runs(tmp_path / name))
        except TrackFileError as error:
            assert expected == "refused"
            assert error.file == tmp_path / name
            return
    left_out = any(recording.left_out for recording in recordings)
    assert ("reported" if left_out else "read") == expected
    assert all(recording.run in (RUN, OTHER, name.removesuffix(".mat")) for recording in recordings)
    for number, track in (item for recording in recordings for item in recording.items()):
        wanted = larva(number)
        frames = (8 * track.times).astype(int)
        assert track.spine is not None
        assert track.outline is not None
        missing = np.isnan(track.spine).any(axis=(1, 2))
        assert np.isnan(track.spine[missing]).all()
        if track.spine.shape[1] == 11:
            assert np.array_equal(track.spine[~missing, :, 0], wanted["x_spine"][frames[~missing]])
            assert np.array_equal(track.spine[~missing, :, 1], wanted["y_spine"][frames[~missing]])
        assert {tuple(point) for point in track.outline} <= {(x, x + 0.5) for x in range(12)}
        assert len(track.outline_offsets) == len(track) + 1  # type: ignore[arg-type]
        for place, action in enumerate(ACTIONS):
            is_on = track.indicators[action].tolist()
            assert is_on == (frames == place).tolist() or (action == "stop" and not any(is_on))


def frame_by_frame(recording: Recording) -> list[Any]:
    (run,) = recording.labels().values()
    return [run[number].states for number in recording]


def test_labels_of_other_names(path: Path) -> None:
    crawl, turn = on(True, False, False, True), on(False, True, False, True).clip(0)
    velocity = np.array([[0.0, 1, 1, 2]]).T
    fields = {"crawl": crawl, "turn_large": turn, "back-up": turn, "velocity": velocity}
    actions = {name: on(False, False, True, False) if name == "run" else empty for name in ACTIONS}
    write_trxmat(
        path, larva(1, **actions, **fields), larva(2, **actions, **fields | {"crawl": empty})
    )
    recording = load_tracks(path)
    names = ["back-up", *ACTIONS, "crawl", "turn_large"]
    assert recording.labels()[RUN].names == sorted(names)
    assert list(recording[1].indicators) == sorted(names)
    assert frame_by_frame(recording) == [
        ["crawl", ("back-up", "turn_large"), "run", ("back-up", "crawl", "turn_large")],
        [(), ("back-up", "turn_large"), "run", ("back-up", "turn_large")],
    ]
    large = load_tracks(path, labels="large").labels()[RUN]
    assert large.names == ["small_motion", "turn_large"]


def test_a_column_is_no_indicator_if_one_larva_has_another_value(path: Path) -> None:
    values = np.array([[0.0, 1, 0, 1]]).T
    write_trxmat(path, larva(1, code=values), larva(2, code=values * 2), larva(3, code=-values))
    assert list(load_tracks(path)[1].indicators) == list(ACTIONS)


def test_more_labels_than_bits(path: Path) -> None:
    many = {f"label_{i:03}": np.arange(4)[:, None] == i % 4 for i in range(150)}
    write_trxmat(path, larva(1, **many), larva(2, **many))
    recording = load_tracks(path)
    names = sorted([*many, *ACTIONS])
    assert recording.labels()[RUN].names == names
    for frame, state in enumerate(recording.labels()[RUN][2].states):
        assert list(state) == [
            name
            for name in names
            if (int(name[-3:]) % 4 == frame if name in many else ACTIONS.index(name) == frame)
        ]


def test_labels_of_a_column_of_state_numbers(path: Path) -> None:
    numbers = np.array([[1.0, 7, NAN, 8]]).T
    write_trxmat(path, larva(1, global_state=numbers), larva(2, global_state=numbers * 0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        recording = load_tracks(path, labels="global_state")
        both = load_tracks(path, labels=["global_state", "plain"])
    assert recording.labels()[RUN].names == [
        "run", "cast", "stop", "hunch", "back", "roll", "small_motion"
    ]  # fmt: skip
    assert frame_by_frame(recording) == [["run", "small_motion", (), ()], [()] * 4]
    assert recording.left_out == ("1 frame with a number in global_state that is no state (1)",)
    assert frame_by_frame(both)[0] == [("back", "run"), ("cast", "small_motion"), "hunch", "roll"]
    assert list(recording[1].indicators) == list(ACTIONS)
    with pytest.raises(TrackFileError, match=r"a column 'global_state_x', found global_state$"):
        load_tracks(path, labels="global_state_x")


def test_states_of_the_real_recording(recordings: Path) -> None:
    file = recordings / "trxmat" / "20170714_101500" / "trx.mat"
    found = load_tracks(file, labels="global_state_large_state")
    assert frame_by_frame(found) == frame_by_frame(load_tracks(file))


def test_several_runs(path: Path) -> None:
    write_trxmat(path, larva(1), larva(1, id=OTHER), larva(2, n=3), larva(9, id="x", t=empty))
    assert runs_in(path) == runs_in(path.parent) == [RUN, OTHER]
    with pytest.raises(TrackFileError, match=r"found 2 \(.*\); choose .* load_tracks\(path, run="):
        load_tracks(path)
    with pytest.raises(TrackFileError, match="expected run 'x', found "):
        load_tracks(path, run="x")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first, second = (load_tracks(path, run=run) for run in runs_in(path))
    assert (first.run, list(first), list(first.labels())) == (RUN, [1, 2], [RUN])
    assert (second.run, list(second), second.metadata) == (OTHER, [1], {"date_time": OTHER})
    labels = second.labels()
    labels[OTHER].dependencies = [dependency(path)]
    labels.write(path.with_name(f"trx.{OTHER}.label"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert load_tracks(path.with_name(f"trx.{OTHER}.label")).run == OTHER
    write_trxmat(path, larva(1))
    assert runs_in(path) == [RUN]
    assert load_tracks(path, run=RUN).run == RUN


def test_strings_of_matlab(path: Path) -> None:
    """Each has its own text, of any length."""
    texts = [RUN, "évasion 7 \N{LARGE ORANGE CIRCLE}", "x" * 1000]
    elements = [larva(i, id=string(i)) for i in (1, 2, 3)]
    write_trxmat(path, *elements, edit=subsystem(*texts))
    assert runs_in(path) == texts


def test_a_cell_that_contains_itself(path: Path) -> None:
    def edit(file: h5py.File) -> None:
        cell = file["#refs#"].create_dataset("cell", (1, 1), h5py.ref_dtype)
        cell[0, 0] = cell.ref
        references = file["trx/id"][()]
        references[0, 0] = cell.ref
        file["trx/id"][...] = references

    write_trxmat(path, larva(1), larva(2), edit=edit)
    with pytest.raises(TrackFileError, match="found 1 x 1 references"):
        load_tracks(path)


def test_the_larvae_of_several_runs_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "trx.mat"
    names = [f"20240611_10{minute:02d}00" for minute in range(10)]
    write_trxmat(path, *(larva(1, n=20, id=name) for name in names))
    read: list[int] = []
    numbers = trxmat.StructArray.numbers

    def counted(self: Any, field: str, index: int, *shape: Any) -> Any:
        read.extend([index] if field == "t" else [])
        return numbers(self, field, index, *shape)

    monkeypatch.setattr(trxmat.StructArray, "numbers", counted)
    assert [recording.run for recording in load_runs(path)] == names
    assert read == list(range(10))
    one = load_tracks(path, run=names[3])
    one[1].times[:] = 0
    assert load_tracks(path, run=names[3])[1].times[-1] > 0
    write_trxmat(path, *(larva(1, n=30, id=name) for name in names))
    assert len(load_tracks(path, run=names[3])[1]) == 30


def test_where_the_name_of_a_run_comes_from(tmp_path: Path) -> None:
    nameless = {field: value for field, value in larva().items() if field != "id"}
    for folder, run in ((RUN, RUN), ("x", "trx")):
        path = tmp_path / folder / "trx.mat"
        path.parent.mkdir()
        write_trxmat(path, nameless)
        recording = trxmat.load(path)
        assert recording.run == run
        assert recording.left_out == (f"1 missing identifier of the run, named {run} instead (1)",)


def test_sentences_name_some_larvae(path: Path) -> None:
    bad = {"x_spine": np.full((4, 11), np.inf), "y_spine": np.full((4, 11), np.inf)}
    none = {name: empty for name in larva() if name not in ("id", "numero_larva_num")}
    write_trxmat(path, larva(1), *(larva(i, **bad) for i in range(2, 9)), larva(30, **none))
    assert trxmat.load(path).left_out == (
        "1 larva without frames (30)",
        "28 incomplete spines (2, 3, 4, 5, 6, ...)",
    )


def test_a_file_that_its_writer_has_not_closed(path: Path) -> None:
    with h5py.File(path, "w", libver="latest", userblock_size=512) as file:
        file.create_group("trx")
        file.flush()
        path.with_name("copy.mat").write_bytes(path.read_bytes())
    with path.with_name("copy.mat").open("r+b") as copy:
        write_head(copy)
    with pytest.raises(TrackFileError, match="expected a file that was closed after writing"):
        load_tracks(path.with_name("copy.mat"))
