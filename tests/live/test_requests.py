"""Requests that are no good: a clear answer in JSON at once, and never two readings of one."""

from __future__ import annotations

import pytest

from tests.live.wire import IMAGE, Wire


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00\x00\x00\x00",
        b"GET\r\n\r\n",
        b"get /v2/ HTTP/1.1\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nNo colon here\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nHost : r\r\n\r\n",
        b"GET /v2/ HTTP/1.1\nHost: r\n\n\r\n\r\n",
        b"POST /v2/ HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST /v2/ HTTP/1.1\r\nContent-Length: 3, 3\r\n\r\nabc",
        b"POST /v2/ HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc",
        b"POST /v2/ HTTP/1.1\r\nContent-Length: 0x3\r\n\r\nabc",
        b"POST /v2/ HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /v2/ HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v2/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /v2/ HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"POST /v2/ HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nX: " + b"x" * 40_000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_request_is_answered_in_json_and_ends_the_connection(
    wire: Wire, request_bytes: bytes
) -> None:
    wire.send(request_bytes)

    reply = wire.reply()

    assert reply.status in (400, 431, 501)
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.code == "UNSUPPORTED"
    assert reply.headers["Connection"] == "close"
    assert wire.socket.recv(1) == b""


def test_d1_a_smuggled_request_is_never_answered(wire: Wire) -> None:
    inner = b"GET /api/system/ping HTTP/1.1\r\nHost: r\r\n\r\n"
    wire.send(
        b"POST /v2/ HTTP/1.1\r\nHost: r\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\n%s" % (5 + len(inner), inner)
    )
    assert wire.reply().status == 400
    assert wire.socket.recv(1) == b""


@pytest.mark.parametrize(
    "path",
    [
        f"{IMAGE}/..%2f..%2fsecret/manifests/x",
        f"{IMAGE}%2Fother/manifests/x",
        f"{IMAGE}/manifests/%2e%2e",
        f"{IMAGE}/manifests/a%00b",
        f"{IMAGE}/%5c/manifests/x",
    ],
)
def test_hidden_slashes_and_dots_are_refused(wire: Wire, path: str) -> None:
    reply = wire.ask("GET", path)
    assert (reply.status, reply.code) == (400, "NAME_INVALID")


def test_a_digest_with_an_encoded_colon_is_understood(wire: Wire) -> None:
    digest = wire.push_blob(b"colon")
    reply = wire.ask("GET", f"{IMAGE}/blobs/{digest.replace(':', '%3A')}")
    assert reply.body == b"colon"


def test_one_connection_serves_many_requests(wire: Wire) -> None:
    digest = wire.push_blob(b"again")
    for _ in range(50):
        assert wire.ask("GET", f"{IMAGE}/blobs/{digest}").body == b"again"
        assert wire.ask("HEAD", f"{IMAGE}/blobs/{digest}").headers["Content-Length"] == "5"
