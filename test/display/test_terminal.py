"""Tests of labels as text."""

from __future__ import annotations

import re

import numpy as np
import pytest

from support import RUN
from taggingbackends import Labels
from taggingbackends.display.terminal import ethogram


def plain(text: str) -> list[str]:
    return re.sub("\x1b\\[[0-9;]*m", "", text).splitlines()


@pytest.fixture
def labels() -> Labels:
    labels = Labels()
    labels.set(RUN, 7, np.arange(100) / 10, ["run"] * 50 + ["cast"] * 30 + [()] * 20)
    labels.set(RUN, 12, np.arange(20, 60) / 10, [("roll", "small")] * 40)
    return labels


def test_ethogram(labels: Labels) -> None:
    assert plain(ethogram(labels[RUN], 23)) == [
        "r run  c cast  R roll  a small",
        " 7 rrrrrrrrrrcccccc....",
        "12     RRRRRRRR",
        "   0.0 s         10.0 s",
    ]


def test_ethogram_has_the_runs_colours(labels: Labels) -> None:
    labels[RUN].declare(["run", "cast", "roll", "small"], ["#2ca02c", "#fff", "blue", "tan(5)"])
    text = ethogram(labels[RUN], 40)
    assert "\x1b[97;48;2;44;160;44mr\x1b[0m run" in text or "\x1b[30;48;2;44;160;44mr" in text
    assert "\x1b[30;48;2;255;255;255mc\x1b[0m cast" in text
    assert "\x1b[97;48;2;0;0;255mR\x1b[0m roll" in text
    assert "a\x1b[0m small" in text  # "tan(5)" is not a colour: the palette is used


def test_ethogram_of_few_or_no_frames() -> None:
    labels = Labels()
    labels.set(RUN, 1, [5.0], ["run"])
    labels.set(RUN, 2, [], [])
    lines = plain(ethogram(labels[RUN], 30))
    assert lines[1] == "1 " + " " * 23 + "rrrrr"  # 5 to 6 s, of 0 to 6 s
    assert lines[2].strip() == "2"
    empty = Labels()
    assert ethogram(empty.add_run(RUN)) == "no frames"


def test_states_that_are_no_longer_used() -> None:
    labels = Labels()
    labels.set(RUN, 1, [1, 2], ["a", "e"])
    labels.set(RUN, 1, [1, 2], ["e", "e"])
    labels[RUN].declare(["e"])
    assert plain(ethogram(labels[RUN], 11))[1] == "1    eeeeeee"


def test_a_track_with_few_frames_has_no_holes() -> None:
    labels = Labels()
    labels.set(RUN, 1, [0.0, 50.0, 100.0], ["a", "e", "a"])  # each lasts for 50 s
    assert plain(ethogram(labels[RUN], 12))[1] == "1 aaaeeeeaaa"


def test_a_gap_is_blank() -> None:
    labels = Labels()
    times = [*np.arange(10) / 10, *(4 + np.arange(10) / 10)]
    labels.set(RUN, 1, times, ["run"] * 20)
    assert plain(ethogram(labels[RUN], 12))[1] == "1 rr      rr"
    assert plain(ethogram(labels[RUN], 12, max_gap=4))[1] == "1 rrrrrrrrrr"


def test_the_axis_begins_at_0() -> None:
    labels = Labels()
    labels.set(RUN, 1, 6 + np.arange(40) / 10, ["run"] * 40)
    row, axis = plain(ethogram(labels[RUN], 22))[1:]
    assert row == "1 " + 12 * " " + 8 * "r"
    assert axis == "  0.0 s         10.0 s"
    # times that do not count from the start of the recording
    for start in (-6, 1.7e9):
        other = Labels()
        other.set(RUN, 1, start + np.arange(40) / 10, ["run"] * 40)
        assert plain(ethogram(other[RUN], 32))[1] == "1 " + 30 * "r"


def test_a_cell_shows_the_state_that_lasts_longest() -> None:
    labels = Labels()
    # in each second, three frames of cast last for 0.3 s and one frame of run for 0.7 s
    times = np.add.outer(np.arange(10), [0, 0.1, 0.2, 0.3]).ravel()
    labels.set(RUN, 1, times, ["cast", "cast", "cast", "run"] * 10)
    assert plain(ethogram(labels[RUN], 12))[1] == "1 rrrrrrrrrr"


def test_usual_names_have_the_same_letters_in_all_files() -> None:
    letters = {}
    for names in (
        ["roll", "run", "small_motion", "stop", "back", "cast", "hunch"],
        ["sun", "rear", "bend", "run", "roll", "climb", "hunch", "back", "cast", "stop", "s"],
    ):
        labels = Labels()
        labels.set(RUN, 1, range(len(names)), names)
        legend = plain(ethogram(labels[RUN]))[0].split("  ")
        assert len({entry[0] for entry in legend}) == len(names)
        for entry in legend:
            letter, name = entry.split(" ")
            assert letters.setdefault(name, letter) == letter
    assert {name: letters[name] for name in ("run", "cast", "stop", "roll", "back", "hunch")} == {
        **{"run": "r", "cast": "c", "stop": "s", "roll": "R", "back": "b", "hunch": "h"}
    }
    assert letters["small_motion"] == "m"
    assert letters["sun"] == "u"  # s is reserved for stop in all files
