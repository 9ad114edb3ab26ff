"""Train a model further on new labels, e.g. corrected ones, and store it as a new one."""

from my_tagger.models.train_model import train_from
from taggingbackends import BackendExplorer
from taggingbackends.main import main


def finetune_model(
    backend: BackendExplorer, original_model_instance: str, epochs: int = 50, seed: int = 0
) -> None:
    """Train the original model further.

    Parameters
    ----------
    backend : BackendExplorer
        The folders and files of this backend.
    original_model_instance : str
        The model to start from.
    epochs : int
        Number of passes over the training set.
    seed : int
        Seed of the random numbers.
    """
    train_from(backend.model_dir(original_model_instance), backend, epochs, seed)


if __name__ == "__main__":
    main(finetune_model)
