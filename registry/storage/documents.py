"""Small JSON documents, read often and changed rarely.

A reader asks the disk in every request whether the file is still the one that was parsed, which
costs one ``stat``; so a change by any process is seen at once, and nothing is parsed twice.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

from registry.model.errors import StorageFailed
from registry.storage import atomic, syncing

_CAPACITY = 16384
_TICK = 50_000_000
"""Nanoseconds within which two changes of a file may bear the same time."""

_Version = tuple[int, int, int, int]
"""Inode, modification, change, size of a file."""


class Documents:
    """Reads JSON documents through a cache that the disk confirms each time."""

    def __init__(self) -> None:
        self._parsed: dict[str, tuple[_Version, dict[str, Any]]] = {}

    def read(self, path: str) -> dict[str, Any] | None:
        """Return the document at ``path``, or None where there is none. Do not change it.

        Raises:
            StorageFailed: the file is there, but is no JSON object; it has been damaged.
        """
        try:
            status = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            self._parsed.pop(path, None)
            return None
        version = (status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size)
        known = self._parsed.get(path)
        if known is not None and known[0] == version:
            return known[1]
        return self._parse(path, version)

    def _parse(self, path: str, version: _Version) -> dict[str, Any] | None:
        try:
            with open(path, "rb") as file:
                document = json.load(file)
        except FileNotFoundError:
            return None
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise StorageFailed(f"the document {os.path.basename(path)} is damaged")
        if len(self._parsed) >= _CAPACITY:
            self._parsed.clear()
        if is_settled(version[2]):
            self._parsed[path] = (version, document)
        return document

    def names(self, folder: str) -> list[str]:
        """Return the sorted names, without ``.json``, of the documents in ``folder``."""
        try:
            entries = os.listdir(folder)
        except FileNotFoundError:
            return []
        return sorted(
            name[:-5] for name in entries if name.endswith(".json") and not name.startswith("_")
        )


def is_settled(changed: int) -> bool:
    """Return whether one more change of what changed then, in nanoseconds, can be seen.

    What changed twice within one tick of the clock would look unchanged, so what is that young is
    read again.
    """
    return time.time_ns() - changed > _TICK


def encode(document: dict[str, Any]) -> bytes:
    """Return a document as an admin wants to read it: indented, in a stable order.

    A lone surrogate, which UTF-8 has no form for, is written as the escape that JSON has for it.
    """
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def replace(path: str, document: dict[str, Any], mode: int = atomic.DOCUMENT_MODE) -> None:
    """Put ``document`` under ``path`` durably."""
    replace_bytes(path, encode(document), mode)


def create(path: str, document: dict[str, Any], mode: int = atomic.DOCUMENT_MODE) -> None:
    """Put ``document`` under the new name ``path`` durably.

    Raises:
        FileExistsError: the name is taken.
    """
    create_bytes(path, encode(document), mode)


def replace_bytes(path: str, data: bytes, mode: int = atomic.DOCUMENT_MODE) -> None:
    """Put ``data`` under ``path`` durably; readers see the old bytes or the new ones."""
    folder = os.path.dirname(path)
    atomic.put_in_place(atomic.write_temporary(folder, data, mode), path)
    syncing.sync_folder(folder)


def create_bytes(path: str, data: bytes, mode: int = atomic.DOCUMENT_MODE) -> None:
    """Put ``data`` under the new name ``path`` durably.

    Raises:
        FileExistsError: the name is taken.
    """
    folder = os.path.dirname(path)
    temporary = atomic.write_temporary(folder, data, mode)
    try:
        if not atomic.link(temporary, path):
            raise FileExistsError(path)
    finally:
        atomic.remove(temporary)
    syncing.sync_folder(folder)
