"""Variants of FIMTrack's tables, as labs have them, and what must come of each.

As a program, it writes them below a folder, for the tests in Julia.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

FRAMES = 4
SPINE = ("head", "spinepoint_1", "spinepoint_2", "spinepoint_3", "tail")

Rows = list[list[str]]
Change = Callable[[Rows], Rows]


def rows() -> Rows:
    """Return the cells of a table: two larvae, of which the second is lacking in frame 3."""
    table = [["", "larva(0)", "larva(1)"]]

    def add(name: str, value: Callable[[int, int], str]) -> None:
        for frame in range(FRAMES):
            cells = [value(frame, larva) for larva in (0, 1)]
            table.append([f"{name}({frame})", cells[0], cells[1] if frame < 3 else ""])

    add("mom_x", lambda frame, larva: f"{700 + frame}.{larva}25")
    for k, part in enumerate(SPINE):
        add(f"{part}_x", lambda frame, larva, k=k: str(1040 - 10 * k + frame))
        add(f"{part}_y", lambda frame, larva, k=k: str(200 * larva + k))
    for k in (1, 2, 3):
        fraction = "25" if k < 3 else "5"
        add(f"radius_{k}", lambda frame, larva, k=k, f=fraction: f"{k + frame}.{larva + 1}{f}")
    add("is_coiled", lambda frame, larva: str(frame % 2))
    add("go_phase", lambda frame, larva: str(larva))
    add("in_landmark", lambda frame, larva: str(larva))
    return table


def text(table: Rows, separator: str = ",", end: str = "\n") -> str:
    return "".join(separator.join(row) + end for row in table)


def is_used(row: list[str]) -> bool:
    return row[0].startswith(("head", "spinepoint", "tail", "radius"))


def cells(pattern: str, by: str | Callable[[re.Match[str]], str], name: str = "") -> Change:
    """Return a change of the cells that match, in rows whose names match."""

    def change(table: Rows) -> Rows:
        return [
            [row[0], *(re.sub(pattern, by, cell) for cell in row[1:])]
            if i and re.match(name, row[0])
            else row
            for i, row in enumerate(table)
        ]

    return change


def names(pattern: str, by: str) -> Change:
    return lambda table: [[re.sub(pattern, by, row[0]), *row[1:]] for row in table]


def header(pattern: str, by: str) -> Change:
    return lambda table: [[re.sub(pattern, by, cell) for cell in table[0]], *table[1:]]


def to_commas(table: Rows) -> Rows:
    return [[row[0], *(cell.replace(".", ",") for cell in row[1:])] for row in table]


def quoted(table: Rows) -> Rows:
    return [['"' + cell.replace('"', '""') + '"' for cell in row] for row in table]


def quoted_if_needed(table: Rows) -> Rows:
    return [[f'"{cell}"' if "," in cell else cell for cell in row] for row in table]


def chained(*changes: Change) -> Change:
    def change(table: Rows) -> Rows:
        for one in changes:
            table = one(table)
        return table

    return change


def with_column(at: int, name: str, cell: str = "") -> Change:
    return lambda table: [
        [*row[:at], cell if i else name, *row[at:]] for i, row in enumerate(table)
    ]


def after(name: str, *more: list[str]) -> Change:
    """Return a change that inserts rows after a row."""

    def change(table: Rows) -> Rows:
        at = next(i for i, row in enumerate(table) if row[0] == name) + 1
        return [*table[:at], *more, *table[at:]]

    return change


def grouped(mark: str, point: str = ".", fraction: str = "") -> Change:
    """Return a change of the cells from 1000 to ones whose digits are in groups."""

    def change(table: Rows) -> Rows:
        return [
            [row[0], *(re.sub(r"^1(\d{3})$", rf"1{mark}\1{fraction}", cell) for cell in row[1:])]
            for row in ([row[0], *(cell.replace(".", point) for cell in row[1:])] for row in table)
        ]

    return change


def unused(name: str) -> Change:
    """Return a change that adds rows of a landmark at the end."""
    return lambda table: [*table, *([f"{name}({i})", "x", "nan"] for i in range(FRAMES))]


MISSING = [
    *("nan", "NaN", "-nan", "NA", "N/A", "-nan(ind)", "nan(snan)", "1.#QNAN", "-1.#IND00", "inf"),
    *("-Inf", "1.#INF", "#N/A", "#DIV/0!", "#NV", "<NA>", "null", "None", " ", "-"),
]

SAME: dict[str, Change] = {
    "plain": list,
    # rows that are not used
    "landmark-with-brackets": unused("is_in_odor (left)"),
    "landmark-A(1)": unused("is_in_A(1)"),
    "landmark-twice": chained(unused("is_in_odor"), unused("is_in_odor")),
    "landmark-non-ascii": unused("is_in_Köder"),
    "landmark-quote": unused('is_in_3" ring'),
    "landmark-named-as-a-feature": unused("is_in_head_x"),
    "unused-more-cells": after("mom_x(1)", ["mom_x(2)", "1", "2", "3", "4"]),
    "unused-frame-missing": lambda table: [row for row in table if row[0] != "mom_x(2)"],
    "unused-frames-missing-at-the-end": lambda table: table[:-2],
    "unused-text": cells("^7.*", "?", "mom_x"),
    # missing values, where the larva is not tracked
    **{f"untracked-{i}": cells("^$", word) for i, word in enumerate(MISSING)},
    # words
    "true-false": chained(cells("^1$", "True", "is_"), cells("^0$", "False", "is_")),
    "TRUE-FALSE": chained(cells("^1$", "TRUE", "is_|go_"), cells("^0$", "FALSE", "is_|go_")),
    "WAHR-FALSCH": chained(cells("^1$", "WAHR", "is_"), cells("^0$", "FALSCH", "is_")),
    "boolean-1.0": cells("$", ".0", "is_c.*[012]"),
    # the first row
    "index": header("^$", "Index"),
    "unnamed": header("^$", "Unnamed: 0"),
    "larva-names-of-R": header(r"\((\d)\)", r".\1."),
    "larva-names-of-MATLAB": header(r"\((\d)\)", r"_\1_"),
    "larva-names-in-capitals": header("larva", "Larva "),
    "numbered-rows": with_column(0, "", "7"),
    "numbered-rows-of-pandas": chained(header("^$", "Unnamed: 0"), with_column(0, "", "7")),
    # the shape of the table
    "trailing-separators": with_column(3, ""),
    "trailing-separators-below": lambda table: [table[0], *with_column(3, "")(table[1:])],
    "blank-rows-at-the-end": lambda table: [*table, ["", "", ""], ["", "", ""], [""]],
    "blank-rows-before": lambda table: [["", "", ""], *table],
    "blank-rows-between": after("head_x(3)", ["", "", ""], [""]),
    "blanks": lambda table: [[f" {cell} " for cell in row] for row in table],
    "sorted-by-name": lambda table: [table[0], *sorted(table[1:])],
    "sorted-by-frame": lambda table: [
        table[0],
        *sorted(table[1:], key=lambda row: int(row[0].split("(")[-1][:-1])),
    ],
    "larvae-in-another-order": lambda table: [[row[0], row[2], row[1]] for row in table],
    "frames-with-zeros": names(r"\((\d)\)", r"(0\1)"),
    # numbers
    "scientific": cells(r"^1(\d{3})$", r"1.\1E+03"),
    "scientific-with-a-comma": chained(
        cells(r"^1(\d{3})$", r"1.\1E+03"), to_commas, quoted_if_needed
    ),
    "signs": cells(r"^1(\d{3})$", r"+1\1"),
    "more-zeros": cells(r"^1(\d{3})$", r"1\1.000000000"),
    "no-zero-before-the-point": cells(r"^0$", r".0", "head_y"),
    "quoted": quoted,
    "quoted-names": lambda table: [[f'"{row[0]}"', *row[1:]] for row in table],
    "quoted-decimal-commas": chained(to_commas, quoted_if_needed),
    "groups-and-points": chained(grouped(",", fraction=".00"), quoted_if_needed),
    "groups-of-blanks": grouped(" "),
    "groups-of-apostrophes": grouped("'"),
}  # fmt: skip
"""Changes after which the recording is the same."""

# changes of a table with semicolons
SEMICOLONS: dict[str, Change] = {
    "points": list,
    "commas": to_commas,
    "commas-and-groups": chained(to_commas, grouped(".", fraction=",00")),
    "commas-and-quotes": chained(to_commas, quoted),
    "commas-and-groups-of-no-break-spaces": chained(to_commas, grouped("\u00a0")),
    "commas-in-words-only": chained(cells("^1$", "a,b", "in_land"), cells("^$", "#1,5")),
    "commas-and-missing": chained(to_commas, cells("^$", "#NV")),
}

REPORTED: dict[str, Change] = {
    "larva-without-frames": with_column(3, "larva(7)"),
    "coordinate-NA": cells("^1041$", "NA", r"head_x\(1\)"),
    "coordinate-empty": cells("^1041$", "", r"head_x\(1\)"),
    "radius-nan": cells(".+", "nan", r"radius_2\(1\)"),
    "row-without-cells": lambda table: [
        row[:1] if row[0] == "head_x(1)" else row for row in table
    ],
    "carriage-return": cells(r"^700", "7\r00", "mom_x"),
    "rows-shorter": lambda table: [row if row[2] else row[:2] for row in table],
    "landmark-with-a-comma": unused("is_in_odor, left"),
    "row-without-a-frame": after("mom_x(3)", ["comment", "", "nothing"]),
    "row-without-a-name": after("mom_x(3)", ["", "1", "2"]),
    "first-row-again": after("head_x(3)", ["", "larva(0)", "larva(1)"]),
    "row-again": after("head_x(3)", ["head_x(3)", "1043", ""]),
    "column-of-comments": with_column(3, "comment", "x"),
    "column-between": with_column(2, "note", "x"),
}  # fmt: skip

REFUSED: dict[str, Change] = {
    "header-only": lambda table: table[:1],
    "larva-twice": header("1", "0"),
    "larva-beyond": header("1", "70000"),
    "larva-x": header("1", "x"),
    "larva-twice-of-pandas": header(r"larva\(1\)", "larva(0).1"),
    "cell-without-a-larva": header(r"larva\(1\)", ""),
    "cells-beyond": after("head_x(1)", ["head_x(1)", "1", "2", "3"]),
    "no-number": cells("^1041$", "4x1", "head_x"),
    "underscore": cells("^1041$", "1_041", "head_x"),
    "hexadecimal": cells("^1041$", "0x411", "head_x"),
    "infinite": cells("^1041$", "1e999", "head_x"),
    "too-large": cells("^1041$", "1e10", "head_x"),
    "date": cells("^1041$", "22. Mai", "head_x"),
    "true-as-a-coordinate": cells("^1041$", "True", "head_x"),
    "word-as-a-boolean": cells("^1$", "maybe", "is_coiled"),
    "nul": cells("^1041$", "10\x0041", "head_x"),
    "nul-name": names(r"head_x\(1\)", "\0"),
    "row-again-with-another-value": after("head_x(3)", ["head_x(3)", "999", ""]),
    "frame-missing": lambda table: [row for row in table if row[0] != "head_y(2)"],
    "feature-missing": lambda table: [row for row in table if not row[0].startswith("tail_y")],
    "name-damaged": names(r"tail_x\(2\)", "tail_x(2"),
    "cut-in-a-feature": lambda table: table[: [row[0] for row in table].index("tail_y(2)")],
    "groups-or-decimals": chained(cells(r"\..*", "", "radius"), grouped(","), quoted_if_needed),
    "three-decimals-or-groups": chained(cells(r"\.\d+", ",125", "radius"), quoted_if_needed),
    "two-marks": chained(cells("^2.125$", "2,1", "radius"), quoted_if_needed),
    "group-of-two": chained(cells("^1041$", "10,41.5", "head_x"), quoted_if_needed),
    "group-of-a-zero": chained(cells("^1041$", "0,104.5", "head_x"), quoted_if_needed),
}

# changes of a table with semicolons
REFUSED_SEMICOLONS: dict[str, Change] = {
    "groups-of-points": cells(r"^1(\d)(\d)(\d)$", r"1.0\1\2.\g<3>00", "head"),
    "points-and-commas": cells(r"^2\.125$", "2,1", "radius"),
    "groups-without-decimals": chained(to_commas, grouped(".", point=",")),
    "groups-or-decimals": chained(cells("[.]15", ".125", "radius"), to_commas, grouped(".")),
}


def variants() -> Iterator[tuple[str, dict[str, bytes], str]]:
    """Yield name, files and what must come of them: read, reported or refused.

    A variant whose name begins with ``same`` has the recording of the first variant.
    """
    for expected, changes in (("read", SAME), ("reported", REPORTED), ("refused", REFUSED)):
        for name, change in changes.items():
            start = "same-" if expected == "read" else ""
            yield start + name, {"table.csv": text(change(rows())).encode()}, expected
    for expected, changes in (("read", SEMICOLONS), ("refused", REFUSED_SEMICOLONS)):
        for name, change in changes.items():
            start = "same-semicolons-" if expected == "read" else "semicolons-"
            content = text(change(rows()), ";", "\r\n")
            yield start + name, {"table.csv": content.encode()}, expected
    plain = text(rows())
    tabs = plain.replace(",", "\t")
    same = {
        "crlf": plain.replace("\n", "\r\n").encode(),
        "cr": plain.replace("\n", "\r").encode(),
        "cr-crlf": plain.replace("\n", "\r\r\n").encode(),
        "no-line-end": plain.rstrip("\n").encode(),
        "bom": plain.encode("utf-8-sig"),
        "latin-1": text(unused("is_in_Köder")(rows())).encode("latin-1"),
        "tabs": tabs.encode(),
        "tabs-bom": tabs.encode("utf-8-sig"),
        "bars": plain.replace(",", "|").encode(),
        "utf-16": tabs.encode("utf-16"),
        "utf-16-be": b"\xfe\xff" + tabs.encode("utf-16-be"),
        "utf-16-le-without-bom": tabs.encode("utf-16-le"),
        "utf-16-be-without-bom": plain.encode("utf-16-be"),
        "sep": ("sep=,\r\n" + plain).encode(),
        "sep-semicolon": ('"sep=;"\r\n' + plain.replace(",", ";")).encode("utf-8-sig"),
        "sep-tab": ("sep=\t\n" + tabs).encode(),
        "end-of-file": (plain + "\x1a").encode(),
        "end-of-file-in-a-row": (plain + "\x1a\r\n").encode(),
    }
    for name, encoded in same.items():
        yield f"same-{name}", {"table.csv": encoded}, "read"
    stop = plain.index("tail_y(2)")
    refused = {
        "cut-in-a-row": plain[: stop + len("tail_y(2),4")].encode(),
        "cut-in-a-name": plain[: stop + 3].encode(),
        "zeros-at-the-end": plain.encode() + bytes(100),
        "utf-16-cut": tabs.encode("utf-16")[:-3],
    }
    for name, encoded in refused.items():
        yield name, {"table.csv": encoded}, "refused"


if __name__ == "__main__":
    for name, files, expected in variants():
        folder = Path(sys.argv[1], f"{expected}-{name}")
        folder.mkdir()
        for file, content in files.items():
            (folder / file).write_bytes(content)
