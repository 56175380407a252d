"""Slow clients behind the written configuration: they stop nobody else (L6 of the plan)."""

from __future__ import annotations

import random
import resource
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.proxy.fronts import Front
from tests.proxy.wire import FrontWire, digest_of
from tests.support.nginx import Nginx, free_port

IDLE, HALF_SENT, SLOW = 1000, 200, 100
DATA = random.Random(14).randbytes(4_000_000)
_FILES = 8192


@pytest.fixture(autouse=True)
def files() -> Iterator[None]:
    """Let this process have as many connections as the clients that it stands for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, allowed), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Roomy(Nginx):
    """nginx with as many connections as the head of the written configuration asks for."""

    def _write(self) -> None:
        super()._write()
        text = self.configuration.read_text()
        assert "worker_connections 512;" in text
        text = text.replace("worker_connections 512;", "worker_connections 4096;")
        self.configuration.write_text(f"worker_rlimit_nofile 16384;\n{text}")


@pytest.fixture
def roomy(fronts: Mapping[str, Front]) -> Iterator[Front]:
    """A front with that many connections, before the same server."""
    front = fronts["path"]
    text = front.nginx.text
    ports = {port: free_port() for port in (front.http_port, front.https_port)}
    for old, new in ports.items():
        text = text.replace(f"listen {old}", f"listen {new}")
    folder = Path(f"{front.nginx.folder}-roomy")
    with Roomy(folder, text) as nginx:
        yield replace(
            front, nginx=nginx, http_port=ports[front.http_port], https_port=ports[front.https_port]
        )


def idle(front: Front, stack: ExitStack, count: int) -> None:
    """Connect and do nothing: before TLS, after it, or after a request."""
    for number in range(count):
        if number % 4 < 2:
            port = front.http_port if number % 4 else front.https_port
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 60))
            continue
        wire = stack.enter_context(FrontWire(front, secure=number % 4 == 2))
        if number % 8 < 4:
            assert wire.ask("GET", "/healthz").status == 200


def half_send(front: Front, stack: ExitStack, count: int) -> None:
    """Begin uploads and send a part of each body; and heads without an end."""
    for number in range(count):
        wire = stack.enter_context(FrontWire(front, secure=number % 2 == 0))
        if number % 4 == 3:
            wire.send(b"GET /v2/ HTTP/1.1\r\nHost: registry.test\r\nX: ")
            continue
        upload = wire.start_upload(wire.image)
        coding = f"Content-Length: {len(DATA)}" if number % 4 else "Transfer-Encoding: chunked"
        wire.begin("PATCH", upload, coding)
        wire.send(b"186a0\r\n" + DATA[:50_000])


def read_slowly(front: Front, stack: ExitStack, path: str, count: int) -> None:
    """Ask for a large blob, and read nothing of it; some of them it is the server that sends."""
    for number in range(count):
        wire = stack.enter_context(FrontWire(front, secure=number % 2 == 0))
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.begin("GET", path, "Accept: */*" if number % 4 else "Range: bytes=0-0,5-")


def assert_serves(front: Front, path: str) -> None:
    """Another client logs in, pushes and pulls."""
    for _ in range(5):
        with FrontWire(front) as wire:
            assert wire.ask("GET", "/v2/").status == 200
            assert wire.ask("GET", path).body == DATA
            data = random.randbytes(300_000)
            assert wire.push_blob(data, wire.image) == digest_of(data)
            wire.push_image("slow", data, image=wire.image)


def test_slow_clients_stop_nobody_else(roomy: Front) -> None:
    with FrontWire(roomy) as wire:
        path = f"{wire.image}/blobs/{wire.push_blob(DATA, wire.image)}"
    with ExitStack() as stack:
        idle(roomy, stack, IDLE)
        half_send(roomy, stack, HALF_SENT)
        read_slowly(roomy, stack, path, SLOW)
        assert_serves(roomy, path)
    assert_serves(roomy, path)


def test_more_idle_clients_than_there_is_room_for_stop_nobody_else(
    fronts: Mapping[str, Front],
) -> None:
    """With what nginx allows by default it gives up idle connections for those that work."""
    front = fronts["path"]
    with FrontWire(front) as wire:
        path = f"{wire.image}/blobs/{wire.push_blob(DATA, wire.image)}"
    with ExitStack() as stack:
        idle(front, stack, IDLE)
        half_send(front, stack, HALF_SENT // 2)
        assert_serves(front, path)
