"""Which image may show which blob: one link in ``_layers`` for each.

The link is the access check of the whole registry: no blob is served, mounted or referenced
without it (advisory class of zot CVE-2024-39897 and Gitea CVE-2026-28740). A symbolic link is none,
wherever it points: what is outside of the storage folder is not shown. It is also the lease
that protects a blob between its upload and the manifest that names it.
"""

from __future__ import annotations

import os

from registry.model.content import Blob
from registry.model.digests import Digest
from registry.model.errors import BlobUnknown
from registry.model.names import ImageName, RepositoryKey
from registry.storage import atomic, held, syncing
from registry.storage.filestore import Filestore
from registry.storage.layout import Layout
from registry.storage.manifest_files import file_status, is_file


class Links:
    """The blob links of all images."""

    def __init__(self, layout: Layout, filestore: Filestore) -> None:
        self._layout = layout
        self._filestore = filestore

    def find(
        self, key: RepositoryKey, image: ImageName, digest: Digest, *, renew: bool = False
    ) -> Blob:
        """Return the blob if the image may show it; ``renew`` it for somebody about to push.

        Raises:
            BlobUnknown: the image has no link to it.
        """
        path = self._layout.layer(key, image, digest)
        try:
            status = file_status(path)
        except (FileNotFoundError, NotADirectoryError):
            raise BlobUnknown("blob unknown to registry", {"digest": digest}) from None
        if renew and not self._filestore.renew(path, status) and not held.resurrect(path):
            raise BlobUnknown("blob unknown to registry", {"digest": digest})
        return Blob(digest, status.st_size, path)

    def has(self, key: RepositoryKey, image: ImageName, digest: Digest) -> bool:
        """Return whether the image may show the blob."""
        try:
            file_status(self._layout.layer(key, image, digest))
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def claim(self, key: RepositoryKey, image: ImageName, digest: Digest) -> bool:
        """Return whether the image may show the blob, for a manifest that is about to name it.

        The lease is renewed, and brought back where it was about to end.
        """
        path = self._layout.layer(key, image, digest)
        try:
            return self._filestore.renew(path, file_status(path)) or held.resurrect(path)
        except (FileNotFoundError, NotADirectoryError):
            return held.resurrect(path) and not os.path.islink(path)

    def add(self, key: RepositoryKey, image: ImageName, digest: Digest) -> None:
        """Let the image show content that is in the filestore, and renew it.

        Raises:
            FileNotFoundError: the content is not there (any more).
        """
        path = self._layout.layer(key, image, digest)
        if os.path.lexists(path) and not is_file(path):
            # A link or a pipe shows nothing, so it must not keep the name from what does.
            atomic.remove(path)
        self._filestore.give(digest, path)
        self._renew(path)

    def restart_age(self, key: RepositoryKey, image: ImageName, digest: Digest) -> None:
        """Let the age of a lease begin now: a manifest that needed the blob has gone."""
        atomic.touch(self._layout.layer(key, image, digest))

    def bring_back(self, key: RepositoryKey, image: ImageName, digest: Digest, source: str) -> bool:
        """Let the image show a blob again that it had; return whether it could be had.

        ``source`` is a name that the content may have outside the image.
        """
        if self.claim(key, image, digest):
            return True
        if not os.path.exists(source):
            return False
        path = self._layout.layer(key, image, digest)
        self._filestore.give(digest, path, source)
        return atomic.touch(path)

    def mount(self, key: RepositoryKey, image: ImageName, digest: Digest, source: Blob) -> None:
        """Let the image show a blob that was found in another image, and renew it.

        Raises:
            FileNotFoundError: the content is not there (any more).
        """
        path = self._layout.layer(key, image, digest)
        self._filestore.give(digest, path, source.path)
        self._renew(path)

    def _renew(self, path: str) -> None:
        """Let the age of a link begin now that somebody is told of it.

        All names share one age, and the content may have got another one long ago. Raises
        FileNotFoundError if the link has gone meanwhile.
        """
        if not self._filestore.renew(path, file_status(path)) and not held.resurrect(path):
            raise FileNotFoundError(path)

    def remove(self, key: RepositoryKey, image: ImageName, digest: Digest) -> bool:
        """Stop the image from showing the blob; return whether it did. Durable."""
        path = self._layout.layer(key, image, digest)
        if not atomic.remove(path):
            return False
        syncing.sync_folder(self._layout.layers(key, image))
        return True
