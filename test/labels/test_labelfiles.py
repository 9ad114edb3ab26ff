"""Label files: reading, errors, canonical text and atomic writing."""

from __future__ import annotations

import json
import os
import pickle
import stat
import subprocess
import sys
from collections import Counter
from importlib.resources import files
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import any_labels

from support import CONTRACT, RUN, parse, posix, text, tree, write_labels, write_recording
from taggingbackends import BackendError, LabelFileError, Labels, ScriptError, TrackFileError
from taggingbackends.data import is_label_file
from taggingbackends.labels import reading
from taggingbackends.labels.conversion import united
from taggingbackends.labels.fast import jsonarrays
from taggingbackends.labels.fast.tracktexts import take_apart
from taggingbackends.labels.inspection import find_errors
from taggingbackends.labels.runlabels import RunLabels
from variants import tracks as variants


@settings(max_examples=50)  # more of them are written and read in the campaign
@given(any_labels())
def test_written_labels_read_back_equal(labels: Labels) -> None:
    written = text(labels)
    again = parse(written)
    assert again == labels
    assert text(again) == written
    json.loads(written)
    assert written.endswith(b"}\n")


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=50, unique=True))
def test_times_are_written_in_milliseconds(times: list[float]) -> None:
    times.sort()
    labels = Labels()
    labels.set(RUN, 1, times, ["run"] * len(times))
    rounded = np.rint(1000 * np.array(times)) / 1000
    if (np.diff(rounded) > 0).all():
        assert parse(text(labels))[RUN][1].times.tolist() == rounded.tolist()
    else:
        with pytest.raises(LabelFileError, match="bad-time: expected times that differ"):
            text(labels)


@settings(max_examples=300)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_shortest_and_positional_in_range(value: float) -> None:
    labels = Labels()
    labels.add_run(RUN).attributes["x"] = value
    written = text(labels).split(b'"x":')[1].split(b",")[0].decode()
    assert float(written) == value
    digits = repr(value).split("e")[0].strip("-0").replace(".", "").strip("0")
    assert written.split("e")[0].strip("-0").replace(".", "").strip("0") == digits
    assert ("e" in written) is not (value == 0 or 1e-5 <= abs(value) < 1e16)
    if "e" in written:
        assert written.split("e")[1].startswith("-" if abs(value) < 1 else "+")


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def changed(change: Any) -> Labels:
    labels = Labels()
    labels.set(RUN, 7, [0.1, 0.2], ["run", "cast"])
    change(labels[RUN])
    return labels


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            lambda run: run.metadata.update(id="x"), 'no "id" in metadata', id="id in metadata"
        ),
        pytest.param(
            lambda run: run.attributes.update(units=1), 'no "units"', id="reserved attribute"
        ),
        pytest.param(
            lambda run: run.attributes.update(runs=1), 'no "runs"', id="runs as an attribute"
        ),
        pytest.param(lambda run: run[7].records.update(t=[1, 2]), '"t"', id="reserved record"),
        pytest.param(
            lambda run: run.metadata.update(x={"y": [float("nan")]}), "finite", id="not a number"
        ),
        pytest.param(
            lambda run: run[7].records.update(speed=np.array([1, np.inf])), "finite", id="infinity"
        ),
        pytest.param(
            lambda run: run.attributes.update(n=2**64), "JSON can hold", id="beyond 64 bits"
        ),
        pytest.param(
            lambda run: run.attributes.update(s="\ud800"), "JSON can hold", id="lone surrogate"
        ),
        pytest.param(lambda run: run.attributes.update(s={1}), "JSON can hold", id="a set"),
        pytest.param(lambda run: run.attributes.update(x={1: 2}), "keys", id="key no string"),
        pytest.param(lambda run: run.attributes.update({5: 1}), "keys", id="attribute no string"),
        pytest.param(lambda run: run[7].records.update({7: [3]}), "keys", id="record no string"),
        pytest.param(
            lambda run: run.attributes.update(x=nested(1024)), "1024 levels", id="nested too deep"
        ),
        pytest.param(
            lambda run: run[7].records.update(x=nested(1022)), "1024 levels", id="record too deep"
        ),
        pytest.param(lambda run: run.units.update(t="ms"), "bad-units", id="units"),
        pytest.param(
            lambda run: run.dependencies.append({"filename": "a/b", "sha1": "c"}),
            "bad-dependency",
            id="dependency with a folder",
        ),
    ],
)
def test_unreadable_labels_are_not_written(change: Any, message: str, tmp_path: Path) -> None:
    labels = changed(change)
    path = tmp_path / "x.label"
    path.write_text("old")
    with pytest.raises(LabelFileError, match=message) as caught:
        labels.write(path)
    assert caught.value.file == path
    assert caught.value.run == RUN
    assert tree(tmp_path) == {"x.label": b"old"}


