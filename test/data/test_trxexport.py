"""Tests of labels that are written into copies of a trx.mat."""

from __future__ import annotations

import shutil
import subprocess
import sys
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

import click
import h5py
import numpy as np
import pytest

from support import (
    RUN,
    backend_error,
    called,
    command,
    label_error,
    posix,
    refused,
    write_recording,
)
from taggingbackends import BackendError, LabelFileError, Labels, TrackFileError, dependency
from taggingbackends.data import export_trx, load_runs, load_tracks, trxexport
from taggingbackends.data.agreement import LabelFileCheck
from taggingbackends.data.labelsources import read_labels
from variants.trxmat import ACTIONS, OTHER, Larva, empty, image, larva, variants

NAN = np.nan
LIKE = [(name, files, kind) for name, files, kind in variants() if kind != "refused"]
STATES = ["run", "cast", ("roll", "a_new_one"), (), "stop_large"]
FIELDS = ["run", "cast", "roll", "a_new_one", "stop_large"]

Snapshot = dict[str, Any]


def snapshot(path: Path) -> Snapshot:
    """Return all that is in a file: each object by name, with its type, content and attributes."""
    found: Snapshot = {"header": path.read_bytes()[:512]}

    def add(name: str, thing: Any) -> None:
        content: Any = None
        if isinstance(thing, h5py.Dataset):
            content = thing[()]
            if thing.dtype == h5py.ref_dtype:
                content = [file[ref].name if ref else "" for ref in content.ravel()]
            elif isinstance(content, h5py.Empty):
                content = None
            else:
                content = content.tobytes()
            stored = thing.shape, thing.dtype.str, thing.chunks, thing.compression, thing.shuffle
            content = (*stored, content)
        names = [key for key in thing.attrs if key != "MATLAB_fields"]
        attributes = {key: str(thing.attrs[key]) for key in names}
        types = {key: thing.attrs.get_id(key).get_type().get_size() for key in names}
        found[name] = content, attributes, types

    with h5py.File(path) as file:
        add("/", file)
        file.visititems(add)
    return found


def elements(path: Path, field: str) -> list[h5py.Dataset]:
    """Return the datasets of the elements of a field of the file's struct array, still open."""
    file = h5py.File(path)
    groups = [thing for thing in file.values() if isinstance(thing, h5py.Group)]
    trx = next(group for group in groups if "numero_larva_num" in group)
    dataset = trx[field]
    if dataset.dtype != h5py.ref_dtype:
        return [dataset]
    return [file[ref] for ref in dataset[()].ravel()]


def check_rest(like: Path, output: Path, fields: Collection[str]) -> None:
    """Check that nothing else differs than fields."""
    before, after = snapshot(like), snapshot(output)
    with h5py.File(like) as file:
        (name,) = [x for x in file if "trx" in x.lower() or x == "tracks"][:1]
        group = file[name]
        may = {f"{name}/{field}" for field in fields}
        for field in fields:
            if field in group and group[field].dtype == h5py.ref_dtype:
                refs = group[field][()].ravel()
                may |= {file[ref].name.strip("/") for ref in refs if ref}
    assert before.keys() <= after.keys()
    assert {x for x in before if before[x] != after[x]} <= may
    new = {x for x in after.keys() - before.keys() if not x.startswith("#refs#")}
    assert new <= may


def labels_for(path: Path) -> Labels:
    """Return labels of all runs in a file, of all states in turn."""
    labels = Labels()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        recordings = list(load_runs(path, spine=False, outline=False))
    for recording in recordings:
        labels.add_run(recording.run).declare(FIELDS)
        for number, track in recording.items():
            states = [STATES[i % len(STATES)] for i in range(len(track))]
            labels.set(recording.run, number, track.times, states)
    return labels


@pytest.fixture
def like(tmp_path: Path) -> Path:
    return put(tmp_path / "trx.mat", larva(1), larva(2))


def put(path: Path, *larvae: Larva, **options: Any) -> Path:
    path.write_bytes(image(*larvae, **options)["trx.mat"])
    return path


def states(path: Path, number: int = 1, **options: Any) -> list[Any]:
    (labels,) = load_tracks(path, **options).labels().values()
    return labels[number].states


def of(*tracks: list[Any], run: str = RUN) -> Labels:
    labels = Labels()
    for number, items in enumerate(tracks, 1):
        labels.set(run, number, np.arange(len(items)) / 8, items)
    return labels


