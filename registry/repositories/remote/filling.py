"""The bytes of one download: from upstream into its file, until they have their digest.

A connection that breaks is made again, and goes on where the bytes end; where upstream sends them
from the beginning again, those that are there are passed over. Bytes are never taken back, because
somebody may have got them.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Final

from registry.model.digests import Digest
from registry.model.upstream_errors import UpstreamFailed
from registry.repositories.remote.arrival import Arrival
from registry.repositories.remote.asked import Stream
from registry.repositories.remote.hashing import HashingBeside
from registry.storage.upload_writer import UploadWriter

_READ: Final = 512 * 1024
"""Bytes read at once: pieces of a mebibyte and more would cost the kernel a mapping each."""
_ATTEMPTS: Final = 4
"""How often a download that makes no progress is tried."""
_REST: Final = 0.3
"""Seconds before the second attempt; longer before each further one."""
UNWANTED: Final = 600.0
"""Seconds for which a download goes on that nobody waits for."""

Open = Callable[[int], Stream | None]
"""Opens the bytes of a blob from an offset on."""


class Lied(Exception):
    """What upstream sends is not what it should be; nothing of it can be used."""


class Filling:
    """Fills the file of one download."""

    def __init__(self, writer: UploadWriter, size: int, digest: Digest, open_: Open) -> None:
        self._writer = writer
        self._size = size
        self._digest = digest
        self._open = open_
        self._over = threading.Event()
        if writer.hasher is None:
            raise RuntimeError("a download hashes from its first byte")
        self._hasher = HashingBeside(writer.hasher)
        writer.hasher = self._hasher

    def run(self, first: Stream | None, arrival: Arrival | None) -> None:
        """Take all bytes in; ``first`` is a stream that has been opened already.

        Raises:
            UpstreamError: they do not come. What has arrived can be gone on with.
            Lied: they do not have their digest, or there are more or less of them.
            StorageFull, StorageFailed.
        """
        with contextlib.closing(self._hasher):
            self._run(first, arrival)

    def _run(self, first: Stream | None, arrival: Arrival | None) -> None:
        attempt, reached = 0, self._writer.size
        while self._writer.size < self._size:
            try:
                stream, first = first or self._open(self._writer.size), None
                if stream is None:
                    raise UpstreamFailed("the blob has gone while it was being fetched")
                with stream:
                    self._take(stream, arrival)
                if self._writer.size < self._size:
                    raise UpstreamFailed("the upstream broke off in a blob")
            except UpstreamFailed:
                attempt = 1 if self._writer.size > reached else attempt + 1
                reached = self._writer.size
                if attempt >= _ATTEMPTS or _is_unwanted(arrival):
                    raise
                self._over.wait(_REST * attempt)
        found = Digest.from_hasher(self._digest.algorithm, self._hasher)
        if found != self._digest:
            raise Lied(f"the upstream has sent {found} for {self._digest}")

    def _take(self, stream: Stream, arrival: Arrival | None) -> None:
        if stream.size != self._size:
            raise Lied(f"the upstream says that {self._digest} has {stream.size} bytes")
        self._skip(stream)
        while data := stream.read(_READ):
            if self._writer.size + len(data) > self._size:
                raise Lied(f"the upstream has sent too many bytes for {self._digest}")
            self._writer.write(data)
            if arrival is not None:
                arrival.advance(self._writer.size)
                if _is_unwanted(arrival):
                    raise UpstreamFailed("nobody waits for the blob any more")

    def _skip(self, stream: Stream) -> None:
        """Pass over the bytes that are there already; the digest will tell if they differ."""
        left = self._writer.size - stream.offset
        if left < 0 or stream.offset not in (0, self._writer.size):
            raise UpstreamFailed("the upstream has sent another range than was asked for")
        while left > 0:
            data = stream.read(min(left, _READ))
            if not data:
                raise UpstreamFailed("the upstream broke off in a blob")
            left -= len(data)


def _is_unwanted(arrival: Arrival | None) -> bool:
    return arrival is not None and arrival.unwanted() > UNWANTED
