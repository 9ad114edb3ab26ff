"""The main program of a backend's script."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from taggingbackends.backend.explorer import BackendExplorer
from taggingbackends.backend.folder import TRAINING
from taggingbackends.backend.identifiers import new_instance
from taggingbackends.backend.options import TAKEN, OptionError, Options, parse_options
from taggingbackends.backend.project import is_backend
from taggingbackends.backend.staging import origin
from taggingbackends.backend.unfinished import unfinished_model
from taggingbackends.backend.wording import in_command_words
from taggingbackends.errors import BackendError, LabelFileError, TrackFileError
from taggingbackends.system.messages import configure, describe, fail, is_user_error, log, logger

__all__ = ["OptionError", "main"]

_TRAINING_SCRIPTS = ("train_model", "finetune_model")


def main(function: Callable[..., Any], arguments: Sequence[str] | None = None) -> NoReturn:
    """Call a script's function with an explorer and the command line's options; then exit.

    ``--model-instance`` and ``--sandbox`` make the explorer, the first argument. The other options
    become keyword arguments (``--epochs 20``: ``epochs="20"``; ``--verbose``: ``verbose=True``;
    dashes become underscores). A function without ``**options`` gets those that it names.

    Exit code: 0; 1 for an error that the user can mend, told in one line; 2 for wrong usage; an
    exception of another kind passes, with its traceback.

    Parameters
    ----------
    function : callable
        ``function(backend, **options)``.
    arguments : sequence of str, optional
        By default those of the process.

    Examples
    --------
    >>> def predict_model(backend, **options): ...
    >>> if __name__ == "__main__":
    ...     main(predict_model)
    """
    configure()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    script = Path(getattr(sys.modules["__main__"], "__file__", None) or function.__name__)
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments in (["-h"], ["--help"]):
        import inspect

        usage = f"usage: {script.name} --model-instance NAME [--sandbox TOKEN] [options]"
        sys.stdout.write(f"{usage}\n\n{inspect.getdoc(function) or function.__name__}\n")
        sys.exit(0)
    backend = None
    try:
        options = parse_options(arguments)
        instance, sandbox = (_taken_out(options, name) for name in ("model_instance", "sandbox"))
        keywords = _keywords(function, options)
        by_hand = script.stem in _TRAINING_SCRIPTS and TRAINING not in os.environ
        if by_hand and instance is None:
            instance = new_instance()
        backend = BackendExplorer(_project_of(script), instance, sandbox)
        if by_hand:
            with unfinished_model(backend) as environment:
                os.environ.update(environment)
                function(backend, **keywords)
        else:
            function(backend, **keywords)
    except OptionError as error:
        logger.error(f"{script.name}: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one would change the exit code
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        if not is_user_error(error):
            log(f"{type(error).__name__}: {describe(error)}", logging.ERROR, error)
            raise
        if backend is not None and isinstance(error, (LabelFileError, TrackFileError)):
            error.file = error.file and origin(backend, error.file)
        if isinstance(error, BackendError):
            error.fix = _in_script_words(error.fix, script.stem)
        fail(error)
    sys.exit(0)


def _in_script_words(fix: str, step: str) -> str:
    """Return the fix of an error as a script says it, which takes no --force and no --project."""
    command = f"`tagging-backend {step.removesuffix('_model')} --force`"
    fix = fix.replace("force=True", command).replace(", or name one with project_dir=...", "")
    return in_command_words(fix)


def _taken_out(options: Options, name: str) -> str | None:
    value = options.pop(name, None)
    if isinstance(value, bool):
        raise OptionError(f"--{name.replace('_', '-')} needs a value")
    return value


def _keywords(function: Callable[..., Any], options: Options) -> Options:
    """Return the options that a function takes, and tell whoever started the script which."""
    from inspect import signature

    first, *others = signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in others):
        if first.name in options:
            raise OptionError(
                f"--{first.name} is not an option: {function.__name__} gets it anyway"
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
    list_of_taken = os.environ.get(TAKEN)
    if list_of_taken:
        with Path(list_of_taken).open("a") as file:
            file.writelines(f"{name}\n" for name in taken)
    else:
        for name in options.keys() - taken.keys():
            logger.warning(f"{function.__name__} takes no --{name.replace('_', '-')}")
    return taken


def _project_of(script: Path) -> Path | None:
    """Return the backend that a script lives in, None if it lives elsewhere."""
    if script.is_file():
        # as it is named first: a script that is a link belongs where the link is
        for path in (Path(os.path.abspath(script)), script.resolve()):  # noqa: PTH100
            for folder in path.parents:
                if is_backend(folder):
                    return folder
    return None
