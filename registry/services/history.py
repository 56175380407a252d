"""What happened to a tag, putting it back to what it was, and sparing it from retention.

The journal tells what happened; it is not synced, so the tree has the last word: where a tag is
not what the journal's last line says, one more change is told, as it can be seen in the sidecar.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from registry.model.content import Actor
from registry.model.digests import Digest
from registry.model.errors import HistoryUnknown, ManifestUnknown
from registry.model.moments import parse_moment
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.repositories.definitions import Definitions
from registry.repositories.pushing import ManifestPush
from registry.repositories.restoring import Restoration
from registry.repositories.sidecars import PINNED, former_tags
from registry.repositories.tag_states import is_pinned, read_tag, sidecar_of
from registry.storage.journal import PIN, REVERT, UNPIN, timestamp
from registry.storage.manifest_files import Place
from registry.storage.store import Store

UNRECORDED: Final = "unrecorded"
_DIGEST: Final = re.compile(r"(?:sha256|sha512):[0-9a-f]{6,}")


class Availability(Enum):
    """Where a manifest can still be had from."""

    IMAGE = "in the image"
    TRASH = "in the trash"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened to a tag."""

    time: datetime.datetime | None
    """None if nobody knows when."""
    event: str
    previous: Digest | None
    digest: Digest | None
    """What the tag stood for afterwards; None if it was gone."""
    principal: str
    address: str
    rule: str | None
    available: Availability
    """Whether what it stood for, afterwards or else before, can still be had."""

    @property
    def recorded(self) -> bool:
        """Whether the journal tells it."""
        return self.event != UNRECORDED


@dataclass(frozen=True, slots=True)
class TagHistory:
    """What happened to a tag, the oldest first."""

    changes: Sequence[Change]
    damaged: int
    """Lines of the journal that could not be read, whatever they were about."""

    def at(self, moment: datetime.datetime) -> Digest | None:
        """Return what the tag stood for at a moment, as far as is known; None for nothing."""
        known = [change for change in self.changes if change.time is not None]
        before = [change for change in known if change.time and change.time <= moment]
        if before:
            return before[-1].digest
        return known[0].previous if known else None

    def digests(self) -> list[Digest]:
        """Return all that the tag ever stood for."""
        found = (d for change in self.changes for d in (change.previous, change.digest))
        return list(dict.fromkeys(digest for digest in found if digest is not None))


@dataclass(frozen=True, slots=True)
class Reverted:
    """What a tag stood for before, and stands for now; the same if nothing was to be done."""

    previous: Digest | None
    digest: Digest

    @property
    def changed(self) -> bool:
        """Whether anything was done."""
        return self.previous != self.digest


