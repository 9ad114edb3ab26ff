"""Write, copy, link and list files. Writing is atomic."""

from __future__ import annotations

import errno
import filecmp
import json
import os
import shutil
import stat
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import lru_cache
from io import BufferedReader, BufferedWriter
from pathlib import Path
from typing import Literal, NamedTuple

from taggingbackends.errors import BackendError
from taggingbackends.system.renames import exchange, rename_new
from taggingbackends.system.temporaries import temporary_beside
from taggingbackends.system.words import counted, listed

__all__ = [
    "Destination",
    "Expected",
    "Stamp",
    "check_replaceable",
    "copy_content",
    "copy_file",
    "copy_files",
    "is_stream",
    "link_file",
    "new_version",
    "open_file",
    "remove_file",
    "remove_folder",
    "same_content",
    "scratch",
    "sha1",
    "stamp",
    "sync_file",
    "sync_folder",
    "sync_tree",
    "walk",
    "write_file",
]

SCRATCH = "TAGGINGBACKENDS_SCRATCH"
"""Environment variable: a JSON list of folders whose files need not survive a power failure."""

_DIGESTS: dict[str, tuple[tuple[int, ...], str]] = {}  # see `sha1`
_SETTLED = 2_000_000_000  # ns; times of files on FAT are multiples of 2 s
_FICLONE = 0x40049409  # linux/fs.h: share blocks with another file (btrfs, XFS, bcachefs)


def open_file(path: Path) -> BufferedReader:
    """Open a regular file, or a link to one, for reading.

    Raises
    ------
    OSError
        The file cannot be opened, or it is a pipe, a socket or a device. Opening such a file
        could block, and reading it could have no end.
    """
    return open(path, "rb", opener=_open_regular)


def _open_regular(path: str, flags: int) -> int:
    # without O_NONBLOCK, opening a pipe waits for a writer
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    try:
        _check_regular(Path(path), os.fstat(descriptor).st_mode)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_regular(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "expected a file, found a pipe or a device", str(path))


class Stamp(NamedTuple):
    """What a file was at some moment. A change of its content changes the stamp."""

    device: int
    inode: int
    size: int
    mtime_ns: int


Expected = Stamp | Literal["anything"] | None
"""What a writer may replace: a file with this stamp, any file, or nothing."""


class Destination(NamedTuple):
    """The path of a file to write, and the stamp of the file to replace there; None if none."""

    path: Path
    expected: Stamp | None = None


def stamp(path: Path) -> Stamp | None:
    """Return the stamp of a file, or None if it does not exist. Links are followed."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return _stamp_of(status)


def _stamp_of(status: os.stat_result) -> Stamp:
    return Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def check_replaceable(path: Path) -> None:
    """Raise an error if there is something that must not be replaced by a new file.

    Raises
    ------
    IsADirectoryError
        There is a folder.
    PermissionError
        There is a read-only file. For the administrator, too, its mode decides.
    OSError
        There is a pipe, a socket or a device.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    _check_regular(path, mode)
    if not mode & 0o222 or not os.access(path, os.W_OK):
        problem = "this file is read-only; make it writable first, or write to another file"
        raise PermissionError(errno.EACCES, problem, str(path))


def write_file(path: Path, chunks: Iterable[bytes], expected: Expected = "anything") -> None:
    """Write a file atomically.

    Links are followed. The new file has the mode, the owner and the extended attributes of the
    old one, as far as the system allows it. A pipe or a character device is written into.

    Parameters
    ----------
    path : Path
        The file. Its folder must exist.
    chunks : iterable of bytes
        The content.
    expected : Stamp, None or "anything"
        What the file was when it was read; None if it must not exist. By default, any file is
        replaced.

    Raises
    ------
    BackendError
        ``existing-file``: the file exists, but None is expected. ``changed-file``: its stamp is
        not the expected one. A file with the same content causes no error.
    OSError
        Writing failed, or there is something that `check_replaceable` refuses.

    In each case, an existing file is unchanged, and no temporary file remains.
    """
    if is_stream(path):
        with _named(path), _open_stream(path) as stream:
            stream.writelines(chunks)
        return

    with new_version(path, expected) as temporary:
        with temporary.open("xb") as file:
            file.writelines(chunks)
        sync_file(temporary)


