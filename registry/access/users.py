"""Users, one document each in ``etc/users``."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Any, Final

from registry.access import passwords
from registry.access.principals import ANONYMOUS
from registry.model.errors import UserExists, UserInvalid, UserUnknown
from registry.storage import atomic, documents, syncing
from registry.storage.journal import now, timestamp
from registry.storage.store import Store

PASSWORD_MINIMUM: Final = 8
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")


@dataclass(frozen=True, slots=True)
class User:
    """A user as stored."""

    name: str
    admin: bool
    password_hash: str
    credential: str
    """Changes with the password; tokens carry it, so a changed password ends them."""
    created: str


class Users:
    """The users of one storage folder; changes are valid at once in every process."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, name: str) -> User | None:
        """Return the user of that name, or None; any text may be asked for."""
        if not _NAME.fullmatch(name):
            return None
        document = self._store.documents.read(self._store.layout.user(name))
        return None if document is None else _user(document)

    def get(self, name: str) -> User:
        """Return the user of that name.

        Raises:
            UserUnknown: there is none.
        """
        user = self.find(name)
        if user is None:
            raise UserUnknown(f"there is no user '{name}'; 'user list' shows all")
        return user

    def all(self) -> list[User]:
        """Return all users, sorted by name."""
        names = self._store.documents.names(self._store.layout.top("etc/users"))
        return [user for user in map(self.find, names) if user is not None]

    def add(self, name: str, password: str, *, admin: bool = False) -> User:
        """Add a user.

        Raises:
            UserInvalid: the name or password cannot be used.
            UserExists: the name is taken.
        """
        if not _NAME.fullmatch(name) or name == ANONYMOUS:
            raise UserInvalid(
                "a user name has 1 to 64 lower-case letters, digits and . _ @ + -, begins with a "
                f"letter or digit, and is not '{ANONYMOUS}'"
            )
        document = {"name": name, "admin": admin, "created": timestamp(now())}
        document |= _credentials(password)
        try:
            documents.create(self._store.layout.user(name), document, atomic.SECRET_MODE)
        except FileExistsError:
            raise UserExists(
                f"the user '{name}' exists already; 'user set-password' changes the password"
            ) from None
        return _user(document)

    def set_password(self, name: str, password: str) -> None:
        """Change a password; tokens that were issued before are no longer good.

        Raises:
            UserUnknown, UserInvalid: no such user, or the password cannot be used.
        """
        with self._store.locks.definitions():
            self.get(name)
            path = self._store.layout.user(name)
            document = dict(self._store.documents.read(path) or {})
            documents.replace(path, document | _credentials(password), atomic.SECRET_MODE)

    def remove(self, name: str) -> None:
        """Remove a user; the next request with any of its credentials is refused.

        Raises:
            UserUnknown: there is none.
            UserInvalid: it is the last admin.
        """
        with self._store.locks.definitions():
            user = self.get(name)
            if user.admin and sum(other.admin for other in self.all()) == 1:
                raise UserInvalid(f"'{name}' is the last admin; add another one first")
            atomic.remove(self._store.layout.user(name))
            syncing.sync_folder(self._store.layout.top("etc/users"))


def _credentials(password: str) -> dict[str, Any]:
    if len(password) < PASSWORD_MINIMUM or not passwords.is_usable(password):
        raise UserInvalid(
            f"a password has {PASSWORD_MINIMUM} to {passwords.PASSWORD_LIMIT} characters, and no "
            "zero byte"
        )
    return {
        "passwordHash": passwords.hash_password(password),
        "credential": secrets.token_hex(8),
    }


def _user(document: dict[str, Any]) -> User:
    return User(
        name=document["name"],
        admin=bool(document["admin"]),
        password_hash=document["passwordHash"],
        credential=document["credential"],
        created=document["created"],
    )
