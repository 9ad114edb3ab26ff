"""Headless Chromium, to look at pages as people do.

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
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest


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

    def place(self, seconds: float, row: float, rows: int) -> tuple[float, float]:
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

    def saved(self, button: str) -> tuple[str, bytes]:
        """Click a button, and return the name and the content of the file that it saves."""
        folder = self.folder / "saved"
        shutil.rmtree(folder, ignore_errors=True)
        options = {"behavior": "allow", "downloadPath": str(folder)}
        self.driver.execute_cdp_cmd("Browser.setDownloadBehavior", options)
        self.click(button)
        for _ in range(1000):
            files = list(folder.glob("*[!d]")) if folder.is_dir() else []  # not .crdownload
            if files and files[0].stat().st_size:
                return files[0].name, files[0].read_bytes()
            time.sleep(0.01)
        raise AssertionError(f"{button} saves nothing")

    def table(self, name: str) -> list[list[str]]:
        """Return the texts of the cells of a table."""
        script = "return [...document.getElementById(arguments[0]).rows].map("
        rows = self.run(f"{script}row => [...row.cells].map(cell => cell.innerText))", name)
        return [[cell.strip() for cell in row] for row in rows]

    def emulate(self, **media: str) -> None:
        features = [{"name": name.replace("_", "-"), "value": v} for name, v in media.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


@contextmanager
def opened_browser(folder: Path) -> Iterator[Browser]:
    """Open a browser, which keeps its files in a folder; skip the test if there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="no selenium")
    chromium = shutil.which(os.environ.get("TAGGINGBACKENDS_CHROMIUM") or "chromium")
    if chromium is None:
        pytest.skip("no chromium on PATH or in TAGGINGBACKENDS_CHROMIUM; `make test` gets one")
    beside = Path(chromium).with_name("chromedriver")
    service = webdriver.ChromeService(str(beside) if beside.is_file() else "chromedriver")
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
