"""Which Julia and which project juliacall would start. Nothing is started to find out."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from taggingbackends.errors import JuliaSetupError

__all__ = [
    "OLDEST",
    "Choice",
    "choose",
    "dotted",
    "julia_version",
    "setting",
    "stdout_to_stderr",
]

OLDEST = (1, 10, 3)  # what juliacall asks for


def dotted(version: tuple[int, ...]) -> str:
    """Return a version as text, e.g. ``1.10.3``."""
    return ".".join(map(str, version))


@dataclass(frozen=True)
class Choice:
    """The Julia and the project that juliacall would start."""

    executable: str | None  # None if juliapkg has not found or installed one yet
    version: tuple[int, ...] | None
    project: Path  # need not exist yet
    named_by: str  # "juliapkg", or a setting
    prepared: bool  # whether juliapkg has installed the packages, where it is the one to do so
    needed: str = f"{dotted(OLDEST)} or later"

    @property
    def is_juliapkgs(self) -> bool:
        """Whether juliapkg manages the project."""
        return self.named_by != "PYTHON_JULIACALL_EXE"

    def check(self) -> None:
        """Raise an error for what is known to keep Julia from starting."""
        if self.version is not None and self.version < OLDEST:
            problem = (
                f"{self.named_by}: expected Julia {dotted(OLDEST)} or later for use from Python, "
                f"found {dotted(self.version)} ({self.executable}); it still runs "
                "scripts in Julia: `tagging-backend julia run SCRIPT`"
            )
            raise JuliaSetupError("unsuitable-julia", problem)
        if not self.prepared and setting("juliapkg", "offline") == "yes":
            problem = (
                "PYTHON_JULIAPKG_OFFLINE: expected a Julia project that juliapkg has prepared, "
                f"found none in {self.project}: run `tagging-backend julia setup` without this "
                "setting on a machine with a network, or name an existing Julia and project "
                "(PYTHON_JULIACALL_EXE, PYTHON_JULIACALL_PROJECT)"
            )
            raise JuliaSetupError("not-prepared", problem)


def choose() -> Choice:
    """Return what juliacall would start, by its settings and by what juliapkg has prepared."""
    executable, project = (setting("juliacall", name) for name in ("exe", "project"))
    if (executable is None) != (project is None):
        found = "PYTHON_JULIACALL_EXE" if project is None else "PYTHON_JULIACALL_PROJECT"
        problem = (
            f"{found}: expected PYTHON_JULIACALL_EXE and PYTHON_JULIACALL_PROJECT together, "
            "found only this one; set both, or neither"
        )
        raise JuliaSetupError("bad-setting", problem)
    if executable is None or project is None:
        return _juliapkgs()
    if not Path(project).is_dir():
        problem = f"PYTHON_JULIACALL_PROJECT: expected a folder, found {project}"
        raise JuliaSetupError("bad-setting", problem)
    named_by = "PYTHON_JULIACALL_EXE"
    version = _version_of_named(executable, named_by)
    return Choice(executable, version, Path(project).absolute(), named_by, prepared=True)


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
    project = Path(STATE["project"])
    named = STATE["override_executable"]
    if named:
        named_by = "PYTHON_JULIAPKG_EXE"
        version = _version_of_named(named, named_by)
        return Choice(named, version, project, named_by, bool(meta), str(compat))
    executable = meta.get("executable")
    if executable is None:
        with contextlib.suppress(Exception), contextlib.redirect_stdout(printed):
            executable, _ = find_julia(compat, STATE["install"])
    found = None if executable is None else julia_version(executable)
    return Choice(
        executable if found else None, found, project, "juliapkg", bool(meta), str(compat)
    )


def _version_of_named(executable: str, named_by: str) -> tuple[int, ...]:
    version = julia_version(executable)
    if version is None:
        problem = f"{named_by}: expected a Julia that can be run, found {executable}"
        raise JuliaSetupError("bad-setting", problem)
    return version


def julia_version(executable: str) -> tuple[int, ...] | None:
    """Return the version of a Julia, e.g. (1, 10, 3); None if it does not run."""
    found = shutil.which(executable)
    if found is None:
        return None
    try:
        result = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    found_version = re.fullmatch(r"julia version (\d+)\.(\d+)\.(\d+).*", result.stdout.strip())
    return tuple(map(int, found_version.groups())) if found_version else None


def setting(package: str, name: str) -> str | None:
    """Return a setting of juliacall or juliapkg, from the command line (-X) or the environment."""
    option = sys._xoptions.get(f"{package}-{name.replace('_', '-')}")
    if option is not None:
        return "yes" if option is True else str(option)
    return os.environ.get(f"PYTHON_{package.upper()}_{name.upper()}")


@contextlib.contextmanager
def stdout_to_stderr() -> Iterator[None]:
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
