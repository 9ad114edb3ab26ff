"""``tagging-backend predict``, ``train`` and ``finetune``."""

from __future__ import annotations

import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from taggingbackends.cli.arguments import (
    ALL_FILES,
    FORCE,
    FORCE_MODEL,
    FORMAT,
    SANDBOX,
    ScriptCommand,
    complete_instance,
    complete_pretrained,
    explorer,
    instance_option,
    script_options,
    skipped,
    skips,
)
from taggingbackends.cli.filelists import takes_files
from taggingbackends.cli.output import print_names, say
from taggingbackends.errors import BackendError

if TYPE_CHECKING:
    from taggingbackends.analysis.traininginput import TrainingInput
    from taggingbackends.backend.explorer import BackendExplorer
    from taggingbackends.backend.inputfiles import Choice

__all__ = ["PREFER", "finetune", "predict", "show_input", "train"]


def _batch(ctx: click.Context, option: click.Parameter, value: str | None) -> int | str | None:
    if value is None or value == "auto":
        return value
    from taggingbackends.many.batches import LARGEST

    size: int = click.IntRange(1, LARGEST)(value, option, ctx)
    return size


def _patterns(
    ctx: click.Context, option: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    for value in values:
        if not Path(value).parts:  # no path fits
            raise click.BadParameter(f"expected a pattern of paths, found {value!r}", ctx, option)
    return values


PREFER = click.option(
    "--prefer",
    metavar="PATTERN",
    multiple=True,
    callback=_patterns,
    help="Of several label files of a recording, use the one that PATTERN fits, e.g. '*.edited.*'.",
)


@click.command(cls=ScriptCommand, steps=["predict_model"])
@takes_files(required=False)
@instance_option()
@SANDBOX
@click.option(
    "--output",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="With FILES: write the labels to DIR; by default beside each input file.",
)
@FORCE
@click.option("--link", is_flag=True, help="With FILES: link the input instead of copying it.")
@click.option(
    "--recursive", is_flag=True, help="Label each recording below the folders FILES separately."
)
@click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(min=1),
    help="With --recursive: label N batches at a time; by default 1.",
)
@click.option(
    "--batch",
    metavar="N|auto",
    callback=_batch,
    help="With --recursive: run the scripts once for N recordings; by default, for as many as take "
    "about a minute (auto).",
)
@click.option(
    "--executor",
    type=click.Choice(["local", "dask"]),
    help="With --recursive: run on this machine (the default) or on a Dask cluster.",
)
@click.option("--scheduler", metavar="ADDRESS", help="Use the Dask scheduler at this address.")
@FORMAT
@ALL_FILES
@skips
@click.pass_context
def predict(
    ctx: click.Context,
    files: tuple[Path, ...],
    model_instance: str,
    sandbox: str | None,
    output: Path | None,
    force: bool,
    link: bool,
    recursive: bool,
    jobs: int | None,
    batch: int | Literal["auto"] | None,
    executor: str | None,
    scheduler: str | None,
    format: str | None,
    all_files: bool,
    skip_make_dataset: bool,
    skip_build_features: bool,
) -> None:
    """Label recordings with a trained model.

    FILES are tracker files or folders. The labels are written beside them as predicted.label, or
    as <stem>.predicted.label if a folder holds several recordings.

    Without FILES, the input is in data/raw, where `push` put it, and the labels are written to
    data/processed. Nyx calls the command in this way.

    With --recursive, the recordings below the folders FILES are labelled in batches. Recordings
    are skipped if their labels are up to date, were edited, or were made by other software.
    --force labels all recordings. After an interruption, run the command again to continue.

    Other options are passed to the backend's scripts, e.g. --threshold 0.5. In a backend, this
    help lists them. Put FILES before such options, or after --.

    \b
    Example: tagging-backend predict recording.spine --model-instance 20240611
    """
    from taggingbackends.backend import prediction

    skip = skipped(skip_make_dataset, skip_build_features)
    if recursive:
        if not files or sandbox or output or all_files:
            problem = (
                "--recursive needs folders, and cannot be used with --sandbox, --output or "
                "--all-files"
            )
            raise click.UsageError(problem, ctx)
        if (executor == "dask") != bool(scheduler) or (scheduler and jobs):
            problem = "--executor dask needs --scheduler ADDRESS, and cannot be used with --jobs"
            raise click.UsageError(problem, ctx)
    elif jobs or batch or executor or scheduler:
        problem = "--jobs, --batch, --executor and --scheduler need --recursive"
        raise click.UsageError(problem, ctx)
    backend = explorer(ctx, model_instance, sandbox)
    if recursive:
        from taggingbackends.cli.many import predict_below

        ctx.exit(
            predict_below(
                backend,
                files,
                script_options(ctx),
                force,
                skip,
                jobs or 1,
                scheduler,
                link,
                format,
                None if batch == "auto" else batch,
            )
        )
    if files:
        choice = _choice(ctx, files, format, all_files)
        options = script_options(ctx)
        found = prediction.predict_files(backend, files, options, output, force, skip, choice, link)
    elif output or force or link or format or all_files:
        problem = "--output, --force, --link, --format and --all-files need FILES"
        raise click.UsageError(problem, ctx)
    else:
        found = prediction.predict(backend, script_options(ctx), skip, refuse_unknown=False)
        if not found:
            warnings.warn(
                f"predict_model wrote no label file in {backend.processed_data_dir()}", stacklevel=2
            )
    print_names(found)


