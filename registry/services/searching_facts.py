"""What searches know beside the items: virtual repositories, downloads and checksums."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from functools import cached_property

from registry.model.aql.predicates import Downloaded
from registry.model.digests import Digest
from registry.model.items import Item
from registry.model.repository_fields import VIRTUAL
from registry.repositories.definitions import Definitions
from registry.storage.checksums import LENGTHS
from registry.storage.layout import MANIFEST_FILES
from registry.storage.manifest_files import Place
from registry.storage.store import Store


class StoredFacts:
    """The facts of one storage folder, as of the time when they are first asked for."""

    def __init__(self, store: Store, definitions: Definitions, now: datetime.datetime) -> None:
        self._store = store
        self._definitions = definitions
        self.now = now
        self._digests: dict[str, Digest | None] = {}
        self._has_downloads = False

    @cached_property
    def _keys(self) -> frozenset[str]:
        return frozenset(self._definitions.all_keys())

    def physical(self, key: str) -> frozenset[str]:
        """See `Facts.physical`; a virtual repository may be a member of another one.

        Of a remote member this is its cache. The key of a remote repository itself names nothing
        here, as in Artifactory, whose clients add ``-cache`` to it.
        """
        definition = self._definitions.find(key) if key in self._keys else None
        if definition is None or definition.rclass != VIRTUAL:
            return frozenset((key,))
        return frozenset(map(str, self._definitions.held_in(key)))

    @cached_property
    def _virtuals(self) -> Mapping[str, Sequence[str]]:
        found: dict[str, list[str]] = {}
        for virtual in self._definitions.all():
            if virtual.rclass != VIRTUAL:
                continue
            for key in self.physical(virtual.key):
                found.setdefault(key, []).append(str(virtual.key))
        return found

    def virtuals(self, key: str) -> Sequence[str]:
        """See `Facts.virtuals`."""
        return self._virtuals.get(key, ())

    def read_downloads(self) -> None:
        """Read what was downloaded until now, unless that has been done for this search.

        Raises:
            StorageFailed: the pulls of a day are damaged.
        """
        if not self._has_downloads:
            self._store.pull_stats.refresh()
            self._has_downloads = True

    def downloads(self, item: Item) -> Downloaded | None:
        """See `Facts.downloads`: those of the manifest, for all files that are with it.

        Whoever pulls an image leaves out the layers that he has, and uses them nevertheless.

        Raises:
            StorageFailed: the pulls of a day are damaged.
        """
        if item.is_folder or item.image is None or item.reference is None:
            return None
        self.read_downloads()
        return self._store.pull_stats.known(
            item.repository, item.image, item.reference, self._manifest_digest(item)
        )

    def _manifest_digest(self, item: Item) -> Digest | None:
        """Return the digest that the manifest beside a file is pulled by."""
        if isinstance(item.reference, Digest):
            return item.reference
        if item.name in MANIFEST_FILES:
            return item.manifest_digest
        folder = f"{item.repository}/{item.path}"
        if folder not in self._digests:
            found = None
            if item.image is not None and item.reference is not None:
                place = Place(item.repository, item.image)
                found = self._store.tree.manifest(place, item.reference)
            self._digests[folder] = None if found is None else found.manifest_digest
        return self._digests[folder]

    def contents(self, kind: str, encoded: str) -> frozenset[Digest]:
        """See `Facts.contents`."""
        if len(encoded) != LENGTHS[kind]:
            return frozenset()
        return frozenset(self._store.checksums.find(kind, encoded))

    def checksum(self, digest: Digest, kind: str) -> str | None:
        """See `Facts.checksum`."""
        known = self._store.checksums.known(digest)
        return None if known is None else str(getattr(known, kind))
