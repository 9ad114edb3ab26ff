"""Tests of the report: its text, and its display in a browser.

For the browser, see browsing.py.
"""

from __future__ import annotations

import csv
import json
import re
import time
from base64 import b64decode
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from browsing import Browser
from support import RUN, command, refused
from taggingbackends import Labels
from taggingbackends.analysis.scores import count, score
from taggingbackends.display.page import report
from taggingbackends.display.page.evaluation import evaluation_page
from taggingbackends.labels.bouts import find_bouts
from taggingbackends.simulation import simulate_labels
from taggingbackends.system.csvtext import OWN_TABLES

NASTY = "</script><img src=x onerror=alert(1)>"

GREEN, RED = "#2ca02c", "#d62728"


@pytest.fixture
def labels() -> Labels:
    """Return labels of two larvae in a recording of 10 s, with a stimulus from 3 to 4 s."""
    labels = Labels()
    labels.set(RUN, 7, np.arange(100) / 10, ["run"] * 50 + ["cast"] * 30 + [()] * 20)
    labels.set(RUN, 12, np.arange(20, 60) / 10, [("cast", "run", "edited")] * 40)
    labels[RUN].secondary_names = ["edited"]
    labels[RUN].declare(["run", "cast"], [GREEN, RED])
    labels[RUN].metadata |= {"protocol": "p_8_3s1x1s0s#n#n#n", "software": {"name": "mine"}}
    return labels


@pytest.fixture
def predicted() -> Labels:
    """Return other labels of larva 7, and labels of a larva that `labels` does not have."""
    labels = Labels()
    labels.set(RUN, 30, [0.0], ["run"])
    labels.set(RUN, 7, np.arange(100) / 10, ["run"] * 40 + ["cast"] * 40 + ["hunch"] * 20)
    return labels


def matplotlib_image() -> Any:
    return pytest.importorskip("matplotlib.image", reason="no matplotlib")


# -- the text


def data_of(page: str) -> Any:
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    return json.loads(data)


def column(text: str) -> list[int]:
    return np.frombuffer(b64decode(text), "<u4").tolist()


def test_the_data_of_the_page(labels: Labels) -> None:
    (view,) = data_of(report({"my.label": labels}))["views"]
    assert dict(view["facts"]) == {
        "file": "my.label",
        "larvae": "2",
        "frames": "140",
        "time": "0 to 9.9 s",
        "frame interval": "0.1 s (median)",
        "protocol": "p_8_3s1x1s0s#n#n#n",
        "software": "name mine",
    }
    assert (view["names"], view["primary"]) == (["run", "cast", "edited"], 2)
    assert view["colors"][:2] == [GREEN, RED]
    spans = {name: column(text) for name, text in view["spans"].items()}
    assert spans["counts"] == [3, 1]
    assert spans["start"] == [0, 5000, 8000, 2000]
    assert spans["stop"] == [5000, 8000, 10000, 6000]
    assert spans["frames"] == [50, 30, 20, 40]
    assert spans["stretches"] == [0, 0, 0, 1]
    states = [view["states"][state] for state in spans["states"]]
    assert states == [[[0], []], [[1], []], [[], []], [[1, 0], [2]]]
    assert view["stimulus"] == [[3, 4]]
    assert view["labels"][1] == {
        **{"frames": 70, "seconds": 7, "larvae": 2, "bouts": 2, "median": 3.5}
    }
    assert view["labels"][-1] == {"frames": 20, "seconds": 2}
    assert view["transitions"] == [[0, 1], [0, 0]]
    assert view["comparison"] is None
    assert (view["short"], view["group"], view["tracked"]) == ("my.label", "", 14)


def test_the_comparison(labels: Labels, predicted: Labels) -> None:
    first, second = data_of(report({"truth": labels, "predicted": predicted}))["views"]
    assert first["comparison"] is None
    found = second["comparison"]
    assert found["reference"] == 0
    assert found["names"] == ["run", "cast", "hunch", "run+cast", "(undefined)"]
    assert [row[:3] for row in found["counts"][:2]] == [[40, 10, 0], [0, 30, 0]]
    assert found["agreement"] == 0.7
    assert found["only"] == [40, 1]
    differences = {name: column(text) for name, text in found["differences"].items()}
    assert differences == {"rows": [1, 1], "start": [4000, 8000], "stop": [5000, 10000]}
    # colours come from the first file; a label of the second file only has a different one
    colors = dict(zip(second["names"], second["colors"], strict=True))
    assert (colors["run"], colors["cast"]) == (GREEN, RED)
    assert colors["hunch"] not in first["colors"]


def test_scores_of_a_comparison(labels: Labels, predicted: Labels) -> None:
    data = data_of(report({"truth": labels, "predicted": predicted}))
    found = {one["name"]: one for one in data["views"][1]["comparison"]["scores"]["frames"]}
    true = count(labels[RUN], predicted[RUN])
    assert found == {one.name: one.to_dict() for one in score([true]).labels if "(" not in one.name}
    assert found["run"]["recall"]["value"] == 0.8
    assert found["run"]["precision"]["value"] == 1
    bouts = {one["name"]: one["right"] for one in data["views"][1]["comparison"]["scores"]["bouts"]}
    assert bouts == {"run": 1, "cast": 1}


