"""Manifests of a remote repository: cache first, then upstream, then the cache again."""

from __future__ import annotations

import contextlib
import logging
from typing import Final

from registry.model.allowance import Allowance
from registry.model.content import Freshness, StoredManifest
from registry.model.digests import Digest
from registry.model.errors import (
    DigestMismatch,
    ManifestDamaged,
    ManifestInvalid,
    ManifestUnknown,
    ManifestUnverified,
    OperationUnsupported,
    RegistryError,
    StorageFailed,
    StorageFull,
    StorageReadOnly,
    TagInvalid,
)
from registry.model.names import ImageName, Reference, Tag
from registry.model.upstream_errors import UpstreamError, UpstreamFailed
from registry.model.via import REASON, current_way
from registry.repositories.remote.placing import place_parts
from registry.repositories.remote.shared import Shared
from registry.storage.manifest_files import Place, manifest_unknown

logger = logging.getLogger(__name__)

_UNUSABLE: Final = (
    ManifestInvalid,
    ManifestUnverified,
    DigestMismatch,
    TagInvalid,
    OperationUnsupported,
)
"""Why what upstream has sent for a manifest is none."""
_HARMLESS: Final = (UpstreamError, StorageFull, StorageReadOnly, StorageFailed)
"""What keeps nobody from getting what the cache has."""


