"""Train a model on windows around labelled frames."""

from pathlib import Path

import numpy as np

from my_tagger.features.windows import WINDOW, window_inputs
from my_tagger.models.examples import Examples
from my_tagger.models.network import Model, read_model, train, write_model
from taggingbackends import BackendError, BackendExplorer
from taggingbackends.data import find_recordings, is_label_file, plan_dataset
from taggingbackends.main import OptionError, main


def train_model(
    backend: BackendExplorer,
    epochs: int = 50,
    seed: int = 0,
    pretrained_model_instance: str | None = None,
) -> None:
    """Train a network, and store it as the model instance.

    Parameters
    ----------
    backend : BackendExplorer
        The folders and files of this backend.
    epochs : int
        Number of passes over the training set.
    seed : int
        Seed of the random numbers.
    pretrained_model_instance : str, optional
        The pretrained model to start from.
    """
    earlier = None
    if pretrained_model_instance is not None:
        earlier = backend.pretrained_model_dir(pretrained_model_instance)
    train_from(earlier, backend, epochs, seed)


def train_from(earlier: Path | None, backend: BackendExplorer, epochs: int, seed: int) -> None:
    """Train on the input, and on the windows of an earlier model, if any, which is the start."""
    if epochs < 1:
        raise OptionError(f"--epochs: expected at least 1, found {epochs}")
    files = backend.list_input_files()
    plan = plan_dataset(
        list(filter(is_label_file, files)) or list(find_recordings(files)),  # e.g. a trx.mat
        WINDOW.duration,
        WINDOW.framerate,
        balance=3 if earlier is None else None,  # few windows teach as much, and the model is small
        edited_only=True,  # no predictions that nobody edited
        seed=seed,
        options=backend.tracker_options,
    )
    windows = plan.load()
    inputs = window_inputs(windows.spines, windows.body_lengths)
    examples = Examples(inputs, np.array(plan.names)[windows.labels], windows.edited)
    network, colors = None, plan.colors
    if earlier is not None:
        network, known, before = read_model(earlier)
        before.check(inputs)
        colors = known | {name: known.get(name) or color for name, color in colors.items()}
        examples = Examples(
            np.concatenate([before.inputs, examples.inputs]),
            np.concatenate([before.names, examples.names]),
            np.concatenate([before.edited, examples.edited]),
        )
    if len(colors) < 2:
        raise BackendError("no-input", f"expected frames of several labels, found {[*colors]}")
    network = train(examples, epochs, seed, network)
    write_model(backend.model_dir(), Model(network, colors, examples))


if __name__ == "__main__":
    main(train_model)
