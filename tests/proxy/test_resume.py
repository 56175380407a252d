"""Uploads and downloads that break off on their way through nginx, and go on where they were."""

from __future__ import annotations

import random

import pytest

from tests.proxy.wire import FrontWire, Reply, digest_of

DATA = random.Random(11).randbytes(3_000_000)
HALF = len(DATA) // 2


def is_offset(reply: Reply) -> int:
    """How many bytes of an upload have arrived, by an answer about it."""
    first, _, last = reply.headers["Range"].partition("-")
    assert first == "0"
    return int(last) + 1


@pytest.mark.parametrize("coding", ["length", "chunks"])
def test_an_upload_goes_on_where_the_connection_broke(wire: FrontWire, coding: str) -> None:
    upload = wire.start_upload(wire.image)
    with FrontWire(wire.front) as broken:
        if coding == "length":
            broken.begin("PATCH", upload, f"Content-Length: {len(DATA)}")
            broken.send(DATA[:HALF])
        else:
            broken.begin("PATCH", upload, "Transfer-Encoding: chunked")
            for start in range(0, HALF, 30_000):
                broken.chunk(DATA[start : start + 30_000])
    # What has been sent may still be on its way: the server says where it stands, and until it has
    # seen the end of the old connection that may change, which it tells by 416. A body that is
    # refused so has not been read, so its connection ends.
    for _ in range(1000):
        with FrontWire(wire.front) as resumed:
            status = resumed.ask("GET", upload)
            assert status.status == 204
            start = 0 if status.headers["Range"] == "0-0" else is_offset(status)
            assert start <= HALF + 30_000
            where = status.headers["Location"]
            span = f"Content-Range: {start}-{len(DATA) - 1}"
            sent = resumed.ask("PATCH", where, span, body=DATA[start:])
        if sent.status != 416:
            break
    assert sent.status == 202
    assert is_offset(sent) == len(DATA)
    done = wire.ask("PUT", f"{sent.headers['Location']}?digest={digest_of(DATA)}")
    assert done.status == 201
    assert wire.ask("GET", f"{wire.image}/blobs/{digest_of(DATA)}").body == DATA


def test_what_was_sent_before_the_break_is_not_sent_again(wire: FrontWire) -> None:
    upload = wire.start_upload(wire.image)
    with FrontWire(wire.front) as broken:
        broken.begin("PATCH", upload, f"Content-Length: {len(DATA)}")
        broken.send(DATA[:HALF])
        # Half of the body goes through before the rest is there: nothing waits in the proxy.
        arrived = 0
        while arrived < HALF:
            status = wire.ask("GET", upload)
            assert status.status == 204
            arrived = 0 if status.headers["Range"] == "0-0" else is_offset(status)
    assert arrived == HALF


@pytest.mark.parametrize("size", [50_000, len(DATA)], ids=["by the server", "by the proxy"])
def test_a_download_goes_on_where_the_connection_broke(wire: FrontWire, size: int) -> None:
    data = DATA[:size]
    path = f"{wire.image}/blobs/{wire.push_blob(data, wire.image)}"
    with FrontWire(wire.front) as broken:
        broken.begin("GET", path)
        head = b""
        while b"\r\n\r\n" not in head:
            head += broken.socket.recv(1000)
        got = head.partition(b"\r\n\r\n")[2]
        while len(got) < 20_000:
            got += broken.socket.recv(1000)
    assert data.startswith(got)
    rest = wire.ask("GET", path, f"Range: bytes={len(got)}-")
    assert rest.status == 206
    assert got + rest.body == data


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537])
@pytest.mark.parametrize("way", ["one request", "POST and PUT", "chunks"])
def test_every_way_of_uploading_goes_through(wire: FrontWire, size: int, way: str) -> None:
    data = DATA[-size:] if size else b""
    digest = digest_of(data)
    if way == "one request":
        wire.push_blob(data, wire.image)
    elif way == "POST and PUT":
        upload = wire.start_upload(wire.image)
        assert wire.ask("PUT", f"{upload}?digest={digest}", body=data).status == 201
    else:
        upload = wire.start_upload(wire.image)
        wire.begin("PUT", f"{upload}?digest={digest}", "Transfer-Encoding: chunked")
        for start in range(0, size, 10_000):
            wire.chunk(data[start : start + 10_000])
        wire.chunk(b"")
        assert wire.reply().status == 201
    assert wire.ask("GET", f"{wire.image}/blobs/{digest}").body == data


def test_a_body_that_is_not_wanted_is_refused_before_it_has_come(wire: FrontWire) -> None:
    """The proxy passes on the head at once, and the answer while the body is still missing."""
    wire.begin(
        "POST", f"{wire.image}/blobs/uploads/?digest={digest_of(DATA)}",
        f"Content-Length: {10**10}", anonymous=True,
    )  # fmt: skip
    wire.send(DATA[:100_000])
    assert wire.reply().status == 401


def test_a_client_that_asks_first_is_told_to_go_on(wire: FrontWire) -> None:
    target = f"{wire.image}/blobs/uploads/?digest={digest_of(DATA)}"
    wire.begin("POST", target, f"Content-Length: {len(DATA)}", "Expect: 100-continue")
    interim = b""
    while not interim.endswith(b"\r\n\r\n"):
        interim += wire.socket.recv(1)
    assert interim.startswith(b"HTTP/1.1 100 ")
    wire.send(DATA)
    assert wire.reply().status == 201
