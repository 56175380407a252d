"""One upload, and how one request's body is written to it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from registry.model.digests import Digest, Hasher
from registry.model.errors import UploadRangeInvalid, UploadUnknown
from registry.storage import open_files

READ_SIZE: Final = 1 << 20
WRITEBACK_SIZE: Final = 8 << 20
"""Bytes after which the kernel is asked to begin writing them to the disk."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload that was found to exist and to belong to who asks."""

    id: str
    algorithm: str
    data: str
    record: str

    @property
    def size(self) -> int:
        """Bytes received so far.

        Raises:
            UploadUnknown: the upload has ended meanwhile.
        """
        try:
            return os.stat(self.data).st_size
        except FileNotFoundError:
            raise upload_unknown() from None


def upload_unknown() -> UploadUnknown:
    """Return the error for an upload that is not there, or not the caller's."""
    return UploadUnknown("there is no such upload; it may have been finished or cancelled")


def require_start(start: int | None, size: int) -> None:
    """Raise UploadRangeInvalid if ``start`` is given and is not ``size``, the end of an upload."""
    if start is not None and start != size:
        raise UploadRangeInvalid(f"the upload has {size} bytes; go on from there", size)


class UploadWriter:
    """Writes one request's body to an upload, hashing on the way; a `BodySink`."""

    def __init__(
        self,
        upload: Upload,
        descriptor: int,
        size: int,
        hasher: Hasher | None,
        abandon: Callable[[], object] | None = None,
    ) -> None:
        self.upload = upload
        self.descriptor = descriptor
        self.started_at = size
        self.size = size
        self.hasher = hasher
        self._flushed = size
        self._closed = False
        self._abandon = abandon

    def write(self, data: bytes, /) -> None:
        """Append ``data``; raises StorageFull or StorageFailed when the disk refuses."""
        open_files.write_all(self.descriptor, data)
        if self.hasher is not None:
            self.hasher.update(data)
        self.size += len(data)
        if self.size - self._flushed >= WRITEBACK_SIZE:
            open_files.start_writeback(self.descriptor, self._flushed, self.size - self._flushed)
            self._flushed = self.size

    def undo(self) -> None:
        """Take back what this writer appended, so that the client can send it again."""
        open_files.truncate(self.descriptor, self.started_at)
        self.hasher = None
        self.size = self.started_at

    def close(self) -> None:
        """Let the upload go; the bytes written stay, unless this one request was all of it."""
        if not self._closed:
            self._closed = True
            os.close(self.descriptor)
            if self._abandon is not None:
                self._abandon()


def read_digest(descriptor: int, algorithm: str) -> Digest:
    """Return the digest of all bytes of an open file."""
    return Digest.from_hasher(algorithm, hasher_of(descriptor, algorithm))


def hasher_of(descriptor: int, algorithm: str) -> Hasher:
    """Return what has hashed all bytes of an open file, and can go on with more."""
    hasher = hashlib.new(algorithm)
    offset = 0
    with open_files.translated():
        while part := os.pread(descriptor, READ_SIZE, offset):
            hasher.update(part)
            offset += len(part)
    return hasher
