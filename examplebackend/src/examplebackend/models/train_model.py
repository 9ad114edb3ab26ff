"""Train a model on windows around labelled frames of the recordings in data/raw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from examplebackend.features.spine import WINDOW, spine_features
from taggingbackends import BackendExplorer
from taggingbackends.data import find_recordings, is_label_file, plan_dataset
from taggingbackends.main import OptionError, main

_BATCH = 1024  # windows read at once, to bound memory


def train_model(
    backend: BackendExplorer,
    trees: int = 50,
    seed: int = 0,
    labels: Sequence[str] = ("*",),
    indicators: list[str] | None = None,
    pretrained_model_instance: str | None = None,
) -> None:
    """Train a forest, and store it as the model instance.

    FIMTrack's tables need the camera in µm and frames/s, where label files do not give it:
    ``--pixelsize 73 --framerate 16``.

    Parameters
    ----------
    backend : BackendExplorer
        The backend.
    trees : int
        Number of trees.
    seed : int
        Seed of the random numbers.
    labels : sequence of str
        Labels to learn, as names and patterns, e.g. run,cast,stop.
    indicators : list of str, optional
        Indicators of a trx.mat that are its labels, e.g. strong,weak.
    pretrained_model_instance : str, optional
        The pretrained model to start from.
    """
    earlier = None
    if pretrained_model_instance is not None:
        earlier = backend.pretrained_model_dir(pretrained_model_instance)
    train_from(earlier, backend, trees, seed, labels, indicators)


def train_from(
    earlier: Path | None,
    backend: BackendExplorer,
    trees: int,
    seed: int,
    labels: Sequence[str],
    indicators: list[str] | None,
) -> None:
    """Train a forest on the input and the windows that an earlier model has kept, if any.

    Parameters
    ----------
    earlier : Path or None
        The folder of the earlier model.
    backend, trees, seed, labels, indicators
        See `train_model`.
    """
    if trees < 1:
        raise OptionError(f"--trees: expected at least 1, found {trees}")
    if not 0 <= seed < 1 << 32:
        raise OptionError(f"--seed: expected a number from 0 to 2^32 - 1, found {seed}")
    options: dict[str, object] = dict(backend.tracker_options)
    if indicators is not None:
        options["labels"] = indicators
    files = backend.list_input_files()
    # without label files, use tracker files that contain labels: trx.mat
    labelled = list(filter(is_label_file, files)) or list(find_recordings(files))
    plan = plan_dataset(
        labelled,
        WINDOW.duration,
        WINDOW.framerate,
        labels=labels,
        max_gap=WINDOW.max_gap,
        edited_only=True,
        options=options,
    )
    # imported after the checks above, since scikit-learn takes two seconds to import
    from examplebackend.models import forest

    windows = plan.write(backend.interim_data_dir() / "windows.h5")
    lengths = windows.body_lengths
    batches = (slice(i, i + _BATCH) for i in range(0, len(windows), _BATCH))
    features = [spine_features(windows.spines[i], lengths[i]) for i in batches]
    examples = forest.Examples(
        features=np.concatenate(features).astype(np.float32),
        names=np.array(plan.names)[windows.labels],
        recordings=np.asarray(windows.recordings, dtype=np.intp),
        edited=np.asarray(windows.edited),
        frames=np.ones(len(windows), dtype=np.float32),
    )
    colors = plan.colors
    if earlier is not None:
        known = forest.read_model(earlier).colors
        colors = known | {name: known.get(name) or color for name, color in colors.items()}
        examples = forest.read_examples(earlier) + examples
    trained = forest.train(examples, seed, trees)
    # corrected frames are no fair sample of their recording: the earlier model was wrong there
    apart = earlier is None and not examples.edited.any()
    calibration = forest.calibrate(examples, seed, trees, apart)
    model = forest.Model(trained, colors, calibration)
    forest.write_model(backend.model_dir(), model, examples.kept(seed))


if __name__ == "__main__":
    main(train_model)
