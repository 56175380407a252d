"""Pulls recorded by a clock that a test sets, and what is kept of them."""

from __future__ import annotations

import datetime
import os
from collections import Counter
from pathlib import Path

from registry.model.digests import Digest
from registry.model.names import ImageName, Reference, Tag
from registry.storage.pull_counts import PullKey
from registry.storage.pulls import Pulls
from registry.storage.store import Store
from tests.storage.conftest import IMAGE, KEY

ONE, TWO = Digest.of(b"one"), Digest.of(b"two")
TAG = Tag("1.0")
OTHER = ImageName("team/other")
NOON = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC)
DAY = "2026-11-23"
LATER = NOON + datetime.timedelta(days=30)


class Clock:
    """The clock of a storage folder's pulls, set by hand."""

    def __init__(self, store: Store) -> None:
        self.moment = NOON
        store.pulls = Pulls(store.layout, lambda: self.moment.timestamp())

    def pass_by(self, **spans: float) -> None:
        """Go on by days, hours or seconds."""
        self.moment += datetime.timedelta(**spans)


def pull(store: Store, reference: Reference = TAG, digest: Digest = ONE, who: str = "bob") -> None:
    """Record a pull."""
    store.pulls.record(KEY, IMAGE, reference, digest, who)


def what(digest: Digest = ONE, tag: Tag | None = TAG, image: ImageName = IMAGE) -> PullKey:
    """Return what was pulled."""
    return PullKey(KEY, image, digest, tag)


def path(store: Store, ending: str = "jsonl", day: str = DAY) -> Path:
    """Return the path of a day's lines, or of its document."""
    return Path(store.layout.top("pulls")) / f"{day}.{ending}"


def names(store: Store) -> list[str]:
    """Return the names of the files that pulls are kept in."""
    return sorted(os.listdir(store.layout.top("pulls")))


def counts(store: Store) -> dict[PullKey, int]:
    """Return how often everything was pulled, on all days together."""
    found: Counter[PullKey] = Counter()
    for day in store.pulls.days():
        found.update({key: pulled.count for key, pulled in store.pulls.day(day).pulls.items()})
    return dict(found)
