"""Blobs of a remote repository: one download of each, and never anything wrong."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest

from registry.model.digests import Digest
from registry.model.errors import BlobUnknown, StorageFailed
from registry.model.names import RepositoryKey, Tag
from registry.model.upstream_errors import UpstreamFailed, UpstreamUnavailable
from registry.repositories.base import PushedManifest
from registry.repositories.local import LocalRepository
from registry.repositories.remote import downloads, filling
from registry.repositories.remote.downloads import SMALL
from registry.repositories.remote.repository import RemoteRepository
from registry.storage.manifest_files import Place
from registry.storage.store import Store
from tests.http.support import manifest_bytes
from tests.repositories.remote.conftest import CACHE, IMAGE, Make, eventually, read
from tests.repositories.remote.fakes import FakeUpstream
from tests.repositories.remote.layers import CONFIG, DIGEST, LAYER, OTHER, has_come


@pytest.fixture(autouse=True)
def image(upstream: FakeUpstream) -> bytes:
    body = manifest_bytes(CONFIG, [LAYER])
    upstream.add(IMAGE, "1.0", body, CONFIG, LAYER)
    return body


def test_a_blob_comes_once_and_is_then_served_from_the_cache(
    remote: RemoteRepository, store: Store, upstream: FakeUpstream
) -> None:
    assert read(remote.blob(IMAGE, DIGEST, fetch=True)) == LAYER
    eventually(lambda: has_come(store))
    assert remote.blob(IMAGE, DIGEST, fetch=True).arriving is None
    assert upstream.asked == {"GET blob": 1}


def test_a_blob_that_was_only_promised_comes_when_it_is_read(
    remote: RemoteRepository, upstream: FakeUpstream
) -> None:
    promised = remote.blob(IMAGE, DIGEST)
    assert (promised.size, promised.path) == (len(LAYER), "")
    assert upstream.asked == {"HEAD blob": 1}
    assert read(promised) == LAYER
    small = remote.blob(IMAGE, Digest.of(CONFIG))
    assert read(small) == CONFIG


def test_many_readers_share_one_download(
    remote: RemoteRepository, store: Store, upstream: FakeUpstream
) -> None:
    found: list[bool] = []
    upstream.gate.clear()
    threads = [
        threading.Thread(
            target=lambda: found.append(read(remote.blob(IMAGE, DIGEST, fetch=True)) == LAYER)
        )
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    upstream.gate.set()
    for thread in threads:
        thread.join(20)
    assert found == [True] * 20
    assert upstream.asked["GET blob"] == 1


def test_a_blob_is_linked_into_the_folder_of_the_manifest_that_names_it(
    remote: RemoteRepository, store: Store, image: bytes
) -> None:
    tagged = remote.manifest(IMAGE, Tag("1.0"))
    read(remote.blob(IMAGE, DIGEST, fetch=True))
    place = Place(CACHE, IMAGE)
    assert tagged.body == image
    eventually(lambda: store.manifests.holds(place, Tag("1.0"), DIGEST))


def test_a_blob_that_comes_while_its_manifest_is_put_in_place_is_linked_as_well(
    remote: RemoteRepository, store: Store, image: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then neither finds the other: the manifest no blob, and the blob no manifest."""
    push = LocalRepository.put_manifest

    def late(self: LocalRepository, *what: Any) -> PushedManifest:
        pushed = push(self, *what)
        with monkeypatch.context() as patch:
            patch.setattr(downloads, "place_part", lambda *about: None)
            read(remote.blob(IMAGE, DIGEST, fetch=True))
            eventually(lambda: has_come(store))
        return pushed

    monkeypatch.setattr(LocalRepository, "put_manifest", late)
    assert remote.manifest(IMAGE, Tag("1.0")).body == image
    assert store.manifests.holds(Place(CACHE, IMAGE), Tag("1.0"), DIGEST)


def test_bytes_that_do_not_have_their_digest_are_never_complete_and_never_kept(
    make: Make, store: Store, upstream: FakeUpstream
) -> None:
    remote = make(hardFail=True)
    upstream.blobs[IMAGE, DIGEST] = LAYER[:-1] + b"!"
    blob = remote.blob(IMAGE, DIGEST, fetch=True)
    with pytest.raises(StorageFailed):
        read(blob)
    eventually(lambda: not os.listdir(store.layout.top("uploads")))
    assert not store.filestore.has(DIGEST)
    # Who lies is not asked again at once.
    with pytest.raises(UpstreamFailed):
        remote.blob(IMAGE, DIGEST, fetch=True)
    assert upstream.asked["GET blob"] == 1


