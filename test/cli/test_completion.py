"""Tests of tab completion in shells."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from taggingbackends import BackendExplorer
from taggingbackends.cli import cli

MODEL = "--model-instance"


def completed(*arguments: str) -> list[str]:
    """Return what Tab offers for the last argument; files and folders are left to the shell."""
    shell = BashComplete(cli, {}, "tagging-backend", "_TAGGING_BACKEND_COMPLETE")
    found = shell.get_completions([*arguments[:-1]], arguments[-1])
    return [item.value if item.type == "plain" else f"<{item.type}>" for item in found]


@pytest.fixture
def backend(make_backend: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = make_backend(model="default")
    (folder / "models" / "second").mkdir()
    (folder / "pretrained_models" / "base").mkdir(parents=True)
    BackendExplorer(folder, "default", "trial").raw_data_dir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["pre"], ["predict"]),
        (["labels", "re"], ["rename", "report", "review"]),
        (["labels", "convert", "--t"], ["--table"]),
        (["labels", "convert", "x.label", "--table", ""], ["frames", "bouts", "budget"]),
        (["labels", "show", ""], ["<file>"]),
        (["labels", "convert", "x.label", "-o", ""], ["<file>"]),
        (["predict", ""], ["<file>"]),
        (["--project", ""], ["<dir>"]),
        (["predict", MODEL, ""], ["default", "second"]),
        (["evaluate", MODEL, "d"], ["default"]),
        (["finetune", "--original-model-instance", "s"], ["second"]),
        (["train", "--pretrained-model-instance", ""], ["base"]),
        (["predict", "--sandbox", ""], ["trial"]),
        (["reset", MODEL, "default", "--sandbox", "t"], ["trial"]),
        (["pull", MODEL, "second", "--sandbox", ""], []),
        (["pull", MODEL, "no**name", "--sandbox", ""], []),
        (["predict", "--format", "Ch"], ["Choreography"]),
    ],
    ids=" ".join,
)
def test_completion(arguments: list[str], found: list[str], backend: Path) -> None:
    assert completed(*arguments) == found


def test_completion_in_and_for_another_folder(
    backend: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (backend / "data").rename(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    assert completed("predict", MODEL, "") == []  # no backend here
    elsewhere = ["--project", str(backend), "--data", "data"]
    assert completed(*elsewhere, "predict", MODEL, "") == ["default", "second"]
    assert completed(*elsewhere, "predict", "--sandbox", "") == ["trial"]


@pytest.mark.skipif(os.name == "nt" or not shutil.which("bash"), reason="needs bash")
def test_bash(backend: Path) -> None:
    tab = "COMP_WORDS=(tagging-backend predict --model-instance s) COMP_CWORD=3"
    script = (
        'eval "$(_TAGGING_BACKEND_COMPLETE=bash_source tagging-backend)"; '
        f'{tab}; _tagging_backend_completion tagging-backend; echo "${{COMPREPLY[@]}}"'
    )
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    }
    done = subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, text=True, cwd=backend
    )
    assert (done.stdout, done.stderr) == ("second\n", "")
