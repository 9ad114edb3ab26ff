"""The main function of a backend's scripts."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from taggingbackends.backend.explorer import BackendExplorer
from taggingbackends.backend.folder import TRAINING
from taggingbackends.backend.identifiers import new_instance
from taggingbackends.backend.options import (
    TRACKER_OPTIONS,
    OptionError,
    Options,
    numbers,
    parse_options,
)
from taggingbackends.backend.origins import origin
from taggingbackends.backend.project import is_backend
from taggingbackends.backend.unfinished import unfinished_model
from taggingbackends.backend.wording import in_command_words
from taggingbackends.errors import BackendError, LabelFileError, TrackFileError
from taggingbackends.system.messages import (
    configure,
    describe,
    fail,
    is_user_error,
    log,
    logger,
    report,
)
from taggingbackends.system.notes import TAKEN, leave_note
from taggingbackends.system.signals import end_by_signals, ignore_signals
from taggingbackends.system.streams import (
    READER_GONE,
    flush_output,
    open_closed_streams,
    reader_is_gone,
)

__all__ = ["OptionError", "main"]

_TRAINING_SCRIPTS = ("train_model", "finetune_model")


def main(function: Callable[..., Any], arguments: Sequence[str] | None = None) -> NoReturn:
    """Call a script's function with a `BackendExplorer` and the command-line options; then exit.

    The explorer is the first argument. Its instance and sandbox come from ``--model-instance``
    and ``--sandbox``. The other options become keyword arguments: ``--epochs 20`` becomes
    ``epochs="20"``, and ``--verbose`` becomes ``verbose=True``. Dashes become underscores. A
    function without ``**options`` receives only the options that are among its parameters.

    The exit code is 0 on success, and 2 for wrong usage. For an error that the user can fix, it
    is 1, and the message is printed in one line. Other exceptions are raised, with a traceback.

    Parameters
    ----------
    function : callable
        Called as ``function(backend, **options)``.
    arguments : sequence of str, optional
        The command-line arguments. The default is those of the process.

    Examples
    --------
    >>> def predict_model(backend, **options): ...
    >>> if __name__ == "__main__":
    ...     main(predict_model)
    """
    open_closed_streams()
    configure()
    script = Path(getattr(sys.modules["__main__"], "__file__", None) or function.__name__)
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments in (["-h"], ["--help"]):
        import inspect

        usage = f"usage: {script.name} --model-instance NAME [--sandbox TOKEN] [options]"
        sys.stdout.write(f"{usage}\n\n{inspect.getdoc(function) or function.__name__}\n")
        sys.exit(0)
    backend = None
    try:
        end_by_signals()
        options = parse_options(arguments)
        instance, sandbox = (_taken_out(options, name) for name in ("model_instance", "sandbox"))
        keywords = _keywords(function, options)
        by_hand = script.stem in _TRAINING_SCRIPTS and TRAINING not in os.environ
        if by_hand and instance is None:
            instance = new_instance()
        backend = BackendExplorer(_project_of(script), instance, sandbox)
        backend.tracker_options = numbers(_tracker_options(function, options))
        if by_hand:
            with unfinished_model(backend) as environment:
                os.environ.update(environment)
                function(backend, **keywords)
        else:
            function(backend, **keywords)
        flush_output()
    except OptionError as error:
        report(f"{script.name}: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        ignore_signals()  # another one would change the exit code
        sys.exit(130)
    except Exception as error:
        if isinstance(error, BrokenPipeError) and reader_is_gone():
            with suppress(OSError):
                flush_output()
            sys.exit(READER_GONE)
        if not is_user_error(error):
            configure()  # the script may have configured logging itself
            log(f"{type(error).__name__}: {describe(error)}", logging.ERROR, error)
            raise
        if backend is not None and isinstance(error, (LabelFileError, TrackFileError)):
            error.file = error.file and origin(backend, error.file)
        if isinstance(error, TrackFileError):
            error.problem = in_command_words(error.problem)
        if isinstance(error, BackendError):
            error.fix = _in_script_words(error.fix, script.stem)
        fail(error)
    sys.exit(0)


def _in_script_words(fix: str, step: str) -> str:
    """Return the fix of an error for a script, which has no --force and no --project."""
    command = f"`tagging-backend {step.removesuffix('_model')} --force`"
    fix = fix.replace("force=True", command).replace(", or name one with project_dir=...", "")
    return in_command_words(fix)


def _taken_out(options: Options, name: str) -> str | None:
    value = options.pop(name, None)
    if isinstance(value, bool):
        raise OptionError(f"--{name.replace('_', '-')} needs a value")
    return value


def _keywords(function: Callable[..., Any], options: Options) -> Options:
    """Return the options that a function takes.

    Report their names to the command. If there is none, warn about the other options. Those of
    `BackendExplorer.load_tracks` count as taken.
    """
    from inspect import signature

    first, *others = signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in others):
        if first.name in options:
            raise OptionError(
                f"--{first.name} is reserved: {function.__name__} receives it as an argument"
            )
        taken = options
    else:
        named = {parameter.name for parameter in others}
        taken = {name: value for name, value in options.items() if name in named}
    missing = [
        parameter.name
        for parameter in others
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        and parameter.name not in taken
    ]
    if missing:
        needed = ", ".join(f"--{name.replace('_', '-')}" for name in missing)
        raise OptionError(f"{function.__name__} needs {needed}")
    if not leave_note(TAKEN, *taken, *TRACKER_OPTIONS):
        for name in options.keys() - taken.keys() - set(TRACKER_OPTIONS):
            logger.warning(f"{function.__name__} takes no --{name.replace('_', '-')}")
    return taken


def _tracker_options(function: Callable[..., Any], options: Options) -> Options:
    """Return the options of `BackendExplorer.load_tracks` that are not the function's own."""
    from inspect import signature

    own = signature(function).parameters
    return {name: options[name] for name in TRACKER_OPTIONS if name in options and name not in own}


def _project_of(script: Path) -> Path | None:
    """Return the backend that contains a script, or None."""
    if script.is_file():
        # the given path comes first: a link belongs to the backend that contains the link
        for path in (Path(os.path.abspath(script)), script.resolve()):  # noqa: PTH100
            for folder in path.parents:
                if is_backend(folder):
                    return folder
    return None
