"""What is told beside results: how much of it, its log, its colours, near misses, completion."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support import command, posix, refused, write_recording

Maker = Callable[..., Path]

SCRIPT = """
from taggingbackends import BackendError
from taggingbackends.main import main
def build_features({}):
    {}
main(build_features)
"""


@pytest.fixture
def project(make_backend: Maker) -> Path:
    return make_backend()


@pytest.fixture
def spine(tmp_path: Path) -> Path:
    return write_recording(tmp_path / "lab")


def test_quiet_leaves_errors_and_results(project: Path, spine: Path) -> None:
    predict = ("predict", spine, "--model-instance", "m", "--other", "1", "--force")
    result = command(*predict, cwd=project)
    assert result.stderr == "Warning: no script took the option --other\n"
    quiet = command("--quiet", *predict, cwd=project)
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, result.stdout, "")
    refused(command("--quiet", *predict[:-1], cwd=project), "exists already")


def test_verbose_tells_what_is_done(project: Path, spine: Path) -> None:
    result = command("--verbose", "predict", spine, "--model-instance", "m", cwd=project)
    started, ended = result.stderr.splitlines()
    assert re.fullmatch(
        r"predict_model: .*predict_model.py --model-instance=m --sandbox=\S+", started
    )
    assert re.fullmatch(r"predict_model: exit code 0 after [\d.]+ s", ended)
    both = command("--verbose", "--quiet", "models", cwd=project)
    refused(both, "--quiet does not go with --verbose", 2, lines=4)


def test_after_the_subcommand_these_are_options_of_the_scripts(
    make_backend: Maker, spine: Path
) -> None:
    script = SCRIPT.format("backend, verbose, quiet, log", "print('got', verbose, quiet, log)")
    project = make_backend(build_features=script)
    options = ("--verbose", "--quiet=2", "--log", "x")
    result = command("predict", spine, "--model-instance", "m", *options, cwd=project)
    assert result.stdout.splitlines()[0] == "got True 2 x"
    assert not (project / "x").exists()


def test_the_log_has_all_whatever_is_shown(make_backend: Maker, spine: Path) -> None:
    script = SCRIPT.format("backend", "raise BackendError('no-input', 'too dark')")
    project = make_backend(build_features=script)
    predict = ("predict", spine, "--model-instance", "m")
    result = command("--quiet", "--log", "../a.log", *predict, cwd=project)
    assert result.stderr.splitlines() == [
        "Error: too dark",
        "Error: build_features failed with exit code 1 (scripts/build_features.py)",
    ]
    command("--log", "../a.log", "models", cwd=project)
    lines = (project / "../a.log").read_text().splitlines()
    told = [
        line for line in lines if re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \d+ [a-z]+: ", line)
    ]
    kinds = [line.split()[3] for line in told]
    assert kinds == [
        *("start:", "note:", "traceback:", "error:", "note:", "warning:", "error:", "exit:"),
        *("start:", "exit:"),
    ]
    assert "input and results are kept in" in told[5]
    assert told[7].endswith("exit: code 1")
    assert "raise BackendError('no-input', 'too dark')" in "\n".join(lines)


def test_the_log_has_the_traceback_of_a_fault_of_the_program(project: Path) -> None:
    fault = "import taggingbackends.explorer as e; e.BackendExplorer.list_models = None; "
    program = f"{fault}from taggingbackends.cli import main; main()"
    arguments = [sys.executable, "-c", program, "--log", "a.log", "models"]
    result = subprocess.run(arguments, cwd=project, capture_output=True, text=True)
    assert result.stderr.startswith("Traceback")
    log = (project / "a.log").read_text()
    assert "TypeError: 'NoneType' object is not callable" in log
    assert log.endswith("exit: code 1\n")


def test_a_log_that_cannot_be_written_is_told_before_anything_is_done(
    project: Path, spine: Path
) -> None:
    log = project / "none" / "a.log"
    result = command("--log", log, "predict", spine, "--model-instance", "m", cwd=project)
    refused(result, f"{log}: No such file or directory")
    assert not (spine.parent / "predicted.label").exists()


def on_a_terminal(*arguments: str, cwd: Path, **variables: str) -> str:
    """Return what the command writes on a terminal."""
    import pty

    ours, theirs = pty.openpty()
    environment = os.environ | variables
    process = subprocess.Popen(
        [sys.executable, "-m", "taggingbackends", *arguments],
        cwd=cwd,
        env=environment,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    text = b""
    while True:
        try:
            part = os.read(ours, 1 << 16)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        text += part
    os.close(ours)
    process.wait()
    return text.decode()


@posix
def test_colours_are_for_terminals_that_are_to_have_them(project: Path) -> None:
    arguments = ("predict", "--model-instance", "none")
    told = "no model none in"
    coloured = on_a_terminal(*arguments, cwd=project, NO_COLOR="")
    assert f"\x1b[31mError:\x1b[0m {told}" in coloured
    assert f"Error: {told}" in on_a_terminal(*arguments, cwd=project, NO_COLOR="1")
    assert f"Error: {told}" in command(*arguments, cwd=project).stderr


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["predict", "x", "--model-instance", "2024061"], "did you mean 20240611_101500?"),
        (["predict", "x", "--model-instance", "2024"], "did you mean 20240611_101500?"),
        (["predict", "--model-instnce=m"], "'--model-instance'; did you mean --model-instance?"),
        (
            ["predict", "--model-instnce", "m", "x"],
            "no such option --model-instnce; did you mean --model-instance?",
        ),
        (["predict", "--model_instance", "m"], "did you mean --model-instance?"),
        (["predict", "--recursiv", ".", "--model-instance", "m"], "did you mean --recursive?"),
        (["predict", "--quiet", "x.spine", "--model-instance", "m"], "files stand before those"),
        (["predcit"], "predict"),
        (["labels", "shwo"], "show"),
    ],
)
def test_near_misses_are_offered(make_backend: Maker, arguments: list[str], hint: str) -> None:
    project = make_backend(model="20240611_101500")
    result = command(*arguments, cwd=project)
    assert result.returncode in (1, 2)
    assert hint in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("tagging-backend pre", ["predict"]),
        ("tagging-backend predict --model-i", ["--model-instance"]),
        ("tagging-backend predict --model-instance 2", ["20240611_101500"]),
        ("tagging-backend finetune --original-model-instance 2", ["20240611_101500"]),
        ("tagging-backend train --pretrained-model-instance b", ["base"]),
        ("tagging-backend labels sh", ["show"]),
    ],
)
def test_shells_complete(make_backend: Maker, words: str, found: list[str]) -> None:
    project = make_backend(model="20240611_101500")
    (project / "pretrained_models" / "base").mkdir(parents=True)
    asked = {
        "_TAGGING_BACKEND_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    result = command(cwd=project, **asked)
    assert [line.split(",")[1] for line in result.stdout.splitlines()] == found


def test_completion_outside_a_backend_finds_no_models(tmp_path: Path) -> None:
    asked = {
        "_TAGGING_BACKEND_COMPLETE": "bash_complete",
        "COMP_WORDS": "tagging-backend predict --model-instance 2",
        "COMP_CWORD": "3",
    }
    result = command(cwd=tmp_path, **asked)
    assert (result.returncode, result.stdout.strip(), result.stderr) == (0, "", "")
