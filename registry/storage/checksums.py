"""SHA-1 and MD5 of content, for clients that still ask: computed once, when first asked for.

They are kept as lines ``<hex> <sha1> <md5>`` in files by the first two digits of the digest, so
that an admin can grep them. All of it is derived, and can be thrown away. A line is appended by a
single ``write`` and not synced; a torn one fits no pattern, and is computed again.

They protect nothing: content is known by its SHA-256, and only that decides what it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from registry.model.digests import HEX_LENGTHS, Digest, Hasher
from registry.model.errors import RegistryError
from registry.storage import atomic, open_files
from registry.storage.filestore import Filestore
from registry.storage.layout import Layout
from registry.storage.manifest_files import listed

_PIECE: Final = 1 << 20
_LINE: Final = re.compile(rb"^([0-9a-f]{64,128}) ([0-9a-f]{40}) ([0-9a-f]{32})$", re.MULTILINE)
_CAPACITY: Final = 20_000
LENGTHS: Final = {"sha1": 40, "md5": 32}
"""How many hex digits each of the kept sums has."""


@dataclass(frozen=True, slots=True)
class Checksums:
    """The sums of one content, in hex."""

    sha1: str
    md5: str


class ChecksumStore:
    """The sums of all content of one storage folder."""

    def __init__(self, layout: Layout, filestore: Filestore) -> None:
        self._layout = layout
        self._filestore = filestore
        self._known: dict[Digest, Checksums] = {}

    def known(self, digest: Digest) -> Checksums | None:
        """Return the sums of content if they have been computed before; reads one small file."""
        found = self._known.get(digest)
        if found is not None:
            return found
        data = self._read(digest.algorithm, digest.encoded[:2])
        at = data.find(digest.encoded.encode())
        match = _LINE.match(data, at) if at >= 0 else None
        if match is None or match[1].decode() != digest.encoded:
            return None
        return self._remember(digest, Checksums(match[2].decode(), match[3].decode()))

    def of(self, digest: Digest, path: str = "") -> Checksums | None:
        """Return the sums of content, computed now if need be; None if it is not there.

        ``path`` is a name of the content to read if the filestore has lost its own.
        """
        known = self.known(digest)
        if known is not None:
            return known
        for name in (self._layout.content(digest), path):
            with contextlib.suppress(OSError):
                return self._keep(digest, *_hash(name))
        return None

    def of_bytes(self, data: bytes) -> Checksums:
        """Return the sums of some bytes."""
        return Checksums(_new_sha1(data).hexdigest(), _new_md5(data).hexdigest())

    def of_open_file(self, descriptor: int) -> Checksums:
        """Return the sums of all bytes of an open file."""
        return Checksums(*_hash(f"/proc/self/fd/{descriptor}"))

    def find(self, kind: str, encoded: str) -> Iterator[Digest]:
        """Yield the stored content that is known to have that sum; ``kind`` is sha1 or md5."""
        column = {"sha1": 2, "md5": 3}[kind]
        wanted = encoded.encode()
        for algorithm in HEX_LENGTHS:
            for shard in listed(f"{self._layout.top('checksums')}/{algorithm}"):
                data = self._read(algorithm, shard)
                if wanted not in data:
                    continue
                for match in _LINE.finditer(data):
                    digest = Digest(f"{algorithm}:{match[1].decode()}")
                    if match[column] == wanted and self._filestore.has(digest):
                        yield digest

    def _read(self, algorithm: str, shard: str) -> bytes:
        try:
            with open(self._layout.checksums(algorithm, shard), "rb") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return b""

    def hashers(self, digest: Digest) -> tuple[Hasher, ...]:
        """Return what computes the sums of content while it is read anyway; none if known."""
        return () if self.known(digest) else (_new_sha1(), _new_md5())

    def keep(self, digest: Digest, hashers: Sequence[Hasher]) -> None:
        """Keep what `hashers` have computed of all bytes of content that has ``digest``."""
        if hashers:
            self._keep(digest, *(hasher.hexdigest() for hasher in hashers))

    def _keep(self, digest: Digest, sha1: str, md5: str) -> Checksums:
        line = f"{digest.encoded} {sha1} {md5}\n".encode()
        # What cannot be kept, as on a full disk, is computed again the next time.
        with contextlib.suppress(RegistryError, OSError):
            path = self._layout.checksums(digest.algorithm, digest.encoded[:2])
            descriptor = atomic.open_append(path)
            try:
                open_files.append(descriptor, line)
            finally:
                os.close(descriptor)
        return self._remember(digest, Checksums(sha1, md5))

    def _remember(self, digest: Digest, sums: Checksums) -> Checksums:
        if len(self._known) >= _CAPACITY:
            self._known.clear()
        self._known[digest] = sums
        return sums


def _hash(path: str) -> tuple[str, str]:
    sha1, md5 = _new_sha1(), _new_md5()
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            sha1.update(piece)
            md5.update(piece)
    return sha1.hexdigest(), md5.hexdigest()


def _new_sha1(data: bytes = b"") -> Hasher:
    return hashlib.sha1(data, usedforsecurity=False)


def _new_md5(data: bytes = b"") -> Hasher:
    return hashlib.md5(data, usedforsecurity=False)
