"""Items to be searched, and what is known beside them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from registry.model.aql import query as aql
from registry.model.aql.limits import limits
from registry.model.aql.predicates import predicate
from registry.model.digests import Digest
from registry.model.items import Item, ItemQuery
from registry.model.names import ImageName, RepositoryKey

NOW = datetime.datetime(2024, 6, 15, 12, tzinfo=datetime.UTC)
ONE = Digest.of(b"one")
SUMS = {"sha1": "a" * 40, "md5": "b" * 32}


@dataclass(frozen=True)
class Downloads:
    """How often something was downloaded."""

    count: int
    last: str = "2024-06-01T00:00:00.000Z"
    last_by: str = "bob"


@dataclass
class KnownFacts:
    """Facts that a test sets."""

    now: datetime.datetime = NOW
    members: Mapping[str, Sequence[str]] = field(default_factory=dict)
    pulled: Mapping[str, Downloads] = field(default_factory=dict)
    """Locations to downloads."""
    sums: Mapping[Digest, Mapping[str, str]] = field(default_factory=lambda: {ONE: SUMS})

    def physical(self, key: str) -> frozenset[str]:
        return frozenset(self.members.get(key, [key]))

    def virtuals(self, key: str) -> Sequence[str]:
        return [virtual for virtual, members in self.members.items() if key in members]

    def downloads(self, item: Item) -> Downloads | None:
        return self.pulled.get(item.location)

    def contents(self, kind: str, encoded: str) -> frozenset[Digest]:
        return frozenset(d for d, sums in self.sums.items() if sums[kind] == encoded)

    def checksum(self, digest: Digest, kind: str) -> str | None:
        return self.sums.get(digest, {}).get(kind)


def file(location: str = "team/app/1.0/manifest.json", **facts: Any) -> Item:
    """Return a file; what is not given is as usual."""
    return _item(location, {"size": 100, "digest": ONE} | facts)


def folder(location: str = "team/app/1.0", **facts: Any) -> Item:
    return _item(location, {"is_folder": True} | facts)


def _item(location: str, facts: dict[str, Any]) -> Item:
    usual: dict[str, Any] = {
        "repository": RepositoryKey("docker-local"),
        "is_folder": False,
        "created": "2024-05-01T10:00:00.000Z",
        "created_by": "alice",
        "modified": "2024-05-02T10:00:00.000Z",
        "modified_by": "bob",
        "image": ImageName("team/app"),
    }
    return Item(location=location, **(usual | facts))


def finds(criteria: str, item: Item, facts: KnownFacts | None = None) -> bool:
    """Return whether criteria find an item; whatever they find must lie where they say."""
    facts = facts or KnownFacts()
    condition = aql.parse(f"items.find({criteria})").condition
    found = predicate(condition, facts)(item)
    if found:
        assert fits(limits(condition, facts), item)
    return found


def fits(query: ItemQuery, item: Item) -> bool:
    """Return whether an item fulfils all that a query for items says."""
    return (
        (query.repositories is None or item.repository in query.repositories)
        and (query.paths is None or item.path in query.paths)
        and item.path.startswith(query.path_prefix)
        and (query.names is None or item.name in query.names)
        and (query.with_folders if item.is_folder else query.with_files)
        and all(
            name in item.properties and (value is None or value in item.properties[name])
            for name, value in query.properties.items()
        )
        and (query.sha256 is None or (item.digest or "").endswith(query.sha256))
        and query.created_from <= item.created
        and (not query.created_to or item.created <= query.created_to)
        and query.modified_from <= item.modified
        and (not query.modified_to or item.modified <= query.modified_to)
    )
