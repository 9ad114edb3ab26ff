"""The commands that manage a backend: its project, its data and its models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from taggingbackends.cli.arguments import (
    FORCE,
    FORMAT,
    SANDBOX,
    explorer,
    instance_option,
    sandbox_option,
)
from taggingbackends.cli.filelists import takes_files
from taggingbackends.cli.output import echo, print_json, print_names
from taggingbackends.errors import BackendError
from taggingbackends.system.names import did_you_mean

__all__ = ["check", "init", "models", "pull", "push", "reset", "sandboxes"]


@click.command()
@click.argument("name")
@click.option("--minimal", is_flag=True, help="Create the smallest backend instead.")
@click.option(
    "--with",
    "library",
    type=click.Choice(["torch"]),
    help="Make the network with PyTorch instead of scikit-learn.",
)
def init(name: str, minimal: bool, library: str | None) -> None:
    """Create a new backend in the folder NAME.

    The backend is ready to run. Existing files are not overwritten. Its README lists the next
    steps.

    \b
    Example: tagging-backend init My-Tagger
             tagging-backend init Deep-Tagger --with torch
    """
    from taggingbackends.backend import scaffold

    if minimal and library is not None:
        raise click.UsageError("--minimal: has no network, so it cannot be combined with --with")
    print_names(scaffold.init(name, Path.cwd(), minimal, library))
    source = scaffold.source_folder() or scaffold.requirement()
    if isinstance(source, Path) or "file:" in source:
        echo(
            f"Note: {name}/pyproject.toml requires {source}, which exists on this machine only; "
            "change it before you share the project.",
            err=True,
        )


@click.command()
@click.option(
    "--long", "as_table", is_flag=True, help="Print a table of what they were trained on."
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print the records of their training as JSON."
)
@click.pass_context
def models(ctx: click.Context, as_table: bool, as_json: bool) -> None:
    """List the trained models, one per line.

    What a model was trained on is in its file training.json, which `train` and `finetune` write.
    In the table, a model without this file has only a name.
    """
    from taggingbackends.backend.folder import BackendFolder
    from taggingbackends.backend.trainingrecord import read_record
    from taggingbackends.system.messages import describe, logger

    backend = BackendFolder(ctx.obj["project"])
    if as_table and as_json:
        raise click.UsageError("--long cannot be used with --json", ctx)
    names = backend.list_models()
    if not (as_table or as_json):
        print_names(names)
        return
    records: dict[str, dict[str, Any] | None] = {}
    for name in names:
        try:
            records[name] = read_record(backend, name)
        except (BackendError, OSError) as error:
            logger.warning(describe(error))
            records[name] = None
    if as_json:
        print_json([{"instance": name, "training": record} for name, record in records.items()])
    else:
        from taggingbackends.display.training import model_table

        echo(*model_table(records, width=80).split("\n"))


@click.command()
@click.pass_context
def check(ctx: click.Context) -> None:
    """List every violation of the contract and how to fix it.

    Each violation in the backend's folder is printed on one line. The exit code is 1 if there is
    a violation.
    """
    from taggingbackends.backend.check import check as find_problems
    from taggingbackends.backend.project import nearest_project
    from taggingbackends.backend.wording import in_command_words

    folder = (ctx.obj["project"] or nearest_project()).resolve()
    problems = find_problems(folder)
    for problem in problems:
        echo(problem._replace(fix=in_command_words(problem.fix)))
    if problems:
        ctx.exit(1)
    echo(f"{folder}: nothing to fix")


@click.command()
@takes_files("paths")
@instance_option(help="Add the input to this model instance.")
@SANDBOX
@click.option("--link", is_flag=True, help="Create symbolic links instead of copies.")
@FORMAT
@click.option(
    "--all-files", is_flag=True, help="Do not warn of files that cannot be read or are not known."
)
@click.pass_context
def push(
    ctx: click.Context,
    paths: tuple[Path, ...],
    model_instance: str,
    sandbox: str | None,
    link: bool,
    format: str | None,
    all_files: bool,
) -> None:
    """Copy files or a folder into data/raw.

    Related files are included: .outline with .spine, and the files that a label file depends on.

    \b
    Example: tagging-backend push recordings/ --model-instance 20240611
    """
    backend = explorer(ctx, model_instance, sandbox)
    print_names(backend.push(*paths, link=link, format=format, all_files=all_files))


@click.command()
@click.argument(
    "destination",
    metavar="[DIR]",
    required=False,
    type=click.Path(file_okay=False, path_type=Path),
)
@instance_option(help="Copy the labels that this model instance predicted.")
@SANDBOX
@FORCE
@click.pass_context
def pull(
    ctx: click.Context,
    destination: Path | None,
    model_instance: str,
    sandbox: str | None,
    force: bool,
) -> None:
    """Copy predicted labels out of data/processed.

    The labels are copied to DIR, or else beside the original input.
    """
    print_names(explorer(ctx, model_instance, sandbox).pull(destination, force=force))


@click.command()
@instance_option(False, help="Remove the data of this model instance.")
@sandbox_option("Remove only the data of this sandbox.")
@click.option(
    "--sandboxes",
    is_flag=True,
    help="Remove only the sandboxes that were left or kept.",
)
@click.option("--model", is_flag=True, help="Remove the model, too.")
@click.pass_context
def reset(
    ctx: click.Context,
    model_instance: str | None,
    sandbox: str | None,
    sandboxes: bool,
    model: bool,
) -> None:
    """Remove the data of a model instance.

    The model itself is removed only with --model. With --sandboxes, --model-instance may be left
    out. `sandboxes` lists what there is.
    """
    if model and (sandbox is not None or sandboxes):
        raise click.UsageError("--model cannot be used with --sandbox or --sandboxes", ctx)
    if sandbox is not None and sandboxes:
        raise click.UsageError("--sandbox cannot be used with --sandboxes", ctx)
    if model_instance is None and not sandboxes:
        raise click.UsageError("reset needs --model-instance NAME or --sandboxes", ctx)
    backend = explorer(ctx, model_instance, sandbox)
    if sandboxes:
        removed = backend.reset_sandboxes()
    else:
        removed = backend.reset_model() if model else []  # first, since it may be refused
        removed += backend.reset_data()
    for folder in removed:
        echo(f"removed {folder}")
    if not removed and model and model_instance is not None:
        other = did_you_mean(model_instance, backend.list_models())
        echo(f"nothing to remove: no model {model_instance}; {other}")
    elif not removed:
        echo("nothing to remove")


@click.command()
@instance_option(False, help="List only the sandboxes of this model instance.")
@click.pass_context
def sandboxes(ctx: click.Context, model_instance: str | None) -> None:
    """List the sandboxes in the data folder.

    A line has the model instance, the sandbox, its age, its size and its state:

    \b
    in use   a command is running in it
    left     its command was killed; the next `predict FILES` with the model removes it
    kept     it was kept after a failure or a signal; `reset --sandboxes` removes it
    named    you or Nyx named it with --sandbox; `reset --sandbox TOKEN` removes it
    training a model was trained on this input; `reset --sandbox TOKEN` removes it
    unknown  nothing shows whether a command uses it: the file system has no locks, or another
             user made it; `reset --sandbox TOKEN` removes it

    \b
    Example: tagging-backend sandboxes --model-instance 20240611
    """
    import time

    from taggingbackends.display.tables import aligned

    now = time.time()
    rows = [
        (one.model_instance, one.sandbox, _age(now - one.time), _size(one.size), one.state.value)
        for one in explorer(ctx, model_instance).list_sandboxes()
    ]
    if rows:
        heads = ("instance", "sandbox", "age", "size", "state")
        echo(*aligned([heads, *rows], left=(0, 1, 4)).split("\n"))
    else:
        echo("no sandboxes")


def _age(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"
