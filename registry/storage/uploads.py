"""Uploads on their way: any worker may take any request of one, a killed worker loses nothing.

An upload is two files. ``<id>.data`` holds the bytes received so far; bytes go straight there as
they arrive, so a broken connection or a killed server keeps them. ``<id>.jsonl`` says in its
first line whose upload it is, and in later lines which hash the first so many bytes had, so that
the closing request need not read them again.

Who may write: the holder of the ``flock`` on the data file. A client that comes back while its
dead connection still holds the lock takes over by giving the upload a new data file with the
bytes so far; the old writer finds at its end that it no longer owns the name.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
from collections import OrderedDict
from functools import cache
from typing import Final

from registry.model.digests import DEFAULT_ALGORITHM, Digest, Hasher
from registry.model.errors import StorageFull, UploadRangeInvalid
from registry.model.names import ImageName, RepositoryKey
from registry.storage import atomic, open_files
from registry.storage.layout import Layout
from registry.storage.upload_writer import (
    Upload,
    UploadWriter,
    read_digest,
    require_start,
    upload_unknown,
)

_ID: Final = re.compile(r"[0-9a-f]{32}")
_REMEMBERED: Final = 256
_ATTEMPTS: Final = 5


@cache
def boot_id() -> str:
    """Return what identifies this run of the kernel; unflushed bytes do not outlive it."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


