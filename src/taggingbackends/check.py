"""What in a backend's folder breaks the contract, and what mends it. Reads, runs nothing."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taggingbackends.errors import BackendError
from taggingbackends.identifiers import check_identifier
from taggingbackends.project import SCRIPTS, candidates, project_metadata

__all__ = ["Problem", "check"]


@dataclass(frozen=True)
class Problem:
    """One thing that breaks the contract.

    Attributes
    ----------
    where : Path
        File or folder.
    what : str
        Expected and found.
    mend : str
        What to do.
    """

    where: Path
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.mend}"


def check(project_dir: Path) -> list[Problem]:
    """Return everything in a folder that breaks docs/contract.md, sections 1 and 2.

    Parameters
    ----------
    project_dir : Path
        It need not be a backend.

    Returns
    -------
    list of Problem
        Empty for a good backend.
    """
    path = project_dir / "pyproject.toml"
    if not path.is_file():
        mend = "run the command in a backend's folder, or make one with `tagging-backend init`"
        return [Problem(path, "expected this file, found none", mend)]
    try:
        metadata = project_metadata(project_dir)
    except BackendError as error:
        return [Problem(path, str(error).removeprefix(f"{path}: "), "mend its syntax")]
    package = metadata["name"].lower().replace("-", "_")
    return [
        *_check_project(path, package),
        *_check_scripts(project_dir, package),
        *_check_package(project_dir, package, metadata.get("version")),
        *_check_folders(project_dir),
    ]


def _check_project(path: Path, package: str) -> Iterator[Problem]:
    content = tomllib.loads(path.read_text("utf-8"))
    project: dict[str, Any] = content.get("project", {})
    poetry: dict[str, Any] = content.get("tool", {}).get("poetry", {})
    if not (project.get("name") or poetry.get("name")):
        yield Problem(path, "expected the project's name, found none", 'add [project] name = "..."')
    elif not package.isidentifier():
        what = f"expected a name that gives a Python package, found {package!r}"
        yield Problem(path, what, "use letters, digits and hyphens, a letter first")
    required = [*project.get("dependencies", []), *poetry.get("dependencies", {})]
    names = {re.split(r"[^A-Za-z0-9_.-]", text.strip(), maxsplit=1)[0].lower() for text in required}
    if "taggingbackends" not in names:
        what = "expected taggingbackends among the dependencies, found none"
        yield Problem(path, what, 'add "taggingbackends" to [project] dependencies')


def _check_scripts(project_dir: Path, package: str) -> Iterator[Problem]:
    for step in SCRIPTS:
        found = candidates(project_dir, package, step)
        if len(found) > 1:
            names = " and ".join(str(path.relative_to(project_dir)) for path in found)
            yield Problem(project_dir, f"expected one {step} script, found {names}", "remove one")
        for script in found:
            if script.suffix == ".py":
                yield from _check_script(script)
    if not candidates(project_dir, package, "predict_model"):
        where = project_dir / "src" / package / "models" / "predict_model.py"
        mend = f"write it, there or as {Path('scripts', 'predict_model.py')}"
        yield Problem(where, "expected this script, found none", mend)


def _check_script(script: Path) -> Iterator[Problem]:
    try:
        tree = ast.parse(script.read_bytes())
    except SyntaxError as error:
        what = f"expected Python, found {error.msg} in line {error.lineno}"
        yield Problem(script, what, "mend its syntax")
        return
    if not any(isinstance(node, ast.If) and _is_main(node.test) for node in tree.body):
        mend = f'end it with `if __name__ == "__main__": main({script.stem})`'
        yield Problem(script, "expected a main program, found none", mend)


def _is_main(test: ast.expr) -> bool:
    return "__main__" in ast.dump(test) and "__name__" in ast.dump(test)


def _check_package(project_dir: Path, package: str, version: str | None) -> Iterator[Problem]:
    source = project_dir / "src"
    if not source.is_dir():
        return  # the scripts live in scripts/
    folder = source / package
    if not folder.is_dir():
        others = sorted(path.name for path in source.iterdir() if (path / "__init__.py").is_file())
        what = f"expected the package {package}, found {', '.join(others) or 'none'}"
        yield Problem(folder, what, f"rename it to {package}, or the project in pyproject.toml")
        return
    init = folder / "__init__.py"
    assigned = None
    if init.is_file():
        text = init.read_text("utf-8")
        assigned = re.search(r"^__version__\s*(?::[^=]*)?=\s*(?:['\"]([^'\"]*)['\"])?", text, re.M)
    if assigned is None:
        mend = f'write `__version__ = "{version or "0.1.0"}"` into it'
        yield Problem(init, "expected it to define __version__", mend)
    elif assigned[1] and version and assigned[1] != version:
        what = f"expected version {version}, as in pyproject.toml, found {assigned[1]}"
        yield Problem(init, what, "make them the same")
    for name in dict.fromkeys(SCRIPTS.values()):
        subpackage = folder / name
        if subpackage.is_dir() and not (subpackage / "__init__.py").is_file():
            where = subpackage / "__init__.py"
            yield Problem(where, "expected this file, found none", "make it, empty")


def _check_folders(project_dir: Path) -> Iterator[Problem]:
    for top in (
        project_dir / "models",
        *(project_dir / "data" / stage for stage in ("raw", "interim", "processed")),
    ):
        for path in sorted(top.iterdir()) if top.is_dir() else ():
            if path.name.startswith("."):
                if path.name.endswith(".partial") and top.name == "models":
                    what = "found a training that is under way, or was killed"
                    instance = path.name.removeprefix(".").removesuffix(".partial")
                    mend = f"`tagging-backend reset --model-instance {instance} --model` removes it"
                    yield Problem(path, what, mend)
                continue
            if not path.is_dir():
                continue
            try:
                check_identifier("instance", path.name)
            except BackendError as error:
                yield Problem(path, str(error), "rename it")
