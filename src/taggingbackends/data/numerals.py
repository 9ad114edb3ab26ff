"""Numbers as people and spreadsheets write them: decimal commas, and groups of three digits."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from taggingbackends.errors import shown

__all__ = ["decimal_mark", "number"]

_GROUP = " '\u2019\u00a0\u2009\u202f"  # between groups of three digits, as . or , may be
_NUMBER = re.compile(
    rf"([-+\u2212]?)((?=[.,]?[0-9])[0-9.,{_GROUP}]*)(e[-+]?[0-9]{{1,9}})?", re.IGNORECASE
)
_ONE_GROUP = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")  # or three decimals
_WHOLE = re.compile(rf"[0-9]*|[1-9][0-9]{{0,2}}([.,{_GROUP}])[0-9]{{3}}(?:\1[0-9]{{3}})*")


def decimal_mark(cells: Iterable[str], separator: str) -> str:
    """Return the decimal mark of a table: a point, or a comma if that is certain.

    Parameters
    ----------
    cells : iterable of str
        The distinct cells with numbers. Other cells do not matter.
    separator : str
        The separator of the table's columns.

    Raises
    ------
    ValueError
        Both marks are used, or a comma could also group digits. The message has the problem and
        the fix.
    """
    cells = list(cells)
    if not any("," in cell or cell.count(".") > 1 for cell in cells):
        return "."
    certain: dict[str, str] = {}  # decimal mark -> a cell that shows it
    either: dict[str, str] = {}  # mark -> a cell in which it is a decimal mark or groups digits
    grouped = False  # whether digits are certainly grouped
    for cell in cells:
        match = _NUMBER.fullmatch(cell.strip())
        if match is None:
            continue
        digits = match[2]
        marks = [mark for mark in ",." if mark in digits]
        if len(marks) == 2:
            certain[max(marks, key=digits.rindex)] = cell
            grouped = True
        elif marks and digits.count(marks[0]) > 1:
            certain["." if marks[0] == "," else ","] = cell
            grouped = True
        elif marks and not match[3] and _ONE_GROUP.fullmatch(digits):
            either[marks[0]] = cell
        elif marks:
            certain[marks[0]] = cell
    if not ({*certain, *either} - {"."}):
        return "."  # commas are in words only
    mark = next(iter(certain), "," if separator == ";" else "")
    other = "." if mark == "," else ","
    if len(certain) == 2:
        found = " and ".join(shown(cell) for cell in certain.values())
    elif not grouped and other in either:
        found = f"{shown(either[other])}, in which a comma or point could also group digits"
    elif not mark:
        found = f"{shown(either[','])}, in which the comma could also group digits"
    else:
        return mark
    problem = f"expected numbers with one decimal mark, found {found}"
    fix = "save the table with decimal points and without separators of thousands"
    raise ValueError(f"{problem}; {fix}")


def number(cell: str, mark: str) -> float | None:
    """Return the number in a cell; None if there is none, or it is not finite.

    Parameters
    ----------
    cell : str
        Without blanks around it.
    mark : str
        The decimal mark; see `decimal_mark`.
    """
    match = _NUMBER.fullmatch(cell)
    if match:
        sign, digits, exponent = match.groups("")
        whole, _, fraction = digits.partition(mark)
        if _WHOLE.fullmatch(whole) and re.fullmatch("[0-9]*", fraction):
            whole = re.sub("[^0-9]", "", whole)
            value = float(f"{sign and '-+'[sign == '+']}{whole}.{fraction}{exponent}")
            if np.isfinite(value):
                return value
    return None
