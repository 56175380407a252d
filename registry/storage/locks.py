"""Locks between threads and processes. Lock files lie in ``locks/`` and are never deleted.

Order: the definition lock before an image lock; an upload's lock is taken alone. No lock of this
file but that of a conversation with an upstream, which is waited for only so long, is held while
bytes travel to or from a network, and none is shared with the pruner.

Hot, short sections use a blocking ``flock``, which is fair; definitions, which change rarely, use
filelock, which polls. The soft fallback of filelock is forbidden: it would leave stale locks.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
import zlib
from collections.abc import Iterator

from filelock import Timeout, UnixFileLock

from registry.model.errors import StorageFailed, StorageFull
from registry.model.names import ImageName, RepositoryKey
from registry.storage import atomic, open_files
from registry.storage.layout import Layout

_IMAGE_SLOTS = 1024
"""Images share this many lock files by hash; sharing one costs waiting, never correctness."""

_POLL = 0.02
"""Seconds between two looks whether a conversation with an upstream is over."""
DEFINITIONS_TIMEOUT = 30.0
"""Seconds to wait for another process that changes a definition."""


class Locks:
    """The locks of one storage folder."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    @contextlib.contextmanager
    def image(self, key: RepositoryKey, image: ImageName) -> Iterator[None]:
        """Hold the right to change the tags and links of one image."""
        with self._hold(self._image(key, image)):
            yield

    @staticmethod
    @contextlib.contextmanager
    def _hold(path: str) -> Iterator[None]:
        descriptor = atomic.lock_file(path)
        try:
            with open_files.translated():
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def quiet_image(self, key: RepositoryKey, image: ImageName) -> Iterator[None]:
        """Keep an image unchanged for somebody who only looks, and so makes no file for that.

        Without a lock file nobody has ever changed the image; one that cannot be opened is
        somebody else's, and the look is no more than one.
        """
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):
                file = stack.enter_context(open(self._image(key, image), "rb"))
                fcntl.flock(file, fcntl.LOCK_SH)
            yield

    @contextlib.contextmanager
    def try_image(self, key: RepositoryKey, image: ImageName) -> Iterator[bool]:
        """Hold the right to change one image if nobody else has it; yield whether it is held."""
        with self._try(self._image(key, image)) as held:
            yield held

    @contextlib.contextmanager
    def try_job(self, name: str) -> Iterator[bool]:
        """Hold the right to do a periodic job if no other process has it; yield whether held.

        A disk without room for the lock's file keeps no job from running: it is there to save
        work, and it is pruning that makes room.
        """
        with contextlib.ExitStack() as stack:
            held = True
            with contextlib.suppress(StorageFull):
                held = stack.enter_context(self._try(self._layout.lock(name)))
            yield held

    @contextlib.contextmanager
    def conversation(self, name: str, seconds: float) -> Iterator[bool]:
        """Hold the right to ask an upstream for something; yield whether it could be had in time.

        It saves upstream questions that several processes would ask at once, and no more.
        """
        slot = zlib.crc32(name.encode()) % _IMAGE_SLOTS
        descriptor = atomic.lock_file(self._layout.lock(f"upstream-{slot:03x}"))
        try:
            end = time.monotonic() + seconds
            while not (held := open_files.try_lock(descriptor)) and time.monotonic() < end:
                time.sleep(_POLL)
            yield held
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def folders(self, key: RepositoryKey) -> Iterator[None]:
        """Hold the right to change what is kept of the folders of a repository.

        Nobody who holds it may ask for the lock of an image.
        """
        with self._hold(
            self._layout.lock(f"folders-{zlib.crc32(key.encode()) % _IMAGE_SLOTS:03x}")
        ):
            yield

    def _image(self, key: RepositoryKey, image: ImageName) -> str:
        slot = zlib.crc32(f"{key}/{image}".encode()) % _IMAGE_SLOTS
        return self._layout.lock(f"image-{slot:03x}")

    @staticmethod
    @contextlib.contextmanager
    def _try(path: str) -> Iterator[bool]:
        descriptor = atomic.lock_file(path)
        try:
            yield open_files.try_lock(descriptor)
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def definitions(self) -> Iterator[None]:
        """Hold the right to change users, repositories and keys.

        Raises:
            StorageFailed: somebody else has held it for too long.
        """
        path = self._layout.lock("definitions")
        lock = UnixFileLock(path, timeout=DEFINITIONS_TIMEOUT, fallback_to_soft=False)
        try:
            with open_files.translated():
                lock.acquire()
        except Timeout:
            raise StorageFailed("another process is changing users or repositories") from None
        try:
            yield
        finally:
            lock.release()
