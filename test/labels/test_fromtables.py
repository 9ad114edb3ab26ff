"""Labels from tables of frames and of bouts, and back."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import any_labels, tracks_of_bouts

from support import RUN, label_error, table_csv, write_labels, write_recording
from taggingbackends import Labels
from taggingbackends.data import load_tracks
from taggingbackends.labels.states import labels_of
from taggingbackends.labels.tracklabels import TrackLabels


def frames(**columns: Any) -> pd.DataFrame:
    """Return a table of three frames, with other or more columns."""
    table = {"run": "a", "larva": 1, "time": [0.0, 0.1, 0.2], "state": ["run", "run+x", None]}
    return pd.DataFrame(table | columns)


def known(track: TrackLabels) -> tuple[Any, ...]:
    """Return what a table of frames carries of a track."""
    sure = np.full(len(track), np.nan) if track.confidence is None else track.confidence
    second = track.second or [()] * len(track)
    return track.times.tolist(), track.states, np.nan_to_num(sure, nan=-1).tolist(), second


def same_frames(found: Labels, labels: Labels) -> None:
    """Assert that the labels have the same frames; a table has no larvae without any."""
    expected = {
        run.id: {larva: known(track) for larva, track in run.items() if len(track)}
        for run in labels.values()
    }
    frames = {
        run.id: {larva: known(track) for larva, track in run.items()} for run in found.values()
    }
    assert frames == {run: larvae for run, larvae in expected.items() if larvae}


@settings(max_examples=40)
@given(any_labels(), st.randoms())
def test_frames_and_back(labels: Labels, random: Any) -> None:
    table = labels.to_frames()
    found = Labels.from_frames(table)
    same_frames(found, labels)
    for run in found.values():
        if len(labels) == 1:
            names = labels[run.id].names + labels[run.id].secondary_names
            assert set(run.names) == set(names)
        larvae = [larva for larva, track in labels[run.id].items() if len(track)]
        assert list(run) == larvae  # in their order
    rows = list(range(len(table)))
    random.shuffle(rows)
    same_frames(Labels.from_frames(table.iloc[rows]), labels)


@settings(max_examples=40)
@given(tracks_of_bouts())
def test_bouts_and_back(labels: Labels) -> None:
    for table in (
        labels.to_bouts(),
        pd.read_csv(io.StringIO(table_csv(labels)), dtype={"run": str}),
        labels.to_bouts()[::-1],
    ):
        found = Labels.from_bouts(table, like=labels)
        assert list(found) == list(labels)
        for run in labels.values():
            assert found[run.id].names == run.names
            assert found[run.id].secondary_names == run.secondary_names
            assert list(found[run.id]) == list(run)
            for larva, track in run.items():
                other = found[run.id][larva]
                assert other.times.tolist() == track.times.tolist()
                assert list(map(set, map(labels_of, other.states))) == list(
                    map(set, map(labels_of, track.states))
                )


def test_frames_by_hand() -> None:
    labels = Labels.from_frames(frames())
    assert labels.to_dict() == {"a": {1: {0.0: "run", 0.1: ("run", "x"), 0.2: ()}}}
    assert labels["a"].names == ["run", "x"]
    assert labels["a"].metadata == {}
    assert labels["a"][1].confidence is None
    table = frames(
        larva=[2.0, 1.0, 1.0],
        run=["b", "a", "b"],
        confidence=[0.5, np.nan, 1],
        second=["x", "y+z", ""],
        genotype=["w", "v", "w"],
        text=["p", "q", None],
        label_run=[True, True, False],
        x=[False, True, False],
        never=[False, False, False],
        flag=[False, True, True],
        number=[1, 2, 3],
        float=[1.5, np.nan, 2.5],
        record_time=[7, 8, 9],
        duration=0.1,
        file="f",
    )
    with label_error("bad-label"):
        Labels.from_frames(table)
    table["second"] = ["x", "y+z", None]
    labels = Labels.from_frames(table)
    assert list(labels) == ["b", "a"]
    assert {run.id: list(run) for run in labels.values()} == {"b": [2, 1], "a": [1]}
    assert labels["b"].names == ["run", "x", "never"]
    assert labels["a"].names == ["run", "x", "never", "y+z"]
    assert labels["b"].metadata == {"genotype": "w"}
    records = {key: list(value) for key, value in labels["b"][2].records.items()}
    expected = {"text": ["p"], "flag": [False], "number": [1], "float": [1.5], "time": [7]}
    assert records == expected
    assert list(labels["a"][1].records) == ["text", "flag", "number", "time"]
    assert labels["a"][1].second == ["y+z"]
    assert labels["b"][2].confidence is not None
    assert labels["b"][1].second is None


def test_records_and_metadata_and_back() -> None:
    labels = Labels()
    for larva in (1, 2):
        labels.set("a", larva, [0, 1, 2], ["run"] * 3)
    labels["a"].metadata = {"genotype": "w", "run": "x"}
    labels["a"][1].records |= {"i": np.array([1, 2, 3]), "b": np.array([True, False, True])}
    labels["a"][2].records |= {"i": np.array([4, 5, 6]), "b": np.array([False] * 3)}
    labels["a"][2].records |= {"text": ["x", None, "y"], "f": [1.5, None, 2.5]}
    found = Labels.from_frames(labels.to_frames(metadata=("genotype", "run")))
    assert found == labels


def test_a_table_of_our_own_in_another_program(tmp_path: Path) -> None:
    labels = Labels()
    labels.set("a", 1, [0.0, 0.1], ["NA", ()], [0.25, np.nan])
    (tmp_path / "x.csv").write_text(table_csv(labels, "frames"))
    table = pd.read_csv(tmp_path / "x.csv", keep_default_na=False, na_values=[""])
    assert Labels.from_frames(table) == labels
    labels.to_frames().to_parquet(tmp_path / "x.parquet")
    assert Labels.from_frames(pd.read_parquet(tmp_path / "x.parquet")) == labels
    table = frames(larva=pd.array([1, 1, 1], dtype="Int64"), n=pd.array([1, None, 3], "Int64"))
    assert Labels.from_frames(table)["a"][1].records == {"n": [1, None, 3]}


@pytest.mark.parametrize("converted", [False, True])
def test_tables_of_recordings_that_were_put_together(converted: bool) -> None:
    one, other = Labels(), Labels()
    one.set("a", 1, [0, 1], ["run", "hunch"])
    one["a"][1].records["flag"] = np.array([True, False])
    other.set("b", 1, [0, 1], ["cast", "run"])
    other["b"].metadata = {"genotype": "w"}
    table = pd.concat([one.to_frames(), other.to_frames()])
    found = Labels.from_frames(table.convert_dtypes() if converted else table)
    assert found.to_dict() == one.to_dict() | other.to_dict()
    assert found["a"][1].records["flag"].tolist() == [1, 0]
    assert found["b"][1].records == {}
    assert (found["a"].metadata, found["b"].metadata) == ({}, {"genotype": "w"})


def test_whole_numbers() -> None:
    found = Labels.from_frames(frames(genotype=21, n=np.array([1, 2, 2**63], np.uint64)))["a"]
    assert found.metadata == {"genotype": "21"}  # as pandas reads this genotype in a CSV file
    assert found[1].records["n"].tolist() == [1, 2, 2.0**63]


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"run": None}, "bad-table", "a run in each row, found none in row 0"),
        ({"run": [1.5, 2, 3]}, "bad-table", "texts in the column run, found 1.5"),
        ({"run": ""}, "not-a-label-file", "not empty"),
        ({"larva": [1, 1, -1]}, "bad-larva-id", "found -1"),
        ({"larva": 1.5}, "bad-larva-id", "found 1.5"),
        ({"larva": [1, None, 1]}, "bad-table", "a larva in each row, found none in row 1"),
        ({"time": [0, np.nan, 1]}, "bad-time", "a finite time, found nan"),
        ({"time": [0, np.inf, 1]}, "bad-time", "a finite time, found inf"),
        ({"time": [0, 1, 0]}, "bad-time", "each time of a larva once, found 0.0 again"),
        ({"time": ["a", "b", "c"]}, "bad-table", "numbers in the column time, found "),
        ({"time": pd.to_datetime(["2020-01-01"] * 3)}, "bad-table", "numbers in the column time"),
        ({"state": [1.5, 2.5, 3.5]}, "bad-table", "texts in the column state, found 1.5"),
        ({"state": [["a"], ["b"], []]}, "bad-table", "texts in the column state, found ['a']"),
        ({"state": "a++b"}, "bad-label", "not empty"),
        ({"state": "a+a"}, "bad-code", "each label once"),
        ({"confidence": [0, 1, 2]}, "bad-confidence", "found 2.0"),
        ({"confidence": "x"}, "bad-table", "numbers in the column confidence"),
        ({"when": pd.to_datetime(["2020-01-01"] * 3)}, "bad-table", "texts in the column when"),
        ({1: 2}, "bad-table", "columns with names, found 1"),
    ],
)
def test_tables_that_are_refused(change: dict[Any, Any], kind: str, message: str) -> None:
    table = frames()
    for name, column in change.items():
        table[name] = column
    with label_error(kind) as found:
        Labels.from_frames(table)
    assert message in str(found.value)


def test_other_tables_are_refused() -> None:
    for missing in ("run", "larva", "time", "state"):
        with pytest.raises(ValueError, match=f"missing: {missing}$"):
            Labels.from_frames(frames().drop(columns=missing))
    twice = pd.concat([frames(), frames()[["run"]]], axis=1)
    with pytest.raises(ValueError, match="each column once, found 'run' again"):
        Labels.from_frames(twice)
    both = pd.concat([frames(file="a"), frames(file="b")])
    with pytest.raises(ValueError, match=r"found 0\.0 again; select the rows of one file"):
        Labels.from_frames(both)
    with pytest.raises(TypeError, match="expected a DataFrame, found a dict"):
        Labels.from_frames({})  # type: ignore[arg-type]
    assert Labels.from_frames(frames()[:0]) == Labels()


def bouts(**columns: Any) -> pd.DataFrame:
    table = {"run": RUN, "larva": [1, 20], "label": ["cast", "run"], "start": [1.1, 20.0]}
    return pd.DataFrame(table | {"stop": [1.3, 20.2]} | columns)


def test_bouts_by_hand(tmp_path: Path) -> None:
    spine = write_recording(tmp_path)
    recording = load_tracks(spine, outline=False)
    labels = Labels.from_bouts(bouts(), like=recording)
    assert labels[RUN].names == ["cast", "run"]
    assert labels[RUN][1].states == [(), "cast", "cast", (), ()]
    assert labels[RUN][20].states == ["run", "run", (), (), ()]
    assert labels[RUN].metadata == recording.metadata
    files = [spine.with_suffix(".outline"), spine]  # also the one that was not read
    assert labels.check_dependencies(tmp_path) == files
    write_labels(spine)
    like = Labels.read(spine.with_name("truth.label"))
    found = Labels.from_bouts(bouts(), like)
    assert found[RUN].names == ["run", "cast"]
    assert found[RUN].dependencies == like[RUN].dependencies
    assert like[RUN][1].states == ["run"] * 5
    overlapping = bouts(larva=1, start=[1.0, 1.2], stop=[1.3, 1.4])
    assert Labels.from_bouts(overlapping, like)[RUN][1].states == [
        *("cast", "cast", ("run", "cast"), "run", ()),
    ]
    assert Labels.from_bouts(bouts()[:0], like)[RUN].count() == {"": 10}


def test_bouts_that_are_refused_or_reported(tmp_path: Path) -> None:
    like = load_tracks(write_recording(tmp_path))
    for kind, where, columns in (
        ("bad-table", {}, {"run": "other"}),
        ("bad-table", {"run": RUN}, {"larva": 3}),
        ("bad-table", {}, {"label": None}),
        ("bad-label", {}, {"label": ""}),
        ("bad-time", {"run": RUN, "track": 1}, {"start": [np.nan, 1]}),
        ("bad-time", {"run": RUN, "track": 20}, {"stop": [1.3, 19.9]}),
        ("bad-table", {}, {"stop": "x"}),
        ("bad-larva-id", {}, {"larva": 70000}),
    ):
        with label_error(kind, **where):
            Labels.from_bouts(bouts(**columns), like)
    with pytest.raises(ValueError, match="missing: start, stop"):
        Labels.from_bouts(bouts()[["run", "larva", "label"]], like)
    with pytest.raises(TypeError, match="expected Labels or a recording, found a str"):
        Labels.from_bouts(bouts(), "x")  # type: ignore[arg-type]
    message = rf"1 bout without a frame \(the first: {RUN}, larva 1, 7 s\)"
    with pytest.warns(UserWarning, match=message):
        Labels.from_bouts(bouts(start=[7, 20.0], stop=[8, 20.2]), like)
