"""Prediction and training, as the command runs them, with real scripts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from conftest import PREDICT
from support import (
    RUN,
    STEM,
    backend_error,
    called,
    command,
    posix,
    refused,
    tree,
    write_labels,
    write_recording,
)
from taggingbackends import BackendExplorer, Labels, ScriptError, __version__
from taggingbackends.backend import prediction, provenance, training
from taggingbackends.backend.trainingrecord import model_digest
from taggingbackends.data import load_tracks
from taggingbackends.display.training import training_table
from taggingbackends.system.files import sha1, stamp
from variants import trxmat

Maker = Callable[..., Path]

MAIN = "\nfrom taggingbackends.main import main\nif __name__ == '__main__':\n    main({})\n"


def script(name: str, body: str, parameters: str = "backend, **options") -> str:
    """Return a script whose function has this body."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"import json, os, sys, time\ndef {name}({parameters}):\n{lines}{MAIN.format(name)}"


TRAIN = script(
    "train_model",
    """(backend.model_dir() / "options.json").write_text(json.dumps(options))
print("training with", sorted(options))""",
)


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    return tmp_path / "lab"


def sandboxes(project: Path) -> set[str]:
    return {path.name for path in project.glob("data/*/*/*")}


# -- predict


def test_predict_files(make_backend: Maker, lab: Path) -> None:
    project = make_backend()
    spine = write_recording(lab)
    result = command("predict", spine, "--model-instance", "m", cwd=project)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{lab / 'predicted.label'}\n"
    assert result.stderr == ""
    labels = Labels.read(lab / "predicted.label")
    assert labels[RUN][20].states == ["run"] * 5
    assert labels[RUN].metadata["software"] == {
        "name": "backend",
        "version": "1.2",
        "model_instance": "m",
        "model_digest": "da39a3ee5e6b4b0d3255bfef95601890afd80709",  # of a model without files
        "taggingbackends": __version__,
    }
    labels.check_dependencies(lab)
    names = [entry["filename"] for entry in labels[RUN].dependencies]
    assert names == [f"{STEM}.outline", f"{STEM}.spine"]
    assert sandboxes(project) == set()


def test_predict_as_nyx_calls_it(make_backend: Maker, lab: Path) -> None:
    project = make_backend()
    backend = BackendExplorer(project, "m", "s1")
    # Nyx copies the files itself, without marking the sandbox
    write_recording(project / "data" / "raw" / "m" / "s1" / "x")
    result = command("predict", "--model-instance", "m", "--sandbox=s1", cwd=project)
    assert result.returncode == 0, result.stderr
    predicted = backend.processed_data_dir() / "x" / "predicted.label"
    assert result.stdout == f"{predicted}\n"
    assert Labels.read(predicted)[RUN].dependencies
    assert BackendExplorer(project, "m").list_input_files() == []


def test_two_recordings_in_one_folder_get_separate_labels(make_backend: Maker, lab: Path) -> None:
    project = make_backend()
    other = "20240612_090000@x"
    files = write_recording(lab), write_recording(lab, other)
    result = command("predict", *files, "--model-instance=m", cwd=project)
    assert result.returncode == 0, result.stderr
    for stem in (STEM, other):
        labels = Labels.read(lab / f"{stem}.predicted.label")
        run = labels[stem.split("@")[0]]
        assert [entry["filename"] for entry in run.dependencies] == [
            f"{stem}.outline",
            f"{stem}.spine",
        ]


