"""Texts in CSV tables."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from support import RUN, table_csv
from taggingbackends import Labels
from taggingbackends.system.csvtext import plain_text, text_cell


@given(st.lists(st.text(alphabet="=+-@'\t\r\n\",ab", min_size=1), min_size=1))
def test_texts_are_read_back(texts: list[str]) -> None:
    line = ",".join(map(text_cell, texts))
    (cells,) = csv.reader(io.StringIO(line, newline=""))
    assert list(map(plain_text, cells)) == texts
    assert not any(cell[0] in "=+-@\t\r\n" for cell in cells)


def test_only_texts_are_defused() -> None:
    labels = Labels()
    labels.set("=1+1", 1, [-1.5, -1.4], ["-x", "a\rb"])
    labels.set(RUN, 1, [0.0], ["+"])
    assert table_csv(labels).split("\n") == [
        "run,larva,label,start,stop,duration,frames,confidence",
        "'=1+1,1,'-x,-1.500,-1.400,0.100,1,",
        '\'=1+1,1,"a\rb",-1.400,-1.300,0.100,1,',
        f"{RUN},1,'+,0.000,1.000,1.000,1,",
        "",
    ]
