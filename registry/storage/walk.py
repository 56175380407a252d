"""Reading the storage folder as it is, for checks: nothing is changed, and nothing is followed.

What vanishes between two looks is no error here: the storage folder lives while it is looked at.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from registry.model.digests import HEX_LENGTHS, Digest
from registry.model.errors import RegistryError, StorageUnusable
from registry.model.names import ImageName, Reference, RepositoryKey, Tag
from registry.storage.layout import Layout, is_part, parse_content_name, part_of
from registry.storage.manifest_files import Place

_SHARD: Final = re.compile(r"[0-9a-f]{2}")
_OURS: Final = ("_layers", "_manifests", "_referrers")


@dataclass(frozen=True, slots=True)
class Entry:
    """Something in a folder, as it is itself: a symbolic link is not followed."""

    path: str
    name: str
    status: os.stat_result

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def is_file(self) -> bool:
        """Whether it is an ordinary file."""
        return stat.S_ISREG(self.status.st_mode)

    @property
    def mode(self) -> int:
        """The permission bits."""
        return stat.S_IMODE(self.status.st_mode)


def entries(folder: str) -> list[Entry]:
    """Return what is in a folder, sorted by name; a folder that is gone has nothing.

    Raises OSError for one that cannot be read.
    """
    try:
        names = sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = ((name, look_at(f"{folder}/{name}")) for name in names)
    return [Entry(f"{folder}/{name}", name, status) for name, status in found if status]


def look_at(path: str) -> os.stat_result | None:
    """Return the status of a name, or None if there is none."""
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def read(path: str) -> bytes | None:
    """Return the bytes of a file, or None if it is gone. Raises OSError."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def files_below(folder: str) -> Iterator[Entry]:
    """Yield the ordinary files below a folder; what cannot be read is left out."""
    waiting = [folder]
    while waiting:
        try:
            found = entries(waiting.pop())
        except OSError:
            continue
        for entry in found:
            if entry.is_file:
                yield entry
        waiting += [entry.path for entry in reversed(found) if entry.is_folder]


def require_owner(layout: Layout) -> None:
    """Raise StorageUnusable where there is no storage folder, or it is somebody else's.

    What somebody else writes there, the server could not read afterwards.
    """
    require_folder(layout)
    owner = os.stat(layout.top("artifacts")).st_uid
    if os.geteuid() != owner:
        raise StorageUnusable(
            f"the storage folder belongs to user {owner}, and you are {os.geteuid()}; run this as "
            "the user that runs the server"
        )


def require_folder(layout: Layout) -> None:
    """Raise StorageUnusable where there is no storage folder: a look makes nothing."""
    if not all(map(os.path.isdir, (layout.top("artifacts"), layout.top("filestore")))):
        raise StorageUnusable(
            f"'{layout.root}' is no storage folder; name the right one with --storage"
        )


# --- what a name in the tree stands for ----------------------------------------------------------


def content_digest(algorithm: str, shard: str, name: str) -> Digest | None:
    """Return the digest that a place in the filestore stands for, or None."""
    digest = parse_content_name(f"{algorithm}:{name}")
    return digest if digest is not None and name.startswith(shard) else None


def is_shard(name: str) -> bool:
    """Return whether a folder of the filestore may have that name."""
    return _SHARD.fullmatch(name) is not None


def shards(layout: Layout) -> Iterator[tuple[str, str, str]]:
    """Yield algorithm, shard and path of the folders that hold content."""
    for algorithm in HEX_LENGTHS:
        folder = f"{layout.top('filestore')}/{algorithm}"
        for entry in entries(folder):
            if entry.is_folder and is_shard(entry.name):
                yield algorithm, entry.name, entry.path


@dataclass(frozen=True, slots=True)
class ImageFile:
    """What the path of a file in an image says."""

    place: Place
    folder: Reference | None
    """The manifest folder that it lies in; None for one of the image's own folders."""
    digest: Digest | None
    """The digest that its name spells; None for a manifest under its file name."""

    @property
    def is_shown(self) -> bool:
        """Whether it is what lets the image show a blob or manifest."""
        return self.folder is None


def parse_image_file(relative: str) -> ImageFile | None:
    """Return what a path below the storage folder says, or None if it is no file of an image."""
    parts = relative.split("/")
    inside = next((n for n, part in enumerate(parts) if part in _OURS and n > 2), len(parts) - 2)
    if parts[0] != "artifacts" or inside < 3:
        return None
    try:
        image = ImageName.parse("/".join(map(part_of, parts[2:inside])))
    except RegistryError:
        return None
    place = Place(RepositoryKey(parts[1]), image)
    digest = parse_content_name(parts[-1])
    if parts[inside] in _OURS:
        return ImageFile(place, None, digest)
    folder = folder_reference(parts[inside])
    return None if folder is None else ImageFile(place, folder, digest)


def folder_reference(name: str) -> Reference | None:
    """Return the valid tag or digest that the name of a manifest folder stands for, or None."""
    if ":" in name:
        return parse_content_name(name)
    try:
        return Tag.parse(part_of(name)) if is_part(name) else None
    except RegistryError:
        return None


def names_of(layout: Layout, inodes: Collection[int]) -> dict[int, list[str]]:
    """Return the names that inodes have in images and in the trash, below the storage folder."""
    found: dict[int, list[str]] = {inode: [] for inode in inodes}
    for top in ("artifacts", "trash"):
        for entry in files_below(layout.top(top)):
            if entry.status.st_ino in found:
                found[entry.status.st_ino].append(relative(layout, entry.path))
    return found


def relative(layout: Layout, path: str) -> str:
    """Return a path below the storage folder."""
    return path[len(layout.root) + 1 :]
