"""Errors use terms of the API; the command converts them to terms of the command line."""

from __future__ import annotations

import ast
import pickle
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from test_main import TRAIN, by_hand

import taggingbackends
from support import backend_error, command, refused, write_labels, write_recording
from taggingbackends import BackendError, BackendExplorer, Labels
from taggingbackends.backend import training
from taggingbackends.backend.check import check
from taggingbackends.backend.wording import in_command_words
from taggingbackends.data import load_tracks
from taggingbackends.labels.conversion import split, united
from variants import fimtrack, trxmat

Maker = Callable[..., Path]

SOURCES = Path(taggingbackends.__file__).parent
OF_THE_COMMAND = re.compile(r"(?<!\w)--[a-z]|tagging-backend")


def texts(module: Path) -> list[str]:
    """Return the strings in a module, except docstrings and arguments of processes."""
    tree = ast.parse(module.read_text("utf-8"))
    docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if node not in docstrings and not node.value.startswith("--")
    ]


@pytest.mark.parametrize("folder", ["backend", "many", "labels", "data", "windows", "system"])
def test_no_text_of_the_api_mentions_the_command_line(folder: str) -> None:
    found = {
        f"{module.name}: {text}"
        for module in (SOURCES / folder).glob("*.py")
        if module.name not in ("wording.py", "options.py")
        for text in texts(module)
        if OF_THE_COMMAND.search(text)
    }
    assert found == set()


def test_an_error_shows_problem_and_fix() -> None:
    error = BackendError("existing-file", "x: exists already", "replace with force=True")
    assert str(error) == "x: exists already; replace with force=True"
    assert str(BackendError("no-input", "x: no such file")) == "x: no such file"
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.kind, copy.problem, copy.fix) == (error.kind, error.problem, error.fix)


@pytest.mark.parametrize(
    ("api", "words"),
    [
        ("replace it with force=True", "replace it with --force"),
        ("name it with model_instance=...", "name it with --model-instance NAME"),
        (
            "add them with BackendExplorer(model_instance='m').push(...)",
            "add them with `tagging-backend push FILES --model-instance m`",
        ),
        (
            "remove with BackendExplorer(model_instance='a.b', sandbox='s').reset_data()",
            "remove with `tagging-backend reset --model-instance a.b --sandbox s`",
        ),
        (
            "BackendExplorer(project_dir=\"it's ).push()\", data_folder='/a b').reset_sandboxes()",
            "`tagging-backend --project 'it'\"'\"'s ).push()' --data '/a b' reset --sandboxes`",
        ),
        (
            "BackendExplorer(model_instance='m').reset_model()",
            "`tagging-backend reset --model-instance m --model`",
        ),
        ("keep it with data_folder=...", "keep it with --data DIR"),
        (
            "set a smaller min_tracked=... or window=(start, stop)",
            "set a smaller --min-tracked SHARE or --window START:STOP",
        ),
        ("name the groups with groups=...", "name the groups with --groups TABLE"),
        ("set a longer bin=...", "set a longer --bin"),
        ("change folder", "change folder"),
        (
            "choose one of those that runs_in(path) returns: load_tracks(path, run=...)",
            "a script loads each with backend.load_runs(file)",
        ),
    ],
)
def test_words(api: str, words: str) -> None:
    assert in_command_words(api) == words


