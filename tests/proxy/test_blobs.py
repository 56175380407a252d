"""Blobs behind nginx: small ones come from the server, large ones from the proxy, all alike."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping

import pytest

from tests.proxy.fronts import Front
from tests.proxy.wire import FrontWire, Reply, digest_of

LIMIT = 64 * 1024
"""What is larger is sent by the proxy."""
DATA = random.Random(4).randbytes(3 * LIMIT)
SIZES = (0, 1, LIMIT - 1, LIMIT, LIMIT + 1, len(DATA))


def blob(wire: FrontWire, data: bytes = DATA) -> str:
    """Push a blob and return its path."""
    return f"{wire.image}/blobs/{wire.push_blob(data, wire.image)}"


def assert_each_header_once(reply: Reply) -> None:
    names = Counter(name.lower() for name in reply.headers)
    assert set(names.values()) == {1}, reply.headers.items()
    assert "x-accel-redirect" not in names


@pytest.mark.parametrize("size", SIZES)
def test_a_blob_of_any_size_comes_whole(wire: FrontWire, size: int) -> None:
    data = DATA[:size]
    path = blob(wire, data)
    for method in ("GET", "HEAD"):
        reply = wire.ask(method, path)
        assert reply.status == 200
        assert reply.body == (data if method == "GET" else b"")
        assert_each_header_once(reply)
        expected = {
            "Content-Length": str(size),
            "Content-Type": "application/octet-stream",
            "Docker-Content-Digest": digest_of(data),
            "Docker-Distribution-Api-Version": "registry/2.0",
            "ETag": f'"{digest_of(data)}"',
            "Cache-Control": "private, max-age=31536000",
            "Content-Disposition": "attachment",
            "X-Content-Type-Options": "nosniff",
            "Accept-Ranges": "bytes",
        }
        assert {name: reply.headers[name] for name in expected} == expected
        by_proxy = method == "GET" and size > LIMIT
        assert reply.headers.get("X-Registry-Sent-By") == ("proxy" if by_proxy else None)


RANGES = {
    "bytes=0-0": slice(0, 1),
    "bytes=5-10": slice(5, 11),
    "bytes=100000-": slice(100_000, None),
    "bytes=1-100000": slice(1, 100_001),
    "bytes=-1": slice(-1, None),
    "bytes=-100000": slice(-100_000, None),
    "bytes=0-": slice(None),
    "bytes=-99999999": slice(None),
    "bytes=7-999999999999": slice(7, None),
    "bytes=7-9999999999999999999999999": slice(7, None),
}


@pytest.mark.parametrize("asked", RANGES)
def test_a_part_is_sent(wire: FrontWire, asked: str) -> None:
    path = blob(wire)
    reply = wire.ask("GET", path, f"Range: {asked}")
    start, stop, _ = RANGES[asked].indices(len(DATA))
    assert reply.status == 206
    assert reply.body == DATA[start:stop]
    assert reply.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(DATA)}"
    assert_each_header_once(reply)


@pytest.mark.parametrize(
    "asked", [f"bytes={len(DATA)}-", "bytes=9999999999-", "bytes=70000-5", "bytes=-0"]
)
def test_a_part_that_is_not_there_is_416_in_json(wire: FrontWire, asked: str) -> None:
    path = blob(wire)
    reply = wire.ask("GET", path, f"Range: {asked}")
    assert reply.status == 416
    assert reply.headers["Content-Range"] == f"bytes */{len(DATA)}"
    assert reply.headers["Content-Type"] == "application/json"
    assert json.loads(reply.body)["errors"]
    assert_each_header_once(reply)


@pytest.mark.parametrize(
    "asked",
    ["bytes=0-1,5-70000", "bytes=0-,0-,0-,0-", "bytes=5-70000,", "bytes=abc", "bytes=", "bytes=5",
     "bytes=--5", "lines=0-70000", "bytes=1-70000-2"],
)  # fmt: skip
def test_several_parts_and_malformed_ones_are_answered_with_everything(
    wire: FrontWire, asked: str
) -> None:
    """nginx by itself would refuse some of them in HTML, with half of the headers twice."""
    path = blob(wire)
    reply = wire.ask("GET", path, f"Range: {asked}")
    assert (reply.status, reply.body) == (200, DATA)
    assert_each_header_once(reply)


@pytest.mark.parametrize(
    "condition",
    ["If-Match: {}", "If-Match: *", "If-Unmodified-Since: Mon, 01 Jan 2001 00:00:00 GMT",
     "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT", 'If-None-Match: "other"'],
)  # fmt: skip
def test_conditions_that_hold_for_all_time_change_nothing(wire: FrontWire, condition: str) -> None:
    """nginx does not know the digest for the entity tag that it is, and would say 412."""
    path = blob(wire)
    for _ in range(2):
        reply = wire.ask("GET", path, condition.format(f'"{digest_of(DATA)}"'))
        assert (reply.status, reply.body) == (200, DATA)
        assert_each_header_once(reply)


def test_a_pull_is_resumed_on_condition_that_nothing_has_changed(wire: FrontWire) -> None:
    path = blob(wire)
    condition = f'If-Range: "{digest_of(DATA)}"'
    reply = wire.ask("GET", path, "Range: bytes=50000-", condition)
    assert (reply.status, reply.body) == (206, DATA[50_000:])


@pytest.mark.parametrize("size", [1, len(DATA)])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_the_client_has_is_not_sent_again(wire: FrontWire, method: str, size: int) -> None:
    data = DATA[:size]
    path = blob(wire, data)
    for known in (
        f'"{digest_of(data)}"',
        f'W/"{digest_of(data)}"',
        f'"a", "{digest_of(data)}"',
        "*",
    ):
        reply = wire.ask(method, path, f"If-None-Match: {known}")
        assert (reply.status, reply.body) == (304, b"")
        assert reply.headers["ETag"] == f'"{digest_of(data)}"'
        assert_each_header_once(reply)
    assert wire.ask("GET", "/healthz").status == 200


def test_the_right_to_a_large_blob_is_asked_for_each_time(wire: FrontWire) -> None:
    path = blob(wire)
    for method in ("GET", "HEAD"):
        for header in ("Accept: */*", "Range: bytes=1-100000", "If-None-Match: *"):
            reply = wire.ask(method, path, header, anonymous=True)
            assert reply.status == 401
            assert "X-Registry-Sent-By" not in reply.headers


def test_an_image_does_not_show_the_blobs_of_another(wire: FrontWire) -> None:
    path = blob(wire)
    other = path.replace("team/app", "team/other")
    reply = wire.ask("GET", other)
    assert reply.status == 404
    assert reply.code == "BLOB_UNKNOWN"


def spellings(digest: str) -> list[str]:
    """Ways to the place where nginx finds the content."""
    name = f"sha256/{digest[7:9]}/{digest[7:]}"
    return [
        f"/_content/{name}", f"//_content/{name}", f"/v2/../_content/{name}",
        f"/v2/%2e%2e/_content/{name}", f"/%5fcontent/{name}", f"/_content//{name}",
        f"/x/%2e%2e/_content/./{name}", f"http://registry/_content/{name}",
    ]  # fmt: skip


def test_d4_nobody_is_sent_content_past_the_server(
    fronts: Mapping[str, Front], wire: FrontWire
) -> None:
    digest = wire.push_blob(DATA, wire.image)
    stored = wire.front.server.storage / "filestore/sha256" / digest[7:9] / digest[7:]
    assert stored.read_bytes() == DATA
    for target in spellings(digest):
        for method in ("GET", "HEAD", "POST"):
            with FrontWire(wire.front) as other:
                reply = other.ask(method, target)
            assert reply.status in (400, 404, 405), (method, target)
            assert DATA[:100] not in reply.body
            assert "X-Registry-Sent-By" not in reply.headers
            if method != "HEAD":
                assert json.loads(reply.body)["errors"]
