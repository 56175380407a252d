"""A remote repository: the interface of every repository over a cache and an upstream registry."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NoReturn
from weakref import WeakKeyDictionary

from registry.model.ant import EVERYTHING
from registry.model.content import Actor, Blob, StoredManifest, UploadState
from registry.model.digests import Digest
from registry.model.errors import BlobUnknown, OperationUnsupported
from registry.model.names import ImageName, Reference, Tag
from registry.model.paging import Page, PageRequest
from registry.model.retention import Decision
from registry.repositories.base import MayReplace, PushedManifest, Repository
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.remote.asked import Upstreams
from registry.repositories.remote.blobs import RemoteBlobs
from registry.repositories.remote.lists import RemoteLists
from registry.repositories.remote.manifests import RemoteManifests
from registry.repositories.remote.referring import RemoteReferrers
from registry.repositories.remote.shared import Shared
from registry.repositories.upstream.names import cache_name
from registry.storage.manifest_files import Place, manifest_unknown
from registry.storage.store import Store
from registry.storage.upload_writer import UploadWriter


class RemoteRepository(Repository):
    """What an upstream registry has. Knows nothing of who may do what.

    Images have the names that clients say; the cache has those of upstream.
    """

    def __init__(
        self, store: Store, definition: RepositoryDefinition, upstreams: Upstreams
    ) -> None:
        self.key, self.reach = definition.key, definition.reach
        self._store = store
        self._definition = definition
        self._shared = Shared(store, definition, upstreams)
        self._cache = self._shared.cache
        self._manifests = RemoteManifests(self._shared)
        self._blobs = RemoteBlobs(self._shared)
        self._lists = RemoteLists(self._shared)
        self._excludes = dataclasses.replace(self.reach, includes=EVERYTHING, read_only="")
        self._is_limited = not dataclasses.replace(self.reach, read_only="").unlimited

    def is_of(self, store: Store, definition: RepositoryDefinition) -> bool:
        """Return whether nothing of what it was made for has changed."""
        same = self._definition is definition or self._definition == definition
        return same and self._store is store

    def kept_as(self, image: ImageName) -> ImageName:
        """See `Repository.kept_as`: as upstream knows it."""
        return cache_name(self._definition, image)

    def _name(self, image: ImageName) -> ImageName:
        return cache_name(self._definition, image)

    # --- reading -------------------------------------------------------------------------------

    def images(
        self, request: PageRequest, wanted: Callable[[ImageName], bool] = lambda image: True
    ) -> Page[ImageName]:
        """See `Repository.images`."""
        return self._lists.images(request, wanted)

    def tags(self, image: ImageName, request: PageRequest) -> Page[Tag]:
        """See `Repository.tags`."""
        return self._lists.tags(self._name(image), request)

    def manifest(
        self, image: ImageName, reference: Reference, *, renew: bool = False
    ) -> StoredManifest:
        """See `Repository.manifest`."""
        name = self._name(image)
        self._require_reach(image, name, reference)
        return self._manifests.find(name, reference, renew=renew)

    def held_manifest(
        self, image: ImageName, reference: Reference, *, stale: bool = False
    ) -> StoredManifest:
        """See `Repository.held_manifest`."""
        name = self._name(image)
        self._require_reach(image, name, reference)
        return self._manifests.held(name, reference, stale=stale)

    def held_blob(self, image: ImageName, digest: Digest) -> Blob:
        """See `Repository.held_blob`."""
        return self._cache.blob(self._name(image), digest)

    def _require_reach(self, image: ImageName, name: ImageName, reference: Reference) -> None:
        """Raise ManifestUnknown for what is excluded: upstream must not even hear its name."""
        if self._is_limited and not (
            self.reach.has_manifest(image, reference)
            and self._excludes.has_manifest(name, reference)
        ):
            raise manifest_unknown(Place(self.key, image), reference)

    def record_pull(
        self, image: ImageName, reference: Reference, digest: Digest, actor: Actor
    ) -> None:
        """See `Repository.record_pull`."""
        self._cache.record_pull(self._name(image), reference, digest, actor)

    def blob(
        self, image: ImageName, digest: Digest, *, renew: bool = False, fetch: bool = False
    ) -> Blob:
        """See `Repository.blob`."""
        name = self._name(image)
        if self._is_limited and not (
            self.reach.has_image(image) and self._excludes.has_image(name)
        ):
            raise BlobUnknown("blob unknown to registry", {"digest": digest})
        return self._blobs.find(name, digest, renew=renew, fetch=fetch)

    def holders(
        self,
        digest: Digest,
        most: int,
        wanted: Callable[[ImageName], bool] = lambda image: True,
    ) -> Iterator[ImageName]:
        """See `Repository.holders`."""
        return self._cache.holders(digest, most, wanted)

    def referrers(self, image: ImageName, subject: Digest) -> list[StoredManifest]:
        """See `Repository.referrers`."""
        name = self._name(image)
        if self._is_limited and not self._excludes.has_image(name):
            return []
        return RemoteReferrers(self._shared, self._manifests).of(name, subject)

    # --- pushing: never ------------------------------------------------------------------------

    def _refuse(self) -> NoReturn:
        raise OperationUnsupported(f"the remote repository '{self.key}' takes no pushes")

    def start_upload(self, image: ImageName, algorithm: str, actor: Actor) -> UploadState:
        """Raise OperationUnsupported, as everything that pushes."""
        self._refuse()

    def upload(self, image: ImageName, upload_id: str, actor: Actor) -> UploadState:
        """See `start_upload`."""
        self._refuse()

    def open_upload(
        self,
        image: ImageName,
        upload_id: str,
        actor: Actor,
        *,
        start: int | None = None,
        length: int | None = None,
    ) -> UploadWriter:
        """See `start_upload`."""
        self._refuse()

    def open_whole_upload(
        self, image: ImageName, algorithm: str, actor: Actor, length: int | None = None
    ) -> UploadWriter:
        """See `start_upload`."""
        self._refuse()

    def settle_upload(self, image: ImageName, writer: UploadWriter) -> UploadState:
        """See `start_upload`."""
        self._refuse()

    def finish_upload(self, image: ImageName, writer: UploadWriter, digest: Digest) -> None:
        """See `start_upload`."""
        self._refuse()

    def cancel_upload(self, image: ImageName, upload_id: str, actor: Actor) -> None:
        """See `start_upload`."""
        self._refuse()

    def mount_blob(self, image: ImageName, blob: Blob, actor: Actor) -> None:
        """See `start_upload`."""
        self._refuse()

    def place_blob(
        self, image: ImageName, reference: Reference, digest: Digest, actor: Actor
    ) -> None:
        """See `start_upload`."""
        self._refuse()

    def remove_placed_blob(
        self, image: ImageName, reference: Reference, digest: Digest, actor: Actor
    ) -> bool:
        """See `start_upload`."""
        self._refuse()

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
        """See `start_upload`."""
        self._refuse()

    # --- deleting: from the cache --------------------------------------------------------------

    def delete_manifest(self, image: ImageName, reference: Reference, actor: Actor) -> None:
        """See `Repository.delete_manifest`; of the cache."""
        self._cache.delete_manifest(self._name(image), reference, actor)

    def delete_tag(self, image: ImageName, tag: Tag, actor: Actor) -> None:
        """See `Repository.delete_tag`; of the cache."""
        self._cache.delete_tag(self._name(image), tag, actor)

    def retire_tag(self, image: ImageName, decision: Decision, actor: Actor) -> bool:
        """See `Repository.retire_tag`; of the cache."""
        return self._cache.retire_tag(self._name(image), decision, actor)

    def delete_image(self, image: ImageName, actor: Actor) -> None:
        """See `Repository.delete_image`; of the cache."""
        self._cache.delete_image(self._name(image), actor)

    def require_deletable(self, image: ImageName) -> None:
        """See `Repository.require_deletable`; of the cache."""
        self._cache.require_deletable(self._name(image))

    def delete_blob(self, image: ImageName, digest: Digest, actor: Actor) -> None:
        """See `Repository.delete_blob`; of the cache."""
        self._cache.delete_blob(self._name(image), digest, actor)


_MADE: Final[WeakKeyDictionary[Upstreams, dict[str, RemoteRepository]]] = WeakKeyDictionary()
_LOCK: Final = threading.Lock()


def remote_repository(
    store: Store, definition: RepositoryDefinition, upstreams: Upstreams
) -> RemoteRepository:
    """Return a remote repository: in a process the same one, while its definition is the same.

    So all requests share what it has in hand and what it remembers.
    """
    known = _MADE.get(upstreams, {}).get(definition.key)
    if known is not None and known.is_of(store, definition):
        return known
    with _LOCK:
        made = _MADE.setdefault(upstreams, {})
        known = made.get(definition.key)
        if known is None or not known.is_of(store, definition):
            known = made[definition.key] = RemoteRepository(store, definition, upstreams)
        return known
