"""Processes that run tagging-backend without importing it again: forks of one that imported it.

They are processes like others, with their own environment, folder, streams and exit code. Only
the imports are not those of a new Python: tests of these start one.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

TIMEOUT = 120  # s
_READ_AT_START = ("PYTHON", "LC_", "LANG", "LD_", "OPENBLAS", "TZ")  # variables
_MODULES = (
    "h5py",
    "numpy.ma",
    "taggingbackends.analysis.overview",
    "taggingbackends.backend.prediction",
    "taggingbackends.backend.training",
    "taggingbackends.cli",
    "taggingbackends.data",
    "taggingbackends.labels.fromtables",
)


class ForkServer:
    """A server and its client."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory()
        self._address = str(Path(self._folder.name, "socket"))
        self._variables = _read_at_start(os.environ)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self._address)
            listener.listen()
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(listener.fileno())],
                stdin=subprocess.PIPE,
                pass_fds=[listener.fileno()],
            )
        atexit.register(self._close)

    def _close(self) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()
        self._folder.cleanup()

    def takes(self, environment: Mapping[str, str]) -> bool:
        """Return whether all that a new Python would take from an environment is the same."""
        return _read_at_start(environment) == self._variables

    def run(
        self, arguments: list[str], cwd: Path, environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Run the command like `subprocess.run`, and capture its output."""
        outputs, errors = os.pipe(), os.pipe()
        with (
            socket.socket(socket.AF_UNIX) as connection,
            os.fdopen(outputs[0], encoding="utf-8") as output,
            os.fdopen(errors[0], encoding="utf-8") as error,
            ThreadPoolExecutor(1) as reader,
        ):
            connection.connect(self._address)
            request = json.dumps([arguments, str(cwd), dict(environment)]).encode()
            socket.send_fds(connection, [b"%9d" % len(request)], [outputs[1], errors[1]])
            connection.sendall(request)
            os.close(outputs[1])
            os.close(errors[1])
            said = reader.submit(error.read)
            printed = output.read()
            code = int(connection.recv(9))
            return subprocess.CompletedProcess(arguments, code, printed, said.result())


def _read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(_READ_AT_START)}


def serve(listener: socket.socket) -> None:
    """Fork for each request, until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: it is for the tests
    for module in _MODULES:
        __import__(module)
    running: dict[int, tuple[int, socket.socket]] = {}
    while True:
        ready, *_ = select.select([listener, sys.stdin, *running], [], [])
        if sys.stdin in ready:
            return
        for ended in running.keys() & set(ready):
            pid, connection = running.pop(ended)
            os.close(ended)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            with connection:
                connection.sendall(b"%9d" % code)
        if listener in ready:
            connection, _ = listener.accept()
            size, streams, _, _ = socket.recv_fds(connection, 9, 2)
            with connection.makefile("rb") as requests:
                arguments, cwd, environment = json.loads(requests.read(int(size)))
            pid = os.fork()
            if not pid:
                listener.close()
                for file in (connection, *(other for _, other in running.values())):
                    file.close()
                for file in running:
                    os.close(file)
                run_command(arguments, cwd, environment, streams)
            for stream in streams:
                os.close(stream)
            running[os.pidfd_open(pid)] = pid, connection


def run_command(
    arguments: list[str], cwd: str, environment: dict[str, str], streams: list[int]
) -> None:
    """Be ``python -m taggingbackends`` in this process."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.alarm(TIMEOUT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, stream in zip((nothing, *streams), (0, 1, 2), strict=True):
        os.dup2(source, stream)
        os.close(source)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[0] = os.getcwd()  # noqa: PTH109
    sys.argv[1:] = arguments
    runpy.run_module("taggingbackends", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
