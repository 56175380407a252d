"""Sending files by the kernel: sendfile(2) instead of copies through Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, Any

from waitress.buffers import ReadOnlyFileBasedBuffer

CHUNK = 4 * 1024 * 1024
"""Bytes offered to the kernel at once; it takes what fits into the socket."""


@dataclass(frozen=True, slots=True)
class FileRange:
    """A part of an open file, in the place of bytes to send."""

    descriptor: int
    offset: int
    length: int

    def __len__(self) -> int:
        return self.length


class SentFile(ReadOnlyFileBasedBuffer):
    """A file, or the rest of one, on its way to a client; the application's file wrapper.

    Instead of bytes it hands out ranges, which the channel gives to sendfile(2).
    """

    def __init__(self, file: IO[bytes], block_size: int = 32768) -> None:
        super().__init__(file, block_size)
        self._offset = 0

    def prepare(self, size: int | None = None) -> int:
        """Fix how many bytes from the file's position on are sent."""
        self._offset = self.file.tell()
        return int(super().prepare(size))

    def get(self, numbytes: int = -1, skip: bool = False) -> Any:
        """Return the next range to send."""
        return FileRange(self.file.fileno(), self._offset, min(self.remain, CHUNK))

    def skip(self, numbytes: int, allow_prune: int = 0) -> None:
        """Go on behind what the kernel has taken."""
        self._offset += numbytes
        self.remain -= numbytes
