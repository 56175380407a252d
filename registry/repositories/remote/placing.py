"""Blobs of a cache come after the manifests that name them: then they are linked into the folders.

A manifest folder is a complete image as far as the cache has its parts, and only what is in one
stays for longer than the grace.
"""

from __future__ import annotations

import contextlib

from registry.model.digests import Digest
from registry.model.errors import ManifestInvalid, ManifestUnknown, ManifestUnverified
from registry.model.manifests import parse_manifest
from registry.model.names import Reference
from registry.storage.manifest_files import Place, read_manifest
from registry.storage.store import Store


def place_part(store: Store, place: Place, digest: Digest) -> None:
    """Link a blob that the image shows into the folders of all manifests that name it.

    Raises:
        StorageFull, StorageFailed.
    """
    folders = [one for one in store.manifests.folders(place) if _names(store, place, one, digest)]
    if folders:
        with store.locks.image(place.key, place.image):
            for reference in folders:
                # It may have been moved to another manifest meanwhile.
                if _names(store, place, reference, digest):
                    with contextlib.suppress(FileNotFoundError):
                        store.manifests.add_part(place, reference, digest)


def place_parts(store: Store, place: Place, reference: Reference, body: bytes) -> None:
    """Link the blobs that came while a manifest was being put into its folder.

    Raises:
        StorageFull, StorageFailed.
    """
    manifests, links = store.manifests, store.links
    late = [
        part.digest
        for part in parse_manifest(body).blobs
        if not manifests.holds(place, reference, part.digest)
        and links.has(place.key, place.image, part.digest)
    ]
    for digest in late:
        place_part(store, place, digest)


def _names(store: Store, place: Place, reference: Reference, digest: Digest) -> bool:
    folder = store.layout.manifest_folder(place.key, place.image, reference)
    body = read_manifest(folder)
    if body is None or digest.encoded.encode() not in body:
        return False
    with contextlib.suppress(ManifestInvalid, ManifestUnverified, ManifestUnknown):
        return any(part.digest == digest for part in parse_manifest(body).blobs)
    return False
