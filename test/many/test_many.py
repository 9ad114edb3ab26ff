"""Many recordings: which ones are labelled, and how interruptions are handled."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support import (
    backend_error,
    command,
    posix,
    refused,
    tree,
    wait_until,
    write_labels,
    write_recording,
)
from taggingbackends import BackendExplorer, Labels, dependency
from taggingbackends.backend import staging
from taggingbackends.backend.provenance import Status
from taggingbackends.backend.trainingrecord import DIGESTS
from taggingbackends.data import load_tracks
from taggingbackends.labels.origin import predicting_instance
from taggingbackends.many.discovery import discover
from taggingbackends.many.folders import plan
from taggingbackends.many.labelling import Outcome, Result, Task, label_batch
from taggingbackends.many.labelstatus import label_status
from taggingbackends.many.sandboxed import _label
from variants import trxmat

Maker = Callable[..., Path]

# Reports its progress in state/ and follows the files there. It imports little, to start fast.
PREDICT = """
import os, sys, time
from taggingbackends.data.formats import find_recordings
from taggingbackends.main import main

def predict_model(backend, label="run"):
    state = backend.project_dir / "state"
    for file in find_recordings(backend.list_input_files()):
        run = file.stem
        (state / f"{run}.{os.getpid()}.started").touch()
        if "broken" in file.read_text():
            print("the first line of a long story", file=sys.stderr)
            sys.exit("no larva has a spine\\n")
        deadline = time.monotonic() + 60
        while (state / f"hold.{run}").exists() or (state / "pair").exists() and len(
            list(state.glob("*.started"))
        ) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        backend.output_path(file).write_text(
            '{"metadata":{"id":"%s"},"labels":["%s"],' % (run, label)
            + '"data":[{"id":"1","t":[1],"labels":[1]}]}'
        )
        (state / f"{run}.{os.getpid()}.done").touch()

if __name__ == "__main__":
    main(predict_model)
