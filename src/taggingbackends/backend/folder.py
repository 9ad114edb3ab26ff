"""The layout of a backend's folder. No other module decides where files are."""

from __future__ import annotations

import os
import stat
from os import PathLike
from pathlib import Path
from typing import Literal, overload
from urllib.parse import quote

from taggingbackends import labels
from taggingbackends.backend.project import (
    ambiguous_scripts,
    candidates,
    find_backend,
    package_name,
)
from taggingbackends.data.formats import (
    FORMATS,
    is_label_file,
    may_be_one,
    recordings_in,
    several_runs,
    stem_of,
    suffix_formats,
    tracker_format,
)
from taggingbackends.errors import BackendError, TrackFileError
from taggingbackends.system.files import walk
from taggingbackends.system.names import check_identifier, did_you_mean, local_name

__all__ = [
    "DATA",
    "MODELS",
    "NOT_LISTED",
    "PREDICTED",
    "SANDBOX_MARK",
    "STAGES",
    "TRAINING",
    "TRAINING_INPUT",
    "BackendFolder",
    "data_problem",
    "find_data",
    "is_sandbox",
    "label_paths",
]

DATA = "TAGGINGBACKENDS_DATA"
"""Environment variable: the folder to use instead of the backend's folder data."""

MODELS = "TAGGINGBACKENDS_MODELS"
"""Environment variable: the folder to use instead of the backend's folder models (evaluations)."""

TRAINING = "TAGGINGBACKENDS_TRAINING"
"""Environment variable for training scripts: the instance that is being trained."""

NOT_LISTED = "TAGGINGBACKENDS_NOT_LISTED"
"""Environment variable for scripts: a file with the paths of input files that are not listed.

Each path ends with a NUL.
"""

TRAINING_INPUT = "training-input"
"""Name of the sandbox with the input that a training has pushed."""

SANDBOX_MARK = ".sandbox"
"""Name of the hidden file that distinguishes a sandbox from a folder of input."""

STAGES = ("raw", "interim", "processed")
"""Names of the folders of data."""

PREDICTED = "predicted.label"
_REPLACED = ".replaced"


