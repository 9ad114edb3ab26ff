"""Label files with small corruptions: both languages give the same verdict, with its place."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from random import Random

import support
from taggingbackends import LabelFileError, Labels
from taggingbackends.backend.juliascripts import JULIA
from taggingbackends.labels.fast import jsonarrays
from torture.drill import Unavailable, drill
from torture.lab import expect
from torture.mutations import mutated

__all__: list[str] = []

_FILES = 300
_VALUES = (
    b"[]", b"{}", b"null", b"true", b"1.5", b"-1", b"0", b"1", b"2", b"1e400", b"-0.0", b"65536",
    b"70000",
    b"18446744073709551616", b'"run"', b'"cast"', b'""', b"[1,2]", b"[[1]]", b"[1,1]",
    b'"512"', b'"0512"',
    b'"\\ud800"', b'"s"', b'"ms"', b'{"names":["a","a"]}', b'{"names":["a"],"colors":["#000000"]}',
    b'"\xff"', b'"\xf0\x9f\x98\x80"', b'"\\n"', b"1e308", b"1e-320", b"0.0004", b"0.0005",
)  # fmt: skip
_KEYS = (b"id", b"t", b"labels", b"data", b"metadata", b"runs", b"names", b"colors", b"units")
_SCALAR = re.compile(rb'"(?:[^"\\]|\\.)*"|-?[0-9][-+.0-9eE]*|true|false|null')


def _changed(content: bytes, random: Random) -> bytes:
    """Return content with a corruption, mostly one that leaves it JSON."""
    found = list(_SCALAR.finditer(content))
    if not found or random.random() < 0.2:
        return mutated(content, random, _VALUES)
    place = random.choice(found)
    word = random.choice(_VALUES)
    if content[place.end() : place.end() + 1] == b":":
        word = b'"' + random.choice(_KEYS) + b'"'
    return content[: place.start()] + word + content[place.end() :]


@drill("label files with small corruptions: Python, with and without pysimdjson, and Julia agree")
def label_files(random: Random, folder: Path) -> Counter[str]:
    julia = shutil.which(os.environ.get(JULIA) or "julia")
    if julia is None:
        raise Unavailable("no Julia")
    sources = [path.read_bytes() for path in sorted(support.CONTRACT.glob("*/*.label"))]
    files = [folder / f"{number}.label" for number in range(_FILES)]
    for file in files:
        file.write_bytes(_changed(random.choice(sources), random))
    requests = "".join(f"rewrite\t{file}\t{file.with_suffix('.out')}\n" for file in files)
    script = support.ROOT / "test" / "labels" / "rewrite.jl"
    done = subprocess.run(
        [julia, "--startup-file=no", "-O0", f"--project={support.ROOT}", script],
        input=requests,
        capture_output=True,
        text=True,
    )
    answers = done.stdout.splitlines()
    expect(len(answers) == _FILES, f"Julia ended after {len(answers)} files: {done.stderr}")
    outcomes: Counter[str] = Counter()
    for file, answer in zip(files, answers, strict=True):
        verdicts = {"Julia": _SHOWN_RUN.sub("run", answer), "Python": _verdict(file)}
        if jsonarrays.simdjson is not None:
            fast, jsonarrays.simdjson = jsonarrays.simdjson, None
            verdicts["Python without pysimdjson"] = _verdict(file)
            jsonarrays.simdjson = fast
        expect(len(set(verdicts.values())) == 1, f"{verdicts} for {file.read_bytes()!r}")
        outcomes[answer.split()[0]] += 1
    return outcomes


_SHOWN_RUN = re.compile('"(?:[^"\\\\]|\\\\.)*"')


def _verdict(file: Path) -> str:
    """Return "ok", or the kind and the place of the error; if ok, compare with Julia's output."""
    try:
        content = support.text(Labels.read(file))
    except LabelFileError as error:
        run = "nothing" if error.run is None else "run"
        track = "nothing" if error.track is None else str(error.track)
        index = "nothing" if error.index is None else str(error.index + 1)
        return f"{error.kind} {run} {track} {index}"
    written = file.with_suffix(".out")
    if written.exists():
        expect(content == written.read_bytes(), f"other texts for {file.read_bytes()!r}")
    return "ok"
