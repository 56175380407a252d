"""What belongs to a manifest, and so comes along when it is copied or moved to another image.

The children of an index, whatever refers to one of these manifests (signatures, attestations,
SBOMs), and the tags by which cosign, or a client without the referrers API, finds such things.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from registry.model.companions import companions
from registry.model.digests import Digest
from registry.model.errors import ManifestUnknown
from registry.model.manifests import parse_manifest
from registry.model.names import ImageName, Reference
from registry.storage.manifest_files import Place
from registry.storage.manifest_reader import Sidecar
from registry.storage.store import Store


@dataclass(frozen=True, slots=True)
class Transfer:
    """A manifest that is to come from one image under a tag or digest of another one."""

    image: ImageName
    reference: Reference
    to: ImageName
    new: Reference
    event: str
    """What the journal says of it."""
    move: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """One manifest of several that belong together."""

    reference: Reference
    """The manifest folder that it has in its image, or would have."""
    digest: Digest
    media_type: str
    sidecar: Sidecar
    blobs: Sequence[Digest]
    """What the image shows of what the manifest names."""

    @property
    def files(self) -> int:
        """How many files its folder has."""
        return 1 + len(self.blobs)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A manifest, the last one, after everything that belongs to it."""

    parts: Sequence[Part]

    @property
    def root(self) -> Part:
        """The manifest itself."""
        return self.parts[-1]

    def landings(self, new: Reference) -> Iterator[tuple[Part, Reference]]:
        """Yield all parts, each with the reference that it gets where it comes to."""
        for part in self.parts:
            yield part, new if part is self.root else part.reference


_Waiting = tuple[Part, Sequence[Reference] | None]
"""A manifest with its children, or with None if these have had their turn."""


class Belongings:
    """Finds what belongs to the manifests of one image."""

    def __init__(self, store: Store, place: Place) -> None:
        self._store = store
        self._place = place

    def of(self, reference: Reference) -> Parcel:
        """Return a manifest with everything that belongs to it; nothing is renewed.

        Children come before their index, and whatever refers to a manifest after it; but before
        the manifest that was asked for. What the image lacks is left out.

        Raises:
            ManifestUnknown: there is no manifest of that reference.
            ManifestDamaged, ManifestInvalid: nobody can say what belongs to it.
        """
        root, children = self._part(reference)
        parts = list[Part]()
        seen: set[Reference] = {root.reference, root.digest}
        waiting: list[_Waiting] = [(root, None)]
        waiting += self._unseen([*self._followers(root.digest), *children], seen)
        while waiting:
            part, below = waiting.pop()
            if below is None:
                parts.append(part)
                continue
            waiting += self._unseen(self._followers(part.digest), seen)
            waiting.append((part, None))
            waiting += self._unseen(below, seen)
        return Parcel(parts)

    def _unseen(self, references: Sequence[Reference], seen: set[Reference]) -> Iterator[_Waiting]:
        for reference in references:
            if reference in seen:
                continue
            try:
                part, children = self._part(reference)
            except ManifestUnknown:
                continue
            seen |= {reference, part.digest}
            yield part, children

    def _part(self, reference: Reference) -> tuple[Part, Sequence[Reference]]:
        """Return a manifest, and the manifests among its children."""
        manifests, place = self._store.manifests, self._place
        stored = manifests.read(place, reference)
        manifest = parse_manifest(stored.body, stored.media_type)
        children = [child.digest for child in manifest.children]
        found = [child for child in children if manifests.has(place, child)]
        named = [blob.digest for blob in manifest.blobs]
        named += [child for child in children if child not in found]
        blobs = [
            b for b in dict.fromkeys(named) if self._store.links.has(place.key, place.image, b)
        ]
        sidecar = self._sidecar(reference, stored.digest)
        part = Part(reference, stored.digest, stored.media_type, sidecar, blobs)
        return part, found

    def _sidecar(self, reference: Reference, digest: Digest) -> Sidecar:
        """Return what is recorded of a manifest, wherever in the image it has its folder."""
        manifests, place = self._store.manifests, self._place
        if isinstance(reference, Digest) and not manifests.has_folder(place, digest):
            tags = self._store.references.read(place).tags
            reference = next((tag for tag, at in tags.items() if at == digest), digest)
        sidecar = manifests.sidecar(place, reference) or {}
        # After a crash it may be that of the manifest that was about to come.
        return sidecar if sidecar.get("digest") == digest else {}

    def _followers(self, digest: Digest) -> list[Reference]:
        """Return what refers to a manifest."""
        found: list[Reference] = [
            stored.digest for stored in self._store.manifests.referrers(self._place, digest)
        ]
        for tag in companions(digest):
            if self._store.manifests.has_folder(self._place, tag):
                found.append(tag)
        return found
