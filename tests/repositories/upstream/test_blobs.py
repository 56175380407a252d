"""Blobs of an upstream: streamed raw, resumed where it can be, and never cut short unnoticed."""

from __future__ import annotations

import gzip
import threading

import pytest

from registry.model.digests import Digest
from registry.model.upstream_errors import UpstreamFailed
from tests.repositories.upstream.asking import (
    DIGEST,
    IMAGE,
    LAYER,
    LAYER_DIGEST,
    client,
    read_all,
)
from tests.support.upstream import Request, ScriptedUpstream, Wire
from tests.support.upstream_answers import (
    breaks_off,
    chunked,
    endless,
    error,
    lies_about_length,
    redirects,
    replies,
)


def test_a_blob_comes_whole(upstream: ScriptedUpstream) -> None:
    stream = client(upstream.url).open_blob(IMAGE, LAYER_DIGEST)
    assert stream is not None
    assert (stream.size, stream.offset) == (len(LAYER), 0)
    assert read_all(stream) == LAYER
    assert stream.read(10) == b""


def test_no_more_is_read_than_is_asked_for(upstream: ScriptedUpstream) -> None:
    stream = client(upstream.url).open_blob(IMAGE, LAYER_DIGEST)
    assert stream is not None
    with stream:
        assert len(stream.read(7)) <= 7


def test_the_first_bytes_come_before_the_others_are_there(upstream: ScriptedUpstream) -> None:
    gate = threading.Event()

    def answer(request: Request, wire: Wire) -> None:
        wire.reply(200, {}, LAYER[:100], length=len(LAYER))
        gate.wait(20)
        wire.send(LAYER[100:])

    upstream.script("/blobs/", answer)
    stream = client(upstream.url).open_blob(IMAGE, LAYER_DIGEST)
    assert stream is not None
    assert stream.read(1 << 20) == LAYER[:100]
    gate.set()
    assert read_all(stream) == LAYER[100:]


def test_a_connection_is_used_again_after_a_blob(upstream: ScriptedUpstream) -> None:
    far = client(upstream.url)
    for _ in range(3):
        stream = far.open_blob(IMAGE, LAYER_DIGEST)
        assert stream is not None
        read_all(stream)
    assert len({request.client for request in upstream.asked()}) == 1


def test_an_absent_blob_is_none(upstream: ScriptedUpstream) -> None:
    far = client(upstream.url)
    assert far.open_blob(IMAGE, DIGEST) is None
    assert far.head_blob(IMAGE, DIGEST) is None


def test_a_blob_is_resumed_where_it_ended(upstream: ScriptedUpstream) -> None:
    stream = client(upstream.url).open_blob(IMAGE, LAYER_DIGEST, 12_345)
    assert stream is not None
    assert (stream.size, stream.offset) == (len(LAYER), 12_345)
    assert read_all(stream) == LAYER[12_345:]
    assert upstream.asked()[0].headers["range"] == "bytes=12345-"


def test_an_upstream_without_ranges_begins_again(upstream: ScriptedUpstream) -> None:
    upstream.content.ranges = False
    stream = client(upstream.url).open_blob(IMAGE, LAYER_DIGEST, 12_345)
    assert stream is not None
    assert (stream.size, stream.offset) == (len(LAYER), 0)
    assert read_all(stream) == LAYER


def test_a_place_behind_the_end_begins_again(upstream: ScriptedUpstream) -> None:
    stream = client(upstream.url).open_blob(IMAGE, LAYER_DIGEST, len(LAYER) + 5)
    assert stream is not None
    assert stream.offset == 0
    assert read_all(stream) == LAYER


@pytest.mark.parametrize(
    "said",
    ["bytes 0-9/50000", "bytes 101-49999/50000", "bytes 100-49999/*", "bytes 100-200/50000", "",
     "bytes 100-49999/50001", "bytes */50000"],
)  # fmt: skip
def test_b8_another_part_than_was_asked_for_is_refused(
    upstream: ScriptedUpstream, said: str
) -> None:
    upstream.script("/blobs/", replies(206, LAYER[100:], Content_Range=said))
    with pytest.raises(UpstreamFailed, match="another part"):
        client(upstream.url).open_blob(IMAGE, LAYER_DIGEST, 100)


def test_b8_a_part_that_nobody_asked_for_is_refused(upstream: ScriptedUpstream) -> None:
    part = replies(206, LAYER[9:], Content_Range=f"bytes 9-{len(LAYER) - 1}/{len(LAYER)}")
    upstream.script("/blobs/", part)
    with pytest.raises(UpstreamFailed):
        client(upstream.url).open_blob(IMAGE, LAYER_DIGEST)


def test_c7_a_blob_that_breaks_off_is_noticed(upstream: ScriptedUpstream) -> None:
    upstream.script("/blobs/", breaks_off(LAYER, 20_000))
    far = client(upstream.url)
    stream = far.open_blob(IMAGE, LAYER_DIGEST)
    assert stream is not None
    with pytest.raises(UpstreamFailed, match="break"):
        read_all(stream)
    assert far.paused_until is None


