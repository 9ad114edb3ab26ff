"""Compute the features of each frame and store them in data/interim."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taggingbackends import BackendExplorer
from taggingbackends.data import Track, find_recordings
from taggingbackends.main import main


def features(track: Track) -> NDArray[np.float64]:
    """Return the features of one larva, shape (frames, features). Here: the speed in mm/s.

    Frames without a spine have no features, NaN. The speed is that until the next spine.
    """
    assert track.spine is not None
    middle = track.spine[track.has_spine].mean(axis=1)
    steps = np.linalg.norm(np.diff(middle, axis=0), axis=1) / np.diff(track.times[track.has_spine])
    speed = np.full((len(track), 1), np.nan)
    speed[track.has_spine, 0] = np.append(steps, steps[-1:] if len(steps) else 0.0)
    return speed


def build_features(backend: BackendExplorer) -> None:
    """Write one .npz file per recording: its runs, their larvae, and the features of each frame."""
    for file in find_recordings(backend.list_input_files()):
        runs: list[str] = []
        arrays: dict[str, NDArray[Any]] = {}
        for recording in backend.load_runs(file, outline=False):  # one, but a trx.mat may have more
            run = recording.run
            runs.append(run)
            arrays[f"{run}/metadata"] = np.array(json.dumps(recording.metadata))
            arrays[f"{run}/larvae"] = np.array(list(recording))
            for larva, track in recording.items():
                arrays[f"{run}/{larva}/times"] = track.times
                arrays[f"{run}/{larva}/features"] = features(track)
        path = backend.interim_path(file, ".npz")
        partial = path.with_name(f".{path.name}")  # renamed at the end: no partial file is read
        np.savez(partial, allow_pickle=False, runs=np.array(runs), **arrays)
        partial.replace(path)


if __name__ == "__main__":
    main(build_features)