class BackendFolder:
    """The paths in a backend's folder. See `BackendExplorer` for the parameters."""

    def __init__(
        self,
        project_dir: str | PathLike[str] | None = None,
        model_instance: str | None = None,
        sandbox: str | None = None,
        data_folder: str | PathLike[str] | None = None,
    ) -> None:
        if model_instance is not None:
            check_identifier("model instance", model_instance)
        if sandbox is not None:
            check_identifier("sandbox", sandbox)
        self.model_instance = model_instance
        self.sandbox = sandbox
        self.project_dir: Path = find_backend(project_dir)
        self.package_name: str = package_name(self.project_dir)
        self.data_folder: Path = find_data(self.project_dir, data_folder)

    def with_instance(self, model_instance: str, sandbox: str | None = None) -> BackendFolder:
        """Return the same backend with another model instance (and sandbox)."""
        return BackendFolder(self.project_dir, model_instance, sandbox, self.data_folder)

    def call(self, method: str, arguments: str = "") -> str:
        """Return the call of a method, for the fix of an error."""
        given: dict[str, str | None] = {}
        if not self._is_found():
            given["project_dir"] = str(self.project_dir)
        if self.data_folder != self.project_dir / "data":
            given["data_folder"] = str(self.data_folder)
        given |= {"model_instance": self.model_instance, "sandbox": self.sandbox}
        words = (f"{name}={value!r}" for name, value in given.items() if value is not None)
        return f"BackendExplorer({', '.join(words)}).{method}({arguments})"

    def _is_found(self) -> bool:
        """Return whether this is the backend without the argument `project_dir`."""
        try:
            return find_backend() == self.project_dir
        except (BackendError, OSError):
            return False

    def __repr__(self) -> str:
        which = ", ".join(filter(None, (self.model_instance, self.sandbox)))
        return f"<{type(self).__name__} {self.project_dir}{': ' if which else ''}{which}>"

    # -- data

    def raw_data_dir(self) -> Path:
        """Return the folder of input files. Create it if needed."""
        return self._made(self._data_dir("raw"))

    def interim_data_dir(self) -> Path:
        """Return the folder of preprocessed data and features. Create it if needed."""
        return self._made(self._data_dir("interim"))

    def processed_data_dir(self) -> Path:
        """Return the folder of predicted labels. Create it if needed."""
        return self._made(self._data_dir("processed"))

    def required_instance(self, member: str) -> str:
        """Return the model instance.

        Parameters
        ----------
        member : str
            What needs the instance, for the message.

        Raises
        ------
        BackendError
            ``no-model-instance``: this object has no model instance.
        """
        if self.model_instance is None:
            problem = f"{member} needs a model instance"
            raise BackendError("no-model-instance", problem, "name it with model_instance=...")
        return self.model_instance

    def data_dirs(self) -> list[Path]:
        """Return the folders of raw, interim and processed data. They need not exist."""
        return [self._data_dir(stage) for stage in STAGES]

    def check_data_dirs(self, *folders: Path) -> None:
        """Raise an error unless files can be written into data folders, or the folders be created.

        Parameters
        ----------
        *folders : Path
            The default is all of `data_dirs`.

        Raises
        ------
        BackendError
            ``unusable-data``: there is no folder and none can be created, for example because of
            a link to a missing folder; or files cannot be written.
        """
        for folder in folders or self.data_dirs():
            problem = data_problem(folder)
            if problem is not None:
                where, what, fix = problem
                raise BackendError("unusable-data", f"{where}: {what}", fix)

    @overload
    def list_input_files(self, group_by_directories: Literal[False] = False) -> list[Path]: ...
    @overload
    def list_input_files(self, group_by_directories: Literal[True]) -> dict[str, list[Path]]: ...
    def list_input_files(
        self, group_by_directories: bool = False
    ) -> list[Path] | dict[str, list[Path]]:
        """List the input files of this instance (and sandbox).

        Parameters
        ----------
        group_by_directories : bool
            Return a dict from folder to files. The folder is relative to `raw_data_dir`: ``"."``
            is the top, and ``"/"`` separates the components.

        Returns
        -------
        list of Path, or dict of str to list of Path
            Absolute paths, sorted by path components in code-point order. Hidden files are
            excluded. Without a sandbox, the files of sandboxes are excluded as well.
        """
        return self._listed("raw", group_by_directories)

    @overload
    def list_interim_files(self, group_by_directories: Literal[False] = False) -> list[Path]: ...
    @overload
    def list_interim_files(self, group_by_directories: Literal[True]) -> dict[str, list[Path]]: ...
    def list_interim_files(
        self, group_by_directories: bool = False
    ) -> list[Path] | dict[str, list[Path]]:
        """List the files in `interim_data_dir`, as `list_input_files` does.

        Parameters
        ----------
        group_by_directories : bool
            As for `list_input_files`.
        """
        return self._listed("interim", group_by_directories)

    @overload
    def list_processed_files(self, group_by_directories: Literal[False] = False) -> list[Path]: ...
    @overload
    def list_processed_files(
        self, group_by_directories: Literal[True]
    ) -> dict[str, list[Path]]: ...
    def list_processed_files(
        self, group_by_directories: bool = False
    ) -> list[Path] | dict[str, list[Path]]:
        """List the files in `processed_data_dir`, as `list_input_files` does.

        Parameters
        ----------
        group_by_directories : bool
            As for `list_input_files`.
        """
        return self._listed("processed", group_by_directories)

    def output_path(self, input_file: str | PathLike[str], run: str | None = None) -> Path:
        """Return the path for the predicted labels of an input file. Create its folder.

        Parameters
        ----------
        input_file : path
            A file below `raw_data_dir`. A relative path is relative to `raw_data_dir`.
        run : str, optional
            The run that is labelled. It matters for files of several runs; see
            `taggingbackends.data.runs_in`.

        Returns
        -------
        Path
            ``predicted.label`` in the same relative folder below `processed_data_dir`. If the
            input folder holds several recordings, ``<stem>.predicted.label``. If the file
            contains several runs, ``<stem>.<run>.predicted.label``, with ``%`` and two digits
            for each byte of characters that are not letters, digits or among ``_ . - ~ @ + =``.

        Raises
        ------
        BackendError
            ``no-input``: the file is not below `raw_data_dir`.
        """
        path, folder = self._mirrored(input_file, self.processed_data_dir())
        if run is not None and _runs(path):
            return folder / _run_name(path, run)
        labelled = path.is_file() and is_label_file(path)
        known = labelled or _is_of_recording(path)
        if not _has_several(path.parent, None if known else path.suffix):
            return folder / PREDICTED
        return folder / f"{_labelled_stem(path) if labelled else stem_of(path)}.{PREDICTED}"

    def interim_path(self, input_file: str | PathLike[str], suffix: str) -> Path:
        """Return a path for preprocessed data of an input file. Create its folder.

        Parameters
        ----------
        input_file : path
            As for `output_path`. A label file stands for the recording that it depends on.
        suffix : str
            End of the name, e.g. ``".npz"``.

        Returns
        -------
        Path
            ``<stem><suffix>`` in the same relative folder below `interim_data_dir`, the same for
            all files of a recording.

        Raises
        ------
        BackendError
            ``no-input``: the file is not below `raw_data_dir`.
        """
        path, folder = self._mirrored(input_file, self.interim_data_dir())
        labelled = path.is_file() and is_label_file(path)
        return folder / f"{_labelled_stem(path) if labelled else stem_of(path)}{suffix}"

    # -- models

    @property
    def models_folder(self) -> Path:
        """The folder of all models, trained or not."""
        return Path(os.environ.get(MODELS) or self.project_dir / "models")

    def model_dir(self, instance: str | None = None) -> Path:
        """Return the folder of a model's weights and hyperparameters.

        Parameters
        ----------
        instance : str, optional
            The model instance. The default is that of this object.

        Returns
        -------
        Path
            ``models/<instance>``, which need not exist. While the instance is being trained, the
            existing hidden folder that the training script writes into. If a training was killed
            between its two renames, the hidden folder of the old model.
        """
        if instance is None:
            instance = self.required_instance("model_dir")
        check_identifier("model instance", instance)
        if os.environ.get(TRAINING) == instance:
            unfinished = self.unfinished_model_dir(instance)
            unfinished.mkdir(parents=True, exist_ok=True)
            return unfinished
        model, replaced = self.trained_model_dir(instance), self.replaced_model_dir(instance)
        return replaced if replaced.exists() and not model.exists() else model

    def trained_model_dir(self, instance: str) -> Path:
        """Return the folder of a model whose training has succeeded."""
        return self.models_folder / instance

    def unfinished_model_dir(self, instance: str) -> Path:
        """Return the hidden folder of a model whose training has not succeeded yet."""
        return self.models_folder / f".{instance}.partial"

    def replaced_model_dir(self, instance: str) -> Path:
        """Return the hidden folder of a whole old model while a new one replaces it.

        It is the model of the instance as long as ``models/<instance>`` does not exist.
        """
        return self.models_folder / f".{instance}{_REPLACED}"

    def removed_model_dir(self, instance: str) -> Path:
        """Return the hidden folder of a model that is being removed. It is never used again."""
        return self.models_folder / f".{instance}.removed"

    def training_lock(self, instance: str) -> Path:
        """Return the lock file of an instance's training."""
        return self.models_folder / f".{instance}.lock"

    def list_models(self) -> list[str]:
        """Return the identifiers of the trained models, sorted."""
        found = self.models_folder.glob(f".?*{_REPLACED}")
        replaced = (path.name.removeprefix(".").removesuffix(_REPLACED) for path in found)
        return sorted({*_list_folders(self.models_folder), *replaced})

    def list_pretrained_models(self) -> list[str]:
        """Return the names of the partially trained models, sorted."""
        return _list_folders(self.project_dir / "pretrained_models")

    def pretrained_model_dir(self, name: str) -> Path:
        """Return the folder of a partially trained model.

        Parameters
        ----------
        name : str
            One of `list_pretrained_models`.

        Raises
        ------
        BackendError
            ``unknown-model``: no pretrained model has this name.
        """
        check_identifier("pretrained model", name)
        names = self.list_pretrained_models()
        if name not in names:
            problem = f"no pretrained model {name} in {self.project_dir / 'pretrained_models'}"
            raise BackendError("unknown-model", f"{problem}: {did_you_mean(name, names)}")
        return self.project_dir / "pretrained_models" / name

    def check_model(self, instance: str | None = None) -> None:
        """Raise `BackendError` ``unknown-model`` if an instance is not a trained model.

        Parameters
        ----------
        instance : str, optional
            The model instance. The default is that of this object.
        """
        instance = self.required_instance("the model") if instance is None else instance
        names = self.list_models()
        if instance not in names:
            problem = f"no model {instance} in {self.models_folder}"
            raise BackendError("unknown-model", f"{problem}: {did_you_mean(instance, names)}")

    # -- scripts

    def find_script(self, step: str) -> Path | None:
        """Return the script of a step (a key of `SCRIPTS`), or None if the backend has none.

        Raises
        ------
        BackendError
            ``ambiguous-script``: the step has several scripts. The message names them.
        """
        found = candidates(self.project_dir, self.package_name, step)
        if len(found) > 1:
            what = ambiguous_scripts(self.project_dir, step, found)
            problem = f"{self.project_dir}: {what}; remove one"
            raise BackendError("ambiguous-script", problem)
        return found[0] if found else None

    # -- private

    def _data_dir(self, stage: str) -> Path:
        folder = self.data_folder / stage / self.required_instance(f"data/{stage}")
        return folder if self.sandbox is None else folder / self.sandbox

    def _mirrored(self, input_file: str | PathLike[str], top: Path) -> tuple[Path, Path]:
        """Return the path of an input file, and its folder's counterpart below `top`, created."""
        raw = self._data_dir("raw")
        path = Path(os.path.normpath(raw / input_file))
        if not path.is_relative_to(raw):
            problem = f"{path}: expected an input file below {raw}"
            raise BackendError("no-input", problem, "pass a file that list_input_files returns")
        folder = top / path.parent.relative_to(raw)
        if path.parent != raw:
            folder.mkdir(parents=True, exist_ok=True)
        return path, folder

    def _made(self, folder: Path) -> Path:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if self.sandbox is not None and not is_sandbox(folder):
                (folder / SANDBOX_MARK).touch()
        except OSError:
            self.check_data_dirs(folder)
            raise
        return folder

    def _listed(self, stage: str, grouped: bool) -> list[Path] | dict[str, list[Path]]:
        top = self._data_dir(stage)
        of_sandboxes = self.sandbox is not None
        files = list(walk(top, lambda x: of_sandboxes or x.parent != top or not is_sandbox(x)))
        hidden = _not_listed() if stage == "raw" else set()
        files = [file for file in files if file not in hidden] if hidden else files
        if not grouped:
            return files
        groups: dict[Path, list[Path]] = {}
        for file in files:
            groups.setdefault(file.parent.relative_to(top), []).append(file)
        return {folder.as_posix(): groups[folder] for folder in sorted(groups, key=_parts)}


