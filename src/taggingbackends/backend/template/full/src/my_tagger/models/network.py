"""A small neural network of scikit-learn, and its files.

Put your model here. The scripts know only `Model`, `train`, `write_model` and `read_model`.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import skops.io
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from taggingbackends import TaggingBackendsError

CORRECTED = 5.0
"""Weight of a frame that a person corrected, compared with other frames of the label."""

TRUSTED = ("sklearn.neural_network._stochastic_optimizers.AdamOptimizer",)
"""Types in a model besides those that skops trusts: arrays of momenta. Add none unseen."""


class Examples(NamedTuple):
    """Windows to train on."""

    inputs: NDArray[np.float32]  # (n, k), see `window_inputs`
    names: NDArray[np.str_]  # (n,) labels
    edited: NDArray[np.bool_]  # (n,) whether a person corrected the label


class Model(NamedTuple):
    """A trained model, with the windows that it was trained on, to be trained further."""

    network: MLPClassifier
    colors: dict[str, str | None]  # names of labels and their colours
    examples: Examples

    @property
    def names(self) -> NDArray[np.str_]:
        """The labels, one per column of `probabilities`."""
        return np.asarray(self.network.classes_)

    def check(self, inputs: NDArray[np.float32]) -> None:
        """Raise an error if the model was trained with other features."""
        known, found = self.examples.inputs.shape[1], inputs.shape[1]
        if found != known:
            problem = f"the model knows {known} features, and window_inputs returns {found}"
            raise TaggingBackendsError(f"{problem}; train a new model")

    def probabilities(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the probability of each label, one row per window."""
        self.check(inputs)
        return np.asarray(self.network.predict_proba(inputs))


def train(
    examples: Examples, epochs: int, seed: int, network: MLPClassifier | None = None
) -> MLPClassifier:
    """Train a network, or train one further. All labels have the same weight together."""
    names, codes = np.unique(examples.names, return_inverse=True)
    weights = np.where(examples.edited, CORRECTED, 1.0)
    weights /= np.bincount(codes, weights)[codes]
    weights /= weights.mean()
    if network is None or not np.array_equal(network.classes_, names):  # other labels: anew
        network = MLPClassifier((64,), alpha=1e-3, random_state=seed)
    for _ in range(epochs):
        network.partial_fit(examples.inputs, examples.names, weights, classes=names)
    return network


def write_model(folder: Path, model: Model) -> None:
    """Write a model."""
    skops.io.dump({"network": model.network, "colors": model.colors}, folder / "network.skops")
    np.savez_compressed(folder / "windows.npz", **model.examples._asdict())


def read_model(folder: Path) -> Model:
    """Read a model. This runs no code from its files."""
    content = skops.io.load(folder / "network.skops", trusted=TRUSTED)
    with np.load(folder / "windows.npz", allow_pickle=False) as arrays:
        return Model(**content, examples=Examples(**arrays))