"""


@pytest.fixture
def project(make_backend: Maker) -> Path:
    project = make_backend(predict_model=PREDICT)
    (project / "state").mkdir()
    return project


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    return tmp_path / "lab"


def write_lab(lab: Path, n: int) -> list[Path]:
    """Write recordings, each in its own folder, and return the folders of their labels."""
    return [write_recording(lab / f"r{i}", f"2024061{i}_120000").parent for i in range(n)]


def arguments(lab: Path, *more: str | Path) -> list[str]:
    return ["predict", "--recursive", str(lab), "--model-instance=m", *map(str, more)]


@contextmanager
def running(project: Path, *args: str) -> Iterator[subprocess.Popen[str]]:
    """Start the command in its own process group."""
    with subprocess.Popen(
        [sys.executable, "-m", "taggingbackends", *args],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def runs(project: Path, what: str) -> Counter[str]:
    """Return how often scripts have started, or finished, each run."""
    return Counter(path.name.split(".")[0] for path in (project / "state").glob(f"*.{what}"))


def pids(project: Path, run: str) -> list[int]:
    return [int(path.name.split(".")[1]) for path in (project / "state").glob(f"{run}.*.started")]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def hold(project: Path, folders: list[Path]) -> list[Path]:
    holds = [project / "state" / f"hold.{next(folder.glob('*.spine')).stem}" for folder in folders]
    for path in holds:
        path.touch()
    return holds


def release(holds: list[Path]) -> None:
    for path in holds:
        path.unlink()


def sandboxes(project: Path) -> list[Path]:
    return list(project.glob("data/*/m/*"))


# -- finding recordings


def test_recordings_are_found_wherever_they_are(project: Path, lab: Path) -> None:
    one = write_recording(lab / "a" / "b", "20240611_101500")
    two, three = (write_recording(lab / "c", f"2024061{i}_101500@x") for i in (2, 3))
    write_recording(lab / ".hidden")
    (lab / "bouts.csv").write_text("run,larva,label,start\n")
    if os.name == "posix":
        (lab / "loop").symlink_to(lab)
        (lab / "again").symlink_to(lab / "a")
    project = project.rename(lab / "tagger")
    write_recording(project / "data" / "raw" / "m")
    inside = write_recording(project / "recordings", "20240614_101500")
    found, unreadable = discover(BackendExplorer(project, "m"), [lab, lab / "c"])
    assert unreadable == {}
    files = {recording.files[0].name: recording.place for recording in found}
    assert files == {
        one.name: found[0].place,
        two.name: two.with_name("20240612_101500@x.predicted.label"),
        three.name: three.with_name("20240613_101500@x.predicted.label"),
        inside.name: inside.with_name("predicted.label"),
    }
    assert found[0].place.resolve() == one.with_name("predicted.label")
    assert [path.suffix for path in found[0].files] == [".spine", ".outline"]


@pytest.mark.parametrize(
    ("root", "message"),
    [
        ("nowhere", "nowhere: expected a folder of recordings"),
        ("backend/pyproject.toml", "expected a folder of recordings"),
        ("backend/data/raw", "the data folder of a backend"),
        ("empty", "no recording of a known format below"),
    ],
)
def test_roots_that_are_refused(root: str, message: str, project: Path, tmp_path: Path) -> None:
    (project / "data" / "raw").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    refused(command(*arguments(tmp_path / root), cwd=project), message)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--output=x"], "--recursive needs folders, and cannot be used with"),
        (["--sandbox=x"], "--recursive needs folders, and cannot be used with"),
        (["--executor=dask"], "--executor dask needs --scheduler ADDRESS"),
        (["--scheduler=x"], "--executor dask needs --scheduler ADDRESS"),
        (["--executor=dask", "--scheduler=x", "--jobs=2"], "cannot be used with --jobs"),
        (["--jobs=0"], "0 is not in the range"),
        (["--batch=0"], "0 is not in the range"),
        (["--batch=many"], "'many' is not a valid integer"),
    ],
)
def test_wrong_usage(more: list[str], message: str, project: Path, lab: Path) -> None:
    result = command(*arguments(lab, *more), cwd=project)
    assert (result.returncode, result.stdout) == (2, "")
    assert message in result.stderr


def test_options_that_need_recursive(project: Path, lab: Path) -> None:
    result = command("predict", lab, "--model-instance=m", "--jobs=2", cwd=project)
    assert result.returncode == 2
    assert "--jobs, --batch, --executor and --scheduler need --recursive" in result.stderr
    result = command("predict", lab, "--model-instance=m", "--batch=auto", cwd=project)
    assert "--jobs, --batch, --executor and --scheduler need --recursive" in result.stderr
    result = command("predict", "--recursive", "--model-instance=m", cwd=project)
    assert result.returncode == 2


# -- status of labels


SOFTWARE = {"name": "backend", "version": "1.2", "model_instance": "m", "taggingbackends": "0.1.0"}


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, Status.CURRENT),
        ({"taggingbackends": "9.9"}, Status.CURRENT),
        ({"commit": "abc"}, Status.CURRENT),
        ({"version": "1.1"}, Status.OUTDATED),
        ({"model_instance": "n"}, Status.FOREIGN),
        ({"name": "other"}, Status.FOREIGN),
        ({"version": "1.1", "name": "other"}, Status.FOREIGN),
    ],
)
def test_software_decides(
    changed: dict[str, str], status: Status, project: Path, lab: Path
) -> None:
    spine = write_recording(lab)
    path = write_labels(spine, "predicted.label")
    labels = Labels.read(path)
    next(iter(labels.values())).metadata["software"] = SOFTWARE | changed
    labels.write(path)
    files = (spine, spine.with_suffix(".outline"))
    found = label_status(BackendExplorer(project, "m"), files, path)
    assert (found.status, list(found.found)) == (status, [path])
    spine.write_text(spine.read_text() + "\n")
    found = label_status(BackendExplorer(project, "m"), files, path)
    assert found.status is (Status.OUTDATED if status is Status.CURRENT else status)


def test_edited_labels_are_foreign(project: Path, lab: Path) -> None:
    spine = write_recording(lab)
    path = write_labels(spine, "predicted.label")
    secondary = Labels.read(path)
    secondary.tag("edited")
    primary = Labels.read(write_labels(spine, "other.label", state="edited"))
    for labels in (secondary, primary):
        (run,) = labels.values()
        run.metadata["software"] = SOFTWARE
        labels.write(path)
        status = label_status(BackendExplorer(project, "m"), (spine,), path)
        assert (status.status, status.why) == (Status.FOREIGN, "edited")
        assert predicting_instance(labels) is None


def test_a_declared_but_unused_name_is_not_an_edit(project: Path, lab: Path) -> None:
    spine = write_recording(lab)
    path = write_labels(spine, "predicted.label")
    labels = Labels.read(path)
    (run,) = labels.values()
    run.metadata["software"] = SOFTWARE
    run.secondary_names = ["edited"]
    labels.write(path)
    files = (spine, spine.with_suffix(".outline"))
    assert label_status(BackendExplorer(project, "m"), files, path).status is Status.CURRENT
    assert predicting_instance(labels) == "m"


@pytest.mark.parametrize(
    ("dependencies", "status"),
    [
        (["spine", "outline"], Status.CURRENT),
        (["spine"], Status.CURRENT),  # a script may set the dependencies
        ([], Status.OUTDATED),
        (["spine", "other"], Status.OUTDATED),
    ],
)
def test_dependencies_decide(
    dependencies: list[str], status: Status, project: Path, lab: Path
) -> None:
    spine = write_recording(lab)
    spine.with_suffix(".other").touch()
    path = write_labels(spine, "predicted.label")
    labels = Labels.read(path)
    (run,) = labels.values()
    run.metadata["software"] = SOFTWARE
    run.dependencies = [dependency(spine.with_suffix(f".{suffix}")) for suffix in dependencies]
    labels.write(path)
    files = (spine, spine.with_suffix(".outline"))
    assert label_status(BackendExplorer(project, "m"), files, path).status is status


@pytest.mark.parametrize("text", ["", "{", '{"metadata":{"id":""}}', "mine"])
def test_an_invalid_label_file_is_foreign(text: str, project: Path, lab: Path) -> None:
    spine = write_recording(lab)
    spine.with_name("predicted.label").write_text(text)
    backend = BackendExplorer(project, "m")
    status = label_status(backend, (spine,), spine.with_name("predicted.label"))
    assert (status.status, status.why) == (Status.FOREIGN, "not a label file")


def test_a_label_file_without_runs_is_foreign(project: Path, lab: Path) -> None:
    spine = write_recording(lab)
    path = spine.with_name("predicted.label")
    Labels().write(path)
    assert label_status(BackendExplorer(project, "m"), (spine,), path).status is Status.FOREIGN


# -- labelling


def test_what_is_labelled_and_what_is_left_alone(project: Path, lab: Path) -> None:
    folders = write_lab(lab, 6)
    result = command(*arguments(lab, "--jobs=2"), cwd=project)
    assert result.returncode == 0, result.stderr
    places = [str(folder / "predicted.label") for folder in folders]
    assert sorted(result.stdout.splitlines()) == places
    assert result.stderr.splitlines()[-1] == "labelled 6"
    assert sandboxes(project) == []
    new, same, edited, changed, foreign, older = folders
    (new / "predicted.label").unlink()
    labels = Labels.read(edited / "predicted.label")
    labels.tag("edited")
    labels.write(edited / "predicted.label")
    spine = next(changed.glob("*.spine"))
    spine.write_text(spine.read_text() + "\n")
    (foreign / "predicted.label").write_text("mine")
    text = (older / "predicted.label").read_text()
    assert '"version":"1.2"' in text
    (older / "predicted.label").write_text(text.replace('"version":"1.2"', '"version":"1.1"'))
    before = tree(lab)
    result = command(*arguments(lab, "--label=stop"), cwd=project)
    assert result.returncode == 0, result.stderr
    assert sorted(result.stdout.splitlines()) == [places[i] for i in (0, 3, 5)]
    output = result.stderr.splitlines()
    assert set(output[-2].split(", ")) == {"labelled 3", "up to date 1", "left alone 2"}
    assert output[-1].startswith("left alone: 1 edited, 1 not a label file; use --force")
    after = tree(lab)
    assert {name.split("/")[0] for name in after if after[name] != before.get(name)} == {
        folder.name for folder in (new, changed, older)
    }
    assert Labels.read(older / "predicted.label").count() == {"stop": 1}
    assert Labels.read(same / "predicted.label").count() == {"run": 1}
    result = command(*arguments(lab, "--force", "--label=hunch", "--jobs=2"), cwd=project)
    assert (result.returncode, len(result.stdout.splitlines())) == (0, 6), result.stderr
    assert all(Labels.read(path).count() == {"hunch": 1} for path in places)


def test_failures_are_reported_and_do_not_stop_the_others(project: Path, lab: Path) -> None:
    folders = write_lab(lab, 4)
    broken = next(folders[1].glob("*.spine"))
    broken.write_text("x 1 broken")
    (lab / "dangling.spine").symlink_to(lab / "nowhere")
    result = command(*arguments(lab, "--jobs=2"), cwd=project)
    assert result.returncode == 1
    assert len(result.stdout.splitlines()) == 3
    assert "labelled 3" in result.stderr
    header, *rows = [line.split(maxsplit=2) for line in result.stderr.splitlines()[-3:]]
    assert header == ["failed", "step", "why"]
    fix = "fetch the file (git annex get) or remove the link"
    assert rows == [
        [str(lab / "dangling.spine"), "-", f"found a broken link to {lab / 'nowhere'}; {fix}"],
        [str(broken), "predict_model", "no larva has a spine"],
    ]
    assert sandboxes(project) == []
    started = runs(project, "started")
    again = command(*arguments(lab), cwd=project)
    assert (again.returncode, again.stdout) == (1, "")
    assert "failed 2" in again.stderr
    assert runs(project, "started") - started == {broken.stem: 1}


def test_a_killed_script_and_a_bad_output_are_failures(make_backend: Maker, lab: Path) -> None:
    write_lab(lab, 1)
    for name, body, why in (
        ("killed", "import os; os.kill(os.getpid(), 9)", "signal 9"),
        ("named", "backend.output_path(__file__)", "outside"),
        ("other", "(o / 'x.label').write_text(TEXT)", "found x.label"),
        ("below", "(o / 's').mkdir(); (o / 's' / 'x.label').write_text(TEXT)", "found s/x.label"),
        ("bad", "(backend.processed_data_dir() / 'predicted.label').touch()", "invalid-json"),
    ):
        text = f"""