def find_data(project_dir: Path, data_folder: str | PathLike[str] | None = None) -> Path:
    """Return the absolute path of the folder of all data of a backend. It need not exist.

    Parameters
    ----------
    project_dir : Path
        The backend's folder.
    data_folder : path, optional
        The folder. The default is the one in the environment variable `DATA`, or else
        ``project_dir / "data"``.
    """
    folder = data_folder or os.environ.get(DATA) or project_dir / "data"
    return Path(os.path.abspath(folder))  # noqa: PTH100 - links named by the user stay links


def data_problem(folder: Path) -> tuple[Path, str, str] | None:
    """Return why files cannot be written into a data folder, which need not exist.

    Returns
    -------
    tuple or None
        The path to look at, what was expected and found, and how to fix it.
    """
    for path in (folder, *folder.parents):
        try:
            mode = path.stat().st_mode  # once, since another command may create the folder now
        except OSError:
            mode = 0
        if stat.S_ISDIR(mode):
            if os.access(path, os.W_OK | os.X_OK):
                return None
            what = "expected a folder that you can write to, found one that you cannot"
            return path, what, "keep the data in another folder with data_folder=..."
        if path.is_symlink():
            target = os.readlink(path)  # noqa: PTH115 - as it was written
            which = "is a file" if mode else "does not exist"
            what = f"expected a folder, found a link to {target}, which {which}"
            return path, what, "create that folder, or remove the link"
        if mode:
            return path, "expected a folder, found a file", "move or remove it"
    return None


