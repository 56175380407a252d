"""One download for all processes: each can follow another, and go on where that stopped."""

from __future__ import annotations

import pytest

from registry.model.errors import BlobUnknown, StorageFailed
from registry.model.upstream_errors import UpstreamFailed, UpstreamUnavailable
from registry.repositories.remote.downloads import SMALL
from registry.repositories.remote.repository import RemoteRepository
from registry.storage.store import Store
from registry.storage.upload_writer import UploadWriter
from tests.repositories.remote.conftest import CACHE, IMAGE, eventually, read
from tests.repositories.remote.fakes import FakeUpstream
from tests.repositories.remote.layers import DIGEST, LAYER, OTHER, has_come


@pytest.fixture(autouse=True)
def layer(upstream: FakeUpstream) -> None:
    upstream.blobs[IMAGE, DIGEST] = LAYER


def begun_elsewhere(store: Store) -> UploadWriter:
    """Return the writer of a download that another process has begun."""
    writer = store.arrivals.lead(CACHE, IMAGE, DIGEST)
    assert writer is not None
    store.arrivals.announce(writer, len(LAYER))
    return writer


def test_the_next_process_goes_on_where_a_killed_one_stopped(
    remote: RemoteRepository, store: Store, upstream: FakeUpstream
) -> None:
    writer = begun_elsewhere(store)
    writer.write(LAYER[:SMALL])
    writer.close()
    assert read(remote.blob(IMAGE, DIGEST, fetch=True)) == LAYER
    assert upstream.questions == [f"GET blob {IMAGE} {DIGEST} {SMALL}"]


def test_bytes_from_before_a_power_cut_are_fetched_anew(
    remote: RemoteRepository, store: Store, upstream: FakeUpstream
) -> None:
    writer = begun_elsewhere(store)
    writer.write(b"\0" * SMALL)
    writer.close()
    with open(writer.upload.record) as file:
        text = file.read()
    with open(writer.upload.record, "w") as file:
        file.write(text.replace('"boot": "', '"boot": "before-'))
    assert read(remote.blob(IMAGE, DIGEST, fetch=True)) == LAYER
    assert upstream.questions == [f"GET blob {IMAGE} {DIGEST} 0"]


def test_a_download_of_another_process_is_followed_and_taken_over_when_that_ends(
    remote: RemoteRepository, store: Store, upstream: FakeUpstream
) -> None:
    writer = begun_elsewhere(store)
    writer.write(LAYER[:1000])
    blob = remote.blob(IMAGE, DIGEST, fetch=True)
    assert blob.arriving is not None
    content = blob.arriving.begin()
    content.wait(999)
    assert content.ready == 1000
    assert not upstream.asked
    writer.close()
    assert read(blob) == LAYER
    assert upstream.questions == [f"GET blob {IMAGE} {DIGEST} 1000"]


def test_a_download_of_another_process_that_ends_well_is_complete_here(
    remote: RemoteRepository, store: Store, upstream: FakeUpstream
) -> None:
    writer = begun_elsewhere(store)
    blob = remote.blob(IMAGE, DIGEST, fetch=True)
    writer.write(LAYER)
    remote._cache.finish_upload(IMAGE, writer, DIGEST)
    writer.close()
    assert read(blob) == LAYER
    assert not upstream.asked


def test_a_download_of_another_process_that_fails_breaks_off_here(
    remote: RemoteRepository, store: Store
) -> None:
    writer = begun_elsewhere(store)
    blob = remote.blob(IMAGE, DIGEST, fetch=True)
    store.arrivals.drop(writer.upload)
    writer.close()
    with pytest.raises(StorageFailed):
        read(blob)


def test_images_that_join_a_download_get_the_blob_as_well(
    remote: RemoteRepository, store: Store, upstream: FakeUpstream
) -> None:
    upstream.blobs[OTHER, DIGEST] = LAYER
    upstream.gate.clear()
    first = remote.blob(IMAGE, DIGEST, fetch=True)
    second = remote.blob(OTHER, DIGEST, fetch=True)
    upstream.gate.set()
    assert read(first) == read(second) == LAYER
    eventually(lambda: has_come(store) and has_come(store, OTHER))
    assert upstream.asked == {"GET blob": 1, "HEAD blob": 1}


@pytest.mark.parametrize("arrived", [1000, len(LAYER)])
def test_an_image_in_which_upstream_does_not_show_the_blob_gets_nothing_of_it(
    remote: RemoteRepository, store: Store, upstream: FakeUpstream, arrived: int
) -> None:
    """Whatever another image's download has left, and also if upstream could not say at first."""
    writer = begun_elsewhere(store)
    writer.write(LAYER[:arrived])
    writer.close()
    upstream.error = UpstreamFailed("down")
    with pytest.raises(UpstreamUnavailable):
        remote.blob(OTHER, DIGEST, fetch=True)
    upstream.error = None
    assert read(remote.blob(IMAGE, DIGEST, fetch=True)) == LAYER
    eventually(lambda: has_come(store))
    assert not store.links.has(CACHE, OTHER, DIGEST)
    remote._shared.failures.forget((OTHER, str(DIGEST)))
    with pytest.raises(BlobUnknown):
        remote.blob(OTHER, DIGEST, fetch=True)
