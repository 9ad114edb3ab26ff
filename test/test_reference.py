"""The reference: each public name has an entry, and each docstring has what its users need.

`pytest -rP test/test_reference.py` also prints the counts.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from functools import cached_property
from importlib import import_module
from typing import Any

from support import ROOT
from taggingbackends import BackendExplorer

PAGES = {path.name: path.read_text("utf-8") for path in (ROOT / "docs" / "reference").glob("*.md")}
LISTED = re.findall(r"^``(taggingbackends[.\w]*)``: .*\n((?:   .*\n)+)", PAGES["python.md"], re.M)
MODULES = {name: import_module(name) for name, _ in LISTED}
ENTRIES = [
    entry
    for name, page in PAGES.items()
    if name != "julia.md"
    for entry in re.findall(r"^\.\. (?:auto|py:)\w+:: (taggingbackends[.\w]*)$", page, re.M)
]
SECTION = re.compile(r"^(\w[\w ]+)\n-+\n", re.MULTILINE)
FIELD = re.compile(r"^(\S.*)\n((?:(?: +.*)?(?:\n|$))*)", re.MULTILINE)
UNIT = re.compile(
    r"\b(s|ms|[Ss]econds|mm|Mm|µm|pixels|frames/s|body lengths?|[Ss]hares?|confidence|"
    r"[Pp]robability|0 to 1|multiple|compared)\b"
)


def public() -> dict[str, Any]:
    """Return all public objects of Python by one of their names. Those of Julia start Julia."""
    found = {}
    for module in MODULES.values():
        for name in module.__all__ if module.__name__ != "taggingbackends.julia" else ():
            value = getattr(module, name)
            if value not in found.values():
                found[f"{module.__name__}.{name}"] = value
    return found


def documented() -> dict[str, Any]:
    """Return public functions and classes, and those members that the reference has."""
    found = {name: value for name, value in public().items() if callable(value)}
    for value in list(found.values()):
        for member in members(value) if isinstance(value, type) else ():
            content = inspect.getattr_static(value, member)
            function = getattr(content, "__func__", content)
            if inspect.isfunction(function) or isinstance(content, (property, cached_property)):
                found[f"{value.__name__}.{member}"] = function
    return found


def members(value: type) -> list[str]:
    """Return the members that a class defines, or those that its entry names."""
    entry = (
        rf":: taggingbackends\.(?:\w+\.)?{value.__name__}\n(?:   :.*\n)*?   :members: ([^:.`]+)$"
    )
    named = re.findall(entry, "".join(PAGES.values()), re.MULTILINE)
    return re.findall(r"\w+", named[0]) if named else [x for x in vars(value) if x[0] != "_"]


def fields(value: Any, *titles: str) -> list[tuple[str, str]]:
    """Return the fields of sections of a docstring: name and type, and description."""
    parts = SECTION.split(inspect.getdoc(value) or "")
    sections = zip(parts[1::2], parts[2::2], strict=True)
    return [field for title, text in sections if title in titles for field in FIELD.findall(text)]


def test_each_public_name_is_listed_and_has_one_entry() -> None:
    for name, text in LISTED:
        listed = re.findall(r"`(\w+)(?: <[\w.]+>)?`", text)
        assert sorted(listed) == sorted(MODULES[name].__all__), name
    public_modules = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    (sentence,) = re.findall(r"The names in `__all__` of (.*?) are public", public_modules, re.S)
    named = [name.removeprefix("taggingbackends") for name in re.findall(r"`([\w.]+)`", sentence)]
    assert sorted(named) == sorted(name.removeprefix("taggingbackends") for name in MODULES)

    names = Counter(entry.rpartition(".")[2] for entry in ENTRIES)
    for entry in ENTRIES:
        module, _, name = entry.rpartition(".")
        assert name in MODULES[module].__all__, entry
    objects = {entry: getattr(*_where(entry)) for entry in ENTRIES if ".julia." not in entry}
    for name, value in public().items():
        if name != "taggingbackends.__version__":
            assert len([entry for entry, x in objects.items() if x is value]) == 1, name
    assert all(names[name] == 1 for name in MODULES["taggingbackends.julia"].__all__)


def _where(entry: str) -> tuple[Any, str]:
    module, _, name = entry.rpartition(".")
    return MODULES[module], name


def test_members_of_the_contract_have_entries() -> None:
    contract = (ROOT / "docs" / "contract.md").read_text("utf-8")
    (table,) = re.findall(r"^### Members\n(.*?)\n### ", contract, re.M | re.S)
    assert members(BackendExplorer) == list(dict.fromkeys(re.findall(r"`(\w+)\(", table)))


def test_docstrings_have_parameters_shapes_and_units() -> None:
    found = documented()
    counts = Counter({"functions, classes and members": len(found), "public names": len(public())})
    wrong = []
    for name, value in found.items():
        text = inspect.getdoc(value)
        if not text:
            wrong.append(f"{name}: no docstring")
        for module, other in re.findall(r"`(taggingbackends[.\w]*)\.(\w+)`", text or ""):
            if other not in getattr(MODULES.get(module), "__all__", MODULES):
                wrong.append(f"{name}: refers to {module}.{other}, which is not public")
        if inspect.isfunction(value):
            given = [x for x in inspect.signature(value).parameters if x not in ("self", "cls")]
            heads = [head.partition(" : ")[0] for head, _ in fields(value, "Parameters")]
            described = [x.strip(" *") for head in heads for x in head.split(",")]
            if given != described:
                wrong.append(f"{name}: parameters {given}, described {described}")
        for head, text in fields(value, "Parameters", "Attributes", "Returns", "Yields"):
            kind = head.rpartition(" : ")[2]
            if re.search(r"\barrays?\b|array_like", kind):
                counts["fields that are arrays"] += 1
                if not re.search(r"\(.*\)", kind) and "same shape" not in text:
                    wrong.append(f"{name}: no shape: {head}")
            if "float" in kind:
                counts["fields that are floats"] += 1
                if not UNIT.search(f"{head} {text}"):
                    wrong.append(f"{name}: no unit: {head}")
    assert not wrong, "\n".join(wrong)
    counts["names with an example"] = sum(">>>" in (x.__doc__ or "") for x in public().values())
    print(*(f"{name}: {count}" for name, count in counts.items()), sep="\n")
    assert counts["names with an example"] >= 50