def test_labels_of_people_are_the_reference(labels: Labels, predicted: Labels) -> None:
    predicted[RUN].metadata["software"] = {"model_instance": "first"}
    views = data_of(report({"a": predicted, "b": labels}))["views"]
    assert [view["file"] for view in views] == ["b", "a"]
    assert views[1]["comparison"]["reference"] == 0


def test_short_names_and_groups(labels: Labels) -> None:
    of_files = {}
    for number, genotype in enumerate(("attP2", "attP2", "GMR_1", "")):
        run = f"r{number}"
        one = Labels()
        one.set(run, 1, [0.0, 1.0], ["run", "cast"])
        name = f"{run}@{genotype}@{genotype}@t5@p_8_3s1x1s0s#n#n#n@100.spine"
        one[run].dependencies = [{"filename": name, "sha1": "0" * 40}] if genotype else []
        of_files[str(Path("/lab") / run / ("x" * 60 * (number == 3)) / "x.label")] = one
    views = data_of(report(of_files))["views"]
    assert [view["short"] for view in views[:3]] == [
        str(Path(f"r{number}") / "x.label") for number in range(3)
    ]
    assert re.fullmatch(r"r3.x+…x+.x\.label", views[3]["short"])
    assert len(views[3]["short"]) == 48
    assert [view["group"] for view in views] == [
        *["attP2, attP2, p_8_3s1x1s0s#n#n#n"] * 2,
        "GMR_1, GMR_1, p_8_3s1x1s0s#n#n#n",
        "genotype unknown, effector unknown, protocol unknown",
    ]
    assert ["genotype", "attP2"] in views[0]["facts"]
    views = data_of(report(dict(list(of_files.items())[:2])))["views"]
    assert [view["group"] for view in views] == ["", ""]


def test_the_page_is_self_contained_and_escaped(labels: Labels) -> None:
    labels.set(NASTY, 1, [0.0, 1.0], [NASTY, "\u2028<!--"])
    page = report({NASTY: labels})
    assert "<img" not in page
    assert page.count("<script") == page.count("</script>") == 2
    assert data_of(page)["views"][1]["names"] == [NASTY, "\u2028<!--"]
    # no URL except the namespace of SVG
    assert set(re.findall(r"""https?://[^"'\s]*""", page)) <= {"http://www.w3.org/2000/svg"}
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy


def test_extremes() -> None:
    labels = Labels()
    # 63 years do not fit into 32 bits of milliseconds
    labels.set("long", 1, [-1e9, 1e9], ["run", "cast"])
    labels.set("zero", 65535, [5.0], [()])
    labels.add_run("empty")
    views = data_of(report({"": labels}))["views"]
    assert [len(view["larvae"]) for view in views] == [1, 1, 0]
    assert column(views[0]["spans"]["start"])[0] == 0
    assert data_of(report({}))["views"] == []


def test_many_runs_and_labels_are_left_out() -> None:
    one, other = Labels(), Labels()
    for number in range(501):
        one.set(f"r{number}", 1, [0.0], ["run"])
    names = [f"n{number}" for number in range(100)]
    one.set("r0", 1, np.arange(200) / 10, [*names, *names[::-1]])
    other.set("r0", 1, np.arange(200) / 10, [*names, *["n1"] * 100])
    with pytest.warns(UserWarning, match="only the first 500 of 501 runs"):
        page = report({"one": one, "other": other})
    assert "Only the first 500 of 501 runs are shown." in page
    assert "<title>r0, r1, r2, ...</title>" in page
    views = data_of(page)["views"]
    assert len(views) == 501  # one run is in both files
    assert len(views[0]["names"]) == 59
    assert views[0]["names"][-1] == "(43 others)"
    assert views[0]["labels"][58]["frames"] == 84
    compared = views[-1]["comparison"]
    assert (len(compared["names"]), compared["names"][-1]) == (60, "(41 others)")
    assert np.sum(compared["counts"]) == 200
    assert len(compared["scores"]["frames"]) == 60
    assert compared["scores"]["left_out"] == 40


# -- the command


def test_the_command(labels: Labels, predicted: Labels, tmp_path: Path) -> None:
    labels.write(tmp_path / "truth.label")
    predicted.write(tmp_path / "predicted.label")
    arguments = ("labels", "report", "truth.label", "predicted.label", "-o")
    result = command(*arguments, "r.html", cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "r.html\n", "")
    names = ("truth.label", "predicted.label")
    expected = report({name: Labels.read(tmp_path / name) for name in names})
    assert (tmp_path / "r.html").read_text("utf-8") == expected
    (tmp_path / "r.html").write_text("mine")
    refused(command(*arguments, "r.html", cwd=tmp_path), "r.html: exists already")
    assert command(*arguments, "r.html", "--force", cwd=tmp_path).returncode == 0
    result = command(*arguments, "r.label", cwd=tmp_path)
    assert result.returncode == 2
    assert "ends in .html or .htm" in result.stderr
    (tmp_path / "bad.label").write_text("{}")
    bad = command("labels", "report", "truth.label", "bad.label", "-o", "b.html", cwd=tmp_path)
    refused(bad, "bad.label: not-a-label-file")
    assert not (tmp_path / "b.html").exists()


