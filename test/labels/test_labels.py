"""Labels in memory: the nested mapping, and operations on whole labels."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from support import RUN, label_error, text
from taggingbackends import Labels


@pytest.fixture
def labels() -> Labels:
    made = Labels()
    made.set(RUN, 7, [0.1, 0.2, 0.3, 0.4], ["run", ("cast", "small"), (), "run"])
    made.set(RUN, 3, [0.2, 0.3], ["stop", "run"])
    return made


def test_labels_read_as_nested_mappings(labels: Labels) -> None:
    assert list(labels) == [RUN]
    assert list(labels[RUN]) == [7, 3]
    assert list(labels[RUN][7]) == [0.1, 0.2, 0.3, 0.4]
    assert labels[RUN][7][0.1] == "run"
    assert labels[RUN][7][0.2] == ("cast", "small")
    assert labels[RUN][7][0.3] == ()
    assert (len(labels), len(labels[RUN]), len(labels[RUN][7])) == (1, 2, 4)
    assert list(labels[RUN][3].items()) == [(0.2, "stop"), (0.3, "run")]
    assert list(labels[RUN][3].values()) == ["stop", "run"]
    assert (0.2, "stop") in labels[RUN][3].items()
    assert 3 in labels[RUN]
    assert 4 not in labels[RUN]
    assert labels.to_dict() == {
        RUN: {
            7: {0.1: "run", 0.2: ("cast", "small"), 0.3: (), 0.4: "run"},
            3: {0.2: "stop", 0.3: "run"},
        }
    }


def test_tracks_are_columns(labels: Labels) -> None:
    track = labels[RUN][7]
    assert track.times.dtype == np.float64
    assert track.codes.dtype == np.int32
    assert [labels[RUN].states[code] for code in track.codes] == track.states
    assert track.states == ["run", ("cast", "small"), (), "run"]
    with pytest.raises(ValueError, match="read-only"):
        track.times[0] = 5


def test_a_time_is_found_within_a_millisecond(labels: Labels) -> None:
    track = labels[RUN][7]
    assert track[0.201] == ("cast", "small")
    assert track[0.199] == ("cast", "small")
    assert 0.2011 not in track
    assert "run" not in track
    with pytest.raises(KeyError, match=r"0\.25"):
        track[0.25]
    assert track.find([0.0, 0.1, 0.3999, 9]).tolist() == [-1, 0, 3, -1]


def test_the_nearest_time_is_found_and_the_earlier_of_two() -> None:
    labels = Labels()
    labels.set(RUN, 1, [1.0, 1.001, 1.002], ["a", "b", "c"])
    assert labels[RUN][1][1.0012] == "b"
    assert labels[RUN][1][1.0005] == "a"
    empty = Labels()
    empty.set(RUN, 1, [], [])
    assert 0.0 not in empty[RUN][1]


def test_names_are_declared_in_order_of_appearance(labels: Labels) -> None:
    assert labels[RUN].names == ["run", "cast", "small", "stop"]
    assert labels[RUN].colors is None
    assert labels[RUN].secondary_names == []


def test_declare_fixes_order_and_colours(labels: Labels) -> None:
    run = labels[RUN]
    run.declare(["stop", "small", "cast", "run", "roll"], ["#1", "#2", "#3", "#4", "#5"])
    assert run.names == ["stop", "small", "cast", "run", "roll"]
    assert run[7].states == ["run", ("cast", "small"), (), "run"]
    labels.set(RUN, 9, [0.5], ["back"])
    assert run.names[-1] == "back"
    assert run.colors == ["#1", "#2", "#3", "#4", "#5", "#808080"]
    labels.set(RUN, 9, [0.5], ["run"])
    run.declare(["run", "new", "cast", "small", "stop"])
    assert run.colors == ["#4", "#808080", "#3", "#2", "#1"]
    labels.set(RUN, 9, [0.5], ["back"])
    assert run.names == ["run", "new", "cast", "small", "stop", "back"]


def test_declare_completes_colours(labels: Labels) -> None:
    run, names = labels[RUN], ["run", "cast", "small", "stop"]
    for none in (None, [None] * 4):
        run.declare(names, none)
        assert run.colors is None
    run.declare(names, ["#1", None, "#3", None])
    assert run.colors == ["#1", "#808080", "#3", "#808080"]
    run.declare([*names, "roll"], ["#5", None, None, "#4", None])
    assert run.colors == ["#5", "#808080", "#3", "#4", "#808080"]
    for wrong in ([None], [None] * 5, ["#1", None, "#3"], "#1", [5, None, None, None]):
        with label_error("bad-label"):
            run.declare(names, wrong)
    assert run.colors == ["#5", "#808080", "#3", "#4", "#808080"]
    run.declare([*names, "roll"])
    assert run.colors == ["#5", "#808080", "#3", "#4", "#808080"]


def test_declare_refuses_and_changes_nothing(labels: Labels) -> None:
    run = labels[RUN]
    before = text(labels)
    with label_error("bad-label", run=RUN):
        run.declare(["run", "cast", "small"])
    with label_error("bad-label", index=1):
        run.declare(["run", "run"])
    with label_error("bad-label"):
        run.declare(["run", "cast", "small", "stop"], ["#1"])
    with label_error("bad-label"):
        run.declare("run")
    with pytest.raises(AttributeError):
        run.id = "other"  # type: ignore[misc]
    run.secondary_names = ["edited"]
    with label_error("overlapping-names"):
        run.declare(["run", "cast", "small", "stop", "edited"])
    run.secondary_names = []
    assert text(labels) == before


def test_secondary_names_are_not_declared_again(labels: Labels) -> None:
    labels[RUN].secondary_names = ["edited"]
    labels.set(RUN, 9, [0.5, 0.6], [["run", "edited"], "edited"])
    assert labels[RUN].names == ["run", "cast", "small", "stop"]
    assert b'"labels":[[1,5],5]' in text(labels)


def test_a_primary_name_becomes_secondary(labels: Labels) -> None:
    labels[RUN].declare(["run", "cast", "small", "stop"], ["#1", "#2", "#3", "#4"])
    labels[RUN].secondary_names = ["small"]
    assert labels[RUN].names == ["run", "cast", "stop"]
    assert labels[RUN].colors == ["#1", "#2", "#4"]
    assert labels[RUN][7][0.2] == ("cast", "small")
    assert b'"labels":[1,[2,4],[],1]' in text(labels)


@pytest.mark.parametrize(
    ("arguments", "kind", "index"),
    [
        pytest.param((-1, [0.1], ["a"]), "bad-larva-id", None, id="negative larva"),
        pytest.param((65536, [0.1], ["a"]), "bad-larva-id", None, id="larva beyond 16 bits"),
        pytest.param((True, [0.1], ["a"]), "bad-larva-id", None, id="larva a boolean"),
        pytest.param(("7", [0.1], ["a"]), "bad-larva-id", None, id="larva a string"),
        pytest.param((1, [0.2, 0.2], ["a", "a"]), "bad-time", 1, id="equal times"),
        pytest.param((1, [0.1, np.nan], ["a", "a"]), "bad-time", 1, id="no number"),
        pytest.param((1, [np.inf], ["a"]), "bad-time", 0, id="infinite time"),
        pytest.param((1, [[0.1]], ["a"]), "bad-time", None, id="times in two dimensions"),
        pytest.param((1, ["x"], ["a"]), "bad-time", None, id="times no numbers"),
        pytest.param((1, [0.1], ["a", "a"]), "length-mismatch", None, id="more states"),
        pytest.param((1, [0.1, 0.2, 0.3], "run"), "bad-code", None, id="states one string"),
        pytest.param((1, [0.1, 0.2], ["a", 5]), "bad-code", 1, id="state a number"),
        pytest.param((1, [0.1, 0.2], ["a", None]), "bad-code", 1, id="state None"),
        pytest.param((1, [0.1, 0.2], ["a", [["a"]]]), "bad-code", 1, id="nested state"),
        pytest.param((1, [0.1, 0.2], ["a", ("b", "b")]), "bad-code", 1, id="label twice"),
        pytest.param((1, [0.1, 0.2], ["a", ""]), "bad-label", 1, id="empty label"),
    ],
)
def test_set_refuses_and_changes_nothing(
    labels: Labels, arguments: tuple[Any, ...], kind: str, index: int | None
) -> None:
    before = text(labels)
    with label_error(kind, index=index, run=RUN, file=None):
        labels.set(RUN, *arguments)
    with label_error(kind, run="new"):
        labels.set("new", *arguments)
    assert text(labels) == before


def test_set_takes_arrays_of_any_kind() -> None:
    labels = Labels()
    times = np.array([1, 2, 3], dtype=np.int16)
    labels.set(RUN, np.uint16(5), times, np.array(["run", "cast", "run"]))
    labels.set(RUN, 6, (1.0, 2.0), iter([["run"], ("cast",)]))
    times[0] = 9
    assert labels.to_dict()[RUN] == {
        5: {1.0: "run", 2.0: "cast", 3.0: "run"},
        6: {1.0: "run", 2.0: "cast"},
    }
    assert all(type(name) is str for name in labels[RUN].names)


def test_set_replaces_a_track(labels: Labels) -> None:
    labels.set(RUN, 7, [9.0], ["stop"])
    assert labels[RUN][7].states == ["stop"]
    assert list(labels[RUN]) == [7, 3]


def test_runs_need_an_identifier() -> None:
    with label_error("not-a-label-file"):
        Labels().set("", 1, [0.1], ["run"])


def test_equality_ignores_the_numbers_of_states(labels: Labels) -> None:
    other = Labels()
    other.set(RUN, 7, [0.1, 0.2, 0.3, 0.4], ["stop"] * 4)
    other.set(RUN, 7, [0.1, 0.2, 0.3, 0.4], ["run", ("cast", "small"), (), "run"])
    other.set(RUN, 3, [0.2, 0.3], ["stop", "run"])
    assert other != labels
    other[RUN].declare(labels[RUN].names)
    assert other == labels
    other[RUN].metadata["tracker"] = "t5"
    assert other != labels
    assert labels != {}


def test_equality_depends_on_the_order_of_labels_in_a_state() -> None:
    one, other = Labels(), Labels()
    one.set(RUN, 1, [0.1], [("a", "b")])
    other.set(RUN, 1, [0.1], [("b", "a")])
    other[RUN].declare(["a", "b"])
    assert one != other


def test_count(labels: Labels) -> None:
    assert labels.count() == {"run": 3, "cast": 1, "small": 1, "stop": 1, "": 1}
    labels.set("other", 1, [1, 2], ["stop", ()])
    assert labels.count() == {"run": 3, "cast": 1, "small": 1, "stop": 2, "": 2}
    assert Labels().count() == {}


def test_merge_overwrites_defined_states_and_adds_the_rest(labels: Labels) -> None:
    other = Labels()
    other.set(RUN, 7, [0.1005, 0.3, 0.35, 0.4], ["back", "roll", "stop", ()])
    other.set(RUN, 11, [5.0, 6.0], ["hunch", ()])
    other.set("b", 1, [0.5], ["roll"])
    other["b"].metadata["tracker"] = "t5"
    labels.merge(other)
    assert labels[RUN][7].times.tolist() == [0.1, 0.2, 0.3, 0.35, 0.4]
    assert labels[RUN][7].states == ["back", ("cast", "small"), "roll", "stop", "run"]
    assert labels[RUN][11].states == ["hunch", ()]
    assert labels["b"] == other["b"]
    assert labels["b"] is not other["b"]
    names = ["run", "cast", "small", "stop", "back", "roll", "hunch"]
    assert labels[RUN].names == names


def test_merge_takes_states_that_meet_a_condition(labels: Labels) -> None:
    other = Labels()
    other.add_run(RUN).secondary_names = ["edited"]
    other.set(RUN, 7, [0.1, 0.2, 0.3, 0.4], ["cast", ("stop", "edited"), (), ("edited",)])
    asked = []

    def when(names: tuple[str, ...]) -> bool:
        asked.append(names)
        return "edited" in names

    labels.merge(other, when)
    assert labels[RUN][7].states == ["run", ("stop", "edited"), (), "edited"]
    assert labels[RUN].secondary_names == ["edited"]
    assert sorted(asked) == [(), ("cast",), ("edited",), ("stop", "edited")]


def test_merge_with_a_condition_may_undefine(labels: Labels) -> None:
    other = Labels()
    other.set(RUN, 7, [0.1, 0.2], [(), "stop"])
    labels.merge(other, when=lambda names: not names)
    assert labels[RUN][7].states == [(), ("cast", "small"), (), "run"]


def test_merge_matches_times_one_to_one() -> None:
    labels, other = Labels(), Labels()
    labels.set(RUN, 1, [1.0, 2.0], ["a", "a"])
    other.set(RUN, 1, [1.0, 1.001, 1.9995, 2.0004], ["exact", "next", "farther", "nearer"])
    labels.merge(other)
    assert labels.to_dict()[RUN][1] == {
        1.0: "exact",
        1.001: "next",
        1.9995: "farther",
        2.0: "nearer",
    }
    like = Labels()
    like.set(RUN, 1, [1.0, 1.0005, 2.0006], ["x", "x", "x"])
    labels.fill("default", like)
    assert labels[RUN][1].times.tolist() == [1.0, 1.0005, 1.001, 1.9995, 2.0]


def test_merge_shares_nothing_with_the_other(labels: Labels) -> None:
    labels[RUN][7].records["notes"] = ["seen", {"by": "me"}]
    merged = Labels()
    merged.merge(labels)
    expected = copy.deepcopy(labels)
    merged[RUN][7].records["notes"][1]["by"] = "you"
    merged[RUN].metadata["tracker"] = "t5"
    merged.tag("edited")
    assert labels == expected


def test_merge_into_a_run_without_names_takes_the_colours() -> None:
    labels, other = Labels(), Labels()
    labels.set(RUN, 1, [1.0], [()])
    other.set(RUN, 1, [1.0], ["a"])
    other[RUN].declare(["a"], ["#1"])
    labels.merge(other)
    assert labels[RUN].colors == ["#1"]


def test_merge_keeps_existing_colours() -> None:
    labels, other = Labels(), Labels()
    labels.set(RUN, 1, [1.0], ["a"])
    other.set(RUN, 1, [1.0], ["b"])
    other.set(RUN, 1, [1.0], ["a"])
    other[RUN].declare(["a", "b"], ["#3", "#4"])
    without = copy.deepcopy(labels)
    without.merge(other)
    assert without[RUN].colors is None
    labels[RUN].declare(["a", "unused"], ["#1", "#2"])
    labels.merge(other)
    assert labels[RUN].names == ["a", "unused", "b"]
    assert labels[RUN].colors == ["#1", "#2", "#808080"]


def test_merge_shares_no_mutable_data() -> None:
    labels, other = Labels(), Labels()
    for run in ("known", "new"):
        other.set(run, 1, [1.0], ["a"])
        other[run].metadata["camera"] = {"lens": [1]}
        other[run].attributes["box"] = {"x": [1]}
        other[run].dependencies = [{"filename": "x", "sha1": "y"}]
        other[run][1].records |= {"box": {"x": [1]}, "speed": np.array([0.5])}
    labels.add_run("known")
    before = text(other)
    labels.merge(other)
    for run in labels.values():
        run[1].records["box"]["x"][0] = run[1].records["speed"][0] = 9
        run.secondary_names = ["edited"]
        run.declare(["a", "b"])
    new = labels["new"]
    new.metadata["camera"]["lens"][0] = new.attributes["box"]["x"][0] = 9
    new.dependencies[0]["sha1"] = "z"
    assert text(other) == before


def test_merge_with_a_failing_condition_changes_nothing(labels: Labels) -> None:
    other = Labels()
    other.set(RUN, 7, [0.1], ["new"])
    labels.set("second", 1, [0.5], ["run"])
    other.set("second", 1, [0.5], ["bad"])
    before = text(labels)
    with pytest.raises(ZeroDivisionError):
        labels.merge(other, when=lambda names: bool(1 / (names != ("bad",))))
    assert text(labels) == before


def test_merge_keeps_colours(labels: Labels) -> None:
    labels[RUN].declare(labels[RUN].names, ["#1", "#2", "#3", "#4"])
    other = Labels()
    other.set(RUN, 7, [0.1], ["new"])
    other[RUN].declare(["new", "unused"])
    labels.merge(other)
    assert labels[RUN].names[-2:] == ["new", "unused"]
    assert labels[RUN].colors == ["#1", "#2", "#3", "#4", "#808080", "#808080"]


def test_merge_refuses_and_changes_nothing(labels: Labels) -> None:
    labels[RUN][7].records["speed"] = np.arange(4.0)
    other = Labels()
    other.set(RUN, 3, [0.2], ["back"])
    other.set(RUN, 7, [0.1, 0.15], ["run", "run"])
    before = text(labels)
    with label_error("length-mismatch", run=RUN, track=7, index=1):
        labels.merge(other)
    clash = Labels()
    clash.add_run(RUN).secondary_names = ["run"]
    with label_error("overlapping-names", run=RUN):
        labels.merge(clash)
    clash = Labels()
    clash.set(RUN, 3, [0.2], ["edited"])
    labels[RUN].secondary_names = ["edited"]
    with label_error("overlapping-names", run=RUN):
        labels.merge(clash)
    labels[RUN].secondary_names = []
    assert text(labels) == before


def test_crop(labels: Labels) -> None:
    labels[RUN][7].records |= {"speed": np.arange(4.0), "words": list("abcd"), "quality": 0.5}
    labels[RUN].metadata["tracker"] = "t5"
    labels.attributes["project"] = "x"
    before = text(labels)
    cropped = labels.crop(0.3, 0.4)
    assert text(labels) == before
    assert cropped[RUN].metadata == {"tracker": "t5"}
    assert cropped.attributes == {"project": "x"}
    assert cropped.to_dict() == {RUN: {7: {0.3: (), 0.4: "run"}, 3: {0.3: "run"}}}
    records = cropped[RUN][7].records
    assert records["speed"].tolist() == [2.0, 3.0]
    assert (records["words"], records["quality"]) == (["c", "d"], 0.5)
    assert list(labels.crop(0.35, 1)[RUN]) == [7]
    records["speed"][0] = -1
    cropped[RUN].metadata["tracker"] = "other"
    assert text(labels) == before


def test_crop_allows_for_rounding_at_the_ends() -> None:
    labels = Labels()
    labels.set(RUN, 1, [0.1 + 0.2, 0.7 - 0.1], ["a", "b"])  # 0.30000000000000004, 0.6 less an ulp
    assert len(labels.crop(0.3, 0.6)[RUN][1]) == 2
    assert len(labels.crop(0.0, 0.3)[RUN][1]) == 1
    assert len(labels.crop(0.6, 0.9)[RUN][1]) == 1
    labels.set(RUN, 1, [0.3 - 0.1], ["a"])  # 0.2 less an ulp
    assert len(labels.crop(0.2, 1.0)[RUN][1]) == 1


def test_fill(labels: Labels) -> None:
    labels.fill("stop")
    assert labels[RUN][7].states == ["run", ("cast", "small"), "stop", "run"]
    labels.fill("never needed")
    assert "never needed" not in labels[RUN].names


def test_fill_adds_missing_frames(labels: Labels) -> None:
    like = Labels()
    like.set(RUN, 7, [0.1, 0.35], ["x", "x"])
    like.set(RUN, 12, [1.0, 2.0], ["x", ()])
    like.set("b", 1, [3.0], ["x"])
    labels.fill("stop", like)
    assert labels[RUN][7].times.tolist() == [0.1, 0.2, 0.3, 0.35, 0.4]
    assert labels[RUN][7].states == ["run", ("cast", "small"), "stop", "stop", "run"]
    assert labels[RUN][12].states == ["stop", "stop"]
    assert labels["b"].names == ["stop"]
    assert like[RUN][12].states == ["x", ()]


def test_fill_refuses_and_changes_nothing(labels: Labels) -> None:
    labels[RUN][7].records["speed"] = np.arange(4.0)
    like = Labels()
    like.set(RUN, 7, [0.15], ["x"])
    before = text(labels)
    with label_error("length-mismatch", run=RUN, track=7):
        labels.fill("stop", like)
    with label_error("bad-label"):
        labels.fill("")
    assert text(labels) == before


def test_tag(labels: Labels) -> None:
    labels.tag("edited", unless="stop")
    edited = ("run", "edited")
    assert labels[RUN][7].states == [edited, ("cast", "small", "edited"), (), edited]
    assert labels[RUN][3].states == ["stop", edited]
    assert labels[RUN].secondary_names == ["edited"]
    before = text(labels)
    labels.tag("edited", unless=["stop"])
    assert text(labels) == before
    labels.tag("sure", unless=["small", "stop"])
    assert labels[RUN][7].states[1] == ("cast", "small", "edited")
    assert labels[RUN][7].states[0] == ("run", "edited", "sure")


def test_tag_refuses_primary_names(labels: Labels) -> None:
    before = text(labels)
    with label_error("overlapping-names", run=RUN):
        labels.tag("cast")
    with label_error("bad-label"):
        labels.tag("")
    assert text(labels) == before


def test_labels_can_be_copied(labels: Labels) -> None:
    other = copy.deepcopy(labels)
    assert other == labels
    other.set(RUN, 7, [1.0], ["new"])
    assert "new" not in labels[RUN].names
    assert repr(labels) == "<Labels: 1 run, 2 larvae, 6 frames>"
    assert repr(labels[RUN]) == f"<RunLabels {RUN}: 2 larvae, 6 frames>"
    one = Labels()
    one.set("a", 1, [0.0], ["run"])
    one.add_run("b")
    assert repr(one) == "<Labels: 2 runs, 1 larva, 1 frame>"
    assert [repr(run) for run in one.values()] == [
        "<RunLabels a: 1 larva, 1 frame>",
        "<RunLabels b: 0 larvae, 0 frames>",
    ]
    assert repr(one["a"][1]) == "<TrackLabels: 1 frame, 0 to 0 s>"
