"""Types of options: from annotations, and from text to values."""

from __future__ import annotations

import builtins
import enum
import math
import typing
from collections.abc import Callable, Iterable, Sequence
from enum import Enum, IntEnum, StrEnum
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, NewType, Optional, Union

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taggingbackends.backend.options import (
    OptionError,
    Options,
    format_options,
    parse_options,
)
from taggingbackends.backend.optiontypes import TEXT, Signature, Unknown, signature_of, type_of

if typing.TYPE_CHECKING:
    from somewhere import Missing


class Mode(Enum):
    FAST = "quick"
    SLOW = 2


class Kind(StrEnum):
    RUN = "run"
    CAST = "cast"


class Level(IntEnum):
    LOW = enum.auto()
    HIGH = enum.auto()


Seed = NewType("Seed", int)


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (int, "20", 20),
        (float, "20", 20.0),
        (float, "-inf", -math.inf),
        (str, "20", "20"),
        (Path, "a/b", Path("a/b")),
        (PurePath, "a/b", Path("a/b")),
        (Mode, "quick", Mode.FAST),
        (Mode, "FAST", Mode.FAST),
        (Mode, "2", Mode.SLOW),
        (Kind, "cast", Kind.CAST),
        (Level, "HIGH", Level.HIGH),
        (Level, "1", Level.LOW),
        (Literal["a", "b"], "b", "b"),
        (Literal[1, "auto"], "1", 1),
        (Literal[Kind.RUN], "run", Kind.RUN),
        (Literal["a", None], "a", "a"),
        (int | None, "5", 5),
        (Optional[int], "5", 5),  # noqa: UP045
        (Union[int, str], "5", 5),  # noqa: UP007
        (Union[str, int], "5", 5),  # noqa: UP007
        (Union[int, str], "auto", "auto"),  # noqa: UP007
        (int | Literal["auto"], "auto", "auto"),
        (int | Literal["auto"], "3", 3),
        (Annotated[int, "epochs"], "5", 5),
        (Seed, "5", 5),
        (list[str], "a,b", ["a", "b"]),
        (list, "a,b", ["a", "b"]),
        (typing.List[int], "1, 2", [1, 2]),  # noqa: UP006
        (Sequence[float], "1,2", [1.0, 2.0]),
        (Iterable[str], "a", ["a"]),
        (list[Mode] | None, "quick,SLOW", [Mode.FAST, Mode.SLOW]),
        (list[Literal["a", "b"]], "a,b,a", ["a", "b", "a"]),
        (str | list[str], "a", ["a"]),
        (set[int], "1,1,2", {1, 2}),
        (tuple[int, ...], "1,2,3", (1, 2, 3)),
        (tuple[float, float], "1,2", (1.0, 2.0)),
        ("int", "5", 5),
        ("Path | None", "a", Path("a")),
        ("Optional[Literal['a']]", "a", "a"),
        (Optional["Path"], "a", Path("a")),
        (list["int"], "5", [5]),
        # others stay text
        (Any, "5", "5"),
        (object, "5", "5"),
        (np.ndarray, "5", "5"),
        (dict[str, int], "5", "5"),
        (Callable[[int], int], "5", "5"),
        (tuple[int, str], "5,x", "5,x"),
        ("Missing", "5", "5"),
        ("not an annotation", "5", "5"),
        ("Missing | int", "5", 5),
        ("Missing | int", "x", "x"),
        ("list[Missing]", "5,6", ["5", "6"]),
        ("int[str]", "5", "5"),
        ("tuple[()]", "5", "5"),
        ("NewType('Seed', int)", "5", 5),
    ],
)
def test_values(annotation: Any, text: str, value: Any) -> None:
    found = type_of(annotation, usual).value("--x", text)
    assert (found, type(found)) == (value, type(value))


def usual(name: str) -> Any:
    known = vars(builtins) | vars(typing) | {"Path": Path}
    return known.get(name, Unknown)