@pytest.fixture
def evaluated() -> dict[str, Any]:
    """Return the result of an evaluation."""
    estimate = {"value": 0.75, "interval": [0.5, 1.0]}
    none = {"value": None, "interval": None}
    label = {"true": 3, "predicted": 3, "right": 2, "precision": estimate}
    label |= {"recall": none, "f1": estimate}
    return {
        "backend": {"name": NASTY, "version": "1.2"},
        "model_instance": None,
        "left_out": "genotype",
        "folds": 2,
        "seconds": {"training": 1.0, "predicting": 2.0, "total": 3.5},
        "frames": 4,
        "names": ["run", "(undefined)"],
        "matrix": [[3, 1], [0, 0]],
        **dict.fromkeys(("accuracy", "balanced_accuracy", "kappa", "bout_f1"), estimate),
        "labels": [{"name": "run", **label}],
        "bouts": [{"name": NASTY, **label}],
        "reliability": [{"low": 90, "high": 100, "frames": 4, "confidence": 0.9, "accuracy": 1}],
        "why_no_intervals": None,
        "recordings": [
            {"recording": f"/lab/{n}/x", "fold": f"genotype {n}", "frames": 2, **more}
            for n in "ab"
            for more in [{"without_prediction": 0, "accuracy": 0.5}]
        ],
    }


# -- the browser


def test_the_page_is_drawn(labels: Labels, browser: Browser) -> None:
    browser.open(report({"my.label": labels}))
    assert browser.run("return document.title") == f"{RUN} – my.label"
    assert browser.text("run") == RUN
    assert "protocol\np_8_3s1x1s0s#n#n#n" in browser.text("facts")
    # larva 7, in one of two rows, runs for half of the time; larva 12 has two labels at once
    green, red = browser.share(GREEN), browser.share(RED)
    assert 0.1 < green < 0.4
    assert red / green == pytest.approx((30 + 40 * 0.4) / (50 + 40 * 0.4), rel=0.1)
    assert "run 90 9 s 64.3 % 2 2 4.5 s" in " ".join(browser.text("labels").split())
    assert browser.run("return document.querySelectorAll('#shares path').length") >= 4
    assert browser.run("return document.querySelectorAll('#lengths svg').length") == 3
    assert "run 0 100.0 % 1" in " ".join(browser.text("transitions").split())
    assert browser.messages() == []
    assert browser.fetched() == []


def test_hovering_shows_larva_label_and_times(labels: Labels, browser: Browser) -> None:
    browser.open(report({"my.label": labels}))
    assert browser.hover(2.0, 0, 2) == "larva 7\nrun 0.00–5.00 s (5.00 s, 50 frames)"
    assert browser.hover(6.0, 0, 2) == "larva 7\ncast 5.00–8.00 s (3.00 s, 30 frames)"
    assert browser.hover(9.0, 0, 2) == "larva 7\nundefined 8.00–10.00 s (2.00 s, 20 frames)"
    times = "2.00–6.00 s (4.00 s, 40 frames)"
    assert browser.hover(4.0, 1, 2) == "\n".join(
        ["larva 12", *(f"{name} {times}" for name in ("cast", "run", "edited"))]
    )
    assert browser.hover(8.0, 1, 2) == ""  # not tracked
    assert browser.hover(6.0, 0, 2) != ""
    browser.mouse("mouseMoved", 2, 2)
    assert browser.run("return document.getElementById('tip').hidden")
    assert browser.messages() == []


def test_a_gap_ends_a_bout_and_the_axis_begins_at_0(browser: Browser) -> None:
    labels = Labels()
    times = [*(2 + np.arange(10) / 10), *(6 + np.arange(40) / 10)]
    labels.set(RUN, 7, times, ["run"] * 49 + ["cast"])
    browser.open(report({"my.label": labels}))
    assert browser.range() == (0, 10)
    assert browser.hover(1.0, 0, 1) == ""
    assert browser.hover(2.5, 0, 1) == "larva 7\nrun 2.00–3.00 s (1.00 s, 10 frames)"
    assert browser.hover(4.0, 0, 1) == "larva 7\nnot tracked"
    assert browser.hover(7.0, 0, 1) == "larva 7\nrun 6.00–9.90 s (3.90 s, 39 frames)"
    assert browser.hover(9.95, 0, 1) == "larva 7\ncast 9.90–10.00 s (0.10 s, 1 frame)"
    table = " ".join(browser.text("labels").split())
    assert "run 49 4.9 s 98.0 % 1 2 2.45 s" in table
    assert "cast 1 0.1 s 2.0 % 1 1 0.1 s" in table
    assert "1 bout, median 0.1 s" in browser.text("lengths")
    assert browser.text("range").endswith(" s, 1 of 1 larva")
    browser.open(report({"my.label": labels}, max_gap=5))
    assert browser.hover(4.0, 0, 1) == "larva 7\nrun 2.00–9.90 s (7.90 s, 49 frames)"
    assert browser.messages() == []


