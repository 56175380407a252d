"""What a scripted upstream can answer: each function returns one answer, named by behaviour."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping
from urllib.parse import parse_qs

from registry.model import media_types
from tests.support.upstream import Answer, Request, ScriptedUpstream, Wire


def replies(status: int = 200, body: bytes = b"", **headers: str) -> Answer:
    """Answer that; ``_`` in the names of headers stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def answer(request: Request, wire: Wire) -> None:
        wire.reply(status, named, body, head=request.method == "HEAD")

    return answer


def error(status: int, code: str, message: str = "no", **headers: str) -> Answer:
    """Answer an error as registries do."""
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    return replies(status, body, Content_Type=media_types.JSON, **headers)


def redirects(location: str, status: int = 307, body: bytes = b"", **headers: str) -> Answer:
    """Lead to another address."""
    return replies(status, body, Location=location, **headers)


def challenges(header: str, status: int = 401) -> Answer:
    """Ask for credentials."""
    return error(status, "UNAUTHORIZED", "authentication required", WWW_Authenticate=header)


def stalls(before: bytes = b"") -> Answer:
    """Send so much, and then nothing until the upstream is closed."""

    def answer(request: Request, wire: Wire) -> None:
        wire.send(before)
        wire.ending.wait()
        wire.close()

    return answer


def sends(data: bytes) -> Answer:
    """Send exactly these bytes, and close."""

    def answer(request: Request, wire: Wire) -> None:
        wire.send(data)
        wire.close()

    return answer


def drips(data: bytes, every: float = 0.01) -> Answer:
    """Send byte after byte, until nobody listens or the upstream is closed; then close."""

    def answer(request: Request, wire: Wire) -> None:
        for byte in data:
            wire.send(bytes([byte]))
            if wire.ending.wait(every):
                break
        wire.close()

    return answer


def lies_about_length(body: bytes, length: int, **headers: str) -> Answer:
    """Say another length than the body has, and close after the body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def answer(request: Request, wire: Wire) -> None:
        wire.reply(200, named, body, length=length, head=request.method == "HEAD")
        wire.close()

    return answer


def chunked(body: bytes, **headers: str) -> Answer:
    """Send a body in chunks, without its length."""
    named = "".join(f"{name.replace('_', '-')}: {v}\r\n" for name, v in headers.items())

    def answer(request: Request, wire: Wire) -> None:
        head = f"HTTP/1.1 200 Scripted\r\n{named}Transfer-Encoding: chunked\r\n\r\n"
        wire.send(head.encode())
        if request.method != "HEAD":
            part = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
            wire.send(part + b"0\r\n\r\n")

    return answer


def endless(piece: bytes = b"x" * 65536, **headers: str) -> Answer:
    """Send chunks, for ever."""
    named = "".join(f"{name.replace('_', '-')}: {v}\r\n" for name, v in headers.items())

    def answer(request: Request, wire: Wire) -> None:
        wire.send(f"HTTP/1.1 200 Scripted\r\n{named}Transfer-Encoding: chunked\r\n\r\n".encode())
        while not wire.ending.is_set():
            wire.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        wire.close()

    return answer


def floods(piece: bytes) -> Answer:
    """Send the same again and again, until nobody listens or the upstream is closed."""

    def answer(request: Request, wire: Wire) -> None:
        while not wire.ending.is_set():
            wire.send(piece)
        wire.close()

    return answer


def held(gate: threading.Event, then: Answer) -> Answer:
    """Answer once the gate is open."""

    def answer(request: Request, wire: Wire) -> None:
        while not gate.wait(0.02):
            if wire.ending.is_set():
                return wire.close()
        return then(request, wire)

    return answer


def breaks_off(body: bytes, after: int, headers: Mapping[str, str] | None = None) -> Answer:
    """Announce the whole body, send the first bytes, and close."""

    def answer(request: Request, wire: Wire) -> None:
        wire.reply(200, headers, body[:after], length=len(body), head=request.method == "HEAD")
        wire.close()

    return answer


class TokenService:
    """Lets an upstream ask for tokens, and issues them at its own ``/token``.

    ``users`` are names and passwords; without any, everybody gets a token.
    """

    def __init__(
        self, upstream: ScriptedUpstream, users: Mapping[str, str] | None = None,
        realm: str = "", lifetime: int = 300,
    ) -> None:  # fmt: skip
        self.upstream = upstream
        self.users = dict(users or {})
        self.realm = realm or f"{upstream.url}/token"
        self.lifetime = lifetime
        self.good: set[str] = set()
        """Tokens that are good; a test may clear it."""
        self.issued = 0
        upstream.script("/v2/", self._guard)
        upstream.script("/token", self._issue)

    def _guard(self, request: Request, wire: Wire) -> None:
        if request.headers.get("authorization", "").removeprefix("Bearer ") in self.good:
            return self.upstream.content.answer(request, wire)
        name = request.bare.partition("/v2/")[2].rpartition("/manifests/")[0]
        name = name or request.bare.partition("/v2/")[2].rpartition("/blobs/")[0]
        scope = f',scope="repository:{name}:pull"' if name else ""
        return challenges(f'Bearer realm="{self.realm}",service="scripted"{scope}')(request, wire)

    def _issue(self, request: Request, wire: Wire) -> None:
        given = request.headers.get("authorization", "")
        pair = base64.b64decode(given.removeprefix("Basic ")).decode() if given else ""
        name, _, password = pair.partition(":")
        if self.users and self.users.get(name) != password:
            return error(401, "UNAUTHORIZED", "incorrect username or password")(request, wire)
        self.issued += 1
        scope = parse_qs(request.path.partition("?")[2]).get("scope", [""])[0]
        token = f"token-{self.issued}-{base64.b16encode(scope.encode()).decode()}"
        self.good.add(token)
        body = json.dumps({"token": token, "expires_in": self.lifetime}).encode()
        return replies(200, body, Content_Type=media_types.JSON)(request, wire)
