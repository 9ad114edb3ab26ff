"""Smoothing, compared with a simple implementation, and its properties."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import EDITED, RUN, tracks_of_bouts

from taggingbackends import LabelFileError, Labels
from taggingbackends.labels.stretches import default_max_gap


def labels_of(
    states: str, confidence: str = "", step: float = 0.1, times: Any = None, edited: str = ""
) -> Labels:
    """Return a track of one letter per frame: r(un), c(ast), s(top), . for undefined.

    The digits of `confidence` are tenths, a blank is unknown. An x in `edited` tags the frame.
    """
    names = {"r": "run", "c": "cast", "s": "stop", ".": ()}
    given = [names[letter] for letter in states]
    marks = edited.ljust(len(states))
    tagged = [(x, EDITED) if mark == "x" else x for x, mark in zip(given, marks, strict=True)]
    labels = Labels()
    labels.add_run(RUN).declare(["run", "cast", "stop"])
    labels[RUN].secondary_names = [EDITED]
    sure = [np.nan if x == " " else int(x) / 10 for x in confidence] if confidence else None
    at = step * np.arange(len(states)) if times is None else times
    labels.set(RUN, 1, at, tagged, sure, None if sure is None else ["cast"] * len(states))
    return labels


def letters(labels: Labels) -> str:
    states = [x if isinstance(x, str) else x[0] if x else "." for x in labels[RUN][1].states]
    return "".join(state[0] for state in states)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("rrrrrcrrr", "rrrrrrrrr"),
        ("rrrrrccss", "rrrrrrrrr"),  # the shortest first: of equal ones, the earlier
        ("rrrcccrcrccc", "rrrccccccccc"),
        ("rrrcsss", "rrrrsss"),  # of equally long neighbours, the one before
        ("rrrcssss", "rrrsssss"),
        ("crrr", "rrrr"),
        ("rrrc", "rrrr"),
        ("c", "c"),  # no neighbour
        (".c.rrr", ".c.rrr"),  # undefined frames are no neighbours
        ("rrr..c", "rrr..c"),
        ("rrr.rrr", "rrr.rrr"),  # and stay
        ("rrrcc.rrrr", "rrrrr.rrrr"),
        ("rcscrsrcsc", "cccccccccc"),
        ("", ""),
    ],
)
def test_short_bouts_go_to_the_longer_neighbour(before: str, after: str) -> None:
    labels = labels_of(before)
    labels.smooth(0.3)
    assert letters(labels) == after


def test_with_confidence_they_go_to_the_surer_one() -> None:
    labels = labels_of("rrrrcsss", "66667999")
    labels.smooth(0.3)
    assert letters(labels) == "rrrrssss"
    labels = labels_of("rrrrcsss", "66667   ")  # one neighbour without confidence
    labels.smooth(0.3)
    assert letters(labels) == "rrrrrsss"
    labels = labels_of("rrrcssss", "88879999", edited="    xxxx")  # of the model no longer
    labels.smooth(0.3)
    assert letters(labels) == "rrrsssss"


def test_changed_frames_lose_their_confidence_and_keep_secondary_labels() -> None:
    labels = labels_of("rrrrcrrr", "99994999")
    labels[RUN].secondary_names = [EDITED, "seen"]
    track = labels[RUN][1]
    states = [*track.states[:4], ("cast", "seen"), *track.states[5:]]
    labels.set(RUN, 1, track.times, states, track.confidence, track.second)
    labels.smooth(0.3)
    track = labels[RUN][1]
    assert track.states[4] == ("run", "seen")
    np.testing.assert_array_equal(track.confidence, [0.9] * 4 + [np.nan] + [0.9] * 3)
    assert track.second == ["cast"] * 4 + [()] + ["cast"] * 3


def test_edited_bouts_stay() -> None:
    labels = labels_of("rrrrcrrr", edited="    x   ")
    before = copy(labels)
    labels.smooth(0.3)
    assert labels == before
    labels = labels_of("rrrrccrrr", edited="     x  ")  # one frame of the bout
    before = copy(labels)
    labels.smooth(0.3)
    assert labels == before


def test_gaps_end_bouts() -> None:
    times = np.concatenate([np.arange(5) / 10, 3 + np.arange(5) / 10])
    labels = labels_of("rrrrcrrrrr", times=times)
    labels.smooth(0.3)
    assert letters(labels) == "rrrrrrrrrr"
    labels = labels_of("ccccccrrrr", times=times)
    labels.smooth(0.3)
    assert letters(labels) == "cccccrrrrr"
    labels = labels_of("ccccccrrrr", times=times)
    labels.smooth(0.3, max_gap=3)
    assert letters(labels) == "ccccccrrrr"


def test_a_duration_that_is_equal_up_to_rounding_is_not_shorter() -> None:
    labels = labels_of("rrrrcccrrr", times=np.arange(10) * 0.1 + 1e6)
    labels.smooth(0.3)
    assert letters(labels) == "rrrrcccrrr"
    labels.smooth(0.301)
    assert letters(labels) == "rrrrrrrrrr"


@pytest.mark.parametrize("shortest", [0, -1, float("nan")])
def test_the_duration_is_above_0(shortest: float) -> None:
    with pytest.raises(ValueError, match="expected a shortest duration above 0 s"):
        labels_of("rrr").smooth(shortest)


def test_the_largest_gap_is_above_0() -> None:
    for labels in (labels_of("rrr"), Labels()):
        with pytest.raises(ValueError, match="expected a max_gap above 0 s"):
            labels.smooth(0.3, max_gap=0)


def test_nothing_is_changed_if_a_run_is_refused() -> None:
    labels = labels_of("rrrrcrrr")
    labels.set("z", 1, [0, 1e300], ["run", "run"])
    before = copy(labels)
    with pytest.raises(LabelFileError, match="bad-time"):
        labels.smooth(0.3)
    assert labels == before
    Labels().smooth(1)
    labels.add_run("empty")
    del labels["z"]
    labels.smooth(0.3)
    assert letters(labels) == "rrrrrrrr"


Bout = tuple[int, int]  # first and last frame


def primary(state: Any) -> tuple[str, ...]:
    names = (state,) if isinstance(state, str) else state
    return tuple(name for name in names if name not in (EDITED, "seen"))


def ends_of(times: NDArray[np.float64], max_gap: float, interval: float) -> list[float]:
    ends = []
    for i, time in enumerate(times.tolist()):
        following = times[i + 1] if i + 1 < len(times) else np.inf
        is_last = following - time > max_gap + 1e-6
        ends.append(min(time + interval, following) if is_last else following)
    return ends


def bouts_of(times: NDArray[np.float64], classes: list[Any], max_gap: float) -> list[list[Bout]]:
    """Return the bouts of each stretch, found frame by frame."""
    stretches: list[list[Bout]] = []
    for i, time in enumerate(times.tolist()):
        if i == 0 or time - times[i - 1] > max_gap + 1e-6:
            stretches.append([(i, i)])
        elif classes[i] == classes[i - 1]:
            stretches[-1][-1] = (stretches[-1][-1][0], i)
        else:
            stretches[-1].append((i, i))
    return stretches


def simple(labels: Labels, shortest: float) -> list[list[tuple[str, ...]]]:
    """Return the primary labels of each frame after smoothing; bouts are found anew each time."""
    run = labels[RUN]
    max_gap = default_max_gap(run.values())
    steps = np.concatenate([[], *(np.diff(track.times) for track in run.values())])
    interval = float(np.median(steps)) if len(steps) else 1.0
    smoothed = []
    for track in run.values():
        classes = list(map(primary, track.states))
        edited = [EDITED in state for state in track.states]
        unknown = np.full(len(track), np.nan)
        sure = unknown if track.confidence is None else np.rint(100 * track.confidence)
        sure = np.where(edited, np.nan, sure)
        ends = ends_of(track.times, max_gap, interval)
        while True:
            found = []
            for bouts in bouts_of(track.times, classes, max_gap):
                for place, (first, last) in enumerate(bouts):
                    duration = round(1e6 * (ends[last] - track.times[first]))
                    beside = [b for b in (place - 1, place + 1) if 0 <= b < len(bouts)]
                    near = [bouts[b] for b in beside if classes[bouts[b][0]]]
                    stays = not classes[first] or any(edited[first : last + 1])
                    if near and not stays and duration < round(1e6 * shortest):
                        found.append((duration, first, last, near))
            if not found:
                break
            _, first, last, near = min(found)
            means = [sure[a : b + 1][~np.isnan(sure[a : b + 1])] for a, b in near]
            lengths = [round(1e6 * (ends[b] - track.times[a])) for a, b in near]
            ranks: list[Any] = [(length,) for length in lengths]
            if len(near) == 2 and all(len(known) for known in means):
                ranks = [(k.sum() / len(k), x) for k, x in zip(means, lengths, strict=True)]
            into = near[max(range(len(near)), key=lambda b: (ranks[b], -b))]
            for i in range(first, last + 1):
                classes[i] = classes[into[0]]
                sure[i] = np.nan
        smoothed.append(classes)
    return smoothed


@given(tracks_of_bouts(), st.sampled_from([0.05, 0.15, 0.25, 0.3, 1, 100]))
def test_smoothing_is_as_defined(labels: Labels, shortest: float) -> None:
    before, expected = copy(labels), simple(labels, shortest)
    labels.smooth(shortest)
    run = labels[RUN]
    for larva, classes in zip(run, expected, strict=True):
        track, old = run[larva], before[RUN][larva]
        assert list(map(primary, track.states)) == classes
        assert np.array_equal(track.times, old.times)
        for i, (new, state) in enumerate(zip(track.states, old.states, strict=True)):
            names = (state,) if isinstance(state, str) else state
            others = (new,) if isinstance(new, str) else new
            assert others[len(primary(new)) :] == names[len(primary(state)) :]  # secondary
            if EDITED in names or not primary(state):
                assert new == state
            if track.confidence is not None and old.confidence is not None:
                kept = old.confidence[i] if primary(new) == primary(state) else np.nan
                assert np.array_equal(track.confidence[i], kept, equal_nan=True)
    again = copy(labels)
    again.smooth(shortest)
    assert again == labels  # idempotent
    for name in ("names", "secondary_names", "colors"):
        assert getattr(run, name) == getattr(before[RUN], name)