def test_a_clock_with_another_origin(browser: Browser) -> None:
    labels = Labels()
    labels.set(RUN, 7, 1e6 + np.arange(100) / 10, ["run"] * 100)
    browser.open(report({"my.label": labels}))
    assert browser.range() == (1e6, 1e6 + 10)
    assert "1000000 to 1000009.9 s" in browser.text("facts")
    assert browser.messages() == []


def test_zoom_and_pan(labels: Labels, browser: Browser) -> None:
    browser.open(report({"my.label": labels}))
    assert browser.range() == (0, 10)
    x, y = browser.place(5, 0, 2)
    wheel = {"deltaX": 0, "deltaY": -300}
    browser.drawn_after(lambda: browser.mouse("mouseWheel", x, y, **wheel))
    start, stop = browser.range()
    assert 0 < start < 5 < stop < 10
    assert (start + stop) / 2 == pytest.approx(5, abs=0.1)  # around the cursor
    assert "cast 5.00–8.00 s" in browser.hover(5.5, 0, 2)
    left = {"button": "left", "clickCount": 1}
    browser.mouse("mousePressed", x, y, **left)
    browser.drawn_after(lambda: browser.mouse("mouseMoved", x + 100, y, buttons=1, **left))
    browser.mouse("mouseReleased", x + 100, y, **left)
    moved = browser.range()
    assert moved[0] < start
    assert moved[1] - moved[0] == pytest.approx(stop - start, abs=0.02)
    for n in (1, 2):
        browser.mouse("mousePressed", x, y, button="left", clickCount=n)
        browser.mouse("mouseReleased", x, y, button="left", clickCount=n)
    assert browser.range() == (0, 10)
    for name, expected in {
        "time-in": (2.5, 7.5),
        "right": (3.75, 8.75),
        "left": (2.5, 7.5),
        "time-out": (0, 10),
    }.items():
        browser.drawn_after(lambda name=name: browser.click(name))
        assert browser.range() == expected
    for _ in range(40):  # zooming in stops at a few frames
        browser.click("time-in")
    start, stop = browser.range()
    assert stop - start == pytest.approx(0.4, abs=0.02)
    browser.click("reset")
    assert browser.range() == (0, 10)
    assert browser.messages() == browser.fetched() == []


def test_the_keys(labels: Labels, browser: Browser) -> None:
    browser.open(report({"my.label": labels}))
    browser.run("document.getElementById('canvas').focus()")
    spoken = []
    for key in ("ArrowDown", "ArrowRight", "ArrowDown", "ArrowLeft"):
        browser.drawn_after(lambda key=key: browser.key(key))
        spoken.append(browser.text("live"))
    assert spoken[0] == "larva 7: run, 0.00–5.00 s, 5.00 s, 50 frames"
    assert spoken[1].startswith("larva 7: cast, 5.00–8.00 s")
    assert (
        spoken[2]
        == spoken[3]
        == "larva 12: "
        + "; ".join(f"{name}, 2.00–6.00 s, 4.00 s, 40 frames" for name in ("cast", "run", "edited"))
    )
    browser.drawn_after(lambda: browser.key("+"))
    start, stop = browser.range()
    assert stop - start == pytest.approx(7, abs=0.05)
    browser.drawn_after(lambda: browser.key("0"))
    assert browser.range() == (0, 10)


def test_unsure_bouts_are_faint(labels: Labels, browser: Browser) -> None:
    page = report({"my.label": labels})
    assert "confidence" not in data_of(page)["views"][0]["spans"]
    browser.open(page)
    assert "confidence" not in browser.text("labels")
    assert browser.run("return document.getElementById('faint-note').hidden")
    track = labels[RUN][7]
    confidence = [0.95] * 50 + [0.75] * 30 + [0.1] * 10 + [np.nan] * 10
    labels.set(RUN, 7, track.times, track.states, confidence)
    page = report({"my.label": labels})
    (view,) = data_of(page)["views"]
    assert column(view["spans"]["confidence"]) == [96, 76, 11, 0]
    assert [row.get("confidence") for row in view["labels"]] == [0.95, 0.75, None, None]
    browser.open(page)
    plot = browser.run(
        "return getComputedStyle(document.documentElement).getPropertyValue('--plot')"
    )
    ends = zip(
        *([int(x.strip()[i : i + 2], 16) for i in (1, 3, 5)] for x in (RED, plot)), strict=True
    )
    faint = "#" + "".join(f"{round(own + (back - own) * 0.36):02x}" for own, back in ends)
    assert browser.share(faint) > 0.05
    assert not browser.run("return document.getElementById('faint-note').hidden")
    assert browser.share(GREEN) > 0.1
    labels_text = " ".join(browser.text("labels").split())
    assert "median length confidence run 90" in labels_text
    assert "95.0 %" in labels_text
    times = "5.00–8.00 s (3.00 s, 30 frames, confidence 75 %)"
    assert browser.hover(6.0, 0, 2) == f"larva 7\ncast {times}"
    assert browser.hover(9.0, 0, 2).endswith("(2.00 s, 20 frames, confidence 10 %)")
    assert browser.messages() == []


