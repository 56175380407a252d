"""How a request body reaches the room that wants it, without costing memory or a thread.

A handler that wants a large body asks for it. If the body has not been received yet, the face
raises `BodyWanted` with a sink; the server room then receives the body into the sink, in its own
loop, and runs the handler once more. So a caller is authorised before the body is taken in, by
the very code that will use the body.
"""

from __future__ import annotations

import time
from typing import Final, Protocol

from registry.model.errors import BodyTooLarge, RegistryError

RECEIVED: Final = "registry.body"
"""Where a request environment holds the `ReceivedBody`, once the body has been received."""
PENDING: Final = "registry.body.pending"
"""True in a request environment whose body has not been received."""


class BodySink(Protocol):
    """Takes the bytes of a body in order."""

    def write(self, data: bytes, /) -> None:
        """Take the next bytes.

        Raises:
            RegistryError: no more is wanted; the rest of the body is not received.
        """

    def undo(self) -> None:
        """Take back what was written, because the body was not taken to its end."""

    def close(self) -> None:
        """Let go of what is held; called any number of times, last by the server room."""


class BodyWanted(BaseException):
    """Raised through the web framework by a handler that needs the body to go on.

    A ``BaseException``, because it is no error: no error handler must catch it.
    """

    def __init__(self, sink: BodySink, admitted: object) -> None:
        super().__init__()
        self.sink = sink
        self.admitted = admitted
        """The principal that was let in; a token that expires during a long body stays good."""


class ReceivedBody:
    """A body in its sink, with what went wrong on the way."""

    def __init__(self, sink: BodySink, admitted: object) -> None:
        self.sink = sink
        self.admitted = admitted
        self.since = time.perf_counter()
        """When the body began to come in, on the clock that durations are measured with."""
        self.failure: RegistryError | None = None

    def write(self, data: bytes) -> bool:
        """Pass ``data`` on; return whether more is wanted."""
        try:
            self.sink.write(data)
        except RegistryError as error:
            self.failure = error
            return False
        return True


class MemorySink:
    """Keeps a body of at most ``limit`` bytes in memory."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts = bytearray()

    def write(self, data: bytes, /) -> None:
        """Take ``data``; raises BodyTooLarge over the limit."""
        if len(self._parts) + len(data) > self._limit:
            raise BodyTooLarge(f"the body may have {self._limit} bytes", {"limit": self._limit})
        self._parts += data

    def getvalue(self) -> bytes:
        """Return what has arrived."""
        return bytes(self._parts)

    def undo(self) -> None:
        """Forget what has arrived."""
        self._parts.clear()

    def close(self) -> None:
        """Nothing is held but memory."""
