"""The only writer of names: every change of the storage folder's tree goes through this file.

What is promised, to threads and processes alike and through power cuts: a name in its final place
is complete, and when a function whose docstring says "durable" has returned, its change survives.
A failed fsync is never retried, because the kernel marks the pages clean; the file is given up.
Errors come out by cause, see `registry.storage.open_files`.

Sources: fsync(2), link(2), rename(2); Rebello et al., "Can Applications Recover from fsync
Failures?", ATC 2020.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Callable
from typing import TypeVar

from registry.storage.layout import TEMPORARY_PREFIX
from registry.storage.open_files import sync_file, translated, write_all
from registry.storage.syncing import barrier

_FOLDER_MODE = 0o750
CONTENT_MODE = 0o444
SECRET_MODE = 0o600
DOCUMENT_MODE = 0o640

_ATTEMPTS = 4
"""How often a parent folder that vanishes again and again is made."""
Result = TypeVar("Result")


def temporary_name(folder: str) -> str:
    """Return a fresh name in ``folder`` for half-done work."""
    return f"{folder}/{TEMPORARY_PREFIX}{secrets.token_hex(8)}"


def make_folder(path: str) -> None:
    """Make ``path`` and its missing parents; new folders are durable before what follows.

    Costs one system call where the folder exists.
    """
    with translated():
        if os.path.isdir(path):
            return
        try:
            _in_folder(path, lambda: os.mkdir(path, _FOLDER_MODE))
        except FileExistsError:
            if not os.path.isdir(path):
                raise
            return
    barrier(os.path.dirname(path))


def new_folder(path: str) -> None:
    """Make the folder ``path`` if it is missing; it is for the caller to make that durable."""
    with translated(), contextlib.suppress(FileExistsError):
        _in_folder(path, lambda: os.mkdir(path, _FOLDER_MODE))


def _in_folder(path: str, action: Callable[[], Result]) -> Result:
    """Do ``action`` on ``path``; where its folder is missing, make it and try again.

    Empty folders are removed at any time by whoever finds them empty, so a parent may vanish
    between its making and its use.
    """
    for _ in range(_ATTEMPTS):
        try:
            return action()
        except FileNotFoundError:
            make_folder(os.path.dirname(path))
    return action()


def _open_in_folder(path: str, flags: int, mode: int) -> int:
    """Open a file that may be new; a planted symbolic link is not followed."""
    flags |= os.O_NOFOLLOW | os.O_CLOEXEC | os.O_CREAT
    with translated():
        return _in_folder(path, lambda: os.open(path, flags, mode))


def create_file(path: str, mode: int = SECRET_MODE) -> int:
    """Open the new file ``path`` for reading and writing; the parent folder is made if needed.

    Raises:
        FileExistsError: the name is taken.
    """
    return _open_in_folder(path, os.O_RDWR | os.O_EXCL, mode)


def open_append(path: str, *, create: bool = True) -> int:
    """Open ``path`` for appending; with ``create`` it is made if it is missing.

    Raises:
        FileNotFoundError: it is missing, and ``create`` is false.
    """
    flags = os.O_WRONLY | os.O_APPEND
    if create:
        return _open_in_folder(path, flags, DOCUMENT_MODE)
    with translated():
        return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)


def lock_file(path: str) -> int:
    """Open the lock file ``path``, made if it is missing."""
    return _open_in_folder(path, os.O_RDWR, SECRET_MODE)


def write_temporary(
    folder: str, data: bytes, mode: int = CONTENT_MODE, *, durable: bool = True
) -> str:
    """Write ``data`` to a fresh name in ``folder`` and return that name.

    Whoever writes many, and syncs them all together, asks for the bytes not to be ``durable``.
    On any failure nothing is left behind.
    """
    path = temporary_name(folder)
    descriptor = create_file(path, mode)
    try:
        write_all(descriptor, data)
        with translated():
            os.fchmod(descriptor, mode)
        if durable:
            sync_file(descriptor)
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


def link_open(descriptor: int, target: str) -> bool:
    """Give an open file the further name ``target``; return whether it is new.

    By the descriptor and not by a name, so that it is this very file, whatever has become of its
    names meanwhile.

    Raises:
        FileNotFoundError: the file has no name left, so it cannot get another one.
    """
    new_folder(os.path.dirname(target))
    with translated():
        # Only with a folder descriptor does Python let linkat(2) follow the magic link.
        folder = os.open("/proc/self/fd", os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.link(str(descriptor), target, src_dir_fd=folder, follow_symlinks=True)
        except FileExistsError:
            return False
        finally:
            os.close(folder)
    return True


def rename(source: str, target: str) -> None:
    """Put ``source`` in the place of ``target`` in one step.

    rename(2) does nothing where both are links to one inode; then the old name is removed, so
    that ``source`` is gone in every case but a failure.
    """
    with translated():
        os.rename(source, target)
        # What is done is done: a name that cannot be removed now is swept later.
        with contextlib.suppress(OSError):
            os.unlink(source)


def move(source: str, target: str) -> bool:
    """Give ``source`` the fresh name ``target`` instead; return whether it was still there.

    Of several who move the same name one gets it. What appears under the old name afterwards is
    somebody else's, and is left alone.
    """
    with translated():
        try:
            os.rename(source, target)
        except FileNotFoundError:
            return False
        return True


def rename_over_link(source: str, target: str) -> None:
    """Give ``source`` the name ``target`` instead; it has both, durably, before one goes."""
    remove(target)
    link(source, target)
    try:
        barrier(os.path.dirname(target))
    except BaseException:
        remove(target)
        raise
    remove(source)


def put_in_place(temporary: str, target: str) -> None:
    """Put a temporary file under its final name; on failure the temporary one is gone, too."""
    try:
        rename(temporary, target)
    except BaseException:
        remove(temporary)
        raise


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


def touch(path: str) -> bool:
    """Set the modification time to now; return whether the file is there."""
    with translated():
        try:
            os.utime(path, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True
