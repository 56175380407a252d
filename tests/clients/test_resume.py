"""Uploads that break off in the middle, and go on where the registry says that they stopped."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.wire import Answer, Wire, digest_of
from tests.support.live import LiveServer

IMAGE = "docker-local/team/resumed"
CHUNK = 8 * 1024 * 1024
BLOB = random.Random(7).randbytes(3 * CHUNK)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    """A server of the test's own, which it may kill."""
    with LiveServer(tmp_path / "storage", workers=2) as running:
        yield running


@pytest.fixture
def wire(server: LiveServer) -> Wire:
    """Plain HTTP to that server."""
    return Wire(server, "admin", server.admin_password)


def path_of(answer: Answer) -> str:
    """The path of the upload that an answer's Location leads to."""
    location = answer.headers["location"]
    return "/" + location.split("/", 3)[3] if "://" in location else location


def next_byte(answer: Answer) -> int:
    """The offset at which the upload goes on, by an answer's Range."""
    first, _, last = answer.headers["range"].partition("-")
    assert first == "0"
    return int(last) + 1


def send_chunk(wire: Wire, path: str, start: int, end: int) -> Answer:
    """Send the bytes of the blob from ``start`` up to ``end``."""
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Range": f"{start}-{end - 1}",
    }
    return wire.ask("PATCH", path, BLOB[start:end], headers)


def begin(wire: Wire) -> str:
    """Begin an upload, send the first chunk, and return the path of what follows."""
    begun = wire.ask("POST", f"/v2/{IMAGE}/blobs/uploads/", b"")
    assert begun.status == 202, begun
    first = send_chunk(wire, path_of(begun), 0, CHUNK)
    assert first.status == 202, first
    assert next_byte(first) == CHUNK
    return path_of(first)


def half_a_chunk(server: LiveServer, wire: Wire, path: str) -> socket.socket:
    """Announce the second chunk, send half of it, and leave the connection open."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    head = (
        f"PATCH {path} HTTP/1.1\r\nHost: {server.host}\r\nAuthorization: {wire.authorization}\r\n"
        f"Content-Type: application/octet-stream\r\nContent-Length: {CHUNK}\r\n"
        f"Content-Range: {CHUNK}-{2 * CHUNK - 1}\r\n\r\n"
    )
    connection.sendall(head.encode() + BLOB[CHUNK : CHUNK + CHUNK // 2])
    return connection


def finish(wire: Wire, path: str) -> None:
    """Go on where the registry says, close the upload, and compare what is stored."""
    digest = digest_of(BLOB)
    # A broken request may still be on its way out when the next one comes; a client that is told
    # 416 asks again where it stands.
    for _ in range(20):
        status = wire.ask("GET", path)
        assert status.status == 204, status
        start = next_byte(status)
        assert CHUNK <= start <= CHUNK + CHUNK // 2
        rest = send_chunk(wire, path_of(status), start, len(BLOB))
        if rest.status != 416:
            break
    assert rest.status == 202, rest
    assert next_byte(rest) == len(BLOB)
    location = path_of(rest)
    separator = "&" if "?" in location else "?"
    done = wire.ask("PUT", f"{location}{separator}digest={digest}", b"")
    assert done.status == 201, done
    assert done.headers["docker-content-digest"] == digest
    assert wire.blob(IMAGE, digest) == BLOB


def test_an_upload_goes_on_after_the_server_was_killed(server: LiveServer, wire: Wire) -> None:
    path = begin(wire)
    with half_a_chunk(server, wire, path):
        server.kill()
    server.start()
    finish(wire, path)


def test_an_upload_goes_on_after_an_orderly_restart(server: LiveServer, wire: Wire) -> None:
    path = begin(wire)
    server.stop()
    server.start()
    finish(wire, path)


def test_an_upload_goes_on_after_the_client_was_cut_off(server: LiveServer, wire: Wire) -> None:
    path = begin(wire)
    half_a_chunk(server, wire, path).close()
    finish(wire, path)


def test_requests_of_one_upload_go_to_whichever_worker_is_free(
    server: LiveServer, wire: Wire
) -> None:
    begun = wire.ask("POST", f"/v2/{IMAGE}/blobs/uploads/", b"")
    path, piece = path_of(begun), len(BLOB) // 48
    for start in range(0, len(BLOB), piece):
        answer = send_chunk(wire, path, start, min(start + piece, len(BLOB)))
        assert answer.status == 202, answer
        path = path_of(answer)
    digest = digest_of(BLOB)
    separator = "&" if "?" in path else "?"
    done = wire.ask("PUT", f"{path}{separator}digest={digest}", b"")
    assert done.status == 201, done
    assert wire.blob(IMAGE, digest) == BLOB


def test_a_killed_worker_is_replaced_and_loses_nothing(server: LiveServer, wire: Wire) -> None:
    path = begin(wire)
    before = server.worker_pids()
    assert len(before) == 2
    with half_a_chunk(server, wire, path):
        server.kill_worker(before[0])
        server.kill_worker(before[1])
    finish(wire, path)
