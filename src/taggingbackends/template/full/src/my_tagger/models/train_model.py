"""Fit the model to labelled recordings."""

import json

from taggingbackends import BackendError, BackendExplorer, Labels
from taggingbackends.data import is_label_file
from taggingbackends.main import main


def train_model(
    backend: BackendExplorer, pretrained_model_instance: str | None = None, **options: str
) -> None:
    """Store what predict_model needs in ``backend.model_dir()``: the label names, to begin with."""
    names: dict[str, None] = {}
    files = [file for file in backend.list_input_files() if is_label_file(file)]
    if not files:
        raise BackendError("no-input", "no label file among the input: there is nothing to learn")
    for file in files:
        for run in Labels.read(file).values():
            names.update(dict.fromkeys(run.names))
            # features: np.load(backend.interim_data_dir() / ...); states: run[larva].states
    model = {"names": list(names), "options": options}
    (backend.model_dir() / "model.json").write_text(json.dumps(model))


if __name__ == "__main__":
    main(train_model)
