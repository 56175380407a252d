"""Bringing manifests from one repository to another, as one principal may.

Rights are asked for on both sides, for each manifest: to read it where it is, to delete it there
if it is moved, to write where it comes to, and to delete what a tag stands for there if that is
another manifest. What the patterns or the blackout of a repository put out of reach is neither
given away nor taken in.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from registry.access.principals import Action
from registry.model.content import Actor
from registry.model.digests import Digest
from registry.model.errors import ManifestPartsMissing, OperationUnsupported, RequestInvalid
from registry.model.items import Item
from registry.model.names import ImageName, Reference, RepositoryKey
from registry.repositories.belongings import Parcel, Transfer
from registry.repositories.guarded import GuardedRepository
from registry.repositories.transfers import Transfers

Folders = Mapping[str, Mapping[str, Any]]
"""What is kept of folders, by where they are in the one that is brought."""


@dataclass(frozen=True, slots=True)
class Step:
    """A transfer between two repositories, as one principal may use them."""

    source: GuardedRepository
    target: GuardedRepository
    transfer: Transfer

    def __str__(self) -> str:
        return f"{self.source.key}:{self.transfer.image}/{self.transfer.reference}"


class GuardedTransfers:
    """Transfers for one principal."""

    def __init__(self, unguarded: Transfers, actor: Actor) -> None:
        self._unguarded = unguarded
        self._actor = actor

    def require_target(self, repository: GuardedRepository) -> None:
        """See `Transfers.require_target`."""
        repository.require_known()
        self._unguarded.require_target(repository.key)

    def source(self, repository: GuardedRepository) -> RepositoryKey:
        """See `Transfers.source`."""
        repository.require_known()
        return self._unguarded.source(repository.key)

    def is_cache(self, key: RepositoryKey) -> bool:
        """See `Transfers.is_cache`."""
        return self._unguarded.is_cache(key)

    def name_at_source(self, repository: GuardedRepository, image: ImageName) -> ImageName:
        """See `Transfers.name_at_source`."""
        return self._unguarded.name_at_source(repository.key, image)

    def references(self, repository: GuardedRepository, image: ImageName) -> list[Reference]:
        """See `Transfers.references`; of these, what the principal may read."""
        repository.require(Action.READ, image)
        found = self._unguarded.references(repository.key, image)
        return [one for one in found if repository.may(Action.READ, image, one)]

    def check(self, step: Step) -> Parcel:
        """Return what would be brought, if the principal may do that, and it could be done now.

        Raises:
            AuthenticationRequired, ScopeInsufficient, Denied: it is not allowed.
            ManifestUnknown, RequestInvalid: it could not be done.
        """
        source, target, transfer = step.source, step.target, step.transfer
        source.manifest(transfer.image, transfer.reference)
        if transfer.move:
            source.require(Action.DELETE, transfer.image, transfer.reference)
            self._require_movable(step)
        target.require(Action.WRITE, transfer.to, transfer.new)
        parcel = self._unguarded.belongings(source.key, transfer.image, transfer.reference)
        self._unguarded.require_reach(target.key, transfer, parcel)
        if isinstance(transfer.new, Digest) and transfer.new != parcel.root.digest:
            raise RequestInvalid("a manifest cannot stand under the digest of another one")
        for tag in self._unguarded.replaced(target.key, transfer, parcel):
            target.require(Action.DELETE, transfer.to, tag)
        return parcel

    def _require_movable(self, step: Step) -> None:
        try:
            self._unguarded.require_movable(step.source.key, step.transfer)
        except OperationUnsupported as error:
            raise RequestInvalid(error.message, *error.details) from None

    def run(self, step: Step) -> Parcel:
        """Do it; see `Transfers.run`. What is refused where it comes to is a wrong request."""
        self.check(step)
        target, transfer = step.target, step.transfer
        try:
            return self._unguarded.run(
                step.source.key, target.key, transfer, self._actor,
                functools.partial(target.require, Action.DELETE, transfer.to),
            )  # fmt: skip
        except (OperationUnsupported, ManifestPartsMissing) as error:
            raise RequestInvalid(f"{step}: {error.message}", *error.details) from None

    def folders(self, source: GuardedRepository, folder: Item) -> Folders:
        """Return what is kept of a folder and of those below it: their properties."""
        return self._unguarded.folders(source.key, folder.location)

    def require_folder(
        self,
        source: GuardedRepository,
        folder: Item,
        target: GuardedRepository,
        to: str,
        *,
        move: bool,
    ) -> None:
        """Raise unless the principal may bring a folder without images.

        Raises:
            NameInvalid: the target cannot be a folder.
        """
        target.require(Action.WRITE, ImageName.parse(to))
        if move:
            source.require(Action.DELETE, ImageName(folder.location))

    def bring_folders(
        self,
        source: GuardedRepository,
        folder: Item,
        target: GuardedRepository,
        to: str,
        folders: Folders,
        *,
        move: bool,
    ) -> None:
        """Keep what was kept of a folder where it has come to; its images have been brought."""
        self._unguarded.keep_folders(target.key, to, folders)
        if move:
            self._unguarded.forget_folders(source.key, folder.location)
