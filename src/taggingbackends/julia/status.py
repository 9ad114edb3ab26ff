"""Which Julia is used, what is missing and how to get it, and the setup that gets it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from contextlib import suppress
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
from taggingbackends.julia.startup import Choice, choose, dotted, julia_version, settings, start
from taggingbackends.system.processes import environment

__all__ = ["Status", "set_up", "status"]

_SET_UP = "run `tagging-backend julia setup` on a machine with a network"


@dataclass
class Status:
    """The state of the Julia installation."""

    lines: list[str] = field(default_factory=list)  # what was found
    missing: list[str] = field(default_factory=list)  # each with its fix

    def add(self, name: str, text: str) -> None:
        """Add a line to what was found."""
        self.lines.append(f"{name:<14} {text}")


def set_up() -> None:
    """Install and precompile what Julia needs: in Python, and for scripts even if that fails."""
    try:
        start()
    except JuliaSetupError:
        with suppress(JuliaSetupError):
            _set_up_scripts()
        raise
    _set_up_scripts()


def _set_up_scripts() -> None:
    command = [*julia_command(None), "-e", "using TaggingBackends"]
    result = subprocess.run(command, env=julia_environment(environment()), stdout=sys.stderr)
    if result.returncode != 0:
        problem = f"TaggingBackends cannot be loaded by {command[0]}: see its output above"
        raise JuliaSetupError("cannot-start", problem)
    sys.stderr.write(f"Scripts in Julia are ready to run, with {command[0]}\n")


def status() -> Status:
    """Return the state of the installation; only ``julia --version`` is run."""
    found = Status()
    for title, section in (
        (None, _add_package),
        ("Scripts in Julia (tagging-backend julia run, predict_model.jl):", _add_scripts),
        ("Julia in Python (from taggingbackends import julia):", _add_bridge),
    ):
        found.lines += ["", title] if title else []
        try:
            section(found)
        except JuliaSetupError as error:
            found.lines.append("  see below")
            found.missing.append(str(error))
    return found


def _add_package(found: Status) -> None:
    found.add("Python package", f"{version('taggingbackends')} in {Path(__file__).parent.parent}")
    found.add("Julia package", f"{julia_package_version()} in {julia_package()}")


def _add_scripts(found: Status) -> None:
    executable = find_julia()
    named_by = "on PATH" if executable == shutil.which("julia") else "juliapkg's"
    for variable in (JULIACALL, JULIA):
        if executable == shutil.which(os.environ.get(variable, "")):
            named_by = f"named by {variable}"
    number = julia_version(executable)
    found.add("  Julia", f"{_shown(number)} at {executable}, {named_by}")
    if number is None or number < (1, 5):
        found.missing.append(f"Julia 1.5 or later for scripts, found {executable}")


def _add_bridge(found: Status) -> None:
    found.add("  juliacall", version("juliacall"))
    choice = choose()
    by = "" if choice.named_by == "juliapkg" else f", named by {choice.named_by}"
    julia = f"{_shown(choice.version)} at {choice.executable}" if choice.executable else "none"
    found.add("  Julia", julia + by)
    found.add("  needed", choice.needed)
    found.add("  project", str(choice.project))
    packages = _packages(choice)
    found.add("  PythonCall", packages.get("PythonCall", {}).get("version", "none"))
    own = packages.get("TaggingBackends")
    path = own and own.get("path") and str(Path(choice.project, own["path"]))
    found.add("  package", path or ("the project's" if own else "the Julia package above"))
    own_settings = " ".join(f"{name}={value}" for name, value in settings().items())
    found.add("  settings", own_settings or "only your own")
    choice.check()
    found.missing += _missing(choice, packages)


def _missing(choice: Choice, packages: dict[str, dict[str, str]]) -> list[str]:
    """Return what keeps the bridge from working, if anything does."""
    ours, needed = version("taggingbackends"), version("juliacall")
    own = packages.get("TaggingBackends", {}).get("version", ours)
    if choice.executable is None:
        return [f"Julia {choice.needed}, for use from Python: {_SET_UP}"]
    if packages.get("PythonCall", {}).get("version") != needed:
        fix = f'Pkg.add(name="PythonCall", version="{needed}") in the project'
        fix = _SET_UP if choice.is_juliapkgs else fix
        return [f"PythonCall {needed}, as juliacall, in {choice.project}: {fix}"]
    if own != ours:
        fix = "update it there, or remove it from there"
        return [f"TaggingBackends {ours} instead of {own} in {choice.project}: {fix}"]
    if choice.is_juliapkgs:
        from juliapkg.deps import can_skip_resolve

        if not can_skip_resolve():
            return [f"an up to date project {choice.project}: {_SET_UP}"]
    return []


def _shown(number: tuple[int, ...] | None) -> str:
    return dotted(number) if number else "unknown version"


def _packages(choice: Choice) -> dict[str, dict[str, str]]:
    """Return the packages in a project's manifest by their names, none if there is no manifest."""
    names = ["Manifest.toml", "JuliaManifest.toml"]
    if choice.version is not None:
        names.insert(0, f"Manifest-v{dotted(choice.version[:2])}.toml")
    path = next((path for name in names if (path := choice.project / name).is_file()), None)
    if path is None:
        return {}
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        problem = f"a readable manifest in {choice.project}: {error}"
        raise JuliaSetupError("bad-setting", problem) from error
    entries = content.get("deps", content)  # as format 2 has them, or format 1
    return {name: x[0] for name, x in entries.items() if isinstance(x, list) and x}
