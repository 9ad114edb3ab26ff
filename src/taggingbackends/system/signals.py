"""End a program by a signal without a traceback, and never in the middle of an import.

This module is imported first, so it imports little.
"""

from __future__ import annotations

import _thread
import os
import signal
import time

TYPE_CHECKING = False  # importing typing would take longer than all else here
if TYPE_CHECKING:
    from types import FrameType

__all__ = ["end_by_signals", "ignore_signals"]

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
_SIGNALS = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
_PATIENCE = 3.0  # seconds that imports may delay the end; less than a parent process waits
_INTERVAL = 0.01  # seconds
_IMPORTING = "<frozen importlib._bootstrap>"

_deadline: float | None = None


def end_by_signals() -> None:
    """Let signals end this process by an exception.

    Ctrl-C (SIGINT) raises KeyboardInterrupt. SIGTERM and SIGHUP raise SystemExit with 128 + n.
    A signal that arrives during an import takes effect when the import is done, since extension
    modules may crash otherwise. After the first signal, only further Ctrl-C count. Signals that
    the process ignores stay ignored.

    Only main programs call this function.
    """
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)
    if os.name == "posix":  # `processes` starts scripts with SIGINT blocked
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def ignore_signals() -> None:
    """Ignore these signals from now on, because the exit code is known."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _end(number: int, frame: FrameType | None) -> None:
    global _deadline
    if _deadline is None:
        _deadline = time.monotonic() + _PATIENCE
    if _is_importing(frame) and time.monotonic() < _deadline:
        _thread.start_new_thread(_send_again, (number, _thread.get_ident()))
        return
    # Ctrl-C on a terminal can make a parent process send another signal.
    for other in _SIGNALS:
        if other != signal.SIGINT:
            signal.signal(other, signal.SIG_IGN)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTING:
            return True
        frame = frame.f_back
    return False


def _send_again(number: int, main_thread: int) -> None:
    time.sleep(_INTERVAL)
    if os.name == "posix":  # unlike interrupt_main, this ends a waiting system call
        signal.pthread_kill(main_thread, number)
    else:
        _thread.interrupt_main(signal.Signals(number))
