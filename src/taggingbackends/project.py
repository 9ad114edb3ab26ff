"""What makes a folder a backend: its project file, its name and its scripts."""

from __future__ import annotations

import re
import tomllib
from os import PathLike
from pathlib import Path

from taggingbackends.errors import BackendError

__all__ = [
    "SCRIPTS",
    "candidates",
    "find_backend",
    "is_backend",
    "package_name",
    "project_metadata",
]

SCRIPTS = {
    "make_dataset": "data",
    "build_features": "features",
    "train_model": "models",
    "finetune_model": "models",
    "predict_model": "models",
}
"""The scripts of a backend -> the subpackage of src/<package> in which they live."""


def is_backend(folder: Path) -> bool:
    """Tell whether a folder is a backend: pyproject.toml, and models/ or a predict_model script."""
    return (folder / "pyproject.toml").is_file() and (
        (folder / "models").is_dir()
        or bool(candidates(folder, package_name(folder), "predict_model"))
    )


def package_name(project_dir: Path) -> str:
    """Return the package's name: the project's in lower case, hyphens as underscores."""
    return project_metadata(project_dir)["name"].lower().replace("-", "_")


def project_metadata(project_dir: Path) -> dict[str, str]:
    """Return name and version of a project.

    The version is left out if neither pyproject.toml nor the package's ``__init__.py`` says it.
    """
    path = project_dir / "pyproject.toml"
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BackendError("not-a-backend", f"{path}: expected TOML, found: {error}") from None
    tables = (content.get("project"), content.get("tool", {}).get("poetry"))
    found = {"name": project_dir.name}
    for table in reversed([table for table in tables if isinstance(table, dict)]):
        found |= {key: table[key] for key in ("name", "version") if isinstance(table.get(key), str)}
    package = found["name"].lower().replace("-", "_")
    init = project_dir / "src" / package / "__init__.py"
    if "version" not in found and init.is_file():
        assigned = re.search(r"^__version__\s*=\s*['\"]([^'\"]+)", init.read_text("utf-8"), re.M)
        if assigned:
            found["version"] = assigned[1]
    return found


def candidates(project_dir: Path, package: str, step: str) -> list[Path]:
    """Return the existing files that may be a step's script."""
    folders = (project_dir / "src" / package / SCRIPTS[step], project_dir / "scripts")
    paths = (folder / f"{step}{suffix}" for folder in folders for suffix in (".py", ".jl"))
    return [path for path in paths if path.is_file()]


def find_backend(project_dir: str | PathLike[str] | None = None) -> Path:
    """Return a backend's folder, absolute: the given one, or the nearest at or above this folder.

    Raises
    ------
    BackendError
        ``not-a-backend``.
    """
    if project_dir is not None:
        folder = Path(project_dir).resolve()
        if not is_backend(folder):
            problem = f"{folder}: expected a backend: pyproject.toml, and models/ or predict_model"
            raise BackendError("not-a-backend", problem)
        return folder
    here = Path.cwd()
    for folder in (here, *here.parents):
        if is_backend(folder):
            return folder
    problem = (
        f"{here}: expected a backend here or above: pyproject.toml, and models/ or predict_model; "
        "change folder, or name one with --project; `tagging-backend init` makes one"
    )
    raise BackendError("not-a-backend", problem)
