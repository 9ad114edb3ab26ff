"""Label files that the commands write, as MATLAB reads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import matlab
from support import RUN, called, write_recording
from taggingbackends import Labels
from variants import trxmat

# A model is sure of some frames of one larva; the other one has states of one and of two labels.
PREDICT = """
from taggingbackends import Labels
from taggingbackends.data import find_recordings, load_tracks
from taggingbackends.main import main

def predict_model(backend):
    for file in find_recordings(backend.list_input_files()):
        recording = load_tracks(file, outline=False)
        labels = Labels()
        sure = {"confidence": [0.9, 0.8, 1, 0, float("nan")], "second": ["cast"] * 5}
        states = {1: ["run"] * 5, 20: ["cast", ("roll", "small"), (), "run", "run"]}
        for larva, track in recording.items():
            more = sure if larva == 1 else {}
            labels.set(recording.run, larva, track.times, states[larva], **more)
        run = labels[recording.run]
        run.secondary_names = ["small"]
        run.declare(["run", "cast", "roll"], ["#2ca02c", "#d62728", "#bcbd22"])
        labels.write(backend.output_path(file))

if __name__ == "__main__":
    main(predict_model)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_recording(tmp_path)
    return tmp_path


def test_predict_and_edit(folder: Path, make_backend: Callable[..., Path]) -> None:
    backend = make_backend(predict_model=PREDICT)
    called("predict", next(folder.glob("*.spine")), "--model-instance=m", cwd=backend)
    predicted = Labels.read("predicted.label")
    assert predicted[RUN][1].confidence is not None
    assert predicted[RUN].metadata["software"]["name"] == "backend"
    assert len(predicted[RUN].dependencies) == 2
    labels = Labels()
    labels.set(RUN, 1, [1.1, 1.2], [("cast", "edited"), ("roll", "small")])
    labels[RUN].secondary_names = ["small", "edited"]
    labels.write("edited.label")
    labels["20240612_090000"] = labels[RUN]
    labels.write("several.label")
    image = trxmat.image(trxmat.larva(1), trxmat.larva(2))
    (folder / "trx.mat").write_bytes(image["trx.mat"])
    commands = (
        ("merge", "predicted.label", "edited.label"),
        ("merge", "edited.label", "several.label"),
        ("crop", "predicted.label", "--start=1.1", "--stop=20.1"),
        ("crop", "predicted.label", "--start=99"),
        ("fill", "predicted.label", "--label=stop"),
        ("fill", "edited.label", "--label=stop", "--like", next(folder.glob("*.spine")).name),
        ("tag", "predicted.label", "edited"),
        ("smooth", "predicted.label", "--shortest=0.25"),
        ("rename", "predicted.label", "run=crawl", "cast=crawl"),
        ("convert", "predicted.label"),
        ("convert", "trx.mat"),
        ("convert", "predicted.label", "--names"),
        ("import", "events.csv", "--like=predicted.label"),
    )
    called("labels", "export", "predicted.label", "--to=boris", "-o", "events.csv", cwd=backend)
    for number, arguments in enumerate(commands):
        file = folder / f"{number}.label"
        called("labels", *arguments, "-o", file, cwd=backend)
        matlab.check(file)
        if "--names" not in arguments:
            assert matlab.read(file) == matlab.meant(Labels.read(file)), arguments
    called("labels", "convert", "several.label", "--split", "-o", "runs", cwd=backend)
    written = [folder / "predicted.label", *folder.glob("runs/*")]
    assert len(written) == 3
    for file in written:
        matlab.check(file)
        assert matlab.read(file) == matlab.meant(Labels.read(file))
