"""A layer of 1 GiB through nginx: it goes through, and is kept nowhere but in the store."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.live.test_memory import LIMIT, peak_memory
from tests.proxy.fronts import Front
from tests.proxy.wire import FrontWire

PIECE = 1024 * 1024
PIECES = 1024
SIZE = PIECES * PIECE
_PATTERN = random.Random(10).randbytes(PIECE)


def piece(number: int) -> bytes:
    """One MiB of the layer; each is another one."""
    return number.to_bytes(8, "big") + _PATTERN[8:]


@pytest.fixture
def front(fronts: Mapping[str, Front]) -> Front:
    """One front is enough."""
    return fronts["path"]


def temporary(front: Front) -> dict[str, int]:
    """When something last came into or left the folders in which nginx would keep bodies."""
    folders = (front.nginx.folder / name for name in ("body", "proxy"))
    return {str(folder): folder.stat().st_mtime_ns for folder in folders}


def push(wire: FrontWire) -> str:
    """Push the layer as docker does, in chunks of a length told by none; return its digest."""
    upload = wire.start_upload(wire.image)
    wire.begin("PATCH", upload, "Transfer-Encoding: chunked")
    hashed = hashlib.sha256()
    for number in range(PIECES):
        data = piece(number)
        hashed.update(data)
        wire.chunk(data)
    wire.chunk(b"")
    sent = wire.reply()
    assert (sent.status, sent.headers["Range"]) == (202, f"0-{SIZE - 1}")
    digest = f"sha256:{hashed.hexdigest()}"
    assert wire.ask("PUT", f"{sent.headers['Location']}?digest={digest}").status == 201
    return digest


def pull(wire: FrontWire, path: str, *headers: str) -> Iterator[bytes]:
    """Pull in pieces, without keeping them; the first thing is the head of the answer."""
    wire.begin("GET", path, *headers)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += wire.socket.recv(1)
    yield head
    buffer, filled = memoryview(bytearray(PIECE)), 0
    while count := wire.socket.recv_into(buffer[filled:]):
        filled += count
        if filled == PIECE:
            yield bytes(buffer)
            filled = 0
    assert filled == 0


def assert_pulled(wire: FrontWire, path: str, first: int) -> None:
    """Pull all from one piece on, and compare."""
    headers = ["Connection: close"] + ([f"Range: bytes={first * PIECE}-"] if first else [])
    pieces = pull(wire, path, *headers)
    head = next(pieces)
    assert head.startswith(b"HTTP/1.1 206" if first else b"HTTP/1.1 200")
    assert b"\r\nX-Registry-Sent-By: proxy\r\n" in head
    assert f"\r\nContent-Length: {(PIECES - first) * PIECE}\r\n".encode() in head
    last = first
    for number, data in enumerate(pieces, first):
        assert data == piece(number)
        last = number + 1
    assert last == PIECES


def test_a_layer_of_a_gibibyte_goes_through(front: Front) -> None:
    before = temporary(front)
    with FrontWire(front) as wire:
        digest = push(wire)
        path = f"{wire.image}/blobs/{digest}"
        assert wire.ask("HEAD", path).headers["Content-Length"] == str(SIZE)
    with FrontWire(front) as wire:
        assert_pulled(wire, path, 0)
    with FrontWire(front, secure=False) as wire:
        assert_pulled(wire, path, PIECES // 2)

    for pid in (*front.server.worker_pids(), *front.nginx.worker_pids()):
        assert peak_memory(pid) < LIMIT
    assert temporary(front) == before
    stored = Path(front.server.storage, "filestore/sha256", digest[7:9], digest[7:]).stat()
    assert stored.st_size == SIZE
    assert stored.st_blocks * 512 < SIZE + SIZE // 100


def test_what_the_server_sends_by_itself_is_kept_nowhere_either(front: Front) -> None:
    """A slow reader holds up the server, which that costs nothing, and fills no disk."""
    before = temporary(front)
    data = b"".join(piece(number) for number in range(32))
    with FrontWire(front) as slow, FrontWire(front) as other:
        path = f"{slow.image}/blobs/{slow.push_blob(data, slow.image)}"
        # The proxy does not take this for content that it could send.
        slow.begin("GET", path, 'If-Match: "x"')
        for _ in range(50):
            assert other.ask("GET", "/healthz").status == 200
        reply = slow.reply()
    assert "X-Registry-Sent-By" not in reply.headers
    assert reply.body == data
    assert temporary(front) == before
