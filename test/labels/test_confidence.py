"""Confidence and second choice: in memory, and in operations on labels."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from support import parse, text
from taggingbackends import LabelFileError, Labels
from taggingbackends.labels import TrackLabels
from taggingbackends.labels.confidence import known_confidence, mean_confidence
from taggingbackends.labels.inspection import find_errors, unreadable_records

RUN = "20150701_105504"
NAN = float("nan")
TIMES = [0.1, 0.2, 0.3, 0.4]
SURE = [0.9, 0.5, NAN, 1.0]
SECOND = ["cast", "run", (), "stop"]


@pytest.fixture
def labels() -> Labels:
    labels = Labels()
    labels.set(RUN, 7, TIMES, ["run", "cast", (), "run"], SURE, SECOND)
    return labels


def assert_sure(track: TrackLabels, confidence: Any, second: Any) -> None:
    assert (track.confidence is None) == (confidence is None)
    if track.confidence is not None:
        np.testing.assert_array_equal(track.confidence, confidence)
    assert track.second == second


def test_columns(labels: Labels) -> None:
    run = labels[RUN]
    assert_sure(run[7], SURE, SECOND)
    assert run.names == ["run", "cast", "stop"]  # second choices are declared, too
    assert run[7].second_codes is not None
    assert [run.states[code] for code in run[7].second_codes] == SECOND
    labels.set(RUN, 8, TIMES, ["run"] * 4)
    assert_sure(run[8], None, None)
    labels.set(RUN, 8, TIMES, ["run"] * 4, second=np.array(["stop"] * 4))
    assert_sure(run[8], None, ["stop"] * 4)
    labels.set(RUN, 8, TIMES, ["run"] * 4, [0, 1, 1, 1])
    assert_sure(run[8], [0.0, 1.0, 1.0, 1.0], None)


@pytest.mark.parametrize(
    ("confidence", "second", "index"),
    [
        ([0.5], None, None),
        ([[0.5] * 4], None, None),
        (["a"] * 4, None, None),
        (None, ["a"], None),
        (None, "abcd", None),
        ([0.5, 1.01, 2, 0], None, 1),
        ([-0.01, 1, 2, 0], None, 0),
        ([0.5, 1, np.inf, 0], None, 2),
        (None, ["a", ("a", "b"), (), ()], 1),
        (None, ["a", "b", None, ()], 2),
        (None, ["a", "", None, ()], 1),
        (None, [{}, "", None, ()], 0),
        (None, [{"a"}, (), (), ()], 0),
    ],
)
def test_refusals_change_nothing(
    labels: Labels, confidence: Any, second: Any, index: int | None
) -> None:
    before = copy.copy(labels)
    with pytest.raises(LabelFileError) as caught:
        labels.set(RUN, 7, TIMES, ["new"] * 4, confidence, second)
    error = caught.value
    assert (error.kind, error.run, error.track) == ("bad-confidence", RUN, 7)
    assert error.index == index
    assert labels == before


def test_columns_are_read_only(labels: Labels) -> None:
    for track in (
        labels[RUN][7],
        copy.copy(labels)[RUN][7],
        pickle.loads(pickle.dumps(labels))[RUN][7],
    ):
        assert track == labels[RUN][7]
        for column in (track.confidence, track.second_codes):
            with pytest.raises(ValueError, match="read-only"):
                column[0] = 0  # type: ignore[index]


def test_equality(labels: Labels) -> None:
    for confidence, second in (
        (None, SECOND),
        (SURE, None),
        ([0.9, 0.5, 0.1, 1.0], SECOND),
        (SURE, ["cast", "run", "run", "stop"]),
    ):
        other = copy.copy(labels)
        other.set(RUN, 7, TIMES, ["run", "cast", (), "run"], confidence, second)
        assert other[RUN][7] != labels[RUN][7]
        assert labels[RUN][7] != other[RUN][7]
    other = Labels()  # other numbers of states
    other.add_run(RUN).declare(["stop", "cast", "run"])
    other[RUN][7] = labels[RUN][7]
    assert other[RUN][7] == labels[RUN][7]


def test_files_hold_whole_percents(labels: Labels) -> None:
    labels.set(RUN, 7, TIMES, ["run"] * 4, [0.004, 0.996, 0.994, NAN], SECOND)
    again = parse(text(labels))
    assert_sure(again[RUN][7], [0, 1, 0.99, NAN], SECOND)
    for percent in range(101):  # exactly
        labels.set(RUN, 7, [1], ["run"], [percent / 100])
        assert b'"confidence":[%d]' % percent in text(labels)
        assert_sure(parse(text(labels))[RUN][7], [percent / 100], None)


def test_records_of_these_names_are_not_written(labels: Labels) -> None:
    for key in ("confidence", "second"):
        labels[RUN][7].records = {key: [1, 2, 3, 4]}
        with pytest.raises(LabelFileError, match=f'no record named "{key}"'):
            text(labels)


def test_names_of_second_choices_are_in_use(labels: Labels) -> None:
    with pytest.raises(LabelFileError, match="found these missing"):
        labels[RUN].declare(["run", "cast"])
    labels[RUN].declare(["stop", "run", "cast"], ["#1", "#2", "#3"])
    assert b'"labels":[2,3,[],2],"confidence":[90,50,-1,100],"second":[3,2,0,1]' in text(labels)


def test_crop_and_slices_carry_them(labels: Labels) -> None:
    assert_sure(labels.crop(0.2, 0.3)[RUN][7], SURE[1:3], SECOND[1:3])
    assert_sure(labels[RUN][7][0.3:], SURE[2:], SECOND[2:])


def test_tracks_and_runs_are_copied_with_them(labels: Labels) -> None:
    other = Labels()
    other.add_run("b").declare(["back"])
    other["b"][3] = labels[RUN][7]
    assert_sure(other["b"][3], SURE, SECOND)
    assert other["b"].names == ["back", "run", "cast", "stop"]
    other["c"] = labels[RUN]
    assert_sure(other["c"][7], SURE, SECOND)


def test_merge_clears_them_where_states_change(labels: Labels) -> None:
    other = Labels()
    other.set(RUN, 7, [0.15, 0.2, 0.3, 0.4], ["run", "stop", "run", "run"], [0.7] * 4)
    other.set(RUN, 8, [0.1], ["run"], [0.7], ["hunch"])
    labels.merge(other)
    track = labels[RUN][7]
    assert track.states == ["run", "run", "stop", "run", "run"]
    assert_sure(track, [0.9, NAN, NAN, NAN, 1.0], ["cast", (), (), (), "stop"])
    assert_sure(labels[RUN][8], [0.7], ["hunch"])  # as they are
    assert "hunch" in labels[RUN].names


def test_fill_clears_them_where_it_gives_labels(labels: Labels) -> None:
    like = Labels()
    like.set(RUN, 7, [0.05, 0.5], ["x", "x"])
    labels.set(RUN, 7, TIMES, ["run", "cast", (), "run"], [0.9, 0.5, 0.6, 1.0], ["cast"] * 4)
    labels.fill("stop", like)
    assert_sure(
        labels[RUN][7],
        [NAN, 0.9, 0.5, NAN, 1.0, NAN],
        [(), "cast", "cast", (), "cast", ()],
    )


def test_tag_carries_them_unless_frames_are_edited(labels: Labels) -> None:
    labels.tag("seen")
    assert_sure(labels[RUN][7], SURE, SECOND)
    labels.tag("edited", unless="cast")
    assert_sure(labels[RUN][7], [NAN, 0.5, NAN, NAN], [(), "run", (), ()])


def test_mean_by_label_is_of_frames_that_nobody_edited() -> None:
    labels = Labels()
    states = ["run", ("run", "small"), "cast", ("run", "edited"), ()]
    labels.set(RUN, 1, np.arange(5), states, [0.9, 0.6, NAN, 0.1, 0.2])
    labels.set(RUN, 2, [0.0], ["run"])
    labels.set(RUN, 3, [0.0], ["run"], [0.3])
    np.testing.assert_array_equal(
        known_confidence(labels[RUN]), [0.9, 0.6, NAN, NAN, 0.2, NAN, 0.3]
    )
    found = mean_confidence(labels[RUN])
    assert found == {"run": (pytest.approx(0.6), 3), "small": (pytest.approx(0.6), 1)}
    assert mean_confidence(Labels().add_run("r")) == {}


def test_every_violation_is_found(tmp_path: Any) -> None:
    file = tmp_path / "x.label"
    file.write_text(
        '{"metadata":{"id":"r"},"labels":["run"],"data":[{"id":"1","t":[0.1,0.2,0.3],'
        '"labels":[1,5,1],"confidence":[200,1,null,4],"second":[2,0,-1]}]}'
    )
    found = [(error.kind, error.index) for error in find_errors(file)]
    assert found == [
        ("bad-code", 1),
        ("bad-confidence", 0),
        ("bad-confidence", 2),
        ("bad-confidence", None),
        ("bad-confidence", 0),
        ("bad-confidence", 2),
    ]


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ("[1.0,0.9,0.5]", "a whole number first"),
        ("[-1.0,0.9,0.5]", "a whole number first"),
        ("[1,0.9,0.5]", "a whole number first"),
        ("[0.9,1,-1.0]", None),
        ("[0.99,1.0,0.5]", None),
        ("[100,-1,57]", None),
        ("[1.0,2.0,3.0]", None),
        ("[true,false,true]", None),
        ('["a","b","c"]', None),
        ("[1.5,null,2.5]", "null among its values"),
        ("[null,null,null]", "null among its values"),
        ('["a",1,2]', "not all numbers"),
        ("[[1],[2],[3]]", "not all numbers"),
        ("[1.0,null]", None),  # not of the frames
        ("null", None),
    ],
)
def test_records_that_nyx_cannot_read(record: str, problem: str | None) -> None:
    track = '{"id":"%d","t":[0.1,0.2,0.3],"labels":["run","run","run"],"x":%s}'
    tracks = ",".join(track % (larva, record) for larva in (3, 5))
    found = unreadable_records(parse(f'{{"metadata":{{"id":"r"}},"data":[{tracks}]}}'.encode()))
    if problem is None:
        assert found == []
    else:
        (sentence,) = found
        assert sentence.startswith("run r: Nyx cannot read the record 'x' of larvae 3, 5: ")
        assert problem in sentence
