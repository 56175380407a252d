"""A blob on its way, as one process sees it: `registry.model.arriving.Bytes`."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Final

from registry.model.digests import Digest
from registry.model.names import ImageName

HELD_BACK: Final = 64 * 1024
"""Bytes at the end that nobody gets before the digest has been verified."""


class Arrival:
    """The bytes of a blob in the file of its download, and how far they have come."""

    def __init__(
        self,
        image: ImageName,
        digest: Digest,
        size: int,
        descriptor: int,
        *,
        verified: bool = False,
    ) -> None:
        """Look at an open file, which is closed when nobody needs this any more."""
        self.image = image
        self.digest = digest
        self._size = size
        self.descriptor = descriptor
        self._arrived = 0
        self._verified = verified
        self._broken = False
        self._changed = threading.Condition()
        self._listeners: dict[object, Callable[[], None]] = {}
        self._left = time.monotonic()
        weakref.finalize(self, os.close, descriptor)

    @property
    def size(self) -> int:
        """See `Bytes.size`."""
        return self._size

    @property
    def ready(self) -> int:
        """See `Bytes.ready`."""
        if self._verified:
            return self._size
        return max(min(self._arrived, self._size - HELD_BACK), 0)

    @property
    def broken(self) -> bool:
        """See `Bytes.broken`."""
        return self._broken

    @property
    def over(self) -> bool:
        """Whether nothing will change any more."""
        return self._broken or self._verified

    def unwanted(self) -> float:
        """Return for how many seconds nobody has wanted it."""
        with self._changed:
            return 0.0 if self._listeners else time.monotonic() - self._left

    # --- for those who send it ---------------------------------------------------------------

    def open(self) -> int:
        """See `Bytes.open`."""
        return os.dup(self.descriptor)

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """See `Bytes.listen`."""
        name = object()
        with self._changed:
            self._listeners[name] = listener

        def end() -> None:
            with self._changed:
                self._listeners.pop(name, None)
                self._left = time.monotonic()

        return end

    def wait(self, beyond: int) -> None:
        """See `Bytes.wait`."""
        with self._changed:
            self._changed.wait_for(lambda: self.ready > beyond or self.over)
            self._left = time.monotonic()

    # --- for those who let it come -----------------------------------------------------------

    def advance(self, arrived: int) -> None:
        """So many bytes are in the file now."""
        if arrived > self._arrived:
            self._arrived = arrived
            self._tell()

    def verify(self) -> None:
        """All bytes are there, and have their digest."""
        self._verified = True
        self._tell()

    def break_off(self) -> None:
        """No more bytes will come."""
        self._broken = True
        self._tell()

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()
            listeners = list(self._listeners.values())
        for listener in listeners:
            listener()
