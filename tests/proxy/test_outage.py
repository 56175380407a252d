"""The server goes away behind nginx, and comes back: clients are told, and nobody reloads nginx."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.proxy.backend import SocketServer, short_folder
from tests.proxy.fronts import METHODS, Front, create_repositories, fronted
from tests.proxy.wire import FrontWire, Reply, digest_of
from tests.support.nginx import Certificate

DATA = random.Random(12).randbytes(2_000_000)


@pytest.fixture(scope="module")
def own(certificate: Certificate) -> Iterator[dict[str, Front]]:
    """A server of this file's own, and nginx before it in each of the three methods."""
    with ExitStack() as stack:
        folder: Path = stack.enter_context(short_folder())
        server = stack.enter_context(SocketServer(folder, workers=1))
        ports = create_repositories(server)
        yield {
            method: stack.enter_context(fronted(server, certificate, method, folder, ports))
            for method in METHODS
        }


@pytest.fixture
def front(own: dict[str, Front]) -> Front:
    """The first of them."""
    return own["path"]


def assert_unavailable(reply: Reply) -> None:
    assert reply.status == 503
    assert reply.headers["Content-Type"] == "application/json"
    assert int(reply.headers["Retry-After"]) > 0
    assert reply.code == "UNAVAILABLE"


def assert_down(front: Front) -> None:
    """Everybody is told that the server is away, on old connections and on new ones."""
    for method, target in (("GET", "/v2/"), ("GET", "/"), ("GET", "/v2/team/app/manifests/1")):
        with FrontWire(front) as wire:
            assert_unavailable(wire.ask(method, target))
            assert_unavailable(wire.ask(method, target, anonymous=True))
    with FrontWire(front) as wire:
        assert wire.ask("HEAD", f"{wire.image}/manifests/1").status == 503
    for size in (0, 1000, len(DATA)):
        with FrontWire(front) as wire:
            target = f"{wire.image}/blobs/uploads/?digest={digest_of(DATA[:size])}"
            assert_unavailable(wire.ask("POST", target, body=DATA[:size]))


@pytest.mark.parametrize(
    ("method", "end"), [("path", "stopped"), ("subdomain", "killed"), ("port", "killed")]
)
def test_a_server_that_is_away_is_503_in_json_until_it_is_back(
    own: dict[str, Front], method: str, end: str
) -> None:
    front = own[method]
    with FrontWire(front) as old:
        path = f"{old.image}/blobs/{old.push_blob(DATA, old.image)}"
        if end == "stopped":
            front.server.stop()
        else:
            front.server.kill()
        try:
            assert_unavailable(old.ask("GET", path))
            assert_down(front)
        finally:
            front.server.start()
        assert old.ask("GET", path).body == DATA
    with FrontWire(front) as wire:
        wire.push_blob(DATA[:70_000], wire.image)


def test_an_upload_goes_on_after_the_server_was_killed_in_its_middle(front: Front) -> None:
    with FrontWire(front) as wire, FrontWire(front) as asking:
        upload = wire.start_upload(wire.image)
        wire.begin("PATCH", upload, f"Content-Length: {len(DATA)}")
        wire.send(DATA[:1_000_000])
        while not asking.ask("GET", upload).headers["Range"].endswith("-999999"):
            pass
        front.server.kill()
        try:
            # The proxy has lost the answer that it waits for, and does not wait for the rest.
            assert_unavailable(wire.reply())
        finally:
            front.server.start()
    with FrontWire(front) as wire:
        status = wire.ask("GET", upload)
        assert status.status == 204
        first = int(status.headers["Range"].partition("-")[2]) + 1
        assert 0 < first <= 1_000_000
        sent = wire.ask("PATCH", upload, f"Content-Range: {first}-1999999", body=DATA[first:])
        assert sent.status == 202
        done = wire.ask("PUT", f"{sent.headers['Location']}?digest={digest_of(DATA)}")
        assert done.status == 201


def test_a_download_by_the_proxy_outlives_the_server(front: Front) -> None:
    """The server has said yes; the bytes come from the proxy."""
    large = DATA * 8
    with FrontWire(front) as wire:
        path = f"{wire.image}/blobs/{wire.push_blob(large, wire.image)}"
        wire.begin("GET", path)
        head = wire.socket.recv(1)
        front.server.kill()
        try:
            while not head.endswith(b"\r\n\r\n"):
                head += wire.socket.recv(1)
            body = bytearray()
            while part := wire.socket.recv(1_000_000):
                body += part
                if len(body) == len(large):
                    break
        finally:
            front.server.start()
    assert body == large
