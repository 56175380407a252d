"""C2: what is secret stays where it was meant for, wherever an upstream leads."""

from __future__ import annotations

import pytest

from registry.model.upstream_errors import UpstreamFailed
from registry.repositories.upstream.failures import Failure
from registry.repositories.upstream.redirects import headers_for, target
from tests.repositories.upstream.asking import (
    IMAGE,
    LAYER,
    LAYER_DIGEST,
    PASSWORD,
    SECOND_PUBLIC,
    TAG,
    USER,
    Net,
    client,
    read_all,
)
from tests.support.upstream import ScriptedUpstream
from tests.support.upstream_answers import challenges, redirects, replies

SECRETS = {"Authorization": "x", "Cookie": "x", "Proxy-Authorization": "x", "authorization": "x"}
KEPT = {"Range": "bytes=5-", "Accept": "*/*", "User-Agent": "u"}


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("https://a.example/x", "https://a.example/y?z", True),
        ("https://a.example/x", "https://a.example:443/y", True),
        ("https://A.example/x", "https://a.example./y", True),
        ("https://a.example/x", "https://a.example:444/y", False),
        ("http://a.example/x", "https://a.example/y", False),
        ("https://a.example/x", "https://b.a.example/y", False),
        ("https://a.example/x", "https://a.example.b/y", False),
    ],
)
def test_c2_secrets_stay_with_scheme_host_and_port(before: str, after: str, same: bool) -> None:
    sent = headers_for({**SECRETS, **KEPT}, before, after)
    assert sent == ({**SECRETS, **KEPT} if same else KEPT)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_c2_a_redirect_to_another_host_is_followed_without_credentials(
    upstream: ScriptedUpstream, net: Net, status: int
) -> None:
    with ScriptedUpstream(address=SECOND_PUBLIC) as storage:
        storage.script("/signed", replies(200, LAYER))
        upstream.script(
            "/v2/",
            challenges("Basic realm=x"),
            redirects(f"{storage.url}/signed?signature=a%2Bb/c", status, Set_Cookie="a=b"),
        )
        far = client(upstream.url, net.surroundings(), username=USER, password=PASSWORD)
        stream = far.open_blob(IMAGE, LAYER_DIGEST)
        assert stream is not None
        assert read_all(stream) == LAYER
        [asked] = storage.requests
    assert asked.path == "/signed?signature=a%2Bb/c"
    assert set(asked.headers) == {"host", "user-agent", "accept-encoding", "accept"}


def test_c2_the_same_host_on_another_port_is_another(upstream: ScriptedUpstream) -> None:
    with ScriptedUpstream() as other:
        other.script("/", challenges("Basic realm=x"))
        upstream.script("/v2/", challenges("Basic realm=x"), redirects(f"{other.url}/x"))
        far = client(upstream.url, username=USER, password=PASSWORD)
        with pytest.raises(UpstreamFailed, match="401"):
            far.manifest(IMAGE, TAG)
        # Nor does a challenge of the other bring the password.
        assert ["authorization" in request.headers for request in other.requests] == [False]


def test_c2_a_challenge_of_another_host_is_not_answered(upstream: ScriptedUpstream) -> None:
    with ScriptedUpstream() as other:
        other.script("/", challenges("Basic realm=x"))
        upstream.script("/v2/", redirects(f"{other.url}/x"))
        far = client(upstream.url, username=USER, password=PASSWORD)
        with pytest.raises(UpstreamFailed, match="401"):
            far.manifest(IMAGE, TAG)
        asked = [*upstream.requests, *other.requests]
    assert ["authorization" in request.headers for request in asked] == [False, False]


def test_c2_a_way_there_and_back_has_lost_the_secrets(upstream: ScriptedUpstream) -> None:
    with ScriptedUpstream() as other:
        upstream.script("/back", replies(200, LAYER))
        other.script("/", redirects(f"{upstream.url}/back"))
        upstream.script("/v2/", challenges("Basic realm=x"), redirects(f"{other.url}/x"))
        far = client(upstream.url, username=USER, password=PASSWORD)
        assert far.head_blob(IMAGE, LAYER_DIGEST) == len(LAYER)
    assert "authorization" not in upstream.asked(part="/back")[0].headers


def test_credentials_go_along_on_the_same_host(upstream: ScriptedUpstream) -> None:
    upstream.script("/moved", upstream.content.answer)
    upstream.script("/manifests/1.0", challenges("Basic realm=x"), redirects("/moved"))
    upstream.script("/moved", replies(404))
    far = client(upstream.url, username=USER, password=PASSWORD)
    assert far.manifest(IMAGE, TAG) is None
    assert "authorization" in upstream.asked(part="/moved")[0].headers


def test_a_wish_for_a_part_goes_along(upstream: ScriptedUpstream) -> None:
    with ScriptedUpstream() as storage:
        storage.blob(IMAGE, LAYER)
        upstream.script("/blobs/", redirects(f"{storage.url}/v2/{IMAGE}/blobs/{LAYER_DIGEST}"))
        stream = client(upstream.url).open_blob(IMAGE, LAYER_DIGEST, 100)
        assert stream is not None
        assert stream.offset == 100
        assert read_all(stream) == LAYER[100:]


def test_five_redirects_are_followed_and_no_sixth(upstream: ScriptedUpstream) -> None:
    upstream.script("/manifests/", *[redirects(f"/v2/{IMAGE}/manifests/1.0")] * 5,
                    upstream.content.answer)  # fmt: skip
    assert client(upstream.url).manifest(IMAGE, TAG) is not None
    upstream.forget()
    upstream.script("/manifests/", redirects(f"/v2/{IMAGE}/manifests/1.0"))
    with pytest.raises(UpstreamFailed, match="on and on"):
        client(upstream.url).manifest(IMAGE, TAG)
    assert len(upstream.asked()) == 6


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("https://a.example/", "http://a.example/"), ("https://a.example/", "http://b.example/"),
        ("https://a.example/", ""), ("https://a.example/", "ftp://b.example/"),
        ("https://a.example/", "file:///etc/passwd"), ("https://a.example/", "https://u@b.example/"),
        ("https://a.example/", "https://u:p@b.example/"),
        ("http://a.example/", "gopher://127.0.0.1:6379/_X"), ("http://a.example/", "//["),
        ("http://a.example/", "http://b.example:0/"), ("http://a.example/", "http://b\x00.example/"),
        ("http://a.example/", "http://b.example/" + "x" * 20_000),
        ("http://a.example/", "http://b%2eexample/"), ("http://a.example/", "http://b|.example/"),
        ("http://a.example/", "http://b.example\\@a.example/"),
        ("http://a.example/", "data:text/plain,x"), ("http://a.example/", "http://\u0131.example/"),
    ],
)  # fmt: skip
def test_some_addresses_are_followed_by_nobody(url: str, location: str) -> None:
    with pytest.raises(Failure) as caught:
        headers_for({}, url, target(url, location))
    assert location[:10] not in caught.value.cause or not location
