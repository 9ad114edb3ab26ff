"""Label files in Julia, compared with Python on the same files."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness import compare_times, row, seconds
from benchmarks.inputs import RUN, label_file
from taggingbackends import JuliaSetupError, Labels
from taggingbackends.backend.juliascripts import julia_command, julia_environment


def run(folder: Path) -> None:
    """Print times, allocations per track, and growth with the number of names."""
    try:
        command = julia_command(None)
    except JuliaSetupError as error:
        print(f"skipped: {error}")
        return
    script = Path(__file__).with_name("julia.jl")
    with subprocess.Popen(
        [*command, str(script)],
        env=julia_environment(os.environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        _run(folder, process)
        process.communicate()


def _run(folder: Path, process: subprocess.Popen[str]) -> None:
    allocations = 0.0

    def julia(request: str) -> float:
        nonlocal allocations
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{request}\n")
        process.stdin.flush()
        time, counted = process.stdout.readline().split()
        allocations = float(counted)
        return float(time)

    row("", "of Python's time", "Julia", "Python")
    for case, odd, frames in (
        ("1 M frames", 0.0, 1_000_000),
        ("1 M frames, 5 % with two labels or none", 0.05, 1_000_000),
        ("100,000 frames", 0.0, 100_000),
    ):
        path, written = label_file(folder / "julia.label", odd, frames), folder / "written.label"
        labels = Labels.read(path)
        pairs: dict[str, Callable[[], Any]] = {
            f"read {path}": partial(Labels.read, path),
            f"write {written}": partial(labels.write, written),
        }
        for request, ours in pairs.items():
            verb = request.split()[0]
            compare_times(f"{verb} {case}", partial(seconds, ours), partial(julia, request))
            row("", f"{allocations / len(labels[RUN]):.1f} allocations per track")
    row("\ntimes of the processor", "of linear growth", "32000", "4 x 8000")
    for operation in ("reading", "writing", "declaring", "bouts", "comparing", "windows"):
        compare_times(
            f"32000 names: {operation}; 4 x 8000 names",
            lambda operation=operation: 4 * julia(f"{operation} 8000"),  # type: ignore[misc]
            lambda operation=operation: julia(f"{operation} 32000"),  # type: ignore[misc]
            rounds=5,
            goal=3.0,  # tables of strings leave the cache; quadratic growth is 4
        )
