"""Run the tests of both languages, build the website and run a short campaign (torture).

The last lines show how many ran.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO

ROOT = Path(__file__).parent.parent


def main() -> None:
    """Run the Python tests, and beside them the Julia tests, the website and the campaign."""
    began = time.monotonic()
    # a background job of a shell ignores Ctrl-C, and so would the processes that tests interrupt
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # or each process that a test starts would compile the package again
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["TAGGINGBACKENDS_PYTHON"] = sys.executable  # for scripts that the Julia tests run
    prepared = ROOT / ".tools" / "julia" / "juliapkg"
    if (prepared / "pyjuliapkg" / "meta.json").is_file():  # prepared by get_julia.py
        os.environ.setdefault("PYTHON_JULIAPKG_PROJECT", str(prepared))
    with (
        TemporaryFile("w+", encoding="utf-8") as output,  # shown after the output of Python
        ThreadPoolExecutor(1) as other_core,
    ):
        others = other_core.submit(run_others, output)
        python_process = start(
            *(sys.executable, "-m", "pytest", "-o", "console_output_style=classic"),
            stdout=subprocess.PIPE,
        )
        python_output = "".join(shown(python_process))
        python_code, python_cpu = ended(python_process)
        (julia_code, julia_cpu), (site_code, site_cpu), (campaign_code, campaign_cpu) = (
            others.result()
        )
        output.seek(0)
        other_output = output.read()
    sys.stdout.write(other_output)
    closing = re.findall(r"^=+ (.*) in [\d.]+s.* =+$", python_output, re.MULTILINE)
    counts = dict.fromkeys(("passed", "failed", "skipped"), 0)
    for number, word in re.findall(r"(\d+) (\w+)", closing[-1] if closing else ""):
        counts["failed" if word.startswith("error") else word] = int(number)
    counted = re.findall(r"^Julia: .*$", other_output, re.MULTILINE)
    passed = time.monotonic() - began
    print(
        f"CPU: {julia_cpu:.0f} s for Julia, {python_cpu:.0f} s for Python, "
        f"{site_cpu:.0f} s for the website, {campaign_cpu:.0f} s for the campaign; "
        f"{passed:.0f} s passed"
    )
    print(f"Website: {'failed' if site_code else 'built, no warning'}")
    print(counted[-1] if counted else "Julia: 0 passed, 1 failed")
    print("Python: {passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    sys.exit(julia_code or python_code or site_code or campaign_code)


def run_others(output: IO[str]) -> list[tuple[int, float]]:
    """Return the exit code and the CPU time (s) of the Julia tests, the website, the campaign."""
    julia = (os.environ["TAGGINGBACKENDS_JULIA"], "--startup-file=no", "--project=.")
    campaign = (sys.executable, "-m", "torture", "--seconds=60", "--jobs=1")
    with TemporaryDirectory() as folder:
        site = ("make", "--no-print-directory", "docs", f"SITE={folder}/site")
        return [
            ended(start(*julia, "test/runtests.jl", stdout=output)),
            ended(start(*site, stdout=output)),
            ended(start(*campaign, stdout=output, cwd=ROOT / "test")),
        ]


def start(*command: str, stdout: int | IO[str], cwd: Path = ROOT) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, cwd=cwd, stdout=stdout, stderr=subprocess.STDOUT, encoding="utf-8"
    )


def shown(process: subprocess.Popen[str]) -> list[str]:
    """Show the output of a process as it runs, and return its lines."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        sys.stdout.write(line)
        sys.stdout.flush()
        lines.append(line)
    return lines


def ended(process: subprocess.Popen[str]) -> tuple[int, float]:
    """Wait for a process. Return its exit code and the CPU time (s) of it and its children."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
