"""Facts about a run: genotype, protocol and the like, from metadata or names of tracker files."""

from __future__ import annotations

import re

from taggingbackends.labels.runlabels import RunLabels

__all__ = ["FACTS", "NAME_PARTS", "file_name_parts", "run_facts"]

NAME_PARTS = ("genotype", "effector", "tracker", "protocol")
"""What the name of a tracker file tells after the run, separated by ``@``."""

_SUFFIX = re.compile(r"\.[a-z]\w*(\.gz)?$", re.IGNORECASE)

FACTS = ("date_time", *NAME_PARTS)
"""What the name of a tracker file tells."""


def run_facts(run: RunLabels) -> dict[str, str]:
    """Return what is known about a run.

    Returns
    -------
    dict of str to str
        Each of `FACTS` that is known, then further metadata. The metadata decide; only text,
        numbers and booleans count. Otherwise the names of the tracker files that the labels depend
        on give the fact, the first file first.
    """
    found: dict[str, str] = {}
    for file in run.dependencies:
        name = _SUFFIX.sub("", str(file.get("filename", "")))
        if "@" in name:
            found = {"date_time": name.split("@")[0]} | file_name_parts(name) | found
    for name, value in run.metadata.items():
        if isinstance(value, (str, int, float)):
            found[name] = str(value)
        elif value is not None:
            found.pop(name, None)
    known = {name: found.pop(name) for name in FACTS if name in found}
    return known | found


def file_name_parts(name: str) -> dict[str, str]:
    """Return the parts of a tracker file's name: genotype, effector, tracker and protocol.

    Parameters
    ----------
    name : str
        ``date_time@genotype@effector@tracker@protocol@...``. Parts that are missing are omitted.
    """
    return dict(zip(NAME_PARTS, name.split("@")[1:], strict=False))
