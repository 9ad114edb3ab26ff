"""Labels as text."""

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
        "r run  c cast  o roll  s small",
        " 7 rrrrrrrrrrcccccc....",
        "12     oooooooo",
        "   0.0 s          9.9 s",
    ]


def test_ethogram_has_the_runs_colours(labels: Labels) -> None:
    labels[RUN].declare(["run", "cast", "roll", "small"], ["#2ca02c", "#fff", "blue", "tan(5)"])
    text = ethogram(labels[RUN], 40)
    assert "\x1b[97;48;2;44;160;44mr\x1b[0m run" in text or "\x1b[30;48;2;44;160;44mr" in text
    assert "\x1b[30;48;2;255;255;255mc\x1b[0m cast" in text
    assert "\x1b[97;48;2;0;0;255mo\x1b[0m roll" in text
    assert "s\x1b[0m small" in text  # "tan(5)" is no colour: one of the palette


def test_ethogram_of_little() -> None:
    labels = Labels()
    labels.set(RUN, 1, [5.0], ["run"])
    labels.set(RUN, 2, [], [])
    lines = plain(ethogram(labels[RUN], 30))
    assert lines[1].startswith("1 r")
    assert lines[2].strip() == "2"
    empty = Labels()
    assert ethogram(empty.add_run(RUN)) == "no frames"


def test_states_that_nothing_has_any_longer() -> None:
    labels = Labels()
    labels.set(RUN, 1, [1, 2], ["a", "b"])
    labels.set(RUN, 1, [1, 2], ["b", "b"])
    labels[RUN].declare(["b"])
    assert plain(ethogram(labels[RUN], 12))[1] == "1 bbbbbbbbbb"


def test_a_track_with_few_frames_has_no_holes() -> None:
    labels = Labels()
    labels.set(RUN, 1, [0.0, 50.0, 100.0], ["a", "b", "a"])
    assert plain(ethogram(labels[RUN], 12))[1] == "1 aaaaabbbba"
