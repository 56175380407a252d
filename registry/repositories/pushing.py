"""Pushing a manifest: what is checked, and the order of the writes.

The order is content → links in the folder → manifest by digest → tag, each durable before the
next (invariant 1). All checks come first, so that a refused manifest leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from registry.model import media_types, properties
from registry.model.content import Actor, StoredManifest
from registry.model.digests import DEFAULT_ALGORITHM, Digest
from registry.model.errors import (
    BlobUnknown,
    DigestMismatch,
    ManifestDamaged,
    ManifestPartsMissing,
    ManifestUnknown,
    OperationUnsupported,
    TagInvalid,
)
from registry.model.manifests import Manifest, parse_manifest
from registry.model.names import Reference, Tag
from registry.repositories.base import PushedManifest
from registry.repositories.definitions import RepositoryDefinition
from registry.repositories.sidecars import FORMER_TAGS, PINNED, former_tags, make_sidecar
from registry.storage.journal import now, timestamp
from registry.storage.manifest_files import Place
from registry.storage.manifest_reader import Sidecar
from registry.storage.store import Store


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A manifest on its way into manifest folders, with all that is written there."""

    stored: StoredManifest
    manifest: Manifest
    content: Digest
    """The name that the bytes have in the filestore."""
    blobs: Sequence[Digest]
    """What the folder owns links to."""
    labels: Mapping[str, str]


class ManifestPush:
    """One push of a manifest to an image."""

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

    def run(
        self, reference: Reference, body: bytes, content_type: str, tags: Sequence[Tag]
    ) -> PushedManifest:
        """Push; see `Repository.put_manifest`."""
        manifest = parse_manifest(body, content_type)
        algorithm = reference.algorithm if isinstance(reference, Digest) else DEFAULT_ALGORITHM
        digest = manifest.identity(body, algorithm)
        self._require_accepted(manifest, reference, digest)
        present = self._require_parts(manifest)
        stored = StoredManifest(digest, manifest.media_type, body)
        candidate = self._candidate(stored, manifest, present)
        references: list[Reference] = [reference, *(tag for tag in tags if tag != reference)]
        with self._store.locks.image(self._place.key, self._place.image):
            for target in references:
                self._publish(target, candidate)
        self._store.quarantine.heal(candidate.content)
        return PushedManifest(digest, manifest.subject, tags)

    def put_again(self, reference: Reference, stored: StoredManifest, **how: Any) -> None:
        """Put a manifest that the image had, or has, under a reference; the lock is held.

        ``how`` is for `_publish`. Raises ManifestPartsMissing.
        """
        manifest = self.parse(stored)
        present = self._require_parts(manifest)
        self._publish(reference, self._candidate(stored, manifest, present), **how)

    def _candidate(
        self, stored: StoredManifest, manifest: Manifest, blobs: Sequence[Digest]
    ) -> _Candidate:
        content = self._store.manifests.store(stored.body, stored.digest.algorithm)
        return _Candidate(stored, manifest, content, blobs, self._labels(manifest))

    def _require_accepted(self, manifest: Manifest, reference: Reference, digest: Digest) -> None:
        if manifest.media_type in media_types.SCHEMA1_TYPES:
            self._require_schema1(manifest, reference)
        if isinstance(reference, Digest) and digest != reference:
            raise DigestMismatch(
                "provided digest did not match the manifest",
                {"digest": reference, "computed": digest},
            )

    def _require_schema1(self, manifest: Manifest, reference: Reference) -> None:
        if self._definition.flag("blockPushingSchema1"):
            raise OperationUnsupported(
                "manifests of schema 1 are not accepted here; push with a current client, or let "
                "an admin set blockPushingSchema1=false",
                {"mediaType": manifest.media_type},
            )
        if isinstance(reference, Tag) and manifest.tag != reference:
            raise TagInvalid(
                "the manifest names another tag than the request", {"tag": str(reference)}
            )

    def _require_parts(self, manifest: Manifest) -> list[Digest]:
        """Return the blobs to link into the folder; all that the manifest names must be there."""
        links, key, image = self._store.links, self._place.key, self._place.image
        present, missing = [], []
        for blob in manifest.blobs:
            if links.claim(key, image, blob.digest):
                present.append(blob.digest)
            elif blob.required:
                missing.append(blob.digest)
        for child in manifest.children:
            if not self._store.manifests.claim(self._place, child.digest):
                # A descriptor of a type that is no manifest may point to a blob.
                found = links.claim(key, image, child.digest)
                (present if found else missing).append(child.digest)
        if missing and not self._definition.flag("allowSparseIndexes"):
            raise _parts_missing(missing)
        return list(dict.fromkeys(present))

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

    def _publish(
        self,
        reference: Reference,
        candidate: _Candidate,
        *,
        kept: Sidecar | None = None,
        event: str = "push",
    ) -> None:
        """Put a manifest under a tag or digest; the image lock is held.

        ``kept`` is what was recorded of it where it comes from, ``event`` what the journal says.
        """
        replaces = self._store.manifests.has_folder(self._place, reference)
        previous = self._previous(reference) if replaces else None
        digest = candidate.stored.digest
        moved = previous is not None and previous.digest != digest
        if previous is not None and moved:
            self.keep_by_digest(reference, previous)
        strict = not self._definition.flag("allowSparseIndexes")
        self._put(reference, candidate, strict=strict, kept=kept)
        if replaces:
            self._store.manifests.drop_stale_links(self._place, reference, candidate.blobs)
        self._record(event, reference, candidate.stored, previous)

    def _put(
        self,
        reference: Reference,
        candidate: _Candidate,
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
                raise _parts_missing(vanished)
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

    def _vanished_children(self, candidate: _Candidate) -> list[Digest]:
        """Return the children of an index that have been deleted since they were checked."""
        return [
            child.digest
            for child in candidate.manifest.children
            if child.digest not in candidate.blobs
            and not self._store.manifests.has(self._place, child.digest)
        ]

    def _previous(self, reference: Reference) -> StoredManifest | None:
        try:
            return self._store.manifests.read(self._place, reference)
        except (ManifestUnknown, ManifestDamaged):
            # A damaged manifest cannot be kept, but be replaced.
            return None

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
        candidate = self._candidate(stored, manifest, blobs)
        self._put(stored.digest, candidate, strict=False, kept=kept | former)

    def _touch_parts(self, stored: StoredManifest) -> None:
        """Let the age of what a manifest names begin now, because a folder that held it goes.

        A pruner that has seen the image before does not see where the manifest has moved to.
        """
        manifest = self.parse(stored)
        for blob in manifest.blobs:
            self._store.links.restart_age(self._place.key, self._place.image, blob.digest)
        for child in manifest.children:
            self._store.manifests.restart_age(self._place, child.digest)

    def _record(
        self,
        event: str,
        reference: Reference,
        stored: StoredManifest,
        previous: StoredManifest | None,
    ) -> None:
        tag = str(reference) if isinstance(reference, Tag) else None
        self._store.journal.record(
            event,
            self._place.key,
            self._place.image,
            self._actor,
            tag=tag,
            digest=stored.digest,
            previous=None if tag is None or previous is None else previous.digest,
        )


def _parts_missing(digests: Sequence[Digest]) -> ManifestPartsMissing:
    return ManifestPartsMissing(
        "the manifest names content that the image does not have",
        *({"digest": digest} for digest in dict.fromkeys(digests)),
    )
