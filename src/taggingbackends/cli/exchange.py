"""Commands of ``labels`` that write labels in other forms, and read them."""

from __future__ import annotations

from pathlib import Path

import click

from taggingbackends.cli.arguments import FORCE
from taggingbackends.cli.filelists import takes_files
from taggingbackends.cli.labelfiles import (
    FILE,
    MAX_GAP,
    PATH,
    STDOUT,
    WRITTEN,
    camera_options,
    frames_like,
    output_options,
    put,
    target_of,
    write_labels,
)
from taggingbackends.cli.output import print_names
from taggingbackends.errors import located

__all__ = ["convert", "export", "import_events"]


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


@click.command()
@FILE
@click.option(
    "--to",
    type=click.Choice(["boris"]),
    required=True,
    help="Write a file of this program: boris: a CSV table of events.",
)
@MAX_GAP
@WRITTEN
@FORCE
def export(file: Path, to: str, max_gap: float | None, output: Path, force: bool) -> None:
    """Write labels as a file of another program.

    boris: each bout is a state event of BORIS, and each larva a subject.

    \b
    Example: tagging-backend labels export predicted.label --to boris -o events.csv
    """
    from taggingbackends.data.labelsources import read_labels
    from taggingbackends.labels.boris import export_boris

    target = target_of(file, output, False, force, (".csv",))
    labels = read_labels(file)
    with located(file=file):
        content = export_boris(labels, max_gap)
    put(target, content.encode())


@click.command("import")
@FILE
@click.option(
    "--like",
    type=PATH,
    required=True,
    metavar="RECORDING",
    help="Take the run, the larvae and their times from this tracker file, label file or folder.",
)
@camera_options("30")
@WRITTEN
@FORCE
def import_events(
    file: Path,
    like: Path,
    pixelsize: float | None,
    framerate: float | None,
    output: Path,
    force: bool,
) -> None:
    """Read labels from a table of events.

    FILE is a CSV or TSV file: tabular or aggregated events of BORIS, or bouts that `labels convert`
    writes. Subjects are larvae, and the observation has the identifier of the run. Frames without
    an event are undefined. What is left out is reported.

    \b
    Example: tagging-backend labels import events.csv --like recording.spine -o x.label
    """
    from taggingbackends.data import events

    target = target_of(file, output, False, force)
    options = {"pixelsize": pixelsize, "framerate": framerate}
    write_labels(target, events.import_events(file, frames_like(like, options)))
