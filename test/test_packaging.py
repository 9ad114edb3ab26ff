"""Packaging: versions, the contents of the archives, and installations."""

from __future__ import annotations

import email
import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from support import ROOT, tree
from taggingbackends import __version__

SOURCE = ROOT / "src" / "taggingbackends"
SCRIPTS = "Scripts" if os.name == "nt" else "bin"
# the environment without settings for Python and Julia
PLAIN = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "JULIA"))}


def toml(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / name).read_text("utf-8"))


def pythons() -> list[str]:
    """Return the supported versions of Python, the newest one last."""
    classifiers = "\n".join(toml("pyproject.toml")["project"]["classifiers"])
    return re.findall(r"Python :: (\d\.\d+)$", classifiers, re.MULTILINE)


def juliapkg() -> dict[str, Any]:
    return json.loads((SOURCE / "juliapkg.json").read_text("utf-8"))


def run(*arguments: str | Path, cwd: Path | None = None, **variables: str) -> str:
    """Run a command that must succeed and return its standard output."""
    command = list(map(str, arguments))
    result = subprocess.run(command, cwd=cwd, env=PLAIN | variables, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def checkout() -> set[Path]:
    """Return all paths of the checkout, except environments and caches."""
    shown = [path for path in ROOT.iterdir() if not path.name.startswith(".")]
    below = (path for folder in shown for path in folder.rglob("*"))
    return {*shown, *(path for path in below if "__pycache__" not in path.parts)}


# -- consistent metadata


def test_one_version() -> None:
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert newest is not None
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    versions = {
        "pyproject.toml": toml("pyproject.toml")["project"]["version"],
        "Project.toml": toml("Project.toml")["version"],
        "juliapkg.json": juliapkg()["packages"]["TaggingBackends"]["version"].removeprefix("="),
        "CHANGELOG.md": newest[1],
        "CITATION.cff": re.findall(r"^version: (\S+)$", citation, re.MULTILINE)[0],
        "version.py": __version__,
        "the installed package": version("taggingbackends"),
    }
    assert len(set(versions.values())) == 1, versions


def test_the_supported_versions_of_python_are_the_same_everywhere() -> None:
    versions = pythons()
    assert toml("pyproject.toml")["project"]["requires-python"] == f">={versions[0]}"
    tested = (ROOT / ".github" / "workflows" / "tests.yml").read_text("utf-8")
    assert f"        python: {json.dumps(versions)}\n" in tested
    pages = ("index.md", "writing-a-backend.md", "tutorials/first-tagger.md")
    for page in (ROOT / "README.md", *(ROOT / "docs" / name for name in pages)):
        text = page.read_text("utf-8")
        assert f"Python {versions[0]} to {versions[-1]}" in text, page


def test_one_julia_package() -> None:
    """juliapkg.json points to the root of a checkout and has the uuid of Project.toml."""
    package = juliapkg()["packages"]["TaggingBackends"]
    assert package == {
        "uuid": toml("Project.toml")["uuid"],
        "version": f"={toml('Project.toml')['version']}",  # makes juliapkg resolve after an upgrade
        "dev": True,
        "path": "../..",
    }
    assert toml("Project.toml")["name"] == "TaggingBackends"


# -- what Julia's registry asks of a package (docs/releasing.md)


def test_name_and_license_of_the_julia_package() -> None:
    project = toml("Project.toml")
    name = project["name"]
    assert re.fullmatch(r"[A-Z][A-Za-z0-9]*[a-z][0-9]?", name)
    assert len(name) >= 5
    assert not re.search("julia|jl$|^ju", name.lower())
    assert str(UUID(project["uuid"], version=4)) == project["uuid"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", project["version"])
    module = (ROOT / "src" / f"{name}.jl").read_text("utf-8")
    assert re.search(rf"^module {name}$", module, re.MULTILINE)
    assert (ROOT / "LICENSE").read_text("utf-8").startswith("MIT License\n")


def test_dependencies_of_the_julia_package() -> None:
    project = toml("Project.toml")
    used = {*project["deps"], *project["extras"]}
    assert set(project["compat"]) == {*used, "julia"}
    assert set(project["targets"]["test"]) == set(project["extras"])
    for entry in project["compat"].values():
        for part in entry.split(","):  # each has an upper bound, and few breaking releases
            assert re.fullmatch(r"<?0\.\d+(\.\d+)?|[1-9]\d*(\.\d+){0,2}", part.strip()), entry
    sources = [ROOT / "src" / "TaggingBackends.jl", *(ROOT / "julia").rglob("*.jl")]
    loaded = {
        name
        for source in sources
        for name in re.findall(
            r"^ *(?:using|import) (\w+)", source.read_text("utf-8"), re.MULTILINE
        )
    }
    assert loaded - {"Base", "TaggingBackends"} == set(project["deps"])


def test_names_of_files_suit_all_systems() -> None:
    """A registered package is the whole tree, which must be unpacked on Windows and macOS, too."""
    for folder in ("src", "julia", "test", "docs", "benchmarks", "examplebackend-julia"):
        names = [path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*")]
        assert len({name.casefold() for name in names}) == len(names)
        for part in {part for name in names for part in name.split("/")}:
            assert not re.search(r'[<>:"|?*\\\x00-\x1f]|[. ]$', part), part
            assert not re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", part), part


# -- archives


class Built(NamedTuple):
    wheel: Path
    sdist: Path
    wheel_of_sdist: Path


@pytest.fixture(scope="module")
def before() -> set[Path]:
    """Return the paths of the checkout before the build."""
    return checkout()


@pytest.fixture(scope="module")
def built(before: set[Path], tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build with the hatchling of this environment. pip and Poetry install their own."""
    direct, through = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("sdist")
    build = (sys.executable, "-m", "build", "--no-isolation")
    run(*build, "--wheel", "--outdir", direct, ROOT)
    run(*build, "--outdir", through, ROOT)
    (wheel,) = direct.glob("*.whl")
    (sdist,), (wheel_of_sdist,) = through.glob("*.tar.gz"), through.glob("*.whl")
    return Built(wheel, sdist, wheel_of_sdist)


@pytest.fixture(scope="module")
def wheel(built: Built) -> Path:
    return built.wheel


def contents(wheel: Path) -> dict[str, bytes]:
    """Return the files of a wheel with their content. No name may occur twice."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert Counter(names) == Counter(set(names))
        return {name: archive.read(name) for name in names}


def test_the_wheel_contains_only_both_packages(wheel: Path) -> None:
    found = contents(wheel)
    expected = {
        f"taggingbackends/{name}": content
        for name, content in tree(SOURCE).items()
        if "__pycache__" not in name
    }
    module = (ROOT / "src" / "TaggingBackends.jl").read_text("utf-8")
    included = re.findall(r'^include\("\.\./julia/(.+)"\)$', module, re.MULTILINE)
    assert len(included) == module.count("include(")
    for name in ("Project.toml", "src/TaggingBackends.jl", *(f"julia/{name}" for name in included)):
        expected[f"taggingbackends/_julia/{name}"] = (ROOT / name).read_bytes()
    about = f"taggingbackends-{version('taggingbackends')}.dist-info"
    described = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
    assert set(found) == {*expected, *(f"{about}/{name}" for name in described)}
    settings = json.loads(found.pop("taggingbackends/juliapkg.json"))
    of_checkout = json.loads(expected.pop("taggingbackends/juliapkg.json"))
    assert settings["packages"]["TaggingBackends"].pop("path") == "_julia"
    assert of_checkout["packages"]["TaggingBackends"].pop("path") == "../.."
    assert settings == of_checkout
    assert [name for name in expected if found[name] != expected[name]] == []
    assert {"taggingbackends/py.typed", "taggingbackends/example.label"} <= set(found)


def test_metadata_of_the_wheel(wheel: Path) -> None:
    metadata = next(text for name, text in contents(wheel).items() if name.endswith("METADATA"))
    message = email.message_from_bytes(metadata)
    required = [text.partition(";") for text in message.get_all("Requires-Dist", [])]
    extras: dict[str, set[str]] = {}
    for name, _, where in required:
        if where:
            extras.setdefault(where.split("'")[1], set()).add(name.split(">")[0])
    assert extras == {
        "dask": {"distributed"},
        "fast": {"pysimdjson"},
        "pandas": {"pandas", "pyarrow"},
        "plot": {"matplotlib"},
        "stats": {"matplotlib", "pandas", "pyarrow", "scipy"},
        "xarray": {"h5netcdf", "xarray"},
    }
    needed = {name.split(">")[0] for name, _, where in required if not where}
    assert needed == {"click", "h5py", "juliacall", "numpy", "orjson", "tqdm"}
    assert message["License-Expression"] == "MIT"
    assert message["Version"] == version("taggingbackends")


def test_the_sdist_gives_the_same_wheel(built: Built) -> None:
    direct, through = contents(built.wheel), contents(built.wheel_of_sdist)
    assert set(direct) == set(through)
    assert [name for name in direct if direct[name] != through[name]] == []


def test_the_sdist_contains_the_project_and_no_caches(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = [Path(*Path(name).parts[1:]) for name in archive.getnames()]
    listed = {
        entry[1:]
        for entry in toml("pyproject.toml")["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    }
    always = {".gitignore", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml"}
    assert {name.parts[0] for name in names} == listed | always
    caches = {"__pycache__", ".venv", ".tools", ".pytest_cache", "build", "dist"}
    assert [name for name in names if caches & set(name.parts)] == []


def test_the_package_index_accepts_the_archives(built: Built) -> None:
    output = run(sys.executable, "-m", "twine", "--no-color", "check", "--strict", *built[:2])
    assert output.count("PASSED") == 2, output
    assert "WARNING" not in output


def test_all_dependencies_have_wheels_for_the_newest_python(wheel: Path, tmp_path: Path) -> None:
    """Check that no dependency needs to be compiled."""
    download = [sys.executable, "-m", "pip", "download", "--quiet"]
    for_newest = ["--only-binary=:all:", "--python-version", pythons()[-1]]
    result = subprocess.run(
        [*download, *for_newest, "--dest", str(tmp_path / "newest"), str(wheel)],
        capture_output=True,
        text=True,
    )
    if result.returncode != 0:
        # Without a network, pip also reports missing distributions. So try a package that exists
        # for every Python.
        again = [*download, "--no-deps", "--dest", str(tmp_path / "any"), "click"]
        if subprocess.run(again, capture_output=True).returncode != 0:
            pytest.skip("no network: pip cannot download anything")
    assert result.returncode == 0, result.stderr
    files = list((tmp_path / "newest").iterdir())
    assert {path.suffix for path in files} == {".whl"}
    needed = {"click", "h5py", "juliacall", "numpy", "orjson", "taggingbackends", "tqdm"}
    assert needed <= {path.name.partition("-")[0] for path in files}


# -- installations from the wheel and from the checkout


@dataclass(frozen=True)
class Installation:
    """A new environment with this package installed."""

    environment: Path
    elsewhere: Path  # an empty working folder outside the checkout
    origin: Path  # the wheel or the checkout
    package: Path  # expected folder of the Python package
    julia_package: Path  # expected folder of the Julia package

    def run(self, name: str, *arguments: str, cwd: Path | None = None, **variables: str) -> str:
        """Run a program of the environment."""
        program = self.environment / SCRIPTS / name
        return run(program, *arguments, cwd=cwd or self.elsewhere, **variables)

    def python(self, *statements: str, **variables: str) -> str:
        """Run statements and return the last line of output. juliapkg may log lines before it."""
        return self.run("python", "-c", "\n".join(statements), **variables).splitlines()[-1]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty environment, which the installations share one after the other."""
    folder = tmp_path_factory.mktemp("environment").resolve() / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    return folder


@pytest.fixture(scope="module", params=["wheel", "editable"])
def installed(
    request: pytest.FixtureRequest,
    wheel: Path,
    environment: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Installation:
    elsewhere = tmp_path_factory.mktemp(request.param).resolve()
    python = environment / SCRIPTS / "python"
    purelib = "import sysconfig; print(sysconfig.get_path('purelib'))"
    package = Path(run(python, "-c", purelib).strip(), "taggingbackends")
    assert package.is_relative_to(environment)
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-compile")
    if request.param == "wheel":
        run(*pip, wheel)
        return Installation(environment, elsewhere, wheel, package, package / "_julia")
    run(*pip, "--editable", ROOT)
    assert not package.exists()
    return Installation(environment, elsewhere, ROOT, SOURCE.resolve(), ROOT.resolve())


def test_the_command_works_anywhere(installed: Installation, tmp_path: Path) -> None:
    """The requirement in a new backend names the installed package."""
    assert version("taggingbackends") in installed.run("tagging-backend", "--version")
    installed.run("tagging-backend", "init", "Mine", "--minimal", cwd=tmp_path)
    project = (tmp_path / "Mine" / "pyproject.toml").read_text("utf-8")
    wheel = f'"taggingbackends @ {installed.origin.as_uri()}"'
    folder = f'taggingbackends = {{ path = "{installed.origin}", develop = true }}'
    assert (folder if installed.origin.is_dir() else wheel) in project
    output = installed.run("tagging-backend", "check", cwd=tmp_path / "Mine")
    assert "nothing to fix" in output


def test_python_imports_the_installed_copy_and_nothing_heavy(installed: Installation) -> None:
    assert Path(installed.python("import taggingbackends as t; print(t.__path__[0])")) == (
        installed.package
    )
    script = (
        "import subprocess, sys",
        "command = [sys.executable, '-X', 'importtime', '-c', 'import taggingbackends']",
        "output = subprocess.run(command, capture_output=True, text=True, check=True).stderr",
        "print(*(line.rpartition('|')[2].strip() for line in output.splitlines()))",
    )
    loaded = {name.partition(".")[0] for name in installed.python(*script).split()}
    assert "taggingbackends" in loaded
    assert not {"h5py", "juliacall", "juliapkg", "numpy"} & loaded


def test_the_julia_package_belongs_to_the_installation(installed: Installation) -> None:
    statement = (
        "from taggingbackends.backend.juliapackage import julia_package; print(julia_package())"
    )
    assert Path(installed.python(statement)) == installed.julia_package


def test_juliapkg_accepts_that_package(installed: Installation) -> None:
    """Check what juliapkg reads from the juliapkg.json of all packages before it resolves."""
    output = installed.python(
        "import json",
        "from juliapkg.deps import find_requirements",
        "compat, packages = find_requirements()",
        "print(json.dumps({package.name: package.dict() for package in packages}))",
    )
    packages = json.loads(output)
    assert {"PythonCall", "TaggingBackends"} <= set(packages)
    found = packages["TaggingBackends"]
    assert Path(found.pop("path")) == installed.julia_package
    assert found == {
        "name": "TaggingBackends",
        "uuid": toml("Project.toml")["uuid"],
        "version": f"={version('taggingbackends')}",
        "dev": True,
    }


def test_julia_loads_that_package(installed: Installation, any_julia: dict[str, str]) -> None:
    found = installed.python(
        "import os, subprocess",
        "from taggingbackends.backend.juliascripts import find_julia, julia_environment",
        "statement = 'using TaggingBackends; print(pathof(TaggingBackends))'",
        "command = [find_julia(), '--startup-file=no', '-e', statement]",
        "subprocess.run(command, env=julia_environment(os.environ), check=True)",
        **any_julia,
    )
    assert Path(found) == installed.julia_package / "src" / "TaggingBackends.jl"


def test_nothing_is_left_in_the_checkout(
    before: set[Path], built: Built, installed: Installation
) -> None:
    assert checkout() - before == set()
