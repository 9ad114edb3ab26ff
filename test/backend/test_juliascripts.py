"""Julia scripts that the command runs, with a real Julia if available."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

import matlab
from support import (
    ROOT,
    RUN,
    STEM,
    command,
    executable,
    julia_error,
    refused,
    write_labels,
    write_recording,
)
from taggingbackends import Labels
from taggingbackends.backend import juliapackage
from taggingbackends.backend.juliapackage import julia_package
from taggingbackends.backend.juliascripts import (
    JULIA,
    JULIACALL,
    find_julia,
    julia_environment,
)

Maker = Callable[..., Path]

EXAMPLE = ROOT / "examplebackend-julia"


@pytest.fixture
def make_julia_backend(make_backend: Maker) -> Maker:
    """Return a function that creates a backend with Julia scripts, given as text."""

    def make(model: str | None = "m", **scripts: str) -> Path:
        project = make_backend(model=model)
        (project / "scripts" / "predict_model.py").unlink()
        for step, text in scripts.items():
            (project / "scripts" / f"{step}.jl").write_text(text)
        return project

    return make


def script(name: str, body: str, parameters: str = "backend; options...") -> str:
    """Return a script whose function has this body."""
    return (
        f"using TaggingBackends\nfunction {name}({parameters})\n{body}\nend\n"
        f"if abspath(PROGRAM_FILE) == @__FILE__\nTaggingBackends.main({name})\nend\n"
    )


# -- choice of Julia


@pytest.fixture
def no_julia(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Hide every Julia and return the folder of juliapkg's project."""
    monkeypatch.delenv(JULIA, raising=False)
    monkeypatch.delenv(JULIACALL, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    state = import_module("juliapkg.state").STATE
    project = tmp_path / "julia_env"
    monkeypatch.setitem(state, "override_executable", None)
    monkeypatch.setitem(state, "meta", str(project / "pyjuliapkg" / "meta.json"))
    monkeypatch.setitem(state, "install", str(project / "pyjuliapkg" / "install"))
    return project


def test_order_of_variable_path_and_juliapkg(
    no_julia: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with julia_error("missing-julia", rf"none was found: install it .* variable {JULIA}"):
        find_julia()
    assert not no_julia.exists()  # nothing was resolved or installed
    version = import_module("juliapkg.deps").META_VERSION
    resolved = executable(tmp_path / "resolved" / "julia")
    (no_julia / "pyjuliapkg").mkdir(parents=True)
    meta = {"meta_version": version, "executable": resolved}
    (no_julia / "pyjuliapkg" / "meta.json").write_text(json.dumps(meta))
    assert find_julia() == resolved
    juliacalls = executable(tmp_path / "juliacalls" / "julia")
    monkeypatch.setenv(JULIACALL, juliacalls)
    assert find_julia() == juliacalls
    on_path = executable(tmp_path / "bin" / "julia")
    assert find_julia() == on_path
    named = executable(tmp_path / "named" / "julia-1.5")
    monkeypatch.setenv(JULIA, named)
    assert find_julia() == named
    monkeypatch.setenv(JULIA, str(tmp_path / "none"))
    with julia_error("missing-julia", "expected a Julia that can be run, found .*none"):
        find_julia()


def test_a_julia_of_juliapkg_that_was_removed(no_julia: Path) -> None:
    (no_julia / "pyjuliapkg").mkdir(parents=True)
    (no_julia / "pyjuliapkg" / "meta.json").write_text("{")
    with julia_error("missing-julia"):
        find_julia()
    installed = executable(no_julia / "pyjuliapkg" / "install" / "bin" / "julia")
    (no_julia / "pyjuliapkg" / "meta.json").unlink()
    assert find_julia() == installed


def test_a_missing_julia_is_reported_before_anything_runs(
    no_julia: Path, make_julia_backend: Maker, tmp_path: Path
) -> None:
    project = make_julia_backend(predict_model="")
    (project / "scripts" / "make_dataset.py").write_text("raise AssertionError")
    spine = write_recording(tmp_path / "lab")
    for files in ((), (spine,)):
        variables = {JULIA: str(tmp_path / "none")}
        result = command("predict", *files, "--model-instance=m", cwd=project, **variables)
        refused(result, f"Error: {JULIA}: expected a Julia that can be run")
    assert not (project / "data").exists()


# -- environment of Julia


def test_the_package_is_on_the_load_path() -> None:
    assert julia_package() == ROOT
    assert julia_environment({})["JULIA_LOAD_PATH"] == f"{ROOT}{os.pathsep}"
    given = {"JULIA_LOAD_PATH": "@:@stdlib"}
    assert julia_environment(given)["JULIA_LOAD_PATH"] == f"{ROOT}{os.pathsep}"


def test_a_missing_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = tmp_path / "site-packages" / "taggingbackends"
    monkeypatch.setattr(juliapackage, "_HOME", home)
    with julia_error("missing-package", "reinstall taggingbackends"):
        julia_package()
    (home / "_julia" / "src").mkdir(parents=True)
    (home / "_julia" / "src" / "TaggingBackends.jl").touch()
    assert julia_package() == home / "_julia"


def test_libraries_of_python_are_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CONDA_PREFIX", str(tmp_path / "conda"))
    ours = [str(Path(sys.prefix) / "lib"), str(tmp_path / "conda" / "lib")]
    others = ["/opt/cuda/lib64", str(tmp_path / "conda2" / "lib")]
    found = julia_environment(
        {
            "LD_LIBRARY_PATH": os.pathsep.join([*ours, "", *others]),
            "DYLD_LIBRARY_PATH": os.pathsep.join(ours),
            "X": "1",
        }
    )
    assert found["LD_LIBRARY_PATH"] == os.pathsep.join(others)
    assert "DYLD_LIBRARY_PATH" not in found
    assert found["X"] == "1"


# -- running scripts


def test_the_example_predicts(any_julia: dict[str, str], tmp_path: Path) -> None:
    project = shutil.copytree(EXAMPLE, tmp_path / "example", ignore=shutil.ignore_patterns("data"))
    spine = write_recording(tmp_path / "lab")
    arguments = ("predict", spine, "--model-instance=thresholds", "--speed=0.1", "--pixelsize=1")
    result = command(*arguments, cwd=project, **any_julia)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{tmp_path / 'lab' / 'predicted.label'}\n"
    assert result.stderr == "Warning: no script took the option --pixelsize\n"
    labels = Labels.read(tmp_path / "lab" / "predicted.label")
    run = labels[RUN]
    assert {larva: track.states for larva, track in run.items()} == {
        1: ["run"] * 5,  # a straight line that moves by 1 mm in 0.1 s
        20: ["run"] * 5,
    }
    assert (run.names, run.colors) == (["run", "cast", "stop"], ["#2ca02c", "#d62728", "#bcbd22"])
    assert run.metadata["software"]["name"] == "examplebackend-julia"
    assert run.metadata["software"]["model_instance"] == "thresholds"
    labels.check_dependencies(tmp_path / "lab")
    matlab.check(tmp_path / "lab" / "predicted.label")
    assert matlab.read(tmp_path / "lab" / "predicted.label") == matlab.meant(labels)
    spine.write_text(spine.read_text()[:-40])
    (tmp_path / "lab" / "predicted.label").unlink()
    result = command("predict", spine, "--model-instance=thresholds", cwd=project, **any_julia)
    refused(result, "line 10: expected 25 fields", lines=3)


def test_the_example_is_a_valid_backend() -> None:
    result = command("check", cwd=EXAMPLE)
    assert "nothing to fix" in result.stdout, result.stdout


def test_the_example_on_real_recordings(
    compiling_julia: dict[str, str], recordings: Path, tmp_path: Path
) -> None:
    """Check the agreement that its README reports."""
    project = shutil.copytree(EXAMPLE, tmp_path / "example", ignore=shutil.ignore_patterns("data"))
    arguments = ("predict", recordings / "chore", "--model-instance=thresholds")
    result = command(*arguments, "--output", tmp_path / "out", cwd=project, **compiling_julia)
    assert result.returncode == 0, result.stderr
    readme = (EXAMPLE / "README.md").read_text()
    for run, larvae in (("20170714_101500", 6), ("20170714_113000", 2)):
        predicted = Labels.read(tmp_path / "out" / run / "predicted.label")[run]
        truth = Labels.read(recordings / "chore" / run / "groundtruth.label")[run]
        assert list(predicted) == list(truth)
        pairs = [
            pair
            for larva in truth
            for pair in zip(truth[larva].states, predicted[larva].states, strict=True)
        ]
        equal = sum(one == other for one, other in pairs)
        row = f"| {larvae} larvae | {len(pairs):,} | {equal / len(pairs):.1%} |"
        for name, digits in (("run", 1), ("cast", 1), ("stop", 0)):
            found = [other == name for one, other in pairs if one == name]
            share = f"{sum(found) / len(found):.{digits}%}"
            row += f" {share} |" if name != "stop" else f" {share} of {len(found)} |"
        assert row in readme


def test_options_and_variables_reach_a_script(
    any_julia: dict[str, str], make_julia_backend: Maker, tmp_path: Path
) -> None:
    body = """println(epochs, " ", fast, " ", backend.model_instance, " ", pwd())
    println(read(`$(ENV["TAGGINGBACKENDS_PYTHON"]) -c "import taggingbackends; print(1)"`, String))
    println(get(ENV, "LD_LIBRARY_PATH", ""), get(ENV, "JULIA_LOAD_PATH", ""))
    println(Base.load_path_expand("@"), haskey(ENV, "JULIA_PYTHONCALL_EXE"))"""
    parameters = "backend; epochs, fast=false"
    project = make_julia_backend(make_dataset=script("make_dataset", body, parameters))
    (project / "scripts" / "predict_model.py").write_text("")
    arguments = ("predict", "--model-instance=m", "--epochs", "20", "--fast")
    # Julia would not start, or load another package
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "TaggingBackends.jl").write_text("error()")
    (tmp_path / "Project.toml").write_text('name = "TaggingBackends"\n')
    caller = ("BINDIR", "LOAD_PATH", "PROJECT", "PYTHONCALL_EXE")
    variables = any_julia | {f"JULIA_{name}": str(tmp_path) for name in caller}
    result = command(*arguments, cwd=project, LD_LIBRARY_PATH=f"{sys.prefix}/lib", **variables)
    seen = ["20", "true", "m", str(project), "1", f"{ROOT}{os.pathsep}", "nothingfalse"]
    assert result.stdout.split() == seen, result.stderr
    assert "no script took" not in result.stderr
    result = command(*arguments[:4], "--fast=maybe", cwd=project, **variables)
    refused(result, "found 'maybe'", exit_code=2, lines=4)  # by the command, not by the script
    result = command(*arguments[:2], cwd=project, **variables)
    refused(result, "make_dataset.jl: make_dataset needs --epochs", exit_code=2, lines=4)


def test_training_in_julia(
    any_julia: dict[str, str], make_julia_backend: Maker, tmp_path: Path
) -> None:
    body = """files = join(basename.(list_input_files(backend)), ' ')
    write(joinpath(model_dir(backend), "weights"), files)
    die && exit(5)"""
    train = script("train_model", body, "backend; die=false")
    project = make_julia_backend(model=None, train_model=train)
    label = write_labels(write_recording(tmp_path / "lab"))
    result = command("train", label, "--model-instance=new", "--die", cwd=project, **any_julia)
    refused(result, "train_model failed with exit code 5", 5, lines=5)  # with a table
    assert list((project / "models").iterdir()) == []
    result = command("train", label, "--model-instance=new", cwd=project, **any_julia)
    assert result.stdout == "new\n", result.stderr
    written = (project / "models" / "new" / "weights").read_text()
    assert written == f"{STEM}.outline {STEM}.spine truth.label"


def test_quiet_and_the_log_reach_a_script(
    any_julia: dict[str, str], make_julia_backend: Maker
) -> None:
    body = """@warn "few frames"
    throw(BackendError("no-input", "too dark"))"""
    project = make_julia_backend(predict_model=script("predict_model", body))
    predict = ("predict", "--model-instance=m")
    result = command("--quiet", "--log", "log", *predict, cwd=project, **any_julia)
    assert result.stderr.splitlines() == [
        "Error: too dark",
        "Error: predict_model failed with exit code 1 (scripts/predict_model.jl)",
    ]
    log = (project / "log").read_text()
    assert " warning: few frames\n" in log
    assert " error: too dark\ntoo dark\nStacktrace:\n" in log


def test_a_stack_trace_is_shown(any_julia: dict[str, str], make_julia_backend: Maker) -> None:
    body = 'error("the network is down")'
    project = make_julia_backend(predict_model=script("predict_model", body))
    result = command("predict", "--model-instance=m", cwd=project, **any_julia)
    assert result.returncode == 1
    assert "the network is down" in result.stderr
    assert "predict_model.jl:3" in result.stderr
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: predict_model failed with exit code 1 (")


def test_a_julia_project_of_the_backend(
    any_julia: dict[str, str], make_julia_backend: Maker, tmp_path: Path
) -> None:
    project = make_julia_backend(predict_model="print(Base.active_project())")
    (project / "Project.toml").write_text("")
    result = command("predict", "--model-instance=m", cwd=project, **any_julia)
    assert result.stdout == str(project / "Project.toml"), result.stderr


@pytest.mark.parametrize(
    ("number", "whole_group", "exit_code"),
    [
        pytest.param(signal.SIGINT, True, 130, id="Ctrl-C"),
        pytest.param(signal.SIGTERM, False, 143, id="SIGTERM"),
    ],
)
def test_interruption_ends_the_script(
    number: signal.Signals,
    whole_group: bool,
    exit_code: int,
    any_julia: dict[str, str],
    make_julia_backend: Maker,
) -> None:
    body = "println(getpid())\nsleep(60)"
    project = make_julia_backend(predict_model=script("predict_model", body))
    arguments = [sys.executable, "-m", "taggingbackends", "predict", "--model-instance=m"]
    with subprocess.Popen(
        arguments,
        cwd=project,
        env=os.environ | any_julia,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        start = time.monotonic()
        (os.killpg if whole_group else os.kill)(process.pid, number)
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == exit_code, stderr
    assert time.monotonic() - start < 5
    assert "Traceback" not in stderr
    if whole_group:
        assert stderr.strip() == ""
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
