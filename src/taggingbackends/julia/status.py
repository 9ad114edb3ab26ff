"""What of Julia is there, what is missing, and what mends it; and the mending."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from taggingbackends.errors import JuliaSetupError
from taggingbackends.julia.choice import OLDEST, Choice, choose, dotted, julia_version
from taggingbackends.julia.package import julia_package, julia_package_version
from taggingbackends.julia.scripts import JULIA, find_julia, julia_command, julia_environment
from taggingbackends.julia.startup import settings, start

__all__ = ["Status", "set_up", "status"]

_OLDEST_FOR_SCRIPTS = (1, 5)
_SET_UP = "run `tagging-backend julia setup` where the network can be reached"


@dataclass
class Status:
    """What there is, as lines to print, and what is missing.

    Attributes
    ----------
    lines : list of str
    missing : list of str
        Each with what mends it.
    """

    lines: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def tell(self, name: str, text: str) -> None:
        """Add a line."""
        self.lines.append(f"{name:<14} {text}")


def status() -> Status:
    """Find out what there is. Nothing is downloaded, written or started but ``julia --version``."""
    found = Status()
    _tell_package(found)
    found.lines += ["", "Scripts in Julia (tagging-backend julia run, predict_model.jl):"]
    _tell_scripts(found)
    found.lines += ["", "Julia in Python (from taggingbackends import julia):"]
    _tell_bridge(found)
    return found


def set_up() -> None:
    """Install and precompile what Julia needs, as far as it can be had.

    Raises
    ------
    JuliaSetupError
        Julia cannot be started in Python; what scripts in Julia need is done nevertheless.
    """
    problem = None
    try:
        start()
    except JuliaSetupError as error:
        problem = error
    try:
        _set_up_scripts()
    except JuliaSetupError as error:
        raise problem or error from None
    if problem is not None:
        raise problem


def _set_up_scripts() -> None:
    command = [*julia_command(None), "-e", "using TaggingBackends"]
    result = subprocess.run(command, env=julia_environment(os.environ), stdout=sys.stderr)
    if result.returncode != 0:
        problem = f"TaggingBackends cannot be loaded by {command[0]}: it says why above"
        raise JuliaSetupError("cannot-start", problem)


def _tell_package(found: Status) -> None:
    ours = version("taggingbackends")
    found.tell("Python package", f"{ours} in {Path(__file__).parent.parent}")
    try:
        theirs = julia_package_version()
    except JuliaSetupError as error:
        found.tell("Julia package", "none")
        found.missing.append(str(error))
        return
    found.tell("Julia package", f"{theirs} in {julia_package()}")
    if ours != theirs:
        found.missing.append(f"the same version of both packages: reinstall taggingbackends {ours}")


def _tell_scripts(found: Status) -> None:
    try:
        executable = find_julia()
    except JuliaSetupError as error:
        found.tell("  Julia", "none")
        found.missing.append(str(error))
        return
    said_by = JULIA if os.environ.get(JULIA) else "found by itself"
    number = julia_version(executable)
    if number is None or number < _OLDEST_FOR_SCRIPTS:
        oldest = dotted(_OLDEST_FOR_SCRIPTS)
        found.missing.append(f"Julia {oldest} or later for scripts, instead of {executable}")
    found.tell("  Julia", f"{_told(executable, number)}, {said_by}")


def _tell_bridge(found: Status) -> None:
    found.tell("  juliacall", version("juliacall"))
    try:
        choice = choose()
    except JuliaSetupError as error:
        found.missing.append(str(error))
        return
    by = f", named by {choice.said_by}" if choice.said_by != "juliapkg" else ""
    found.tell("  Julia", _told(choice.executable, choice.version) + by)
    found.tell("  project", str(choice.project))
    pythoncall = _pythoncall(choice)
    found.tell("  PythonCall", pythoncall or "none")
    found.tell("  settings", " ".join(f"{k}={v}" for k, v in settings().items()) or "yours only")
    try:
        choice.check()
    except JuliaSetupError as error:
        found.missing.append(str(error))
        return
    if choice.executable is None:
        found.missing.append(f"Julia {dotted(OLDEST)} or later, for use from Python: {_SET_UP}")
    elif pythoncall != version("juliacall"):
        mend = _SET_UP
        if choice.said_by == "PYTHON_JULIACALL_EXE":
            mend = f'Pkg.add(name="PythonCall", version="{version("juliacall")}") in the project'
        found.missing.append(
            f"PythonCall {version('juliacall')}, as juliacall, in {choice.project}: {mend}"
        )
    elif _is_outdated(choice):
        found.missing.append(
            f"what has changed since {choice.project} was prepared: the next start sees to it, or "
            f"{_SET_UP}"
        )


def _told(executable: str | None, number: tuple[int, ...] | None) -> str:
    if executable is None:
        return f"none from {dotted(OLDEST)} on"
    return f"{dotted(number) if number else 'unknown version'} at {executable}"


def _pythoncall(choice: Choice) -> str | None:
    """Return the version of PythonCall in the project's manifest, None if it is not there."""
    names = ["Manifest.toml", "JuliaManifest.toml"]
    if choice.version is not None:
        names.insert(0, f"Manifest-v{dotted(choice.version[:2])}.toml")
    for path in (choice.project / name for name in names):
        if path.is_file():
            content = tomllib.loads(path.read_text("utf-8"))
            entries = content.get("deps", content).get("PythonCall", [{}])
            return str(entries[0].get("version", "")) or None
    return None


def _is_outdated(choice: Choice) -> bool:
    """Tell whether juliapkg would prepare its project again."""
    if choice.said_by == "PYTHON_JULIACALL_EXE":
        return False
    from juliapkg.deps import can_skip_resolve

    return not can_skip_resolve()
