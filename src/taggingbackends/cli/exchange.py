"""Commands of ``labels`` that read and write labels in other forms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from taggingbackends.cli.filelists import takes_files
from taggingbackends.cli.labelfiles import (
    FILE,
    MAX_GAP,
    PATH,
    STDOUT,
    WRITTEN,
    check_suffix,
    output_options,
    put,
    target_of,
)
from taggingbackends.cli.output import print_names, say
from taggingbackends.errors import located

if TYPE_CHECKING:
    from taggingbackends.labels import Labels


__all__ = ["convert", "export"]


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
    """Convert label files, or the labels of a trx.mat, to another form.

    The default is the canonical form, with codes for states. Several files become one label file
    with all their runs. With -o -, write to standard output.

    \b
    Example: tagging-backend labels convert recordings/truth.label --bouts -o bouts.csv
    """
    from taggingbackends.data.labelsources import read_to_write
    from taggingbackends.data.ownlabels import has_labels
    from taggingbackends.labels import conversion, writing
    from taggingbackends.labels.bouts import bouts_csv

    if bouts and (names or split):
        raise click.UsageError("--bouts cannot be used with --names or --split")
    if max_gap is not None and not bouts:
        raise click.UsageError("--max-gap needs --bouts")
    if (bouts or split) and in_place:
        raise click.UsageError("--bouts and --split need --output")
    if in_place and files[0].is_file() and has_labels(files[0]):
        raise click.UsageError(f"{files[0]} is a tracker file; name where to write: --output FILE")
    if split:
        if output is None or output in STDOUT:
            raise click.UsageError("--split needs --output FOLDER")
        print_names(conversion.split(conversion.united(files, read_to_write), output, names, force))
        return
    if bouts:
        fix = "without --bouts, a label file is written"
        target = target_of(files[0], output, in_place, force, (".csv",), fix)
    else:
        fix = "with --bouts, a table is written"
        target = target_of(files[0], output, in_place, force, fix=fix)
    labels = conversion.united(files, read_to_write)
    if bouts:
        put(target, bouts_csv(labels, max_gap).encode())
    else:
        with located(file=target.path):
            content = writing.text(labels.attributes, labels, names)
        put(target, content)


def renames(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """Return the new name of each label in the values of ``--rename``."""
    found: dict[str, str] = {}
    for value in given:
        parts = value.split(",")
        for part in parts if all("=" in part for part in parts) else [value]:
            name, equals, new = part.partition("=")
            if not (name and equals and new):
                raise click.BadParameter(f"expected NAME=NEW, found {part!r}")
            if found.setdefault(name, new) != new:
                raise click.BadParameter(f"expected one new name of {name}, found two")
    return found


@click.command()
@FILE
@click.option(
    "--to",
    type=click.Choice(["trx"]),
    required=True,
    help="Write for this program: trx is a trx.mat of MATLAB 7.3.",
)
@WRITTEN
@click.option("--like", type=PATH, metavar="FILE", help="Write a copy of this trx.mat.")
@click.option(
    "--rename",
    multiple=True,
    callback=renames,
    metavar="NAME=NEW",
    help="Write the label NAME under the name NEW. Several: 'crawl=run,bend=cast'.",
)
@click.option(
    "--variant",
    type=click.Choice(["large", "strong", "weak"]),
    help="Write the variants of the indicators, such as run_large.",
)
@click.option("--reset", is_flag=True, help="Set all known indicators to -1 first.")
@click.option("--force", is_flag=True, help="Replace an existing file; write to another recording.")
def export(
    file: Path,
    to: str,
    output: Path,
    like: Path | None,
    rename: dict[str, str],
    variant: str | None,
    reset: bool,
    force: bool,
) -> None:
    """Write labels for another program.

    With --to trx, write a copy of the trx.mat --like in which each label is an indicator: 1 in the
    frames that have it, -1 in all others. Frames are matched within 1 ms.

    \b
    Example: tagging-backend labels export predicted.label --to trx --like trx.mat -o updated.mat
    """
    from taggingbackends.data.labelsources import read_labels

    if to == "trx":
        if like is None:
            raise click.UsageError("--to trx needs --like FILE, the trx.mat to copy")
        check_suffix(output, (".mat",))
        _export_trx(read_labels(file), like, output, rename, variant, reset, force)


def _export_trx(
    labels: Labels,
    like: Path,
    output: Path,
    rename: dict[str, str],
    variant: str | None,
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
