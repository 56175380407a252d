"""Raw connections: what is sent is exactly what the test says."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from tests.conftest import basic
from tests.support.live import LiveServer

TIMEOUT = 20.0
"""Seconds after which a silent server is a failure; no test waits for it."""


@dataclass(frozen=True)
class Answer:
    """What came back on a connection."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """One connection to a server."""

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        self.authorization = basic("admin", server.admin_password)
        self.socket = socket.create_connection(("127.0.0.1", server.port), TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def head(self, method: str, target: str, *lines: str, authorization: str | None = "") -> None:
        """Send the head of a request; ``authorization`` None sends no credentials."""
        found = self.authorization if authorization == "" else authorization
        every = [f"{method} {target} HTTP/1.1", f"Host: {self.server.host}", *lines]
        if found is not None:
            every.append(f"Authorization: {found}")
        self.send("".join(f"{line}\r\n" for line in every).encode("latin-1") + b"\r\n")

    def answer(self, method: str = "GET") -> Answer:
        """Read one answer, to its end and no further."""
        response = http.client.HTTPResponse(self.socket, method=method)
        try:
            response.begin()
            return Answer(response.status, response.msg, response.read())
        finally:
            response.close()

    def request(
        self, method: str, target: str, *lines: str, body: bytes = b"", **more: str | None
    ) -> Answer:
        """Send a request with a Content-Length and return the answer."""
        self.head(method, target, f"Content-Length: {len(body)}", *lines, **more)
        self.send(body)
        return self.answer(method)

    def chunked(self, method: str, target: str, chunks: Iterable[bytes], *lines: str) -> Answer:
        """Send a request in chunks, without a length, and return the answer."""
        self.head(method, target, "Transfer-Encoding: chunked", *lines)
        for chunk in chunks:
            self.send(b"%x\r\n" % len(chunk) + chunk + b"\r\n")
        self.send(b"0\r\n\r\n")
        return self.answer(method)

    def rest(self) -> bytes:
        """Return all that comes until the server closes the connection."""
        parts = []
        while part := self.socket.recv(65536):
            parts.append(part)
        return b"".join(parts)

    def until_blank_line(self) -> bytes:
        """Return the next head, byte for byte."""
        found = b""
        while not found.endswith(b"\r\n\r\n"):
            part = self.socket.recv(1)
            assert part, found
            found += part
        return found
