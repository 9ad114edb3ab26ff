"""Create a backend from the template. The template is a working backend named My-Tagger."""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from pkgutil import iter_modules
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from taggingbackends.backend.project import (
    FOLDERS,
    is_backend,
    is_reserved,
    package_name,
    package_of,
)
from taggingbackends.errors import BackendError, shown
from taggingbackends.system.files import write_file

__all__ = ["LIBRARIES", "init", "requirement", "source_folder"]

LIBRARIES = ("torch",)
"""Libraries for a network, besides scikit-learn. Each has a folder of the template."""

_NAME = "My-Tagger"
_NAMES = re.compile(r"[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?")


def init(name: str, parent: Path, minimal: bool = False, library: str | None = None) -> list[Path]:
    """Create a new backend.

    Parameters
    ----------
    name : str
        The project's name, e.g. ``"My-Tagger"``. The package has the same name in lower case,
        with underscores for hyphens.
    parent : Path
        The folder in which the backend's folder is created.
    minimal : bool
        Create the smallest backend instead of the whole tree.
    library : str, optional
        One of `LIBRARIES`: the network is made with it instead of scikit-learn.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    BackendError
        ``bad-name``: the name cannot name a Python package, or another package has it.
        ``existing-file``: the backend's folder exists and is not empty, or `parent` is in the
        folder of a backend of this name.
    """
    _check_letters(name)
    package = package_of(name)
    folder = parent / name
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        problem = f"{folder}: expected a new or empty folder, found this one; choose another name"
        raise BackendError("existing-file", problem)
    for above in (parent, *parent.absolute().parents):
        if _is_backend_of(package, above):
            problem = f"{above}: expected no backend of this name here or above, found this one"
            raise BackendError("existing-file", f"{problem}; change folder, or choose another name")
    _check_unused(name)  # after the folders, since this backend may be there and installed
    parts = ["minimal"] if minimal else ["full"] if library is None else ["full", library]
    contents = {
        folder / _renamed(path, package): _filled(path, text, name, package)
        for part in parts  # files of the second one replace those of the first
        for path, text in _texts(files(__package__) / "template" / part, "")
    }
    for made in () if minimal else FOLDERS:
        (folder / made).mkdir(parents=True, exist_ok=True)
    for path, text in contents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, [text.encode()])
    return list(contents)


def _is_backend_of(package: str, folder: Path) -> bool:
    """Return whether a folder is a backend with this package. Any other folder is of no concern."""
    try:
        return is_backend(folder) and package_name(folder) == package
    except (BackendError, OSError):
        return False


def requirement() -> str:
    """Return the requirement that installs the running version of taggingbackends.

    It names the source of the installation (PEP 610) if that is a repository, an archive on the
    web, or an archive that still exists. It is the bare name if there is a `source_folder`.
    Otherwise it gives the version as a minimum.
    """
    if source_folder() is not None:
        return "taggingbackends"
    origin = _origin()
    url = origin.get("url", "")
    if "vcs_info" in origin:
        vcs = origin["vcs_info"]
        return f"taggingbackends @ {vcs['vcs']}+{url}@{vcs['commit_id']}"
    place = _place(url)
    if urlsplit(url).scheme in ("http", "https") or (place is not None and place.exists()):
        return f"taggingbackends @ {url}"
    return f"taggingbackends>={distribution('taggingbackends').version}"


def source_folder() -> Path | None:
    """Return the folder from which taggingbackends was installed, e.g. a checkout, or None."""
    folder = _place(_origin().get("url", ""))
    return folder if folder is not None and folder.is_dir() else None


def _origin() -> dict[str, Any]:
    origin: dict[str, Any] = json.loads(
        distribution("taggingbackends").read_text("direct_url.json") or "{}"
    )
    return origin


def _place(url: str) -> Path | None:
    parts = urlsplit(url)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else None


def _check_letters(name: str) -> None:
    if not _NAMES.fullmatch(name):
        problem = f"{shown(name)}: expected letters, digits and hyphens, a letter first"
        suggested = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")
        if _NAMES.fullmatch(suggested):
            problem += f"; did you mean {suggested}?"
        raise BackendError("bad-name", problem)


def _check_unused(name: str) -> None:
    if is_reserved(name) or _is_installed(name):
        problem = (
            f"{shown(name)}: name is reserved (a keyword, a module of Python, or a package that is "
            f"installed); choose another, such as {name}-Tagger"
        )
        raise BackendError("bad-name", problem)


def _is_installed(name: str) -> bool:
    """Return whether this environment has a module or a distribution with the name, in any case."""
    here = Path.cwd()  # on sys.path with `python -m`
    folders = [folder for folder in sys.path if Path(folder).absolute() != here]
    if package_of(name) in (module.name.lower() for module in iter_modules(folders)):
        return True
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _texts(folder: Traversable, prefix: str) -> list[tuple[str, str]]:
    found = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        path = f"{prefix}{entry.name}"
        if entry.is_dir():
            found += _texts(entry, f"{path}/") if entry.name != "__pycache__" else []
        else:
            found.append((path, entry.read_text("utf-8")))
    return found


def _renamed(path: str, package: str) -> str:
    # A .gitignore in the template would apply to this project, so the template has dot-gitignore.
    return path.replace("my_tagger", package).replace("dot-", ".")


def _filled(path: str, text: str, name: str, package: str) -> str:
    text = text.replace(_NAME, name).replace("my_tagger", package)
    if path == "pyproject.toml":
        text = text.replace('"taggingbackends"', _quoted(requirement()))
        folder = source_folder()
        if folder is not None:  # Poetry then uses the folder itself, instead of a copy
            table = f"{{ path = {_quoted(str(folder))}, develop = true }}"
            text += f"\n[tool.poetry.dependencies]\ntaggingbackends = {table}\n"
    return text


def _quoted(text: str) -> str:
    """Return a TOML string."""
    return json.dumps(text, ensure_ascii=False)
