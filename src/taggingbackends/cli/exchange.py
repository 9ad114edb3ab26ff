"""Commands of ``labels`` that write labels in other forms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from taggingbackends.cli.filelists import takes_files
from taggingbackends.cli.labelfiles import (
    MAX_GAP,
    STDOUT,
    output_options,
    put,
    target_of,
)
from taggingbackends.cli.output import print_names
from taggingbackends.errors import located

if TYPE_CHECKING:
    pass


__all__ = ["convert"]


@click.command()
@takes_files()
@click.option("--names", is_flag=True, help="Write states as names instead of codes.")
@click.option("--bouts", is_flag=True, help="Write a CSV table of bouts instead.")
@MAX_GAP
@click.option("--split", is_flag=True, help="Write one file per run, into the folder --output.")
@output_options
def convert(
    files: tuple[Path, ...],
    names: bool,
    bouts: bool,
    max_gap: float | None,
    split: bool,
    output: Path | None,
    in_place: bool,
    force: bool,
) -> None:
    """Convert label files to another form.

    The default is the canonical form, with codes for states. Several files become one label file
    with all their runs. With -o -, write to standard output.

    \b
    Example: tagging-backend labels convert recordings/truth.label --bouts -o bouts.csv
    """
    from taggingbackends.labels import conversion, writing
    from taggingbackends.labels.bouts import bouts_csv

    if bouts and (names or split):
        raise click.UsageError("--bouts cannot be used with --names or --split")
    if max_gap is not None and not bouts:
        raise click.UsageError("--max-gap needs --bouts")
    if (bouts or split) and in_place:
        raise click.UsageError("--bouts and --split need --output")
    if split:
        if output is None or output in STDOUT:
            raise click.UsageError("--split needs --output FOLDER")
        print_names(conversion.split(conversion.united(files), output, names, force))
        return
    if bouts:
        fix = "without --bouts, a label file is written"
        target = target_of(files[0], output, in_place, force, (".csv",), fix)
    else:
        fix = "with --bouts, a table is written"
        target = target_of(files[0], output, in_place, force, fix=fix)
    labels = conversion.united(files)
    if bouts:
        put(target, bouts_csv(labels, max_gap).encode())
    else:
        with located(file=target.path):
            content = writing.text(labels.attributes, labels, names)
        put(target, content)
