"""Texts and booleans in CSV tables."""

from __future__ import annotations

import re

__all__ = ["BOOLEANS", "OWN_TABLES", "defused", "plain_text", "text_cell"]

BOOLEANS = {False: "FALSE", True: "TRUE"}
"""The cells of booleans. R reads True as a text."""

OWN_TABLES = (
    b"run,larva,",
    b"run,file,",
    b"file,run,larva,",
    b"group,",
    b"measure,label,group,",
    b"Observation id,Observation date,",
)
"""How the tables that this package writes begin. In folders of recordings, they are no input."""

# what spreadsheets take for a formula; more apostrophes keep `plain_text` the inverse
_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_QUOTED = re.compile(r'[,"\r\n]')


def text_cell(text: str) -> str:
    """Return the cell of a text, with quotes where needed.

    A text that a spreadsheet would take for a formula gets an apostrophe in front. Numbers are no
    texts: write them as they are.
    """
    text = defused(text)
    return '"{}"'.format(text.replace('"', '""')) if _QUOTED.search(text) else text


def defused(text: str) -> str:
    """Return a text with an apostrophe in front if a spreadsheet would take it for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def plain_text(cell: str) -> str:
    """Return the text of a cell, after a CSV reader removed the quotes, without the apostrophe."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
