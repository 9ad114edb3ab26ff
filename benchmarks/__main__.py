"""Run all benchmarks, or the named ones, and print one table at the end.

Goals that are not met are printed and counted, but are no failure: on a machine that others use,
some ratio is too large once in a while. The exit code is 1 if a benchmark fails: its code raises an
exception, or statistics are wrong (`significance`), which does not depend on the machine.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from datetime import date
from importlib import import_module
from pathlib import Path

from benchmarks import harness, summary

BENCHMARKS = (
    "labels",
    "operations",
    "tables",
    "growth",
    "julia",
    "tracks",
    "windows",
    "pages",
    "command",
    "many",
    "groups",
    "significance",
    "corrections",
)
ON_REQUEST = {"corrections"}  # accuracy, not speed, and takes minutes


def main() -> None:
    """Run the benchmarks, print each row at once, and all of them at the end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--write", type=Path, metavar="FILE", help="write all results to a page")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - {*BENCHMARKS}:
        known = ", ".join(BENCHMARKS)
        sys.exit(f"expected names of benchmarks ({known}), found {', '.join(unknown)}")
    if arguments.names and arguments.write:
        sys.exit("expected --write without names: the page has all benchmarks")
    names = arguments.names or [name for name in BENCHMARKS if name not in ON_REQUEST]
    where = summary.machine()
    began = time.perf_counter()
    failed = [name for name in names if not _measured(name)]
    minutes = (time.perf_counter() - began) / 60
    facts = [f"{date.today()}, in {minutes:.1f} minutes", *where]
    print("", summary.table(harness.results), "", *facts, summary.count(harness.results), sep="\n")
    if failed:
        sys.exit(f"failed, and no page is written: {', '.join(failed)}")
    if arguments.write:
        arguments.write.write_text(summary.page(harness.results, facts), "utf-8")


def _measured(name: str) -> bool:
    """Run a benchmark; return whether it succeeded. The others are run in any case."""
    print(f"\n{summary.title(name)}\n", flush=True)
    harness.begin(name)
    with tempfile.TemporaryDirectory() as folder:
        try:
            import_module(f"benchmarks.{name}").run(Path(folder))
        except Exception:
            traceback.print_exc()
            return False
    return True


if __name__ == "__main__":
    main()
