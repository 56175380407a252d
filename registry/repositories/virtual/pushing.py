"""What changes a virtual repository: it happens in the member that takes what is pushed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Final

from registry.model.content import Actor, Blob, UploadState
from registry.model.digests import Digest
from registry.model.errors import ManifestPartsMissing, OperationUnsupported
from registry.model.names import ImageName, Reference, Tag
from registry.model.retention import Decision
from registry.repositories.base import MayReplace, PushedManifest, Repository
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.guarded import GuardedRepository
from registry.repositories.virtual.completing import Completing
from registry.repositories.virtual.members import Member, Members
from registry.repositories.virtual.resolving import Resolving
from registry.storage.upload_writer import UploadWriter

DEPLOYMENT: Final = "defaultDeploymentRepo"


class PushedThrough(Repository):
    """A repository that takes pushes for one of its members, under the caller's rights there."""

    members: Members
    resolving: Resolving
    _definition: RepositoryDefinition

    @cached_property
    def target_member(self) -> Member | None:
        """The member that takes what is pushed, if there is one."""
        key = self._definition.text(DEPLOYMENT)
        return self.members.named(key) if key else None

    @property
    def target(self) -> GuardedRepository:
        """The member that takes what is pushed. Raises OperationUnsupported."""
        if self.target_member is None:
            raise OperationUnsupported(
                self.reach.read_only
                or f"the virtual repository '{self.key}' has no default deployment repository"
            )
        return self.target_member.repository

    def start_upload(self, image: ImageName, algorithm: str, actor: Actor) -> UploadState:
        """See `Repository.start_upload`; this and all below happens in the target."""
        return self.target.start_upload(image, algorithm)

    def upload(self, image: ImageName, upload_id: str, actor: Actor) -> UploadState:
        """See `Repository.upload`."""
        return self.target.upload(image, upload_id)

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
        return self.target.open_upload(image, upload_id, start=start, length=length)

    def open_whole_upload(
        self, image: ImageName, algorithm: str, actor: Actor, length: int | None = None
    ) -> UploadWriter:
        """See `Repository.open_whole_upload`."""
        return self.target.open_whole_upload(image, algorithm, length)

    def settle_upload(self, image: ImageName, writer: UploadWriter) -> UploadState:
        """See `Repository.settle_upload`."""
        return self.target.settle_upload(image, writer)

    def finish_upload(self, image: ImageName, writer: UploadWriter, digest: Digest) -> None:
        """See `Repository.finish_upload`."""
        self.target.finish_upload(image, writer, digest)

    def cancel_upload(self, image: ImageName, upload_id: str, actor: Actor) -> None:
        """See `Repository.cancel_upload`."""
        self.target.cancel_upload(image, upload_id)

    def mount_blob(self, image: ImageName, blob: Blob, actor: Actor) -> None:
        """See `Repository.mount_blob`."""
        self.target.mount_blob(image, blob)

    def place_blob(
        self, image: ImageName, reference: Reference, digest: Digest, actor: Actor
    ) -> None:
        """See `Repository.place_blob`."""
        self.target.place_blob(image, reference, digest)

    def remove_placed_blob(
        self, image: ImageName, reference: Reference, digest: Digest, actor: Actor
    ) -> bool:
        """See `Repository.remove_placed_blob`."""
        return self.target.remove_placed_blob(image, reference, digest)

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
        """See `Repository.put_manifest`; whether tags may be replaced, the target decides."""
        target = self.target
        try:
            return target.put_manifest(image, reference, body, content_type, tags)
        except ManifestPartsMissing:
            Completing(target, self.resolving).run(image, body, content_type)
            return target.put_manifest(image, reference, body, content_type, tags)

    # --- deleting ------------------------------------------------------------------------------

    def delete_manifest(self, image: ImageName, reference: Reference, actor: Actor) -> None:
        """See `Repository.delete_manifest`."""
        self.target.delete_manifest(image, reference)

    def delete_tag(self, image: ImageName, tag: Tag, actor: Actor) -> None:
        """See `Repository.delete_tag`."""
        self.target.delete_tag(image, tag)

    def retire_tag(self, image: ImageName, decision: Decision, actor: Actor) -> bool:
        """Raise OperationUnsupported: retention goes through what holds images."""
        raise OperationUnsupported("retention goes through the members of a virtual repository")

    def delete_image(self, image: ImageName, actor: Actor) -> None:
        """See `Repository.delete_image`."""
        self.target.delete_image(image)

    def require_deletable(self, image: ImageName) -> None:
        """See `Repository.require_deletable`."""
        self.target.require_deletable(image)

    def delete_blob(self, image: ImageName, digest: Digest, actor: Actor) -> None:
        """See `Repository.delete_blob`."""
        self.target.delete_blob(image, digest)
