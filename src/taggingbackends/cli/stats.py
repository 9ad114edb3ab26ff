"""``tagging-backend stats``."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Literal

import click

from taggingbackends.cli.arguments import JSON
from taggingbackends.cli.filelists import takes_files
from taggingbackends.cli.labelfiles import MAX_GAP, PATH, above_0
from taggingbackends.cli.output import echo, print_json, terminal_width

__all__ = ["stats"]


def _window(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[float, float] | None:
    """Return a window of time: ``START:STOP``, s."""
    if value is None:
        return None
    try:
        start, stop = map(float, value.split(":"))
    except ValueError:
        start = stop = 0.0
    if not -inf < start < stop < inf:
        problem = f"expected START:STOP in seconds, such as 60:62, found {value!r}"
        raise click.BadParameter(problem, ctx, param)
    return start, stop


def _finite(value: float | None) -> float | None:
    if value is not None and not -inf < value < inf:
        raise click.BadParameter(f"expected a number, found {value}")
    return value


@click.command()
@takes_files()
@click.option(
    "--by",
    metavar="COLUMNS",
    default="genotype",
    show_default=True,
    help="Group the recordings by these facts or columns of TABLE, such as genotype,protocol; '' "
    "makes one group of all.",
)
@click.option(
    "--window",
    callback=_window,
    metavar="START:STOP",
    help="Window of responses, s; by default the first stimulus of each recording's protocol.",
)
@click.option(
    "--before",
    callback=_window,
    metavar="START:STOP",
    help="Count only larvae that do not perform the label in this window, s.",
)
@click.option(
    "--bin",
    "width",
    type=float,
    default=0.5,
    show_default=True,
    callback=lambda *given: _finite(above_0(given[2])),
    metavar="S",
    help="Width of the bins of time.",
)
@click.option(
    "--min-tracked",
    type=click.FloatRange(0, 1),
    default=0.8,
    show_default=True,
    callback=lambda *given: _finite(given[2]),
    metavar="SHARE",
    help="Count only larvae that are tracked for this share of the window.",
)
@click.option(
    "--control", metavar="NAME", help="Compare each group with this one; by default all pairs."
)
@click.option(
    "--groups",
    type=PATH,
    metavar="TABLE",
    help="Take the groups from a CSV table: a column recording, and a column for each of --by.",
)
@click.option(
    "--unit",
    type=click.Choice(["larva", "recording"]),
    default="larva",
    show_default=True,
    help="What is independent: larvae, or only recordings.",
)
@MAX_GAP
@click.option(
    "--figures",
    type=click.Choice(["png", "svg", "pdf"]),
    default="png",
    show_default=True,
    help="Format of the figures.",
)
@click.option(
    "--table",
    type=click.Choice(["csv", "parquet"]),
    default="csv",
    show_default=True,
    help="Format of the tables.",
)
@click.option(
    "--output", "-o", required=True, type=PATH, metavar="FOLDER", help="Write into FOLDER."
)
@click.option("--force", is_flag=True, help="Replace the results in a folder that is not empty.")
@JSON
def stats(
    files: tuple[Path, ...],
    by: str,
    window: tuple[float, float] | None,
    before: tuple[float, float] | None,
    width: float,
    min_tracked: float,
    control: str | None,
    groups: Path | None,
    unit: Literal["larva", "recording"],
    max_gap: float | None,
    figures: str,
    table: str,
    output: Path,
    force: bool,
    as_json: bool,
) -> None:
    """Compare the behaviour of groups of recordings.

    FILES are label files, trx.mat with labels, folders of these, or patterns such as
    '**/predicted.label'. Recordings are grouped by what their metadata or the names of their
    tracker files say: genotype, effector, tracker, protocol, date_time.

    Write tables, figures, an HTML report and a paragraph for the methods of a paper into FOLDER:
    labels over time, responses in a window, budgets, bouts, transitions, and tests between the
    groups. Print the responses, and the comparisons with p < 0.05 after correction.

    This needs pandas, scipy and matplotlib: pip install 'taggingbackends[stats]'.

    \b
    Example: tagging-backend stats 'recordings/**/predicted.label' --by genotype -o results
    """
    from taggingbackends.analysis import statistics
    from taggingbackends.data.labelsources import iter_labels, label_sources
    from taggingbackends.display.results import REPORT, check_output, result_files, write_results
    from taggingbackends.display.statistics import statistics_dict, statistics_text
    from taggingbackends.system.progress import progress

    columns = [column.strip() for column in by.split(",") if by]
    if not all(columns):
        raise click.UsageError(f"--by {by!r}: expected names separated by commas")
    present = check_output(output, table, force)
    sources = progress(label_sources(files), "reading")
    found = statistics(
        (labels for file in sources for labels in iter_labels(file)),
        columns,
        window=window,
        before=before,
        bin=width,
        min_tracked=min_tracked,
        control=control,
        unit=unit,
        groups=groups,
        max_gap=max_gap,
    )
    written = write_results(output, result_files(found, figures, table), present)
    if as_json:
        print_json(statistics_dict(found) | {"files": [str(path) for path in written]})
        return
    echo(*statistics_text(found, terminal_width()).split("\n"))
    echo("", f"{len(written)} files in {output}; open {output / REPORT}")
