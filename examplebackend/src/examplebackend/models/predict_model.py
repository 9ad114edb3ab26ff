"""Label the recordings in data/raw frame by frame, into data/processed."""

from __future__ import annotations

import json
from math import nan

from examplebackend.features.spine import WINDOW, spine_features
from examplebackend.models.forest import Forest
from examplebackend.options import numbers
from taggingbackends import BackendError, BackendExplorer, Labels, dependency
from taggingbackends.backend.provenance import software
from taggingbackends.data import (
    Recording,
    body_length,
    find_recordings,
    load_tracks,
    predict_frames,
)
from taggingbackends.main import main
from taggingbackends.system.progress import progress


def tag(recording: Recording, forest: Forest, colors: dict[str, str | None]) -> Labels:
    """Label every frame, by the window around it, of the larvae that have room for a window."""
    labels = Labels()
    run = labels.add_run(recording.run)
    known = [color for color in colors.values() if color is not None]
    run.declare(colors, known if len(known) == len(colors) else None)
    length = body_length(recording) if recording else nan
    shape = WINDOW.for_tracks(recording.values())
    for larva, track in recording.items():
        times, codes = predict_frames(
            track, shape, lambda windows: forest.predict(spine_features(windows, length))
        )
        if len(times):
            labels.set(run.id, larva, times, [forest.labels[code] for code in codes])
    return labels


def predict_model(
    backend: BackendExplorer, pixelsize: str | None = None, framerate: str | None = None
) -> None:
    """Write one label file a recording, with its dependencies and what predicted it.

    Parameters
    ----------
    backend : BackendExplorer
    pixelsize, framerate : str
        Of FIMTrack's tables, µm and frames/s (``--pixelsize 73 --framerate 16``).
    """
    options = numbers(pixelsize=pixelsize, framerate=framerate)
    folder = backend.model_dir()
    try:
        forest = Forest.read(folder / "forest.npz")
        colors = json.loads((folder / "labels.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BackendError("unknown-model", f"{folder}: no model to read: {error}") from error
    recordings = find_recordings(backend.list_input_files())
    for file in progress(list(recordings), "labelling"):
        recording = load_tracks(file, outline=False, **options)
        labels = tag(recording, forest, colors)
        for run in labels.values():
            # a FIMTrack table is loaded again by what is told here of the camera
            run.metadata = recording.metadata | {"software": software(backend)}
            run.dependencies = [dependency(part) for part in recordings[file]]
        labels.write(backend.output_path(file))


if __name__ == "__main__":
    main(predict_model)
