"""Bytes on their way into the storage folder, and how they are sent while they come.

Whoever sends them asks how many may be sent. That is never all of them before the digest has been
verified: the last part is held back, so a client never takes for whole what is not.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from registry.model.errors import StorageFailed

_PART: Final = 256 * 1024


class Bytes(Protocol):
    """Content that arrives; any number of threads may look at it."""

    @property
    def size(self) -> int:
        """How many bytes there will be."""

    @property
    def ready(self) -> int:
        """How many of them, from the beginning, may be sent."""

    @property
    def broken(self) -> bool:
        """Whether no more bytes will come."""

    def open(self) -> int:
        """Return a descriptor of the file that they are in; whoever asks has to close it."""

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Let ``listener`` be called after each change; return what ends that."""

    def wait(self, beyond: int) -> None:
        """Return once more than ``beyond`` bytes may be sent, or no more will come."""


class Arriving(Protocol):
    """A blob that can be had from upstream."""

    def begin(self) -> Bytes:
        """Let it come, unless it is on its way already.

        Raises:
            BlobUnknown: upstream does not have it any more.
            UpstreamError: upstream could not be asked.
            StorageFull: it has no room.
        """


class ArrivingPart:
    """A part of arriving content as the body of an answer.

    As an iterator it waits for the bytes; the server room takes it apart instead, so that waiting
    costs no thread.
    """

    def __init__(self, content: Bytes, offset: int, length: int) -> None:
        self.content = content
        self.offset = offset
        self.end = offset + length
        self.descriptor = content.open()

    def __iter__(self) -> Iterator[bytes]:
        while self.offset < self.end:
            self.content.wait(self.offset)
            part = min(self.content.ready, self.end) - self.offset
            if part <= 0:
                raise StorageFailed("the upstream broke off while a blob was being sent")
            data = os.pread(self.descriptor, min(part, _PART), self.offset)
            self.offset += len(data)
            yield data

    def close(self) -> None:
        """Let go of the file; called any number of times."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
