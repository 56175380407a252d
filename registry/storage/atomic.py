"""The only writer: every change of the storage folder goes through a function of this file.

What is promised, to threads and processes alike and through power cuts: a name in its final place
is complete, and when a function whose docstring says "durable" has returned, its change survives.
A failed fsync is never retried, because the kernel marks the pages clean; the file is given up.
Errors come out by cause: a full disk or quota as `StorageFull`, any other failure of the disk as
`StorageFailed`. ``FileNotFoundError`` and ``FileExistsError`` are answers, and pass through.

Sources: fsync(2), link(2), rename(2); Rebello et al., "Can Applications Recover from fsync
Failures?", ATC 2020.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import logging
import os
import secrets
from collections.abc import Callable, Iterator

from registry.model.errors import StorageFailed, StorageFull
from registry.storage.layout import TEMPORARY_PREFIX

logger = logging.getLogger(__name__)

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

_sync_file_range = getattr(ctypes.CDLL(None), "sync_file_range", None)
if _sync_file_range is not None:
    _sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)

_FOLDER_MODE = 0o750
CONTENT_MODE = 0o444
SECRET_MODE = 0o600
DOCUMENT_MODE = 0o640


class LinksExhausted(Exception):
    """The file has as many names as the filesystem allows (65,000 on ext4)."""


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn errors of the disk into the storage's own; absent and existing names pass through."""
    try:
        yield
    except (FileNotFoundError, FileExistsError):
        raise
    except OSError as error:
        if error.errno == errno.EMLINK:
            raise LinksExhausted from error
        if error.errno in _FULL:
            raise StorageFull("the storage is full; free space or raise the quota") from error
        logger.error("storage failed: %s", error)
        raise StorageFailed("the storage folder cannot be read or written") from error


def temporary_name(folder: str) -> str:
    """Return a fresh name in ``folder`` for half-done work."""
    return f"{folder}/{TEMPORARY_PREFIX}{secrets.token_hex(8)}"


def sync_folder(path: str) -> None:
    """Make the entries of a folder durable."""
    with translated():
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def make_folder(path: str) -> None:
    """Make ``path`` and its missing parents; the entries of new folders are durable.

    Costs one system call where the folder exists.
    """
    with translated():
        if os.path.isdir(path):
            return
        parent = os.path.dirname(path)
        try:
            os.mkdir(path, _FOLDER_MODE)
        except FileNotFoundError:
            make_folder(parent)
            with contextlib.suppress(FileExistsError):
                os.mkdir(path, _FOLDER_MODE)
        except FileExistsError:
            return
    sync_folder(parent)


def _in_folder(path: str, action: Callable[[], None]) -> None:
    """Do ``action`` on ``path``; where its folder is missing, make it and try again.

    Empty folders are removed at any time by whoever finds them empty, so a parent may vanish
    between its making and its use.
    """
    for _ in range(3):
        try:
            return action()
        except FileNotFoundError:
            make_folder(os.path.dirname(path))
    return action()


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of ``data``; a short write goes on where it ended."""
    with translated():
        written = os.write(descriptor, data)
        while written < len(data):
            written += os.write(descriptor, memoryview(data)[written:])


def sync_file(descriptor: int) -> None:
    """Make the bytes of an open file durable."""
    with translated():
        os.fsync(descriptor)


def create_file(path: str, mode: int = SECRET_MODE) -> int:
    """Open the new file ``path`` for reading and writing; the parent folder is made if needed.

    Raises:
        FileExistsError: the name is taken; a planted symbolic link is not followed either.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    opened: list[int] = []

    with translated():
        _in_folder(path, lambda: opened.append(os.open(path, flags, mode)))
    return opened[0]


def write_temporary(folder: str, data: bytes, mode: int = CONTENT_MODE) -> str:
    """Write ``data`` durably to a fresh name in ``folder`` and return that name.

    On any failure nothing is left behind.
    """
    path = temporary_name(folder)
    descriptor = create_file(path, mode)
    try:
        with translated():
            write_all(descriptor, data)
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
    except BaseException:
        remove(path)
        raise
    finally:
        os.close(descriptor)
    return path


