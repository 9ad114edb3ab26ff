"""Train a model further and store it as a new one."""

import shutil

from taggingbackends import BackendExplorer
from taggingbackends.main import main


def finetune_model(
    backend: BackendExplorer, original_model_instance: str, epochs: int = 10
) -> None:
    """Copy the original model. Add code that trains the copy on the new input.

    Parameters
    ----------
    backend : BackendExplorer
        The folders and files of this backend.
    original_model_instance : str
        The model to start from.
    epochs : int
        Number of passes over the training data.
    """
    original = backend.model_dir(original_model_instance)
    shutil.copytree(original, backend.model_dir(), dirs_exist_ok=True)


if __name__ == "__main__":
    main(finetune_model)
