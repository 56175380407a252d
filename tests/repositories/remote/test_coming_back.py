"""Requests of registries that ask each other: no circles, and no wrong traces."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from registry.model.content import Freshness
from registry.model.digests import Digest
from registry.model.errors import BlobUnknown, ManifestUnknown, RegistryError
from registry.model.names import ImageName, Tag
from registry.model.paging import PageRequest
from registry.model.upstream_errors import UpstreamFailed, UpstreamUnavailable
from registry.model.via import REASON, Way, current_way, on_way
from registry.repositories.remote.repository import RemoteRepository
from registry.storage.store import Store
from tests.http.support import manifest_bytes
from tests.repositories.remote.conftest import IMAGE, Make, eventually, grow_old, read
from tests.repositories.remote.fakes import FakeStream, FakeUpstream

ONE = Tag("1.0")
BODY = manifest_bytes(b'{"a":1}')
LAYER = b"a layer"
BACK = Way(comes_back=True)
FORWARDED = Way(("jfrt-other",))


@pytest.fixture
def remote(make: Make) -> RemoteRepository:
    return make(listRemoteFolderItems=True)


def test_a_request_that_comes_back_makes_nobody_ask(
    remote: RemoteRepository, upstream: FakeUpstream
) -> None:
    digest = upstream.add(IMAGE, ONE, BODY, LAYER)
    with on_way(BACK):
        for reference in (ONE, digest):
            with pytest.raises(ManifestUnknown, match=REASON):
                remote.manifest(IMAGE, reference)
        for fetch in (False, True):
            with pytest.raises(BlobUnknown):
                remote.blob(IMAGE, Digest.of(LAYER), fetch=fetch)
        with pytest.raises(RegistryError):
            remote.tags(IMAGE, PageRequest())
        assert list(remote.images(PageRequest()).names) == []
        assert remote.referrers(IMAGE, digest) == []
    assert upstream.questions == []
    # Nothing of that is remembered.
    assert remote.manifest(IMAGE, ONE).body == BODY
    assert read(remote.blob(IMAGE, Digest.of(LAYER), fetch=True)) == LAYER
    assert list(remote.tags(IMAGE, PageRequest()).names) == [ONE]


def test_it_gets_what_is_at_hand(
    remote: RemoteRepository, store: Store, upstream: FakeUpstream
) -> None:
    digest = upstream.add(IMAGE, ONE, BODY, LAYER)
    remote.manifest(IMAGE, ONE)
    read(remote.blob(IMAGE, Digest.of(LAYER), fetch=True))
    with on_way(BACK):
        assert remote.manifest(IMAGE, ONE).freshness is Freshness.HIT
        assert read(remote.blob(IMAGE, Digest.of(LAYER), fetch=True)) == LAYER
        grow_old(store, ONE)
        assert remote.manifest(IMAGE, digest).freshness is Freshness.HIT
        # Sent on as if it were new, an old tag would come back to us and never be asked for again.
        with pytest.raises(ManifestUnknown, match=REASON):
            remote.manifest(IMAGE, ONE)
    assert remote.manifest(IMAGE, ONE).freshness is Freshness.REVALIDATED


def test_what_another_registry_asks_is_asked_and_kept(
    remote: RemoteRepository, upstream: FakeUpstream
) -> None:
    upstream.add(IMAGE, ONE, BODY, LAYER)
    with on_way(FORWARDED):
        assert remote.manifest(IMAGE, ONE).freshness is Freshness.FETCHED
        assert read(remote.blob(IMAGE, Digest.of(LAYER), fetch=True)) == LAYER
    assert remote.manifest(IMAGE, ONE).freshness is Freshness.HIT


def test_that_another_registry_asks_in_vain_is_not_remembered(
    make: Make, store: Store, upstream: FakeUpstream
) -> None:
    """Its question may have come round to it, and then says nothing of what upstream can have."""
    remote = make(
        missedRetrievalCachePeriodSecs=1000,
        failedRetrievalCachePeriodSecs=1000,
        listRemoteFolderItems=True,
    )
    upstream.add(IMAGE, ONE, BODY)
    remote.manifest(IMAGE, ONE)
    grow_old(store, ONE)
    upstream.manifests.clear()
    two, missing = Tag("2.0"), Digest.of(b"missing")
    with on_way(FORWARDED):
        for tag in (ONE, two):
            with pytest.raises(ManifestUnknown):
                remote.manifest(IMAGE, tag)
        with pytest.raises(BlobUnknown):
            remote.blob(IMAGE, missing)
        with pytest.raises(RegistryError):
            remote.tags(ImageName("team/none"), PageRequest())
        upstream.error = UpstreamFailed("down")
        with pytest.raises(RegistryError):
            remote.manifest(IMAGE, Tag("3.0"))
        with pytest.raises(RegistryError):
            remote.tags(ImageName("team/other"), PageRequest())
    # The tag has stayed in the cache, where it is good as long as upstream cannot say.
    assert remote.manifest(IMAGE, ONE).freshness is Freshness.STALE
    upstream.error = None
    for tag in (two, Tag("3.0")):
        upstream.add(IMAGE, tag, BODY)
        assert remote.manifest(IMAGE, tag).body == BODY
    for image in ("team/none", "team/other"):
        upstream.add(image, ONE, BODY)
        assert list(remote.tags(ImageName(image), PageRequest()).names) == [ONE]
    upstream.blobs[IMAGE, missing] = b"missing"
    assert remote.blob(IMAGE, missing).size == 7


Ask = Callable[[RemoteRepository], object]


@pytest.mark.parametrize(
    "ask",
    [
        lambda remote: remote.manifest(IMAGE, ONE).body,
        lambda remote: remote.blob(IMAGE, Digest.of(LAYER)).size,
        lambda remote: list(remote.tags(IMAGE, PageRequest()).names),
    ],
)
def test_another_registry_does_not_wait_for_an_answer_that_may_wait_for_it(
    remote: RemoteRepository, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch, ask: Ask
) -> None:
    """Upstream answers our client's request only when it has been answered its own."""
    upstream.add(IMAGE, ONE, BODY, LAYER)
    answered, ways = threading.Event(), list[Way]()
    real = upstream._ask

    def in_a_circle(what: str, *about: object) -> None:
        ways.append(current_way())
        real(what, *about)
        if not current_way().is_forwarded:
            assert answered.wait(30)

    monkeypatch.setattr(upstream, "_ask", in_a_circle)
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(ask(remote)))
    thread.start()
    eventually(lambda: len(ways) == 1)
    with on_way(FORWARDED):
        first = ask(remote)
    answered.set()
    thread.join()
    assert found == [first]
    assert set(ways) == {Way(), FORWARDED}


