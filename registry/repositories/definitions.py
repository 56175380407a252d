"""What is configured of each repository: documents in ``etc/repositories``.

Fields have Artifactory's names, types and defaults; ``allowSparseIndexes`` is ours.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from registry.model.content import Actor
from registry.model.errors import (
    FieldInvalid,
    RepositoryExists,
    RepositoryNotEmpty,
    RepositoryUnknown,
)
from registry.model.names import RepositoryKey
from registry.model.paging import PageRequest
from registry.model.retention_rules import parse_rules
from registry.storage import atomic, documents, syncing
from registry.storage.store import Store

FieldValue = str | bool | int


@dataclass(frozen=True, slots=True)
class Field:
    """A field that can be set: its default, from which its type follows, and its meaning."""

    default: FieldValue
    description: str


FIELDS: Final[Mapping[str, Field]] = {
    "description": Field("", "what the repository is for, shown to its users"),
    "notes": Field("", "internal description, for admins"),
    "blockPushingSchema1": Field(True, "refuse manifests of the old schema 1"),
    "maxUniqueTags": Field(0, "tags that each image keeps, the last pushed ones; 0: all"),
    "dockerTagRetention": Field(
        1, "images that a tag keeps by digest: the present one and those it had before"
    ),
    "untaggedRetentionDays": Field(
        7, "days that a manifest without a tag can be pulled by digest; -1: for ever"
    ),
    "retention": Field(
        "", "rules for deleting tags, such as 'keep last=10; delete pushed>90d'; see retention.md"
    ),
    "registryPort": Field(
        0, "port of a reverse proxy that stands for this repository alone; 0: none"
    ),
    "allowSparseIndexes": Field(False, "accept indexes and images whose parts are not all present"),
}
"""The fields of a local repository that are in force."""

_NUMBER: Final = re.compile(r"-?[0-9]{1,9}")
_LEAST: Final[Mapping[str, int]] = {
    "maxUniqueTags": 0,
    "dockerTagRetention": 1,
    "untaggedRetentionDays": -1,
    "registryPort": 0,
}
_MOST: Final[Mapping[str, int]] = {"registryPort": 65535}
_FIXED: Final = ("key", "rclass", "packageType")


@dataclass(frozen=True, slots=True)
class RepositoryDefinition:
    """A repository as configured."""

    key: RepositoryKey
    rclass: str
    fields: Mapping[str, FieldValue]

    def document(self) -> dict[str, Any]:
        """Return the definition in Artifactory's form."""
        return {"key": self.key, "rclass": self.rclass, "packageType": "docker", **self.fields}

    def flag(self, name: str) -> bool:
        """Return a field that is true or false."""
        return bool(self.fields[name])

    def number(self, name: str) -> int:
        """Return a field that is a number."""
        return int(self.fields[name])

    def text(self, name: str) -> str:
        """Return a field that is a text."""
        return str(self.fields[name])


