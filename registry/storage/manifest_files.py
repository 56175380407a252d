"""The files of one manifest folder: finding its manifest, whichever name it has right now.

Whoever puts a symbolic link or a pipe into the tree by hand has put nothing there: here links are
not followed, and nobody waits for a pipe.

A tag that turns from image to index, or back, has its manifest first under the old name, then
under both, then under the new one. So whoever finds nothing has to look again: the manifest may
have moved from the name looked at second to the one looked at first.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from registry.model.errors import ManifestUnknown
from registry.model.names import ImageName, Reference, RepositoryKey, Tag
from registry.storage import open_files
from registry.storage.layout import (
    INDEX_FILE,
    MANIFEST_FILE,
    MANIFEST_FILES,
    is_part,
    parse_content_name,
    part_of,
)

_ROUNDS: Final = 50
"""Looks at a folder that is there and shows no manifest; each costs microseconds."""
_READING: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NO_FILE: Final = (errno.ELOOP, errno.ENXIO)
"""What the system says of a link that is not followed, and of a socket."""

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Place:
    """An image of a repository: where manifests are put and looked for."""

    key: RepositoryKey
    image: ImageName


def manifest_unknown(place: Place, reference: Reference) -> ManifestUnknown:
    """Return the error for a tag or digest that the image does not have."""
    kind = "tag" if isinstance(reference, Tag) else "revision"
    return ManifestUnknown("manifest unknown", {"name": place.image, kind: str(reference)})


def look(folder: str, at: Callable[[str], Found]) -> Found | None:
    """Return what ``at`` makes of the manifest's path in a folder, or None if there is none.

    ``at`` raises FileNotFoundError for a name that is not there.
    """
    for number in range(_ROUNDS):
        for name in MANIFEST_FILES:
            try:
                found = at(f"{folder}/{name}")
            except OSError as error:
                if not _is_nothing(error):
                    raise
            else:
                return None if os.path.islink(folder) else found
        if number == 0 and not os.path.isdir(folder):
            return None
    return None


def _is_nothing(error: OSError) -> bool:
    """Return whether an error says that there is nothing, or a link that is not followed."""
    return isinstance(error, FileNotFoundError | NotADirectoryError) or error.errno == errno.ELOOP


def read_file(path: str) -> bytes:
    """Return the bytes of a file. Raises FileNotFoundError, also for what is none."""
    try:
        descriptor = os.open(path, _READING)
    except OSError as error:
        if error.errno in _NO_FILE:
            raise _no_file(path) from None
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _no_file(path)
        with open_files.translated():
            return os.read(descriptor, status.st_size + 1)
    finally:
        os.close(descriptor)


def read_manifest(folder: str) -> bytes | None:
    """Return the manifest of a folder, or None."""
    return look(folder, read_file)


def _no_file(path: str) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


def file_status(path: str) -> os.stat_result:
    """Return the status of a file. Raises FileNotFoundError, also for what is none."""
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode):
        raise _no_file(path)
    return status


def is_file(path: str) -> bool:
    """Return whether there is a file, and no link to one."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def is_manifest_folder(folder: str) -> bool:
    """Return whether a folder directly holds a manifest: then, and only then, it is a tag."""
    return look(folder, file_status) is not None


def reference_of(name: str) -> Reference | None:
    """Return the tag or digest that the name of a folder in an image stands for, or None."""
    if ":" in name:
        return parse_content_name(name)
    return Tag(part_of(name)) if is_part(name) else None


def names_of(folder: str, *, index: bool) -> tuple[str, str]:
    """Return the path of a manifest of this kind, and that of one of the other kind."""
    image_file, index_file = f"{folder}/{MANIFEST_FILE}", f"{folder}/{INDEX_FILE}"
    return (index_file, image_file) if index else (image_file, index_file)


def listed(folder: str) -> list[str]:
    """Return the names in a folder; one that is gone, or is none, has none."""
    try:
        return os.listdir(folder)
    except OSError as error:
        if _is_nothing(error):
            return []
        raise


def listed_folders(folder: str) -> list[str]:
    """Return the names of the folders in a folder; a link to one is none."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError as error:
        if _is_nothing(error):
            return []
        raise
