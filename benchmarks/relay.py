"""A relay in front of an upstream: it counts what is asked, and can be as slow as a line is."""

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Self

PIECE = 256 * 1024


class Relay:
    """Passes connections on to a port of this machine; ``rate`` limits the bytes a second back."""

    def __init__(self, target: int, rate: float | None = None) -> None:
        self._target = target
        self._rate = rate
        self.asked: list[str] = []
        """The first line of each request."""
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            upstream = socket.create_connection(("127.0.0.1", self._target))
            threading.Thread(target=self._ask, args=(client, upstream), daemon=True).start()
            threading.Thread(target=self._answer, args=(upstream, client), daemon=True).start()

    def _ask(self, client: socket.socket, upstream: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(PIECE):
                line = data.split(b"\r\n", 1)[0].decode("latin-1")
                if line.endswith("HTTP/1.1"):
                    self.asked.append(line)
                upstream.sendall(data)
        with contextlib.suppress(OSError):
            upstream.shutdown(socket.SHUT_WR)

    def _answer(self, upstream: socket.socket, client: socket.socket) -> None:
        due = time.monotonic()
        with contextlib.suppress(OSError):
            while data := upstream.recv(PIECE):
                if self._rate is not None:
                    due = max(due, time.monotonic() - 0.02) + len(data) / self._rate
                    time.sleep(max(due - time.monotonic(), 0))
                client.sendall(data)
        for side in (upstream, client):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()
