"""Variants of trx.mat, as labs have them, and what must come of each."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, TypeAlias

import h5py
import numpy as np

HEAD = b"MATLAB 7.3 MAT-file, Platform: GLNXA64 HDF5 schema 1.00 ."
ACTIONS = ("back", "cast", "hunch", "roll", "run", "small_motion", "stop")
RUN = "20240611_101500"
OTHER = "20240611_113000"
NAN = np.nan

Larva: TypeAlias = dict[str, Any]  # field -> array as in MATLAB, text, or a function that stores it
Store: TypeAlias = Callable[[h5py.Group, str], h5py.Dataset]


def larva(number: int = 1, n: int = 4, **fields: Any) -> Larva:
    """Return one element of trx; frame i is in state i of ACTIONS."""
    xy = np.arange(11.0 * n).reshape(n, 11) + number / 1000
    contour = np.arange(3.0 * n).reshape(n, 3)
    indicators = {
        action: np.where(np.arange(n) == place, 1.0, -1.0)[:, None]
        for place, action in enumerate(ACTIONS)
    }
    return {
        "id": RUN,
        "numero_larva_num": np.array([[number]]),
        "t": np.arange(n)[:, None] / 8.0,
        "x_spine": xy,
        "y_spine": -xy,
        "x_contour": contour,
        "y_contour": contour + 0.5,
        **indicators,
        **fields,
    }


def store(group: h5py.Group, name: str, value: Any, **options: Any) -> h5py.Dataset:
    if callable(value):
        return value(group, name)
    if isinstance(value, str):
        return codes("<u2", decode=2)(value)(group, name)
    return group.create_dataset(name, data=np.asarray(value).T, **options)


def empty(group: h5py.Group, name: str) -> h5py.Dataset:
    """Store ``[]`` as MATLAB does."""
    dataset = group.create_dataset(name, data=np.zeros(2, "u8"))
    dataset.attrs["MATLAB_class"] = np.bytes_("double")
    dataset.attrs["MATLAB_empty"] = np.uint8(1)
    return dataset


def codes(dtype: str, decode: int | None = None, as_row: bool = False) -> Callable[[str], Store]:
    """Return a function from a text to one that stores its UTF-16, UTF-8 or UTF-32."""
    encoding = {1: "utf-8", 2: "utf-16-le", 4: "utf-32-le"}[np.dtype(dtype).itemsize]

    def storing(text: str) -> Store:
        def make(group: h5py.Group, name: str) -> h5py.Dataset:
            data = np.frombuffer(text.encode(encoding), dtype)[:, None]
            dataset = group.create_dataset(name, data=data.T if as_row else data)
            if decode is not None:
                dataset.attrs["MATLAB_class"] = np.bytes_("char")
                dataset.attrs["MATLAB_int_decode"] = decode
            return dataset

        return make

    return storing


def cell(*values: Any) -> Store:
    def make(group: h5py.Group, name: str) -> h5py.Dataset:
        parts = [store(group.file, f"#refs#/{name}_{i}", x).ref for i, x in enumerate(values)]
        return group.create_dataset(name, data=np.array([parts], h5py.ref_dtype))

    return make


def string(number: int) -> Store:
    """Store a reference to an object, as MATLAB does for a string; see `subsystem`."""

    def make(group: h5py.Group, name: str) -> h5py.Dataset:
        dataset = group.create_dataset(
            name, data=np.array([[0xDD000000, 2, 1, 1, number, 1]], "<u4")
        )
        dataset.attrs["MATLAB_class"] = np.bytes_("string")
        dataset.attrs["MATLAB_object_decode"] = 3
        return dataset

    return make


def subsystem(*texts: str) -> Callable[[h5py.File], None]:
    """Store the content of objects of class string, whose numbers begin at 1.

    The layout is that of MATLAB's FileWrapper__, version 4.
    """
    names = b"any\0string\0".ljust(16, b"\0")
    classes = struct.pack("<8I", 0, 0, 0, 0, 0, 2, 0, 0)
    lists = b"".join(struct.pack("<4I", 1, 1, 1, i) for i in range(len(texts)))
    objects = b"".join(struct.pack("<6I", 1, 0, 0, i, 0, i) for i in range(1, len(texts) + 1))
    regions = [classes, bytes(8) + lists, bytes(24) + objects, bytes(8), bytes(8)]
    starts = np.cumsum([40 + len(names), *map(len, regions)]).tolist()
    wrapper = struct.pack("<10I", 4, 2, *starts, 0, 0) + names + b"".join(regions)

    def edit(file: h5py.File) -> None:
        contents: list[Any] = [np.frombuffer(wrapper, "u1")[:, None], empty]
        for text in texts:
            raw = text.encode("utf-16-le")
            header = np.array([1, 2, 1, 1, len(raw) // 2], "<u8")
            raw += bytes(-len(raw) % 8)
            contents.append(np.concatenate([header, np.frombuffer(raw, "<u8")])[None])
        references = [
            store(file, f"#refs#/mcos{i}", x).ref for i, x in enumerate([*contents, empty, empty])
        ]
        file.create_dataset("#subsystem#/MCOS", data=np.array([references], h5py.ref_dtype))

    return edit


def write(
    target: Any,
    larvae: Sequence[Larva],
    edit: Callable[[h5py.File], Any] | None = None,
    variable: str = "trx",
    **options: Any,
) -> None:
    """Write elements of trx as MATLAB does: one as datasets, several as references."""
    with h5py.File(target, "w", userblock_size=512) as file:
        write_variable(file, variable, larvae, **options)
        if edit is not None:
            edit(file)


def write_variable(file: h5py.File, name: str, larvae: Sequence[Larva], **options: Any) -> None:
    trx = file.create_group(name)
    for field in larvae[0]:
        if len(larvae) == 1:
            store(trx, field, larvae[0][field], **options)
            continue
        references = []
        for index, element in enumerate(larvae):
            at = f"#refs#/{name}{field}{index}"
            references.append(store(file, at, element[field], **options).ref)
        trx.create_dataset(field, data=np.array([references], dtype=h5py.ref_dtype))


def write_head(file: IO[bytes]) -> None:
    file.seek(0)
    file.write(HEAD.ljust(124) + b"\x00\x02IM")


def image(*larvae: Larva, **options: Any) -> dict[str, bytes]:
    buffer = io.BytesIO()
    write(buffer, larvae, **options)
    write_head(buffer)
    return {"trx.mat": buffer.getvalue()}


def variants() -> Iterator[tuple[str, dict[str, bytes], str]]:
    """Yield name, files, and "read", "reported" (what was left out) or "refused"."""

    def pair(second: Larva, first: Larva | None = None, **options: Any) -> dict[str, bytes]:
        """Return a file in which the second of two larvae has other fields."""
        first = {**dict.fromkeys(second, empty), **larva(1), **(first or {})}
        return image(first, {**dict.fromkeys(first, empty), **larva(2), **second}, **options)

    def everywhere(**fields: Any) -> dict[str, bytes]:
        return pair(fields, fields)

    def spine(n: int, *rows: int, value: float = NAN, points: slice = slice(None)) -> Larva:
        fields = {}
        for axis in "xy":
            xy = larva(2, n)[f"{axis}_spine"].copy()
            xy[list(rows), points] = value
            fields[f"{axis}_spine"] = xy
        return fields

    def contour(value: float, place: tuple[int, int], axes: str = "xy") -> Larva:
        fields = {}
        for axis in axes:
            xy = larva(2)[f"{axis}_contour"].copy()
            xy[place] = value
            fields[f"{axis}_contour"] = xy
        return fields

    def column(*values: float, dtype: str = "f8") -> Any:
        return np.array([values], dtype).T

    none = {name: empty for name in larva() if name not in ("id", "numero_larva_num")}
    yield "as MATLAB writes it", pair({}), "read"
    yield "one larva", image(larva(1)), "read"
    yield "compressed", pair({}, compression="gzip"), "read"

    for name, is_on, off in (("0, 1", 1, 0), ("-1, 1", 1, -1), ("NaN, 1", 1, NAN)):
        actions = {
            action: column(*(is_on if i == j else off for j in range(4)))
            for i, action in enumerate(ACTIONS)
        }
        yield f"indicators of {name}", everywhere(**actions), "read"
    logical = {name: larva()[name].clip(0).astype("u1") for name in ACTIONS}
    yield "indicators that are logical", everywhere(**logical), "read"
    booleans = {name: values.astype(bool) for name, values in logical.items()}
    yield "indicators that are boolean in HDF5", everywhere(**booleans), "read"
    rows = {name: larva()[name].T.astype("i1") for name in ACTIONS}
    yield "indicators that are rows of int8", everywhere(**rows), "read"
    yield "an indicator that is [] in one larva", pair({"stop": empty}), "read"
    yield "an indicator that is [] in all", everywhere(stop=empty), "read"
    yield "an indicator of fewer frames", pair({"stop": column(1, -1)}), "reported"
    yield "an indicator that is text", pair({"stop": "abc"}), "reported"
    yield "an indicator that is a cell", pair({"stop": cell(1.0, 2.0)}), "reported"
    yield "an indicator in two columns", pair({"stop": np.ones((4, 2))}), "reported"

    crawl = column(1, 0, 0, 1)
    yield "another label", everywhere(crawl=crawl), "read"
    yield "another label that is [] in one larva", pair({"crawl": crawl}), "read"
    yield (
        "another label of fewer frames in one",
        pair({"crawl": crawl[:2]}, {"crawl": crawl}),
        "reported",
    )
    yield "a variant without its action", everywhere(turn_large=crawl), "read"
    yield (
        "columns of other meanings",
        everywhere(
            velocity=column(0, 1, 2, 1),
            sign=column(-1, 0, 1, 0),
            pipeline=column(1),
            flag=column(1),
            protocol="p_5_1s1x5s",
            stimuli=cell("a", "b"),
            nothing=column(NAN, NAN, NAN, NAN),
            matrix=np.ones((4, 4)),
            global_state_large_state=column(1, 2, 3, 4),
        ),
        "read",
    )

    yield "a larva without frames", pair(none), "reported"
    yield "the first larva without frames", pair({}, none), "reported"
    yield (
        "one without frames and identifiers",
        pair({**none, "id": empty, "numero_larva_num": empty}),
        "reported",
    )
    yield (
        "[] without an attribute",
        pair({name: lambda g, n: g.create_dataset(n, data=np.zeros(2, "u8")) for name in none}),
        "reported",
    )
    yield "[] of no rows", pair({name: np.ones((0, 1)) for name in none}), "reported"
    yield (
        "[] without data",
        pair({name: lambda g, n: g.create_dataset(n, data=h5py.Empty("f8")) for name in none}),
        "reported",
    )
    yield "no larva with frames", pair(none, none), "refused"
    yield "no spine in one larva", pair({"x_spine": empty, "y_spine": empty}), "read"
    yield "no spine in any", everywhere(x_spine=empty, y_spine=empty), "read"
    yield "no y in one spine", pair({"y_spine": empty}), "refused"
    yield "no outline in one larva", pair({"x_contour": empty, "y_contour": empty}), "read"

    yield "a frame without a spine", pair(spine(4, 1)), "read"
    yield "all frames of a larva without a spine", pair(spine(4, 0, 1, 2, 3)), "read"
    yield "infinite coordinates in a spine", pair(spine(4, 2, value=np.inf)), "reported"
    yield "one point missing in a spine", pair(spine(4, 2, points=slice(3, 4))), "reported"
    yield "x missing in a spine", pair({"x_spine": spine(4, 2)["x_spine"]}), "reported"
    twelve = np.ones((4, 12))
    yield "spines of 12 points", everywhere(x_spine=twelve, y_spine=twelve), "read"
    yield (
        "spines of 12 points in one larva",
        pair({"x_spine": twelve, "y_spine": twelve}),
        "refused",
    )
    yield "spines of 2 points", everywhere(x_spine=twelve[:, :2], y_spine=twelve[:, :2]), "refused"
    yield "a spine of fewer frames", pair({"x_spine": twelve[:3], "y_spine": twelve[:3]}), "refused"

    yield "NaN after an outline", pair(contour(NAN, (1, 2))), "read"
    yield "no outline in a frame", pair(contour(NAN, (1, slice(None)))), "read"
    yield "NaN within an outline", pair(contour(NAN, (1, 1))), "reported"
    yield "an infinite point of an outline", pair(contour(np.inf, (1, 1))), "reported"
    yield "y missing in an outline", pair(contour(NAN, (1, 2), "y")), "reported"

    yield "a frame without a time", pair({"t": column(0, 0.125, NAN, 0.375)}), "reported"
    yield "padding after the last time", pair({"t": column(0, 0.125, NAN, NAN)}), "reported"
    yield "no times at all", pair({"t": column(NAN, NAN, NAN, NAN)}), "reported"
    yield "times that decrease", pair({"t": column(0, 0.5, 0.25, 1)}), "refused"
    yield "an infinite time", pair({"t": column(0, 0.125, 0.25, np.inf)}), "refused"

    for name in ("TRX", "trx_t", "trx_concatenated", "tracks"):
        yield f"a variable named {name}", pair({}, variable=name), "read"

    def beside(name: str) -> Callable[[h5py.File], None]:
        return lambda file: write_variable(file, name, [larva(7), larva(8)])

    yield (
        "other variables",
        pair({}, edit=lambda f: f.create_group("info").create_dataset("t", data=[[1]])),
        "read",
    )
    yield "two struct arrays of tracks", pair({}, edit=beside("old")), "reported"
    yield (
        "two struct arrays of other names",
        pair({}, variable="new", edit=beside("old")),
        "refused",
    )
    yield "no struct array of tracks", image({"x": column(1)}), "refused"

    yield "two runs", pair({"id": OTHER}), "read"
    yield "two runs of one larva", pair({**larva(1), "id": OTHER}), "read"
    yield "a larva twice", pair({"numero_larva_num": column(1)}), "refused"

    texts: dict[str, Callable[[str], Any]] = {
        "char without an attribute": codes("<u2"),
        "a column of char": codes("<u2", decode=2, as_row=True),
        "uint32": codes("<u4"),
        "uint32 with an attribute": codes("<u4", decode=4),
        "uint8": codes("u1"),
        "char in a cell": cell,
        "uint32 in a cell": lambda text: cell(codes("<u4")(text)),
        "char in a cell in a cell": lambda text: cell(cell(text)),
    }
    for name, text in texts.items():
        yield f"id as {name}", everywhere(id=text(RUN)), "read"
        yield f"id of another run as {name}", pair({"id": text(OTHER)}), "read"
    texts_of_strings = subsystem(RUN, OTHER, RUN)
    yield "id as string", pair({"id": string(3)}, {"id": string(1)}, edit=texts_of_strings), "read"
    yield "id as string in a cell", everywhere(id=cell(string(1))), "reported"
    yield (
        "id of another run as string",
        pair({"id": string(2)}, {"id": string(1)}, edit=texts_of_strings),
        "read",
    )
    yield "id as string without its text", everywhere(id=string(1)), "reported"
    yield "id as string of another number", everywhere(id=string(9)), "reported"
    yield "one id as string without its text", pair({"id": string(1)}), "refused"
    yield (
        "no id",
        image(*({k: v for k, v in larva(i).items() if k != "id"} for i in (1, 2))),
        "reported",
    )
    yield "id is [] everywhere", everywhere(id=empty), "reported"
    yield "id as a number", everywhere(id=column(1)), "refused"
    yield "id in a cell of two", everywhere(id=cell(RUN, RUN)), "refused"
    yield (
        "numbers of larvae that are rank 0",
        everywhere()
        | image(
            *(
                larva(i, numero_larva_num=lambda g, n, i=i: g.create_dataset(n, data=float(i)))
                for i in (1, 2)
            )
        ),
        "read",
    )
    yield (
        "columns of rank 1",
        everywhere(
            t=lambda g, n: g.create_dataset(n, data=np.arange(4) / 8.0),
            stop=lambda g, n: g.create_dataset(n, data=-np.ones(4)),
            roll=lambda g, n: g.create_dataset(n, data=np.array([0, 0, 0, 1], "u8")),
        ),
        "read",
    )
