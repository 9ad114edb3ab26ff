"""``tagging-backend labels``."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import click

__all__ = ["labels"]


@click.group()
def labels() -> None:
    """Look at label files."""


@labels.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def show(files: tuple[Path, ...]) -> None:
    """Print the frames of each label, and an ethogram: one line a larva, time along it.

    Colours are left out if the output is no terminal, or NO_COLOR is set.
    """
    from taggingbackends.ethogram import ethogram, table
    from taggingbackends.labels import Labels

    color = False if os.environ.get("NO_COLOR") else None
    for file in files:
        labels = Labels.read(file)
        click.echo(f"{file}\n\n{table(labels)}")
        for run in labels.values():
            width = shutil.get_terminal_size().columns
            click.echo(f"\nrun {run.id}\n{ethogram(run, width)}", color=color)