def is_sandbox(folder: Path) -> bool:
    """Return whether a folder is a sandbox rather than a folder of input."""
    # false for a private folder of another user, for which Path.exists may raise an error
    return os.path.exists(folder / SANDBOX_MARK)  # noqa: PTH110


def label_paths(file: Path, path: Path) -> list[Path]:
    """Return the paths for the labels of a tracker file, one for each run.

    Parameters
    ----------
    file : Path
        The tracker file.
    path : Path
        The path for the labels if the file contains a single run.
    """
    return [path.with_name(_run_name(file, run)) for run in _runs(file)] or [path]


def _not_listed() -> set[Path]:
    file = os.environ.get(NOT_LISTED)
    paths = Path(file).read_bytes().split(b"\0")[:-1] if file else []
    return {Path(os.fsdecode(path)) for path in paths}


def _run_name(file: Path, run: str) -> str:
    return f"{stem_of(file)}.{quote(run, safe='@+=')}.{PREDICTED}"


def _runs(file: Path) -> list[str]:
    """Return the runs of a file that contains several; none if it cannot be read."""
    try:
        return several_runs(file) if file.is_file() else []
    except TrackFileError:  # the script that loads it raises the same error
        return []


def _is_tracker_file(path: Path) -> bool:
    try:
        return tracker_format(path) is not None
    except OSError:  # an unreadable file is not a recording
        return False


