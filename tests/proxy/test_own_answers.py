"""What nginx says by itself is JSON, too: refusals, content that it cannot read, a dead server."""

from __future__ import annotations

import grp
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tests.proxy.fronts import Front
from tests.proxy.wire import FrontWire, Reply
from tests.support.nginx import Nginx, free_port
from tests.support.tools import require_root


def assert_json(reply: Reply) -> None:
    assert reply.headers["Content-Type"] == "application/json"
    assert json.loads(reply.body)["errors"][0]["message"]


REFUSED = {
    "a path with a zero byte": ("GET", "/v2/%00", []),
    "a path that leaves the root": ("GET", "/v2/..%2f..%2f..%2fx", []),
    "a long path": ("GET", f"/v2/{'x' * 40_000}", []),
    "a long header": ("GET", "/v2/", [f"X: {'y' * 40_000}"]),
    "a name with a space": ("GET", "/v2/", ["A b: c"]),
    "two hosts": ("GET", "/v2/", ["Host: x", "Host: y"]),
    "no host that could be": ("GET", "/v2/", ["Host: /"]),
    "an unknown coding": ("POST", "/v2/", ["Transfer-Encoding: gzip"]),
    "two lengths": ("POST", "/v2/", ["Content-Length: 1", "Transfer-Encoding: chunked"]),
    "TRACE": ("TRACE", "/v2/", []),
    "CONNECT": ("CONNECT", "x:1", []),
    "a method that is none": ("G%T", "/v2/", []),
    "a page of the proxy's own": ("GET", "/_refused", []),
    "content": ("GET", "/_content/", []),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_is_json(wire: FrontWire, name: str) -> None:
    method, target, headers = REFUSED[name]
    reply = wire.ask(method, target, *headers)
    assert 400 <= reply.status < 500 or reply.status == 501
    assert_json(reply)


@pytest.mark.parametrize("data", [b"garbage\r\n\r\n", b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_plain_http_on_a_port_for_https_is_refused_in_json(front: Front, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", front.https_port), 60) as connection:
        connection.sendall(data)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"plain HTTP on a port for HTTPS" in answer


def changed(front: Front, old: str, new: str) -> tuple[Front, str]:
    """The same front on other ports, with a change of its configuration."""
    other = replace(front, http_port=free_port(), https_port=free_port())
    text = front.nginx.text
    for before, after in (
        (f"listen {front.http_port};", f"listen {other.http_port};"),
        (f"listen {front.https_port} ssl;", f"listen {other.https_port} ssl;"),
        (old, new),
    ):
        assert before in text
        text = text.replace(before, after)
    return other, text


def large_blob(front: Front) -> str:
    with FrontWire(front) as wire:
        return f"{wire.image}/blobs/{wire.push_blob(b'large' * 50_000, wire.image)}"


def test_a_proxy_on_a_machine_without_the_content_says_404_in_json(
    fronts: Mapping[str, Front],
) -> None:
    front = fronts["path"]
    path = large_blob(front)
    other, text = changed(front, f"alias {front.server.storage}/filestore/;", "alias /nowhere/;")
    with Nginx(front.nginx.folder / "elsewhere", text), FrontWire(other) as wire:
        reply = wire.ask("GET", path)
    assert (reply.status, reply.code) == (404, "BLOB_UNKNOWN")
    assert_json(reply)


@contextmanager
def open_socket(front: Front) -> Iterator[None]:
    """Let everybody connect to the server, so that the content alone is out of reach."""
    path, folder = front.server.socket, front.server.socket.parent
    path.chmod(0o666)
    folder.chmod(0o711)
    try:
        yield
    finally:
        folder.chmod(0o750)
        path.chmod(0o660)


def test_a_proxy_that_may_not_read_the_content_says_so_in_json(
    fronts: Mapping[str, Front],
) -> None:
    require_root()
    front = fronts["path"]
    path = large_blob(front)
    other, text = changed(front, "server_tokens off;", "server_tokens off;")
    nginx = Nginx(front.nginx.folder.parent / "other-user", text, user="www-data")
    with open_socket(front), nginx, FrontWire(other) as wire:
        reply = wire.ask("GET", path)
        small = wire.ask("GET", "/healthz")
    assert small.status == 200
    assert reply.status == 500
    assert "cannot read the content" in reply.body.decode()
    assert_json(reply)


def test_a_proxy_in_the_group_of_the_server_sends_content(fronts: Mapping[str, Front]) -> None:
    """As the configuration says in its head: the folder, the content and the socket allow that."""
    require_root()
    front = fronts["path"]
    path = large_blob(front)
    other, text = changed(front, "server_tokens off;", "server_tokens off;")
    group = grp.getgrgid(front.server.storage.stat().st_gid).gr_name
    nginx = Nginx(front.nginx.folder.parent / "group", text, user=f"www-data {group}")
    with nginx, FrontWire(other) as wire:
        reply = wire.ask("GET", path)
    assert reply.status == 200
    assert reply.headers["X-Registry-Sent-By"] == "proxy"
