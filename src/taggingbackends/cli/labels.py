"""``tagging-backend labels``."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from taggingbackends.cli.arguments import FORCE
from taggingbackends.cli.output import echo, print_json, print_names
from taggingbackends.errors import TaggingBackendsError, located
from taggingbackends.system.words import counted

if TYPE_CHECKING:
    from taggingbackends.analysis.comparison import Comparison
    from taggingbackends.data.tracks import Recording
    from taggingbackends.labels import Labels
    from taggingbackends.system.files import Destination

__all__ = ["labels"]

F = TypeVar("F", bound=Callable[..., object])


_STDOUT = (Path("-"), Path("/dev/stdout"))
_TROUBLE = 2  # exit code of diff if the files cannot be compared, or the result not printed

_PATH = click.Path(readable=False, path_type=Path)
_FILE = click.argument("file", type=_PATH)
_FILES = click.argument("files", nargs=-1, required=True, type=_PATH)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
_WRITTEN = click.option(
    "--output", "-o", required=True, type=_PATH, metavar="FILE", help="Write to FILE."
)
_MAX_GAP = click.option(
    "--max-gap",
    type=float,
    callback=lambda *given: _above_0(given[2]),
    metavar="S",
    help="End bouts at gaps longer than S seconds; by default the longer of 1 s and 5 median "
    "frame intervals.",
)


def _above_0(value: float | None) -> float | None:
    if value is not None and not value > 0:
        raise click.BadParameter(f"expected seconds above 0, found {value:g}")
    return value


def _with_output(command: F, force: Callable[[F], F]) -> F:
    """Add the options ``--output``, ``--in-place`` and ``--force``."""
    for option in (
        force,
        click.option(
            "--in-place", is_flag=True, help="Overwrite the input file; of several, the first."
        ),
        click.option(
            "--output",
            "-o",
            type=_PATH,
            metavar="FILE",
            help="Write to FILE; - is standard output.",
        ),
    ):
        command = option(command)
    return command


_output = partial(_with_output, force=FORCE)
_output_mixed = partial(
    _with_output,
    force=click.option(
        "--force", is_flag=True, help="Replace existing files; combine different recordings."
    ),
)


@click.group()
def labels() -> None:
    """Inspect, edit and convert label files."""


@labels.command()
@_FILES
@_MAX_GAP
@_JSON
def show(files: tuple[Path, ...], max_gap: float | None, as_json: bool) -> None:
    """Print the runs, labels and ethograms of label files.

    Print a table of runs, a table of labels, and an ethogram of each run. An ethogram has one
    line per larva, with time from left to right. Colours are used only on a terminal, unless
    NO_COLOR is set.

    \b
    Example: tagging-backend labels show recordings/truth.label
    """
    from dataclasses import asdict

    from taggingbackends.analysis.overview import overview
    from taggingbackends.display.tables import label_table, run_table
    from taggingbackends.display.terminal import ethogram
    from taggingbackends.labels import Labels

    if as_json:
        found = [(file, overview(Labels.read(file))) for file in files]
        print_json([{"file": str(file), "runs": list(map(asdict, runs))} for file, runs in found])
        return
    color = False if os.environ.get("NO_COLOR") else None
    width = _width()
    for position, file in enumerate(files):
        labels = Labels.read(file)
        runs = overview(labels)
        echo(*[""] * bool(position), file, "", *run_table(runs, width).split("\n"))
        echo("", *label_table(runs, width).split("\n"))
        for run in labels.values():
            echo("", f"run {run.id}")
            # its names are escaped already, its colours must not be
            click.echo(ethogram(run, width, max_gap), color=color)


@labels.command()
@_FILES
@click.pass_context
def check(ctx: click.Context, files: tuple[Path, ...]) -> None:
    """List every error in label files.

    The tracker files that they depend on must be unchanged, and have the run, the larvae and the
    times of the labels. Files that label a run of the same identifier must depend on the same
    recording. The command does not stop at the first error. It prints one line per error, and at
    most 20 errors for one list, such as the labels of a track. The exit code is 1 if there is an
    error. Names that a file uses without declaring them, although it declares others, cause a
    warning.

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
@_FILES
@click.option("--names", is_flag=True, help="Write states as names instead of codes.")
@click.option("--bouts", is_flag=True, help="Write a CSV table of bouts instead.")
@_MAX_GAP
@click.option("--split", is_flag=True, help="Write one file per run, into the folder --output.")
@_output
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
        if output is None or output in _STDOUT:
            raise click.UsageError("--split needs --output FOLDER")
        print_names(conversion.split(conversion.united(files), output, names, force))
        return
    if bouts:
        fix = "without --bouts, a label file is written"
        target = _target(files[0], output, in_place, force, (".csv",), fix)
    else:
        fix = "with --bouts, a table is written"
        target = _target(files[0], output, in_place, force, fix=fix)
    labels = conversion.united(files)
    if bouts:
        _put(target, bouts_csv(labels, max_gap).encode())
    else:
        with located(file=target.path):
            content = writing.text(labels.attributes, labels, names)
        _put(target, content)


