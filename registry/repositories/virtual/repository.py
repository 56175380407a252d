"""A virtual repository: reads from its members, and pushes to one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from registry.model.content import Actor, Blob, StoredManifest
from registry.model.digests import Digest
from registry.model.errors import (
    BlobUnknown,
    ImageUnknown,
)
from registry.model.names import ImageName, Reference, Tag
from registry.model.paging import Page, PageRequest
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.guarded import GuardedRepository
from registry.repositories.virtual.answers import Look, Outcome, Resolution
from registry.repositories.virtual.members import REMOTE_KIND, Member, Members, Stop
from registry.repositories.virtual.merging import ListPage, merged_page
from registry.repositories.virtual.pushing import PushedThrough
from registry.repositories.virtual.resolving import Resolving, Rules
from registry.storage.manifest_files import Place, manifest_unknown
from registry.storage.store import Store

DEPLOYMENT = "defaultDeploymentRepo"


class VirtualRepository(PushedThrough):
    """Several repositories under one key, as one caller may use each of them."""

    def __init__(
        self,
        store: Store,
        definition: RepositoryDefinition,
        members: Members,
        *,
        cached_only: bool = False,
        pushed: frozenset[str] = frozenset(),
    ) -> None:
        """Look at members; with ``cached_only`` remote ones have nothing but their caches.

        ``pushed`` are images that are about to be pushed: upstreams must not hear their names.
        """
        self.key, self.reach = definition.key, definition.reach
        self.members = members
        self._definition = definition
        rules = Rules(definition.flag("resolveDockerTagsByTimestamp"), cached_only)
        self._cached_only = cached_only
        self._pushed = pushed
        self.resolving = Resolving(store, members, rules)

    # --- reading -------------------------------------------------------------------------------

    def images(
        self, request: PageRequest, wanted: Callable[[ImageName], bool] = lambda image: True
    ) -> Page[ImageName]:
        """See `Repository.images`: of all members, each once."""

        def is_shown(image: ImageName) -> bool:
            return wanted(image) and any(member.shows(image) for member in self.members.all)

        lists: list[ListPage[ImageName]] = [
            self._listed(member).images for member in self.members.all if member.repository.is_known
        ]
        return merged_page(lists, request, is_shown)

    def _listed(self, member: Member) -> GuardedRepository:
        return member.held if self._cached_only else member.repository

    def _listed_image(
        self, member: Member, image: ImageName
    ) -> tuple[GuardedRepository, ImageName]:
        """Return where an image of a member is looked at, and the name that it has there."""
        listed = self._listed(member)
        return listed, image if listed is member.repository else member.name_of(image)

    def tags(self, image: ImageName, request: PageRequest) -> Page[Tag]:
        """See `Repository.tags`: of all members that have the image, each tag once."""
        lists, unknown = list[ListPage[Tag]](), True

        for member in self._readable(image):
            listed, name = self._listed_image(member, image)
            try:
                listed.tags(name, PageRequest(0, request.after))
            except ImageUnknown:
                continue
            unknown = False
            lists.append(_tags_of(listed, name, member, image))
        if unknown:
            raise ImageUnknown("repository name not known to registry", {"name": image})
        return merged_page(lists, request)

    def _readable(self, image: ImageName) -> Iterator[Member]:
        """Yield the members that may be looked at for an image, whatever is wanted of it."""
        for member in self.members.all:
            stop = Stop(member, REMOTE_KIND if member.is_remote else "local")
            if not self.resolving.reason_not_to_ask(stop, image):
                yield member

    def manifest(
        self, image: ImageName, reference: Reference, *, renew: bool = False
    ) -> StoredManifest:
        """See `Repository.manifest`; raises also UpstreamError."""
        first = self.target_member if renew else None
        held_only = image in self._pushed
        found = self._manifest_of(
            self.resolving.manifest(image, reference, first=first, held_only=held_only),
            image,
            reference,
        )
        self._answered = found.digest, self.members.named(found.member or "")
        return found

    _answered: tuple[Digest | None, Member | None] = (None, None)
    """The manifest that was given last, and the member that had it."""

    def explained(self, image: ImageName, reference: Reference) -> Resolution:
        """Return who answers for a manifest, and what became of looking at each member."""
        if self.reach.has_image(image) and self.reach.has_manifest(image, reference):
            return self.resolving.manifest(image, reference, explains=True)
        reason = f"the patterns or the blackout of '{self.key}' exclude it"
        stops = self.members.stops
        looks = [Look(stop.key, stop.kind, Outcome.UNASKED, reason) for stop in stops]
        return Resolution(looks, None, None)

    def record_pull(
        self, image: ImageName, reference: Reference, digest: Digest, actor: Actor
    ) -> None:
        """See `Repository.record_pull`; it counts where the manifest came from."""
        known, member = self._answered
        if known == digest and member is not None:
            member.repository.record_pull(image, reference, digest)

    def blob(
        self, image: ImageName, digest: Digest, *, renew: bool = False, fetch: bool = False
    ) -> Blob:
        """See `Repository.blob`; raises also UpstreamError.

        Who may push and only asks is told of what members hold: it can be used in a push, and no
        upstream hears the name of an image that is about to be pushed.
        """
        held_only = renew and not fetch
        first = self.target_member if renew else None
        return _blob_of(
            self.resolving.blob(image, digest, fetch=fetch, first=first, held_only=held_only),
            digest,
        )

    def held_manifest(
        self, image: ImageName, reference: Reference, *, stale: bool = False
    ) -> StoredManifest:
        """See `Repository.held_manifest`."""
        found = self.resolving.manifest(image, reference, held_only=True)
        return self._manifest_of(found, image, reference)

    def _manifest_of(
        self, resolution: Resolution, image: ImageName, reference: Reference
    ) -> StoredManifest:
        found = _answer(resolution)
        if not isinstance(found, StoredManifest):
            raise manifest_unknown(Place(self.key, image), reference)
        return found

    def held_blob(self, image: ImageName, digest: Digest) -> Blob:
        """See `Repository.held_blob`."""
        return _blob_of(self.resolving.blob(image, digest, held_only=True), digest)

    def holders(
        self,
        digest: Digest,
        most: int,
        wanted: Callable[[ImageName], bool] = lambda image: True,
    ) -> Iterator[ImageName]:
        """See `Repository.holders`; in what the members hold."""
        for member in self.members.all:
            for image in member.held.holders(digest, most):
                if wanted(image) and member.shows(image):
                    yield image

    def referrers(self, image: ImageName, subject: Digest) -> list[StoredManifest]:
        """See `Repository.referrers`: of all members, each once. Raises also UpstreamError."""
        found = dict[Digest, StoredManifest]()
        for member in self._readable(image):
            listed, name = self._listed_image(member, image)
            for stored in listed.referrers(name, subject):
                found.setdefault(stored.digest, stored)
        return list(found.values())


def _answer(resolution: Resolution) -> StoredManifest | Blob | None:
    if resolution.failure is not None:
        raise resolution.failure
    return None if resolution.winner is None else resolution.winner.found


def _blob_of(resolution: Resolution, digest: Digest) -> Blob:
    found = _answer(resolution)
    if not isinstance(found, Blob):
        raise BlobUnknown("blob unknown to registry", {"digest": digest})
    return found


def _tags_of(
    listed: GuardedRepository, name: ImageName, member: Member, image: ImageName
) -> ListPage[Tag]:
    """Return the list of the tags that are shown of an image in a member."""

    def page(request: PageRequest) -> Page[Tag]:
        while True:
            found = listed.tags(name, request)
            names = [tag for tag in found.names if member.shows(image, tag)]
            if names or not found.more or not found.names:
                return Page(names, found.more)
            request = PageRequest(request.limit, found.names[-1])

    return page
