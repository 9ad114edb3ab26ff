"""Types of options: from the annotations of a function's parameters, and from text to values."""

from __future__ import annotations

import ast
import builtins
import collections.abc
import math
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path, PurePath
from types import NoneType, UnionType
from typing import Any, NamedTuple

from taggingbackends.backend.options import OptionError, Options, as_list, spelled
from taggingbackends.errors import shown
from taggingbackends.system.names import similar

__all__ = [
    "TEXT",
    "TRACKER",
    "OptionType",
    "Parameter",
    "Signature",
    "Unknown",
    "dotted",
    "evaluated",
    "signature_of",
    "text_of",
    "type_of",
    "unknown_option",
]

_INT = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf|nan)", re.I)
_COLLECTIONS: dict[Any, Callable[[list[Any]], Any]] = {
    list: list,
    set: set,
    frozenset: frozenset,
    collections.abc.Sequence: list,
    collections.abc.MutableSequence: list,
    collections.abc.Collection: list,
    collections.abc.Iterable: list,
    collections.abc.Set: frozenset,
}


class OptionType(NamedTuple):
    """The type of an option.

    Attributes
    ----------
    name : str
        What a value is, for messages: ``int``, or ``fast, slow or auto``.
    placeholder : str
        What stands for a value in a help text: ``INT``, or ``fast|slow|auto``.
    convert : callable
        ``convert(text)`` returns the value, or raises ValueError.
    flag : bool
        Whether the option is True without a value, and False as ``--no-<name>``.
    collect : callable, optional
        ``collect(values)`` returns the value of an option that has several, or raises ValueError.
    choices : tuple of str
        The only values, if there are few.
    any : bool
        Whether every value is taken as it is: text, or True if none is given.
    path : bool
        Whether a value is a path.
    """

    name: str
    placeholder: str
    convert: Callable[[str], Any]
    flag: bool = False
    collect: Callable[[list[Any]], Any] | None = None
    choices: tuple[str, ...] = ()
    any: bool = False
    path: bool = False

    def value(self, option: str, given: str | bool | list[str | bool]) -> Any:
        """Return the value of an option.

        Of a repeated option, the last value counts, unless it has several values. These are given
        by repetition, or separated by commas. Empty values are passed over.

        Raises
        ------
        OptionError
            The given value is not of this type.
        """
        values = as_list(given)
        if self.any:
            return values[-1]
        if self.collect is None:
            return self._one(option, values[-1])
        values = self._several(values)
        found = [self._one(option, value) for value in values]
        try:
            return self.collect(found)
        except ValueError:
            raise self._wrong(option, ",".join(map(str, values))) from None

    def absolute(self, given: str | bool | list[str | bool]) -> str | bool | list[str | bool]:
        """Return the value of an option with absolute paths, if the value is a path."""
        if not self.path:
            return given
        values = as_list(given)
        values = self._several(values) if self.collect is not None else values[-1:]
        found = [str(Path(value).absolute()) for value in values if isinstance(value, str)]
        return found[0] if self.collect is None else ["", *found]  # commas in paths do not count

    def _several(self, values: list[str | bool]) -> list[str | bool]:
        if len(values) == 1 and isinstance(values[0], str):
            values = [part.strip() for part in values[0].split(",")]
        return [value for value in values if value != ""]

    def _one(self, option: str, given: str | bool) -> Any:
        if isinstance(given, bool):
            if self.flag:
                return given
            raise OptionError(f"{option}: expected {self.name}, found no value")
        try:
            return self.convert(given)
        except ValueError:
            raise self._wrong(option, given) from None

    def _wrong(self, option: str, given: str) -> OptionError:
        near = similar(given, self.choices)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        return OptionError(f"{option}: expected {self.name}, found {shown(given)}{hint}")


def _whole_number(text: str) -> int:
    if not _INT.fullmatch(text) or len(text) > 4000:  # Python limits the digits
        raise ValueError
    return int(text)


def _number(text: str) -> float:
    if not _FLOAT.fullmatch(text):
        raise ValueError
    return float(text)


def _positive(text: str) -> float:
    number = _number(text)
    if not 0 < number < math.inf:
        raise ValueError
    return number


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError
    return text.lower() == "true"


