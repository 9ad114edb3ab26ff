"""Tests of ethograms as pictures."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support import RUN, command, refused
from taggingbackends import Labels, TaggingBackendsError
from taggingbackends.display.colors import colors_of
from taggingbackends.display.picture import plot_ethogram

image = pytest.importorskip("matplotlib.image", reason="no matplotlib")
matplotlib = pytest.importorskip("matplotlib", reason="no matplotlib")

GREEN, RED = "#2ca02c", "#d62728"


@pytest.fixture
def labels() -> Labels:
    labels = Labels()
    labels.set(RUN, 7, np.arange(100) / 10, ["run"] * 50 + ["cast"] * 30 + [()] * 20)
    labels.set(RUN, 12, np.arange(20, 60) / 10, ["cast"] * 40)
    labels[RUN].declare(["run", "cast"], [GREEN, RED])
    return labels


def share(picture: Any, color: str) -> float:
    """Return the share of a picture's pixels with a colour."""
    wanted = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return float((np.round(picture[:, :, :3] * 255) == wanted).all(axis=2).mean())


def svg(labels: Labels, path: Path) -> str:
    plot_ethogram(labels, path)
    return path.read_text("utf-8")


def texts(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


@pytest.mark.parametrize(
    ("name", "start"), [("e.png", b"\x89PNG\r\n"), ("e.SVG", b"<?xml"), ("e.pdf", b"%PDF-")]
)
def test_formats(name: str, start: bytes, labels: Labels, tmp_path: Path) -> None:
    plot_ethogram(labels, tmp_path / name)
    content = (tmp_path / name).read_bytes()
    assert content.startswith(start)
    plot_ethogram(labels, tmp_path / name)
    assert (tmp_path / name).read_bytes() == content  # no timestamps
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_pixels(labels: Labels, tmp_path: Path) -> None:
    plot_ethogram(labels, tmp_path / "e.png")
    picture = image.imread(tmp_path / "e.png")
    # 5 s, and 3 s + 4 s, of 20 s in two rows, plus the legend
    green, red = share(picture, GREEN), share(picture, RED)
    assert 0.05 < green < 0.25
    assert pytest.approx(red / green, rel=0.1) == 7 / 5
    assert share(picture, "#e6e6e6") > 0.01  # undefined


def test_unsure_states_are_faint(labels: Labels, tmp_path: Path) -> None:
    track = labels[RUN][7]
    confidence = [0.95] * 50 + [0.75] * 30 + [0.1] * 20
    labels.set(RUN, 7, track.times, track.states, confidence)
    labels.set(RUN, 12, np.arange(20, 60) / 10, ["run"] * 40, [0.3] * 40)
    plot_ethogram(labels, tmp_path / "e.png")
    picture = image.imread(tmp_path / "e.png")
    parts = {0.36: RED, 0.72: GREEN}
    for part, color in parts.items():
        own = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
        faint = "#" + "".join(f"{round(x + (255 - x) * part):02x}" for x in own)
        assert share(picture, faint) > 0.02
    assert share(picture, GREEN) > 0.02
    assert share(picture, RED) < 0.01  # in the legend


def test_texts_in_the_picture(labels: Labels, tmp_path: Path) -> None:
    found = texts(svg(labels, tmp_path / "e.svg"))
    for text in (RUN, "time (s)", "larva", "7", "12", "run", "cast", "undefined"):
        assert text in found
    assert "stimulus" not in found


def test_stimulus(labels: Labels, tmp_path: Path) -> None:
    without = svg(labels, tmp_path / "e.svg")
    labels[RUN].metadata["protocol"] = "p_8_3s2x1s2s#n#n#n"
    drawn = svg(labels, tmp_path / "e.svg")
    assert "stimulus" in texts(drawn)
    dashed = [len(re.findall("stroke-dasharray: ", text)) for text in (without, drawn)]
    assert dashed == [0, 4]  # edges of two windows
    labels[RUN].metadata["protocol"] = "p_8_300s2x1s2s#n#n#n"  # after the last frame
    assert svg(labels, tmp_path / "e.svg") == without


def test_labels_without_colours_use_the_palette(labels: Labels, tmp_path: Path) -> None:
    plain = Labels()
    plain.set(RUN, 1, [0, 1], ["run", "cast"])
    text = svg(plain, tmp_path / "e.svg").lower()
    assert "#e69f00" in text
    assert "#56b4e9" in text


def test_several_labels_share_a_row(tmp_path: Path) -> None:
    labels = Labels()
    labels.set(RUN, 1, [0, 1, 2, 3], [("run", "cast", "edited")] * 4)
    labels[RUN].secondary_names = ["edited"]
    labels[RUN].declare(["run", "cast"], [GREEN, RED])
    plot_ethogram(labels, tmp_path / "e.png")
    picture = image.imread(tmp_path / "e.png")
    column = picture[:, picture.shape[1] // 3]  # through the row
    found = ["#" + "".join(f"{round(255 * x):02x}" for x in pixel[:3]) for pixel in column]
    edited = colors_of(["edited"])["edited"].lower()
    order = [color for color in dict.fromkeys(found) if color in (GREEN, RED, edited)]
    assert order == [GREEN, RED, edited]
    heights = [found.count(color) for color in order]
    assert heights[0] == pytest.approx(heights[1], abs=1)
    assert heights[2] < heights[0] / 1.5


def test_names_are_not_markup(tmp_path: Path) -> None:
    labels = Labels()
    names = ["_hidden", "$\\alpha$", "$", "<b>&", "%"]
    labels.set("$x$", 1, range(5), names)
    found = texts(svg(labels, tmp_path / "e.svg"))
    for text in ("$x$", "_hidden", "$\\alpha$", "$", "&lt;b&gt;&amp;", "%"):
        assert text in found


def test_long_names_leave_room_for_the_rows(tmp_path: Path) -> None:
    labels = Labels()
    labels.set("r" * 300, 1, [0.0, 1.0], ["a" * 200 + "b", "\n"])
    found = texts(svg(labels, tmp_path / "e.svg"))
    assert f"{'a' * 14}…{'a' * 14}b" in found
    assert "\\n" in found


def test_a_gap_is_blank_and_the_axis_begins_at_0(tmp_path: Path) -> None:
    labels = Labels()
    labels.set(RUN, 1, [*(3 + np.arange(10) / 10), *(9 + np.arange(10) / 10)], ["run"] * 20)
    labels[RUN].declare(["run"], [GREEN])

    def widths(**options: float) -> list[int]:
        """Return the widths, in pixels, of green parts and of gaps between, in row and legend."""
        plot_ethogram(labels, tmp_path / "e.png", **options)
        picture = np.round(image.imread(tmp_path / "e.png")[:, :, :3] * 255)
        green = (picture == [44, 160, 44]).all(axis=2).any(axis=0)
        edges = np.flatnonzero(np.diff(green))
        return np.diff(edges).tolist()

    first, gap, second, _, legend = widths()
    # a second of green, five of blank, a second of green
    assert first == pytest.approx(second, abs=1)
    assert gap == pytest.approx(5 * first, rel=0.02)
    assert widths(max_gap=6)[0] == first + gap + second
    assert legend < first
    assert {"0", "2"} <= set(texts(svg(labels, tmp_path / "e.svg")))


def test_runs_with_few_or_no_frames(tmp_path: Path) -> None:
    plot_ethogram(Labels(), tmp_path / "none.png")
    labels = Labels()
    labels.add_run(RUN)
    plot_ethogram(labels, tmp_path / "empty.png")
    labels.set(RUN, 1, [], [])
    plot_ethogram(labels, tmp_path / "no-frame.png")
    labels.set("other", 2, [5.0], ["run"])  # a second run: a panel below
    assert [text for text in texts(svg(labels, tmp_path / "e.svg")) if text in (RUN, "other")]


def test_many_larvae(tmp_path: Path) -> None:
    """400 larvae with random labels in 300 frames become an image in the drawing."""
    rng = np.random.default_rng(1)
    labels = Labels()
    for larva in range(400):
        codes = rng.integers(0, 3, 300)
        labels.set(RUN, larva, np.arange(300) / 25, np.array(["run", "cast", "stop"])[codes])
    text = svg(labels, tmp_path / "e.svg")
    assert "<image" in text
    assert len(text) < 5e6
    assert "390" in texts(text)
    assert "391" not in texts(text)


def test_a_failure_leaves_no_file(labels: Labels, tmp_path: Path) -> None:
    with pytest.raises(TaggingBackendsError, match=r"ends in \.png, \.svg, \.pdf"):
        plot_ethogram(labels, tmp_path / "e.jpg")
    with pytest.raises(FileNotFoundError):
        plot_ethogram(labels, tmp_path / "no" / "e.png")
    assert list(tmp_path.iterdir()) == []


def test_the_users_settings_are_unchanged(labels: Labels, tmp_path: Path) -> None:
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 3, "savefig.facecolor": "pink"}):
        before = dict(mpl.rcParams)
        one = svg(labels, tmp_path / "e.svg")
        assert dict(mpl.rcParams) == before
    assert svg(labels, tmp_path / "e.svg") == one
    script = "import taggingbackends.display.picture, sys; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_command(labels: Labels, tmp_path: Path) -> None:
    labels.write(tmp_path / "my.label")
    arguments = ("labels", "plot", "my.label", "-o")
    result = command(*arguments, "e.png", cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "e.png\n", "")
    first = (tmp_path / "e.png").read_bytes()
    (tmp_path / "e.png").write_text("mine")
    refused(command(*arguments, "e.png", cwd=tmp_path), "e.png: exists already")
    assert command(*arguments, "e.png", "--force", cwd=tmp_path).returncode == 0
    assert (tmp_path / "e.png").read_bytes() == first
    result = command(*arguments, "e.jpg", cwd=tmp_path)
    assert result.returncode == 2
    assert "ends in .png or .svg or .pdf" in result.stderr
    (tmp_path / "bad.label").write_text("{}")
    bad = command("labels", "plot", "bad.label", "-o", "f.png", cwd=tmp_path)
    refused(bad, "bad.label: not-a-label-file")
    assert not (tmp_path / "f.png").exists()