def test_labels_can_be_switched_off(labels: Labels, browser: Browser) -> None:
    browser.open(report({"my.label": labels}))
    button = "document.querySelector('#legend button')"
    green = browser.share(GREEN)
    browser.drawn_after(lambda: browser.run(f"{button}.click()"))
    assert browser.run(f"return {button}.getAttribute('aria-pressed')") == "false"
    assert browser.share(GREEN) == 0
    browser.drawn_after(lambda: browser.run(f"{button}.click()"))
    assert browser.share(GREEN) == green


def test_a_second_file_is_compared(labels: Labels, predicted: Labels, browser: Browser) -> None:
    browser.open(report({"truth.label": labels, "predicted.label": predicted}))
    assert browser.text("view").split("\n") == [f"{RUN}, truth.label", f"{RUN}, predicted.label"]
    agreement = " ".join(browser.text("agreement").split())
    assert "compared with truth.label frames in both 100 agreement 70.0 %" in agreement
    assert "run 80.0 % 40 20.0 % 10" in " ".join(browser.text("confusion").split())
    assert browser.hover(4.5, 1, 2).split("\n")[1:] == [
        "run 0.00–5.00 s (5.00 s, 50 frames) in truth.label",
        "cast 4.00–8.00 s (4.00 s, 40 frames)",
    ]
    both = browser.share(GREEN)
    browser.drawn_after(lambda: browser.choose("mode", "differences"))
    assert browser.share(GREEN) < both / 10  # nearly all frames of run agree
    browser.drawn_after(lambda: browser.choose("view", "0"))
    assert browser.run("return document.getElementById('comparison').hidden")
    assert browser.messages() == browser.fetched() == []


def test_scores_and_budgets_side_by_side(
    labels: Labels, predicted: Labels, browser: Browser
) -> None:
    browser.open(report({"lab/truth.label": labels, "lab/predicted.label": predicted}))
    head, *rows = browser.table("scores")
    assert head[:5] == ["label", "precision", "recall", "F1", "F1 of bouts"]
    assert head[5:] == ["share in truth.label", "share in predicted.label"]
    assert rows == [
        ["run", "1.000", "0.800", "0.889", "0.667", "64.3 %", "40.6 %"],
        ["cast", "0.750", "1.000", "0.857", "0.667", "50.0 %", "39.6 %"],
        ["run+cast", "–", "0.000", "0.000", "", "", ""],
    ]
    assert "which is taken as true" in browser.text("scores-note")
    assert browser.run("return document.getElementById('overview').hidden")  # one run
    file = "return document.querySelector('#facts .file')"
    assert browser.run(f"{file}.title") == "lab/predicted.label"
    assert browser.run(f"{file}.innerText") == "predicted.label"


def test_scores_have_the_order_of_legends(browser: Browser) -> None:
    labels = Labels()
    labels.set(RUN, 1, np.arange(4) / 10, ["stop", "cast", "run", ("run", "cast")])
    browser.open(report({"one.label": labels, "other.label": labels}))
    names = [row[0] for row in browser.table("scores")[1:]]
    assert names == ["run", "cast", "stop", "cast+run"]
    assert names[:3] == [row[0] for row in browser.table("labels")[1:]]


def test_headings_of_a_table_stay_above_its_rows(browser: Browser) -> None:
    labels = Labels()
    for larva in range(100):
        names = [f"{'label' * 5}{number}" for number in range(12)]
        labels.set(RUN, larva, np.arange(12) / 10, names)
    browser.open(report({"my.label": labels}))
    shown = browser.run(
        "const table = document.getElementById('larvae'), box = table.parentElement;"
        "box.scrollTo(200, 333); box.scrollIntoView();"
        "const { left, top } = box.getBoundingClientRect();"
        "return [[5, 5], [5, 100], [150, 5]].map(([x, y]) =>"
        "  document.elementFromPoint(left + x, top + y).closest('th, td').innerText)"
    )
    assert shown[0] == "larva"
    assert shown[1].isdecimal()
    assert shown[2].startswith("label")


def several() -> dict[str, Labels]:
    """Return labels of three recordings of two genotypes, and predictions of one of them."""
    found = {}
    for number, (genotype, n) in enumerate([("attP2", 50), ("GMR_1", 20), ("attP2", 10)]):
        labels = Labels()
        states = ["run"] * n + ["cast"] * (100 - n)
        labels.set(f"r{number}", 1, np.arange(100) / 10, states)
        labels[f"r{number}"].metadata["genotype"] = genotype
        found[f"lab/r{number}/truth.label"] = labels
    predicted = Labels()
    predicted.set("r0", 1, np.arange(100) / 10, ["cast"] * 100)
    predicted["r0"].metadata |= {"genotype": "attP2", "software": {"model_instance": "m"}}
    return {"lab/r0/predicted.label": predicted, **found}