def test_labels_go_to_the_output_folder(make_backend: Maker, lab: Path, tmp_path: Path) -> None:
    project = make_backend()
    write_recording(lab / "a")
    write_recording(lab / "b" / "c")
    before = tree(lab)
    arguments = ("predict", "lab", "--model-instance=m", "--output", "out")
    result = command("--project", project, *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert sorted(tree(tmp_path / "out")) == ["a/predicted.label", "b/c/predicted.label"]
    assert tree(lab) == before


def test_labels_that_exist_are_not_replaced_without_force(make_backend: Maker, lab: Path) -> None:
    project = make_backend(predict_model=script("predict_model", "raise AssertionError('ran')"))
    spine = write_recording(lab)
    (lab / "predicted.label").write_text("mine")
    result = command("predict", spine, "--model-instance=m", cwd=project)
    refused(result, f"{lab / 'predicted.label'}: exists already; replace with --force")
    assert (lab / "predicted.label").read_text() == "mine"
    assert sandboxes(project) == set()
    result = command("predict", spine, "--model-instance=m", "--force", cwd=make_backend("b2"))
    assert result.returncode == 0, result.stderr
    assert RUN in Labels.read(lab / "predicted.label")


EDIT = """
def edit(backend):
    from pathlib import Path
    Path(os.environ["EDITED"]).write_text("mine")
    (backend.output_path(backend.list_input_files()[0])).write_text(
        '{"metadata":{"id":"x"},"data":[{"id":"1","t":[1],"labels":["run"]}]}')
"""


@pytest.mark.parametrize("there", [False, True])
def test_labels_edited_during_a_prediction_stay(
    there: bool, make_backend: Maker, lab: Path
) -> None:
    project = make_backend(predict_model=script("predict_model", "edit(backend)") + "")
    path = project / "scripts" / "predict_model.py"
    path.write_text(EDIT.replace("def edit", "import os\ndef edit", 1) + path.read_text())
    spine = write_recording(lab)
    place = lab / "predicted.label"
    if there:
        place.write_text("old")
    arguments = ("predict", spine, "--model-instance=m", "--force")
    result = command(*arguments, cwd=project, EDITED=str(place))
    kind = "another program has changed this file meanwhile" if there else "exists already"
    refused(result, f"{place}: {kind}", lines=2)
    assert "input and results are kept in" in result.stderr
    assert place.read_text() == "mine"


def test_a_prediction_is_repeated_without_force(make_backend: Maker, lab: Path) -> None:
    """As after a kill between publishing the labels and removing the sandbox."""
    project = make_backend()
    spine = write_recording(lab)
    arguments = ("predict", spine, "--model-instance=m")
    assert command(*arguments, cwd=project).returncode == 0
    before = tree(lab), stamp(lab / "predicted.label")
    result = command(*arguments, cwd=project)
    assert (result.returncode, result.stderr) == (0, "")
    assert (tree(lab), stamp(lab / "predicted.label")) == before
    result = command(*arguments, "--label=cast", cwd=project)
    refused(result, "predicted.label: exists already; replace with --force", lines=2)
    labels = Labels.read(lab / "predicted.label")
    labels.tag("edited")
    labels.write(lab / "predicted.label")
    refused(command(*arguments, cwd=project), "exists already; with labels that a person edited")


def test_labels_changed_while_they_are_completed_are_completed_again(
    make_backend: Maker, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = BackendExplorer(make_backend(), "m")
    backend.push(write_recording(lab))
    place = backend.output_path(backend.list_input_files()[0])
    labels = Labels()
    labels.set(RUN, 1, [1.0], ["run"])
    labels.write(place)
    real = provenance.dependency

    def dependency(path: Path) -> dict[str, str]:  # while a large file is hashed
        if labels[RUN][1].states == ["run"]:
            labels.set(RUN, 1, [1.0], ["cast"])
            labels.write(place)
        return real(path)

    monkeypatch.setattr(provenance, "dependency", dependency)
    provenance.complete(backend, [place])
    completed = Labels.read(place)
    assert completed[RUN][1].states == ["cast"]
    assert len(completed[RUN].dependencies) == 2


def test_software_and_dependencies_of_the_script_are_kept(make_backend: Maker, lab: Path) -> None:
    body = """from taggingbackends import Labels
labels = Labels()
labels.set("r", 1, [0.5], ["run"])
labels["r"].metadata["software"] = {"name": "mine", "commit": "abc"}
labels["r"].dependencies = [{"filename": "x.spine", "sha1": "ab"}]
labels.write(backend.processed_data_dir() / "predicted.label")"""
    project = make_backend(predict_model=script("predict_model", body))
    backend = BackendExplorer(project, "m")
    backend.push(write_recording(lab))
    assert backend.predict_model() == [backend.processed_data_dir() / "predicted.label"]
    run = Labels.read(backend.processed_data_dir() / "predicted.label")["r"]
    assert run.metadata["software"] == {
        "name": "mine",
        "commit": "abc",
        "version": "1.2",
        "model_instance": "m",
        "model_digest": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "taggingbackends": __version__,
    }
    assert run.dependencies == [{"filename": "x.spine", "sha1": "ab"}]
    assert backend.predict_model() == [backend.processed_data_dir() / "predicted.label"]


def test_rewritten_labels_of_the_same_size_are_new(make_backend: Maker) -> None:
    project = make_backend()
    spine = write_recording(project / "data" / "raw" / "m")
    arguments = ("predict", "--model-instance=m")
    assert command(*arguments, "--label=run", cwd=project).returncode == 0
    path = BackendExplorer(project, "m").output_path(spine)
    complete = path.read_text()
    rewrite = f"backend.output_path({spine.name!r}).write_text({complete.replace('run', 'hop')!r})"
    (project / "scripts" / "predict_model.py").write_text(script("predict_model", rewrite))
    result = command(*arguments, cwd=project)
    assert (result.stdout, result.stderr) == (f"{path}\n", "")
    assert path.stat().st_size == len(complete)
    assert Labels.read(path).count() == {"hop": 10}


def test_an_invalid_label_file(make_backend: Maker, lab: Path) -> None:
    body = '(backend.processed_data_dir() / "predicted.label").write_text("{")'
    project = make_backend(predict_model=script("predict_model", body))
    result = command("predict", write_recording(lab), "--model-instance=m", cwd=project)
    refused(result, "invalid-json", lines=2)
    assert "are kept in" in result.stderr


def test_no_labels_at_all(make_backend: Maker, lab: Path) -> None:
    project = make_backend(predict_model=script("predict_model", "pass"))
    result = command("predict", write_recording(lab), "--model-instance=m", cwd=project)
    refused(result, "predict_model wrote no label file", lines=2)
    (lab / "notes").mkdir()
    (lab / "notes" / "x.txt").touch()
    result = command("predict", lab / "notes", "--model-instance=m", cwd=project)
    refused(result, "notes: expected recordings of a known format, found none", lines=2)
    result = command("predict", lab / "notes" / "x.txt", "--model-instance=m", cwd=project)
    refused(result, "the input has no tracker file of a known format", lines=3)
    assert len(sandboxes(project)) == 2
    result = command("predict", "--model-instance=m", cwd=project)
    refused(result, "Warning: predict_model wrote no label file", exit_code=0)


def test_a_recording_without_labels_is_reported(make_backend: Maker, lab: Path) -> None:
    body = """from taggingbackends import Labels
labels = Labels()
labels.set("20240612_090000", 1, [0.5], [()])
labels.write(backend.output_path("20240612_090000@x.spine"))"""
    project = make_backend(predict_model=script("predict_model", body))
    files = write_recording(lab), write_recording(lab, "20240612_090000@x")
    result = command("predict", *files, "--model-instance=m", cwd=project)
    assert result.returncode == 0
    assert result.stderr.splitlines() == [
        "Warning: 20240612_090000@x.predicted.label: no frame has a label",
        f"Warning: {files[0]}: no labels were predicted",
    ]


def test_every_recording_without_labels_is_reported(make_backend: Maker, tmp_path: Path) -> None:
    body = PREDICT.replace("list_input_files())", "list_input_files()[:2])")
    project = make_backend(predict_model=body)
    spines = [write_recording(tmp_path / "lab" / str(n)) for n in range(3)]
    warned = [f"Warning: {spine}: no labels were predicted" for spine in spines[1:]]
    result = command("predict", *spines, "--model-instance=m", cwd=project)
    assert (result.returncode, result.stderr.splitlines()) == (0, warned)
    BackendExplorer(project, "m").push(tmp_path / "lab")  # as Nyx does
    result = command("predict", "--model-instance=m", cwd=project)
    assert (result.returncode, result.stderr.splitlines()) == (0, warned)


@pytest.mark.parametrize("recursive", [False, True])
def test_input_can_be_linked(recursive: bool, make_backend: Maker, lab: Path) -> None:
    body = """for file in backend.list_input_files():
    assert file.is_symlink() == bool(linked), file"""
    project = make_backend(make_dataset=script("make_dataset", body, "backend, linked"))
    write_recording(lab / "1")
    (lab / "2").mkdir()
    for file in (lab / "1").iterdir():  # as in DataLad's folders
        (lab / "2" / file.name).symlink_to(Path("..", "1", file.name))
    before = tree(lab)
    options = ("--recursive", "--force") if recursive else ("--force",)
    for linked in ("1",) if recursive else ("1", ""):
        more = [*options, *["--link"] * bool(linked), f"--linked={linked}"]
        result = command("predict", lab, "--model-instance=m", *more, cwd=project)
        assert result.returncode == 0, result.stderr
        assert before.items() <= tree(lab).items()
        for folder in (lab / "1", lab / "2"):
            assert len(Labels.read(folder / "predicted.label").check_dependencies(folder)) == 2


@pytest.mark.parametrize("recursive", [False, True])
def test_a_script_that_changes_its_input(recursive: bool, make_backend: Maker, lab: Path) -> None:
    body = """for file in backend.list_input_files():
    file.write_text(file.read_text() + "\\n")
(backend.processed_data_dir() / "predicted.label").write_text(
    '{"metadata":{"id":"%s"},"data":[]}' % file.stem.split("@")[0])"""
    project = make_backend(predict_model=script("predict_model", body))
    write_recording(lab)
    options = ["--recursive"] if recursive else []
    result = command("predict", lab, *options, "--model-instance", "m", cwd=project)
    assert (result.returncode, result.stdout) == (1, "")
    assert f"{STEM}.outline: changed by a script, so the labels do not belong" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (lab / "predicted.label").exists()


def test_steps_run_in_order_and_can_be_skipped(make_backend: Maker, lab: Path) -> None:
    steps = {
        step: script(step, f'print("{step}", flush=True)')
        for step in ("make_dataset", "build_features", "predict_model")
    }
    project = make_backend(**steps)
    result = command("predict", "--model-instance=m", cwd=project)
    assert result.stdout.split() == ["make_dataset", "build_features", "predict_model"]
    for skipped in ("make_dataset", "build_features"):
        option = f"--skip-{skipped.replace('_', '-')}"
        result = command("predict", "--model-instance=m", option, cwd=project)
        assert result.stdout.split() == [step for step in steps if step != skipped]


def test_a_sandbox_is_marked_even_if_the_script_fails(make_backend: Maker) -> None:
    project = make_backend(predict_model=script("predict_model", "sys.exit(3)"))
    spine = write_recording(project / "data" / "raw" / "m" / "tok")
    result = command("predict", "--model-instance=m", "--sandbox=tok", cwd=project)
    assert result.returncode == 3
    assert BackendExplorer(project, "m").list_input_files() == []
    assert command("reset", "--model-instance=m", "--sandbox=tok", cwd=project).returncode == 0
    assert not spine.exists()


def test_an_existing_sandbox_is_refused(make_backend: Maker, lab: Path) -> None:
    project = make_backend()
    old = project / "data" / "processed" / "m" / "old"
    old.mkdir(parents=True)
    (old / "result.label").write_text("mine")
    spine = write_recording(lab)
    result = command("predict", spine, "--model-instance=m", "--sandbox=old", cwd=project)
    refused(result, "expected a fresh sandbox, found this folder")
    assert tree(project / "data") == {"processed/m/old/result.label": b"mine"}


def test_the_destination_of_the_labels_is_checked_first(make_backend: Maker, lab: Path) -> None:
    project = make_backend(predict_model=script("predict_model", "raise AssertionError('ran')"))
    spine = write_recording(lab)
    result = command("predict", spine, "--model-instance=m", "--output", spine / "x", cwd=project)
    refused(result, "expected a folder, found a file")


@posix
def test_a_linked_script_uses_the_backend_of_the_link(make_backend: Maker, lab: Path) -> None:
    one, other = make_backend("one"), make_backend("other")
    (one / "scripts" / "predict_model.py").unlink()
    (one / "scripts" / "predict_model.py").symlink_to(other / "scripts" / "predict_model.py")
    result = command("predict", write_recording(lab), "--model-instance=m", cwd=one)
    assert result.returncode == 0, result.stderr
    assert Labels.read(lab / "predicted.label")[RUN].metadata["software"]["name"] == "one"


def test_a_failing_script_is_reported_with_step_and_exit_code(
    make_backend: Maker, lab: Path
) -> None:
    project = make_backend(build_features=script("build_features", "sys.exit(7)"))
    spine = write_recording(lab)
    result = command("predict", spine, "--model-instance=m", cwd=project)
    refused(result, "build_features failed with exit code 7", 7, lines=2)
    assert "--sandbox" in result.stderr  # the input is kept in this sandbox
    assert len(sandboxes(project)) == 1


def test_a_script_that_raises_shows_its_traceback(make_backend: Maker, lab: Path) -> None:
    body = "raise RuntimeError('the network is down')"
    project = make_backend(predict_model=script("predict_model", body))
    result = command("predict", "--model-instance=m", cwd=project)
    assert result.returncode == 1
    lines = result.stderr.splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-2] == "RuntimeError: the network is down"
    assert lines[-1].startswith("Error: predict_model failed with exit code 1 (")


def test_invalid_input_is_reported_by_the_script_in_one_line(
    make_backend: Maker, lab: Path
) -> None:
    spine = write_recording(lab)
    spine.write_text(spine.read_text()[:-40])
    result = command("predict", spine, "--model-instance=m", cwd=make_backend())
    refused(result, f"Error: {spine}, line 10: expected 25 fields", lines=3)
    assert "Error: predict_model failed with exit code 1" in result.stderr


@posix
def test_a_script_killed_by_a_signal(make_backend: Maker) -> None:
    body = "os.kill(os.getpid(), 9)"
    project = make_backend(predict_model=script("predict_model", body))
    result = command("predict", "--model-instance=m", cwd=project)
    refused(result, "exit code 137", 137)


@posix
def test_output_of_scripts_is_not_delayed(make_backend: Maker) -> None:
    body = 'print("first")\ntime.sleep(60)'
    project = make_backend(predict_model=script("predict_model", body))
    arguments = [sys.executable, "-m", "taggingbackends", "predict", "--model-instance=m"]
    with subprocess.Popen(arguments, cwd=project, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "first\n"
        process.terminate()
        assert process.wait(20) == 143


@posix
@pytest.mark.parametrize(
    ("signals", "whole_group", "exit_code"),
    [
        pytest.param([signal.SIGINT], True, 130, id="Ctrl-C"),
        pytest.param([signal.SIGTERM], False, 143, id="SIGTERM"),
        pytest.param([signal.SIGINT, signal.SIGINT], True, 130, id="Ctrl-C twice"),
    ],
)
def test_interruption_ends_the_script_and_leaves_no_partial_files(
    signals: list[signal.Signals],
    whole_group: bool,
    exit_code: int,
    make_backend: Maker,
    tmp_path: Path,
) -> None:
    pid = tmp_path / "pid"
    body = f"""import pathlib
from taggingbackends.system.files import write_file
def slowly():
    yield b"half"
    pathlib.Path({str(pid)!r}).write_text(str(os.getpid()))
    time.sleep(60)
write_file(backend.processed_data_dir() / "predicted.label", slowly())"""
    project = make_backend(predict_model=script("predict_model", body))
    arguments = [sys.executable, "-m", "taggingbackends", "predict", "--model-instance=m"]
    with subprocess.Popen(
        arguments, cwd=project, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        wait_for(pid)
        for number in signals:
            (os.killpg if whole_group else os.kill)(process.pid, number)
            time.sleep(0.1)
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == exit_code, stderr
    assert "Traceback" not in stderr
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    assert tree(project / "data" / "processed") == {}


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_scripts_import_their_package_without_installation(make_backend: Maker) -> None:
    project = make_backend("My-Tagger")
    package = project / "src" / "my_tagger" / "models"
    package.mkdir(parents=True)
    (package / "mymodel.py").write_text("ANSWER = 42\n")
    body = "from my_tagger.models.mymodel import ANSWER\nprint(ANSWER)"
    (project / "scripts" / "predict_model.py").unlink()
    (package / "predict_model.py").write_text(script("predict_model", body))
    result = command("predict", "--model-instance=m", cwd=project)
    assert result.stdout == "42\n"


# -- train


def pushed(project: Path, instance: str) -> list[Path]:
    """Return the input that `train FILES` has pushed."""
    return BackendExplorer(project, instance, "training-input").list_input_files()


def models(project: Path) -> dict[str, bytes]:
    """Return the files of models, except the records of training."""
    found = tree(project / "models").items()
    return {name: text for name, text in found if not name.endswith("/training.json")}


def test_training_on_files(make_backend: Maker, lab: Path) -> None:
    project = make_backend(model=None, train_model=TRAIN)
    label = write_labels(write_recording(lab))
    result = command("train", label, "--epochs", "20", "--fast", cwd=project)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[0] == "training with ['epochs', 'fast']"
    instance = result.stdout.splitlines()[-1]
    time.strptime(instance, "%Y%m%d_%H%M%S")
    backend = BackendExplorer(project, instance)
    assert backend.list_models() == [instance]
    assert (backend.model_dir() / "options.json").read_text() == '{"epochs": "20", "fast": true}'
    assert backend.list_input_files() == []  # what is pushed for predictions is apart
    names = [path.name for path in pushed(project, instance)]
    assert names == [f"{STEM}.outline", f"{STEM}.spine", "truth.label"]
    assert [path.name for path in (project / "models").iterdir()] == [instance]


def test_training_on_input_in_place(make_backend: Maker, lab: Path) -> None:
    project = make_backend(model=None, train_model=TRAIN)
    result = command("train", "--model-instance=new", cwd=project)
    refused(result, "no input in")
    result = command("train", cwd=project)
    refused(result, "train_model needs input; name files")
    label = write_labels(write_recording(lab))
    command("push", label, "--model-instance=new", cwd=project)
    result = command("train", "--model-instance=new", cwd=project)
    assert result.stdout.splitlines()[-1] == "new"
    assert BackendExplorer(project).list_models() == ["new"]


DYING = script(
    "train_model",
    """(backend.model_dir() / "weights").write_text("half")
sys.exit(5)""",
)


def test_a_failed_training_leaves_no_model(make_backend: Maker, lab: Path) -> None:
    project = make_backend(model=None, train_model=DYING)
    label = write_labels(write_recording(lab))
    result = command("train", label, "--model-instance=new", cwd=project)
    refused(result, "train_model failed with exit code 5", 5, lines=5)
    assert list((project / "models").iterdir()) == []


def test_a_failed_training_leaves_the_old_model(make_backend: Maker, lab: Path) -> None:
    project = make_backend(train_model=DYING)
    (project / "models" / "m" / "weights").write_text("old")
    label = write_labels(write_recording(lab))
    result = command("train", label, "--model-instance=m", cwd=project)
    refused(result, "model m exists already")
    assert not (project / "data").exists()
    result = command("train", label, "--model-instance=m", "--force", cwd=project)
    assert result.returncode == 5
    assert models(project) == {"m/weights": b"old"}


def test_force_replaces_the_whole_model(make_backend: Maker, lab: Path) -> None:
    project = make_backend(train_model=TRAIN)
    (project / "models" / "m" / "weights").write_text("old")
    label = write_labels(write_recording(lab))
    result = command("train", label, "--model-instance=m", "--force", cwd=project)
    assert result.returncode == 0, result.stderr
    assert models(project) == {"m/options.json": b"{}"}


def test_input_that_is_refused_leaves_no_instance(make_backend: Maker, lab: Path) -> None:
    project = make_backend(train_model=TRAIN)
    write_recording(lab)
    (lab / "bad.label").write_text("{")
    result = command("train", lab / "bad.label", cwd=project)
    refused(result, "bad.label: invalid-json")
    assert list((project / "data" / "raw").iterdir()) == []


def test_an_old_model_comes_back_if_there_is_no_new_one(make_backend: Maker, lab: Path) -> None:
    body = "os.rmdir(backend.model_dir())"  # so that it cannot be put in place
    project = make_backend(train_model=script("train_model", body))
    (project / "models" / "m" / "weights").write_text("old")
    label = write_labels(write_recording(lab))
    result = command("train", label, "--model-instance=m", "--force", cwd=project)
    refused(result, "No such file or directory", lines=5)
    assert models(project) == {"m/weights": b"old"}


def test_leftovers_of_a_killed_training_are_cleaned_up(make_backend: Maker, lab: Path) -> None:
    project = make_backend(model=None, train_model=TRAIN)
    (project / "models" / ".new.partial").mkdir()
    (project / "models" / ".new.partial" / "weights").touch()
    (project / "models" / ".old.replaced").mkdir()
    label = write_labels(write_recording(lab))
    result = command("train", label, "--model-instance=new", cwd=project)
    assert result.returncode == 0, result.stderr
    assert models(project) == {"new/options.json": b"{}"}
    result = command("train", label, "--model-instance=old", cwd=project)
    refused(
        result, "model old exists already"
    )  # the training was killed while the old model was renamed


def test_an_old_model_left_by_a_killed_training(make_backend: Maker, lab: Path) -> None:
    project = make_backend(train_model=TRAIN)
    replaced = project / "models" / ".m.replaced"
    label = write_labels(write_recording(lab))
    replaced.mkdir()  # killed after the new model had replaced it
    (replaced / "weights").touch()
    result = command("train", label, "--model-instance=m", "--force", cwd=project)
    assert result.returncode == 0, result.stderr
    assert models(project) == {"m/options.json": b"{}"}
    assert not replaced.exists()
    replaced.mkdir()
    command("reset", "--model-instance=m", "--model", cwd=project)
    assert (
        list((project / "models").iterdir()) == []
    )  # otherwise the next training would restore the model
    assert command("train", label, "--model-instance=m", cwd=project).returncode == 0


SLOW = script(
    "train_model",
    """import pathlib
(backend.model_dir() / "weights").write_text(options["name"])
pathlib.Path(options["ready"]).touch()
while not pathlib.Path(options["go"]).exists(): time.sleep(0.01)""",
)


@posix
def test_one_training_of_an_instance_at_a_time(
    make_backend: Maker, lab: Path, tmp_path: Path
) -> None:
    project = make_backend(train_model=SLOW)
    label = write_labels(write_recording(lab))
    ready, go = tmp_path / "ready", tmp_path / "go"
    arguments = ["train", str(label), "--model-instance=m", "--force", f"--ready={ready}"]
    arguments += [f"--go={go}", "--name=first"]
    with subprocess.Popen(
        [sys.executable, "-m", "taggingbackends", *arguments], cwd=project
    ) as one:
        deadline = time.monotonic() + 30
        while not ready.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        result = command(*arguments, "--name=second", cwd=project)
        refused(result, "another training of m is under way")
        go.touch()
        assert one.wait(30) == 0
    assert models(project) == {"m/weights": b"first"}


def test_simultaneous_trainings_have_different_names(make_backend: Maker, tmp_path: Path) -> None:
    project = make_backend(model=None, train_model=TRAIN)
    labels = [write_labels(write_recording(tmp_path / name)) for name in "abc"]
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "taggingbackends",
                "train",
                str(label),
                f"--name={label.parent}",
            ],
            cwd=project,
            stdout=subprocess.PIPE,
            text=True,
        )
        for label in labels
    ]
    names = [process.communicate(timeout=60)[0].splitlines()[-1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert BackendExplorer(project).list_models() == sorted(names)
    for name, label in zip(names, labels, strict=True):
        options = (project / "models" / name / "options.json").read_text()
        assert options == f'{{"name": "{label.parent}"}}'


def test_training_does_not_mix_in_other_input(make_backend: Maker, tmp_path: Path) -> None:
    project = make_backend(model=None, train_model=TRAIN)
    one, other = (write_labels(write_recording(tmp_path / name)) for name in "ab")
    other = other.rename(other.with_name("other.label"))
    assert command("train", one, "--model-instance=n", cwd=project).returncode == 0
    again = ("--model-instance=n", "--force")
    result = command("train", other, *again, cwd=project)
    refused(result, "other input is in place already", lines=4)
    assert command("train", one, *again, cwd=project).returncode == 0


def test_a_script_that_writes_into_models_itself(make_backend: Maker, lab: Path) -> None:
    body = '(backend.project_dir / "models" / backend.model_instance).mkdir()'
    project = make_backend(train_model=script("train_model", body))
    label = write_labels(write_recording(lab))
    result = command("train", label, "--model-instance=new", cwd=project)
    refused(result, "the script should write into backend.model_dir()", lines=4)


def test_undeclared_names_among_the_training_labels_are_reported(
    make_backend: Maker, lab: Path
) -> None:
    project = make_backend(train_model=TRAIN)
    label = write_labels(write_recording(lab))
    content = label.read_bytes()
    assert content.count(b'"labels":[1,') == 2
    label.write_bytes(content.replace(b'"labels":[1,', b'"labels":["NA",'))
    result = command("train", label, "--model-instance=n", cwd=project)
    assert result.returncode == 0
    warning = f"{label}: run {RUN}: labels that the file does not declare: 'NA' (2 frames)"
    assert f"Warning: {warning}\n" in result.stderr


PLAN = """label  frames  recordings
run        10           1
1 recording, 2 larvae, 10 frames
"""


def test_unedited_predictions_are_trained_on_only_if_they_are_named(
    make_backend: Maker, lab: Path
) -> None:
    project = make_backend(train_model=TRAIN)
    truth = write_labels(spine := write_recording(lab))
    command("predict", spine, "--model-instance=m", cwd=project)
    predicted = lab / "predicted.label"
    result = command("train", lab, "--model-instance=n", cwd=project)
    assert result.returncode == 0
    left_out = "predictions of model m that nobody edited"
    assert result.stderr.startswith(PLAN)
    said = " ".join(result.stderr.removeprefix(PLAN).split())
    assert said == f"left out: 1 label file, {left_out}: {predicted}"
    names = [f"{STEM}.outline", f"{STEM}.spine", "truth.label"]
    assert [path.name for path in pushed(project, "n")] == names
    record = json.loads((project / "models" / "n" / "training.json").read_text())
    assert record["left_out"] == [{"filename": "predicted.label", "why": left_out}]
    assert [file["filename"] for file in record["files"]] == names
    truth.unlink()
    problem = f"no labels to train on; left out: 1 label file: {left_out}; name the label"
    with backend_error("no-input", problem):
        called("train", lab, "--model-instance=o", cwd=project)
    assert not (project / "data" / "raw" / "o").exists()
    backend = BackendExplorer(project)
    with pytest.warns(UserWarning, match=f"named, although these are {left_out}"):
        training.find_training_input(backend, [predicted], {})
    labels = Labels.read(predicted)
    labels.tag("edited")
    labels.write(predicted)
    found = training.find_training_input(backend, [lab], {})
    assert training_table(found, 80) == f"{PLAN.rstrip()}, 10 of them edited"
    quiet = command("--quiet", "train", lab, "--model-instance=q", cwd=project)
    assert (quiet.returncode, quiet.stderr) == (0, "")


def test_predictions_in_place_are_not_listed(make_backend: Maker, lab: Path) -> None:
    listing = 'print(*(path.name for path in backend.list_input_files() if "label" in path.name))'
    project = make_backend(
        make_dataset=script("make_dataset", listing), train_model=script("train_model", listing)
    )
    write_labels(spine := write_recording(lab))
    called("predict", spine, "--model-instance=m", cwd=project)
    BackendExplorer(project, "n").push(lab)
    result = command("train", "--model-instance=n", cwd=project)
    assert result.stdout == "truth.label\ntruth.label\nn\n", result.stderr
    assert "left out: 1 label file, predictions of model m" in result.stderr
    assert len(BackendExplorer(project, "n").list_input_files()) == 4


def test_label_files_of_one_recording_are_refused(make_backend: Maker, lab: Path) -> None:
    project = make_backend(train_model=TRAIN)
    (project / "models" / "m" / "weights").write_text("old")
    before = tree(project)
    spine = write_recording(lab)
    one = write_labels(spine, "anna.label")
    labels = Labels.read(one)
    labels[RUN].declare(["run", "cast"])
    labels.set(RUN, 20, labels[RUN][20].times, ["run"] * 4 + ["cast"])
    labels.write(lab / "bert.edited.label")
    other = write_labels(write_recording(lab / "x", "20240612_090000@x"))
    arguments = ("train", lab, "--model-instance=m", "--force")
    result = command(*arguments, cwd=project)
    problem = f"label files of one recording: {one} and bert.edited.label, run {RUN}; they agree "
    fix = "in 90.0% of 10 frames (kappa 0.00); choose with --prefer PATTERN, or name only one"
    assert result.stderr == f"Error: {problem}{fix}\n"
    assert result.returncode == 1
    with backend_error("repeated-labels", f"label files of one recording: {one} and bert"):
        called(*arguments, "--prefer=*.label", cwd=project)
    assert tree(project) == before
    result = command(*arguments, "--prefer", "x*", "--prefer=*.edited.label", cwd=project)
    assert result.returncode == 0, result.stderr
    assert "bert.edited.label is preferred" in " ".join(result.stderr.split())
    names = [path.name for path in pushed(project, "m") if path.suffix == ".label"]
    assert names == ["bert.edited.label", other.name]
    record = json.loads((project / "models" / "m" / "training.json").read_text())
    assert record["labels"] == {
        "run": {"frames": 19, "recordings": 2},
        "cast": {"frames": 1, "recordings": 1},
    }


def test_annotators_in_folders_of_their_own(make_backend: Maker, tmp_path: Path) -> None:
    project = make_backend(train_model=TRAIN)
    for name in ("anna", "bert", "carl"):
        for stem in (STEM, "20240612_090000@x"):
            write_labels(write_recording(tmp_path / "lab" / name / stem, stem))
    arguments = ("train", tmp_path / "lab", "--model-instance=n")
    result = command(*arguments, cwd=project)
    *warnings, error = result.stderr.splitlines()
    assert len(warnings) == 5  # three pairs in each of two recordings, the first in the error
    assert all("they agree in 100.0% of 10 frames" in line for line in result.stderr.splitlines())
    assert error.endswith("(and 1 more recording); choose with --prefer PATTERN, or name only one")
    found = training.find_training_input(
        BackendExplorer(project), [tmp_path / "lab"], {}, ["bert/*/*"]
    )
    assert {path.parent.parent.name for path in found.parts} == {"bert"}


def test_labels_that_may_be_wrong_are_reported(make_backend: Maker, lab: Path) -> None:
    project = make_backend(train_model=TRAIN)
    for n in (1, 2, 3):
        spine = write_recording(lab / str(n), f"2024061{n}_101500@x")
        if n == 3:  # the last recording has another number of points
            lines = (line.rsplit(" ", 2)[0] for line in spine.read_text().splitlines())
            spine.write_text("\n".join(lines) + "\n")
        label = write_labels(spine)
    labels = Labels.read(lab / "1" / "truth.label")
    labels.set("20240611_101500", 7, [0.5], ["hop"])
    labels.write(lab / "1" / "truth.label")
    result = command("train", lab, "--model-instance=n", cwd=project)
    assert result.returncode == 0, result.stderr
    tracks, times, points, *plan = result.stderr.splitlines()
    assert tracks.startswith(f"Warning: {lab / '1' / 'truth.label'}: run 20240611_101500")
    assert "1 of 3 larvae" in tracks
    expected = "spines of 10 points; 2 of 3 recordings have 11"
    assert points == f"Warning: {label.with_name(spine.name)}: {expected}"
    assert plan[0].split() == ["label", "frames", "recordings"]
    record = json.loads((project / "models" / "n" / "training.json").read_text())
    assert [f"Warning: {sentence}" for sentence in record["remarks"]] == [tracks, times, points]


def test_the_record_of_a_training(make_backend: Maker, lab: Path) -> None:
    train = TRAIN.replace("backend, **", "backend, other_seed=7, **")
    project = make_backend(train_model=train, finetune_model=TRAIN.replace("train_", "finetune_"))
    label = write_labels(spine := write_recording(lab / "day1"))
    other = write_recording(lab / "day2", "20240612_090000@x")
    result = command("train", lab, "--model-instance=n", "--seed=3", "--fast", cwd=project)
    assert result.returncode == 0, result.stderr
    model = project / "models" / "n"
    record = json.loads((model / "training.json").read_text())
    digests = {file["filename"]: file["sha1"] for file in record.pop("files")}
    assert digests == {
        file.relative_to(lab).as_posix(): sha1(file)
        for file in (label, *spine.parent.glob("*e"), *other.parent.glob("*e"))
    }
    assert 0 < record.pop("seconds") < 60
    assert abs(datetime.fromisoformat(record.pop("date")).timestamp() - time.time()) < 60
    assert record.pop("packages")["taggingbackends"] == __version__
    assert record == {
        "backend": {"name": "backend", "version": "1.2"},
        "model_instance": "n",
        "step": "train_model",
        "options": {"seed": "3", "fast": True},
        "seeds": {"other_seed": "7", "seed": "3"},
        "labels": {"run": {"frames": 10, "recordings": 1}},
        "undefined": 0,
        "edited": 0,
        "recordings": 1,
        "larvae": 2,
        "frames": 10,
        "unlabelled": 1,
        "left_out": [],
        "remarks": [],
        "model_digest": model_digest(model),
    }
    arguments = ("finetune", label, "--original-model-instance=n", "--model-instance=o")
    assert command(*arguments, cwd=project).returncode == 0
    record = json.loads((project / "models" / "o" / "training.json").read_text())
    assert record["step"] == "finetune_model"
    assert record["options"] == {"original_model_instance": "n"}
    assert BackendExplorer(project).check() == []


def test_labels_in_tracker_files_count_without_label_files(make_backend: Maker, lab: Path) -> None:
    project = make_backend(train_model=TRAIN)
    lab.mkdir()
    first, second = trxmat.larva(1), trxmat.larva(2)
    (lab / "trx.mat").write_bytes(trxmat.image(first, second)["trx.mat"])
    labels = load_tracks(lab / "trx.mat").labels()
    own = labels.count()
    for run in labels.values():
        run.metadata["software"] = {"model_instance": "m"}
    labels.write(lab / "predicted.label")  # which nobody edited
    result = command("train", lab, "--model-instance=n", cwd=project)
    assert result.returncode == 0, result.stderr
    (lab / "predicted.label").unlink()
    record = json.loads((project / "models" / "n" / "training.json").read_text())
    assert {name: x["frames"] for name, x in record["labels"].items()} == own
    assert [file["filename"] for file in record["files"]] == ["trx.mat"]
    write_labels(write_recording(lab / "x"))
    found = training.find_training_input(BackendExplorer(project), [lab], {})
    # as no script would use them
    assert training_table(found, 80) == f"{PLAN}without labels: 1 recording"


def test_the_windows_of_a_training_set_are_recorded(make_backend: Maker, lab: Path) -> None:
    body = """from taggingbackends.data import is_label_file, plan_dataset
files = [file for file in backend.list_input_files() if is_label_file(file)]
plan_dataset(files, duration=0.2, framerate=10, seed=4).load()"""
    project = make_backend(train_model=script("train_model", body))
    label = write_labels(write_recording(lab))
    result = command("train", label, "--model-instance=n", cwd=project)
    assert result.stderr == f"{PLAN}8 windows: run 8\n"
    windows = json.loads((project / "models" / "n" / "training.json").read_text())["windows"]
    assert (windows["total"], windows["selected"], windows["seed"]) == (8, {"run": 8}, 4)
    (row,) = command("models", "--long", cwd=project).stdout.splitlines()[2:]
    assert row.split()[-2:] == ["10", "8"]


def test_training_again_on_the_kept_input(make_backend: Maker, lab: Path) -> None:
    project = make_backend(train_model=TRAIN)
    label = write_labels(write_recording(lab))
    called("train", label, "--model-instance=n", cwd=project)
    again = ("train", "--model-instance=n", "--force")
    called(*again, "--epochs=9", cwd=project)
    assert (project / "models" / "n" / "options.json").read_text() == '{"epochs": "9"}'
    # what is predicted without a sandbox is not what was trained on
    spine = write_recording(lab / "x", "20240612_090000@x")
    backend = BackendExplorer(project, "n")
    backend.push(spine)
    place = project / "data" / "processed" / "n" / "predicted.label"
    assert prediction.predict(backend, {}) == [place]
    assert backend.pull() == [lab / "x" / place.name]
    result = command(*again, cwd=project)
    refused(result, f"expected input in one place, found it in {project / 'data' / 'raw' / 'n'} ")
    assert "`tagging-backend reset --model-instance n --sandbox training-input`" in result.stderr
    listed = command("sandboxes", cwd=project).stdout.splitlines()
    assert [listed[1].split()[place] for place in (0, 1, -1)] == ["n", "training-input", "training"]
    assert BackendExplorer(project).check() == []
    BackendExplorer(project, "n", "training-input").reset_data()
    assert [path.name for path in (project / "data" / "raw" / "n").iterdir() if path.is_dir()] == []


def test_training_from_a_pretrained_model(make_backend: Maker, lab: Path) -> None:
    project = make_backend(train_model=TRAIN)
    (project / "pretrained_models" / "base").mkdir(parents=True)
    label = write_labels(write_recording(lab))
    arguments = ("train", label, "--model-instance=n", "--pretrained-model-instance")
    refused(command(*arguments, "bse", cwd=project), "no pretrained model bse")
    result = command(*arguments, "base", cwd=project)
    assert result.returncode == 0, result.stderr
    written = (project / "models" / "n" / "options.json").read_text()
    assert written == '{"pretrained_model_instance": "base"}'


def test_finetuning(make_backend: Maker, lab: Path) -> None:
    body = """weights = (backend.model_dir(original_model_instance) / "weights").read_text()
(backend.model_dir() / "weights").write_text(weights + "+")"""
    parameters = "backend, original_model_instance"
    project = make_backend(finetune_model=script("finetune_model", body, parameters))
    (project / "models" / "m" / "weights").write_text("1")
    label = write_labels(write_recording(lab))
    arguments = ("finetune", label, "--original-model-instance")
    refused(command(*arguments, "x", cwd=project), "no model x in")
    onto_itself = command(*arguments, "m", "--model-instance=m", "--force", cwd=project)
    refused(onto_itself, "expected a new instance for the finetuned model, found the original m")
    result = command(*arguments, "m", "--model-instance", "n", cwd=project)
    assert result.stdout == "n\n", result.stderr
    assert models(project) == {"m/weights": b"1", "n/weights": b"1+"}


# -- methods of BackendExplorer


def test_members_run_the_scripts(make_backend: Maker, lab: Path) -> None:
    project = make_backend(
        train_model=TRAIN, build_features=script("build_features", "sys.exit(3)")
    )
    backend = BackendExplorer(project, "new")
    backend.make_dataset()  # the backend has no such script
    with pytest.raises(ScriptError) as caught:
        backend.build_features()
    assert (caught.value.step, caught.value.exit_code) == ("build_features", 3)
    backend.train_model(epochs=20, fast=True, slow=False, rate=None)
    written = (backend.model_dir() / "options.json").read_text()
    assert written == '{"epochs": "20", "fast": true}'
    assert backend.list_models() == ["m", "new"]
