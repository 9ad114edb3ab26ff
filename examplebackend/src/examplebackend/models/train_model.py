"""Train a model on windows around labelled frames of the recordings in data/raw."""

from __future__ import annotations

import numpy as np

from examplebackend.features.spine import WINDOW, spine_features
from taggingbackends import BackendExplorer
from taggingbackends.data import find_recordings, is_label_file, plan_dataset
from taggingbackends.main import OptionError, main

_BATCH = 1024  # windows read at once, to bound memory


def train_model(
    backend: BackendExplorer,
    trees: str = "50",
    seed: str = "0",
    labels: str = "*",
    indicators: str | None = None,
) -> None:
    """Train a forest, and store it as the model instance.

    FIMTrack's tables need the camera in µm and frames/s, where label files do not give it:
    ``--pixelsize 73 --framerate 16``.

    Parameters
    ----------
    backend : BackendExplorer
        The backend.
    trees : str
        Number of trees (``--trees 50``).
    seed : str
        Seed of the random numbers (``--seed 0``).
    labels : str
        Labels to learn, as names and patterns (``--labels run,cast,stop``).
    indicators : str, optional
        Indicators of a trx.mat that are its labels (``--indicators strong,weak``).
    """
    if not (str(trees).isdecimal() and str(seed).isdecimal() and int(trees) > 0):
        raise OptionError(f"expected whole numbers, found --trees {trees} --seed {seed}")
    options: dict[str, object] = dict(backend.tracker_options)
    if indicators is not None:
        options["labels"] = str(indicators).split(",")
    files = backend.list_input_files()
    # without label files, use tracker files that contain labels: trx.mat
    labelled = list(filter(is_label_file, files)) or list(find_recordings(files))
    plan = plan_dataset(
        labelled,
        WINDOW.duration,
        WINDOW.framerate,
        labels=str(labels).split(","),
        max_gap=WINDOW.max_gap,
        options=options,
    )
    # imported after the checks above, since scikit-learn takes two seconds to import
    from examplebackend.models.forest import train, write_model

    windows = plan.write(backend.interim_data_dir() / "windows.h5")
    lengths = windows.body_lengths
    batches = (slice(i, i + _BATCH) for i in range(0, len(windows), _BATCH))
    features = [spine_features(windows.spines[i], lengths[i]) for i in batches]
    names = [plan.names[code] for code in windows.labels.tolist()]
    forest = train(np.concatenate(features), names, int(seed), int(trees))
    write_model(backend.model_dir() / "forest.skops", forest, plan.colors)


if __name__ == "__main__":
    main(train_model)
