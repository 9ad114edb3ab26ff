"""The commands that look after a backend: its models, its data, the project itself."""

from __future__ import annotations

from pathlib import Path

import click

from taggingbackends.cli.arguments import (
    FORCE,
    SANDBOX,
    explorer,
    instance_option,
    print_paths,
)

__all__ = ["check", "init", "models", "pull", "push", "reset"]


@click.command()
@click.argument("name")
@click.option("--minimal", is_flag=True, help="Make the smallest backend instead.")
def init(name: str, minimal: bool) -> None:
    """Make a new backend in the folder NAME.

    It is ready to run. Nothing is overwritten. The README in it says what to do next.

    \b
    Example: tagging-backend init My-Tagger
    """
    from taggingbackends.backend import scaffold

    print_paths(scaffold.init(name, Path.cwd(), minimal))
    if "file:" in scaffold.requirement():
        click.echo(
            f"Note: {name}/pyproject.toml requires {scaffold.requirement()}, which is on this "
            "machine only: change it before you share the project.",
            err=True,
        )


@click.command()
@click.pass_context
def models(ctx: click.Context) -> None:
    """List the trained models, one a line."""
    for instance in explorer(ctx).list_models():
        click.echo(instance)


@click.command()
@click.pass_context
def check(ctx: click.Context) -> None:
    """List everything that breaks the contract.

    Each violation in the backend's folder has a line that says how to fix it. The exit code is 1
    if there is any.
    """
    from dataclasses import replace

    from taggingbackends.backend.check import check as find_problems
    from taggingbackends.backend.project import nearest_project
    from taggingbackends.backend.wording import in_command_words

    folder = (ctx.obj["project"] or nearest_project()).resolve()
    problems = find_problems(folder)
    for problem in problems:
        click.echo(replace(problem, fix=in_command_words(problem.fix)))
    if problems:
        ctx.exit(1)
    click.echo(f"{folder}: nothing to fix")


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(readable=False, path_type=Path))
@instance_option(help="The model instance that the input is for.")
@SANDBOX
@click.option("--link", is_flag=True, help="Put symbolic links instead of copies.")
@click.pass_context
def push(
    ctx: click.Context,
    paths: tuple[Path, ...],
    model_instance: str,
    sandbox: str | None,
    link: bool,
) -> None:
    """Bring files or a folder into data/raw.

    Files that belong together come along: .spine with .outline, and the files that a label file
    depends on.

    \b
    Example: tagging-backend push recordings/ --model-instance 20240611
    """
    print_paths(explorer(ctx, model_instance, sandbox).push(*paths, link=link))


@click.command()
@click.argument(
    "destination",
    metavar="[DIR]",
    required=False,
    type=click.Path(file_okay=False, path_type=Path),
)
@instance_option(help="The model instance that predicted.")
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
    """Bring predicted labels out.

    They go from data/processed into DIR, or else beside the original input.
    """
    print_paths(explorer(ctx, model_instance, sandbox).pull(destination, force=force))


@click.command()
@instance_option(help="The model instance whose data go.")
@click.option("--sandbox", metavar="TOKEN", help="Remove this sandbox's data only.")
@click.option("--model", is_flag=True, help="Remove the model, too.")
@click.pass_context
def reset(ctx: click.Context, model_instance: str, sandbox: str | None, model: bool) -> None:
    """Remove a model instance's data.

    Its model goes only with --model.
    """
    if model and sandbox is not None:
        raise click.UsageError("--model does not go with --sandbox", ctx)
    backend = explorer(ctx, model_instance, sandbox)
    removed = backend.reset_data()
    if model:
        removed += backend.reset_model()
    for folder in removed:
        click.echo(f"removed {folder}")
    if not removed:
        click.echo("nothing to remove")
