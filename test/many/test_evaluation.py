"""Evaluation: which recordings are left out, what scripts see, and what stays behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
import h5py
import numpy as np
import pytest

from support import (
    ROOT,
    backend_error,
    called,
    command,
    posix,
    refused,
    tree,
    wait_until,
    write_labels,
    write_recording,
)
from taggingbackends import BackendExplorer, Labels, TrackFileError, dependency
from taggingbackends.backend.inputfiles import USUAL_FILES, Choice
from taggingbackends.backend.training import find_training_input
from taggingbackends.backend.trainingrecord import read_record, write_record
from taggingbackends.cli.evaluation import _COLUMNS
from taggingbackends.data import load_tracks
from taggingbackends.data.ownlabels import copy_without_labels
from taggingbackends.display.evaluation import evaluation_text
from taggingbackends.labels.facts import NAME_PARTS
from taggingbackends.many import evaluation
from taggingbackends.many.evaluation import RECORDING, leave_out, split
from taggingbackends.many.truth import LabelledRecording, labelled_recordings, true_labels
from taggingbackends.simulation import main as simulate
from taggingbackends.system.files import sha1
from variants import trxmat

Maker = Callable[..., Path]

# The model is the label of the first label file. It imports little, to start fast.
TRAIN = """
import json, os, sys, time
from taggingbackends.main import main

def train_model(backend, code="0", epochs="1"):
    files = [file for file in backend.list_input_files() if file.suffix == ".label"]
    state = backend.project_dir / "state"
    labels = [json.loads(file.read_text()) for file in files]
    runs = [one["metadata"]["id"] for one in labels]
    (state / f"{os.getpid()}.trained").write_text("\\n".join(run[7] for run in runs))
    deadline = time.monotonic() + 60
    while (state / "hold").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    if code != "0":
        print("epoch 1", file=sys.stderr)
        sys.exit("the loss is not finite")
    (backend.model_dir() / "label").write_text(labels[0]["labels"][0])

if __name__ == "__main__":
    main(train_model)
"""

PREDICT = """
import json, os
from taggingbackends.data.formats import find_recordings
from taggingbackends.main import main

def predict_model(backend, omit="", undefined=""):
    label = (backend.model_dir() / "label").read_text()
    state = backend.project_dir / "state"
    seen = sorted(path.name for path in backend.data_folder.rglob("*") if path.is_file())
    (state / f"{os.getpid()}.seen").write_text("\\n".join(seen))
    for file in find_recordings(backend.list_input_files()):
        if omit and omit in file.name:
            continue
        tracks = {}
        for line in file.read_text().splitlines():
            run, larva, time, *_ = line.split()
            tracks.setdefault(int(larva), []).append(float(time))
        code = [] if undefined and undefined in file.name else 1
        data = [{"id": str(n), "t": t, "labels": [code] * len(t)} for n, t in tracks.items()]
        text = json.dumps({"metadata": {"id": run}, "labels": [label], "data": data})
        backend.output_path(file).write_text(text)

if __name__ == "__main__":
    main(predict_model)
