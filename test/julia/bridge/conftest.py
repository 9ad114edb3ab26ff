"""The Julia that the tests of the bridge use, if there is one."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest

from support import ROOT
from taggingbackends import JuliaSetupError
from taggingbackends.julia.startup import choose


@pytest.fixture(scope="session")
def julia() -> ModuleType:
    """Start Julia in this process, if a process that is tried first can start it.

    Nothing is installed for that: `tagging-backend julia setup` does.
    """
    standin = str(ROOT / "test" / "julia" / "bridge" / "standin")
    if not str(getattr(find_spec("juliacall"), "origin", "")).startswith(standin):
        try:
            choice = choose()
            choice.check()
        except JuliaSetupError as error:
            pytest.skip(f"juliacall cannot start: {error}")
        if not choice.prepared:
            pytest.skip(f"nothing is prepared in {choice.project}: tagging-backend julia setup")
    script = "import sys\nfrom taggingbackends import julia\ntry: julia.start()\n"
    script += "except Exception as error: sys.exit(str(error))"
    tried = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    if tried.returncode != 0:
        reason = (tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"])[-1]
        pytest.skip(f"juliacall cannot start: {reason}")
    from taggingbackends import julia

    julia.start()
    return julia


@pytest.fixture(scope="session")
def functions(julia: ModuleType) -> Any:
    """Return the Julia functions that the tests call."""
    return julia.include(ROOT / "test" / "julia" / "bridge" / "functions.jl")


@pytest.fixture(scope="session")
def is_standin(julia: ModuleType) -> bool:
    """Return whether another module stands in for juliacall."""
    return "standin" in str(sys.modules["juliacall"].__file__)
