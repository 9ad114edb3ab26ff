"""Whether this environment has the packages that a backend's pyproject.toml requires."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from taggingbackends.backend.project import project_tables
from taggingbackends.errors import BackendError

__all__ = ["check_packages"]

_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")
_METADATA = re.compile(r"(.+?)(?:-\d.*)?\.(?:dist|egg)-info")  # <name>-<version>.dist-info


def check_packages(project_dir: Path) -> None:
    """Raise an error if a package that a backend requires is not installed in this environment.

    Versions are not compared. Requirements that depend on the platform, the version of Python or
    an extra are not checked.

    Raises
    ------
    BackendError
        ``missing-package``
    """
    required = list(_required(*project_tables(project_dir)))
    installed = _with_metadata() if required else set()
    missing = [name for name in required if _normal(name) not in installed and not _is_module(name)]
    if not missing:
        return
    path = project_dir / "pyproject.toml"
    problem = f"{path}: requires {', '.join(missing)}, not installed in {sys.prefix}"
    raise BackendError("missing-package", problem, _fix(project_dir))


def _required(project: dict[str, Any], poetry: dict[str, Any]) -> Iterator[str]:
    """Yield the names of the packages that are required in any case."""
    required = project.get("dependencies") or poetry.get("dependencies")
    if isinstance(required, dict):  # of Poetry, e.g. {"numpy": "^2", "x": {"path": "../x"}}
        conditions = {"extras", "markers", "optional", "platform", "python"}
        for name, how in required.items():
            certain = isinstance(how, str) or (
                isinstance(how, dict) and not conditions & how.keys()
            )
            if certain and _NAME.fullmatch(name):
                yield name
    elif isinstance(required, list):
        for text in required:
            found = _NAME.match(text) if isinstance(text, str) and ";" not in text else None
            if found:
                yield found[1]


def _with_metadata() -> set[str]:
    """Return the names of the installed packages. `importlib.metadata` takes long to import."""
    found = {"python", "taggingbackends"}  # those that are running
    for folder in sys.path:
        entries = map(_METADATA.fullmatch, (path.name for path in Path(folder).glob("*-info")))
        found |= {_normal(entry[1]) for entry in entries if entry}
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_module(name: str) -> bool:
    """Return whether there is a module of this name.

    Other package managers may install it without metadata, or in a variant such as tensorflow-cpu.
    """
    with suppress(ValueError):  # of a module that was not imported as usual
        return find_spec(re.sub(r"[-.]", "_", name)) is not None
    return True


def _fix(project_dir: Path) -> str:
    own = project_dir / ".venv"
    if Path(sys.prefix) == own:
        return f"run `poetry install` in {project_dir}"
    if own.is_dir():
        return (
            f"leave this environment (`deactivate`), and use the backend's, {own}: in "
            f"{project_dir}, `poetry install` makes it complete and `poetry run ...` uses it"
        )
    return (
        f"in {project_dir}, run `pip install -e .`, if this environment is the backend's; "
        "if not, leave it (`deactivate`), and use the backend's, or `poetry install` to make one"
    )
