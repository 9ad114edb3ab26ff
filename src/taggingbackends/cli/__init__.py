"""The command ``tagging-backend``. It parses arguments, calls the library and prints results."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

import click

from taggingbackends.backend.wording import in_command_words
from taggingbackends.cli import backends, evaluation, tagging
from taggingbackends.cli.data import data
from taggingbackends.cli.julia import julia
from taggingbackends.cli.labels import labels
from taggingbackends.cli.output import echo
from taggingbackends.cli.stats import stats
from taggingbackends.errors import (
    BackendError,
    BackendWarning,
    LabelFileError,
    TrackFileError,
)
from taggingbackends.system.signals import ignore_signals
from taggingbackends.system.streams import (
    READER_GONE,
    flush_output,
    name_output,
    open_closed_streams,
)
from taggingbackends.system.version import __version__

__all__ = ["cli", "main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--project",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Use the backend in DIR; by default the nearest one at or above the current folder.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep the data in DIR instead of the backend's folder data; models stay in the backend.",
)
@click.option("--quiet", is_flag=True, help="Show only errors, also from the backend's scripts.")
@click.option("--verbose", is_flag=True, help="Show every step, and the INFO messages of scripts.")
@click.option(
    "--log",
    "log_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Log to FILE, with timestamps and tracebacks.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of every error.")
@click.version_option(__version__)
@click.pass_context
def cli(
    ctx: click.Context,
    project: Path | None,
    data: Path | None,
    quiet: bool,
    verbose: bool,
    log_file: Path | None,
    debug: bool,
) -> None:
    """Tag the behaviour of fly larvae automatically with the backend in this folder.

    A backend is a Python project with trained models in models/. It reads tracker files and
    writes label files, for the Nyx tagger or for your own analysis.

    \b
    Create one:    tagging-backend init My-Tagger
    Train it:      tagging-backend train recordings/*.label
    Use it:        tagging-backend predict recording.spine --model-instance NAME
    """
    # imported here, since importing logging would slow down `--help` by a tenth
    import shlex
    import warnings

    from taggingbackends.system.messages import DEBUG, VERBOSITY, configure, log, open_log

    configure()
    warnings.showwarning = _show_warning
    warnings.simplefilter("always", UserWarning)
    if quiet and verbose:
        raise click.UsageError("--quiet cannot be used with --verbose", ctx)
    if quiet or verbose:
        os.environ[VERBOSITY] = "quiet" if quiet else "verbose"
    if log_file is not None:
        open_log(log_file)
    if debug:
        os.environ[DEBUG] = "1"
    log(f"started: {shlex.join(['tagging-backend', *sys.argv[1:]])}")
    if data is not None:
        from taggingbackends.backend.folder import DATA

        os.environ[DATA] = str(data.absolute())
    ctx.ensure_object(dict)["project"] = project


for _command in (
    tagging.predict,
    tagging.train,
    tagging.finetune,
    evaluation.evaluate,
    backends.init,
    backends.models,
    backends.check,
    backends.push,
    backends.pull,
    backends.reset,
    backends.sandboxes,
    labels,
    stats,
    data,
    julia,
):
    cli.add_command(_command)


def main() -> NoReturn:
    """Run the command and exit with its exit code."""
    open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")  # names may have any character
    name_output()
    context: dict[str, Path | None] = {}
    try:
        _run(context)
    except (SystemExit, Exception) as error:
        if context:
            _log_exit(error)
        raise
    finally:
        with suppress(OSError):  # reported already
            flush_output()


def _run(context: dict[str, Path | None]) -> NoReturn:
    """Run the command. Fill the context object unless the usage is wrong."""
    stdout = sys.stdout
    try:
        exit_code = cli.main(prog_name="tagging-backend", standalone_mode=False, obj=context)
        flush_output()
        sys.exit(exit_code)
    except click.ClickException as error:
        ctx = getattr(error, "ctx", None)
        if ctx is not None and error.message == ctx.get_help():  # no arguments were passed
            error.show()
            sys.exit(error.exit_code)
        if ctx is not None:
            hint = f"Try '{ctx.command_path} --help' for help."
            echo(*ctx.get_usage().split("\n"), hint, "", err=True)
        from taggingbackends.system.messages import report

        report(error.format_message())
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        ignore_signals()  # another one would change the exit code
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(READER_GONE)
    except SystemExit:
        if sys.stdout is not stdout:  # after a BrokenPipeError, click replaces it and exits
            sys.exit(READER_GONE)
        raise
    except Exception as error:
        from taggingbackends.system.messages import fail, is_user_error

        if not is_user_error(error):
            raise
        if isinstance(error, (BackendError, LabelFileError)):
            error.fix = in_command_words(error.fix)
        if isinstance(error, TrackFileError):
            error.problem = in_command_words(error.problem)
        fail(error)


def _log_exit(error: BaseException) -> None:
    import logging

    from taggingbackends.system.messages import describe, log

    if isinstance(error, SystemExit):
        log(f"exit code {error.code or 0}")
    else:
        log(f"{type(error).__name__}: {describe(error)}", logging.ERROR, error)
        log("exit code 1")


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    from taggingbackends.system.messages import show_warning

    if isinstance(message, BackendWarning):
        message.fix = in_command_words(message.fix)
    show_warning(message)
