"""Content that no image has: its name in the filestore is the only one that its inode has left.

The kernel counts the names, so nothing that an image or the trash owns can be freed here, whatever
else is believed. Source: the two-step deletion of `registry.storage.held`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from registry.model.digests import HEX_LENGTHS
from registry.model.errors import StorageFull
from registry.storage import atomic, held
from registry.storage.held import Held
from registry.storage.layout import TEMPORARY_PREFIX, Layout
from registry.storage.manifest_files import listed
from registry.storage.passes import Age, Ages


@dataclass(slots=True)
class Amount:
    """A number of names and what they hold, in bytes."""

    names: int = 0
    bytes: int = 0

    def add(self, size: int) -> None:
        """Count one more name."""
        self.names += 1
        self.bytes += size


@dataclass(slots=True)
class Orphan:
    """Content without an image, old enough to go."""

    path: str
    size: int

    @property
    def name(self) -> str:
        """The name that it has in images: ``sha256__<hex>``."""
        algorithm, _, encoded = self.path.rsplit("/", 2)
        return f"{os.path.basename(algorithm)}__{encoded}"


@dataclass(slots=True)
class FilestoreScan:
    """What a look at the whole filestore found."""

    total: Amount = field(default_factory=Amount)
    orphans: Amount = field(default_factory=Amount)
    young: Amount = field(default_factory=Amount)
    unproved: Amount = field(default_factory=Amount)
    ripe: list[Orphan] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)


_ENCODED: Final = re.compile(r"[0-9a-f]{64,128}")
_LENGTHS: Final = frozenset(HEX_LENGTHS.values())

MOST: Final = 1_000_000
"""Orphans that are remembered in one scan; the others wait for the next."""


class Orphans:
    """Finds, holds and frees the orphans of one storage folder."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def _shards(self) -> Iterator[str]:
        root = self._layout.top("filestore")
        for algorithm in sorted(listed(root)):
            for shard in sorted(listed(f"{root}/{algorithm}")):
                yield f"{root}/{algorithm}/{shard}"

    def scan(self, ages: Ages, pause: Callable[[], None]) -> FilestoreScan:
        """Look at every name in the filestore."""
        found = FilestoreScan()
        for shard in self._shards():
            try:
                with os.scandir(shard) as entries:
                    names, size = self._look_at_all(entries, ages, found)
            except (FileNotFoundError, NotADirectoryError):
                continue
            found.total.names += names
            found.total.bytes += size
            pause()
        return found

    def _look_at_all(
        self, entries: Iterator[os.DirEntry[str]], ages: Ages, found: FilestoreScan
    ) -> tuple[int, int]:
        """Look at the names of a shard; return the number and bytes of those that are content.

        This loop is what a pass over a large store costs, so content that somebody has is passed
        over within it.
        """
        names = size = 0
        for entry in entries:
            name = entry.name
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if len(name) not in _LENGTHS or name[0] == "_":
                self._look_at_other(entry, status, ages, found)
                continue
            names += 1
            size += status.st_size
            if status.st_nlink == 1:
                self._look_at_orphan(entry, status, ages, found)
        return names, size

    @staticmethod
    def _look_at_other(
        entry: os.DirEntry[str], status: os.stat_result, ages: Ages, found: FilestoreScan
    ) -> None:
        """Look at what is on hold or half-done; the check of the store names all other files."""
        on_hold = held.parse(os.path.dirname(entry.path), entry.name)
        if on_hold is not None:
            found.held.append(on_hold)
        elif entry.name.startswith(TEMPORARY_PREFIX) and ages.of(status.st_mtime) is Age.OLD:
            found.leftovers.append(entry.path)

    @staticmethod
    def _look_at_orphan(
        entry: os.DirEntry[str], status: os.stat_result, ages: Ages, found: FilestoreScan
    ) -> None:
        if not _ENCODED.fullmatch(entry.name):
            return
        found.orphans.add(status.st_size)
        # The change time, too: it says when the last other name was removed.
        age = ages.of(max(status.st_mtime, status.st_ctime))
        if age is Age.YOUNG:
            found.young.add(status.st_size)
        elif age is Age.UNPROVED:
            found.unproved.add(status.st_size)
        elif len(found.ripe) < MOST:
            found.ripe.append(Orphan(entry.path, status.st_size))

    @staticmethod
    def hold(orphan: Orphan, ages: Ages) -> bool:
        """Take the name of an orphan away; return whether it was still one.

        On a disk too full for that the content is freed at once: the room is needed, and a client
        that was told of it will send it again.
        """
        try:
            return held.hold(orphan.path, ages.before, ages.now) is not None
        except StorageFull:
            return atomic.remove(orphan.path)

    @staticmethod
    def settle(on_hold: Held, hold: float, ages: Ages, *, dry: bool) -> tuple[bool | None, int]:
        """Free what has been on hold for ``hold`` seconds and is not wanted.

        Returns whether it was freed (None: it must wait), and its size.
        """
        try:
            status = os.stat(on_hold.path)
        except FileNotFoundError:
            return False, 0
        if not held.is_over(on_hold, hold, ages):
            return None, status.st_size
        linked = status.st_nlink > 1 and not os.path.exists(on_hold.final)
        if linked or held.is_wanted(on_hold, status, ages):
            if not dry:
                held.bring_back(on_hold)
            return False, 0
        if not dry:
            atomic.remove(on_hold.path)
        return status.st_nlink == 1, status.st_size
