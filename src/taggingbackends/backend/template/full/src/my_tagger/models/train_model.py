"""Train the model on labelled recordings."""

import json

from taggingbackends import BackendError, BackendExplorer, Labels
from taggingbackends.data import is_label_file
from taggingbackends.main import main


def train_model(
    backend: BackendExplorer, epochs: int = 10, pretrained_model_instance: str | None = None
) -> None:
    """Store what predict_model needs in ``backend.model_dir()``. Here: the labels' colours.

    Parameters
    ----------
    backend : BackendExplorer
        The folders and files of this backend.
    epochs : int
        Number of passes over the training data.
    pretrained_model_instance : str, optional
        The model to start from.
    """
    files = [file for file in backend.list_input_files() if is_label_file(file)]
    if not files:
        raise BackendError("no-input", "expected label files in the input, found none")
    names: dict[str, None] = {}
    colors: dict[str, str] = {}
    for file in files:
        for run in Labels.read(file).values():
            names.update(dict.fromkeys(run.names))
            colors.update(zip(run.names, run.colors or (), strict=False))  # if there are any
            # features: np.load(backend.interim_path(file, ".npz")); states: run[larva].states
    model = {"colors": {name: colors.get(name) for name in names}, "epochs": epochs}
    (backend.model_dir() / "model.json").write_text(json.dumps(model))


if __name__ == "__main__":
    main(train_model)
