"""What a push to a virtual repository needs and only other members than its target have.

A pusher is told of what any member has, and does not send it again. So it is brought to the target
before the manifest, without a byte being copied; nothing is fetched from an upstream for that.
"""

from __future__ import annotations

import contextlib

from registry.access.principals import Action
from registry.model.content import Blob, StoredManifest
from registry.model.digests import Digest
from registry.model.errors import (
    BlobUnknown,
    ManifestInvalid,
    ManifestPartsMissing,
    ManifestUnknown,
    ManifestUnverified,
)
from registry.model.manifests import parse_manifest
from registry.model.names import ImageName
from registry.repositories.guarded import GuardedRepository
from registry.repositories.virtual.resolving import Resolving


class Completing:
    """Brings to one member what others have."""

    def __init__(self, target: GuardedRepository, resolving: Resolving) -> None:
        self._target = target
        self._resolving = resolving

    def run(self, image: ImageName, body: bytes, content_type: str) -> None:
        """Bring what a manifest names, as far as the caller may read it in the same image."""
        try:
            manifest = parse_manifest(body, content_type)
        except (ManifestInvalid, ManifestUnverified):
            return
        for blob in manifest.blobs:
            self._bring_blob(image, blob.digest)
        for child in manifest.children:
            self._bring_manifest(image, child.digest)

    def _bring_blob(self, image: ImageName, digest: Digest) -> None:
        if self._target.may(Action.READ, image):
            with contextlib.suppress(BlobUnknown):
                self._target.blob(image, digest)
                return
        found = self._resolving.blob(image, digest, held_only=True).winner
        if found is not None and isinstance(found.found, Blob):
            with contextlib.suppress(BlobUnknown):
                self._target.mount_blob(image, found.found)

    def _bring_manifest(self, image: ImageName, digest: Digest) -> None:
        if self._target.may(Action.READ, image, digest):
            with contextlib.suppress(ManifestUnknown):
                self._target.manifest(image, digest)
                return
        found = self._resolving.manifest(image, digest, held_only=True).winner
        if found is None or not isinstance(found.found, StoredManifest):
            return
        stored = found.found
        self.run(image, stored.body, stored.media_type)
        with contextlib.suppress(ManifestPartsMissing):
            self._target.put_manifest(image, digest, stored.body, stored.media_type)
