"""The windows that a model was trained on, which it keeps to be trained further."""

from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from taggingbackends import TaggingBackendsError

CORRECTED = 5.0
"""Weight of a frame that a person corrected, compared with other frames of the label."""


class Examples(NamedTuple):
    """Windows to train on."""

    inputs: NDArray[np.float32]  # (n, k), see `window_inputs`
    names: NDArray[np.str_]  # (n,) labels
    edited: NDArray[np.bool_]  # (n,) whether a person corrected the label

    def check(self, inputs: NDArray[np.float32]) -> None:
        """Raise an error if other inputs have other features than these."""
        known, found = self.inputs.shape[1], inputs.shape[1]
        if found != known:
            problem = f"the model knows {known} features, and window_inputs returns {found}"
            raise TaggingBackendsError(f"{problem}; train a new model")

    def write(self, folder: Path) -> None:
        """Write them into the folder of a model."""
        np.savez_compressed(folder / "windows.npz", **self._asdict())

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read those of a model."""
        with np.load(folder / "windows.npz", allow_pickle=False) as arrays:
            return cls(**arrays)


def weights_of(codes: NDArray[np.intp], edited: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the weight of each window. All labels, given as codes, have the same together."""
    weights = np.where(edited, CORRECTED, 1.0)
    weights /= np.bincount(codes, weights)[codes]
    weights /= weights.mean()
    return weights
