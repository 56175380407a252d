"""Requests to a server by its unix socket or by nginx, over one connection that stays."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

HOST = "registry.test"
TOO_LARGE = 10**12
"""Bytes that a body is said to have; none of them is sent."""
BODIES = ("given", "empty", "absent", "chunked", "larger than the limit")
"""How a body can be sent; ``given``: as clients do."""
_TIMEOUT = 60.0
_CHANGING = ("Date", "Connection")
"""Headers that say nothing of what was asked for."""


@dataclass(frozen=True)
class Answer:
    """An answer, read to its end."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """The values of a header, joined."""
        return ", ".join(value for key, value in self.headers if key.lower() == name.lower())

    def about(self, names: Mapping[str, str]) -> Answer:
        """The same answer with each name replaced by the one that stands for it."""
        body, headers = self.body, self.headers
        for name, other in names.items():
            body = body.replace(name.encode(), other.encode())
            headers = tuple((key, value.replace(name, other)) for key, value in headers)
        return Answer(self.status, headers, body)


class Way(http.client.HTTPConnection):
    """One way to the server."""

    def __init__(self, target: Path | int) -> None:
        """Describe the way by a unix socket, or by a port of this machine."""
        super().__init__("127.0.0.1", timeout=_TIMEOUT)
        self.target = target

    def connect(self) -> None:
        """Connect; called where a request is sent and no connection is open."""
        if isinstance(self.target, int):
            self.sock = socket.create_connection(("127.0.0.1", self.target), _TIMEOUT)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_TIMEOUT)
        self.sock.connect(str(self.target))

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        form: str = "given",
    ) -> Answer:
        """Send a request, with its body in one of the forms, and read the answer."""
        self.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": HOST, **(headers or {}), **_length(method, body, form)}.items():
            self.putheader(name, value)
        self.endheaders()
        if form == "given" and body:
            self.send(body)
        elif form == "chunked":
            for part in _chunks(body):
                self.send(part)
        with self.getresponse() as response:
            kept = tuple(pair for pair in response.getheaders() if pair[0] not in _CHANGING)
            answer = Answer(response.status, kept, response.read())
        if form == "larger than the limit":
            # The rest of the request is still owed.
            self.close()
        return answer


def _length(method: str, body: bytes, form: str) -> Mapping[str, str]:
    if form == "chunked":
        return {"Transfer-Encoding": "chunked"}
    if form == "larger than the limit":
        return {"Content-Length": str(TOO_LARGE)}
    if form == "empty" or (form == "given" and (body or method in ("POST", "PUT", "PATCH"))):
        return {"Content-Length": str(len(body) if form == "given" else 0)}
    return {}


def _chunks(body: bytes) -> Iterator[bytes]:
    half = len(body) // 2
    for part in (body[:half], body[half:]):
        if part:
            yield b"%x\r\n%s\r\n" % (len(part), part)
    yield b"0\r\n\r\n"
