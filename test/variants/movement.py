"""Variants of NetCDF files of the package movement, and what must come of each."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

FRAMES = 6
KEYPOINTS = ("head", "middle", "tail")
INDIVIDUALS = ("larva_3", "larva_12")


def dataset(
    keypoints: tuple[str, ...] = KEYPOINTS,
    individuals: tuple[str, ...] = INDIVIDUALS,
    space: tuple[str, ...] = ("x", "y"),
    **attributes: Any,
) -> xr.Dataset:
    """Return poses at 10 frames/s, in mm. The second individual is not tracked in frame 2."""
    shape = (FRAMES, len(space), len(keypoints), len(individuals))
    position = np.arange(np.prod(shape), dtype=np.float64).reshape(shape) / 8
    if len(individuals) > 1:
        position[2, ..., 1] = np.nan
    dims = ("time", "space", "keypoints", "individuals")
    confidence = np.full((FRAMES, *shape[2:]), np.nan, np.float32)
    return xr.Dataset(
        {
            "position": (dims, position, {"space_unit": "mm"}),
            "confidence": (("time", "keypoints", "individuals"), confidence),
        },
        {
            "time": np.arange(FRAMES) / 10,
            "space": list(space),
            "keypoints": list(keypoints),
            "individuals": list(individuals),
        },
        {
            "source_software": "SLEAP",
            "ds_type": "poses",
            "fps": 10.0,
            "time_unit": "seconds",
        }
        | attributes,
    )


def content(ds: xr.Dataset, **options: Any) -> bytes:
    """Return the file of a dataset."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.nc")
        ds.to_netcdf(path, **{"engine": "h5netcdf", **options})
        return path.read_bytes()


def without(ds: xr.Dataset, *names: str) -> xr.Dataset:
    """Return a dataset without some attributes; of position, too."""
    ds = ds.copy()
    ds["position"].attrs = {k: v for k, v in ds["position"].attrs.items() if k not in names}
    ds.attrs = {k: v for k, v in ds.attrs.items() if k not in names}
    return ds


def in_unit(ds: xr.Dataset, unit: str, factor: float) -> xr.Dataset:
    """Return a dataset with its coordinates in another unit."""
    position = ds["position"] * factor
    position.attrs = {"space_unit": unit}
    return ds.assign(position=position)


def at(ds: xr.Dataset, times: Any, **attributes: Any) -> xr.Dataset:
    """Return a dataset at other times, with other attributes; None removes one."""
    ds = ds.assign_coords(time=times)
    ds.attrs = {k: v for k, v in (ds.attrs | attributes).items() if v is not None}
    return ds


def alike() -> Iterator[tuple[str, bytes]]:
    """Yield forms of `dataset`, which are the same recording."""
    ds = dataset()
    yield "as it is", content(ds)
    yield "transposed", content(ds.transpose("individuals", "keypoints", "space", "time"))
    yield (
        "names in the singular",
        content(ds.rename(keypoints="keypoint", individuals="individual")),
    )
    yield "keypoints from tail to head", content(ds.isel(keypoints=[2, 1, 0]))
    yield "y before x", content(ds.isel(space=[1, 0]))
    yield "no confidence", content(ds.drop_vars("confidence"))
    yield "other variables", content(ds.assign(speed=ds["position"] * 2, note="text"))
    yield "no coordinate of space", content(ds.drop_vars("space"))
    yield "coordinates of single precision", content(ds.astype(np.float32))
    yield "big endian", content(ds, encoding={"position": {"dtype": ">f8"}})
    yield (
        "compressed",
        content(ds, encoding={"position": {"zlib": True, "chunksizes": (2, 1, 2, 1)}}),
    )
    yield "growing", content(ds, unlimited_dims=["time"])
    yield (
        "characters",
        content(ds, encoding={k: {"dtype": "S1"} for k in ("keypoints", "individuals")}),
    )
    packed = {"dtype": "i2", "scale_factor": 0.125, "add_offset": 1.0, "_FillValue": -999}
    yield "packed", content(ds, encoding={"position": packed})
    filled = {"_FillValue": -1e20}
    yield "another value for missing ones", content(ds, encoding={"position": filled})
    for unit, factor in (("cm", 0.1), ("m", 0.001), ("um", 1000), ("µm", 1000), ("millimeters", 1)):
        yield f"in {unit}", content(in_unit(ds, unit, factor))
    yield "in pixels", content(in_unit(ds, "px", 10))
    yield "without a unit of length", content(without(in_unit(ds, "px", 10), "space_unit"))
    frames = np.arange(FRAMES)
    yield "frames", content(at(ds, frames, time_unit="frames"))
    yield "frames without a unit", content(at(ds, frames, time_unit=None))
    yield "seconds without a unit", content(at(ds, frames / 10, time_unit=None))
    yield "no coordinate of time", content(at(ds, frames, time_unit="frames").drop_vars("time"))
    yield "milliseconds", content(at(ds, frames * 100, time_unit="ms"))
    yield "time differences", content(at(ds, (frames * 100).astype("timedelta64[ms]")))
    yield "attributes of NumPy", content(at(ds, frames / 10, fps=np.array([10], dtype=np.int32)))
    for name, value in (("metadata", "{"), ("metadata", "[1]"), ("states", 3), ("run", 5.0)):
        yield f"{name} {value}", content(at(ds, frames / 10, **{name: value}))


