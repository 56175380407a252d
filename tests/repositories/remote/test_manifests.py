"""Manifests of a remote repository: cache first, checked once a period, stale but good."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from registry.model.content import Actor, Freshness
from registry.model.digests import Digest
from registry.model.errors import ManifestUnknown
from registry.model.names import Tag
from registry.model.upstream_errors import UpstreamFailed, UpstreamLimited, UpstreamUnavailable
from registry.repositories.remote.repository import RemoteRepository
from registry.storage.manifest_files import Place
from registry.storage.store import Store
from tests.http.support import encoded, index_object, manifest_bytes
from tests.repositories.remote.conftest import CACHE, IMAGE, Make, grow_old
from tests.repositories.remote.fakes import FakeUpstream

ONE, TWO = Tag("1.0"), Tag("2.0")
FIRST = manifest_bytes(b'{"a":1}')
SECOND = manifest_bytes(b'{"a":2}')


def test_a_tag_is_fetched_once_and_then_served_without_asking(
    remote: RemoteRepository, upstream: FakeUpstream
) -> None:
    upstream.add(IMAGE, ONE, FIRST)
    found = [remote.manifest(IMAGE, ONE) for _ in range(3)]
    assert [one.body for one in found] == [FIRST] * 3
    assert [one.freshness for one in found] == [Freshness.FETCHED, Freshness.HIT, Freshness.HIT]
    assert upstream.questions == ["GET manifest team/app 1.0"]


def test_after_the_period_a_tag_is_checked_by_a_head_once(
    remote: RemoteRepository, store: Store, upstream: FakeUpstream
) -> None:
    upstream.add(IMAGE, ONE, FIRST)
    remote.manifest(IMAGE, ONE)
    grow_old(store, ONE)
    assert remote.manifest(IMAGE, ONE).freshness is Freshness.REVALIDATED
    assert remote.manifest(IMAGE, ONE).freshness is Freshness.HIT
    assert upstream.asked == {"GET manifest": 1, "HEAD manifest": 1}


def test_a_check_is_seen_by_other_processes(
    make: Make, store: Store, upstream: FakeUpstream
) -> None:
    upstream.add(IMAGE, ONE, FIRST)
    make().manifest(IMAGE, ONE)
    # Another definition has nothing in common with the first but the disk.
    assert make(notes="other").manifest(IMAGE, ONE).freshness is Freshness.HIT
    grow_old(store, ONE)
    make().manifest(IMAGE, ONE)
    assert make(notes="other").manifest(IMAGE, ONE).freshness is Freshness.HIT
    assert upstream.asked["HEAD manifest"] == 1


def test_a_check_that_lies_in_the_future_is_not_believed(
    remote: RemoteRepository, store: Store, upstream: FakeUpstream
) -> None:
    upstream.add(IMAGE, ONE, FIRST)
    remote.manifest(IMAGE, ONE)
    grow_old(store, ONE, seconds=-1e6)
    assert remote.manifest(IMAGE, ONE).freshness is Freshness.REVALIDATED


def test_a_tag_that_was_moved_upstream_moves_here_and_its_manifest_stays_by_digest(
    remote: RemoteRepository, store: Store, upstream: FakeUpstream
) -> None:
    digest = upstream.add(IMAGE, ONE, FIRST)
    remote.manifest(IMAGE, ONE)
    upstream.add(IMAGE, ONE, SECOND)
    grow_old(store, ONE)
    moved = remote.manifest(IMAGE, ONE)
    assert (moved.body, moved.freshness) == (SECOND, Freshness.FETCHED)
    upstream.error = UpstreamFailed("down")
    assert remote.manifest(IMAGE, digest).body == FIRST


def test_a_tag_that_moves_to_what_the_cache_has_costs_no_download(
    remote: RemoteRepository, store: Store, upstream: FakeUpstream
) -> None:
    upstream.add(IMAGE, ONE, FIRST)
    upstream.add(IMAGE, TWO, SECOND)
    remote.manifest(IMAGE, ONE)
    remote.manifest(IMAGE, TWO)
    upstream.add(IMAGE, ONE, SECOND)
    grow_old(store, ONE)
    assert remote.manifest(IMAGE, ONE).body == SECOND
    assert upstream.asked == {"GET manifest": 2, "HEAD manifest": 1}


@pytest.mark.parametrize("fields", [{}, {"bypassHeadRequests": True}])
def test_upstreams_that_say_no_digest_are_asked_for_the_manifest(
    make: Make, store: Store, upstream: FakeUpstream, fields: dict[str, Any]
) -> None:
    remote = make(**fields)
    upstream.add(IMAGE, ONE, FIRST)
    upstream.gives_digest = False
    remote.manifest(IMAGE, ONE)
    grow_old(store, ONE)
    assert remote.manifest(IMAGE, ONE).body == FIRST
    assert upstream.asked["GET manifest"] == 2
    assert upstream.asked["HEAD manifest"] == (0 if fields else 1)


def test_digests_are_never_asked_for_again(
    remote: RemoteRepository, upstream: FakeUpstream
) -> None:
    digest = upstream.add(IMAGE, ONE, FIRST)
    assert remote.manifest(IMAGE, digest).freshness is Freshness.FETCHED
    upstream.error = UpstreamFailed("down")
    assert remote.manifest(IMAGE, digest).freshness is Freshness.HIT


@pytest.mark.parametrize("error", [UpstreamFailed("down"), UpstreamLimited("limited", 60)])
def test_when_upstream_fails_the_cached_copy_is_served_and_marked(
    remote: RemoteRepository,
    store: Store,
    upstream: FakeUpstream,
    caplog: pytest.LogCaptureFixture,
    error: UpstreamFailed | UpstreamLimited,
) -> None:
    upstream.add(IMAGE, ONE, FIRST)
    remote.manifest(IMAGE, ONE)
    grow_old(store, ONE)
    upstream.error = error
    for _ in range(3):
        stale = remote.manifest(IMAGE, ONE)
        assert (stale.body, stale.freshness) == (FIRST, Freshness.STALE)
    # It is not asked again before the failure is forgotten.
    assert upstream.asked["HEAD manifest"] == 1
    assert "served as it was last seen" in caplog.text


def test_what_is_not_in_the_cache_fails_as_the_repository_is_set(
    make: Make, upstream: FakeUpstream
) -> None:
    upstream.error = UpstreamFailed("down")
    with pytest.raises(UpstreamUnavailable, match="down; it is not in the cache"):
        make().manifest(IMAGE, ONE)
    with pytest.raises(UpstreamFailed, match="down"):
        make(hardFail=True).manifest(IMAGE, ONE)
    upstream.error = UpstreamLimited("too many", 77)
    for remote in (make(notes="a"), make(notes="b", hardFail=True)):
        with pytest.raises(UpstreamLimited) as caught:
            remote.manifest(IMAGE, ONE)
        assert caught.value.seconds == 77


def test_what_is_absent_is_remembered_and_a_failure_is_never_taken_for_that(
    make: Make, upstream: FakeUpstream
) -> None:
    remote = make(failedRetrievalCachePeriodSecs=0)
    upstream.error = UpstreamFailed("down")
    with pytest.raises(UpstreamUnavailable):
        remote.manifest(IMAGE, ONE)
    upstream.error = None
    for _ in range(3):
        with pytest.raises(ManifestUnknown):
            remote.manifest(IMAGE, ONE)
    assert upstream.asked["GET manifest"] == 2
    upstream.add(IMAGE, ONE, FIRST)
    assert make(missedRetrievalCachePeriodSecs=0).manifest(IMAGE, ONE).body == FIRST


def test_a_tag_that_upstream_has_no_more_is_gone_after_the_period_and_its_manifest_is_not(
    remote: RemoteRepository, store: Store, upstream: FakeUpstream
) -> None:
    digest = upstream.add(IMAGE, ONE, FIRST)
    remote.manifest(IMAGE, ONE)
    upstream.manifests.clear()
    assert remote.manifest(IMAGE, ONE).body == FIRST
    grow_old(store, ONE)
    with pytest.raises(ManifestUnknown):
        remote.manifest(IMAGE, ONE)
    assert not store.manifests.has_folder(Place(CACHE, IMAGE), ONE)
    assert remote.manifest(IMAGE, digest).body == FIRST


def test_offline_only_the_cache_is_served(make: Make, store: Store, upstream: FakeUpstream) -> None:
    upstream.add(IMAGE, ONE, FIRST)
    upstream.add(IMAGE, TWO, SECOND)
    make().manifest(IMAGE, ONE)
    grow_old(store, ONE)
    upstream.asked.clear()
    offline = make(offline=True)
    assert offline.manifest(IMAGE, ONE).freshness is Freshness.HIT
    with pytest.raises(ManifestUnknown):
        offline.manifest(IMAGE, TWO)
    assert not upstream.asked


def test_children_of_an_index_are_fetched_when_they_are_asked_for(
    remote: RemoteRepository, upstream: FakeUpstream
) -> None:
    child = upstream.add(IMAGE, "child", FIRST)
    index = encoded(index_object([FIRST]))
    upstream.add(IMAGE, ONE, index)
    assert remote.manifest(IMAGE, ONE).body == index
    assert upstream.asked["GET manifest"] == 1
    assert remote.manifest(IMAGE, child).body == FIRST


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"schemaVersion":2,"mediaType":"x"}'])
def test_what_is_no_manifest_is_a_failure_and_is_not_kept(
    make: Make, upstream: FakeUpstream, body: bytes
) -> None:
    remote = make(hardFail=True)
    upstream.add(IMAGE, ONE, body)
    with pytest.raises(UpstreamFailed, match="is no manifest"):
        remote.manifest(IMAGE, ONE)


def test_many_who_ask_for_one_tag_ask_upstream_once(
    remote: RemoteRepository, upstream: FakeUpstream
) -> None:
    upstream.add(IMAGE, ONE, FIRST)
    upstream.gate.clear()
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(remote.manifest(IMAGE, ONE).body))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    upstream.gate.set()
    for thread in threads:
        thread.join(20)
    assert found == [FIRST] * 20
    assert upstream.asked["GET manifest"] == 1


def test_pulls_are_counted_for_the_cache(
    remote: RemoteRepository, store: Store, upstream: FakeUpstream
) -> None:
    digest = upstream.add(IMAGE, ONE, FIRST)
    remote.manifest(IMAGE, ONE)
    remote.record_pull(IMAGE, ONE, digest, Actor("alice", "192.0.2.1"))
    pulled = store.pulls.last_pulls(CACHE).find(IMAGE, ONE)
    assert pulled is not None
    assert pulled.principal == "alice"


@pytest.mark.parametrize(
    "fields",
    [
        {"excludesPattern": "team/**"},
        {"excludesPattern": "team/app/1.0/**"},
        {"includesPattern": "other/**"},
    ],
)
def test_c6_an_excluded_name_never_reaches_the_upstream(
    make: Make, upstream: FakeUpstream, fields: dict[str, Any]
) -> None:
    upstream.add(IMAGE, ONE, FIRST)
    with pytest.raises(ManifestUnknown):
        make(**fields).manifest(IMAGE, ONE)
    assert upstream.questions == []


def test_the_journal_names_the_remote_repository_as_who_pushed(
    remote: RemoteRepository, store: Store, upstream: FakeUpstream
) -> None:
    upstream.add(IMAGE, ONE, FIRST)
    digest = remote.manifest(IMAGE, ONE).digest
    sidecar = store.manifests.sidecar(remote._manifests._place(IMAGE), ONE)
    assert sidecar is not None
    assert (sidecar["createdBy"], sidecar["digest"]) == (remote.key, digest)
    assert digest == Digest.of(FIRST)
