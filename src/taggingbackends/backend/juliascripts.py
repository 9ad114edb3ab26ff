"""Find Julia, and start scripts in it with this project's Julia package."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

from taggingbackends.backend.juliapackage import julia_package
from taggingbackends.errors import JuliaSetupError
from taggingbackends.system import processes

__all__ = ["JULIA", "JULIACALL", "find_julia", "julia_command", "julia_environment", "run_script"]

JULIA = "TAGGINGBACKENDS_JULIA"
"""Environment variable: the Julia that runs scripts."""

JULIACALL = "PYTHON_JULIACALL_EXE"
"""Environment variable: the Julia that juliacall starts in Python's process."""

_LIBRARY_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH")


def run_script(script: Path, arguments: Sequence[str], project_dir: Path | None) -> int:
    """Run a script in Julia, with the Julia package available; return its exit code.

    Parameters
    ----------
    script : Path
    arguments : sequence of str
        Arguments of the script.
    project_dir : Path or None
        See `julia_command`.

    Raises
    ------
    JuliaSetupError
        ``missing-julia``.
    """
    # Julia takes the first "--" for its own, so the script's would be lost
    command = [*julia_command(project_dir), "--", str(script), *arguments]
    return processes.run(command, julia_environment(processes.environment()))


def julia_command(project_dir: Path | None) -> list[str]:
    """Return the command to which the path of a script is appended.

    If the backend has a Project.toml (Julia packages of its own), that is the active project.

    Raises
    ------
    JuliaSetupError
        ``missing-julia``.
    """
    own = project_dir is not None and (project_dir / "Project.toml").is_file()
    return [find_julia(), "--startup-file=no", *([f"--project={project_dir}"] if own else [])]


def julia_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a script in Julia.

    It has the Julia package on the load path, and lacks this Python's folders of libraries.

    Parameters
    ----------
    variables : mapping
        The environment to start from.
    """
    # an empty entry stands for the default entries
    environment = {**variables, "JULIA_LOAD_PATH": f"{julia_package()}{os.pathsep}"}
    for name in _LIBRARY_PATHS:
        kept = [
            folder
            for folder in variables.get(name, "").split(os.pathsep)
            if folder and not _is_pythons(Path(folder))
        ]
        environment.pop(name, None)
        if kept:
            environment[name] = os.pathsep.join(kept)
    return environment


def find_julia() -> str:
    """Return the Julia that runs scripts; nothing is installed.

    It is the one that the environment variable `JULIA` names, else ``julia`` on the PATH, else
    juliacall's: the one that its setting names, or that juliapkg has found or installed.

    Raises
    ------
    JuliaSetupError
        ``missing-julia``: none is found; the message says what to do.
    """
    named = os.environ.get(JULIA)
    if named:
        found = shutil.which(named)
        if found is None:
            problem = f"{JULIA}: expected a Julia that can be run, found {named}"
            raise JuliaSetupError("missing-julia", problem)
        return found
    found = shutil.which("julia") or shutil.which(os.environ.get(JULIACALL, ""))
    found = found or _juliapkgs_julia()
    if found is None:
        problem = (
            "a script in Julia needs Julia, and none was found: install it (https://julialang.org) "
            f"so that julia is on the PATH, or name it in the environment variable {JULIA}"
        )
        raise JuliaSetupError("missing-julia", problem)
    return found


def _juliapkgs_julia() -> str | None:
    """Return the Julia that juliapkg has resolved last, without resolving anything."""
    try:
        state = import_module("juliapkg.state").STATE
        meta = import_module("juliapkg.deps").load_meta() or {}
        known = (state["override_executable"], meta.get("executable"))
        installed = Path(state["install"]) / "bin" / "julia"
    except Exception:  # a broken juliapkg matters only to those who use it
        return None
    candidates = (*filter(None, known), str(installed))
    return next(filter(None, map(shutil.which, candidates)), None)


def _is_pythons(folder: Path) -> bool:
    """Return whether a folder of libraries belongs to this Python's environment."""
    prefixes = {sys.prefix, sys.base_prefix, os.environ.get("CONDA_PREFIX") or sys.prefix}
    prefixes -= {"/usr", "/usr/local"}
    return any(folder.resolve().is_relative_to(Path(prefix).resolve()) for prefix in prefixes)
