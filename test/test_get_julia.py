"""Finding or installing a Julia for the tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support import ROOT, executable, posix


@posix
@pytest.mark.parametrize("script", [None, "exit 3"])
def test_a_named_julia_that_does_not_run_is_reported(script: str | None, tmp_path: Path) -> None:
    bad = tmp_path / "bad" / "julia"
    if script is not None:
        executable(bad, script)
    good = executable(tmp_path / "bin" / "julia")
    result = subprocess.run(
        [sys.executable, ROOT / "test" / "get_julia.py", tmp_path / "tools"],
        env={"TAGGINGBACKENDS_JULIA": str(bad), "PATH": str(tmp_path / "bin")},
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stdout) == (0, f"{good}\n"), result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith("named: ")
    assert str(bad) in line
