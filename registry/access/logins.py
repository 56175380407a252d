"""When users last logged in: written at most once an hour each, and apart from the users.

Apart, because a login must not undo what an admin changes of the user at the same moment.
"""

from __future__ import annotations

import contextlib
import datetime
import time
from typing import Final

from registry.model.errors import StorageFailed, StorageFull
from registry.storage import atomic, documents
from registry.storage.journal import now, parse_timestamp, timestamp
from registry.storage.store import Store

_PAUSE: Final = 3600.0
"""Seconds in which a user's logins are noted once."""
_LAST: Final = "lastLoggedIn"


class Logins:
    """The last logins to one storage folder."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._noted: dict[str, float] = {}

    def note(self, name: str) -> None:
        """Take note that a user has just logged in; never fails."""
        moment = time.monotonic()
        if moment < self._noted.get(name, float("-inf")) + _PAUSE:
            return
        # Also where it cannot be written: a full disk is not tried at each request.
        self._noted[name] = moment
        last, path = self.last(name), self._store.layout.login(name)
        if last is not None and now() - parse_timestamp(last) < datetime.timedelta(seconds=_PAUSE):
            return
        with contextlib.suppress(StorageFailed, StorageFull):
            documents.replace(path, {_LAST: timestamp(now())})

    def last(self, name: str) -> str | None:
        """Return when a user last logged in, to the hour; None if that is not known."""
        with contextlib.suppress(StorageFailed):
            document = self._store.documents.read(self._store.layout.login(name)) or {}
            value = document.get(_LAST)
            with contextlib.suppress(ValueError):
                if isinstance(value, str) and parse_timestamp(value):
                    return value
        return None

    def forget(self, name: str) -> None:
        """Forget the logins of a user who is removed."""
        self._noted.pop(name, None)
        atomic.remove(self._store.layout.login(name))
