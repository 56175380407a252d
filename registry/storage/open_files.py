"""Changing open files: bytes, permissions, locks; and what an error of the disk means.

The other half of `registry.storage.atomic`, which changes names. Errors come out by cause: a full
disk or quota as `StorageFull`, a read-only one as `StorageReadOnly`, any other failure of the disk
as `StorageFailed`; ``FileNotFoundError`` and ``FileExistsError`` are answers, and pass through.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import logging
import os
from collections.abc import Iterator

from registry.model.errors import StorageFailed, StorageFull, StorageReadOnly

logger = logging.getLogger(__name__)

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
READ_ONLY = "the storage is read-only for now: what is there can be pulled, nothing can be changed"
NO_ROOM = "the storage is full; free space or raise the quota"

_library = ctypes.CDLL(None, use_errno=True)
_syncfs = getattr(_library, "syncfs", None)
_sync_file_range = getattr(_library, "sync_file_range", None)
if _sync_file_range is not None:
    _sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)


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
        if error.errno in FULL:
            raise StorageFull(NO_ROOM) from error
        logger.error("storage failed: %s", error)
        if error.errno == errno.EROFS:
            raise StorageReadOnly(READ_ONLY) from error
        raise StorageFailed("the storage folder cannot be read or written") from error


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


def sync_filesystem(path: str) -> None:
    """Make everything on the filesystem of ``path`` durable: syncfs(2), for bulk work.

    It reports errors of writing back since Linux 5.8.
    """
    if _syncfs is None:
        os.sync()
        return
    with translated():
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if _syncfs(descriptor) != 0:
                code = ctypes.get_errno()
                raise OSError(code, os.strerror(code), path)
        finally:
            os.close(descriptor)


def truncate(descriptor: int, size: int) -> None:
    """Cut an open file to ``size`` bytes."""
    with translated():
        os.ftruncate(descriptor, size)


def set_mode(descriptor: int, mode: int) -> None:
    """Set the permissions of an open file."""
    with translated():
        os.fchmod(descriptor, mode)


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


def is_at(descriptor: int, path: str) -> bool:
    """Return whether an open file is what a name stands for now.

    It is not once it has been removed or moved away, or its filesystem has been mounted anew.
    """
    try:
        named, opened = os.lstat(path), os.fstat(descriptor)
    except OSError:
        return False
    return (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)


def open_to_lock(path: str) -> int:
    """Open a file only to take its lock. Raises FileNotFoundError."""
    with translated():
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)


def try_lock(descriptor: int) -> bool:
    """Take the exclusive lock of an open file without waiting; return whether it was free."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(descriptor: int) -> None:
    """Give back the lock of an open file."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)


# --- counting, which must disturb nobody: errors come out as they are ---------------------------


def open_lines(path: str) -> int:
    """Open a file for lines that many processes append, made if it is missing."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(path, flags, 0o640)


def append(descriptor: int, line: bytes) -> int:
    """Append by one write(2), so that lines do not mix; return how much of it was written."""
    return os.write(descriptor, line)


def put_over(descriptor: int, number: int) -> None:
    """Let the open file ``descriptor`` have the number of another one, which is closed."""
    try:
        os.dup2(descriptor, number, inheritable=False)
    finally:
        os.close(descriptor)
