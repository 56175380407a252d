"""Groups, one document each in ``etc/groups``. Who is a member stands with the users."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from registry.access import mentions
from registry.model.errors import GroupExists, GroupInvalid, GroupUnknown
from registry.storage import atomic, documents, syncing
from registry.storage.document_folders import DocumentFolder
from registry.storage.journal import now, timestamp
from registry.storage.layout import document_name
from registry.storage.store import Store

NAME_LIMIT: Final = 64
_TEXT_LIMIT: Final = 1024
_FORBIDDEN: Final = re.compile(r'[/\\:|?*"<>,;%]')
_FILE_NAME_LIMIT: Final = 200


def is_title(name: str, limit: int = NAME_LIMIT) -> bool:
    """Return whether a group or permission target can have a name.

    It can stand in a path and in a list with commas, and the file name of its document is one.
    """
    return (
        0 < len(name) <= limit
        and name.isprintable()
        and name == name.strip()
        and name not in (".", "..")
        and not _FORBIDDEN.search(name)
        and len(document_name(name)) <= _FILE_NAME_LIMIT
    )


@dataclass(frozen=True, slots=True)
class Group:
    """A group as stored."""

    name: str
    description: str = ""
    auto_join: bool = False
    """Whether new users are members unless something else is said."""
    admin_privileges: bool = False
    """Whether its members are admins."""
    realm: str = "internal"
    realm_attributes: str = ""
    external_id: str | None = None
    """What it is called elsewhere."""


@dataclass(frozen=True, slots=True)
class GroupFields:
    """What is to be set of a group; None leaves it as it is."""

    description: str | None = None
    auto_join: bool | None = None
    admin_privileges: bool | None = None
    realm: str | None = None
    realm_attributes: str | None = None
    external_id: str | None = None


_KEYS: Final = {
    "description": "description",
    "auto_join": "autoJoin",
    "admin_privileges": "adminPrivileges",
    "realm": "realm",
    "realm_attributes": "realmAttributes",
    "external_id": "externalId",
}
"""What the fields are called in a document."""


class Groups:
    """The groups of one storage folder; changes are valid at once in every process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._folder = DocumentFolder(store.documents, store.layout.top("etc/groups"))

    def find(self, name: str) -> Group | None:
        """Return the group of that name, or None; any text may be asked for."""
        if not is_title(name):
            return None
        document = self._store.documents.read(self._store.layout.group(name))
        return None if document is None else _group(name, document)

    def get(self, name: str) -> Group:
        """Return the group of that name.

        Raises:
            GroupUnknown: there is none.
        """
        group = self.find(name)
        if group is None:
            raise GroupUnknown(f"there is no group '{name[:80]}'; 'group list' shows all")
        return group

    def all(self) -> list[Group]:
        """Return all groups, sorted by name."""
        return [_group(name, document) for name, document in sorted(self._folder.read().items())]

    def in_force(self, names: Iterable[str]) -> tuple[frozenset[str], bool]:
        """Return which groups of these there are, and whether one makes its members admins.

        Asked in every request of a member: it costs a look at the folder.
        """
        known = self._folder.read()
        found = frozenset(name for name in names if name in known)
        return found, any(known[name].get("adminPrivileges") is True for name in found)

    def joined_by_new_users(self) -> list[str]:
        """Return the groups that a new user joins, sorted."""
        return [group.name for group in self.all() if group.auto_join]

    def require(self, names: Iterable[str]) -> None:
        """Raise GroupUnknown unless there are all of these groups."""
        for name in names:
            self.get(name)

    def create(self, name: str, given: GroupFields) -> Group:
        """Create a group.

        Raises:
            GroupInvalid: the name or a field cannot be used.
            GroupExists: the name is taken.
        """
        document = self._made(name, {}, given)
        try:
            documents.create(self._store.layout.group(name), document)
        except FileExistsError:
            raise GroupExists(
                f"the group '{name}' exists already; 'group set' changes it"
            ) from None
        return _group(name, document)

    def change(self, name: str, given: GroupFields) -> Group:
        """Change some fields of a group; the others keep their values.

        Raises:
            GroupUnknown, GroupInvalid.
        """
        with self._store.locks.definitions():
            self.get(name)
            return self._put(name, self._stored(name), given)

    def replace(self, name: str, given: GroupFields) -> Group:
        """Create a group, or give one its fields; what is not given has its default.

        Raises:
            GroupInvalid: the name or a field cannot be used.
        """
        with self._store.locks.definitions():
            kept = {key: value for key, value in self._stored(name).items() if key == "created"}
            return self._put(name, kept, given)

    def remove(self, name: str) -> None:
        """Remove a group, also from its members and from permission targets.

        Raises:
            GroupUnknown: there is none.
        """
        with self._store.locks.definitions():
            self.get(name)
            with mentions.without_group(self._store, name):
                atomic.remove(self._store.layout.group(name))
            syncing.sync_folder(self._store.layout.top("etc/groups"))

    def _put(self, name: str, stored: Mapping[str, Any], given: GroupFields) -> Group:
        document = self._made(name, stored, given)
        documents.replace(self._store.layout.group(name), document)
        return _group(name, document)

    def _stored(self, name: str) -> Mapping[str, Any]:
        if not is_title(name):
            return {}
        return self._store.documents.read(self._store.layout.group(name)) or {}

    @staticmethod
    def _made(name: str, stored: Mapping[str, Any], given: GroupFields) -> dict[str, Any]:
        """Return the document of a group after a change."""
        if not is_title(name):
            raise GroupInvalid(
                f"the name of a group has 1 to {NAME_LIMIT} characters that can be printed, none "
                'of / \\ : | ? * " < > , ; %, and no blank at its ends'
            )
        document = {"name": name, "created": timestamp(now()), **stored}
        for field in fields(GroupFields):
            value = getattr(given, field.name)
            if isinstance(value, str) and len(value) > _TEXT_LIMIT:
                raise GroupInvalid(f"'{_KEYS[field.name]}' has at most {_TEXT_LIMIT} characters")
            if value is not None:
                document[_KEYS[field.name]] = value
        group = _group(name, document)
        if group.auto_join and group.admin_privileges:
            raise GroupInvalid(
                "a group that new users join by themselves cannot make its members admins: of "
                "autoJoin and adminPrivileges one at most is true"
            )
        return document


def _group(name: str, document: Mapping[str, Any]) -> Group:
    made = Group(name)
    values: dict[str, Any] = {}
    for field, key in _KEYS.items():
        default = getattr(made, field)
        value = document.get(key, default)
        with contextlib.suppress(TypeError):
            # What somebody has written by hand and is of another type gives nobody a right.
            if type(value) is type(default) or (default is None and isinstance(value, str)):
                values[field] = value
    return Group(name, **values)