from taggingbackends.main import main
TEXT = '{{"metadata":{{"id":"20240610_120000"}},"data":[]}}'
def predict_model(backend):
    o = backend.processed_data_dir()
    {body}
if __name__ == "__main__":
    main(predict_model)
"""
        project = make_backend(name, predict_model=text)
        result = command(*arguments(lab), cwd=project)
        assert result.returncode == 1
        assert "Traceback" not in result.stderr
        why = why.replace("outside", "expected an input file below")
        assert why in result.stderr.splitlines()[-1], result.stderr
        assert list(lab.rglob("*.label")) == []


def test_labels_under_the_other_name_are_found(project: Path, lab: Path) -> None:
    one = write_recording(lab, "20240611_101500")
    assert command(*arguments(lab), cwd=project).returncode == 0
    other = write_recording(lab, "20240612_101500")
    result = command(*arguments(lab), cwd=project)
    assert result.stdout == f"{other.with_suffix('.predicted.label')}\n", result.stderr
    one.write_text(one.read_text() + "\n")
    result = command(*arguments(lab), cwd=project)
    assert result.stdout == f"{one.with_suffix('.predicted.label')}\n"
    assert not (lab / "predicted.label").exists()


def test_labels_under_the_other_name_are_replaced_by_force(project: Path, lab: Path) -> None:
    one = write_recording(lab, "20240610_120000")
    assert command(*arguments(lab), cwd=project).returncode == 0
    write_recording(lab, "20240611_120000")
    assert command(*arguments(lab, "--force"), cwd=project).returncode == 0
    assert {path.name for path in lab.glob("*.label")} == {
        f"{one.stem}.predicted.label",
        "20240611_120000.predicted.label",
    }


def test_a_root_that_cannot_be_read_does_not_stop_the_others(
    project: Path, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = write_lab(lab, 2)
    scandir = os.scandir

    def refuse(folder: Any) -> Any:  # root can read everything
        if Path(folder) == bad:
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    found, unreadable = discover(BackendExplorer(project, "m"), [bad, good])
    assert [recording.place.parent for recording in found] == [good]
    assert list(unreadable) == [bad]


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file whose reading fails")
def test_a_file_that_cannot_be_read_does_not_stop_the_others(project: Path, lab: Path) -> None:
    good, beside = write_lab(lab, 2)
    bad = beside / "disk.csv"
    bad.symlink_to("/proc/self/mem")  # opens, but reading gives EIO
    found, unreadable = discover(BackendExplorer(project, "m"), [lab])
    assert [recording.place.parent for recording in found] == [good, beside]
    assert {path: error.errno for path, error in unreadable.items()} == {bad: errno.EIO}
    assert unreadable[bad].filename == str(bad)
    result = command(*arguments(lab), cwd=project)
    assert result.returncode == 1
    places = [str(folder / "predicted.label") for folder in (good, beside)]
    assert sorted(result.stdout.splitlines()) == places
    assert f"{bad}  -     {os.strerror(errno.EIO)}" in result.stderr
    assert "Traceback" not in result.stderr


def test_data_folders_of_other_backends_are_skipped(
    project: Path, lab: Path, make_backend: Maker
) -> None:
    (recording,) = write_lab(lab, 1)
    other = make_backend("other").rename(lab / "other")
    write_recording(other / "data" / "raw" / "m", "20240615_120000")
    plain = write_recording(lab / "plain" / "data", "20240616_120000").parent
    found, _ = discover(BackendExplorer(project, "m"), [lab])
    assert [found_one.place.parent for found_one in found] == [plain, recording]


def test_labels_of_an_earlier_training_are_outdated(project: Path, lab: Path) -> None:
    folders = write_lab(lab, 2)
    weights = project / "models" / "m" / "weights"
    weights.write_text("first")
    assert command(*arguments(lab), cwd=project).returncode == 0
    (project / "models" / "m" / "training.json").write_text("{}")  # does not count
    result = command(*arguments(lab), cwd=project)
    assert result.stderr.splitlines()[-1] == "up to date 2"
    old = (folders[0] / "predicted.label").read_bytes()
    text = re.sub(rb',"model_digest":"[0-9a-f]{40}"', b"", old)  # as earlier versions wrote it
    assert text != old
    (folders[0] / "predicted.label").write_bytes(text)
    weights.write_text("again")
    os.utime(weights, (time.time() + 100, time.time() + 100))
    result = command(*arguments(lab), cwd=project)
    assert result.stdout == f"{folders[1] / 'predicted.label'}\n", result.stderr
    warning = "1 label file without model_digest: up to date, but older than model m; if it was"
    assert warning in result.stderr
    assert command(*arguments(lab), cwd=project).stdout == ""


def test_the_model_is_read_once_for_all_recordings(project: Path, lab: Path) -> None:
    write_lab(lab, 2)
    tasks, *_ = plan(BackendExplorer(project, "m"), [lab], {})
    assert [task.digests for task in tasks] == [tasks[0].digests] * 2
    (state,) = tasks[0].digests
    made_up = [task._replace(digests={state: "of the command"}) for task in tasks]
    for task in made_up:
        assert label_batch([task])[0].result is Result.LABELLED
        (run,) = Labels.read(task.place).values()
        assert run.metadata["software"]["model_digest"] == "of the command"
    DIGESTS.clear()


def test_recordings_are_labelled_at_the_same_time(project: Path, lab: Path) -> None:
    write_lab(lab, 2)
    (project / "state" / "pair").touch()  # each script waits until the other one has started
    result = command(*arguments(lab, "--jobs=2"), cwd=project)
    assert (result.returncode, len(result.stdout.splitlines())) == (0, 2), result.stderr


# -- interruptions


@posix
@pytest.mark.parametrize(("whole_group", "batch"), [(True, 2), (False, 1), (False, 2)])
def test_killed_half_way_and_run_again(
    whole_group: bool, batch: int, project: Path, lab: Path
) -> None:
    folders = write_lab(lab, 8)
    holds = hold(project, folders[4:])
    with running(project, *arguments(lab, "--jobs=2", f"--batch={batch}")) as process:
        wait_until(lambda: len(runs(project, "started")) == 6)  # so four recordings are labelled
        (os.killpg if whole_group else os.kill)(process.pid, signal.SIGKILL)
    before = {path: path.stat().st_mtime_ns for path in lab.rglob("*.label")}
    assert sorted(path.parent for path in before) == folders[:4]
    assert all(Labels.read(path) for path in before)
    if whole_group:
        assert len(sandboxes(project)) >= 2
    else:  # let the scripts end on their own
        stuck = [pid for folder in holds for pid in pids(project, folder.name.split(".")[1])]
        assert len(stuck) == 2
        wait_until(lambda: not any(map(is_alive, stuck)))
    release(holds)
    result = command(*arguments(lab, "--jobs=2"), cwd=project)
    assert result.returncode == 0, result.stderr
    assert set(result.stderr.splitlines()[-1].split(", ")) == {"labelled 4", "up to date 4"}
    assert set(runs(project, "done").values()) == {1}
    assert len(runs(project, "done")) == 8
    assert len(list(lab.rglob("*.label"))) == 8
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    assert sandboxes(project) == []
    assert [path.name for path in project.glob("data/raw/m/.*")] == []


@posix
@pytest.mark.parametrize(
    ("number", "whole_group", "exit_code"),
    [(signal.SIGINT, True, 130), (signal.SIGINT, False, 130), (signal.SIGTERM, False, 143)],
)
def test_interruption_ends_the_scripts(
    number: signal.Signals, whole_group: bool, exit_code: int, project: Path, lab: Path
) -> None:
    folders = write_lab(lab, 3)
    hold(project, folders)
    with running(project, *arguments(lab, "--jobs=2")) as process:
        wait_until(lambda: len(runs(project, "started")) == 2)
        (os.killpg if whole_group else os.kill)(process.pid, number)
        stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (exit_code, "")
    assert "Traceback" not in stderr
    scripts = [pid for run in runs(project, "started") for pid in pids(project, run)]
    assert len(scripts) == 2
    assert not any(map(is_alive, scripts))
    assert list(lab.rglob("*.label")) == []
    assert sandboxes(project) == []


@posix
def test_two_runs_at_once_share_the_recordings(project: Path, lab: Path) -> None:
    folders = write_lab(lab, 6)
    holds = hold(project, folders)
    args = arguments(lab, "--jobs=2", "--batch=1")
    with running(project, *args) as one:
        wait_until(lambda: len(runs(project, "started")) == 2)
        with running(project, *args) as other:
            wait_until(lambda: len(runs(project, "started")) == 4)
            release(holds)
            outputs = [process.communicate(timeout=60) for process in (one, other)]
    assert (one.returncode, other.returncode) == (0, 0), outputs
    assert runs(project, "started") == runs(project, "done")
    assert set(runs(project, "done").values()) == {1}
    paths = [line for stdout, _ in outputs for line in stdout.splitlines()]
    assert sorted(paths) == [str(folder / "predicted.label") for folder in folders]
    assert sandboxes(project) == []


@posix
def test_labels_that_are_edited_meanwhile_stay(project: Path, lab: Path) -> None:
    (folder,) = write_lab(lab, 1)
    (held,) = hold(project, [folder])
    with running(project, *arguments(lab)) as process:
        wait_until(lambda: runs(project, "started"))
        (folder / "predicted.label").write_text("mine")
        held.unlink()
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "left alone 1" in stderr
    assert (folder / "predicted.label").read_text() == "mine"


def outdated_task(project: Path, spine: Path, force: bool = False) -> Task:
    """Return a task for a recording with outdated labels."""
    assert command(*arguments(spine.parent), cwd=project).returncode == 0
    spine.write_text(spine.read_text() + "\n")
    files = (spine, spine.with_suffix(".outline"))
    return Task(project, "m", files, spine.with_name("predicted.label"), {}, force=force)


def label_here(task: Task) -> Outcome:
    """Do in this process what a process for a batch of one recording does."""
    (outcome,) = _label([task], [])
    return outcome


@pytest.mark.filterwarnings("ignore:input and results are kept")  # and then removed
@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("missing", [False, True])
def test_labels_that_are_edited_while_they_are_completed_stay(
    force: bool, missing: bool, project: Path, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = outdated_task(project, write_recording(lab, "20240610_120000"), force)
    if missing:
        task.place.unlink()
    real = staging.copy_files

    def copy_files(copies: Any) -> None:  # the last step, after hashing
        task.place.write_text("mine")
        real(copies)

    monkeypatch.setattr(staging, "copy_files", copy_files)
    outcome = label_here(task)
    if force:
        assert outcome.result is Result.FAILED
        kind = "exists already" if missing else "another program has changed this file meanwhile"
        assert kind in outcome.why
    else:
        assert (outcome.result, outcome.why) == (Result.LEFT, "not a label file")
    assert tree(lab).pop("predicted.label") == b"mine"
    assert sandboxes(project) == []


def test_labels_under_the_other_name_stay_if_they_are_edited_meanwhile(
    project: Path, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = outdated_task(project, write_recording(lab, "20240610_120000"))
    write_recording(lab, "20240611_120000")
    place = task.place.with_name("20240610_120000.predicted.label")
    real = staging.copy_files

    def copy_files(copies: Any) -> None:
        real(copies)
        task.place.write_text("mine")

    monkeypatch.setattr(staging, "copy_files", copy_files)
    with pytest.warns(UserWarning, match="predicted.label: changed meanwhile, so it is not"):
        assert label_here(task._replace(place=place)).labels == (place,)
    assert task.place.read_text() == "mine"
    assert place.exists()


@posix
def test_outdated_labels_keep_their_link_and_their_mode(project: Path, lab: Path) -> None:
    task = outdated_task(project, write_recording(lab, "20240610_120000"))
    target = task.place.rename(lab / "kept")
    target.chmod(0o664)
    task.place.symlink_to("kept")
    before = target.read_bytes()
    assert label_here(task).result is Result.LABELLED
    assert task.place.is_symlink()
    assert target.read_bytes() != before
    assert target.stat().st_mode & 0o777 == 0o664
    target.chmod(0o444)
    outcome = label_here(task._replace(force=True))
    assert outcome.result is Result.FAILED
    assert "this file is read-only" in outcome.why
    assert target.stat().st_mode & 0o777 == 0o444


# -- Dask


def test_without_distributed(project: Path, lab: Path, tmp_path: Path) -> None:
    write_lab(lab, 1)
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "distributed.py").write_text(
        "raise ModuleNotFoundError(name='distributed')\n"
    )
    paths = (str(tmp_path / "hidden"), os.environ.get("PYTHONPATH"))
    result = command(
        *arguments(lab, "--executor=dask", "--scheduler=tcp://localhost:1"),
        cwd=project,
        PYTHONPATH=os.pathsep.join(filter(None, paths)),
    )
    refused(result, "pip install 'taggingbackends[dask]'")


@posix
def test_a_dask_cluster_with_a_worker_killed(project: Path, lab: Path) -> None:
    distributed = pytest.importorskip("distributed")
    folders = write_lab(lab, 8)
    next(folders[2].glob("*.spine")).write_text("x 1 broken")
    holds = hold(project, folders)
    with distributed.LocalCluster(
        n_workers=0, threads_per_worker=1, dashboard_address=":0"
    ) as cluster:
        args = arguments(lab, "--executor=dask", "--scheduler", cluster.scheduler_address)
        with running(project, *args) as process:
            assert process.stderr is not None
            for line in process.stderr:
                if "no Dask workers yet" in line:
                    break
            cluster.scale(2)
            good = [path.name.removeprefix("hold.") for path in holds if path != holds[2]]
            wait_until(lambda: len(runs(project, "started").keys() & set(good)) == 2)
            os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
            wait_until(lambda: 2 in runs(project, "started").values())  # on another worker
            release(holds)
            stdout, stderr = process.communicate(timeout=90)
        assert process.returncode == 1, stderr
        assert sorted(stdout.splitlines()) == sorted(
            str(folder / "predicted.label") for folder in folders if folder != folders[2]
        )
        assert "no larva has a spine" in stderr.splitlines()[-1]
        assert len(runs(project, "done")) == 7
        assert set(runs(project, "done").values()) == {1}
        assert sandboxes(project) == []
        again = command(*args, cwd=project)
        assert set(again.stderr.splitlines()[-4].split(", ")) == {"up to date 7", "failed 1"}


def test_a_root_must_be_a_folder(project: Path, lab: Path) -> None:
    with backend_error("no-input"):
        discover(BackendExplorer(project, "m"), [lab])


# -- files of several runs

PREDICT_RUNS = """
from taggingbackends import Labels
from taggingbackends.data import find_recordings, load_runs
from taggingbackends.main import main

