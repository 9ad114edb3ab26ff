"""The Julia package TaggingBackends that belongs to this Python package."""

from __future__ import annotations

import re
from pathlib import Path

from taggingbackends.errors import JuliaSetupError

__all__ = ["julia_package", "julia_package_version"]

_HOME = Path(__file__).resolve().parent.parent  # the Python package


def julia_package() -> Path:
    """Return the folder of the Julia package, with its Project.toml.

    A wheel has it inside the Python package; in a checkout it is the root.

    Raises
    ------
    JuliaSetupError
        ``missing-package``: it is not installed with the Python package.
    """
    for folder in (_HOME / "_julia", _HOME.parent.parent):
        if (folder / "src" / "TaggingBackends.jl").is_file():
            return folder
    problem = f"expected the Julia package in {_HOME / '_julia'}: reinstall taggingbackends"
    raise JuliaSetupError("missing-package", problem)


def julia_package_version() -> str:
    """Return the version in the Julia package's Project.toml."""
    text = (julia_package() / "Project.toml").read_text("utf-8")
    found = re.search(r'^version *= *"(.*)"', text, re.MULTILINE)
    return found[1] if found else "unknown"
