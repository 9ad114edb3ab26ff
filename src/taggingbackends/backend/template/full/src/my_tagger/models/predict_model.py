"""Label the recordings in data/raw and write the label files to data/processed."""

from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from my_tagger.features.windows import WINDOW, window_inputs
from my_tagger.models.network import Model, read_model
from taggingbackends import BackendExplorer, Labels
from taggingbackends.data import Recording, body_length, find_recordings, predict_frames
from taggingbackends.main import main


def label(recording: Recording, model: Model) -> Labels:
    """Label every frame of a recording, with the network's confidence and its second choice."""
    names = model.names
    has_spines = any(track.has_spine.any() for track in recording.values())
    length = body_length(recording) if has_spines else nan

    def predict(spines: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        probabilities = model.probabilities(window_inputs(spines, length))
        *_, second, first = np.argsort(probabilities, axis=1).T
        return names[first], probabilities.max(axis=1), names[second]

    labels = Labels()
    run = labels.add_run(recording.run)
    run.declare(model.colors, model.colors.values())
    run.metadata = recording.metadata  # with the camera, for FIMTrack's tables
    shape = WINDOW.for_tracks(recording.values())
    for larva, track in recording.items():
        labels.set(run.id, larva, *predict_frames(track, shape, predict, confidence=True))
    return labels


def predict_model(backend: BackendExplorer) -> None:
    """Write one label file per recording; one per run if it has several."""
    model = read_model(backend.model_dir())
    for file in find_recordings(backend.list_input_files()):
        for recording in backend.load_runs(file, outline=False):
            label(recording, model).write(backend.output_path(file, recording.run))


if __name__ == "__main__":
    main(predict_model)
