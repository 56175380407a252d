"""Lists and referrers of a remote repository: the cache's, and upstream's where that is wanted."""

from __future__ import annotations

import pytest

from registry.model.errors import ImageUnknown
from registry.model.names import ImageName, Tag
from registry.model.paging import PageRequest
from registry.model.upstream_errors import UpstreamFailed, UpstreamUnavailable
from registry.repositories.remote.repository import RemoteRepository
from tests.http.support import descriptor, manifest_bytes
from tests.repositories.remote.conftest import IMAGE, Make
from tests.repositories.remote.fakes import FakeUpstream

ALL = PageRequest()
BODY = manifest_bytes(b"{}")


@pytest.fixture(autouse=True)
def tags(upstream: FakeUpstream) -> None:
    for tag in ("1.0", "1.1", "2.0"):
        upstream.add(IMAGE, tag, BODY)


@pytest.fixture
def listing(make: Make) -> RemoteRepository:
    return make(listRemoteFolderItems=True)


def test_by_itself_the_lists_are_those_of_the_cache(
    remote: RemoteRepository, upstream: FakeUpstream
) -> None:
    with pytest.raises(ImageUnknown):
        remote.tags(IMAGE, ALL)
    remote.manifest(IMAGE, Tag("1.1"))
    assert remote.tags(IMAGE, ALL).names == ["1.1"]
    assert remote.images(ALL).names == [IMAGE]
    assert upstream.asked == {"GET manifest": 1}


def test_upstreams_tags_are_merged_with_those_of_the_cache_and_remembered(
    listing: RemoteRepository, upstream: FakeUpstream
) -> None:
    upstream.add(IMAGE, "0.9", BODY)
    listing.manifest(IMAGE, Tag("0.9"))
    del upstream.manifests[IMAGE, "0.9"]
    assert listing.tags(IMAGE, ALL).names == ["0.9", "1.0", "1.1", "2.0"]
    page = listing.tags(IMAGE, PageRequest(2, "0.9"))
    assert (page.names, page.more) == (["1.0", "1.1"], True)
    assert listing.tags(IMAGE, PageRequest(2, "1.1")).more is False
    assert upstream.asked["GET tags"] == 1


def test_upstreams_images_are_merged_with_those_of_the_cache(
    listing: RemoteRepository, upstream: FakeUpstream
) -> None:
    upstream.add("team/b", "1.0", BODY)
    listing.manifest(IMAGE, Tag("1.0"))
    assert listing.images(ALL).names == [IMAGE, "team/b"]
    only = listing.images(ALL, lambda image: image == ImageName("team/b"))
    assert only.names == ["team/b"]


def test_when_upstream_fails_or_lists_nothing_the_names_of_the_cache_are_listed(
    listing: RemoteRepository, upstream: FakeUpstream
) -> None:
    listing.manifest(IMAGE, Tag("1.1"))
    upstream.error = UpstreamFailed("down")
    for _ in range(2):
        assert listing.tags(IMAGE, ALL).names == ["1.1"]
        assert listing.images(ALL).names == [IMAGE]
    assert (upstream.asked["GET tags"], upstream.asked["GET catalog"]) == (1, 1)
    with pytest.raises(UpstreamUnavailable):
        listing.tags(ImageName("team/unheard"), ALL)


def test_an_image_that_neither_knows_is_unknown(listing: RemoteRepository) -> None:
    with pytest.raises(ImageUnknown):
        listing.tags(ImageName("team/none"), ALL)


def test_referrers_of_upstream_come_into_the_cache(
    remote: RemoteRepository, upstream: FakeUpstream
) -> None:
    subject = remote.manifest(IMAGE, Tag("1.0")).digest
    signature = manifest_bytes(
        b'{"s":1}',
        [],
        subject={**descriptor(BODY), "mediaType": "application/vnd.oci.image.manifest.v1+json"},
    )
    digest = upstream.add(IMAGE, "sig", signature)
    upstream.referring[subject] = [descriptor(signature), {"digest": "nonsense"}, {}]
    assert [one.digest for one in remote.referrers(IMAGE, subject)] == [digest]
    upstream.error = UpstreamFailed("down")
    assert [one.digest for one in remote.referrers(IMAGE, subject)] == [digest]
    assert upstream.asked["GET referrers"] == 1


def test_when_upstream_fails_the_referrers_are_those_of_the_cache(
    remote: RemoteRepository, upstream: FakeUpstream
) -> None:
    subject = remote.manifest(IMAGE, Tag("1.0")).digest
    upstream.error = UpstreamFailed("down")
    assert remote.referrers(IMAGE, subject) == []
