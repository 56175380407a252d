"""A connection that may lose the worker at its other end, and knows whether it had reason to."""

from __future__ import annotations

import base64
import math
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

_TIMEOUT: Final = 60.0


class Broken(Exception):
    """The connection broke off, and a worker had been killed while it was in use."""


class Wrong(Exception):
    """What happened must not happen."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, read to its end, and when it was asked for and read."""

    status: int
    headers: Mapping[str, str]
    """With names in lower case."""
    body: bytes
    sent: float
    at: float
    repeated: bool = False
    """Whether the request was made before, with an outcome that nobody knows."""

    def __str__(self) -> str:
        return f"{self.status} {self.body[:600].decode(errors='replace')}"


class Kills:
    """When workers were dying: the only times at which a connection may break off."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: list[tuple[float, float]] = []

    def begin(self) -> None:
        """A worker is about to be killed."""
        with self._lock:
            self._times.append((time.monotonic(), math.inf))

    def end(self) -> None:
        """The last one killed is dead, and has let go of its connections."""
        with self._lock:
            self._times[-1] = (self._times[-1][0], time.monotonic())

    def touched(self, since: float) -> bool:
        """Return whether a worker was dying at any moment since then."""
        with self._lock:
            return any(end >= since for _, end in self._times[-20:])

    def __len__(self) -> int:
        return len(self._times)

    def __str__(self) -> str:
        now = time.monotonic()
        last = ", ".join(f"{now - a:.3f} to {now - b:.3f}" for a, b in self._times[-3:])
        return f"workers died (seconds ago): {last}"


class Connection:
    """Keeps one connection open, and opens another one when it breaks off."""

    def __init__(self, port: int, user: str, password: str, kills: Kills) -> None:
        self._port = port
        self._kills = kills
        secret = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._always = f"Host: registry.test\r\nAuthorization: Basic {secret}\r\n"
        self._socket: socket.socket | None = None
        self._file: BinaryIO | None = None
        self._alive = 0.0
        """When the worker at the other end cannot have been dead yet."""

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        if self._socket is not None:
            self._socket.close()
        self._file = self._socket = None

    def ask(
        self,
        method: str,
        path: str,
        headers: Sequence[str] = (),
        body: bytes = b"",
        *,
        rest: float = 0.0,
    ) -> Reply:
        """Send a request and read its answer, after a ``rest`` of so many seconds.

        Raises:
            Broken: there is no answer, and there need not be one.
            Wrong: there is none, and nothing excuses that.
        """
        sent = time.monotonic()
        try:
            return self._ask(method, path, headers, body, sent, rest)
        except (OSError, EOFError) as error:
            self.close()
            if isinstance(error, TimeoutError) or not self._kills.touched(self._alive):
                since = f"the last one was asked for {sent - self._alive:.3f} s before"
                said = f"{method} {path}: no answer: {error!r}, {since}; {self._kills}"
                raise Wrong(said) from None
            raise Broken from None

    def _ask(
        self,
        method: str,
        path: str,
        headers: Sequence[str],
        body: bytes,
        sent: float,
        rest: float,
    ) -> Reply:
        if self._socket is None:
            self._alive = sent
            self._socket = socket.create_connection(("127.0.0.1", self._port), _TIMEOUT)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._file = self._socket.makefile("rb")
        head = f"{method} {path} HTTP/1.1\r\n{self._always}"
        head += "".join(f"{header}\r\n" for header in headers)
        if body or method in ("POST", "PUT", "PATCH"):
            head += f"Content-Length: {len(body)}\r\n"
        self._socket.sendall(head.encode() + b"\r\n" + body)
        if rest:
            time.sleep(rest)
        return self._read(method, sent)

    def _read(self, method: str, sent: float) -> Reply:
        assert self._file is not None
        status = int(self._line().split(b" ", 2)[1])
        headers = {}
        while line := self._line():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if "transfer-encoding" in headers:
            raise Wrong(f"an answer to {method} without a length")
        length = int(headers.get("content-length", 0))
        body = b""
        if method != "HEAD" and status not in (204, 304) and length:
            body = self._file.read(length)
            if len(body) < length:
                raise EOFError(f"{len(body)} of {length} bytes")
        if headers.get("connection", "").lower() == "close":
            self.close()
        self._alive = sent
        return Reply(status, headers, body, sent, time.monotonic())

    def _line(self) -> bytes:
        assert self._file is not None
        line = self._file.readline(65_536)
        if not line.endswith(b"\r\n"):
            raise EOFError("the head of the answer breaks off")
        return line[:-2]
