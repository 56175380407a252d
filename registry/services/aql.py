"""AQL queries over the repositories: which rows the answer has, and what is in them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from registry.model.aql.fields import ANY
from registry.model.aql.predicates import value_of
from registry.model.aql.query import AqlQuery, Columns
from registry.model.items import Item
from registry.repositories.directory import GuardedDirectory
from registry.services.searching import Searching
from registry.services.searching_facts import StoredFacts
from registry.storage.checksums import Checksums
from registry.storage.store import Store

Row = dict[str, Any]

HASHED_LIMIT: Final = 8 * 1024**3
"""Bytes of content that are read for one answer to get checksums that nobody has asked for yet."""


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a query."""

    rows: Iterator[Row]
    count: int
    """How many rows there are."""
    offset: int
    total: int
    """How many rows there were without offset and limit."""
    limit: int | None


class Aql:
    """Answers queries in AQL."""

    def __init__(self, store: Store, searching: Searching) -> None:
        self._store = store
        self._searching = searching

    def run(self, directory: GuardedDirectory, query: AqlQuery) -> Found:
        """Return what a query finds of that which the caller may know of.

        Raises:
            StorageFailed: downloads are asked for, and what was counted is damaged.
        """
        facts = self._searching.facts()
        if query.columns.statistics:
            # The rows are made when the answer has begun; then it is too late to fail.
            facts.read_downloads()
        items = self._searching.find(directory, query.condition, facts)
        for field in reversed(query.sort):
            # What has no value comes before everything that has one.
            get = value_of(field, facts)
            items.sort(key=_sortable(get), reverse=query.descending)
        end = None if query.limit is None else query.offset + query.limit
        page = items[query.offset : end]
        rows = _Rows(self._store, facts, query.columns)
        return Found(map(rows.row, page), len(page), query.offset, len(items), query.limit)


def _sortable(get: Callable[[Item], Any]) -> Callable[[Item], tuple[bool, Any]]:
    def key(item: Item) -> tuple[bool, Any]:
        value = get(item)
        return value is not None, value

    return key


class _Rows:
    """Makes rows of items."""

    def __init__(self, store: Store, facts: StoredFacts, columns: Columns) -> None:
        self._store = store
        self._facts = facts
        self._columns = columns
        self._hashed = 0
        self._values: Mapping[str, Callable[[Item], Any]] = {
            name: self._getter(name) for name in columns.fields
        }

    def row(self, item: Item) -> Row:
        """Return the row of an item; a list that would be empty is not in it."""
        columns = self._columns
        row = {
            name: value for name, get in self._values.items() if (value := get(item)) is not None
        }
        lists: dict[str, Sequence[Any]] = {
            "properties": self._properties(item) if columns.properties is not None else (),
            "stats": self._statistics(item) if columns.statistics else (),
            "virtual_repos": (
                self._facts.virtuals(item.repository) if columns.virtual_repositories else ()
            ),
        }
        return row | {name: list(values) for name, values in lists.items() if values}

    def _properties(self, item: Item) -> list[Row]:
        wanted = self._columns.properties or frozenset()
        return [
            {
                column: {"key": key, "value": value}[column]
                for column in self._columns.property_columns
            }
            for key, values in sorted(item.properties.items())
            if ANY in wanted or key in wanted
            for value in values
        ]

    def _statistics(self, item: Item) -> list[Row]:
        shown = {
            name: value
            for name in self._columns.statistics
            if (value := value_of(f"stat.{name}", self._facts)(item)) is not None
        }
        return [shown] if shown else []

    def _getter(self, name: str) -> Callable[[Item], Any]:
        if name == "id":
            return number_of
        if name.startswith(("actual_", "original_")):
            kind = name.partition("_")[2]
            return lambda item: getattr(self._checksums(item), kind, None)
        return value_of(name, self._facts)

    def _checksums(self, item: Item) -> Checksums | None:
        """Return the checksums of a file, read from its content if need be and it is bearable."""
        if item.digest is None:
            return None
        known = self._store.checksums.known(item.digest)
        if known is not None or self._hashed + item.size > HASHED_LIMIT:
            return known
        self._hashed += item.size
        return self._store.checksums.of(item.digest)


def number_of(item: Item) -> int:
    """Return a number that stands for where an item is; it fits into a JSON number."""
    place = f"{item.repository}/{item.location}".encode()
    return int.from_bytes(hashlib.sha256(place).digest()[:6], "big")
