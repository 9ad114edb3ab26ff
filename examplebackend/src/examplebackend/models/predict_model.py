"""Label the recordings in data/raw frame by frame, and write the labels to data/processed."""

from __future__ import annotations

from math import nan

from examplebackend.features.spine import WINDOW, spine_features
from examplebackend.models.forest import Model, read_model
from taggingbackends import BackendExplorer, Labels
from taggingbackends.data import Recording, body_length, find_recordings, predict_frames
from taggingbackends.main import OptionError, main


def tag(recording: Recording, model: Model) -> Labels:
    """Label every frame by the window around it, or the nearest one; else it is undefined."""
    labels = Labels()
    run = labels.add_run(recording.run)
    run.declare(model.colors, model.colors.values())
    run.metadata = recording.metadata  # with the camera: FIMTrack's tables need it to be loaded
    spines = any(track.has_spine.any() for track in recording.values())
    length = body_length(recording) if spines else nan  # without spines there are no windows
    shape = WINDOW.for_tracks(recording.values())
    for larva, track in recording.items():
        frames = predict_frames(
            track,
            shape,
            lambda windows: model.predict(spine_features(windows, length)),
            confidence=True,
        )
        labels.set(run.id, larva, *frames)
    return labels


def predict_model(backend: BackendExplorer, shortest: float | None = None) -> None:
    """Write one label file per recording.

    The command adds the dependencies, and the backend and model instance, to the file. FIMTrack's
    tables need the camera in µm and frames/s: ``--pixelsize 73 --framerate 16``.

    Parameters
    ----------
    backend : BackendExplorer
        The backend.
    shortest : float, optional
        Bouts below this duration in s get the labels of the surer or longer neighbour.
    """
    if shortest is not None and not shortest > 0:
        raise OptionError(f"--shortest: expected a duration above 0 s, found {shortest:g}")
    model = read_model(backend.model_dir())
    for file in find_recordings(backend.list_input_files()):
        for recording in backend.load_runs(file, outline=False):
            labels = tag(recording, model)
            if shortest is not None:
                labels.smooth(shortest)
            labels.write(backend.output_path(file, recording.run))


if __name__ == "__main__":
    main(predict_model)
