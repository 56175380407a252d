"""Permission targets, one document each in ``etc/permissions``.

A target says what users and groups may do in a part of some repositories. It has a section for
images, ``repo``; those for builds and release bundles are kept for clients, without effect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from registry.access.groups import Groups, is_title
from registry.access.mentions import SECTIONS
from registry.access.principals import ANONYMOUS, Action
from registry.access.users import Users
from registry.model.errors import PermissionExists, PermissionInvalid, PermissionUnknown
from registry.model.names import remote_key
from registry.model.repository_fields import LOCAL, REMOTE, VIRTUAL
from registry.storage import atomic, documents, syncing
from registry.storage.document_folders import DocumentFolder, Found
from registry.storage.journal import now, timestamp
from registry.storage.store import Store

NAME_LIMIT: Final = 64
ANY: Final = "ANY"
ANY_LOCAL: Final = "ANY LOCAL"
ANY_REMOTE: Final = "ANY REMOTE"
ANYS: Final[Mapping[str, Sequence[str]]] = {
    ANY: (LOCAL, REMOTE),
    ANY_LOCAL: (LOCAL,),
    ANY_REMOTE: (REMOTE,),
}
"""Words that stand for all repositories of some kinds."""
WORDS: Final = (
    *(action.value for action in (Action.READ, Action.WRITE, Action.ANNOTATE)),
    *(action.value for action in (Action.DELETE, Action.MANAGE)),
    *("managedXrayMeta", "distribute"),
)
"""What can be allowed; the last two are kept for clients, without effect."""
EVERYTHING: Final = "**"
_PATTERNS: Final = 100
_PATTERN_LENGTH: Final = 512

Allowed = Mapping[str, Sequence[str]]
"""Name of a user or group to `WORDS`, in their order."""


@dataclass(frozen=True, slots=True)
class Section:
    """Who may do what in which part of some repositories."""

    repositories: Sequence[str] = ()
    """Keys, and `ANYS`."""
    includes: Sequence[str] = (EVERYTHING,)
    excludes: Sequence[str] = ()
    users: Allowed = field(default_factory=dict)
    groups: Allowed = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PermissionTarget:
    """A permission target as stored."""

    name: str
    sections: Mapping[str, Section]
    """By their names in `mentions.SECTIONS`; those that were never given are missing."""

    @property
    def repo(self) -> Section:
        """What it says of images; without that section it says nothing."""
        return self.sections.get("repo", _NOTHING)


_NOTHING: Final = Section()


class PermissionTargets:
    """The permission targets of one storage folder; changes are valid at once in every process."""

    def __init__(self, store: Store, users: Users, groups: Groups) -> None:
        self._store = store
        self._users = users
        self._groups = groups
        self._folder = DocumentFolder(store.documents, store.layout.top("etc/permissions"))

    # --- reading -------------------------------------------------------------------------------

    def found(self) -> Found:
        """Return the documents by name; the same object as long as none has changed."""
        return self._folder.read()

    def in_force(self) -> bool:
        """Return whether targets decide: there is one, or there has been one."""
        return bool(self.found()) or (
            self._store.documents.read(self._store.layout.permission_rules()) is not None
        )

    def find(self, name: str) -> PermissionTarget | None:
        """Return the target of that name, or None; any text may be asked for."""
        if not is_title(name, NAME_LIMIT):
            return None
        document = self._store.documents.read(self._store.layout.permission_target(name))
        return None if document is None else target_of(name, document)

    def get(self, name: str) -> PermissionTarget:
        """Return the target of that name.

        Raises:
            PermissionUnknown: there is none.
        """
        target = self.find(name)
        if target is None:
            raise _unknown(name)
        return target

    def all(self) -> list[PermissionTarget]:
        """Return all targets, sorted by name."""
        return self.all_of(self.found())

    @staticmethod
    def all_of(found: Found) -> list[PermissionTarget]:
        """Return the targets of some documents, sorted by name."""
        return [target_of(name, document) for name, document in sorted(found.items())]

    # --- changing ------------------------------------------------------------------------------

    def create(self, target: PermissionTarget) -> None:
        """Store a new target.

        Raises:
            PermissionInvalid: it names what there is not, or has a wrong value.
            PermissionExists: the name is taken.
        """
        with self._store.locks.definitions():
            self._validate(target)
            self.put_in_force()
            try:
                documents.create(self._path(target.name), self._document(target))
            except FileExistsError:
                raise PermissionExists(
                    f"the permission target '{target.name}' exists already"
                ) from None

    def replace(self, target: PermissionTarget) -> None:
        """Store a target, new or instead of the one of that name. Raises PermissionInvalid."""
        with self._store.locks.definitions():
            self._validate(target)
            self.put_in_force()
            documents.replace(self._path(target.name), self._document(target))

    def remove(self, name: str) -> None:
        """Remove a target.

        Raises:
            PermissionUnknown: there is none.
        """
        with self._store.locks.definitions():
            self.get(name)
            # Without the last target nobody may do anything, and not everybody everything.
            self.put_in_force()
            atomic.remove(self._path(name))
            syncing.sync_folder(self._store.layout.top("etc/permissions"))

    def put_in_force(self) -> None:
        """Let targets decide from now on, also while there is none."""
        path = self._store.layout.permission_rules()
        if self._store.documents.read(path) is None:
            documents.replace(path, {"since": timestamp(now())})

    def _path(self, name: str) -> str:
        return self._store.layout.permission_target(name)

    def _document(self, target: PermissionTarget) -> dict[str, Any]:
        stored = self._store.documents.read(self._path(target.name)) or {}
        moment = timestamp(now())
        document: dict[str, Any] = {"name": target.name}
        for name in SECTIONS:
            if name in target.sections:
                document[name] = _encoded(target.sections[name])
        return document | {"created": stored.get("created", moment), "modified": moment}

    # --- validating ----------------------------------------------------------------------------

    def _validate(self, target: PermissionTarget) -> None:
        if not is_title(target.name, NAME_LIMIT):
            raise PermissionInvalid(
                f"the name of a permission target has 1 to {NAME_LIMIT} characters that can be "
                'printed, none of / \\ : | ? * " < > , ; %, and no blank at its ends'
            )
        for section in target.sections.values():
            _require_patterns([*section.includes, *section.excludes])
            for user in section.users:
                if user != ANONYMOUS and self._users.find(user) is None:
                    raise PermissionInvalid(f"there is no user '{user[:80]}'")
            for group in section.groups:
                if self._groups.find(group) is None:
                    raise PermissionInvalid(f"there is no group '{group[:80]}'")
        for key in target.repo.repositories:
            self._require_repository(key)

    def kind_of(self, key: str) -> str | None:
        """Return the kind of a repository, as targets name it; None if there is none."""
        document = repository_document(self._store, key)
        remote = remote_key(key)
        if document is None and remote is not None:
            document = repository_document(self._store, remote)
            return REMOTE if document is not None and document.get("rclass") == REMOTE else None
        return None if document is None else str(document.get("rclass"))

    def _require_repository(self, key: str) -> None:
        if key in ANYS:
            return
        kind = self.kind_of(key)
        if kind is None:
            raise PermissionInvalid(f"there is no repository '{key[:80]}'")
        if kind == VIRTUAL:
            raise PermissionInvalid(
                f"the repository '{key}' is virtual: name its members, whose rights decide"
            )


def repository_document(store: Store, key: str) -> Mapping[str, Any] | None:
    """Return what is configured of a repository, or None; any text may be asked for."""
    if not key or "/" in key or "\0" in key or len(key) > _PATTERN_LENGTH or key[0] in "._":
        return None
    return store.documents.read(store.layout.repository_definition(key))


def _unknown(name: str) -> PermissionUnknown:
    return PermissionUnknown(
        f"there is no permission target '{name[:80]}'; 'permission list' shows all"
    )


def _require_patterns(patterns: Sequence[str]) -> None:
    if len(patterns) > _PATTERNS:
        raise PermissionInvalid(f"a permission target has at most {_PATTERNS} patterns")
    for pattern in patterns:
        if len(pattern) > _PATTERN_LENGTH or not pattern.isprintable() or "," in pattern:
            raise PermissionInvalid(
                f"a pattern has at most {_PATTERN_LENGTH} characters that can be printed, and no "
                "comma"
            )


def _encoded(section: Section) -> dict[str, Any]:
    return {
        "repositories": list(dict.fromkeys(section.repositories)),
        "includePatterns": list(section.includes),
        "excludePatterns": list(section.excludes),
        "users": {name: list(words) for name, words in sorted(section.users.items())},
        "groups": {name: list(words) for name, words in sorted(section.groups.items())},
    }


def target_of(name: str, document: Mapping[str, Any]) -> PermissionTarget:
    """Return the target that a document describes; what is of a wrong type gives no right."""
    found = {}
    for each in SECTIONS:
        section = document.get(each)
        names = ("repositories", "includePatterns", "excludePatterns")
        if isinstance(section, dict) and all(isinstance(section.get(x), list) for x in names):
            repositories, includes, excludes = (tuple(map(str, section[x])) for x in names)
            users, groups = _allowed(section.get("users")), _allowed(section.get("groups"))
            found[each] = Section(repositories, includes, excludes, users, groups)
    return PermissionTarget(name, found)


def _allowed(value: object) -> Allowed:
    if not isinstance(value, dict):
        return {}
    return {
        str(name): tuple(map(str, words))
        for name, words in value.items()
        if isinstance(words, list)
    }
