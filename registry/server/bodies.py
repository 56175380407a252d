"""Where the bytes of a request body go while they arrive."""

from __future__ import annotations

from io import BytesIO
from typing import Final

from registry.model.bodies import ReceivedBody

MEMORY_LIMIT: Final = 64 * 1024
"""Bytes of a body that are taken in before the application has been asked."""


class Body:
    """The buffer that waitress's receivers fill: memory first, then the application's sink."""

    def __init__(self) -> None:
        self._memory = bytearray()
        self._size = 0
        self.received: ReceivedBody | None = None
        self.refused = False
        """Whether the sink wants no more bytes; the rest of the body is not received."""

    def append(self, data: bytes) -> None:
        """Take the next bytes of the body; named as waitress's receivers call it."""
        self._size += len(data)
        if self.received is None:
            self._memory += data
        elif not self.refused and not self.received.write(data):
            self.refused = True

    @property
    def overflowing(self) -> bool:
        """Whether more has arrived than is kept without asking the application."""
        return self.received is None and len(self._memory) > MEMORY_LIMIT

    def redirect(self, received: ReceivedBody) -> None:
        """From now on pass the bytes, those in memory first, to the application's sink."""
        memory, self._memory = bytes(self._memory), bytearray()
        self.received = received
        if memory and not received.write(memory):
            self.refused = True

    def __len__(self) -> int:
        return self._size

    def getfile(self) -> BytesIO:
        """Return what is in memory, as the input stream of the application."""
        return BytesIO(self._memory)

    def close(self) -> None:
        """Let go of the sink; what the application made of it stays."""
        if self.received is not None:
            self.received.sink.close()
