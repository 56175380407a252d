"""Copying and moving a manifest, with all that belongs to it, into another image.

No bytes are copied: the content gets further names. The order is that of a push, so a crash leaves
the target as before it or complete: blobs are linked into the target image while the source holds
still, then come the manifests that belong to it, and the rename that puts the one that was asked
for under its tag comes last. A move takes it from the source only after that; a crash in between
leaves both, and doing it again completes it.

Never are two image locks held at once, so that two promotions crossing cannot wait for each other.
What the source tag stands for is seen once: a tag that is overwritten meanwhile is not moved away.
"""

from __future__ import annotations

from dataclasses import dataclass

from registry.model.content import Actor, Blob, StoredManifest
from registry.model.digests import Digest
from registry.model.errors import BlobUnknown, DigestMismatch, ManifestPartsMissing, ManifestUnknown
from registry.model.names import Reference
from registry.model.targets import Target
from registry.repositories.base import MayReplace
from registry.repositories.belongings import Belongings, Parcel, Part, Transfer
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.departing import Departure
from registry.repositories.pushing import ManifestPush
from registry.repositories.sidecars import FORMER_TAGS, PINNED
from registry.storage.manifest_files import Place
from registry.storage.manifest_reader import Sidecar
from registry.storage.store import Store

_ATTEMPTS = 3
"""How often what is deleted in the target meanwhile is brought there."""
_OF_THE_FOLDER = (FORMER_TAGS, PINNED)
"""What is said of a tag or digest in its image, whichever manifest comes there."""
_OF_THE_PUSH = ("modified", "modifiedBy")
"""What is said of when a manifest came to where it is; retention counts from then."""


@dataclass(frozen=True, slots=True)
class End:
    """One end of a transfer: an image in a repository."""

    definition: RepositoryDefinition
    place: Place


class Arrival(ManifestPush):
    """Puts what comes from another image into its own. Callers hold the image lock."""

    def __init__(
        self, store: Store, end: End, actor: Actor, source: Place, transfer: Transfer
    ) -> None:
        super().__init__(store, end.definition, end.place, actor)
        self._source = source
        self._transfer = transfer
        self._from = ""

    def bring(self, parcel: Parcel, may_replace: MayReplace | None) -> None:
        """Put a manifest and what belongs to it into the image.

        ``may_replace`` raises for a tag that may not come to another manifest.

        Raises:
            ManifestUnknown: the source has lost something of it.
            ManifestPartsMissing: the image has lost something of it, or it never was complete.
            TagInvalid, OperationUnsupported, TagImmutable: it cannot be pushed there, either.
        """
        landings = [
            (part, new)
            for part, new in parcel.landings(self._transfer.new)
            if part is parcel.root or self._source != self._place
        ]
        for part, new in landings:
            self._require_replaceable([new], part.digest, may_replace)
        for part, new in landings:
            self._bring(part, new)

    def _bring(self, part: Part, new: Reference) -> None:
        stored = self._store.manifests.read(self._source, part.digest)
        self._require_accepted(self.parse(stored), new, stored.digest)
        self._from = str(Target(self._source.key, self._source.image, part.reference))
        self.put_again(new, stored, kept=self._kept(part, new), event=self._transfer.event)

    def _kept(self, part: Part, new: Reference) -> Sidecar:
        """Return what is known of a manifest at its source, and of its new place."""
        old = self._store.manifests.sidecar(self._place, new) or {}
        kept = {
            name: value
            for name, value in part.sidecar.items()
            if name not in (*_OF_THE_PUSH, *_OF_THE_FOLDER)
        }
        return kept | {name: old[name] for name in _OF_THE_FOLDER if name in old}

    def _record(
        self,
        event: str,
        reference: Reference,
        stored: StoredManifest,
        previous: StoredManifest | None,
        **facts: object,
    ) -> None:
        super()._record(event, reference, stored, previous, **{"from": self._from}, **facts)


class Copying:
    """Brings a manifest from one end to another, for ``actor``."""

    def __init__(self, store: Store, source: End, target: End, actor: Actor) -> None:
        self._store = store
        self._source = source
        self._target = target
        self._actor = actor

    def run(self, transfer: Transfer, may_replace: MayReplace | None) -> Parcel:
        """Do it; see `Repository.transfer`."""
        parcel = self._copy(transfer, may_replace)
        if transfer.move:
            place = self._source.place
            with self._store.locks.image(place.key, place.image):
                self._departure(transfer).take_away(parcel)
        return parcel

    def _departure(self, transfer: Transfer) -> Departure:
        source, key = self._source, self._target.place.key
        return Departure(self._store, source.definition, source.place, self._actor, transfer, key)

    def _copy(self, transfer: Transfer, may_replace: MayReplace | None) -> Parcel:
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._copy_once(transfer, may_replace)
            except (ManifestPartsMissing, ManifestUnknown):
                # What has been linked into the target was deleted there by somebody else, or the
                # source has another image under the tag, and lost the one that was seen.
                continue
        return self._copy_once(transfer, may_replace)

    def _copy_once(self, transfer: Transfer, may_replace: MayReplace | None) -> Parcel:
        parcel, place = self._gather(transfer), self._target.place
        arrival = Arrival(self._store, self._target, self._actor, self._source.place, transfer)
        with self._store.locks.image(place.key, place.image):
            arrival.bring(parcel, may_replace)
        return parcel

    def _gather(self, transfer: Transfer) -> Parcel:
        """Find what belongs to a manifest, and let the target show the blobs of all of it."""
        source = self._source.place
        with self._store.locks.image(source.key, source.image):
            parcel = Belongings(self._store, source).of(transfer.reference)
            if transfer.move:
                self._departure(transfer).require_movable()
            new = transfer.new
            if isinstance(new, Digest) and new != parcel.root.digest:
                raise DigestMismatch(
                    "a manifest cannot stand under the digest of another one",
                    {"digest": new, "computed": parcel.root.digest},
                )
            for part in parcel.parts:
                self._store.manifests.claim(source, part.digest)
                for blob in part.blobs:
                    self._mount(blob)
        return parcel

    def _mount(self, digest: Digest) -> None:
        source, target, links = self._source.place, self._target.place, self._store.links
        if source == target:
            return
        try:
            found = links.find(source.key, source.image, digest)
            links.mount(target.key, target.image, digest, Blob(digest, found.size, found.path))
        except (BlobUnknown, FileNotFoundError):
            # Whether it is needed is for the manifest to say that names it.
            return
