"""Pushing a manifest: what is checked, and what becomes of what it replaces.

All checks come first, so that a refused manifest leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from registry.model import media_types
from registry.model.content import StoredManifest
from registry.model.digests import DEFAULT_ALGORITHM, Digest
from registry.model.errors import (
    DigestMismatch,
    ManifestDamaged,
    ManifestUnknown,
    OperationUnsupported,
    TagInvalid,
)
from registry.model.manifests import Manifest, parse_manifest
from registry.model.names import Reference, Tag
from registry.repositories.base import MayReplace, PushedManifest
from registry.repositories.immutability import immutable_tags, require_mutable
from registry.repositories.manifest_writer import Candidate, ManifestWriter, parts_missing
from registry.storage.manifest_reader import Sidecar


class ManifestPush(ManifestWriter):
    """One push of a manifest to an image."""

    def run(
        self,
        reference: Reference,
        body: bytes,
        content_type: str,
        tags: Sequence[Tag],
        may_replace: MayReplace | None = None,
    ) -> PushedManifest:
        """Push; see `Repository.put_manifest`."""
        manifest = parse_manifest(body, content_type)
        algorithm = reference.algorithm if isinstance(reference, Digest) else DEFAULT_ALGORITHM
        digest = manifest.identity(body, algorithm)
        self._require_accepted(manifest, reference, digest)
        present = self._require_parts(manifest)
        stored = StoredManifest(digest, manifest.media_type, body)
        references: list[Reference] = [reference, *(tag for tag in tags if tag != reference)]
        self._require_replaceable(references, digest, may_replace)
        candidate = self.candidate(stored, manifest, present)
        with self._store.locks.image(self._place.key, self._place.image):
            self._require_replaceable(references, digest, may_replace)
            for target in references:
                self._publish(target, candidate)
        self._store.quarantine.heal(candidate.content)
        return PushedManifest(digest, manifest.subject, tags)

    def put_again(self, reference: Reference, stored: StoredManifest, **how: Any) -> None:
        """Put a manifest that the image had, or has, under a reference; the lock is held.

        ``how`` is for `_publish`. Raises ManifestPartsMissing, TagImmutable.
        """
        self._require_replaceable([reference], stored.digest)
        manifest = self.parse(stored)
        present = self._require_parts(manifest)
        self._publish(reference, self.candidate(stored, manifest, present), **how)

    def _require_replaceable(
        self,
        references: Iterable[Reference],
        digest: Digest,
        may_replace: MayReplace | None = None,
    ) -> None:
        """Raise if a tag that must not, or that nobody may move, would come to another manifest.

        Raises TagImmutable for one that is kept as it is, and whatever ``may_replace`` raises.
        """
        if may_replace is None and not immutable_tags(self._definition).patterns:
            return
        tags = [one for one in references if isinstance(one, Tag)]
        changing = [tag for tag in tags if self._changes(tag, digest)]
        if may_replace is not None:
            for tag in changing:
                may_replace(tag)
        require_mutable(self._definition, self._place, changing, "overwritten")

    def _changes(self, tag: Tag, digest: Digest) -> bool:
        manifests = self._store.manifests
        if not manifests.has_folder(self._place, tag):
            return False
        previous = self._previous(tag)
        if previous is not None:
            return previous.digest != digest
        # A damaged one can be put right by a push of what it was, as far as that is known.
        sidecar = manifests.sidecar(self._place, tag) or {}
        return sidecar.get("digest") not in (None, digest)

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
            raise parts_missing(missing)
        return list(dict.fromkeys(present))

    def _publish(
        self,
        reference: Reference,
        candidate: Candidate,
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
        for child in candidate.manifest.children:
            self.complete(child.digest)
        if previous is not None and moved:
            self.keep_by_digest(reference, previous)
        strict = not self._definition.flag("allowSparseIndexes")
        self.put(reference, candidate, strict=strict, kept=kept)
        # What the folder had for another manifest, or was given before any manifest came.
        self._store.manifests.drop_stale_links(self._place, reference, candidate.blobs)
        self._record(event, reference, candidate.stored, previous)

    def _previous(self, reference: Reference) -> StoredManifest | None:
        try:
            return self._store.manifests.read(self._place, reference)
        except (ManifestUnknown, ManifestDamaged):
            # A damaged manifest cannot be kept, but be replaced.
            return None

    def _record(
        self,
        event: str,
        reference: Reference,
        stored: StoredManifest,
        previous: StoredManifest | None,
        **facts: object,
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
            **facts,
        )