def test_files_and_groups(browser: Browser) -> None:
    browser.open(report(several()))
    assert browser.text("overview-title") == "4 files, 3 runs"
    assert browser.table("groups") == [
        ["group", "recordings", "larvae", "tracked", "run", "cast"],
        ["attP2", "2", "2", "20 s", "30.0 %", "70.0 %"],
        ["GMR_1", "1", "1", "10 s", "20.0 %", "80.0 %"],
    ]
    head, *rows = browser.table("files")
    assert head == ["file", "run", "group", "larvae", "tracked", "run", "cast", "agreement"]
    names = ["r0/truth.label", "r0/predicted.label", "r1/truth.label", "r2/truth.label"]
    assert [row[0] for row in rows] == names
    assert rows[1][1:] == ["r0", "attP2", "1", "10 s", "0.0 %", "100.0 %", "50.0 %"]
    browser.run("document.querySelectorAll('#files thead button')[5].click()")  # run
    assert [row[0][:4] for row in browser.table("files")[1:]] == ["r0/t", "r1/t", "r2/t", "r0/p"]
    browser.run("document.querySelectorAll('#files tbody button')[1].click()")
    assert browser.text("run") == "r1"
    assert browser.run("return document.getElementById('view').selectedIndex") == 1
    assert browser.messages() == browser.fetched() == []


def test_a_table_of_larvae(labels: Labels, browser: Browser) -> None:
    labels.set(RUN, 30, [0.0, 0.1, 5.0, 5.1], ["run"] * 4)  # a gap between two bouts
    browser.open(report({"my.label": labels}))
    assert browser.table("larvae") == [
        ["larva", "frames", "tracked", "bouts", "run", "cast", "edited", "undefined"],
        ["7", "100", "10 s", "2", "50.0 %", "30.0 %", "0.0 %", "20.0 %"],
        ["12", "40", "4 s", "2", "100.0 %", "100.0 %", "100.0 %", "0.0 %"],
        ["30", "4", "0.4 s", "2", "100.0 %", "0.0 %", "0.0 %", "0.0 %"],
    ]
    assert find_bouts(labels[RUN]).larvae.tolist().count(30) == 2
    orders = []
    for _ in range(2):
        browser.run("document.querySelectorAll('#larvae button')[1].click()")  # frames
        orders.append([row[0] for row in browser.table("larvae")[1:]])
    assert orders == [["7", "12", "30"], ["30", "12", "7"]]
    assert (
        browser.run("return document.querySelector('#larvae [aria-sort]').ariaSort") == "ascending"
    )


def test_downloads(labels: Labels, browser: Browser) -> None:
    labels[RUN].declare(["=run", "run", "cast"], [GREEN, GREEN, RED])
    labels.set(RUN, 30, [0.0, 0.1], ["=run"] * 2)
    browser.open(report({"lab/my.label": labels, "lab/other.label": labels}))
    browser.choose("view", "0")
    buttons = "[...document.querySelectorAll('.heading button')].filter(b => b.offsetParent)"
    rows = {}
    for button in browser.run(f"return {buttons}.map(button => button.id)"):
        name, content = browser.saved(button)
        part, _, kind = button.partition("-")
        assert name == f"{RUN}.{part}.{kind}"
        if kind == "png":
            picture = matplotlib_image().imread(BytesIO(content))
            pixels = np.round(255 * picture[:, :, :3]).astype(int)
            assert min(pixels.shape[:2]) > 200
            assert (pixels[0, 0] == 255).all()
            assert ((pixels == [44, 160, 44]).all(axis=2)).mean() > 0.005
        else:
            assert content.startswith(OWN_TABLES)  # folders of recordings ignore it
            rows[part] = list(csv.reader(content.decode().splitlines()))
    assert rows["larvae"][0][:6] == ["run", "file", "larva", "frames", "tracked", "bouts"]
    assert rows["larvae"][1][:6] == [RUN, "lab/my.label", "7", "100", "10", "2"]
    assert ["'=run", "2", "0.2"] in [row[2:5] for row in rows["labels"]]
    changes = {(one, other): n for *_, one, other, n in rows["transitions"][1:]}
    assert changes["run", "cast"] == "1"
    lengths = [float(n) for *_, label, _, _, n in rows["lengths"][1:] if label == "cast"]
    assert sum(lengths) == 2
    shares = [float(share) for *_, share in rows["shares"][1:]]
    assert sum(shares) == pytest.approx(len({row[3] for row in rows["shares"][1:]}))
    assert browser.messages() == browser.fetched() == []


