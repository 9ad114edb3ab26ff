"""Create a backend from the template. The template is a working backend named My-Tagger."""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import distribution, requires
from importlib.resources import files
from importlib.resources.abc import Traversable
from keyword import kwlist
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from taggingbackends.backend.project import FOLDERS, package_of
from taggingbackends.errors import BackendError, shown
from taggingbackends.system.files import write_file

__all__ = ["init", "requirement"]

_NAME = "My-Tagger"
_NAMES = re.compile(r"[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?")


def init(name: str, parent: Path, minimal: bool = False) -> list[Path]:
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

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    BackendError
        ``bad-name``: the name cannot name a Python package, or it is reserved.
        ``existing-file``: the backend's folder exists and is not empty.
    """
    _check_name(name)
    package = package_of(name)
    folder = parent / name
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        problem = f"{folder}: expected a new or empty folder, found this one; choose another name"
        raise BackendError("existing-file", problem)
    template = files(__package__) / "template" / ("minimal" if minimal else "full")
    contents = {
        folder / _renamed(path, package): _filled(path, text, name, package)
        for path, text in _texts(template, "")
    }
    for made in () if minimal else FOLDERS:
        (folder / made).mkdir(parents=True, exist_ok=True)
    for path, text in contents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, [text.encode()])
    return list(contents)


def requirement() -> str:
    """Return the requirement that installs the running version of taggingbackends.

    It names the source of the installation (PEP 610) if that is a repository, an archive on the
    web, or a folder or archive that still exists. Otherwise it gives the version as a minimum.
    """
    installed = distribution("taggingbackends")
    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    url = origin.get("url", "")
    if "vcs_info" in origin:
        vcs = origin["vcs_info"]
        return f"taggingbackends @ {vcs['vcs']}+{url}@{vcs['commit_id']}"
    place = urlsplit(url)
    if place.scheme == "file" and Path(url2pathname(place.path)).exists():
        return f"taggingbackends @ {url}"
    if place.scheme in ("http", "https"):
        return f"taggingbackends @ {url}"
    return f"taggingbackends>={installed.version}"


def _check_name(name: str) -> None:
    if not _NAMES.fullmatch(name):
        problem = f"{shown(name)}: expected letters, digits and hyphens, a letter first"
        suggested = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")
        if _NAMES.fullmatch(suggested):
            problem += f"; did you mean {suggested}?"
        raise BackendError("bad-name", problem)
    required = (text.partition(">")[0] for text in requires("taggingbackends") or ())
    if name.lower() in {"taggingbackends", *sys.stdlib_module_names, *required, *kwlist}:
        problem = (
            f"{shown(name)}: name is reserved (a Python module, keyword or dependency); "
            "choose another"
        )
        raise BackendError("bad-name", problem)


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
    if path == "pyproject.toml":
        text = text.replace('"taggingbackends"', json.dumps(requirement()))
    return text.replace(_NAME, name).replace("my_tagger", package)
