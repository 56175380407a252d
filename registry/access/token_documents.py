"""What is kept of access tokens, API keys and sessions: a document each in ``etc/tokens``, 0600.

Without its document a secret is worth nothing, so removing one ends it in every process at once.
The secrets themselves are not in them, only their marks. When something was used last is the time
of its file: that is set at most every few minutes, and costs no write that anybody waits for.
"""

from __future__ import annotations

import contextlib
import enum
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from registry.access.forms import is_id
from registry.model.errors import RegistryError, StorageFailed
from registry.storage import atomic, documents, syncing, walk
from registry.storage.store import Store

USE_NOTED_EVERY: Final = 300.0
"""Seconds between two notes that the same secret was used."""
_SWEPT_EVERY: Final = 600.0
_REMEMBERED: Final = 4096
_SETTLING: Final = 2.0
"""Seconds within which the time of a new file is that of its making, and of no use."""


class Kind(enum.Enum):
    """What a document is about."""

    ACCESS = "access token"
    API_KEY = "API key"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one secret."""

    id: str
    kind: Kind
    user: str
    owner: str
    """When the user whose rights it has was made; another user of that name is another one."""
    credential: str
    """Changes whenever the secret does, and so ends what was fetched with it."""
    issued: int
    expires: int | None = None
    """Seconds since 1970, as all times here; None for never."""
    scope: str = ""
    issuer: str = ""
    """Who asked for it."""
    transient: bool = False
    """Whether there is no such user, and it has its rights from the admin who asked for it."""
    lifetime: int = 0
    description: str = ""
    audience: str = ""
    secret: str = ""
    """The mark of an API key, of a reference token, or of what a session's cookie has."""
    refresh: str = ""
    """The mark of the refresh token."""
    refreshed_until: int | None = None
    """Until when it can be refreshed; None without an end."""
    salt: str = ""

    def is_over(self, moment: float) -> bool:
        """Return whether it has expired."""
        return self.expires is not None and moment >= self.expires

    def is_refreshable(self, moment: float) -> bool:
        """Return whether another one can be had for it."""
        return bool(self.refresh) and (
            self.refreshed_until is None or moment < self.refreshed_until
        )

    def is_dead(self, moment: float) -> bool:
        """Return whether nothing can be done with it any more."""
        return self.is_over(moment) and not self.is_refreshable(moment)


_NAMES: Final = {
    "id": "id", "user": "user", "owner": "owner", "credential": "credential", "issued": "issued",
    "expires": "expires", "scope": "scope", "issuer": "issuer", "transient": "transient",
    "lifetime": "lifetime", "description": "description", "audience": "audience",
    "secret": "secret", "refresh": "refresh", "refreshed_until": "refreshedUntil", "salt": "salt",
}  # fmt: skip
"""What the fields are called in a document."""


class TokenDocuments:
    """The documents of one storage folder; changes are valid at once in every process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._used: dict[str, float] = {}
        self._swept = float("-inf")
        self._lock = threading.Lock()

    def read(self, token: str) -> Record | None:
        """Return what is known under an id, or None; any text may be asked for."""
        if not is_id(token):
            return None
        document = self._store.documents.read(self._path(token))
        return None if document is None else _record(token, document)

    def all(self, kind: Kind) -> Iterator[Record]:
        """Yield what there is of a kind, expired or not; what is damaged is left out."""
        for name in self._store.documents.names(self._store.layout.top("etc/tokens")):
            with contextlib.suppress(StorageFailed):
                record = self.read(name)
                if record is not None and record.kind is kind:
                    yield record

    def create(self, record: Record) -> None:
        """Keep a new one. Raises FileExistsError if there is one under that id."""
        self._sweep()
        documents.create(self._path(record.id), _document(record), atomic.SECRET_MODE)

    def replace(self, record: Record) -> None:
        """Keep another one under the same id."""
        documents.replace(self._path(record.id), _document(record), atomic.SECRET_MODE)

    def shorten(self, token: str, end: int) -> bool:
        """Let one end then, if not sooner; return whether it is there."""
        with self._store.locks.definitions():
            record = self.read(token)
            if record is None:
                return False
            self.replace(
                replace(
                    record,
                    expires=min(record.expires or end, end),
                    refreshed_until=min(record.refreshed_until or end, end),
                )
            )
            return True

    def remove(self, token: str) -> bool:
        """Forget one, which ends it; return whether it was there."""
        if not is_id(token):
            return False
        # The lock keeps a change that is under way from bringing it back.
        with self._store.locks.definitions():
            was_there = atomic.remove(self._path(token))
            syncing.sync_folder(self._store.layout.top("etc/tokens"))
        return was_there

    def forget_user(self, name: str) -> None:
        """Forget all of a user who is removed; none of it is good any more.

        The caller holds the definitions lock.
        """
        for kind in Kind:
            for record in list(self.all(kind)):
                if name == (record.issuer if record.transient else record.user):
                    atomic.remove(self._path(record.id))

    def note_use(self, token: str) -> None:
        """Take note that one was used just now; never fails."""
        moment = time.monotonic()
        if moment < self._used.get(token, float("-inf")) + USE_NOTED_EVERY:
            return
        if len(self._used) >= _REMEMBERED:
            self._used.clear()
        self._used[token] = moment
        with contextlib.suppress(RegistryError):
            atomic.touch(self._path(token))

    def last_use(self, record: Record) -> int | None:
        """Return when one was used last, to a few minutes; None if never."""
        status = walk.look_at(self._path(record.id))
        if status is None or status.st_mtime < record.issued + _SETTLING:
            return None
        return int(status.st_mtime)

    def _sweep(self) -> None:
        """Forget from time to time what has expired, as new ones are made."""
        with self._lock:
            if time.monotonic() < self._swept + _SWEPT_EVERY:
                return
            self._swept = time.monotonic()
        moment = time.time()
        for kind in Kind:
            for record in self.all(kind):
                if record.is_dead(moment):
                    atomic.remove(self._path(record.id))

    def _path(self, token: str) -> str:
        return self._store.layout.access_token(token)


def _document(record: Record) -> dict[str, Any]:
    """Return a record as it is kept; what is empty is left out."""
    found = {"kind": record.kind.value}
    for field, name in _NAMES.items():
        value = getattr(record, field)
        if value not in ("", None, False):
            found[name] = value
    return found


def _record(token: str, document: Mapping[str, Any]) -> Record:
    """Return the record that a document describes.

    Raises:
        StorageFailed: it has been damaged.
    """
    given = {field: document[name] for field, name in _NAMES.items() if name in document}
    try:
        record = Record(kind=Kind(document["kind"]), **given)
        whole = record.id == token and isinstance(record.expires, int | None)
    except (KeyError, TypeError, ValueError):
        whole = False
    if not whole:
        raise StorageFailed(f"the document {token}.json is damaged")
    return record
