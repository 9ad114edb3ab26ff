"""Tests of the report: its text, and its display in a browser.

The browser is the one that TAGGINGBACKENDS_CHROMIUM names, or chromium on PATH.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support import RUN, command, refused
from taggingbackends import Labels
from taggingbackends.display.page import report
from taggingbackends.display.page.evaluation import evaluation_page
from taggingbackends.simulation import simulate_labels

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


class Browser:
    """Headless Chromium with the actions and queries of the tests."""

    def __init__(self, driver: Any, folder: Path) -> None:
        self.driver = driver
        self.folder = folder

    def open(self, page: str) -> None:
        """Open a page, and wait until it is drawn."""
        path = self.folder / "page.html"
        path.write_text(page, "utf-8")
        self.messages()  # discard those of the previous page
        self.driver.get_log("performance")
        self.driver.get(path.as_uri())
        self.wait("return document.documentElement.dataset.ready")

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def wait(self, script: str) -> Any:
        for _ in range(3000):
            found = self.run(script)
            if found:
                return found
            time.sleep(0.01)
        raise AssertionError(f"never true: {script}")

    def text(self, name: str) -> str:
        return self.run("return document.getElementById(arguments[0]).innerText", name)

    def click(self, name: str) -> None:
        self.run("document.getElementById(arguments[0]).click()", name)

    def choose(self, name: str, value: str) -> None:
        script = "const e = document.getElementById(arguments[0]); e.value = arguments[1];"
        self.run(f"{script} e.dispatchEvent(new Event('change'))", name, value)

    def range(self) -> tuple[float, float]:
        """Return the first and the last time shown in the ethogram."""
        start, stop = re.findall(r"[\d.]+", self.text("range"))[:2]
        return float(start), float(stop)

    def place(self, seconds: float, row: int, rows: int) -> tuple[float, float]:
        """Return the position of a time and a row in the window, given the page's margins."""
        box = self.run(
            "const c = document.getElementById('canvas'); c.scrollIntoView({block: 'center'});"
            "const b = c.getBoundingClientRect(); return [b.left, b.top, b.width, b.height]"
        )
        start, stop = self.range()
        x = box[0] + 52 + (seconds - start) / (stop - start) * (box[2] - 66)
        return x, box[1] + 16 + (row + 0.5) / rows * (box[3] - 56)

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        event = {"type": kind, "x": x, "y": y, **more}
        self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)

    def key(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": kind, "key": key})

    def hover(self, seconds: float, row: int, rows: int) -> str:
        """Return the text of the tooltip at a time of a row."""
        self.mouse("mouseMoved", *self.place(seconds, row, rows))
        hidden = self.run("return document.getElementById('tip').hidden")
        lines = [] if hidden else self.text("tip").split("\n")
        return "\n".join(line.strip() for line in lines if line)

    def messages(self) -> list[str]:
        """Return the messages in the console since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def fetched(self) -> list[str]:
        """Return the URLs that the page has requested since the last call, except itself."""
        page = (self.folder / "page.html").as_uri()
        found = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            request = message["params"]
            # the browser's own pages send requests, too
            if message["method"] == "Network.requestWillBeSent" and request["documentURL"] == page:
                found.append(request["request"]["url"])
        assert found.pop(0) == page
        return [url for url in found if not url.startswith("data:")]

    def picture(self, name: str = "canvas") -> Any:
        """Return the pixels of a canvas, (height, width, 4) of uint8."""
        url = self.run("return document.getElementById(arguments[0]).toDataURL()", name)
        image = pytest.importorskip("matplotlib.image", reason="no matplotlib")
        content = b64decode(url.partition(",")[2])
        return np.round(255 * image.imread(BytesIO(content))).astype(int)

    def share(self, color: str) -> float:
        """Return the share of the ethogram's pixels with a colour."""
        wanted = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
        return float((self.picture()[:, :, :3] == wanted).all(axis=2).mean())

    def drawn_after(self, act: Callable[[], object]) -> None:
        """Call a function, and wait until the ethogram has been drawn again."""
        count = "return Number(document.getElementById('canvas').dataset.drawn)"
        before = self.run(count)
        act()
        self.wait(f"{count} > {before}")

    def emulate(self, **media: str) -> None:
        features = [{"name": name.replace("_", "-"), "value": v} for name, v in media.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="no selenium")
    chromium = shutil.which(os.environ.get("TAGGINGBACKENDS_CHROMIUM") or "chromium")
    if chromium is None:
        pytest.skip("no chromium on PATH or in TAGGINGBACKENDS_CHROMIUM; `make test` gets one")
    beside = Path(chromium).with_name("chromedriver")
    service = webdriver.ChromeService(str(beside) if beside.is_file() else "chromedriver")
    folder = tmp_path_factory.mktemp("browser")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "headless=new",
        "no-sandbox",  # the sandbox does not work for root and in containers
        "disable-gpu",
        "disable-dev-shm-usage",
        "window-size=1280,900",
        f"user-data-dir={folder / 'profile'}",
    ):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield Browser(driver, folder)
    finally:
        driver.quit()


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
