"""Whether content has the bytes that its name promises: every inode once, in the order of inodes.

Reading is bounded in its rate and leaves the cache of the kernel to those who serve; what is
cached is dropped first, so that the bytes come from the disk.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from registry.model.digests import Digest, Hasher
from registry.model.errors import ManifestInvalid, ManifestUnverified
from registry.model.manifests import MANIFEST_LIMIT, parse_manifest
from registry.storage import walk
from registry.storage.layout import Layout, parse_content_name

_CHUNK: Final = 1 << 20
_LEAST_PAUSE: Final = 0.005
"""Seconds of rest that are worth a sleep."""


class Pace:
    """Bounds the rate of reading to a number of bytes a second; 0 is no bound."""

    def __init__(
        self,
        rate: float = 0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._due = clock()

    def spend(self, size: int) -> None:
        """Take note of ``size`` bytes that have been read, and rest until they are due."""
        if self._rate <= 0:
            return
        # What was not used before is lost, or a long pause would be followed by a rush.
        self._due = max(self._due, self._clock() - 1) + size / self._rate
        rest = self._due - self._clock()
        if rest > _LEAST_PAUSE:
            self._sleep(rest)


@dataclass(frozen=True, slots=True)
class Content:
    """An inode that is content, one of its names, and the digest that this name promises."""

    inode: int
    path: str
    digest: Digest
    size: int
    is_manifest: bool = False
    """Whether it is the digest of a manifest, which need not be that of its bytes."""


def all_contents(layout: Layout) -> list[Content]:
    """Return all content, in the filestore and in images alone, ordered by inode.

    Raises OSError where a folder cannot be read.
    """
    found: dict[int, Content] = {}
    for algorithm, shard, folder in walk.shards(layout):
        for entry in walk.entries(folder):
            digest = walk.content_digest(algorithm, shard, entry.name)
            if digest is not None and entry.is_file:
                content = Content(entry.status.st_ino, entry.path, digest, entry.status.st_size)
                found.setdefault(content.inode, content)
    for top in ("artifacts", "trash"):
        for entry in walk.files_below(layout.top(top)):
            digest = parse_content_name(entry.name)
            if digest is not None and entry.status.st_ino not in found:
                found[entry.status.st_ino] = _in_image(entry, digest)
    return sorted(found.values(), key=lambda content: content.inode)


def _in_image(entry: walk.Entry, digest: Digest) -> Content:
    shown = "/_manifests/" in entry.path or "/_referrers/" in entry.path
    return Content(entry.status.st_ino, entry.path, digest, entry.status.st_size, shown)


def compute(content: Content, pace: Pace, also: Sequence[Hasher] = ()) -> Digest | None:
    """Return the digest that content has, or None if it is gone; ``also`` get the bytes, too.

    Raises OSError where the disk cannot read it.
    """
    try:
        file = open(content.path, "rb", buffering=0)  # noqa: SIM115 - it is closed below
    except FileNotFoundError:
        return None
    with file:
        if os.fstat(file.fileno()).st_ino != content.inode:
            return None
        found = hash_file(file.fileno(), content.digest.algorithm, pace, also)
        if found != content.digest and content.is_manifest:
            return _identity(file.fileno(), content.digest.algorithm) or found
        return found


def hash_file(descriptor: int, algorithm: str, pace: Pace, also: Sequence[Hasher] = ()) -> Digest:
    """Return the digest of an open file, read from the disk; ``also`` get the bytes, too."""
    hasher = hashlib.new(algorithm)
    offset = 0
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    while part := os.pread(descriptor, _CHUNK, offset):
        for each in (hasher, *also):
            each.update(part)
        os.posix_fadvise(descriptor, offset, len(part), os.POSIX_FADV_DONTNEED)
        offset += len(part)
        pace.spend(len(part))
    return Digest.from_hasher(algorithm, hasher)


def _identity(descriptor: int, algorithm: str) -> Digest | None:
    body = os.pread(descriptor, MANIFEST_LIMIT, 0)
    try:
        return parse_manifest(body).identity(body, algorithm)
    except (ManifestInvalid, ManifestUnverified):
        return None


@dataclass(slots=True)
class Verifier:
    """Says whether files have the bytes of a digest; each inode is read once."""

    pace: Pace = field(default_factory=Pace)
    _known: dict[tuple[int, int, int, str], Digest] = field(default_factory=dict)

    def is_good(self, path: str, digest: Digest) -> bool:
        """Return whether the file is there and has the bytes of ``digest``.

        Raises OSError where the disk cannot read it.
        """
        try:
            with open(path, "rb", buffering=0) as file:
                status = os.fstat(file.fileno())
                key = status.st_ino, status.st_mtime_ns, status.st_size, digest.algorithm
                if key not in self._known:
                    self._known[key] = hash_file(file.fileno(), digest.algorithm, self.pace)
                return self._known[key] == digest
        except (FileNotFoundError, NotADirectoryError):
            return False
