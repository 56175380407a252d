"""Hashing beside the thread that receives and writes: a download is as fast as its slowest part."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from registry.model.digests import Hasher

_WAITING: Final = 2
"""Pieces that may wait to be hashed."""


class HashingBeside:
    """A hasher that hashes in a thread of its own, from its first piece until `close`."""

    def __init__(self, hasher: Hasher) -> None:
        """Go on with ``hasher``, which nobody else uses meanwhile."""
        self._hasher = hasher
        self._pieces: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._working = False
        self._closed = False
        self._thread: threading.Thread | None = None

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """Take more bytes, which must not change any more."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="hashing", daemon=True)
            self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: len(self._pieces) < _WAITING)
            self._pieces.append(bytes(data))
            self._changed.notify_all()

    def hexdigest(self) -> str:
        """Return the hash of all bytes so far."""
        with self._changed:
            self._changed.wait_for(lambda: not self._pieces and not self._working)
            return self._hasher.hexdigest()

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._pieces.clear()
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._working = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._pieces or self._closed)
                if not self._pieces:
                    return
                piece = self._pieces.popleft()
                self._working = True
            self._hasher.update(piece)
