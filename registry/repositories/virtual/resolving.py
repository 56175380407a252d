"""Which member of a virtual repository answers for a manifest or a blob."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Final

from registry.access.principals import Action
from registry.model.content import Blob, StoredManifest
from registry.model.digests import Digest
from registry.model.errors import (
    BlobUnknown,
    ImageUnknown,
    ManifestDamaged,
    ManifestUnknown,
    RegistryError,
    StorageFailed,
)
from registry.model.names import ImageName, Reference, Tag
from registry.model.upstream_errors import UpstreamError, UpstreamRefused
from registry.repositories.tag_states import read_tag
from registry.repositories.virtual.answers import Look, Outcome, Resolution
from registry.repositories.virtual.members import (
    CACHE_KIND,
    LOCAL_KIND,
    REMOTE_KIND,
    Member,
    Members,
    Stop,
)
from registry.storage.manifest_files import Place
from registry.storage.store import Store

_ABSENT: Final = (ManifestUnknown, ImageUnknown, BlobUnknown, UpstreamRefused)
_FAILED: Final = (UpstreamError, ManifestDamaged, StorageFailed)
_LATER: Final = "an earlier member has it"
_OLDER: Final = "another member's has changed later"

Ask = Callable[[Stop], StoredManifest | Blob]


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """How a virtual repository looks at its members."""

    by_time: bool = False
    """Of the members that have a tag, the one answers where it changed last."""
    cached_only: bool = False
    """Nothing is fetched: what the caches have is all that there is."""


class Resolving:
    """Looks at the members of one virtual repository, for one caller."""

    def __init__(self, store: Store, members: Members, rules: Rules) -> None:
        self._store = store
        self._members = members
        self._rules = rules
        self._holders: dict[ImageName, str | None] = {}

    # --- manifests and blobs -----------------------------------------------------------------

    def manifest(
        self,
        image: ImageName,
        reference: Reference,
        *,
        first: Member | None = None,
        held_only: bool = False,
        explains: bool = False,
    ) -> Resolution:
        """Look for a manifest: by tag until something fails, by digest until somebody has it.

        By digest ``first`` is looked at before the others; with ``held_only`` no upstream is asked;
        with ``explains`` the answer also has those that need not be looked at.
        """

        def ask(stop: Stop) -> StoredManifest | Blob:
            repository = stop.member.repository
            if stop.kind == CACHE_KIND:
                stale = self._rules.cached_only
                return repository.held_manifest(image, reference, stale=stale)
            return repository.manifest(image, reference)

        by_time = self._rules.by_time and isinstance(reference, Tag)
        stops = self._stops(None if isinstance(reference, Tag) else first, held_only)
        return self._look(stops, image, reference, ask, by_time=by_time, explains=explains)

    def blob(
        self,
        image: ImageName,
        digest: Digest,
        *,
        fetch: bool = False,
        first: Member | None = None,
        held_only: bool = False,
    ) -> Resolution:
        """Look for a blob, at those whose caches know the image before other remote ones."""

        def ask(stop: Stop) -> StoredManifest | Blob:
            repository = stop.member.repository
            if stop.kind == CACHE_KIND:
                return repository.held_blob(image, digest)
            return repository.blob(image, digest, fetch=fetch)

        stops = self._stops(first, held_only)
        if sum(stop.kind == REMOTE_KIND for stop in stops) > 1:
            stops = sorted(
                stops,
                key=lambda stop: stop.kind == REMOTE_KIND and not self._holds(stop.member, image),
            )
        return self._look(stops, image, digest, ask)

    def _stops(self, first: Member | None, held_only: bool) -> list[Stop]:
        stops = self._members.stops
        if held_only:
            stops = [
                Stop(stop.member, CACHE_KIND) if stop.kind == REMOTE_KIND else stop
                for stop in stops
                if stop.kind != REMOTE_KIND or stop.member.has_priority
            ]
        return sorted(stops, key=lambda stop: stop.member is not first) if first else stops

    def _look(
        self,
        stops: Iterable[Stop],
        image: ImageName,
        reference: Reference,
        ask: Ask,
        *,
        by_time: bool = False,
        explains: bool = False,
    ) -> Resolution:
        looks, winner = list[Look](), None
        failure: RegistryError | None = None
        for stop in stops:
            if winner is not None and not by_time and not explains:
                break
            reason = "" if winner is None or by_time else _LATER
            if failure is not None and isinstance(reference, Tag):
                reason = "an earlier member failed, and might have it"
            elif by_time and stop.kind == CACHE_KIND and not self._rules.cached_only:
                reason = "it is looked at together with its upstream"
            look = self._look_at(stop, image, reference, ask, reason)
            if look.outcome is Outcome.FOUND and winner is not None:
                look, winner = self._later(image, reference, look, winner, looks)
            elif look.outcome is Outcome.FOUND:
                winner = look
            failure = failure or look.failure
            looks.append(look)
        if failure is not None and (winner is None or isinstance(reference, Tag)):
            return Resolution(looks, None, failure)
        return Resolution(looks, winner, None)

    def _look_at(
        self, stop: Stop, image: ImageName, reference: Reference, ask: Ask, reason: str
    ) -> Look:
        reason = reason or self.reason_not_to_ask(stop, image, reference)
        if reason:
            return Look(stop.key, stop.kind, Outcome.UNASKED, reason)
        try:
            found = ask(stop)
        except _ABSENT as error:
            return Look(stop.key, stop.kind, Outcome.ABSENT, error.message)
        except _FAILED as error:
            return Look(stop.key, stop.kind, Outcome.FAILED, error.message, failure=error)
        return Look(stop.key, stop.kind, Outcome.FOUND, _said(found), found.of(stop.member.key))

    # --- what is not asked -------------------------------------------------------------------

    def reason_not_to_ask(
        self, stop: Stop, image: ImageName, reference: Reference | None = None
    ) -> str:
        """Return why a member is not looked at for something; empty if it is."""
        member = stop.member
        if not member.shows(image, reference):
            return "the patterns of a virtual repository that it is in exclude it"
        if not member.repository.may(Action.READ, image, reference):
            return "it may not be read there"
        if stop.kind == LOCAL_KIND:
            return ""
        holder = None if member.has_priority else self.holder(member, image)
        is_tag = reference is None or isinstance(reference, Tag)
        if holder is not None and (is_tag or stop.kind == REMOTE_KIND):
            return f"the name is that of an image in the local member '{holder}'"
        if stop.kind == REMOTE_KIND and self._rules.cached_only:
            return "another Artifactory asks, and gets what is cached"
        return ""

    def holder(self, member: Member, image: ImageName) -> str | None:
        """Return the local member that holds the name of an image that a remote one may have.

        Whoever asks: names of ours must not reach an upstream, nor what is there under these names
        reach us.
        """
        return self._holder(image) or self._holder(member.name_of(image))

    def _holder(self, image: ImageName) -> str | None:
        if image not in self._holders:
            local = (m for m in self._members.all if not m.is_remote and m.shows(image))
            found = next((m.key for m in local if self._holds(m, image)), None)
            self._holders[image] = found
        return self._holders[image]

    def _holds(self, member: Member, image: ImageName) -> bool:
        key = member.definition.holding_key or member.key
        return self._store.catalog.has(key, member.name_of(image))

    # --- by time -----------------------------------------------------------------------------

    def _later(
        self, image: ImageName, reference: Reference, look: Look, winner: Look, looks: list[Look]
    ) -> tuple[Look, Look]:
        """Return two members that have a tag, the later one as the winner."""
        if self._changed(image, reference, look) > self._changed(image, reference, winner):
            place = looks.index(winner)
            looks[place] = dataclasses.replace(winner, reason=_OLDER)
            return look, look
        return dataclasses.replace(look, reason=_OLDER), winner

    def _changed(self, image: ImageName, reference: Reference, look: Look) -> float:
        member = self._members.named(look.key)
        if member is None or not isinstance(reference, Tag):
            return 0.0
        key = member.definition.holding_key or member.key
        state = read_tag(self._store, Place(key, member.name_of(image)), reference)
        return 0.0 if state is None else state.pushed.timestamp()


def _said(found: StoredManifest | Blob) -> str:
    freshness = found.freshness if isinstance(found, StoredManifest) else None
    return "" if freshness is None else f"{found.digest} ({freshness})"
