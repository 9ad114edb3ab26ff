"""What is installed: one version, everything needed, and nothing that costs."""

from __future__ import annotations

import email
import os
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from support import ROOT, tree


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    arguments = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    result = subprocess.run(arguments, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return next(folder.glob("*.whl"))


def test_one_version() -> None:
    python = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    julia = tomllib.loads((ROOT / "Project.toml").read_text())["version"]
    assert python == julia == version("taggingbackends")
    assert f"## {python}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_wheel_carries_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if name.startswith("taggingbackends/")}
        metadata = next(name for name in archive.namelist() if name.endswith("METADATA"))
        message = email.message_from_bytes(archive.read(metadata))
    source = ROOT / "src" / "taggingbackends"
    expected = {f"taggingbackends/{name}" for name in tree(source) if "__pycache__" not in name}
    assert names == expected
    assert "taggingbackends/py.typed" in names
    assert "taggingbackends/example.label" in names
    needed = {text.split(">")[0] for text in message.get_all("Requires-Dist", [])}
    assert needed == {"click", "h5py", "juliacall", "numpy", "orjson"}
    assert message["License-Expression"] == "MIT"


def test_pip_installs_it_and_the_command_works_anywhere(wheel: Path, tmp_path: Path) -> None:
    """From a wheel, in a new environment; what `init` writes names that wheel."""
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    python = environment / "bin" / "python"
    arguments = [str(python), "-m", "pip", "install", "--quiet", str(wheel)]
    result = subprocess.run(arguments, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*arguments: str | Path, cwd: Path = elsewhere) -> str:
        command = [environment / "bin" / arguments[0], *arguments[1:]]
        result = subprocess.run(
            list(map(str, command)), cwd=cwd, env=plain, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    assert version("taggingbackends") in run("tagging-backend", "--version")
    run("tagging-backend", "init", "Mine")
    assert f"taggingbackends @ {wheel.as_uri()}" in (elsewhere / "Mine/pyproject.toml").read_text()
    assert "nothing to mend" in run("tagging-backend", "check", cwd=elsewhere / "Mine")
    statement = "import sys, taggingbackends; print(*sys.modules)"
    loaded = run("python", "-c", statement).split()
    assert not {"h5py", "juliacall", "numpy"} & set(loaded)
    where = run("python", "-c", "import taggingbackends; print(taggingbackends.__file__)")
    assert Path(where.strip()).is_relative_to(environment)
