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
from registry.repositories.definitions import RepositoryDefinition
from registry.repositories.untagged import DAYS, GENERATIONS, UntaggedPolicy
from registry.storage.layout import content_name
from registry.storage.ownership import Inode, ManifestFolder, OwnedImage
from registry.storage.passes import Ages
from registry.storage.references import ImageGraph, Relations
from registry.storage.store import Store

_OVER: Final = Ages(now=math.inf, grace=0.0, proved=math.inf)
"""The ages when everything is old."""
_NONE: Final[Relations] = ((), None)


class Lineage:
    """What in an image lives by what: children by their index, referrers by their subject."""

    def __init__(self, graph: ImageGraph) -> None:
        self._relations = graph.relations
        self._parents: dict[Digest, list[Digest]] = {}
        self._referrers: dict[Digest, list[Digest]] = {}
        for digest, (children, subject) in graph.relations.items():
            for child in children:
                self._parents.setdefault(child, []).append(digest)
            if subject is not None:
                self._referrers.setdefault(subject, []).append(digest)

    def parents(self, digest: Digest) -> list[Digest]:
        """Return the indexes that name a manifest."""
        return self._parents.get(digest, [])

    def referrers(self, digest: Digest) -> list[Digest]:
        """Return the manifests whose subject is ``digest``."""
        return self._referrers.get(digest, [])

    def lived_by(self, digest: Digest) -> Iterator[Digest]:
        """Yield what lets a manifest live: indexes that name it, and its subject."""
        yield from self.parents(digest)
        subject = self._relations.get(digest, _NONE)[1]
        if subject is not None:
            yield subject

    def closure(
        self,
        roots: Iterable[Digest],
        within: Set[Digest] | None = None,
        without: Set[Digest] = frozenset(),
    ) -> dict[Digest, None]:
        """Return what lives by ``roots``, with them; in a stable order.

        Only what is ``within`` counts, if that is given. What manifests say that the image does
        not show is not known, so nothing lives by those ``without`` but what refers to them.
        """
        found: dict[Digest, None] = {}
        waiting = list(roots)
        while waiting:
            digest = waiting.pop()
            if digest in found or (within is not None and digest not in within):
                continue
            found[digest] = None
            waiting += (d for d in self.referrers(digest) if d not in without)
            if digest not in without:
                waiting += self._relations.get(digest, _NONE)[0]
        return found


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
        self._kept = self._keep(self.unreferenced)
        self.present = self._kept | (known & self._live)
        """The manifests that stay if nothing is deleted."""
        self._tagged = Counter(graph.tags.values())
        self._standing = self._tagged + Counter(self.present & image.untagged.keys())
        """How many manifest folders each manifest has in the end."""
        self.needed = Counter(part.name for folder in self._folders() for part in folder.parts)
        """How many manifests need each blob in the end, by its name."""
        for digest in self.present & image.bare.keys():
            self.needed.update(image.bare[digest])

    def _keep(self, unreferenced: Set[Digest]) -> Set[Digest]:
        """Return those of all unreferenced manifests that stay, however long one waits."""
        definition = self._definition
        if self._is_damaged:
            # Nobody knows what a damaged manifest needs, so the pruner leaves them all.
            return unreferenced
        if definition.number(DAYS) >= 0 and definition.number(GENERATIONS) <= 1:
            # With these settings none stays for ever, so none need be asked.
            return frozenset()
        policy = UntaggedPolicy(self._store, definition, self._image.place, unreferenced)
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
        removed, taken, going = list[Tag](), Counter[Digest](), set[Digest]()
        for tag in dict.fromkeys(tags):
            digest = self._graph.tags.get(tag)
            if digest is None or digest in self._graph.unreadable:
                # What is damaged cannot be deleted.
                continue
            removed.append(tag)
            taken[digest] += 1
            if not any(
                self._standing[holder] > taken[holder]
                for holder in (digest, *self.lineage.parents(digest))
            ):
                going.add(digest)
        return self._with(removed, taken, going)

    def manifest(self, digest: Digest) -> Names:
        """Return the names that go with a manifest and its tags."""
        removed = [tag for tag, at in self._graph.tags.items() if at == digest]
        return self._with(removed, Counter({digest: len(removed)}), {digest})

    def needed_by(self, digest: Digest) -> Reference | None:
        """Return what forbids to delete a manifest: an index that names it, by a tag if it can."""
        if self._definition.flag("allowSparseIndexes"):
            return None
        for parent in self.lineage.parents(digest):
            if self._standing[parent]:
                tags = sorted(tag for tag, at in self._graph.tags.items() if at == parent)
                return tags[0] if tags else parent
        return None

    def _with(self, removed: list[Tag], taken: Counter[Digest], going: set[Digest]) -> Names:
        """Return the names that go with tags, and manifests that are not shown any more."""
        tags = self._graph.tags
        gone = self._gone({tags[tag] for tag in removed}, taken, going)
        # An index needs what stays without a folder, so it is given one that its digest names.
        moved = {
            tags[tag]: self._image.tags[tag]
            for tag in removed
            if tags[tag] not in gone and self._standing[tags[tag]] == taken[tags[tag]]
        }
        return self._names([self._image.tags[tag] for tag in removed], gone, moved)

    def _gone(
        self, untagged: set[Digest], taken: Counter[Digest], going: set[Digest]
    ) -> set[Digest]:
        """Return ``going``, and the manifests that nothing needs then and that do not stay."""
        area = self.lineage.closure(untagged | going).keys()
        live = self.lineage.closure(
            (
                digest
                for digest in area
                if (self._tagged[digest] > taken[digest] and digest not in going)
                or any(by in self._live and by not in area for by in self.lineage.lived_by(digest))
            ),
            area,
            going,
        )
        dead = ((area - live.keys()) & self.present) - going
        if dead or going & self._kept:
            unreferenced = (self._kept | dead) - going
            return going | (unreferenced - self._keep(unreferenced))
        return going

    def _names(
        self,
        folders: list[ManifestFolder],
        going: Set[Digest],
        moved: Mapping[Digest, ManifestFolder],
    ) -> Names:
        """Return the names in manifest folders, of manifests, and the leases that end with it."""
        names, image, lost = Names(), self._image, Counter[str]()
        for digest in going:
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
