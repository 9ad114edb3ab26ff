"""``tagging-backend predict``, ``train`` and ``finetune``."""

from __future__ import annotations

import warnings
from pathlib import Path

import click

from taggingbackends.cli.arguments import (
    FILES,
    FORCE,
    SANDBOX,
    ScriptCommand,
    complete_instance,
    complete_pretrained,
    explorer,
    instance_option,
    print_paths,
    script_options,
    skipped,
    skips,
)

__all__ = ["finetune", "predict", "train"]


@click.command(cls=ScriptCommand)
@FILES
@instance_option()
@SANDBOX
@click.option(
    "--output",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="With FILES: where the labels go; by default beside each input.",
)
@FORCE
@click.option(
    "--recursive", is_flag=True, help="FILES are folders: label the recordings below, each alone."
)
@click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(min=1),
    help="With --recursive: how many recordings at a time; by default 1.",
)
@click.option(
    "--executor",
    type=click.Choice(["local", "dask"]),
    help="With --recursive: who labels, this machine (the default) or a Dask cluster.",
)
@click.option("--scheduler", metavar="ADDRESS", help="Of the Dask cluster.")
@skips
@click.pass_context
def predict(
    ctx: click.Context,
    files: tuple[Path, ...],
    model_instance: str,
    sandbox: str | None,
    output: Path | None,
    force: bool,
    recursive: bool,
    jobs: int | None,
    executor: str | None,
    scheduler: str | None,
    skip_make_dataset: bool,
    skip_build_features: bool,
) -> None:
    """Label recordings with a trained model.

    With FILES (tracker files or folders), the labels are written beside them, as predicted.label,
    or <stem>.predicted.label where a folder holds several recordings. Without FILES, the input is
    what `push` has brought into data/raw, and the labels stay in data/processed: this is how Nyx
    calls it.

    With --recursive, all recordings below the folders FILES are labelled, each by itself, but for
    those whose labels are up to date, were edited, or were made by something else; --force labels
    all. When run again, it goes on where it was.

    Other options go to the backend's scripts, e.g. --threshold 0.5. FILES stand before these, or
    after --.

    \b
    Example: tagging-backend predict recording.spine --model-instance 20240611
    """
    from taggingbackends.backend import pipeline

    skip = skipped(skip_make_dataset, skip_build_features)
    if recursive:
        if not files or sandbox or output:
            problem = "--recursive needs folders, and goes with neither --sandbox nor --output"
            raise click.UsageError(problem, ctx)
        if (executor == "dask") != bool(scheduler) or (scheduler and jobs):
            problem = "--executor dask goes with --scheduler ADDRESS, and without --jobs"
            raise click.UsageError(problem, ctx)
    elif jobs or executor or scheduler:
        problem = "--jobs, --executor and --scheduler go with --recursive"
        raise click.UsageError(problem, ctx)
    backend = explorer(ctx, model_instance, sandbox)
    if recursive:
        from taggingbackends.cli.many import predict_below

        ctx.exit(
            predict_below(backend, files, script_options(ctx), force, skip, jobs or 1, scheduler)
        )
    if files:
        found = pipeline.predict_files(backend, files, script_options(ctx), output, force, skip)
    elif output or force:
        raise click.UsageError("--output and --force go with FILES", ctx)
    else:
        found = pipeline.predict(backend, script_options(ctx), skip)
        if not found:
            warnings.warn(
                f"predict_model wrote no label file in {backend.processed_data_dir()}", stacklevel=2
            )
    print_paths(found)


@click.command(cls=ScriptCommand)
@FILES
@instance_option(False, "The new model's identifier; with FILES, by default the local time.")
@click.option(
    "--pretrained-model-instance",
    metavar="NAME",
    help="Start from this one.",
    shell_complete=complete_pretrained,
)
@FORCE
@skips
@click.pass_context
def train(
    ctx: click.Context,
    files: tuple[Path, ...],
    model_instance: str | None,
    pretrained_model_instance: str | None,
    force: bool,
    skip_make_dataset: bool,
    skip_build_features: bool,
) -> None:
    """Train a new model.

    Its identifier is printed last.

    FILES are label files beside the tracker files that they depend on (or folders of these).
    Without FILES, the input is what `push` has brought into data/raw for this identifier. The
    model is there when training has succeeded; until then, an old one stays as it is.

    Other options go to the backend's scripts, e.g. --epochs 20. FILES stand before these, or
    after --.

    \b
    Example: tagging-backend train recordings/*.label
    """
    from taggingbackends.backend import pipeline

    options = script_options(ctx)
    backend = explorer(ctx, model_instance)
    if pretrained_model_instance is not None:
        backend.pretrained_model_dir(pretrained_model_instance)
        options = {"pretrained_model_instance": pretrained_model_instance, **options}
    skip = skipped(skip_make_dataset, skip_build_features)
    click.echo(pipeline.train(backend, files, options, force, skip))


@click.command(cls=ScriptCommand)
@FILES
@click.option(
    "--original-model-instance",
    metavar="NAME",
    required=True,
    help="The model to start from.",
    shell_complete=complete_instance,
)
@instance_option(False, "The new model's identifier; with FILES, by default the local time.")
@FORCE
@skips
@click.pass_context
def finetune(
    ctx: click.Context,
    files: tuple[Path, ...],
    original_model_instance: str,
    model_instance: str | None,
    force: bool,
    skip_make_dataset: bool,
    skip_build_features: bool,
) -> None:
    """Train a model further, into a new one.

    The new model's identifier is printed last.

    FILES and options are as for `train`.

    \b
    Example: tagging-backend finetune more/*.label --original-model-instance 20240611
    """
    from taggingbackends.backend import pipeline

    backend = explorer(ctx, model_instance)
    skip = skipped(skip_make_dataset, skip_build_features)
    instance = pipeline.finetune(
        backend, original_model_instance, files, script_options(ctx), force, skip
    )
    click.echo(instance)
