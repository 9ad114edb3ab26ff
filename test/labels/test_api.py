"""The API of labels: items, missing keys, types, copies and representations."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from strategies import any_labels

from support import RUN, label_error, parse, text
from taggingbackends import Labels
from taggingbackends.data import Recording, Track
from taggingbackends.labels import RunLabels


@pytest.fixture
def labels() -> Labels:
    made = Labels()
    made.set(RUN, 7, [0.1, 0.2, 0.3, 0.4], ["run", ("cast", "small"), (), "run"])
    made.set(RUN, 20, [0.2, 0.3], ["stop", "run"])
    return made


# -- items


def test_runs_and_larvae_are_deleted(labels: Labels) -> None:
    labels.set("other", 1, [0.5], ["run"])
    del labels[RUN][7]
    assert list(labels[RUN]) == [20]
    del labels[RUN]
    assert list(labels) == ["other"]
    run = labels.pop("other")
    assert (run.id, len(labels)) == ("other", 0)


def test_setting_a_run_copies_it_under_its_key(labels: Labels) -> None:
    labels[RUN].metadata["tracker"] = {"name": "t5"}
    labels[RUN][7].records["box"] = {"x": [1]}
    other = Labels()
    other["b"] = labels[RUN]
    assert (other["b"].id, labels[RUN].id) == ("b", RUN)
    assert other["b"][7] == labels[RUN][7]
    before = text(labels)
    other["b"].metadata["tracker"]["name"] = other["b"][7].records["box"]["x"][0] = "changed"
    other.set("b", 1, [0.5], ["new"])
    assert text(labels) == before
    other[RUN] = labels[RUN]
    assert other[RUN] == labels[RUN]
    assert other[RUN] is not labels[RUN]
    assert parse(text(other)) == other


def test_setdefault_returns_the_existing_value(labels: Labels) -> None:
    other = Labels()
    assert other.setdefault(RUN, labels[RUN]) is other[RUN] is not labels[RUN]
    assert other.setdefault("empty") == RunLabels("empty")
    assert other.setdefault(RUN, RunLabels(RUN)) == labels[RUN]
    track = other["empty"].setdefault(3, labels[RUN][7])
    assert track is other["empty"][3]
    assert other["empty"].setdefault(3, labels[RUN][20]) is track


def test_setting_a_track_copies_it(labels: Labels) -> None:
    labels[RUN].secondary_names = ["small"]
    labels[RUN][7].records["box"] = {"x": [1]}
    other = Labels()
    other.set("b", 1, [0.5], ["back"])
    other["b"][5] = labels[RUN][7]
    assert other["b"][5] == labels[RUN][7]
    assert other["b"].names == ["back", "run", "cast"]  # not what only other larvae do
    assert other["b"].secondary_names == ["small"]
    other["b"][5].records["box"]["x"].append(2)
    assert labels[RUN][7].records["box"] == {"x": [1]}
    labels[RUN][8] = labels[RUN][7]
    assert labels[RUN][8] == labels[RUN][7]
    assert parse(text(other)) == other
    with label_error("bad-larva-id", run="b"):
        other["b"][65536] = labels[RUN][7]


def test_a_removed_track_is_set_again_with_its_names(labels: Labels) -> None:
    track = labels[RUN].pop(7)
    labels[RUN].declare(["stop", "run"])
    labels[RUN][7] = track
    assert labels[RUN].names == ["stop", "run", "cast", "small"]
    assert parse(text(labels)).to_dict() == labels.to_dict()


def test_a_slice_of_seconds_is_part_of_a_track(labels: Labels) -> None:
    track = labels[RUN][7]
    track.records["speed"] = np.arange(4.0)
    part = track[0.2:0.3]
    assert dict(part) == {0.2: ("cast", "small"), 0.3: ()}
    assert part == labels.crop(0.2, 0.3)[RUN][7]
    part.records["speed"][0] = 9
    assert track.records["speed"].tolist() == [0, 1, 2, 3]
    assert len(track[:]) == 4
    assert slice(0.2, 0.3) not in track
    with pytest.raises(TypeError, match="and no step"):
        track[::2]


@given(any_labels())
def test_from_dict_is_the_inverse_of_to_dict(labels: Labels) -> None:
    nested = labels.to_dict()
    again = Labels.from_dict(nested)
    assert again.to_dict() == nested
    assert [list(run) for run in again.values()] == [list(run) for run in labels.values()]


def test_from_dict_takes_times_in_any_order() -> None:
    labels = Labels.from_dict({RUN: {7: {0.2: "cast", 0: ["run"], 0.1: []}, 8: {}}, "empty": {}})
    assert labels.to_dict() == {RUN: {7: {0.0: "run", 0.1: (), 0.2: "cast"}, 8: {}}, "empty": {}}


@pytest.mark.parametrize(
    ("nested", "kind"),
    [
        ({RUN: {"7": {}}}, "bad-larva-id"),
        ({RUN: {7: {"x": "run"}}}, "bad-time"),
        ({RUN: {7: {0.1: 5}}}, "bad-code"),
        ({"": {}}, "not-a-label-file"),
    ],
)
def test_from_dict_refuses_what_set_refuses(nested: Any, kind: str) -> None:
    with label_error(kind):
        Labels.from_dict(nested)


# -- missing keys


@pytest.mark.parametrize(
    ("find", "message"),
    [
        (lambda labels: labels["20240611_10150"], f"did you mean {RUN}?"),
        (lambda labels: labels["x"], f"run 'x': not found; there are {RUN}"),
        (lambda labels: labels[0], f"run 0: identifiers are strings; there are {RUN}"),
        (lambda labels: Labels()["x"], "run 'x': not found; there are none"),
        (lambda labels: labels[RUN]["20"], "larva '20': identifiers are integers; nearest: 20"),
        (lambda labels: labels[RUN]["a"], "larva 'a': identifiers are integers; there are 7, 20"),
        (lambda labels: labels[RUN][19], "larva 19: not found; nearest: 7, 20"),
        (lambda labels: labels.add_run("b")[19], "larva 19: not found; there are none"),
        (lambda labels: labels[RUN][20][0.27], "time 0.27: no frame within 1 ms; nearest: 0.3"),
        (lambda labels: labels[RUN][20]["a"], "time 'a': times are numbers, in seconds"),
        (lambda labels: labels[RUN][20][None], "time None: times are numbers, in seconds"),
        (lambda labels: labels[RUN][20][10**5000], "times are numbers, in seconds"),
        (lambda labels: labels.crop(9, 9)[RUN][7], "larva 7: not found; there are none"),
        (lambda labels: labels.__delitem__("x"), "run 'x': not found"),
        (lambda labels: labels[RUN].__delitem__(19), "larva 19: not found; nearest: 7, 20"),
    ],
)
def test_a_missing_key_lists_the_nearest_keys(
    labels: Labels, find: Callable[[Labels], Any], message: str
) -> None:
    with pytest.raises(KeyError) as caught:
        find(labels)
    assert message in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_the_message_of_a_missing_key_is_made_only_if_needed(
    labels: Labels, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise AssertionError

    monkeypatch.setattr("taggingbackends.labels.lookup.shown", fail)
    assert labels.get("x") is labels[RUN].get(8) is labels[RUN][7].get(9) is None
    with pytest.raises(KeyError) as caught:
        labels[RUN][8]
    assert caught.value.args == (8,)


@pytest.mark.parametrize("time", [Decimal("0.2"), Fraction(1, 5), np.float32(0.2), np.array(0.2)])
def test_a_time_is_a_number_of_any_type(labels: Labels, time: Any) -> None:
    assert labels[RUN][7][time] == ("cast", "small")
    assert time in labels[RUN][7]


def test_in_and_get_raise_no_error(labels: Labels) -> None:
    assert "x" not in labels
    assert "20" not in labels[RUN]
    assert 10**400 not in labels[RUN][7]
    assert labels.get("x") is labels[RUN].get(8) is labels[RUN][7].get(9) is None


# -- types


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda labels: labels.merge("x.label"), "expected Labels, found a str; Labels.read"),
        (lambda labels: labels.merge(Path("x")), "Path; Labels.read reads a file"),
        (lambda labels: labels.merge({}), "found a dict; Labels.from_dict takes dictionaries"),
        (lambda labels: labels.merge(labels[RUN]), r"found a RunLabels; labels\[run\] = other"),
        (lambda labels: labels.merge(recording()), r"a Recording; recording.labels\(\) gives"),
        (lambda labels: labels.merge(None), "expected Labels, found a NoneType$"),
        (
            lambda labels: labels.fill("run", like="x.label"),
            "expected Labels or a recording, found a str; Labels.read reads a file, or .*load_tr",
        ),
        (lambda labels: labels.fill("run", like=5), "found an int; taggingbackends.data.load_"),
        (lambda labels: Labels.read({}), "a dict; Labels.from_dict takes dictionaries"),  # type: ignore[arg-type]
        (lambda labels: Labels.read(labels), "found a Labels"),
        (lambda labels: Labels.read(recording()), r"a Recording; recording.labels\(\) gives"),
        (lambda labels: Labels.read(["x"]), "found a list; read files one by one"),  # type: ignore[arg-type]
        (lambda labels: Labels.from_dict([]), "expected a dictionary by run, in run -> larva"),  # type: ignore[arg-type]
        (
            lambda labels: Labels.from_dict({RUN: {7: ["run"]}}),
            "a dictionary by time, in run -> larva",
        ),  # type: ignore[dict-item]
        (lambda labels: labels.crop("0", 1), "expected a time in seconds, found a str"),
        (lambda labels: labels.crop(None, 1), "expected a time in seconds, found a NoneType"),
        (lambda labels: labels.__setitem__(RUN, {}), "expected RunLabels.*a dict; Labels.from_d"),
        (lambda labels: labels[RUN].__setitem__(7, {}), r"a dict; labels.set\(run, larva, times"),
    ],
)
def test_an_argument_of_the_wrong_type_names_the_right_call(
    labels: Labels, call: Callable[[Any], Any], message: str
) -> None:
    before = text(labels)
    with pytest.raises(TypeError, match=message):
        call(labels)
    assert text(labels) == before


def recording() -> Recording:
    return Recording(RUN, {7: Track(np.array([0.1]))}, {}, "x", ())


def test_fill_takes_a_recording(labels: Labels) -> None:
    labels.fill("stop", like=Recording(RUN, {7: Track(np.array([0.1, 0.5]))}, {}, "x", ()))
    assert labels[RUN][7].states[-1] == "stop"


@pytest.mark.parametrize("huge", [10**400, 10**5000], ids=["long", "too long to print"])
def test_integers_too_large_for_a_double_are_refused(labels: Labels, huge: int) -> None:
    with label_error("bad-time", run=RUN, track=7):
        labels.set(RUN, 7, [0.1, huge], ["run", "run"])
    with label_error("bad-code", run=RUN, track=7, index=0):
        labels.set(RUN, 7, [0.1], [huge])
    with label_error("bad-larva-id", run=RUN):
        labels.set(RUN, huge, [0.1], ["run"])


@pytest.mark.parametrize(
    "times",
    [["0.1"], np.array([1], "timedelta64[s]"), np.array(["2024"], "datetime64[D]"), [1j]],
)
def test_times_that_are_no_numbers_are_refused(labels: Labels, times: Any) -> None:
    with label_error("bad-time"):
        labels.set(RUN, 7, times, ["run"])


def test_nan_is_no_limit_in_time(labels: Labels) -> None:
    for cut in (
        lambda: labels.crop(np.nan, 1),
        lambda: labels[RUN][7][: np.nan],
        lambda: recording().crop(0, np.nan),
        lambda: recording()[7][np.nan :],
    ):
        with pytest.raises(ValueError, match="expected a time in seconds, found nan"):
            cut()


@pytest.mark.parametrize("time", ["1" + 400 * "0", "1e400"])
@pytest.mark.parametrize("place", ["t", "labels", "speed"])
def test_numbers_too_large_for_a_double_in_a_file_are_refused(time: str, place: str) -> None:
    track = {"id": '"7"', "t": "[0.5]", "labels": '["run"]', place: f"[{time}]"}
    items = ",".join(f'"{key}":{value}' for key, value in track.items())
    with label_error("invalid-json"):
        parse(f'{{"metadata":{{"id":"r"}},"data":[{{{items}}}]}}'.encode())


@pytest.mark.parametrize("states", [[{"run", "cast"}], [frozenset({"run"})], [()], {"run"}])
def test_sets_are_refused_as_states(labels: Labels, states: Any) -> None:
    if states == [()]:
        labels.set(RUN, 7, [0.1], states)
        return
    with label_error("bad-code") as caught:
        labels.set(RUN, 7, [0.1], states)
    assert ("write a tuple" in str(caught.value)) is isinstance(states, list)


# -- copies and representations


@pytest.mark.parametrize(
    "copied",
    [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy, copy.copy],
    ids=["pickle", "deepcopy", "copy"],
)
def test_columns_of_a_copy_cannot_be_written(labels: Labels, copied: Callable[[Any], Any]) -> None:
    track = copied(labels[RUN][7])
    assert track == labels[RUN][7]
    for column in (track.times, track.codes):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1
    assert copied(labels) == labels
    assert not copied(labels)[RUN][7].times.flags.writeable


def test_a_change_of_a_copy_does_not_change_the_original(labels: Labels) -> None:
    before = text(labels)
    for run in (copy.copy(labels)[RUN], copy.copy(labels[RUN])):
        run.metadata["tracker"] = "t5"
        run.declare(["stop", "small", "cast", "run", "back"])
        del run[7]
    copy.copy(labels).clear()
    assert text(labels) == before


def test_short_reprs(labels: Labels) -> None:
    assert repr(labels) == "<Labels: 1 run, 2 larvae, 6 frames>"
    assert repr(labels[RUN]) == f"<RunLabels {RUN}: 2 larvae, 6 frames>"
    assert repr(labels[RUN][7]) == "<TrackLabels: 4 frames, 0.1 to 0.4 s>"
    assert repr(labels[RUN][7][0.1:0.1]) == "<TrackLabels: 1 frame, 0.1 to 0.1 s>"
    one = labels.crop(0.1, 0.1)
    assert repr(one) == "<Labels: 1 run, 1 larva, 1 frame>"
    assert repr(Labels()) == "<Labels: 0 runs, 0 larvae, 0 frames>"
    assert repr(one[RUN][7][5:]) == "<TrackLabels: 0 frames>"


def cells(html: str) -> list[list[str | None]]:
    """Return the rows of a table, which must be well-formed."""
    return [[cell.text for cell in row] for row in ElementTree.fromstring(html).iter("tr")]


def test_notebooks_show_a_table_of_runs(labels: Labels) -> None:
    labels.set("<b>&", 1, [2.0], ["<i>"])
    labels[RUN][7] = labels[RUN][7][:0.2]
    labels.add_run("empty")
    html = labels._repr_html_()
    assert cells(html) == [
        ["run", "larvae", "frames", "duration (s)", *labels.count()],
        [RUN, "2", "4", "0.200", "2", "1", "1", "1", "0"],
        ["<b>&", "1", "1", "0.000", "0", "0", "0", "0", "1"],
        ["empty", "0", "0", "0.000", "0", "0", "0", "0", "0"],
    ]
    assert "<caption>Labels: 3 runs, 3 larvae, 5 frames</caption>" in html


def test_notebooks_show_a_table_of_larvae(labels: Labels) -> None:
    labels.set(RUN, 8, [], [])
    assert cells(labels[RUN]._repr_html_()) == [
        ["larva", "frames", "from (s)", "to (s)", "run", "cast", "small", "stop", "(undefined)"],
        ["7", "4", "0.100", "0.400", "2", "1", "1", "0", "1"],
        ["20", "2", "0.200", "0.300", "1", "0", "0", "1", "0"],
        ["8", "0", None, None, "0", "0", "0", "0", "0"],
    ]
    for larva in range(100, 160):
        labels.set(RUN, larva, [0.5], ["run"])
    rows = cells(labels[RUN]._repr_html_())
    assert (len(rows), rows[-1]) == (52, ["... 13 more"])
