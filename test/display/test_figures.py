"""Tests of the figures of group statistics: what they draw is what the tables say."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from taggingbackends import Labels, TaggingBackendsError
from taggingbackends.analysis import Statistics, statistics
from taggingbackends.display import (
    plot_budgets,
    plot_over_time,
    plot_responses,
    plot_transitions,
)
from taggingbackends.display.colors import OTHERS, USUAL, legend_order
from taggingbackends.display.figures.drawing import group_colors, shown
from taggingbackends.simulation import simulate_labels

mpl = pytest.importorskip("matplotlib", reason="no matplotlib")
pytest.importorskip("pandas", reason="no pandas")
pytest.importorskip("scipy", reason="no scipy")

ODD = "_a$b$ <x>&"
PLOTS = (plot_over_time, plot_responses, plot_budgets, plot_transitions)


def compared(*genotypes: str, **options: Any) -> Statistics:
    """Return statistics of two recordings a genotype; the later ones respond more."""
    recordings = []
    for number in range(2 * len(genotypes)):
        place = number // 2
        share = 0.1 + 0.8 * place / len(genotypes)
        recordings.append(
            simulate_labels(
                f"20240611_10{number:02}00",
                larvae=15,
                seconds=12,
                seed=number,
                genotype=genotypes[place],
                response=share,
                stimulus=(6.0, 2.0),
            )
        )
    return statistics(recordings, **options)


@pytest.fixture(scope="module")
def found() -> Statistics:
    return compared("attP2", ODD, "w", control="attP2", bin=1.0, labels=["run", "hunch"])


def texts(figure: Any) -> list[str]:
    """Return the texts of a figure that are drawn."""
    artists = figure.findobj(mpl.text.Text)
    return [text.get_text() for text in artists if text.get_visible() and text.get_text()]


@pytest.mark.parametrize(
    ("plot", "suffix", "start"),
    [
        (plot_over_time, "png", b"\x89PNG"),
        (plot_over_time, "svg", b"<?xml"),
        (plot_responses, "SVG", b"<?xml"),
        (plot_budgets, "svg", b"<?xml"),
        (plot_transitions, "pdf", b"%PDF-"),
    ],
)
def test_formats(
    plot: Callable[..., Any], suffix: str, start: bytes, found: Statistics, tmp_path: Path
) -> None:
    with mpl.rc_context({"font.size": 30, "svg.fonttype": "path"}):
        figure = plot(found, tmp_path / f"a.{suffix}")
    plot(found, tmp_path / f"b.{suffix}")
    content = (tmp_path / f"a.{suffix}").read_bytes()
    assert content.startswith(start)
    # independent of settings, and without timestamps
    assert content == (tmp_path / f"b.{suffix}").read_bytes()
    assert min(text.get_fontsize() for text in figure.findobj(mpl.text.Text)) >= 7
    assert figure.get_figwidth() <= 7.01
    if suffix == "svg":
        drawn = re.findall(r"<text[^>]*>(.*?)</text>", content.decode(), re.DOTALL)
        # neither mathematics nor markup; in the legend, a number follows
        assert any("_a$b$ &lt;x&gt;&amp;" in text for text in drawn)


def test_bins_without_neighbours_are_drawn() -> None:
    figure = plot_over_time(compared("a", "b", bin=100.0, labels=["hunch"]))
    lines, bars = figure.axes[0].get_lines(), figure.axes[0].collections
    assert [line.get_marker() for line in lines if len(line.get_xdata()) == 1].count(".") == 2
    assert sum(isinstance(one, mpl.collections.LineCollection) for one in bars) == 2


def test_a_window_is_marked_if_there_is_no_stimulus() -> None:
    recordings = [simulate_labels(f"r{n}", larvae=3, seconds=12, genotype="ab"[n]) for n in (0, 1)]
    for labels in recordings:
        for run in labels.values():
            del run.metadata["protocol"]
    for window, marks in ((None, 0), ((6, 8), 1)):
        figure = plot_over_time(statistics(recordings, window=window, labels="run"))
        found = figure.axes[0].findobj(lambda one: one.get_gid() == "stimulus")
        assert (len(found), "window" in texts(figure)) == (marks, bool(marks))


@pytest.mark.parametrize("groups", [None, "w"])
def test_groups_without_transitions(groups: str | None, found: Statistics) -> None:
    none = dataclasses.replace(found, transitions=found.transitions[:0])
    figure = plot_transitions(none, groups=groups)
    figure.draw_without_rendering()
    assert texts(figure).count("no transitions") == len(figure.axes)
    for axes in figure.axes:
        assert axes._left_title.get_window_extent().y1 <= figure.bbox.y1


@pytest.mark.parametrize("groups", [["w"], ["w", "attP2"], ["w", "attP2", ODD]])
def test_all_texts_of_transitions_are_within_the_figure(
    groups: list[str], found: Statistics
) -> None:
    for labels in (found, compared(*groups)):
        figure = plot_transitions(labels, groups=groups)
        figure.draw_without_rendering()
        below = figure._supxlabel.get_window_extent().y1
        for axes in figure.axes:
            assert axes._left_title.get_window_extent().y1 <= figure.bbox.y1 + 1
            assert axes.xaxis.label.get_window_extent().y0 >= below


def test_probability_over_time(found: Statistics) -> None:
    figure = plot_over_time(found)
    assert [axes.get_title("left") for axes in figure.axes] == legend_order(found.design.labels)
    table = found.over_time
    most = table.groupby("group", observed=True)["larvae"].max()
    many = table[table["larvae"] >= table["group"].map(most).astype(int) / 2]
    start, stop = many["start"].min(), many["stop"].max()
    assert (start, stop) != (table["start"].min(), table["stop"].max())
    table = table[(table["stop"] > start) & (table["start"] < stop)]
    for axes in figure.axes:
        assert axes.get_xlim() == (start, stop)
        rows = table[table["label"] == axes.get_title("left")]
        lines = axes.get_lines()
        assert [line.get_color() for line in lines] == list(group_colors(found).values())
        for line, band, group in zip(lines, axes.collections, found.design.groups, strict=True):
            own = rows[rows["group"] == group]
            np.testing.assert_array_equal(line.get_xdata(), (own["start"] + own["stop"]) / 2)
            np.testing.assert_array_equal(line.get_ydata(), own["share"])
            corners = band.get_paths()[0].vertices
            assert corners[:, 1].min() == own["low"].min()
            assert corners[:, 1].max() == own["high"].max()
        (stimulus,) = axes.patches
        assert (stimulus.get_x(), stimulus.get_width()) == (6, 2)
        assert axes.get_ylim()[0] == 0
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["attP2 (30 larvae)", f"{ODD} (30 larvae)", "w (30 larvae)", "stimulus"]


def test_a_part_of_the_time_and_of_the_labels(found: Statistics) -> None:
    figure = plot_over_time(found, labels=["hunch", "run"], times=(5, 8))
    assert [axes.get_title("left") for axes in figure.axes] == ["hunch", "run"]
    assert figure.axes[0].get_xlim() == (5, 8)
    assert figure.axes[0].get_lines()[0].get_xdata().tolist() == [5.5, 6.5, 7.5]
    assert len(plot_over_time(found, labels="run").axes) == 1


def test_groups_with_different_stimuli_have_bars_in_their_colours() -> None:
    recordings = [
        simulate_labels(
            f"20240611_10000{n}", larvae=3, seconds=12, genotype=f"g{n}", stimulus=(6.0 + n, 1.0)
        )
        for n in range(2)
    ]
    found = statistics(recordings, bin=1.0)
    axes = plot_over_time(found, labels="run").axes[0]
    assert not axes.patches
    bars = [line for line in axes.get_lines() if line.get_gid() == "stimulus"]
    drawn = {bar.get_color(): list(bar.get_xdata()) for bar in bars}
    colors = group_colors(found)
    assert drawn == {colors["g0"]: [6, 7], colors["g1"]: [7, 8]}


def test_responses(found: Statistics) -> None:
    figure = plot_responses(found)
    table = found.responses.set_index(["label", "group"])
    tests = found.comparisons.set_index(["measure", "label", "group"])["p_adjusted"]
    assert [axes.get_title("left") for axes in figure.axes] == legend_order(found.design.labels)
    stars = 0
    for axes in figure.axes:
        label = axes.get_title("left")
        numbers = [text.get_text() for text in axes.texts]
        bars = {round(bar.get_y() + bar.get_height() / 2): bar for bar in axes.patches}
        limits = [lines.get_segments()[0] for lines in axes.collections]
        for at, group in enumerate(found.design.groups):
            row = table.loc[(label, group)]
            n = int(row["tracked"] - row["excluded"])
            number, _, mark = numbers[at].partition(" ")
            assert number == f"{int(row['responded'])}/{n}"
            p = tests.get(("response", label, group), np.nan)
            assert mark == "*" * sum(p < level for level in (0.05, 0.01, 0.001))
            stars += bool(mark)
            assert bars[at].get_width() == row["proportion"]
            np.testing.assert_allclose(limits[at][:, 0], [row["low"], row["high"]], atol=1e-12)
    assert stars
    assert "compared with attP2; corrected after Holm" in texts(figure)[-1]
    assert "*" not in "".join(texts(plot_responses(compared("a", "b", bin=1.0))))


def test_budgets(found: Statistics) -> None:
    figure = plot_budgets(found)
    table = found.budgets
    for axes in figure.axes:
        rows = table[table["label"] == axes.get_title("left")]
        for at, group in enumerate(found.design.groups):
            shares = rows.loc[rows["group"] == group, "share"].to_numpy()
            points = axes.collections[at].get_offsets()
            assert sorted(points[:, 0].tolist()) == sorted(shares.tolist())
            assert abs(points[:, 1] - at).max() < 0.3
            assert axes.texts[at].get_text().split()[0] == str(len(shares))
        medians = rows.groupby("group", observed=True)["share"].median()
        drawn = [line.get_xdata().tolist() for line in axes.get_lines()]
        for group in found.design.groups:
            assert [medians[group]] * 2 in drawn


def test_transitions(found: Statistics) -> None:
    figure = plot_transitions(found)
    table = found.transitions
    for axes, group in zip(figure.axes, found.design.groups, strict=True):
        rows = table[table["group"] == group]
        assert axes.get_title("left") == f"{group}\nn = {rows['count'].sum()}"
        names = [text.get_text() for text in axes.get_yticklabels()]
        cells = np.asarray(axes.images[0].get_array())
        assert cells.sum() == pytest.approx(rows["probability"].sum())
        for row in rows.itertuples():
            cell = cells[names.index(row.before), names.index(row.after)]
            assert cell == row.probability
            assert f"{cell:.2f}".removeprefix("0") in [text.get_text() for text in axes.texts]
    assert len(plot_transitions(found, groups="w").axes) == 1


def test_drawing_into_axes(found: Statistics) -> None:
    figure = mpl.figure.Figure()
    axes = figure.subplots(2, 2).ravel()
    for ax, plot in zip(axes, PLOTS[:3], strict=False):
        assert plot(found, labels="hunch", ax=ax) is figure
        assert ax.get_xlabel()
    assert plot_transitions(found, groups="w", ax=axes[3]) is figure
    assert all(ax.has_data() for ax in axes)
    assert axes[0].get_legend_handles_labels()[1] == ["attP2", "w"]  # not what begins with _
    assert axes[0].title.get_fontsize() == mpl.font_manager.FontProperties(size="large").get_size()


def test_colours_of_groups_are_not_those_of_labels() -> None:
    names = [f"g{n}" for n in range(6)]
    colors = group_colors(compared(*names, control="g3", bin=4.0))
    assert list(colors) == ["g3", "g0", "g1", "g2", "g4", "g5"]
    assert len(set(colors.values())) == 6
    assert not {color.lower() for color in colors.values()} & {
        color.lower() for color in (*USUAL.values(), *OTHERS)
    }
    assert colors["g3"] == "#4d4d4d"


def test_refusals(found: Statistics, tmp_path: Path) -> None:
    ax = mpl.figure.Figure().subplots()
    for call, problem in (
        (lambda: plot_over_time(found, ax=ax), "expected one panel to draw into ax, found 2"),
        (lambda: plot_budgets(found, labels="fly"), r"a label of .*run.*, found 'fly'"),
        (lambda: plot_transitions(found, groups=["x"]), r"a group of .*attP2.*, found 'x'"),
        (lambda: plot_budgets(found, tmp_path / "a.gif"), "ends in .png, .svg, .pdf"),
    ):
        with pytest.raises(TaggingBackendsError, match=problem):
            call()
    labels = simulate_labels("20240611_100000", larvae=2, seconds=5)
    del labels["20240611_100000"].metadata["protocol"]
    without = statistics([labels])
    with pytest.raises(TaggingBackendsError, match="there is no window"):
        plot_responses(without)
    for plot in (plot_over_time, plot_budgets, plot_transitions):
        assert plot(without).axes
    assert not list(tmp_path.iterdir())


def test_many_labels_and_none(monkeypatch: pytest.MonkeyPatch, found: Statistics) -> None:
    monkeypatch.setattr("taggingbackends.display.figures.drawing.MOST_LABELS", 1)
    with pytest.warns(UserWarning, match="only the 1 most frequent of 2 labels are drawn"):
        (axes,) = plot_budgets(found).axes
    assert axes.get_title("left") == "run"
    labels = Labels()
    labels.set("20240611_100000", 1, [0.0, 0.1], [(), ()])
    labels.set("20240611_100000", 2, [0.0, 0.1], [(), ()])
    empty = statistics(labels, by=())
    for plot in (plot_over_time, plot_budgets):
        assert texts(plot(empty))[0] == "no labels"
    assert plot_transitions(empty).axes


def test_without_matplotlib(found: Statistics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(TaggingBackendsError, match=r"matplotlib: pip install .*\[stats\]"):
        plot_budgets(found)


def test_long_names_are_cut() -> None:
    assert len(shown("x" * 100)) == 32
    assert shown("a\nb") == r"a\nb"
