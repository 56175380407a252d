"""A local repository: images that are pushed here and live in the storage folder."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence

from registry.model.content import Actor, Blob, StoredManifest, UploadState
from registry.model.digests import Digest
from registry.model.errors import (
    BlobUnknown,
    DigestMismatch,
    ImageUnknown,
    RegistryError,
    StorageFailed,
)
from registry.model.names import ImageName, Reference, Tag
from registry.model.paging import Page, PageRequest
from registry.model.retention import Decision
from registry.repositories.attempts import ATTEMPTS, again
from registry.repositories.base import MayReplace, PushedManifest, Repository
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.deleting import ManifestDeletion, remove_empty
from registry.repositories.immutability import require_mutable
from registry.repositories.pushing import ManifestPush
from registry.repositories.tag_limit import ACTOR as RETENTION
from registry.repositories.tag_limit import surplus
from registry.repositories.tag_states import read_tag
from registry.storage.journal import DEPLOY, UNDEPLOY, now
from registry.storage.manifest_files import Place, manifest_unknown
from registry.storage.store import Store
from registry.storage.upload_writer import UploadWriter

logger = logging.getLogger(__name__)


class LocalRepository(Repository):
    """A repository over the storage room. Knows nothing of who may do what."""

    def __init__(self, store: Store, definition: RepositoryDefinition) -> None:
        self.key, self.reach = definition.key, definition.reach
        self._store = store
        self._definition = definition

    def _place(self, image: ImageName) -> Place:
        return Place(self.key, image)

    # --- reading -------------------------------------------------------------------------------

    def images(
        self, request: PageRequest, wanted: Callable[[ImageName], bool] = lambda image: True
    ) -> Page[ImageName]:
        """See `Repository.images`."""
        return self._store.index.images(self.key, request, wanted)

    def tags(self, image: ImageName, request: PageRequest) -> Page[Tag]:
        """See `Repository.tags`."""
        page = self._store.index.tags(self.key, image, request)
        if page is None:
            raise ImageUnknown("repository name not known to registry", {"name": image})
        return page

    def manifest(
        self, image: ImageName, reference: Reference, *, renew: bool = False
    ) -> StoredManifest:
        """See `Repository.manifest`."""
        place = self._place(image)
        stored = self._store.manifests.read(place, reference)
        if renew and not self._store.manifests.renew(place, stored.digest):
            raise manifest_unknown(place, reference)
        return stored

    def record_pull(
        self, image: ImageName, reference: Reference, digest: Digest, actor: Actor
    ) -> None:
        """See `Repository.record_pull`."""
        self._store.pulls.record(self.key, image, reference, digest, actor.name)

    def blob(
        self, image: ImageName, digest: Digest, *, renew: bool = False, fetch: bool = False
    ) -> Blob:
        """See `Repository.blob`."""
        return self._store.links.find(self.key, image, digest, renew=renew)

    def holders(
        self,
        digest: Digest,
        most: int,
        wanted: Callable[[ImageName], bool] = lambda image: True,
    ) -> Iterator[ImageName]:
        """See `Repository.holders`."""
        return self._store.catalog.holders(self.key, digest, most, wanted)

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

    def settle_upload(self, image: ImageName, writer: UploadWriter) -> UploadState:
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
        for _ in range(ATTEMPTS):
            try:
                self._store.filestore.publish(
                    writer.descriptor, digest, lambda: self._store.uploads.remove(writer.upload)
                )
            except FileNotFoundError:
                # The upload's name is gone, so it is no longer this request's to finish.
                self._store.uploads.require_owner(writer)
                raise StorageFailed("the upload has lost its file") from None
            try:
                self._store.links.add(self.key, image, digest)
            except FileNotFoundError:
                continue
            self._store.quarantine.heal(digest)
            return
        raise StorageFailed("the blob vanished again and again while it was being linked")

    def cancel_upload(self, image: ImageName, upload_id: str, actor: Actor) -> None:
        """See `Repository.cancel_upload`."""
        uploads = self._store.uploads
        uploads.remove(uploads.find(upload_id, self.key, image, actor.name))

    def mount_blob(self, image: ImageName, blob: Blob, actor: Actor) -> None:
        """See `Repository.mount_blob`."""
        if blob.arriving is not None:
            # Nobody has proved yet that whoever promises these bytes has them.
            raise BlobUnknown("blob unknown to registry", {"digest": blob.digest})
        try:
            self._store.links.mount(self.key, image, blob.digest, blob)
        except FileNotFoundError:
            raise BlobUnknown("blob unknown to registry", {"digest": blob.digest}) from None

    def place_blob(
        self, image: ImageName, reference: Reference, digest: Digest, actor: Actor
    ) -> None:
        """See `Repository.place_blob`."""
        with self._store.locks.image(self.key, image):
            self._store.manifests.place(self._place(image), reference, digest)
        self._store.journal.record(DEPLOY, self.key, image, actor, folder=str(reference))

    def remove_placed_blob(
        self, image: ImageName, reference: Reference, digest: Digest, actor: Actor
    ) -> bool:
        """See `Repository.remove_placed_blob`."""
        with self._store.locks.image(self.key, image):
            removed = self._store.manifests.displace(self._place(image), reference, digest)
        if removed:
            self._store.journal.record(UNDEPLOY, self.key, image, actor, folder=str(reference))
        return removed

    # --- manifests -----------------------------------------------------------------------------

    @again
    def put_manifest(
        self,
        image: ImageName,
        reference: Reference,
        body: bytes,
        content_type: str,
        actor: Actor,
        tags: Sequence[Tag] = (),
        may_replace: MayReplace | None = None,
    ) -> PushedManifest:
        """See `Repository.put_manifest`."""
        push = ManifestPush(self._store, self._definition, self._place(image), actor)
        pushed = push.run(reference, body, content_type, tags, may_replace)
        self.make_room(image, [tag for tag in (reference, *tags) if isinstance(tag, Tag)])
        return pushed

    def make_room(self, image: ImageName, pushed: Sequence[Tag]) -> None:
        """Delete the tags that have become too many; if that fails, the push has been made."""
        try:
            for decision in surplus(
                self._store, self._definition, self._place(image), pushed, now()
            ):
                self.retire_tag(image, decision, RETENTION)
        except RegistryError as error:
            logger.error("tags beyond maxUniqueTags of '%s/%s': %s", self.key, image, error)

    @again
    def delete_manifest(self, image: ImageName, reference: Reference, actor: Actor) -> None:
        """See `Repository.delete_manifest`."""
        place = self._place(image)
        if not self._has_image(image):
            raise manifest_unknown(place, reference)
        with self._deleting(place, actor) as deletion:
            if isinstance(reference, Tag):
                deletion.untag(reference)
            else:
                deletion.manifest(reference)

    @again
    def delete_tag(self, image: ImageName, tag: Tag, actor: Actor) -> None:
        """See `Repository.delete_tag`."""
        place = self._place(image)
        if not self._has_image(image):
            raise manifest_unknown(place, tag)
        with self._deleting(place, actor) as deletion:
            deletion.tag(tag)

    @again
    def retire_tag(self, image: ImageName, decision: Decision, actor: Actor) -> bool:
        """See `Repository.retire_tag`."""
        place, seen = self._place(image), decision.state
        if not self._has_image(image):
            return False
        with self._deleting(place, actor) as deletion:
            if read_tag(self._store, place, seen.tag) != seen:
                return False
            deletion.tag(seen.tag, rule=decision.rule)
        return True

    @again
    def delete_image(self, image: ImageName, actor: Actor) -> None:
        """See `Repository.delete_image`."""
        if not self._store.manifests.digests(self._place(image)):
            raise ImageUnknown("repository name not known to registry", {"name": image})
        with self._deleting(self._place(image), actor) as deletion:
            deletion.everything()

    def require_deletable(self, image: ImageName) -> None:
        """See `Repository.require_deletable`."""
        place = self._place(image)
        require_mutable(self._definition, place, self._store.manifests.folders(place), "deleted")

    @again
    def delete_blob(self, image: ImageName, digest: Digest, actor: Actor) -> None:
        """See `Repository.delete_blob`."""
        self._store.links.find(self.key, image, digest)
        with self._deleting(self._place(image), actor) as deletion:
            deletion.blob(digest)

    @contextlib.contextmanager
    def _deleting(self, place: Place, actor: Actor) -> Iterator[ManifestDeletion]:
        with self._store.locks.image(place.key, place.image):
            yield ManifestDeletion(self._store, self._definition, place, actor)
        remove_empty(self._store, place)

    def _has_image(self, image: ImageName) -> bool:
        return os.path.isdir(self._store.layout.image(self.key, image))
