"""Manifests of an upstream: exact bytes, believed only by their digest; absent is not failed."""

from __future__ import annotations

import gzip

import pytest

from registry.model import media_types
from registry.model.digests import Digest
from registry.model.errors import RegistryError
from registry.model.manifests import MANIFEST_LIMIT
from registry.model.names import ImageName, Tag
from registry.model.upstream_errors import UpstreamFailed
from tests.http.support import encoded, manifest_object
from tests.repositories.upstream.asking import (
    DIGEST,
    IMAGE,
    MANIFEST,
    MANIFEST_HEADERS,
    TAG,
    client,
)
from tests.support.upstream import Answer, ScriptedUpstream
from tests.support.upstream_answers import endless, error, lies_about_length, replies, sends

OTHER = encoded(manifest_object(config=b"another"))


def test_a_manifest_comes_with_its_bytes_type_and_digest(upstream: ScriptedUpstream) -> None:
    found = client(upstream.url).manifest(IMAGE, TAG)
    assert found is not None
    assert (found.body, found.digest) == (MANIFEST, DIGEST)
    assert found.media_type == media_types.OCI_IMAGE


def test_a_request_has_all_types_and_neither_cookies_nor_a_wish_for_compression(
    upstream: ScriptedUpstream,
) -> None:
    far = client(upstream.url)
    upstream.script(
        "/v2/",
        replies(200, MANIFEST, Set_Cookie="id=1; Path=/", **MANIFEST_HEADERS),
    )
    far.manifest(IMAGE, TAG)
    far.manifest(IMAGE, TAG)
    for request in upstream.asked():
        assert request.path == "/v2/team/app/manifests/1.0"
        accepted = request.headers["accept"].split(", ")
        assert set(accepted) == media_types.MANIFEST_TYPES - {media_types.SCHEMA1}
        assert accepted[-1] == media_types.SCHEMA1_SIGNED
        assert request.headers["accept-encoding"] == "identity"
        assert "cookie" not in request.headers
        assert "authorization" not in request.headers


def test_a_connection_is_used_again(upstream: ScriptedUpstream) -> None:
    far = client(upstream.url)
    for _ in range(3):
        far.head_manifest(IMAGE, TAG)
        far.manifest(IMAGE, TAG)
        far.manifest(IMAGE, Tag("absent"))
    assert len({request.client for request in upstream.asked()}) == 1


def test_a_kept_connection_that_was_closed_is_no_failure(upstream: ScriptedUpstream) -> None:
    far = client(upstream.url)
    far.manifest(IMAGE, TAG)
    upstream.down()
    upstream.up()
    assert far.manifest(IMAGE, TAG) is not None


def test_head_tells_digest_type_and_size(upstream: ScriptedUpstream) -> None:
    head = client(upstream.url).head_manifest(IMAGE, TAG)
    assert head is not None
    assert (head.digest, head.size) == (DIGEST, len(MANIFEST))
    assert [request.method for request in upstream.asked()] == ["HEAD"]


def test_an_etag_is_a_digest_where_there_is_no_other(upstream: ScriptedUpstream) -> None:
    upstream.script("/manifests/", replies(200, MANIFEST, ETag=f'"{DIGEST}"', **MANIFEST_HEADERS))
    head = client(upstream.url).head_manifest(IMAGE, TAG)
    assert head is not None
    assert head.digest == DIGEST


def test_a_head_without_a_digest_says_so(upstream: ScriptedUpstream) -> None:
    upstream.content.states_digest = False
    head = client(upstream.url).head_manifest(IMAGE, TAG)
    assert head is not None
    assert head.digest is None


@pytest.mark.parametrize("status", [405, 501])
def test_get_answers_where_upstream_knows_no_head(upstream: ScriptedUpstream, status: int) -> None:
    upstream.script("/manifests/", replies(status), method="HEAD")
    head = client(upstream.url).head_manifest(IMAGE, TAG)
    assert head is not None
    assert head.digest == DIGEST


def test_head_can_be_bypassed(upstream: ScriptedUpstream) -> None:
    head = client(upstream.url, bypassHeadRequests=True).head_manifest(IMAGE, TAG)
    assert head is not None
    assert (head.digest, head.size) == (DIGEST, len(MANIFEST))
    assert upstream.asked("HEAD") == []


def test_absent_is_none(upstream: ScriptedUpstream) -> None:
    far = client(upstream.url)
    assert far.manifest(IMAGE, Tag("absent")) is None
    assert far.head_manifest(IMAGE, Tag("absent")) is None
    assert far.manifest(ImageName("no/such"), DIGEST) is None


@pytest.mark.parametrize("code", ["NAME_UNKNOWN", "MANIFEST_UNKNOWN"])
@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refusal_that_says_that_there_is_nothing_is_absent(
    upstream: ScriptedUpstream, code: str, status: int
) -> None:
    challenge = "Basic realm=x"
    upstream.script("/manifests/", error(status, code, WWW_Authenticate=challenge))
    far = client(upstream.url, username="carol", password="x")
    assert far.manifest(IMAGE, TAG) is None