def link(source: str, target: str) -> bool:
    """Give the file ``source`` the further name ``target``; return whether it is new.

    Raises:
        FileNotFoundError: there is no ``source``.
        LinksExhausted: ``source`` cannot have one more name.
    """
    with translated():
        try:
            os.link(source, target)
        except FileExistsError:
            return False
        except FileNotFoundError:
            if not os.path.lexists(source):
                raise
            try:
                _in_folder(target, lambda: os.link(source, target))
            except FileExistsError:
                return False
    return True


def rename(source: str, target: str) -> None:
    """Put ``source`` in the place of ``target`` in one step.

    rename(2) does nothing where both are links to one inode; then the old name is removed, so
    that ``source`` is gone in every case.
    """
    with translated():
        os.rename(source, target)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(source)


def rename_over_link(source: str, target: str) -> None:
    """Give the file ``source`` the name ``target`` instead; for a moment it has both."""
    remove(target)
    link(source, target)
    remove(source)


def replace_document(path: str, data: bytes, mode: int = DOCUMENT_MODE) -> None:
    """Put ``data`` under ``path`` durably; readers see the old bytes or the new ones."""
    folder = os.path.dirname(path)
    temporary = write_temporary(folder, data, mode)
    rename(temporary, path)
    sync_folder(folder)


def create_document(path: str, data: bytes, mode: int = DOCUMENT_MODE) -> None:
    """Put ``data`` under the new name ``path`` durably.

    Raises:
        FileExistsError: the name is taken.
    """
    folder = os.path.dirname(path)
    temporary = write_temporary(folder, data, mode)
    try:
        if not link(temporary, path):
            raise FileExistsError(path)
    finally:
        remove(temporary)
    sync_folder(folder)


def remove(path: str) -> bool:
    """Remove the name ``path``; return whether it was there."""
    with translated():
        try:
            os.unlink(path)
        except FileNotFoundError:
            return False
        return True


def remove_folder(path: str) -> bool:
    """Remove the folder ``path`` if it is empty; return whether it is gone."""
    with translated():
        try:
            os.rmdir(path)
        except FileNotFoundError:
            return True
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                return False
            raise
        return True


def remove_empty_folders(path: str, stop: str) -> None:
    """Remove ``path`` and its parents below ``stop`` as far as they are empty."""
    while path.startswith(stop + "/") and remove_folder(path):
        path = os.path.dirname(path)


def append_line(descriptor: int, line: bytes) -> None:
    """Append a whole line to a file opened with O_APPEND; lines of several writers do not mix."""
    write_all(descriptor, line)


def open_append(path: str, *, create: bool = True) -> int:
    """Open ``path`` for appending; with ``create`` it is made if it is missing.

    Raises:
        FileNotFoundError: it is missing, and ``create`` is false.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    if not create:
        with translated():
            return os.open(path, flags)
    opened: list[int] = []
    with translated():
        _in_folder(path, lambda: opened.append(os.open(path, flags | os.O_CREAT, DOCUMENT_MODE)))
    return opened[0]


def truncate(descriptor: int, size: int) -> None:
    """Cut an open file to ``size`` bytes."""
    with translated():
        os.ftruncate(descriptor, size)


def set_mode(descriptor: int, mode: int) -> None:
    """Set the permissions of an open file."""
    with translated():
        os.fchmod(descriptor, mode)


def touch(path: str) -> bool:
    """Set the modification time to now; return whether the file is there."""
    with translated():
        try:
            os.utime(path)
        except FileNotFoundError:
            return False
        return True


def copy_range(source: int, target: int, size: int) -> None:
    """Copy the first ``size`` bytes of an open file, in the kernel."""
    with translated():
        copied = 0
        while copied < size:
            part = os.copy_file_range(source, target, size - copied, copied, copied)
            if part == 0:
                raise OSError(errno.EIO, "the source ended early")
            copied += part


def start_writeback(descriptor: int, offset: int, size: int) -> None:
    """Let the kernel begin to write a range, so that the later fsync finds little to do.

    sync_file_range(2) with SYNC_FILE_RANGE_WRITE: an accelerator, it makes nothing durable.
    """
    if _sync_file_range is not None:
        _sync_file_range(descriptor, offset, size, 2)


def lock_file(path: str) -> int:
    """Open the lock file ``path``, made if it is missing."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    opened: list[int] = []
    with translated():
        _in_folder(path, lambda: opened.append(os.open(path, flags, SECRET_MODE)))
    return opened[0]


def try_lock(descriptor: int) -> bool:
    """Take the exclusive lock of an open file without waiting; return whether it was free."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
