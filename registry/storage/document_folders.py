"""All documents of a folder at once, read in every request and changed rarely.

Whoever changes one of them puts a new file under its name, so a look at the folder alone tells
that nothing has changed: one ``stat``, however many documents there are. What is written into a
file that stays the same one, as some editors do, is seen within a second.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from typing import Any, Final

from registry.model.errors import StorageFailed
from registry.storage.documents import Documents, is_settled
from registry.storage.layout import document_title

logger = logging.getLogger(__name__)

_CONFIRMED: Final = 1.0
"""Seconds after which each document is asked for again."""

_Version = tuple[int, int, int] | None
"""Inode, modification, change of a folder; None if there is none."""
Found = Mapping[str, Mapping[str, Any]]
"""Title to document."""


class DocumentFolder:
    """The documents of one folder."""

    def __init__(self, documents: Documents, folder: str) -> None:
        self._documents = documents
        self._folder = folder
        self._known: tuple[_Version, float, Found] = None, 0.0, {}
        self._complained: set[str] = set()

    def read(self) -> Found:
        """Return the documents by title; the same object as long as none has changed.

        A damaged one is left out, and complained of once.
        """
        version, until, found = self._known
        now = time.monotonic()
        seen = self._version()
        if seen == version and now < until:
            return found
        documents = dict(self._documents_now())
        if len(documents) != len(found) or any(
            _differ(found.get(title), document) for title, document in documents.items()
        ):
            found = documents
        settled = seen is None or is_settled(seen[2])
        self._known = seen, now + _CONFIRMED if settled else 0.0, found
        return found

    def _version(self) -> _Version:
        try:
            status = os.stat(self._folder)
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_ctime_ns

    def _documents_now(self) -> list[tuple[str, Mapping[str, Any]]]:
        found = list[tuple[str, Mapping[str, Any]]]()
        for name in self._documents.names(self._folder):
            try:
                document = self._documents.read(f"{self._folder}/{name}.json")
            except StorageFailed as error:
                if name not in self._complained:
                    self._complained.add(name)
                    logger.error("in '%s': %s", os.path.basename(self._folder), error)
                continue
            if document is not None:
                found.append((document_title(name), document))
        return found


def _differ(one: Mapping[str, Any] | None, other: Mapping[str, Any]) -> bool:
    """Return whether two documents say something else; mostly they are one and the same object."""
    return one is not other and one != other
