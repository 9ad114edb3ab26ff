"""Evaluate a backend: train on some labelled recordings, and predict the others."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from taggingbackends.analysis.scores import LEAST_RECORDINGS, Counts, score
from taggingbackends.backend.folder import BackendFolder
from taggingbackends.backend.options import Options
from taggingbackends.backend.project import project_metadata
from taggingbackends.backend.running import required_script
from taggingbackends.backend.signatures import check_options, options_taken, read_signatures
from taggingbackends.backend.trainingrecord import RECORD, add_evaluation, read_record
from taggingbackends.errors import BackendError
from taggingbackends.labels.facts import NAME_PARTS
from taggingbackends.many.truth import LabelledRecording
from taggingbackends.many.workers import Processes, ask, side_by_side
from taggingbackends.system.files import sha1
from taggingbackends.system.messages import describe
from taggingbackends.system.progress import progress
from taggingbackends.system.words import counted, listed

__all__ = [
    "FOLDS",
    "FOLDS_FROM",
    "RECORDING",
    "Fold",
    "FoldOutcome",
    "FoldTask",
    "StepOptions",
    "add_to_record",
    "checked",
    "each_recording",
    "evaluate",
    "failure",
    "is_new_to",
    "leave_out",
    "split",
    "summary",
]

RECORDING = "recording"
"""What is left out: each recording in turn, rather than those of a genotype, for example."""

FOLDS = 5
"""Number of folds by default, if there are many recordings."""

FOLDS_FROM = 11
"""With fewer recordings, each is left out in turn by default."""

_NAMED = 5  # files that an error lists at most


class Fold(NamedTuple):
    """Recordings that are predicted together.

    Attributes
    ----------
    name : str
        What these recordings are, for messages and tables.
    held_out : list of LabelledRecording
        They are predicted.
    training : list of LabelledRecording
        They are trained on; empty if an existing model is evaluated.
    """

    name: str
    held_out: list[LabelledRecording]
    training: list[LabelledRecording]


class StepOptions(NamedTuple):
    """The options that the scripts of each step take, as text."""

    training: Options
    prediction: Options


class FoldTask(NamedTuple):
    """What the process of a fold does.

    Attributes
    ----------
    fold : Fold
    project_dir : Path
        The backend.
    model_instance : str or None
        The model; None if one is to be trained.
    options : StepOptions
    skip
        As for `prediction.predict`.
    """

    fold: Fold
    project_dir: Path
    model_instance: str | None
    options: StepOptions
    skip: tuple[str, ...]


class FoldOutcome(NamedTuple):
    """The result of a fold.

    Attributes
    ----------
    fold : Fold
    counts : list of Counts
        One for each recording held out; empty if the fold failed.
    training, predicting : float
        Time, s.
    why : str
        Why it failed, in one line, or "".
    step : str
        The script that failed, or "".
    warnings : tuple of str
    """

    fold: Fold
    counts: list[Counts] = []  # noqa: RUF012 - never changed
    training: float = 0.0
    predicting: float = 0.0
    why: str = ""
    step: str = ""
    warnings: tuple[str, ...] = ()


def split(recordings: Sequence[LabelledRecording], folds: int) -> list[Fold]:
    """Divide recordings into folds that have about equally many labelled frames.

    Raises
    ------
    BackendError
        ``no-input``: there are fewer recordings than folds, or fewer than 2.
    """
    if folds > len(recordings) > 1:
        problem = f"expected {folds} labelled recordings or more, found {len(recordings)}"
        fix = f"add recordings, or name a number of folds up to {len(recordings)}"
        raise BackendError("no-input", problem, fix)
    _check_several(recordings)
    groups: list[list[LabelledRecording]] = [[] for _ in range(folds)]
    for recording in sorted(recordings, key=lambda one: -one.frames):
        min(groups, key=lambda group: sum(one.frames for one in group)).append(recording)
    return _folds({f"fold {n}": group for n, group in enumerate(groups, 1)}, recordings)


def leave_out(recordings: Sequence[LabelledRecording], what: str) -> list[Fold]:
    """Return folds that leave out each recording, or those of each genotype, in turn.

    Parameters
    ----------
    recordings : sequence of LabelledRecording
    what : str
        `RECORDING` or one of `NAME_PARTS`.

    Raises
    ------
    BackendError
        ``no-input``: there are fewer than 2 of them, or that of a recording is unknown.
    """
    _check_several(recordings)
    groups: dict[str, list[LabelledRecording]] = {}
    for recording in recordings:
        if what == RECORDING:
            groups[str(recording.file)] = [recording]
            continue
        if what not in recording.facts:
            expected = "@".join(("date_time", *NAME_PARTS))
            problem = f"{recording.file}: expected the {what} in its name, {expected}, found none"
            raise BackendError("no-input", problem, f"set {what} in the metadata of its labels")
        groups.setdefault(f"{what} {recording.facts[what]}", []).append(recording)
    if len(groups) < 2:
        problem = f"expected recordings of 2 or more values of {what}, found {next(iter(groups))}"
        fix = "add recordings of another, or leave out each recording in turn"
        raise BackendError("no-input", f"{problem} only", fix)
    return _folds(groups, recordings)


def _check_several(recordings: Sequence[LabelledRecording]) -> None:
    if len(recordings) < 2:
        names = listed(one.file for one in recordings)
        problem = f"expected 2 labelled recordings or more, found {names}"
        fix = "add recordings, or evaluate a trained model with model_instance=..."
        raise BackendError("no-input", problem, fix)


def _folds(
    groups: Mapping[str, list[LabelledRecording]], recordings: Sequence[LabelledRecording]
) -> list[Fold]:
    files = {name: {one.file for one in group} for name, group in groups.items()}
    return [
        Fold(name, group, [one for one in recordings if one.file not in files[name]])
        for name, group in groups.items()
    ]


def each_recording(recordings: Iterable[LabelledRecording]) -> list[Fold]:
    """Return a fold for each recording, to evaluate a model that is trained already."""
    return [Fold(str(one.file), [one], []) for one in recordings]


def is_new_to(
    backend: BackendFolder, recordings: Sequence[LabelledRecording], force: bool = False
) -> bool:
    """Check that a model was not trained on some recordings.

    Parameters
    ----------
    backend : BackendFolder
        With the model instance.
    recordings : sequence of LabelledRecording
    force : bool
        Warn instead of raising an error.

    Returns
    -------
    bool
        False, with `force`, if it was trained on one of them.

    Raises
    ------
    BackendError
        ``trained-on``: it was trained on one of them.

    Warns
    -----
    UserWarning
        The files that the model was trained on are not known.
    """
    known = _trained_on(backend, backend.required_instance("evaluate"))
    seen = [
        one.file
        for one in progress(recordings if known else [], "comparing")
        if any(sha1(file) in known for file in (*one.trackers, *one.sources))
    ]
    if seen:
        problem = f"model {backend.model_instance} was trained on {listed(seen, _NAMED)}"
        if not force:
            fix = "leave these out, or evaluate it nevertheless with force=True"
            raise BackendError("trained-on", problem, fix)
        warnings.warn(f"{problem}: the figures say nothing about other recordings", stacklevel=2)
    return not seen


def _trained_on(backend: BackendFolder, instance: str) -> set[str]:
    """Return the SHA-1 of the files that a model, and those it was made from, were trained on."""
    digests: set[str] = set()
    name: Any = instance
    names = set()
    while isinstance(name, str) and name not in names:
        names.add(name)
        try:
            record = read_record(backend, name)
        except (BackendError, OSError):  # `models --long` says why
            record = None
        if record is None:
            problem = f"model {name}: {RECORD} does not say which files it was trained on"
            warnings.warn(f"{problem}; it may know some of these recordings", stacklevel=3)
            break
        digests.update(file["sha1"] for file in record["files"])
        name = record["options"].get("original_model_instance")
    return digests


def checked(backend: BackendFolder, options: Mapping[str, Any], skip: Iterable[str]) -> StepOptions:
    """Check that a backend can be evaluated, and return the options for each step.

    Raises
    ------
    BackendError
        ``unknown-model``, ``missing-script`` or ``ambiguous-script``.
    OptionError
        As for `prediction.predict`.
    """
    steps = ["predict_model"]
    if backend.model_instance is None:
        steps.insert(0, "train_model")
    else:
        backend.check_model()
    scripts = {required_script(backend, step): step for step in steps}
    signatures = read_signatures(backend, steps, skip)
    given = check_options(signatures, options)

    def of(step: str) -> Options:
        run = {x: found for x, found in signatures.items() if scripts.get(x, step) == step}
        return options_taken(run, given)

    return StepOptions(of("train_model"), of("predict_model"))


def add_to_record(backend: BackendFolder, result: Mapping[str, Any]) -> None:
    """Add the result of an evaluation to the record of the model, if it has one.

    Warns
    -----
    UserWarning
        The record cannot be written.
    """
    figures = {key: result[key]["value"] for key in ("accuracy", "balanced_accuracy", "kappa")}
    date = datetime.now(UTC).isoformat(timespec="seconds")
    recordings = [Path(one["recording"]).name for one in result["recordings"]]
    evaluation = {"date": date, **figures, "frames": result["frames"], "recordings": recordings}
    try:
        add_evaluation(backend, evaluation)
    except (BackendError, OSError) as error:
        warnings.warn(f"the evaluation is not kept with the model: {describe(error)}", stacklevel=2)


def evaluate(
    backend: BackendFolder,
    folds: Sequence[Fold],
    options: StepOptions,
    skip: Iterable[str] = (),
    jobs: int = 1,
) -> Generator[FoldOutcome, None, None]:
    """Train on the training recordings of each fold, predict those held out, and compare.

    All data and models are temporary. Nothing is written to the backend's folder.

    Parameters
    ----------
    backend : BackendFolder
        With a model instance to evaluate that model.
    folds : sequence of Fold
    options : StepOptions
        As `checked` returns them.
    skip
        As for `prediction.predict`.
    jobs : int
        The number of folds at a time.

    Returns
    -------
    generator of FoldOutcome
        In the order in which they end. Closing it ends the processes.
    """
    about = backend.project_dir, backend.model_instance, options, tuple(skip)
    tasks = [FoldTask(fold, *about) for fold in folds]
    return side_by_side(_in_process, tasks, jobs)


def _in_process(task: FoldTask, processes: Processes) -> FoldOutcome:
    def failed(why: str) -> list[FoldOutcome]:
        return [FoldOutcome(task.fold, why=why)]

    (outcome,) = ask("taggingbackends.many.fold", task, processes, failed)
    return outcome


def summary(
    backend: BackendFolder, by: str, outcomes: Sequence[FoldOutcome], seconds: float
) -> dict[str, Any]:
    """Return the result of an evaluation as plain lists and numbers, with None instead of NaN.

    Parameters
    ----------
    backend : BackendFolder
        With a model instance if that was evaluated.
    by : str
        What was left out in turn: ``"recording"``, ``"genotype"``, ... or ``"fold"``; or
        ``"model"`` if a trained model was evaluated.
    outcomes : sequence of FoldOutcome
        The outcomes of all folds.
    seconds : float
        The time it took, s.
    """
    pairs = [
        (outcome.fold, recording, counts)
        for outcome in outcomes
        for recording, counts in zip(outcome.fold.held_out, outcome.counts, strict=True)
    ]
    pairs.sort(key=lambda pair: pair[1].file)
    scores = score([counts for *_, counts in pairs])
    few = f"they need {LEAST_RECORDINGS} recordings or more, and there are {scores.recordings}"
    return {
        "backend": project_metadata(backend.project_dir),
        "model_instance": backend.model_instance,
        "left_out": by,
        "folds": len(outcomes),
        "seconds": {
            "training": sum(outcome.training for outcome in outcomes),
            "predicting": sum(outcome.predicting for outcome in outcomes),
            "total": seconds,
        },
        **scores.to_dict(),
        "why_no_intervals": few if scores.recordings < LEAST_RECORDINGS else None,
        "recordings": [
            {
                "recording": str(recording.file),
                "fold": fold.name,
                "frames": counts.frames.total(),
                "without_prediction": counts.without_prediction,
                "accuracy": counts.accuracy,
            }
            for fold, recording, counts in pairs
        ],
    }


def failure(outcome: FoldOutcome) -> str:
    """Return what failed in a fold, and why."""
    what = counted(len(outcome.fold.held_out), "recording")
    step = f"{outcome.step}: " if outcome.step else ""
    return f"{outcome.fold.name} ({what} held out): {step}{outcome.why}"
