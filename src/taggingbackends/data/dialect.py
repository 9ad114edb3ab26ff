"""How a table of larvae is written: encoding, separator, and names of larvae in its first row.

Spreadsheets, pandas, R and MATLAB save such a table in different ways.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["LARVA", "Dialect", "decoded", "dialect_of", "encoding_of"]

LARVA = re.compile(r"larva *[(._][0-9]+[)._]", re.IGNORECASE)
"""The name of a larva's column; R writes ``larva.0.``, MATLAB ``larva_0_``."""

_CORNER = rf'(?! *"? *{LARVA.pattern})(?:"[^"\r\n]*"|[^",;\t|\r\n]*)'  # above the names of rows
_FIRST_ROW = re.compile(
    r"(?:[ ,;\t|]*[\r\n])*"  # blank rows
    r'(?:"?sep=[^\r\n]"?[,;\t| ]*\r?[\r\n]\n?)?'  # a spreadsheet's
    rf"(?:{_CORNER}(?P<separator>[,;\t|]))"
    rf"(?:{_CORNER}(?P=separator))?"  # above the numbers of rows, if there are any
    rf'[ "]*{LARVA.pattern}[ "]*(?:(?P=separator)|[\r\n]|\Z)',
    re.IGNORECASE,
)


class Dialect(NamedTuple):
    """How a table is written."""

    encoding: str
    separator: str


def dialect_of(head: bytes) -> Dialect | None:
    """Return how a table is written, by the first bytes of the file; None if it is no table."""
    encoding = encoding_of(head)
    match = _FIRST_ROW.match(head.decode(encoding, "replace"))
    return match and Dialect(encoding, match["separator"])


def encoding_of(head: bytes) -> str:
    """Return the encoding of a text, by its first bytes."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if head[:1] == b"\0" or head[1:2] == b"\0":
        return "utf-16-be" if head[:1] == b"\0" else "utf-16-le"
    return "utf-8-sig"


def decoded(content: bytes, encoding: str) -> str:
    """Return the text of a file; one that is not UTF-8 is read as Latin-1.

    Raises
    ------
    ValueError
        The bytes are in none of these encodings. The message is the problem.
    """
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        if encoding == "utf-8-sig":
            return content.decode("latin-1")  # names of landmarks, behaviours
        problem = f"expected text in {encoding}, found other bytes; is the file damaged?"
        raise ValueError(problem) from None
