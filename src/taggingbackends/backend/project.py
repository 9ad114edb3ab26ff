"""The project file, the name and the scripts of a backend."""

from __future__ import annotations

import re
import sys
from keyword import kwlist
from os import PathLike
from pathlib import Path
from typing import Any

from taggingbackends.errors import BackendError, shown

__all__ = [
    "FOLDERS",
    "SCRIPTS",
    "ambiguous_scripts",
    "assigned_version",
    "candidates",
    "find_backend",
    "is_backend",
    "is_reserved",
    "nearest_project",
    "own_suffixes",
    "package_name",
    "package_of",
    "project_metadata",
    "project_tables",
]

FOLDERS = ("data/raw", "data/interim", "data/processed", "models", "pretrained_models")
"""The folders of a backend that hold a folder per model instance."""

SCRIPTS = {
    "make_dataset": "data",
    "build_features": "features",
    "train_model": "models",
    "finetune_model": "models",
    "predict_model": "models",
}
"""Step -> the subpackage of src/<package> that holds its script."""

_RESERVED = {
    *kwlist,
    *(name.lower() for name in sys.stdlib_module_names),
    *SCRIPTS,  # a script's folder comes first on its path
    "test",
    "taggingbackends",
    # packages that backends use, installed here or not
    "cv2",
    "dask",
    "distributed",
    "jax",
    "joblib",
    "keras",
    "matplotlib",
    "numpy",
    "pandas",
    "pytest",
    "scikit_learn",
    "scipy",
    "simdjson",
    "skimage",
    "sklearn",
    "skops",
    "tensorflow",
    "torch",
    "xarray",
}


def is_backend(folder: Path) -> bool:
    """Return whether a folder is a backend.

    A backend has a pyproject.toml, and a folder models/ or a predict_model script.
    """
    return (folder / "pyproject.toml").is_file() and (
        (folder / "models").is_dir()
        or bool(candidates(folder, package_name(folder), "predict_model"))
    )


def package_name(project_dir: Path) -> str:
    """Return the package name: the project's name in lower case, underscores for hyphens."""
    return package_of(project_metadata(project_dir)["name"])


def package_of(name: str) -> str:
    """Return the package name for a project name."""
    return name.lower().replace("-", "_")


def is_reserved(name: str) -> bool:
    """Return whether the package of a project would have the name of another package.

    The other packages are modules of Python, taggingbackends, and packages that backends use.
    The name of a step or a keyword is reserved, too.
    """
    return package_of(name) in _RESERVED


def project_tables(project_dir: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the tables [project] and [tool.poetry] of pyproject.toml. A missing table is empty.

    Raises
    ------
    BackendError
        ``not-a-backend``: the file is not TOML, or one of these is not a table.
    """
    path, content = _content(project_dir)
    tool = _table(path, content, "tool")
    return _table(path, content, "project"), _table(path, tool, "poetry")


def own_suffixes(project_dir: Path) -> tuple[str, ...]:
    """Return the suffixes of the backend's own formats, in lower case.

    They are listed in pyproject.toml: ``suffixes = [".avi"]`` in ``[tool.taggingbackends]``.

    Raises
    ------
    BackendError
        ``not-a-backend``: the file is not TOML, or something else is there.
    """
    path, content = _content(project_dir)
    own = _table(path, _table(path, content, "tool"), "taggingbackends")
    suffixes = own.get("suffixes", [])
    if not (
        isinstance(suffixes, list)
        and all(isinstance(x, str) and x.startswith(".") and len(x) > 1 for x in suffixes)
    ):
        problem = f'{path}: expected suffixes in [tool.taggingbackends] such as [".avi"], found'
        raise BackendError("not-a-backend", f"{problem} {shown(suffixes)}")
    other = next((key for key in own if key != "suffixes"), None)
    if other is not None:
        problem = f"{path}: expected only suffixes in [tool.taggingbackends], found {other}"
        raise BackendError("not-a-backend", problem)
    return tuple(suffix.lower() for suffix in suffixes)


def _content(project_dir: Path) -> tuple[Path, dict[str, Any]]:
    import tomllib

    path = project_dir / "pyproject.toml"
    try:
        return path, tomllib.loads(path.read_text("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # overlong integers raise ValueError, too
        raise BackendError("not-a-backend", f"{path}: expected TOML, found: {error}") from None


def project_metadata(project_dir: Path) -> dict[str, str]:
    """Return the name and version of a project.

    The name of the folder is used if pyproject.toml gives none. The version comes from
    pyproject.toml or else from the package's ``__init__.py``. If neither gives it, the key is
    missing.
    """
    found = {"name": project_dir.name}
    for table in reversed(project_tables(project_dir)):
        found |= {key: table[key] for key in ("name", "version") if isinstance(table.get(key), str)}
    if "version" not in found:
        assigned = assigned_version(project_dir / "src" / package_of(found["name"]))
        if assigned:
            found["version"] = assigned
    return found


def assigned_version(package: Path) -> str | None:
    """Return the ``__version__`` that a package's ``__init__.py`` assigns.

    It is "" if the assigned expression is not a string, and None if nothing is assigned.
    """
    init = package / "__init__.py"
    text = init.read_text("utf-8", "replace") if init.is_file() else ""
    assigned = re.search(r"^__version__\s*(?::[^=\n]*)?=\s*(?:['\"]([^'\"\n]*)['\"])?", text, re.M)
    return None if assigned is None else assigned[1] or ""


def _table(path: Path, tables: dict[str, Any], name: str) -> dict[str, Any]:
    table = tables.get(name, {})
    if not isinstance(table, dict):
        problem = f"{path}: expected a table as {name}, found {shown(table)}"
        raise BackendError("not-a-backend", problem)
    return table


def candidates(project_dir: Path, package: str, step: str) -> list[Path]:
    """Return the existing files that could be the script of a step."""
    folders = (project_dir / "src" / package / SCRIPTS[step], project_dir / "scripts")
    paths = (folder / f"{step}{suffix}" for folder in folders for suffix in (".py", ".jl"))
    return [path for path in paths if path.is_file()]


def ambiguous_scripts(project_dir: Path, step: str, found: list[Path]) -> str:
    """Return the message for a step that has several scripts."""
    names = " and ".join(path.relative_to(project_dir).as_posix() for path in found)
    return f"expected one {step} script, found {names}"


def find_backend(project_dir: str | PathLike[str] | None = None) -> Path:
    """Return the absolute path of a backend's folder.

    Parameters
    ----------
    project_dir : path, optional
        The folder. The default is the nearest backend at or above the current folder.

    Raises
    ------
    BackendError
        ``not-a-backend``: the folder is not a backend, or no backend was found.
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
        f"{here}: expected a backend here or above: pyproject.toml, and models/ or predict_model"
    )
    raise BackendError("not-a-backend", problem, "change folder, or name one with project_dir=...")


def nearest_project() -> Path:
    """Return the nearest folder with a pyproject.toml, at or above the current folder.

    If there is no such folder, return the current one.
    """
    here = Path.cwd()
    above = (folder for folder in (here, *here.parents) if (folder / "pyproject.toml").is_file())
    return next(above, here)
