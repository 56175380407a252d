"""The writes of a repair. Each looks again at what it is about to change, and trusts bytes only.

Callers hold the image lock where a name of an image is changed. A name in its final place stands
for whole content at every moment: the new link is made beside it, and renamed over it.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator

from registry.model.digests import Digest
from registry.storage import atomic, open_files, syncing, walk
from registry.storage.contents import Verifier
from registry.storage.filestore import Filestore
from registry.storage.layout import Layout
from registry.storage.open_files import LinksExhausted


class Repairs:
    """Puts names and modes right in one storage folder."""

    def __init__(self, layout: Layout, filestore: Filestore) -> None:
        self._layout = layout
        self._filestore = filestore
        self._verifier = Verifier()

    def is_good(self, path: str, digest: Digest) -> bool:
        """Return whether a file is there and has the bytes of ``digest``; it is read once."""
        status = walk.look_at(path)
        if status is None or not stat.S_ISREG(status.st_mode):
            return False
        try:
            return self._verifier.is_good(path, digest)
        except OSError:
            return False

    def is_stored(self, digest: Digest) -> bool:
        """Return whether the filestore has the content, with the right bytes."""
        return self.is_good(self._layout.content(digest), digest)

    def _renew(self, path: str) -> None:
        """Renew the age of content, so that the pruner does not take it for long unneeded."""
        status = walk.look_at(path)
        if status is not None:
            self._filestore.renew(path, status)

    def store(self, digest: Digest, source: str) -> bool:
        """Give content its name in the filestore again; return whether it is there, and good.

        A good file takes the place of a bad one: ``source`` is read before.
        """
        content = self._layout.content(digest)
        self._renew(content)
        if self.is_good(content, digest):
            return True
        if not self.is_good(source, digest):
            return False
        temporary = atomic.temporary_name(os.path.dirname(content))
        try:
            atomic.link(source, temporary)
        except (FileNotFoundError, LinksExhausted):
            return False
        atomic.put_in_place(temporary, content)
        self._renew(content)
        syncing.sync_folder(os.path.dirname(content))
        return True

    def give(self, digest: Digest, path: str) -> bool:
        """Let a name stand for the filestore's content, whatever it stood for; return if it does.

        The content in the filestore is read before. Durable.
        """
        self._renew(self._layout.content(digest))
        if not self.is_stored(digest):
            return False
        temporary = atomic.temporary_name(os.path.dirname(path))
        try:
            self._filestore.give(digest, temporary)
        except FileNotFoundError:
            return False
        atomic.put_in_place(temporary, path)
        syncing.sync_folder(os.path.dirname(path))
        return True

    def join(self, digest: Digest, path: str) -> bool:
        """Let a name with the same content as the filestore's be a link to it; return if it is.

        Both are read before. Where the filestore's is the bad one, it is replaced; a name that is
        bad itself is put right.
        """
        with contextlib.suppress(FileNotFoundError):
            if os.lstat(path).st_ino == os.lstat(self._layout.content(digest)).st_ino:
                return True
            if self.store(digest, path):
                return self.give(digest, path)
        return False

    def move(self, digest: Digest, path: str) -> bool:
        """Move content that lies in the wrong folder of the filestore; return whether it could."""
        return self.store(digest, path) and atomic.remove(path)

    def set_mode(self, path: str, mode: int) -> bool:
        """Set the permissions of a file or folder; return whether that could be done."""
        with _opened(path) as descriptor:
            if descriptor is None:
                return False
            open_files.set_mode(descriptor, mode)
        return True


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int | None]:
    """Open a file or folder, and not what a symbolic link leads to."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)
