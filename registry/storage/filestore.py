"""The filestore: every distinct content once, under its digest.

All names inside images are hard links to it, so `give` is how an image comes to own content.
Small repairs of the scheme live here too: what to do when an inode cannot take one more name.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable

from registry.model.digests import Digest
from registry.model.errors import StorageReadOnly
from registry.storage import atomic, held, open_files
from registry.storage.layout import Layout
from registry.storage.open_files import LinksExhausted

LEASE_RENEWAL = 300.0
"""Seconds after which a "yes, it is here" renews the age of the content again: as often as is
safe, because half the grace would halve the protection (Harbor's fix of its hottest query)."""


class Filestore:
    """The content of one storage folder."""

    def __init__(self, layout: Layout, renewal: float = LEASE_RENEWAL) -> None:
        self._layout = layout
        self._renewal = renewal

    def publish(
        self, descriptor: int, digest: Digest, give_up: Callable[[], object] = lambda: None
    ) -> None:
        """Give an open file its name as content; durable bytes.

        The caller has verified that the bytes have ``digest``, and nobody else writes to the
        file. Its other names stay; the caller removes them. Content that is there already stays
        as it is, and is renewed. If the bytes cannot be made durable the caller has to ``give_up``
        the file: the kernel takes them for written then, and a second try would succeed.

        Raises:
            FileNotFoundError: the file has lost its last name meanwhile.
        """
        target = self._layout.content(digest)
        if _is_there(target):
            return
        open_files.set_mode(descriptor, atomic.CONTENT_MODE)
        try:
            # Bytes first, name second: a name in the filestore is a promise about its bytes. The
            # folder of the name is not synced: images own their content by their own links.
            try:
                open_files.sync_file(descriptor)
            except BaseException:
                give_up()
                raise
            if atomic.link_open(descriptor, target):
                # Its age begins now, however long ago the last byte came.
                self.renew(target, os.fstat(descriptor))
            else:
                atomic.touch(target)
        except BaseException:
            open_files.set_mode(descriptor, atomic.SECRET_MODE)
            raise

    def store(self, data: bytes, digest: Digest) -> None:
        """Store ``data`` as content; durable. The caller has verified the digest."""
        target = self._layout.content(digest)
        if _is_there(target):
            return
        folder = os.path.dirname(target)
        atomic.new_folder(folder)
        temporary = atomic.write_temporary(folder, data)
        try:
            atomic.link(temporary, target)
        finally:
            atomic.remove(temporary)

    def give(self, digest: Digest, target: str, source: str | None = None) -> None:
        """Give content the further name ``target``; nothing happens where it has it already.

        Content on hold is brought back. ``source`` is another name of the same content to fall
        back to, where a copy of the storage folder lost the filestore's own.

        Raises:
            FileNotFoundError: the content is not there.
        """
        content = self._layout.content(digest)
        try:
            atomic.link(content, target)
        except FileNotFoundError:
            if held.resurrect(content):
                atomic.link(content, target)
            elif source is None:
                raise
            else:
                atomic.link(source, target)
        except LinksExhausted:
            self._split(content)
            atomic.link(content, target)

    def _split(self, content: str) -> None:
        """Replace the filestore's inode by a copy that has all its links to give.

        The old inode lives on under the names that it has.
        """
        temporary = atomic.temporary_name(os.path.dirname(content))
        source = os.open(content, os.O_RDONLY)
        try:
            target = atomic.create_file(temporary, atomic.CONTENT_MODE)
            try:
                open_files.copy_range(source, target, os.fstat(source).st_size)
                open_files.set_mode(target, atomic.CONTENT_MODE)
                open_files.sync_file(target)
                atomic.rename(temporary, content)
            except BaseException:
                atomic.remove(temporary)
                raise
            finally:
                os.close(target)
        finally:
            os.close(source)

    def renew(self, path: str, status: os.stat_result) -> bool:
        """Renew the age of content because somebody is told that it is here.

        ``status`` is what ``path``, any name of the content, was found to be. Returns whether it
        is still there: only then may anybody be told so.
        """
        if time.time() - status.st_mtime > self._renewal:
            try:
                return atomic.touch(path)
            except StorageReadOnly:
                # Pulls go on; and nobody can prune here, either.
                return True
        return True

    def has(self, digest: Digest) -> bool:
        """Return whether the content is stored, for whichever image."""
        with contextlib.suppress(OSError):
            os.stat(self._layout.content(digest))
            return True
        return False

    def name_of(self, digest: Digest) -> str | None:
        """Return the path of stored content below the filestore's folder, or None.

        For a reverse proxy that reads it there. As long as an image has the content the name
        stays: pruning takes only names that are the last one of their inode.
        """
        if not self.has(digest):
            return None
        return os.path.relpath(self._layout.content(digest), self._layout.top("filestore"))


def _is_there(path: str) -> bool:
    """Return whether content has its name, and renew it then.

    A symbolic link is no content, wherever it points, and gives up the name.
    """
    if os.path.islink(path):
        atomic.remove(path)
        return False
    return atomic.touch(path)
