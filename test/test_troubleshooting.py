"""docs/troubleshooting.md: each message is printed as it stands there."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError

import juliapkg
import pytest

from support import ROOT, command, write_labels, write_recording
from taggingbackends import JuliaSetupError, Labels
from taggingbackends.backend.wording import in_command_words
from taggingbackends.data import load_tracks
from taggingbackends.errors import TrackFileError
from taggingbackends.julia import startup
from taggingbackends.system import locks
from variants import fimtrack

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
ENTRIES = {
    title: message.strip()
    for title, message in re.findall(r"^### ([^\n]*)\n\n```(?:text)?\n(.*?)```", PAGE, re.M | re.S)
}
SPINE = "recordings/20240611_101500@g@e@t5@p.spine"
MODEL = ("--model-instance", "first")

# title -> arguments of the command
COMMANDS: dict[str, tuple[str, ...]] = {
    "The command finds no backend": ("predict", SPINE, *MODEL),
    "A package of the backend is missing: wrong environment": ("predict", SPINE, *MODEL),
    "No model of this name": ("predict", SPINE, "--model-instance", "firts"),
    "An option that no script takes": ("predict", SPINE, *MODEL, "--lable", "run"),
    "The model exists already": ("train", "recordings/truth.label", *MODEL),
    "A trx.mat in an old format": ("predict", "trx.mat", *MODEL),
    "A table that is not FIMTrack's": ("predict", "my.csv", *MODEL),
    "A file on which the labels depend is missing": ("train", "alone.label"),
    "Only predicted labels to train on": ("train", "recordings"),
    "Too few recordings to evaluate": ("evaluate", "recordings/truth.label"),
    "The file has no labels": ("labels", "show", SPINE),
    "The label file is cut or invalid": ("labels", "show", "cut.label"),
    "The output exists already": ("labels", "convert", "recordings/truth.label", "-o", "cut.label"),
    "A script in Julia finds no Julia": ("julia", "run", "script.jl"),
    "The Julia of the variable cannot be run": ("julia", "run", "script.jl"),
}
VARIABLES = {
    "A script in Julia finds no Julia": {"TAGGINGBACKENDS_JULIA": "", "PATH": os.devnull},
    "The Julia of the variable cannot be run": {"TAGGINGBACKENDS_JULIA": "/nowhere/julia"},
}
OTHERS = {  # tests of their own
    "A table of FIMTrack without the size of a pixel",
    "Locks on network disks",
    "Julia in Python is not set up",
}
# not messages of this package
OTHER_PROGRAMS = {"Poetry does not find the command", "pip cannot build a package"}


def fits(title: str, printed: str) -> bool:
    """Return whether the entry's message is in what was printed, where ... is any text."""
    pattern = ".*".join(map(re.escape, ENTRIES[title].split("...")))
    return re.search(f"^{pattern}", printed, re.MULTILINE) is not None


def test_each_entry_has_a_test_a_reason_and_a_remedy() -> None:
    assert COMMANDS.keys() | OTHERS | OTHER_PROGRAMS == ENTRIES.keys()
    assert len(re.findall(r"^###? ", PAGE, re.MULTILINE)) - PAGE.count("\n## ") == len(ENTRIES)
    assert PAGE.count("\nWhy: ") == PAGE.count("\nWhat to do: ") == len(ENTRIES)


@pytest.fixture
def project(make_backend: Callable[..., Path], tmp_path: Path) -> Path:
    """Return a backend with recordings and files that are wrong in some way."""
    train = "from taggingbackends.main import main\ndef {0}(backend): pass\nmain({0})\n"
    project = make_backend(model="first", train_model=train.format("train_model"))
    spine = write_recording(project / "recordings")
    write_labels(spine)
    write_labels(spine).rename(project / "alone.label")
    write_labels(spine)
    (project / "trx.mat").write_bytes(b"MATLAB 5.0 MAT-file, Platform: GLNXA64")
    (project / "my.csv").write_text("a,b\n1,2\n")
    (project / "cut.label").write_text('{"id": "x", "data": []\n')
    (project / "script.jl").touch()
    return project


@pytest.mark.parametrize("title", COMMANDS)
def test_the_message_is_printed(title: str, project: Path, tmp_path: Path) -> None:
    folder = tmp_path if title == "The command finds no backend" else project
    if title.startswith("A package"):
        file = project / "pyproject.toml"
        file.write_text(file.read_text().replace('["tagging', '["nonumpy>=1", "tagging'))
    if title == "Only predicted labels to train on":
        spine = project / SPINE
        labels = Labels.read(spine.with_name("truth.label"))
        for run in labels.values():
            run.metadata["software"] = {"name": "backend", "model_instance": "first"}
        labels.write(spine.with_name("predicted.label"))
    result = command(*COMMANDS[title], cwd=folder, **VARIABLES.get(title, {}))
    assert fits(title, result.stderr), result.stderr


def test_the_error_of_a_table_without_the_size_of_a_pixel(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text(fimtrack.text(fimtrack.rows()))
    with pytest.raises(TrackFileError) as caught:
        load_tracks(table)
    title = "A table of FIMTrack without the size of a pixel"
    assert fits(title, f"Error: {in_command_words(str(caught.value))}"), caught.value


def test_the_warning_about_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, wait: bool) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks, "_lock", refuse)
    with pytest.warns(UserWarning) as warned, locks.locked(tmp_path / "lock"):
        pass
    assert fits("Locks on network disks", f"Warning: {warned[0].message}")


def test_the_error_of_julia_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**options: Any) -> None:
        raise URLError("no route")

    monkeypatch.setattr(juliapkg, "resolve", fail)
    with pytest.raises(JuliaSetupError) as caught:
        startup._resolve(SimpleNamespace(prepared=True))  # type: ignore[arg-type]
    assert fits("Julia in Python is not set up", str(caught.value))
