"""BackendExplorer: the Python interface to a backend's folder."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taggingbackends.backend.folder import BackendFolder
from taggingbackends.backend.origins import origin
from taggingbackends.errors import LeftOutWarning
from taggingbackends.system.lazy import LazyModule, lazy_function

if TYPE_CHECKING:
    from taggingbackends.backend import (
        check,
        inputfiles,
        prediction,
        running,
        sandboxes,
        staging,
        training,
        unfinished,
    )
    from taggingbackends.backend.check import Problem
    from taggingbackends.backend.sandboxes import Sandbox
    from taggingbackends.data.tracks import Recording
else:  # scripts use none of these
    check = LazyModule("taggingbackends.backend.check")
    inputfiles = LazyModule("taggingbackends.backend.inputfiles")
    prediction = LazyModule("taggingbackends.backend.prediction")
    running = LazyModule("taggingbackends.backend.running")
    sandboxes = LazyModule("taggingbackends.backend.sandboxes")
    staging = LazyModule("taggingbackends.backend.staging")
    training = LazyModule("taggingbackends.backend.training")
    unfinished = LazyModule("taggingbackends.backend.unfinished")

_file_and_runs = lazy_function("taggingbackends.data.loading", "file_and_runs")
_load_silently = lazy_function("taggingbackends.data.loading", "load_silently")
_run_of_table = lazy_function("taggingbackends.data.fimtrack", "run_of")

__all__ = ["BackendExplorer"]

_NAMED_BY_FOLDER = ("FIMTrack", "movement")  # formats of files without the run's identifier


class BackendExplorer(BackendFolder):
    """The folders, files and scripts of a backend.

    Parameters
    ----------
    project_dir : path, optional
        The backend's folder. The default is the nearest backend at or above the current folder.
    model_instance : str, optional
        Identifier of the model instance to work with.
    sandbox : str, optional
        Token of a sandbox: a folder one level below the instance in each data folder.
    data_folder : path, optional
        The folder of all data. The default is the one in the environment variable
        TAGGINGBACKENDS_DATA, or else the folder data in the backend's folder.

    Attributes
    ----------
    project_dir : Path
        Absolute path of the backend's folder.
    package_name : str
        The project's name in lower case, with underscores for hyphens.
    model_instance, sandbox : str or None
        As passed.
    data_folder : Path
        Absolute path of the folder of all data, with the subfolders raw, interim and processed.
    tracker_options : mapping
        In a script, the options of `load_tracks` that the command was given: ``pixelsize`` (µm) and
        ``framerate`` (frames/s), without those that are parameters of the script's function.

    Raises
    ------
    BackendError
        ``not-a-backend``: the folder is not a backend. ``bad-identifier``: the instance or the
        sandbox is not a valid identifier.

    Examples
    --------
    >>> backend = BackendExplorer("my-tagger", model_instance="default")
    >>> backend.list_models()
    ['default']
    >>> file = backend.raw_data_dir() / "day1" / "recording.spine"
    >>> backend.output_path(file).relative_to(backend.project_dir).as_posix()
    'data/processed/default/day1/predicted.label'
    """

    tracker_options: Mapping[str, float] = {}

    def load_tracks(self, file: str | PathLike[str], **options: Any) -> Recording:
        """Load a recording with the tracker options of the command.

        A FIMTrack table or NetCDF file in data/raw that does not name its run has that of the file
        that was pushed.

        Parameters
        ----------
        file : path
            A tracker file, e.g. one that `find_recordings` returns.
        **options
            Options of `taggingbackends.data.load_tracks`. In a script, ``--pixelsize 73`` (µm) and
            ``--framerate 16`` (frames/s) are the defaults of the options of these names, unless
            the script's function has a parameter of the same name.

        Raises
        ------
        TrackFileError, LabelFileError, OSError
            As in `taggingbackends.data.load_tracks`.
        """
        recording: Recording = _load_silently(file, **{**self.tracker_options, **options})
        if recording.left_out:
            source = origin(self, recording.sources[0])
            warnings.warn(LeftOutWarning(source, recording.left_out), stacklevel=2)
        is_named = not recording.run_is_derived or recording.format not in _NAMED_BY_FOLDER
        if not is_named and recording.sources == (Path(file),):
            # a single file comes without the folder that names its run
            from dataclasses import replace

            recording = replace(recording, run=_run_of_table(origin(self, Path(file))))
        return recording

    def load_runs(self, file: str | PathLike[str], **options: Any) -> Iterator[Recording]:
        """Load the runs of a file, one after the other; most files contain one.

        Parameters
        ----------
        file, **options
            As for `load_tracks`.

        Yields
        ------
        Recording
        """
        file, several = _file_and_runs(Path(file))
        for run in several or (None,):
            yield self.load_tracks(file, **options, run=run)

    # -- input, output, removal

    def push(
        self,
        *paths: str | PathLike[str],
        link: bool = False,
        alone: bool = False,
        format: str | None = None,
        all_files: bool = False,
    ) -> list[Path]:
        """Copy or link files and folders into data/raw, with the files that belong to them.

        Parameters
        ----------
        *paths : path
            Files and folders.
        link : bool
            Create symbolic links instead of copies.
        alone : bool
            Raise an error if the data folder has other input.
        format : str, optional
            Take only tracker files in this format, one of the names in ``FORMATS``, and label files
            that depend on such files.
        all_files : bool
            Do not warn of files that cannot be read or are in no known format.

        Returns
        -------
        list of Path
            The input files, in data/raw.

        Raises
        ------
        BackendError
            ``no-input``, ``existing-file``, ``outside-link``, ``bad-name``, ``unknown-origin``,
            ``unknown-format`` or ``not-a-sandbox``. data/raw is unchanged then.
        LabelFileError
            A label file or one of its dependencies is invalid. data/raw is unchanged then.

        Warns
        -----
        UserWarning
            Files look like tracker files but cannot be read, are in no known format, or are left
            out.
        """
        return staging.push(self, paths, link, alone, choice=inputfiles.Choice(format, all_files))

    def pull(
        self, destination: str | PathLike[str] | None = None, force: bool = False
    ) -> list[Path]:
        """Copy predicted labels out of data/processed.

        Parameters
        ----------
        destination : path, optional
            The folder for the label files. The default is beside the original input.
        force : bool
            Replace existing files.

        Returns
        -------
        list of Path
            The label files, at their destination.

        Raises
        ------
        BackendError
            ``no-output``, ``existing-file``, ``changed-file`` or ``unknown-origin``. Nothing is
            copied then.
        LabelFileError
            A label file is invalid, or it depends on files that are not in data/raw.
        """
        return staging.pull(self, destination, force=force)

    def reset_data(self) -> list[Path]:
        """Remove the data of this instance, or only of its sandbox if one is set.

        Returns
        -------
        list of Path
            The folders that were removed.

        Raises
        ------
        BackendError
            ``in-use``: a command is running in a sandbox. ``not-a-sandbox``: a folder of input
            has the sandbox's name. Nothing is removed then.
        """
        return staging.remove_data(self)

    def list_sandboxes(self) -> list[Sandbox]:
        """Return the sandboxes of this instance, or of all instances if none is set.

        Returns
        -------
        list of Sandbox
            Sorted by instance and name. ``state`` says whether a command uses the sandbox.
        """
        return sandboxes.list_sandboxes(self)

    def reset_sandboxes(self) -> list[Path]:
        """Remove sandboxes that commands made for themselves and that none uses.

        These were left by a killed command, or kept after a failure. Sandboxes that you named
        are left alone. Without an instance, this applies to all instances.

        Returns
        -------
        list of Path
            The folders that were removed.

        Warns
        -----
        UserWarning
            A sandbox cannot be removed, or nothing shows whether it is in use.
        """
        return sandboxes.reset_sandboxes(self)

    def reset_model(self) -> list[Path]:
        """Remove the model of this instance and any leftovers of a killed training.

        Returns
        -------
        list of Path
            The folders that were removed.

        Raises
        ------
        BackendError
            ``existing-model``: another process is training the instance.
        """
        return unfinished.remove_model(self)

    # -- scripts

    def make_dataset(self, **options: Any) -> None:
        """Run the script make_dataset, if the backend has one.

        Parameters
        ----------
        **options
            Options of the script, as keyword arguments.
        """
        running.run_optional(self, "make_dataset", options)

    def build_features(self, **options: Any) -> None:
        """Run the script build_features, if the backend has one.

        Parameters
        ----------
        **options
            Options of the script, as keyword arguments.
        """
        running.run_optional(self, "build_features", options)

    def train_model(self, force: bool = False, **options: Any) -> None:
        """Run the script train_model. The model appears only if the script succeeds.

        Parameters
        ----------
        force : bool
            Replace an existing model when the new one is complete. Without it, such a model is a
            BackendError, ``existing-model``.
        **options
            Options of the script, as keyword arguments.
        """
        training.run_training(self, "train_model", options, force=force)

    def finetune_model(self, force: bool = False, **options: Any) -> None:
        """Run the script finetune_model. Pass `original_model_instance` among the options.

        Parameters
        ----------
        force : bool
            Replace an existing model when the new one is complete. Without it, such a model is a
            BackendError, ``existing-model``.
        **options
            Options of the script, as keyword arguments, with ``original_model_instance``.
        """
        training.run_training(self, "finetune_model", options, force=force)

    def predict_model(self, **options: Any) -> list[Path]:
        """Run the script predict_model, then complete and return the new label files.

        Completing adds the software and the dependencies that a label file lacks.

        Parameters
        ----------
        **options
            Options of the script, as keyword arguments.
        """
        return prediction.run_prediction(self, options)

    def check(self) -> list[Problem]:
        """Return every violation of the contract and how to fix it."""
        return check.check(self.project_dir, self.data_folder)
