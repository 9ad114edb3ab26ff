"""Start Julia in this process, through juliacall, once and with careful settings."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import URLError

from taggingbackends.backend.juliapackage import julia_package
from taggingbackends.errors import JuliaSetupError

__all__ = ["Choice", "choose", "dotted", "julia_version", "settings", "start"]

_OLDEST = (1, 10, 3)  # what juliacall asks for


class Started(NamedTuple):
    """The Julia that runs in a process."""

    process: int
    juliacall: Any
    package: Any  # the Julia package TaggingBackends


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
    if threading.current_thread() is not threading.main_thread():
        # where Julia would wait for a thread that waits for Python's lock
        problem = (
            "expected Julia to be started and called in the main thread, found another thread: "
            "pass the work to the main thread, or use processes"
        )
        raise JuliaSetupError("other-thread", problem)
    if _started is None:
        _started = _start()
    if _started.process != os.getpid():
        problem = (
            f"Julia was started in process {_started.process}, and this one is a fork of it: start "
            'processes with multiprocessing.get_context("spawn"), and start Julia in each'
        )
        raise JuliaSetupError("forked", problem)
    return _started


def _start() -> Started:
    juliacall = sys.modules.get("juliacall")
    if juliacall is None:
        juliacall = _import_juliacall()
    else:
        threads, signals = map(juliacall.CONFIG.get, ("opt_threads", "opt_handle_signals"))
        _check_threads(threads or os.environ.get("JULIA_NUM_THREADS") or "1", signals or "no")
    if not juliacall.CONFIG.get("inited"):
        problem = "PYTHON_JULIACALL_INIT: expected yes, found no: Julia would not start"
        raise JuliaSetupError("bad-setting", problem)
    module = juliacall.newmodule("TaggingBackendsForPython")
    # Behind what the project has: a project that is not ours need not have the package.
    module.seval("path -> path in LOAD_PATH || push!(LOAD_PATH, path)")(str(julia_package()))
    try:
        module.seval("import TaggingBackends")
    except juliacall.JuliaError as error:
        raise JuliaSetupError("cannot-start", f"import TaggingBackends: {error}") from error
    _check_package(module.TaggingBackends)
    return Started(os.getpid(), juliacall, module.TaggingBackends)


def _import_juliacall() -> Any:
    global _failure
    if _failure is not None:
        raise JuliaSetupError("cannot-start", f"{_failure} (fix this, then restart Python)")
    own_settings = settings()
    choice = choose()
    choice.check()
    if choice.is_juliapkgs:
        _resolve(choice)
    os.environ.update(own_settings)
    try:
        import juliacall
    except Exception as error:
        if isinstance(error, ValueError) and "expecting" in str(error):  # before anything starts
            raise JuliaSetupError("bad-setting", f"juliacall: {error}") from error
        sys.stderr.write("\n")  # juliacall may have printed a stack trace without a line end
        _failure = (
            f"Julia did not start: {error}; `tagging-backend julia status` shows the installation"
        )
        raise JuliaSetupError("cannot-start", _failure) from error
    finally:
        for name in own_settings:
            os.environ.pop(name, None)
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
    bounds = _setting("juliacall", "check_bounds")
    try:
        with _stdout_to_stderr():
            import juliapkg

            juliapkg.resolve(julia_args=[] if bounds is None else [f"--check-bounds={bounds}"])
    except Exception as error:
        kind = "not-prepared" if isinstance(error, URLError) else "cannot-start"
        if isinstance(error, URLError):
            problem = (
                "Julia is not installed for use from Python yet, and the network cannot be "
                f"reached ({error.reason}): run `tagging-backend julia setup` where it can, or "
                "name an existing Julia and project (docs/from-julia.md)"
            )
        elif isinstance(error, subprocess.CalledProcessError):
            problem = (
                f"{Path(error.cmd[0]).name} failed with exit code {error.returncode} while Julia "
                "was installed for use from Python; see its output above"
            )
        else:
            problem = (
                f"juliapkg cannot prepare {choice.project}: {error}; to use an existing Julia and "
                "project, name them in PYTHON_JULIACALL_EXE and PYTHON_JULIACALL_PROJECT"
            )
        raise JuliaSetupError(kind, problem) from error


@contextlib.contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Redirect standard output to standard error, also that of processes started inside."""
    sys.stdout.flush()
    stdout = os.dup(1)
    os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)


def _check_package(package: Any) -> None:
    ours, theirs = version("taggingbackends"), package.VERSION_HERE
    where = Path(package.seval("pathof(@__MODULE__)"))
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


# -- settings


def settings() -> dict[str, str]:
    """Return the settings that Julia is started with in addition to the user's own.

    One thread, and signals left to Python; where the user wants several threads, Julia handles
    signals, by which it stops threads to collect garbage.
    """
    threads = _setting("juliacall", "threads") or os.environ.get("JULIA_NUM_THREADS") or "1"
    signals = "no" if threads == "1" else "yes"
    _check_threads(threads, _setting("juliacall", "handle_signals") or signals)
    own = {"startup_file": "no", "threads": threads, "handle_signals": signals}
    return {
        f"PYTHON_JULIACALL_{name.upper()}": value
        for name, value in own.items()
        if _setting("juliacall", name) is None
    }


