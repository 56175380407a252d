"""Searching: the items that fulfil a condition, as far as the caller may know of them."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Final

from registry.model.aql.criteria import Condition, size
from registry.model.aql.limits import limits
from registry.model.aql.predicates import predicate
from registry.model.errors import QueryInvalid, RegistryError
from registry.model.items import Item
from registry.model.names import RepositoryKey
from registry.repositories.definitions import Definitions
from registry.repositories.directory import GuardedDirectory
from registry.services.searching_facts import StoredFacts
from registry.storage.journal import now
from registry.storage.store import Store

WORK_LIMIT: Final = 200_000_000
"""Comparisons of one search: criteria times items that are looked at."""


class Searching:
    """Searches through all repositories of one storage folder."""

    def __init__(
        self,
        store: Store,
        definitions: Definitions,
        clock: Callable[[], datetime.datetime] = now,
    ) -> None:
        self._store = store
        self._definitions = definitions
        self._clock = clock

    def facts(self) -> StoredFacts:
        """Return what is known beside the items, for one search."""
        return StoredFacts(self._store, self._definitions, self._clock())

    def find(
        self, directory: GuardedDirectory, condition: Condition, facts: StoredFacts
    ) -> list[Item]:
        """Return all items that fulfil a condition and that the caller may know of.

        They are sorted by repository and location.
        """
        found = list(self._readable(directory, condition, facts))
        found.sort(key=lambda item: (item.repository, item.location))
        return found

    def _readable(
        self, directory: GuardedDirectory, condition: Condition, facts: StoredFacts
    ) -> Iterator[Item]:
        is_wanted, allowed = predicate(condition, facts), WORK_LIMIT // max(1, size(condition))
        sights = dict[RepositoryKey, Callable[[Item], bool]]()
        for number, item in enumerate(self._store.index.items(limits(condition, facts))):
            if number >= allowed:
                raise QueryInvalid(
                    "there is too much to compare with so many criteria; name the repository, "
                    "the path or a property"
                )
            if not is_wanted(item):
                continue
            if item.repository not in sights:
                sights[item.repository] = _sight(directory, item.repository)
            if sights[item.repository](item):
                yield item


def _sight(directory: GuardedDirectory, key: RepositoryKey) -> Callable[[Item], bool]:
    """Return what decides whether the caller may know of an item of a repository."""
    try:
        return directory.items(key).may_see
    except RegistryError:
        # Folders are left of a repository that is gone, or it is not for the caller.
        return lambda item: False
