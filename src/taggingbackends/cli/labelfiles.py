"""What the commands of ``labels`` share: options, files to write, printing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from taggingbackends.cli.arguments import FORCE
from taggingbackends.cli.output import print_names
from taggingbackends.errors import located

if TYPE_CHECKING:
    from taggingbackends.data.tracks import Recording
    from taggingbackends.labels import Labels
    from taggingbackends.system.files import Destination

__all__ = [
    "FILE",
    "MAX_GAP",
    "PAGES",
    "PATH",
    "STDOUT",
    "WRITTEN",
    "above_0",
    "camera_options",
    "check_suffix",
    "frames_like",
    "output_mixed",
    "output_options",
    "parse_renames",
    "put",
    "target_of",
    "write_labels",
]

F = TypeVar("F", bound=Callable[..., object])

STDOUT = (Path("-"), Path("/dev/stdout"))

PAGES = (".html", ".htm")

PATH = click.Path(readable=False, path_type=Path)
FILE = click.argument("file", type=PATH)
WRITTEN = click.option(
    "--output", "-o", required=True, type=PATH, metavar="FILE", help="Write to FILE."
)
MAX_GAP = click.option(
    "--max-gap",
    type=float,
    callback=lambda *given: above_0(given[2]),
    metavar="S",
    help="End bouts at gaps longer than S seconds; by default the longer of 1 s and 5 median "
    "frame intervals.",
)


def above_0(value: float | None) -> float | None:
    """Return the value of an option in seconds, unless it is not above 0."""
    if value is not None and not value > 0:
        raise click.BadParameter(f"expected seconds above 0, found {value:g}")
    return value


def camera_options(framerate: str) -> Callable[[F], F]:
    """Add the options of a FIMTrack table or NetCDF file --like; `framerate` is the default's."""

    def add(command: F) -> F:
        for option in (
            click.option(
                "--framerate",
                type=float,
                metavar="HZ",
                help="Set the frame rate of a FIMTrack table, or of a NetCDF file in frames, "
                f"--like, in frames/s; by default {framerate} for a table.",
            ),
            click.option(
                "--pixelsize",
                type=float,
                metavar="UM",
                help="Set the pixel size of a FIMTrack table, or of a NetCDF file in pixels, "
                "--like, in µm.",
            ),
        ):
            command = option(command)
        return command

    return add


def frames_like(
    path: Path, options: dict[str, float | None], labels: Labels | None = None
) -> Sequence[Labels | Recording]:
    """Return the labels or recordings at a path, for their runs, larvae and times.

    Parameters
    ----------
    path : Path
        A label file, a tracker file, or a folder of one recording.
    options : dict
        Those of `camera_options`.
    labels : Labels, optional
        Only their runs of a tracker file of several are wanted. The metadata complete the options.
    """
    from taggingbackends.data.formats import is_label_file

    if is_label_file(path):
        from taggingbackends.labels import Labels

        return [Labels.read(path)]
    from taggingbackends.data.loading import load_runs, load_wanted

    parts = {"spine": False, "outline": False}
    if labels is None:
        return list(load_runs(path, **parts, **options))
    from taggingbackends.data.agreement import options_for

    runs = list(labels.values())
    known = options_for(path, runs[0], options) if len(runs) == 1 else options
    return load_wanted(path, labels, **parts, **known)


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
            type=PATH,
            metavar="FILE",
            help="Write to FILE; - is standard output.",
        ),
    ):
        command = option(command)
    return command


output_options = partial(_with_output, force=FORCE)
output_mixed = partial(
    _with_output,
    force=click.option(
        "--force", is_flag=True, help="Replace existing files; combine different recordings."
    ),
)


def check_suffix(output: Path, suffixes: tuple[str, ...], fix: str = "") -> None:
    """Raise UsageError unless the file has one of these suffixes."""
    if output.suffix.lower() not in suffixes:
        problem = f"{output}: expected a name that ends in {' or '.join(suffixes)}"
        raise click.UsageError(f"{problem}; {fix}" if fix else problem)


def target_of(
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
    if output is not None and (output in STDOUT or is_stream(output)):
        return Destination(output)
    target = first if output is None else output
    if output is not None:
        check_suffix(output, LABEL_SUFFIXES if suffixes is None else suffixes, fix)
    check_replaceable(target)
    return Destination(target, stamp(target) if in_place or force else None)


def write_labels(target: Destination, labels: Labels) -> None:
    """Write labels in their canonical form, see `put`."""
    from taggingbackends.labels import writing

    with located(file=target.path):
        content = writing.text(labels.attributes, labels)
    put(target, content)


def put(target: Destination, content: bytes | Iterable[bytes]) -> None:
    """Write to a file and print its name, or write to standard output, a pipe or a device.

    The content may be chunks, which are written one by one.
    """
    from taggingbackends.system.files import is_stream, write_file

    chunks = [content] if isinstance(content, bytes) else content
    if target.path in STDOUT:
        for chunk in chunks:
            click.echo(chunk, nl=False)
        return
    write_file(target.path, chunks, target.expected)
    if not is_stream(target.path):
        print_names([target.path])


def parse_renames(arguments: Iterable[str]) -> dict[str, str]:
    """Return the new name of each old name.

    Parameters
    ----------
    arguments : iterable of str
        ``OLD=NEW``, or several with commas between them, ``OLD=NEW, OLD=NEW``. In an argument with
        one =, commas and spaces belong to a name.

    Raises
    ------
    click.UsageError
        An argument has another form, or gives a name two new names.
    """
    names: dict[str, str] = {}
    for argument in arguments:
        several = argument.count("=") > 1
        for pair in map(str.strip, argument.split(",")) if several else [argument]:
            old, _, new = pair.partition("=")
            if pair.count("=") != 1 or not (old and new):
                fix = "; Labels.rename takes names with = in them"
                problem = f"expected OLD=NEW, found {argument!r}"
                raise click.UsageError(problem + fix * several)
            if names.setdefault(old, new) != new:
                problem = f"expected one new name of {old!r}, found {names[old]!r} and {new!r}"
                raise click.UsageError(problem)
    return names
