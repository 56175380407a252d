"""Users, one document each in ``etc/users``.

A document has what was given; what older ones do not have has its default.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from registry.access import mentions
from registry.access.groups import Groups
from registry.access.logins import Logins
from registry.access.principals import ANONYMOUS, Access, Principal
from registry.access.token_documents import TokenDocuments
from registry.access.user_documents import KEPT, User, UserFields, changed, user_of
from registry.model.errors import GroupUnknown, UserExists, UserInvalid, UserUnknown
from registry.storage import atomic, documents, syncing
from registry.storage.journal import now, timestamp
from registry.storage.store import Store

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")


class Users:
    """The users of one storage folder; changes are valid at once in every process."""

    def __init__(self, store: Store, groups: Groups | None = None) -> None:
        self._store = store
        self._groups = groups or Groups(store)
        self.logins = Logins(store)

    # --- reading -------------------------------------------------------------------------------

    def find(self, name: str) -> User | None:
        """Return the user of that name, or None; any text may be asked for."""
        if not _NAME.fullmatch(name):
            return None
        document = self._store.documents.read(self._store.layout.user(name))
        return None if document is None else user_of(document)

    def get(self, name: str) -> User:
        """Return the user of that name.

        Raises:
            UserUnknown: there is none.
        """
        user = self.find(name)
        if user is None:
            raise UserUnknown(f"there is no user '{name[:80]}'; 'user list' shows all")
        return user

    def all(self) -> list[User]:
        """Return all users, sorted by name."""
        names = self._store.documents.names(self._store.layout.top("etc/users"))
        return [user for user in map(self.find, names) if user is not None]

    def members(self, group: str) -> list[str]:
        """Return the names of the members of a group, sorted."""
        return [user.name for user in self.all() if group in user.groups]

    def principal(self, user: User, access: Access | None = None, *, token: str = "") -> Principal:
        """Return a user as somebody who asks, with the rights of the groups of this moment."""
        if not user.groups:
            return Principal(user.name, user.admin, access, token=token)
        groups, admin = self._groups.in_force(user.groups)
        return Principal(user.name, user.admin or admin, access, groups, token)

    # --- changing ------------------------------------------------------------------------------

    def add(self, name: str, password: str, *, admin: bool = False) -> User:
        """Add a user. Raises as `create`."""
        return self.create(name, UserFields(password=password, admin=admin))

    def create(self, name: str, given: UserFields) -> User:
        """Add a user, who joins the groups that new users join unless others are given.

        Raises:
            UserInvalid: the name, the password or a field cannot be used, or there is no such
                group.
            UserExists: the name is taken.
        """
        require_name(name)
        with self._store.locks.definitions():
            if self.find(name) is not None:
                raise _exists(name)
            document = self._made_new(name, {}, given)
            try:
                documents.create(self._store.layout.user(name), document, atomic.SECRET_MODE)
            except FileExistsError:
                raise _exists(name) from None
        return user_of(document)

    def change(self, name: str, given: UserFields) -> User:
        """Change some fields of a user; the others keep their values.

        Tokens that were issued before a change of the password are no longer good.

        Raises:
            UserUnknown, UserInvalid.
        """
        with self._store.locks.definitions():
            self.get(name)
            self._require_groups(given.groups or ())
            return self._put(name, changed(self._stored(name), given))

    def replace(self, name: str, given: UserFields) -> User:
        """Create a user, or give one its fields; what is not given is as it is of a new user.

        Only a password that is not given stays as it is.

        Raises:
            UserInvalid.
        """
        require_name(name)
        with self._store.locks.definitions():
            stored = {key: value for key, value in self._stored(name).items() if key in KEPT}
            return self._put(name, self._made_new(name, stored, given))

    def set_password(self, name: str, password: str) -> None:
        """Change a password; tokens that were issued before are no longer good.

        Raises:
            UserUnknown, UserInvalid: no such user, or the password cannot be used.
        """
        self.change(name, UserFields(password=password))

    def remove(self, name: str) -> None:
        """Remove a user, also from permission targets, with all tokens and keys.

        The next request with any of its credentials is refused.

        Raises:
            UserUnknown: there is none.
            UserInvalid: it is the last admin.
        """
        with self._store.locks.definitions():
            self._require_other_admin(self.get(name), None)
            with mentions.without_user(self._store, name):
                self.logins.forget(name)
                atomic.remove(self._store.layout.user(name))
            TokenDocuments(self._store).forget_user(name)
            syncing.sync_folder(self._store.layout.top("etc/users"))

    def change_members(
        self, group: str, add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> list[str]:
        """Let users join or leave a group; return its members, sorted.

        Raises:
            GroupUnknown, UserUnknown: there is none of that name; then nothing has changed.
        """
        with self._store.locks.definitions():
            self._groups.get(group)
            joining = {name: self.get(name) for name in add}
            leaving = {name: self.get(name) for name in remove}
            self._regroup(group, joining.values(), leaving.values())
        return self.members(group)

    def set_members(self, group: str, names: Iterable[str]) -> None:
        """Let a group have exactly these members. Raises as `change_members`."""
        with self._store.locks.definitions():
            self._groups.get(group)
            wanted = {name: self.get(name) for name in names}
            leaving = [user for user in self.all() if user.name not in wanted]
            self._regroup(group, wanted.values(), leaving)

    def regroup(self, name: str, add: Iterable[str], remove: Iterable[str]) -> User:
        """Let one user join and leave groups.

        Raises:
            UserUnknown, UserInvalid: there is no such user or group.
        """
        with self._store.locks.definitions():
            user, joined = self.get(name), list(add)
            self._require_groups(joined)
            self._put_groups(user, sorted({*user.groups, *joined} - set(remove)))
        return self.get(name)

    def _regroup(self, group: str, joining: Iterable[User], leaving: Iterable[User]) -> None:
        for user in joining:
            if group not in user.groups:
                self._put_groups(user, [*user.groups, group])
        for user in leaving:
            if group in user.groups:
                self._put_groups(user, [other for other in user.groups if other != group])

    def _require_groups(self, names: Iterable[str]) -> None:
        try:
            self._groups.require(names)
        except GroupUnknown as error:
            raise UserInvalid(error.message) from None

    def _put_groups(self, user: User, groups: list[str]) -> None:
        document = dict(self._stored(user.name)) | {"groups": sorted(set(groups))}
        documents.replace(self._store.layout.user(user.name), document, atomic.SECRET_MODE)

    def _put(self, name: str, document: dict[str, Any]) -> User:
        before, user = self.find(name), user_of(document)
        if before is not None:
            self._require_other_admin(before, user)
        documents.replace(self._store.layout.user(name), document, atomic.SECRET_MODE)
        return user

    def _made_new(self, name: str, stored: Mapping[str, Any], given: UserFields) -> dict[str, Any]:
        if given.groups is None:
            given = replace(given, groups=self._groups.joined_by_new_users())
        self._require_groups(given.groups or ())
        fixed = {"name": name, "admin": False, "created": timestamp(now())}
        return changed({**fixed, **stored}, given)

    def _stored(self, name: str) -> Mapping[str, Any]:
        return self._store.documents.read(self._store.layout.user(name)) or {}

    def _require_other_admin(self, before: User, after: User | None) -> None:
        """Raise UserInvalid if a change leaves nobody who could undo it."""
        if not _is_acting_admin(before) or (after is not None and _is_acting_admin(after)):
            return
        if not any(_is_acting_admin(user) for user in self.all() if user.name != before.name):
            raise UserInvalid(f"'{before.name}' is the last admin; add another one first")


def require_name(name: str) -> None:
    """Raise UserInvalid unless a user can have a name."""
    if not _NAME.fullmatch(name) or name == ANONYMOUS:
        raise UserInvalid(
            "a user name has 1 to 64 lower-case letters, digits and . _ @ + -, begins with a "
            f"letter or digit, and is not '{ANONYMOUS}'"
        )


def _is_acting_admin(user: User) -> bool:
    return user.admin and not user.disabled


def _exists(name: str) -> UserExists:
    return UserExists(f"the user '{name}' exists already; 'user set-password' changes the password")