def is_stream(path: Path) -> bool:
    """Return whether a path is a pipe or a character device, such as /dev/null."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def _open_stream(path: Path) -> BufferedWriter:
    # without O_NONBLOCK, opening a pipe waits for a reader
    try:
        descriptor = os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        if error.errno == errno.ENXIO:
            problem = "expected a pipe that a program reads, found no reader"
            raise OSError(errno.ENXIO, problem, str(path)) from None
        raise
    if os.name == "posix":
        os.set_blocking(descriptor, True)
    return os.fdopen(descriptor, "wb")


@contextmanager
def new_version(path: Path, expected: Expected = "anything") -> Iterator[Path]:
    """Yield the name of a temporary file to create. It then becomes the file.

    The parameters and the errors are those of `write_file`, but pipes and devices are refused.
    """
    version = _Version(path, expected)
    try:
        with version.named():
            yield version.temporary
            version.publish()
    except BaseException:
        version.withdraw()
        raise
    version.finish()
    sync_folder(version.path.parent)


def copy_file(source: Path, path: Path) -> None:
    """Copy a file to a new path atomically. Share its blocks if possible (reflink).

    A broken link at the path is replaced.

    Raises
    ------
    BackendError
        ``existing-file``: another file exists.
    """
    _remove_broken_link(path)
    with new_version(path, None) as temporary:
        _copy(source, temporary)


def copy_files(copies: Iterable[tuple[Path, Path, Stamp | None]]) -> None:
    """Copy all of the files or none.

    Copies are written under temporary names beside their destinations and then renamed. If an
    error or an interrupt occurs, the destinations are restored, except those that another program
    has changed since then. Links are followed. A replaced file keeps its mode, owner and extended
    attributes.

    Parameters
    ----------
    copies : iterable of (Path, Path, Stamp or None)
        Source and destination of each file, and what is expected at the destination; see
        `write_file`.

    Raises
    ------
    BackendError, OSError
        As for `write_file`.
    """
    versions: list[_Version] = []
    with ExitStack() as failed:
        for source, path, expected in copies:
            version = _Version(path, expected)
            versions.append(version)
            failed.callback(version.withdraw)
            with version.named():
                _copy(source, version.temporary)
        for version in versions:
            with version.named():
                version.publish()
        failed.pop_all()
    for version in versions:
        version.finish()
    for folder in {version.path.parent for version in versions}:
        sync_folder(folder)


def remove_file(path: Path, expected: Stamp) -> bool:
    """Remove a file unless it has changed. Return whether it was removed."""
    if stamp(path) != expected:
        return False
    aside = temporary_beside(path)
    try:
        path.rename(aside)
        if stamp(aside) == expected:
            aside.unlink()
            return True
    finally:
        if os.path.lexists(aside):
            with suppress(FileExistsError):  # saved again in between: this is the newer file
                rename_new(aside, path)
            aside.unlink(missing_ok=True)
    return False


class _Version:
    """A new version of a file: under a temporary name, then under the name of the file."""

    def __init__(self, path: Path, expected: Expected) -> None:
        check_replaceable(path)
        self._asked, self._expected = path, expected
        self.path = Path(os.path.realpath(path))
        self.temporary = temporary_beside(self.path)
        self._new: Stamp | None = None  # known when publishing begins

    def named(self) -> AbstractContextManager[None]:
        """Name the file instead of the temporary one in errors."""
        return _named(self._asked, self.temporary)

    def publish(self) -> None:
        """Rename the new version, unless something else than expected is there.

        After a replacement, the temporary name has the old version.
        """
        _keep_metadata(self.path, self.temporary)
        self._new = stamp(self.temporary)
        if self._expected == "anything":
            self.temporary.replace(self.path)
        elif self._expected is None:
            try:
                rename_new(self.temporary, self.path)
            except FileExistsError:
                self._accept_same_content("existing-file")
        elif stamp(self.path) != self._expected:
            self._accept_same_content("changed-file")
        else:
            _swap(self.temporary, self.path)
            if stamp(self.temporary) != self._expected:  # saved at the last moment
                raise self._error("changed-file")

    def _accept_same_content(self, kind: str) -> None:
        if not (self.path.is_file() and same_content(self.temporary, self.path)):
            raise self._error(kind)

    def _error(self, kind: str) -> BackendError:
        if kind == "existing-file":
            fix = "replace with force=True, or name another file"
            return BackendError(kind, f"{self._asked}: exists already", fix)
        problem = f"{self._asked}: another program has changed this file meanwhile; not replaced"
        return BackendError(kind, problem, "look at it, then try again")

    def withdraw(self) -> None:
        """Restore the old version, unless another program has changed the new one."""
        if self._new is not None and self._expected != "anything":
            if self._expected is None:
                if stamp(self.path) == self._new:
                    remove_file(self.path, self._new)
            elif stamp(self.temporary) != self._new:
                self._swap_back()
        self.finish()

    def _swap_back(self) -> None:
        try:
            _swap(self.temporary, self.path)
            if stamp(self.temporary) != self._new:
                _swap(self.temporary, self.path)  # saved by another program: the newest file stays
        except FileNotFoundError:  # removed by another program
            rename_new(self.temporary, self.path)

    def finish(self) -> None:
        """Remove what has the temporary name."""
        self.temporary.unlink(missing_ok=True)


def _swap(one: Path, other: Path) -> None:
    """Exchange two files. Without hard links and exchanges, the other is briefly missing."""
    if exchange(one, other):
        return
    aside = temporary_beside(other)
    try:
        os.link(other, aside, follow_symlinks=False)
    except (OSError, NotImplementedError):
        aside = aside.with_suffix(".old")  # no leftover: for a moment, it is the only copy
        other.rename(aside)
    try:
        one.replace(other)
    except BaseException:
        aside.replace(other)
        aside.unlink(missing_ok=True)  # a rename onto a hard link does nothing
        raise
    aside.replace(one)


def _keep_metadata(old: Path, new: Path) -> None:
    """Give a new file the owner, the mode and the extended attributes of an old one."""
    try:
        status = old.stat()
    except FileNotFoundError:
        return
    created = new.stat()
    if os.name == "posix" and (status.st_uid, status.st_gid) != (created.st_uid, created.st_gid):
        for owner in (status.st_uid, -1):
            with suppress(OSError):  # only the administrator may give files away
                os.chown(new, owner, status.st_gid)
                break
    new.chmod(stat.S_IMODE(status.st_mode))
    if sys.platform == "linux":
        with suppress(OSError):  # not supported by the file system
            for name in os.listxattr(old):
                with suppress(OSError):  # some need rights
                    os.setxattr(new, name, os.getxattr(old, name))


def _copy(source: Path, path: Path) -> None:
    copy_content(source, path)
    sync_file(path)
    shutil.copystat(source, path)


def copy_content(source: Path, path: Path) -> None:
    """Copy the content of a file into a new file. Share its blocks if possible (reflink)."""
    with open_file(source) as src, path.open("xb") as dst:
        if not (_reflink(src.fileno(), dst.fileno()) or _copied_inside(src.fileno(), dst.fileno())):
            shutil.copyfileobj(src, dst, 1 << 20)


@contextmanager
def scratch(folders: Iterable[Path]) -> Iterator[None]:
    """Do not wait for the disk when files in some folders are written, which nobody keeps.

    This holds within the block, also for processes that are run in it.
    """
    before = os.environ.get(SCRATCH)
    os.environ[SCRATCH] = json.dumps([os.path.realpath(folder) for folder in folders])
    try:
        yield
    finally:
        os.environ.pop(SCRATCH, None)  # another thread may have removed it
        if before is not None:
            os.environ[SCRATCH] = before


def _is_scratch(path: Path) -> bool:
    folders = os.environ.get(SCRATCH)
    if not folders:
        return False
    return os.path.join(os.path.realpath(path), "").startswith(_beginnings(folders))  # noqa: PTH118


@lru_cache(1)
def _beginnings(folders: str) -> tuple[str, ...]:
    return tuple(os.path.join(folder, "") for folder in json.loads(folders))  # noqa: PTH118


def sync_file(path: Path) -> None:
    """Make the content of a file survive a power failure, unless it is in a `scratch` folder."""
    if _is_scratch(path):
        return
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _remove_broken_link(path: Path) -> None:
    if path.is_symlink() and not path.exists():
        path.unlink()


def link_file(source: Path, path: Path) -> None:
    """Create a symbolic link to a file. A broken link at the path is replaced."""
    _remove_broken_link(path)
    path.symlink_to(source)
    sync_folder(path.parent)


def same_content(one: Path, other: Path) -> bool:
    """Return whether two paths are files with the same content."""
    try:
        return filecmp.cmp(one, other, shallow=False)
    except FileNotFoundError:
        return False


def sha1(path: Path) -> str:
    """Return the SHA-1 of a file's content as 40 lower-case hexadecimal digits.

    A process reads a file once, unless it changes.
    """
    with open_file(path) as file:
        status = os.fstat(file.fileno())
        # unlike a stamp, with the time of a change that nobody can set
        found = (*_stamp_of(status), status.st_ctime_ns)
        known, digest = _DIGESTS.get(os.fspath(path), (None, ""))
        if found == known:
            return digest
        import hashlib  # OpenSSL takes long to load

        digest = hashlib.file_digest(file, "sha1").hexdigest()
    # as in git: a change soon after another may leave the same time
    if time.time_ns() - status.st_mtime_ns > _SETTLED:
        _DIGESTS[os.fspath(path)] = found, digest
    return digest


@contextmanager
def _named(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Name a file in errors that name its temporary file, or none."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename not in (None, str(temporary)):
            raise  # about another file
        raise OSError(error.errno, error.strerror, str(path)) from error


def sync_folder(folder: Path) -> None:
    """Make a rename survive a power failure, on systems where folders can be opened.

    Nothing is done for a `scratch` folder.
    """
    if os.name != "posix" or _is_scratch(folder):
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # files can be written there, but not listed
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # not supported by some network file systems
    finally:
        os.close(descriptor)


def sync_tree(top: Path) -> None:
    """Make the files and folders in a folder survive a power failure. Links are not followed.

    Raises
    ------
    OSError
        A file cannot be written to the disk.
    """
    # fsync needs a file that is open for writing on Windows, and only there
    flags = os.O_RDWR if sys.platform == "win32" else os.O_RDONLY
    for folder, _, names in os.walk(top, topdown=False, onerror=_raise):
        for path in (Path(folder, name) for name in names):
            mode = path.lstat().st_mode
            if not stat.S_ISREG(mode) or (flags == os.O_RDWR and not mode & stat.S_IWUSR):
                continue
            descriptor = os.open(path, flags)
            try:
                os.fsync(descriptor)
            except OSError as error:
                raise type(error)(error.errno, error.strerror, str(path)) from None
            finally:
                os.close(descriptor)
        sync_folder(Path(folder))


def _raise(error: OSError) -> None:
    raise error


def _reflink(source: int, destination: int) -> bool:
    try:
        import fcntl

        fcntl.ioctl(destination, _FICLONE, source)
    except (ImportError, OSError):
        return False
    return True


def _copied_inside(source: int, destination: int) -> bool:
    """Copy a file inside the kernel, or on the server of a network file system, if possible."""
    if sys.platform != "linux":
        return False
    copied = 0
    try:
        while count := os.copy_file_range(source, destination, 1 << 30):
            copied += count
    except OSError:
        if copied:
            raise
    return copied > 0  # none are copied of an empty file, and of some in /proc


def walk(
    top: Path,
    enter: Callable[[Path], bool] = lambda folder: True,
    unreadable: dict[Path, OSError] | None = None,
) -> Iterator[Path]:
    """Yield the files below a folder, sorted by path components. Hidden files are skipped.

    Parameters
    ----------
    top : Path
        The folder. If it does not exist, nothing is yielded.
    enter : callable
        Called with each subfolder. It returns whether to enter the folder.
    unreadable : dict, optional
        Collects the folders that cannot be read, each with its error. By default, the error is
        raised.

    Raises
    ------
    OSError
        A folder cannot be read.

    Warns
    -----
    UserWarning
        Pipes, sockets or devices, or links to these, are skipped.

    Notes
    -----
    A link to a folder is followed unless it leads to a folder that contains the link. Folders of
    the file system or the server, such as lost+found and recycle bins, are skipped.
    """

    def open_folder(folder: Path, real: str) -> None:
        try:
            open_folders.append((_visible(folder), real))
        except OSError as error:
            if unreadable is None:
                raise
            unreadable[folder] = error

    if not os.path.isdir(top):  # noqa: PTH112 - Path.is_dir raises an error in Python < 3.14
        return
    special: list[Path] = []
    # a stack and no recursion, which Python limits: the entries and the real path of each folder
    open_folders: list[tuple[Iterator[os.DirEntry[str]], str]] = []
    open_folder(top, os.path.realpath(top))
    while open_folders:
        entries, real = open_folders[-1]
        entry = next(entries, None)
        if entry is None:
            open_folders.pop()
            continue
        path = Path(entry.path)
        is_link = entry.is_symlink()
        try:
            mode = _mode(entry)
        except OSError as error:
            if unreadable is None:
                raise
            unreadable[path] = error
            continue
        if stat.S_ISREG(mode):
            yield path
        elif not stat.S_ISDIR(mode):
            special.append(path)
        elif entry.name.lower() not in _OF_FILE_SYSTEMS and enter(path):
            target = os.path.realpath(path) if is_link else os.path.join(real, entry.name)  # noqa: PTH118
            above = [Path(folder) for _, folder in open_folders] if is_link else []
            if not any(folder.is_relative_to(target) for folder in above):
                open_folder(path, target)
    if special:
        what = counted(len(special), "pipe, socket or device", "pipes, sockets or devices")
        warnings.warn(f"skipped {what} in {top}: {listed(special, 1)}", stacklevel=2)


# in lower case: of ext4, of NTFS, of NetApp, of Synology
_OF_FILE_SYSTEMS = {"lost+found", "system volume information", "$recycle.bin", "~snapshot"}
_OF_FILE_SYSTEMS |= {"#snapshot", "#recycle", "@eadir"}

_BROKEN = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


def _visible(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Return the entries of a folder that are not hidden, sorted by name."""
    try:
        with os.scandir(folder) as entries:
            visible = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:  # the error of a failed read lacks the folder's name
        raise OSError(error.errno, error.strerror, str(folder)) from None
    return iter(sorted(visible, key=lambda entry: entry.name))


def _mode(entry: os.DirEntry[str]) -> int:
    """Return the mode of an entry or of the file that it links to."""
    if entry.is_file(follow_symlinks=False):  # mostly known without another system call
        return stat.S_IFREG
    try:
        return entry.stat().st_mode
    except OSError as error:
        if error.errno in _BROKEN:
            return stat.S_IFREG  # broken and circular links: opening them raises the error
        raise


def remove_folder(folder: Path) -> bool:
    """Remove a folder and return whether it existed. If it is a link, remove only the link."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        try:
            shutil.rmtree(folder)
        except OSError as error:  # which may name a file without its folder
            raise OSError(error.errno, error.strerror, str(folder)) from None
    else:
        return False
    return True
