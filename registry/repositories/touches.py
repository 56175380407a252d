"""What a dry run would have touched: content whose age a pass lets begin anew.

All names of a content share one age. So what a pass does in one image is seen in the next, and a
dry run, which touches nothing, has to remember it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from registry.model.digests import Digest
from registry.model.errors import ManifestUnknown
from registry.model.manifests import Manifest, parse_manifest
from registry.storage.manifest_files import Place
from registry.storage.store import Store


class Touches:
    """The inodes of all that would be young now."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._layout = store.layout
        self._inodes: set[int] = set()

    def has(self, path: str) -> bool:
        """Return whether the content of that name would be young."""
        return bool(self._inodes and self._inodes.intersection(_inodes([path])))

    def by_deleting(self, place: Place, digest: Digest) -> None:
        """Remember what `ManifestDeletion.untagged` touches: all that depends on the manifest."""
        manifest = self._read(place, digest)
        if manifest is not None:
            parts = [child.digest for child in manifest.children]
            parts += [found.digest for found in self._store.manifests.referrers(place, digest)]
            self._touch_blobs(place, manifest)
            self._touch(self._layout.manifest(place.key, place.image, part) for part in parts)

    def by_completing(self, place: Place, digest: Digest) -> None:
        """Remember what `ManifestWriter.complete` touches: the manifest, and what it claims."""
        manifest = self._read(place, digest)
        if manifest is not None:
            self._touch_blobs(place, manifest)
            self._touch([self._layout.manifest(place.key, place.image, digest)])

    def _read(self, place: Place, digest: Digest) -> Manifest | None:
        """Return the manifest, or None if the image does not show it (any more)."""
        try:
            stored = self._store.manifests.read(place, digest)
        except ManifestUnknown:
            return None
        return parse_manifest(stored.body, stored.media_type)

    def _touch_blobs(self, place: Place, manifest: Manifest) -> None:
        blobs = [blob.digest for blob in manifest.blobs]
        self._touch(self._layout.layer(place.key, place.image, blob) for blob in blobs)

    def _touch(self, paths: Iterable[str]) -> None:
        self._inodes.update(_inodes(paths))


def _inodes(paths: Iterable[str]) -> Iterator[int]:
    for path in paths:
        try:
            yield os.stat(path).st_ino
        except FileNotFoundError:
            continue
