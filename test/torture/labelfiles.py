"""Label files that are valid but unusual: huge times, hostile names, deep attributes, many runs."""

from __future__ import annotations

import json
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import BytesIO, StringIO, TextIOWrapper
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import click

from taggingbackends.cli import cli
from taggingbackends.errors import TaggingBackendsError
from taggingbackends.labels.writing import json_text
from torture.drill import drill

__all__: list[str] = []

JSON = dict[str, Any]

NAMES = [
    "run", "cast", "edited", "a+b", "++", "=1+1", "-", "@x", "'=x", '"', "a,b", "a\nb", "a\rb",
    "\x1b[31mred", "\x9b2J", "\x7f", "\u202eabc", "\u2066x\u2069", "שלום", "🐛", "👩‍🔬",
    "\U0010ffff", "e\u0301", "\u3000", "$x^2$", "_hidden", "<b>", "</script>", "(undefined)",
    "(not there)", "(3 others)", " ", "\0", "x" * 5000, "+" * 3000, "\u2028",
]  # fmt: skip
TIMES: list[Callable[[Random, int], list[float]]] = [
    lambda rng, n: [round(0.08 * i, 3) for i in range(n)],
    lambda rng, n: [rng.uniform(-1e3, 1e3) + i * 1e4 for i in range(n)],
    lambda rng, n: [i * 5e-324 for i in range(n)],
    lambda rng, n: [1e6 + i * 2e-10 for i in range(n)],
    lambda rng, n: [9e12 + i * 0.002 for i in range(n)],
    lambda rng, n: [1.7e308 * (2 * i / n - 1) for i in range(n)],
    lambda rng, n: [1.7e305 + i * 1e292 for i in range(n)],
    lambda rng, n: [10.0 ** (i - 5) for i in range(min(n, 300))],
    lambda rng, n: [-(10.0 ** (5 - i)) for i in range(min(n, 300))],
    lambda rng, n: sorted({rng.choice([rng.random(), rng.uniform(-1e9, 1e9)]) for _ in range(n)}),
]
COMMANDS: list[list[str]] = [
    ["labels", "show", "ONE"],
    ["labels", "show", "ONE", "OTHER", "--json"],
    ["labels", "show", "ONE", "--max-gap", "GAP"],
    ["labels", "check", "ONE"],
    ["labels", "convert", "ONE", "-o", "OUT.label", "--force"],
    ["labels", "convert", "ONE", "-o", "-", "--names"],
    ["labels", "convert", "ONE", "-o", "OUT.csv", "--table=bouts", "--force", "--max-gap", "GAP"],
    ["labels", "convert", "ONE", "-o", "OUT.csv", "--table=frames", "--force"],
    ["labels", "convert", "ONE", "-o", "OUT.parquet", "--table=budget", "--force"],
    ["labels", "rename", "ONE", "run=cast", "-o", "OUT.label", "--force"],
    ["labels", "convert", "ONE", "--split", "-o", "FOLDER", "--force"],
    ["labels", "convert", "ONE", "OTHER", "-o", "OUT.label", "--force"],
    ["labels", "diff", "ONE", "OTHER"],
    ["labels", "diff", "ONE", "ONE", "--json"],
    ["labels", "merge", "ONE", "OTHER", "-o", "OUT.label", "--force"],
    ["labels", "crop", "ONE", "--start", "START", "-o", "OUT.label", "--force"],
    ["labels", "crop", "ONE", "--stop", "START", "-o", "OUT.label", "--force"],
    ["labels", "fill", "ONE", "--label", "NAME", "--like", "OTHER", "-o", "OUT.label", "--force"],
    ["labels", "tag", "ONE", "NAME", "--unless", "NAME", "-o", "OUT.label", "--force"],
    ["labels", "smooth", "ONE", "--shortest", "GAP", "-o", "OUT.label", "--force"],
    ["labels", "review", "ONE"],
    ["labels", "review", "ONE", "OTHER", "--json"],
    ["labels", "review", "ONE", "-o", "OUT.csv", "--force", "--max-gap", "GAP"],
    ["labels", "plot", "ONE", "-o", "OUT.png", "--force"],
    ["labels", "plot", "ONE", "-o", "OUT.svg", "--force", "--max-gap", "GAP"],
    ["labels", "report", "ONE", "OTHER", "-o", "OUT.html", "--force"],
    ["data", "info", "ONE"],
]


def nested(rng: Random, levels: int) -> Any:
    """Return a value that is nested this deep."""
    value: Any = rng.choice([1, 1.5, "x", None, True, 2**63])
    for _ in range(levels):
        value = [value] if rng.random() < 0.5 else {rng.choice(NAMES): value}
    return value


