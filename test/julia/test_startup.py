"""How Julia is started in Python, in processes of their own, as far as no PythonCall is needed.

test/julia/bridge/test_bridge.py lists what only PythonCall shows.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version as version_of
from pathlib import Path

import pytest

from support import ROOT, command, executable, refused
from taggingbackends.backend.juliapackage import julia_package
from taggingbackends.backend.juliascripts import JULIA

Run = Callable[..., subprocess.CompletedProcess[str]]

STANDIN = ROOT / "test" / "julia" / "bridge" / "standin"
SETTINGS = re.compile("PYTHON_JULIA.*|JULIA_NUM_THREADS|.*_proxy", re.IGNORECASE)
START = "from taggingbackends import julia\njulia.start()\nprint('started')"


@pytest.fixture
def plain(tmp_path: Path) -> dict[str, str]:
    """Return an environment without settings, with a project of juliapkg's, without a network."""
    kept = {name: value for name, value in os.environ.items() if not SETTINGS.fullmatch(name)}
    nowhere = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    own = {"PYTHON_JULIAPKG_PROJECT": str(tmp_path / "julia_env"), "PATH": "/usr/bin:/bin"}
    return kept | nowhere | own


@pytest.fixture
def python(plain: dict[str, str]) -> Run:
    """Return a function that runs a script in a Python of its own, with more variables."""

    def run(script: str, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
        code = (
            "from taggingbackends.system.messages import configure, fail\n"
            "from taggingbackends import TaggingBackendsError\n"
            f"try:\n    exec({script!r})\n"
            "except TaggingBackendsError as error:\n    print(error.kind)\n    configure()\n"
            "    fail(error)\n"
        )
        return subprocess.run(
            [sys.executable, *options, "-c", code],
            env=plain | variables,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


@pytest.fixture
def standin(any_julia: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Return the variables for a process in which another module stands in for juliacall."""
    return any_julia | {"PYTHONPATH": str(STANDIN)} | suitable(tmp_path / "own")


def suitable(folder: Path) -> dict[str, str]:
    """Return settings that name a project, and what says that it is a Julia which would do."""
    julia = executable(folder / "julia", "echo julia version 1.11.5")
    return {"PYTHON_JULIACALL_EXE": julia, "PYTHON_JULIACALL_PROJECT": str(folder)}


# -- settings

STARTUP = {"PYTHON_JULIACALL_STARTUP_FILE": "no"}
ONE_THREAD = {"PYTHON_JULIACALL_THREADS": "1"}
NO_SIGNALS = {"PYTHON_JULIACALL_HANDLE_SIGNALS": "no"}
SIGNALS = {"PYTHON_JULIACALL_HANDLE_SIGNALS": "yes"}
CAREFUL = STARTUP | ONE_THREAD | NO_SIGNALS


@pytest.mark.parametrize(
    ("options", "variables", "expected"),
    [
        pytest.param([], {}, CAREFUL, id="none set"),
        pytest.param([], {"PYTHON_JULIACALL_THREADS": "4"}, STARTUP | SIGNALS, id="threads"),
        pytest.param([], {"PYTHON_JULIACALL_THREADS": "1"}, STARTUP | NO_SIGNALS, id="one thread"),
        pytest.param(
            [], {"PYTHON_JULIACALL_HANDLE_SIGNALS": "yes"}, STARTUP | ONE_THREAD, id="signals"
        ),
        pytest.param(
            [],
            {"JULIA_NUM_THREADS": "auto"},
            STARTUP | SIGNALS | {"PYTHON_JULIACALL_THREADS": "auto"},
            id="Julia's own threads",
        ),
        pytest.param(["-Xjuliacall-threads=2"], {}, STARTUP | SIGNALS, id="threads, command line"),
        pytest.param(
            ["-Xjuliacall-handle-signals"], {}, STARTUP | ONE_THREAD, id="signals, command line"
        ),
        pytest.param(
            [],
            {"PYTHON_JULIACALL_STARTUP_FILE": "yes"},
            {name: value for name, value in CAREFUL.items() if name not in STARTUP},
            id="startup file",
        ),
    ],
)
def test_settings_are_careful_unless_the_user_sets_them(
    options: list[str], variables: dict[str, str], expected: dict[str, str], python: Run
) -> None:
    script = "import json\nfrom taggingbackends.julia.startup import settings\n"
    result = python(script + "print(json.dumps(settings()))", *options, **variables)
    assert json.loads(result.stdout) == expected, result.stderr


def test_settings_hold_while_juliacall_is_imported(python: Run, tmp_path: Path) -> None:
    """They are what juliacall sees, and gone from the environment afterwards."""
    (tmp_path / "juliacall.py").write_text(
        "import json, os\nCONFIG = {}\nprint(json.dumps(dict(os.environ)))\n"
    )
    script = START.replace("julia.start()", "try: julia.start()\nexcept Exception: pass")
    script += "\nimport os, json; print(json.dumps(dict(os.environ)))"
    result = python(script, PYTHONPATH=str(tmp_path), **suitable(tmp_path))
    meanwhile, _, afterwards = result.stdout.splitlines()
    assert json.loads(meanwhile) == json.loads(afterwards) | CAREFUL, result.stderr
    assert not CAREFUL.keys() & json.loads(afterwards).keys()


# -- what keeps Julia from starting


@pytest.mark.parametrize(
    ("variables", "kind", "message"),
    [
        pytest.param(
            {"PYTHON_JULIACALL_EXE": "julia"},
            "bad-setting",
            "PYTHON_JULIACALL_EXE: expected PYTHON_JULIACALL_EXE and PYTHON_JULIACALL_PROJECT "
            "together, found only this one; set both, or neither",
            id="a Julia without a project",
        ),
        pytest.param(
            {"PYTHON_JULIACALL_PROJECT": "/tmp"},
            "bad-setting",
            "PYTHON_JULIACALL_PROJECT: expected PYTHON_JULIACALL_EXE and",
            id="a project without a Julia",
        ),
        pytest.param(
            {"PYTHON_JULIACALL_EXE": "julia", "PYTHON_JULIACALL_PROJECT": "/nowhere"},
            "bad-setting",
            "PYTHON_JULIACALL_PROJECT: expected a folder, found /nowhere",
            id="no such project",
        ),
        pytest.param(
            {"PYTHON_JULIACALL_EXE": "/nowhere/julia", "PYTHON_JULIACALL_PROJECT": "/tmp"},
            "bad-setting",
            "PYTHON_JULIACALL_EXE: expected a Julia that can be run, found /nowhere/julia",
            id="no such Julia",
        ),
        pytest.param(
            {"PYTHON_JULIACALL_EXE": "/bin/cat", "PYTHON_JULIACALL_PROJECT": "/tmp"},
            "bad-setting",
            "PYTHON_JULIACALL_EXE: expected a Julia that can be run, found /bin/cat",
            id="another program",
        ),
        pytest.param(
            {"PYTHON_JULIAPKG_EXE": sys.executable},
            "bad-setting",
            f"PYTHON_JULIAPKG_EXE: expected a Julia that can be run, found {sys.executable}",
            id="no Julia",
        ),
        pytest.param(
            {"PYTHON_JULIAPKG_PROJECT": "relative"},
            "bad-setting",
            "juliapkg: PYTHON_JULIAPKG_PROJECT must be an absolute path",
            id="juliapkg's settings",
        ),
        pytest.param(
            {"PYTHON_JULIAPKG_OFFLINE": "maybe"},
            "bad-setting",
            "juliapkg: PYTHON_JULIAPKG_OFFLINE must be one of: yes, no",
            id="neither offline nor online",
        ),
        pytest.param(
            {"PYTHON_JULIACALL_THREADS": "2", "PYTHON_JULIACALL_HANDLE_SIGNALS": "no"},
            "bad-setting",
            "PYTHON_JULIACALL_HANDLE_SIGNALS: expected yes, as Julia has 2 threads, found no",
            id="threads without signals",
        ),
        pytest.param(
            {"PYTHON_JULIACALL_PROJECT": "/tmp", "PYTHON_JULIACALL_BINDIR": "/usr/bin"},
            "bad-setting",
            "PYTHON_JULIACALL_PROJECT: expected PYTHON_JULIACALL_EXE and",
            id="a folder of programs names no Julia",
        ),
        pytest.param(
            {"PYTHON_JULIAPKG_OFFLINE": "yes"},
            "not-prepared",
            "PYTHON_JULIAPKG_OFFLINE: expected a Julia project that juliapkg has prepared, found ",
            id="offline, not prepared",
        ),
        pytest.param(
            {},
            "not-prepared",
            "Julia is not installed for use from Python yet, and the network cannot be reached",
            id="no network, not prepared",
        ),
    ],
)
def test_what_keeps_julia_from_starting(
    variables: dict[str, str], kind: str, message: str, python: Run, tmp_path: Path
) -> None:
    result = python(START, **variables)
    assert result.stdout == f"{kind}\n", result.stderr
    assert result.stderr.splitlines()[-1].startswith(f"Error: {message}")
    assert "Traceback" not in result.stderr
    if kind == "not-prepared":
        assert "`tagging-backend julia setup`" in result.stderr.splitlines()[-1]
    assert (tmp_path / "julia_env").exists() == (variables == {})  # only juliapkg itself makes it


def test_a_setting_that_juliacall_does_not_know(python: Run, tmp_path: Path) -> None:
    result = python(START, PYTHON_JULIACALL_HANDLE_SIGNALS="maybe", **suitable(tmp_path))
    assert result.stdout == "bad-setting\n", result.stderr
    found = "PYTHON_JULIACALL_HANDLE_SIGNALS=maybe: expecting one of yes, no"
    assert result.stderr == f"Error: juliacall: {found}\n"


@pytest.mark.parametrize("named_by", ["PYTHON_JULIACALL_EXE", "PYTHON_JULIAPKG_EXE"])
def test_a_julia_that_is_too_old(named_by: str, python: Run, tmp_path: Path) -> None:
    old = executable(tmp_path / "old", "echo julia version 1.10.2")
    variables = {named_by: old}
    if named_by == "PYTHON_JULIACALL_EXE":
        variables["PYTHON_JULIACALL_PROJECT"] = str(tmp_path)
    result = python(START, **variables)
    assert result.stdout == "unsuitable-julia\n", result.stderr
    expected = "expected Julia 1.10.3 or later for use from Python, found 1.10.2"
    assert f"Error: {named_by}: {expected} ({old}); it still runs scripts" in result.stderr


def test_an_installation_that_fails(python: Run, tmp_path: Path) -> None:
    """Here for want of a registry that can be reached; what Julia said is shown."""
    script = (
        "case $* in --version) echo julia version 1.11.5;; *Libdl*) printf 'a\\0b';; "
        "*) echo no registry; exit 3;; esac"
    )
    julia = executable(tmp_path / "julia", script)
    result = python(START, PYTHON_JULIAPKG_EXE=julia)
    assert result.stdout == "cannot-start\n", result.stderr
    *said, error = result.stderr.splitlines()
    assert "no registry" in said
    expected = "julia failed with exit code 3 while Julia was installed for use from Python"
    assert error == f"Error: {expected}; see its output above"


def test_julia_without_pythoncall(python: Run, any_julia: dict[str, str], tmp_path: Path) -> None:
    """It starts, and cannot be started again in the same process."""
    julia = any_julia[JULIA]
    places = [julia, "--startup-file=no", "-e", (STANDIN / "juliacall" / "places.jl").read_text()]
    result = subprocess.run(places, capture_output=True, text=True, check=True)
    library, folder, image = result.stdout.split("\0")
    variables = any_julia | {
        "PYTHON_JULIACALL_EXE": executable(
            tmp_path / "julia",
            f'case $1 in --version) echo julia version 1.11.5;; *) exec {julia} "$@";; esac',
        ),
        "PYTHON_JULIACALL_PROJECT": str(tmp_path),
        "PYTHON_JULIACALL_LIB": os.path.realpath(library),
        "PYTHON_JULIACALL_BINDIR": folder,
        "PYTHON_JULIACALL_SYSIMAGE": image,
        "JULIA_LOAD_PATH": f"@{os.pathsep}@stdlib",  # the user's own environment may have it
    }
    twice = START.replace(
        "julia.start()",
        "try: julia.start()\nexcept Exception as error: print(error)\njulia.start()",
    )
    result = python(twice, **variables)
    first, kind = result.stdout.splitlines()
    expected = "Julia did not start: PythonCall.jl did not start properly"
    assert first == f"{expected}; `tagging-backend julia status` shows the installation"
    assert kind == "cannot-start"
    assert result.stderr.splitlines()[-1] == f"Error: {first} (fix this, then restart Python)"


# -- with a Julia that stands behind another module than juliacall


def test_the_bridge_with_any_julia(standin: dict[str, str], plain: dict[str, str]) -> None:
    folder = str(Path(__file__).parent / "bridge")
    arguments = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder]
    result = subprocess.run(
        arguments, cwd=ROOT, env=plain | standin, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout
    counts = result.stdout.splitlines()[-1]
    assert re.match(r"\d{3} passed, 5 skipped in", counts), counts  # these need juliacall itself


@pytest.mark.parametrize("signals", [None, "no"])
def test_juliacall_with_threads_and_without_signals_is_refused(
    signals: str | None, python: Run, standin: dict[str, str]
) -> None:
    script = "import juliacall\njuliacall.CONFIG['opt_threads'] = '2'\n"
    script += f"juliacall.CONFIG['opt_handle_signals'] = {signals!r}\n"
    result = python(script + START, **standin)
    assert result.stdout == "bad-setting\n", result.stderr
    assert "Julia has 2 threads" in result.stderr.splitlines()[-1]


def test_a_stack_trace_without_a_line_end(python: Run, tmp_path: Path) -> None:
    (tmp_path / "juliacall.py").write_text(
        "import os\nos.write(2, b'ERROR: no PythonCall @ none:6')\nraise Exception('not started')\n"
    )
    result = python(START, PYTHONPATH=str(tmp_path), **suitable(tmp_path))
    assert result.stderr.splitlines() == [
        "ERROR: no PythonCall @ none:6",
        "Error: Julia did not start: not started; `tagging-backend julia status` shows the "
        "installation",
    ]


def test_another_thread_is_refused_whoever_handles_signals(
    python: Run, standin: dict[str, str]
) -> None:
    """With PythonCall it would wait for ever at the next collection of garbage."""
    script = START + (
        "\nimport threading\nfound = []\n"
        "def work():\n"
        "    try: julia.TaggingBackends.Labels()\n"
        "    except Exception as error: found.append(error)\n"
        "thread = threading.Thread(target=work); thread.start(); thread.join(60)\nraise found[0]"
    )
    signals = "import juliacall\njuliacall.CONFIG['opt_handle_signals'] = 'yes'\n"
    result = python(signals + script, **standin, PYTHON_JULIACALL_HANDLE_SIGNALS="yes")
    assert result.stdout == "started\nother-thread\n", result.stderr


def test_juliacall_that_was_told_not_to_start(python: Run, standin: dict[str, str]) -> None:
    script = "import juliacall\njuliacall.CONFIG['inited'] = False\n" + START
    result = python(script, **standin)
    assert result.stdout == "bad-setting\n"


def other_package(folder: Path, version: str, entry: str) -> str:
    """Write another Julia package of the same name; return the load path that finds it."""
    (folder / "src").mkdir(parents=True)
    project = (ROOT / "Project.toml").read_text()
    (folder / "Project.toml").write_text(
        re.sub(r'version = ".*"', f'version = "{version}"', project)
    )
    (folder / "src" / "TaggingBackends.jl").write_text(entry)
    return f"{folder}{os.pathsep}"


def test_halves_of_different_versions(python: Run, standin: dict[str, str], tmp_path: Path) -> None:
    entry = 'module TaggingBackends\nconst VERSION_HERE = "9.9.9"\nend\n'
    load_path = other_package(tmp_path / "other", "9.9.9", entry)
    result = python(START, **standin, JULIA_LOAD_PATH=load_path)
    assert result.stdout == "other-version\n", result.stderr
    error = result.stderr.splitlines()[-1]
    where = tmp_path / "other" / "src" / "TaggingBackends.jl"
    assert "in Julia, as taggingbackends in Python, found 9.9.9 " in error
    assert str(where) in error


def test_a_copy_that_is_not_ours_is_warned_about(
    python: Run, standin: dict[str, str], tmp_path: Path
) -> None:
    entry = (ROOT / "src" / "TaggingBackends.jl").read_text()
    load_path = other_package(tmp_path / "other", version_of("taggingbackends"), entry)
    shutil.copytree(ROOT / "julia", tmp_path / "other" / "julia")
    result = python(START, **standin, JULIA_LOAD_PATH=load_path)
    assert result.stdout == "started\n", result.stderr
    other = tmp_path / "other"
    assert f"RuntimeWarning: Julia uses the TaggingBackends of its project ({other})" in (
        result.stderr
    )


def test_another_thread_cannot_start_it(python: Run) -> None:
    script = (
        "import threading\nfrom taggingbackends import julia\nfound = []\n"
        "def work():\n    try: julia.start()\n    except Exception as error: found.append(error)\n"
        "thread = threading.Thread(target=work); thread.start(); thread.join()\nraise found[0]"
    )
    assert python(script).stdout == "other-thread\n"


def test_a_package_that_cannot_be_loaded(
    python: Run, standin: dict[str, str], tmp_path: Path
) -> None:
    load_path = other_package(
        tmp_path / "other", "9.9.9", 'module TaggingBackends\nerror("no")\nend'
    )
    result = python(START, **standin, JULIA_LOAD_PATH=load_path)
    assert result.stdout == "cannot-start\n", result.stderr
    assert "Error: import TaggingBackends: " in result.stderr


# -- the command


def test_status_tells_what_is_missing_and_changes_nothing(
    plain: dict[str, str], any_julia: dict[str, str], tmp_path: Path
) -> None:
    result = command("julia", "status", cwd=tmp_path, **plain | any_julia)
    assert (result.returncode, result.stderr) == (1, "")
    lines = {line[:14].strip(): line[15:] for line in result.stdout.splitlines()}
    assert lines["Julia package"].endswith(f"in {julia_package()}")
    assert any_julia[JULIA] in result.stdout
    assert lines["project"] == str(tmp_path / "julia_env")
    assert lines["PythonCall"] == "none"
    assert re.fullmatch(r"1\.10\.3 (- [\d.]+|or later)", lines["needed"])  # OpenSSL decides
    assert result.stdout.splitlines()[-1] == (
        f"- Julia {lines['needed']}, for use from Python: run `tagging-backend julia setup` on a "
        "machine with a network"
    )
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("version", ["0.0.1", None])
def test_status_of_a_project_of_ones_own(
    version: str | None, plain: dict[str, str], any_julia: dict[str, str], tmp_path: Path
) -> None:
    variables = suitable(tmp_path / "project")
    project = tmp_path / "project"
    needed = version_of("juliacall")
    (project / "Manifest.toml").write_text(
        f'manifest_format = "2.0"\n[[deps.PythonCall]]\nversion = "{version or needed}"\n'
    )
    result = command("julia", "status", cwd=tmp_path, **plain | any_julia | variables)
    assert f"1.11.5 at {project / 'julia'}, named by PYTHON_JULIACALL_EXE" in result.stdout
    if version is None:
        assert result.returncode == 0
        assert "Missing" not in result.stdout
    else:
        assert result.returncode == 1
        fix = f'Pkg.add(name="PythonCall", version="{needed}") in the project'
        expected = f"- PythonCall {needed}, as juliacall, in {project}: {fix}"
        assert result.stdout.splitlines()[-1] == expected


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("Manifest.toml", "[[", "- a readable manifest in "),
        ("pyjuliapkg/meta.json", "{", "- juliapkg: Expecting property name enclosed in double"),
        (
            "Manifest.toml",
            f'[[deps.PythonCall]]\nversion = "{version_of("juliacall")}"\n'
            '[[deps.TaggingBackends]]\nversion = "0.0.1"\npath = "x"\n',
            f"- TaggingBackends {version_of('taggingbackends')} instead of 0.0.1 in ",
        ),
    ],
    ids=["manifest", "juliapkg's file", "another copy"],
)
def test_status_of_what_is_broken(
    file: str, content: str, message: str, plain: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "julia_env" / file
    path.parent.mkdir(parents=True)
    path.write_text(content)
    julia = executable(tmp_path / "julia", "echo julia version 1.10.9")
    old = executable(tmp_path / "old", "echo julia version 1.4.2")
    variables = plain | {"PYTHON_JULIAPKG_EXE": julia, JULIA: old}
    result = command("julia", "status", cwd=tmp_path, **variables)
    assert (result.returncode, result.stderr) == (1, "")
    assert f"- Julia 1.5 or later for scripts, found {old}\n" in result.stdout
    assert any(line.startswith(message) for line in result.stdout.splitlines()), result.stdout


def test_status_without_any_julia(plain: dict[str, str], tmp_path: Path) -> None:
    variables = {name: value for name, value in plain.items() if name != JULIA}
    result = subprocess.run(
        [sys.executable, "-m", "taggingbackends", "julia", "status"],
        cwd=tmp_path,
        env=variables | {"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert "- a script in Julia needs Julia, and none was found: install it" in result.stdout


def test_setup_without_a_network(
    plain: dict[str, str], any_julia: dict[str, str], tmp_path: Path
) -> None:
    """Scripts in Julia are seen to nevertheless; nothing but an answer goes to standard output."""
    home = dict.fromkeys(("HOME", "USERPROFILE"), str(tmp_path))  # no compiled package is there
    result = command("julia", "setup", cwd=tmp_path, **plain | any_julia | home)
    assert (result.returncode, result.stdout) == (1, "")
    assert "[juliapkg] Locating Julia" in result.stderr
    assert "beforehand" not in result.stderr
    assert f"Scripts in Julia are ready to run, with {any_julia[JULIA]}\n" in result.stderr
    assert result.stderr.splitlines()[-1].startswith(
        "Error: Julia is not installed for use from Python yet, and the network cannot be reached"
    )
    depot = any_julia["JULIA_DEPOT_PATH"].split(os.pathsep)[0]
    assert list(Path(depot).rglob("TaggingBackends/*.ji"))


def test_a_script_in_julia_runs_with_the_package(any_julia: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "script.jl").write_text(
        "using TaggingBackends\n"
        "println(join(ARGS, ' '), '\\n', pathof(TaggingBackends), '\\n', Base.active_project())\n"
        "exit(3)\n"
    )
    arguments = ("julia", "run", "script.jl", "--verbose", "-x", "a b", "--", "--help")
    result = command(*arguments, cwd=tmp_path, **any_julia)
    assert result.returncode == 3, result.stderr
    given, package, _ = result.stdout.splitlines()
    assert given == "--verbose -x a b -- --help"
    assert Path(package).samefile(julia_package() / "src" / "TaggingBackends.jl")
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "Project.toml").touch()
    result = command(*arguments, cwd=tmp_path, **any_julia)
    assert result.stdout.splitlines()[2] == str(tmp_path / "Project.toml")
    missing = command("julia", "run", "none.jl", cwd=tmp_path, **any_julia)
    assert missing.returncode == 2
    assert "File 'none.jl' does not exist" in missing.stderr
    refused(
        command("julia", "run", "script.jl", cwd=tmp_path, **{JULIA: "/nowhere"}),
        f"{JULIA}: expected a Julia that can be run, found /nowhere",
    )
