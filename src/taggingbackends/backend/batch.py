"""Predict several recordings at once in one sandbox, and pull the labels of each by itself."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from taggingbackends.backend.folder import BackendFolder, label_paths
from taggingbackends.backend.inputfiles import ALL_FILES
from taggingbackends.backend.options import Options
from taggingbackends.backend.prediction import check_unchanged, input_stamps, no_output
from taggingbackends.backend.provenance import Status, complete, is_current, software, status_of
from taggingbackends.backend.running import prepare, reporting, required_script, run_script
from taggingbackends.backend.staging import (
    beside_input,
    check_targets,
    collect,
    copy_to,
    push_collected,
)
from taggingbackends.data.formats import is_label_file
from taggingbackends.errors import BackendError, LeftOutWarning, ScriptError
from taggingbackends.labels.dependencies import check_runs
from taggingbackends.system.files import Destination, Stamp, walk

__all__ = ["Batch", "Wanted", "wanted"]


class Wanted(NamedTuple):
    """A recording to label.

    Attributes
    ----------
    sources : dict of Path to Path
        Its files: the name in data/raw -> the absolute path. The first is the one to load.
    places : list of Destination
        The path for the labels of each run, and what may be replaced there.
    force : bool
        Whether label files of other names, which scripts may write as well, replace any file.
        Otherwise, they replace those of this backend and model.
    """

    sources: Mapping[Path, Path]
    places: Sequence[Destination]
    force: bool


def wanted(
    backend: BackendFolder,
    files: Sequence[Path],
    place: Path,
    replacing: Mapping[Path, Stamp | None],
    force: bool = False,
) -> Wanted:
    """Check, before any script runs, that a recording can be read and its labels be written.

    Parameters
    ----------
    backend : BackendFolder
    files : sequence of Path
        The tracker files. The first is the one to load.
    place : Path
        The path for the labels.
    replacing : mapping
        The label files to replace, and what the caller has found there. Those that have changed
        since then are not replaced.
    force : bool
        As for `Wanted`.

    Raises
    ------
    BackendError, OSError
        As for `staging.push` and `staging.check_destinations`.
    """
    sources = collect(backend, files, ALL_FILES)
    targets = {path: path for path in label_paths(files[0], place)}
    check_targets(targets, bool(replacing), lambda _, path: is_current(backend, path, files))
    return Wanted(sources, [Destination(path, replacing.get(path)) for path in targets], force)


class Batch:
    """Recordings in a sandbox, to predict together.

    A single recording is at the top of data/raw. Of several, each is in a folder of its own.

    Parameters
    ----------
    backend : BackendFolder
        With an empty sandbox that the caller holds and removes. The files are pushed into it.
    recordings : sequence of Wanted
    link : bool
        Link the files instead of copying them.

    Attributes
    ----------
    failed : ScriptError or None
        The error of a script that failed in `run`.

    Raises
    ------
    BackendError, OSError
        As for `staging.push`.
    """

    def __init__(
        self, backend: BackendFolder, recordings: Sequence[Wanted], link: bool = False
    ) -> None:
        self._backend = backend
        self._recordings = recordings
        several = len(recordings) > 1
        # in the order of the recordings, so that scripts label them in this order
        self._folders = [Path(f"{n:06}") if several else Path() for n in range(len(recordings))]
        pairs = zip(self._folders, recordings, strict=True)
        sources = {folder / x: source for folder, one in pairs for x, source in one.sources.items()}
        push_collected(backend, sources, link, private=True)
        self._before: dict[Path, Stamp | None] = {}
        self._after: dict[Path, Stamp | None] = {}
        self.failed: ScriptError | None = None
        self._left_out: list[LeftOutWarning] = []

    def run(self, options: Options, skip: Iterable[str] = ()) -> None:
        """Run the scripts. If one fails, `pull` raises its error for recordings without labels.

        Parameters
        ----------
        options, skip
            As for `prediction.predict`; the options as `running.checked` returns them.

        Raises
        ------
        BackendError, OSError

        Warns
        -----
        UserWarning
            No script took one of the options.
        """
        backend = self._backend
        script = required_script(backend, "predict_model")
        for made in (backend.raw_data_dir, backend.interim_data_dir, backend.processed_data_dir):
            made()
        self._software = software(backend)
        self._before = input_stamps(backend)
        try:
            with reporting(backend, options, self._left_out.extend):
                prepare(backend, options, skip)
                run_script(backend, script, options)
        except ScriptError as error:
            self.failed = error
        self._after = input_stamps(backend)
        self._beside_input = beside_input(backend)
        processed = backend.data_dirs()[-1]
        own = [processed / folder for folder in self._folders]
        others = walk(processed, lambda folder: folder not in own) if len(own) > 1 else ()
        self._of_none = next(filter(is_label_file, others), None)

    def pull(self, n: int) -> list[Path]:
        """Complete and check the labels of a recording, and copy them to their destination.

        Parameters
        ----------
        n : int
            The index of the recording.

        Returns
        -------
        list of Path
            The label files, at their destination.

        Raises
        ------
        ScriptError
            A script failed, and it is not certain that the labels are there: it was run for this
            recording alone, or a label file is missing.
        LabelFileError
            A label file is invalid.
        BackendError
            ``changed-input``; ``no-input``: the recording was removed meanwhile; ``no-output``:
            scripts wrote no label file, or under a name that `BackendExplorer.output_path` does not
            return, or one that belongs to no recording of the batch. Errors of `staging.pull`.

        Warns
        -----
        UserWarning
            The input of a run is unknown, or no frame of a file has a label.
        LeftOutWarning
            Tracker files contain something that the scripts did not use.
        """
        raw, _, processed = self._backend.data_dirs()
        folder, recording = self._folders[n], self._recordings[n]
        main = raw / folder / next(iter(recording.sources))
        expected = label_paths(main, self._backend.output_path(main))
        missing = [path for path in expected if not path.exists()]
        if self.failed is not None and (missing or len(self._recordings) == 1):
            raise self.failed
        if self._of_none is not None:
            problem = f"{self._of_none}: expected label files in the folders of the recordings"
            raise BackendError("no-output", problem)
        files = [file for file in walk(processed / folder) if is_label_file(file)]
        completed = complete(self._backend, files, self._software, folder)
        own = {raw / folder / name for name in recording.sources}
        check_unchanged(self._before, {x: now for x, now in self._after.items() if x in own})
        if not files:
            raise no_output(self._backend)
        if missing:
            raise self._unexpected(missing[0], processed / folder, len(expected) > 1)
        targets = dict(zip(expected, recording.places, strict=True))
        others = {
            x: self._beside_input(x.relative_to(processed)) for x in files if x not in targets
        }
        targets |= self._checked(others, recording)
        for source in recording.sources.values():
            if not source.exists():  # its folder would be created again
                raise BackendError("no-input", f"{source}: removed meanwhile")
        for file, runs in completed.items():
            check_runs(runs, raw / file.parent.relative_to(processed))
        paths = copy_to(targets)
        for warning in self._left_out:
            if len(self._recordings) == 1 or warning.file in recording.sources.values():
                warnings.warn(warning, stacklevel=2)
        return paths

    def _checked(self, others: Mapping[Path, Path], recording: Wanted) -> dict[Path, Destination]:
        """Check the destinations of label files that no other command looks for."""
        files = list(recording.sources.values())
        ours = {
            file: path
            for file, path in others.items()
            if path.is_file() and status_of(self._backend, path, files)[0] is not Status.FOREIGN
        }
        theirs = {file: path for file, path in others.items() if file not in ours}
        return check_targets(ours, True) | check_targets(theirs, recording.force)

    def _unexpected(self, path: Path, folder: Path, has_runs: bool) -> BackendError:
        """Return the error about labels with a name under which nobody would find them."""
        written = (file.relative_to(folder).as_posix() for file in walk(folder))
        call = f"backend.output_path(file{', run' if has_runs else ''})"
        problem = f"expected predict_model to write {path.name}, {call}"
        return BackendError("no-output", f"{problem}; found {', '.join(written)}")
