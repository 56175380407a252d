"""Upstreams as there are: Debian's docker-registry with passwords, and another one of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from registry.model import media_types
from registry.model.digests import Digest
from registry.model.names import ImageName, Tag
from registry.model.upstream_errors import UpstreamFailed
from registry.repositories.upstream.client import Upstream
from tests.http.support import CONFIG, LAYER
from tests.live.wire import Wire
from tests.repositories.upstream.asking import (
    DIGEST,
    IMAGE,
    MANIFEST,
    PASSWORD,
    TAG,
    USER,
    client,
    read_all,
)
from tests.support.debian_registry import DebianRegistry
from tests.support.live import LiveServer

LAYER_DIGEST = Digest.of(LAYER)
ABSENT = Digest.of(b"nothing of that kind")


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianRegistry]:
    with DebianRegistry(tmp_path_factory.mktemp("debian"), USER, PASSWORD) as started:
        for data in (CONFIG, LAYER):
            started.push_blob(IMAGE, data)
        started.push_manifest(IMAGE, TAG, MANIFEST, media_types.OCI_IMAGE)
        yield started


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("ours") / "store", workers=1) as server:
        with Wire(server) as wire:
            image = f"/v2/docker-local/{IMAGE}"
            for data in (CONFIG, LAYER):
                wire.push_blob(data, image)
            kind = f"Content-Type: {media_types.OCI_IMAGE}"
            assert wire.ask("PUT", f"{image}/manifests/{TAG}", kind, body=MANIFEST).status == 201
        yield server


def check(far: Upstream) -> None:
    """Ask everything that a remote repository asks, of what is there and of what is not."""
    head = far.head_manifest(IMAGE, TAG)
    assert head is not None
    assert (head.digest, head.media_type, head.size) == (
        DIGEST, media_types.OCI_IMAGE, len(MANIFEST)
    )  # fmt: skip
    for reference in (TAG, DIGEST):
        found = far.manifest(IMAGE, reference)
        assert found is not None
        assert (found.body, found.digest) == (MANIFEST, DIGEST)
    assert far.head_blob(IMAGE, LAYER_DIGEST) == len(LAYER)
    for offset in (0, 100):
        stream = far.open_blob(IMAGE, LAYER_DIGEST, offset)
        assert stream is not None
        assert (stream.size, stream.offset) == (len(LAYER), offset)
        assert read_all(stream) == LAYER[offset:]
    assert far.tags(IMAGE) == [TAG]
    assert far.head_manifest(IMAGE, Tag("absent")) is None
    assert far.manifest(IMAGE, ABSENT) is None
    assert far.manifest(ImageName("no/such"), TAG) is None
    assert far.head_blob(IMAGE, ABSENT) is None
    assert far.open_blob(IMAGE, ABSENT) is None
    assert far.tags(ImageName("no/such")) is None
    assert not far.referrers(IMAGE, DIGEST)
    assert not far.paused_until


def test_debians_registry_with_a_password(debian: DebianRegistry) -> None:
    far = client(debian.url, username=USER, password=PASSWORD)
    check(far)
    assert far.images() == [IMAGE]


def test_debians_registry_with_a_wrong_password(debian: DebianRegistry) -> None:
    with pytest.raises(UpstreamFailed, match="401"):
        client(debian.url, username=USER, password="wrong").manifest(IMAGE, TAG)
    with pytest.raises(UpstreamFailed, match="none are configured"):
        client(debian.url).manifest(IMAGE, TAG)


@pytest.mark.parametrize(
    "path",
    ["/artifactory/api/docker/docker-local", "/artifactory/api/docker/docker-local/v2/",
     "/api/docker/docker-local", "/v2/docker-local"],
)  # fmt: skip
def test_one_of_ours_with_tokens(ours: LiveServer, path: str) -> None:
    check(client(f"{ours.url}{path}", username="admin", password=ours.admin_password))


def test_one_of_ours_with_an_access_token_alone(ours: LiveServer) -> None:
    with Wire(ours) as wire:
        made = wire.ask("POST", "/artifactory/api/security/token",
                        "Content-Type: application/x-www-form-urlencoded",
                        body=b"username=admin&scope=member-of-groups:*")  # fmt: skip
    token = json.loads(made.body)["access_token"]
    path = "/artifactory/api/docker/docker-local"
    check(client(f"{ours.url}{path}", password=token))
    check(client(f"{ours.url}{path}", username="admin", password=token))


def test_one_of_ours_with_a_wrong_password(ours: LiveServer) -> None:
    far = client(f"{ours.url}/artifactory/api/docker/docker-local", username=USER, password="x")
    with pytest.raises(UpstreamFailed, match="token service refuses"):
        far.manifest(IMAGE, TAG)


def test_the_images_of_one_of_ours(ours: LiveServer) -> None:
    far = client(f"{ours.url}/v2/docker-local", username="admin", password=ours.admin_password)
    assert far.images() == [IMAGE]