@labels.command()
@click.argument("one", type=_PATH)
@click.argument("other", type=_PATH)
@click.option("--all", "show_all", is_flag=True, help="Show all differences instead of 20.")
@click.option("--force", is_flag=True, help="Compare labels of different recordings.")
@_JSON
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
        lines += ["", *confusion_table(found, _width()).split("\n")]
    n = len(found.differences)
    if n:
        first = "" if most is None or n <= most else f", the first {most} (--all shows all)"
        lines += ["", f"{counted(n, 'difference')}{first}:"]
        lines += differences_table(found, most).split("\n")
    return lines


@labels.command()
@_FILES
@_output_mixed
def merge(files: tuple[Path, ...], output: Path | None, in_place: bool, force: bool) -> None:
    """Merge label files into the first one.

    Later files take precedence: their defined states replace those at the same times. Runs, larvae
    and times that only a later file has are added. Runs that depend on the files of different
    recordings are not merged, unless --force is given.

    \b
    Example: tagging-backend labels merge predicted.label edited.label -o merged.label
    """
    from taggingbackends.labels import Labels

    if len(files) < 2:
        raise click.UsageError("name two files or more")
    target = _target(files[0], output, in_place, force)
    labels = Labels.read(files[0])
    for file in files[1:]:
        other = Labels.read(file)
        with located(file=file):
            labels.merge(other, force=force)
    _write(target, labels)


@labels.command()
@_FILE
@click.option(
    "--start",
    type=float,
    default=float("-inf"),
    metavar="S",
    help="Keep the frames from this time on (s).",
)
@click.option(
    "--stop",
    type=float,
    default=float("inf"),
    metavar="S",
    help="Keep the frames up to this time (s).",
)
@_output
def crop(
    file: Path,
    start: float,
    stop: float,
    output: Path | None,
    in_place: bool,
    force: bool,
) -> None:
    """Keep the frames between --start and --stop, inclusive.

    \b
    Example: tagging-backend labels crop truth.label --start 10 --stop 20.5 -o part.label
    """
    from taggingbackends.labels import Labels

    if not start <= stop:
        raise click.UsageError(f"--start {start:g} is after --stop {stop:g}")
    target = _target(file, output, in_place, force)
    _write(target, Labels.read(file).crop(start, stop))


@labels.command()
@_FILE
@click.option("--label", required=True, metavar="NAME", help="Give undefined frames this label.")
@click.option(
    "--like",
    type=_PATH,
    metavar="FILE",
    help="Add and label the frames that only this recording or label file has.",
)
@click.option(
    "--pixelsize",
    type=float,
    metavar="UM",
    help="Set the pixel size of a FIMTrack table --like, in µm.",
)
@click.option(
    "--framerate",
    type=float,
    metavar="HZ",
    help="Set the frame rate of a FIMTrack table --like, in frames/s; by default that of FILE, "
    "or else 30.",
)
@_output_mixed
def fill(
    file: Path,
    label: str,
    like: Path | None,
    pixelsize: float | None,
    framerate: float | None,
    output: Path | None,
    in_place: bool,
    force: bool,
) -> None:
    """Give a label to undefined frames.

    If the labels name the files that they depend on, --like must be one of these, or labels that
    depend on them, unless --force is given.

    \b
    Example: tagging-backend labels fill truth.label --label run --in-place
    """
    from taggingbackends.labels import Labels

    target = _target(file, output, in_place, force)
    labels = Labels.read(file)
    options = {"pixelsize": pixelsize, "framerate": framerate}
    frames = None if like is None else _frames(like, labels, options)
    with located(file=like):
        labels.fill(label, frames, force)
    _write(target, labels)