def test_a_folder_has_a_panel_for_each_run(labels: Labels, tmp_path: Path) -> None:
    for folder in "ab":
        (tmp_path / "lab" / folder).mkdir(parents=True)
        labels.write(tmp_path / "lab" / folder / "x.label")
    labels = Labels()
    labels.set("other", 1, [0.0], ["run"])
    labels.write(tmp_path / "lab" / "y.label")
    result = command("labels", "plot", "lab", "-o", "e.svg", cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "e.svg\n", "")
    found = texts((tmp_path / "e.svg").read_text("utf-8"))
    titles = [text for text in found if text.startswith((RUN, "other"))]
    assert titles == [*(f"{RUN}, {Path(folder) / 'x.label'}" for folder in "ab"), "other"]


def test_axes_of_a_figure_of_the_user(labels: Labels, tmp_path: Path) -> None:
    figure = matplotlib.figure.Figure((8, 6), layout="constrained")
    left, right = figure.subplots(2)
    plot_ethogram(labels, ax=left)
    plot_ethogram(labels[RUN], ax=right, max_gap=5)
    right.set_title("mine")
    figure.savefig(tmp_path / "e.png")
    picture = image.imread(tmp_path / "e.png")
    assert share(picture, GREEN) > 0.05
    assert [axes.get_title(loc="left") for axes in (left, right)] == [RUN, RUN]
    assert left.get_xlim() == (0, 10)
    assert [text.get_text() for text in left.get_legend().get_texts()] == [
        "run",
        "cast",
        "undefined",
    ]
    plot_ethogram(labels[RUN], tmp_path / "run.png")
    plot_ethogram(labels, tmp_path / "labels.png")
    assert (tmp_path / "run.png").read_bytes() == (tmp_path / "labels.png").read_bytes()
    labels.set("other", 1, [0.0], ["run"])
    with pytest.raises(ValueError, match="expected one run to draw into axes, found 2"):
        plot_ethogram(labels, ax=left)
    with pytest.raises(TypeError, match="either a path to write, or axes"):
        plot_ethogram(labels)
    with pytest.raises(TypeError, match="either a path to write, or axes"):
        plot_ethogram(labels, tmp_path / "e.png", ax=left)


