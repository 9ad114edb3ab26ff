"""The digest of a model's files, and the record of its training."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support import backend_error, called, command, posix
from taggingbackends import BackendExplorer
from taggingbackends.backend.trainingrecord import (
    DIGESTS,
    add_evaluation,
    model_digest,
    read_record,
    state_of,
    write_record,
)

Maker = Callable[..., Path]

RECORD: dict[str, Any] = {
    "backend": {"name": "backend", "version": "1.2"},
    "date": "2026-03-01T12:00:00+00:00",
    "options": {"trees": "50"},
    "labels": {"run": {"frames": 1200, "recordings": 3}, "cast": {"frames": 80, "recordings": 2}},
    "recordings": 3,
    "frames": 1280,
    "files": [],
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    model = tmp_path / "model"
    (model / "layers").mkdir(parents=True)
    (model / "layers" / "1.bin").write_bytes(bytes(range(256)))
    (model / "layers.txt").write_text("1")
    (model / "größe").write_text("")
    (model / ".DS_Store").write_text("of a file browser")
    (model / "training.json").write_text("{}")
    return model


@posix
@pytest.mark.skipif(shutil.which("sha1sum") is None, reason="needs sha1sum of coreutils")
def test_the_digest_is_that_of_sha1sum(model: Path) -> None:
    files = "find * -type f ! -name training.json -print0 | LC_ALL=C sort -z"
    text = f"{files} | xargs -0 sha1sum | sha1sum"
    result = subprocess.run(text, shell=True, cwd=model, capture_output=True, text=True)
    assert result.stdout == f"{model_digest(model)}  -\n"


def test_the_digest_changes_with_any_file_but_the_record(model: Path) -> None:
    before = model_digest(model)
    (model / "training.json").unlink()
    (model / ".DS_Store").unlink()
    (model / "broken").symlink_to(model / "nowhere")
    assert model_digest(model) == before
    (model / "größe").rename(model / "breite")
    renamed = model_digest(model)
    (model / "layers" / "training.json").write_text("{}")  # of the model, not its record
    assert len({before, renamed, model_digest(model)}) == 3


def test_files_are_read_again_only_if_they_have_changed(model: Path) -> None:
    state = state_of(model)
    DIGESTS[state] = "known"
    assert model_digest(model) == "known"
    status = (model / "layers.txt").stat()
    (model / "layers.txt").write_text("2")
    os.utime(model / "layers.txt", ns=(status.st_atime_ns, status.st_mtime_ns + 1000))
    assert len(model_digest(model)) == 40
    del DIGESTS[state]


def test_a_copied_record_is_replaced_and_a_file_of_the_script_kept(model: Path) -> None:
    with pytest.warns(UserWarning, match="so this model has no record"):
        write_record(model, RECORD)
    assert (model / "training.json").read_text() == "{}"
    (model / "training.json").write_text(json.dumps(RECORD | {"model_digest": "of the original"}))
    write_record(model, RECORD)
    assert json.loads((model / "training.json").read_text()) == RECORD | {
        "model_digest": model_digest(model)
    }


OTHER = [{"files": ["a"]}, {"files": [{"filename": "a"}]}, {"labels": 3}, {"evaluation": "0.9"}]


@pytest.mark.parametrize(
    "text",
    ["", "[", "[]", "3", "{}", json.dumps(RECORD), "[" * 100_000]
    + [json.dumps(RECORD | {"model_digest": "1"} | entries) for entries in OTHER],
)
def test_an_invalid_record(text: str, make_backend: Maker) -> None:
    project = make_backend()
    path = project / "models" / "m" / "training.json"
    path.write_text(text)
    backend = BackendExplorer(project, "m")
    with backend_error("bad-record", "training.json: expected "):
        read_record(backend, "m")
    with backend_error("bad-record"):
        add_evaluation(backend, {})
    (problem,) = backend.check()
    assert (problem.where, problem.what[:9]) == (path, "expected ")
    if text != "{}":
        return
    result = command("models", "--json", cwd=project)
    assert json.loads(result.stdout) == [{"instance": "m", "training": None}]
    assert result.stderr.startswith(f"Warning: {path}: expected ")


def test_a_model_and_its_record_are_compared(make_backend: Maker) -> None:
    project = make_backend()
    backend = BackendExplorer(project, "m")
    assert read_record(backend, "m") is None
    assert not add_evaluation(backend, {})
    model = project / "models" / "m"
    (model / "weights").write_text("1")
    write_record(model, RECORD)
    assert backend.check() == []
    (model / "weights").write_text("23")
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(text.replace("1.2", "1.3"))
    problems = [str(problem).removeprefix(str(model)) for problem in backend.check()]
    assert problems == [
        "/training.json: expected a model of version 1.3, found one of 1.2; train the model again",
        ": expected the files that the training wrote, found that some have changed; train the "
        "model again, or remove training.json",
    ]


def test_models_are_listed_with_their_training(
    make_backend: Maker, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_backend()
    long = project / "models" / f"20260301_120000_{'x' * 60}"
    long.mkdir()
    write_record(long, RECORD)
    backend = BackendExplorer(project, long.name)
    assert add_evaluation(backend, {"accuracy": 0.9312})
    called("models", cwd=project)
    assert capsys.readouterr().out.splitlines() == [long.name, "m"]
    called("models", "--long", cwd=project)
    table = capsys.readouterr().out.splitlines()
    heads, row, bare = table
    assert heads.split()[1:] == ["date", "labels", "recordings", "frames", "windows", "accuracy"]
    assert row.split()[1:] == ["2026-03-01", "run,cast", "3", "1280", "93.1%"]
    assert bare.split() == ["m"]
    assert max(map(len, table)) <= 80
    called("models", "--json", cwd=project)
    (entry, other) = json.loads(capsys.readouterr().out)
    assert (entry["instance"], entry["training"]["evaluation"]) == (long.name, {"accuracy": 0.9312})
    assert other == {"instance": "m", "training": None}
