"""What a model says about itself: the record of its training, and the digest of its files."""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from taggingbackends.backend.folder import BackendFolder
from taggingbackends.backend.optiontypes import Signature
from taggingbackends.backend.project import project_metadata, project_tables
from taggingbackends.errors import BackendError, shown
from taggingbackends.system.files import open_file, sha1, walk, write_file
from taggingbackends.system.version import __version__

__all__ = [
    "DIGESTS",
    "RECORD",
    "add_evaluation",
    "model_digest",
    "new_record",
    "read_record",
    "state_of",
    "write_record",
]

RECORD = "training.json"
"""Name of the file in a model that says how it was trained."""

DIGESTS: dict[str, str] = {}
"""State of a model's files, see `state_of` -> their digest."""

_KINDS = {dict: "an object", list: "a list", str: "a string"}
_ENTRIES = {"backend": dict, "date": str, "options": dict, "files": list, "model_digest": str}
_OTHERS = {"labels": dict, "windows": dict, "evaluation": dict}  # not in every record


# -- the digest


def model_digest(model: Path) -> str:
    """Return the digest of a model's files, except its training.json and hidden files.

    It is the SHA-1 of a text. For each file, sorted by path, the text has the SHA-1 of its content,
    two blanks, its path in the model with ``/`` between components, and a line feed. Links are
    followed; a broken link is no file.

    Parameters
    ----------
    model : Path
        The folder of the model.

    Raises
    ------
    OSError
        A file cannot be read.

    Notes
    -----
    A process reads the files once, unless their sizes or times of modification change.
    """
    state = state_of(model)
    if state not in DIGESTS:
        DIGESTS[state] = _sha1_of(f"{sha1(file)}  {x}\n" for x, file in _files(model).items())
    return DIGESTS[state]


def state_of(model: Path) -> str:
    """Return a text that changes when the files of a model change. No file is read."""
    found = ((name, file.stat()) for name, file in _files(model).items())
    sizes = (f"{name}\0{status.st_size}\0{status.st_mtime_ns}\0" for name, status in found)
    return _sha1_of([os.fspath(model), "\0", *sizes])


def _files(model: Path) -> dict[str, Path]:
    found = {file.relative_to(model).as_posix(): file for file in walk(model) if file.exists()}
    found.pop(RECORD, None)
    return {name: found[name] for name in sorted(found, key=os.fsencode)}


def _sha1_of(texts: Iterable[str]) -> str:
    import hashlib  # OpenSSL takes long to load

    digest = hashlib.sha1()
    for text in texts:
        digest.update(os.fsencode(text))
    return digest.hexdigest()


# -- the record


def new_record(
    backend: BackendFolder,
    step: str,
    options: Mapping[str, Any],
    signature: Signature | None,
    trained_on: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the record of a training that begins now.

    Parameters
    ----------
    backend : BackendFolder
        With the model instance.
    step : str
        The training script, train_model or finetune_model.
    options : mapping
        Keyword arguments of the scripts.
    signature : Signature, optional
        The options of the training script, with their defaults; None if they are unknown.
    trained_on : mapping
        Entries about the input; ``files`` is required.

    Returns
    -------
    dict
        As in docs/contract.md, section 2, without ``seconds`` and ``model_digest``.
    """
    from datetime import UTC, datetime

    known = {name: _plain(value) for name, value in options.items()}
    parameters = {} if signature is None else signature.parameters
    defaults = {name: one.default for name, one in parameters.items() if one.default}
    return {
        "backend": project_metadata(backend.project_dir),
        "model_instance": backend.required_instance("training"),
        "step": step,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "options": known,
        "seeds": {name: x for name, x in (defaults | known).items() if name.endswith("seed")},
        "packages": _packages(backend.project_dir),
        **trained_on,
    }


def write_record(model: Path, record: Mapping[str, Any]) -> None:
    """Write the record of a model whose other files are complete.

    Warns
    -----
    UserWarning
        A script wrote a file of this name. It is kept, and there is no record.
    """
    path = model / RECORD
    if os.path.lexists(path):  # a record is that of the model that was finetuned
        try:
            _read(path)
        except (BackendError, OSError):
            problem = f"{RECORD}: the name of the record of a training; the script's file is kept"
            warnings.warn(f"{problem}, so this model has no record", stacklevel=2)
            return
    _write(path, {**record, "model_digest": model_digest(model)})


def read_record(backend: BackendFolder, instance: str) -> dict[str, Any] | None:
    """Return the record of a model; None if it has none.

    Raises
    ------
    BackendError
        ``bad-record``: the file is not such a record.
    OSError
        The file cannot be read.
    """
    try:
        return _read(backend.model_dir(instance) / RECORD)
    except FileNotFoundError:
        return None


def add_evaluation(backend: BackendFolder, evaluation: Mapping[str, Any]) -> bool:
    """Add an evaluation to the record of a model, in place of an earlier one.

    Parameters
    ----------
    backend : BackendFolder
        With the model instance.
    evaluation : mapping
        What JSON can hold. ``accuracy``, from 0 to 1, is listed by ``models --long``.

    Returns
    -------
    bool
        False if the model has no record. Nothing is written then.

    Raises
    ------
    BackendError
        ``bad-record``: the file is not a record.
    OSError
        The file cannot be read or written.
    """
    instance = backend.required_instance("evaluation")
    record = read_record(backend, instance)
    if record is None:
        return False
    _write(backend.model_dir(instance) / RECORD, record | {"evaluation": dict(evaluation)})
    return True


def _read(path: Path) -> dict[str, Any]:
    try:
        with open_file(path) as file:
            record = json.load(file)
    except (ValueError, RecursionError) as error:
        raise _bad_record(path, f"expected JSON, found: {error}") from None
    if not isinstance(record, dict):
        raise _bad_record(path, f"expected an object, found {shown(record)}")
    for key, kind in (_ENTRIES | _OTHERS).items():
        value = record.get(key)
        if not isinstance(value, kind) and (key in record or key in _ENTRIES):
            found = shown(value) if key in record else "none"
            raise _bad_record(path, f"expected {_KINDS[kind]} as {key}, found {found}")
    for entry in record["files"]:
        if not isinstance(entry, dict) or not isinstance(entry.get("sha1"), str):
            raise _bad_record(path, f"expected a sha1 of each file, found {shown(entry)}")
    return record


def _bad_record(path: Path, problem: str) -> BackendError:
    fix = "remove it, or if the backend's scripts write it, give it another name there"
    return BackendError("bad-record", f"{path}: {problem}", fix)


def _write(path: Path, record: Mapping[str, Any]) -> None:
    ordered = {key: value for key, value in record.items() if key != "files"}
    ordered["files"] = record["files"]  # the longest part
    text = json.dumps(ordered, indent=2, ensure_ascii=False) + "\n"
    # in a string of JSON, the escape of a lone surrogate stands for it
    write_file(path, [text.encode("utf-8", "backslashreplace")])


def _plain(value: Any) -> Any:
    """Return the value of an option as JSON can hold it."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, (str, bool, int, float)) else str(value)


def _packages(project_dir: Path) -> dict[str, str]:
    """Return the versions of Python, of this package, and of what the project depends on."""
    import platform
    from importlib.metadata import PackageNotFoundError, version  # slow to import

    project, poetry = project_tables(project_dir)
    found = {"python": platform.python_version(), "taggingbackends": __version__}
    for text in (*project.get("dependencies", ()), *poetry.get("dependencies", ())):
        name = re.split(r"[^A-Za-z0-9_.-]", str(text).strip(), maxsplit=1)[0]
        if name and name not in found:
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                continue
    return found
