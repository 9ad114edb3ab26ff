"""Write all variants, load each, and print what came of them. See ``python -m variants --help``."""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from taggingbackends import LabelFileError, Labels, TrackFileError
from taggingbackends.data import load_runs
from variants import choreography, fimtrack, movement, tracks, trxmat

__all__ = ["main"]

KINDS: dict[str, Callable[[], Iterator[tuple[str, dict[str, bytes], str]]]] = {
    "Choreography": choreography.variants,
    "trx.mat": trxmat.variants,
    "FIMTrack": fimtrack.variants,
    "movement": movement.variants,
    "label file": tracks.variants,
}
OUTCOMES = ("read", "reported", "refused")


def main() -> None:
    """Write all variants of files, load each, and print a table of what came of them.

    A variant is silent if something must be reported or refused, and is not. The exit code is 1 if
    the outcome of a variant is not the expected one.
    """
    parser = argparse.ArgumentParser(prog="python -m variants", description=main.__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="keep the files in this new folder")
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as temporary:
        unexpected = table(folder or Path(temporary, "variants"))
    for sentence in unexpected:
        print(sentence)
    sys.exit(1 if unexpected else 0)


def table(top: Path) -> list[str]:
    """Print the outcomes of each kind, and return a sentence for each that is not expected."""
    unexpected = []
    print(f"{'kind':12}", *(f"{word:>8}" for word in ("variants", *OUTCOMES, "silent")))
    for kind, variants in KINDS.items():
        counts: Counter[str] = Counter()
        for number, (name, files, expected) in enumerate(variants(), 1):
            folder = top / kind / f"{number:03d}"
            folder.mkdir(parents=True)
            for file, content in files.items():
                (folder / file).write_bytes(content)
            found = outcome(folder)
            counts.update(["variants", found])
            counts["silent"] += found == "read" != expected
            if found != expected:
                unexpected.append(f"{folder}, {name}: expected {expected}, found {found}")
        print(f"{kind:12}", *(f"{counts[word]:8}" for word in ("variants", *OUTCOMES, "silent")))
    return unexpected


def outcome(folder: Path) -> str:
    """Load what is in a folder, and return one of `OUTCOMES`."""
    labels = list(folder.glob("*.label"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what was left out
            if labels:
                Labels.read(labels[0])
                return "read"
            recordings = list(load_runs(folder, pixelsize=100))
    except (TrackFileError, LabelFileError):
        return "refused"
    return "reported" if any(recording.left_out for recording in recordings) else "read"


if __name__ == "__main__":
    main()