def _path(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError
    return Path(text)


TEXT = OptionType("text", "TEXT", str, any=True)
"""The type of a parameter without an annotation, or with one of another kind."""

_SIMPLE = {
    str: OptionType("str", "TEXT", str),
    int: OptionType("int", "INT", _whole_number),
    float: OptionType("float", "FLOAT", _number),
    bool: OptionType("true or false", "[true|false]", _truth, flag=True),
}


class Unknown:
    """A name in an annotation that cannot be resolved. It stands for any type."""


def type_of(annotation: Any, lookup: Callable[[str], Any] = lambda name: Unknown) -> OptionType:
    """Return the type of the options for a parameter.

    Parameters
    ----------
    annotation : object
        The annotation of the parameter.
    lookup : callable
        ``lookup(name)`` returns what a dotted name in an annotation that is text stands for.
    """
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        try:
            node = ast.parse(annotation.strip(), mode="eval").body
        except (SyntaxError, ValueError):
            return TEXT
        return type_of(evaluated(node, lookup), lookup)
    if isinstance(annotation, type) and annotation in _SIMPLE:
        return _SIMPLE[annotation]
    if isinstance(annotation, type) and typing.get_origin(annotation) is None:
        if issubclass(annotation, PurePath) and issubclass(Path, annotation):
            return OptionType("a path", "PATH", _path, path=True)
        if issubclass(annotation, Enum):
            return _enumeration(annotation)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return type_of(arguments[0], lookup)
    if origin is typing.Literal:
        known = {str(text_of(value)): value for value in arguments if value is not None}
        return _choice(known, tuple(known))
    if origin in (typing.Union, UnionType):
        return _union([type_of(one, lookup) for one in arguments if one is not NoneType])
    if origin is tuple and arguments:
        return _tuple(arguments, lookup)
    collection = origin or annotation
    if isinstance(collection, type) and collection in _COLLECTIONS:
        element = type_of(arguments[0], lookup) if arguments else TEXT
        return _several(element, _COLLECTIONS[collection])
    # of `type Name = ...` and of NewType
    inner = getattr(annotation, "__value__", None) or getattr(annotation, "__supertype__", None)
    return TEXT if inner is None else type_of(inner, lookup)


def text_of(value: Any) -> Any:
    """Return the text on a command line that stands for a value of a parameter."""
    if isinstance(value, Enum):
        return value.value if isinstance(value.value, str) else value.name
    return value


def _choice(known: Mapping[str, Any], names: tuple[str, ...]) -> OptionType:
    def convert(text: str) -> Any:
        try:
            return known[text]
        except KeyError:
            raise ValueError from None

    name = " or ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
    return OptionType(name, "|".join(names), convert, choices=names)


def _enumeration(enumeration: type[Enum]) -> OptionType:
    members = enumeration.__members__
    known = {str(member.value): member for member in members.values()} | {**members}
    return _choice(known, tuple(str(text_of(member)) for member in enumeration))


def _union(types: list[OptionType]) -> OptionType:
    if len(types) == 1:
        return types[0]
    several = next((one for one in types if one.collect), None)
    if several is not None:  # `str | list[str]`
        return several
    # any text is a str: that comes last
    types = sorted(types, key=lambda one: (one.any, one.name == "str"))

    def convert(text: str) -> Any:
        for one in types:
            try:
                return one.convert(text)
            except ValueError:
                continue
        raise ValueError

    return OptionType(
        " or ".join(dict.fromkeys(one.name for one in types)),
        "|".join(dict.fromkeys(one.placeholder for one in types)),
        convert,
        flag=any(one.flag for one in types),
        choices=tuple(choice for one in types for choice in one.choices),
        any=all(one.any for one in types),
    )


def _several(element: OptionType, collect: Callable[[list[Any]], Any]) -> OptionType:
    return element._replace(
        name=element.name if element.choices else f"{element.name}, several with commas between",
        placeholder=f"{element.placeholder},...",
        collect=collect,
        flag=False,
        any=False,
    )


def _tuple(arguments: tuple[Any, ...], lookup: Callable[[str], Any]) -> OptionType:
    element = type_of(arguments[0], lookup)
    if arguments[1:] == (Ellipsis,):
        return _several(element, tuple)
    if len(set(map(repr, arguments))) > 1:
        return TEXT

    def collect(values: list[Any]) -> tuple[Any, ...]:
        if len(values) != len(arguments):
            raise ValueError
        return tuple(values)

    name = f"{len(arguments)} values with commas between, each {element.name}"
    placeholder = ",".join([element.placeholder] * len(arguments))
    return _several(element, collect)._replace(name=name, placeholder=placeholder)


# -- annotations that are text


def evaluated(node: ast.expr, lookup: Callable[[str], Any]) -> Any:
    """Return what an annotation stands for. No code runs.

    Parameters
    ----------
    node : ast.expr
        The annotation.
    lookup : callable
        ``lookup(name)`` returns what a dotted name stands for.
    """
    try:
        return _evaluated(node, lookup)
    except (TypeError, ValueError, AttributeError):  # such as int[str]
        return Unknown


def _evaluated(node: ast.expr, lookup: Callable[[str], Any]) -> Any:
    name = dotted(node)
    if name is not None:
        return lookup(name)
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            return _evaluated(ast.parse(node.value.strip(), mode="eval").body, lookup)
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return typing.Union[_evaluated(node.left, lookup), _evaluated(node.right, lookup)]  # noqa: UP007
    if isinstance(node, ast.Subscript):
        origin = _evaluated(node.value, lookup)
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if origin is typing.Literal:
            values = tuple(_literal(one, lookup) for one in inner)
            return Unknown if Unknown in values else typing.Literal[values]
        if origin is typing.Annotated:
            return _evaluated(inner[0], lookup)
        if origin is Unknown:
            return Unknown
        arguments = tuple(_evaluated(one, lookup) for one in inner)
        return origin[arguments[0] if len(arguments) == 1 else arguments]
    if isinstance(node, ast.Call) and _evaluated(node.func, lookup) is typing.NewType:
        return _evaluated(node.args[-1], lookup) if node.args else Unknown
    return Unknown


def _literal(node: ast.expr, lookup: Callable[[str], Any]) -> Any:
    name = dotted(node)
    return ast.literal_eval(node) if name is None else lookup(name)


def dotted(node: ast.expr) -> str | None:
    """Return an expression such as ``a.b.c`` as text, or None for another expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        start = dotted(node.value)
        return start and f"{start}.{node.attr}"
    return None


# -- functions


class Parameter(NamedTuple):
    """A parameter of a script's function.

    Attributes
    ----------
    type : OptionType
    required : bool
        Whether it has no default.
    default : str
        The default, for a help text; "" if there is none, or None.
    doc : str
        The first sentence of its documentation.
    """

    type: OptionType = TEXT
    required: bool = False
    default: str = ""
    doc: str = ""


class Signature(NamedTuple):
    """The options that a script's function takes.

    Attributes
    ----------
    function : str
        Its name.
    parameters : dict
        Name -> `Parameter`.
    takes_all : bool
        Whether it takes any other option, too, as text.
    first : str
        The name of its first parameter, which is not an option; "" if that may be an option.
    """

    function: str
    parameters: dict[str, Parameter]
    takes_all: bool = False
    first: str = ""

    def parameter(self, option: str) -> str | None:
        """Return the parameter that an option is for, or None."""
        if option in self.parameters:
            return option
        name = option.removeprefix("no_")
        known = self.parameters.get(name) if name != option else None
        if known is not None and known.type.flag:
            return name
        return option if self.takes_all else None

    def taken(self, options: Options) -> list[str]:
        """Return the names of the options that the function takes."""
        return [option for option in options if self.parameter(option) is not None]

    def keywords(self, options: Options) -> dict[str, Any]:
        """Convert options to keyword arguments of the function. Leave others out.

        Raises
        ------
        OptionError
            A value is not of the parameter's type, or an option is missing.
        """
        found = {}
        for option, given in options.items():
            name = self.parameter(option)
            if name is None:
                continue
            if self.takes_all and name == self.first:
                problem = f"--{name} is reserved: {self.function} receives it as an argument"
                raise OptionError(problem)
            if name == option:
                type = self.parameters[name].type if name in self.parameters else TEXT
                found[name] = type.value(spelled(option), given)
            else:
                last = as_list(given)[-1]
                if last is not True:
                    problem = f"expected no value, found {shown(last)}"
                    raise OptionError(f"{spelled(option)}: {problem}")
                found[name] = False
        missing = [
            spelled(name)
            for name, parameter in self.parameters.items()
            if parameter.required and name not in found
        ]
        if missing:
            raise OptionError(f"{self.function} needs {', '.join(missing)}")
        return found


_POSITIVE = OptionType("a positive number", "NUMBER", _positive)

TRACKER = Signature(
    "load_tracks",
    {
        "pixelsize": Parameter(
            _POSITIVE, doc="Pixel size of FIMTrack tables and NetCDF files in pixels, in µm."
        ),
        "framerate": Parameter(
            _POSITIVE, doc="Frames per second of FIMTrack tables and NetCDF files in frames."
        ),
    },
)
"""The options of `BackendExplorer.load_tracks`, which every script takes."""


def unknown_option(problem: str, option: str, known: Iterable[str]) -> OptionError:
    """Return the error about an unknown option, with a suggestion."""
    names = sorted(known)
    near = [spelled(name) for name in similar(option, names)]
    hint = f"known options: {', '.join(map(spelled, names))}" if names else "there are no options"
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    return OptionError(f"{problem} {spelled(option)}; {hint}")


def signature_of(function: Callable[..., Any]) -> Signature:
    """Return the options that a function takes."""
    import inspect
    import sys

    options: dict[str, Any] = {}
    if sys.version_info >= (3, 14):  # names that only type checkers know are no errors
        import annotationlib

        options["annotation_format"] = annotationlib.Format.FORWARDREF
    taken = list(inspect.signature(function, **options).parameters.values())
    first, others = taken[0].name if taken else "", taken[1:]
    inner = inspect.unwrap(function)
    names = getattr(getattr(inner, "func", inner), "__globals__", {})  # func: of a partial

    def lookup(name: str) -> Any:
        start, *rest = name.split(".")
        found = names.get(start, getattr(builtins, start, _USUAL.get(start, Unknown)))
        for attribute in rest:
            found = getattr(found, attribute, Unknown)
        return found

    parameters = {
        parameter.name: Parameter(
            TEXT
            if parameter.annotation is parameter.empty
            else type_of(parameter.annotation, lookup),
            parameter.default is parameter.empty,
        )
        for parameter in others
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in others)
    name = getattr(function, "__name__", "the function")
    return Signature(name, parameters, takes_all, first)


_USUAL = {name: getattr(typing, name) for name in ("Literal", "Optional", "Union", "Annotated")}
_USUAL |= {"Path": Path, "typing": typing}
_USUAL |= {cls.__name__: cls for cls in _COLLECTIONS if cls.__module__ == "collections.abc"}
"""Usual names of annotations that a script may import for type checkers only."""
