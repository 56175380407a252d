"""Which names a folder has, seen anew for each query by one call of ``stat``."""

from __future__ import annotations

import os
import time
from typing import Final

from registry.model.names import RepositoryKey
from registry.storage.catalog import Catalog
from registry.storage.layout import Layout

_TICK: Final = 0.05
"""Seconds within which two changes of a folder may bear the same time."""


class FolderWatch:
    """Tells whether names may have come to a folder, or gone from it, since they were looked at."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._version: tuple[int, int, int] | None = None
        self._since = 0.0
        """When this version was first seen; whose clock the folder's times are by is not known."""
        self._looked = 0.0

    def has_changed(self) -> bool:
        """Return whether to look now; whoever is told so does it."""
        moment = time.monotonic()
        try:
            status = os.stat(self._path)
            version = (status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
        except FileNotFoundError:
            self._version = None
            return True
        if version != self._version:
            self._version, self._since = version, moment
        elif self._looked > self._since + _TICK:
            return False
        self._looked = moment
        return True


class RepositoryFolders:
    """The folders of the repositories, as they were at the last look.

    Whole repositories go to the trash and come back by one rename, and the journal does not tell.
    """

    def __init__(self, layout: Layout, catalog: Catalog) -> None:
        self._layout = layout
        self._catalog = catalog
        self._watch = FolderWatch(layout.top("artifacts"))
        self._known: dict[RepositoryKey, int] = {}
        """The inodes of the repositories that have been seen and not forgotten."""
        self.present: frozenset[RepositoryKey] = frozenset()
        """The repositories that are there."""

    def look(self) -> list[RepositoryKey]:
        """Look again; return the repositories that are new or another folder than before."""
        if not self._watch.has_changed():
            return []
        inodes = ((key, self._inode(key)) for key in self._catalog.repositories())
        found = {key: inode for key, inode in inodes if inode is not None}
        new = [key for key, inode in found.items() if self._known.get(key) != inode]
        self._known |= found
        self.present = frozenset(found)
        return new

    def forget(self, key: RepositoryKey) -> None:
        """Let a repository that is gone count as new when it comes back."""
        self._known.pop(key, None)

    def _inode(self, key: RepositoryKey) -> int | None:
        try:
            return os.stat(self._layout.repository(key)).st_ino
        except FileNotFoundError:
            return None