def test_file_attributes_cannot_have_reserved_names() -> None:
    labels = Labels()
    labels.attributes["data"] = 1
    with pytest.raises(LabelFileError, match='no attribute named "data"'):
        text(labels)


def test_times_equal_in_milliseconds_are_refused(tmp_path: Path) -> None:
    labels = Labels()
    labels.set(RUN, 7, [0.1, 0.2, 0.2002], ["run"] * 3)
    with pytest.raises(LabelFileError) as caught:
        labels.write(tmp_path / "x.label")
    error = caught.value
    assert (error.kind, error.track, error.index) == ("bad-time", 7, 2)
    assert not tree(tmp_path)


def test_deep_values_are_written() -> None:
    depth = 1023
    content = b'{"metadata":{"id":"r"},"deep":%b,"data":[]}' % (b"[" * depth + b"]" * depth)
    assert b'"deep":' + b"[" * depth in text(parse(content))


def test_the_deepest_written_values_are_read() -> None:
    labels = changed(lambda run: run.attributes.update(x=nested(1023)))
    labels[RUN][7].records["y"] = nested(1021)
    assert text(parse(text(labels))) == text(labels)


@pytest.mark.parametrize("place", ["%b", '{"metadata":{"id":"r"},"units":%b,"data":[]}'])
def test_deeply_nested_values_are_refused(place: str) -> None:
    with pytest.raises(LabelFileError, match="expected an object"):
        parse(place.encode() % (b"[" * 1000 + b"]" * 1000))


def test_errors_survive_pickling() -> None:
    for error in (
        LabelFileError("bad-code", "x", file="f", run="r", track=1, index=2),
        TrackFileError("x", file="f", line=3),
        BackendError("no-input", "x"),
        ScriptError("train_model", Path("x"), 3),
    ):
        again = pickle.loads(pickle.dumps(error))
        assert (str(again), vars(again)) == (str(error), vars(error))


def test_numpy_values_are_written() -> None:
    labels = changed(
        lambda run: run.attributes.update(
            a=np.float64(0.5), b=np.arange(3), c=np.eye(2), d=np.array(["x"]), e=(1, 2)
        )
    )
    attributes = parse(text(labels))[RUN].attributes
    assert attributes == {
        "a": 0.5,
        "b": [0, 1, 2],
        "c": [[1.0, 0.0], [0.0, 1.0]],
        "d": ["x"],
        "e": [1, 2],
    }


def test_per_frame_records_are_columns() -> None:
    content = (
        b'{"metadata":{"id":"r"},"data":[{"id":"1","t":[1,2],"labels":["a","a"],'
        b'"speed":[0.5,2],"n":[1,2],"large":[true,false],"word":["x","y"],"box":[1]}]}'
    )
    records = parse(content)["r"][1].records
    kinds = {key: getattr(value, "dtype", type(value)) for key, value in records.items()}
    assert kinds == {
        "speed": np.float64,
        "n": np.int64,
        "large": np.bool_,
        "word": list,
        "box": list,
    }


@pytest.mark.parametrize(("integer", "is_column"), [(2**53, True), (2**53 + 1, False)])
def test_records_are_doubles_if_that_loses_nothing(integer: int, is_column: bool) -> None:
    for value in (integer, -integer):
        content = (
            '{"metadata":{"id":"r"},"data":[{"id":"1","t":[1,2],"labels":["a","a"],'
            f'"speed":[0.5,{value}]}}]}}'
        )
        labels = parse(content.encode())
        assert isinstance(labels["r"][1].records["speed"], np.ndarray) is is_column
        assert labels["r"][1].records["speed"][1] == value
        assert str(value) in text(labels).decode()


def test_joined_files_keep_the_first_files_attributes(tmp_path: Path) -> None:
    files = []
    for name in ("one", "two"):
        labels = Labels()
        labels.set(name, 1, [0.5], ["run"])
        labels.attributes = {"project": name, name: 1}
        files.append(tmp_path / f"{name}.label")
        labels.write(files[-1])
    together = united(map(Labels.read, files))
    assert list(together) == ["one", "two"]
    assert together.attributes == {"project": "one", "one": 1, "two": 1}


