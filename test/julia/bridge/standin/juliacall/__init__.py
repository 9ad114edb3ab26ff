"""Stands in for juliacall where that cannot start: the part of it that taggingbackends uses.

Any Julia will do, the one that TAGGINGBACKENDS_JULIA names: it is loaded into this process, and
spoken to in its own language, by one function of its C interface. PythonCall, which juliacall
needs, is what asks for a later Julia, and for a registry to be installed from.
"""

from __future__ import annotations

import ctypes
import os
import re
import struct
import subprocess
import weakref
from pathlib import Path
from typing import Any

CONFIG = {"inited": True}

_JULIA_HALF = """
module StandIn
const HELD = Dict{Int,Any}()
const LAST = Ref(0)
const DROPPED = Int[]
hold(x) = (HELD[LAST[] += 1] = x; LAST[])
release(ids...) = foreach(id -> delete!(HELD, id), ids)

mutable struct PythonObject  # any object that Julia has no type for
    id::Int
    PythonObject(id) = finalizer(object -> push!(DROPPED, object.id), new(id))
end

encoded(x) = "v$(hold(x))"
encoded(x::String) = "s" * bytes2hex(codeunits(x))
encoded(x::Bool) = "b$(Int(x))"
encoded(x::Integer) = "i$x"
encoded(x::Float64) = "f" * repr(reinterpret(UInt64, x))
encoded(::Nothing) = "n"
encoded(x::Tuple) = "t" * join(map(hold, x), ',')

function answer(code, callback)
    text = try
        encoded(Core.eval(Main, Meta.parse(code)))  # interpreted: a closure would be compiled
    catch error
        "e$(hold(error))"
    end
    dropped = join(splice!(DROPPED, 1:length(DROPPED)), ',')
    ccall(callback, Cvoid, (Cstring, Cstring), text, dropped)
end
end
"""


class AnyValue:
    """A value that Julia holds."""

    def __init__(self, number: int) -> None:
        self.__dict__["_number"] = number
        weakref.finalize(self, _released.append, number)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        name = re.sub("_b$", "!", name)
        try:
            return _evaluate(f"getproperty({_spelled(self)}, Symbol({_spelled(name)}))")
        except JuliaError as error:
            raise AttributeError(str(error)) from None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        parts = [*map(_spelled, args), *(f"{name}={_spelled(x)}" for name, x in kwargs.items())]
        return _evaluate(f"{_spelled(self)}({', '.join(parts)})")

    def __str__(self) -> str:
        return str(_evaluate(f"sprint(print, {_spelled(self)})"))

    def seval(self, code: str) -> Any:
        return _evaluate(f"Base.eval({_spelled(self)}, Meta.parse({_spelled(code)}))")


class JuliaError(Exception):
    """An error of Julia's."""

    def __str__(self) -> str:
        return str(_evaluate(f"sprint(showerror, {_spelled(self.exception)})"))

    @property
    def exception(self) -> AnyValue:
        value: AnyValue = self.args[0]
        return value


def newmodule(name: str) -> Any:
    outer, inner = f'var"{name} outer"', f'var"{name}"'
    return _evaluate(f"Main.eval(:(module {outer} module {inner} end end)).{inner}")


_objects: dict[int, Any] = {}  # what Julia holds of Python's
_released: list[int] = []  # what Python no longer holds of Julia's
_answers: list[tuple[bytes, bytes]] = []
_RECEIVE = ctypes.PYFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p)
_receive = _RECEIVE(lambda text, dropped: _answers.append((text, dropped)))


def _load() -> Any:
    command = [os.environ["TAGGINGBACKENDS_JULIA"], "--startup-file=no", "-e"]
    command.append(Path(__file__).with_name("places.jl").read_text())
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    path, *places = printed.split("\0")
    library = ctypes.PyDLL(os.path.realpath(path), mode=ctypes.RTLD_GLOBAL)
    words = (ctypes.c_char_p * 3)(b"julia", b"-O0", None)  # most of the time would go to compiling
    library.jl_parse_opts(
        ctypes.byref(ctypes.c_int(2)), ctypes.byref(ctypes.cast(words, ctypes.c_void_p))
    )
    for name in ("jl_init_with_image__threading", "jl_init_with_image"):
        if hasattr(library, name):
            getattr(library, name)(*map(str.encode, places))
            break
    library.jl_eval_string(_JULIA_HALF.encode())
    return library


def _evaluate(code: str) -> Any:
    ids = ",".join(str(_released.pop()) for _ in range(len(_released)))
    address = ctypes.cast(_receive, ctypes.c_void_p).value
    work = f"StandIn.release({ids}); StandIn.answer({_spelled(code)}, Ptr{{Cvoid}}({address}))"
    _library.jl_eval_string(work.encode())
    text, dropped = _answers.pop()
    for number in filter(None, dropped.split(b",")):
        del _objects[int(number)]
    return _heard(text.decode())


def _heard(text: str) -> Any:
    kind, rest = text[0], text[1:]
    if kind == "e":
        raise JuliaError(AnyValue(int(rest)), None)
    if kind == "t":
        return tuple(
            _evaluate(f"pop!(StandIn.HELD, {number})") for number in filter(None, rest.split(","))
        )
    return {
        "v": lambda: AnyValue(int(rest)),
        "s": lambda: bytes.fromhex(rest).decode(),
        "b": lambda: rest == "1",
        "i": lambda: int(rest),
        "f": lambda: struct.unpack("<d", int(rest, 16).to_bytes(8, "little"))[0],
        "n": lambda: None,
    }[kind]()


def _spelled(x: Any) -> str:
    """Return Julia's expression for a value."""
    if isinstance(x, AnyValue):
        return f"StandIn.HELD[{x._number}]"
    if x is None or isinstance(x, bool):
        return {None: "nothing", True: "true", False: "false"}[x]
    if isinstance(x, int):
        return f"({x})"
    if isinstance(x, float):
        number = int.from_bytes(struct.pack("<d", x), "little")
        return f"reinterpret(Float64, {number:#018x})"
    if isinstance(x, str):
        return f'String(hex2bytes("{x.encode().hex()}"))'
    if isinstance(x, tuple):
        return f"({''.join(f'{_spelled(item)}, ' for item in x)})"
    number = max(_objects, default=0) + 1
    _objects[number] = x
    return f"StandIn.PythonObject({number})"


_library = _load()
