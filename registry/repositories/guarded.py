"""Any repository, for one principal: every method decides before it acts.

This is what handlers and commands get. It has the methods of `Repository` without the actor,
which it knows itself.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence

from registry.access.decision import Decisions
from registry.access.principals import Action, Principal
from registry.model.content import Blob, StoredManifest, UploadState
from registry.model.digests import Digest
from registry.model.errors import (
    BlobUnknown,
)
from registry.model.names import ImageName, Reference, Tag
from registry.model.paging import Page, PageRequest
from registry.repositories.base import PushedManifest, Repository
from registry.repositories.guard import Guard
from registry.repositories.reach import EVERYWHERE
from registry.storage.upload_writer import UploadWriter


class GuardedRepository(Guard):
    """A repository as one principal may use it.

    Beside what the methods of `Repository` raise, each may raise AuthenticationRequired (nobody
    asks, and nobody may), ScopeInsufficient (the token was issued for less) and Denied.
    """

    def __init__(
        self, unguarded: Repository, principal: Principal, decisions: Decisions, address: str
    ) -> None:
        super().__init__(unguarded.key, unguarded.reach, principal, decisions)
        self._unguarded = unguarded
        self._actor = principal.actor(address)

    def kept_as(self, image: ImageName) -> ImageName:
        """See `Repository.kept_as`."""
        return self._unguarded.kept_as(image)

    def images(self, request: PageRequest) -> Page[ImageName]:
        """Return a page of the images that the principal may read.

        A token that names no image is a login token; it lists what its user may read.
        """

        self.require_known()

        allowed = self._decisions.allowing(self._principal, Action.READ, self.key)
        reach = self._reach

        def readable(image: ImageName) -> bool:
            return allowed(image) and (reach is EVERYWHERE or reach.allows(Action.READ, image))

        return self._unguarded.images(request, readable)

    def tags(self, image: ImageName, request: PageRequest) -> Page[Tag]:
        """See `Repository.tags`; of these, what the principal may read."""
        self.require(Action.READ, image)
        page = self._unguarded.tags(image, request)
        if self.shows_all(image):
            return page
        names = [tag for tag in page.names if self.shows_tag(image, tag)]
        while page.more and len(names) < (request.limit or 0):
            left = PageRequest((request.limit or 0) - len(names), page.names[-1])
            page = self._unguarded.tags(image, left)
            names += [tag for tag in page.names if self.shows_tag(image, tag)]
        return Page(names, page.more)

    def manifest(self, image: ImageName, reference: Reference) -> StoredManifest:
        """See `Repository.manifest`; a "yes" to somebody who may push is renewed."""
        self.require(Action.READ, image, reference)
        renew = isinstance(reference, Digest) and self.may(Action.WRITE, image)
        stored = self._unguarded.manifest(image, reference, renew=renew)
        if self._reach is not EVERYWHERE:
            self._reach.require_manifest(Action.READ, image, reference, stored.media_type)
        return stored

    def held_manifest(
        self, image: ImageName, reference: Reference, *, stale: bool = False
    ) -> StoredManifest:
        """See `Repository.held_manifest`."""
        self.require(Action.READ, image, reference)
        stored = self._unguarded.held_manifest(image, reference, stale=stale)
        self._reach.require_manifest(Action.READ, image, reference, stored.media_type)
        return stored

    def held_blob(self, image: ImageName, digest: Digest) -> Blob:
        """See `Repository.held_blob`."""
        self.require(Action.READ, image)
        return self._unguarded.held_blob(image, digest)

    def record_pull(self, image: ImageName, reference: Reference, digest: Digest) -> None:
        """See `Repository.record_pull`; for a manifest that `manifest` has just returned."""
        self.require(Action.READ, image, reference)
        self._unguarded.record_pull(image, reference, digest, self._actor)

    def blob(self, image: ImageName, digest: Digest, *, fetch: bool = False) -> Blob:
        """See `Repository.blob`; a "yes" to somebody who may push is renewed."""
        self.require(Action.READ, image)
        renew = self.may(Action.WRITE, image)
        return self._unguarded.blob(image, digest, renew=renew, fetch=fetch)

    def holders(self, digest: Digest, most: int) -> Iterator[ImageName]:
        """See `Repository.holders`; of these, the images that the principal may read.

        A limited token counts as such here, too: one for another image must not fetch a blob.
        """
        return self._unguarded.holders(digest, most, functools.partial(self.may, Action.READ))

    def find_blob(self, digest: Digest, most: int) -> Blob | None:
        """Return the blob from any image that the principal may read, or None."""
        for image in self.holders(digest, most):
            with contextlib.suppress(BlobUnknown):
                return self._unguarded.blob(image, digest, renew=True)
        return None

    def referrers(self, image: ImageName, subject: Digest) -> list[StoredManifest]:
        """See `Repository.referrers`."""
        self.require(Action.READ, image)
        return self._unguarded.referrers(image, subject)

    def start_upload(self, image: ImageName, algorithm: str) -> UploadState:
        """See `Repository.start_upload`."""
        self.require(Action.WRITE, image)
        return self._unguarded.start_upload(image, algorithm, self._actor)

    def upload(self, image: ImageName, upload_id: str) -> UploadState:
        """See `Repository.upload`."""
        self.require(Action.WRITE, image)
        return self._unguarded.upload(image, upload_id, self._actor)

    def open_upload(
        self,
        image: ImageName,
        upload_id: str,
        *,
        start: int | None = None,
        length: int | None = None,
    ) -> UploadWriter:
        """See `Repository.open_upload`."""
        self.require(Action.WRITE, image)
        return self._unguarded.open_upload(
            image, upload_id, self._actor, start=start, length=length
        )

    def open_whole_upload(
        self, image: ImageName, algorithm: str, length: int | None = None
    ) -> UploadWriter:
        """See `Repository.open_whole_upload`."""
        self.require(Action.WRITE, image)
        return self._unguarded.open_whole_upload(image, algorithm, self._actor, length)

    def settle_upload(self, image: ImageName, writer: UploadWriter) -> UploadState:
        """See `Repository.settle_upload`."""
        self.require(Action.WRITE, image)
        return self._unguarded.settle_upload(image, writer)

    def finish_upload(self, image: ImageName, writer: UploadWriter, digest: Digest) -> None:
        """See `Repository.finish_upload`."""
        self.require(Action.WRITE, image)
        self._unguarded.finish_upload(image, writer, digest)

    def cancel_upload(self, image: ImageName, upload_id: str) -> None:
        """See `Repository.cancel_upload`; whoever may push may also give up."""
        self.require(Action.WRITE, image)
        self._unguarded.cancel_upload(image, upload_id, self._actor)

    def mount_blob(self, image: ImageName, blob: Blob) -> None:
        """See `Repository.mount_blob`; ``blob`` comes from a guarded repository, too."""
        self.require(Action.WRITE, image)
        self._unguarded.mount_blob(image, blob, self._actor)

    def place_blob(self, image: ImageName, reference: Reference, digest: Digest) -> None:
        """See `Repository.place_blob`."""
        self.require(Action.WRITE, image, reference)
        self._unguarded.place_blob(image, reference, digest, self._actor)

    def remove_placed_blob(self, image: ImageName, reference: Reference, digest: Digest) -> bool:
        """See `Repository.remove_placed_blob`."""
        self.require(Action.DELETE, image, reference)
        return self._unguarded.remove_placed_blob(image, reference, digest, self._actor)

    def put_manifest(
        self,
        image: ImageName,
        reference: Reference,
        body: bytes,
        content_type: str,
        tags: Sequence[Tag] = (),
    ) -> PushedManifest:
        """See `Repository.put_manifest`; a tag comes to another manifest if it may be deleted."""
        references = (reference, *tags)
        for each in references:
            self.require(Action.WRITE, image, each)
            self._reach.require_manifest(Action.WRITE, image, each, content_type)
        may_replace = functools.partial(self.require_replaceable, image)
        free = all(self._allows(Action.DELETE, image, each) for each in references)
        return self._unguarded.put_manifest(
            image, reference, body, content_type, self._actor, tags, None if free else may_replace
        )

    def delete_manifest(self, image: ImageName, reference: Reference) -> None:
        """See `Repository.delete_manifest`; with a manifest go all its tags."""
        self.require_delete(image, reference)
        self._reach.require_manifest(Action.DELETE, image, reference)
        self._unguarded.delete_manifest(image, reference, self._actor)

    def delete_tag(self, image: ImageName, tag: Tag) -> None:
        """See `Repository.delete_tag`."""
        self.require(Action.DELETE, image, tag)
        self._reach.require_manifest(Action.DELETE, image, tag)
        self._unguarded.delete_tag(image, tag, self._actor)

    def delete_image(self, image: ImageName) -> None:
        """See `Repository.delete_image`."""
        self.require_delete(image, None)
        self._unguarded.delete_image(image, self._actor)

    def require_deletable(self, image: ImageName) -> None:
        """See `Repository.require_deletable`; raises also unless the principal may delete it."""
        self.require_delete(image, None)
        self._unguarded.require_deletable(image)

    def delete_blob(self, image: ImageName, digest: Digest) -> None:
        """See `Repository.delete_blob`."""
        self.require(Action.DELETE, image)
        self._unguarded.delete_blob(image, digest, self._actor)
