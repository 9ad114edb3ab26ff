"""A small convolutional network of PyTorch, and its files.

Put your model here. The scripts know only `Model`, `train`, `write_model` and `read_model`.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from my_tagger.features.windows import POINTS
from my_tagger.models.examples import Examples, weights_of


class Network(nn.Module):
    """Two convolutions over the frames of a window, then one linear layer."""

    def __init__(self, names: Sequence[str], frames: int) -> None:
        super().__init__()
        self.names = list(names)
        self.frames = frames
        self.layers = nn.Sequential(
            nn.Conv1d(2 * POINTS, 32, 3, padding=1),
            nn.ReLU(),
            nn.Conv1d(32, 16, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(16 * frames, len(self.names)),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Return a score of each label, (n, labels), for rows of `window_inputs`."""
        windows = inputs.reshape(-1, self.frames, 2 * POINTS)
        scores: Tensor = self.layers(windows.transpose(1, 2))  # channels, then frames
        return scores


class Model(NamedTuple):
    """A trained model, with the windows that it was trained on, to be trained further."""

    network: Network
    colors: dict[str, str | None]  # names of labels and their colours
    examples: Examples

    @property
    def names(self) -> NDArray[np.str_]:
        """The labels, one per column of `probabilities`."""
        return np.array(self.network.names)

    def probabilities(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the probability of each label, one row per window."""
        self.examples.check(inputs)
        with torch.inference_mode():
            scores: Tensor = self.network(torch.from_numpy(inputs))
        found: NDArray[np.float64] = scores.double().softmax(dim=1).numpy()
        return found


def train(examples: Examples, epochs: int, seed: int, network: Network | None = None) -> Network:
    """Train a network, or train one further. All labels have the same weight together."""
    names, codes = np.unique(examples.names, return_inverse=True)
    weights = weights_of(codes, examples.edited)
    torch.manual_seed(seed)
    if network is None or network.names != names.tolist():  # other labels: anew
        network = Network(names.tolist(), examples.inputs.shape[1] // (2 * POINTS))
    columns = (examples.inputs, codes, weights.astype(np.float32))
    dataset = TensorDataset(*map(torch.from_numpy, columns))
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3, weight_decay=1e-4)
    for _ in range(epochs):
        for inputs, targets, weight in DataLoader(dataset, batch_size=256, shuffle=True):
            loss = (cross_entropy(network(inputs), targets, reduction="none") * weight).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    network.eval()
    return network


def write_model(folder: Path, model: Model) -> None:
    """Write a model."""
    about = {"names": model.network.names, "frames": model.network.frames, "colors": model.colors}
    metadata = {key: json.dumps(value) for key, value in about.items()}
    save_file(model.network.state_dict(), folder / "network.safetensors", metadata)
    model.examples.write(folder)


def read_model(folder: Path) -> Model:
    """Read a model. This runs no code from its files."""
    path = folder / "network.safetensors"
    with safe_open(path, "pt") as file:
        about = {key: json.loads(value) for key, value in file.metadata().items()}
    network = Network(about["names"], about["frames"])
    network.load_state_dict(load_file(path))
    return Model(network.eval(), about["colors"], Examples.read(folder))
