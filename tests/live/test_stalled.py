"""Clients that stall: they cost a connection, never one of the threads that work."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.live.wire import IMAGE, Wire, digest_of
from tests.support.live import LiveServer

SIZE = 48 * 1024 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with one worker and one thread: whatever costs a thread stops it."""
    folder = tmp_path_factory.mktemp("stalled")
    settings = folder / "settings.toml"
    settings.write_text("threads = 1\n")
    environment = {"REGISTRY_CONFIG": str(settings)}
    with LiveServer(folder / "storage", workers=1, settings=environment) as running:
        yield running


@pytest.fixture(scope="module")
def blob(server: LiveServer) -> str:
    with Wire(server) as wire:
        return wire.push_blob(os.urandom(SIZE))


def assert_serves(server: LiveServer) -> None:
    with Wire(server) as wire:
        assert wire.ask("GET", "/v2/").status == 200


@pytest.mark.parametrize("header", ["Accept: */*", "Range: bytes=100-40000000"])
def test_readers_that_stop_reading_stop_nobody_else(
    server: LiveServer, blob: str, header: str
) -> None:
    with ExitStack() as stack:
        for _ in range(20):
            reader = stack.enter_context(Wire(server))
            reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.begin("GET", f"{IMAGE}/blobs/{blob}", header)
        assert_serves(server)


def test_a_reader_that_goes_on_after_a_stall_gets_everything(server: LiveServer, blob: str) -> None:
    with Wire(server) as reader:
        reader.begin("GET", f"{IMAGE}/blobs/{blob}")
        assert_serves(server)
        assert digest_of(reader.reply().body) == blob


@pytest.mark.parametrize("coding", ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
def test_uploads_that_stop_sending_stop_nobody_else(server: LiveServer, coding: str) -> None:
    with ExitStack() as stack:
        for _ in range(150):
            sender = stack.enter_context(Wire(server))
            upload = sender.start_upload()
            sender.begin("PATCH", upload, coding)
            sender.send(b"10000\r\n" + b"x" * 1000)
        assert_serves(server)


def test_d2_half_sent_heads_stop_nobody_else(server: LiveServer) -> None:
    with ExitStack() as stack:
        for _ in range(500):
            stack.enter_context(Wire(server)).send(b"GET /v2/ HTTP/1.1\r\nHost: r\r\n")
        assert_serves(server)


def test_an_upload_taken_over_from_a_dead_connection_goes_on(server: LiveServer) -> None:
    data = os.urandom(400_000)
    with Wire(server) as dead, Wire(server) as back:
        upload = dead.start_upload()
        dead.begin("PATCH", upload, "Content-Range: 0-399999", "Content-Length: 400000")
        dead.send(data[:200_000])
        start = 0
        while start < 200_000:
            start = int(back.ask("GET", upload).headers["Range"].partition("-")[2]) + 1

        rest = back.ask("PATCH", upload, f"Content-Range: {start}-399999", body=data[start:])
        assert rest.status == 202
        # The old connection comes to life again; what it sends must not reach the upload.
        dead.send(b"!" * 200_000)
        late = dead.reply()
        assert (late.status, late.headers["Range"]) == (416, "0-399999")
        assert back.ask("PUT", f"{upload}?digest={digest_of(data)}").status == 201
        assert back.ask("GET", f"{IMAGE}/blobs/{digest_of(data)}").body == data


def test_a_published_blob_is_out_of_reach_of_a_late_writer(server: LiveServer) -> None:
    data = os.urandom(300_000)
    with Wire(server) as late, Wire(server) as quick:
        upload = quick.start_upload()
        assert quick.ask("PATCH", upload, body=data).status == 202
        late.begin("PATCH", upload, "Content-Length: 100000")
        assert quick.ask("GET", upload).status == 204
        assert quick.ask("PUT", f"{upload}?digest={digest_of(data)}").status == 201
        late.send(b"!" * 100_000)
        assert late.reply().status == 404
        assert quick.ask("GET", f"{IMAGE}/blobs/{digest_of(data)}").body == data
    content = Path(server.storage, "filestore", "sha256")
    assert digest_of((content / digest_of(data)[7:9] / digest_of(data)[7:]).read_bytes()) == (
        digest_of(data)
    )
