"""A blob on its way from an upstream registry: it ends where it should, and in time, or fails."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from registry.model.errors import RegistryError
from registry.repositories.upstream.answers import Answer
from registry.repositories.upstream.calls import Call
from registry.repositories.upstream.failures import Failure

LEAST_RATE: Final = 4096
"""Bytes a second that must come; who sends less is stalled."""
LONGEST: Final = 24 * 3600
"""Seconds that one stream may wait for its upstream altogether."""
_WINDOW: Final = 2
"""The rate is measured over as many socket time-outs."""
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")


class BlobStream:
    """The bytes of a blob from ``offset`` to ``size``; to be closed, best by ``with``.

    Any thread may read, one at a time. Nothing is promised about what the bytes are: whoever
    takes them compares the digest.
    """

    def __init__(
        self,
        answer: Answer,
        size: int,
        offset: int,
        idle: float,
        report: Callable[[Failure], RegistryError],
    ) -> None:
        self.size = size
        """Bytes of the whole blob."""
        self.offset = offset
        """Where the stream begins: 0 where upstream has not taken the wish for another place."""
        self._answer = answer
        self._left = size - offset
        self._idle = idle
        self._report = report
        self._waited = 0.0
        self._window_waited = 0.0
        self._window_bytes = 0

    def read(self, most: int) -> bytes:
        """Return what is there, at most ``most`` bytes, waiting for the first; empty at the end.

        Raises:
            UpstreamFailed: the stream breaks off, stalls, or goes on beyond the size.
        """
        try:
            return self._read(most)
        except Failure as failure:
            self._answer.close()
            raise self._report(failure) from None

    def close(self) -> None:
        """Be done, whatever is left."""
        self._answer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self, most: int) -> bytes:
        if self._left == 0:
            return b""
        window = self._idle * _WINDOW
        began = time.monotonic()
        data = self._answer.piece(Call(window, self._idle), most)
        # Only the waiting counts: whoever takes the bytes may be slower than upstream.
        self._count(time.monotonic() - began, len(data), window)
        if not data:
            raise Failure(
                f"'{self._answer.host}' breaks off {self._left} bytes before the end of a blob"
            )
        if len(data) > self._left:
            raise Failure(f"'{self._answer.host}' sends more of a blob than it has said")
        self._left -= len(data)
        return data

    def _count(self, seconds: float, size: int, window: float) -> None:
        self._waited += seconds
        self._window_waited += seconds
        self._window_bytes += size
        if self._waited > LONGEST:
            raise Failure(f"'{self._answer.host}' takes too long to send a blob")
        if self._window_waited >= window:
            if self._window_bytes < LEAST_RATE * self._window_waited and self._left > size:
                raise Failure(f"'{self._answer.host}' sends a blob too slowly")
            self._window_waited, self._window_bytes = 0.0, 0


def range_of(answer: Answer) -> tuple[int, int] | None:
    """Return where a part begins and how large the whole is; None where it is not said."""
    match = _CONTENT_RANGE.fullmatch(answer.header("Content-Range").strip())
    if match is None:
        return None
    first, last, size = int(match[1]), int(match[2]), int(match[3])
    return (first, size) if first <= last == size - 1 else None
