"""Large bodies: taken in only when they are wanted, from the socket straight to the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.test_memory import peak_memory
from tests.live.wire import IMAGE, Wire, digest_of
from tests.support.live import LiveServer

MIB = 1024 * 1024
HUGE = 10 * 1024 * MIB


def uploads(server: LiveServer) -> set[str]:
    return set(os.listdir(server.storage / "uploads"))


@pytest.fixture
def nothing_left_behind(server: LiveServer) -> Iterator[None]:
    before = uploads(server)
    yield
    assert uploads(server) - before == set()


@pytest.mark.usefixtures("nothing_left_behind")
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_d5_an_unauthorised_body_is_refused_before_it_is_sent(wire: Wire, method: str) -> None:
    path = f"{IMAGE}/blobs/uploads/" if method == "POST" else f"{IMAGE}/blobs/uploads/{'0' * 32}"
    query = f"?digest={digest_of(b'x')}"
    wire.begin(method, path + query, f"Content-Length: {HUGE}", anonymous=True)

    reply = wire.reply()

    assert (reply.status, reply.code) == (401, "UNAUTHORIZED")
    assert "Bearer" in reply.headers["WWW-Authenticate"]
    assert reply.headers["Connection"] == "close"


@pytest.mark.usefixtures("nothing_left_behind")
def test_d5_an_unauthorised_endless_body_is_refused_after_little(wire: Wire) -> None:
    wire.begin(
        "PATCH", f"{IMAGE}/blobs/uploads/{'0' * 32}", "Transfer-Encoding: chunked", anonymous=True
    )
    for _ in range(3):
        wire.chunk(b"x" * 32 * 1024)

    assert wire.reply().status == 401


@pytest.mark.usefixtures("nothing_left_behind")
def test_the_answer_survives_a_client_that_goes_on_sending(wire: Wire) -> None:
    wire.begin("PUT", f"{IMAGE}/manifests/t", f"Content-Length: {64 * MIB}", anonymous=True)
    # Closing at once would reset the connection, and the client would never read the answer.
    for _ in range(64):
        wire.send(b"x" * 64 * 1024)

    assert wire.reply().status == 401


@pytest.mark.usefixtures("nothing_left_behind")
def test_continue_is_said_only_to_whom_the_body_is_wanted_of(wire: Wire) -> None:
    data = b"expected" * 100
    path = f"{IMAGE}/blobs/uploads/?digest={digest_of(data)}"
    expect = ("Expect: 100-continue", f"Content-Length: {len(data)}")
    wire.begin("POST", path, *expect)
    assert wire.socket.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
    wire.send(data)
    assert wire.reply().status == 201

    wire.begin("POST", path, *expect, anonymous=True)
    assert wire.reply().status == 401


@pytest.mark.parametrize(
    ("method", "path", "header", "status", "code"),
    [
        ("PUT", f"{IMAGE}/manifests/t", "Accept: */*", 413, "SIZE_INVALID"),
        ("PATCH", f"{IMAGE}/blobs/uploads/{'0' * 32}", "Accept: */*", 404, "BLOB_UPLOAD_UNKNOWN"),
        ("POST", f"{IMAGE}/blobs/uploads/?digest=md5:1", "Accept: */*", 400, "DIGEST_INVALID"),
        ("PUT", f"{IMAGE}/manifests/bad%20tag", "Accept: */*", 400, "TAG_INVALID"),
        ("POST", f"{IMAGE}/blobs/uploads/?digest={digest_of(b'')}", "Accept: */*", 507, "UNKNOWN"),
    ],
)
def test_a_body_that_cannot_be_good_is_refused_before_it_is_sent(
    wire: Wire, method: str, path: str, header: str, status: int, code: str
) -> None:
    wire.begin(method, path, header, f"Content-Length: {HUGE * 1024}")

    reply = wire.reply()

    assert (reply.status, reply.code) == (status, code)


def test_a_chunk_that_begins_wrong_is_refused_before_it_is_sent(wire: Wire) -> None:
    upload = wire.start_upload()
    wire.begin("PATCH", upload, "Content-Range: 5-99999999", "Content-Length: 99999995")

    reply = wire.reply()

    assert (reply.status, reply.code) == (416, "RANGE_INVALID")
    assert reply.headers["Range"] == "0-0"
    assert reply.headers["Location"] == upload


def test_a_chunk_that_begins_wrong_leaves_the_upload_as_it_was(server: LiveServer) -> None:
    with Wire(server) as first:
        upload = first.start_upload()
        assert first.ask("PATCH", upload, body=b"abc").status == 202
        first.begin("PATCH", upload, "Content-Range: 5-99999999", "Content-Length: 99999995")
        assert first.reply().status == 416
    with Wire(server) as second:
        assert second.ask("GET", upload).headers["Range"] == "0-2"
        assert second.ask("PUT", f"{upload}?digest={digest_of(b'abc')}").status == 201


@pytest.mark.usefixtures("nothing_left_behind")
def test_a_body_over_a_gibibyte_is_taken_with_little_memory(
    server: LiveServer, wire: Wire, tmp_path: Path
) -> None:
    size = 1024 * MIB + 12345
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as file:
        file.truncate(size)
    upload = wire.start_upload()

    wire.begin("PATCH", upload, f"Content-Length: {size}")
    with sparse.open("rb") as file:
        wire.socket.sendfile(file)
    reply = wire.reply()
    assert reply.status == 202
    assert reply.headers["Range"] == f"0-{size - 1}"
    assert wire.ask("DELETE", upload).status == 204

    for pid in server.worker_pids():
        assert peak_memory(pid) < 100 * MIB


@pytest.mark.usefixtures("nothing_left_behind")
@pytest.mark.parametrize("size", [1, 4096, 65536, 65537, 300_000, 3 * MIB])
@pytest.mark.parametrize("piece", [1000, 32 * 1024])
def test_chunked_and_plain_bodies_arrive_byte_for_byte(wire: Wire, size: int, piece: int) -> None:
    data = os.urandom(size)
    digest = digest_of(data)
    wire.begin("POST", f"{IMAGE}/blobs/uploads/?digest={digest}", "Transfer-Encoding: chunked")
    for offset in range(0, size, piece):
        wire.chunk(data[offset : offset + piece])
    wire.send(b"0\r\nTrailer: x\r\n\r\n")
    assert wire.reply().status == 201
    assert wire.ask("GET", f"{IMAGE}/blobs/{digest}").body == data

    upload = wire.start_upload()
    assert wire.ask("PUT", f"{upload}?digest={digest}", body=data).status == 201


def test_a_head_and_body_sent_byte_by_byte_are_understood(wire: Wire) -> None:
    data = b"slow but steady"
    request = (
        f"POST {IMAGE}/blobs/uploads/?digest={digest_of(data)} HTTP/1.1\r\nHost: r\r\n"
        f"{wire.authorization}\r\nTransfer-Encoding: chunked\r\n\r\n"
    ).encode()
    for byte in request + b"%x;ext=1\r\n%s\r\n0\r\n\r\n" % (len(data), data):
        wire.send(bytes([byte]))
    assert wire.reply().status == 201


@pytest.mark.parametrize(
    "body",
    [
        *(b"zz\r\n", b"-1\r\n", b"+5\r\nhello\r\n", b"0x5\r\nhello\r\n", b"5\nhello\r\n"),
        *(b"5\r\nhello!\r\n", b"5 ;\x00\r\nhello\r\n", b"f" * 5000, b"\r\n"),
        b"0\r\n" + b"T: x\r\n" * 100,
    ],
)
def test_a_malformed_chunked_body_is_refused_and_changes_nothing(wire: Wire, body: bytes) -> None:
    upload = wire.start_upload()
    wire.begin("PATCH", upload, "Transfer-Encoding: chunked")
    wire.send(body)

    reply = wire.reply()

    assert reply.status == 400
    assert reply.code == "UNSUPPORTED"


def test_a_malformed_chunk_late_in_a_large_body_is_refused(wire: Wire) -> None:
    upload = wire.start_upload()
    wire.begin("PATCH", upload, "Transfer-Encoding: chunked")
    for _ in range(8):
        wire.chunk(b"x" * 32 * 1024)
    wire.send(b"nonsense\r\n")

    assert wire.reply().status == 400


def test_requests_on_one_connection_are_answered_in_order(wire: Wire) -> None:
    data = os.urandom(200_000)
    wire.begin("POST", f"{IMAGE}/blobs/uploads/?digest={digest_of(data)}", "Content-Length: 200000")
    wire.send(data + b"GET /api/system/ping HTTP/1.1\r\nHost: r\r\n\r\n" * 3)
    wire.begin("GET", f"{IMAGE}/blobs/{digest_of(data)}")

    assert wire.reply().status == 201
    assert [wire.reply().body for _ in range(3)] == [b"OK"] * 3
    assert wire.reply().body == data


def test_a_blob_whose_client_leaves_is_forgotten(server: LiveServer) -> None:
    with Wire(server) as leaving:
        leaving.begin(
            "POST", f"{IMAGE}/blobs/uploads/?digest={digest_of(b'')}", f"Content-Length: {64 * MIB}"
        )
        leaving.send(b"x" * MIB)
    # The other worker, or the same one, answers when the loop has seen the end of the connection.
    with Wire(server) as other:
        for _ in range(200):
            if not any(name.endswith(".data") for name in uploads(server)):
                break
            assert other.ask("GET", "/api/system/ping").status == 200


def test_what_arrived_of_a_broken_chunk_can_be_gone_on_from(server: LiveServer) -> None:
    data = os.urandom(MIB)
    with Wire(server) as leaving:
        upload = leaving.start_upload()
        span = f"Content-Range: 0-{MIB - 1}"
        leaving.begin("PATCH", upload, span, f"Content-Length: {MIB}")
        leaving.send(data[: MIB // 2])
    status, start = 0, -1
    while status != 202:
        with Wire(server) as back:
            if start < 0:
                reached = back.ask("GET", upload).headers["Range"]
            # 416: bytes that were on their way when the status was asked have come in since.
            start = int(reached.partition("-")[2]) + 1 if reached != "0-0" else 0
            span = f"Content-Range: {start}-{MIB - 1}"
            reply = back.ask("PATCH", upload, span, body=data[start:])
            status, reached = reply.status, reply.headers["Range"]
            assert status in (202, 416), reply
    with Wire(server) as back:
        assert back.ask("PUT", f"{upload}?digest={digest_of(data)}").status == 201
        assert back.ask("GET", f"{IMAGE}/blobs/{digest_of(data)}").body == data
