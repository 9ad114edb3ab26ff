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
    OptionError,
    Options,
    as_list,
    parse_options,
    spelled,
)
from taggingbackends.backend.optiontypes import TRACKER, Signature, signature_of, unknown_option
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
        signature = signature_of(function)
        keywords = _keywords(signature, options)
        by_hand = script.stem in _TRAINING_SCRIPTS and TRAINING not in os.environ
        if by_hand and instance is None:
            instance = new_instance()
        backend = BackendExplorer(_project_of(script), instance, sandbox)
        backend.tracker_options = TRACKER.keywords(_tracker_options(signature, options))
        try:
            if by_hand:
                with unfinished_model(backend) as environment:
                    os.environ.update(environment)
                    function(backend, **keywords)
            else:
                function(backend, **keywords)
        except SystemExit as end:
            if end.code:
                raise
        sys.stdout.flush()
    except OptionError as error:
        report(f"{script.name}: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        ignore_signals()  # another one would change the exit code
        sys.exit(130)
    except Exception as error:
        if isinstance(error, BrokenPipeError) and reader_is_gone():
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
    finally:
        with suppress(OSError, ValueError):  # reported already, or the script has closed it
            flush_output()
    sys.exit(0)


def _in_script_words(fix: str, step: str) -> str:
    """Return the fix of an error for a script, which has no --force and no --project."""
    command = f"`tagging-backend {step.removesuffix('_model')} --force`"
    fix = fix.replace("force=True", command).replace(", or name one with project_dir=...", "")
    return in_command_words(fix)


def _taken_out(options: Options, name: str) -> str | None:
    value = as_list(options.pop(name))[-1] if name in options else None
    if isinstance(value, bool):
        raise OptionError(f"{spelled(name)} needs a value")
    return value


def _keywords(signature: Signature, options: Options) -> dict[str, Any]:
    """Return the keyword arguments for a function.

    Report the names of the options that it takes to the command. Without a command, refuse the
    others: no other script runs that could take them.
    """
    keywords = signature.keywords(options)
    taken = signature.taken(options)
    if not leave_note(TAKEN, *taken, *TRACKER.parameters):
        for name in options.keys() - {*taken, *TRACKER.parameters}:
            raise unknown_option(f"{signature.function} takes no", name, signature.parameters)
    return keywords


def _tracker_options(signature: Signature, options: Options) -> Options:
    """Return the options of `BackendExplorer.load_tracks` that are not the function's own."""
    names = TRACKER.parameters.keys() - signature.parameters.keys()
    return {name: given for name, given in options.items() if name in names}


def _project_of(script: Path) -> Path | None:
    """Return the backend that contains a script, or None."""
    if script.is_file():
        # the given path comes first: a link belongs to the backend that contains the link
        for path in (Path(os.path.abspath(script)), script.resolve()):  # noqa: PTH100
            for folder in path.parents:
                if is_backend(folder):
                    return folder
    return None
