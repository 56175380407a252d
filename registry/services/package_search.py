"""Looking for packages: tags by image, tag, digest and label, as far as the caller may read."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from registry.access.principals import Action
from registry.model.digests import Digest
from registry.model.errors import ManifestDamaged, ManifestUnknown, RegistryError
from registry.model.items import ItemQuery
from registry.model.manifests import parse_manifest
from registry.model.names import ImageName, Reference, RepositoryKey, Tag
from registry.model.packages import Package, PackageQuery
from registry.repositories.directory import GuardedDirectory
from registry.repositories.guarded import GuardedRepository
from registry.storage.index.packages import PackageSearch
from registry.storage.index.rows import Row
from registry.storage.layout import INDEX_FILE
from registry.storage.manifest_files import Place
from registry.storage.store import Store


@dataclass(frozen=True, slots=True)
class FoundPackages:
    """A page of what was found, sorted by repository, image and tag."""

    packages: Sequence[Package]
    total: int
    """How many the caller may read in all."""


class Packages:
    """Looks for packages in all repositories of one storage folder."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(
        self, directory: GuardedDirectory, query: PackageQuery, offset: int, limit: int
    ) -> FoundPackages:
        """Return ``limit`` of the packages that are wanted and that the caller may read.

        What the caller may not read is neither counted nor does it take a place in a page.
        """
        search, index = PackageSearch(query), self._store.index
        repositories = _repositories(directory, query)
        may_read = _Reading(repositories)
        rows = [row for row in index.packages(search, sorted(repositories)) if may_read(row)]
        page = [index.package(search, row) for row in rows[offset : offset + limit]]
        found = [package for package in page if package is not None]
        return FoundPackages(found, len(rows) - len(page) + len(found))

    def parents(
        self, directory: GuardedDirectory, key: str, image: ImageName, reference: Reference
    ) -> Mapping[Digest, Sequence[Tag]]:
        """Return the indexes of an image that name one of its manifests, each with its tags.

        Raises:
            ManifestUnknown: the image has no such manifest.
            RegistryError: what `GuardedDirectory.open` and `GuardedRepository.require` raise.
        """
        repository = directory.open(key)
        child = repository.manifest(image, reference).digest
        query = ItemQuery(
            repositories=frozenset({repository.key}),
            path_prefix=f"{image}/",
            names=frozenset({INDEX_FILE}),
        )
        found = dict[Digest, list[Tag]]()
        for item in self._store.index.items(query):
            if item.image != image or item.reference is None:
                continue
            digest = _parent(repository, image, item.reference, child)
            if digest is not None:
                tags = found.setdefault(digest, [])
                tags += [item.reference] if isinstance(item.reference, Tag) else []
        return {digest: sorted(tags) for digest, tags in sorted(found.items())}


class _Reading:
    """Says which packages may be read; what holds for a whole image is asked once."""

    def __init__(self, repositories: Mapping[RepositoryKey, GuardedRepository]) -> None:
        self._repositories = repositories
        self._images: dict[Place, tuple[bool, bool]] = {}

    def __call__(self, row: Row) -> bool:
        repository, image = self._repositories[row.place.key], row.place.image
        known = self._images.get(row.place)
        if known is None:
            known = repository.may(Action.READ, image), repository.shows_all(image)
            self._images[row.place] = known
        some, whole = known
        return some and (whole or repository.may(Action.READ, image, row.typed_reference()))


def _parent(
    repository: GuardedRepository, image: ImageName, reference: Reference, child: Digest
) -> Digest | None:
    """Return the digest of an index if it names a manifest."""
    with contextlib.suppress(ManifestUnknown, ManifestDamaged):
        stored = repository.manifest(image, reference)
        children = parse_manifest(stored.body, stored.media_type).children
        if any(part.digest == child for part in children):
            return stored.digest
    return None


def _repositories(
    directory: GuardedDirectory, query: PackageQuery
) -> Mapping[RepositoryKey, GuardedRepository]:
    """Return the repositories to look in: of those that were chosen, the ones that may be read."""
    found = {}
    for key in directory.holders(query.repositories):
        with contextlib.suppress(RegistryError):
            found[key] = directory.open(key)
    return found