"""


@pytest.fixture
def project(make_backend: Maker) -> Path:
    """Return a backend that predicts the label of the first training recording."""
    project = make_backend(predict_model=PREDICT, train_model=TRAIN)
    (project / "state").mkdir()
    (project / "models" / "m" / "label").write_text("cast")
    return project


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """Return a folder of three labelled recordings of two genotypes."""
    for n, (genotype, state) in enumerate([("wt", "run"), ("wt", "run"), ("mutant", "cast")], 1):
        spine = write_recording(tmp_path / "lab" / str(n), f"2024061{n}_101500@{genotype}@e@t5@p")
        write_labels(spine, state=state)
    return tmp_path / "lab"


def notes(project: Path, what: str) -> list[list[str]]:
    """Return what the scripts have seen."""
    return sorted(path.read_text().splitlines() for path in (project / "state").glob(f"*.{what}"))


def unread(n: int, frames: int = 10, **facts: str) -> LabelledRecording:
    return LabelledRecording((Path(f"{n}.spine"),), (Path(f"{n}.label"),), frames, facts)


# -- what is left out


def test_folds_have_about_equally_many_frames() -> None:
    recordings = [unread(n, frames) for n, frames in enumerate([50, 10, 30, 20, 40])]
    folds = split(recordings, 2)
    assert [sum(one.frames for one in fold.held_out) for fold in folds] == [80, 70]
    for fold in folds:
        assert sorted(fold.held_out + fold.training) == sorted(recordings)
    assert len(split(recordings, 5)) == 5


def test_what_can_be_left_out() -> None:
    recordings = [unread(n, genotype=genotype) for n, genotype in enumerate("aab")]
    assert [len(fold.training) for fold in leave_out(recordings, RECORDING)] == [2, 2, 2]
    folds = leave_out(recordings, "genotype")
    assert [(fold.name, len(fold.held_out)) for fold in folds] == [
        ("genotype a", 2),
        ("genotype b", 1),
    ]
    assert (RECORDING, *NAME_PARTS) == _COLUMNS


@pytest.mark.parametrize(
    ("recordings", "what", "message"),
    [
        ([unread(1)], RECORDING, "expected 2 labelled recordings or more, found 1.spine; add"),
        ([unread(1)], 3, "expected 2 labelled recordings or more, found 1.spine; add"),
        ([unread(1), unread(2)], 3, "expected 3 labelled recordings or more, found 2; add"),
        ([unread(1), unread(2)], "genotype", "1.spine: expected the genotype in its name"),
        (
            [unread(1, genotype="x"), unread(2, genotype="x")],
            "genotype",
            "expected recordings of 2 or more values of genotype, found genotype x only; add",
        ),
    ],
)
def test_too_few_recordings(
    recordings: list[LabelledRecording], what: str | int, message: str
) -> None:
    with backend_error("no-input", re.escape(message)):
        split(recordings, what) if isinstance(what, int) else leave_out(recordings, what)


def find_labelled(
    paths: Sequence[Path], project: Path, choice: Choice = USUAL_FILES
) -> list[LabelledRecording]:
    backend = BackendExplorer(project)
    return labelled_recordings(find_training_input(backend, paths, {}, choice=choice))


def test_labelled_recordings_are_found(lab: Path, project: Path) -> None:
    predicted = Labels.read(lab / "1" / "truth.label")
    for run in predicted.values():
        run.metadata["software"] = {"name": "x", "model_instance": "m"}
    predicted.write(lab / "1" / "predicted.label")
    write_recording(lab / "4", "20240614_101500")
    nothing = Labels()
    run = nothing.add_run("20240615_101500")
    spine = write_recording(lab / "5", "20240615_101500")
    run.dependencies = [dependency(spine)]
    nothing.set(run.id, 1, [1.0], [()])
    nothing.write(lab / "5" / "truth.label")
    with pytest.warns(UserWarning, match=f"{spine}: no frame has a primary label; left out"):
        found = find_labelled([lab], project)
    assert [one.file.parent.name for one in found] == ["1", "2", "3"]
    assert [one.frames for one in found] == [10, 10, 10]
    assert found[2].facts["genotype"] == "mutant"
    assert [file.suffix for file in found[0].trackers] == [".spine", ".outline"]
    assert find_labelled(sorted(lab.glob("*/truth.label"))[:3], project) == found
    with pytest.warns(UserWarning, match="named, although these are predictions"):
        assert len(find_labelled([lab / "1" / "predicted.label"], project)) == 1


def test_files_that_cannot_be_read_are_reported(lab: Path, project: Path) -> None:
    old = lab / "4" / "old.mat"
    old.parent.mkdir()
    old.write_bytes(b"MATLAB 5.0 MAT-file")
    with pytest.warns(UserWarning, match=r"old\.mat: .* found a MATLAB 5 file"):
        assert len(find_labelled([lab], project)) == 3
    with pytest.raises(TrackFileError, match=r"old\.mat: "):
        find_labelled([lab / "1", old], project)


def test_a_trxmat_of_a_labelled_recording_is_no_other_recording(
    tmp_path: Path, project: Path
) -> None:
    spine = write_recording(tmp_path / "lab", f"{trxmat.RUN}@wt@e@t5@p")
    state = {"global_state_large_state": np.ones((4, 1))}
    image = trxmat.image(trxmat.larva(1, **state))
    (tmp_path / "lab" / "trx.mat").write_bytes(image["trx.mat"])
    write_labels(spine)
    with pytest.warns(UserWarning, match=r"left out 1 file in other formats \(trx\.mat\)"):
        assert [one.file for one in find_labelled([tmp_path / "lab"], project)] == [spine]
    with pytest.warns(UserWarning, match=r"left out 3 files in other formats"):
        (found,) = find_labelled([tmp_path / "lab"], project, Choice("trx.mat"))
    assert found.trackers == (tmp_path / "lab" / "trx.mat",)


def test_labels_that_are_refused(lab: Path, project: Path) -> None:
    truth = lab / "1" / "truth.label"
    truth.with_name("other.label").write_bytes(truth.read_bytes())
    with backend_error("repeated-labels", "agree in 100.0% of 10 frames"):
        find_labelled([lab], project)
    for name, n in (("truth", 0), ("other", 1)):  # one with the .outline, one with the .spine
        labels = Labels.read(truth.with_name(f"{name}.label"))
        del labels["20240611_101500"].dependencies[n]
        labels.write(truth.with_name(f"{name}.label"))
    with backend_error("repeated-labels", "also labelled in .*; name only one of them"):
        find_labelled([lab], project)
    both = Labels.read(truth)
    del both["20240611_101500"].dependencies[:]
    both.write(truth)
    with backend_error("no-input", "depend on one recording, found 0; set the dependencies"):
        find_labelled([truth], project)
    with backend_error("no-input", "no labelled recording in the input; name label files"):
        find_labelled([*(lab / "2").glob("*.spine")], project)


def test_labels_of_a_trxmat_beside_a_pair(tmp_path: Path, project: Path) -> None:
    lab = tmp_path / "lab"
    write_recording(lab, f"{trxmat.RUN}@wt@e@t5@p")
    (lab / "trx.mat").write_bytes(trxmat.image(trxmat.larva(1))["trx.mat"])
    tracks = load_tracks(lab / "trx.mat")
    labels = Labels()
    labels.set(tracks.run, 1, tracks[1].times, ["run"] * len(tracks[1]))
    labels[tracks.run].dependencies = [dependency(lab / "trx.mat")]
    labels.write(lab / "truth.label")
    (found,) = find_labelled([lab / "truth.label"], project)
    assert found.trackers == (lab / "trx.mat",)
    assert find_labelled([lab], project) == [found]


# -- evaluations


@posix
def test_each_recording_is_predicted_by_others(
    project: Path, lab: Path, temporary: Path, tmp_path: Path
) -> None:
    before, inputs = tree(project), tree(lab)
    page = tmp_path / "page.html"
    options = ("--leave-out=genotype", "--jobs=2", "--json", f"--report={page}")
    more = ("--epochs=3", "--omit=12_1015", "--undefined=13_1015")
    result = command("evaluate", lab, *options, *more, cwd=project)
    assert result.returncode == 0, result.stderr
    table, *warned = result.stderr.split("Warning: ")
    assert table.startswith("label  frames  recordings\nrun        20           2\n")
    for n in "23":
        assert f"{next((lab / n).glob('*.spine'))}: no labels were predicted\n" in warned
    found = json.loads(result.stdout)
    assert found["names"] == ["run", "cast", "(undefined)"]
    assert found["matrix"] == [[0, 10, 10], [0, 0, 10], [0, 0, 0]]
    assert found["accuracy"] == {"value": 0.0, "interval": None}
    assert found["why_no_intervals"] == "they need 5 recordings or more, and there are 3"
    assert [one["without_prediction"] for one in found["recordings"]] == [0, 10, 10]
    assert found["left_out"] == "genotype"
    assert notes(project, "trained") == [["1", "2"], ["3"]]
    assert not any(name.endswith(".label") for seen in notes(project, "seen") for name in seen)
    assert [sum(name.endswith(".spine") for name in x) for x in notes(project, "seen")] == [2, 1]
    assert {k: v for k, v in tree(project).items() if not k.startswith("state/")} == before
    assert tree(lab) == inputs
    assert list(temporary.iterdir()) == []
    assert "Content-Security-Policy" in page.read_text("utf-8")
    head, matrix, *_ = evaluation_text(found, 80).split("\n\n")
    assert head.startswith("3 recordings of 2 values of genotype, each left out in turn: 30 lab")
    assert matrix.splitlines()[1:] == [
        "      run  cast  (undefined)",
        "run     0    10           10",
        "cast    0     0           10",
    ]


def test_a_failing_script(project: Path, lab: Path, temporary: Path) -> None:
    before = tree(project)
    result = command("evaluate", lab, "--code=3", cwd=project)
    refused(result, "1 recording held out): train_model: the loss is not finite", lines=6)
    assert "0/3 folds" in result.stderr
    assert {k: v for k, v in tree(project).items() if not k.startswith("state/")} == before
    assert list(temporary.iterdir()) == []


def test_a_trained_model(project: Path, lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(project / "models" / "m", lab / "2" / "truth.label")
    called("evaluate", lab / "1", "--model-instance=m", "--json", cwd=project)
    found = json.loads(capsys.readouterr().out)
    assert (found["model_instance"], found["left_out"]) == ("m", "model")
    assert (found["names"], found["matrix"]) == (["run", "cast"], [[0, 10], [0, 0]])
    assert found["seconds"]["training"] == 0
    assert notes(project, "trained") == []
    known = read_record(BackendExplorer(project), "m")
    assert known is not None
    assert (known["evaluation"]["accuracy"], known["evaluation"]["frames"]) == (0.0, 10)
    called("models", "--long", cwd=project)
    assert "0.0%" in capsys.readouterr().out


def test_a_model_is_not_evaluated_on_what_it_was_trained_on(project: Path, lab: Path) -> None:
    backend = BackendExplorer(project, "m")
    found = find_labelled([lab], project)
    with pytest.warns(UserWarning, match="model m: training.json does not say which files"):
        assert evaluation.is_new_to(backend, found)
    original = project / "models" / "original"
    original.mkdir()
    record(original, lab / "2" / "truth.label")
    record(project / "models" / "m", original_model_instance="original")
    with backend_error("trained-on", "model m was trained on .*2024061.*; leave these out, or"):
        evaluation.is_new_to(backend, found)
    assert evaluation.is_new_to(backend, [found[0], found[2]])
    with pytest.warns(UserWarning, match="the figures say nothing about other recordings"):
        assert not evaluation.is_new_to(backend, found, force=True)
    record(project / "models" / "m", *(lab / "1").glob("*.outline"))
    with backend_error("trained-on", str(found[0].file)):
        evaluation.is_new_to(backend, found)


def record(model: Path, *files: Path, **options: str) -> None:
    """Write what a model says about its training."""
    known = [{"filename": file.name, "sha1": sha1(file)} for file in files]
    entries = {"backend": {}, "date": "2026-03-01", "options": options, "files": known}
    write_record(model, entries)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--folds=2", "--leave-out=recording"], "only one of --folds, --leave-out and --model"),
        (["--epochs=2"], "name FILES, or a list of them with --files-from"),
        (["--leave-out=larva"], "'larva' is not one of 'recording', 'genotype'"),
        (["--report=page.pdf"], "page.pdf: expected a name that ends in .html or .htm"),
        (["--prefer="], "'--prefer': expected a pattern of paths, found ''"),
    ],
)
def test_wrong_usage(more: list[str], message: str, project: Path, lab: Path) -> None:
    files = [lab] if "epochs" not in more[0] else []
    with pytest.raises(click.UsageError) as caught:
        called("evaluate", *files, *more, cwd=project)
    assert message in caught.value.format_message()


def test_what_is_refused_before_a_script_runs(project: Path, lab: Path) -> None:
    (project / "page.html").write_text("mine")
    with backend_error("existing-file", "page.html: exists already; replace with force=True"):
        called("evaluate", lab, f"--report={project / 'page.html'}", cwd=project)
    with backend_error("unknown-format", "expected a format out of Choreography, "):
        called("evaluate", lab, "--format=mat", cwd=project)
    evaluation.checked(BackendExplorer(project), {}, ())
    evaluation.checked(BackendExplorer(project, "m"), {}, ())
    with backend_error("unknown-model", "no model n in"):
        evaluation.checked(BackendExplorer(project, "n"), {}, ())
    (project / "scripts" / "train_model.py").unlink()
    with backend_error("missing-script", "expected a script "):
        evaluation.checked(BackendExplorer(project), {}, ())
    assert notes(project, "trained") == []


# -- interruptions


@contextmanager
def held(project: Path, lab: Path) -> Iterator[subprocess.Popen[str]]:
    """Evaluate, and wait until a script is training."""
    (project / "state" / "hold").touch()
    with subprocess.Popen(
        [sys.executable, "-m", "taggingbackends", "evaluate", str(lab), "--folds=2"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            wait_until(lambda: notes(project, "trained"))
            yield process
        finally:
            process.kill()


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_ended_evaluation_leaves_nothing(
    number: int, project: Path, lab: Path, temporary: Path
) -> None:
    before = {path for path in project.rglob("*") if path.parent.name != "state"}
    with held(project, lab) as process:
        assert list(temporary.iterdir())
        os.kill(process.pid, number)
        _, errors = process.communicate()
    if number != signal.SIGKILL:
        assert process.returncode == 130
        assert "Traceback" not in errors
        assert list(temporary.iterdir()) == []
    else:  # the other processes end on their own
        wait_until(lambda: not list(temporary.iterdir()))
    assert {path for path in project.rglob("*") if path.parent.name != "state"} == before


@posix
def test_what_a_killed_evaluation_leaves_is_removed(
    project: Path, lab: Path, temporary: Path
) -> None:
    with held(project, lab) as process:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert list(temporary.rglob("*.label"))
    command("evaluate", "nowhere", cwd=project)
    assert list(temporary.iterdir()) == []


# -- examplebackend


def test_examplebackend_on_a_simulated_recording(tmp_path: Path) -> None:
    simulate([str(tmp_path), "--larvae=1", "--seconds=20", "--seed=9"])
    # in this process, since the command would write into the model
    backend = BackendExplorer(ROOT / "examplebackend", "simulated")
    options = evaluation.checked(backend, {}, ())
    folds = evaluation.each_recording(find_labelled([tmp_path], backend.project_dir))
    found = evaluation.summary(
        backend, "model", list(evaluation.evaluate(backend, folds, options)), 0
    )
    assert found["frames"] > 150
    assert 0.9 < found["accuracy"]["value"] <= 1
    assert found["bout_f1"]["value"] > 0.5


# -- labels in tracker files


def write_trx(folder: Path) -> Path:
    folder.mkdir(parents=True)
    path = folder / "trx.mat"
    state = {"global_state_large_state": np.ones((4, 1))}
    path.write_bytes(trxmat.image(*(trxmat.larva(larva, **state) for larva in (1, 2)))["trx.mat"])
    return path


def test_labels_in_a_tracker_file_are_hidden(tmp_path: Path, project: Path) -> None:
    file, copy = write_trx(tmp_path / "1"), tmp_path / "copy.mat"
    (found,) = find_labelled([tmp_path / "1"], project)
    assert (found.sources, found.frames) == ((file,), 8)
    assert set(true_labels(found)[trxmat.RUN].count().values()) == {2}
    copy_without_labels(file, copy)
    whole, without = load_tracks(file), load_tracks(copy)
    assert whole[1].indicators and not without[1].indicators
    assert (whole[1].times == without[1].times).all()
    assert (whole[1].spine == without[1].spine).all()
    assert without.run == whole.run
    with h5py.File(copy) as content:
        assert "global_state_large_state" not in content["trx"]
