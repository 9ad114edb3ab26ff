"""All results as one table: as text, and as the page docs/performance.md."""

from __future__ import annotations

import ast
import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.harness import COLUMNS, Row, line
from taggingbackends import JuliaSetupError
from taggingbackends.backend.juliascripts import julia_command

__all__ = ["HOW_TO_READ", "count", "machine", "page", "table", "title"]

HOW_TO_READ = """\
# Performance

`make bench` measures everything on this page and writes it. `python -m benchmarks labels julia`
measures some of it and only prints.

- **ours** and **baseline** are times, or memory and other figures where the row says so. The name
  of the baseline comes first. The first lines of `benchmarks/NAME.py` describe the baselines, and
  why some goals are hard to meet.
- **ratio** is ours divided by the baseline: 0.1 is ten times as fast. The baseline and our code are
  measured in turn in the same run, which makes the ratio reliable on a noisy machine. It is the
  median over the pairs, with the smallest and the largest in parentheses. Rows without these have
  one pair.
- **goal** is the largest ratio that is good enough, or a range. Rows without one are for
  information.
- Seeded generators make the inputs, which are the same everywhere. Label files have 1 million
  frames of 400 larvae, unless the row says otherwise; "5 % odd" means that 5 % of frames have two
  labels or none. `fed.label` is a real file of 287,000 frames, measured if it is available.
"""


def title(benchmark: str) -> str:
    """Return the first line of a benchmark's file, which says what it measures."""
    source = Path(__file__).with_name(f"{benchmark}.py").read_text("utf-8")
    return (ast.get_docstring(ast.parse(source)) or benchmark).splitlines()[0]


def machine() -> list[str]:
    """Return the facts of the machine that figures depend on."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "pandas", "h5py"))
    return [
        f"{_processor()}, {os.cpu_count()} cores{_memory()}{_load()}",
        f"{platform.system()} {platform.machine()}",
        f"Python {platform.python_version()}, {libraries}, Julia {_julia()}",
    ]


def count(results: Mapping[str, Sequence[Row]]) -> str:
    """Return how many goals are met."""
    verdicts = [row.met for rows in results.values() for row in rows if row.goal]
    missed = verdicts.count("not met")
    return f"{len(verdicts) - missed} goals are met, {missed} not met"


def table(results: Mapping[str, Sequence[Row]]) -> str:
    """Return the table as text."""
    head = Row(*COLUMNS)
    columns = zip(*(row.cells for rows in ([head], *results.values()) for row in rows), strict=True)
    widths = [max(map(len, column)) for column in columns]
    lines = [line(head, widths)]
    for benchmark, rows in results.items():
        lines += ["", title(benchmark), *(line(row, widths) for row in rows)]
    return "\n".join(lines)


def page(results: Mapping[str, Sequence[Row]], facts: Sequence[str]) -> str:
    """Return the page.

    Parameters
    ----------
    results : mapping of str to sequence of Row
        The rows, by benchmark.
    facts : sequence of str
        When and where they were measured, see `machine`.
    """
    parts = [
        HOW_TO_READ,
        "\n".join(["Measured:", "", *(f"- {fact}" for fact in facts), f"- {count(results)}", ""]),
    ]
    for benchmark, rows in results.items():
        cells = [COLUMNS, ("---",) * len(COLUMNS), *(row.cells for row in rows)]
        lines = [f"| {' | '.join(texts)} |" for texts in cells]
        parts.append("\n".join([f"## {benchmark}", "", title(benchmark), "", *lines, ""]))
    return "\n".join(parts)


def _processor() -> str:
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def _memory() -> str:
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", ()):
        return ""
    return f", {os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 1e9:.0f} GB of memory"


def _load() -> str:
    """Return how busy the machine was before; benchmarks alone keep about one core busy."""
    return f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""


def _julia() -> str:
    try:
        command = julia_command(None)
    except JuliaSetupError:
        return "not installed"
    script = [*command, "-e", "print(VERSION)"]
    return subprocess.run(script, capture_output=True, text=True, check=True).stdout
