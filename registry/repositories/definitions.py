"""What is configured of each repository: documents in ``etc/repositories``.

A document has the fields that were given; the others have their defaults. One with a password can
be read by its owner alone.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from registry.access import mentions
from registry.model.content import Actor
from registry.model.errors import RepositoryExists, RepositoryNotEmpty, RepositoryUnknown
from registry.model.names import RepositoryKey
from registry.model.paging import PageRequest
from registry.model.repository_fields import (
    LOCAL,
    MASKED,
    PACKAGE_TYPE,
)
from registry.model.repository_values import checked
from registry.repositories.definition import (
    NewRepository,
    RepositoryDefinition,
    definition_of,
)
from registry.repositories.membership import require_sound, without
from registry.storage import atomic, documents, syncing
from registry.storage.store import Store


class Definitions:
    """The definitions of one storage folder; changes are valid at once in every process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._made: dict[str, tuple[Mapping[str, Any], RepositoryDefinition]] = {}

    def find(self, key: str) -> RepositoryDefinition | None:
        """Return the definition of that key, or None; ``key`` must be safe as a file name."""
        document = self._store.documents.read(self._store.layout.repository_definition(key))
        if document is None:
            self._made.pop(key, None)
            return None
        known = self._made.get(key)
        if known is not None and known[0] is document:
            return known[1]
        made = definition_of(document)
        self._made[key] = document, made
        return made

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
        self, key: RepositoryKey, rclass: str, fields: Mapping[str, object]
    ) -> RepositoryDefinition:
        """Create a repository.

        Raises:
            RepositoryExists: the key is taken.
            FieldInvalid: a field has a wrong value, or one that contradicts other repositories.
        """
        return self.create_all([NewRepository(key, rclass, fields)])[0]

    def create_all(self, wanted: Sequence[NewRepository]) -> list[RepositoryDefinition]:
        """Create repositories, all or none; virtual ones may have others of them as members.

        Raises:
            RepositoryExists, FieldInvalid.
        """
        made: dict[str, dict[str, Any]] = {}
        for new in wanted:
            if new.key in made:
                raise _exists(new.key)
            fixed = {"key": new.key, "rclass": new.rclass, "packageType": PACKAGE_TYPE}
            made[new.key] = fixed | checked(new.rclass, new.fields)
        with self._store.locks.definitions():
            for new in wanted:
                self._store.trash.resolve_key(new.key)
            self._require_sound(made)
            with contextlib.ExitStack() as undoing:
                for new in wanted:
                    self._put_new(new.key, made[new.key])
                    undoing.callback(self._take_out, new.key)
                undoing.pop_all()
        return [definition_of(document) for document in made.values()]

    def _put_new(self, key: RepositoryKey, document: dict[str, Any]) -> None:
        if document["rclass"] == LOCAL:
            atomic.new_folder(self._store.layout.repository(key))
            syncing.barrier(self._store.layout.top("artifacts"))
        try:
            documents.create(self._path(key), document, _mode(document))
        except FileExistsError:
            # Whoever made it may have been killed, and who is told so will push to it.
            syncing.barrier(self._store.layout.top("etc/repositories"))
            raise _exists(key) from None

    def _take_out(self, key: str) -> None:
        atomic.remove(self._path(key))
        syncing.sync_folder(self._store.layout.top("etc/repositories"))

    def update(self, key: RepositoryKey, fields: Mapping[str, object]) -> RepositoryDefinition:
        """Change some fields; the others keep their values.

        Raises:
            RepositoryUnknown, FieldInvalid.
        """
        return self.update_all([(key, fields)])[0]

    def update_all(
        self, changes: Sequence[tuple[RepositoryKey, Mapping[str, object]]]
    ) -> list[RepositoryDefinition]:
        """Change some fields of several repositories, of all or of none.

        Raises:
            RepositoryUnknown, FieldInvalid.
        """
        made: dict[str, dict[str, Any]] = {}
        with self._store.locks.definitions():
            for key, fields in changes:
                kind = self.get(key).rclass
                made[key] = (made.get(key) or self._stored(key)) | checked(kind, fields)
            self._require_sound(made)
            self._replace(made)
        return [definition_of(made[key]) for key, _ in changes]

    def remove(self, key: RepositoryKey) -> None:
        """Remove an empty repository, also from the virtual ones that have it as a member.

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
            with self._leaving_others(key):
                self._take_out(key)
            self._store.folder_records.forget(key, "")
            folder = self._store.layout.repository(key)
            for path, _, _ in os.walk(folder, topdown=False):
                atomic.remove_folder(path)

    def delete(self, key: RepositoryKey, actor: Actor) -> None:
        """Delete a repository with all its images, to the trash.

        It also leaves the virtual repositories that have it as a member.

        Raises:
            RepositoryUnknown: there is none.
        """
        with self._store.locks.definitions():
            self.get(key)
            self._store.trash.resolve_key(key)
            with self._leaving_others(key):
                self._store.trash.take_repository(key, self._path(key), actor)

    @contextlib.contextmanager
    def _leaving_others(self, key: RepositoryKey) -> Iterator[None]:
        """Take a repository out of virtual ones and permission targets, and back if it cannot go.

        Before, because whoever is killed in between leaves a repository that can be deleted once
        more, and not a name that would make a member of whatever gets it next.
        """
        before: dict[str, dict[str, Any]] = {}
        changed: dict[str, dict[str, Any]] = {}
        for definition in self.all():
            document = self._stored(definition.key)
            smaller = without(document, key)
            if smaller is not None:
                before[definition.key], changed[definition.key] = document, smaller
        self._replace(changed)
        try:
            with mentions.without_repository(self._store, key):
                yield
        except BaseException:
            self._replace(before)
            raise

    def _require_sound(self, made: Mapping[str, dict[str, Any]]) -> None:
        """Raise FieldInvalid unless some documents fit together with all that are stored."""
        if all(document["rclass"] == LOCAL for document in made.values()):
            return
        known = {**{key: self._stored(key) for key in self.all_keys()}, **made}
        for key in made:
            require_sound(key, known)

    def _replace(self, made: Mapping[str, dict[str, Any]]) -> None:
        for key, document in made.items():
            documents.replace(self._path(key), document, _mode(document))

    def _stored(self, key: str) -> dict[str, Any]:
        return dict(self._store.documents.read(self._path(key)) or {})

    def _path(self, key: str) -> str:
        return self._store.layout.repository_definition(key)


def _exists(key: RepositoryKey) -> RepositoryExists:
    return RepositoryExists(
        f"the repository '{key}' exists already; 'repo set' changes it", {"key": key}
    )


def _mode(document: Mapping[str, Any]) -> int:
    return atomic.SECRET_MODE if document.get(MASKED) else atomic.DOCUMENT_MODE
