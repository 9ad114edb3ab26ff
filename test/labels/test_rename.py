"""Renaming labels."""

from __future__ import annotations

from copy import copy

import pytest
from hypothesis import given, settings
from strategies import any_labels

from support import RUN, label_error, parse, text
from taggingbackends import Labels
from taggingbackends.labels.states import labels_of


@pytest.fixture
def labels() -> Labels:
    labels = Labels()
    states = ["bend", ("bend", "cast"), ("run", "seen"), (), "cast"]
    labels.set(RUN, 1, range(5), states, [0.5] * 5, ["cast", "run", "bend", (), "bend"])
    labels[RUN].secondary_names = ["seen"]
    labels[RUN].declare(["bend", "run", "cast"], ["#1", "#2", "#3"])
    return labels


def test_rename(labels: Labels) -> None:
    before = copy(labels)
    labels.rename({"bend": "Bend!", "seen": "looked at"})
    run = labels[RUN]
    assert (run.names, run.colors) == (["Bend!", "run", "cast"], ["#1", "#2", "#3"])
    assert run.secondary_names == ["looked at"]
    found = run[1].states
    assert found == ["Bend!", ("Bend!", "cast"), ("run", "looked at"), (), "cast"]
    assert run[1].second == ["cast", "run", "Bend!", (), "Bend!"]
    assert run[1].confidence.tolist() == [0.5] * 5
    labels.rename({"Bend!": "bend", "looked at": "seen"})
    assert labels == before
    labels.rename({})
    assert labels == before


def test_names_can_be_exchanged(labels: Labels) -> None:
    labels.rename({"bend": "cast", "cast": "bend"})
    assert labels[RUN].names == ["cast", "run", "bend"]
    assert labels[RUN].colors == ["#1", "#2", "#3"]
    assert labels[RUN][1].states[:2] == ["cast", ("cast", "bend")]


@pytest.mark.parametrize(
    ("names", "expected", "colors", "first"),
    [
        ({"bend": "cast"}, ["run", "cast"], ["#2", "#3"], "cast"),
        ({"cast": "bend"}, ["bend", "run"], ["#1", "#2"], "bend"),
        ({"bend": "x", "cast": "x"}, ["x", "run"], ["#1", "#2"], "x"),
        ({"bend": "cast", "cast": "cast"}, ["run", "cast"], ["#2", "#3"], "cast"),
    ],
)
def test_labels_are_joined(
    names: dict[str, str], expected: list[str], colors: list[str], first: str, labels: Labels
) -> None:
    labels.rename(names)
    assert (labels[RUN].names, labels[RUN].colors) == (expected, colors)
    track = labels[RUN][1]
    assert track.states == [first, first, ("run", "seen"), (), first]
    assert track.second == [(), "run", first, (), ()]  # no second choice is the first one
    assert parse(text(labels)) == labels


def test_several_runs(labels: Labels) -> None:
    labels.set("other", 1, [0], ["roll"])
    labels.rename({"bend": "x", "roll": "y"})
    assert labels["other"].names == ["y"]
    assert labels["other"].colors is None
    assert "x" in labels[RUN].names


def test_names_that_were_not_declared() -> None:
    track = b'{"id":"1","t":[0],"labels":["b"]}'
    labels = parse(b'{"metadata":{"id":"r"},"labels":["a"],"data":[%b]}' % track)
    assert labels["r"].undeclared == ["b"]
    labels.rename({"b": "c"})
    assert labels["r"].undeclared == ["c"]
    assert labels.count() == {"c": 1}


def test_one_list_of_names_for_many_files(labels: Labels) -> None:
    with pytest.warns(UserWarning, match="^no label 'crawl' to rename; labels: bend, cast, run, "):
        labels.rename({"crawl": "run", "bend": "cast"})
    assert "bend" not in labels.count()


def test_rename_refuses_and_changes_nothing(labels: Labels) -> None:
    before = copy(labels)
    with label_error("bad-label") as found:
        labels.rename({"crawl": "run", "walk": "run"})
    assert "expected names of labels (bend, cast, run, seen), found 'crawl'" in str(found.value)
    for kind, names in (
        ("bad-label", {"run": ""}),
        ("bad-label", {"run": 1}),
        ("overlapping-names", {"run": "seen"}),
        ("overlapping-names", {"seen": "run"}),
    ):
        with label_error(kind):
            labels.rename(names)  # type: ignore[arg-type]
        assert labels == before
    with label_error("bad-label"):
        Labels().rename({"a": "b"})


@settings(max_examples=40)
@given(any_labels())
def test_any_names(labels: Labels) -> None:
    before = labels.to_dict()
    names = {name for run in labels.values() for name in run.names + run.secondary_names}
    colors = {run.id: run.colors for run in labels.values()}
    labels.rename({name: f"{name}'" for name in names})
    for run in labels.values():
        assert run.colors == colors[run.id]
        for larva, track in run.items():
            states = map(labels_of, before[run.id][larva].values())
            expected = [tuple(f"{name}'" for name in state) for state in states]
            assert list(map(labels_of, track.states)) == expected
