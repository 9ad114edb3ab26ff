"""Tables of frames, bouts and budgets, compared with computations in pandas."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import any_labels, tracks_of_bouts

from support import RUN, label_error
from taggingbackends import Labels
from taggingbackends.labels.facts import FACTS
from taggingbackends.labels.states import labels_of
from taggingbackends.labels.tables import (
    as_data_frame,
    extent_of,
    frame_columns,
    state_text,
    text_state,
)

NAN = np.nan


def example() -> Labels:
    labels = Labels()
    states = ["run", "run", ("cast", "edited"), (), ("roll", "cast")]
    labels.set(RUN, 7, [0, 0.1, 0.2, 0.3, 3], states, [0.9, 0.7, 0.5, NAN, 1], ["cast"] * 4 + [()])
    labels.set(RUN, 3, [1.0, 1.1], ["run", "run"])
    labels[RUN].secondary_names = ["edited"]
    labels[RUN].metadata = {"genotype": "w", "temperature": 25, "deep": [1], "run": "x"}
    file = {"filename": f"{RUN}@a@b@t5@p_1.spine", "sha1": "0" * 40}
    labels[RUN].dependencies = [file]
    return labels


def test_frames() -> None:
    table = example().to_frames()
    names = ["label_run", "cast", "roll", "edited"]
    fixed = ["run", "larva", "time", "duration", "state"]
    assert list(table) == [*fixed, *names, "confidence", "second", *FACTS]
    assert table["run"].eq(RUN).all()
    assert table["larva"].tolist() == [7] * 5 + [3] * 2
    assert table["time"].tolist() == [0, 0.1, 0.2, 0.3, 3, 1, 1.1]
    np.testing.assert_allclose(table["duration"], 0.1)
    states = ["run", "run", "cast+edited", None, "roll+cast", "run", "run"]
    assert _listed(table["state"]) == states
    for name in names:
        label = name.removeprefix("label_")
        assert table[name].tolist() == [label in (state or "").split("+") for state in states]
    assert _listed(table["confidence"]) == [0.9, 0.7, 0.5, None, 1, None, None]
    assert _listed(table["second"]) == ["cast"] * 4 + [None] * 3
    assert table["genotype"].eq("w").all()  # the metadata decide
    assert table["protocol"].eq("p_1").all()
    assert table["date_time"].eq(RUN).all()
    kinds = {name: str(table[name].dtype) for name in table}
    texts = dict.fromkeys(["run", "state", "second", *FACTS], "category")
    numbers = dict.fromkeys(["time", "duration", "confidence"], "float64")
    assert kinds == {**dict.fromkeys(names, "bool"), **texts, **numbers, "larva": "int32"}
    assert example().to_frames(max_gap=3)["duration"].tolist()[3] == pytest.approx(2.7)


def _listed(column: Any) -> list[Any]:
    return [None if x != x else x for x in column.tolist()]


def test_metadata_and_the_file(tmp_path: Path) -> None:
    example().write(tmp_path / "x.label")
    labels = Labels.read(tmp_path / "x.label")
    labels.set("other", 1, [0.0], ["run"])
    asked = ("file", "temperature", "deep", "none", "run", "genotype")
    for table in (labels.to_frames(None, asked), labels.to_bouts(None, asked), labels.to_budget(
        None, asked
    )):  # fmt: skip
        assert list(table)[-6:] == [*asked[:4], "metadata_run", "genotype"]
        assert table["file"].eq(str(tmp_path / "x.label")).all()
        of_run = table["run"] == RUN
        assert of_run.sum() > 1
        assert set(table["temperature"][of_run]) == {"25"}
        assert set(table["metadata_run"][of_run]) == {"x"}
        assert table["deep"].isna().all()  # only texts, numbers and booleans are facts
        assert table["none"].isna().all()
        assert table["temperature"][~of_run].isna().all()
    assert list(labels.to_budget(metadata="genotype"))[-1] == "genotype"


def test_bouts_and_budget() -> None:
    bouts = example().to_bouts(metadata=())
    assert bouts.columns.tolist() == [
        *("run", "larva", "label", "start", "stop", "duration", "frames", "confidence"),
    ]
    rows = bouts.drop(columns=["run", "confidence"]).round(9).values.tolist()
    assert rows == [
        [7, "run", 0.0, 0.2, 0.2, 2],
        [7, "cast", 0.2, 0.3, 0.1, 1],
        [7, "edited", 0.2, 0.3, 0.1, 1],
        [7, "cast", 3.0, 3.1, 0.1, 1],
        [7, "roll", 3.0, 3.1, 0.1, 1],
        [3, "run", 1.0, 1.2, 0.2, 2],
    ]
    np.testing.assert_allclose(bouts["confidence"], [0.8, NAN, NAN, 1, 1, NAN])  # edited: unknown
    budget = example().to_budget(metadata=())
    rows = budget.drop(columns="run").round(9).values.tolist()
    assert rows == [
        [7, "run", 0.2, 0.4, 2, 1, 0.5],
        [7, "cast", 0.2, 0.4, 2, 2, 0.5],
        [7, "roll", 0.1, 0.2, 1, 1, 0.5],
        [7, "edited", 0.1, 0.2, 1, 1, 0.5],
        [3, "run", 0.2, 1.0, 2, 1, 0.2],
        [3, "cast", 0.0, 0.0, 0, 0, 0.2],
        [3, "roll", 0.0, 0.0, 0, 0, 0.2],
        [3, "edited", 0.0, 0.0, 0, 0, 0.2],
    ]


@settings(max_examples=30)
@given(tracks_of_bouts(), st.sampled_from([None, 0.11, 5.0]))
def test_the_numbers_are_those_of_pandas(labels: Labels, max_gap: float | None) -> None:
    frames = labels.to_frames(max_gap)
    steps = frames.groupby("larva", sort=False)["time"].diff()
    interval = steps.median() if steps.notna().any() else 1.0
    gap = max_gap or max(1.0, 5 * interval if steps.notna().any() else 0)
    begins = steps.isna() | (steps > gap + 1e-6)
    following = frames.groupby("larva", sort=False)["time"].shift(-1)
    ends = frames["time"] + interval
    last = begins.shift(-1, fill_value=True)
    duration = following.where(~last, np.minimum(ends, following.fillna(np.inf)))
    np.testing.assert_allclose(frames["duration"], duration - frames["time"], atol=1e-9)

    (run,) = labels.values()
    names = run.names + run.secondary_names
    sure = frames["confidence"].where(~frames["edited"])
    bouts, budgets = [], []
    for name in names:
        is_on = frames["label_run" if name == "run" else name]
        number = (begins | (is_on != is_on.shift())).cumsum()
        for _, part in frames[is_on].groupby(number[is_on]):
            stop = part["time"].iloc[-1] + part["duration"].iloc[-1]
            start = part["time"].iloc[0]
            mean = sure[part.index].mean()
            bouts.append((part["larva"].iloc[0], name, start, stop, stop - start, len(part), mean))
        for larva in run:
            part = frames[frames["larva"] == larva]
            on = part[is_on[part.index]]
            total = part["duration"].sum()
            seconds = on["duration"].sum()
            count = sum(bout[:2] == (larva, name) for bout in bouts)
            share = seconds / total if total else NAN
            budgets.append((larva, name, seconds, share, len(on), count, total))
    _assert_same(labels.to_bouts(max_gap, ()), bouts, ["larva", "start", "label"])
    _assert_same(labels.to_budget(max_gap, ()), budgets, ["larva", "label"])


def _assert_same(table: pd.DataFrame, rows: list[Any], by: list[str]) -> None:
    table = table.drop(columns="run").astype({"label": object})
    expected = pd.DataFrame(rows, columns=table.columns)
    one, other = (x.sort_values(by).reset_index(drop=True) for x in (table, expected))
    pd.testing.assert_frame_equal(one, other, check_dtype=False, atol=1e-9, rtol=0)


def test_records() -> None:
    labels = Labels()
    for larva in (1, 2):
        labels.set("a", larva, [0, 1, 2], ["run"] * 3)
    one, two = labels["a"][1].records, labels["a"][2].records
    one |= {"i": np.array([1, 2, 3]), "b": np.array([True, False, True]), "f": [1, None, 2.5]}
    one |= {"text": ["x", None, "x"], "mixed": ["x", {"deep": 1}, True], "time": np.zeros(3)}
    one |= {"large": np.array([2**64 - 1, 0, 0], np.uint64), "of track": [1, 2], "rows": [[1]] * 3}
    two |= {"i": np.array([4, 5, 6]), "f": np.array([7, 8, 9]), "cast": np.array([1, 2, 3])}
    labels.set("a", 3, [], [])  # has nothing to say
    labels["a"][3].records["i"] = []
    table = labels.to_frames(metadata=())
    found = {name: _listed(table[name]) for name in list(table)[8:]}
    assert found == {
        "i": [1, 2, 3, 4, 5, 6],
        "b": [1, 0, 1, None, None, None],
        "f": [1, None, 2.5, 7, 8, 9],
        "text": ["x", None, "x", None, None, None],
        "mixed": ["x", '{"deep": 1}', "true", None, None, None],
        "record_time": [0, 0, 0, None, None, None],
        "large": [float(2**64), 0, 0, None, None, None],
        "rows": ["[1]", "[1]", "[1]", None, None, None],
        "cast": [None, None, None, 1, 2, 3],
    }
    assert table["i"].dtype == np.int64
    assert table["mixed"].dtype == "category"


def test_record_that_is_nested_deeper_than_recursion() -> None:
    element: Any = 1
    for _ in range(sys.getrecursionlimit()):
        element = [element]
    labels = Labels()
    labels.set("a", 1, [0.0], ["run"])
    labels["a"][1].records["deep"] = [element]
    (cell,) = labels.to_frames()["deep"]
    assert cell == "[" * sys.getrecursionlimit() + "1" + "]" * sys.getrecursionlimit()


def test_columns_of_several_recordings() -> None:
    one, other = Labels(), Labels()
    one.set("a", 1, [0, 1], ["run", "cast"])
    other.set("b", 1, [0, 1], ["roll", "x"])
    other["b"][1].records["i"] = np.array([1, 2])
    extent = extent_of([one, other])
    tables = [as_data_frame(frame_columns(labels, None, (), extent)) for labels in (one, other)]
    assert list(tables[0]) == list(tables[1])
    assert [table["roll"].tolist() for table in tables] == [[False, False], [True, False]]
    assert [_listed(table["i"]) for table in tables] == [[None, None], [1, 2]]
    together = Labels()
    together["a"], together["b"] = one["a"], other["b"]
    joined = pd.concat(tables).drop(columns=["run", "state", "second"]).reset_index(drop=True)
    columns = ["run", "state", "second"]
    pd.testing.assert_frame_equal(together.to_frames(metadata=()).drop(columns=columns), joined)


@settings(max_examples=40)
@given(any_labels())
def test_any_labels(labels: Labels) -> None:
    frames = labels.to_frames()
    assert list(frames) == list(dict.fromkeys(frames))
    at = 0
    for run in labels.values():
        for larva, track in run.items():
            part = frames[at : at + len(track)]
            at += len(track)
            assert part["run"].eq(run.id).all()
            assert part["larva"].eq(larva).all()
            found = [() if x != x else text_state(x) for x in part["state"].tolist()]
            assert found == track.states
            for name in run.names + run.secondary_names:
                headers = [x for x in frames if x == name or x.endswith(f"label_{name}")]
                expected = [name in labels_of(state) for state in track.states]
                assert any(part[header].tolist() == expected for header in headers)
    assert at == len(frames)
    bouts, budget = labels.to_bouts(), labels.to_budget()
    assert budget["bouts"].sum() == len(bouts)
    assert budget["frames"].sum() == bouts["frames"].sum()


@given(st.lists(st.text(alphabet="ab+\\", min_size=1), unique=True))
def test_states_as_text(names: list[str]) -> None:
    state = names[0] if len(names) == 1 else tuple(names)
    assert text_state(state_text(state)) == state


def test_without_labels() -> None:
    labels = Labels()
    for table in (labels.to_frames(), labels.to_bouts(), labels.to_budget()):
        assert len(table) == 0
        assert table["larva"].dtype == np.int32
        assert table["run"].dtype == "category"


def test_the_table_is_independent_of_the_labels() -> None:
    labels = example()
    table = labels.to_frames()
    table.loc[0, "time"] = -1.0
    table.loc[0, "confidence"] = 0.0
    assert labels == example()


def test_times_without_milliseconds_are_refused() -> None:
    labels = Labels()
    labels.set("a", 1, [1e300], ["run"])
    for table in (labels.to_frames, labels.to_bouts, labels.to_budget):
        with label_error("bad-time", run="a", track=1):
            table()
    for table in (example().to_frames, example().to_bouts, example().to_budget):
        with pytest.raises(ValueError, match="max_gap above 0"):
            table(max_gap=0)
