"""Reading a chunked body (RFC 9112, section 7.1), strictly and in few steps.

waitress's own receiver copies what is left of the input for every chunk, which for the 32 KiB
chunks of Go clients costs more than hashing them, and it accepts size lines of any length.
"""

from __future__ import annotations

import enum
import re
from typing import Final

from waitress.utilities import BadRequest

from registry.server.bodies import Body

LINE_LIMIT: Final = 4096
"""Bytes of a size line with its extensions, or of one trailer field."""
TRAILERS_LIMIT: Final = 64

_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[\x20-\x7e\t]*)?")


class _State(enum.Enum):
    SIZE = 1
    DATA = 2
    DATA_END = 3
    TRAILER = 4


class ChunkedReceiver:
    """Decodes a chunked body into a buffer; has the interface of waitress's receivers."""

    def __init__(self, body: Body) -> None:
        self.completed = False
        self.error: BadRequest | None = None
        self._body = body
        self._state = _State.SIZE
        self._left = 0
        self._line = b""
        self._trailers = 0

    def __len__(self) -> int:
        return len(self._body)

    def received(self, data: bytes) -> int:
        """Take input up to the end of the body; return how many bytes were taken."""
        position, parts = 0, []
        while position < len(data) and not self.completed and self.error is None:
            if self._state is _State.DATA:
                part = data[position : position + self._left]
                parts.append(part)
                position += len(part)
                self._left -= len(part)
                if self._left == 0:
                    self._state = _State.DATA_END
            else:
                position = self._take_text(data, position)
        if parts:
            self._body.append(parts[0] if len(parts) == 1 else b"".join(parts))
        return position

    def _take_text(self, data: bytes, position: int) -> int:
        """Take input up to the end of a line; return the position behind what was taken."""
        end = data.find(b"\n", position) + 1 or len(data)
        self._line += data[position:end]
        if len(self._line) > LINE_LIMIT:
            self.error = BadRequest("a line of the chunked body is too long")
        elif self._line.endswith(b"\n"):
            line, self._line = self._line, b""
            if line.endswith(b"\r\n"):
                self._take_line(line[:-2])
            else:
                self.error = BadRequest("a line of the chunked body does not end in CR LF")
        return end

    def _take_line(self, line: bytes) -> None:
        if self._state is _State.SIZE:
            match = _SIZE.fullmatch(line)
            if match is None:
                self.error = BadRequest("a chunk has no valid size")
                return
            self._left = int(match[1], 16)
            self._state = _State.DATA if self._left else _State.TRAILER
        elif self._state is _State.DATA_END:
            self._state = _State.SIZE
            if line:
                self.error = BadRequest("a chunk is longer than its size")
        elif line:
            self._trailers += 1
            if self._trailers > TRAILERS_LIMIT:
                self.error = BadRequest("the chunked body has too many trailers")
        else:
            self.completed = True

    def getfile(self) -> object:
        """Return what is in memory, as the input stream of the application."""
        return self._body.getfile()

    def getbuf(self) -> Body:
        """Return the buffer."""
        return self._body