@posix
def test_writing_replaces_the_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    spine = write_recording(tmp_path / "r")
    path = write_labels(spine)
    before = tree(tmp_path)
    path.chmod(0o660)
    old_umask = os.umask(0o027)
    try:
        Labels.read(path).write(path)
        Labels.read(path).write(tmp_path / "new.label")
    finally:
        os.umask(old_umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert stat.S_IMODE((tmp_path / "new.label").stat().st_mode) == 0o640
    (tmp_path / "new.label").unlink()
    assert tree(tmp_path) == before


@posix
def test_writing_follows_links(tmp_path: Path) -> None:
    (tmp_path / "link.label").symlink_to(tmp_path / "real.label")
    Labels().write(tmp_path / "link.label")
    assert (tmp_path / "link.label").is_symlink()
    assert Labels.read(tmp_path / "real.label") == Labels()


@posix
def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """A limit on the size of files acts like a full disk: writing fails midway."""
    path = tmp_path / "x.label"
    path.write_text("old")
    script = f"""
import resource, numpy as np
from taggingbackends import Labels
labels = Labels()
labels.set("r", 1, np.arange(100_000.0), ["run"] * 100_000)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    labels.write({str(path)!r})
except OSError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "File too large" in result.stdout, result.stderr
    assert str(path) in result.stdout
    assert tree(tmp_path) == {"x.label": b"old"}


def test_writing_to_a_missing_folder_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "none" / "x.label"
    with pytest.raises(FileNotFoundError) as caught:
        Labels().write(path)
    assert caught.value.filename == str(path)


def test_dependencies_are_checked(tmp_path: Path) -> None:
    spine = write_recording(tmp_path)
    labels = Labels.read(write_labels(spine))
    assert sorted(labels.check_dependencies(tmp_path)) == [spine.with_suffix(".outline"), spine]
    spine.write_text(spine.read_text() + "\n")
    with pytest.raises(LabelFileError, match="expected sha1") as caught:
        labels.check_dependencies(tmp_path)
    assert (caught.value.kind, caught.value.file, caught.value.run) == (
        "bad-dependency",
        spine,
        RUN,
    )
    spine.unlink()
    with pytest.raises(LabelFileError, match="found none"):
        labels.check_dependencies(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("x.label", b"", True),
        ("x.labels", b"", True),
        ("x.nyxlabel", b"", True),
        ("x.json", b'\n{ "metadata": {\n "id": "r"}}', True),
        ("x.json", b'{"runs":{}}', True),
        ("x.json", b'{"project":"x","runs":{"a":{"metadata":{"id":"a"},"data":[]}}}', True),
        ("x.json", b'{"names":["run"]}', False),
        ("x.json", b"", False),
        ("x.spine", b'{"metadata":{"id":"r"}}', False),
    ],
)
def test_a_label_file_is_recognized_by_its_extension_and_first_key(
    name: str, content: bytes, expected: bool, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    assert is_label_file(tmp_path / name) is expected


def test_the_example_that_ships_with_the_package() -> None:
    path = files("taggingbackends") / "example.label"
    labels = parse(path.read_bytes())
    assert text(labels) == path.read_bytes()
    run = labels["20240611_101500"]
    assert run.secondary_names == ["edited"]
    assert {len(run), len(run.names)} == {2, 4}
    assert () in run[1].states


# -- reading track by track must equal reading as a whole

TRACK = (
    '{{"metadata":{{"id":"r"}},"labels":["run","cast"],"secondarylabels":["edited"],'
    '"data":[{{"id":"1","t":[0.5,1],"labels":[1,2]}},{}]}}'
)
PIECES = [
    *'{}[]:,"\\ \n\r\t\f\v0123456789.-+eE',
    *("true", "null", '"id"', '"t"', '"labels"', '"data"', "[1,2]", "[]", '"run"', "\x80", "é"),
    *(
        '},{"id":"3","t":[],"labels":[]}',
        '"x":{"y":[{"z":1},{}]},',
        "1e400",
        "18446744073709551616",
    ),
]


@pytest.fixture(params=["simdjson", "orjson"])
def reads_with(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Read arrays with and without the packages of the extra "fast"."""
    if request.param == "orjson":
        monkeypatch.setattr(jsonarrays, "simdjson", None)
    elif jsonarrays.simdjson is None:
        pytest.skip('without the extra "fast": pip install pysimdjson')
    return str(request.param)


def assert_read_alike(content: bytes) -> Labels | None:
    """Compare reading track by track, if possible, with reading as a whole."""
    try:
        apart = reading.parse_document(take_apart(content))
    except ValueError:
        return None
    whole = reading.parse_document(reading.load_document(content))
    one, other = Labels._of(apart), Labels._of(whole)
    assert text(one) == text(other)  # == does not go as deep as files do
    assert [run.states for run in one.values()] == [run.states for run in other.values()]
    assert [*map(kinds_of_records, one.values())] == [*map(kinds_of_records, other.values())]
    return one


def kinds_of_records(run: RunLabels) -> list[Any]:
    records = [value for track in run.values() for value in track.records.values()]
    return [getattr(value, "dtype", type(value)) for value in records]


TRACKS = [
    '{"id":"2","t":[0.5,0.75],"labels":[[1,2],[]]}',
    '{"id":2,"t":[0.5,0.75],"labels":["cast",["run","edited"]]}',
    '{ "id" : "0002" , "t" : [ 0.5 , 1e1 ] , "labels" : [ 1 , "other" ] }',
    '{"id":"2","t":[],"labels":[]}',
    '{"labels":[1,2],"t":[0.5,0.75],"id":"2"}',
    '{"id":"2","t":[0.5,0.75],"labels":[1,3],"speed":[1.5,2.5],"box":{"x":[1]}}',
    '{"id":"2","t":[1,2,3],"labels":[[2],"run",[1,2]]}',
    '{"id":"2","t":[1,2],"labels":["x\\u0079",[1,2]]}',
    '{"id":"2","t":[1,2,3],"labels":[ 1 , [ 1 , 2 ] ,\n[] ]}',
    '{"id":"2","t":[1,2],"labels":["a,b","c:]}"],"p":[1,-2],"confidence":[-1,100],"q":[1,2.5]}',
    '{"id":"2","t":[1,2],"labels":["' + 70 * "x" + '",1],"p":[1e3,1],"second":[0,3]}',
    '{"id":"2","t":[1,2],"labels":[1.0,"é"],"p":[9007199254740993,0.5],"q":[18446744073709551615,1]}',
    '{"id":"2","t":[1,2],"labels":[1,2],"p":[1],"q":[true,false],"r":[1,null],"p":[3,4]}',
    '{"id":"2","t":[1,2],"labels":[1,2],"p":[1,2],"t":[3,4]},{"id":"4","t":[],"labels":[],"p":[]}',
    '{"id":"2","t":[3,4],"labels":[2,1]},{"id":"9","t":[1],"labels":[[]]}',
    '{"id":"2","t":[3],"labels":[2]},{"id":"9","t":[1],"labels":["a:b"]},{"id":"3","t":[1],"labels":[2]}',
    '{"id":"2","t":[3],"labels":[2]},{"id":"9","t":[1],"labels":[2],"p":[1]},{"id":"3","t":[1],"labels":[2]}',
    '{"id":"2","t":[3],"p":[7],"labels":[2]},{"id":"9","t":[1],"p":[[8]],"labels":[2]}',
    '{"id":"2","t":[3],"labels":[2], "q":[7]},{"id":"3","t":[3],"labels":[2],"q":[7]}',
]


@pytest.mark.parametrize("track", TRACKS)
def test_tracks_are_read_one_by_one(track: str, reads_with: str) -> None:
    labels = assert_read_alike(TRACK.format(track).encode())
    assert labels is not None
    assert list(labels["r"])[:2] == [1, 2]


def test_more_arrays_of_codes_than_bytes_are_read(reads_with: str) -> None:
    names = list("abcdefghi")
    states = [[*pair] for pair in permutations(range(1, 10), 3)]
    track = {"id": "1", "t": [*range(len(states) + 1)], "labels": [*states, 5]}
    content = json.dumps({"metadata": {"id": "r"}, "labels": names, "data": [track]})
    labels = assert_read_alike(content.encode())
    assert labels is not None
    assert labels["r"][1].states == [*permutations(names, 3), "e"]


def test_records_of_tracks_read_together_can_be_changed(reads_with: str) -> None:
    tracks = [
        f'{{"id":"{larva}","t":[1,2],"labels":[1,[]],"n":[{larva},2],"x":[{larva}.5,2]}}'
        for larva in (2, 3)
    ]
    labels = assert_read_alike(TRACK.format(",".join(tracks)).encode())
    assert labels is not None
    two, three = labels["r"][2].records, labels["r"][3].records
    assert [(key, value.dtype) for key, value in two.items()] == [("n", np.int64), ("x", float)]
    two["n"][1] = 7
    assert three["n"].tolist() == [3, 2]
    assert not labels["r"][2].times.flags.writeable


@pytest.mark.parametrize("names", [3, 12, 300], ids="{} names".format)
@pytest.mark.parametrize("separator", [",", ", ", " ,\n "])
def test_any_number_of_states_is_read(names: int, separator: str, reads_with: str) -> None:
    """More states than one digit, or one byte, can number."""
    codes = range(1, names + 1)
    elements = [*map(str, codes), *(f"[{code},{code % names + 1}]" for code in codes), "[]"]
    content = json.dumps(
        {
            "metadata": {"id": "r"},
            "labels": [f"n{code}" for code in codes],
            "data": [{"id": "1", "t": list(range(len(elements))), "labels": ["elements"]}],
        }
    ).replace('"elements"', separator.join(elements))
    labels = assert_read_alike(content.encode())
    assert labels is not None
    assert len(set(labels["r"][1].states)) == len(elements)


@pytest.mark.parametrize(
    "track",
    [
        '{"id":"2","t":[0.5,0.75],"labels":[1,[2]3]}',
        '{"id":"2","t":[0.5,0.75],"labels":[1,4]}',
        '{"id":"2","t":[0.5,0.75],"labels":[1,0]}',
        '{"id":"2","t":[0.5,0.75],"labels":[[1,2],\x80]}',
        '{"id":"2","t":[0.5,0.75],"labels":[1 2,[]]}',
        '{"id":"2","t":[0.5,0.75],"labels":[[] [],1]}',
        '{"id":"2","t":[0.5,0.75],"labels":[1,2]}\f',
        '{\v"id":"2","t":[0.5,0.75],"labels":[1,2]}',
        '{"id":"2","t":[0.5,0.75]\f,"labels":[1,2]}',
        '{"id":"2","t":[0.5,0.75,1],"labels":[[1,2],5,[]]}',
        '{"id":"2","t":[0.5,[0.75]],"labels":[1,2]}',
        '{"id":"2","t":[0.5,true],"labels":[1,2]}',
        '{"id":"2","t":[0.5,0.75],"labels":[1,2.5]}',
        '{"id":"2","t":[0.5,0.75],"labels":[1],[2]}',
        '{"id":"2","t":[0.5,0.75],"labels":[1]}',
        '{"id":"1","t":[],"labels":[]}',
        '{"id":"","t":[1],"labels":[1]}',
        '{"id":"1_0","t":[1],"labels":[1]}',
        '{"id":"2","t":[1,2],"labels":[1,2],"p":]}',
        '{"id":"2","t":[1],"labels":[1]},{"id":"3","t":[1,"labels":[1]]}',
        '{"id":"2","t":[0.5,1e400],"labels":[1,2]}',
        '{"id":"65536","t":[],"labels":[]}',
        '{"id":02,"t":[],"labels":[]}',
        '{"id":"2","t":[0.5,0.75],"labels":[1,2]},',
        '{"id":"2","t":[0.5,0.75],"labels":[1,2]}}',
        '{"id":"2","t":[0.5,0.75],"labels":[1,2],}',
        '{"id":"2","t":[0.5,0.75],"labels":[1,2]}]}, {"data":[{',
        '{"id":"2","t":[0.5,0.75],"labels":[[1],\x80]}',  # a byte that could stand for an array
    ],
)
def test_invalid_tracks_are_left_to_reading_as_a_whole(track: str, reads_with: str) -> None:
    content = TRACK.format(track).encode("latin-1")
    assert assert_read_alike(content) is None
    with pytest.raises(LabelFileError):
        parse(content)


@pytest.mark.parametrize("file", sorted(CONTRACT.glob("*/*.label")), ids=lambda file: file.stem)
def test_contract_files_are_read_alike(file: Path, reads_with: str) -> None:
    assert_read_alike(file.read_bytes())


@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(TRACKS),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), st.sampled_from(PIECES)), max_size=3),
)
def test_any_change_is_read_alike(
    reads_with: str, track: str, changes: list[tuple[float, int, str]]
) -> None:
    text = TRACK.format(track)
    for where, removed, piece in changes:
        at = int(where * len(text))
        text = text[:at] + piece + text[at + removed :]
    assert_read_alike(text.encode())


