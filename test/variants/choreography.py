"""Variants of Choreography's files, as labs have them, and what must come of each.

As a program, it writes them into a folder, with what Python loads, for the tests in Julia.
"""

from __future__ import annotations

import gzip
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from taggingbackends import TrackFileError
from taggingbackends.data import load_tracks

RUN = "20240611_101500"
STEM = f"{RUN}@g@e@t5@p"
LARVAE = (1, 20)
FRAMES = 4
POINTS = {".spine": 11, ".outline": 8}

Files = dict[str, bytes]
Change = Callable[[str], str]


def coordinate(larva: int, frame: int, number: int) -> str:
    """Return the text of a coordinate of any variant."""
    return f"{1 + larva + frame / 10 + number / 1000:.3f}"


def seconds(larva: int, frame: int) -> str:
    return f"{larva + frame / 8:.3f}"


def line(larva: int, frame: int, points: int, before: str = "{run} {larva:05d} {time}") -> str:
    start = before.format(run=RUN, larva=larva, time=seconds(larva, frame))
    numbers = " ".join(coordinate(larva, frame, i) for i in range(2 * points))
    return f"{start} {numbers}".rstrip() + "\n"


def text(points: int, larvae: tuple[int, ...] = LARVAE, **options: str) -> str:
    """Return the lines of a file."""
    return "".join(line(i, frame, points, **options) for i in larvae for frame in range(FRAMES))


def pair(
    spine: Change = lambda text: text,
    outline: Change = lambda text: text,
    points: int = POINTS[".spine"],
    encoding: str = "utf-8",
) -> Files:
    return {
        f"{STEM}.spine": spine(text(points)).encode(encoding),
        f"{STEM}.outline": outline(text(POINTS[".outline"])).encode(encoding),
    }


def both(change: Change) -> Files:
    return pair(change, change)


def on_line(number: int, pattern: str, by: str) -> Change:
    """Return a change of one line, counted from 1."""

    def change(text: str) -> str:
        lines = text.splitlines(keepends=True)
        lines[number - 1], n = re.subn(pattern, by, lines[number - 1])
        assert n
        return "".join(lines)

    return change


def without(*numbers: int) -> Change:
    def change(text: str) -> str:
        lines = text.splitlines(keepends=True)
        return "".join(line for i, line in enumerate(lines, 1) if i not in numbers)

    return change


def renamed(files: Files, change: Change) -> Files:
    return {change(name): content for name, content in files.items()}


def compressed(files: Files, *suffixes: str) -> Files:
    return {
        f"{name}.gz" if name.endswith(suffixes) else name: gzip.compress(content)
        if name.endswith(suffixes)
        else content
        for name, content in files.items()
    }


def per_larva(before: str, stem: str = STEM, change: Change = lambda text: text) -> Files:
    """Return files of each larva, whose lines begin with the given fields."""
    return {
        f"{stem}.{larva:05d}{suffix}": change(text(points, (larva,), before=before)).encode()
        for larva in LARVAE
        for suffix, points in POINTS.items()
    }


def commas(text: str) -> str:
    return re.sub(r"(?<=\d)\.(?=\d{3}\b)", ",", text)


