"""What is kept of folders that are no manifest folders: properties, and that somebody made them.

All of a repository is in one document at its root, so that the folders themselves can come and go
with what is in them. Of a folder that is not there nothing is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from registry.model.errors import StorageFailed
from registry.model.names import RepositoryKey
from registry.storage import atomic, documents, syncing
from registry.storage.documents import Documents
from registry.storage.journal import now, timestamp
from registry.storage.layout import Layout
from registry.storage.locks import Locks
from registry.storage.tree_items import PROPERTIES

MADE: Final = "made"
"""In a record: that somebody made the folder, so that it is there although it is empty."""

Record = dict[str, Any]
Records = dict[str, Record]
"""Locations to records; the repository itself has the empty location."""


class FolderRecords:
    """The records of the folders of all repositories."""

    def __init__(self, layout: Layout, locks: Locks, cache: Documents) -> None:
        self._layout = layout
        self._locks = locks
        self._documents = cache

    def all(self, key: RepositoryKey) -> Mapping[str, Record]:
        """Return the records of a repository; a damaged document has none. Do not change them."""
        try:
            found = self._documents.read(self._layout.folder_records(key)) or {}
        except StorageFailed:
            return {}
        return {at: record for at, record in found.items() if isinstance(record, dict)}

    def change(self, key: RepositoryKey, change: Callable[[Record], object], location: str) -> None:
        """Let ``change`` alter the record of one folder; an emptied record goes. Durable."""
        with self._changing(key) as records:
            record = dict(records.get(location, {}))
            change(record)
            records[location] = record

    def make(self, key: RepositoryKey, location: str, principal: str) -> None:
        """Record that somebody made a folder; one that is recorded already stays. Durable."""
        if self.all(key).get(location, {}).get(MADE):
            return
        moment = timestamp(now())

        def alter(record: Record) -> None:
            record |= {MADE: True, "created": moment, "createdBy": principal}
            record |= {"modified": moment, "modifiedBy": principal}

        self.change(key, alter, location)

    def clear(self, key: RepositoryKey, location: str) -> None:
        """Drop what is kept of a folder, but that somebody made it. Durable."""
        record = self.all(key).get(location)
        if record is None or (record.get(MADE) and PROPERTIES not in record):
            return

        def alter(record: Record) -> None:
            record.pop(PROPERTIES, None)
            if not record.get(MADE):
                record.clear()

        self.change(key, alter, location)

    def forget(self, key: RepositoryKey, location: str) -> bool:
        """Drop the records of a folder and of all below it; return whether there were any."""
        if not any(_is_within(at, location) for at in self.all(key)):
            return False
        with self._changing(key) as records:
            for at in [at for at in records if _is_within(at, location)]:
                del records[at]
        return True

    @contextmanager
    def _changing(self, key: RepositoryKey) -> Iterator[Records]:
        path = self._layout.folder_records(key)
        with self._locks.folders(key):
            records: Records = dict(self.all(key))
            yield records
            kept = {at: record for at, record in sorted(records.items()) if record}
            if kept:
                documents.replace(path, kept)
            elif atomic.remove(path):
                syncing.sync_folder(self._layout.repository(key))


def _is_within(location: str, folder: str) -> bool:
    return not folder or location == folder or location.startswith(f"{folder}/")
