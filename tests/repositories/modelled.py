"""A model of one image: what must be there, what may be there, and what has been promised.

It knows when things were wanted last, and the times that a repository grants; of what nothing
needs any more it says only that it may be gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from registry.model.digests import Digest
from registry.model.names import Tag
from registry.storage.filestore import LEASE_RENEWAL
from tests.support.bench import CONFIG, GRACE, HOLD, TRASH, UNTAGGED


@dataclass(frozen=True)
class ModelledManifest:
    """What a manifest names."""

    body: bytes
    blobs: tuple[bytes, ...] = (CONFIG,)
    children: tuple[Digest, ...] = ()
    subject: Digest | None = None

    @property
    def digest(self) -> Digest:
        return Digest.of(self.body)


@dataclass(frozen=True)
class ModelledDeletion:
    """What a tag had when it was deleted."""

    manifest: ModelledManifest
    at: float


@dataclass
class ModelledImage:
    """One image, at moments in seconds."""

    tags: dict[Tag, ModelledManifest] = field(default_factory=dict)
    shown: dict[Digest, ModelledManifest] = field(default_factory=dict)
    """All that has been pushed, and has not been deleted by hand or found to be gone."""
    wanted: dict[Digest, float] = field(default_factory=dict)
    promised: dict[bytes, float] = field(default_factory=dict)
    """When a pusher was told last that a blob is here."""
    ever: dict[Digest, ModelledManifest] = field(default_factory=dict)
    """All that has ever been pushed."""
    trash: dict[Tag, list[ModelledDeletion]] = field(default_factory=dict)

    # --- what there is -----------------------------------------------------------------------

    def _closure(self, roots: Iterable[Digest]) -> set[Digest]:
        found: set[Digest] = set()
        waiting = list(roots)
        while waiting:
            digest = waiting.pop()
            if digest in found or digest not in self.shown:
                continue
            found.add(digest)
            waiting += self.shown[digest].children
            waiting += [d for d, m in self.shown.items() if m.subject == digest]
        return found

    def live(self) -> set[Digest]:
        """Return what tags, live indexes and live subjects need."""
        return self._closure(manifest.digest for manifest in self.tags.values())

    def certain(self, now: float) -> dict[Digest, ModelledManifest]:
        """Return what must be there: what is live, or has not had its days yet."""
        kept = max(UNTAGGED, GRACE) - LEASE_RENEWAL
        recent = [digest for digest, wanted in self.wanted.items() if now - wanted <= kept]
        roots = [*(manifest.digest for manifest in self.tags.values()), *recent]
        return {digest: self.shown[digest] for digest in sorted(self._closure(roots))}

    def parents(self, digest: Digest) -> Iterator[Digest]:
        """Yield the indexes that name a manifest."""
        return (d for d, m in self.shown.items() if digest in m.children)

    def is_promised(self, blob: bytes, now: float) -> bool:
        """Return whether a manifest that names the blob must be taken."""
        asked = self.promised.get(blob)
        return asked is not None and now - asked <= GRACE + HOLD - LEASE_RENEWAL

    def is_shown(self, blob: bytes, now: float) -> bool:
        """Return whether the blob must be shown."""
        asked = self.promised.get(blob)
        recent = asked is not None and now - asked <= GRACE - LEASE_RENEWAL
        return recent or any(blob in m.blobs for m in self.certain(now).values())

    # --- what happens ------------------------------------------------------------------------

    def put(self, manifest: ModelledManifest, tag: Tag | None, now: float) -> None:
        """A manifest has come, under a tag or its digest."""
        if tag is not None:
            self._lose_tag(tag, now)
            self.tags[tag] = manifest
        self.ever[manifest.digest] = self.shown[manifest.digest] = manifest
        self._want(manifest, now)

    def restore(self, manifest: ModelledManifest, tag: Tag, now: float) -> None:
        """What a tag had is back, with the children that it needs."""
        waiting = list(manifest.children)
        while waiting:
            child = self.ever[waiting.pop()]
            waiting += child.children
            self.put(child, None, now)
        self.put(manifest, tag, now)

    def _want(self, manifest: ModelledManifest, now: float) -> None:
        self.wanted[manifest.digest] = now
        for child in manifest.children:
            self.wanted[child] = now
        for blob in manifest.blobs:
            self.promised[blob] = now

    def _lose_tag(self, tag: Tag, now: float) -> None:
        """The days of what has the tag begin."""
        if tag in self.tags:
            self._want(self.tags.pop(tag), now)

    def untag(self, tag: Tag, now: float) -> None:
        """The tag alone is deleted."""
        self._to_trash(tag, now)
        self._lose_tag(tag, now)

    def _to_trash(self, tag: Tag, now: float) -> None:
        self.trash.setdefault(tag, []).append(ModelledDeletion(self.tags[tag], now))

    def delete_tag(self, tag: Tag, now: float, *, remains: bool) -> None:
        """The tag is deleted; ``remains`` says whether its manifest is still shown."""
        self._to_trash(tag, now)
        manifest = self.tags.pop(tag)
        if remains:
            # Nothing begins anew for what has a folder of its own.
            self.wanted.pop(manifest.digest, None)
        else:
            self.forget(manifest.digest, now)

    def delete(self, digest: Digest, now: float) -> None:
        """A manifest is deleted with its tags."""
        for tag in [tag for tag, manifest in self.tags.items() if manifest.digest == digest]:
            self._to_trash(tag, now)
            del self.tags[tag]
        self.forget(digest, now)

    def delete_all(self, now: float) -> None:
        """The image is deleted."""
        for tag in list(self.tags):
            self._to_trash(tag, now)
        self.tags.clear()
        for digest in list(self.shown):
            self.forget(digest, now)

    def forget(self, digest: Digest, now: float) -> None:
        """A manifest is no longer shown; the days of what it needed begin."""
        manifest = self.shown.pop(digest, None)
        self.wanted.pop(digest, None)
        if manifest is not None:
            for other in (*manifest.children, *self._referrers(digest)):
                if other in self.shown:
                    self.wanted[other] = now
            for blob in manifest.blobs:
                self.promised[blob] = now

    def _referrers(self, digest: Digest) -> list[Digest]:
        return [d for d, m in self.shown.items() if m.subject == digest]

    def gone(self, digest: Digest) -> None:
        """The pruner has deleted a manifest, at some time."""
        self.shown.pop(digest, None)
        self.wanted.pop(digest, None)

    def restorable(self, tag: Tag, now: float) -> ModelledDeletion | None:
        """Return what the tag had last, if the trash must still have it."""
        deletions = self.trash.get(tag, [])
        return deletions[-1] if deletions and now - deletions[-1].at < TRASH else None
