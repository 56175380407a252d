"""What nobody pulls leaves the cache of a remote repository."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.model.content import Actor
from registry.model.digests import Digest
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.model.paging import PageRequest
from registry.repositories.definitions import Definitions
from registry.repositories.kinds import make_repository
from registry.services.unused import Unused
from registry.storage import format as storage_format
from registry.storage.journal import now
from registry.storage.store import Store
from tests.http.support import encoded, index_object, manifest_bytes
from tests.repositories.remote.fakes import FakeUpstream, FakeUpstreams

KEY = RepositoryKey("mirror")
IMAGE = ImageName("team/app")
ALICE = Actor("alice", "192.0.2.1")
FIELDS = {"unusedArtifactsCleanupEnabled": True, "unusedArtifactsCleanupPeriodHours": 24}
LATER = datetime.timedelta(hours=30)


class Mirror:
    """A remote repository with its cleaner."""

    def __init__(self, folder: Path, **fields: object) -> None:
        self.store = Store(str(folder))
        storage_format.prepare(self.store.layout)
        self.definitions = Definitions(self.store)
        self.definitions.create(KEY, "remote", {"url": "https://up.example.com", **fields})
        self.upstream = FakeUpstream()
        self.upstreams = FakeUpstreams(self.upstream)
        self.remote = make_repository(self.store, self.definitions.get(KEY), self.upstreams)
        self.unused = Unused(self.store, self.definitions)

    def fetch(self, tag: str, body: bytes) -> Digest:
        self.upstream.add(IMAGE, tag, body)
        return self.remote.manifest(IMAGE, Tag(tag)).digest

    def pull(self, reference: str, digest: Digest, hours_ago: float) -> None:
        """Count a pull as of so long before `LATER`."""
        moment = (now() + LATER - datetime.timedelta(hours=hours_ago)).timestamp()
        self.store.pulls._clock = lambda: moment
        what = Tag(reference) if ":" not in reference else digest
        self.remote.record_pull(IMAGE, what, digest, ALICE)

    def clean(self) -> list[str]:
        report = self.unused.run(now() + LATER)
        assert report.failed == []
        return sorted(report.deleted)

    def tags(self) -> list[str]:
        return list(self.remote.tags(IMAGE, PageRequest()).names)


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    made = Mirror(tmp_path / "store", **FIELDS)
    yield made
    made.store.journal.close()
    made.store.pulls.close()


def test_tags_that_nobody_has_pulled_for_the_period_go(mirror: Mirror) -> None:
    mirror.fetch("old", manifest_bytes(b'{"o":1}'))
    by_tag = mirror.fetch("by-tag", manifest_bytes(b'{"t":1}'))
    by_digest = mirror.fetch("by-digest", manifest_bytes(b'{"d":1}'))
    long_ago = mirror.fetch("long-ago", manifest_bytes(b'{"l":1}'))
    mirror.pull("long-ago", long_ago, hours_ago=25)
    mirror.pull("by-tag", by_tag, hours_ago=1)
    mirror.pull(by_digest, by_digest, hours_ago=23)
    assert mirror.clean() == ["mirror-cache/team/app:long-ago", "mirror-cache/team/app:old"]
    assert mirror.tags() == ["by-digest", "by-tag"]
    assert mirror.clean() == []


def test_what_was_fetched_within_the_period_stays(mirror: Mirror) -> None:
    mirror.fetch("new", manifest_bytes(b"{}"))
    assert mirror.unused.run(now() + datetime.timedelta(hours=23)).deleted == []


def test_what_was_used_after_the_last_moment_that_is_proved_stays(mirror: Mirror) -> None:
    mirror.fetch("new", manifest_bytes(b"{}"))
    before = now() - datetime.timedelta(minutes=1)
    assert mirror.unused.run(now() + LATER, proved=before).deleted == []
    after = now() + datetime.timedelta(minutes=1)
    assert mirror.unused.run(now() + LATER, proved=after).deleted


def test_children_stay_as_long_as_their_index_and_go_after_it(mirror: Mirror) -> None:
    child_body = manifest_bytes(b"{}")
    index = encoded(index_object([child_body]))
    digest = mirror.fetch("multi", index)
    child = mirror.upstream.add(IMAGE, "child", child_body)
    mirror.remote.manifest(IMAGE, child)
    mirror.pull("multi", digest, hours_ago=1)
    assert mirror.clean() == []
    mirror.remote.delete_tag(IMAGE, Tag("multi"), ALICE)
    assert mirror.clean() == [f"mirror-cache/team/app:{child}"]


def test_what_went_can_be_pulled_again(mirror: Mirror) -> None:
    mirror.fetch("old", manifest_bytes(b"{}"))
    mirror.clean()
    assert mirror.remote.manifest(IMAGE, Tag("old")).body == manifest_bytes(b"{}")


@pytest.mark.parametrize(
    "fields",
    [{}, {"unusedArtifactsCleanupPeriodHours": 24}, {"unusedArtifactsCleanupEnabled": True}],
)
def test_by_itself_nothing_goes(tmp_path: Path, fields: dict[str, object]) -> None:
    mirror = Mirror(tmp_path / "store", **fields)
    mirror.fetch("old", manifest_bytes(b"{}"))
    assert mirror.clean() == []
    mirror.store.journal.close()
