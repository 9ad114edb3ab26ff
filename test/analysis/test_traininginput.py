"""What a model is going to be trained on. `test_pipeline.py` tests the rest with the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import RUN, backend_error, write_labels, write_recording
from taggingbackends import Labels, dependency
from taggingbackends.analysis.traininginput import training_input
from taggingbackends.data.agreement import LabelFileCheck
from variants.fimtrack import rows, text

OTHER = "20240612_090000"


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Return a recording, its true labels, and other labels that a model predicted."""
    spine = write_recording(tmp_path)
    labels = Labels.read(write_labels(spine, "predicted.label", "stop"))
    labels[RUN].metadata["software"] = {"model_instance": "m"}
    labels.write(tmp_path / "predicted.label")
    return [spine, spine.with_suffix(".outline"), write_labels(spine), tmp_path / "predicted.label"]


def test_true_labels_come_before_predictions(files: list[Path]) -> None:
    *_, truth, predicted = files
    left_out = {predicted: "predictions of model m that nobody edited"}
    for named in ([], files):
        found = training_input(files, named)
        assert (found.left_out, dict(found.frames_by_label)) == (left_out, {"run": 10})
        assert predicted not in found.files
    found = training_input(files, files, ["predicted.*"])
    assert found.left_out == {truth: "predicted.label is preferred"}
    assert found.remarks["predictions"][0].startswith(f"{predicted}: named, although these are")
    files.remove(truth)
    with backend_error("no-input", "no labels to train on; left out: 1 label file: predictions"):
        training_input(files)
    assert training_input(files, [predicted]).frames_by_label == {"stop": 10}


def test_predictions_of_some_runs_of_a_file(files: list[Path]) -> None:
    spine, outline, _, predicted = files
    labels = Labels.read(predicted)
    labels.set(OTHER, 1, [0.5, 0.6], ["cast", ()])
    labels.write(predicted)
    found = training_input([spine, outline, predicted])
    assert found.left_out == {}
    expected = f"{predicted}: partly predictions of model m that nobody edited"
    assert found.remarks == {"predictions": [expected]}
    assert (found.recordings, found.larvae, found.frames, found.undefined) == (2, 3, 12, 1)


def test_the_first_pattern_that_fits_decides(files: list[Path]) -> None:
    *_, truth, predicted = files
    others = [write_labels(files[0], f"{name}.label", "cast") for name in ("anna", "bert")]
    files = [file for file in files if file != predicted] + others
    for patterns in ([], ["x*"], ["*.label"]):
        with (
            pytest.warns(UserWarning, match="bert.label, run"),  # the other two pairs
            backend_error("repeated-labels", "truth.label and anna.label"),
        ):
            training_input(files, prefer=patterns)
    found = training_input(files, prefer=["x*", "bert.*", "truth.*"])
    assert found.left_out.keys() == {truth, others[0]}
    assert found.frames_by_label == {"cast": 10}


def test_labels_without_their_tracker_files(files: list[Path]) -> None:
    spine, outline, truth, _ = files
    spine.write_text(spine.read_text() + "\n")
    found = training_input([spine, outline, truth])
    ((remark,),) = found.remarks.values()
    assert remark.startswith(f"{truth}: run {RUN}: {spine}: expected sha1 ")
    spine.unlink()
    outline.unlink()
    found = training_input([truth])
    assert "expected this file beside the labels" in found.remarks["tracks"][0]
    assert found.files.keys() == {truth}


def test_labels_at_another_frame_rate_than_the_table_is_read_with(tmp_path: Path) -> None:
    table = tmp_path / RUN / "table.csv"
    table.parent.mkdir()
    table.write_text(text(rows()))
    labels = Labels()
    labels.add_run(RUN).dependencies = [dependency(table)]
    labels.set(RUN, 0, [0.0, 0.5], ["run", "run"])
    labels.write(table.with_name("truth.label"))
    files = [table, table.with_name("truth.label")]
    (remark,) = training_input(files, options={"pixelsize": 73.0}).remarks["tracks"]
    expected = "expected labels of table.csv at the default frame rate, but 1 of 2 frames is not"
    assert expected in remark
    assert training_input(files, options={"pixelsize": 73.0, "framerate": 2.0}).remarks == {}
    assert LabelFileCheck().mismatches(files[1], labels) == []  # its frame rate is unknown
