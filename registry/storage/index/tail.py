"""The tail of the journal: what has happened since the last look, in any process.

A look costs three calls of ``stat``. The lines say only what has to be read from the disk again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from registry.model.errors import RegistryError
from registry.model.names import ImageName, Reference, RepositoryKey, parse_reference
from registry.storage.index.folders import FolderWatch
from registry.storage.journal import now
from registry.storage.layout import Layout
from registry.storage.line_files import days, parse_line

_START: Final = b'{"time": '
_FOLLOWED: Final = 2
"""The last days whose files are looked at: around midnight two are written to."""

_References = frozenset[Reference]


@dataclass(frozen=True, slots=True)
class Change:
    """Something that may not be any more as the index knows it."""

    key: RepositoryKey
    image: ImageName | None
    """None for the whole repository."""
    references: _References | None
    """None for all of the image."""


class JournalTail:
    """Follows the journal of one storage folder."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._watch = FolderWatch(layout.top("journal"))
        self._days: set[str] = set()
        self._read: dict[str, tuple[int, int]] = {}
        """Inode of the file of a day, and up to which byte it has been read."""

    def skip(self) -> None:
        """Go to the end: whatever has been written so far is known otherwise."""
        for day in self._followed():
            status = _status(self._layout.journal(day))
            if status is not None:
                self._read[day] = status.st_ino, status.st_size

    def changes(self) -> Iterator[Change]:
        """Yield what was written since the last look, or since `skip`; each change once."""
        seen = set[Change]()
        for day in self._followed():
            for line in self._lines(day):
                change = _change(parse_line(line, _START))
                if change is not None and change not in seen:
                    seen.add(change)
                    yield change

    def _followed(self) -> list[str]:
        """Return the days whose files may have grown: today, and the last ones that there are."""
        if self._watch.has_changed():
            self._days = set(days(self._layout.top("journal"))[-_FOLLOWED:])
        return sorted({*self._days, f"{now():%Y-%m-%d}"})

    def _lines(self, day: str) -> Iterator[bytes]:
        """Yield the whole lines that are new in the file of a day."""
        path = self._layout.journal(day)
        status = _status(path)
        if status is None or self._read.get(day) == (status.st_ino, status.st_size):
            return
        try:
            file = open(path, "rb")  # noqa: SIM115 - it is closed below
        except FileNotFoundError:
            return
        with file:
            status = os.fstat(file.fileno())
            inode, offset = self._read.get(day, (status.st_ino, 0))
            if inode != status.st_ino or offset > status.st_size:
                inode, offset = status.st_ino, 0
            file.seek(offset)
            for line in file:
                if not line.endswith(b"\n"):
                    # The rest is just being written.
                    break
                offset += len(line)
                yield line.rstrip(b"\n")
        self._read[day] = inode, offset


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _change(document: dict[str, Any] | None) -> Change | None:
    """Return what a line of the journal says has changed; None if nothing that matters here."""
    if document is None or "blob" in document:
        return None
    key = document.get("repository")
    if not isinstance(key, str):
        return None
    key = RepositoryKey(key)
    try:
        if document.get("image") is None:
            return Change(key, None, None)
        image = ImageName.parse(document["image"])
    except (TypeError, RegistryError):
        return None
    try:
        texts = [document.get(name) for name in ("tag", "digest", "previous", "folder")]
        found = frozenset(parse_reference(text) for text in texts if text is not None)
    except (TypeError, RegistryError):
        found = frozenset()
    return Change(key, image, found or None)
