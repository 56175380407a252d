"""The signing keys of tokens: made on first use, rotated without ending sessions."""

from __future__ import annotations

import secrets
from typing import Any, Final

from registry.storage import atomic, documents
from registry.storage.journal import now, timestamp
from registry.storage.store import Store

KEPT: Final = 3
"""Keys that still verify; the newest one signs."""


class SigningKeys:
    """The keys in ``etc/keys.json`` (0600); a rotation is valid at once in every process."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def current(self) -> list[str]:
        """Return the secrets, oldest first; the last one signs."""
        document = self._store.documents.read(self._store.layout.keys())
        if document is None:
            self.ensure()
            return self.current()
        return [key["secret"] for key in document["keys"]]

    def ensure(self) -> None:
        """Make the first key if there is none."""
        if self._is_there():
            # Without the lock, which a read-only storage folder does not give.
            return
        with self._store.locks.definitions():
            if not self._is_there():
                self._write([_fresh_key()])

    def _is_there(self) -> bool:
        return self._store.documents.read(self._store.layout.keys()) is not None

    def rotate(self) -> int:
        """Add a key that signs from now on, forget the oldest, and return how many verify."""
        with self._store.locks.definitions():
            document = self._store.documents.read(self._store.layout.keys()) or {"keys": []}
            keys = [*document["keys"], _fresh_key()][-KEPT:]
            self._write(keys)
        return len(keys)

    def _write(self, keys: list[dict[str, Any]]) -> None:
        documents.replace(self._store.layout.keys(), {"keys": keys}, atomic.SECRET_MODE)


def _fresh_key() -> dict[str, Any]:
    return {"created": timestamp(now()), "secret": secrets.token_urlsafe(32)}