def variants() -> Iterator[tuple[str, dict[str, bytes], str]]:
    """Yield name, files, and what must come of them: "read", "reported" or "refused"."""
    for name, data in alike():
        yield name, {"x.nc": data}, "read"
    for name, ds, expected in others():
        yield name, {"x.nc": content(ds)}, expected
    for name, data in damaged():
        yield name, {"x.nc": data}, "refused"
    yield "compressed with gzip", {"x.nc.gz": b"\x1f\x8b" + content(dataset())}, "refused"
    yield "in upper case", {"X.NC": content(dataset())}, "read"
    yield "beside a table of labels", {"x.nc": content(dataset()), "b.csv": b"run,larva,\n"}, "read"


def others() -> Iterator[tuple[str, xr.Dataset, str]]:
    """Yield other datasets, and what must come of them."""
    ds = dataset()
    time = ds["time"].values
    yield "one individual", ds.isel(individuals=0), "read"
    yield "one individual, without a name", ds.isel(individuals=0, drop=True), "read"
    yield "one individual of one", ds.isel(individuals=[0]), "read"
    yield "one name without a number", dataset(individuals=("Alice",)), "read"
    yield "one frame", ds.isel(time=[0]), "read"
    yield "no names of keypoints", ds.drop_vars("keypoints"), "read"
    yield "names of a track", dataset(individuals=("track 1 (2)", "7")), "read"
    yield "names that contain no sides", dataset(("leftover", "roll", "bright")), "read"
    labels = np.full((FRAMES, 2), "cast")
    per_frame = ("time", "individuals")
    yield "labels", ds.assign_coords(labels=(per_frame, labels)), "read"
    yield "labels of all individuals", ds.assign_coords(labels=("time", labels[:, 0])), "read"

    yield "names without numbers", dataset(individuals=("Alice", "Bob")), "reported"
    yield "names with the same number", dataset(individuals=("a1", "b1")), "reported"
    yield "a large number", dataset(individuals=("a1", "b70000")), "reported"
    yield "z", dataset(space=("x", "y", "z")), "reported"
    incomplete = ds.copy(deep=True)
    incomplete["position"][1, 0, 1, 0] = np.nan
    yield "an incomplete spine", incomplete, "reported"
    infinite = ds.copy(deep=True)
    infinite["position"][1, 0, 1, 0] = np.inf
    yield "an infinite coordinate", infinite, "reported"
    absent = ds.copy(deep=True)
    absent["position"][..., 0] = np.nan
    yield "an individual without positions", absent, "reported"
    numbers = (per_frame, np.ones((FRAMES, 2)))
    yield "labels as numbers", ds.assign_coords(labels=numbers), "reported"
    per_keypoint = (("time", "keypoints"), np.full((FRAMES, 3), "a"))
    yield "labels of keypoints", ds.assign_coords(labels=per_keypoint), "reported"

    yield "bounding boxes", dataset(ds_type="bboxes"), "refused"
    boxes = ds.isel(keypoints=0, drop=True).drop_vars("confidence")
    yield "a shape", boxes.assign(shape=boxes["position"]), "refused"
    yield "no position", ds.drop_vars("position"), "refused"
    yield "another dimension", ds.expand_dims(camera=2), "refused"
    yield "no space", ds.isel(space=0), "refused"
    yield "one keypoint", ds.isel(keypoints=[0]), "refused"
    yield "two keypoints", ds.isel(keypoints=[0, 2]), "refused"
    yield "no keypoints", ds.isel(keypoints=0, drop=True), "refused"
    yield "polar coordinates", ds.assign_coords(space=["rho", "phi"]), "refused"
    for sides in (("left_eye", "right_eye"), ("earL", "earR"), ("l ear", "r ear"), ("R1", "L1")):
        yield f"{sides}", dataset(("head", *sides, "tail")), "refused"
    yield "a head in the middle", dataset(("body", "head", "tail")), "refused"
    yield "a tail in the middle", dataset(("head", "tail", "body")), "refused"
    yield "two heads", dataset(("head", "body", "mouth")), "read"  # the first is at an end
    yield "keypoints of the same name", dataset(("a", "b", "a")), "refused"
    yield "individuals of the same name", dataset(individuals=("a1", "a1")), "refused"
    yield (
        "frames without a rate",
        at(ds, np.arange(FRAMES), time_unit="frames", fps=None),
        "refused",
    )
    yield "times without a unit", at(ds, time, time_unit=None, fps=None), "refused"
    yield "an unknown unit of time", at(ds, time, time_unit="fortnights"), "refused"
    yield "dates", at(ds, np.datetime64("2024-06-11", "ns") + (time * 1e9).astype(int)), "refused"
    yield "times of text", at(ds, [str(one) for one in time]), "refused"
    yield "times that do not increase", at(ds, time[::-1]), "refused"
    yield "a time twice", at(ds, np.repeat(time[::2], 2)), "refused"
    yield "a missing time", at(ds, np.where(time > 0.2, np.nan, time)), "refused"
    for fps in (0.0, -10.0, np.nan, np.inf, "ten", [10.0, 20.0]):
        yield f"fps {fps}", at(ds, time, fps=fps), "refused"
    yield "an unknown unit of length", in_unit(ds, "inch", 1), "refused"
    yield "positions of text", ds.assign(position=ds["position"].astype(str)), "refused"
    yield "no positions", ds.assign(position=ds["position"] * np.nan), "refused"
    yield "no frames", ds.isel(time=[]), "refused"
    yield "no individuals", ds.isel(individuals=[]), "refused"
    for name, value in (
        ("names", ["a", "a"]),
        ("colors", ["#000000", "#ffffff"]),
        ("states", '{"cast": ["a", "a"]}'),
    ):
        bad = (per_frame, labels, {"names": ["cast"], name: value})
        yield f"labels with {name} {value}", ds.assign_coords(labels=bad), "refused"


