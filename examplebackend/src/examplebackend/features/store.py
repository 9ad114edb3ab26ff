"""The features of a recording, as a file of plain arrays in data/interim."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from taggingbackends import BackendExplorer
from taggingbackends.files import write_file

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RecordingFeatures:
    """Times and features of all larvae of a run, one larva after the other.

    Attributes
    ----------
    run : str
        Identifier of the run.
    larvae : (m,) int64
        Identifiers.
    offsets : (m + 1,) int64
        The frames of larva i are ``offsets[i]:offsets[i + 1]``.
    times : (n,) float64, s
    features : (n, k) float64
        A column for each of `examplebackend.features.spine.FEATURES`.
    """

    run: str
    larvae: NDArray[np.int64]
    offsets: NDArray[np.int64]
    times: Floats
    features: Floats

    def tracks(self) -> Iterator[tuple[int, Floats, Floats]]:
        """Yield identifier, times and features of each larva."""
        for i, larva in enumerate(self.larvae.tolist()):
            frames = slice(self.offsets[i], self.offsets[i + 1])
            yield larva, self.times[frames], self.features[frames]

    def write(self, path: Path) -> None:
        """Write an ``.npz`` file; its folder is made."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **(vars(self) | {"run": np.array(self.run)}))
        write_file(path, [content.getvalue()])  # whole, or not at all

    @classmethod
    def read(cls, path: Path) -> RecordingFeatures:
        """Read what `write` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            return cls(**(dict(stored) | {"run": str(stored["run"])}))


def features_path(backend: BackendExplorer, input_file: Path) -> Path:
    """Return where the features of a recording are, given any of its files in data/raw."""
    folder = input_file.parent.relative_to(backend.raw_data_dir())
    return backend.interim_data_dir() / folder / f"{input_file.stem}.npz"
