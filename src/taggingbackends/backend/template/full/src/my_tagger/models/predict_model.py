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
    """Write one label file per recording."""
    model = json.loads((backend.model_dir() / "model.json").read_text())
    for file in find_recordings(backend.list_input_files()):
        folder = backend.interim_data_dir() / file.parent.relative_to(backend.raw_data_dir())
        arrays = np.load(folder / f"{file.stem}.npz")
        labels = Labels()
        run = labels.add_run(str(arrays["run"]))
        run.declare(model["names"])
        for larva in arrays["larvae"].tolist():
            states = predict_states(model, arrays[f"features_{larva}"])
            labels.set(run.id, larva, arrays[f"times_{larva}"], states)
        labels.write(backend.output_path(file))


if __name__ == "__main__":
    main(predict_model)
