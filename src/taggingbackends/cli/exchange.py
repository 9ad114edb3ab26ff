"""Commands of ``labels`` that read and write labels in other forms."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

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
    check_suffix,
    frames_like,
    output_options,
    parse_renames,
    put,
    target_of,
    write_labels,
)
from taggingbackends.cli.output import print_names, say
from taggingbackends.errors import located

if TYPE_CHECKING:
    from taggingbackends.labels import Labels

__all__ = ["convert", "export", "import_events"]


@click.command()
@takes_files()
@click.option("--names", is_flag=True, help="Write states as names instead of codes.")
@click.option(
    "--table",
    type=click.Choice(["frames", "bouts", "budget"]),
    help="Write a table instead: .csv, or .parquet; to standard output as CSV.",
)
@MAX_GAP
@click.option("--split", is_flag=True, help="Write one file per run, into the folder --output.")
@output_options
def convert(
    files: tuple[Path, ...],
    names: bool,
    table: str | None,
    max_gap: float | None,
    split: bool,
    output: Path | None,
    in_place: bool,
    force: bool,
) -> None:
    """Convert labels to another form.

    FILES are label files, trx.mat with labels, folders, and patterns. The default is the canonical
    form of label files, with codes for states. Several files become one file with all their runs.
    With -o -, write to standard output.

    \b
    Example: tagging-backend labels convert recordings --table bouts -o bouts.csv
    """
    from taggingbackends.data.labelsources import iter_labels, label_sources, read_to_write
    from taggingbackends.data.ownlabels import has_labels
    from taggingbackends.labels import conversion, writing

    if table and (names or split):
        raise click.UsageError("--table cannot be used with --names or --split")
    if max_gap is not None and not table:
        raise click.UsageError("--max-gap needs --table")
    if (table or split) and in_place:
        raise click.UsageError("--table and --split need --output")
    sources = label_sources(files)
    if table:
        from taggingbackends.labels.tablefiles import SUFFIXES, table_chunks

        fix = "without --table, a label file is written"
        target = target_of(sources[0], output, in_place, force, SUFFIXES, fix)
        suffix = target.path.suffix.lower()
        put(target, table_chunks(table, partial(iter_labels, sources), suffix, max_gap))
        return
    if split:
        if output is None or output in STDOUT:
            raise click.UsageError("--split needs --output FOLDER")
        labels = conversion.united(map(read_to_write, sources))
        print_names(conversion.split(labels, output, names, force))
        return
    if in_place and has_labels(sources[0]):
        raise click.UsageError(f"{sources[0]}: --in-place replaces label files only")
    fix = "with --table, a table is written"
    target = target_of(sources[0], output, in_place, force, fix=fix)
    labels = conversion.united(map(read_to_write, sources))
    with located(file=target.path):
        content = writing.text(labels.attributes, labels, names)
    put(target, content)


@click.command()
@FILE
@click.option(
    "--to",
    type=click.Choice(["trx", "boris"]),
    required=True,
    help="Write a file of this kind: trx is a trx.mat, boris is a CSV table of events.",
)
@click.option("--like", type=PATH, metavar="FILE", help="With trx: write a copy of this trx.mat.")
@click.option(
    "--rename",
    multiple=True,
    metavar="OLD=NEW",
    help="Write a label under another name. Several: 'crawl=run,bend=cast'.",
)
@click.option(
    "--variant",
    type=click.Choice(["large", "strong", "weak"]),
    help="With trx: write the variants of the indicators, such as run_large.",
)
@click.option("--reset", is_flag=True, help="With trx: set all known indicators to -1 first.")
@MAX_GAP
@WRITTEN
@click.option("--force", is_flag=True, help="Replace an existing file; write to another recording.")
def export(
    file: Path,
    to: str,
    like: Path | None,
    rename: tuple[str, ...],
    variant: Literal["large", "strong", "weak"] | None,
    reset: bool,
    max_gap: float | None,
    output: Path,
    force: bool,
) -> None:
    """Write labels as a file of another program.

    trx: a copy of the trx.mat --like in which each label is an indicator: 1 in the frames that have
    it, -1 in all others. Frames are matched within 1 ms.

    boris: each bout is a state event of BORIS, and each larva a subject.

    \b
    Example: tagging-backend labels export predicted.label --to trx --like trx.mat -o updated.mat
             tagging-backend labels export predicted.label --to boris -o events.csv
    """
    from taggingbackends.data.labelsources import read_labels

    renames = parse_renames(rename)
    if to == "trx":
        if like is None:
            raise click.UsageError("--to trx needs --like FILE, the trx.mat to copy")
        if max_gap is not None:
            raise click.UsageError("--max-gap needs --to boris")
        check_suffix(output, (".mat",))
        _export_trx(read_labels(file), like, output, renames, variant, reset, force)
        return
    if like is not None or variant is not None or reset:
        raise click.UsageError("--like, --variant and --reset need --to trx")
    from taggingbackends.labels.boris import export_boris

    target = target_of(file, output, False, force, (".csv",))
    labels = read_labels(file)
    with located(file=file):
        if renames:
            labels.rename(renames)
        content = export_boris(labels, max_gap)
    put(target, content.encode())


def _export_trx(
    labels: Labels,
    like: Path,
    output: Path,
    rename: dict[str, str],
    variant: Literal["large", "strong", "weak"] | None,
    reset: bool,
    force: bool,
) -> None:
    import warnings

    from taggingbackends.data import export_trx
    from taggingbackends.system.words import counted

    with located(file=labels.file):
        done = export_trx(
            labels,
            like,
            output,
            rename=rename,
            variant=variant or "plain",
            reset=reset,
            force=force,
        )
    print_names([output])
    frames = f"{counted(done.frames, 'frame')} of {counted(done.larvae, 'larva', 'larvae')}"
    say(
        f"{frames} with labels, {done.undefined} of them undefined; "
        f"{counted(done.unlabelled, 'frame')} without"
    )
    for sentence in done.sentences:
        warnings.warn(f"{output}: {sentence}", stacklevel=1)


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