@labels.command()
@_FILE
@click.argument("name")
@click.option("--unless", multiple=True, metavar="NAME", help="Skip states with this label.")
@_output
def tag(
    file: Path,
    name: str,
    unless: tuple[str, ...],
    output: Path | None,
    in_place: bool,
    force: bool,
) -> None:
    """Add a secondary label to all defined frames.

    \b
    Example: tagging-backend labels tag truth.label edited -o tagged.label
    """
    from taggingbackends.labels import Labels

    target = _target(file, output, in_place, force)
    labels = Labels.read(file)
    labels.tag(name, unless)
    _write(target, labels)


@labels.command()
@_FILE
@_MAX_GAP
@_WRITTEN
@FORCE
def plot(file: Path, max_gap: float | None, output: Path, force: bool) -> None:
    """Draw the ethogram of a label file as PNG, SVG or PDF.

    The suffix of the output file sets the format. The ethogram has one row per larva, with time
    from left to right. This needs matplotlib: pip install 'taggingbackends[plot]'.

    \b
    Example: tagging-backend labels plot recordings/truth.label -o ethogram.png
    """
    from taggingbackends.display.picture import SUFFIXES, draw_ethogram
    from taggingbackends.labels import Labels

    _check_suffix(output, SUFFIXES)  # refuses standard output, whose format would be unknown
    target = _target(file, output, False, force, SUFFIXES)
    _put(target, draw_ethogram(Labels.read(file), output.suffix.lower(), max_gap))


@labels.command()
@_FILES
@_MAX_GAP
@_WRITTEN
@click.option("--force", is_flag=True, help="Replace existing files; compare other recordings.")
def report(files: tuple[Path, ...], max_gap: float | None, output: Path, force: bool) -> None:
    """Write an HTML report about label files.

    The page opens in a browser and needs no network. If files label the same run, each later file
    is compared with the first. Labels that depend on the files of different recordings are not
    compared, unless --force is given.

    \b
    Example: tagging-backend labels report truth.label predicted.label -o report.html
    """
    from taggingbackends.display.page import report
    from taggingbackends.labels import Labels

    target = _target(files[0], output, False, force, (".html", ".htm"))
    page = report({str(file): Labels.read(file) for file in files}, max_gap, force)
    _put(target, page.encode())


def _check_suffix(output: Path, suffixes: tuple[str, ...], fix: str = "") -> None:
    if output.suffix.lower() not in suffixes:
        problem = f"{output}: expected a name that ends in {' or '.join(suffixes)}"
        raise click.UsageError(f"{problem}; {fix}" if fix else problem)


def _frames(file: Path, labels: Labels, options: dict[str, float | None]) -> Labels | Recording:
    from taggingbackends.data.agreement import options_for
    from taggingbackends.data.formats import is_label_file
    from taggingbackends.labels import Labels

    if is_label_file(file):
        return Labels.read(file)
    from taggingbackends.data.loading import load_tracks

    runs = list(labels.values())
    known = options_for(file, runs[0], options) if len(runs) == 1 else options
    return load_tracks(file, spine=False, outline=False, **known)


def _target(
    first: Path,
    output: Path | None,
    in_place: bool,
    force: bool,
    suffixes: tuple[str, ...] | None = None,
    fix: str = "",
) -> Destination:
    """Return the file to write. Check it before anything is read.

    The default suffixes are those of label files.
    """
    from taggingbackends.data.formats import LABEL_SUFFIXES
    from taggingbackends.system.files import Destination, check_replaceable, is_stream, stamp

    if (output is None) != in_place:
        raise click.UsageError("name where to write: either --output FILE or --in-place")
    if output is not None and (output in _STDOUT or is_stream(output)):
        return Destination(output)
    target = first if output is None else output
    if output is not None:
        _check_suffix(output, LABEL_SUFFIXES if suffixes is None else suffixes, fix)
    check_replaceable(target)
    return Destination(target, stamp(target) if in_place or force else None)


def _write(target: Destination, labels: Labels) -> None:
    from taggingbackends.labels import writing

    with located(file=target.path):
        content = writing.text(labels.attributes, labels)
    _put(target, content)


def _put(target: Destination, content: bytes) -> None:
    """Write to a file and print its name, or write to standard output, a pipe or a device."""
    from taggingbackends.system.files import is_stream, write_file

    if target.path in _STDOUT:
        click.echo(content, nl=False)
        return
    write_file(target.path, [content], target.expected)
    if not is_stream(target.path):
        print_names([target.path])


def _width() -> int:
    from shutil import get_terminal_size

    return get_terminal_size().columns
