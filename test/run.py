"""Run the tests of both languages, build the website and run a short campaign (torture).

Two of them run at once. The last lines show how many ran, and the end of what failed.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
# folders that take about half the time of the tests in Python; the others run beside them
HALF = ("test/backend", "test/cli", "test/julia", "test/many", "test/system")
LINES = 15  # of the output of a part that failed, shown at the end
PYTEST = (sys.executable, "-m", "pytest", "-o", "console_output_style=classic")


class Ended(NamedTuple):
    """A process that has ended: its exit code, CPU time (s, with its children) and output."""

    code: int
    cpu: float
    output: str
    live: bool  # the output has been shown


def main() -> None:
    """Run all. Show the output of the first part as it runs, that of the others afterwards."""
    began = time.monotonic()
    # a background job of a shell ignores Ctrl-C, and so would the processes that tests interrupt
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # or each process that a test starts would compile the package again
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["TAGGINGBACKENDS_PYTHON"] = sys.executable  # for scripts that the Julia tests run
    prepared = ROOT / ".tools" / "julia" / "juliapkg"
    if (prepared / "pyjuliapkg" / "meta.json").is_file():  # prepared by get_julia.py
        os.environ.setdefault("PYTHON_JULIAPKG_PROJECT", str(prepared))
    julia = (os.environ["TAGGINGBACKENDS_JULIA"], "--startup-file=no", "--project=.")
    campaign = (sys.executable, "-m", "torture", "--seconds=60", "--jobs=1")
    with TemporaryDirectory() as folder, ThreadPoolExecutor(2) as cores:
        website = ("make", "--no-print-directory", "docs", f"SITE={folder}/site")
        futures = {
            cores.submit(run, *PYTEST, *HALF, live=True): "Python",
            cores.submit(run, *PYTEST, *(f"--ignore={folder}" for folder in HALF)): "Python",
            cores.submit(run, *julia, "test/runtests.jl"): "Julia",
            cores.submit(run, *website): "the website",
            cores.submit(run, *campaign, cwd=ROOT / "test"): "the campaign",
        }
        try:
            for future in as_completed(futures):
                if not future.result().live:
                    print(future.result().output, end="", flush=True)
        except KeyboardInterrupt:
            cores.shutdown(cancel_futures=True)
            raise
    parts = [(name, future.result()) for future, name in futures.items()]
    cpu: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    for name, part in parts:
        cpu[name] += part.cpu
        codes[name] |= part.code
    passed = time.monotonic() - began
    times = ", ".join(f"{seconds:.0f} s for {name}" for name, seconds in cpu.items())
    print(f"CPU: {times}; {passed:.0f} s passed")
    outputs = {name: "".join(part.output for n, part in parts if n == name) for name in cpu}
    print(f"Website: {'failed' if codes['the website'] else 'built, no warning'}")
    counted = re.findall(r"^Julia: .*$", outputs["Julia"], re.MULTILINE)
    print(counted[-1] if counted else "Julia: 0 passed, 1 failed")
    counts = dict.fromkeys(("passed", "failed", "skipped"), 0)
    for closing in re.findall(r"^=+ (.*) in [\d.]+s.* =+$", outputs["Python"], re.MULTILINE):
        for number, word in re.findall(r"(\d+) (\w+)", closing):
            word = "failed" if word.startswith("error") else word
            counts[word] = counts.get(word, 0) + int(number)
    print("Python: {passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    for name, part in parts:
        if part.code:
            end = "".join(part.output.splitlines(keepends=True)[-LINES:])
            print(f"{name} failed (exit code {part.code}); its output ends with\n{end}", end="")
    sys.exit(any(codes.values()))


def run(*command: str, cwd: Path = ROOT, live: bool = False) -> Ended:
    process = subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )
    lines = []
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if live:
                print(line, end="", flush=True)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Ended(process.returncode, usage.ru_utime + usage.ru_stime, "".join(lines), live)


if __name__ == "__main__":
    main()
