"""Public names as users meet them: in type checkers, in a script, in tab completion and help."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from inspect import getdoc
from pathlib import Path

import pytest
import userscript

from variants.trxmat import image, larva

MODULES = ["", *(f".{name}" for name in import_module("taggingbackends")._MODULES)]
MODULES = [f"taggingbackends{name}" for name in MODULES]
SCRIPT = Path(userscript.__file__)

HEAVY = ("distributed", "juliacall", "matplotlib", "pandas", "pyarrow", "scipy", "xarray")

WRONG = """
from taggingbackends import Lables  # wrong: a name
from taggingbackends import Labels, data
from taggingbackends.data import Dataset, load_trakcs  # wrong: a name


def change(labels: Labels, dataset: Dataset) -> list[str]:
    labels.set("run", "larva 1", [0.1], ["run"])  # wrong: the type of an argument
    labels["run"].declares(["run"])  # wrong: an attribute
    labels["run"]["larva 1"].states  # wrong: the type of a key
    labels["run"][1][:0.5].state  # wrong: an attribute of the result
    dataset.lables  # wrong: an attribute
    data.plan_dataset("folder", 1, 10, balance="min")  # wrong: none of the words
    data.find_recording("folder")  # wrong: an attribute
    return labels.count()  # wrong: the type of the result
"""


def used_names(path: Path) -> set[str]:
    """Return the full names of what a script uses of the modules that it imports from."""
    tree = ast.parse(path.read_text("utf-8"))
    bound = {"taggingbackends": "taggingbackends"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            bound |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}

    def full(node: ast.AST) -> str | None:
        if isinstance(node, ast.Attribute):
            return (before := full(node.value)) and f"{before}.{node.attr}"
        return bound.get(node.id) if isinstance(node, ast.Name) else None

    return {name for node in ast.walk(tree) if (name := full(node))}


def test_the_script_uses_every_public_name() -> None:
    public = {f"{name}.{each}" for name in MODULES for each in import_module(name).__all__}
    assert public - used_names(SCRIPT) == set()


def test_the_script_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    trx = tmp_path / "trx.mat"
    trx.write_bytes(image(larva(1), larva(2))["trx.mat"])
    userscript.work(trx)


def mypy(files: list[str], folder: Path, cache: Path) -> list[tuple[str, int]]:
    """Return file and line of each error that a user of `mypy --strict` gets."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={cache}"]
    done = subprocess.run([*command, *files], cwd=folder, capture_output=True, text=True)
    assert not done.stderr
    errors = re.findall(r"^(\w+\.py):(\d+): error", done.stdout, re.MULTILINE)
    assert f"Found {len(errors)} errors" in done.stdout, done.stdout
    return [(name, int(line)) for name, line in errors]


def pyright(files: list[str], folder: Path, cache: Path) -> list[tuple[str, int]]:
    """Return the same for pyright, which runs in node."""
    pytest.importorskip("pyright")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    environment = os.environ | {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}  # no look for newer ones
    done = subprocess.run(
        [*command, *files], cwd=folder, env=environment, capture_output=True, text=True
    )
    if not done.stdout.startswith("{"):
        pytest.skip(f"pyright does not run here: {done.stdout}{done.stderr}")
    found = json.loads(done.stdout)["generalDiagnostics"]
    assert all(each["severity"] in ("error", "warning") for each in found)
    return [
        (Path(each["file"]).name, each["range"]["start"]["line"] + 1)
        for each in found
        if each["severity"] == "error"
    ]


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_checkers_accept_the_script_and_find_what_is_wrong(
    checker: Callable[[list[str], Path, Path], list[tuple[str, int]]],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    (tmp_path / "userscript.py").write_text(SCRIPT.read_text("utf-8"), "utf-8")
    (tmp_path / "wrong.py").write_text(WRONG, "utf-8")
    cache = request.config.cache.mkdir("mypy")
    found = checker(["userscript.py", "wrong.py"], tmp_path, cache)
    lines = [n for n, line in enumerate(WRONG.split("\n"), 1) if "# wrong" in line]
    assert sorted(found) == [("wrong.py", line) for line in lines]


COMPLETE = """
import json, pydoc, rlcompleter, sys
import taggingbackends
found, helped = {}, {}
for name in ["taggingbackends", *(f"taggingbackends.{x}" for x in taggingbackends._MODULES)]:
    complete = rlcompleter.Completer({"taggingbackends": taggingbackends}).attr_matches
    found[name] = [match.split("(")[0].rpartition(".")[2] for match in complete(f"{name}.")]
    for public in ("", *(f".{x}" for x in pydoc.locate(name).__all__)):
        helped[name + public] = pydoc.plain(pydoc.render_doc(name + public))
labels = taggingbackends.Labels()
labels.set("run", 1, [0.1], ["run"])
track = labels["run"][1]
for name, value in {"labels": labels, "run": labels["run"], "track": track}.items():
    complete = rlcompleter.Completer({name: value}).attr_matches
    found[name] = [match.split("(")[0].rpartition(".")[2] for match in complete(f"{name}.")]
found["keys"] = [x._ipython_key_completions_() for x in (labels, labels["run"])]
json.dump([found, helped, sorted(sys.modules)], sys.stdout)
"""


def test_completion_and_help_load_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMPLETE], capture_output=True, text=True, check=True
    )
    found, helped, loaded = json.loads(done.stdout)
    for name in MODULES:
        module = import_module(name)
        names = {each for each in module.__all__ if not each.startswith("__")}
        assert names <= {*found[name]}, name
        for each in names - {"FORMATS", "STATES", "State"}:  # which are values
            begin = getdoc(getattr(module, each)).split("\n")[0]
            assert begin in helped[f"{name}.{each}"], each
    assert {*import_module("taggingbackends")._MODULES} <= {*found["taggingbackends"]}
    assert {"read", "set", "write", "to_frames"} <= {*found["labels"]}
    assert {"declare", "names", "metadata"} <= {*found["run"]}
    assert found["keys"] == [["run"], [1]]
    assert {"times", "states", "confidence", "records"} <= {*found["track"]}
    assert {*HEAVY} & {*loaded} == set()
