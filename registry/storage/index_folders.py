"""Which repositories have folders: seen anew for each query, by one call of ``stat``.

Whole repositories go to the trash and come back by one rename, and no line of the journal tells.
"""

from __future__ import annotations

import os
import time
from typing import Final

from registry.model.names import RepositoryKey
from registry.storage.catalog import Catalog
from registry.storage.layout import Layout

_TICK: Final = 50_000_000
"""Nanoseconds within which two changes of a folder may bear the same time."""


class RepositoryFolders:
    """The folders of the repositories, as they were at the last look."""

    def __init__(self, layout: Layout, catalog: Catalog) -> None:
        self._layout = layout
        self._catalog = catalog
        self._folder = layout.top("artifacts")
        self._version: tuple[int, int] | None = None
        self._known: dict[RepositoryKey, int] = {}
        """The inode of each repository that has ever been seen."""
        self.present: frozenset[RepositoryKey] = frozenset()
        """The repositories that are there."""

    def look(self) -> list[RepositoryKey]:
        """Look again; return the repositories that are new or another folder than before."""
        status = os.stat(self._folder)
        version = (status.st_ino, status.st_mtime_ns)
        if version == self._version:
            return []
        found = {}
        for key in self._catalog.repositories():
            inode = self._inode(key)
            if inode is not None:
                found[key] = inode
        # What changes within the same tick would not be noticed.
        is_settled = time.time_ns() - status.st_mtime_ns > _TICK
        self._version = version if is_settled else None
        new = [key for key, inode in found.items() if self._known.get(key) != inode]
        self._known |= found
        self.present = frozenset(found)
        return new

    def _inode(self, key: RepositoryKey) -> int | None:
        try:
            return os.stat(self._layout.repository(key)).st_ino
        except FileNotFoundError:
            return None
