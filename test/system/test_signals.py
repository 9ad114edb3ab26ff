"""Signals during imports and afterwards: exit codes, no tracebacks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support import command, posix, refused, write_labels, write_recording

Maker = Callable[..., Path]

pytestmark = posix

# Python imports sitecustomize first. This one sends a signal when a certain module is imported.
HOOK = """
import os, sys
class Hook:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["AT"]:
            sys.meta_path.remove(hook)
            os.kill(os.getpid(), int(os.environ["NUMBER"]))
sys.meta_path.insert(0, hook := Hook())
"""


@pytest.mark.parametrize(
    ("number", "exit_code", "module"),
    [
        (signal.SIGINT, 130, "enum"),  # imported by the module signal
        (signal.SIGINT, 130, "click"),
        (signal.SIGHUP, 129, "click"),
        (signal.SIGINT, 130, "orjson"),
        (signal.SIGTERM, 143, "numpy.linalg"),
    ],
)
def test_a_signal_during_an_import(
    number: signal.Signals, exit_code: int, module: str, tmp_path: Path
) -> None:
    labels = write_labels(write_recording(tmp_path))
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(HOOK)
    variables = {"PYTHONPATH": str(tmp_path / "hook"), "AT": module, "NUMBER": str(int(number))}
    result = command("labels", "show", labels, cwd=tmp_path, **variables)
    assert (result.returncode, result.stderr.strip()) == (exit_code, "")


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_a_script_is_imported(
    number: signal.Signals, exit_code: int, make_backend: Maker
) -> None:
    # its main program is not reached before the signal
    text = f"""import os
os.kill(os.getpid(), {int(number)})
from taggingbackends.main import main
main(lambda backend: print("never"))
"""
    project = make_backend(predict_model=text)
    result = command("predict", "--model-instance=m", cwd=project)
    refused(result, f"predict_model failed with exit code {exit_code}", exit_code)
    assert result.stdout == ""


def python(program: str) -> subprocess.CompletedProcess[str]:
    program = f"import os, signal, sys, time\n{program}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


START = "from taggingbackends.system.signals import end_by_signals\n"


def test_a_second_signal_interrupts_an_import(tmp_path: Path) -> None:
    kill = "os.kill(os.getpid(), {})"
    module = ["import os", kill.format(2), "print('waits')", kill.format(15), "print('never')"]
    (tmp_path / "slow.py").write_text("\n".join(module))
    program = f"{START}end_by_signals()\nsys.path[0] = {str(tmp_path)!r}\nimport slow"
    result = python(program)
    assert (result.returncode, result.stdout, result.stderr) == (143, "waits\n", "")


def test_a_signal_when_the_lock_of_a_module_is_freed() -> None:
    # Python ignores what the callback raises that frees it
    program = f"""{START}end_by_signals()
import _frozen_importlib as bootstrap
class Imp:
    def __getattr__(self, name, imp=bootstrap._imp):
        if name == "acquire_lock":
            os.kill(os.getpid(), 15)
        return getattr(imp, name)
lock = bootstrap._get_module_lock("x")
bootstrap._imp = Imp()
del lock
print("late")
"""
    result = python(program)
    assert (result.returncode, result.stdout, result.stderr) == (143, "", "")


def test_later_signals_do_not_disturb_the_end() -> None:
    program = f"{START}end_by_signals()\ntry: os.kill(os.getpid(), 15)\n"
    result = python(f"{program}finally: os.kill(os.getpid(), 1); time.sleep(0.01); print('clean')")
    assert (result.returncode, result.stdout, result.stderr) == (143, "clean\n", "")


def test_later_signals_do_not_disturb_the_end_of_python() -> None:
    # Python deletes modules' names after it has restored its own handlers
    program = """
from taggingbackends.system.signals import ignore_signals
class Late:
    def __del__(self, kill=os.kill, process=os.getpid()):
        kill(process, 2)
late = Late()
ignore_signals()
sys.exit(130)
"""
    assert python(program).returncode == 130


def test_ctrl_c_just_before_it_is_ignored() -> None:
    program = """
from taggingbackends import __main__ as command, cli
def ignore(ignore=command.ignore_signals):
    command.ignore_signals = ignore
    os.kill(os.getpid(), 2)
    ignore()
command.ignore_signals = ignore
cli.main = lambda: sys.exit(0)
command.main()
"""
    result = python(program)
    assert (result.returncode, result.stderr) == (130, "")


def test_ignored_signals_stay_ignored() -> None:
    program = f"signal.signal(1, signal.SIG_IGN)\n{START}end_by_signals()\n"
    result = python(f"{program}os.kill(os.getpid(), 1); time.sleep(0.01); print('going on')")
    assert (result.returncode, result.stdout, result.stderr) == (0, "going on\n", "")


def test_the_process_for_a_recording_ends_without_a_traceback(tmp_path: Path) -> None:
    from taggingbackends.many.workers import Processes

    with (tmp_path / "output").open("w+b") as output:
        with Processes().started("taggingbackends.many.sandboxed", output) as process:
            os.kill(process.pid, signal.SIGINT)  # while it is imported
            assert process.wait(30) == 130
        output.seek(0)
        assert output.read() == b""
