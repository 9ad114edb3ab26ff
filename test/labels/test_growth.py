"""Large and deeply nested labels: linear time, and no recursion."""

from __future__ import annotations

import copy
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from support import RUN, label_error, text
from taggingbackends import LabelFileError, Labels, dependency
from taggingbackends.analysis.comparison import compare
from taggingbackends.analysis.groups import statistics
from taggingbackends.analysis.scores import count
from taggingbackends.display.page import report
from taggingbackends.display.terminal import ethogram
from taggingbackends.labels.bouts import find_bouts
from taggingbackends.labels.inspection import find_errors
from taggingbackends.windows.selection import class_of, matching

N = 20_000
NAMES = [f"name {number}" for number in range(N)]


@contextmanager
def quickly() -> Iterator[None]:
    """Assert that a block takes less than 2 s; with quadratic time, it takes more than 10 s."""
    start = time.process_time()
    yield
    assert time.process_time() - start < 2


@pytest.fixture(scope="module")
def labels() -> Labels:
    """Return labels with another name in each frame."""
    labels = Labels()
    labels.set(RUN, 1, range(N), NAMES)
    return labels


def test_names_that_are_declared_twice(tmp_path: Path) -> None:
    file = tmp_path / "x.label"
    names = ",".join(f'"{name}"' for name in NAMES)
    file.write_text(
        f'{{"metadata":{{"id":"r"}},"labels":[{names}],"secondarylabels":[{names}],"data":[]}}'
    )
    with quickly(), label_error("overlapping-names"):
        Labels.read(file)
    with quickly():
        found = find_errors(file)
    assert {error.kind for error in found} == {"overlapping-names"}
    assert len(found) == 20


def test_tracks_are_checked_without_reading_the_names_again(tmp_path: Path) -> None:
    file = tmp_path / "x.label"
    tracks = ",".join(f'{{"id":"{larva}","t":[0],"labels":[1]}}' for larva in range(1000))
    names = ",".join(f'"{name}"' for name in NAMES)
    file.write_text(f'{{"metadata":{{"id":"r"}},"labels":[{names}],"data":[{tracks}]}}')
    with quickly():
        assert find_errors(file) == []


def test_many_tracks_that_are_not_in_the_usual_form(tmp_path: Path) -> None:
    file = tmp_path / "x.label"
    tracks = ",".join(f'{{"id":"{larva}","t":[0],"labels":["a:b"]}}' for larva in range(N))
    file.write_text(f'{{"metadata":{{"id":"{RUN}"}},"data":[{tracks}]}}')
    with quickly():
        assert len(Labels.read(file)[RUN]) == N


@pytest.mark.parametrize(
    "work",
    [
        lambda labels: find_bouts(labels[RUN]),
        lambda labels: compare(labels[RUN], labels[RUN]).kappa,
        lambda labels: ethogram(labels[RUN]),
        lambda labels: report({"x": labels, "y": labels}),
        lambda labels: count(labels[RUN], labels[RUN]),
    ],
    ids=["bouts", "compare", "ethogram", "report", "scores"],
)
def test_many_names(labels: Labels, work: Callable[[Labels], object]) -> None:
    with quickly():
        work(labels)


def test_many_declared_names() -> None:
    pytest.importorskip("scipy", reason="no scipy")
    labels = Labels()
    labels.add_run(RUN).declare(NAMES)
    for larva in range(20):
        labels.set(RUN, larva, range(60), NAMES[:2] * 30)
    with quickly():  # a table of larvae, bins and all names would have 400 MB
        found = statistics.statistics([labels], by=(), labels=[NAMES[1], NAMES[9]])
    assert found.budgets["seconds"].tolist() == [30.0, 0.0] * 20


def test_many_classes() -> None:
    numbers = {name: code for code, name in enumerate(matching("*", NAMES, NAMES))}
    with quickly():
        assert [class_of((name,), numbers, {NAMES[0]}) for name in NAMES] == [-1, *range(1, N)]
        assert len(matching(NAMES, NAMES, NAMES)) == N


def test_many_secondary_names(labels: Labels) -> None:
    changed = copy.copy(labels)
    with quickly():
        changed[RUN].secondary_names = NAMES
        changed.merge(changed)
    assert changed[RUN].names == []


def test_many_tracks_with_many_states() -> None:
    labels = Labels()
    for larva in range(N // 2):
        labels.set(RUN, larva, [0.0], [f"name {larva}"])
    other = copy.copy(labels)
    with quickly():
        assert labels == other
        labels.count()
        for larva, track in labels[RUN].items():
            other[RUN][larva] = track


def test_a_file_is_hashed_once(tmp_path: Path, hashed: Counter[Path]) -> None:
    (tmp_path / "x.spine").touch()
    os.utime(tmp_path / "x.spine", (0, 0))
    labels = Labels()
    entry = dependency(tmp_path / "x.spine")
    for run in "abc":
        labels.add_run(run).dependencies = [entry, entry]
    assert labels.check_dependencies(tmp_path) == [tmp_path / "x.spine"]
    labels.write(tmp_path / "x.label")
    assert find_errors(tmp_path / "x.label") == []
    assert hashed == {tmp_path / "x.spine": 1}


def nested(levels: int) -> Any:
    value: Any = [1]
    for _ in range(levels - 1):
        value = [value] if levels % 2 else {"deeper": value}
    return value


@pytest.mark.parametrize("levels", [1019, 1020])
def test_deeply_nested_values(levels: int) -> None:
    labels = Labels()
    labels.set(RUN, 1, [0.0], ["run"])
    run = labels[RUN]
    run.metadata["deep"] = nested(levels)
    run.attributes["deep"] = nested(levels)
    run[1].records["deep"] = nested(levels)
    for other in (labels.crop(0, 1), copy.copy(labels), copy.deepcopy(labels)):
        assert other == labels
        assert text(other) == text(labels)
    assert other[RUN].attributes["deep"] is not run.attributes["deep"]
    other[RUN].metadata["deep"] = nested(levels - 2)
    assert other != labels
    other.merge(labels)
    other["b"] = run
    assert len(report({"x": labels, "y": other})) > 1000


@pytest.mark.parametrize(
    "times",
    [
        [0.0, 5e-324, 1e-323],
        [1e6 + frame * 2e-10 for frame in range(9)],
        [9e12, 9e12 + 0.002],
        [-9e12, 0.0, 9e12],
    ],
)
def test_unusual_times_are_drawn(times: list[float], tmp_path: Path) -> None:
    labels = Labels()
    labels.set(RUN, 1, times, ["run"] * len(times))
    ethogram(labels[RUN])
    report({"x": labels, "y": labels})
    with suppress(ImportError):
        import matplotlib  # noqa: F401

        from taggingbackends.display.picture import plot_ethogram

        plot_ethogram(labels, tmp_path / "x.png")


@pytest.mark.parametrize("times", [[0.0, 1e308], [-1.7e308, 1.7e308], [1e13]])
def test_times_without_milliseconds_are_refused(times: list[float]) -> None:
    labels = Labels()
    labels.set(RUN, 3, times, ["run"] * len(times))
    index = len(times) - 1 if times[0] == 0 else 0
    for work in (find_bouts, ethogram, lambda run: compare(run, run)):
        with label_error("bad-time", run=RUN, track=3, index=index):
            work(labels[RUN])
    with pytest.raises(LabelFileError, match=r"within 9\.01e\+12 s of 0"):
        report({"x": labels})
