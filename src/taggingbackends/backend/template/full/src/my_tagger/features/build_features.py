"""Compute the features of each frame and store them in data/interim."""

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
    """Write one .npz file per recording: run, larvae, and the times and features of each larva."""
    for file in find_recordings(backend.list_input_files()):
        recording = backend.load_tracks(file, outline=False)
        arrays = {f"times_{larva}": track.times for larva, track in recording.items()}
        arrays |= {f"features_{larva}": features(track) for larva, track in recording.items()}
        folder = backend.interim_data_dir() / file.parent.relative_to(backend.raw_data_dir())
        folder.mkdir(parents=True, exist_ok=True)
        run, larvae = np.array(recording.run), np.array(list(recording))
        path = folder / f"{file.stem}.npz"
        partial = path.with_name(f".{path.name}")  # renamed at the end: no partial file is read
        np.savez(partial, allow_pickle=False, run=run, larvae=larvae, **arrays)
        partial.replace(path)


if __name__ == "__main__":
    main(build_features)
