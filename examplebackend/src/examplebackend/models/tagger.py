"""A trained model in its folder: a forest, and the names and colours of its labels."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from examplebackend.features.store import RecordingFeatures
from examplebackend.models.forest import Forest
from taggingbackends import BackendError, Labels

_FOREST = "forest.npz"
_NAMES = "labels.json"


@dataclass(frozen=True, eq=False)
class Tagger:
    """A model that labels frames by their features.

    Attributes
    ----------
    forest : Forest
    colors : dict of str to (str or None)
        The names of labels, in the order of the training labels, and their colours.
    """

    forest: Forest
    colors: dict[str, str | None]

    def tag(self, recording: RecordingFeatures) -> Labels:
        """Label every frame of a recording."""
        labels = Labels()
        run = labels.add_run(recording.run)
        colors = [color for color in self.colors.values() if color is not None]
        run.declare(self.colors, colors if len(colors) == len(self.colors) else None)
        for larva, times, features in recording.tracks():
            predicted = self.forest.predict(features).tolist()
            labels.set(run.id, larva, times, [self.forest.labels[i] for i in predicted])
        return labels

    def write(self, folder: Path) -> None:
        """Write the model's files into its folder."""
        self.forest.write(folder / _FOREST)
        (folder / _NAMES).write_text(json.dumps(self.colors, indent=1) + "\n", "utf-8")

    @classmethod
    def read(cls, folder: Path) -> Tagger:
        """Read a model's files.

        Raises
        ------
        BackendError
            They are not there, or not a model of this backend.
        """
        try:
            forest = Forest.read(folder / _FOREST)
            colors = json.loads((folder / _NAMES).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise BackendError("unknown-model", f"{folder}: no model to read: {error}") from error
        return cls(forest, colors)


def names_and_colors(files: Iterable[Path], used: Iterable[str]) -> dict[str, str | None]:
    """Return the labels that are used, in the order in which label files declare them.

    A label that several files colour has the colour of the first.
    """
    found: dict[str, str | None] = {}
    for file in files:
        for run in Labels.read(file).values():
            colors = dict(zip(run.names, run.colors or (), strict=False))
            for name in run.names:
                found[name] = found.get(name) or colors.get(name)
    used = set(used)
    return {name: color for name, color in found.items() if name in used}
