"""Train a model further, on corrected labels of the recordings in data/raw."""

from __future__ import annotations

from collections.abc import Sequence

from examplebackend.models.train_model import train_from
from taggingbackends import BackendExplorer
from taggingbackends.main import main


def finetune_model(
    backend: BackendExplorer,
    original_model_instance: str,
    trees: int = 50,
    seed: int = 0,
    labels: Sequence[str] = ("*",),
    indicators: list[str] | None = None,
) -> None:
    """Train a forest on the input and on windows of the original model, as a new instance.

    Of recordings that a model predicted, only the frames count that a person edited.

    Parameters
    ----------
    backend : BackendExplorer
        The backend.
    original_model_instance : str
        The model to start from.
    trees : int
        Number of trees.
    seed : int
        Seed of the random numbers.
    labels : sequence of str
        Labels to learn from the input, as names and patterns, e.g. run,cast,stop.
    indicators : list of str, optional
        Indicators of a trx.mat that are its labels, e.g. strong,weak.
    """
    original = backend.model_dir(original_model_instance)
    train_from(original, backend, trees, seed, labels, indicators)


if __name__ == "__main__":
    main(finetune_model)
