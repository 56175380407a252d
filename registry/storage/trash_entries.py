"""The entries of the trash: finding them, showing them, and letting them go.

The other half of `registry.storage.trash`, which takes in and gives back.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence

from registry.model.errors import StorageFailed, StorageFull, TrashUnknown
from registry.storage import atomic
from registry.storage.deletions import Deletion, new_act, parse_deletion
from registry.storage.documents import Documents
from registry.storage.layout import (
    DELETION_FILE,
    MANIFEST_FILES,
    STAGED_PREFIX,
    TEMPORARY_PREFIX,
    Layout,
)
from registry.storage.manifest_files import listed


class TrashEntries:
    """The entries in the trash of one storage folder."""

    def __init__(self, layout: Layout, cache: Documents) -> None:
        self._layout = layout
        self._documents = cache

    # --- looking -----------------------------------------------------------------------------

    def entries(self, *, staged: bool = False) -> Iterator[Deletion]:
        """Yield what is in the trash, oldest first; or what is staged only."""
        for name in sorted(listed(self._layout.top("trash"))):
            if name.startswith(STAGED_PREFIX) is staged and not name.startswith(TEMPORARY_PREFIX):
                found = self.entry(name)
                if found is not None:
                    yield found

    def entry(self, name: str) -> Deletion | None:
        """Return an entry, or None if there is none of that name that can be read."""
        try:
            note = self._documents.read(f"{self._layout.trash_entry(name)}/{DELETION_FILE}")
        except StorageFailed:
            note = None
        if note is None:
            return None
        with contextlib.suppress(KeyError, TypeError, ValueError):
            return parse_deletion(name, note)
        return None

    def path(self, entry: Deletion) -> str:
        """Return the folder of an entry."""
        return self._layout.trash_entry(entry.id)

    def alone(self) -> Iterator[int]:
        """Yield the sizes of content that nothing but the trash keeps."""
        seen: dict[int, list[int]] = {}
        for folder, _, names in os.walk(self._layout.top("trash")):
            for name in names:
                if name.startswith("sha") or name in MANIFEST_FILES:
                    with contextlib.suppress(FileNotFoundError):
                        status = os.stat(f"{folder}/{name}")
                        known = seen.setdefault(status.st_ino, [0, 0, 0])
                        seen[status.st_ino] = [known[0] + 1, status.st_nlink, status.st_size]
        # One name more is that in the filestore.
        return (size for found, links, size in seen.values() if links <= found + 1)

    # --- letting go --------------------------------------------------------------------------

    def remove(self, entry: Deletion) -> None:
        """Remove an entry for good; what nobody else has is freed by the pruner."""
        self._drop(self.path(entry))

    def _drop(self, path: str) -> None:
        """Remove a folder of the trash: in one step from all that is looked at."""
        top, name = os.path.split(path)
        with contextlib.suppress(StorageFull):
            # On a disk too full for another name it goes from where it is.
            going = f"{top}/{TEMPORARY_PREFIX}{name}"
            atomic.move(path, going)
            path = going
        self._clear(path)

    @staticmethod
    def _clear(path: str) -> None:
        """Remove a folder of the trash with all that is in it."""
        for folder, _, names in os.walk(path, topdown=False):
            for name in names:
                atomic.remove(f"{folder}/{name}")
            atomic.remove_folder(folder)

    def sweep(self, before: float, unreadable_before: float) -> int:
        """Remove what was left unfinished before one time, or is unreadable before another."""
        swept = 0
        for name in listed(self._layout.top("trash")):
            half_done = name.startswith((TEMPORARY_PREFIX, STAGED_PREFIX))
            if self.entry(name) is not None and not name.startswith(TEMPORARY_PREFIX):
                continue
            path = self._layout.trash_entry(name)
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                changed = max(os.stat(path).st_mtime, os.stat(path).st_ctime)
                if changed < (before if half_done else unreadable_before):
                    self._clear(path)
                    swept += 1
        return swept

    # --- staged entries ----------------------------------------------------------------------

    def _new_entry(self) -> str:
        path = self._layout.trash_entry(f"{STAGED_PREFIX}{new_act()}")
        atomic.new_folder(path)
        return path

    def _stage_again(self, entry: Deletion) -> str:
        """Stage an entry that is about to be given back; return its path.

        Raises:
            TrashUnknown: somebody else has had it.
        """
        path = self._layout.trash_entry(f"{STAGED_PREFIX}{entry.id}")
        if not atomic.move(self.path(entry), path):
            raise TrashUnknown("the entry is gone from the trash", {"id": entry.id})
        return path

    def finish(self, staged: Sequence[str]) -> None:
        """Show staged entries: what they hold has been removed from its place.

        Not synced: an entry that is found staged after a crash is finished by the pruner.
        """
        for path in staged:
            atomic.move(path, finished(path))

    def discard(self, staged: Sequence[str]) -> None:
        """Give up staged entries: what they hold is in its place."""
        for path in staged:
            self._drop(path)


def finished(path: str) -> str:
    """Return the path that a staged entry has when it is shown."""
    return path.replace(f"/{STAGED_PREFIX}", "/")
