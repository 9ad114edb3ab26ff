"""Libraries of extras."""

from __future__ import annotations

import json

import pytest

from taggingbackends import TaggingBackendsError
from taggingbackends.system.extras import require


def test_require() -> None:
    assert require("json", "pandas", "a table") is json
    expected = r"a table needs no_such: pip install 'taggingbackends\[pandas\]'"
    with pytest.raises(TaggingBackendsError, match=expected):
        require("no_such", "pandas", "a table")
