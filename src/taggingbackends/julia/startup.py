"""Start Julia in this process, through juliacall, once and with careful settings."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.error import URLError

from taggingbackends.backend.juliapackage import julia_package
from taggingbackends.errors import JuliaSetupError
from taggingbackends.julia.choice import (
    Choice,
    choose,
    setting,
    stdout_to_stderr,
)

__all__ = ["Started", "settings", "start"]


@dataclass(frozen=True)
class Started:
    """The Julia that runs in this process, and where it was started."""

    juliacall: Any
    package: Any  # the Julia package TaggingBackends
    process: int
    thread: int

    def check(self) -> None:
        """Raise an error if Julia cannot be used in this process and thread.

        In another thread, Julia would wait for a thread that waits for Python's lock.
        """
        if self.process != os.getpid():
            problem = (
                f"Julia was started in process {self.process}, and this one is a fork of it: start "
                'processes with multiprocessing.get_context("spawn"), and start Julia in each'
            )
            raise JuliaSetupError("forked", problem)
        if self.thread != threading.get_ident():
            raise JuliaSetupError("other-thread", _OTHER_THREAD)


_OTHER_THREAD = (
    "expected Julia to be started and called in the main thread, found another thread: pass the "
    "work to the main thread, or use processes"
)


_lock = threading.RLock()
_started: Started | None = None
_failure: str | None = None


def start() -> Started:
    """Start Julia unless it is running, and load the Julia package TaggingBackends.

    In a new environment juliapkg first installs what is missing, which takes minutes.
    ``tagging-backend julia setup`` does so beforehand.

    Raises
    ------
    JuliaSetupError
        Julia cannot be started or used here; the message says what to do.
    """
    global _started
    with _lock:
        if _started is None:
            _started = _start()
    _started.check()
    return _started


def settings() -> dict[str, str]:
    """Return the settings that Julia is started with in addition to the user's own.

    One thread, and signals left to Python; where the user wants several threads, Julia handles
    signals, by which it stops threads to collect garbage.
    """
    threads = setting("juliacall", "threads") or os.environ.get("JULIA_NUM_THREADS") or "1"
    signals = "no" if threads == "1" else "yes"
    _check_threads(threads, setting("juliacall", "handle_signals") or signals)
    own = {"startup_file": "no", "threads": threads, "handle_signals": signals}
    return {
        f"PYTHON_JULIACALL_{name.upper()}": value
        for name, value in own.items()
        if setting("juliacall", name) is None
    }


def _check_threads(threads: str, signals: str) -> None:
    if threads != "1" and signals == "no":
        problem = (
            f"PYTHON_JULIACALL_HANDLE_SIGNALS: expected yes, as Julia has {threads} "
            "threads, found no: it would crash; use one thread (PYTHON_JULIACALL_THREADS=1), or "
            "let Julia handle signals (PYTHON_JULIACALL_HANDLE_SIGNALS=yes)"
        )
        raise JuliaSetupError("bad-setting", problem)


def _start() -> Started:
    if threading.current_thread() is not threading.main_thread():
        raise JuliaSetupError("other-thread", _OTHER_THREAD)
    juliacall = sys.modules.get("juliacall")
    if juliacall is None:
        juliacall = _import_juliacall()
    else:
        threads, signals = map(juliacall.CONFIG.get, ("opt_threads", "opt_handle_signals"))
        _check_threads(threads or os.environ.get("JULIA_NUM_THREADS") or "1", signals or "no")
    if not juliacall.CONFIG.get("inited"):
        problem = (
            "PYTHON_JULIACALL_INIT: this setting keeps juliacall from starting Julia; unset it, "
            "and restart Python"
        )
        raise JuliaSetupError("bad-setting", problem)
    module = juliacall.newmodule("TaggingBackendsForPython")
    # Behind what the project has: a project that is not ours need not have the package.
    module.seval("path -> path in LOAD_PATH || push!(LOAD_PATH, path)")(str(julia_package()))
    try:
        module.seval("import TaggingBackends")
    except juliacall.JuliaError as error:
        raise JuliaSetupError("cannot-start", f"import TaggingBackends: {error}") from error
    _check_package(module.TaggingBackends)
    return Started(juliacall, module.TaggingBackends, os.getpid(), threading.get_ident())


def _import_juliacall() -> Any:
    global _failure
    if _failure is not None:
        raise JuliaSetupError("cannot-start", f"{_failure} (fix this, then restart Python)")
    own_settings = settings()
    choice = choose()
    choice.check()
    if choice.is_juliapkgs:
        _resolve(choice)
    try:
        with _environment(own_settings):
            import juliacall
    except Exception as error:
        if isinstance(error, ValueError) and "expecting" in str(error):  # before anything starts
            raise JuliaSetupError("bad-setting", f"juliacall: {error}") from error
        sys.stderr.write("\n")  # juliacall may have printed a stack trace without a line end
        _failure = (
            f"Julia did not start: {error}; `tagging-backend julia status` shows the installation"
        )
        raise JuliaSetupError("cannot-start", _failure) from error
    return juliacall


def _resolve(choice: Choice) -> None:
    """Have juliapkg install what is missing, with its output on standard error.

    juliacall would do the same, but standard output must not be redirected when Julia starts.
    """
    if not choice.prepared:
        sys.stderr.write(
            "Installing Julia and its packages for use from Python, as `tagging-backend julia "
            "setup` does. This happens once and takes some minutes.\n"
        )
    bounds = setting("juliacall", "check_bounds")
    try:
        with stdout_to_stderr():
            import juliapkg

            juliapkg.resolve(julia_args=[] if bounds is None else [f"--check-bounds={bounds}"])
    except URLError as error:
        problem = (
            "Julia is not installed for use from Python yet, and the network cannot be reached "
            f"({error.reason}): run `tagging-backend julia setup` where it can, or name an "
            "existing Julia and project (docs/from-julia.md)"
        )
        raise JuliaSetupError("not-prepared", problem) from error
    except subprocess.CalledProcessError as error:
        problem = (
            f"{Path(error.cmd[0]).name} failed with exit code {error.returncode} while Julia was "
            "installed for use from Python; see its output above"
        )
        raise JuliaSetupError("cannot-start", problem) from error
    except Exception as error:
        problem = (
            f"juliapkg cannot prepare {choice.project}: {error}; to use an existing Julia and "
            "project, name them in PYTHON_JULIACALL_EXE and PYTHON_JULIACALL_PROJECT"
        )
        raise JuliaSetupError("cannot-start", problem) from error


def _check_package(package: Any) -> None:
    ours, theirs = version("taggingbackends"), str(package.VERSION_HERE)
    where = Path(str(package.seval("pathof(@__MODULE__)")))
    if ours != theirs:
        problem = (
            f"expected TaggingBackends {ours} in Julia, as taggingbackends in Python, found "
            f"{theirs} ({where}): update the older one (with `tagging-backend julia setup`, or "
            "with Pkg in a project of your own)"
        )
        raise JuliaSetupError("other-version", problem)
    if not where.parent.parent.samefile(julia_package()):
        warnings.warn(
            f"Julia uses the TaggingBackends of its project ({where.parent.parent}) instead of the "
            f"one that belongs to this Python package ({julia_package()})",
            RuntimeWarning,
            stacklevel=5,
        )


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables that were not set, and remove them again."""
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            os.environ.pop(name, None)
