"""Drills: their registry, and the process that makes one trial."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeAlias

__all__ = ["DRILLS", "Defect", "Drill", "Trial", "Unavailable", "drill"]

Outcome: TypeAlias = str | Counter[str]


class Defect(AssertionError):  # noqa: N818 - the word of the table
    """Something that must not happen."""


class Unavailable(Exception):  # noqa: N818 - not an error
    """The machine lacks what a drill needs."""


class Drill(NamedTuple):
    """A kind of trial.

    Attributes
    ----------
    name : str
        ``module.function``.
    covers : str
        What the drill covers, in one line.
    function : callable
        ``function(random, folder)`` makes a trial. It returns the outcome, or how often each
        outcome occurred if the trial has many cases.
    limit : float
        Time after which a trial counts as hung, s.
    """

    name: str
    covers: str
    function: Callable[[Random, Path], Outcome]
    limit: float


DRILLS: list[Drill] = []


def drill(
    covers: str, name: str = "", limit: float = 120
) -> Callable[[Callable[[Random, Path], Outcome]], Callable[[Random, Path], Outcome]]:
    """Register a function as a drill; by default, ``module.function``."""

    def register(function: Callable[[Random, Path], Outcome]) -> Callable[[Random, Path], Outcome]:
        default = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        DRILLS.append(Drill(name or default, covers, function, limit))
        return function

    return register


class Trial:
    """A running trial, in a process of its own, so that crashes and hangs are outcomes, too.

    Parameters
    ----------
    drill : Drill
    seed, number : int
        They determine the trial's random numbers.
    """

    def __init__(self, drill: Drill, seed: int, number: int) -> None:
        self.drill = drill
        self.number = number
        self._began = time.monotonic()
        self._answer, answer = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self._folder = Path(tempfile.mkdtemp(prefix="torture-"))
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._answer)
            _child(drill, Random(f"{seed} {drill.name} {number}"), self._folder, answer)
        os.close(answer)

    def ended(self) -> tuple[Counter[str], list[str]] | None:
        """Return the outcomes and the defects once the trial has ended; None before that."""
        pid, status, _ = os.wait4(self._pid, os.WNOHANG)
        hung = pid == 0 and time.monotonic() - self._began > self.drill.limit
        if pid == 0 and not hung:
            return None
        self._kill_all()
        if hung:
            os.waitpid(self._pid, 0)
        with open(self._answer, "rb") as stream:  # noqa: PTH123 - a descriptor
            answer = stream.read()
        subprocess.run(["rm", "-rf", self._folder], check=False)  # rmtree recurses
        if hung:
            return Counter(hung=1), [f"no end after {self.drill.limit:.0f} s"]
        if not answer:
            code = os.waitstatus_to_exitcode(status)
            return Counter(crashed=1), [f"the process of the trial ended with {code}"]
        outcomes, defects = json.loads(answer)
        return Counter(outcomes), defects

    def _kill_all(self) -> None:
        for process in processes_in(self._folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)


def _child(drill: Drill, random: Random, folder: Path, answer: int) -> None:
    os.setpgid(0, 0)
    tempfile.tempdir = str(folder)  # what this process leaves is removed with it
    # a reader that asks for more memory gets an error instead of the machine's last page
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    outcomes: Counter[str] = Counter()
    defects: list[str] = []
    try:
        made = drill.function(random, folder)
        outcomes = Counter([made]) if isinstance(made, str) else made
    except Unavailable as error:
        outcomes = Counter([f"unavailable: {error}"])
    except Defect as error:
        defects = [str(error)]
    except BaseException:
        defects = [traceback.format_exc()]
    os.write(answer, json.dumps([outcomes, defects]).encode())
    os._exit(0)


def processes_in(folder: Path) -> list[int]:
    """Return the processes whose command line or current folder is in a folder (Linux)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        pid = int(entry.name)
        try:
            words = (entry / "cmdline").read_bytes()
            here = str((entry / "cwd").readlink())
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        own = pid in (os.getpid(), os.getppid())
        if not own and state != "Z" and (bytes(folder) in words or here.startswith(str(folder))):
            found.append(pid)
    return found
