"""Reading what is configured of each repository, and of what holds its images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from registry.model.errors import RepositoryUnknown, RequestInvalid, StorageFailed
from registry.model.names import RepositoryKey, cache_key, remote_key
from registry.repositories.definition import RepositoryDefinition, definition_of
from registry.storage.store import Store


class KnownDefinitions:
    """The definitions of one storage folder, as they are now."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._made: dict[str, tuple[Mapping[str, Any], RepositoryDefinition]] = {}
        self._caches: dict[str, tuple[RepositoryDefinition, RepositoryDefinition]] = {}

    def find(self, key: str) -> RepositoryDefinition | None:
        """Return the definition of that key, or None; ``key`` must be safe as a file name.

        The key of the cache of a remote repository has one, too: that of what it holds.
        """
        document = self._store.documents.read(self._store.layout.repository_definition(key))
        if document is None:
            self._made.pop(key, None)
            return self._cache(key)
        known = self._made.get(key)
        if known is not None and known[0] is document:
            return known[1]
        made = definition_of(document)
        self._made[key] = document, made
        return made

    def _cache(self, key: str) -> RepositoryDefinition | None:
        of = remote_key(key)
        remote = None if of is None else self.find(of)
        if remote is None or not remote.is_remote:
            self._caches.pop(key, None)
            return None
        known = self._caches.get(key)
        if known is None or known[0] is not remote:
            known = self._caches[key] = remote, remote.cache()
        return known[1]

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

    def holding(self) -> list[RepositoryDefinition]:
        """Return the definitions of all that holds images, sorted by key.

        These are the local repositories, and the caches of the remote ones.
        """
        found = map(self.find_holder, self.all_keys())
        held = [definition for definition in found if definition is not None]
        return sorted(held, key=lambda definition: definition.key)

    def holding_keys(self) -> list[str]:
        """Return the keys under which images may lie, sorted.

        Of a repository with a damaged definition, which can be of any kind, these are two.
        """
        keys = set[str]()
        for key in self.all_keys():
            try:
                definition = self.find(key)
            except StorageFailed:
                keys |= {key, cache_key(key)}
                continue
            if definition is not None and definition.holding_key is not None:
                keys.add(definition.holding_key)
        return sorted(keys)

    def holder(self, key: RepositoryKey) -> RepositoryDefinition:
        """Return the definition of what holds the images of a repository: itself, or its cache.

        Raises:
            RepositoryUnknown: there is no such repository.
            RequestInvalid: it is a virtual one.
        """
        self.get(key)
        held = self.find_holder(key)
        if held is None:
            raise RequestInvalid(
                f"the virtual repository '{key}' holds nothing itself; name one of its members",
                {"repository": key},
            )
        return held

    def held_in(self, key: str) -> frozenset[RepositoryKey]:
        """Return the keys under which lies what a repository shows; of a virtual one, its members'.

        None, if there is no such repository.
        """
        found, waiting, seen = set[RepositoryKey](), [key], set[str]()
        while waiting:
            name = waiting.pop()
            definition = None if name in seen else self.find(name)
            seen.add(name)
            if definition is None:
                continue
            members = definition.fields.get("repositories")
            if definition.holding_key is not None:
                found.add(definition.holding_key)
            elif isinstance(members, list):
                waiting.extend(members)
        return frozenset(found)

    def find_holder(self, key: str) -> RepositoryDefinition | None:
        """Return the same; None for a virtual repository, and where there is none."""
        definition = self.find(key)
        held = None if definition is None else definition.holding_key
        return None if held is None else definition if held == key else self.find(held)
