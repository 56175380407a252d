"""What pruning leaves of an image in the end, and what of that goes with a deletion.

In the end means: the trash has expired, and all graces are over. The rules are those of
`registry.repositories.deleting` and `registry.repositories.untagged`; here they are followed for
deletions that nobody has made.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Final

from registry.model.digests import Digest
from registry.model.names import Reference, Tag
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.untagged import DAYS, GENERATIONS, UntaggedPolicy
from registry.services.usage_lineage import Lineage
from registry.storage.layout import content_name
from registry.storage.manifest_files import Place
from registry.storage.ownership import Inode, ManifestFolder, OwnedImage
from registry.storage.passes import Ages
from registry.storage.store import Store

_OVER: Final = Ages(now=math.inf, grace=0.0, proved=math.inf)
"""The ages when everything is old."""


@dataclass(slots=True)
class Names:
    """Names of content in images, as how many each inode has of them."""

    all: Counter[Inode] = field(default_factory=Counter)
    leases: Counter[Inode] = field(default_factory=Counter)
    """Those of them that are in ``_layers``."""
    written: int = 0
    """Bytes of content that the filestore has lost, and that a deletion has to write again."""

    def lease(self, inode: Inode) -> None:
        """Count a name in ``_layers``."""
        self.all[inode] += 1
        self.leases[inode] += 1

    def update(self, other: Names) -> None:
        """Count the names of ``other``, too."""
        self.all.update(other.all)
        self.leases.update(other.leases)
        self.written += other.written


@dataclass(slots=True)
class _Act:
    """One or more deletions from an image."""

    removed: dict[Tag, Digest] = field(default_factory=dict)
    taken: Counter[Digest] = field(default_factory=Counter)
    """How many tags each manifest loses."""
    going: set[Digest] = field(default_factory=set)
    """Manifests that are not shown any more at once."""
    moved: dict[Digest, Tag] = field(default_factory=dict)
    """Manifests that lose their last tag and stay, because an index needs them just then."""


class _Policy(UntaggedPolicy):
    """The policy, told of tags that manifests will have had."""

    def __init__(
        self,
        store: Store,
        definition: RepositoryDefinition,
        place: Place,
        found: Iterable[Digest],
        moved: Mapping[Digest, Tag],
    ) -> None:
        self._moved = moved
        super().__init__(store, definition, place, found)

    def _former_tags(self, digest: Digest) -> dict[str, float]:
        latest = {str(self._moved[digest]): math.inf} if digest in self._moved else {}
        return super()._former_tags(digest) | latest

    def _has_folder(self, digest: Digest) -> bool:
        return digest in self._moved or super()._has_folder(digest)


class ImageForecast:
    """Forecasts for one image."""

    def __init__(
        self,
        store: Store,
        definition: RepositoryDefinition,
        image: OwnedImage,
        filestore: Mapping[str, Inode],
    ) -> None:
        self._store = store
        self._definition = definition
        self._filestore = filestore
        self._image = image
        self._graph = graph = image.graph
        self.lineage = Lineage(graph)
        self._live = graph.live()
        self._is_damaged = not graph.is_whole or bool(self._live & graph.unreadable)
        known = graph.folders | graph.registered
        self.unreferenced = known - self._live
        """The manifests that no tag needs."""
        self._kept = self._keep(self.unreferenced, {})
        self.present = self._kept | (known & self._live)
        """The manifests that stay if nothing is deleted."""
        self._tagged = Counter(graph.tags.values())
        self._standing = self._tagged + Counter(self.present & image.untagged.keys())
        """How many manifest folders each manifest has in the end."""
        self.needed = Counter(part.name for folder in self._folders() for part in folder.parts)
        """How many manifests need each blob in the end, by its name."""
        for digest in self.present & image.bare.keys():
            self.needed.update(image.bare[digest])

    def _keep(self, unreferenced: Set[Digest], moved: Mapping[Digest, Tag]) -> Set[Digest]:
        """Return those of all unreferenced manifests that stay, however long one waits.

        ``moved`` are those that have just lost a tag while an index still needed them.
        """
        definition = self._definition
        if self._is_damaged:
            # Nobody knows what a damaged manifest needs, so the pruner leaves them all.
            return unreferenced
        if definition.number(DAYS) >= 0 and definition.number(GENERATIONS) <= 1:
            # With these settings none stays for ever, so none need be asked.
            return frozenset()
        policy = _Policy(self._store, definition, self._image.place, unreferenced, moved)
        kept = (d for d in unreferenced if policy.reason_to_stay(d, _OVER) is not None)
        return unreferenced & self.lineage.closure(kept).keys()

    def _folders(self) -> Iterator[ManifestFolder]:
        yield from self._image.tags.values()
        for digest, folder in self._image.untagged.items():
            if digest in self.present:
                yield folder

    # --- what stays --------------------------------------------------------------------------

    def staying(self) -> Names:
        """Return the names that stay if nothing is deleted."""
        names = Names()
        for folder in self._folders():
            names.all.update(folder.names())
        image = self._image
        names.all.update(i for digest, i in image.registered.items() if digest in self.present)
        for digest, inodes in image.referrers.items():
            # Nobody looks for those of a manifest that is not shown.
            if digest in self.present or digest not in image.registered:
                names.all.update(inodes)
        for name, inode in image.layers.items():
            if name in self.needed:
                names.lease(inode)
        return names

    # --- what goes ---------------------------------------------------------------------------

    def everything(self) -> Names:
        """Return the names that go with the image."""
        return self._names(list(self._image.tags.values()), self.present, {})

    def tags(self, tags: Iterable[Tag]) -> Names:
        """Return the names that go with tags, deleted one after the other."""
        act = _Act()
        for tag in dict.fromkeys(tags):
            digest = self._graph.tags.get(tag)
            if digest is None or digest in self._graph.unreadable:
                # What is damaged cannot be deleted.
                continue
            act.removed[tag] = digest
            act.taken[digest] += 1
            if self._stands(digest, act):
                continue
            if any(self._stands(parent, act) for parent in self.lineage.parents(digest)):
                # The index needs it, so it is given a folder that its digest names.
                act.moved[digest] = tag
            else:
                act.going.add(digest)
        return self._with(act)

    def _stands(self, digest: Digest, act: _Act) -> bool:
        """Return whether a manifest still has a folder."""
        return digest in act.moved or self._standing[digest] > act.taken[digest]

    def manifest(self, digest: Digest) -> Names:
        """Return the names that go with a manifest and its tags."""
        removed = {tag: at for tag, at in self._graph.tags.items() if at == digest}
        return self._with(_Act(removed, Counter(removed.values()), {digest}))

    def needed_by(self, digest: Digest) -> Reference | None:
        """Return what forbids to delete a manifest: an index that names it, by a tag if it can."""
        if self._definition.flag("allowSparseIndexes"):
            return None
        for parent in self.lineage.parents(digest):
            if self._standing[parent]:
                tags = sorted(tag for tag, at in self._graph.tags.items() if at == parent)
                return tags[0] if tags else parent
        return None

    def _with(self, act: _Act) -> Names:
        """Return the names that go with tags, and with manifests that are not shown any more."""
        gone = self._gone(act)
        moved = {d: self._image.tags[tag] for d, tag in act.moved.items() if d not in gone}
        return self._names([self._image.tags[tag] for tag in act.removed], gone, moved)

    def _gone(self, act: _Act) -> set[Digest]:
        """Return what goes at once, and the manifests that nothing needs then and do not stay."""
        going = act.going
        area = self.lineage.closure([*act.removed.values(), *going]).keys()
        roots = [
            digest
            for digest in area
            if self._tagged[digest] > act.taken[digest]
            or any(
                by in self._live and by not in area for by in self.lineage.lived_by(digest, going)
            )
        ]
        live = self.lineage.closure(roots, area, going)
        dead = ((area - live.keys()) & self.present) - going
        if dead or going & self._kept:
            unreferenced = (self._kept | dead) - going
            return going | (unreferenced - self._keep(unreferenced, act.moved))
        return going

    def _names(
        self,
        folders: list[ManifestFolder],
        going: Set[Digest],
        moved: Mapping[Digest, ManifestFolder],
    ) -> Names:
        """Return the names in manifest folders, of manifests, and the leases that end with it."""
        names, image, lost = Names(), self._image, Counter[str]()
        for digest in going & self.present:
            # What goes by itself does not go with anything else.
            if digest in image.registered:
                names.all[image.registered[digest]] += 1
                names.all.update(image.referrers.get(digest, ()))
            if digest in image.untagged:
                folders.append(image.untagged[digest])
            lost.update(image.bare.get(digest, ()))
        for folder in folders:
            names.all.update(folder.names())
            lost.update(part.name for part in folder.parts)
        for digest, folder in moved.items():
            self._give_back(names, digest, folder)
            lost.subtract(part.name for part in folder.parts)
        for name, number in lost.items():
            if name in image.layers and self.needed[name] == number:
                names.lease(image.layers[name])
        return names

    def _give_back(self, names: Names, digest: Digest, folder: ManifestFolder) -> None:
        """Do not count the names of a folder that another one gets, too.

        Its manifest comes from the filestore, its blobs from ``_layers``.
        """
        content = self._filestore.get(content_name(digest))
        if content is None:
            names.written += folder.manifest.size
        else:
            names.all[content] -= 1
        for part in folder.parts:
            if part.name in self._image.layers:
                names.all[self._image.layers[part.name]] -= 1
