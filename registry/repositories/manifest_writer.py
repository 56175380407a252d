"""Writing a manifest into the folders of an image: the order of the writes.

The order is content → links in the folder → manifest by digest → tag, each durable before the
next (invariant 1). Callers hold the image lock, and have checked what they put there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from registry.model import properties
from registry.model.content import Actor, StoredManifest
from registry.model.digests import Digest
from registry.model.errors import BlobUnknown, ManifestPartsMissing
from registry.model.manifests import Manifest, parse_manifest
from registry.model.names import Reference
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.sidecars import FORMER_TAGS, PINNED, former_tags, make_sidecar
from registry.storage.journal import DEPLOY, now, timestamp
from registry.storage.manifest_files import Place
from registry.storage.manifest_reader import Sidecar
from registry.storage.store import Store


@dataclass(frozen=True, slots=True)
class Candidate:
    """A manifest on its way into manifest folders, with all that is written there."""

    stored: StoredManifest
    manifest: Manifest
    content: Digest
    """The name that the bytes have in the filestore."""
    blobs: Sequence[Digest]
    """What the folder owns links to."""
    labels: Mapping[str, str]


class ManifestWriter:
    """Writes manifests into one image, for ``actor``."""

    def __init__(
        self, store: Store, definition: RepositoryDefinition, place: Place, actor: Actor
    ) -> None:
        self._store = store
        self._definition = definition
        self._place = place
        self._actor = actor

    @staticmethod
    def parse(stored: StoredManifest) -> Manifest:
        """Return what a stored manifest says."""
        return parse_manifest(stored.body, stored.media_type)

    def candidate(
        self, stored: StoredManifest, manifest: Manifest, blobs: Sequence[Digest]
    ) -> Candidate:
        """Store the bytes of a manifest, and return what is written of it with ``blobs``."""
        content = self._store.manifests.store(stored.body, stored.digest.algorithm)
        return Candidate(stored, manifest, content, blobs, self._labels(manifest))

    def _labels(self, manifest: Manifest) -> Mapping[str, str]:
        """Return the labels in the image configuration, if there is one of a sane size."""
        if manifest.config is None:
            return {}
        try:
            blob = self._store.links.find(
                self._place.key, self._place.image, manifest.config.digest
            )
        except BlobUnknown:
            return {}
        if blob.size > properties.CONFIG_LIMIT:
            return {}
        with open(blob.path, "rb") as file:
            return properties.config_labels(file.read())

    def put(
        self,
        reference: Reference,
        candidate: Candidate,
        *,
        strict: bool,
        kept: Sidecar | None = None,
    ) -> None:
        """Write in the order that a crash may interrupt; undo all if it fails before the commit.

        ``strict`` refuses a manifest whose parts have vanished since they were checked. ``kept``
        is what was recorded of a manifest that is only moved, so that its makers stay known.
        """
        manifests, place = self._store.manifests, self._place
        stored, manifest = candidate.stored, candidate.manifest
        known = manifests.has(place, stored.digest)
        temporary, vanished = manifests.prepare(
            place, reference, candidate.content, candidate.blobs
        )
        try:
            vanished += self._vanished_children(candidate)
            if vanished and strict:
                raise parts_missing(vanished)
            manifests.register(place, stored.digest, candidate.content, manifest.subject)
            old = manifests.sidecar(place, reference)
            sidecar = make_sidecar(
                place.image, reference, stored, candidate.labels, self._actor, old, kept
            )
            manifests.stage(place, reference, temporary, sidecar)
            manifests.commit(temporary, index=manifest.is_index)
        except BaseException:
            try:
                if not known:
                    manifests.unregister(place, stored.digest, manifest.subject)
            finally:
                manifests.discard(temporary)
            raise
        # From here on the manifest is there, and a failure takes nothing back.
        manifests.settle(place, reference, index=manifest.is_index)

    def _vanished_children(self, candidate: Candidate) -> list[Digest]:
        """Return the children of an index that have been deleted since they were checked."""
        return [
            child.digest
            for child in candidate.manifest.children
            if child.digest not in candidate.blobs
            and not self._store.manifests.has(self._place, child.digest)
        ]

    def keep_by_digest(self, tag: Reference, stored: StoredManifest) -> None:
        """Give a manifest that is about to lose a tag its own folder: pulls by digest go on.

        Its age as an untagged manifest begins now, and it remembers which tag it had until when.
        """
        manifests, place = self._store.manifests, self._place
        former = {} if isinstance(tag, Digest) else {FORMER_TAGS: {str(tag): timestamp(now())}}
        manifests.restart_age(place, stored.digest)
        self._touch_parts(stored)
        if manifests.has_folder(place, stored.digest):
            known = manifests.sidecar(place, stored.digest) or {}
            former = {FORMER_TAGS: former_tags(known) | former_tags(former)}
            manifests.replace_sidecar(place, stored.digest, known | former)
            return
        manifest = self.parse(stored)
        blobs = [
            part.digest
            for part in (*manifest.blobs, *manifest.children)
            if manifests.holds(place, tag, part.digest)
        ]
        kept = {k: v for k, v in (manifests.sidecar(place, tag) or {}).items() if k != PINNED}
        candidate = self.candidate(stored, manifest, blobs)
        self.put(stored.digest, candidate, strict=False, kept=kept | former)

    def complete(self, digest: Digest) -> bool:
        """Give a manifest that the image shows a folder of its own; return whether it had none.

        The push that was to do it has been killed; whoever names the manifest relies on it.
        """
        manifests, place = self._store.manifests, self._place
        if manifests.has_folder(place, digest) or not manifests.has(place, digest):
            return False
        if digest in self._store.references.read(place).tags.values():
            # A tag has it. To find that out costs a look at each tag, but only here.
            return False
        stored = manifests.read(place, digest)
        blobs = [
            blob.digest
            for blob in self.parse(stored).blobs
            if self._store.links.claim(place.key, place.image, blob.digest)
        ]
        self.put(digest, self.candidate(stored, self.parse(stored), blobs), strict=False)
        self._store.journal.record(DEPLOY, place.key, place.image, self._actor, folder=str(digest))
        return True

    def _touch_parts(self, stored: StoredManifest) -> None:
        """Let the age of what a manifest names begin now, because a folder that held it goes.

        A pruner that has seen the image before does not see where the manifest has moved to.
        """
        manifest = self.parse(stored)
        for blob in manifest.blobs:
            self._store.links.restart_age(self._place.key, self._place.image, blob.digest)
        for child in manifest.children:
            self._store.manifests.restart_age(self._place, child.digest)


def parts_missing(digests: Sequence[Digest]) -> ManifestPartsMissing:
    """Return the error for a manifest whose parts the image does not have."""
    return ManifestPartsMissing(
        "the manifest names content that the image does not have",
        *({"digest": digest} for digest in dict.fromkeys(digests)),
    )
