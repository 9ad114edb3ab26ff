"""Compute the features of all recordings in data/raw, into data/interim."""

from __future__ import annotations

import numpy as np

from examplebackend.features.spine import FEATURES, spine_features
from examplebackend.features.store import RecordingFeatures, features_path
from taggingbackends import BackendExplorer
from taggingbackends.data import Recording, find_recordings, load_tracks
from taggingbackends.main import main
from taggingbackends.progress import progress


def recording_features(recording: Recording) -> RecordingFeatures:
    """Compute the features of every larva of a recording."""
    tracks = list(recording.values())
    features = [spine_features(track.times, np.asarray(track.spine)) for track in tracks]
    return RecordingFeatures(
        run=recording.run,
        larvae=np.array(list(recording), dtype=np.int64),
        offsets=np.cumsum([0, *map(len, tracks)]),
        times=np.concatenate([np.empty(0), *(track.times for track in tracks)]),
        features=np.concatenate([np.empty((0, len(FEATURES))), *features]),
    )


def build_features(backend: BackendExplorer) -> None:
    """Write one file of features a recording."""
    for file in progress(list(find_recordings(backend.list_input_files())), "features of"):
        recording_features(load_tracks(file, outline=False)).write(features_path(backend, file))


if __name__ == "__main__":
    main(build_features)
