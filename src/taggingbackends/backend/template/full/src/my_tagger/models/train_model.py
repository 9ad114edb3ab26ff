"""Fit the model to labelled recordings."""

import json

from taggingbackends import BackendError, BackendExplorer, Labels
from taggingbackends.data import is_label_file
from taggingbackends.main import main


def train_model(
    backend: BackendExplorer, epochs: str = "10", pretrained_model_instance: str | None = None
) -> None:
    """Store what predict_model needs in ``backend.model_dir()``: the label names, to begin with.

    Options come as text: ``--epochs 20`` is ``epochs="20"``.
    """
    files = [file for file in backend.list_input_files() if is_label_file(file)]
    if not files:
        raise BackendError("no-input", "no label file among the input: there is nothing to learn")
    names: dict[str, None] = {}
    for file in files:
        for run in Labels.read(file).values():
            names.update(dict.fromkeys(run.names))
            # features: np.load(backend.interim_data_dir() / ...); states: run[larva].states
    model = {"names": list(names), "epochs": int(epochs)}
    (backend.model_dir() / "model.json").write_text(json.dumps(model))


if __name__ == "__main__":
    main(train_model)
