"""Blobs of a remote repository: from the cache, or on their way to it."""

from __future__ import annotations

from registry.model.arriving import Bytes
from registry.model.content import Blob
from registry.model.digests import Digest
from registry.model.errors import BlobUnknown
from registry.model.names import ImageName
from registry.model.upstream_errors import UpstreamError
from registry.repositories.remote.arrival import Arrival
from registry.repositories.remote.downloads import Coming, Downloads
from registry.repositories.remote.foreign import ForeignLayers
from registry.repositories.remote.shared import Shared
from registry.storage import open_files


class RemoteBlobs:
    """The blobs of one remote repository."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._downloads = Downloads(shared)
        self._foreign = ForeignLayers(shared)

    def find(self, image: ImageName, digest: Digest, *, renew: bool, fetch: bool) -> Blob:
        """Return a blob; see `Repository.blob`.

        Raises:
            BlobUnknown, UpstreamError, StorageFull, StorageFailed.
        """
        try:
            return self._shared.cache.blob(image, digest, renew=renew)
        except BlobUnknown:
            if self._shared.asks_nobody or self._shared.misses(image, digest):
                raise
        failure = self._shared.failure(image, digest)
        if failure is not None:
            raise self._shared.told(failure)
        try:
            if fetch:
                return self._coming(image, digest, self._downloads.begin(image, digest))
            return self._promised(image, digest)
        except BlobUnknown:
            self._shared.miss(image, digest)
            raise
        except UpstreamError as error:
            self._shared.fail(image, digest, error)
            raise self._shared.told(error) from None

    def _promised(self, image: ImageName, digest: Digest) -> Blob:
        """Return what upstream only says it has."""
        upstream = self._shared.upstream
        size = self._shared.flights.result(
            ("head", image, digest), lambda: upstream.head_blob(image, digest)
        )
        if size is None:
            size = self._foreign.size(image, digest)
        if size is None:
            raise BlobUnknown("blob unknown to registry", {"digest": digest})
        return Blob(digest, size, "", _Promised(self, image, digest))

    def _coming(self, image: ImageName, digest: Digest, coming: Coming) -> Blob:
        if isinstance(coming, Blob):
            return coming
        return Blob(digest, coming.size, "", _Begun(coming))

    def begin(self, image: ImageName, digest: Digest) -> Bytes:
        """Let a blob come that upstream has promised. Raises as `find`."""
        found = self.find(image, digest, renew=False, fetch=True)
        if found.arriving is not None:
            return found.arriving.begin()
        try:
            descriptor = open_files.open_to_lock(found.path)
        except FileNotFoundError:
            raise BlobUnknown("blob unknown to registry", {"digest": digest}) from None
        return Arrival(image, digest, found.size, descriptor, verified=True)


class _Promised:
    """A blob that upstream says it has: `registry.model.arriving.Arriving`."""

    def __init__(self, blobs: RemoteBlobs, image: ImageName, digest: Digest) -> None:
        self._blobs = blobs
        self._image = image
        self._digest = digest

    def begin(self) -> Bytes:
        """See `Arriving.begin`."""
        return self._blobs.begin(self._image, self._digest)


class _Begun:
    """A blob that is on its way."""

    def __init__(self, arrival: Arrival) -> None:
        self._arrival = arrival

    def begin(self) -> Bytes:
        """See `Arriving.begin`."""
        return self._arrival
