"""Imports: only from lower layers, without circles, and at the top of a file."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

from support import ROOT

SOURCE = ROOT / "src" / "taggingbackends"
PACKAGE = "taggingbackends"

LAYERS = (
    {"cli", "main", "explorer", "__main__"},
    {"many", "display", "julia"},
    {"backend"},
    {"analysis", "windows"},
    {"data", "simulation"},
    {"labels"},
    {"system"},
    {"errors"},
)
"""From top to bottom. A module imports only from its own folder and from lower layers."""

FACES = {PACKAGE, *(f"{PACKAGE}.{name}" for name in ("labels", "data", "analysis", "display"))}
FACES |= {f"{PACKAGE}.julia"}
"""Packages whose ``__init__`` loads names when they are first used."""


class Import(NamedTuple):
    module: str
    imported: str
    line: int
    in_function: bool


def modules(source: Path) -> dict[str, Path]:
    """Return the modules of the package by name, except those of the backend template."""
    found = {}
    for path in sorted(source.rglob("*.py")):
        relative = path.relative_to(source)
        if "template" not in relative.parts:
            parts = [PACKAGE, *relative.with_suffix("").parts]
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(source: Path) -> Iterator[Import]:
    """Yield the imports of the package's own modules, including those for type checkers."""
    known = modules(source)
    for module, path in known.items():
        tree = ast.parse(path.read_text("utf-8"))
        inside = {
            id(node)
            for function in ast.walk(tree)
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for node in ast.walk(function)
        }
        for node in ast.walk(tree):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}:{node.lineno}: a relative import"
                whole = [f"{node.module}.{alias.name}" for alias in node.names]
                names = [name if name in known else node.module or "" for name in whole]
            for name in names:
                if name.partition(".")[0] == PACKAGE:
                    yield Import(module, name, node.lineno, id(node) in inside)


def layer(module: str) -> int:
    """Return the number of a module's layer, counted from 0 at the top; -1 for the root."""
    _, _, below = module.partition(".")
    if not below:
        return -1
    return next(n for n, names in enumerate(LAYERS) if below.split(".")[0] in names)


def faults(source: Path) -> list[str]:
    """Return the faulty imports, one entry for each import or circle."""
    found = []
    graph: dict[str, set[str]] = {name: set() for name in modules(source)}
    for at in imports(source):
        where = f"{at.module}, line {at.line}: imports {at.imported}"
        if at.module not in FACES:
            folder, other = at.module.split(".")[1], at.imported.split(".")[1:2]
            upwards = layer(at.imported) < layer(at.module)
            aside = layer(at.imported) == layer(at.module) and [folder] != other
            if upwards or (aside and layer(at.module) > 0):
                found.append(f"{where} of a higher layer, or beside its own")
            graph[at.module].add(at.imported)
        if at.in_function and not at.module.startswith((f"{PACKAGE}.cli", f"{PACKAGE}.__main__")):
            found.append(f"{where} inside a function")
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found.append(f"circle: {' -> '.join(error.args[1])}")
    return found


def test_imports_lead_down_the_layers() -> None:
    assert faults(SOURCE) == []


def test_every_folder_has_a_layer() -> None:
    tops = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert tops - {"__init__", "__pycache__", "_julia"} == set().union(*LAYERS)


@pytest.mark.parametrize(
    ("file", "line", "fault"),
    [
        ("labels/states.py", "import taggingbackends.data.tracks", "of a higher layer"),
        ("labels/states.py", "from taggingbackends import Labels", "of a higher layer"),
        ("analysis/overview.py", "from taggingbackends.windows import plan", "beside its own"),
        ("labels/states.py", "from taggingbackends.labels import runlabels", "circle: "),
        ("data/tracks.py", "def f(): from taggingbackends import errors", "inside a function"),
    ],
)
def test_a_planted_fault_is_found(file: str, line: str, fault: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
    (source / file).write_text((source / file).read_text("utf-8") + f"\n{line}\n", "utf-8")
    assert any(fault in found for found in faults(source)), faults(source)


def test_lazy_names_exist() -> None:
    for name in FACES:
        face = import_module(name)
        modules = PUBLIC - {PACKAGE} if name == PACKAGE else ()
        assert {*face.__all__, *(module.split(".")[1] for module in modules)} == {*dir(face)}, name
        assert len(dir(face)) == len({*dir(face)})
        for public in dir(face):
            assert getattr(face, public) is not None


# -- imports in examplebackend and the template

PUBLIC = {PACKAGE, f"{PACKAGE}.explorer", f"{PACKAGE}.main", f"{PACKAGE}.simulation", *FACES}
"""The modules that scripts may import. Other modules may change."""

SCRIPTS = (ROOT / "examplebackend" / "src", SOURCE / "backend" / "template")


def private_imports(path: Path) -> list[str]:
    """Return the imports of a script from this package that are not public."""
    imported: dict[str, set[str]] = {}  # module -> names, empty for an import of the module
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            imported.setdefault(node.module or "", set()).update(names)
        elif isinstance(node, ast.Import):
            imported |= {alias.name: set() for alias in node.names if alias.name not in imported}
    found = []
    for module, names in imported.items():
        if module.partition(".")[0] != PACKAGE:
            continue
        if module not in PUBLIC:
            found.append(module)
        else:
            public = {*import_module(module).__all__}
            found += [
                f"{module}.{name}" for name in names - public if f"{module}.{name}" not in PUBLIC
            ]
    return found


@pytest.mark.parametrize("folder", SCRIPTS, ids=lambda folder: folder.name)
def test_scripts_import_public_names_only(folder: Path) -> None:
    files = sorted(folder.rglob("*.py"))
    assert files
    assert {str(file): found for file in files if (found := private_imports(file))} == {}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("from taggingbackends import Labels, data", []),
        ("import taggingbackends.julia", []),
        ("from taggingbackends.main import OptionError", []),
        ("from taggingbackends.main import Options", ["taggingbackends.main.Options"]),
        ("from taggingbackends.data import tracks", ["taggingbackends.data.tracks"]),
        ("import taggingbackends.system.files", ["taggingbackends.system.files"]),
        ("def f(): from taggingbackends.data.tracks import Track", ["taggingbackends.data.tracks"]),
    ],
)
def test_a_private_import_is_found(line: str, found: list[str], tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(line)
    assert private_imports(tmp_path / "script.py") == found
