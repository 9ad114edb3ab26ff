"""Label the recordings in data/raw frame by frame, and write the labels to data/processed."""

from __future__ import annotations

from math import nan

from sklearn.ensemble import RandomForestClassifier

from examplebackend.features.spine import WINDOW, spine_features
from examplebackend.models.forest import Colors, read_model
from taggingbackends import BackendExplorer, Labels
from taggingbackends.data import (
    Recording,
    body_length,
    find_recordings,
    predict_frames,
)
from taggingbackends.main import main


def tag(recording: Recording, forest: RandomForestClassifier, colors: Colors) -> Labels:
    """Label every frame by the window around it, or the nearest one; else it is undefined."""
    labels = Labels()
    run = labels.add_run(recording.run)
    run.declare(colors, colors.values())
    run.metadata = recording.metadata  # with the camera: FIMTrack's tables need it to be loaded
    spines = any(track.has_spine.any() for track in recording.values())
    length = body_length(recording) if spines else nan  # without spines there are no windows
    shape = WINDOW.for_tracks(recording.values())
    for larva, track in recording.items():
        times, names = predict_frames(
            track, shape, lambda windows: forest.predict(spine_features(windows, length))
        )
        labels.set(run.id, larva, times, names.tolist())
    return labels


def predict_model(backend: BackendExplorer) -> None:
    """Write one label file per recording.

    The command adds the dependencies, and the backend and model instance, to the file. FIMTrack's
    tables need the camera in µm and frames/s: ``--pixelsize 73 --framerate 16``.

    Parameters
    ----------
    backend : BackendExplorer
        The backend.
    """
    forest, colors = read_model(backend.model_dir() / "forest.skops")
    for file in find_recordings(backend.list_input_files()):
        for recording in backend.load_runs(file, outline=False):
            path = backend.output_path(file, recording.run)
            tag(recording, forest, colors).write(path)


if __name__ == "__main__":
    main(predict_model)