class History:
    """The history of the tags of one registry."""

    def __init__(self, store: Store, definitions: Definitions) -> None:
        self._store = store
        self._definitions = definitions

    # --- looking -----------------------------------------------------------------------------

    def of(self, key: RepositoryKey, image: ImageName, tag: Tag) -> TagHistory:
        """Return what happened to a tag.

        Raises:
            RepositoryUnknown: there is no such repository.
            HistoryUnknown: there never was such a tag, as far as is known.
        """
        key = self._definitions.holder(key).key
        place = Place(key, image)
        found = self._store.journal_reader.tag_events(key, image, tag)
        held = _Held(self._store, place)
        changes = [
            Change(
                event.time, event.event, event.previous, event.digest, event.principal,
                event.address, event.rule, held.look(event.digest or event.previous),
            )
            for event in found.events
        ]  # fmt: skip
        changes += self._unrecorded(place, tag, changes, held)
        if not changes:
            raise HistoryUnknown(f"nothing is known of a tag '{key}/{image}:{tag}'")
        return TagHistory(changes, found.damaged)

    def _unrecorded(
        self, place: Place, tag: Tag, changes: Sequence[Change], held: _Held
    ) -> Iterator[Change]:
        """Yield the change that the journal lacks, if the tag is not what it says."""
        state = read_tag(self._store, place, tag)
        known = changes[-1].digest if changes else None
        if state is None:
            if known is not None:
                yield Change(None, UNRECORDED, known, None, "", "", None, held.look(known))
        elif state.digest != known:
            who = str(sidecar_of(self._store, place, tag).get("modifiedBy", ""))
            yield Change(
                state.pushed, UNRECORDED, known, state.digest, who, "", None, Availability.IMAGE
            )

    # --- putting back ------------------------------------------------------------------------

    def revert(
        self,
        key: RepositoryKey,
        image: ImageName,
        tag: Tag,
        to: str,
        actor: Actor,
        now: datetime.datetime,
    ) -> Reverted:
        """Let a tag stand for the manifest that it had: a digest, its beginning, or at a time.

        What the tag stands for now can be pulled by digest, and reverted to, afterwards.

        Raises:
            HistoryUnknown: the tag never had that manifest, or nothing at that time.
            TrashUnknown: the manifest is neither in the image nor in the trash any more.
            ManifestPartsMissing: parts of it have expired.
            RequestInvalid: ``to`` is neither a digest nor a time.
        """
        definition = self._definitions.holder(key)
        key = definition.key
        place = Place(key, image)
        digest = self._wanted(place, tag, to, now)
        with self._store.locks.image(key, image):
            state = read_tag(self._store, place, tag)
            previous = None if state is None else state.digest
            if previous != digest:
                stored = Restoration(self._store, definition, place, actor).bring_back(digest)
                push = ManifestPush(self._store, definition, place, actor)
                push.put_again(tag, stored, event=REVERT)
        return Reverted(previous, digest)

    def _wanted(self, place: Place, tag: Tag, to: str, now: datetime.datetime) -> Digest:
        """Return the digest that is meant by what somebody wrote."""
        name = f"{place.key}/{place.image}:{tag}"
        if _DIGEST.fullmatch(to):
            known = [*self._former(place, tag), *self.of(place.key, place.image, tag).digests()]
            found = sorted({digest for digest in known if digest.startswith(to)})
            if len(found) != 1:
                some = "more than one manifest" if found else "no manifest"
                raise HistoryUnknown(f"'{name}' had {some} with a digest that begins with '{to}'")
            return found[0]
        moment = parse_moment(to, now)
        digest = self.of(place.key, place.image, tag).at(moment)
        if digest is None:
            raise HistoryUnknown(f"there was no '{name}' at {timestamp(moment)}")
        return digest

    def _former(self, place: Place, tag: Tag) -> Iterator[Digest]:
        """Yield manifests whose own records say that they had the tag."""
        for reference in self._store.manifests.folders(place):
            if isinstance(reference, Digest):
                sidecar = self._store.manifests.sidecar(place, reference)
                if tag in former_tags(sidecar):
                    yield reference

    # --- sparing -----------------------------------------------------------------------------

    def pin(
        self, key: RepositoryKey, image: ImageName, tag: Tag, actor: Actor, *, pinned: bool = True
    ) -> bool:
        """Spare a tag from retention, or no longer; return whether that is new.

        Raises:
            RepositoryUnknown, ManifestUnknown: there is no such tag.
        """
        key = self._definitions.holder(key).key
        place = Place(key, image)
        with self._store.locks.image(key, image):
            state = read_tag(self._store, place, tag)
            if state is None:
                raise ManifestUnknown(f"there is no tag '{key}/{image}:{tag}'")
            if state.pinned is pinned:
                return False
            sidecar = {k: v for k, v in sidecar_of(self._store, place, tag).items() if k != PINNED}
            self._store.manifests.replace_sidecar(
                place, tag, sidecar | ({PINNED: True} if pinned else {})
            )
            self._store.journal.record(
                PIN if pinned else UNPIN, key, image, actor,
                tag=tag, digest=state.digest, previous=state.digest,
            )  # fmt: skip
        return True

    def pins(
        self, key: RepositoryKey, image: ImageName | None = None
    ) -> Iterator[tuple[ImageName, Tag]]:
        """Yield the tags of a repository, or of one image, that are spared from retention.

        Raises:
            RepositoryUnknown: there is no such repository.
        """
        key = self._definitions.holder(key).key
        images = self._store.catalog.walk(key) if image is None else iter([image])
        for name in images:
            place = Place(key, name)
            for reference in self._store.manifests.folders(place):
                if not isinstance(reference, Tag):
                    continue
                if is_pinned(sidecar_of(self._store, place, reference)):
                    yield name, reference


class _Held:
    """Where the manifests of one image can be had from; the trash is looked through once."""

    def __init__(self, store: Store, place: Place) -> None:
        self._store = store
        self._place = place
        self._trash: set[Digest] | None = None

    def look(self, digest: Digest | None) -> Availability:
        """Return where a manifest is."""
        if digest is None:
            return Availability.GONE
        if self._store.manifests.has(self._place, digest):
            return Availability.IMAGE
        if self._trash is None:
            place = self._place
            self._trash = {
                entry.digest
                for entry in self._store.trash.entries()
                if entry.digest is not None
                and (entry.repository, entry.image) == (place.key, place.image)
            }
        return Availability.TRASH if digest in self._trash else Availability.GONE
