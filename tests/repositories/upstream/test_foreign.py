"""Foreign layers come from their own addresses, and nothing of ours goes there."""

from __future__ import annotations

import pytest

from registry.model.upstream_errors import UpstreamFailed, UpstreamLimited
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
from tests.support.upstream_answers import challenges, error, redirects, replies


def test_a_layer_comes_from_its_own_address(upstream: ScriptedUpstream) -> None:
    with ScriptedUpstream() as elsewhere:
        elsewhere.script("/layer", replies(200, LAYER))
        far = client(upstream.url)
        stream = far.open_foreign([f"{elsewhere.url}/layer"], LAYER_DIGEST, len(LAYER))
        assert stream is not None
        assert (stream.size, stream.offset) == (len(LAYER), 0)
        assert read_all(stream) == LAYER


def test_a_layer_is_resumed(upstream: ScriptedUpstream) -> None:
    url = f"{upstream.url}/v2/{IMAGE}/blobs/{LAYER_DIGEST}"
    stream = client(upstream.url).open_foreign([url], LAYER_DIGEST, len(LAYER), 100)
    assert stream is not None
    assert stream.offset == 100
    assert read_all(stream) == LAYER[100:]


def test_c2_no_credentials_go_there(upstream: ScriptedUpstream) -> None:
    """Neither at once, nor after a challenge, nor after the upstream has been told them."""
    upstream.script("/v2/", challenges("Basic realm=x"), upstream.content.answer)
    far = client(upstream.url, username=USER, password=PASSWORD)
    assert far.manifest(IMAGE, TAG) is not None
    with ScriptedUpstream() as elsewhere:
        for one in (elsewhere, upstream):
            one.script("/layer", challenges("Basic realm=x"))
        for url in (f"{elsewhere.url}/layer", f"{upstream.url}/layer"):
            with pytest.raises(UpstreamFailed):
                far.open_foreign([url], LAYER_DIGEST, len(LAYER))
        assert all("authorization" not in request.headers for request in elsewhere.requests)
    asked = upstream.asked(part="/layer")
    assert ["authorization" in request.headers for request in asked] == [False]


def test_the_next_address_is_tried_where_one_fails(upstream: ScriptedUpstream) -> None:
    with ScriptedUpstream() as gone:
        closed = gone.url
    with ScriptedUpstream() as elsewhere:
        elsewhere.script("/absent", error(404, "X"))
        elsewhere.script("/broken", error(500, "X"))
        elsewhere.script("/limited", error(429, "X"))
        elsewhere.script("/short", replies(200, LAYER[1:]))
        elsewhere.script("/layer", replies(200, LAYER))
        parts = ("absent", "broken", "short", "layer")
        urls = [f"{closed}/layer", *(f"{elsewhere.url}/{part}" for part in parts)]
        far = client(upstream.url)
        stream = far.open_foreign(urls, LAYER_DIGEST, len(LAYER))
        assert stream is not None
        assert read_all(stream) == LAYER
        assert far.open_foreign(urls[1:2], LAYER_DIGEST, len(LAYER)) is None
        with pytest.raises(UpstreamFailed, match="49999 bytes there, and 50000 here"):
            far.open_foreign(urls[3:4], LAYER_DIGEST, len(LAYER))
        with pytest.raises(UpstreamFailed):
            far.open_foreign([f"{elsewhere.url}/limited"], LAYER_DIGEST, len(LAYER))
    assert not far.paused_until
    assert far.open_foreign([], LAYER_DIGEST, len(LAYER)) is None


@pytest.mark.parametrize(
    "url",
    ["ftp://files.example/x", "file:///etc/passwd", "", "x", "http://u:p@files.example/x",
     "http://files.example/\r\nX: y", "http://[", "http://files.example:0/"],
)  # fmt: skip
def test_what_is_no_plain_address_is_not_asked(upstream: ScriptedUpstream, url: str) -> None:
    with pytest.raises(UpstreamFailed, match="address"):
        client(upstream.url).open_foreign([url], LAYER_DIGEST, len(LAYER))


def test_a_layer_is_fetched_while_the_upstream_is_left_alone(upstream: ScriptedUpstream) -> None:
    far = client(upstream.url)
    upstream.script("/manifests/", error(429, "TOOMANYREQUESTS"))
    with pytest.raises(UpstreamLimited):
        far.manifest(IMAGE, TAG)
    with ScriptedUpstream() as elsewhere:
        elsewhere.script("/layer", replies(200, LAYER))
        urls = [f"{elsewhere.url}/layer"]
        assert far.open_foreign(urls, LAYER_DIGEST, len(LAYER)) is not None
    assert far.paused_until


def test_a_secure_address_does_not_lead_to_one_that_is_not(upstream: ScriptedUpstream) -> None:
    upstream.script("/layer", redirects("ftp://files.example/x"))
    with pytest.raises(UpstreamFailed, match="no address of a web server"):
        client(upstream.url).open_foreign([f"{upstream.url}/layer"], LAYER_DIGEST, len(LAYER))


def test_a_layer_is_fetched_while_the_upstream_is_down(net: Net) -> None:
    with ScriptedUpstream() as gone:
        url = gone.url
    with ScriptedUpstream(address=SECOND_PUBLIC) as elsewhere:
        elsewhere.script("/layer", replies(200, LAYER))
        far = client(url, net.surroundings())
        stream = far.open_foreign([f"{elsewhere.url}/layer"], LAYER_DIGEST, len(LAYER))
        assert stream is not None
        assert read_all(stream) == LAYER
