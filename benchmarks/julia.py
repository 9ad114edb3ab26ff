"""Label files in Julia, compared with Python and the extra `fast` on the same files."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness import compare_times, fact, seconds, section, skip
from benchmarks.inputs import RUN, label_file
from taggingbackends import JuliaSetupError, Labels
from taggingbackends.backend.juliascripts import julia_command, julia_environment

GOAL = 1.0  # Julia should not be slower


def run(folder: Path) -> None:
    """Measure times, allocations per track, and growth with the number of names."""
    try:
        command = julia_command(None)
    except JuliaSetupError as error:
        skip(str(error))
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

    for case, odd, frames in (
        ("1 M frames", 0.0, 1_000_000),
        ("1 M frames, 5 % odd", 0.05, 1_000_000),
        ("100,000 frames", 0.0, 100_000),
    ):
        section(case, "Python")
        path, written = label_file(folder / "julia.label", odd, frames), folder / "written.label"
        labels = Labels.read(path)
        pairs: dict[str, Callable[[], Any]] = {
            f"read {path}": partial(Labels.read, path),
            f"write {written}": partial(labels.write, written),
        }
        for request, ours in pairs.items():
            verb = request.split()[0]
            compare_times(verb, partial(seconds, ours), partial(julia, request), goal=GOAL)
            fact(f"{verb}, allocations per track", f"{allocations / len(labels[RUN]):.1f}")
    section("32,000 names, time of the processor", "4 x the time of 8,000")
    for operation in ("reading", "writing", "declaring", "bouts", "comparing", "windows"):
        compare_times(
            operation,
            lambda operation=operation: 4 * julia(f"{operation} 8000"),  # type: ignore[misc]
            lambda operation=operation: julia(f"{operation} 32000"),  # type: ignore[misc]
            rounds=5,
            goal=3.0,  # tables of strings leave the cache; quadratic growth is 4
        )
