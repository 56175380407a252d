"""From a key to a repository, guarded for whoever asks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from registry.access.decision import Decisions
from registry.access.principals import Action, Principal
from registry.model.content import Actor, Blob
from registry.model.digests import Digest
from registry.model.errors import (
    BlobUnknown,
    Denied,
    RegistryError,
    RepositoryKeyInvalid,
    RepositoryUnknown,
    ScopeInsufficient,
)
from registry.model.names import ImageName, Reference, RepositoryKey, require_length
from registry.model.paging import Page, PageRequest
from registry.model.repository_fields import LOCAL, VIRTUAL
from registry.repositories.base import Repository
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.definitions import Definitions
from registry.repositories.guarded import GuardedRepository
from registry.repositories.guarded_items import GuardedItems
from registry.repositories.guarded_transfers import GuardedTransfers
from registry.repositories.items import ItemTree
from registry.repositories.refusals import nobody_may, unknown_repository
from registry.repositories.unguarded_directory import UnguardedDirectory
from registry.repositories.upstream.upstreams import Upstreams
from registry.repositories.virtual.answers import Resolution
from registry.repositories.virtual.members import as_member, pushed_with
from registry.repositories.virtual.repository import VirtualRepository
from registry.repositories.virtual.tree import virtual_items
from registry.storage.store import Store

RETRIEVES: Final = "artifactoryRequestsCanRetrieveRemoteArtifacts"
_EVERYBODY: Final = Principal("registry", admin=True)
"""Who may use all members of a virtual repository, where nobody has to be asked."""
SEARCHED_IMAGES: Final = 2000
"""Images looked into for a blob that a client wants mounted without saying from where."""


class Directory(UnguardedDirectory):
    """All repositories of one storage folder."""

    def __init__(
        self,
        store: Store,
        definitions: Definitions,
        decisions: Decisions,
        upstreams: Upstreams | None = None,
    ) -> None:
        super().__init__(store, definitions, upstreams)
        self._decisions = decisions

    def as_seen_by(
        self, principal: Principal, address: str, *, cached_only: bool = False
    ) -> GuardedDirectory:
        """Return the directory for one principal, who asks from ``address``.

        With ``cached_only`` virtual repositories give only what is here already.
        """
        return GuardedDirectory(self, self._decisions, principal, address, cached_only)

    def unguarded_repository(self, key: RepositoryKey) -> Repository:
        """Return a repository that decides nothing. Raises RepositoryUnknown."""
        definition = self._definitions.get(key)
        return self.as_seen_by(_EVERYBODY, "").unguarded_repository(definition)


class GuardedDirectory:
    """The repositories as one principal may use them."""

    def __init__(
        self,
        directory: Directory,
        decisions: Decisions,
        principal: Principal,
        address: str,
        cached_only: bool = False,
    ) -> None:
        self._directory = directory
        self._decisions = decisions
        self.principal = principal
        self.address = address
        self._only_cached = cached_only

    def open(self, key: str) -> GuardedRepository:
        """Return the repository of that key.

        Raises:
            AuthenticationRequired: nobody asks, and nobody may do anything here; so unknown keys
                look like known ones.
            RepositoryUnknown: there is no such repository.
        """
        unguarded = self.unguarded_repository(self._find(key))
        return self._guarded(unguarded, self.principal)

    def _find(self, key: str) -> RepositoryDefinition:
        try:
            definition = self._directory.definition(RepositoryKey.parse(key))
        except RepositoryKeyInvalid:
            definition = None
        if definition is not None:
            return definition
        if self.principal.anonymous and not self._decisions.knows_all(self.principal):
            raise nobody_may(self.principal)
        raise unknown_repository(key)

    def _guarded(self, unguarded: Repository, principal: Principal) -> GuardedRepository:
        return GuardedRepository(unguarded, principal, self._decisions, self.address)

    def unguarded_repository(self, definition: RepositoryDefinition) -> Repository:
        """Return a repository that decides nothing; the members of a virtual one are guarded."""
        if definition.rclass != VIRTUAL:
            return self._directory.physical_repository(definition)
        return self._virtual(definition)

    def _virtual(self, definition: RepositoryDefinition) -> VirtualRepository:
        def open_member(member: RepositoryDefinition) -> GuardedRepository:
            principal = as_member(self.principal, definition.key, member.key)
            return self._guarded(self._directory.physical_repository(member), principal)

        return self._directory.virtual_repository(
            definition,
            open_member,
            cached_only=self._is_cached_only(definition),
            pushed=pushed_with(self.principal, definition.key),
        )

    def _is_cached_only(self, definition: RepositoryDefinition) -> bool:
        return self._only_cached and not definition.flag(RETRIEVES)

    def items(self, key: str) -> GuardedItems:
        """Return the tree of the repository of that key. Raises as `open`."""
        definition = self._find(key)
        unguarded = self.unguarded_repository(definition)
        repository = self._guarded(unguarded, self.principal)
        repository.require_known()
        tree: ItemTree
        if isinstance(unguarded, VirtualRepository):
            open_tree = self._directory.unguarded_items
            tree = virtual_items(unguarded, open_tree, self.principal, self.address)
        else:
            tree = self._directory.unguarded_items(definition.key)
        return GuardedItems(tree, repository, self.principal, self.address)

    def fetches(self, key: str) -> bool:
        """Return whether a repository may have more than what it holds. Raises as `open`."""
        return self._find(key).rclass != LOCAL

    def resolution(self, key: str, image: ImageName, reference: Reference) -> Resolution:
        """Return which member of a virtual repository answers for a manifest, and why.

        Upstreams are asked as for a pull. Another repository is its own only member. Raises as
        `open`.
        """
        definition = self._find(key)
        virtual = self._virtual(definition)
        self._guarded(virtual, self.principal).require(Action.READ, image)
        return virtual.explained(image, reference)

    def target_of(self, key: str) -> str:
        """Return the key of the repository in which changes through a key are made.

        Raises:
            OperationUnsupported: it is a virtual one without a default deployment repository.
            RepositoryUnknown, AuthenticationRequired: as `open`.
        """
        definition = self._find(key)
        if definition.rclass != VIRTUAL:
            return definition.key
        virtual = self._virtual(definition)
        self._guarded(virtual, self.principal).require_known()
        return virtual.target.key

    def transfers(self) -> GuardedTransfers:
        """Return what brings manifests from one repository to another."""
        return GuardedTransfers(self._directory.unguarded_transfers(), self.actor)

    def readable(self) -> list[RepositoryDefinition]:
        """Return what is configured of the repositories that the principal may read, by key."""
        self.require_login()
        return [d for d in self._directory.definitions() if self._may_read(d.key)]

    def holders(self, asked: Iterable[str] | None = None) -> list[RepositoryKey]:
        """Return the keys of what holds images and may be read by the principal, sorted.

        ``asked`` limits them to what these repositories show.
        """
        self.require_login()
        wanted = None if asked is None else self._directory.held_in(asked)
        found = [d.key for d in self._directory.holding() if self._may_read(d.key)]
        return [key for key in found if wanted is None or key in wanted]

    def definition(self, key: str) -> RepositoryDefinition:
        """Return what is configured of one of them.

        Raises:
            RepositoryUnknown: there is no such repository, as far as the principal may know.
        """
        self.require_login()
        try:
            found = self._directory.definition(RepositoryKey.parse(key))
        except RepositoryKeyInvalid:
            found = None
        if found is None or found.is_cache or not self._may_read(found.key):
            raise RepositoryUnknown(f"there is no repository '{key[:80]}'", {"key": key[:80]})
        return found

    def _knows(self, key: RepositoryKey) -> bool:
        return self._decisions.knows(self.principal, key)

    def _may_read(self, key: RepositoryKey) -> bool:
        return self._decisions.allows_in(self.principal, Action.READ, key)

    @property
    def actor(self) -> Actor:
        """What is recorded of what the principal does."""
        return self.principal.actor(self.address)

    def is_admin(self) -> bool:
        """Return whether `require_admin` would let it pass."""
        return self.principal.admin and self.principal.unlimited

    def require_login(self) -> None:
        """Raise AuthenticationRequired or ScopeInsufficient where nobody asks and nobody may."""
        if not self._decisions.allows_some(self.principal):
            raise nobody_may(self.principal)

    def require_admin(self) -> None:
        """Raise unless an admin asks, with credentials that carry all of the admin's rights."""
        if self.principal.anonymous:
            raise nobody_may(self.principal)
        if not self.principal.admin:
            raise Denied("only an admin may do this")
        if self.principal.access is not None:
            raise ScopeInsufficient("the token does not carry the rights of an admin")
        if not self.principal.unlimited:
            raise Denied("the token does not carry the rights of an admin")

    def images(self, request: PageRequest) -> Page[str]:
        """Return a page of the images of all repositories, key first, in byte order."""
        self.require_login()
        names: list[str] = []
        # "a-b/" sorts before "a/": the slash that ends the key counts.
        known = [d for d in self._directory.definitions() if self._knows(d.key)]
        for key in sorted(f"{d.key}/" for d in known):
            after = None
            if request.after is not None and request.after.startswith(key):
                after = request.after.removeprefix(key)
            elif request.after is not None and key < request.after:
                continue
            left = None if request.limit is None else request.limit - len(names)
            page = self.open(key[:-1]).images(PageRequest(left, after))
            names += [f"{key}{image}" for image in page.names]
            if page.more:
                return Page(names, more=True)
        return Page(names, more=False)

    def find_blob(self, digest: Digest, first: GuardedRepository) -> Blob:
        """Return the blob from any image that the principal may read, ``first`` looked in first.

        Who may not know of everything is let look whether there is such content or not, so that
        the time it takes does not tell.

        Raises:
            BlobUnknown: not found; the search is bounded.
        """
        if self._decisions.knows_all(self.principal) and not self._directory.stores(digest):
            raise BlobUnknown("blob unknown to registry", {"digest": digest})
        others = (d.key for d in self._directory.holding() if d.key != first.key)
        for repository in (first, *map(self.open, others)):
            blob = repository.find_blob(digest, SEARCHED_IMAGES)
            if blob is not None:
                return blob
        raise BlobUnknown("blob unknown to registry", {"digest": digest})

    def mount_source(self, key: str, image: str, digest: Digest) -> Blob:
        """Return a blob to be mounted from an image; reading it must be allowed.

        Raises:
            BlobUnknown: there is none, or the principal may not read it; not told apart.
        """
        try:
            name = ImageName.parse(image)
            require_length(key, name)
            return self.open(key).held_blob(name, digest)
        except RegistryError:
            raise BlobUnknown("blob unknown to registry", {"digest": digest}) from None
