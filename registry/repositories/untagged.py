"""How long manifests stay that no tag, index or subject needs: by what the repository sets."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from registry.model.digests import Digest
from registry.model.errors import ManifestUnknown, RegistryError
from registry.model.manifests import parse_manifest
from registry.repositories.definition import RepositoryDefinition
from registry.repositories.sidecars import former_tags
from registry.repositories.touches import Touches
from registry.storage.manifest_files import Place
from registry.storage.passes import Age, Ages
from registry.storage.store import Store

_DAY: Final = 86_400.0
GENERATIONS: Final = "dockerTagRetention"
DAYS: Final = "untaggedRetentionDays"
NEEDED: Final = "index or subject"
"""Why a manifest stays that only one needs which stays itself, or goes first."""
DAMAGED: Final = "damage"
"""Why a manifest stays of which nobody can say what it needs."""


class UntaggedPolicy:
    """Says of the unreferenced manifests of one image which have to stay, and why."""

    def __init__(
        self, store: Store, definition: RepositoryDefinition, place: Place, found: Iterable[Digest]
    ) -> None:
        self._store = store
        self._place = place
        self._days = definition.number(DAYS)
        self._former = {digest: self._former_tags(digest) for digest in found}
        self._kept = self._generations(definition.number(GENERATIONS) - 1)

    def _former_tags(self, digest: Digest) -> dict[str, float]:
        """Return the tags that a manifest had, each with the time until when."""
        found = {}
        sidecar = self._store.manifests.sidecar(self._place, digest)
        for tag, until in former_tags(sidecar).items():
            try:
                found[tag] = datetime.datetime.fromisoformat(until).timestamp()
            except (TypeError, ValueError):
                continue
        return found

    def _generations(self, number: int) -> set[Digest]:
        """Return the manifests that are among the last ``number`` that a tag had."""
        had: dict[str, list[tuple[float, Digest]]] = {}
        for digest, tags in self._former.items():
            for tag, until in tags.items():
                had.setdefault(tag, []).append((until, digest))
        return {
            digest
            for generations in had.values()
            for _, digest in sorted(generations, reverse=True)[: max(number, 0)]
        }

    def reason_to_stay(self, digest: Digest, ages: Ages) -> str | None:
        """Return why an unreferenced manifest stays, or None if its time is over."""
        path = self._store.layout.manifest(self._place.key, self._place.image, digest)
        try:
            wanted = os.stat(path).st_mtime
        except FileNotFoundError:
            # The rest of a deletion that was broken off.
            return None
        age = ages.of(wanted)
        if age is not Age.OLD:
            return str(age.value)
        if not self._has_folder(digest):
            # Its push or deletion was killed: nobody was told that it is here, or that it stays.
            return None
        if digest in self._kept:
            return GENERATIONS
        since = max([wanted, *self._former[digest].values()])
        if self._days < 0 or ages.of(since, self._days * _DAY) is Age.YOUNG:
            return DAYS
        return None

    def _has_folder(self, digest: Digest) -> bool:
        return self._store.manifests.has_folder(self._place, digest)


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of the manifests of an image that no tag needs, in one pass."""

    going: list[Digest]
    kept: dict[Digest, str]
    """Those that stay, with the reasons."""


def plan(
    store: Store, definition: RepositoryDefinition, place: Place, ages: Ages, touches: Touches
) -> Plan:
    """Decide which manifests go: those that nothing needs and whose time is over.

    What stays keeps what it needs: the children of an index, and what refers to it. What goes does
    so for this one pass; then it is over, and their age begins anew.
    """
    graph = store.references.read(place)
    found = graph.unreferenced()
    if not found:
        return Plan([], {})
    policy = UntaggedPolicy(store, definition, place, found)
    kept: dict[Digest, str] = {}
    for digest in found:
        reason = policy.reason_to_stay(digest, ages)
        if touches.has(store.layout.manifest(place.key, place.image, digest)):
            reason = Age.YOUNG.value
        if reason is None and _is_damaged(store, place, digest):
            reason = DAMAGED
        if reason is not None:
            kept[digest] = reason
    staying, going = graph.live(kept), []
    for digest in graph.in_order(found):
        if digest in staying:
            kept.setdefault(digest, NEEDED)
        else:
            going.append(digest)
            staying |= graph.live([digest]) - {digest}
    return Plan(going, kept)


def _is_damaged(store: Store, place: Place, digest: Digest) -> bool:
    """Return whether nobody can say what a manifest needs: by its bytes, not by what is known."""
    try:
        stored = store.manifests.read(place, digest)
        parse_manifest(stored.body, stored.media_type)
    except ManifestUnknown:
        return False
    except RegistryError:
        return True
    return False