def _is_of_recording(path: Path) -> bool:
    """Return whether a recording of a known format in the same folder has the file's stem."""
    stem = stem_of(path)
    suffixes = (suffix for format in FORMATS for suffix in format.suffixes)
    usual = (path, *(path.with_name(stem + suffix) for suffix in suffixes))
    if any(file.is_file() and _is_tracker_file(file) for file in usual):
        return True
    if not path.parent.is_dir():
        return False
    with os.scandir(path.parent) as entries:
        # a comparison of strings excludes nearly all
        near = [entry.name for entry in entries if entry.name.startswith(stem)]
    files = (path.with_name(name) for name in near if stem_of(name) == stem)
    return any(suffix_formats(x) and x.is_file() and _is_tracker_file(x) for x in files)


def _has_several(folder: Path, suffix: str | None) -> bool:
    """Return whether a folder holds several recordings.

    Files with the given suffix count as recordings, too. The search stops at the second
    recording, since this function is called for each recording of a folder.
    """
    if not folder.is_dir():
        return False
    found: list[Path] = []  # of different stems, which may be of one recording nevertheless
    with os.scandir(folder) as entries:
        for entry in entries:
            file = folder / entry.name
            if entry.name.startswith(".") or not entry.is_file():
                continue
            if found and stem_of(file) in map(stem_of, found):
                continue
            if file.suffix == suffix or _is_tracker_file(file):
                if not all(may_be_one(file, other) for other in found):
                    return True
                found.append(file)
    return len(found) > 1 and len(recordings_in(folder)) > 1


def _labelled_stem(path: Path) -> str:
    """Return the stem of the recording that a label file depends on."""
    for run in labels.Labels.read(path).values():
        for entry in run.dependencies:
            return stem_of(local_name(entry["filename"]))
    return path.stem


def _list_folders(top: Path) -> list[str]:
    if not top.is_dir():
        return []
    return sorted(
        path.name for path in top.iterdir() if path.is_dir() and not path.name.startswith(".")
    )


def _parts(path: Path) -> tuple[str, ...]:
    return path.parts