def variants() -> Iterator[tuple[str, Files, str]]:
    """Yield name, files, and "read", "reported" (what was left out) or "refused"."""
    whole = per_larva("{run} {larva:05d} {time}")
    short = per_larva("{time}")
    nan = " nan" * 22 + "\n"
    coordinates = r"( \S+){22}\n$"

    yield "as Choreography writes them", pair(), "read"
    for points in (3, 5, 12, 13):
        yield f"spines of {points} points", pair(points=points), "read"
    for points in (1, 2):
        yield f"spines of {points} points", pair(points=points), "refused"
    yield "one spine with a point more", pair(on_line(2, r"\n", " 1.0 1.0\n")), "refused"
    yield "tabs", both(lambda text: text.replace(" ", "\t")), "read"
    yield "blanks around", both(lambda text: re.sub(r"(?m)^(.*)$", r"  \1 \t", text)), "read"
    yield "a byte order mark", pair(encoding="utf-8-sig"), "read"
    yield "ends of lines of Windows", both(lambda text: text.replace("\n", "\r\n")), "read"
    yield "ends of lines of old Macs", both(lambda text: text.replace("\n", "\r")), "read"
    yield "blank lines", both(lambda text: "\n" + text.replace("\n", "\n \n")), "read"
    yield "no last line break", both(lambda text: text[:-1]), "read"
    yield "UTF-16", pair(encoding="utf-16"), "refused"

    yield "decimal commas", both(commas), "read"
    yield "decimal commas in one file", pair(outline=commas), "read"
    yield "decimal commas and tabs", both(lambda text: commas(text).replace(" ", "\t")), "read"
    yield "decimal commas and nan", pair(on_line(2, coordinates, nan)), "read"
    first_nan = on_line(1, coordinates, nan)
    yield "decimal commas, nan first", pair(lambda x: commas(first_nan(x)), commas), "read"
    qnan = " 1,#QNAN" * 22 + "\n"
    yield (
        "decimal commas, 1,#QNAN",
        pair(lambda x: on_line(2, coordinates, qnan)(commas(x))),
        "read",
    )
    yield "one decimal comma", pair(on_line(2, r"\.(\d+)\n", r",\1\n")), "refused"
    yield (
        "one decimal point",
        both(lambda x: on_line(2, r",(\d+)\n", r".\1\n")(commas(x))),
        "refused",
    )
    yield "one with other decimals", both(lambda x: on_line(2, r"\d\n", "\n")(commas(x))), "refused"
    thousands = both(lambda x: on_line(2, r" \S+\n", " 1,234,567\n")(commas(x)))
    yield "thousands, too", thousands, "refused"

    for missing in ("nan", "NaN", "-nan", "NA", "-nan(ind)", "1.#QNAN", "-1.#IND", "inf", "-inf"):
        row = f" {missing}" * 22 + "\n"
        yield f"a spine of {missing}", pair(on_line(3, coordinates, row)), "read"
    yield "no spine in a line", pair(on_line(3, coordinates, "\n")), "read"
    yield "no spine in the first line", pair(on_line(1, coordinates, "\n")), "read"
    yield "no spine in any line", pair(lambda text: re.sub(r"( \S+){22}\n", "\n", text)), "refused"
    yield (
        "no spine of a larva",
        pair(lambda text: re.sub("(?m)^(\\S+ 00001 \\S+).*", r"\1", text)),
        "read",
    )
    yield (
        "spines of nan in all lines of a larva",
        pair(lambda text: re.sub(r"(?m)^(\S+ 00001 \S+).*", r"\1" + nan[:-1], text)),
        "read",
    )
    yield "nan in one coordinate", pair(on_line(3, r" \S+\n", " nan\n")), "reported"
    yield "an unknown word", pair(on_line(3, r" \S+\n", " missing\n")), "refused"
    yield "an outline of nan", pair(outline=on_line(3, r"( \S+){16}\n", " nan" * 16 + "\n")), "read"
    padded = lambda text: re.sub("(?m)$(?=\n)", " NaN NaN" * 3, text)  # noqa: E731
    yield "outlines that end with nan", pair(outline=padded), "read"
    yield (
        "an outline with a hole",
        pair(outline=on_line(3, r" \S+ \S+$", " nan 1.0 1.0\n")),
        "refused",
    )
    yield (
        "an outline with nan within",
        pair(outline=on_line(3, r" \S+( \S+ \S+)$", r" nan\1")),
        "reported",
    )
    yield "no outline in a line", pair(outline=on_line(3, r"( \S+){16}\n", "\n")), "read"
    yield "no time", both(on_line(3, r"^(\S+ \S+) \S+", r"\1 nan")), "reported"
    yield "no larva", both(on_line(3, r"^(\S+) \S+", r"\1 nan")), "refused"

    for run in ("run1", "2024-06-11", "larves_é", "20240611", "a:b", "7", "exp,2"):
        yield f"run {run}", both(lambda text, run=run: text.replace(RUN, run)), "read"
    yield "two runs", both(on_line(3, f"^{RUN}", "other")), "refused"
    yield "other runs in a pair", pair(outline=lambda text: text.replace(RUN, "other")), "refused"

    yield "an outline fewer", pair(outline=without(2)), "reported"
    yield "the last outline fewer", pair(outline=without(8)), "reported"
    yield "a spine fewer", pair(without(2)), "reported"
    yield "a larva without outlines", pair(outline=without(5, 6, 7, 8)), "reported"
    yield "a larva without spines", pair(without(1, 2, 3, 4)), "reported"
    yield "each lacks another frame", pair(without(3), without(6)), "reported"
    yield "no frame in common", pair(without(1, 2, 3, 4), without(5, 6, 7, 8)), "refused"
    yield "an empty outline file", pair(outline=lambda text: ""), "refused"
    yield "no outline file", {f"{STEM}.spine": text(11).encode()}, "refused"
    yield "a cut outline", pair(outline=lambda text: text.rstrip().rsplit(" ", 2)[0]), "refused"
    yield "a cut number", pair(lambda text: text[:-2]), "refused"
    yield "a cut line", pair(lambda text: text.rstrip().rsplit(" ", 5)[0]), "refused"
    yield "cut before the coordinates", pair(lambda x: re.sub(r"( \S+){22}\n$", "", x)), "refused"

    yield "suffixes in upper case", renamed(pair(), lambda x: x.replace(STEM, "X").upper()), "read"
    yield "a suffix in upper case", renamed(pair(), lambda x: x.replace(".spine", ".SPINE")), "read"
    yield "suffixes in mixed case", renamed(pair(), lambda x: x.replace(".o", ".O")), "read"
    yield "gzip", compressed(pair(), ".spine", ".outline"), "read"
    yield "gzip of the outline", compressed(pair(), ".outline"), "read"
    upper = renamed(
        compressed(pair(), ".spine", ".outline"), lambda x: x.replace(STEM, "x").upper()
    )
    yield "gzip in upper case", upper, "read"
    named = renamed(pair(), lambda x: f"{x}.gz")
    yield "not compressed, named so", named, "read"
    unnamed = {name.removesuffix(".gz"): x for name, x in compressed(pair(), ".spine").items()}
    yield "compressed, not named so", unnamed, "read"
    parts = {name: gzip.compress(x[:999]) + gzip.compress(x[999:]) for name, x in pair().items()}
    yield "gzip in two parts", parts, "read"
    stored = {name: gzip.compress(x, 0) for name, x in pair().items()}
    yield "gzip without compression", stored, "read"
    cut = {name: x[:-30] for name, x in compressed(pair(), ".spine", ".outline").items()}
    yield "gzip that was cut", cut, "refused"
    damaged = {name: x[:-8] + b"\0" * 8 for name, x in compressed(pair(), ".spine").items()}
    yield "gzip with another checksum", damaged, "refused"
    yield "a file and its gzip", pair() | compressed(pair(), ".spine", ".outline"), "reported"

    yield "a file per larva", short, "read"
    yield "a file per larva, with run and larva", whole, "read"
    yield "a file per larva, with larva", per_larva("{larva} {time}"), "read"
    yield "a file per larva, with run", per_larva("{run} {time}"), "read"
    yield "a file per larva, mixed", short | dict(list(whole.items())[:2]), "read"
    yield "a file per larva, gzip", compressed(short, ".spine", ".outline"), "read"
    yield "a file per larva, decimal commas", per_larva("{time}", change=commas), "read"
    yield "a file per larva, short stem", per_larva("{time}", "x"), "read"
    yield "a file per larva, upper case", renamed(per_larva("{time}", "x"), str.upper), "read"
    some = dict(list(short.items())[:3])
    yield "a file per larva, one without outline", some, "reported"
    yield (
        "a file per larva, one without spine",
        {name: x for name, x in short.items() if name != f"{STEM}.00001.spine"},
        "reported",
    )
    emptied = short | {f"{STEM}.00003.spine": b"", f"{STEM}.00003.outline": b""}
    yield "a file per larva, empty ones", emptied, "reported"
    yield "a file per larva beside that of all", pair() | short, "reported"
    other = per_larva("{run} {larva} {time}")
    other[f"{STEM}.00020.spine"] = other[f"{STEM}.00020.spine"].replace(RUN.encode(), b"r2")
    yield "a file per larva, two runs", other, "refused"
    more = short | {f"{STEM}.00020.spine": text(12, (20,), before="{time}").encode()}
    yield "a file per larva, other numbers of points", more, "refused"
    twice = dict(whole)
    twice[f"{STEM}.00003.spine"] = whole[f"{STEM}.00001.spine"]
    yield "a larva in two files", twice, "refused"
    misnamed = renamed(whole, lambda name: name.replace(".00020.", ".00021."))
    yield "a number that is not the larva", misnamed, "reported"
    high = renamed(short, lambda name: name.replace(".00020.", ".70000."))
    yield "a larva out of range in the name", high, "refused"
    numbered = renamed(pair(), lambda name: name.replace(STEM, "exp.00001"))
    yield "all larvae in a file with a number", numbered, "read"
    nameless = {
        f"{STEM}{suffix}": text(n, (1,), before="{time}").encode() for suffix, n in POINTS.items()
    }
    yield "one larva without its number", nameless, "refused"
    yield "a larva out of range", both(on_line(2, " 00001 ", " 70000 ")), "refused"
    yield "a time twice", both(lambda text: text.replace(" 1.125 ", " 1.000 ")), "refused"
    yield "semicolons", both(lambda text: text.replace(" ", ";")), "refused"
    yield "bytes that are no text", dict.fromkeys(pair(), b"\x00\x01\x02 3 4" * 9), "refused"


def outcome(folder: Path) -> str:
    """Return "refused", or what is left out and loaded: larva, frames, spines, outline's points."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            recording = load_tracks(folder)
        except TrackFileError:
            return "refused\n"
    lines = [f"{recording.run} {'; '.join(recording.left_out)}"]
    for larva, track in recording.items():
        assert track.spine is not None
        assert track.outline is not None
        spines = np.isfinite(track.spine).all(axis=(1, 2)).sum()
        lines.append(f"{larva} {len(track)} {spines} {len(track.outline)}")
    return "\n".join(lines) + "\n"


def main(top: Path) -> None:
    """Write the variants, each in a folder with its outcome beside it."""
    for i, (_, files, _) in enumerate(variants()):
        folder = top / f"{i:03d}"
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        folder.with_suffix(".txt").write_text(outcome(folder), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
