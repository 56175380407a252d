"""What all checks of one look at a storage folder share: what is known, and how a name is judged.

Nothing is changed. Whatever looks wrong is looked at again before it is reported: the folder lives
while it is checked.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from registry.model.digests import Digest
from registry.model.errors import RegistryError
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.definitions import Definitions
from registry.services.findings import Finding
from registry.storage import atomic, held, walk
from registry.storage.contents import Verifier
from registry.storage.layout import TEMPORARY_PREFIX
from registry.storage.store import Store
from registry.storage.walk import Entry

LINKS: Final = 65_000
"""Names that one file can have: the limit of ext4, the least of the common filesystems."""
_BELIEVABLE: Final = 1_000
"""A lower limit is what the C library says of filesystems that it does not know."""
_EMPTY: Final = {Digest.of(b"", algorithm) for algorithm in ("sha256", "sha512")}
_OTHERS_WRITE: Final = 0o002
_PAUSE: Final = 0.2
"""Seconds after which something suspicious outside of images is looked at again."""

Look = Callable[[], Iterator[Finding]]


def link_limit(path: str) -> int:
    """Return how many names a file on that filesystem can have."""
    limit = os.pathconf(path, "PC_LINK_MAX")
    return limit if limit > _BELIEVABLE else LINKS


class Inspection:
    """One look at a storage folder.

    ``stale_after`` is after how many seconds what is half-done is no longer somebody's work.
    """

    def __init__(
        self,
        store: Store,
        definitions: Definitions,
        stale_after: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store = store
        self.layout = store.layout
        self.verifier = Verifier()
        self.images = self.manifests = self.contents = 0
        self._stale_after = stale_after
        self._clock = clock
        self._limit = link_limit(store.layout.root)
        self._all = definitions
        self._definitions: dict[str, RepositoryDefinition | None] = {}
        owner = walk.look_at(store.layout.top("artifacts")) or os.stat(store.layout.root)
        self._owner = owner.st_uid
        self._quarantined = set(store.quarantine.digests())
        self._bad = store.quarantine.bad_inodes()

    # --- reporting -----------------------------------------------------------------------------

    def finding(self, kind: str, path: str, message: str, **about: object) -> Finding:
        """Return a finding about a path."""
        return Finding(kind, walk.relative(self.layout, path), message, **about)  # type: ignore[arg-type]

    def again(self, looks: Iterable[Look]) -> Iterator[Finding]:
        """Report what looks find that find something a moment later, too."""
        suspicious = [look for look in looks if any(True for _ in look())]
        if suspicious:
            time.sleep(_PAUSE)
        for look in suspicious:
            yield from look()

    # --- judging -------------------------------------------------------------------------------

    def age(self, status: os.stat_result) -> float:
        """Return for how many seconds a file has not changed, nor its names."""
        return self._clock() - max(status.st_mtime, status.st_ctime)

    def is_stale(self, status: os.stat_result) -> bool:
        """Return whether something has not changed for so long that nobody is at work on it."""
        return self.age(status) > self._stale_after

    def definition(self, key: str) -> RepositoryDefinition | None:
        """Return the definition of a repository, or None if there is none that can be read."""
        if key not in self._definitions:
            try:
                found = self._all.find(key)
            except (RegistryError, OSError, KeyError, TypeError, ValueError):
                found = None
            self._definitions[key] = found
        return self._definitions[key]

    def is_bad(self, inode: int) -> bool:
        """Return whether a file is known to be damaged, and waits for being replaced."""
        return inode in self._bad

    def is_quarantined(self, digest: Digest) -> bool:
        """Return whether content is missing because it was damaged; a scrub may be under way."""
        if not self.store.quarantine.has(digest):
            return False
        if digest not in self._quarantined:
            self._quarantined.add(digest)
            self._bad = self.store.quarantine.bad_inodes()
        return True

    def is_sparse(self, key: str) -> bool:
        """Return whether parts may be missing, as far as is known."""
        definition = self.definition(key)
        return definition is None or definition.flag("allowSparseIndexes")

    def listing(self, folder: str, found: list[Finding]) -> list[Entry]:
        """Return what is in a folder; that it cannot be read is a finding."""
        try:
            return walk.entries(folder)
        except OSError as error:
            found.append(self._unreadable(folder, error))
            return []

    def _unreadable(self, path: str, error: OSError) -> Finding:
        return self.finding("unreadable", path, f"cannot be read: {error.strerror}")

    def read(self, path: str, found: list[Finding]) -> bytes | None:
        """Return the bytes of a file, or None; that it cannot be read is a finding."""
        try:
            return walk.read(path)
        except OSError as error:
            found.append(self._unreadable(path, error))
            return None

    def ordinary(self, entry: Entry) -> Iterator[Finding]:
        """Report what no file or folder of ours is, wherever it is."""
        if entry.is_file or entry.is_folder:
            if entry.status.st_uid != self._owner:
                message = f"belongs to user {entry.status.st_uid}, the others to {self._owner}"
                yield self.finding("owner-wrong", entry.path, message)
            if entry.mode & _OTHERS_WRITE:
                yield self.finding("open-to-others", entry.path, "everybody can write it")
            return
        symbolic = os.path.islink(entry.path)
        kind, what = ("symbolic-link", "link") if symbolic else ("special-file", "file")
        yield self.finding(kind, entry.path, f"is a {kind.partition('-')[0]} {what}")

    def foreign(self, entry: Entry) -> Iterator[Finding]:
        """Report what has no place where it is; half-done work has, for a while."""
        if not entry.is_file and not entry.is_folder:
            return
        on_hold = held.parse(os.path.dirname(entry.path), entry.name)
        if entry.name.startswith(".nfs"):
            return
        if on_hold is not None:
            if self._clock() - on_hold.since / 1e9 > self._stale_after:
                yield self.finding("stale-hold", entry.path, "has been on hold for long")
        elif entry.name.startswith(TEMPORARY_PREFIX):
            if self.is_stale(entry.status):
                yield self.finding("stale-temporary", entry.path, "was left by a killed process")
        elif entry.is_folder:
            yield self.finding("foreign-folder", entry.path, "is a folder that is not ours")
        else:
            yield self.finding("foreign-file", entry.path, "is a file that is not ours")

    # --- content -------------------------------------------------------------------------------

    def content(self, entry: Entry, digest: Digest) -> Iterator[Finding]:
        """Report what is wrong with a name, in an image or in the trash, of content."""
        status, known = entry.status, self.layout.content(digest)
        yield from self.bytes_of(entry, digest)
        if status.st_ino in self._bad:
            return
        stored = walk.look_at(known)
        if stored is None:
            damaged = self.is_quarantined(digest) and self.is_bad(status.st_ino)
            if not damaged and not self._is_held(known):
                message = "is not there, but images have this content"
                yield self.finding(
                    "filestore-missing", known, message, digest=digest, source=entry.path
                )
        elif stored.st_ino != status.st_ino and self._can_join(stored, status):
            message = "is another file than the filestore's"
            yield self.finding("split", entry.path, message, digest=digest)

    def bytes_of(self, entry: Entry, digest: Digest) -> Iterator[Finding]:
        """Report what can be seen of content without reading it: its mode, and whether it is."""
        mode = atomic.CONTENT_MODE
        inode = entry.status.st_ino
        if entry.mode != mode:
            message = f"has the mode {entry.mode:04o}, not {mode:04o}"
            yield self.finding("content-mode-wrong", entry.path, message, inode=inode)
        if entry.status.st_size == 0 and digest not in _EMPTY and inode not in self._bad:
            yield self.finding("content-empty", entry.path, "is empty", digest=digest, inode=inode)

    @staticmethod
    def _is_held(path: str) -> bool:
        """Return whether the pruner has the name, and will give it back if it is needed."""
        folder = os.path.dirname(path)
        names = (entry.name for entry in walk.entries(folder))
        return any((on_hold := held.parse(folder, n)) and on_hold.final == path for n in names)

    def _can_join(self, stored: os.stat_result, other: os.stat_result) -> bool:
        """Return whether two files with the same content could be one.

        A file has only so many names: where images have more, one content is rightly several
        files, of which all but the last are full.
        """
        if stored.st_nlink + other.st_nlink <= self._limit:
            return True
        return stored.st_nlink >= self._limit and 2 * other.st_nlink <= self._limit
