"""A local repository: images that are pushed here and live in the storage folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence

from registry.model.content import Actor, Blob, StoredManifest, UploadState
from registry.model.digests import Digest
from registry.model.errors import (
    BlobUnknown,
    DigestMismatch,
    ImageUnknown,
    OperationUnsupported,
    StorageFailed,
)
from registry.model.media_types import INDEX_TYPES
from registry.model.names import ImageName, Reference, Tag
from registry.model.paging import Page, PageRequest
from registry.repositories.base import PushedManifest, Repository
from registry.repositories.definitions import RepositoryDefinition
from registry.repositories.pushing import ManifestPush
from registry.storage import atomic
from registry.storage.manifest_files import Place, manifest_unknown
from registry.storage.store import Store
from registry.storage.upload_writer import UploadWriter

_ATTEMPTS = 3
"""How often a blob is published whose content is pruned under the push's hands."""


class LocalRepository(Repository):
    """A repository over the storage room. Knows nothing of who may do what."""

    def __init__(self, store: Store, definition: RepositoryDefinition) -> None:
        self.key = definition.key
        self._store = store
        self._definition = definition

    def _place(self, image: ImageName) -> Place:
        return Place(self.key, image)

    # --- reading -------------------------------------------------------------------------------

    def images(
        self, request: PageRequest, wanted: Callable[[ImageName], bool] = lambda image: True
    ) -> Page[ImageName]:
        """See `Repository.images`."""
        return self._store.catalog.images(self.key, request, wanted)

    def tags(self, image: ImageName, request: PageRequest) -> Page[Tag]:
        """See `Repository.tags`."""
        page = self._store.catalog.tags(self.key, image, request)
        if page is None:
            raise ImageUnknown("repository name not known to registry", {"name": image})
        return page

    def manifest(self, image: ImageName, reference: Reference) -> StoredManifest:
        """See `Repository.manifest`."""
        return self._store.manifests.read(self._place(image), reference)

    def blob(self, image: ImageName, digest: Digest, *, renew: bool = False) -> Blob:
        """See `Repository.blob`."""
        return self._store.links.find(self.key, image, digest, renew=renew)

    def holders(self, digest: Digest, most: int) -> Iterator[ImageName]:
        """See `Repository.holders`."""
        return self._store.catalog.holders(self.key, digest, most)

    def referrers(self, image: ImageName, subject: Digest) -> list[StoredManifest]:
        """See `Repository.referrers`."""
        return self._store.manifests.referrers(self._place(image), subject)

    # --- uploads -------------------------------------------------------------------------------

    def start_upload(self, image: ImageName, algorithm: str, actor: Actor) -> UploadState:
        """See `Repository.start_upload`."""
        upload = self._store.uploads.start(self.key, image, actor.name, algorithm)
        return UploadState(upload.id, 0)

    def upload(self, image: ImageName, upload_id: str, actor: Actor) -> UploadState:
        """See `Repository.upload`."""
        upload = self._store.uploads.find(upload_id, self.key, image, actor.name)
        return UploadState(upload.id, upload.size)

    def open_upload(
        self,
        image: ImageName,
        upload_id: str,
        actor: Actor,
        *,
        start: int | None = None,
        length: int | None = None,
    ) -> UploadWriter:
        """See `Repository.open_upload`."""
        upload = self._store.uploads.find(upload_id, self.key, image, actor.name)
        return self._store.uploads.open_writer(upload, start, length)

    def open_whole_upload(
        self, image: ImageName, algorithm: str, actor: Actor, length: int | None = None
    ) -> UploadWriter:
        """See `Repository.open_whole_upload`."""
        return self._store.uploads.open_whole(self.key, image, actor.name, algorithm, length)

    def settle_upload(self, writer: UploadWriter) -> UploadState:
        """See `Repository.settle_upload`."""
        return UploadState(writer.upload.id, self._store.uploads.settle(writer))

    def finish_upload(self, image: ImageName, writer: UploadWriter, digest: Digest) -> None:
        """See `Repository.finish_upload`."""
        uploads, upload = self._store.uploads, writer.upload
        uploads.require_owner(writer)
        found = uploads.digest(writer, digest.algorithm)
        if found != digest:
            writer.undo()
            raise DigestMismatch(
                "provided digest did not match uploaded content",
                {"digest": digest, "computed": found},
            )
        self._publish_blob(image, writer, digest)
        uploads.remove(upload)

    def _publish_blob(self, image: ImageName, writer: UploadWriter, digest: Digest) -> None:
        """Publish the bytes of an upload as content, and link them into the image.

        Content may be pruned between its publication and its link, if nobody else has it and it
        is old; then the bytes that are still in the upload are published again.
        """
        for _ in range(_ATTEMPTS):
            try:
                self._store.filestore.publish(writer.descriptor, digest)
            except FileNotFoundError:
                # The upload's name is gone, so it is no longer this request's to finish.
                self._store.uploads.require_owner(writer)
                raise StorageFailed("the upload has lost its file") from None
            try:
                self._store.links.add(self.key, image, digest)
            except FileNotFoundError:
                continue
            return
        raise StorageFailed("the blob vanished again and again while it was being linked")

    def cancel_upload(self, image: ImageName, upload_id: str, actor: Actor) -> None:
        """See `Repository.cancel_upload`."""
        uploads = self._store.uploads
        uploads.remove(uploads.find(upload_id, self.key, image, actor.name))

    def mount_blob(self, image: ImageName, blob: Blob, actor: Actor) -> None:
        """See `Repository.mount_blob`."""
        try:
            self._store.links.mount(self.key, image, blob.digest, blob)
        except FileNotFoundError:
            raise BlobUnknown("blob unknown to registry", {"digest": blob.digest}) from None

    # --- manifests -----------------------------------------------------------------------------

    def put_manifest(
        self,
        image: ImageName,
        reference: Reference,
        body: bytes,
        content_type: str,
        actor: Actor,
        tags: Sequence[Tag] = (),
    ) -> PushedManifest:
        """See `Repository.put_manifest`."""
        push = ManifestPush(self._store, self._definition, self._place(image), actor)
        return push.run(reference, body, content_type, tags)

    def delete_manifest(self, image: ImageName, reference: Reference, actor: Actor) -> None:
        """See `Repository.delete_manifest`."""
        place = self._place(image)
        if not self._has_image(image):
            raise manifest_unknown(place, reference)
        with self._store.locks.image(self.key, image):
            stored = self._store.manifests.read(place, reference)
            if isinstance(reference, Tag):
                self._delete_tag(place, reference, stored, actor)
            else:
                self._delete_digest(place, stored, actor)
        self._remove_empty(place)

    def _has_image(self, image: ImageName) -> bool:
        return os.path.isdir(self._store.layout.image(self.key, image))

    def _delete_tag(self, place: Place, tag: Tag, stored: StoredManifest, actor: Actor) -> None:
        push = ManifestPush(self._store, self._definition, place, actor)
        push.keep_by_digest(tag, stored)
        self._store.manifests.remove_folder(place, tag)
        self._journal("delete", place, actor, tag=tag, previous=stored.digest)

    def _delete_digest(self, place: Place, stored: StoredManifest, actor: Actor) -> None:
        manifests, digest = self._store.manifests, stored.digest
        holders = list(manifests.folders(place))
        self._require_no_parent(place, holders, digest)
        for reference in holders:
            if isinstance(reference, Tag) and manifests.is_at(place, reference, digest):
                manifests.remove_folder(place, reference)
                self._journal("delete", place, actor, tag=reference, previous=digest)
        manifests.remove_folder(place, digest)
        manifests.unregister(place, digest, ManifestPush.parse(stored).subject)
        self._journal("delete", place, actor, digest=digest)

    def _require_no_parent(
        self, place: Place, holders: Iterable[Reference], digest: Digest
    ) -> None:
        """Refuse to delete what an index needs: a tag with missing parts must never be seen."""
        if self._definition.flag("allowSparseIndexes"):
            return
        manifests = self._store.manifests
        for reference in holders:
            if reference == digest:
                continue
            parent = manifests.read(place, reference)
            if parent.media_type not in INDEX_TYPES:
                continue
            children = {child.digest for child in ManifestPush.parse(parent).children}
            if parent.digest != digest and digest in children:
                raise OperationUnsupported(
                    f"the manifest is part of the index '{reference}'; delete that first",
                    {"digest": digest, "index": str(reference)},
                )

    def delete_blob(self, image: ImageName, digest: Digest, actor: Actor) -> None:
        """See `Repository.delete_blob`."""
        place = self._place(image)
        self._store.links.find(self.key, image, digest)
        with self._store.locks.image(self.key, image):
            for reference in self._store.manifests.folders(place):
                if self._store.manifests.holds(place, reference, digest):
                    raise OperationUnsupported(
                        f"the blob is part of '{reference}'; delete that first",
                        {"digest": digest, "manifest": str(reference)},
                    )
            if not self._store.links.remove(self.key, image, digest):
                raise BlobUnknown("blob unknown to registry", {"digest": digest})
        self._journal("delete", place, actor, blob=digest)
        self._remove_empty(place)

    def _remove_empty(self, place: Place) -> None:
        """Remove the folders of an image that has nothing left, and its empty parents."""
        layout = self._store.layout
        for folder in (
            layout.layers(place.key, place.image),
            layout.manifests(place.key, place.image),
            layout.all_referrers(place.key, place.image),
        ):
            atomic.remove_folder(folder)
        atomic.remove_empty_folders(
            layout.image(place.key, place.image), layout.repository(place.key)
        )

    def _journal(self, event: str, place: Place, actor: Actor, **facts: object) -> None:
        self._store.journal.record(event, place.key, place.image, actor, **facts)
