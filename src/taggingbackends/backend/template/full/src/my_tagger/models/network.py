"""A small neural network of scikit-learn, and its files.

Put your model here. The scripts know only `Model`, `train`, `write_model` and `read_model`.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import skops.io
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from my_tagger.models.examples import Examples, weights_of

TRUSTED = ("sklearn.neural_network._stochastic_optimizers.AdamOptimizer",)
"""Types in a model besides those that skops trusts: arrays of momenta. Add none unseen."""


class Model(NamedTuple):
    """A trained model, with the windows that it was trained on, to be trained further."""

    network: MLPClassifier
    colors: dict[str, str | None]  # names of labels and their colours
    examples: Examples

    @property
    def names(self) -> NDArray[np.str_]:
        """The labels, one per column of `probabilities`."""
        return np.asarray(self.network.classes_)

    def probabilities(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the probability of each label, one row per window."""
        self.examples.check(inputs)
        return np.asarray(self.network.predict_proba(inputs))


def train(
    examples: Examples, epochs: int, seed: int, network: MLPClassifier | None = None
) -> MLPClassifier:
    """Train a network, or train one further. All labels have the same weight together."""
    names, codes = np.unique(examples.names, return_inverse=True)
    weights = weights_of(codes, examples.edited)
    if network is None or not np.array_equal(network.classes_, names):  # other labels: anew
        network = MLPClassifier((64,), alpha=1e-3, random_state=seed)
    for _ in range(epochs):
        network.partial_fit(examples.inputs, examples.names, weights, classes=names)
    return network


def write_model(folder: Path, model: Model) -> None:
    """Write a model."""
    skops.io.dump({"network": model.network, "colors": model.colors}, folder / "network.skops")
    model.examples.write(folder)


def read_model(folder: Path) -> Model:
    """Read a model. This runs no code from its files."""
    content = skops.io.load(folder / "network.skops", trusted=TRUSTED)
    return Model(**content, examples=Examples.read(folder))