@pytest.mark.parametrize(
    "answer",
    [
        error(500, "UNKNOWN"), error(503, "UNAVAILABLE"), error(403, "DENIED"), error(400, "X"),
        replies(200, b"<html>Sign in</html>", Content_Type="text/html; charset=utf-8"),
        replies(451, b"<html>"), replies(204), replies(200, b""), replies(200, b"{}"),
        replies(200, b"[" * 100_000), replies(200, b"\xff\xfe"),
        replies(200, MANIFEST, Content_Type=media_types.DOCKER_LIST),
        replies(200, b"x" * (MANIFEST_LIMIT + 1), **MANIFEST_HEADERS),
        replies(200, gzip.compress(MANIFEST), Content_Encoding="gzip", **MANIFEST_HEADERS),
        endless(Content_Type=media_types.OCI_IMAGE),
        lies_about_length(MANIFEST, len(MANIFEST) + 1, **MANIFEST_HEADERS),
        lies_about_length(MANIFEST, len(MANIFEST) - 1, **MANIFEST_HEADERS),
        replies(304), replies(302), replies(101),
        sends(b"SSH-2.0-OpenSSH_9.2\r\n"), sends(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"),
        sends(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000 + b"\r\n"),
        sends(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1_000_000 + b"\r\n\r\n"),
        sends(b"HTTP/1.1 999999 OK\r\n\r\n"),
    ],
    ids=lambda answer: None,
)  # fmt: skip
def test_what_is_neither_found_nor_absent_fails(upstream: ScriptedUpstream, answer: Answer) -> None:
    upstream.script("/manifests/", answer)
    with pytest.raises(UpstreamFailed, match="'far'"):
        client(upstream.url).manifest(IMAGE, TAG)


def test_b8_bytes_that_are_not_those_of_the_digest_are_never_given(
    upstream: ScriptedUpstream,
) -> None:
    upstream.content.manifests[IMAGE, DIGEST] = (OTHER, media_types.OCI_IMAGE, DIGEST)
    upstream.content.manifests[IMAGE, TAG] = (OTHER, media_types.OCI_IMAGE, DIGEST)
    far = client(upstream.url)
    for reference in (DIGEST, TAG):
        with pytest.raises(UpstreamFailed, match=f"not {DIGEST}"):
            far.manifest(IMAGE, reference)


def test_b8_without_a_stated_digest_the_bytes_alone_count(upstream: ScriptedUpstream) -> None:
    upstream.content.states_digest = False
    upstream.content.manifests[IMAGE, DIGEST] = (OTHER, media_types.OCI_IMAGE, DIGEST)
    far = client(upstream.url)
    with pytest.raises(UpstreamFailed):
        far.manifest(IMAGE, DIGEST)
    found = far.manifest(IMAGE, TAG)
    assert found is not None
    assert found.digest == Digest.of(found.body)


def test_b8_a_head_that_states_another_digest_fails(upstream: ScriptedUpstream) -> None:
    upstream.content.manifests[IMAGE, DIGEST] = (OTHER, media_types.OCI_IMAGE, Digest.of(OTHER))
    with pytest.raises(UpstreamFailed):
        client(upstream.url).head_manifest(IMAGE, DIGEST)


def test_a_sha512_reference_is_checked_by_sha512(upstream: ScriptedUpstream) -> None:
    digest = Digest.of(MANIFEST, "sha512")
    upstream.content.manifests[IMAGE, digest] = (MANIFEST, media_types.OCI_IMAGE, DIGEST)
    found = client(upstream.url).manifest(IMAGE, digest)
    assert found is not None
    assert found.digest == digest


def test_other_types_can_be_refused_and_html_let_pass(upstream: ScriptedUpstream) -> None:
    upstream.script("/manifests/", replies(200, MANIFEST, Content_Type="text/html"))
    assert client(upstream.url, blockMismatchingMimeTypes=False).manifest(IMAGE, TAG) is not None
    upstream.script("/manifests/", replies(200, MANIFEST, Content_Type="text/plain"))
    assert client(upstream.url).manifest(IMAGE, TAG) is not None
    with pytest.raises(UpstreamFailed, match="text/plain"):
        client(upstream.url, mismatchingMimeTypesOverrideList="text/xml, Text/Plain").manifest(
            IMAGE, TAG
        )


def test_a_registry_below_a_path_is_asked_there(upstream: ScriptedUpstream) -> None:
    for url in ("/artifactory/api/docker/hub", "/artifactory/api/docker/hub/v2/"):
        assert client(upstream.url + url).manifest(IMAGE, TAG) is not None
    assert {r.path for r in upstream.asked()} == {
        "/artifactory/api/docker/hub/v2/team/app/manifests/1.0"
    }


def test_offline_nobody_is_asked(upstream: ScriptedUpstream) -> None:
    far = client(upstream.url, offline=True)
    calls = (
        lambda: far.manifest(IMAGE, TAG), lambda: far.head_manifest(IMAGE, TAG),
        lambda: far.head_blob(IMAGE, DIGEST), lambda: far.open_blob(IMAGE, DIGEST),
        lambda: far.open_foreign([upstream.url], DIGEST, 1), lambda: far.tags(IMAGE), far.images,
        lambda: far.referrers(IMAGE, DIGEST),
    )  # fmt: skip
    for call in calls:
        with pytest.raises(UpstreamFailed, match="'far' is set offline"):
            call()
    assert upstream.asked() == []


@pytest.mark.parametrize("text", ["X-Injected: 1", "evil\r\n Folded: 1"])
def test_what_upstream_says_reaches_nobody_as_a_header(
    upstream: ScriptedUpstream, text: str
) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {text}\r\nDocker-Content-Digest: {text}\r\n"
    head += f"Content-Length: {len(MANIFEST)}\r\n\r\n"
    upstream.script("/manifests/", sends(head.encode() + MANIFEST))
    try:
        found = client(upstream.url).manifest(IMAGE, TAG)
    except RegistryError:
        return
    assert found is not None
    assert found.media_type == media_types.OCI_IMAGE
