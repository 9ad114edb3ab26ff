"""Batches: sizes, names that do not collide, and failures of single recordings."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support import posix, tree, wait_until, write_recording
from taggingbackends import BackendExplorer
from taggingbackends.backend.sandboxes import hold
from taggingbackends.data.formats import stem_of
from taggingbackends.many import labelling
from taggingbackends.many.batches import LARGEST, Batches
from taggingbackends.many.executors import LocalExecutor
from taggingbackends.many.folders import label_all, plan
from taggingbackends.many.labelling import Outcome, Result, Task
from taggingbackends.many.sandboxed import _label

Maker = Callable[..., Path]

# Appends the names of the recordings to runs, and does what their content says.
PREDICT = """
import os, shutil, sys
from pathlib import Path
from taggingbackends.data.formats import find_recordings
from taggingbackends.main import main

def predict_model(backend):
    files = FILES
    with open(backend.project_dir / "runs", "a") as runs:
        print(*(file.stem for file in files), file=runs)
    for file in files:
        content = file.read_text()
        text = '{"metadata":{"id":"%s"},"labels":["run"],"data":[{"id":"1","t":[1],"labels":[1]}]}'
        if "exit" in content:
            os._exit(3)
        if "gone" in content:
            shutil.rmtree(content.split()[-1])
        if "saves" in content:
            Path(content.split()[-1]).write_text("mine")
        if "exception" in content:
            raise ValueError("no larva has a spine")
        if "changes" in content:
            file.write_text(content + " ")
        if "bad" in content:
            text = text[:-9]
        OUTPUT.write_text(text % file.stem)

if __name__ == "__main__":
    main(predict_model)
"""
ALL = "(backend.processed_data_dir() / 'all.label')"
FILES = "list(find_recordings(backend.list_input_files()))"


@pytest.fixture
def make_project(make_backend: Maker) -> Callable[..., Path]:
    def make(files: str = FILES, output: str = "backend.output_path(file)") -> Path:
        script = PREDICT.replace("FILES", files).replace("OUTPUT", output)
        return make_backend(predict_model=script)

    return make


def arguments(lab: Path, *more: str) -> list[str]:
    return ["predict", "--recursive", str(lab), "--model-instance=m", *more]


def runs(project: Path) -> list[list[str]]:
    """Return the recordings of each run of predict_model so far."""
    return [line.split() for line in (project / "runs").read_text().splitlines()]


def outcome(task: Task, seconds: float, together: int = 4) -> Outcome:
    return Outcome(task.files[0], Result.LABELLED, seconds=seconds, together=together)


# -- sizes


def tasks(n: int) -> list[Task]:
    files = [Path("lab", f"{i}.spine") for i in range(n)]
    return [Task(Path("backend"), "m", (file,), file.with_name("x.label"), {}) for file in files]


def sizes(batches: Batches, seconds: float) -> Iterator[int]:
    for batch in batches:
        yield len(batch)
        batches.learn([outcome(task, seconds) for task in batch])


@pytest.mark.parametrize(
    ("number", "size", "jobs", "seconds", "expected"),
    [
        (300, None, 1, 1, [1, 60, 60, 60, 60, 59]),
        (300, None, 1, 0.001, [1, LARGEST, 99]),
        (300, None, 4, 0.001, [1, 75, 75, 75, 74]),
        (5, None, 4, 1, [1, 2, 2]),
        (5, None, 1, 100, [1, 1, 1, 1, 1]),
        (5, 3, 1, 100, [3, 2]),
        (5, 1, 1, 0.001, [1, 1, 1, 1, 1]),
        (6, 5, 2, 1, [3, 3]),
        (0, None, 1, 1, []),
    ],
)
def test_a_batch_takes_about_a_minute(
    number: int, size: int | None, jobs: int, seconds: float, expected: list[int]
) -> None:
    assert list(sizes(Batches(tasks(number), size, jobs), seconds)) == expected


def test_what_is_up_to_date_or_busy_says_nothing_about_time() -> None:
    batches = Batches(tasks(20), first=4)
    for result in (Result.CURRENT, Result.BUSY):
        batches.learn([Outcome(task.files[0], result) for task in next(batches)])
    assert len(next(batches)) == 4


def test_a_batch_without_labels_is_followed_by_single_recordings() -> None:
    batches = Batches(tasks(20), first=4)
    batches.learn([Outcome(x.files[0], Result.FAILED, seconds=1) for x in next(batches)])
    (task,) = next(batches)
    batches.learn([outcome(task, 1)])
    assert len(next(batches)) == 15


def test_scripts_that_label_one_recording_at_a_time_get_one() -> None:
    batches = Batches(tasks(20), first=4)
    alone = [outcome(task, 0.01, together=1) for task in next(batches)]
    failed = alone[0]._replace(result=Result.FAILED)
    batches.learn([failed, *alone[1:]])  # it may be the reason
    assert len(next(batches)) > 1
    batches = Batches(tasks(20), first=4)
    with pytest.warns(UserWarning, match="each is a batch now; choose this with batch=1"):
        batches.learn(alone)
    assert list(map(len, batches)) == [1] * 20


# -- results


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Label batches in this process, which is faster."""

    def in_process(tasks: Sequence[Task], _: object) -> list[Outcome]:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            return _label(tasks, warned)

    monkeypatch.setattr(labelling, "_in_process", in_process)