def test_c7_a_length_that_is_a_lie_is_noticed(upstream: ScriptedUpstream) -> None:
    far = client(upstream.url)
    upstream.script("/blobs/", lies_about_length(LAYER, len(LAYER) + 1))
    stream = far.open_blob(IMAGE, LAYER_DIGEST)
    assert stream is not None
    with pytest.raises(UpstreamFailed):
        read_all(stream)
    upstream.script("/blobs/", lies_about_length(LAYER, 1000))
    stream = far.open_blob(IMAGE, LAYER_DIGEST)
    assert stream is not None
    assert read_all(stream) == LAYER[:1000]


def test_a_blob_in_chunks_has_the_size_that_head_tells(upstream: ScriptedUpstream) -> None:
    upstream.script("/blobs/", chunked(LAYER), method="GET")
    stream = client(upstream.url).open_blob(IMAGE, LAYER_DIGEST)
    assert stream is not None
    assert stream.size == len(LAYER)
    assert read_all(stream) == LAYER


def test_c7_chunks_that_end_before_the_size_are_noticed(upstream: ScriptedUpstream) -> None:
    upstream.script("/blobs/", chunked(LAYER[:-1]), method="GET")
    stream = client(upstream.url).open_blob(IMAGE, LAYER_DIGEST)
    assert stream is not None
    with pytest.raises(UpstreamFailed, match="1 bytes before the end"):
        read_all(stream)


def test_a_blob_of_unknown_size_is_refused(upstream: ScriptedUpstream) -> None:
    upstream.script("/blobs/", chunked(LAYER))
    far = client(upstream.url)
    with pytest.raises(UpstreamFailed, match="how large"):
        far.open_blob(IMAGE, LAYER_DIGEST)
    with pytest.raises(UpstreamFailed, match="how large"):
        far.head_blob(IMAGE, LAYER_DIGEST)


def test_c7_chunks_without_end_end_at_the_size(upstream: ScriptedUpstream) -> None:
    upstream.script("/blobs/", endless(), method="GET")
    stream = client(upstream.url).open_blob(IMAGE, LAYER_DIGEST)
    assert stream is not None
    with pytest.raises(UpstreamFailed, match="more of a blob"):
        read_all(stream, 1 << 20)


def test_b7_compressed_bytes_stay_as_they_are(upstream: ScriptedUpstream) -> None:
    """Whatever upstream says of an encoding, the bytes are those that it has sent."""
    bomb = gzip.compress(bytes(20_000_000))
    upstream.script("/blobs/", replies(200, bomb, Content_Encoding="gzip"))
    stream = client(upstream.url).open_blob(IMAGE, Digest.of(bomb))
    assert stream is not None
    assert stream.size == len(bomb)
    assert read_all(stream) == bomb


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "gzip, gzip, gzip"])
def test_b7_no_body_beside_the_point_is_unpacked(upstream: ScriptedUpstream, encoding: str) -> None:
    """A bomb may wait in a redirect, in an error, or in a challenge."""
    bomb = gzip.compress(bytes(20_000_000))
    far = client(upstream.url, username="carol", password="x")
    upstream.script("/bomb", replies(500, bomb, Content_Encoding=encoding))
    upstream.script("/blobs/", redirects("/bomb", body=bomb, Content_Encoding=encoding))
    with pytest.raises(UpstreamFailed, match="answers 500"):
        far.open_blob(IMAGE, LAYER_DIGEST)
    basic = {"WWW_Authenticate": "Basic realm=x", "Content_Encoding": encoding}
    upstream.script("/blobs/", replies(401, bomb, **basic))
    with pytest.raises(UpstreamFailed, match="refuses"):
        far.open_blob(IMAGE, LAYER_DIGEST)


def test_an_html_page_is_no_blob(upstream: ScriptedUpstream) -> None:
    upstream.script("/blobs/", replies(200, b"<html>", Content_Type="text/html"))
    with pytest.raises(UpstreamFailed, match="text/html"):
        client(upstream.url).open_blob(IMAGE, LAYER_DIGEST)


def test_head_tells_the_size_of_a_blob(upstream: ScriptedUpstream) -> None:
    assert client(upstream.url).head_blob(IMAGE, LAYER_DIGEST) == len(LAYER)
    assert [request.method for request in upstream.asked()] == ["HEAD"]


def test_storage_that_knows_get_alone_tells_the_size_by_it(upstream: ScriptedUpstream) -> None:
    with ScriptedUpstream() as storage:
        storage.script("/signed", error(403, "X"), method="HEAD")
        storage.script("/signed", replies(200, LAYER), method="GET")
        upstream.script("/blobs/", redirects(f"{storage.url}/signed?signature=abc"))
        assert client(upstream.url).head_blob(IMAGE, LAYER_DIGEST) == len(LAYER)


def test_a_blob_can_be_asked_by_get_alone(upstream: ScriptedUpstream) -> None:
    assert client(upstream.url, bypassHeadRequests=True).head_blob(IMAGE, LAYER_DIGEST)
    assert upstream.asked("HEAD") == []