def test_downloads_of_many_files(browser: Browser) -> None:
    browser.open(report(several()))
    parts = ("files", "groups", "scores", "confusion")
    saved = {part: browser.saved(f"{part}-csv") for part in parts}
    names = ["files.csv", "groups.csv", "r0.scores.csv", "r0.confusion.csv"]
    assert [name for name, _ in saved.values()] == names
    assert all(content.startswith(OWN_TABLES) for _, content in saved.values())
    lines = {part: content.decode().splitlines() for part, (_, content) in saved.items()}
    assert lines["files"][2] == "r0,lab/r0/predicted.label,attP2,1,10,0,1,0.5"
    assert lines["groups"][1] == "attP2,2,2,20,0.3,0.7"
    scores = ["r0", "lab/r0/predicted.label", "cast", "0.5", "1", "0.666666666667", "1", "0.5", "1"]
    assert lines["scores"][2].split(",") == scores
    assert "r0,lab/r0/predicted.label,run,cast,50" in lines["confusion"]
    assert browser.messages() == []


@pytest.mark.parametrize("width", [360, 800])
def test_tables_scroll_on_a_phone(width: int, labels: Labels, browser: Browser) -> None:
    files = several()
    for one in files.values():
        for run in one.values():
            names = [f"{'label' * 5}{number}" for number in range(12)]
            one.set(run.id, 2, np.arange(12) / 10, names)
            run.metadata["note"] = "x" * 200
    screen = {"width": width, "height": 640, "deviceScaleFactor": 2, "mobile": True}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    try:
        for page in (report(files), report({"my.label": labels})):
            browser.open(page)
            sizes = "const e = document.documentElement; return [e.scrollWidth, innerWidth]"
            assert browser.run(sizes) == [width, width]
        browser.open(report(files))
        wide = "const e = document.getElementById(arguments[0]); return e.scrollWidth"
        for table in ("files", "groups", "larvae", "transitions"):
            assert browser.run(f"{wide} > e.parentElement.clientWidth", table)
            assert (
                browser.run(
                    f"{wide.replace('return', '')}; e.parentElement.scrollLeft = 50;"
                    "return e.parentElement.scrollLeft",
                    table,
                )
                == 50
            )
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_names_are_not_markup(labels: Labels, browser: Browser) -> None:
    nasty = Labels()
    nasty.set(NASTY, 1, [0.0, 1.0, 2.0], [NASTY, NASTY, "<b>"])
    nasty[NASTY].metadata |= {NASTY: NASTY}
    browser.open(report({NASTY: nasty, "other": nasty}))
    assert browser.text("run") == NASTY
    assert NASTY in browser.hover(0.5, 0, 1)
    assert browser.run("return document.querySelectorAll('img, b').length") == 0
    assert browser.messages() == []