def label(project: Path, lab: Path, batch: int | None = None, force: bool = False) -> list[Outcome]:
    planned, *_ = plan(BackendExplorer(project, "m"), [lab], {}, force)
    return list(label_all(planned, LocalExecutor(batch=batch)))


@pytest.mark.usefixtures("here")
def test_batches_give_the_same_files_in_the_same_order(
    make_project: Callable[..., Path], tmp_path: Path
) -> None:
    project = make_project()
    lab = tmp_path / "lab"
    for folder in ("a", "b"):
        write_recording(lab / folder, "20240611_101500")
    for stem in ("20240611_101500", "20240612_101500"):  # beside each other
        write_recording(lab / "c", stem)
    found = []
    for batch in (1, 4):
        outcomes = label(project, lab, batch)
        found.append(([one.labels for one in outcomes], tree(lab)))
        for path in lab.rglob("*.label"):
            path.unlink()
    assert found[0] == found[1]
    assert len(found[0][0]) == 4
    assert list(map(len, runs(project))) == [1, 1, 1, 1, 4]
    assert list(project.glob("data/*/m/.*")) == list(project.glob("data/*/m/*")) == []


FAULTS = {1: "exception", 3: "exit", 4: "bad"}


def test_a_failure_costs_no_other_recording(
    make_project: Callable[..., Path], tmp_path: Path
) -> None:
    project = make_project()
    spines = [write_recording(tmp_path / f"r{i}", f"2024061{i}_120000") for i in range(6)]
    for i, fault in FAULTS.items():
        spines[i].write_text(f"x 1 {fault}")
    outcomes = label(project, tmp_path, batch=6)
    assert [one.recording for one in outcomes] == spines
    whys = ["ValueError: no larva has a spine", "exit code 3", "predicted.label: invalid-json: "]
    for i, one in enumerate(outcomes):
        assert one.result is (Result.FAILED if i in FAULTS else Result.LABELLED), one
        assert spines[i].with_name("predicted.label").exists() == (i not in FAULTS)
    failed = [outcomes[i] for i in FAULTS]
    for why, one in zip(whys, failed, strict=True):
        assert why in one.why
        assert one.together == 1
    # labelled by the first run, or once after a failure of others
    assert sum(stem_of(spines[0]) in run for run in runs(project)) == 1
    assert len(runs(project)) <= 3 * len(FAULTS)
    assert list(project.glob("data/*/m/.*")) == list(project.glob("data/*/m/*")) == []


@pytest.mark.usefixtures("here")
def test_input_that_a_script_changes_is_a_failure_of_its_recording(
    make_project: Callable[..., Path], tmp_path: Path
) -> None:
    project = make_project()
    good, bad = (write_recording(tmp_path / x, f"2024061{x}_120000") for x in "01")
    bad.write_text("x 1 changes")
    one, other = label(project, tmp_path, batch=2)
    assert (one.recording, one.result) == (good, Result.LABELLED)
    assert other.result is Result.FAILED
    assert "changed by a script" in other.why


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("fault", ["exception", ""])
@pytest.mark.parametrize("exists", [True, False])
def test_labels_that_are_saved_while_a_batch_is_tried_again_stay(
    exists: bool, fault: str, make_project: Callable[..., Path], tmp_path: Path
) -> None:
    project = make_project()
    bad, good = (write_recording(tmp_path / x, f"2024061{x}_120000") for x in "01")
    labels = good.with_name("predicted.label")
    bad.write_text(f"x 1 saves {fault} {labels}")
    if exists:
        labels.write_text("theirs")
    _, one = label(project, tmp_path, batch=2, force=True)
    assert one.result is Result.FAILED
    assert ("changed this file" if exists else "exists already") in one.why
    assert labels.read_text() == "mine"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("files", "output"),
    [
        ("list(backend.raw_data_dir().glob('*.spine'))", "backend.output_path(file)"),
        (f"{FILES}[:1]", "backend.output_path(file)"),
        (FILES, "(backend.processed_data_dir() / 'predicted.label')"),
        (FILES, f"({ALL}.write_text(text % 1) and backend.output_path(file))"),
    ],
)
def test_scripts_that_label_one_recording_at_a_time(
    files: str, output: str, make_project: Callable[..., Path], tmp_path: Path
) -> None:
    project = make_project(files, output)
    spines = [write_recording(tmp_path / f"r{i}", f"2024061{i}_120000") for i in range(2)]
    with pytest.warns(UserWarning, match="choose this with batch=1") as warned:
        outcomes = label(project, tmp_path, batch=2)
    assert [one.result for one in outcomes] == [Result.LABELLED] * 2, outcomes
    assert len(warned) == 1
    assert all(spine.with_name("predicted.label").exists() for spine in spines)
    assert all(spine.with_name("all.label").exists() == (ALL in output) for spine in spines)


