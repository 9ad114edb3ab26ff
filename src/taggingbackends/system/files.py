"""Write, copy, link and list files. Writing is atomic."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

__all__ = [
    "copy_file",
    "copy_files",
    "link_file",
    "open_file",
    "remove_folder",
    "sha1",
    "walk",
    "write_file",
]

_FICLONE = 0x40049409  # linux/fs.h: share blocks with another file (btrfs, XFS, bcachefs)


def open_file(path: Path) -> BufferedReader:
    """Open a regular file, or a link to one, for reading.

    Raises
    ------
    OSError
        The file cannot be opened, or it is a pipe, a socket or a device. Opening such a file
        could block, and reading it could have no end.
    """
    # without O_NONBLOCK, opening a pipe waits for a writer
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "expected a file, found a pipe or a device", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def write_file(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file atomically.

    Parameters
    ----------
    path : Path
        The file. Its folder must exist. Links are followed. An existing file keeps its mode.
    chunks : iterable of bytes
        The content.

    Raises
    ------
    OSError
        Writing failed. An existing file is unchanged, and no temporary file remains.
    """

    def fill(temporary: Path) -> None:
        with temporary.open("xb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, temporary)

    path = Path(os.path.realpath(path))
    _put(path, fill)


def copy_file(source: Path, path: Path) -> None:
    """Copy a file atomically. Share its blocks if the file system supports it (reflink)."""
    _put(path, lambda temporary: _copy(source, temporary))


def copy_files(pairs: Iterable[tuple[Path, Path]]) -> None:
    """Copy all of the files or none. Existing files are replaced.

    Copies are written under temporary names beside their destinations and then renamed. If an
    error or an interrupt occurs, the destinations are restored.

    Parameters
    ----------
    pairs : iterable of (Path, Path)
        Source and destination of each file.
    """
    copies: list[tuple[Path, Path]] = []  # temporary name, destination
    old: list[tuple[Path, Path | None]] = []  # destination, temporary name of the old file
    try:
        for source, path in pairs:
            copies.append((_hidden_beside(path), path))
            with _named(path, copies[-1][0]):
                _copy(source, copies[-1][0])
        for copy, path in copies:
            old.append((path, _set_aside(path)))
            with _named(path, copy):
                copy.replace(path)
    except BaseException:
        for path, aside in reversed(old):
            if aside is not None:
                aside.replace(path)
            elif not path.is_dir():
                path.unlink(missing_ok=True)
        for copy, _ in copies:
            copy.unlink(missing_ok=True)
        raise
    for _, aside in old:
        if aside is not None:
            aside.unlink()
    for folder in {path.parent for _, path in copies}:
        _sync_folder(folder)


def _set_aside(path: Path) -> Path | None:
    """Give a file a second, hidden name. Return it, or None if there is no file."""
    if not (path.is_symlink() or path.is_file()):
        return None
    aside = _hidden_beside(path)
    try:
        os.link(path, aside, follow_symlinks=False)
    except (OSError, NotImplementedError):  # no hard links: the file is briefly missing
        path.rename(aside)
    return aside


def _copy(source: Path, path: Path) -> None:
    with open_file(source) as src, path.open("xb") as dst:
        if not _reflink(src.fileno(), dst.fileno()):
            shutil.copyfileobj(src, dst, 1 << 20)
        dst.flush()
        os.fsync(dst.fileno())
    shutil.copystat(source, path)


def link_file(source: Path, path: Path) -> None:
    """Create a symbolic link to a file atomically."""
    _put(path, lambda temporary: temporary.symlink_to(source))


def sha1(path: Path) -> str:
    """Return the SHA-1 of a file's content as 40 lower-case hexadecimal digits."""
    import hashlib  # OpenSSL takes long to load

    with open_file(path) as file:
        return hashlib.file_digest(file, "sha1").hexdigest()


def _put(path: Path, fill: Callable[[Path], None]) -> None:
    temporary = _hidden_beside(path)
    try:
        with _named(path, temporary):
            fill(temporary)
            temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _hidden_beside(path: Path) -> Path:
    # In the same folder, since a rename is atomic only within a file system. Hidden, so leftovers
    # of a killed process are not mistaken for input or output.
    return path.with_name(f".{os.urandom(8).hex()}.tmp")


@contextmanager
def _named(path: Path, temporary: Path) -> Iterator[None]:
    """Replace the name of a temporary file in errors by the name of the final file."""
    try:
        yield
    except OSError as error:
        if error.filename not in (None, str(temporary)):
            raise  # about another file
        raise OSError(error.errno, error.strerror, str(path)) from error


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power failure, on systems where folders can be opened."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # not supported by some network file systems
    finally:
        os.close(descriptor)


def _reflink(source: int, destination: int) -> bool:
    try:
        import fcntl

        fcntl.ioctl(destination, _FICLONE, source)
    except (ImportError, OSError):
        return False
    return True


def walk(
    top: Path,
    enter: Callable[[Path], bool] = lambda folder: True,
) -> Iterator[Path]:
    """Yield the files below a folder, sorted by path components. Hidden files are skipped.

    Parameters
    ----------
    top : Path
        The folder. If it does not exist, nothing is yielded.
    enter : callable
        Called with each subfolder. It returns whether to enter the folder.

    Raises
    ------
    OSError
        A folder cannot be read.

    Notes
    -----
    A link to a folder is followed unless it leads to a folder that contains the link.
    """
    if top.is_dir():
        yield from _walk(top, enter, [])


def _walk(
    folder: Path,
    enter: Callable[[Path], bool],
    above: list[Path],
) -> Iterator[Path]:
    above = [*above, folder.resolve()]
    with os.scandir(folder) as entries:  # most entries have a type without another system call
        visible = [entry for entry in entries if not entry.name.startswith(".")]
    for entry in sorted(visible, key=lambda entry: entry.name):
        path = folder / entry.name
        is_link = entry.is_symlink()
        # broken and circular links are yielded; opening them raises the error
        if not (path.is_dir() if is_link else entry.is_dir()):
            yield path
        elif enter(path) and not (is_link and path.resolve() in above):
            yield from _walk(path, enter, above)


def remove_folder(folder: Path) -> bool:
    """Remove a folder and return whether it existed. If it is a link, remove only the link."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)
    else:
        return False
    return True
