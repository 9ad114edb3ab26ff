"""Reports with tracks: size of the page, and how fast it is written and opened.

Tracks are stored as differences along time, deflated with run lengths and Huffman codes only. A
real recording of 6 larvae then takes 5.5 bytes a frame before base64 (6 points, to 0.02 mm), 9.5
with 11 points to 0.01 mm, and 31.7 with outlines of 22 points. The usual deflate takes 5.8 and 10.5
and is 50 times slower to write, since it searches for repetitions.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import duration, fact, megabytes, record, section, skip
from benchmarks.inputs import NAMES, RUN
from taggingbackends import Labels
from taggingbackends.data import load_tracks
from taggingbackends.display.page import report
from taggingbackends.labels import dependency

__all__ = ["run"]

_LARVAE, _FRAMES = 400, 3000


def walk(rng: np.random.Generator, frames: int) -> NDArray[np.float64]:
    """Return (frames, 11, 2) spines of a larva that crawls and bends, mm.

    With this noise, the tracks take as many bytes a frame as those of real recordings.
    """
    heading = rng.uniform(0, 6) + rng.normal(0, 0.05, frames).cumsum()
    steps = 0.04 * np.stack([np.cos(heading), np.sin(heading)], axis=1)
    places = rng.uniform(-60, 60, 2) + steps.cumsum(axis=0)
    bend = rng.normal(0, 0.05, frames).cumsum()[:, None] * np.linspace(0.5, -0.5, 11)
    angles = heading[:, None] + np.sin(bend)
    segments = -0.35 * np.stack([np.cos(angles), np.sin(angles)], axis=2)
    spines: NDArray[np.float64] = places[:, None] + segments.cumsum(axis=1)
    spines += rng.normal(0, 0.014, spines.shape)
    return spines.round(3)


def label_file(folder: Path) -> Path:
    """Write a recording and its labels, and return the label file."""
    rng = np.random.default_rng(1)
    spine = folder / f"{RUN}@a@b@t5@c.spine"
    labels = Labels()
    labels.add_run(RUN).declare(NAMES)
    with spine.open("w") as spines, spine.with_suffix(".outline").open("w") as outlines:
        for larva in range(1, _LARVAE + 1):
            times = np.round(np.arange(_FRAMES) / 25 + rng.uniform(0, 0.04), 3)
            for at, points in zip(times, walk(rng, _FRAMES).reshape(_FRAMES, -1), strict=True):
                line = f"{RUN} {larva:05d} {at:.3f}"
                spines.write(f"{line} {' '.join(map(str, points.tolist()))}\n")
                outlines.write(f"{line} {' '.join(map(str, points[:8].tolist()))}\n")
            bouts = np.repeat(rng.integers(0, len(NAMES), _FRAMES), rng.integers(1, 60, _FRAMES))
            labels.set(RUN, larva, times, np.array(NAMES)[bouts[:_FRAMES]])
    labels[RUN].dependencies = [dependency(spine)]
    labels.write(folder / "truth.label")
    return folder / "truth.label"


def opened(page: Path) -> list[int]:
    """Return the times until the ethogram and the arena are drawn, ms; [] without a browser."""
    chromium = shutil.which(os.environ.get("TAGGINGBACKENDS_CHROMIUM") or "chromium")
    try:
        from selenium import webdriver
    except ImportError:
        return []
    if chromium is None:
        return []
    beside = Path(chromium).with_name("chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"):
        options.add_argument(f"--{argument}")
    driver: Any = webdriver.Chrome(
        options=options,
        service=webdriver.ChromeService(str(beside) if beside.is_file() else "chromedriver"),
    )
    try:
        driver.get(page.as_uri())
        script = "return document.getElementById('player').dataset.ready"
        while not (arena := driver.execute_script(script)):
            time.sleep(0.05)
        ethogram = driver.execute_script("return document.documentElement.dataset.ready")
        return [int(ethogram), int(arena)]
    finally:
        driver.quit()


def run(folder: Path) -> None:
    """Measure the size and the times, for 400 larvae and 3,000 frames."""
    file = label_file(folder)
    began = time.perf_counter()
    labels = Labels.read(file)
    load_tracks(file)
    loaded = time.perf_counter()
    page = folder / "report.html"
    page.write_text(report({file.name: labels}, tracks=True), "utf-8")
    wrote = time.perf_counter()
    section(f"report --tracks, {_LARVAE} larvae, {_FRAMES:,} frames", "limit")
    record("size of the page", [(12e6, page.stat().st_size)], 1.0, megabytes)
    fact("loading the files", duration(loaded - began))
    fact("writing, which loads them again", duration(wrote - loaded))
    times = [opened(page) for _ in range(3)]
    if not times[0]:
        skip("opening: no selenium, or no chromium on PATH or in TAGGINGBACKENDS_CHROMIUM")
        return
    for part, drawn in zip(("ethogram", "arena"), zip(*times, strict=True), strict=True):
        record(f"opening, until the {part} is drawn", [(2.0, ms / 1000) for ms in drawn], 1.0)
