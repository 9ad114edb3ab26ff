"""Train a model on the label files in data/raw and the features in data/interim."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from examplebackend.features.store import RecordingFeatures, features_path
from examplebackend.models.forest import train
from examplebackend.models.tagger import Tagger, names_and_colors
from taggingbackends import BackendError, BackendExplorer, Labels
from taggingbackends.data import is_label_file
from taggingbackends.main import main
from taggingbackends.options import OptionError
from taggingbackends.progress import progress


def labelled_frames(
    backend: BackendExplorer, file: Path
) -> Iterator[tuple[NDArray[np.float64], list[str]]]:
    """Yield features and labels of the frames, larva by larva, that have just one label.

    Secondary labels, such as "edited", do not count.
    """
    for run in Labels.read(file).values():
        tags = set(run.secondary_names)
        if not run.dependencies:
            problem = "names no tracker files: set labels[run].dependencies, and write it again"
            raise BackendError("no-input", f"{file.name}: run {run.id} {problem}")
        sources = (file.with_name(entry["filename"]) for entry in run.dependencies)
        for path in sorted({features_path(backend, source) for source in sources}):
            for larva, times, features in RecordingFeatures.read(path).tracks():
                if larva not in run:
                    continue
                states = run[larva].states
                frames: list[int] = []
                names: list[str] = []
                for frame, at in enumerate(run[larva].find(times).tolist()):
                    state = states[at] if at >= 0 else ()
                    primary = {state} if isinstance(state, str) else set(state)
                    primary -= tags
                    if len(primary) == 1:
                        frames.append(frame)
                        names += primary
                yield features[frames], names


def train_model(backend: BackendExplorer, trees: str = "50", seed: str = "0") -> None:
    """Train a forest, and store it as the model.

    Parameters
    ----------
    backend : BackendExplorer
    trees : str
        Number of trees (``--trees 50``).
    seed : str
        Of the random numbers (``--seed 0``).
    """
    if not (str(trees).isdecimal() and str(seed).isdecimal() and int(trees) > 0):
        raise OptionError(f"expected whole numbers, found --trees {trees} --seed {seed}")
    files = [file for file in backend.list_input_files() if is_label_file(file)]
    if not files:
        problem = "no label files among the input: name label files beside their tracker files"
        raise BackendError("no-input", problem)
    found = [pair for file in progress(files, "reading") for pair in labelled_frames(backend, file)]
    names = [name for _, names in found for name in names]
    if not names:
        problem = f"no labelled frames in {', '.join(file.name for file in files)}"
        raise BackendError("no-input", problem)
    forest = train(np.concatenate([x for x, _ in found]), names, int(seed), int(trees))
    tagger = Tagger(forest, names_and_colors(files, names))
    tagger.write(backend.model_dir())


if __name__ == "__main__":
    main(train_model)
