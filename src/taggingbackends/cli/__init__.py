"""The command ``tagging-backend``: parses, calls, prints."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import traceback
import warnings
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

import click

from taggingbackends.backend.wording import in_command_words
from taggingbackends.cli import backends, tagging
from taggingbackends.cli.data import data
from taggingbackends.cli.julia import julia
from taggingbackends.cli.labels import labels
from taggingbackends.errors import BackendError, KeptDataWarning
from taggingbackends.system.messages import (
    DEBUG,
    VERBOSITY,
    fail,
    is_users_to_mend,
    log,
    open_log,
    tell_error,
    warn,
)

__all__ = ["cli", "main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--project",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The backend's folder; by default the nearest one at or above the current folder.",
)
@click.option("--quiet", is_flag=True, help="Show errors only, beside results.")
@click.option("--verbose", is_flag=True, help="Show what is done, too.")
@click.option(
    "--log",
    "log_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Append all of that to a file, with times, and with the tracebacks of errors.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of every error.")
@click.version_option(package_name="taggingbackends")
@click.pass_context
def cli(
    ctx: click.Context,
    project: Path | None,
    quiet: bool,
    verbose: bool,
    log_file: Path | None,
    debug: bool,
) -> None:
    """Tag the behaviour of fly larvae automatically, with the backend in this folder.

    A backend is a Python project with trained models in models/. It labels recordings: tracker
    files in, label files out, for the Nyx tagger or for yourself.

    \b
    Make one:      tagging-backend init My-Tagger
    Train it:      tagging-backend train recordings/*.label
    Use it:        tagging-backend predict recording.spine --model-instance NAME
    """
    if quiet and verbose:
        raise click.UsageError("--quiet does not go with --verbose", ctx)
    if quiet or verbose:
        os.environ[VERBOSITY] = "quiet" if quiet else "verbose"
    if log_file is not None:
        open_log(log_file)
    if debug:
        os.environ[DEBUG] = "1"
    log("start", shlex.join(["tagging-backend", *sys.argv[1:]]))
    ctx.ensure_object(dict)["project"] = project


for _command in (
    tagging.predict,
    tagging.train,
    tagging.finetune,
    backends.init,
    backends.models,
    backends.check,
    backends.push,
    backends.pull,
    backends.reset,
    labels,
    data,
    julia,
):
    cli.add_command(_command)


def main() -> NoReturn:
    """Run the command; exit with its code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")  # names may have any character
    warnings.simplefilter("always", UserWarning)
    warnings.showwarning = _show_warning
    try:
        _run()
    except SystemExit as error:
        log("exit", f"code {error.code or 0}")
        raise
    except Exception as error:
        log("traceback", "".join(traceback.format_exception(error)))
        log("exit", "code 1")
        raise


def _run() -> NoReturn:
    try:
        sys.exit(cli.main(prog_name="tagging-backend", standalone_mode=False))
    except click.ClickException as error:
        ctx = getattr(error, "ctx", None)
        if ctx is not None and error.message == ctx.get_help():  # there were no arguments
            error.show()
            sys.exit(error.exit_code)
        if ctx is not None:
            hint = f"Try '{ctx.command_path} --help' for help."
            click.echo(f"{ctx.get_usage()}\n{hint}\n", err=True)
        tell_error(error.format_message())
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        if not is_users_to_mend(error):
            raise
        if isinstance(error, BackendError):
            error.fix = in_command_words(error.fix)
        fail(error)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    if isinstance(message, KeptDataWarning):
        message.fix = in_command_words(message.fix)
    warn(str(message))
