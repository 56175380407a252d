"""Raw HTTP through a front: every byte as the test says, over TLS or not."""

from __future__ import annotations

import base64
import re
import socket
import ssl
from functools import lru_cache
from pathlib import Path

from tests.live.wire import Reply, Wire, _OneReader, digest_of
from tests.proxy.fronts import LOCAL, Place

TIMEOUT = 60.0
"""Seconds after which a silent server is a failure; no test waits for it."""

__all__ = ["FrontWire", "Reply", "challenge", "digest_of"]


@lru_cache
def _trusting(authority: Path) -> ssl.SSLContext:
    """A client's TLS that believes one authority and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(str(authority))
    return context


class FrontWire(Wire):
    """One connection through a front, to the registry of one repository."""

    def __init__(
        self,
        front: Place,
        key: str = LOCAL,
        *,
        secure: bool = True,
        source: str = "127.0.0.1",
        user: str = "admin",
        password: str = "",
    ) -> None:
        """Connect from the address ``source``, of the network 127.0.0.0/8."""
        self.front = front
        self.key = key
        self.host = front.host(key, secure=secure)
        self.base = f"{'https' if secure else 'http'}://{self.host}"
        self.image = f"/v2/{front.image(key, 'team/app')}"
        name = self.host.partition(":")[0]
        plain = socket.create_connection(
            ("127.0.0.1", front.port(key, secure=secure)), TIMEOUT, (source, 0)
        )
        context = _trusting(front.certificate.authority)
        self.socket = context.wrap_socket(plain, server_hostname=name) if secure else plain
        self._reader = _OneReader(socket.SocketIO(self.socket, "r"))
        secret = f"{user}:{password or front.server.admin_password}".encode()
        self.authorization = f"Authorization: Basic {base64.b64encode(secret).decode()}"

    def begin(self, method: str, path: str, *headers: str, anonymous: bool = False) -> None:
        """Send a request's head, with the host as clients write it."""
        lines = [f"{method} {path} HTTP/1.1"]
        if not any(header.lower().startswith("host:") for header in headers):
            lines.append(f"Host: {self.host}")
        lines += headers
        if not anonymous:
            lines.append(self.authorization)
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1"))


def challenge(reply: Reply) -> dict[str, str]:
    """The parts of the challenge that an answer 401 has."""
    assert reply.status == 401, reply
    (header,) = reply.headers.get_all("WWW-Authenticate", [])
    return dict(re.findall(r'(\w+)="([^"]*)"', header))
