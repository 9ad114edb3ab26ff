"""End a program by a signal without a traceback, and never in the middle of an import.

This module is imported first, so it imports little. A signal before `end_by_signals` ends the
program with a traceback.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # importing typing would take longer than all else here
if TYPE_CHECKING:
    import signal
    from types import FrameType
    from typing import NoReturn
else:
    import _signal as signal  # `signal` itself imports enum, which takes long, too

__all__ = ["end_by_signals", "ignore_signals"]

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
_SIGNALS = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
_IMPORTING = "<frozen importlib._bootstrap>"

_is_waiting = False  # a signal for the end of an import


def end_by_signals() -> None:
    """Let signals end this process by an exception.

    Ctrl-C (SIGINT) raises KeyboardInterrupt. SIGTERM and SIGHUP raise SystemExit with 128 + n.
    If the first signal arrives during an import, it takes effect when the import is done, since
    extension modules may crash otherwise. A second one does not wait. Once the process is ending,
    only Ctrl-C still counts. Signals that the process ignores stay ignored.

    Only main programs call this function.
    """
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _end)
    if sys.platform != "win32":  # `processes` starts scripts with SIGINT blocked
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def ignore_signals() -> None:
    """Ignore these signals from now on, because the exit code is known."""
    for number in _SIGNALS:
        signal.signal(number, _ignore)
    if sys.platform != "win32":  # Python's own end restores the handlers that end the process
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)


def _end(number: int, frame: FrameType | None) -> None:
    global _is_waiting
    outermost = None if _is_waiting else _outermost_import(frame)
    if outermost is None:
        _raise(number)
    _is_waiting = True
    # Python calls this function when the lock of a module is freed, and ignores what it raises.
    is_callback = outermost.f_code.co_name == "cb"

    def wait(frame: FrameType, event: str, argument: object) -> None:
        if is_callback:
            is_done = _outermost_import(frame) is None
        else:
            is_done = frame is outermost and event == "return"
        if is_done:
            _raise(number)

    sys.setprofile(wait)


def _raise(number: int) -> NoReturn:
    if _is_waiting:
        sys.setprofile(None)
    # Ctrl-C on a terminal can make a parent process send another signal.
    for other in _SIGNALS:
        if other != signal.SIGINT:
            signal.signal(other, _ignore)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Do nothing. With SIG_IGN instead, Python reports a signal that arrives just before."""


def _outermost_import(frame: FrameType | None) -> FrameType | None:
    found = None
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTING:
            found = frame
        frame = frame.f_back
    return found
