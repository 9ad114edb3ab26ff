"""``tagging-backend data``."""

from __future__ import annotations

from pathlib import Path

import click

from taggingbackends.backend.wording import in_command_words
from taggingbackends.cli.filelists import takes_files
from taggingbackends.cli.output import echo

__all__ = ["data"]


@click.group()
def data() -> None:
    """Inspect tracker files."""


@data.command("info")
@takes_files()
@click.option(
    "--pixelsize",
    type=float,
    metavar="UM",
    help="Set the pixel size of FIMTrack tables and of NetCDF files in pixels, in µm.",
)
@click.option(
    "--framerate",
    type=float,
    metavar="HZ",
    help="Set the frame rate of FIMTrack tables (by default 30) and of NetCDF files in frames, "
    "in frames/s.",
)
@click.pass_context
def data_info(
    ctx: click.Context, files: tuple[Path, ...], pixelsize: float | None, framerate: float | None
) -> None:
    """Describe tracker files and label files and list their problems.

    Of a folder, each recording is described, and each file that looks like a tracker file but
    cannot be read. The exit code is 1 if a file has a problem.

    \b
    Example: tagging-backend data info recording.spine table.csv --pixelsize 73
    """
    from taggingbackends.analysis.info import files_in, info

    wrong = False
    for position, file in enumerate(file for path in files for file in files_in(path)):
        facts, problems = info(file, pixelsize=pixelsize, framerate=framerate)
        wrong |= bool(problems)
        echo(*[""] * bool(position), file)
        wrong_ones = (("wrong", in_command_words(problem)) for problem in problems)
        facts_and_problems = [*facts.items(), *wrong_ones]
        echo(*(f"  {name:<12}{text}" for name, text in facts_and_problems))
    ctx.exit(int(wrong))
