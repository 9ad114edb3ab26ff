"""Review: the bouts to look at first."""

from __future__ import annotations

import numpy as np
import pytest

from taggingbackends import Labels
from taggingbackends.analysis import review
from taggingbackends.analysis.reviewing import review_csv

RUN = "20150701_105504"


def labels_of(states: list[object], confidence: list[float] | None, **more: object) -> Labels:
    labels = Labels()
    labels.add_run(RUN).declare(["run", "cast", "stop"])
    labels[RUN].secondary_names = ["edited", "seen"]
    labels.set(RUN, 4, np.arange(len(states)) / 10, states, confidence, **more)  # type: ignore[arg-type]
    return labels


def test_the_largest_doubt_comes_first() -> None:
    states = ["run"] * 10 + ["cast"] * 2 + ["stop"] * 3 + ["run"] * 5
    confidence = [0.9] * 10 + [0.3] * 2 + [0.8] * 3 + [1.0] * 5
    second = ["cast"] * 6 + ["stop"] * 4 + ["run"] * 2 + [()] * 8
    labels = labels_of(states, confidence, second=second)
    labels.set(RUN, 9, [0.0, 0.1], ["run", "run"], [0.5, 0.6])
    found = review(labels)
    assert found is not None
    assert found.others == 0
    rows = [(x.larva, x.label, x.start, x.second) for x in found.bouts]
    assert rows == [
        (4, "cast", 1.0, "run"),
        (4, "run", 0.0, "cast"),
        (9, "run", 0.0, ""),
        (4, "stop", 1.2, ""),
        (4, "run", 1.5, ""),
    ]
    assert [x.doubt for x in found.bouts] == pytest.approx([0.14, 0.1, 0.09, 0.06, 0])
    assert [x.confidence for x in found.bouts] == pytest.approx([0.3, 0.9, 0.55, 0.8, 1])
    assert [x.stop for x in found.bouts] == pytest.approx([1.2, 1.0, 0.2, 1.5, 2.0])


def test_a_frame_counts_by_its_duration() -> None:
    labels = Labels()
    labels.set(RUN, 1, [0, 0.1, 0.5, 0.6], ["run", "run", "cast", "cast"], [1, 0, 0, 1])
    found = review(labels)
    assert found is not None
    assert [x.doubt for x in found.bouts] == pytest.approx([0.4, 0.1])


def test_edited_frames_are_passed_over() -> None:
    edited = ("run", "edited")
    states = ["run", edited, "run", "cast", "cast", edited, edited, "stop"]
    found = review(labels_of(states, [0.5, 0.0, 0.5, np.nan, np.nan, 0.1, 0.1, 0.9]))
    assert found is not None
    bouts = [(x.label, round(x.start, 3), round(x.stop, 3)) for x in found.bouts]
    assert bouts == [("run", 0.0, 0.3), ("stop", 0.7, 0.8)]
    assert found.bouts[0].confidence == 0.5
    assert found.bouts[0].doubt == pytest.approx(0.1)  # without the edited frame's
    assert found.others == 2  # of cast without confidence, of edited frames


def test_secondary_labels_are_not_listed_and_simultaneous_ones_are() -> None:
    found = review(labels_of([("run", "cast", "seen")] * 3, [0.5] * 3))
    assert found is not None
    assert [x.label for x in found.bouts] == ["run", "cast"]


def test_labels_without_confidence() -> None:
    assert review(Labels()) is None
    assert review(labels_of(["run"] * 3, None)) is None
    assert review(labels_of(["run"] * 3, [np.nan] * 3)) is None
    found = review(labels_of([("run", "edited")] * 3, [0.5] * 3))
    assert found is not None
    assert (found.bouts, found.others) == ([], 1)


def test_gaps_end_bouts() -> None:
    labels = Labels()
    labels.set(RUN, 1, [0, 0.1, 5, 5.1], ["run"] * 4, [0.5, 0.5, 0.4, 0.4])
    found = review(labels)
    assert found is not None
    assert [x.start for x in found.bouts] == [5, 0]
    wide = review(labels, max_gap=10)
    assert wide is not None
    assert len(wide.bouts) == 1


def test_csv() -> None:
    found = review(labels_of(["run"] * 3, [0.5, 0.6, 0.7], second=["=x"] * 3))
    assert found is not None
    assert review_csv([("a,b.label", found.bouts[0])]) == (
        "file,run,larva,label,start,stop,confidence,second,doubt\n"
        f'"a,b.label",{RUN},4,run,0.000,0.300,0.600,\'=x,0.120\n'
    )
