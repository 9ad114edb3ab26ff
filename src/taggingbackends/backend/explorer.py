"""BackendExplorer: what can be done with a backend's folder."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

from taggingbackends.backend import pipeline, staging
from taggingbackends.backend.check import Problem, check
from taggingbackends.backend.folder import BackendFolder
from taggingbackends.system.files import remove_folder

__all__ = ["BackendExplorer"]


class BackendExplorer(BackendFolder):
    """The folders and files of a backend.

    Parameters
    ----------
    project_dir : path, optional
        The backend's folder; by default the nearest backend at or above the current folder.
    model_instance : str, optional
        Identifier of the model instance whose data and model are asked for.
    sandbox : str, optional
        Token of a sandbox, one level below the instance in the data folders.

    Attributes
    ----------
    project_dir : Path
        Absolute.
    package_name : str
        The project's name in lower case, hyphens as underscores.
    model_instance, sandbox : str or None

    Raises
    ------
    BackendError
        ``not-a-backend``: the folder is none; ``bad-identifier``: instance or sandbox.

    Examples
    --------
    >>> backend = BackendExplorer("my-tagger", model_instance="default")
    >>> backend.list_models()
    ['default']
    >>> file = backend.raw_data_dir() / "day1" / "recording.spine"
    >>> backend.output_path(file).relative_to(backend.project_dir).as_posix()
    'data/processed/default/day1/predicted.label'
    """

    # -- input, output, removal

    def push(
        self, *paths: str | PathLike[str], link: bool = False, alone: bool = False
    ) -> list[Path]:
        """Bring input in: see `taggingbackends.backend.staging.push`."""
        return staging.push(self, paths, link=link, alone=alone)

    def pull(
        self, destination: str | PathLike[str] | None = None, force: bool = False
    ) -> list[Path]:
        """Bring predicted labels out: see `taggingbackends.backend.staging.pull`."""
        return staging.pull(self, destination, force=force)

    def reset_data(self) -> list[Path]:
        """Remove this instance's data, with a sandbox that sandbox's only; return the folders."""
        return staging.remove_data(self)

    def reset_model(self) -> list[Path]:
        """Remove this instance's model, and what a killed training left; return the folders."""
        instance = self.required_instance("reset_model")
        folders = (
            self.project_dir / "models" / instance,
            self.unfinished_model_dir(instance),
            self.replaced_model_dir(instance),  # which would become the model again
        )
        return [folder for folder in folders if remove_folder(folder)]

    # -- scripts

    def make_dataset(self, **options: Any) -> None:
        """Run the script make_dataset, if the backend has one."""
        pipeline.run_optional(self, "make_dataset", options)

    def build_features(self, **options: Any) -> None:
        """Run the script build_features, if the backend has one."""
        pipeline.run_optional(self, "build_features", options)

    def train_model(self, force: bool = False, **options: Any) -> None:
        """Run the script train_model; the model appears when it has succeeded."""
        pipeline.run_training(self, "train_model", options, force=force)

    def finetune_model(self, force: bool = False, **options: Any) -> None:
        """Run the script finetune_model; `options` name the `original_model_instance`."""
        pipeline.run_training(self, "finetune_model", options, force=force)

    def predict_model(self, **options: Any) -> list[Path]:
        """Run the script predict_model; complete and return the new label files."""
        return pipeline.run_prediction(self, options)

    def check(self) -> list[Problem]:
        """Return everything that breaks the contract, each with what mends it."""
        return check(self.project_dir)
