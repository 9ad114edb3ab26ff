"""`check`: each small corruption of a valid backend has its message."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taggingbackends import BackendError, BackendExplorer
from taggingbackends.backend.check import check
from taggingbackends.backend.provenance import software
from taggingbackends.backend.scaffold import init


@pytest.fixture
def project(tmp_path: Path) -> Path:
    init("My-Tagger", tmp_path)
    return tmp_path / "My-Tagger"


def test_a_new_backend_is_valid(project: Path, tmp_path: Path) -> None:
    assert check(project) == []
    assert BackendExplorer(project).check() == []
    init("Mini", tmp_path, minimal=True)
    assert check(tmp_path / "Mini") == []


def test_a_byte_order_mark_is_fine(project: Path) -> None:
    path = project / "pyproject.toml"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert check(project) == []
    assert BackendExplorer(project).package_name == "my_tagger"


def replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    def corrupt(project: Path) -> None:
        path = project / name
        content = path.read_text()
        assert old in content
        path.write_text(content.replace(old, new))

    return corrupt


def remove(name: str) -> Callable[[Path], None]:
    return lambda project: (project / name).unlink()


def make(name: str) -> Callable[[Path], None]:
    return lambda project: (project / name).mkdir(parents=True)


def write(name: str, content: str = "") -> Callable[[Path], None]:
    def corrupt(project: Path) -> None:
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(content)

    return corrupt


MODELS = "src/my_tagger/models"
INIT = "src/my_tagger/__init__.py"


@pytest.mark.parametrize(
    ("corrupt", "where", "what", "fix"),
    [
        pytest.param(
            remove("pyproject.toml"), "pyproject.toml", "found none", "project_dir", id="no project"
        ),
        pytest.param(
            replace("pyproject.toml", "[project]", "[project"),
            "pyproject.toml",
            "expected TOML, found:",
            "fix its syntax",
            id="no TOML",
        ),
        pytest.param(
            write("pyproject.toml", "tool = []"),
            "pyproject.toml",
            "expected a table as tool, found []",
            "fix its syntax",
            id="odd table",
        ),
        pytest.param(
            write("pyproject.toml", "[project]\nname = 5"),
            "pyproject.toml",
            "expected the project's name, found 5",
            "name =",
            id="odd name",
        ),
        pytest.param(
            write("pyproject.toml", "[project]\nname = 'x'\ndependencies = [1]"),
            "pyproject.toml",
            "expected a list of strings as [project] dependencies, found [1]",
            'write it like ["taggingbackends"]',
            id="odd dependencies",
        ),
        pytest.param(
            write("pyproject.toml", "[project]\nname = 'x'\ndependencies = 5"),
            "pyproject.toml",
            "expected a list of strings as [project] dependencies, found 5",
            'write it like ["taggingbackends"]',
            id="dependencies that are a number",
        ),
        pytest.param(
            write("pyproject.toml", "[tool.poetry]\nname = 'x'\ndependencies = 5"),
            "pyproject.toml",
            "expected a table as [tool.poetry] dependencies, found 5",
            'write it like taggingbackends = "*"',
            id="Poetry's dependencies that are a number",
        ),
        pytest.param(
            write("pyproject.toml", "[tool.poetry]\nname = 'x'\ndependencies = false"),
            "pyproject.toml",
            "expected a table as [tool.poetry] dependencies, found False",
            'write it like taggingbackends = "*"',
            id="Poetry's dependencies that are false",
        ),
        pytest.param(
            write("pyproject.toml", "x = " + "[" * 5000 + "]" * 5000),
            "pyproject.toml",
            "expected TOML, found",
            "fix its syntax",
            id="a project nested too deep",
        ),
        pytest.param(
            write("pyproject.toml", "x = " + "1" * 5000),
            "pyproject.toml",
            "expected TOML, found",
            "fix its syntax",
            id="a number too long",
        ),
        pytest.param(
            write("pyproject.toml", "[project]\nname = 'class'"),
            "pyproject.toml",
            "expected a name that can name a Python package, found 'class'",
            "letters",
            id="keyword",
        ),
        pytest.param(
            lambda project: (project / MODELS / "train_model.py").write_bytes(b"# \xff\n"),
            f"{MODELS}/train_model.py",
            "expected Python, found",
            "fix its syntax",
            id="no UTF-8",
        ),
        pytest.param(
            make("pretrained_models/my model"),
            "pretrained_models/my model",
            "expected at most 128",
            "rename",
            id="pretrained model",
        ),
        pytest.param(
            replace("pyproject.toml", '"taggingbackends', '"others'),
            "pyproject.toml",
            "expected taggingbackends among the dependencies",
            "add",
            id="dependency missing",
        ),
        pytest.param(
            remove(f"{MODELS}/predict_model.py"),
            f"{MODELS}/predict_model.py",
            "expected this script, found none",
            "scripts/predict_model.py",
            id="no predict_model",
        ),
        pytest.param(
            write("scripts/predict_model.py", 'if __name__ == "__main__": ...'),
            "",
            f"found {MODELS}/predict_model.py and scripts/predict_model.py",
            "remove one",
            id="script in two places",
        ),
        pytest.param(
            write(f"{MODELS}/train_model.jl"),
            "",
            f"found {MODELS}/train_model.py and {MODELS}/train_model.jl",
            "remove one",
            id="script in two languages",
        ),
        pytest.param(
            replace(f"{MODELS}/train_model.py", 'if __name__ == "__main__":', "if False:"),
            f"{MODELS}/train_model.py",
            "expected a main program, found none",
            "main(train_model)",
            id="no main program",
        ),
        pytest.param(
            replace(f"{MODELS}/train_model.py", "def train_model(", "def train_model(("),
            f"{MODELS}/train_model.py",
            "expected Python, found",
            "fix its syntax",
            id="no Python",
        ),
        pytest.param(
            replace("pyproject.toml", 'name = "My-Tagger"', 'name = "Other"'),
            "src/other",
            "expected the package other, found my_tagger",
            "rename it to other",
            id="another name",
        ),
        pytest.param(
            remove(INIT), INIT, "expected it to define __version__", '"0.1.0"', id="no __init__"
        ),
        pytest.param(
            replace(INIT, "__version__", "version"),
            INIT,
            "expected it to define __version__",
            '__version__ = "0.1.0"',
            id="no version",
        ),
        pytest.param(
            replace(INIT, "0.1.0", "0.2.0"),
            INIT,
            "expected version 0.1.0, as in pyproject.toml, found 0.2.0",
            "make them the same",
            id="another version",
        ),
        pytest.param(
            remove(f"{MODELS}/__init__.py"),
            f"{MODELS}/__init__.py",
            "expected this file, found none",
            "make it, empty",
            id="subpackage without __init__",
        ),
        pytest.param(
            make("models/my model"), "models/my model", "expected at most 128", "rename", id="model"
        ),
        pytest.param(
            make("data/raw/-x"), "data/raw/-x", "instance '-x'", "rename it", id="data folder"
        ),
        pytest.param(
            make("models/.m.partial"),
            "models/.m.partial",
            "the files of a killed training",
            "model_instance='m').reset_model()",
            id="half a model",
        ),
    ],
)
def test_each_corruption_is_reported(
    corrupt: Callable[[Path], None], where: str, what: str, fix: str, project: Path
) -> None:
    corrupt(project)
    problems = [problem for problem in check(project) if what in problem.what]
    assert len(problems) == 1, [str(problem) for problem in check(project)]
    assert problems[0].where == project / where
    assert fix in problems[0].fix
    assert str(problems[0]) == f"{project / where}: {problems[0].what}; {problems[0].fix}"


names = st.text("aZ9-_. é", max_size=9)
values = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
keys = ("name", "version", "dependencies")
tables = st.fixed_dictionaries({}, optional=dict.fromkeys(keys, values))


def toml(value: Any) -> str:
    """Return a value as TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value) if isinstance(value, str | bool) else repr(value)


@given(project=tables | values, poetry=tables | values)
def test_any_project_table_is_handled(project: Any, poetry: Any) -> None:
    with TemporaryDirectory() as folder:
        Path(folder, "models").mkdir()
        path = Path(folder, "pyproject.toml")
        path.write_text(f"project = {toml(project)}\ntool.poetry = {toml(poetry)}\n", "utf-8")
        problems = check(Path(folder))
        assert all(str(problem).startswith(folder) for problem in problems)
        try:
            software(BackendExplorer(folder, "m"))
        except BackendError as error:
            assert error.kind == "not-a-backend"
            assert not (isinstance(project, dict) and isinstance(poetry, dict))


def test_odd_files_do_not_stop_the_check(project: Path) -> None:
    (project / INIT).write_bytes(b"\xff\n__version__ = '0.1.0'\n")
    (project / MODELS / "train_model.py").write_text("x = " + "-" * 50_000 + "1\n")
    assert [problem.where.name for problem in check(project)] == ["train_model.py"]


def test_all_problems_are_reported_at_once(project: Path) -> None:
    for corrupt in (remove(f"{MODELS}/predict_model.py"), remove(INIT), make("models/a b")):
        corrupt(project)
    assert len(check(project)) >= 3
