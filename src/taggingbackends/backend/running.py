"""Run the scripts of a backend, each in its own process."""

from __future__ import annotations

import os
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from taggingbackends.backend.folder import DATA, BackendFolder
from taggingbackends.backend.juliascripts import find_julia, julia_command, julia_environment
from taggingbackends.backend.options import Options, format_options, spelled
from taggingbackends.backend.origins import origins_of
from taggingbackends.backend.requirements import check_packages
from taggingbackends.backend.signatures import PREPARING, check_options, read_signatures
from taggingbackends.errors import BackendError, BackendWarning, LeftOutWarning, ScriptError
from taggingbackends.system import processes
from taggingbackends.system.messages import VERBOSITY, logger, warn_of_each
from taggingbackends.system.notes import LEFT_OUT, TAKEN, collected_notes

__all__ = [
    "PYTHON",
    "checked",
    "prepare",
    "reporting",
    "required_script",
    "run_optional",
    "run_script",
    "warn_kept",
]

PYTHON = "TAGGINGBACKENDS_PYTHON"
"""Environment variable for scripts in other languages: the Python that started them."""


def checked(
    backend: BackendFolder,
    options: Mapping[str, Any],
    step: str,
    skip: Iterable[str] | None = None,
    refuse_unknown: bool = True,
) -> Options:
    """Check the options for the scripts that will run, before any of them runs.

    Parameters
    ----------
    backend : BackendFolder
    options : mapping
        Keyword arguments for the scripts' functions.
    step : str
        The last step.
    skip : iterable of str, optional
        The steps among make_dataset and build_features that are skipped. The default is both.
    refuse_unknown : bool
        Whether an option that no script takes is an error.

    Returns
    -------
    dict
        The options as text, for the functions that run scripts.

    Raises
    ------
    OptionError
        See `check_options`.
    """
    skip = PREPARING if skip is None else skip
    return check_options(read_signatures(backend, [step], skip), options, refuse_unknown)


def required_script(backend: BackendFolder, step: str) -> Path:
    """Return the script of a step; raise `BackendError` if it is missing or cannot be run."""
    script = backend.find_script(step)
    if script is None:
        places = f"src/{backend.package_name}/models/{step}.py or scripts/{step}.py"
        problem = f"{backend.project_dir}: expected a script {places}, found none"
        raise BackendError("missing-script", problem)
    check_packages(backend.project_dir)  # fail before the earlier steps run
    if script.suffix == ".jl":
        find_julia()
    return script


def run_optional(backend: BackendFolder, step: str, options: Mapping[str, Any]) -> None:
    """Run the script of a step if the backend has one."""
    script = backend.find_script(step)
    if script is not None:
        run_script(backend, script, checked(backend, options, step))


def prepare(backend: BackendFolder, options: Options, skip: Iterable[str]) -> None:
    """Run the scripts of `PREPARING` that the backend has, except those in `skip`."""
    for step in PREPARING:
        script = None if step in skip else backend.find_script(step)
        if script is not None:
            run_script(backend, script, options)


def run_script(
    backend: BackendFolder,
    script: Path,
    options: Options,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run a script; raise `ScriptError` if it fails."""
    arguments = [str(script)]
    if backend.model_instance is not None:
        arguments.append(f"--model-instance={backend.model_instance}")
    if backend.sandbox is not None:
        arguments.append(f"--sandbox={backend.sandbox}")
    arguments += format_options(options)
    variables = processes.environment({PYTHON: sys.executable, **(environment or {})})
    if DATA in variables or backend.data_folder != backend.project_dir / "data":
        variables[DATA] = str(backend.data_folder)
    if script.suffix == ".jl":
        arguments = [*julia_command(backend.project_dir), *arguments]
        variables = julia_environment(variables)
    else:
        arguments.insert(0, sys.executable)
        variables["PYTHONUNBUFFERED"] = "1"
        source = backend.project_dir / "src"
        if source.is_dir():  # the backend's package need not be installed
            variables["PYTHONPATH"] = str(source)
    logger.info(f"{script.stem}: {shlex.join(arguments)}")
    if sys.stderr.isatty() and not os.environ.get(VERBOSITY):
        sys.stderr.write(f"{script.stem}\n")
    start = time.monotonic()
    exit_code = processes.run(arguments, variables, cwd=backend.project_dir)
    logger.info(f"{script.stem}: exit code {exit_code} after {time.monotonic() - start:.1f} s")
    if exit_code:
        script = script.relative_to(backend.project_dir)
        raise ScriptError(script.stem, script, exit_code)


@contextmanager
def reporting(
    backend: BackendFolder,
    options: Mapping[str, Any],
    report: Callable[[list[LeftOutWarning]], object] | None = None,
) -> Iterator[list[list[str]]]:
    """Report, after scripts have run, what they left out, and warn of options that none took.

    By default, what they left out is a warning for each file. Yield a list, which has all notes of
    the scripts afterwards.
    """
    notes: list[list[str]] = []
    try:
        with collected_notes() as notes:
            yield notes
    finally:
        left_out: dict[str, dict[str, None]] = {}
        for kind, file, *sentences in (note for note in notes if len(note) > 1):
            if kind == LEFT_OUT:
                left_out.setdefault(file, {}).update(dict.fromkeys(sentences))
        files = origins_of(backend, list(map(Path, left_out)))
        pairs = zip(files, left_out.values(), strict=True)
        found = [LeftOutWarning(file, list(sentences)) for file, sentences in pairs]
        warn_of_each(found, 3) if report is None else report(found)
    taken = [set(texts) for kind, *texts in notes if kind == TAKEN]
    given = {name for name, value in options.items() if value is not None and value is not False}
    for name in given - set().union(*taken) if taken else ():
        warnings.warn(f"no script took the option {spelled(name)}", stacklevel=3)


def warn_kept(problem: str, backend: BackendFolder) -> None:
    """Warn of data that stay after a failure, and say how to remove them."""
    fix = f"remove with {backend.call('reset_data')}"
    warnings.warn(BackendWarning(problem, fix), stacklevel=3)
