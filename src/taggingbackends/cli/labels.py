"""``tagging-backend labels``: look at labels."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import click

from taggingbackends.cli.arguments import FORCE, JSON
from taggingbackends.cli.filelists import takes_files
from taggingbackends.cli.labelfiles import (
    FILE,
    MAX_GAP,
    PAGES,
    PATH,
    WRITTEN,
    check_suffix,
    put,
    target_of,
)
from taggingbackends.cli.output import echo, print_json, terminal_width
from taggingbackends.errors import TaggingBackendsError, located
from taggingbackends.system.words import counted

if TYPE_CHECKING:
    from taggingbackends.analysis.comparison import Comparison
from taggingbackends.cli import editing, exchange

__all__ = ["labels"]

_TROUBLE = 2  # exit code of diff if the files cannot be compared, or the result not printed


@click.group()
def labels() -> None:
    """Inspect, edit and convert label files."""


@labels.command()
@takes_files()
@MAX_GAP
@JSON
def show(files: tuple[Path, ...], max_gap: float | None, as_json: bool) -> None:
    """Print the runs, labels and ethograms of label files.

    A file may also be a trx.mat with labels, or a folder of such files.

    Print a table of runs, a table of labels, and an ethogram of each run. An ethogram has one
    line per larva, with time from left to right. Colours are used only on a terminal, unless
    NO_COLOR is set.

    \b
    Example: tagging-backend labels show recordings/truth.label
    """
    from dataclasses import asdict

    from taggingbackends.analysis.overview import overview
    from taggingbackends.data.labelsources import label_sources, read_labels
    from taggingbackends.display.tables import label_table, run_table
    from taggingbackends.display.terminal import ethogram

    sources = label_sources(files)
    if as_json:
        found = [(file, overview(read_labels(file))) for file in sources]
        print_json([{"file": str(file), "runs": list(map(asdict, runs))} for file, runs in found])
        return
    color = False if os.environ.get("NO_COLOR") else None
    width = terminal_width()
    for position, file in enumerate(sources):
        labels = read_labels(file)
        runs = overview(labels)
        echo(*[""] * bool(position), file, "", *run_table(runs, width).split("\n"))
        echo("", *label_table(runs, width).split("\n"))
        for run in labels.values():
            echo("", f"run {run.id}")
            # its names are escaped already, its colours must not be
            click.echo(ethogram(run, width, max_gap), color=color)


@labels.command()
@takes_files()
@click.pass_context
def check(ctx: click.Context, files: tuple[Path, ...]) -> None:
    """List every error in label files.

    The tracker files that they depend on must be unchanged, and have the run, the larvae and the
    times of the labels. Files that label a run of the same identifier must depend on the same
    recording. The command does not stop at the first error. It prints one line per error, and at
    most 20 errors for one list, such as the labels of a track. The exit code is 1 if there is an
    error. Names that a file uses without declaring them, although it declares others, cause a
    warning. So do records that Nyx cannot read.

    \b
    Example: tagging-backend labels check recordings/*.label
    """
    from taggingbackends.data.agreement import LabelFileCheck

    wrong = False
    check = LabelFileCheck()
    for file in files:
        try:
            found, sentences = check.check(file)
            errors = list(map(str, found))
            for sentence in sentences:
                warnings.warn(f"{file}: {sentence}", stacklevel=1)
        except OSError as error:
            errors = [f"{file}: cannot be read: {error.strerror}"]
        wrong |= bool(errors)
        echo(*errors or [f"{file}: nothing to fix"])
    ctx.exit(int(wrong))


@labels.command()
@click.argument("one", type=PATH)
@click.argument("other", type=PATH)
@click.option("--all", "show_all", is_flag=True, help="Show all differences instead of 20.")
@click.option("--force", is_flag=True, help="Compare labels of different recordings.")
@JSON
@click.pass_context
def diff(
    ctx: click.Context, one: Path, other: Path, show_all: bool, force: bool, as_json: bool
) -> None:
    """Print the agreement of two label files and their differences.

    Frames are matched within 1 ms. Only primary labels are compared. The rows of the confusion
    matrix are the classes in ONE, the columns those in OTHER. Labels that depend on the files of
    different recordings are not compared, unless --force is given. The exit code is 0 if all
    frames are the same, 1 if a frame differs, and 2 if the files cannot be compared.

    \b
    Example: tagging-backend labels diff recordings/predicted.label recordings/truth.label
    """
    from taggingbackends.analysis.comparison import compare_files

    try:
        found = compare_files(one, other, force)
        if as_json:
            print_json([comparison.to_dict() for comparison in found])
        for position, comparison in enumerate(() if as_json else found):
            most = None if show_all else 20
            echo(*[""] * bool(position), *_comparison_lines(comparison, most))
    except (TaggingBackendsError, OSError) as error:
        error.exit_code = _TROUBLE  # type: ignore[union-attr] # as diff(1): 1 means "differs"
        raise
    ctx.exit(int(not all(comparison.is_same for comparison in found)))


def _comparison_lines(found: Comparison, most: int | None) -> list[str]:
    from taggingbackends.display.tables import confusion_table, differences_table

    lines = [
        f"run {found.run}: {counted(found.frames, 'frame')} in both, "
        f"{found.only_one} only in ONE, "
        f"{found.only_other} only in OTHER",
        f"agreement {found.agreement:.4f}, Cohen's kappa {found.kappa:.4f}",
    ]
    if found.names:
        lines += ["", *confusion_table(found, terminal_width()).split("\n")]
    n = len(found.differences)
    if n:
        first = "" if most is None or n <= most else f", the first {most} (--all shows all)"
        lines += ["", f"{counted(n, 'difference')}{first}:"]
        lines += differences_table(found, most).split("\n")
    return lines


@labels.command()
@takes_files()
@click.option(
    "--most",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    metavar="N",
    help="List N bouts at most.",
)
@MAX_GAP
@JSON
@click.option("--output", "-o", type=PATH, metavar="FILE", help="Write a CSV table to FILE.")
@FORCE
def review(
    files: tuple[Path, ...],
    most: int,
    max_gap: float | None,
    as_json: bool,
    output: Path | None,
    force: bool,
) -> None:
    """List the bouts of predicted labels to look at first.

    The first bout has the largest doubt: the sum over its frames of (1 - confidence) times
    duration. Bouts of edited frames, and bouts without confidence, are counted only. The exit code
    is 1 if no file has a confidence.

    \b
    Example: tagging-backend labels review recordings/predicted.label --most 20
    """
    from dataclasses import asdict

    from taggingbackends.analysis.reviewing import review, review_csv
    from taggingbackends.display.tables import review_table
    from taggingbackends.labels import Labels

    if as_json and output is not None:
        raise click.UsageError("--json and --output cannot be used together")
    target = None if output is None else target_of(files[0], output, False, force, (".csv",))
    bouts, others, several = [], 0, False
    for file in files:
        labels = Labels.read(file)
        several |= len(labels) > 1
        with located(file=file):
            found = review(labels, max_gap)
        if found is None:
            warnings.warn(f"{file}: no frame has a confidence", stacklevel=1)
        else:
            bouts += [(str(file), bout) for bout in found.bouts]
            others += found.others
    if not bouts and not others:
        raise TaggingBackendsError("expected labels with a confidence, found none")
    bouts.sort(key=lambda item: -item[1].doubt)
    shown = bouts[:most]
    if as_json:
        listed = [{"file": file, **asdict(bout)} for file, bout in shown]
        print_json({"bouts": listed, "total": len(bouts), "others": others})
        return
    if target is not None:
        put(target, review_csv(shown).encode())
        return
    columns = ["file"] * (len(files) > 1) + ["run"] * several
    echo(*review_table(shown, columns, terminal_width()).split("\n"))
    first = f"the first {most} of " if len(bouts) > most else ""
    rest = f"; not listed: {others} without confidence or edited" if others else ""
    echo("", f"{first}{counted(len(bouts), 'bout')}{rest}")


@labels.command()
@FILE
@MAX_GAP
@WRITTEN
@FORCE
def plot(file: Path, max_gap: float | None, output: Path, force: bool) -> None:
    """Draw the ethogram of a label file as PNG, SVG or PDF.

    The suffix of the output file sets the format. The ethogram has one row per larva, with time
    from left to right. FILE may also be a trx.mat with labels, or a folder of such files: each run
    has its own panel. This needs matplotlib: pip install 'taggingbackends[plot]'.

    \b
    Example: tagging-backend labels plot recordings/truth.label -o ethogram.png
    """
    from taggingbackends.data.labelsources import iter_labels
    from taggingbackends.display.picture import draw_ethograms
    from taggingbackends.display.saving import SUFFIXES

    check_suffix(output, SUFFIXES)  # refuses standard output, whose format would be unknown
    target = target_of(file, output, False, force, SUFFIXES)
    put(target, draw_ethograms(iter_labels(file), output.suffix.lower(), max_gap))


@labels.command()
@takes_files()
@MAX_GAP
@WRITTEN
@click.option("--force", is_flag=True, help="Replace existing files; compare other recordings.")
@click.option(
    "--tracks", is_flag=True, help="Also show the larvae, from the tracker files of the labels."
)
def report(
    files: tuple[Path, ...], max_gap: float | None, output: Path, force: bool, tracks: bool
) -> None:
    """Write an HTML report about label files.

    The page opens in a browser and needs no network. A file may also be a trx.mat with labels, or a
    folder of such files. If files label the same run, each later file is compared with the first;
    files that a model predicted come last. Labels that depend on the files of different recordings
    are not compared, unless --force is given.

    With --tracks, the page also plays the larvae: one through a bout, or all of them in the arena.
    The tracker files that the labels depend on must be beside the label files.

    \b
    Example: tagging-backend labels report truth.label predicted.label -o report.html
    """
    from taggingbackends.data.labelsources import label_sources, read_labels
    from taggingbackends.display.page import report

    target = target_of(files[0], output, False, force, PAGES)
    labels = {str(file): read_labels(file) for file in label_sources(files)}
    page = report(labels, max_gap, force, tracks)
    put(target, page.encode())


for _command in (
    editing.crop,
    editing.fill,
    editing.merge,
    editing.rename,
    editing.smooth,
    editing.tag,
    exchange.convert,
    exchange.export,
    exchange.import_events,
):
    labels.add_command(_command)
