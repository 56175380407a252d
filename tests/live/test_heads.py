"""The heads of answers, byte by byte: what every one has, and how a client finds its end."""

from __future__ import annotations

import email.utils
import json
import socket

import pytest

from tests.live.wire import IMAGE, Wire
from tests.support.live import LiveServer

NAMES = ("Server", "X-JFrog-Version", "X-Artifactory-Id", "X-Artifactory-Node-Id", "Date")


def raw(server: LiveServer, request: str) -> tuple[str, list[str], bytes]:
    """Send a request and read the answer: its first line, its headers, its body."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(f"{request}\r\nHost: registry.test\r\n\r\n".encode())
        with connection.makefile("rb") as reader:
            lines = list(iter(lambda: reader.readline().decode("latin-1").rstrip("\r\n"), ""))
            (length,) = (line.split()[1] for line in lines if line.startswith("Content-Length:"))
            return lines[0], lines[1:], reader.read(int(length))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("HEAD", "/healthz", 200),
        ("GET", "/v2/", 200),
        ("GET", f"{IMAGE}/manifests/none", 404),
        ("DELETE", "/api/system/ping", 405),
        ("GET", "/api/nothing", 404),
    ],
)
def test_every_answer_has_each_header_once(wire: Wire, method: str, path: str, status: int) -> None:
    reply = wire.ask(method, path)
    assert reply.status == status
    for name in (*NAMES, "Content-Length", "Content-Type"):
        assert len(reply.headers.get_all(name, [])) == 1, name
    assert reply.headers["Server"].startswith("Artifactory/7.")
    assert email.utils.parsedate_to_datetime(reply.headers["Date"]).year > 2000
    for name in ("Via", "Transfer-Encoding", "Connection"):
        assert name not in reply.headers


def test_an_answer_without_a_body_has_no_length_and_the_connection_goes_on(wire: Wire) -> None:
    upload = wire.start_upload()
    reply = wire.ask("GET", upload)
    assert reply.status == 204
    assert not {"Content-Length", "Transfer-Encoding", "Connection"} & set(reply.headers)
    body = wire.push_image("1.0", b"layer")
    path = f"{IMAGE}/manifests/1.0"
    tag = wire.ask("GET", path).headers["ETag"]
    reply = wire.ask("GET", path, f"If-None-Match: {tag}")
    assert (reply.status, reply.body) == (304, b"")
    assert not {"Content-Length", "Transfer-Encoding", "Connection"} & set(reply.headers)
    assert wire.ask("GET", path).body == body


def test_an_old_client_is_told_whether_the_connection_goes_on(server: LiveServer) -> None:
    first, headers, rest = raw(server, "GET /healthz HTTP/1.0")
    assert first == "HTTP/1.0 200 OK"
    assert "Connection: close" in headers
    assert f"Content-Length: {len(rest)}" in headers
    first, headers, rest = raw(server, "GET /healthz HTTP/1.0\r\nConnection: Keep-Alive")
    assert "Connection: Keep-Alive" in headers
    assert f"Content-Length: {len(rest)}" in headers
    _, headers, _ = raw(server, "GET /healthz HTTP/1.1\r\nConnection: close")
    assert "Connection: close" in headers


def test_a_request_that_cannot_be_read_is_answered_in_every_dialect(server: LiveServer) -> None:
    for request, status in (
        ("GET / HTTP/1.1\r\nContent-Length: x", 400),
        (f"GET / HTTP/1.1\r\nX: {'x' * 40_000}", 431),
    ):
        first, headers, rest = raw(server, request)
        assert first.split()[1] == str(status)
        assert "Content-Type: application/json" in headers
        assert [line for line in headers if line.startswith("Server: Artifactory/7.")]
        (error,) = json.loads(rest)["errors"]
        assert set(error) == {"status", "code", "message", "detail"}
        assert error["status"] == status
