"""Sending content that is still arriving: as far as it has come, and again when more has.

The loop asks a channel whether it could write. While nothing has come it could not, whatever its
socket says; then whoever lets the bytes come wakes the loop, and no thread has waited.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from waitress.buffers import ReadOnlyFileBasedBuffer

from registry.model.arriving import ArrivingPart
from registry.server.files import CHUNK, FileRange

logger = logging.getLogger(__name__)


class GrowingFile(ReadOnlyFileBasedBuffer):
    """A part of arriving content on its way to a client, in the place of a file."""

    def __init__(self, part: ArrivingPart, wake: Callable[[], None]) -> None:
        self.remain = part.end - part.offset
        self._part = part
        self._wake = wake
        self._starved = False
        self._end = part.content.listen(self._more)

    def _more(self) -> None:
        """Wake the loop, if it has found nothing to send."""
        if self._starved:
            self._starved = False
            self._wake()

    @property
    def is_starved(self) -> bool:
        """Whether nothing can be sent now; the loop is woken when that changes."""
        # First, so that what comes between the two looks wakes the loop.
        self._starved = True
        if self._ready() > 0 or self._part.content.broken:
            self._starved = False
        return self._starved

    @property
    def is_broken(self) -> bool:
        """Whether the rest will never come."""
        return self.remain > 0 and self._part.content.broken and self._ready() <= 0

    def _ready(self) -> int:
        return min(self._part.content.ready, self._part.end) - self._part.offset

    def prepare(self, size: int | None = None) -> int:
        """Return how many bytes are sent; that has been fixed already."""
        return self.remain

    def get(self, numbytes: int = -1, skip: bool = False) -> Any:
        """Return the next range to send; an empty one while nothing has come."""
        length = max(min(self._ready(), CHUNK), 0)
        return FileRange(self._part.descriptor, self._part.offset, length)

    def skip(self, numbytes: int, allow_prune: int = 0) -> None:
        """Go on behind what the kernel has taken."""
        self._part.offset += numbytes
        self.remain -= numbytes

    def close(self) -> None:
        """Let go of the content; whoever lets it come goes on."""
        self._end()
        self._part.close()
        self.remain = 0


def is_starved(buffer: object) -> bool:
    """Return whether what stands first to be sent has not come yet."""
    return isinstance(buffer, GrowingFile) and buffer.remain > 0 and buffer.is_starved


def is_broken(buffer: object) -> bool:
    """Return whether the rest of what stands first to be sent will never come."""
    return isinstance(buffer, GrowingFile) and buffer.is_broken
