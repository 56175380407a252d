"""A registry on a real socket that answers as a test tells it to: rightly, late, wrongly or never.

By itself it serves what it was given. `script` puts answers in the place of that, and ``requests``
has everything that was asked, with all headers. What it does wrongly is in `upstream_answers`.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from registry.model import media_types
from registry.model.digests import Digest
from tests.support.upstream_content import Content

_HEADERS_LIMIT = 1024 * 1024


@dataclass(frozen=True)
class Request:
    """One request as it came: names of headers in lower case, the last of two counts."""

    method: str
    path: str
    """With the query."""
    headers: Mapping[str, str]
    client: tuple[str, int]

    @property
    def bare(self) -> str:
        return self.path.partition("?")[0]


class Wire:
    """The connection on which an answer is written."""

    def __init__(self, connection: socket.socket, ending: threading.Event) -> None:
        self.connection = connection
        self.ending = ending
        """Set when the upstream is closed: whoever waits or writes for ever stops then."""
        self.open = True

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def reply(
        self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"",
        length: int | None = None, head: bool = False,
    ) -> None:  # fmt: skip
        """Write an answer; ``length`` is what is said of the body instead of the truth."""
        lines = [f"HTTP/1.1 {status} Scripted"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        lines.append(f"Content-Length: {len(body) if length is None else length}")
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (b"" if head else body))

    def close(self) -> None:
        self.open = False


Answer = Callable[[Request, Wire], None]


@dataclass
class Script:
    """Answers to requests of one kind, in turn; the last one stays."""

    method: str
    part: str
    answers: list[Answer]

    def fits(self, request: Request) -> bool:
        return self.method in ("*", request.method) and self.part in request.path

    def take(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@dataclass
class ScriptedUpstream:
    """Starts with ``with``; afterwards no thread and no socket of it is left."""

    address: str = "127.0.0.1"
    tls: ssl.SSLContext | None = None
    port: int = 0
    content: Content = field(default_factory=Content)
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._scripts: list[Script] = []
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._listener: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self._connections: set[socket.socket] = set()

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.down()

    @property
    def host(self) -> str:
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{address}:{self.port}"

    @property
    def url(self) -> str:
        return f"{'http' if self.tls is None else 'https'}://{self.host}"

    def up(self) -> None:
        """Listen, on the same port as before if there was one."""
        self._ending = threading.Event()
        listener = socket.socket(socket.AF_INET6 if ":" in self.address else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.address, self.port))
        listener.listen(128)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._start(lambda: self._accept(listener))

    def down(self) -> None:
        """Close the port and every connection: from now on connections are refused."""
        if self._listener is None:
            return
        self._ending.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._listener = None
        with self._lock:
            open_ones = list(self._connections)
        for connection in open_ones:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive(), "a thread of the upstream did not end"
        self._threads.clear()

    def script(self, part: str, *answers: Answer, method: str = "*") -> None:
        """Answer requests whose path has ``part`` in it; the newest script that fits counts."""
        with self._lock:
            self._scripts.insert(0, Script(method, part, list(answers)))

    def forget(self) -> None:
        """Drop all scripts and all that was recorded."""
        with self._lock:
            self._scripts.clear()
            self.requests.clear()

    def manifest(
        self, image: str, reference: str, body: bytes, media_type: str = media_types.OCI_IMAGE
    ) -> Digest:
        """Have a manifest, by digest and by a tag (unless the reference is a digest itself)."""
        return self.content.put_manifest(image, reference, body, media_type)

    def blob(self, image: str, data: bytes) -> Digest:
        """Have a blob in an image."""
        return self.content.put_blob(image, data)

    def asked(self, method: str = "*", part: str = "") -> list[Request]:
        """Return the requests of that method whose path has ``part`` in it."""
        with self._lock:
            return [r for r in self.requests if method in ("*", r.method) and part in r.path]

    def wait_for(self, count: int, method: str = "*", part: str = "") -> None:
        """Return once so many of these requests have come."""
        deadline = time.monotonic() + 20
        while len(self.asked(method, part)) < count:
            assert time.monotonic() < deadline, f"{self.asked()} have come only"
            time.sleep(0.002)

    def _start(self, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, daemon=True)
        with self._lock:
            self._threads = [t for t in self._threads if t.is_alive()] + [thread]
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while not self._ending.is_set():
            try:
                connection, client = listener.accept()
            except OSError:
                return
            with self._lock:
                self._connections.add(connection)
            self._start(lambda c=connection, a=client: self._serve(c, a))  # type: ignore[misc]

    def _serve(self, connection: socket.socket, client: tuple[str, int]) -> None:
        try:
            if self.tls is not None:
                plain, connection = connection, self._secured(connection)
                self._connections_change(plain, connection)
            self._talk(connection, client)
        except (OSError, ValueError):
            pass  # The client has left, or was sent nonsense and left.
        finally:
            with self._lock:
                self._connections.discard(connection)
            # What is left of the answer is sent before the end.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _secured(self, connection: socket.socket) -> socket.socket:
        assert self.tls is not None
        return self.tls.wrap_socket(connection, server_side=True)

    def _connections_change(self, before: socket.socket, after: socket.socket) -> None:
        with self._lock:
            self._connections.discard(before)
            self._connections.add(after)
            if self._ending.is_set():
                after.close()

    def _talk(self, connection: socket.socket, client: tuple[str, int]) -> None:
        wire = Wire(connection, self._ending)
        for head in _heads(connection):
            request = _parse(head, client)
            with self._lock:
                self.requests.append(request)
                fitting = next((s for s in self._scripts if s.fits(request)), None)
                answer = fitting.take() if fitting else self.content.answer
            answer(request, wire)
            if not wire.open or self._ending.is_set():
                return


def _heads(connection: socket.socket) -> Iterator[bytes]:
    buffer = b""
    while True:
        while b"\r\n\r\n" not in buffer:
            data = connection.recv(65536)
            if not data or len(buffer) > _HEADERS_LIMIT:
                return
            buffer += data
        head, _, buffer = buffer.partition(b"\r\n\r\n")
        yield head


def _parse(head: bytes, client: tuple[str, int]) -> Request:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    pairs = [line.partition(":")[::2] for line in lines]
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    return Request(method, path, headers, client)
