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
from registry.model.errors import (
    RepositoryExists,
    RepositoryNotEmpty,
)
from registry.model.names import RepositoryKey, remote_key
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
from registry.repositories.known_definitions import KnownDefinitions
from registry.repositories.membership import cache_itself, require_sound, without
from registry.storage import atomic, documents, syncing


class Definitions(KnownDefinitions):
    """The definitions of one storage folder; changes are valid at once in every process."""

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
        folder = definition_of(document).holding_key
        if folder is not None:
            atomic.new_folder(self._store.layout.repository(folder))
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
        self._store.upstream_notes.forget(key)

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
                kind = self._removable(key).rclass
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
            held = self._removable(key).holding_key
            if held and self._store.catalog.images(held, PageRequest(limit=1)).names:
                raise RepositoryNotEmpty(
                    f"the repository '{key}' holds images; delete them first", {"key": key}
                )
            with self._leaving_others(key):
                self._take_out(key)
            if held is None:
                return
            self._store.folder_records.forget(held, "")
            folder = self._store.layout.repository(held)
            for path, _, _ in os.walk(folder, topdown=False):
                atomic.remove_folder(path)

    def delete(self, key: RepositoryKey, actor: Actor) -> None:
        """Delete a repository with all its images, to the trash.

        It also leaves the virtual repositories that have it as a member.

        Raises:
            RepositoryUnknown: there is none.
        """
        with self._store.locks.definitions():
            self._removable(key)
            self._store.trash.resolve_key(key)
            with self._leaving_others(key):
                self._store.trash.take_repository(key, self._path(key), actor)
            self._store.upstream_notes.forget(key)

    def _removable(self, key: RepositoryKey) -> RepositoryDefinition:
        definition = self.get(key)
        if definition.is_cache:
            raise cache_itself(key)
        return definition

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
        gone = self.get(key)
        self._replace(changed)
        failure: BaseException | None = None
        try:
            with contextlib.ExitStack() as unsaid:
                for name in {key, gone.holding_key or key}:
                    unsaid.enter_context(mentions.without_repository(self._store, name))
                try:
                    yield
                except BaseException as error:
                    # Of one that is gone, whatever failed afterwards, nothing may speak again.
                    if os.path.exists(self._path(key)):
                        raise
                    failure = error
        except BaseException:
            self._replace(before)
            raise
        if failure is not None:
            raise failure

    def _require_sound(self, made: Mapping[str, dict[str, Any]]) -> None:
        """Raise FieldInvalid unless some documents fit together with all that are stored."""
        keys = self.all_keys()
        if all(document["rclass"] == LOCAL for document in made.values()):
            # They contradict nothing but a remote repository whose cache would have their key.
            keys = [key for key in map(remote_key, made) if key is not None]
        known = {**{key: self._stored(key) for key in keys}, **made}
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