class RemoteManifests:
    """The manifests of one remote repository."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._cache = shared.cache
        self._manifests = shared.store.manifests

    def find(self, image: ImageName, reference: Reference, *, renew: bool) -> StoredManifest:
        """Return the manifest under a tag or digest; see `Repository.manifest`.

        Raises:
            ManifestUnknown, UpstreamError, StorageFull, StorageFailed.
        """
        shared = self._shared
        # What is wanted by digest stays: no tag may need it.
        cached = self._cached(image, reference, renew=renew or isinstance(reference, Digest))
        if cached is not None and self._is_good(image, reference):
            return _marked(cached, Freshness.HIT)
        if shared.asks_nobody or shared.misses(image, reference):
            raise self._unknown(image, reference)
        try:
            failure = shared.failure(image, reference)
            if failure is not None:
                raise failure
            return shared.flights.result(
                ("manifest", image, str(reference)), lambda: self._ask(image, reference)
            )
        except _HARMLESS as error:
            if cached is None:
                raise shared.told(error) from None
            logger.warning(
                "'%s/%s:%s' is served as it was last seen: %s",
                shared.definition.key, image, reference, error,
            )  # fmt: skip
            return _marked(cached, Freshness.STALE)

    def held(self, image: ImageName, reference: Reference, *, stale: bool) -> StoredManifest:
        """Return what the cache has, if nobody has to be asked, or if it may be ``stale``.

        Raises:
            ManifestUnknown: it is not there, or has to be asked for.
        """
        cached = self._cached(image, reference, renew=isinstance(reference, Digest))
        good = cached is not None and self._is_good(image, reference)
        if cached is None or not (good or stale):
            raise manifest_unknown(self._place(image), reference)
        return _marked(cached, Freshness.HIT if good else Freshness.STALE)

    def _unknown(self, image: ImageName, reference: Reference) -> ManifestUnknown:
        """Return the error for what nobody is asked for.

        A tag that the cache has is none of it if a request has come back to us: it would be taken
        for new where it was sent on from, and come back to us as such.
        """
        error = manifest_unknown(self._place(image), reference)
        if not current_way().comes_back:
            return error
        key = self._shared.definition.key
        logger.info("'%s/%s:%s' is not asked for upstream: %s", key, image, reference, REASON)
        return ManifestUnknown(f"{error.message}: {REASON}", *error.details)

    def _place(self, image: ImageName) -> Place:
        return Place(self._cache.key, image)

    def _is_good(self, image: ImageName, reference: Reference) -> bool:
        """Return whether what the cache has need not be asked for."""
        if isinstance(reference, Digest) or self._shared.offline:
            return True
        return self._shared.is_young(self._manifests.checked(self._place(image), reference))

    def _cached(
        self, image: ImageName, reference: Reference, *, renew: bool = False
    ) -> StoredManifest | None:
        with contextlib.suppress(ManifestUnknown, ManifestDamaged):
            return self._cache.manifest(image, reference, renew=renew)
        return None

    def fetch(self, image: ImageName, digest: Digest) -> None:
        """Have a manifest in the cache; for a thread of the crew. Raises as `find`."""
        if self._cached(image, digest) is None and not self._shared.misses(image, digest):
            self._ask(image, digest)

    # --- asking, in a thread of the crew -------------------------------------------------------

    def _ask(self, image: ImageName, reference: Reference) -> StoredManifest:
        """Ask upstream, unless another process does so; then look what it has found."""
        shared = self._shared
        name = f"{self._cache.key}/{image}:{reference}"
        seconds = shared.definition.number("metadataRetrievalTimeoutSecs")
        # Another process may wait for the registry that waits for us.
        seconds = seconds if shared.remembers else 0
        try:
            with shared.store.locks.conversation(name, seconds):
                cached = self._cached(image, reference)
                if cached is not None and self._is_good(image, reference):
                    return _marked(cached, Freshness.HIT)
                found = self._revalidated(image, reference, cached)
                found = found or self._fetched(image, reference)
        except UpstreamError as error:
            shared.fail(image, reference, error)
            raise
        if found is None:
            self._remove(image, reference)
            raise manifest_unknown(self._place(image), reference)
        shared.found(image, reference)
        return found

    def _revalidated(
        self, image: ImageName, reference: Reference, cached: StoredManifest | None
    ) -> StoredManifest | None:
        """Return what the cache has, if upstream says that it has the same; cheap for both."""
        asks = not self._shared.definition.flag("bypassHeadRequests")
        if cached is None or not isinstance(reference, Tag) or not asks:
            return None
        head = self._shared.upstream.head_manifest(image, reference)
        if head is None or head.digest is None:
            return None
        if head.digest != cached.digest:
            known = self._cached(image, head.digest)
            if known is None:
                return None
            # A tag that goes to what the cache has already.
            return self._kept(image, reference, known.body, head.allowance)
        self._manifests.mark_checked(self._place(image), reference)
        return _marked(cached, Freshness.REVALIDATED, head.allowance)

    def _fetched(self, image: ImageName, reference: Reference) -> StoredManifest | None:
        manifest = self._shared.upstream.manifest(image, reference)
        if manifest is None:
            return None
        return self._kept(image, reference, manifest.body, manifest.allowance)

    def _kept(
        self, image: ImageName, reference: Reference, body: bytes, allowance: Allowance | None
    ) -> StoredManifest:
        """Put a manifest into the cache, as a push of what upstream has."""
        try:
            pushed = self._cache.put_manifest(image, reference, body, "", self._shared.actor)
        except _UNUSABLE as error:
            name = f"{image}:{reference}"
            raise UpstreamFailed(f"upstream's '{name}' is no manifest: {error.message}") from None
        stored = self._cache.manifest(image, pushed.digest)
        place_parts(self._shared.store, self._place(image), reference, body)
        return _marked(stored, Freshness.FETCHED, allowance)

    def _remove(self, image: ImageName, reference: Reference) -> None:
        """Remember that upstream has not got it; a tag of the cache goes, its manifest stays.

        Nothing of that unless it `Shared.remembers`.
        """
        if not self._shared.remembers:
            return
        self._shared.miss(image, reference)
        try:
            with contextlib.suppress(ManifestUnknown):
                self._cache.delete_manifest(image, reference, self._shared.actor)
        except RegistryError as error:
            # It is not served as long as it is remembered to be absent, and then tried again.
            logger.error(
                "'%s/%s:%s' stays in the cache: %s", self._cache.key, image, reference, error
            )


def _marked(
    stored: StoredManifest, freshness: Freshness, allowance: Allowance | None = None
) -> StoredManifest:
    return StoredManifest(
        stored.digest, stored.media_type, stored.body, freshness, allowance=allowance
    )
