"""Letting blobs come: one download of each, for all threads and all processes."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from typing import Final

from registry.model.content import Blob
from registry.model.digests import Digest
from registry.model.errors import BlobUnknown, RegistryError, StorageFull
from registry.model.names import ImageName
from registry.model.upstream_errors import UpstreamFailed
from registry.repositories.remote.arrival import HELD_BACK, Arrival
from registry.repositories.remote.asked import Stream
from registry.repositories.remote.filling import Filling, Lied
from registry.repositories.remote.flights import Flight
from registry.repositories.remote.foreign import ForeignLayers
from registry.repositories.remote.placing import place_part
from registry.repositories.remote.shared import Shared
from registry.storage import open_files
from registry.storage.arrivals import ArrivalRecord
from registry.storage.manifest_files import Place
from registry.storage.upload_writer import UploadWriter

logger = logging.getLogger(__name__)

SMALL: Final = 4 * HELD_BACK
"""Bytes up to which a blob is waited for: it is as soon there as it can be sent."""
_LOOKS: Final = 0.02
_FORWARDED: Final = 5
"""Seconds that another registry's request waits for an upstream to answer another one."""
_SIBLINGS: Final = 2000
"""Images of the cache that are looked into for a blob that another one may have."""

Coming = Blob | Arrival
"""A blob that has come, or that is on its way."""


