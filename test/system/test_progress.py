"""Progress: a bar on terminals, lines elsewhere, nothing with --quiet."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support import on_a_terminal, posix

LOOP = """
import time, warnings
from taggingbackends.system.messages import configure
from taggingbackends.system.progress import progress
configure()
for n in progress([*range(4)], "reading"):
    if n == 2:
        warnings.warn("few frames")
    time.sleep({})
"""

METER = """
from taggingbackends.system.progress import meter
with meter({}) as bar:
    for n in range({}):
        bar.clear()
        if n == 3:
            bar.set_postfix_str("1 failed", refresh=False)
        bar.update()
"""


def run(program: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )


def seen(text: str) -> list[str]:
    """Return the lines that remain visible on a terminal."""
    lines = []
    for row in text.split("\n"):
        shown = ""
        for part in row.split("\r"):
            part = part.removeprefix("\x1b[K") if (erased := part.startswith("\x1b[K")) else part
            shown = part + ("" if erased else shown[len(part) :])
        lines.append(shown.rstrip())
    return lines


@posix
def test_a_loop_shows_a_bar_after_a_second_and_removes_it(tmp_path: Path) -> None:
    text = on_a_terminal("-c", LOOP.format(0.6), cwd=tmp_path, NO_COLOR="1")
    assert re.search(r"reading: +50%.* 2/4 ", text)
    assert "0/4" not in text
    assert "1/4" not in text
    assert seen(text) == ["Warning: few frames", ""]


@posix
def test_a_short_loop_shows_nothing_and_does_not_load_tqdm(tmp_path: Path) -> None:
    program = LOOP.format(0) + "import sys; assert 'tqdm' not in sys.modules"
    text = on_a_terminal("-c", program, cwd=tmp_path, NO_COLOR="1")
    assert text.splitlines() == ["Warning: few frames"]


@posix
def test_quiet_shows_no_progress(tmp_path: Path) -> None:
    quiet = {"TAGGINGBACKENDS_VERBOSITY": "quiet"}
    assert on_a_terminal("-c", LOOP.format(0.6), cwd=tmp_path, **quiet) == ""
    assert on_a_terminal("-c", METER.format(20, 20), cwd=tmp_path, **quiet) == ""
    assert run(METER.format(20, 20), **quiet).stderr == ""


def test_without_a_terminal_a_loop_does_not_load_tqdm() -> None:
    program = LOOP.format(0.6) + "import sys; assert 'tqdm' not in sys.modules"
    assert run(program).stderr == "Warning: few frames\n"


@posix
def test_the_meter_is_one_line_on_a_terminal_and_is_removed(tmp_path: Path) -> None:
    text = on_a_terminal("-c", METER.format(20, 20), cwd=tmp_path)
    assert re.match(r"\r0/20 recordings \[00:00<\?\]", text)
    assert seen(text) == [""]


@pytest.mark.parametrize(
    ("total", "lines"),
    [(1, [0, 1]), (6, [0, 1, 2, 3, 4, 5, 6]), (20, [*range(0, 21, 2)]), (25, [*range(0, 25, 3)])],
)
def test_without_a_terminal_the_meter_prints_a_line_per_tenth(total: int, lines: list[int]) -> None:
    result = run(METER.format(total, total))
    found = re.findall(r"^(\d+)/(\d+) recordings(, 1 failed)? \[00:00<.*\]$", result.stderr, re.M)
    expected = [(str(n), str(total), ", 1 failed" if n > 3 else "") for n in lines]
    assert found == expected, result.stderr
    assert len(result.stderr.splitlines()) == len(lines)


def test_without_recordings_there_is_no_meter() -> None:
    assert run(METER.format(0, 0)).stderr == ""


def test_the_meter_starts_no_other_process() -> None:
    program = METER.format(3, 3) + "import sys; assert 'multiprocessing' not in sys.modules"
    run(program)
