"""The tutorials lead where they say: they are run as they stand there."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support import ROOT, blocks
from taggingbackends.backend.scaffold import init

TUTORIALS = ROOT / "docs" / "tutorials"
SCRIPT: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "run_tutorial.py"))
SHARE = r" +([01]\.\d+)"
SCORES = re.compile(rf"(\w+) +\d+{3 * SHARE}|(accuracy|balanced accuracy|Cohen's kappa){SHARE}")


def scores(text: str) -> dict[str, list[float]]:
    """Return the scores of each label, and of all, in the output of `evaluate`."""
    found = (SCORES.fullmatch(line) for line in text.splitlines())
    groups = ([group for group in one.groups() if group] for one in found if one)
    return {name: list(map(float, values)) for name, *values in groups}


def size(picture: Path) -> bytes:
    """Return the width and the height of a PNG."""
    return picture.read_bytes()[16:24]


def check(page: str, folder: Path) -> None:
    """Run a page: it shows what is printed, with about the same figures on each machine."""
    outputs, pictures = SCRIPT["run"](TUTORIALS / page, folder)
    for _, written, printed in outputs:
        lines, found = written.splitlines(), printed.splitlines()
        assert len(lines) == len(found), printed
        # which bouts are wrong depends on rounding, and so on the processor
        same = [SCRIPT["alike"](*pair) for pair in zip(lines, found, strict=True)]
        assert sum(same) >= 0.6 * len(same), printed
        assert scores(written).keys() == scores(printed).keys()
        for name, values in scores(written).items():
            assert scores(printed)[name] == pytest.approx(values, abs=0.1), (name, printed)
    for name, made in pictures.items():
        assert size(made) == size(TUTORIALS / name), name
        assert 0.5 < made.stat().st_size / (TUTORIALS / name).stat().st_size < 2, name


def test_a_first_tagger(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="no matplotlib")
    check("first-tagger.md", tmp_path)


def test_torch_in_a_backend(tmp_path: Path) -> None:
    for needed in ("torch", "safetensors"):
        pytest.importorskip(needed, reason=f"no {needed}, which is too large to require")
    check("pytorch.md", tmp_path)


def test_types_of_a_backend_with_torch_and_of_the_tutorial_about_it(tmp_path: Path) -> None:
    for name in ("My-Tagger", "Torch-Tagger"):
        init(name, tmp_path, library="torch")
    for block in blocks("docs/tutorials/pytorch.md"):
        SCRIPT["write"](block, tmp_path / "My-Tagger")
    # the library may be missing here, so its classes may have any type; its `backward` has none
    lenient = ("--ignore-missing-imports", "--allow-subclassing-any", "--allow-untyped-calls")
    result = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", *lenient, *tmp_path.glob("*/src")],
        cwd=tmp_path,
        env=os.environ | {"MYPY_CACHE_DIR": str(ROOT / ".mypy_cache")},
        capture_output=True,
        text=True,
    )
    assert "no issues found in 19 source files" in result.stdout, result.stdout