@click.command(cls=ScriptCommand, steps=["train_model"])
@takes_files(required=False)
@instance_option(
    False, "Set the identifier of the new model; with FILES, the default is the local time."
)
@click.option(
    "--pretrained-model-instance",
    metavar="NAME",
    help="Start from this pretrained model.",
    shell_complete=complete_pretrained,
)
@FORCE_MODEL
@FORMAT
@ALL_FILES
@PREFER
@skips
@click.pass_context
def train(
    ctx: click.Context,
    files: tuple[Path, ...],
    model_instance: str | None,
    pretrained_model_instance: str | None,
    force: bool,
    format: str | None,
    all_files: bool,
    prefer: tuple[str, ...],
    skip_make_dataset: bool,
    skip_build_features: bool,
) -> None:
    """Train a new model and print its identifier.

    FILES are label files beside the tracker files that they depend on, tracker files that contain
    labels (trx.mat), or folders of these. Without FILES, the input is in data/raw, where `push`
    put it for this identifier, or else what was trained on before. The model appears only if
    training succeeds. Until then, an existing model is unchanged.

    A table on standard error shows what is trained on. In folders, labels that a model predicted
    and nobody edited are left out. A recording with several label files is refused, with their
    agreement; choose one with --prefer.

    Other options are passed to the backend's scripts, e.g. --epochs 20. In a backend, this help
    lists them. Put FILES before such options, or after --.

    \b
    Example: tagging-backend train recordings/*.label
    """
    from taggingbackends.backend import training

    options = script_options(ctx)
    backend = explorer(ctx, model_instance)
    if pretrained_model_instance is not None:
        backend.pretrained_model_dir(pretrained_model_instance)
        options = {"pretrained_model_instance": pretrained_model_instance, **options}
    skip = skipped(skip_make_dataset, skip_build_features)
    choice = _choice(ctx, files, format, all_files)
    instance = training.train(
        backend, files, options, force, skip, choice=choice, prefer=prefer, on_input=show_input
    )
    _show_windows(backend, instance)
    print_names([instance])


def _choice(
    ctx: click.Context, files: tuple[Path, ...], format: str | None, all_files: bool
) -> Choice:
    from taggingbackends.backend.inputfiles import Choice

    if not files and (format or all_files):
        raise click.UsageError("--format and --all-files need FILES", ctx)
    return Choice(format, all_files)


@click.command(cls=ScriptCommand, steps=["finetune_model"])
@takes_files(required=False)
@click.option(
    "--original-model-instance",
    metavar="NAME",
    required=True,
    help="Start from this model.",
    shell_complete=complete_instance,
)
@instance_option(
    False, "Set the identifier of the new model; with FILES, the default is the local time."
)
@FORCE_MODEL
@FORMAT
@ALL_FILES
@PREFER
@skips
@click.pass_context
def finetune(
    ctx: click.Context,
    files: tuple[Path, ...],
    original_model_instance: str,
    model_instance: str | None,
    force: bool,
    format: str | None,
    all_files: bool,
    prefer: tuple[str, ...],
    skip_make_dataset: bool,
    skip_build_features: bool,
) -> None:
    """Train a model further and print the new model's identifier.

    The result is stored as a new model. FILES and the other options are as for `train`.

    \b
    Example: tagging-backend finetune more/*.label --original-model-instance 20240611
    """
    from taggingbackends.backend import training

    backend = explorer(ctx, model_instance)
    skip = skipped(skip_make_dataset, skip_build_features)
    instance = training.finetune(
        backend,
        original_model_instance,
        files,
        script_options(ctx),
        force,
        skip,
        _choice(ctx, files, format, all_files),
        prefer,
        show_input,
    )
    _show_windows(backend, instance)
    print_names([instance])


def show_input(found: TrainingInput) -> None:
    """Show on standard error what is trained on."""
    from taggingbackends.display.training import training_table

    say(training_table(found, width=80))


def _show_windows(backend: BackendExplorer, instance: str) -> None:
    """Show the windows of the training set, which only the script knew."""
    from taggingbackends.backend.trainingrecord import read_record
    from taggingbackends.display.training import windows_line

    with suppress(BackendError):  # a script wrote a file of this name
        record = read_record(backend, instance) or {}
        if "windows" in record:
            say(windows_line(record["windows"], width=80))
