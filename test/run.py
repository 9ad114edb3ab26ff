"""Run the tests of both languages; the last lines say how many ran."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main() -> None:
    """Run Julia's tests, then Python's; fail if either does."""
    os.environ["TAGGINGBACKENDS_PYTHON"] = sys.executable  # for scripts that Julia's tests run
    prepared = ROOT / ".tools" / "julia" / "juliapkg"
    if (prepared / "pyjuliapkg" / "meta.json").is_file():  # where get_julia.py had juliapkg do it
        os.environ.setdefault("PYTHON_JULIAPKG_PROJECT", str(prepared))
    julia = run(
        os.environ["TAGGINGBACKENDS_JULIA"], "--startup-file=no", "--project=.", "test/runtests.jl"
    )
    python = run(sys.executable, "-m", "pytest", "-o", "console_output_style=classic")
    closing = re.findall(r"^=+ (.*) in [\d.]+s.* =+$", python[1], re.MULTILINE)
    counts = dict.fromkeys(("passed", "failed", "skipped"), 0)
    for number, word in re.findall(r"(\d+) (\w+)", closing[-1] if closing else ""):
        counts["failed" if word.startswith("error") else word] = int(number)
    told = re.findall(r"^Julia: .*$", julia[1], re.MULTILINE)
    print(told[-1] if told else "Julia: 0 passed, 1 failed")
    print("Python: {passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    sys.exit(julia[0] or python[0])


def run(*arguments: str) -> tuple[int, str]:
    """Run a command, show what it prints while it does, and return its exit code and output."""
    lines = []
    with subprocess.Popen(
        arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(line)
    return process.returncode, "".join(lines)


if __name__ == "__main__":
    main()
