"""Check a backend's folder against the contract. Files are read; nothing is run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from keyword import iskeyword
from pathlib import Path
from typing import Any, NamedTuple

from taggingbackends.backend.claims import dead_claims
from taggingbackends.backend.folder import BackendFolder, data_problem, find_data
from taggingbackends.backend.project import (
    FOLDERS,
    SCRIPTS,
    ambiguous_scripts,
    assigned_version,
    candidates,
    is_backend,
    is_reserved,
    own_suffixes,
    package_of,
    project_metadata,
    project_tables,
)
from taggingbackends.backend.requirements import check_packages
from taggingbackends.backend.sandboxes import State, list_sandboxes
from taggingbackends.backend.trainingrecord import RECORD, model_digest, read_record
from taggingbackends.errors import BackendError, shown
from taggingbackends.system.locks import locked_if_free
from taggingbackends.system.messages import describe
from taggingbackends.system.names import check_identifier, is_identifier

__all__ = ["Problem", "check"]


class Problem(NamedTuple):
    """A violation of the contract.

    Attributes
    ----------
    where : Path
        The file or folder.
    what : str
        What was expected and what was found.
    fix : str
        How to fix it, in terms of the Python API.
    """

    where: Path
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.fix}"


def check(project_dir: Path, data_folder: Path | None = None) -> list[Problem]:
    """Return every violation of docs/contract.md, sections 1 and 2, in a folder.

    Parameters
    ----------
    project_dir : Path
        The folder to check. It need not be a backend.
    data_folder : Path, optional
        As for `BackendExplorer`.

    Returns
    -------
    list of Problem
        Empty if the backend is valid.
    """
    path = project_dir / "pyproject.toml"
    if not path.is_file():
        fix = "change folder, or name one with project_dir=..."
        return [Problem(path, "expected this file, found none", fix)]
    try:
        project, poetry = project_tables(project_dir)
    except BackendError as error:
        return [Problem(path, str(error).removeprefix(f"{path}: "), "fix its syntax")]
    metadata = project_metadata(project_dir)
    package = package_of(metadata["name"])
    return [
        *_check_project(path, project, poetry),
        *_check_packages(project_dir),
        *_check_scripts(project_dir, package),
        *_check_package(project_dir, package, metadata.get("version")),
        *_check_folders(project_dir, find_data(project_dir, data_folder)),
        *_check_models(project_dir, data_folder),
        *_check_records(project_dir, metadata),
        *_check_sandboxes(project_dir, data_folder),
    ]


def _check_project(
    path: Path, project: dict[str, Any], poetry: dict[str, Any]
) -> Iterator[Problem]:
    name = project.get("name", poetry.get("name"))
    if not (isinstance(name, str) and name):
        what = f"expected the project's name, found {'none' if name is None else shown(name)}"
        yield Problem(path, what, 'add [project] name = "..."')
    elif not package_of(name).isidentifier() or iskeyword(package_of(name)):
        what = f"expected a name that can name a Python package, found {name!r}"
        yield Problem(path, what, "use letters, digits and hyphens, a letter first")
    elif is_reserved(name):
        what = f"expected a name that no other Python package has, found {name!r}"
        yield Problem(path, what, "rename the project, and its package in src/")
    required: list[str] = []
    dependencies = project.get("dependencies", [])
    if isinstance(dependencies, list) and all(isinstance(text, str) for text in dependencies):
        required += dependencies
    else:
        what = f"expected a list of strings as [project] dependencies, found {shown(dependencies)}"
        yield Problem(path, what, 'write it like ["taggingbackends"]')
    dependencies = poetry.get("dependencies", {})
    if isinstance(dependencies, dict):
        required = required or list(dependencies)  # Poetry's only say where to find [project]'s
    else:
        what = f"expected a table as [tool.poetry] dependencies, found {shown(dependencies)}"
        yield Problem(
            path, what, 'write it like taggingbackends = "*" in [tool.poetry.dependencies]'
        )
    names = {re.split(r"[^A-Za-z0-9_.-]", text.strip(), maxsplit=1)[0].lower() for text in required}
    try:
        own_suffixes(path.parent)
    except BackendError as error:
        yield Problem(
            path, str(error).removeprefix(f"{path}: "), 'write it like suffixes = [".avi"]'
        )
    if "taggingbackends" not in names:
        what = "expected taggingbackends among the dependencies, found none"
        yield Problem(path, what, 'add "taggingbackends" to [project] dependencies')


def _check_packages(project_dir: Path) -> Iterator[Problem]:
    try:
        check_packages(project_dir)
    except BackendError as error:
        path = project_dir / "pyproject.toml"
        yield Problem(path, error.problem.removeprefix(f"{path}: "), error.fix)


def _check_scripts(project_dir: Path, package: str) -> Iterator[Problem]:
    for step in SCRIPTS:
        found = candidates(project_dir, package, step)
        if len(found) > 1:
            yield Problem(project_dir, ambiguous_scripts(project_dir, step, found), "remove one")
        for script in found:
            if script.suffix == ".py":
                yield from _check_script(script)
    if not candidates(project_dir, package, "predict_model"):
        where = project_dir / "src" / package / "models" / "predict_model.py"
        fix = f"write it, there or as {Path('scripts', 'predict_model.py')}"
        yield Problem(where, "expected this script, found none", fix)


def _check_script(script: Path) -> Iterator[Problem]:
    # imported here: every command loads this module, and only `check` calls this function
    import ast
    import tokenize

    try:
        with tokenize.open(script) as file:
            tree = ast.parse(file.read())
    except SyntaxError as error:
        line = "" if error.lineno is None else f" in line {error.lineno}"
        what = f"expected Python, found {error.msg}{line}"
        yield Problem(script, what, "fix its syntax")
        return
    except (ValueError, MemoryError, RecursionError) as error:
        yield Problem(script, f"expected Python, found {error or 'too much code'}", "fix it")
        return
    tests = [ast.dump(node.test) for node in tree.body if isinstance(node, ast.If)]
    if not any("__main__" in test and "__name__" in test for test in tests):
        fix = f'end it with `if __name__ == "__main__": main({script.stem})`'
        yield Problem(script, "expected a main program, found none", fix)


def _check_package(project_dir: Path, package: str, version: str | None) -> Iterator[Problem]:
    source = project_dir / "src"
    if not source.is_dir():
        return  # the scripts are in scripts/
    folder = source / package
    if not folder.is_dir():
        others = sorted(path.name for path in source.iterdir() if (path / "__init__.py").is_file())
        what = f"expected the package {package}, found {', '.join(others) or 'none'}"
        yield Problem(folder, what, f"rename it to {package}, or the project in pyproject.toml")
        return
    init = folder / "__init__.py"
    assigned = assigned_version(folder)
    if assigned is None:
        fix = f'write `__version__ = "{version or "0.1.0"}"` into it'
        yield Problem(init, "expected it to define __version__", fix)
    elif assigned and version and assigned != version:
        what = f"expected version {version}, as in pyproject.toml, found {assigned}"
        yield Problem(init, what, "make them the same")
    for name in dict.fromkeys(SCRIPTS.values()):
        subpackage = folder / name
        if subpackage.is_dir() and not (subpackage / "__init__.py").is_file():
            where = subpackage / "__init__.py"
            yield Problem(where, "expected this file, found none", "make it, empty")


def _check_folders(project_dir: Path, data_folder: Path) -> Iterator[Problem]:
    reported = set()
    for name in FOLDERS:
        stage = name.removeprefix("data/")
        top = project_dir / name if stage == name else data_folder / stage
        problem = data_problem(top) if stage != name else None
        if problem is not None and problem not in reported:
            reported.add(problem)
            yield Problem(*problem)
        for path in sorted(top.iterdir()) if top.is_dir() else ():
            if path.name.startswith(".") or not path.is_dir():
                continue
            try:
                check_identifier("instance", path.name)
            except BackendError as error:
                yield Problem(path, str(error), "rename it")


_LEFTOVERS = {
    ".partial": "the files of a killed training",
    ".removed": "the rest of a removed model",
    ".replaced": "the old model of a killed training",
}


def _check_models(project_dir: Path, data_folder: Path | None) -> Iterator[Problem]:
    """Report what trainings leave if they are killed. No fix removes a finished model."""
    models = project_dir / "models"
    for path in sorted(models.glob(".?*")):
        found = _LEFTOVERS.get(path.suffix)
        if found is None:
            continue
        instance = path.name.removeprefix(".").removesuffix(path.suffix)
        with locked_if_free(models / f".{instance}.lock") as free:
            if free is False:  # of a running training
                continue
        replaced = models / f".{instance}.replaced"
        if path == replaced and not (models / instance).exists():
            fix = f"rename it to {instance}"
        elif replaced.exists() or (models / instance).exists() or not is_identifier(instance):
            fix = "remove this folder"
        else:
            backend = BackendFolder(project_dir, instance, data_folder=data_folder)
            fix = f"remove it with {backend.call('reset_model')}"
        yield Problem(path, f"found {found}", fix)


def _check_records(project_dir: Path, metadata: dict[str, str]) -> Iterator[Problem]:
    """Compare models with the records of their training."""
    if not is_backend(project_dir):
        return
    backend = BackendFolder(project_dir)
    again = "train the model again"
    for instance in filter(is_identifier, backend.list_models()):
        model = backend.model_dir(instance)
        path = model / RECORD
        try:
            record = read_record(backend, instance)
            if record is None:
                continue
            digest = model_digest(model)
        except BackendError as error:
            yield Problem(path, error.problem.removeprefix(f"{path}: "), error.fix)
            continue
        except OSError as error:
            yield Problem(path, f"cannot be compared: {describe(error)}", "make it readable")
            continue
        made_by = record["backend"]
        for key, what in (("name", "backend"), ("version", "version")):
            now, then = metadata.get(key), made_by.get(key)
            if now != then:
                yield Problem(path, f"expected a model of {what} {now}, found one of {then}", again)
        if record["model_digest"] != digest:
            what = "expected the files that the training wrote, found that some have changed"
            yield Problem(model, what, f"{again}, or remove {RECORD}")


def _check_sandboxes(project_dir: Path, data_folder: Path | None) -> Iterator[Problem]:
    if not is_backend(project_dir):
        return
    backend = BackendFolder(project_dir, data_folder=data_folder)
    why = {State.LEFT: "left by a killed command", State.KEPT: "kept after a failure"}
    for found in list_sandboxes(backend):
        if found.state in why:
            instance = backend.with_instance(found.model_instance)
            what = f"found a sandbox that no command uses, {why[found.state]}"
            fix = f"remove it with {instance.call('reset_sandboxes')}"
            yield Problem(instance.data_dirs()[0] / found.sandbox, what, fix)
    for raw in dead_claims(backend):
        fix = f"remove it with {backend.with_instance(raw.name).call('reset_data')}"
        yield Problem(raw, "found the input of a killed training", fix)
