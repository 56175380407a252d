"""The signing keys of tokens: made on first use, rotated without ending sessions.

Beside them stands one secret that no rotation changes: API keys are made from it.
"""

from __future__ import annotations

import secrets
from typing import Any, Final

from registry.storage import atomic, documents
from registry.storage.journal import now, timestamp
from registry.storage.store import Store

KEPT: Final = 3
"""Keys that still verify; the newest one signs."""

_LASTING: Final = "apiKeys"


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

    def lasting(self) -> str:
        """Return the secret that stays the same; it is made when it is first asked for."""
        found = self._lasting()
        if found is None:
            self.ensure()
            with self._store.locks.definitions():
                found = self._lasting()
                if found is None:
                    key = _fresh_key()
                    document = self._store.documents.read(self._store.layout.keys()) or {}
                    self._write(dict(document) | {_LASTING: key})
                    found = str(key["secret"])
        return found

    def _lasting(self) -> str | None:
        document = self._store.documents.read(self._store.layout.keys()) or {}
        return document[_LASTING]["secret"] if _LASTING in document else None

    def ensure(self) -> None:
        """Make the first key if there is none."""
        if self._is_there():
            # Without the lock, which a read-only storage folder does not give.
            return
        with self._store.locks.definitions():
            if not self._is_there():
                self._write({"keys": [_fresh_key()]})

    def _is_there(self) -> bool:
        return self._store.documents.read(self._store.layout.keys()) is not None

    def rotate(self) -> int:
        """Add a key that signs from now on, forget the oldest, and return how many verify."""
        with self._store.locks.definitions():
            document = self._store.documents.read(self._store.layout.keys()) or {"keys": []}
            keys = [*document["keys"], _fresh_key()][-KEPT:]
            self._write(dict(document) | {"keys": keys})
        return len(keys)

    def _write(self, document: dict[str, Any]) -> None:
        documents.replace(self._store.layout.keys(), document, atomic.SECRET_MODE)


def _fresh_key() -> dict[str, Any]:
    return {"created": timestamp(now()), "secret": secrets.token_urlsafe(32)}
