"""``tagging-backend evaluate``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from taggingbackends.cli.arguments import (
    FORMAT,
    JSON,
    ScriptCommand,
    explorer,
    instance_option,
    script_options,
    skipped,
    skips,
)
from taggingbackends.cli.filelists import takes_files
from taggingbackends.cli.labelfiles import PAGES, PATH, check_suffix
from taggingbackends.cli.output import echo, print_json, terminal_width
from taggingbackends.cli.tagging import PREFER, show_input

if TYPE_CHECKING:
    from taggingbackends.many.evaluation import Fold
    from taggingbackends.many.truth import LabelledRecording
    from taggingbackends.system.files import Destination

__all__ = ["evaluate"]

_COLUMNS = ("recording", "genotype", "effector", "tracker", "protocol")


@click.command(cls=ScriptCommand, steps=["train_model", "predict_model"])
@takes_files()
@click.option(
    "--folds",
    metavar="N",
    type=click.IntRange(min=2),
    help="Divide the recordings into N groups, and leave out each in turn.",
)
@click.option(
    "--leave-out",
    type=click.Choice(_COLUMNS),
    help="Leave out each recording in turn, or all recordings of a genotype, ...",
)
@instance_option(False, "Evaluate this model, on recordings that it was not trained on.")
@click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(min=1),
    default=1,
    help="Evaluate N groups at a time; by default 1.",
)
@JSON
@click.option(
    "--report",
    metavar="PAGE",
    type=PATH,
    help="Also write an HTML page.",
)
@click.option(
    "--force",
    is_flag=True,
    help="Replace an existing PAGE. Evaluate a model also on what it was trained on.",
)
@FORMAT
@PREFER
@skips
@click.pass_context
def evaluate(
    ctx: click.Context,
    files: tuple[Path, ...],
    folds: int | None,
    leave_out: str | None,
    model_instance: str | None,
    jobs: int,
    as_json: bool,
    report: Path | None,
    force: bool,
    format: str | None,
    prefer: tuple[str, ...],
    skip_make_dataset: bool,
    skip_build_features: bool,
) -> None:
    """Train on some recordings, predict the others, and compare with their labels.

    FILES are as for `train`. Recordings are left out in turn: the scripts train on all others,
    and predict those left out from their tracker files. By default, each recording is left out,
    or each of 5 groups if there are more than 10 recordings. All models and data are temporary.

    Only frames that have a label count. Frames without a prediction are wrong. A bout is found if
    it shares with a predicted one at least half of the time that the two cover together.

    Other options are passed to the backend's scripts, e.g. --epochs 20. Put FILES before such
    options, or after --.

    \b
    Example: tagging-backend evaluate recordings/truth.label more/truth.label --jobs 2
    """
    import time
    from contextlib import closing

    from taggingbackends.backend.inputfiles import Choice
    from taggingbackends.backend.training import find_training_input
    from taggingbackends.backend.wording import in_command_words
    from taggingbackends.display.evaluation import evaluation_text
    from taggingbackends.errors import BackendError
    from taggingbackends.many import evaluation
    from taggingbackends.many.truth import labelled_recordings
    from taggingbackends.system.files import write_file
    from taggingbackends.system.messages import logger
    from taggingbackends.system.progress import meter
    from taggingbackends.system.temporaries import remove_dead_folders

    if sum(option is not None for option in (folds, leave_out, model_instance)) > 1:
        problem = "only one of --folds, --leave-out and --model-instance can be used"
        raise click.UsageError(problem, ctx)
    target = None if report is None else _page(report, force)
    remove_dead_folders()
    start = time.monotonic()
    backend = explorer(ctx, model_instance)
    skip = skipped(skip_make_dataset, skip_build_features)
    options = evaluation.checked(backend, script_options(ctx), skip)
    found = find_training_input(backend, files, options.training, prefer, Choice(format))
    show_input(found)
    recordings = labelled_recordings(found)
    is_kept = model_instance is not None and evaluation.is_new_to(backend, recordings, force)
    by, groups = _groups(recordings, folds, leave_out, model_instance)
    outcomes = []
    with meter(len(groups), "folds") as bar:
        running = evaluation.evaluate(backend, groups, options, skip, jobs)
        with closing(running):
            for outcome in running:
                if outcome.why:
                    problem = evaluation.failure(outcome)
                    raise BackendError("failed-fold", in_command_words(problem))
                outcomes.append(outcome)
                logger.info(f"{outcome.fold.name}: {outcome.training + outcome.predicting:.1f} s")
                bar.update()
    for text in dict.fromkeys(text for outcome in outcomes for text in outcome.warnings):
        logger.warning(text)
    result = evaluation.summary(backend, by, outcomes, time.monotonic() - start)
    if is_kept:
        evaluation.add_to_record(backend, result)
    if target is not None:
        from taggingbackends.display.page.evaluation import evaluation_page

        write_file(target.path, [evaluation_page(result).encode()], target.expected)
    if as_json:
        print_json(result)
    else:
        echo(*evaluation_text(result, terminal_width()).split("\n"))


def _groups(
    recordings: Sequence[LabelledRecording],
    folds: int | None,
    leave_out: str | None,
    model_instance: str | None,
) -> tuple[str, list[Fold]]:
    """Return what is left out in turn, and the folds."""
    from taggingbackends.many import evaluation

    if model_instance is not None:
        return "model", evaluation.each_recording(recordings)
    if folds is None and leave_out is None:
        few = len(recordings) < evaluation.FOLDS_FROM
        folds, leave_out = (None, evaluation.RECORDING) if few else (evaluation.FOLDS, None)
    if folds is not None:
        return "fold", evaluation.split(recordings, folds)
    assert leave_out is not None
    return leave_out, evaluation.leave_out(recordings, leave_out)


def _page(page: Path, force: bool) -> Destination:
    """Return the page to write. Check it before anything is run."""
    from taggingbackends.errors import BackendError
    from taggingbackends.system.files import Destination, check_replaceable, stamp

    check_suffix(page, PAGES)
    check_replaceable(page)
    before = stamp(page)
    if before is not None and not force:
        raise BackendError("existing-file", f"{page}: exists already", "replace with force=True")
    if not page.absolute().parent.is_dir():
        raise BackendError("no-input", f"{page.parent}: expected a folder, found none")
    return Destination(page, before)