def _check_threads(threads: str, signals: str) -> None:
    if threads != "1" and signals == "no":
        problem = (
            f"PYTHON_JULIACALL_HANDLE_SIGNALS: expected yes, as Julia has {threads} "
            "threads, found no: it would crash; use one thread (PYTHON_JULIACALL_THREADS=1), or "
            "let Julia handle signals (PYTHON_JULIACALL_HANDLE_SIGNALS=yes)"
        )
        raise JuliaSetupError("bad-setting", problem)


def _setting(package: str, name: str) -> str | None:
    """Return a setting of juliacall or juliapkg, from the command line (-X) or the environment."""
    option = sys._xoptions.get(f"{package}-{name.replace('_', '-')}")
    if option is not None:
        return "yes" if option is True else str(option)
    return os.environ.get(f"PYTHON_{package.upper()}_{name.upper()}")


# -- the Julia that juliacall would start


def dotted(version: tuple[int, ...]) -> str:
    """Return a version as text, e.g. ``1.10.3``."""
    return ".".join(map(str, version))


@dataclass(frozen=True)
class Choice:
    """The Julia and the project that juliacall would start."""

    executable: str | None  # None if juliapkg has not found or installed one yet
    version: tuple[int, ...] | None  # None if it does not run
    project: Path
    named_by: str  # "juliapkg", or a setting
    prepared: bool  # whether the project is there, with what juliapkg installs in its own
    needed: str = f"{dotted(_OLDEST)} or later"

    @property
    def is_juliapkgs(self) -> bool:
        """Whether juliapkg manages the project."""
        return self.named_by != "PYTHON_JULIACALL_EXE"

    def check(self) -> None:
        """Raise an error for what is known to keep Julia from starting."""
        if not self.prepared and not self.is_juliapkgs:
            problem = f"PYTHON_JULIACALL_PROJECT: expected a folder, found {self.project}"
            raise JuliaSetupError("bad-setting", problem)
        if self.executable is not None and self.version is None:
            problem = f"{self.named_by}: expected a Julia that can be run, found {self.executable}"
            raise JuliaSetupError("bad-setting", problem)
        if self.version is not None and self.version < _OLDEST:
            problem = (
                f"{self.named_by}: expected Julia {dotted(_OLDEST)} or later for use from Python, "
                f"found {dotted(self.version)} ({self.executable}); it still runs "
                "scripts in Julia: `tagging-backend julia run SCRIPT`"
            )
            raise JuliaSetupError("unsuitable-julia", problem)
        if not self.prepared and _setting("juliapkg", "offline") == "yes":
            problem = (
                "PYTHON_JULIAPKG_OFFLINE: expected a Julia project that juliapkg has prepared, "
                f"found none in {self.project}: run `tagging-backend julia setup` without this "
                "setting on a machine with a network, or name an existing Julia and project "
                "(PYTHON_JULIACALL_EXE, PYTHON_JULIACALL_PROJECT)"
            )
            raise JuliaSetupError("not-prepared", problem)


def choose() -> Choice:
    """Return what juliacall would start. Nothing is started to find out but ``julia --version``."""
    executable, project = (_setting("juliacall", name) for name in ("exe", "project"))
    if executable is None and project is None:
        return _juliapkgs()
    if executable is None or project is None:
        found = "PYTHON_JULIACALL_EXE" if project is None else "PYTHON_JULIACALL_PROJECT"
        problem = (
            f"{found}: expected PYTHON_JULIACALL_EXE and PYTHON_JULIACALL_PROJECT together, "
            "found only this one; set both, or neither"
        )
        raise JuliaSetupError("bad-setting", problem)
    folder = Path(project).absolute()
    found_version = julia_version(executable)
    return Choice(executable, found_version, folder, "PYTHON_JULIACALL_EXE", folder.is_dir())


def _juliapkgs() -> Choice:
    printed = io.StringIO()  # juliapkg prints what it reads
    try:
        from juliapkg.deps import find_requirements, load_meta
        from juliapkg.find_julia import find_julia
        from juliapkg.state import STATE

        with contextlib.redirect_stdout(printed):
            compat, _ = find_requirements()
        meta = load_meta() or {}
    except Exception as error:  # a setting, or one of its own files
        problem = f"juliapkg: {error}; if its own project is broken, remove that"
        raise JuliaSetupError("bad-setting", problem) from error
    named = STATE["override_executable"]
    executable = named or meta.get("executable")
    if executable is None:
        with contextlib.suppress(Exception), contextlib.redirect_stdout(printed):
            executable, _ = find_julia(compat, STATE["install"])
    found = None if executable is None else julia_version(executable)
    return Choice(
        executable if named or found else None,
        found,
        Path(STATE["project"]),
        "PYTHON_JULIAPKG_EXE" if named else "juliapkg",
        bool(meta),
        re.sub(r"^\^([\d.]+)$", r"\1 or later", str(compat)),
    )


def julia_version(executable: str) -> tuple[int, ...] | None:
    """Return the version of a Julia, e.g. (1, 10, 3); None if it does not run."""
    try:
        result = subprocess.run([executable, "--version"], capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    number = re.match(rb"julia version (\d+)\.(\d+)\.(\d+)", result.stdout)
    return tuple(map(int, number.groups())) if number else None
