"""The command ``tagging-backend``, also started by ``python -m taggingbackends``."""

from __future__ import annotations

import gc
import os
import sys

from taggingbackends.system.signals import end_by_signals, ignore_signals

TYPE_CHECKING = False  # importing typing takes long; a signal before `main` shows a traceback
if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Run the command and exit with its exit code."""
    try:
        try:
            end_by_signals()
            _leave_current_folder()
            from taggingbackends import cli  # imported while signals wait

            gc.freeze()  # looking for garbage among all modules takes long, above all at the exit
            cli.main()
        finally:
            ignore_signals()
    except KeyboardInterrupt:  # also one just before it would have been ignored
        ignore_signals()
        sys.exit(130)


def _leave_current_folder() -> None:
    """Import nothing from the current folder: it may be a folder of recordings."""
    by_option = __name__ == "__main__" and not sys.flags.safe_path  # python -m
    paths = os.environ.get("PYTHONPATH", "")
    by_variable = paths and "" in paths.split(os.pathsep)
    if by_option or by_variable:
        try:
            here = os.getcwd()  # noqa: PTH109 - pathlib takes long to import
        except FileNotFoundError:  # it has been removed
            return
        sys.path[:] = [path for path in sys.path if path not in ("", here)]


if __name__ == "__main__":
    main()
