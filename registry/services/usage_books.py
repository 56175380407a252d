"""The books over the bytes of a storage folder: who has each inode, and what keeps it there."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

from registry.model.digests import Digest
from registry.model.names import ImageName, Reference, RepositoryKey, Tag
from registry.repositories.definitions import Definitions
from registry.services.usage_forecast import ImageForecast, Names
from registry.storage.orphans import Amount
from registry.storage.ownership import Inode, ManifestFolder, OwnedImage
from registry.storage.ownership_walk import OwnershipWalk
from registry.storage.store import Store

ELSEWHERE = "elsewhere"
_SPLIT = (
    "most content has lost its hard links, as in a copy that was made without them; nothing of it "
    "is freed until 'relink' has joined it again"
)
_NOTHING = Names()


class Holdings:
    """What the tags and manifests of one image have."""

    def __init__(self, image: OwnedImage, forecast: ImageForecast) -> None:
        self._image = image
        self._lineage = forecast.lineage
        self._unreferenced = forecast.unreferenced
        self._folders: dict[Digest, ManifestFolder] = {
            digest: image.tags[tag] for tag, digest in image.graph.tags.items()
        }
        self._folders |= image.untagged
        self._needed = forecast.needed.keys()

    def units(self) -> Iterator[tuple[Reference | None, Iterable[Inode]]]:
        """Yield each that has content, with it: tags, manifests that no tag needs, and leases.

        Leases alone have no reference. An inode may come more than once.
        """
        for tag in self._image.tags:
            yield tag, self.of(tag)
        for digest in self._unreferenced:
            yield digest, self._manifest(digest, self._folders.get(digest))
        needed = self._needed | {
            name for digest in self._unreferenced for name in self._needed_by(digest)
        }
        leases = [inode for name, inode in self._image.layers.items() if name not in needed]
        if leases:
            yield None, leases

    def _needed_by(self, digest: Digest) -> Iterator[str]:
        """Yield the names of the blobs that a manifest needs."""
        if digest in self._folders:
            yield from (part.name for part in self._folders[digest].parts)
        yield from self._image.bare.get(digest, ())

    def of(self, reference: Reference) -> Iterator[Inode]:
        """Yield what a tag or manifest has, with children and referrers."""
        image, own = self._image, None
        if isinstance(reference, Tag):
            yield from self._folder(image.tags[reference])
            own = image.graph.tags.get(reference)
        for digest in self._closure(reference):
            # The folders of other tags are theirs, even if they have the same manifest.
            folders = image.untagged if digest == own else self._folders
            yield from self._manifest(digest, folders.get(digest))

    def logical(self, reference: Reference) -> int:
        """Return the sum over the manifests of a tag or manifest, with children and referrers."""
        return sum(map(self._size, self._closure(reference)))

    def logical_all(self) -> int:
        """Return the sum over all tags, and over manifests that no tag needs."""
        return sum(map(self.logical, self._image.tags)) + sum(map(self._size, self._unreferenced))

    def _closure(self, reference: Reference) -> Iterable[Digest]:
        tags = self._image.graph.tags
        digest = tags.get(reference) if isinstance(reference, Tag) else reference
        return () if digest is None else self._lineage.closure([digest])

    def _size(self, digest: Digest) -> int:
        folder = self._folders.get(digest)
        names = self._manifest(digest, None) if folder is None else folder.names()
        return sum(inode.size for inode in set(names))

    def _manifest(self, digest: Digest, folder: ManifestFolder | None) -> Iterator[Inode]:
        """Yield what one manifest has, in its folder and outside."""
        image = self._image
        if digest in image.registered:
            yield image.registered[digest]
            yield from image.referrers.get(digest, ())
        if folder is not None:
            yield from self._folder(folder)
        for name in image.bare.get(digest, ()):
            if name in image.layers:
                yield image.layers[name]

    def _folder(self, folder: ManifestFolder) -> Iterator[Inode]:
        yield folder.manifest
        layers = self._image.layers
        for part in folder.parts:
            yield part.inode
            lease = layers.get(part.name)
            if lease is not None and lease is not part.inode:
                yield lease


class Books:
    """Everything that is counted, from one walk over the storage folder."""

    def __init__(
        self, store: Store, definitions: Definitions, progress: Callable[[int], None]
    ) -> None:
        self._store = store
        self._definitions = {found.key: found for found in definitions.holding()}
        walk = OwnershipWalk(store.layout, store.manifests, progress)
        self._found = walk.run(store.catalog.repositories())
        self._splits: dict[Inode, set[Inode]] = {}
        for image in self.images():
            self._enter(image)
        for inode in self._found.inodes:
            if inode.links > inode.found:
                inode.others += (ELSEWHERE,)
            if inode.others:
                inode.home = ()
            # What has expired is gone in the end; all others stay.
            inode.staying += sum(name != "trash" for name in inode.others)
        self._spared = {i for i in self._splits if i.staying == 0 and self._stays(i)}

    def _enter(self, image: OwnedImage) -> None:
        """Enter who has the content of an image, and by how many names it stays."""
        forecast = self.forecast(image)
        place = image.place
        for reference, inodes in self.holdings(image, forecast).units():
            path: tuple[str, ...] = (place.key, place.image)
            if reference is not None:
                path += (reference,)
            for inode in inodes:
                if inode.home is not path:
                    inode.home = path if inode.home is None else _common(inode.home, path)
        names = forecast.staying()
        for inode, number in names.all.items():
            inode.staying += number
        for inode, number in names.leases.items():
            inode.leases += number
        for name in forecast.needed:
            lease, filed = image.layers.get(name), self._found.filestore.get(name)
            if lease is not None and filed is not None and lease is not filed:
                self._splits.setdefault(filed, set()).add(lease)

    # --- looking -----------------------------------------------------------------------------

    def images(self, key: RepositoryKey | None = None) -> Iterator[OwnedImage]:
        """Yield the images of a repository, or of all that are configured.

        What lies in a folder of no repository goes by itself, so it is nobody's.
        """
        for found in self._definitions if key is None else [key]:
            yield from self._found.images.get(found, ())

    def image(self, key: RepositoryKey, name: ImageName) -> OwnedImage | None:
        """Return an image, or None if there is none of that name."""
        return next((image for image in self.images(key) if image.place.image == name), None)

    def forecast(self, image: OwnedImage) -> ImageForecast:
        """Return the forecast for an image."""
        definition = self._definitions[image.place.key]
        return ImageForecast(self._store, definition, image, self._found.filestore)

    def holdings(self, image: OwnedImage, forecast: ImageForecast | None = None) -> Holdings:
        """Return what the tags and manifests of an image have."""
        return Holdings(image, forecast or self.forecast(image))

    def unique(self, depth: int) -> dict[tuple[str, ...], int]:
        """Return the bytes that one repository (1), image (2), tag (3) alone has, by its path."""
        found: dict[tuple[str, ...], int] = {}
        for inode in self._found.inodes:
            if inode.home is not None and len(inode.home) >= depth:
                path = inode.home[:depth]
                found[path] = found.get(path, 0) + inode.size
        return found

    # --- what is freed -----------------------------------------------------------------------

    def freed(self, lost: Names) -> int:
        """Return the bytes that are freed in the end if names are lost.

        Less than 0, in the rare case that a deletion has to write content again.
        """
        touched = lost.all.keys() | self._spared
        freed = sum(i.size * (self._stays(i) - self._stays(i, lost)) for i in touched)
        return freed - lost.written

    def _stays(self, inode: Inode, lost: Names = _NOTHING) -> bool:
        """Return whether an inode stays in the end.

        Content stays in the filestore, too, where an image shows the same content by the only name
        of another inode: the pruner waits until both are joined again.
        """
        return inode.staying > lost.all[inode] or any(
            lease.staying - lost.all[lease] == 1 == lease.leases - lost.leases[lease]
            for lease in self._splits.get(inode, ())
        )

    # --- what waits --------------------------------------------------------------------------

    def waiting(self) -> dict[str, Amount]:
        """Return what no tag needs, by why it is still there; every inode once."""
        found = {name: Amount() for name in ("untagged", "trash", "leases", "uploads", "orphans")}
        leases, untagged = set[Inode](), set[Inode]()
        for image in self.images():
            for reference, inodes in self.holdings(image).units():
                if reference is None:
                    leases.update(inodes)
                elif isinstance(reference, Digest):
                    untagged.update(inodes)
        uploads = set(self._found.uploads)
        for inode in {*self._found.inodes, *uploads}:
            if self._stays(inode):
                continue
            reasons = (
                ("untagged", inode in untagged),
                ("trash", "trash" in inode.others),
                ("leases", inode in leases),
                ("uploads", inode in uploads),
                ("orphans", True),
            )
            found[next(name for name, applies in reasons if applies)].add(inode.size)
        return found

    def warning(self) -> str | None:
        """Return what stands in the way of freeing anything."""
        alone = any(inode.links == 1 for i in self.images() for inode in i.layers.values())
        filestore = self._found.filestore.values()
        orphans = sum(inode.links == 1 for inode in filestore)
        return _SPLIT if alone and 2 * orphans > len(filestore) else None


def _common(home: tuple[str, ...], path: tuple[str, ...]) -> tuple[str, ...]:
    """Return what two paths have in common from their beginning."""
    if path[: len(home)] == home:
        return home
    pairs = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(home, path, strict=False))
    return tuple(part for part, _ in pairs)