@pytest.mark.parametrize(("name", "files", "kind"), LIKE, ids=[name for name, *_ in LIKE])
def test_every_kind_of_file(name: str, files: dict[str, bytes], kind: str, tmp_path: Path) -> None:
    like, output = tmp_path / "trx.mat", tmp_path / "new" / "trx.mat"
    output.parent.mkdir()
    like.write_bytes(files["trx.mat"])
    labels = labels_for(like)
    done = export_trx(labels, like, output, force=True)
    frames = sum(len(track) for run in labels.values() for track in run.values())
    assert done.frames == frames
    assert all("global_state_large_state" in sentence for sentence in done.sentences)
    check_rest(like, output, {*done.fields, "global_state_large_state"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = list(load_runs(output, spine=False, outline=False))
    for recording in found:
        for number, track in recording.items():
            wanted = labels[recording.run][number].states
            for field in FIELDS:
                on = [field in ((x,) if isinstance(x, str) else x) for x in wanted]
                assert track.indicators[field].tolist() == on, field


# what is written


def column(*values: float, dtype: str = "f8") -> Any:
    return np.array([values], dtype).T


def values(path: Path, field: str, index: int = 0) -> list[float]:
    return elements(path, field)[index][()].ravel().tolist()


def as_matlab(group: h5py.Group, name: str) -> h5py.Dataset:
    """Store a column as MATLAB stores a compressed one."""
    dataset = group.create_dataset(
        name, data=-np.ones((1, 4)), chunks=(1, 2), compression="gzip", compression_opts=3
    )
    dataset.attrs["H5PATH"] = np.bytes_("/#refs#")
    dataset.attrs["MATLAB_class"] = np.bytes_("double")
    return dataset


def list_fields(file: h5py.File) -> None:
    """Add the list of fields that MATLAB's programs store."""
    letters = np.dtype("S1")
    names = np.empty(len(file["trx"]), object)
    names[:] = [np.array(list(name), letters) for name in file["trx"]]
    file["trx"].attrs.create("MATLAB_fields", names, dtype=h5py.vlen_dtype(letters))


def test_a_new_indicator_is_stored_as_the_others(like: Path, tmp_path: Path) -> None:
    put(like, larva(1, run=as_matlab), larva(2, run=as_matlab), edit=list_fields)
    output = tmp_path / "new.mat"
    done = export_trx(of(["crawl", (), "crawl"]), like, output)
    assert (done.fields, done.larvae, done.frames) == (("crawl",), 1, 3)
    assert (done.undefined, done.unlabelled, done.sentences) == (1, 5, ())
    # back comes before run, and has no attributes
    assert values(output, "crawl") == [1, -1, 1, -1]
    assert values(output, "crawl", 1) == [-1, -1, -1, -1]
    (trx,) = {x.file["trx"] for x in elements(output, "crawl")[:1]}
    names = [b"".join(name).decode() for name in trx.attrs["MATLAB_fields"]]
    assert names == [*(x for x in trx if x != "crawl"), "crawl"]
    without = dict.fromkeys(ACTIONS, as_matlab)
    put(like, larva(1, **without), larva(2, **without), edit=list_fields)
    export_trx(of(["crawl", (), "crawl"]), like, output, force=True)
    for new, other in zip(elements(output, "crawl"), elements(output, "run"), strict=True):
        assert (new.shape, new.dtype, new.chunks) == ((1, 4), np.dtype("<f8"), (1, 2))
        assert (new.compression, new.compression_opts) == ("gzip", 3)
        assert {k: v.tobytes() for k, v in new.attrs.items()} == {
            k: v.tobytes() for k, v in other.attrs.items()
        }
        assert new.name.startswith("/#refs#/")
        class_ = new.attrs.get_id("MATLAB_class")
        assert class_.get_type().equal(other.attrs.get_id("MATLAB_class").get_type())
    check_rest(like, output, {"crawl"})


@pytest.mark.parametrize(
    ("stored", "off"),
    [("f4", -1), ("i1", -1), ("u1", 0), ("?", 0), (">f8", -1)],
)
def test_an_indicator_keeps_its_type(stored: str, off: int, like: Path, tmp_path: Path) -> None:
    put(like, larva(1, run=column(1, 0, 0, 0, dtype=stored)), larva(2))
    labels = of(["cast", "run"], [(), "crawl"])
    export_trx(labels, like, tmp_path / "new.mat")
    export_trx(labels, tmp_path / "new.mat", tmp_path / "again.mat")
    assert (tmp_path / "again.mat").read_bytes() == (tmp_path / "new.mat").read_bytes()
    (one, other) = elements(tmp_path / "new.mat", "run")
    assert one.dtype == np.dtype(stored)
    assert one[()].ravel().tolist() == [off, 1, off, off]
    assert other[()].ravel().tolist() == [off] * 4
    check_rest(like, tmp_path / "new.mat", {"run", "cast", "crawl"})


def test_numbers_of_states(like: Path, tmp_path: Path) -> None:
    fields = {"global_state_large_state": column(2, 2, 2, 3)}
    put(like, larva(1, **fields), larva(2, **dict.fromkeys(fields, empty)), larva(3, **fields))
    labels = of(["crawl", ("run", "cast"), (), ("roll", "run")], ["run", "crawl"])
    done = export_trx(labels, like, tmp_path / "new.mat")
    states = [values(tmp_path / "new.mat", "global_state_large_state", i) for i in range(3)]
    assert states == [[2, 2, 2, 6], [1, 0, 0, 0], [2, 2, 2, 3]]
    assert done.sentences == (
        "2 frames have several states; global_state_large_state is one of them (1)",
        "2 frames keep their number in global_state_large_state, since their labels have none (1)",
    )
    done = export_trx(labels, like, tmp_path / "b.mat", rename={"crawl": "back"}, variant="large")
    assert values(tmp_path / "b.mat", "global_state_large_state") == [5, 2, 2, 6]
    none = export_trx(of(["crawl"]), like, tmp_path / "c.mat")
    assert none.sentences == ()
    assert values(tmp_path / "c.mat", "global_state_large_state") == [2, 2, 2, 3]


def test_variants_are_written_beside_their_indicator(like: Path, tmp_path: Path) -> None:
    labels = of(["cast", "small_motion", ("run", "crawl"), ()])
    done = export_trx(labels, like, tmp_path / "new.mat", variant="large")
    assert set(done.fields) == {"cast_large", "small_motion", "run_large", "crawl_large", "crawl"}
    check_rest(like, tmp_path / "new.mat", done.fields)
    assert states(tmp_path / "new.mat", labels="large") == [
        "cast_large",
        "small_motion",
        ("crawl_large", "run_large"),
        (),
    ]
    assert "crawl_large" not in load_tracks(tmp_path / "new.mat").labels()[RUN].names
    large = read_labels(tmp_path / "new.mat")
    large.set(RUN, 1, [0.0], ["run_large"])
    done = export_trx(large, like, tmp_path / "b.mat", variant="large", rename={"run": "back"})
    assert "run_large_large" not in done.fields


def test_reset(like: Path, tmp_path: Path) -> None:
    fields = {"cast_strong": column(1, 1, 1, 1), "roll_large": empty, "turn": column(1, 0, 0, 1)}
    put(like, larva(1, **fields), larva(2, **fields))
    done = export_trx(of(["run"]), like, tmp_path / "new.mat", reset=True)
    assert done.fields == ("run",)
    known = {*ACTIONS, "cast_strong"}
    check_rest(like, tmp_path / "new.mat", known)
    for index in (0, 1):
        for name in known:
            first = 1 if (name, index) == ("run", 0) else -1
            assert values(tmp_path / "new.mat", name, index) == [first, -1, -1, -1]
    assert states(tmp_path / "new.mat") == [("run", "turn"), (), (), "turn"]


def test_runs_without_labels_keep_their_indicators(like: Path, tmp_path: Path) -> None:
    turn = column(1, 0, 0, 0)
    put(like, larva(1, turn=turn), larva(1, id=OTHER, turn=turn, run=column(0, 0, 0, 1)))
    labels = of([("turn", "crawl", "run"), "turn"])
    labels.set("elsewhere", 1, [0.0], ["run"])
    done = export_trx(labels, like, tmp_path / "new.mat", reset=True)
    assert done.sentences == ("1 run of the labels is not in the file (elsewhere)",)
    assert done.unlabelled == 2
    assert states(tmp_path / "new.mat", run=OTHER) == [
        ("back", "turn"),
        "cast",
        "hunch",
        ("roll", "run"),
    ]
    assert states(tmp_path / "new.mat", run=RUN)[:2] == [("crawl", "run", "turn"), "turn"]
    assert values(tmp_path / "new.mat", "turn") == [1, 1, 0, 0]
    assert values(tmp_path / "new.mat", "run", 1) == [0, 0, 0, 1]
    assert values(tmp_path / "new.mat", "crawl", 1) == [-1] * 4


def test_arrays_that_other_fields_share_stay(like: Path, tmp_path: Path) -> None:
    def share(file: h5py.File) -> None:
        del file["trx/run_large"], file["trx/roll"]
        file["trx/run_large"] = file["trx/run"][()]
        file["trx/roll"] = file["trx/stop"]  # a hard link
        file["backup"] = file["trx/cast"][()]

    one = larva(1, run_large=empty)
    put(like, one, {**one, **larva(2)}, edit=share)
    export_trx(of(["run", "cast", "stop", "hunch"]), like, tmp_path / "new.mat")
    check_rest(like, tmp_path / "new.mat", {"run", "cast", "stop", "hunch", "roll"})
    assert values(tmp_path / "new.mat", "run_large") == values(like, "run")
    assert values(tmp_path / "new.mat", "roll") == values(like, "stop")
    assert values(tmp_path / "new.mat", "stop") == [-1, -1, 1, -1]
    with h5py.File(tmp_path / "new.mat") as new, h5py.File(like) as old:
        assert new[new["backup"][0, 0]][()].tolist() == old[old["backup"][0, 0]][()].tolist()


def test_what_is_not_in_the_file_is_reported(like: Path, tmp_path: Path) -> None:
    labels = Labels()
    labels.set(RUN, 1, [0.0008, 0.125, 0.2515, 9.0], ["run", "cast", "run", "run"])
    labels.set(RUN, 7, [0.0, 0.125], ["run", "cast"])
    labels.tag("edited")
    done = export_trx(labels, like, tmp_path / "new.mat")
    assert done.sentences == (
        "1 secondary label is not written (edited)",
        "4 frames of the labels are not in the file within 1 ms (1, 7)",
        "1 larva of the labels is not in the file (7)",
    )
    assert (done.frames, done.unlabelled, done.fields) == (2, 6, ("run", "cast"))
    assert values(tmp_path / "new.mat", "run") == [1, -1, -1, -1]
    done = export_trx(labels, like, tmp_path / "b.mat", rename={"edited": "edited"})
    assert values(tmp_path / "b.mat", "edited") == [1, 1, -1, -1]


def test_names(like: Path, tmp_path: Path) -> None:
    labels = of(["small action", "run", "back-up", ("end", "velocity")])
    put(like, larva(1, velocity=column(0, 1, 2, 3)), larva(2, velocity=empty))

    def fix(**options: Any) -> str:
        with pytest.raises(BackendError) as caught:
            export_trx(labels, like, tmp_path / "new.mat", **options)
        assert caught.value.kind == "bad-name"
        return caught.value.fix

    assert fix() == (
        "give other names with rename={'small action': 'small_action', 'back-up': 'back_up', "
        "'end': 'label_end', 'velocity': 'label_velocity'}"
    )
    good = {"small action": "small_motion", "back-up": "back", "end": "fin", "velocity": "run"}
    for bad in ("t", "x_spine", "id", "numero_larva_num", "global_state_x", "protocol"):
        assert fix(rename=good | {"end": bad}).endswith(f"{{'end': 'label_{bad}'}}")
        export_trx(labels, like, tmp_path / bad, rename=good | {"end": f"label_{bad}"})
    for bad in ("_x", "1x", "a" * 64, "é", "x y", "parfor", "x\n"):
        assert "expected" not in fix(rename=good | {"end": bad})
    assert len(fix(rename=good | {"end": "a" * 60}, variant="strong")) < 150
    export_trx(labels, like, tmp_path / "new.mat", rename=good)
    assert states(tmp_path / "new.mat") == [
        "small_motion",
        ("cast", "run"),
        ("back", "hunch"),
        ("fin", "roll", "run"),
    ]
    for wrong in ({"crawl": "run"}, {"run": ""}, {"run": 1}):
        with label_error("bad-label"):
            export_trx(labels, like, tmp_path / "b.mat", rename=wrong)


# what is refused


def test_labels_of_another_recording(like: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.mat"
    spine = write_recording(tmp_path / "lab")
    labels = of(["run"])
    labels[RUN].dependencies = [dependency(spine)]
    with pytest.raises(LabelFileError, match=r"found trx.mat; .*force=True$"):
        export_trx(labels, like, new)
    assert not new.exists()
    export_trx(labels, like, new, force=True)
    beside = shutil.copy(like, tmp_path / "lab" / "trx.mat")  # another form of the same recording
    export_trx(labels, beside, new, force=True)
    export_trx(labels, beside, tmp_path / "b.mat")
    spine.write_text(spine.read_text().replace("0.1", "0.2"))
    with pytest.raises(LabelFileError, match="bad-dependency"):
        export_trx(labels, beside, tmp_path / "c.mat")
    labels[RUN].dependencies = [dependency(like)]
    export_trx(labels, like, tmp_path / "c.mat")

    other = of(["run"], run=OTHER)
    with pytest.raises(LabelFileError, match=rf"\(run {RUN}\), found run {OTHER}; .*force=True$"):
        export_trx(other, like, tmp_path / "d.mat")
    export_trx(other, like, tmp_path / "d.mat", force=True)
    assert values(tmp_path / "d.mat", "run") == [1, -1, -1, -1]
    far = Labels()
    far.set(RUN, 1, [50.0], ["run"])
    with pytest.raises(LabelFileError, match="expected frames of the file within 1 ms, found none"):
        export_trx(far, like, tmp_path / "e.mat", force=True)
    with backend_error("no-input"):
        export_trx(Labels(), like, tmp_path / "e.mat")
    assert not (tmp_path / "e.mat").exists()


def test_files_that_are_refused(like: Path, tmp_path: Path) -> None:
    labels, new = of(["run"]), tmp_path / "new.mat"
    (tmp_path / "link.mat").symlink_to(like)
    for output in (like, tmp_path / "link.mat"):
        with backend_error("existing-file", "expected another file than .*; name a new file$"):
            export_trx(labels, like, output, force=True)
    new.write_text("mine")
    with backend_error("existing-file", "force=True"):
        export_trx(labels, like, new)
    assert new.read_text() == "mine"
    v5 = tmp_path / "v5.mat"
    v5.write_bytes(b"MATLAB 5.0 MAT-file".ljust(512))
    with pytest.raises(TrackFileError, match=r"v7\.3"):
        export_trx(labels, v5, new)
    with pytest.raises(TrackFileError, match="found a Choreography file"):
        export_trx(labels, write_recording(tmp_path), new)
    with pytest.raises(FileNotFoundError):
        export_trx(labels, tmp_path / "none.mat", new)
    with pytest.raises(IsADirectoryError):
        export_trx(labels, like, tmp_path, force=True)
    with pytest.raises(ValueError, match="found 'big'"):
        export_trx(labels, like, new, variant="big")
    with pytest.raises(TypeError, match=r"Labels\.read"):
        export_trx(str(new), like, new)  # type: ignore[arg-type]
    with h5py.File(tmp_path / "other.mat", "w") as file:
        file["x"] = np.zeros((1, 4))

    def link(file: h5py.File) -> None:
        del file["trx/run"]
        file["trx/run"] = h5py.ExternalLink("other.mat", "x")

    put(like, larva(1), edit=link)
    other = (tmp_path / "other.mat").read_bytes()
    with pytest.raises(TrackFileError, match=r"trx\.run: .*copy them here"):
        export_trx(labels, like, tmp_path / "x.mat")
    assert (tmp_path / "other.mat").read_bytes() == other

    def within(file: h5py.File) -> None:
        del file["trx/run"]
        file["trx/run"] = h5py.SoftLink("/trx/cast")

    put(like, larva(1), edit=within)
    with pytest.raises(TrackFileError, match=r"trx\.run: expected data, found a link; copy"):
        export_trx(labels, like, tmp_path / "x.mat")
    assert {x.name for x in tmp_path.iterdir() if x.name.startswith(".")} == set()


def test_data_in_another_file_are_never_written(like: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.bin"
    outside.write_bytes(bytes(32))

    def external(group: h5py.Group, name: str) -> h5py.Dataset:
        return group.create_dataset(
            name, shape=(1, 4), dtype="f8", external=[(str(outside), 0, 32)]
        )

    put(like, larva(1, run=external), larva(2))
    export_trx(of(["run"]), like, tmp_path / "new.mat")
    assert outside.read_bytes() == bytes(32)
    assert values(tmp_path / "new.mat", "run") == [1, -1, -1, -1]
    check_rest(like, tmp_path / "new.mat", {"run"})


def test_a_type_that_is_damaged_is_not_written(like: Path, tmp_path: Path) -> None:
    """HDF5 crashed when it converted numbers to such a type."""
    kind = bytes.fromhex("11203f0008000000" + "00004000")  # class of doubles, offset, precision
    content = like.read_bytes()
    (one, _) = elements(like, "run")
    address = 512 + h5py.h5o.get_info(one.id).addr
    one.file.close()
    at = content.index(kind, address)
    like.write_bytes(content[: at + 8] + b"\xff" + content[at + 9 :])
    export_trx(of(["run"]), like, tmp_path / "new.mat")
    assert values(tmp_path / "new.mat", "run") == [1, -1, -1, -1]


@posix
def test_a_locked_file(like: Path, tmp_path: Path) -> None:
    import fcntl

    with like.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(TrackFileError, match="cannot lock this file"):
            export_trx(of(["run"]), like, tmp_path / "new.mat")
    assert list(tmp_path.iterdir()) == [like]


def test_a_file_that_changes_meanwhile(
    like: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = trxexport.copy_content

    def change(source: Path, path: Path) -> None:
        copy(source, path)
        like.write_bytes(like.read_bytes() + b" ")

    monkeypatch.setattr(trxexport, "copy_content", change)
    with pytest.raises(TrackFileError, match="changed while it was read"):
        export_trx(of(["run"]), like, tmp_path / "new.mat")


@posix
def test_a_full_disk(like: Path, tmp_path: Path) -> None:
    """The copy fits, the new columns do not."""
    many = [larva(i, 2000) for i in (1, 2)]
    put(like, *many)
    script = f"""
import resource
from pathlib import Path
from taggingbackends import Labels
from taggingbackends.data import export_trx
size = Path({str(like)!r}).stat().st_size
labels = Labels()
labels.set({RUN!r}, 1, [0.0], ["crawl"])
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, size + 100))
try:
    export_trx(labels, {str(like)!r}, {str(tmp_path / "new.mat")!r})
except OSError as error:
    print(error.filename, type(error).__name__)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == f"{tmp_path / 'new.mat'} OSError\n", done
    assert list(tmp_path.iterdir()) == [like]


# other readers


def test_other_readers_agree(recordings: Path, tmp_path: Path) -> None:
    import mat73  # both are slow to import
    import pymatreader

    like = recordings / "trxmat" / "20170714_101500" / "trx.mat"
    output = tmp_path / "new.mat"
    labels = read_labels(like)
    (larvae,) = labels.values()
    rename = {"run": "crawl", "small_motion": "small_motion"}
    done = export_trx(labels, like, output, rename=rename)
    check_rest(like, output, done.fields)
    ours = load_tracks(output, spine=False, outline=False)
    theirs = mat73.loadmat(str(output), use_attrdict=False)["trx"]
    also = pymatreader.read_mat(output)["trx"]
    before = mat73.loadmat(str(like), use_attrdict=False)["trx"]
    stored = {field: elements(output, field) for field in done.fields}
    assert theirs.keys() == before.keys() | {"crawl"}
    for index, number in enumerate(ours):
        names = larvae[number].states
        for name in larvae.names:
            field = rename.get(name, name)
            wanted = np.where([state == name for state in names], 1.0, -1.0)
            assert ours[number].indicators[field].tolist() == (wanted == 1).tolist()
            assert np.array_equal(stored[field][index][()], wanted[None])
            assert np.array_equal(np.ravel(theirs[field][index]), wanted)
            assert np.shape(theirs[field][index]) == np.shape(before["run"][index])
            assert np.array_equal(np.ravel(also[field][index]), wanted)
        assert np.array_equal(theirs["x_spine"][index], before["x_spine"][index])


# the command


def test_export(
    like: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    labels = of(["crawl", "bend"], ["crawl", (), "small action"])
    labels.write("x.label")

    def export(*arguments: Any) -> tuple[str, str]:
        called("labels", "export", "x.label", "--to=trx", *arguments, cwd=tmp_path)
        return capsys.readouterr()

    renames = ("--rename", "crawl=run,bend=cast", "--rename", "small action=small_motion")
    numbers = "5 frames of 2 larvae with labels, 1 of them undefined; 3 frames without\n"
    assert export("--like=trx.mat", "-o", "new.mat", *renames) == ("new.mat\n", numbers)
    assert values(Path("new.mat"), "run") == [1, -1, -1, -1]
    assert values(Path("new.mat"), "small_motion", 1) == [-1, -1, 1, -1]
    with backend_error("existing-file"):
        export("--like=trx.mat", "-o", "new.mat", *renames, "--reset")
    export("--like=trx.mat", "-o", "b.mat", *renames, "--reset", "--variant=large")
    assert values(Path("b.mat"), "run_large") == [1, -1, -1, -1]
    assert values(Path("b.mat"), "hunch", 1) == [-1] * 4
    for bad, words in (
        (("-o", "c.mat"), "--to trx needs --like FILE"),
        (("--like=trx.mat", "-o", "c.label"), r"expected a name that ends in \.mat"),
        (("--like=trx.mat", "-o", "-"), r"expected a name that ends in \.mat"),
        (("--like=trx.mat", "-o", "c.mat", "--rename", "run"), "expected OLD=NEW, found 'run'"),
        (("--like=trx.mat", "-o", "c.mat", "--rename", "a=b,a=c"), "expected one new name of 'a'"),
    ):
        with pytest.raises(click.UsageError, match=words):
            export(*bad)
    labels.set(RUN, 9, [0.0], ["run"])
    labels.write("x.label")
    with pytest.warns(UserWarning) as caught:
        export("--like=trx.mat", "-o", "c.mat", *renames)
    assert [str(warning.message) for warning in caught] == [
        "c.mat: 1 larva of the labels is not in the file (9)",
        "c.mat: 1 frame of the labels is not in the file (9)",
    ]


def test_the_fix_of_names_is_an_option(like: Path, tmp_path: Path) -> None:
    of(["small action", "back-up"]).write(tmp_path / "x.label")
    arguments = ("labels", "export", "x.label", "--to=trx", "--like=trx.mat", "-o", "b.mat")
    refused(
        command(*arguments, cwd=tmp_path),
        "found 'small action', 'back-up'; give other names with "
        "--rename 'small action=small_action' --rename back-up=back_up\n",
    )
    refused(
        command(*arguments, "--rename", "crawl=run,bend=cast", cwd=tmp_path),
        "x.label: bad-label: expected names of labels (back-up, small action), found 'crawl'\n",
    )


def test_a_trx_mat_becomes_a_label_file(
    like: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def convert(*arguments: Any) -> str:
        called("labels", "convert", "trx.mat", *arguments, cwd=tmp_path)
        return capsys.readouterr().out

    assert convert("-o", "x.label") == "x.label\n"
    labels = Labels.read("x.label")
    assert labels[RUN].dependencies == [dependency(like)]
    assert labels[RUN].metadata == {"date_time": RUN}
    assert labels[RUN][2].states == ["back", "cast", "hunch", "roll"]
    assert LabelFileCheck().check(Path("x.label")) == ([], [])
    export_trx(labels, like, "new.mat")
    assert Path("new.mat").read_bytes() == like.read_bytes()
    with pytest.raises(click.UsageError, match=r"trx.mat: --in-place replaces label files only"):
        convert("--in-place")
    assert Path("new.mat").read_bytes() == like.read_bytes()
    put(like, larva(1), larva(2, id=OTHER))
    assert convert("--split", "-o", "runs") == f"runs/{RUN}.label\nruns/{OTHER}.label\n"
    convert("-o", "both.label")
    assert list(Labels.read("both.label")) == [RUN, OTHER]
    like.write_bytes(b"MATLAB 5.0 MAT-file".ljust(512))
    with pytest.raises(TrackFileError, match=r"save it in MATLAB with -v7\.3"):
        convert("-o", "y.label")
    put(like, {name: value for name, value in larva(1).items() if name not in ACTIONS})
    with backend_error("no-input", "found a recording without labels"):
        convert("-o", "y.label")