def test_a_small_blob_with_a_wrong_digest_is_a_failure(make: Make, upstream: FakeUpstream) -> None:
    upstream.blobs[IMAGE, Digest.of(CONFIG)] = b'{"os":"lunix"}'
    with pytest.raises(UpstreamFailed):
        make(hardFail=True).blob(IMAGE, Digest.of(CONFIG), fetch=True)


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_a_download_that_breaks_off_goes_on_where_it_was(
    remote: RemoteRepository, upstream: FakeUpstream, knows_ranges: bool
) -> None:
    upstream.breaks_at, upstream.knows_ranges = SMALL, knows_ranges
    assert read(remote.blob(IMAGE, DIGEST, fetch=True)) == LAYER
    assert upstream.questions == [f"GET blob {IMAGE} {DIGEST} {at}" for at in (0, SMALL)]


def test_an_upstream_that_sends_other_bytes_the_second_time_is_not_believed(
    remote: RemoteRepository, store: Store, upstream: FakeUpstream
) -> None:
    upstream.blobs[IMAGE, DIGEST] = b"!" + LAYER[1:]
    upstream.breaks_at, upstream.knows_ranges = SMALL, False
    upstream.gate.clear()
    blob = remote.blob(IMAGE, DIGEST, fetch=True)
    upstream.gate.set()
    eventually(lambda: upstream.breaks_at is None)
    upstream.blobs[IMAGE, DIGEST] = LAYER
    with pytest.raises(StorageFailed):
        read(blob)
    assert not store.filestore.has(DIGEST)


def test_a_download_that_nobody_waits_for_ends_and_can_be_gone_on_with(
    remote: RemoteRepository,
    store: Store,
    upstream: FakeUpstream,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upload = store.arrivals.upload(CACHE, DIGEST)
    with monkeypatch.context() as patch:
        patch.setattr(filling, "UNWANTED", -1.0)
        blob = remote.blob(IMAGE, DIGEST, fetch=True)
        with pytest.raises(StorageFailed):
            read(blob)
    left = upload.size
    assert 0 < left < len(LAYER)
    assert read(remote.blob(IMAGE, DIGEST, fetch=True)) == LAYER
    assert upstream.questions == [f"GET blob {IMAGE} {DIGEST} {at}" for at in (0, left)]


def test_a_blob_that_another_image_of_the_cache_has_is_not_downloaded_again(
    remote: RemoteRepository, store: Store, upstream: FakeUpstream
) -> None:
    upstream.blobs[OTHER, DIGEST] = LAYER
    read(remote.blob(IMAGE, DIGEST, fetch=True))
    eventually(lambda: has_come(store))
    assert read(remote.blob(OTHER, DIGEST, fetch=True)) == LAYER
    assert upstream.asked == {"GET blob": 1, "HEAD blob": 1}


def test_what_other_repositories_have_is_not_had_for_a_mere_claim(
    make: Make, store: Store, upstream: FakeUpstream
) -> None:
    """An upstream that says yes to every digest must not open the content of others."""
    secret = b"secret" * SMALL
    digest = Digest.of(secret)
    local = LocalRepository(store, make()._definition.cache())
    local.key = RepositoryKey("docker-local")
    actor = make()._shared.actor
    writer = local.open_whole_upload(IMAGE, "sha256", actor)
    writer.write(secret)
    local.finish_upload(IMAGE, writer, digest)
    writer.close()
    upstream.blobs[IMAGE, digest] = b"?" * len(secret)
    claimed = make().blob(IMAGE, digest)
    assert claimed.arriving is not None
    with pytest.raises(BlobUnknown):
        local.mount_blob(OTHER, claimed, actor)
    with pytest.raises(StorageFailed):
        read(claimed)
    assert not store.links.has(CACHE, IMAGE, digest)


def test_an_absent_blob_is_remembered_and_a_failure_is_told_as_one(
    make: Make, upstream: FakeUpstream
) -> None:
    remote, absent = make(), Digest.of(b"absent")
    for fetch in (True, False, True):
        with pytest.raises(BlobUnknown):
            remote.blob(IMAGE, absent, fetch=fetch)
    assert upstream.asked == {"GET blob": 1}
    upstream.error = UpstreamFailed("down")
    with pytest.raises(UpstreamUnavailable):
        remote.blob(IMAGE, DIGEST, fetch=True)
    with pytest.raises(BlobUnknown):
        make(offline=True).blob(IMAGE, DIGEST, fetch=True)
