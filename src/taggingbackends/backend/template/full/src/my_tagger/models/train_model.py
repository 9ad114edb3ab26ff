"""Train the model on labelled recordings."""

import json

from taggingbackends import BackendError, BackendExplorer, Labels
from taggingbackends.data import is_label_file
from taggingbackends.main import main


def train_model(
    backend: BackendExplorer, epochs: str = "10", pretrained_model_instance: str | None = None
) -> None:
    """Store what predict_model needs in ``backend.model_dir()``. Here: the label names and their colours.

    Options are strings: ``--epochs 20`` becomes ``epochs="20"``.
    """
    files = [file for file in backend.list_input_files() if is_label_file(file)]
    if not files:
        raise BackendError("no-input", "expected label files in the input, found none")
    colors: dict[str, str | None] = {}
    for file in files:
        for run in Labels.read(file).values():
            for name, color in zip(run.names, run.colors or [None] * len(run.names), strict=True):
                colors[name] = colors.get(name) or color
            # features: np.load(backend.interim_path(file, ".npz")); states: run[larva].states
    model = {"colors": colors, "epochs": int(epochs)}
    (backend.model_dir() / "model.json").write_text(json.dumps(model))


if __name__ == "__main__":
    main(train_model)