def damaged() -> Iterator[tuple[str, bytes]]:
    """Yield files that are no NetCDF 4, or damaged."""
    data = content(dataset(), unlimited_dims=["time"])
    yield "cut", data[: len(data) // 2]
    yield "only the first bytes", data[:8]
    yield "empty", b""
    yield "zeros", bytes(4096)
    yield "NetCDF 3", b"CDF\x02" + bytes(100)
    yield "MATLAB", b"MATLAB 7.3 MAT-file" + bytes(600)

    def changed(change: Any) -> bytes:
        stream = io.BytesIO(data)
        with h5py.File(stream, "r+") as file:
            change(file)
        return stream.getvalue()

    def anonymous(file: h5py.File) -> None:
        del file["position"].attrs["DIMENSION_LIST"]

    def group(file: h5py.File) -> None:
        del file["position"]
        file.create_group("position")

    def huge(file: h5py.File) -> None:
        del file["position"]
        position = file.create_dataset("position", (1 << 40, 2, 3, 2), "f8", chunks=True)
        for axis, name in enumerate(("time", "space", "keypoints", "individuals")):
            position.dims[axis].attach_scale(file[name])

    def records(file: h5py.File) -> None:
        del file["position"]
        file["position"] = np.zeros(3, dtype=[("a", "f8")])

    def shorter(file: h5py.File) -> None:
        file["position"].resize(FRAMES - 1, axis=0)

    for change in (anonymous, group, huge, records, shorter):
        yield change.__name__, changed(change)
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file["tracks"] = np.zeros(3)
    yield "HDF5 of another kind", stream.getvalue()