@settings(max_examples=50)
@given(any_labels(), st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " : ")]))
def test_any_labels_are_read_alike(labels: Labels, separators: tuple[str, str]) -> None:
    document = json.loads(text(labels))
    again = assert_read_alike(json.dumps(document, separators=separators).encode())
    assert again is None or again == labels


# -- other writers


def as_matlab(run: dict[str, Any]) -> None:
    """Write arrays of one element as the element, and codes as doubles, as jsonencode may."""

    def unboxed(items: list[Any]) -> Any:
        return items[0] if len(items) == 1 and not isinstance(items[0], (list, dict)) else items

    for key in ("labels", "secondarylabels"):
        if isinstance(run.get(key), dict):
            run[key] = {name: unboxed(items) for name, items in run[key].items()}
        elif key in run:
            run[key] = unboxed(run[key])
    for track in run["data"]:
        track["id"] = float(track["id"])
        track["t"] = unboxed(track["t"])
        doubles = [[*map(float, x)] if isinstance(x, list) else float(x) for x in track["labels"]]
        track["labels"] = unboxed(doubles)
    if len(run["data"]) == 1:
        (run["data"],) = run["data"]


def as_r(run: dict[str, Any]) -> None:
    """Write scalars as arrays of one element, as jsonlite does."""

    def boxed(items: list[Any]) -> list[Any]:
        return [item if isinstance(item, list) else [item] for item in items]

    run["metadata"]["id"] = [run["metadata"]["id"]]
    run["units"] = {key: [value] for key, value in run["units"].items()}
    for key in ("labels", "secondarylabels"):
        if isinstance(run.get(key), dict):
            run[key] = {name: boxed(items) for name, items in run[key].items()}
        elif key in run:
            run[key] = boxed(run[key])
    for track in run["data"]:
        track |= {"id": [track["id"]], "t": boxed(track["t"]), "labels": boxed(track["labels"])}