def test_foreign_scripts_and_images_are_blocked(labels: Labels, browser: Browser) -> None:
    """A script inserted into the page does not run, and a picture is not fetched."""
    strange = "<script>window.strange = true</script><img src='http://127.0.0.1:9/x.png'>"
    page = report({"my.label": labels}).replace("</header>", f"</header>{strange}")
    browser.open(page)
    assert not browser.run("return window.strange")
    blocked = [text for text in browser.messages() if "Content Security Policy" in text]
    assert [re.findall("script-src|img-src", text)[0] for text in blocked] == [
        "script-src",
        "img-src",
    ]
    browser.open(re.sub("<meta http-equiv.*>", "", page))
    assert browser.run("return window.strange")  # the policy blocked it
    assert browser.fetched() == ["http://127.0.0.1:9/x.png"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colour_schemes(scheme: str, labels: Labels, browser: Browser) -> None:
    browser.emulate(prefers_color_scheme=scheme)
    try:
        browser.open(report({"my.label": labels}))
        style = "getComputedStyle(document.body)"
        ink, page = browser.run(f"return [{style}.color, {style}.backgroundColor]")
        light = [sum(map(int, re.findall(r"\d+", color)[:3])) for color in (ink, page)]
        assert (light[0] > light[1]) == (scheme == "dark")
        assert abs(light[0] - light[1]) > 3 * 180
        untracked = browser.picture()[-60, -40, :3].sum()
        assert (untracked < 3 * 128) == (scheme == "dark")
        # prints are light
        browser.run("dispatchEvent(new Event('beforeprint'))")
        assert browser.picture()[-60, -40, :3].sum() > 3 * 128
        browser.run("dispatchEvent(new Event('afterprint'))")
    finally:
        browser.emulate()


def test_runs_with_few_or_no_frames(browser: Browser) -> None:
    labels = Labels()
    labels.add_run("empty")
    labels.set("no frame", 3, [], [])
    labels.set("one", 3, [5.0], ["run"])
    labels.set("undefined", 3, [5.0, 6.0], [(), ()])
    browser.open(report({"my.label": labels}))
    for view in range(4):
        browser.choose("view", str(view))
        browser.click("time-in")
        browser.click("rows-out")
    browser.open(report({}))
    assert browser.text("run") == "no runs"
    assert browser.messages() == []


def test_many_larvae(browser: Browser, capsys: pytest.CaptureFixture[str]) -> None:
    """Measure the size and speed of a page of two files with 400 larvae of 3,000 frames."""
    rng = np.random.default_rng(1)
    names = np.array(["run", "cast", "stop", "back", "hunch", "roll"])
    files = {"truth.label": Labels(), "predicted.label": Labels()}
    for larva in range(400):
        bouts = rng.integers(0, 6, 3000)
        codes = np.repeat(bouts, rng.integers(1, 40, 3000))[:3000]
        for labels in files.values():
            labels.set(RUN, larva, np.arange(3000) / 25, names[codes])
            codes = np.where(rng.random(3000) < 0.02, 0, codes)
    page = report(files)
    began = time.perf_counter()
    browser.open(page)
    opened = time.perf_counter() - began
    assert browser.range() == (0, 120)
    assert len(np.unique(browser.picture().reshape(-1, 4), axis=0)) > 6
    began = time.perf_counter()
    assert browser.hover(60, 200, 400).startswith("larva 2")
    hovered = time.perf_counter() - began
    began = time.perf_counter()
    browser.drawn_after(lambda: browser.click("time-in"))
    zoomed = time.perf_counter() - began
    assert browser.range() == (30, 90)
    assert browser.messages() == []
    with capsys.disabled():
        print(
            f"\na report of 2 x 400 larvae, 3,000 frames: {len(page) / 1e6:.1f} MB, opened in "
            f"{opened:.2f} s, hovered in {hovered:.3f} s, zoomed in {zoomed:.3f} s"
        )


def test_the_page_about_an_evaluation(evaluated: dict[str, Any], browser: Browser) -> None:
    browser.open(evaluation_page(evaluated))
    assert browser.text("title") == f"Evaluation of {NASTY} 1.2"
    facts = " ".join(browser.text("facts").split())
    assert "recordings 2 recordings of 2 values of genotype, each left out in turn" in facts
    assert "accuracy 0.750 (0.50–1.00)" in facts
    assert browser.text("confusion").split()[-7:] == ["run", "75.0", "%", "3", "25.0", "%", "1"]
    rows = browser.run("return document.querySelectorAll('#confusion tbody tr').length")
    assert rows == 1  # no frame is truly undefined
    assert "run\t3\t3\t2\t 0.750 (0.50–1.00)\t –\t 0.750 (0.50–1.00)" in browser.text("frames")
    assert NASTY in browser.text("bouts")
    assert "90 to 100 %\t4\t 0.900\t 1.000" in browser.text("reliability")
    assert "a/x\tgenotype a\t2\t0\t 0.500" in browser.text("recordings")
    assert browser.messages() == []
    assert browser.fetched() == []
    evaluated["reliability"] = []
    browser.open(evaluation_page(evaluated))
    assert browser.run("return document.getElementById('confidence').hidden")


def test_the_page_about_groups(browser: Browser) -> None:
    for library in ("pandas", "scipy", "matplotlib"):
        pytest.importorskip(library, reason=f"no {library}")
    from taggingbackends.analysis import statistics
    from taggingbackends.display.results import result_files

    recordings = [
        simulate_labels(
            f"20240611_10000{n}",
            larvae=8,
            seconds=12,
            seed=n,
            genotype=["attP2", NASTY][n % 2],
            response=n % 2,
            stimulus=(6.0, 2.0),
        )
        for n in range(4)
    ]
    found = statistics(recordings, control="attP2", labels=["run", "hunch"], bin=2.0)
    page = result_files(found)["report.html"].decode()
    assert "<img" not in page
    browser.open(page)
    facts = " ".join(browser.text("facts").split())
    assert "recordings 4 larvae 32 grouped by genotype window 6 to 8 s" in facts
    assert f"{NASTY}\t2\t16\t" in browser.text("groups")
    images = browser.run("return [...document.images].map((image) => image.naturalWidth)")
    assert len(images) == 4
    assert min(images) > 100
    row = found.responses.set_index(["group", "label"]).loc[(NASTY, "hunch")]
    shown = f"{NASTY}\thunch\t{row['responded']:.0f}\t{row['tracked']:.0f}\t0\t"
    assert f"{shown}{row['proportion']:.3f}\t{row['low']:.3f} to " in browser.text("responses")
    tests = found.comparisons
    rows = "return document.querySelectorAll('#comparisons tbody tr').length"
    assert browser.run(rows) == len(tests) == 8
    browser.click("significant")
    assert browser.run(rows) == (tests["p_adjusted"] < 0.05).sum() > 0
    assert f"response\thunch\t{NASTY}\t" in browser.text("comparisons")
    assert browser.text("methods") == found.methods()
    assert browser.messages() == []
    assert browser.fetched() == []
    for run in recordings:
        for labels in run.values():
            del labels.metadata["protocol"]
    browser.open(result_files(statistics(recordings[:1]))["report.html"].decode())
    assert browser.run("return document.getElementById('response').hidden")
    assert browser.run("return document.getElementById('comparison').hidden")
    assert browser.messages() == []
