"""Who has which bytes: what one look at the whole storage folder finds, inode by inode.

Equal content is one inode, whose names say who has it. Only inodes are counted, never digests,
because one content may be on the disk more than once: an inode cannot have more names than the
filesystem allows, and a copy may have lost its hard links. Source of the data:
`registry.storage.ownership_walk`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from registry.model.digests import Digest
from registry.model.names import RepositoryKey, Tag
from registry.storage.manifest_files import Place
from registry.storage.references import ImageGraph


@dataclass(slots=True, eq=False)
class Inode:
    """Bytes that are on the disk once, whichever names they have."""

    size: int
    links: int
    """The names that it had when it was looked at last, wherever they are."""
    found: int = 0
    """The names of it that the walk has come across."""
    home: tuple[str, ...] | None = None
    """Repository, image, reference, as far as they are the same for everybody who has it; None
    if nobody has. For whoever counts."""
    staying: int = 0
    """The names, but for that in the filestore, that pruning leaves it. For whoever counts."""
    leases: int = 0
    """How many of these are in ``_layers``. For whoever counts."""
    others: tuple[str, ...] = ()
    """Who has it that is no image: ``trash``, ``quarantine``, ``elsewhere``."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A blob in manifest folders: its name there, and its bytes."""

    name: str
    inode: Inode


@dataclass(frozen=True, slots=True, eq=False)
class ManifestFolder:
    """What a manifest folder has: a complete image, or an index."""

    manifest: Inode
    parts: tuple[Part, ...]

    def names(self) -> Iterator[Inode]:
        """Yield the inode of each name in the folder."""
        yield self.manifest
        for part in self.parts:
            yield part.inode


@dataclass(slots=True, eq=False)
class OwnedImage:
    """All names that an image has."""

    place: Place
    tags: dict[Tag, ManifestFolder] = field(default_factory=dict)
    untagged: dict[Digest, ManifestFolder] = field(default_factory=dict)
    registered: dict[Digest, Inode] = field(default_factory=dict)
    """The manifests that the image shows by digest."""
    referrers: dict[Digest, list[Inode]] = field(default_factory=dict)
    """The names of manifests as referrers of their subjects."""
    layers: dict[str, Inode] = field(default_factory=dict)
    """The blobs that the image may show."""
    bare: dict[Digest, tuple[str, ...]] = field(default_factory=dict)
    """Manifests that are shown and have no folder, because something was killed: the names of
    their blobs, which ``layers`` alone has."""
    graph: ImageGraph = field(default_factory=lambda: ImageGraph({}, frozenset(), frozenset(), {}))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left of the image."""
        return not (self.tags or self.untagged or self.registered or self.layers)


@dataclass(slots=True)
class Ownership:
    """What the walk found."""

    images: dict[RepositoryKey, list[OwnedImage]] = field(default_factory=dict)
    filestore: dict[str, Inode] = field(default_factory=dict)
    """Every content, by the name that it has in images."""
    held: list[Inode] = field(default_factory=list)
    """Content on hold, about to be freed."""
    trash: list[Inode] = field(default_factory=list)
    uploads: list[Inode] = field(default_factory=list)
    """The data of uploads; an inode may be content already."""
    inodes: Sequence[Inode] = ()
    """All content, in the filestore or not."""