def predict_model(backend):
    for file in find_recordings(backend.list_input_files()):
        for recording in load_runs(file):
            labels = Labels()
            for larva, track in recording.items():
                labels.set(recording.run, larva, track.times, ["run"] * len(track))
            labels.write(backend.output_path(file, recording.run))

if __name__ == "__main__":
    main(predict_model)
"""


def test_each_run_of_a_file_has_a_label_file(make_backend: Maker, lab: Path) -> None:
    project = make_backend(predict_model=PREDICT_RUNS)
    lab.mkdir()
    second = "d/e \u00e9"
    (lab / "trx.mat").write_bytes(
        trxmat.image(trxmat.larva(1), trxmat.larva(1, id=second))["trx.mat"]
    )
    paths = [lab / f"trx.{run}.predicted.label" for run in (trxmat.RUN, "d%2Fe%20%C3%A9")]
    result = command("predict", lab / "trx.mat", "--model-instance=m", cwd=project)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [str(path) for path in paths]
    assert [list(Labels.read(path)) for path in paths] == [[trxmat.RUN], [second]]
    assert load_tracks(paths[1]).run == second

    def status() -> Status:
        files = (lab / "trx.mat",)
        return label_status(BackendExplorer(project, "m"), files, lab / "predicted.label").status

    assert status() is Status.CURRENT
    paths[0].unlink()
    assert status() is Status.MISSING
    result = command(*arguments(lab), cwd=project)
    assert (result.returncode, "labelled 1" in result.stderr) == (0, True), result.stderr
    assert status() is Status.CURRENT
    edited = Labels.read(paths[1])
    edited.set(second, 1, [0.0], ["edited"])
    edited.write(paths[1])
    paths[0].unlink()
    assert status() is Status.FOREIGN
    assert "left alone" in command(*arguments(lab), cwd=project).stderr
    assert not paths[0].exists()


def test_a_script_must_label_each_run(make_backend: Maker, lab: Path) -> None:
    script = PREDICT_RUNS.replace("load_runs(file)", "list(load_runs(file))[:1]")
    project = make_backend(predict_model=script)
    lab.mkdir()
    image = trxmat.image(trxmat.larva(1), trxmat.larva(1, id=trxmat.OTHER))
    (lab / "trx.mat").write_bytes(image["trx.mat"])
    missing = f"trx.{trxmat.OTHER}.predicted.label"
    result = command(*arguments(lab), cwd=project)
    assert result.returncode == 1
    assert f"expected predict_model to write {missing}, backend.output_path(file, run)" in (
        result.stderr + result.stdout
    )
    result = command("predict", lab / "trx.mat", "--model-instance=m", cwd=project)
    assert f"trx.mat: no {missing} was predicted" in result.stderr


@posix
def test_temporary_files_are_removed_where_labels_are_up_to_date(project: Path, lab: Path) -> None:
    (folder,) = write_lab(lab, 1)
    code = (
        "import os, sys; from pathlib import Path\n"
        "from taggingbackends.system.temporaries import temporary_beside\n"
        "temporary_beside(Path(sys.argv[1], 'x')).touch(); os._exit(9)\n"
    )
    assert command(*arguments(lab), cwd=project).returncode == 0
    subprocess.run([sys.executable, "-c", code, folder], check=False)
    assert len(list(folder.glob(".*.tmp"))) == 1
    result = command(*arguments(lab), cwd=project)
    assert "removed 1 temporary file or folder of processes that were killed" in result.stderr
    assert "up to date 1" in result.stderr
    assert list(folder.glob(".*.tmp")) == []


def test_files_of_several_runs_in_pushed_folders(make_backend: Maker, lab: Path) -> None:
    project = make_backend(predict_model=PREDICT_RUNS)
    (lab / "a").mkdir(parents=True)
    image = trxmat.image(trxmat.larva(1), trxmat.larva(1, id=trxmat.OTHER))
    (lab / "a" / "trx.mat").write_bytes(image["trx.mat"])
    backend = BackendExplorer(project, "m")
    backend.push(lab)
    backend.predict_model()
    names = {f"trx.{run}.predicted.label" for run in (trxmat.RUN, trxmat.OTHER)}
    assert {path.name for path in backend.pull()} == names
    assert {path.name for path in (lab / "a").glob("*.label")} == names


@pytest.mark.parametrize("load", ["backend.load_tracks", "load_tracks"])
def test_what_scripts_leave_out_is_reported(make_backend: Maker, lab: Path, load: str) -> None:
    script = PREDICT_RUNS.replace("load_runs(file)", f"[{load}(file)]")
    script = script.replace("load_runs", "load_tracks")
    earlier = script.replace("predict_model", "build_features")
    project = make_backend(predict_model=script, build_features=earlier)
    lab.mkdir()
    image = trxmat.image(trxmat.larva(1), trxmat.larva(2, t=np.zeros((0, 0))))
    (lab / "trx.mat").write_bytes(image["trx.mat"])
    what = "left out: 1 larva without frames (2)"
    result = command(*arguments(lab), cwd=project)
    assert result.stderr.splitlines().count(f"Warning: {lab / 'trx.mat'}: {what}") == 1
    result = command("predict", lab / "trx.mat", "--model-instance=m", "--force", cwd=project)
    assert result.stderr.splitlines().count(f"Warning: {lab / 'trx.mat'}: {what}") == 1
    # a script that is run by hand
    backend = BackendExplorer(project, "m")
    backend.push(lab / "trx.mat")
    by_hand = [sys.executable, project / "scripts" / "predict_model.py", "--model-instance=m"]
    shown = subprocess.run(by_hand, capture_output=True, text=True, check=True).stderr
    place = lab if load.startswith("backend") else backend.raw_data_dir()
    assert shown == f"Warning: {place / 'trx.mat'}: {what}\n"
