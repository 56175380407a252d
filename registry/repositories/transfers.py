"""Bringing manifests from a local repository, or from the cache of a remote one, to a local one."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from registry.access.principals import Action
from registry.model.companions import subject_of
from registry.model.content import Actor
from registry.model.errors import (
    ManifestDamaged,
    ManifestUnknown,
    RequestInvalid,
)
from registry.model.names import ImageName, Reference, RepositoryKey, Tag
from registry.model.repository_fields import LOCAL, REMOTE
from registry.repositories.attempts import again
from registry.repositories.base import MayReplace
from registry.repositories.belongings import Belongings, Parcel, Transfer
from registry.repositories.copying import Copying, End
from registry.repositories.definitions import Definitions
from registry.repositories.deleting import remove_empty
from registry.repositories.departing import Departure
from registry.repositories.immutability import require_mutable
from registry.repositories.local import LocalRepository
from registry.repositories.upstream.names import cache_name
from registry.storage.folder_records import Record
from registry.storage.manifest_files import Place
from registry.storage.store import Store


class Transfers:
    """Brings manifests from one repository to another. Knows nothing of who may do what."""

    def __init__(self, store: Store, definitions: Definitions) -> None:
        self._store = store
        self._definitions = definitions

    def require_target(self, key: RepositoryKey) -> None:
        """Raise RequestInvalid for a repository that images cannot be brought to."""
        definition = self._definitions.get(key)
        if definition.rclass != LOCAL:
            kind = "the cache of a remote one" if definition.is_cache else definition.rclass
            raise RequestInvalid(
                f"the repository '{key}' is {kind}; images are brought to local ones",
                {"repository": key},
            )

    def source(self, key: RepositoryKey) -> RepositoryKey:
        """Return where the images of a repository are brought from: of a remote one, its cache.

        Raises:
            RequestInvalid: it is virtual, and holds none itself.
        """
        return self._definitions.holder(key).key

    def is_cache(self, key: RepositoryKey) -> bool:
        """Return whether a repository is the cache of a remote one."""
        return self._definitions.get(key).is_cache

    def name_at_source(self, key: RepositoryKey, image: ImageName) -> ImageName:
        """Return the name that an image of a repository has there."""
        definition = self._definitions.get(key)
        return cache_name(definition, image) if definition.rclass == REMOTE else image

    def references(self, key: RepositoryKey, image: ImageName) -> list[Reference]:
        """Return what an image has folders for, whatever belongs to another one after that one."""
        graph = self._store.references.read(Place(key, image))
        tags = sorted(graph.tags, key=lambda tag: (subject_of(tag) is not None, tag))
        return [*tags, *graph.in_order(graph.folders)]

    def belongings(self, key: RepositoryKey, image: ImageName, reference: Reference) -> Parcel:
        """Return a manifest with all that belongs to it. Raises ManifestUnknown."""
        return Belongings(self._store, Place(key, image)).of(reference)

    def replaced(self, key: RepositoryKey, transfer: Transfer, parcel: Parcel) -> list[Tag]:
        """Return the tags of the target that would come to stand for another manifest.

        Raises TagImmutable if the target keeps one of them as it is.
        """
        place = Place(key, transfer.to)
        found = [
            new
            for part, new in parcel.landings(transfer.new)
            if isinstance(new, Tag) and self._stands_at(place, new) not in (None, part.digest)
        ]
        require_mutable(self._definitions.get(key), place, found, "overwritten")
        return found

    def _stands_at(self, place: Place, tag: Tag) -> str | None:
        try:
            return self._store.manifests.read(place, tag).digest
        except ManifestUnknown:
            return None
        except ManifestDamaged:
            return "damaged"

    def require_reach(self, key: RepositoryKey, transfer: Transfer, parcel: Parcel) -> None:
        """Raise what the patterns or the blackout of the target say of what would come to it."""
        reach = self._definitions.get(key).reach
        for part, new in parcel.landings(transfer.new):
            reach.require_manifest(Action.WRITE, transfer.to, new, part.media_type)

    def require_movable(self, key: RepositoryKey, transfer: Transfer) -> None:
        """Raise OperationUnsupported or TagImmutable for what has to stay where it is."""
        place, definition = Place(key, transfer.image), self._definitions.get(key)
        Departure(self._store, definition, place, Actor("", ""), transfer, key).require_movable()

    def folders(self, key: RepositoryKey, location: str) -> dict[str, Record]:
        """Return what is kept of a folder and of those below it, by where they are in it."""
        return {
            at[len(location) :]: record
            for at, record in self._store.folder_records.all(key).items()
            if at == location or at.startswith(f"{location}/")
        }

    def keep_folders(
        self, key: RepositoryKey, to: str, folders: Mapping[str, Mapping[str, Any]]
    ) -> None:
        """Keep of folders what is kept of them where they come from: their properties."""
        for below, record in folders.items():
            fill = functools.partial(_fill, found=record)
            self._store.folder_records.change(key, fill, f"{to}{below}")

    def forget_folders(self, key: RepositoryKey, location: str) -> None:
        """Forget what is kept of folders that have gone, unless an image has come there."""
        below = self._store.catalog.walk(key, below=ImageName(location))
        if next(below, None) is None:
            self._store.folder_records.forget(key, location)

    @again
    def run(
        self,
        source: RepositoryKey,
        target: RepositoryKey,
        transfer: Transfer,
        actor: Actor,
        may_replace: MayReplace | None = None,
    ) -> Parcel:
        """Bring a manifest, with all that belongs to it, under a tag or digest of another image.

        The tag is there with one rename, after all that it needs. ``may_replace`` raises for a
        tag of the target that may not come to another manifest.

        Raises:
            ManifestUnknown: it is not there, or not any more.
            ManifestPartsMissing: the source does not have all of it.
            OperationUnsupported, TagInvalid, TagImmutable: the target does not take it, or the
                source does not let it go.
        """
        here = End(self._definitions.get(source), Place(source, transfer.image))
        there = End(self._definitions.get(target), Place(target, transfer.to))
        parcel = Copying(self._store, here, there, actor).run(transfer, may_replace)
        if isinstance(transfer.new, Tag):
            repository = LocalRepository(self._store, there.definition)
            repository.make_room(transfer.to, [transfer.new])
        if transfer.move:
            remove_empty(self._store, here.place)
        return parcel


def _fill(record: Record, found: Mapping[str, Any]) -> None:
    record |= found