def test_another_registry_waits_only_so_long_for_a_download_that_may_wait_for_it(
    remote: RemoteRepository, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is one download of a blob, and it is led by our client's request."""
    monkeypatch.setattr("registry.repositories.remote.downloads._FORWARDED", 0.1)
    upstream.add(IMAGE, ONE, BODY, LAYER)
    answered, asked = threading.Event(), threading.Event()
    real = upstream.open_blob

    def in_a_circle(image: ImageName, digest: Digest, offset: int = 0) -> FakeStream | None:
        asked.set()
        assert answered.wait(30)
        return real(image, digest, offset)

    monkeypatch.setattr(upstream, "open_blob", in_a_circle)
    found: list[bytes] = []

    def pull() -> None:
        found.append(read(remote.blob(IMAGE, Digest.of(LAYER), fetch=True)))

    thread = threading.Thread(target=pull)
    thread.start()
    assert asked.wait(30)
    with on_way(FORWARDED), pytest.raises(UpstreamUnavailable, match="another process waits"):
        remote.blob(IMAGE, Digest.of(LAYER), fetch=True)
    answered.set()
    thread.join()
    assert found == [LAYER]
    with on_way(FORWARDED):
        assert read(remote.blob(IMAGE, Digest.of(LAYER), fetch=True)) == LAYER