class Uploads:
    """The uploads of one storage folder."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._hashers: OrderedDict[str, tuple[int, Hasher]] = OrderedDict()

    def start(
        self, key: RepositoryKey, image: ImageName, owner: str, algorithm: str = DEFAULT_ALGORITHM
    ) -> Upload:
        """Begin an upload of ``owner`` to an image; ``algorithm`` is hashed on the way."""
        upload = self._upload(secrets.token_hex(16), algorithm)
        first = {"repository": key, "image": image, "owner": owner, "algorithm": algorithm}
        record = atomic.create_file(upload.record)
        try:
            os.close(atomic.create_file(upload.data))
            open_files.write_all(record, json.dumps(first).encode() + b"\n")
        except BaseException:
            self.remove(upload)
            raise
        finally:
            os.close(record)
        return upload

    def _upload(self, upload_id: str, algorithm: str) -> Upload:
        return Upload(
            upload_id,
            algorithm,
            self._layout.upload_data(upload_id),
            self._layout.upload_record(upload_id),
        )

    def find(self, upload_id: str, key: RepositoryKey, image: ImageName, owner: str) -> Upload:
        """Return the upload if it belongs to that image and owner.

        Raises:
            UploadUnknown: there is none, or it is somebody else's; the answers do not differ.
        """
        if not _ID.fullmatch(upload_id):
            raise upload_unknown()
        try:
            with open(self._layout.upload_record(upload_id), "rb") as file:
                first = json.loads(file.readline())
        except (FileNotFoundError, ValueError):
            raise upload_unknown() from None
        if (first["repository"], first["image"], first["owner"]) != (key, image, owner):
            raise upload_unknown()
        return self._upload(upload_id, first["algorithm"])

    def open_writer(
        self, upload: Upload, start: int | None = None, length: int | None = None
    ) -> UploadWriter:
        """Return a writer at the end of the upload.

        ``start`` is where the client believes the end to be, None if it does not say; ``length``
        is how many bytes it announces, so that a full disk is found before the first byte.

        Raises:
            UploadRangeInvalid: ``start`` is not the end of the upload.
            UploadUnknown: the upload has ended meanwhile.
            StorageFull: the announced bytes would not fit.
        """
        self._require_space(upload, length)
        # Looked at before the upload is taken from anybody: who is wrong here takes nothing over.
        require_start(start, upload.size)
        descriptor = self._open_alone(upload)
        size = os.lseek(descriptor, 0, os.SEEK_END)
        try:
            require_start(start, size)
        except UploadRangeInvalid:
            os.close(descriptor)
            raise
        return UploadWriter(upload, descriptor, size, self._take_hasher(upload, size))

    def open_whole(
        self,
        key: RepositoryKey,
        image: ImageName,
        owner: str,
        algorithm: str,
        length: int | None,
    ) -> UploadWriter:
        """Return a writer for a blob that comes in one request; what is not finished is dropped.

        Raises:
            StorageFull: the announced bytes would not fit.
        """
        upload = self.start(key, image, owner, algorithm)
        try:
            self._require_space(upload, length)
            descriptor = self._open_alone(upload)
        except BaseException:
            self.remove(upload)
            raise
        hasher = hashlib.new(algorithm)
        return UploadWriter(upload, descriptor, 0, hasher, lambda: self.remove(upload))

    def _require_space(self, upload: Upload, length: int | None) -> None:
        if length:
            free = os.statvfs(os.path.dirname(upload.data))
            if length > free.f_bavail * free.f_frsize:
                raise StorageFull("the storage has no room for the announced bytes")

    def _open_alone(self, upload: Upload) -> int:
        """Open the data file such that nobody else writes to the same inode."""
        for _ in range(_ATTEMPTS):
            descriptor, writable = _open_data(upload)
            # A second name means that the file has been published: its bytes are content now, and
            # an upload that is gone on with, after a crash in between, needs bytes of its own.
            published = os.fstat(descriptor).st_nlink > 1
            if published or not writable or not open_files.try_lock(descriptor):
                descriptor = self._take_over(upload, descriptor)
            if self.owns(upload, descriptor):
                return descriptor
            # Somebody else took the upload over in between; what is open is no longer it.
            os.close(descriptor)
        raise upload_unknown()

    def _take_over(self, upload: Upload, held: int) -> int:
        """Give the upload a new data file with the bytes of ``held``; closes ``held``."""
        temporary = atomic.temporary_name(self._layout.top("uploads"))
        try:
            descriptor = atomic.create_file(temporary)
            try:
                open_files.try_lock(descriptor)
                open_files.copy_range(held, descriptor, os.fstat(held).st_size)
                if not os.path.exists(upload.record):
                    raise upload_unknown()
                atomic.rename(temporary, upload.data)
            except BaseException:
                os.close(descriptor)
                atomic.remove(temporary)
                raise
        finally:
            os.close(held)
        self._hashers.pop(upload.id, None)
        return descriptor

    @staticmethod
    def owns(upload: Upload, descriptor: int) -> bool:
        """Return whether the open file is still the one that the upload's name stands for."""
        try:
            named = os.stat(upload.data)
        except FileNotFoundError:
            return False
        return named.st_ino == os.fstat(descriptor).st_ino

    def require_owner(self, writer: UploadWriter) -> None:
        """Raise UploadRangeInvalid or UploadUnknown if the upload is no longer the writer's."""
        if not self.owns(writer.upload, writer.descriptor):
            size = writer.upload.size
            raise UploadRangeInvalid("another request has taken the upload over", size)

    def _take_hasher(self, upload: Upload, size: int) -> Hasher | None:
        if size == 0:
            return hashlib.new(upload.algorithm)
        remembered = self._hashers.pop(upload.id, None)
        return remembered[1] if remembered is not None and remembered[0] == size else None

    def settle(self, writer: UploadWriter) -> int:
        """End a request that appended to an upload, and return the size of the upload.

        What was hashed on the way is kept, in memory for the next chunk and on disk for a closing
        request that another worker gets.

        Raises:
            UploadRangeInvalid: another request took the upload over while this body came in.
            UploadUnknown: the upload ended while this body came in.
        """
        self.require_owner(writer)
        if writer.hasher is not None:
            self._record_checkpoint(writer, writer.hasher)
            self._hashers[writer.upload.id] = (writer.size, writer.hasher)
            if len(self._hashers) > _REMEMBERED:
                self._hashers.popitem(last=False)
        return writer.size

    @staticmethod
    def _record_checkpoint(writer: UploadWriter, hasher: Hasher) -> None:
        checkpoint = {
            "size": writer.size,
            "digest": Digest.from_hasher(writer.upload.algorithm, hasher),
            "boot": boot_id(),
        }
        try:
            record = atomic.open_append(writer.upload.record, create=False)
        except FileNotFoundError:
            raise upload_unknown() from None
        try:
            # The bytes have had room. Without this they are read again in the end, no more.
            with contextlib.suppress(StorageFull):
                open_files.write_all(record, json.dumps(checkpoint).encode() + b"\n")
        finally:
            os.close(record)

    def digest(self, writer: UploadWriter, algorithm: str) -> Digest:
        """Return the digest of the whole upload; bytes are read again only if nobody hashed."""
        if algorithm == writer.upload.algorithm:
            if writer.hasher is not None:
                return Digest.from_hasher(algorithm, writer.hasher)
            known = self._checkpoint(writer)
            if known is not None:
                return known
        return read_digest(writer.descriptor, algorithm)

    @staticmethod
    def _checkpoint(writer: UploadWriter) -> Digest | None:
        """Return what an earlier request hashed, if it covers exactly the bytes that are there.

        It must be of the same run of the kernel: after a power cut the file may have the right
        size and the wrong bytes.
        """
        with contextlib.suppress(OSError, ValueError), open(writer.upload.record, "rb") as file:
            checkpoint = json.loads(file.readlines()[-1])
            if checkpoint.get("size") == writer.size and checkpoint["boot"] == boot_id():
                return Digest(checkpoint["digest"])
        return None

    def remove(self, upload: Upload) -> bool:
        """End the upload; return whether it was there. Its record goes first: nothing finds it."""
        self._hashers.pop(upload.id, None)
        found = atomic.remove(upload.record)
        atomic.remove(upload.data)
        return found


def _open_data(upload: Upload) -> tuple[int, bool]:
    """Open the data file of an upload; return the descriptor and whether it can be written.

    Raises:
        UploadUnknown: it is gone.
    """
    flags = os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        with open_files.translated():
            try:
                return os.open(upload.data, flags | os.O_RDWR), True
            except PermissionError:
                # A crash in the middle of its publication left it read-only.
                return os.open(upload.data, flags | os.O_RDONLY), False
    except FileNotFoundError:
        raise upload_unknown() from None
