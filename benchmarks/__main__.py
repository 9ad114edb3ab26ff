"""Run all benchmarks, or the named ones."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks import (
    command,
    corrections,
    groups,
    growth,
    julia,
    labels,
    many,
    operations,
    pages,
    significance,
    tables,
    tracks,
    windows,
)

_MODULES = (
    labels,
    operations,
    tables,
    growth,
    julia,
    tracks,
    windows,
    pages,
    command,
    many,
    groups,
    significance,
    corrections,
)
BENCHMARKS = {module.__name__.split(".")[-1]: module for module in _MODULES}


def main() -> None:
    """Run the benchmarks and print a table for each."""
    names = sys.argv[1:] or [name for name in BENCHMARKS if name != "corrections"]  # no speed
    unknown = set(names) - BENCHMARKS.keys()
    if unknown:
        known = ", ".join(BENCHMARKS)
        sys.exit(f"expected names of benchmarks ({known}), found {', '.join(unknown)}")
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            print(f"\n{(BENCHMARKS[name].__doc__ or name).splitlines()[0]}\n", flush=True)
            BENCHMARKS[name].run(Path(folder))


if __name__ == "__main__":
    main()
