"""What an admin has set about passwords and tokens: one document, ``etc/security.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from registry.model.errors import RequestInvalid, StorageFailed
from registry.storage import documents
from registry.storage.store import Store

ATTEMPTS: Final = 10
DAYS: Final = 60
_ATTEMPTS_LIMIT: Final = 1000
_DAYS_LIMIT: Final = 9999
_EXPIRY_LIMIT: Final = 10 * 366 * 86400


@dataclass(frozen=True, slots=True)
class Locking:
    """When wrong passwords slow down whoever tries them."""

    enabled: bool = True
    attempts: int = ATTEMPTS
    """Failures that cost nothing."""


@dataclass(frozen=True, slots=True)
class Aging:
    """When passwords have to be changed."""

    enabled: bool = False
    days: int = DAYS
    """How old a password can become."""
    by_mail: bool = True
    """Kept for clients; no mail is sent."""


TOKEN_EXPIRY: Final = 365 * 86400
"""Seconds that a token of the Access API is good for if nothing is said and nothing is set."""


class Policies:
    """The policies of one storage folder; changes are valid at once in every process."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def locking(self) -> Locking:
        """Return the policy on wrong passwords."""
        kept = self._part("locking")
        return Locking(_flag(kept, "enabled", True), _number(kept, "attempts", ATTEMPTS))

    def aging(self) -> Aging:
        """Return the policy on old passwords."""
        kept = self._part("aging")
        return Aging(
            _flag(kept, "enabled", False), _number(kept, "days", DAYS), _flag(kept, "byMail", True)
        )

    def token_expiry(self) -> int:
        """Return for how many seconds tokens are good, and those of others than admins at most."""
        return _number(self._part("tokens"), "expiry", TOKEN_EXPIRY)

    def set_locking(self, policy: Locking) -> None:
        """Change that policy. Raises RequestInvalid for a number that makes no sense."""
        _require(1 <= policy.attempts <= _ATTEMPTS_LIMIT, "loginAttempts", _ATTEMPTS_LIMIT)
        self._set("locking", {"enabled": policy.enabled, "attempts": policy.attempts})

    def set_aging(self, policy: Aging) -> None:
        """Change that policy. Raises RequestInvalid for a number that makes no sense."""
        _require(1 <= policy.days <= _DAYS_LIMIT, "passwordMaxAge", _DAYS_LIMIT)
        self._set(
            "aging", {"enabled": policy.enabled, "days": policy.days, "byMail": policy.by_mail}
        )

    def set_token_expiry(self, seconds: int) -> None:
        """Change that time. Raises RequestInvalid for a number that makes no sense."""
        _require(1 <= seconds <= _EXPIRY_LIMIT, "default_token_expiration", _EXPIRY_LIMIT)
        self._set("tokens", {"expiry": seconds})

    def _part(self, name: str) -> Mapping[str, Any]:
        """Return what is set about something; a damaged document must not keep everybody out."""
        try:
            document = self._store.documents.read(self._store.layout.security()) or {}
        except StorageFailed:
            return {}
        found = document.get(name)
        return found if isinstance(found, dict) else {}

    def _set(self, name: str, part: Mapping[str, Any]) -> None:
        path = self._store.layout.security()
        with self._store.locks.definitions():
            document = dict(self._store.documents.read(path) or {})
            documents.replace(path, document | {name: part})


def _flag(kept: Mapping[str, Any], name: str, default: bool) -> bool:
    value = kept.get(name)
    return value if isinstance(value, bool) else default


def _number(kept: Mapping[str, Any], name: str, default: int) -> int:
    value = kept.get(name)
    return value if type(value) is int and value > 0 else default


def _require(condition: bool, field: str, most: int) -> None:
    if not condition:
        raise RequestInvalid(f"'{field}' is a number from 1 to {most}")