def extras(rng: Random) -> JSON:
    """Return further entries of a file, a run or a track."""
    chance = rng.random()
    if chance < 0.6:
        return {}
    levels = rng.choice([1, 3, 400, 990, 1010])
    return {rng.choice([*NAMES, "protocol", "software"]): nested(rng, levels) for _ in range(2)}


def a_run(rng: Random, identifier: str, larvae: int, frames: int) -> JSON:
    """Return a run of a label file."""
    names = rng.sample(NAMES, rng.randint(0, len(NAMES)))
    if rng.random() < 0.1:
        names += [f"n{i}" for i in range(rng.choice([60, 100, 1000]))]
    split = rng.choice([0, len(names), rng.randint(0, len(names))])
    metadata = {"id": identifier, **extras(rng)}
    if rng.random() < 0.2:
        metadata["protocol"] = rng.choice(
            ["p_8_60s1x30s0s#n", "p_1s9999x0.001s0.001s", "p_1s1x1e9s0s"]
        )
    run: JSON = {"metadata": metadata, **extras(rng)}
    run["labels"] = names[:split]
    if rng.random() < 0.4:
        colors = [rng.choice(["#2ca02c", "#abc", "red", "none", ""]) for _ in range(split)]
        run["labels"] = {"names": names[:split], "colors": colors}
    run["secondarylabels"] = names[split:]
    several = rng.random() < 0.3

    def state() -> Any:
        if not names or rng.random() < 0.1:
            return [] if rng.random() < 0.5 else rng.choice(["new", "newer"])
        if several:
            return rng.sample(range(1, len(names) + 1), rng.randint(0, min(len(names), 4)))
        return rng.randint(1, len(names))

    times = rng.choice(TIMES)
    run["data"] = []
    for larva in range(larvae):
        t = times(rng, rng.choice([0, 1, 2, frames]))
        if any(b <= a for a, b in pairwise(t)):
            t = t[:1]
        labels = [state() for _ in t]
        records = extras(rng) if larvae < 10 else {}
        track: JSON = {"id": str(65535 - larva), "t": t, "labels": labels}
        if rng.random() < 0.3:
            track["confidence"] = [rng.randint(-1, 100) for _ in t]
            track["second"] = [rng.randint(0, len(names)) for _ in t]
        run["data"].append(track | {k: v for k, v in records.items() if k not in track})
    return run


def document(rng: Random) -> JSON:
    """Return a label file."""
    chance = rng.random()
    if chance < 0.003:
        return a_run(rng, "all larvae", 65536, 2)
    if chance < 0.6:
        return a_run(rng, rng.choice(["r", *NAMES]), rng.choice([0, 1, 2, 20]), rng.choice([3, 60]))
    n = 600 if rng.random() < 0.03 else rng.choice([0, 1, 2, 5, 30])
    runs = {
        name: a_run(rng, name, rng.randint(0, 2), 5) for name in [*NAMES, *map(str, range(n))][:n]
    }
    return {**extras(rng), "runs": runs}


def arguments(rng: Random, command: list[str], folder: Path) -> list[str]:
    """Return a command with its placeholders filled in."""
    values = {
        "ONE": str(folder / "one.label"),
        "OTHER": str(folder / rng.choice(["one.label", "other.label"])),
        "FOLDER": str(folder / "split"),
        "GAP": rng.choice(["1e-9", "0.5", "1e300", "inf"]),
        "START": rng.choice(["0", "-1e308", "1e308", "0.1", "inf", "-inf"]),
        "NAME": rng.choice([name for name in NAMES if not name.startswith("-")]),
    }
    filled = [values.get(word, word) for word in command]
    return [word.replace("OUT.", f"{folder}/out.") for word in filled]


def outcome(words: list[str]) -> str:
    """Run a command; return "ok", or the kind of its error; raise any other error."""
    output = TextIOWrapper(BytesIO(), "utf-8", errors="backslashreplace")
    with redirect_stdout(output), redirect_stderr(StringIO()), warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # of numbers that are not finite
        try:
            code = cli.main(words, standalone_mode=False, obj={})
        except (TaggingBackendsError, OSError, click.ClickException) as error:
            return getattr(error, "kind", type(error).__name__)
        output.flush()
        text = output.buffer.getvalue().decode()
    if "--names" not in words and any(character in text for character in "\x7f\x9b\u202e"):
        raise AssertionError("characters that a terminal acts on")
    if "--json" in words:
        json.loads(text, parse_constant=lambda name: sys.exit(f"{name} in JSON"))
    return "ok" if not code else f"exit code {code}"


@drill("valid but unusual label files: each command succeeds or gives an error of the package")
def commands(random: Random, folder: Path) -> Counter[str]:
    for name in ("one", "other"):
        (folder / f"{name}.label").write_bytes(json_text(document(random)))
    return Counter(
        outcome(arguments(random, command, folder)) for command in random.sample(COMMANDS, 6)
    )
