"""``tagging-backend data``."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["data"]


@click.group()
def data() -> None:
    """Look at tracker files."""


@data.command("info")
@click.argument("files", nargs=-1, required=True, type=click.Path(readable=False, path_type=Path))
@click.option("--pixelsize", type=float, metavar="UM", help="Width of a pixel, for FIMTrack's.")
@click.option("--framerate", type=float, metavar="HZ", help="Frames a second, for FIMTrack's.")
@click.pass_context
def data_info(
    ctx: click.Context, files: tuple[Path, ...], pixelsize: float | None, framerate: float | None
) -> None:
    """Tell what tracker files and label files hold, and what is wrong with them.

    The exit code is 1 if anything is.

    \b
    Example: tagging-backend data info recording.spine table.csv --pixelsize 73
    """
    from taggingbackends.analysis.info import info

    wrong = False
    for position, file in enumerate(files):
        facts, problems = info(file, pixelsize=pixelsize, framerate=framerate)
        wrong |= bool(problems)
        click.echo("\n" * bool(position) + str(file))
        for name, fact in facts.items():
            click.echo(f"  {name:<12}{fact}")
        for problem in problems:
            click.echo(f"  {'wrong':<12}{problem}")
    ctx.exit(int(wrong))
