"""Which Julia is used, what is missing and how to get it, and the setup that gets it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from taggingbackends.backend.juliapackage import julia_package, julia_package_version
from taggingbackends.backend.juliascripts import (
    JULIA,
    JULIACALL,
    find_julia,
    julia_command,
    julia_environment,
)
from taggingbackends.errors import JuliaSetupError
from taggingbackends.julia.choice import Choice, choose, dotted, julia_version
from taggingbackends.julia.startup import settings, start
from taggingbackends.system.processes import environment

__all__ = ["Status", "set_up", "status"]

_OLDEST_FOR_SCRIPTS = (1, 5)
_SET_UP = "run `tagging-backend julia setup` on a machine with a network"


@dataclass
class Status:
    """The state of the Julia installation."""

    lines: list[str] = field(default_factory=list)  # what was found
    missing: list[str] = field(default_factory=list)  # each with its fix

    def add(self, name: str, text: str) -> None:
        """Add a line to what was found."""
        self.lines.append(f"{name:<14} {text}")


def status() -> Status:
    """Return the state of the installation; only ``julia --version`` is run."""
    found = Status()
    _add_package(found)
    found.lines += ["", "Scripts in Julia (tagging-backend julia run, predict_model.jl):"]
    _add_scripts(found)
    found.lines += ["", "Julia in Python (from taggingbackends import julia):"]
    _add_bridge(found)
    return found


def set_up() -> None:
    """Install and precompile what Julia needs: in Python, and for scripts even if that fails."""
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
    result = subprocess.run(command, env=julia_environment(environment()), stdout=sys.stderr)
    if result.returncode != 0:
        problem = f"TaggingBackends cannot be loaded by {command[0]}: see its output above"
        raise JuliaSetupError("cannot-start", problem)
    sys.stderr.write(f"Scripts in Julia are ready to run, with {command[0]}\n")


def _add_package(found: Status) -> None:
    ours = version("taggingbackends")
    found.add("Python package", f"{ours} in {Path(__file__).parent.parent}")
    try:
        theirs = julia_package_version()
    except JuliaSetupError as error:
        found.add("Julia package", "none")
        found.missing.append(str(error))
        return
    found.add("Julia package", f"{theirs} in {julia_package()}")
    if ours != theirs:
        found.missing.append(f"the same version of both packages: reinstall taggingbackends {ours}")


def _add_scripts(found: Status) -> None:
    try:
        executable = find_julia()
    except JuliaSetupError as error:
        found.add("  Julia", "none")
        found.missing.append(str(error))
        return
    named_by = "on PATH" if executable == shutil.which("julia") else "juliapkg's"
    for variable in (JULIACALL, JULIA):
        if executable == shutil.which(os.environ.get(variable, "")):
            named_by = f"named by {variable}"
    number = julia_version(executable)
    if number is None or number < _OLDEST_FOR_SCRIPTS:
        oldest = dotted(_OLDEST_FOR_SCRIPTS)
        found.missing.append(f"Julia {oldest} or later for scripts, found {executable}")
    shown = dotted(number) if number else "unknown version"
    found.add("  Julia", f"{shown} at {executable}, {named_by}")


def _add_bridge(found: Status) -> None:
    found.add("  juliacall", version("juliacall"))
    try:
        choice, own_settings = choose(), settings()
    except JuliaSetupError as error:
        found.missing.append(str(error))
        return
    by = f", named by {choice.named_by}" if choice.named_by != "juliapkg" else ""
    found.add("  Julia", (_shown(choice) if choice.executable else "none") + by)
    found.add("  needed", choice.needed)
    found.add("  project", str(choice.project))
    try:
        packages = _packages(choice)
    except (OSError, ValueError) as error:
        found.missing.append(f"a readable manifest in {choice.project}: {error}")
        return
    pythoncall = packages.get("PythonCall", {}).get("version")
    found.add("  PythonCall", pythoncall or "none")
    own = packages.get("TaggingBackends")
    folder = Path(choice.project, own["path"]) if own and "path" in own else None
    found.add("  package", str(folder or ("the project's" if own else "the Julia package above")))
    found.add(
        "  settings", " ".join(f"{k}={v}" for k, v in own_settings.items()) or "only your own"
    )
    try:
        choice.check()
    except JuliaSetupError as error:
        found.missing.append(str(error))
        return
    needed = version("juliacall")
    if choice.executable is None:
        found.missing.append(f"Julia {choice.needed}, for use from Python: {_SET_UP}")
    elif pythoncall != needed:
        fix = _SET_UP
        if not choice.is_juliapkgs:
            fix = f'Pkg.add(name="PythonCall", version="{needed}") in the project'
        found.missing.append(f"PythonCall {needed}, as juliacall, in {choice.project}: {fix}")
    elif own and own.get("version") != version("taggingbackends"):
        found.missing.append(
            f"TaggingBackends {version('taggingbackends')} instead of {own.get('version')} in "
            f"{choice.project}: update it there, or remove it from there"
        )
    elif choice.is_juliapkgs and _is_outdated():
        found.missing.append(f"an up to date project {choice.project}: {_SET_UP}")


def _shown(choice: Choice) -> str:
    return f"{dotted(choice.version or ())} at {choice.executable}"


def _packages(choice: Choice) -> dict[str, dict[str, str]]:
    """Return the packages in a project's manifest by their names, none if there is no manifest."""
    names = ["Manifest.toml", "JuliaManifest.toml"]
    if choice.version is not None:
        names.insert(0, f"Manifest-v{dotted(choice.version[:2])}.toml")
    for path in (choice.project / name for name in names):
        if path.is_file():
            content = tomllib.loads(path.read_text("utf-8"))
            entries = content.get("deps", content)  # as format 2 has them, or format 1
            return {name: x[0] for name, x in entries.items() if isinstance(x, list) and x}
    return {}


def _is_outdated() -> bool:
    """Return whether juliapkg would prepare its project again."""
    from juliapkg.deps import can_skip_resolve

    return not can_skip_resolve()