def test_without_matplotlib(labels: Labels, tmp_path: Path) -> None:
    labels.write(tmp_path / "my.label")
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "matplotlib.py").write_text("raise ModuleNotFoundError(name='matplotlib')")
    arguments = ("labels", "plot", "my.label", "-o", "e.png")
    result = command(*arguments, cwd=tmp_path, PYTHONPATH=str(hidden))
    refused(result, "Error: a picture needs matplotlib: pip install 'taggingbackends[plot]'")


def test_many_runs_and_labels_are_left_out(labels: Labels, tmp_path: Path) -> None:
    labels.set("b", 1, np.arange(100) / 10, [f"n{i // 2 if i < 20 else i}" for i in range(100)])
    for number in range(19):
        labels.add_run(str(number))
    with pytest.warns(UserWarning, match=r"only the first 20 of 21 runs are drawn"):
        plot_ethogram(labels, tmp_path / "x.svg")
    text = (tmp_path / "x.svg").read_text("utf-8")
    assert ">only the first 20 of 21 runs are drawn<" in text
    assert ">n9<" in text
    assert ">n20<" in text
    assert ">n99<" not in text
    assert ">(32 others)<" in text


def test_the_legend_is_not_cut_off(tmp_path: Path) -> None:
    labels = Labels()
    labels.set(RUN, 1, np.arange(70) / 10, [f"n{i}" for i in range(70)])
    with warnings.catch_warnings(action="error"):  # matplotlib warns if it does not fit
        plot_ethogram(labels, tmp_path / "x.png")


def test_many_undefined_spans_are_not_hatched(tmp_path: Path) -> None:
    labels = Labels()
    labels.set(RUN, 1, np.arange(4000) / 10, ["run", ()] * 2000)
    assert "url(#h" in svg(labels.crop(0, 100), tmp_path / "x.svg")
    assert svg(labels, tmp_path / "x.svg").count("url(#h") == 1  # in the legend


def test_a_stimulus_of_many_pulses(labels: Labels, tmp_path: Path) -> None:
    labels[RUN].metadata["protocol"] = "p_0s9999x0.0005s0.0005s"
    plot_ethogram(labels, tmp_path / "x.png")
