"""Whether the storage can serve right now: tried by doing, but not for every probe that asks."""

from __future__ import annotations

import threading
import time
from typing import Final

from registry.model.errors import StorageUnusable
from registry.storage import format as storage_format
from registry.storage.store import Store

TRIED_EVERY: Final = 1.0
"""Seconds that an answer is good for: a trial writes and syncs, and anybody may ask."""


class Readiness:
    """Tries the storage of one registry."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._tried_at = float("-inf")
        self._failure: str | None = None

    def check(self) -> None:
        """Raise StorageUnusable if the storage cannot be written or does not take hard links."""
        with self._lock:
            if time.monotonic() - self._tried_at >= TRIED_EVERY:
                self._failure = self._try()
                self._tried_at = time.monotonic()
            if self._failure is not None:
                raise StorageUnusable(self._failure)

    def _try(self) -> str | None:
        try:
            storage_format.probe(self._store.layout)
        except StorageUnusable as error:
            return error.message
        return None