class Definitions:
    """The definitions of one storage folder; changes are valid at once in every process."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, key: str) -> RepositoryDefinition | None:
        """Return the definition of that key, or None; ``key`` must be safe as a file name."""
        document = self._store.documents.read(self._store.layout.repository_definition(key))
        return None if document is None else _definition(document)

    def all_keys(self) -> list[str]:
        """Return the keys of all repositories, sorted; also of those with a damaged definition."""
        return self._store.documents.names(self._store.layout.top("etc/repositories"))

    def get(self, key: RepositoryKey) -> RepositoryDefinition:
        """Return the definition of that key.

        Raises:
            RepositoryUnknown: there is none.
        """
        definition = self.find(key)
        if definition is None:
            raise RepositoryUnknown(
                f"there is no repository '{key}'; 'repo list' shows all", {"key": key}
            )
        return definition

    def all(self) -> list[RepositoryDefinition]:
        """Return all definitions, sorted by key."""
        return [found for found in map(self.find, self.all_keys()) if found is not None]

    def create(
        self, key: RepositoryKey, rclass: str, fields: Mapping[str, FieldValue]
    ) -> RepositoryDefinition:
        """Create a repository.

        Raises:
            RepositoryExists: the key is taken.
            FieldInvalid: a field is unknown or has a wrong value.
        """
        document = {"key": key, "rclass": rclass, "packageType": "docker", **_checked(fields)}
        with self._store.locks.definitions():
            self._store.trash.resolve_key(key)
            atomic.new_folder(self._store.layout.repository(key))
            syncing.barrier(self._store.layout.top("artifacts"))
            try:
                documents.create(self._store.layout.repository_definition(key), document)
            except FileExistsError:
                # Whoever made it may have been killed, and who is told so will push to it.
                syncing.barrier(self._store.layout.top("etc/repositories"))
                raise RepositoryExists(
                    f"the repository '{key}' exists already; 'repo set' changes it", {"key": key}
                ) from None
        return _definition(document)

    def update(self, key: RepositoryKey, fields: Mapping[str, FieldValue]) -> RepositoryDefinition:
        """Change some fields; the others keep their values.

        Raises:
            RepositoryUnknown, FieldInvalid.
        """
        checked = _checked(fields)
        with self._store.locks.definitions():
            self.get(key)
            path = self._store.layout.repository_definition(key)
            document = dict(self._store.documents.read(path) or {}) | checked
            documents.replace(path, document)
        return _definition(document)

    def remove(self, key: RepositoryKey) -> None:
        """Remove an empty repository.

        Raises:
            RepositoryUnknown: there is none.
            RepositoryNotEmpty: it holds images.
        """
        with self._store.locks.definitions():
            self.get(key)
            if self._store.catalog.images(key, PageRequest(limit=1)).names:
                raise RepositoryNotEmpty(
                    f"the repository '{key}' holds images; delete them first", {"key": key}
                )
            atomic.remove(self._store.layout.repository_definition(key))
            syncing.sync_folder(self._store.layout.top("etc/repositories"))
            folder = self._store.layout.repository(key)
            for path, _, _ in os.walk(folder, topdown=False):
                atomic.remove_folder(path)

    def delete(self, key: RepositoryKey, actor: Actor) -> None:
        """Delete a repository with all its images, to the trash.

        Raises:
            RepositoryUnknown: there is none.
        """
        with self._store.locks.definitions():
            self.get(key)
            self._store.trash.resolve_key(key)
            self._store.trash.take_repository(
                key, self._store.layout.repository_definition(key), actor
            )


def parse_field(text: str) -> tuple[str, FieldValue]:
    """Return the name and value that a text of the form ``FIELD=VALUE`` spells.

    Raises:
        FieldInvalid: the field is unknown, or the value not of its type.
    """
    name, separator, value = text.partition("=")
    if not separator:
        raise FieldInvalid(f"'{text}' is not of the form FIELD=VALUE")
    if isinstance(_field(name).default, bool):
        if value not in ("true", "false"):
            raise FieldInvalid(f"'{name}' is 'true' or 'false', not '{value}'", {"field": name})
        return name, value == "true"
    if isinstance(_field(name).default, int):
        if not _NUMBER.fullmatch(value):
            raise FieldInvalid(f"'{name}' is a whole number, not '{value}'", {"field": name})
        return name, int(value)
    return name, value


def _field(name: str) -> Field:
    field = FIELDS.get(name)
    if field is None:
        reason = "cannot be changed" if name in _FIXED else "is not a field"
        raise FieldInvalid(f"'{name}' {reason}; the fields are: {', '.join(FIELDS)}")
    return field


def _checked(fields: Mapping[str, FieldValue]) -> dict[str, FieldValue]:
    for name, value in fields.items():
        if type(value) is not type(_field(name).default):
            raise FieldInvalid(f"'{name}' has a value of the wrong type", {"field": name})
        least = _LEAST.get(name)
        if least is not None and int(value) < least:
            raise FieldInvalid(f"'{name}' is at least {least}, not {value}", {"field": name})
        most = _MOST.get(name)
        if most is not None and int(value) > most:
            raise FieldInvalid(f"'{name}' is at most {most}, not {value}", {"field": name})
        if name == "retention":
            parse_rules(str(value))
    return dict(fields)


def _definition(document: Mapping[str, Any]) -> RepositoryDefinition:
    return RepositoryDefinition(
        key=RepositoryKey(document["key"]),
        rclass=document["rclass"],
        fields={name: document.get(name, field.default) for name, field in FIELDS.items()},
    )