def test_options_of_formats_are_named_as_in_the_call(make_backend: Maker, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text(fimtrack.text(fimtrack.rows()))
    with pytest.raises(taggingbackends.TrackFileError, match="with the option pixelsize, or"):
        load_tracks(table)
    assert "with --pixelsize, or" in command("data", "info", table, cwd=tmp_path).stdout
    image = trxmat.image(trxmat.larva(1), trxmat.larva(1, id=trxmat.OTHER))
    (tmp_path / "trx.mat").write_bytes(image["trx.mat"])
    project = make_backend()
    result = command(
        "--project", project, "predict", tmp_path / "trx.mat", "--model-instance=m", cwd=tmp_path
    )
    assert "; a script loads each with backend.load_runs(file)\n" in result.stderr


def test_a_model_that_exists_already(make_backend: Maker, tmp_path: Path) -> None:
    project = make_backend(train_model=TRAIN)
    label = write_labels(write_recording(tmp_path / "lab"))
    with backend_error("existing-model", r"model_instance=\.\.\., or replace it with force=True$"):
        training.train(BackendExplorer(project, "m"), [label], {})
    other = "name another with --model-instance NAME, or replace it with "
    result = command("train", label, "--model-instance=m", cwd=project)
    refused(result, f"{other}--force\n")
    result = by_hand(project / "scripts" / "train_model.py", "--model-instance=m", cwd=project)
    refused(result, f"{other}`tagging-backend train --force`\n")


def test_kept_data(make_backend: Maker, tmp_path: Path) -> None:
    failing = TRAIN.replace("train_model", "predict_model")
    project = make_backend(predict_model=failing, train_model=TRAIN)
    label = write_labels(spine := write_recording(tmp_path / "lab"))
    result = command("predict", spine, "--model-instance=m", "--code=3", cwd=project)
    (sandbox,) = (path.name for path in (project / "data" / "raw" / "m").iterdir())
    reset = "`tagging-backend reset --model-instance {}`\n"
    assert "Warning: input and results are kept in" in result.stderr
    assert reset.format(f"m --sandbox {sandbox}") in result.stderr
    result = command("train", label, "--model-instance=n", "--code=3", cwd=project)
    assert reset.format("n --sandbox training-input") in result.stderr
    with (
        pytest.raises(taggingbackends.ScriptError),
        pytest.warns(UserWarning, match=r"'o', sandbox='training-input'\)\.reset_data\(\)$"),
    ):
        training.train(BackendExplorer(project, "o"), [label], {"code": "3"})


def test_a_command_in_a_fix_can_be_copied(make_backend: Maker, tmp_path: Path) -> None:
    project = make_backend(train_model=TRAIN)
    one = write_labels(write_recording(tmp_path / "1"), state="run")
    other = write_labels(write_recording(tmp_path / "2"), state="cast")
    words = ["--project", str(project), "--data", str(tmp_path / "my data")]
    train = [*words, "train", "--model-instance=n", "--force"]
    assert command(*train, one, cwd=tmp_path).returncode == 0
    stderr = command(*train, other, cwd=tmp_path).stderr
    assert (
        "; remove it, or the input of the last training with `tagging-backend --project " in stderr
    )
    fix = shlex.split(stderr.split("`")[1])[1:]
    assert fix == [*words, "reset", "--model-instance", "n", "--sandbox", "training-input"]
    assert command(*fix, cwd=tmp_path).returncode == 0
    assert command(*train, other, cwd=tmp_path).returncode == 0


def test_fixes_for_folders_that_are_not_backends(make_backend: Maker, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    init = "or name one with --project DIR, or make one with `tagging-backend init`\n"
    refused(command("models", cwd=tmp_path / "none"), init)
    assert init in command("check", cwd=tmp_path / "none").stdout
    assert check(tmp_path / "none")[0].fix == "change folder, or name one with project_dir=..."
    script = tmp_path / "none" / "train_model.py"
    script.write_text(TRAIN)
    refused(by_hand(script, cwd=script.parent), "predict_model; change folder\n")


def test_fixes_of_check(make_backend: Maker) -> None:
    project = make_backend()
    (project / "models" / ".n.partial").mkdir()
    (problem,) = check(project)
    assert problem.fix.endswith(f"(project_dir='{project}', model_instance='n').reset_model()")
    printed = command("check", cwd=project).stdout
    assert "remove it with `tagging-backend reset --model-instance n --model`\n" in printed


def test_label_files_in_other_forms(tmp_path: Path) -> None:
    one = write_labels(write_recording(tmp_path))
    with backend_error("repeated-run", "; merge the files with Labels.merge$"):
        united([Labels.read(one)] * 2)
    copy = shutil.copy(one, tmp_path / "copy.label")
    result = command("labels", "convert", one, copy, "-o", "x.label", cwd=tmp_path)
    refused(result, "; merge the files with `tagging-backend labels merge`\n")
    split(Labels.read(one), tmp_path / "runs")
    (file,) = split(Labels.read(one), tmp_path / "runs")
    file.write_text("mine")
    with backend_error("existing-file", "; replace with force=True, or name another folder$"):
        split(Labels.read(one), tmp_path / "runs")


def test_fixes_for_missing_input(make_backend: Maker) -> None:
    project = make_backend(train_model=TRAIN)
    refused(command("train", cwd=project), "the instance that has the input with --model-instance")
    result = command("train", "--model-instance=n", cwd=project)
    refused(
        result, "; name files, or add them with `tagging-backend push FILES --model-instance n`\n"
    )
    with backend_error("no-input", r"model_instance='n'\)\.push\(\.\.\.\)$"):
        training.train(BackendExplorer(project, "n"), [], {})
