"""What an image must be: its tags, what they need, and what may still be there without a tag."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from tests.faults.soak.content import Manifest
from tests.faults.soak.figures import GRACE, TICK

_FORGET: Final = 60.0
"""Seconds after which a manifest without a tag has surely gone."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """What a tag stood for, until or since when, and what that needed."""

    digest: str
    at: float
    parts: dict[str, Manifest]


@dataclass(slots=True)
class Image:
    """One image. Times are those of ``time.monotonic``."""

    key: str
    name: str
    tags: dict[str, str] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
    """Manifests with a folder of their own: pushed by digest, or kept when they lost a tag."""
    unsure: set[str] = field(default_factory=set)
    """Manifests of which nobody can say whether they have one."""
    manifests: dict[str, Manifest] = field(default_factory=dict)
    """All manifests that the image has or may have."""
    promised: dict[str, float] = field(default_factory=dict)
    """Of manifests that no tag needs: until when they must be there all the same."""
    gone: deque[str] = field(default_factory=lambda: deque(maxlen=10))
    """Manifests that were deleted, and must not be read."""
    seen: deque[tuple[str, int]] = field(default_factory=lambda: deque(maxlen=30))
    """Blobs that were pushed to the image lately."""
    trash: dict[str, list[Deleted]] = field(default_factory=dict)
    """Of tags: what was deleted of them, the last one last."""
    former: dict[str, deque[Deleted]] = field(default_factory=dict)
    """Of tags: what was pushed to them lately, and needed then."""
    blurred: set[str] = field(default_factory=set)
    """Tags of which the trash may have more than that, as a deletion was broken off."""
    emptied: Image | None = None
    """The image as it was before it was deleted as a whole, if nothing has happened since."""
    emptied_at: float = 0.0
    history: deque[str] = field(default_factory=lambda: deque(maxlen=12))

    @property
    def path(self) -> str:
        return f"/v2/{self.key}/{self.name}"

    def __str__(self) -> str:
        return f"{self.key}/{self.name}"

    # --- what follows ------------------------------------------------------------------------

    def referrers(self) -> dict[str, list[str]]:
        """Return the manifests by their subjects."""
        found: dict[str, list[str]] = {}
        for manifest in self.manifests.values():
            if manifest.subject is not None:
                found.setdefault(manifest.subject, []).append(manifest.digest)
        return found

    def live(self) -> set[str]:
        """Return what tags stand for, with the children and the referrers of that."""
        referrers = self.referrers()
        found: set[str] = set()
        waiting = list(self.tags.values())
        while waiting:
            digest = waiting.pop()
            if digest not in found and digest in self.manifests:
                found.add(digest)
                waiting += self.manifests[digest].children
                waiting += referrers.get(digest, [])
        return found

    def parts(self, root: str) -> set[str]:
        """Return a manifest and what it names, directly or not."""
        found: set[str] = set()
        waiting = [root]
        while waiting:
            digest = waiting.pop()
            if digest not in found and digest in self.manifests:
                found.add(digest)
                waiting += self.manifests[digest].children
        return found

    def parents(self, digest: str) -> list[str]:
        """Return the indexes that name a manifest, as far as they may be there."""
        return [m.digest for m in self.manifests.values() if digest in m.children]

    def must_have(self, digest: str, now: float | None = None) -> bool:
        """Return whether a manifest without a tag must be there still."""
        moment = time.monotonic() if now is None else now
        return moment <= self.promised.get(digest, 0.0)

    def tagged(self, digest: str) -> list[str]:
        """Return the tags that stand for a manifest."""
        return [tag for tag, there in self.tags.items() if there == digest]

    # --- what happens ------------------------------------------------------------------------

    @contextmanager
    def changed(self, since: float, *, promising: bool = True) -> Iterator[None]:
        """Change tags or manifests: what loses its tag then is promised for the grace."""
        before, self.emptied = self.live(), None
        yield
        after = self.live()
        for digest in after:
            if digest not in before and digest in self.own and not self.must_have(digest):
                # It may have gone in between, with its folder, and have come back without.
                self._forget_folder(digest)
            self.promised.pop(digest, None)
        for digest in before - after:
            if digest in self.manifests and promising:
                self.promise(digest, since)
            elif digest in self.manifests:
                self.promised[digest] = since
        self._forget(since)

    def promise(self, digest: str, since: float) -> None:
        """Expect a manifest without a tag to stay for the grace from then on."""
        until = since + GRACE - TICK
        self.promised[digest] = max(until, self.promised.get(digest, 0.0))

    def _forget(self, now: float) -> None:
        live = self.live()
        for digest, until in list(self.promised.items()):
            if digest not in live and now > until + _FORGET:
                self.drop(digest)

    def _forget_folder(self, digest: str) -> None:
        self.own.discard(digest)
        self.unsure.add(digest)

    def has_folder(self, digest: str) -> None:
        """Take note of a manifest that has a folder of its own now."""
        self.own.add(digest)
        self.unsure.discard(digest)

    def put(self, reference: str, manifest: Manifest, since: float) -> None:
        """A manifest came under a tag or under its digest."""
        with self.changed(since):
            self.manifests[manifest.digest] = manifest
            if manifest.digest in self.gone:
                self.gone.remove(manifest.digest)
            previous = self.tags.get(reference)
            if reference != manifest.digest:
                self.tags[reference] = manifest.digest
                former = self.former.setdefault(reference, deque(maxlen=5))
                former.append(self._as_it_is(manifest.digest, since))
        if reference == manifest.digest:
            self.has_folder(reference)
        elif previous not in (None, manifest.digest):
            self.has_folder(str(previous))
        if manifest.digest not in self.live():
            self.promise(manifest.digest, since)

    def untag(self, tag: str, since: float) -> None:
        """A tag was deleted alone."""
        with self.changed(since):
            digest = self.tags.pop(tag)
        self.has_folder(digest)
        self.remember(tag, digest, since)

    def remember(self, tag: str, digest: str, since: float) -> None:
        """A folder went to the trash."""
        self.trash.setdefault(tag, []).append(self._as_it_is(digest, since))
        del self.trash[tag][:-5]

    def _as_it_is(self, digest: str, moment: float) -> Deleted:
        return Deleted(digest, moment, {part: self.manifests[part] for part in self.parts(digest)})

    def drop(self, digest: str) -> None:
        """A manifest is not there any more."""
        self.manifests.pop(digest, None)
        self.promised.pop(digest, None)
        self.own.discard(digest)
        self.unsure.discard(digest)

    def delete(self, digests: Iterable[str], since: float) -> None:
        """Manifests were deleted with all their tags."""
        going = set(digests)
        with self.changed(since):
            for tag, digest in list(self.tags.items()):
                if digest in going:
                    self.remember(tag, self.tags.pop(tag), since)
            for digest in going:
                self.drop(digest)
                self.gone.append(digest)

    def empty(self, since: float, *, sure: bool = True) -> None:
        """The image was deleted; ``sure`` if that was one deletion."""
        before = self.copy()
        for tag, digest in self.tags.items():
            self.remember(tag, digest, since)
        if not sure:
            self.blurred.update(self.tags)
        self.gone.extend(self.manifests)
        for one in (self.tags, self.own, self.unsure, self.manifests, self.promised):
            one.clear()
        self.emptied = before if sure and before.tags else None
        self.emptied_at = since

    def copy(self) -> Image:
        """Return the image as it is now."""
        return Image(
            self.key, self.name, dict(self.tags), set(self.own), set(self.unsure),
            dict(self.manifests), dict(self.promised),
        )  # fmt: skip
