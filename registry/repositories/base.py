"""The interface of every repository, whichever its kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from registry.model.content import Actor, Blob, StoredManifest, UploadState
from registry.model.digests import Digest
from registry.model.names import ImageName, Reference, RepositoryKey, Tag
from registry.model.paging import Page, PageRequest
from registry.model.retention import Decision
from registry.repositories.reach import EVERYWHERE, Reach
from registry.storage.upload_writer import UploadWriter

MayReplace = Callable[[Tag], None]
"""Raises if a tag that is there may not come to another manifest."""


@dataclass(frozen=True, slots=True)
class PushedManifest:
    """What became of a pushed manifest."""

    digest: Digest
    subject: Digest | None
    tags: Sequence[Tag]


class Repository(ABC):
    """Images, their manifests and blobs, under one repository key.

    Any method may raise `StorageFull` or `StorageFailed`.
    """

    key: RepositoryKey
    reach: Reach = EVERYWHERE
    """What of it the guarded repository lets through, whoever asks."""

    def kept_as(self, image: ImageName) -> ImageName:
        """Return the name under which it keeps an image that clients name so."""
        return image

    # --- asked of every kind -------------------------------------------------------------------

    @abstractmethod
    def images(
        self, request: PageRequest, wanted: Callable[[ImageName], bool] = ...
    ) -> Page[ImageName]:
        """Return a page of the images that have manifests and are ``wanted``."""

    @abstractmethod
    def tags(self, image: ImageName, request: PageRequest) -> Page[Tag]:
        """Return a page of the tags of an image. Raises ImageUnknown."""

    @abstractmethod
    def manifest(
        self, image: ImageName, reference: Reference, *, renew: bool = False
    ) -> StoredManifest:
        """Return the manifest under a tag or digest. Raises ManifestUnknown.

        ``renew`` keeps it from being pruned for a while, as `blob` does.
        """

    @abstractmethod
    def record_pull(
        self, image: ImageName, reference: Reference, digest: Digest, actor: Actor
    ) -> None:
        """Count that the manifest ``digest`` is given to a client that asked for ``reference``.

        Never fails; what cannot be counted is not.
        """

    @abstractmethod
    def blob(
        self, image: ImageName, digest: Digest, *, renew: bool = False, fetch: bool = False
    ) -> Blob:
        """Return a blob that the image may show. Raises BlobUnknown.

        ``renew`` keeps it from being pruned for a while, because the caller may rely on it for a
        manifest that is still to come. A blob that upstream has, and the cache has not, is
        `Blob.arriving`; with ``fetch``, for a caller who is going to send its bytes, it has begun
        to come, and without it upstream has only been asked whether it is there.
        """

    def held_manifest(
        self, image: ImageName, reference: Reference, *, stale: bool = False
    ) -> StoredManifest:
        """Return a manifest without asking any upstream; with ``stale`` also where that is due.

        Raises ManifestUnknown.
        """
        return self.manifest(image, reference)

    def held_blob(self, image: ImageName, digest: Digest) -> Blob:
        """Return a blob without asking any upstream. Raises BlobUnknown."""
        return self.blob(image, digest)

    @abstractmethod
    def holders(
        self,
        digest: Digest,
        most: int,
        wanted: Callable[[ImageName], bool] = ...,
    ) -> Iterator[ImageName]:
        """Yield wanted images that may show the blob, looking into at most ``most`` of them."""

    @abstractmethod
    def referrers(self, image: ImageName, subject: Digest) -> list[StoredManifest]:
        """Return the manifests whose subject is ``subject``; none is no error."""

    # --- pushing -------------------------------------------------------------------------------

    @abstractmethod
    def start_upload(self, image: ImageName, algorithm: str, actor: Actor) -> UploadState:
        """Begin an upload whose bytes will be hashed with ``algorithm``."""

    @abstractmethod
    def upload(self, image: ImageName, upload_id: str, actor: Actor) -> UploadState:
        """Return how far an upload is. Raises UploadUnknown."""

    @abstractmethod
    def open_upload(
        self,
        image: ImageName,
        upload_id: str,
        actor: Actor,
        *,
        start: int | None = None,
        length: int | None = None,
    ) -> UploadWriter:
        """Return a writer at the end of an upload.

        Raises UploadUnknown, and UploadRangeInvalid if ``start`` is given and is not the end.
        """

    @abstractmethod
    def open_whole_upload(
        self, image: ImageName, algorithm: str, actor: Actor, length: int | None = None
    ) -> UploadWriter:
        """Return a writer for a blob that comes in one request; unfinished, it is dropped."""

    @abstractmethod
    def settle_upload(self, image: ImageName, writer: UploadWriter) -> UploadState:
        """End a request that appended to an upload.

        Raises UploadRangeInvalid if another request has taken it over, UploadUnknown if it ended.
        """

    @abstractmethod
    def finish_upload(self, image: ImageName, writer: UploadWriter, digest: Digest) -> None:
        """Make the upload a blob of the image.

        Raises DigestMismatch; then the upload is what it was before this request's body. Raises
        UploadRangeInvalid and UploadUnknown as `settle_upload`.
        """

    @abstractmethod
    def cancel_upload(self, image: ImageName, upload_id: str, actor: Actor) -> None:
        """Forget an upload. Raises UploadUnknown."""

    @abstractmethod
    def mount_blob(self, image: ImageName, blob: Blob, actor: Actor) -> None:
        """Let the image show a blob that another image shows. Raises BlobUnknown if it is gone."""

    @abstractmethod
    def place_blob(
        self, image: ImageName, reference: Reference, digest: Digest, actor: Actor
    ) -> None:
        """Show a blob of the image in a manifest folder whose manifest is still to come.

        Where a manifest is there already, that alone says what the folder holds.
        """

    @abstractmethod
    def remove_placed_blob(
        self, image: ImageName, reference: Reference, digest: Digest, actor: Actor
    ) -> bool:
        """Take back what `place_blob` did; return whether it could: not where a manifest is."""

    @abstractmethod
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
        """Store a manifest under a tag, or under a digest and ``tags``.

        ``may_replace`` raises if a tag that is there may not come to another manifest; None if
        each may.

        Raises ManifestInvalid, ManifestUnverified, DigestMismatch, TagInvalid,
        ManifestPartsMissing and OperationUnsupported.
        """

    # --- deleting ------------------------------------------------------------------------------

    @abstractmethod
    def delete_manifest(self, image: ImageName, reference: Reference, actor: Actor) -> None:
        """Delete a tag alone, or a manifest and all its tags.

        Whatever deletes or overwrites tags may raise TagImmutable.

        The manifest of a deleted tag can be pulled by digest until the repository's retention
        lets it go. Raises ManifestUnknown, and OperationUnsupported for a manifest that an index
        needs.
        """

    @abstractmethod
    def delete_tag(self, image: ImageName, tag: Tag, actor: Actor) -> None:
        """Delete a tag, and its manifest if nothing else in the image needs it.

        Raises ManifestUnknown.
        """

    @abstractmethod
    def retire_tag(self, image: ImageName, decision: Decision, actor: Actor) -> bool:
        """Delete a tag as `delete_tag`, by the rule that was decided on.

        Returns whether it has been deleted: not if it is no longer as it was decided on.
        """

    @abstractmethod
    def delete_image(self, image: ImageName, actor: Actor) -> None:
        """Delete all tags and manifests of an image. Raises ImageUnknown."""

    @abstractmethod
    def require_deletable(self, image: ImageName) -> None:
        """Raise TagImmutable if `delete_image` would, so that nothing else is deleted before."""

    @abstractmethod
    def delete_blob(self, image: ImageName, digest: Digest, actor: Actor) -> None:
        """Stop the image from showing a blob.

        Raises BlobUnknown, and OperationUnsupported for one that a manifest needs.
        """
