"""Repositories as Artifactory's REST API configures them: documents in, definitions out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from registry.model.content import Actor
from registry.model.errors import FieldInvalid
from registry.model.names import RepositoryKey
from registry.model.repository_fields import FIXED, KINDS, PACKAGE_TYPE, REMOTE
from registry.repositories.definition import NewRepository, RepositoryDefinition
from registry.repositories.definitions import Definitions

_PUBLIC: Final = (
    *FIXED,
    *("description", "includesPattern", "excludesPattern", "repoLayoutRef", "dockerApiVersion"),
    *("blackedOut", "url"),
)
"""What whoever may read a repository sees of its definition; ``url`` is that of upstream."""


class Repositories:
    """Creates, changes and deletes repositories as documents say. For admins."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions

    def create(self, key: str, document: object) -> RepositoryDefinition:
        """Create a repository.

        Raises:
            RepositoryKeyInvalid: the key can be none.
            RepositoryExists: the key is taken.
            FieldInvalid: the document is none, names another key, or has a wrong value.
        """
        return self._definitions.create_all([_new(key, document)])[0]

    def create_all(self, documents: object) -> list[RepositoryDefinition]:
        """Create what a list describes, all of it or nothing. Raises as `create`."""
        return self._definitions.create_all([_new(*pair) for pair in _keyed(documents)])

    def change(self, key: RepositoryKey, document: object) -> RepositoryDefinition:
        """Change the fields that a document has; null, and what is missing, changes nothing.

        Raises:
            RepositoryUnknown: there is none.
            FieldInvalid: as `create`, or the kind would change.
        """
        return self._change([(key, document)])[0]

    def change_all(self, documents: object) -> list[RepositoryDefinition]:
        """Change what a list describes, all of it or nothing. Raises as `change`."""
        return self._change([(RepositoryKey.parse(key), one) for key, one in _keyed(documents)])

    def delete(self, key: RepositoryKey, actor: Actor) -> None:
        """Delete a repository with all its images, to the trash. Raises RepositoryUnknown."""
        self._definitions.delete(key, actor)

    def _change(
        self, changes: Sequence[tuple[RepositoryKey, object]]
    ) -> list[RepositoryDefinition]:
        checked = []
        for key, document in changes:
            kind = self._definitions.get(key).rclass
            given = _given(key, document)
            if given.get("rclass") not in (None, kind):
                raise _wrong("rclass", f"of '{key}' is '{kind}' and never changes")
            checked.append((key, _fields(given)))
        return self._definitions.update_all(checked)


def entry(definition: RepositoryDefinition, base: str) -> dict[str, str]:
    """Return a repository as lists show it; ``base`` is where all of them are."""
    is_remote = definition.rclass == REMOTE
    return {
        "key": definition.key,
        "description": definition.text("description"),
        "type": definition.rclass.upper(),
        "url": definition.text("url") if is_remote else f"{base}/{definition.key}",
        "packageType": PACKAGE_TYPE.capitalize(),
    }


def visible(definition: RepositoryDefinition, *, to_admin: bool) -> dict[str, Any]:
    """Return a definition as an admin, or whoever else may read the repository, sees it."""
    document = definition.document()
    if to_admin:
        return document
    return {name: document[name] for name in _PUBLIC if name in document}


def _new(key: str, document: object) -> NewRepository:
    given = _given(key, document)
    kind = given.get("rclass")
    if kind not in KINDS:
        raise _wrong("rclass", f"is one of {', '.join(KINDS)}")
    return NewRepository(RepositoryKey.parse_new(key), kind, _fields(given))


def _given(key: str, document: object) -> Mapping[str, Any]:
    """Return a document, which is about the repository of that key and a Docker repository."""
    if not isinstance(document, dict):
        raise FieldInvalid("the configuration of a repository is a JSON object")
    if document.get("key") not in (None, key):
        raise _wrong("key", f"is '{key}' in the path and something else in the document")
    kind = document.get("packageType")
    if kind is not None and str(kind).lower() != PACKAGE_TYPE:
        raise _wrong("packageType", f"is '{PACKAGE_TYPE}': only Docker repositories are kept here")
    return document


def _fields(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in FIXED}


def _keyed(documents: object) -> list[tuple[str, object]]:
    """Return each document of a list with the key that it names."""
    if not isinstance(documents, list):
        raise FieldInvalid("the configurations of several repositories are a JSON list")
    for document in documents:
        if not isinstance(document, dict) or not isinstance(document.get("key"), str):
            raise FieldInvalid("each repository in the list is an object with a 'key'")
    return [(document["key"], document) for document in documents]


def _wrong(name: str, reason: str) -> FieldInvalid:
    return FieldInvalid(f"'{name}' {reason}", {"field": name})