class Downloads:
    """The downloads of one remote repository."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._cache = shared.cache
        self._arrivals = shared.store.arrivals
        self._foreign = ForeignLayers(shared)

    def begin(self, image: ImageName, digest: Digest) -> Coming:
        """Let a blob come that the cache has not, or join whoever does so.

        Raises:
            BlobUnknown: upstream does not have it.
            UpstreamError, StorageFull, StorageFailed.
        """
        arrival = self._shared.arrivals.get((image, digest))
        if arrival is not None and not arrival.broken:
            return arrival
        return self._shared.downloading.ride(
            (image, digest), lambda flight: self._arrive(image, digest, flight)
        )

    def _arrive(self, image: ImageName, digest: Digest, flight: Flight[Coming]) -> None:
        """Lead the download, follow another process, or find that it has come; a crew's thread."""
        seconds = self._shared.definition.number("metadataRetrievalTimeoutSecs")
        if not self._shared.remembers:
            # Whoever leads may wait for the registry that waits for us.
            seconds = min(seconds, _FORWARDED)
        end = time.monotonic() + seconds
        while True:
            known = self._known(image, digest)
            if known is not None:
                flight.land(known)
                return
            writer = self._arrivals.lead(self._cache.key, image, digest)
            if writer is not None:
                with contextlib.closing(writer):
                    known = self._known(image, digest)
                    if known is None:
                        self._lead(image, digest, writer, flight)
                    else:
                        # It has come since the first look.
                        self._arrivals.drop(writer.upload)
                        flight.land(known)
                return
            arrival = self._follow(image, digest)
            if arrival is not None:
                self._land(flight, arrival)
                return
            if time.monotonic() > end:
                raise UpstreamFailed("another process waits for the blob, and it does not come")
            time.sleep(_LOOKS)

    def _known(self, image: ImageName, digest: Digest) -> Blob | None:
        """Return the blob if the image has it, or has it from another image of the same upstream.

        That upstream says so is enough there, because these bytes are its own; what other
        repositories have must not be had for a mere claim.
        """
        links, key = self._shared.store.links, self._cache.key
        if links.has(key, image, digest):
            return self._cache.blob(image, digest)
        if not self._shared.store.filestore.has(digest):
            return None
        for sibling in self._cache.holders(digest, _SIBLINGS):
            if self._shared.upstream.head_blob(image, digest) is None:
                return None
            try:
                links.mount(key, image, digest, self._cache.blob(sibling, digest))
            except (BlobUnknown, FileNotFoundError):
                return None
            self._place([image], digest)
            return self._cache.blob(image, digest)
        return None

    # --- leading -------------------------------------------------------------------------------

    def _lead(
        self,
        image: ImageName,
        digest: Digest,
        writer: UploadWriter,
        flight: Flight[Coming],
        arrival: Arrival | None = None,
    ) -> None:
        """Fill the file; the flight lands as soon as upstream has answered."""
        what = image, digest
        try:
            size, stream = self._open(image, digest, writer)
            # From here on it is known that upstream shows the blob in this image.
            self._arrivals.add_image(writer.upload, image)
            if arrival is None:
                # Opened anew: a copy of the writer's descriptor would keep its lock.
                descriptor = open_files.open_to_lock(writer.upload.data)
                arrival = Arrival(image, digest, size, descriptor)
            arrival.advance(writer.size)
            self._shared.arrivals[what] = arrival
            if size > SMALL:
                flight.land(arrival)
            filling = Filling(
                writer, size, digest, lambda offset: self._stream(image, digest, offset)
            )
            filling.run(stream, arrival)
            self._end(image, digest, writer, arrival)
        except BaseException as error:
            # First of all, so that whoever asks again at once is told of it.
            lied = self._lied(image, digest, error) if isinstance(error, Lied) else None
            self._shared.arrivals.pop(what, None)
            if arrival is not None:
                arrival.break_off()
            self._give_up(writer, error)
            if flight.done:
                logger.warning("%s does not come to '%s': %s", digest, image, error)
            if lied is not None:
                raise lied from None
            raise
        self._shared.arrivals.pop(what, None)
        if not flight.done:
            flight.land(self._cache.blob(image, digest))

    def _open(
        self, image: ImageName, digest: Digest, writer: UploadWriter
    ) -> tuple[int, Stream | None]:
        """Return the size of the blob, and its bytes from where the file ends."""
        known = self._arrivals.record(writer.upload) or ArrivalRecord()
        if known.size is not None and known.size == writer.size:
            if image not in known.images:
                self._require_shown(image, digest)
            return known.size, None
        stream = self._stream(image, digest, writer.size)
        if stream is None:
            raise BlobUnknown("blob unknown to registry", {"digest": digest})
        try:
            if known.size is None:
                self._arrivals.announce(writer, stream.size)
            elif known.size != stream.size:
                raise Lied(f"the upstream says that {digest} has {stream.size} bytes")
        except BaseException:
            with stream:
                raise
        return stream.size, stream

    def _require_shown(self, image: ImageName, digest: Digest) -> None:
        """Raise BlobUnknown unless upstream shows in an image what was fetched for another."""
        if self._shared.upstream.head_blob(image, digest) is None:
            raise BlobUnknown("blob unknown to registry", {"digest": digest})

    def _stream(self, image: ImageName, digest: Digest, offset: int) -> Stream | None:
        """Return the bytes from an offset on: of upstream's own, or of a foreign layer."""
        stream = self._shared.upstream.open_blob(image, digest, offset)
        return self._foreign.open(image, digest, offset) if stream is None else stream

    def _end(
        self, image: ImageName, digest: Digest, writer: UploadWriter, arrival: Arrival
    ) -> None:
        """Make the bytes, which have their digest, a blob of all images that wanted it."""
        arrival.verify()
        store, key = self._shared.store, self._cache.key
        with self._arrivals.ending(writer.upload) as wanted:
            self._cache.finish_upload(image, writer, digest)
            others = [one for one in wanted if one != image]
            for other in others:
                try:
                    store.links.mount(key, other, digest, self._cache.blob(image, digest))
                except (BlobUnknown, FileNotFoundError):
                    logger.warning("'%s/%s' has to fetch %s again", key, other, digest)
        self._place([image, *others], digest)

    def _place(self, images: list[ImageName], digest: Digest) -> None:
        for image in images:
            try:
                place_part(self._shared.store, Place(self._cache.key, image), digest)
            except (RegistryError, OSError) as error:
                # The blob is there; it stays for the grace, and then it is fetched again.
                logger.error("%s was not linked in '%s': %s", digest, image, error)

    def _give_up(self, writer: UploadWriter, error: BaseException) -> None:
        """Leave nothing of what nobody can go on with."""
        useless = isinstance(error, (Lied, StorageFull, BlobUnknown)) or writer.size == 0
        if useless and self._shared.store.uploads.owns(writer.upload, writer.descriptor):
            self._arrivals.drop(writer.upload)

    def _lied(self, image: ImageName, digest: Digest, error: Lied) -> UpstreamFailed:
        """Return the failure of an upstream that sends wrong bytes; it is not asked again soon."""
        logger.warning("'%s/%s': %s", self._shared.definition.key, image, error)
        failure = UpstreamFailed(str(error))
        self._shared.fail(image, digest, failure)
        return failure

    # --- following -----------------------------------------------------------------------------

    def _follow(self, image: ImageName, digest: Digest) -> Arrival | None:
        """Return what another process downloads, once it is known how large it is."""
        upload = self._arrivals.upload(self._cache.key, digest)
        known = self._arrivals.record(upload)
        if known is None or known.size is None:
            return None
        if image not in known.images:
            self._require_shown(image, digest)
            if not self._arrivals.add_image(upload, image):
                return None
        descriptor = self._arrivals.open(upload)
        if descriptor is None:
            return None
        arrival = Arrival(image, digest, known.size, descriptor)
        self._shared.arrivals[image, digest] = arrival
        self._watch(arrival)
        return arrival

    def _watch(self, arrival: Arrival) -> None:
        what = arrival.image, arrival.digest

        def ended() -> None:
            if self._shared.arrivals.get(what) is arrival:
                self._shared.arrivals.pop(what, None)

        self._shared.watcher.watch(
            arrival,
            lambda: self._shared.store.links.has(self._cache.key, *what),
            lambda: self._take_over(arrival),
            ended,
        )

    def _land(self, flight: Flight[Coming], arrival: Arrival) -> None:
        """Land with what another process downloads; wait for a blob that is soon there."""
        if arrival.size > SMALL:
            flight.land(arrival)
            return
        arrival.wait(arrival.size - 1)
        if arrival.broken:
            raise UpstreamFailed("the download by another process has failed")
        flight.land(arrival)

    def _take_over(self, arrival: Arrival) -> None:
        """Go on with the download of a process that has gone."""
        what = arrival.image, arrival.digest

        def lead(flight: Flight[Coming]) -> None:
            writer = self._arrivals.lead(self._cache.key, *what)
            if writer is None:
                # Somebody else was quicker.
                self._watch(arrival)
                flight.land(arrival)
                return
            with contextlib.closing(writer):
                same = os.fstat(writer.descriptor).st_ino == os.fstat(arrival.descriptor).st_ino
                if not same:
                    arrival.break_off()
                self._lead(*what, writer, flight, arrival if same else None)

        self._shared.downloading.start(("take over", *what), lead)
