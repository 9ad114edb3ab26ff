"""Commands of ``labels`` that change labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from taggingbackends.cli.filelists import takes_files
from taggingbackends.cli.labelfiles import (
    FILE,
    MAX_GAP,
    PATH,
    above_0,
    output_mixed,
    output_options,
    parse_renames,
    target_of,
    write_labels,
)
from taggingbackends.errors import located

if TYPE_CHECKING:
    from taggingbackends.data.tracks import Recording
    from taggingbackends.labels import Labels


__all__ = ["crop", "fill", "merge", "rename", "smooth", "tag"]


@click.command()
@takes_files()
@output_mixed
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
    target = target_of(files[0], output, in_place, force)
    labels = Labels.read(files[0])
    for file in files[1:]:
        other = Labels.read(file)
        with located(file=file):
            labels.merge(other, force=force)
    write_labels(target, labels)


@click.command()
@FILE
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
@output_options
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
    target = target_of(file, output, in_place, force)
    write_labels(target, Labels.read(file).crop(start, stop))


@click.command()
@FILE
@click.option("--label", required=True, metavar="NAME", help="Give undefined frames this label.")
@click.option(
    "--like",
    type=PATH,
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
@output_mixed
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

    target = target_of(file, output, in_place, force)
    labels = Labels.read(file)
    options = {"pixelsize": pixelsize, "framerate": framerate}
    for frames in [None] if like is None else _frames(like, labels, options):
        with located(file=like):
            labels.fill(label, frames, force)
    write_labels(target, labels)


def _frames(
    file: Path, labels: Labels, options: dict[str, float | None]
) -> Sequence[Labels | Recording]:
    from taggingbackends.data.agreement import options_for
    from taggingbackends.data.formats import is_label_file
    from taggingbackends.labels import Labels

    if is_label_file(file):
        return [Labels.read(file)]
    from taggingbackends.data.loading import load_wanted

    runs = list(labels.values())
    known = options_for(file, runs[0], options) if len(runs) == 1 else options
    return load_wanted(file, labels, spine=False, outline=False, **known)


@click.command()
@FILE
@click.argument("name")
@click.option("--unless", multiple=True, metavar="NAME", help="Skip states with this label.")
@output_options
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

    target = target_of(file, output, in_place, force)
    labels = Labels.read(file)
    labels.tag(name, unless)
    write_labels(target, labels)


@click.command()
@FILE
@click.argument("names", nargs=-1, required=True, metavar="OLD=NEW...")
@output_options
def rename(
    file: Path,
    names: tuple[str, ...],
    output: Path | None,
    in_place: bool,
    force: bool,
) -> None:
    """Rename labels, all at once.

    OLD=NEW,OLD=NEW is short for OLD=NEW OLD=NEW. Labels that get the same name are joined.

    \b
    Example: tagging-backend labels rename recordings/truth.label run=crawl -o renamed.label
    """
    from taggingbackends.labels import Labels

    renames = parse_renames(names)
    target = target_of(file, output, in_place, force)
    labels = Labels.read(file)
    with located(file=file):
        labels.rename(renames)
    write_labels(target, labels)


@click.command()
@FILE
@click.option(
    "--shortest",
    type=float,
    required=True,
    callback=lambda *given: above_0(given[2]),
    metavar="S",
    help="Change bouts that are shorter than S seconds.",
)
@MAX_GAP
@output_options
def smooth(
    file: Path,
    shortest: float,
    max_gap: float | None,
    output: Path | None,
    in_place: bool,
    force: bool,
) -> None:
    """Give short bouts the labels of a neighbour.

    The shortest bout comes first. It gets the labels of the surer of its two neighbours, if both
    have a confidence, and of the longer one otherwise. Bouts with an edited frame and undefined
    frames stay. Gaps separate bouts.

    \b
    Example: tagging-backend labels smooth predicted.label --shortest 0.3 -o smooth.label
    """
    from taggingbackends.labels import Labels

    target = target_of(file, output, in_place, force)
    labels = Labels.read(file)
    with located(file=file):
        labels.smooth(shortest, max_gap)
    write_labels(target, labels)