@pytest.mark.usefixtures("here")
def test_a_script_that_fails_after_labelling_all_is_a_warning(
    make_backend: Maker, tmp_path: Path
) -> None:
    script = PREDICT.replace("FILES", FILES).replace("OUTPUT", "backend.output_path(file)")
    project = make_backend(predict_model=script.replace("\n\nif", "\n    os._exit(7)\n\nif"))
    for i in range(2):
        write_recording(tmp_path / f"r{i}", f"2024061{i}_120000")
    for one in label(project, tmp_path, batch=2):
        assert one.result is Result.LABELLED
        (warning,) = one.warnings
        assert warning.startswith("predict_model failed with exit code 7")
    (one, _) = label(project, tmp_path, batch=1, force=True)
    assert (one.result, one.why) == (Result.FAILED, "exit code 7")


@pytest.mark.usefixtures("here")
def test_files_of_others_stay_and_folders_that_are_gone_are_not_made_again(
    make_project: Callable[..., Path], tmp_path: Path
) -> None:
    output = "(backend.output_path(file).with_name('truth.label')"
    project = make_project(output=f"{output}.write_text(text) and backend.output_path(file))")
    good, gone, own = (write_recording(tmp_path / x, f"2024061{x}_120000") for x in "012")
    gone.write_text(f"x 1 gone {gone.parent}")
    truth = own.with_name("truth.label")
    truth.write_text("mine")
    found = label(project, tmp_path, batch=3)
    failures = [one.why for one in found if one.result is Result.FAILED]
    assert [one.recording for one in found if one.result is Result.LABELLED] == [good]
    assert failures[0].startswith(f"{gone.parent}")
    assert failures[1].startswith(f"{truth}: exists already")
    assert not gone.parent.exists()
    assert truth.read_text() == "mine"
    file = project / "pyproject.toml"
    text = file.read_text()
    for number, result in (("1.3", Result.FAILED), ("1.4", Result.LABELLED)):
        file.write_text(text.replace("1.2", number))  # so that labels are outdated
        one, other = label(project, tmp_path, batch=2)
        assert (one.result, other.result) == (Result.LABELLED, result)
        truth.unlink(missing_ok=True)


@pytest.mark.usefixtures("here")
def test_each_recording_has_its_own_warnings(make_backend: Maker, tmp_path: Path) -> None:
    script = PREDICT.replace("FILES", FILES).replace("OUTPUT", "backend.output_path(file)")
    note = 'leave_note("left out", str(file), "something of " + file.stem)\n        '
    script = script.replace("content = file", f"{note}content = file")
    script = script.replace(
        "import os,", "from taggingbackends.system.notes import leave_note\nimport os,"
    )
    project = make_backend(predict_model=script.replace('"labels":[1]', '"labels":[[]]'))
    spines = [write_recording(tmp_path / x, f"2024061{x}_120000") for x in "01"]
    for spine, one in zip(spines, label(project, tmp_path, batch=2), strict=True):
        assert (one.result, one.together) == (Result.LABELLED, 2)
        assert one.left_out == f"left out: something of {spine.stem}"
        assert one.warnings == ("predicted.label: no frame has a label",)


@posix
def test_recordings_that_others_are_labelling_come_last(
    make_project: Callable[..., Path], tmp_path: Path
) -> None:
    project = make_project()
    for i in range(3):
        write_recording(tmp_path / f"r{i}", f"2024061{i}_120000")
    planned, *_ = plan(BackendExplorer(project, "m"), [tmp_path], {})
    with hold(planned[1].backend()):
        found = _label(planned, [])
        assert [one.result for one in found] == [Result.BUSY, Result.LABELLED, Result.LABELLED]
    with ThreadPoolExecutor() as pool:
        with hold(planned[0].backend()):
            waiting = pool.submit(_label, [task._replace(wait=True) for task in planned], [])
            wait_until(waiting.running)
            # while it waits for a recording, it holds no other one
            with hold(planned[2].backend()):
                assert not waiting.done()
        waiting.result()
    results = {one.recording: one.result for one in waiting.result()}
    expected = [Result.CURRENT, Result.LABELLED, Result.CURRENT]
    assert [results[task.files[0]] for task in planned] == expected


def test_a_file_is_read_once_for_its_digest_and_labels_once(
    make_project: Maker, tmp_path: Path, hashed: Counter[Path], parsed: Counter[Path]
) -> None:
    project = make_project()
    for i in range(3):
        for file in write_recording(tmp_path / f"r{i}", f"2024061{i}_120000").parent.iterdir():
            os.utime(file, (0, 0))
    planned, *_ = plan(BackendExplorer(project, "m"), [tmp_path], {})
    assert [one.result for one in _label(planned, [])] == [Result.LABELLED] * 3
    trackers = [file for file in hashed if file.suffix in (".spine", ".outline")]
    assert (len(trackers), len(parsed)) == (6, 3)
    assert {*hashed.values(), *parsed.values()} == {1}
