"""Blobs on their way from an upstream: one download of each for all processes.

A download is an upload of the cache to itself, in the two files of `registry.storage.uploads`, and
is swept like one. Its id follows from the repository and the digest, so every process finds it. Who
writes holds the lock of the data file; bytes are only ever appended, so whoever sends them while
they come reads them from the same file. A killed process loses nothing: the next one to take the
lock goes on where the bytes end.

The lines of the record say which images want the blob, and how large it is. A line is added, and
the download ended, under the lock of the record, so that no image is forgotten. The data file is
writable until its digest has been verified.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from registry.model.digests import Digest
from registry.model.errors import StorageFull
from registry.model.names import ImageName, RepositoryKey
from registry.storage import atomic, open_files
from registry.storage.layout import Layout
from registry.storage.upload_writer import Upload, UploadWriter, hasher_of
from registry.storage.uploads import boot_id

OWNER: Final = "upstream"
_ATTEMPTS: Final = 5


@dataclass(slots=True)
class ArrivalRecord:
    """What is known of a download."""

    images: list[ImageName] = field(default_factory=list)
    size: int | None = None
    boot: str = ""


class Arrivals:
    """The downloads of one storage folder."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def upload(self, key: RepositoryKey, digest: Digest) -> Upload:
        """Return the files of the download of a blob, whether or not there is one."""
        name = hashlib.sha256(f"{key}\n{digest}".encode()).hexdigest()[:32]
        data, record = self._layout.upload_data(name), self._layout.upload_record(name)
        return Upload(name, digest.algorithm, data, record)

    # --- writing -----------------------------------------------------------------------------

    def lead(self, key: RepositoryKey, image: ImageName, digest: Digest) -> UploadWriter | None:
        """Return a writer at the end of what has arrived, or None while somebody else writes.

        A new download is for ``image``; one that is gone on with is for those that it was for.
        Bytes that a power cut may have harmed are not gone on with.
        """
        upload = self.upload(key, digest)
        for _ in range(_ATTEMPTS):
            descriptor = _open_data(upload)
            if descriptor is None or not open_files.try_lock(descriptor):
                _close(descriptor)
                return None
            if not open_files.is_at(descriptor, upload.data):
                os.close(descriptor)
                continue
            known = self.record(upload)
            size = os.fstat(descriptor).st_size
            if known is not None and known.boot == boot_id() and 0 < size <= (known.size or 0):
                hasher = hasher_of(descriptor, upload.algorithm)
                os.lseek(descriptor, 0, os.SEEK_END)
                return UploadWriter(upload, descriptor, size, hasher)
            if size == 0:
                atomic.remove(upload.record)
                self._begin(upload, key, image, digest)
                return UploadWriter(upload, descriptor, 0, hashlib.new(upload.algorithm))
            self.drop(upload)
            os.close(descriptor)
        return None

    @staticmethod
    def _begin(upload: Upload, key: RepositoryKey, image: ImageName, digest: Digest) -> None:
        first = {"repository": key, "image": image, "owner": OWNER}
        first |= {"algorithm": digest.algorithm, "digest": digest, "boot": boot_id()}
        descriptor = atomic.create_file(upload.record)
        try:
            open_files.write_all(descriptor, json.dumps(first).encode() + b"\n")
        except BaseException:
            atomic.remove(upload.record)
            raise
        finally:
            os.close(descriptor)

    def announce(self, writer: UploadWriter, size: int) -> None:
        """Say how large the blob is; its other bytes must have room.

        Raises:
            StorageFull: they have none.
        """
        free = os.statvfs(os.path.dirname(writer.upload.data))
        if size - writer.size > free.f_bavail * free.f_frsize:
            raise StorageFull("the storage has no room for the blob")
        self._add(writer.upload, {"size": size})

    @contextlib.contextmanager
    def ending(self, upload: Upload) -> Iterator[list[ImageName]]:
        """Hold the record, so that no image is added; yield those that want the blob."""
        with self._held(upload) as held:
            known = self.record(upload) if held else None
            yield known.images if known is not None else []

    def drop(self, upload: Upload) -> None:
        """End a download; nothing of it is left."""
        atomic.remove(upload.record)
        atomic.remove(upload.data)

    # --- joining -----------------------------------------------------------------------------

    def record(self, upload: Upload) -> ArrivalRecord | None:
        """Return what is known of a download, or None if there is none."""
        found = ArrivalRecord()
        try:
            with open(upload.record, "rb") as file:
                for line in file:
                    with contextlib.suppress(ValueError):
                        _take(json.loads(line), found)
        except FileNotFoundError:
            return None
        return found

    def add_image(self, upload: Upload, image: ImageName) -> bool:
        """Let the blob come to one more image; return whether the download is still on."""
        with self._held(upload) as held:
            known = self.record(upload) if held else None
            if known is None:
                return False
            if image not in known.images:
                self._add(upload, {"image": image})
            return True

    @staticmethod
    def open(upload: Upload) -> int | None:
        """Return a descriptor to read what arrives, or None if nothing does."""
        try:
            return open_files.open_to_lock(upload.data)
        except FileNotFoundError:
            return None

    @staticmethod
    def is_verified(descriptor: int) -> bool:
        """Return whether the bytes of an open file of a download are known to have their digest."""
        return not os.fstat(descriptor).st_mode & 0o222

    @staticmethod
    def is_led(descriptor: int) -> bool:
        """Return whether somebody holds the right to write to an open file of a download."""
        if not open_files.try_lock(descriptor):
            return True
        open_files.unlock(descriptor)
        return False

    @staticmethod
    @contextlib.contextmanager
    def _held(upload: Upload) -> Iterator[bool]:
        """Hold the record; yield whether there still is one. Never held while bytes travel."""
        try:
            descriptor = open_files.open_to_lock(upload.record)
        except FileNotFoundError:
            yield False
            return
        try:
            with open_files.translated():
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield open_files.is_at(descriptor, upload.record)
        finally:
            os.close(descriptor)

    @staticmethod
    def _add(upload: Upload, facts: dict[str, object]) -> None:
        try:
            descriptor = atomic.open_append(upload.record, create=False)
        except FileNotFoundError:
            return
        try:
            open_files.write_all(descriptor, json.dumps(facts).encode() + b"\n")
        finally:
            os.close(descriptor)


def _take(line: object, found: ArrivalRecord) -> None:
    if not isinstance(line, dict):
        return
    if isinstance(line.get("image"), str):
        found.images.append(ImageName(line["image"]))
    if isinstance(line.get("size"), int):
        found.size = line["size"]
    found.boot = str(line.get("boot", found.boot))


def _open_data(upload: Upload) -> int | None:
    """Open the data file to write, made if it is missing; None if somebody is publishing it.

    What a crash in the middle of its publication has left is read-only, and is not gone on with.
    """
    try:
        if not os.stat(upload.data).st_mode & 0o200:
            descriptor = open_files.open_to_lock(upload.data)
            free = open_files.try_lock(descriptor)
            os.close(descriptor)
            if not free:
                return None
            atomic.remove(upload.data)
    except FileNotFoundError:
        pass
    return atomic.lock_file(upload.data)


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)