@settings(max_examples=60)
@given(any_labels(), st.sampled_from([as_matlab, as_r]))
def test_files_of_other_writers_are_read_as_if_they_were_ours(labels: Labels, change: Any) -> None:
    ours = text(labels)
    document = json.loads(ours)
    for run in document["runs"].values() if "runs" in document else [document]:
        change(run)
    theirs = json.dumps(document).encode()
    assert text(parse(theirs)) == text(parse(ours))
    assert text(parse(text(parse(theirs)))) == text(parse(ours))


def test_check_accepts_files_of_other_writers(tmp_path: Path) -> None:
    for path in (CONTRACT / "good").glob("writer-*.label"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
        missing = [error.file for error in find_errors(tmp_path / path.name)]
        assert missing == [tmp_path / "x.spine"] * (path.name == "writer-boxed.label"), path.name
    file = tmp_path / "two.label"
    file.write_text(
        '{"metadata":{"id":["r"]},"labels":"run","data":[{"id":["1"],"t":0.5,"labels":2.0},'
        '{"id":[2],"t":[[1],[0.5]],"labels":[1.5,1.0]}]}'
    )
    assert [(error.kind, error.track, error.index) for error in find_errors(file)] == [
        ("bad-code", 1, 0),
        ("bad-time", 2, 1),
        ("bad-code", 2, 0),
    ]


def test_no_variant_of_another_writer_is_read_as_something_else(tmp_path: Path) -> None:
    ours = text(parse(json.dumps(variants.OURS).encode()))
    outcomes = Counter[str]()
    for name, contents, expected in variants.variants():
        (content,) = contents.values()
        try:
            found = text(parse(content))
        except LabelFileError:
            assert expected == "refused", name
        else:
            assert (found, expected) == (ours, "read"), name
        (tmp_path / "x.label").write_bytes(content)
        kinds = {error.kind for error in find_errors(tmp_path / "x.label")}
        # there is no x.spine
        assert kinds == {"bad-dependency"} if expected == "read" else kinds, name
        outcomes[expected] += 1
    assert min(outcomes.values()) > 30
