"""All repositories of one storage folder by their keys, as they are for nobody in particular."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from registry.model.digests import Digest
from registry.model.errors import RepositoryKeyInvalid
from registry.model.names import RepositoryKey
from registry.repositories.base import Repository
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.definitions import Definitions
from registry.repositories.items import ItemTree, LocalItems
from registry.repositories.kinds import make_repository
from registry.repositories.transfers import Transfers
from registry.repositories.upstream.upstreams import Upstreams
from registry.repositories.virtual.members import Members, OpenMember
from registry.repositories.virtual.repository import VirtualRepository
from registry.storage.store import Store


class UnguardedDirectory:
    """The repositories, their trees and what goes from one to another; nothing here is guarded."""

    def __init__(
        self,
        store: Store,
        definitions: Definitions,
        upstreams: Upstreams | None = None,
    ) -> None:
        self._store = store
        self._definitions = definitions
        self._upstreams = upstreams or Upstreams()

    def close(self) -> None:
        """Close the connections to upstream registries that nobody uses."""
        self._upstreams.close()

    def definitions(self) -> list[RepositoryDefinition]:
        """Return what is configured, sorted by key."""
        return self._definitions.all()

    def holding(self) -> list[RepositoryDefinition]:
        """Return the definitions of all that holds images, sorted by key."""
        return self._definitions.holding()

    def held_in(self, keys: Iterable[str]) -> frozenset[RepositoryKey]:
        """Return the keys under which lies what some repositories show; ``keys`` is any text."""
        found = set[RepositoryKey]()
        for key in keys:
            with contextlib.suppress(RepositoryKeyInvalid):
                found |= self._definitions.held_in(RepositoryKey.parse(key))
        return frozenset(found)

    def definition(self, key: str) -> RepositoryDefinition | None:
        """Return what is configured of one repository, or None if there is none."""
        return self._definitions.find(key)

    def stores(self, digest: Digest) -> bool:
        """Return whether any image at all has the content; says nothing about who may know."""
        return self._store.filestore.has(digest)

    def physical_repository(self, definition: RepositoryDefinition) -> Repository:
        """Return a local or remote repository, or a cache; it decides nothing."""
        return make_repository(self._store, definition, self._upstreams)

    def virtual_repository(
        self,
        definition: RepositoryDefinition,
        open_member: OpenMember,
        *,
        cached_only: bool,
        pushed: frozenset[str],
    ) -> VirtualRepository:
        """Return a virtual repository over members that ``open_member`` guards."""
        members = Members(definition, self._definitions.find, open_member)
        return VirtualRepository(
            self._store, definition, members, cached_only=cached_only, pushed=pushed
        )

    def unguarded_items(self, key: RepositoryKey) -> ItemTree:
        """Return the tree of a local repository, or of the cache of a remote one.

        It decides nothing. Raises RepositoryUnknown, RequestInvalid.
        """
        return LocalItems(self._store, self._definitions.holder(key).key, key)

    def unguarded_transfers(self) -> Transfers:
        """Return what brings manifests from one repository to another, and decides nothing."""
        return Transfers(self._store, self._definitions)
