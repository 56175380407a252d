"""Which image may show which blob: one link in ``_layers`` for each.

The link is the access check of the whole registry: no blob is served, mounted or referenced
without it (advisory class of zot CVE-2024-39897 and Gitea CVE-2026-28740). It is also the lease
that protects a blob between its upload and the manifest that names it.
"""

from __future__ import annotations

import os

from registry.model.content import Blob
from registry.model.digests import Digest
from registry.model.errors import BlobUnknown
from registry.model.names import ImageName, RepositoryKey
from registry.storage import atomic
from registry.storage.filestore import Filestore
from registry.storage.layout import Layout


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
            status = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            raise BlobUnknown("blob unknown to registry", {"digest": digest}) from None
        if renew:
            self._filestore.renew(path, status)
        return Blob(digest, status.st_size, path)

    def has(self, key: RepositoryKey, image: ImageName, digest: Digest) -> bool:
        """Return whether the image may show the blob."""
        return os.path.exists(self._layout.layer(key, image, digest))

    def add(self, key: RepositoryKey, image: ImageName, digest: Digest) -> None:
        """Let the image show content that is in the filestore.

        Raises:
            FileNotFoundError: the content is not there (any more).
        """
        self._filestore.give(digest, self._layout.layer(key, image, digest))

    def mount(self, key: RepositoryKey, image: ImageName, digest: Digest, source: Blob) -> None:
        """Let the image show a blob that was found in another image."""
        self._filestore.give(digest, self._layout.layer(key, image, digest), source.path)

    def remove(self, key: RepositoryKey, image: ImageName, digest: Digest) -> bool:
        """Stop the image from showing the blob; return whether it did. Durable."""
        path = self._layout.layer(key, image, digest)
        if not atomic.remove(path):
            return False
        atomic.sync_folder(self._layout.layers(key, image))
        return True
