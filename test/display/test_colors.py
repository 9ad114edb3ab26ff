"""Tests of the colours of labels and the order of legends."""

from __future__ import annotations

import itertools
import re

from support import RUN
from taggingbackends import Labels
from taggingbackends.display.colors import (
    OTHERS,
    USUAL,
    colors_of,
    declared_colors,
    label_colors,
    legend_order,
)
from taggingbackends.display.page import report
from taggingbackends.display.picture import draw_ethograms
from taggingbackends.display.terminal import ethogram


def test_colours_depend_on_names_only() -> None:
    names = ["bend", "run", "edited", "cast", "crawl"]
    expected = colors_of(names)
    assert (expected["run"], expected["cast"]) == (USUAL["run"], USUAL["cast"])
    assert list(expected) == names
    assert len(set(expected.values())) == len(names)
    for order in itertools.permutations(names):
        assert colors_of(order) == expected
    assert colors_of(["bend"])["bend"] == expected["bend"]


def test_other_labels_get_unused_colours() -> None:
    names = [f"n{number}" for number in range(len(USUAL) + len(OTHERS))]
    assert set(colors_of(names).values()) == {*USUAL.values(), *OTHERS}
    assert len(colors_of([*names, "more"])) == len(names) + 1
    declared = {"crawl": USUAL["run"].lower()}
    assert colors_of(["run", "crawl"], declared)["run"] not in USUAL.values()
    assert set(colors_of(["\ud800"])) == {"\ud800"}


def test_declared_colours_of_the_first_run_decide() -> None:
    labels = Labels()
    for run, color in {"a": "tan", "b": "#fff", "c": "blue"}.items():
        labels.set(run, 1, [0.0, 1.0], ["run", "cast"])
        labels[run].declare(["run", "cast"], [color, "blue"])
    assert declared_colors(labels.values()) == {"run": "#ffffff", "cast": "#0000ff"}
    assert label_colors(labels["a"]) == {"run": USUAL["run"], "cast": "#0000ff"}


def test_the_order_of_legends() -> None:
    names = ["small_motion", "bend", "(2 others)", "cast", "run", "arch"]
    ordered = ["run", "cast", "small_motion", "(2 others)", "arch", "bend"]
    assert legend_order(names) == ordered


def test_all_displays_have_the_same_colours_and_order() -> None:
    labels = Labels()
    labels.set(RUN, 1, [0.0, 1.0, 2.0, 3.0], ["bend", "cast", "arch", "run"])
    expected = [(name, label_colors(labels[RUN])[name]) for name in ("run", "cast", "arch", "bend")]
    legend = ethogram(labels[RUN], 40).split("\n")[0]
    found = re.findall(r"48;2;(\d+);(\d+);(\d+)m.\x1b\[0m (\w+)", legend)
    assert [
        (name, "#" + "".join(f"{int(x):02X}" for x in color)) for *color, name in found
    ] == expected
    page = report({"my.label": labels})
    for column in zip(*expected, strict=True):
        assert ",".join(f'"{text}"' for text in column) in page
    picture = draw_ethograms([labels], ".svg").decode()
    keys = re.findall(r"<text[^>]*>(run|cast|arch|bend)</text>", picture)
    assert keys == [name for name, _ in expected]
    assert all(color.lower() in picture for _, color in expected)
