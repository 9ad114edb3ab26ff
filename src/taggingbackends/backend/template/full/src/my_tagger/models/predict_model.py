"""Label the recordings in data/raw and write the label files to data/processed."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taggingbackends import BackendExplorer, Labels
from taggingbackends.data import find_recordings
from taggingbackends.main import main


def predict_states(
    model: dict[str, Any], features: NDArray[np.float64]
) -> list[str | tuple[str, ...]]:
    """Return the state of each frame: a label, a tuple of labels, or () for undefined.

    Put your tagger here. This placeholder leaves every frame undefined. Features are NaN in frames
    without a spine.
    """
    return [()] * len(features)


def predict_model(backend: BackendExplorer) -> None:
    """Write one label file per recording; one per run if it has several."""
    model = json.loads((backend.model_dir() / "model.json").read_text())
    for file in find_recordings(backend.list_input_files()):
        arrays = np.load(backend.interim_path(file, ".npz"))
        for run in arrays["runs"].tolist():
            labels = Labels()
            labels.add_run(run).declare(model["colors"], model["colors"].values())
            labels[run].metadata = json.loads(arrays[f"{run}/metadata"].item())
            for larva in arrays[f"{run}/larvae"].tolist():
                states = predict_states(model, arrays[f"{run}/{larva}/features"])
                labels.set(run, larva, arrays[f"{run}/{larva}/times"], states)
            labels.write(backend.output_path(file, run))


if __name__ == "__main__":
    main(predict_model)
