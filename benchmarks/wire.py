"""A light HTTP/1.1 client on one keep-alive connection.

The client runs on the same cores as the servers it measures, so it does as little as it can: no
header objects, no copies of bodies, and large vectors of buffers for each system call.
"""

import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from benchmarks.errors import MeasurementFailed

TIMEOUT_SECONDS = 300
RECEIVE_BYTES = 1 << 20
# Docker's client copies 32 KiB at a time into a chunked body, each piece becoming one chunk.
CHUNK_BYTES = 32 << 10
CHUNKS_PER_SEND = 16

Buffer = bytes | memoryview


@dataclass(frozen=True)
class Response:
    """Status, headers with lower-case names, and the whole body."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """One connection to one server; opens itself again after the server has closed it."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._host_header = f"{host}:{port}"
        self._pending = bytearray()
        self._socket: socket.socket | None = None
        self._connected()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next request opens a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._pending.clear()

    def request(
        self, method: str, path: str, headers: Mapping[str, str], body: Buffer = b""
    ) -> Response:
        """Send one request whose length is known, and return its whole answer."""
        lines = dict(headers)
        if body or method in ("POST", "PUT", "PATCH"):
            lines["Content-Length"] = str(len(body))
        try:
            self._send([self._head(method, path, lines), body])
        except (BrokenPipeError, ConnectionResetError):
            # A server may refuse early and close; its answer then says why.
            return self._answer(method)
        return self._answer(method)

    def request_chunked(
        self, method: str, path: str, headers: Mapping[str, str], body: memoryview
    ) -> Response:
        """Send ``body`` with chunked coding, as docker sends a layer, and return the answer."""
        lines = {**headers, "Transfer-Encoding": "chunked"}
        batch: list[Buffer] = [self._head(method, path, lines)]
        try:
            for start in range(0, len(body), CHUNK_BYTES):
                piece = body[start : start + CHUNK_BYTES]
                batch += (b"%x\r\n" % len(piece), piece, b"\r\n")
                if len(batch) >= 3 * CHUNKS_PER_SEND:
                    self._send(batch)
                    batch = []
            self._send([*batch, b"0\r\n\r\n"])
        except (BrokenPipeError, ConnectionResetError):
            return self._answer(method)
        return self._answer(method)

    def download(
        self,
        path: str,
        headers: Mapping[str, str],
        buffer: bytearray,
        taste: Callable[[memoryview], None] | None = None,
    ) -> int:
        """GET ``path``, throw the body away, and return its length in bytes.

        ``buffer`` is used again for every piece; ``taste`` sees each piece, for a checked run.
        """
        self._send([self._head("GET", path, headers)])
        status, answer = self._read_head()
        if status != 200 or "content-length" not in answer:
            raise MeasurementFailed(f"GET {path} answered {status} instead of a sized 200")
        length = int(answer["content-length"])
        if taste is not None and self._pending:
            taste(memoryview(bytes(self._pending)))
        left = length - len(self._pending)
        self._pending.clear()
        view = memoryview(buffer)
        connection = self._connected()
        while left > 0:
            count = connection.recv_into(view[: min(left, len(view))])
            if count == 0:
                raise MeasurementFailed(f"GET {path} broke off {left} bytes before its end")
            if taste is not None:
                taste(view[:count])
            left -= count
        if answer.get("connection", "").lower() == "close":
            self.close()
        return length

    def _connected(self) -> socket.socket:
        if self._socket is None:
            opened = socket.create_connection(self._address)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # The kernel's own time limits keep the socket blocking, which saves a poll per call.
            limit = struct.pack("ll", TIMEOUT_SECONDS, 0)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
            self._socket = opened
        return self._socket

    def _head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host_header}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _send(self, buffers: list[Buffer]) -> None:
        connection = self._connected()
        views = [memoryview(buffer) for buffer in buffers if len(buffer)]
        while views:
            sent = connection.sendmsg(views)
            while views and sent >= len(views[0]):
                sent -= len(views[0])
                views.pop(0)
            if sent:
                views[0] = views[0][sent:]

    def _fill(self) -> None:
        data = self._connected().recv(RECEIVE_BYTES)
        if not data:
            raise MeasurementFailed("the server closed the connection in the middle of an answer")
        self._pending += data

    def _take(self, count: int) -> bytes:
        while len(self._pending) < count:
            self._fill()
        data = bytes(self._pending[:count])
        del self._pending[:count]
        return data

    def _take_line(self) -> bytes:
        while (end := self._pending.find(b"\r\n")) < 0:
            self._fill()
        return self._take(end + 2)[:-2]

    def _read_head(self) -> tuple[int, dict[str, str]]:
        while True:
            while (end := self._pending.find(b"\r\n\r\n")) < 0:
                self._fill()
            lines = self._take(end + 4).decode("latin-1").split("\r\n")
            status = int(lines[0].split(" ", 2)[1])
            if status >= 200:
                pairs = (line.partition(":") for line in lines[1:] if line)
                return status, {name.lower(): value.strip() for name, _, value in pairs}

    def _answer(self, method: str) -> Response:
        status, headers = self._read_head()
        body = b""
        if method != "HEAD" and status not in (204, 304):
            body = self._read_body(headers)
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Response(status, headers, body)

    def _read_body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            pieces = []
            while size := int(self._take_line().split(b";")[0], 16):
                pieces.append(self._take(size + 2)[:-2])
            while self._take_line():
                pass
            return b"".join(pieces)
        return self._take(int(headers.get("content-length", "0")))
