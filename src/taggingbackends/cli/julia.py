"""``tagging-backend julia``."""

from __future__ import annotations

from pathlib import Path

import click

from taggingbackends.cli.output import echo

__all__ = ["julia"]


@click.group()
def julia() -> None:
    """Set up Julia and run Julia scripts."""


@julia.command("status")
@click.pass_context
def julia_status(ctx: click.Context) -> None:
    """Print which Julia and which package are used.

    List what is missing and how to get it. The exit code is 1 if something is missing. Nothing is
    downloaded.
    """
    from taggingbackends.julia.status import status

    found = status()
    echo(*found.lines)
    if found.missing:
        echo("", "Missing:", *(f"- {missing}" for missing in found.missing))
        ctx.exit(1)


@julia.command("setup")
@click.pass_context
def julia_setup(ctx: click.Context) -> None:
    """Install and precompile what Python needs to call Julia.

    This includes Julia itself if no suitable one is found. It takes some minutes. Otherwise it
    happens when Python first uses Julia.
    """
    from taggingbackends.julia.status import set_up

    set_up()
    ctx.invoke(julia_status)


@julia.command(
    "run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.argument("script", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def julia_run(ctx: click.Context, script: Path, arguments: tuple[str, ...]) -> None:
    """Run a Julia script with TaggingBackends available.

    The Julia project is the backend's folder if it has a Project.toml. The exit code is that of
    the script.

    \b
    Example: tagging-backend julia run my_script.jl --verbose
    """
    from taggingbackends.backend.juliascripts import run_script
    from taggingbackends.backend.project import nearest_project

    ctx.exit(run_script(script, arguments, ctx.obj["project"] or nearest_project()))