@pytest.mark.parametrize(
    ("annotation", "text", "message"),
    [
        (int, "five", "--x: expected int, found 'five'"),
        (int | None, "5.0", "--x: expected int, found '5.0'"),
        (int, True, "--x: expected int, found no value"),
        (float, "half", "--x: expected float, found 'half'"),
        (bool, "maybe", "--x: expected true or false, found 'maybe'"),
        (str, True, "--x: expected str, found no value"),
        (Path, "", "--x: expected a path, found ''"),
        (Mode, "FAS", "--x: expected quick or SLOW, found 'FAS'"),
        (Kind, "rum", "--x: expected run or cast, found 'rum'; did you mean run?"),
        (Literal["a", "b", "c"], "d", "--x: expected a, b or c, found 'd'"),
        (
            int | Literal["auto"],
            "aut",
            "--x: expected int or auto, found 'aut'; did you mean auto?",
        ),
        (list[int], "1,b", "--x: expected int, several with commas between, found 'b'"),
        (list[Kind], "run,x", "--x: expected run or cast, found 'x'"),
        (tuple[float, float], "1", "2 values with commas between, each float, found '1'"),
        (list[int], True, "several with commas between, found no value"),
    ],
)
def test_wrong_values(annotation: Any, text: str | bool, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        type_of(annotation).value("--x", text)
    assert str(caught.value).endswith(message)


def test_a_signature() -> None:
    def f(
        backend: Missing,
        /,
        positional: int,
        where: Path | None,
        *rest: int,
        flag: bool = True,
        other: Missing = None,  # type: ignore[assignment]
        plain="x",  # type: ignore[no-untyped-def]
    ) -> None: ...

    found = signature_of(f)
    assert (found.function, found.takes_all, found.first) == ("f", False, "backend")
    assert list(found.parameters) == ["positional", "where", "flag", "other", "plain"]
    assert [p.required for p in found.parameters.values()] == [True, True, False, False, False]
    assert found.parameters["plain"].type is found.parameters["other"].type is TEXT
    options: Options = {"positional": "1", "where": "a", "no_flag": True, "plain": True, "z": "1"}
    assert found.taken(options) == ["positional", "where", "no_flag", "plain"]
    assert found.keywords(options) == {
        "positional": 1,
        "where": Path("a"),
        "flag": False,
        "plain": True,
    }
    assert signature_of(lambda: None).parameters == {}  # calling it says what is wrong
    with pytest.raises(OptionError, match=r"^f needs --positional, --where$"):
        found.keywords({})


NAMES = st.from_regex(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", fullmatch=True).filter(
    lambda name: not name.startswith("no_")
)


@given(
    st.dictionaries(
        NAMES,
        st.one_of(
            st.tuples(st.just(int), st.integers()),
            st.tuples(st.just(float), st.floats(allow_nan=False)),
            st.tuples(st.just(bool), st.booleans()),
            st.tuples(st.just(str), st.text()),
            st.tuples(st.just(Mode), st.sampled_from(Mode)),
            st.tuples(st.just(Path), st.sampled_from([Path("a,b"), Path(), Path("/x y")])),
            st.tuples(st.just(list[str]), st.lists(st.text(min_size=1), max_size=3)),
            st.tuples(st.just(tuple[float, ...]), st.lists(st.floats(allow_nan=False)).map(tuple)),
            st.tuples(st.just(set[int]), st.sets(st.integers())),
            st.tuples(st.just(list[Mode] | None), st.lists(st.sampled_from(Mode))),
            st.tuples(st.just(int | None), st.none()),
        ),
        max_size=4,
    )
)
def test_values_survive_a_command_line(options: dict[str, tuple[Any, Any]]) -> None:
    signature = Signature(
        "f",
        {name: signature_of(_takes(kind)).parameters["x"] for name, (kind, _) in options.items()},
    )
    values = {name: value for name, (_, value) in options.items() if value is not None}
    flags = [name for name, parameter in signature.parameters.items() if parameter.type.flag]
    arguments = format_options(values, flags)
    assert (
        signature._replace(
            parameters={n: p._replace(required=False) for n, p in signature.parameters.items()}
        ).keywords(parse_options(arguments))
        == values
    )


def _takes(kind: Any) -> Callable[..., None]:
    def f(backend: Any, x: Any = None) -> None: ...

    f.__annotations__["x"] = kind
    return f
