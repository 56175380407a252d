"""Manifests put into a storage folder by the storage room alone, as the repositories room does."""

from __future__ import annotations

import json
from typing import Any

from registry.model.digests import Digest
from registry.model.names import Reference
from registry.storage.manifest_files import Place
from registry.storage.store import Store
from tests.model import documents
from tests.storage.conftest import PLACE


def image_body(*layers: bytes, note: str = "") -> bytes:
    """Return an image manifest; another ``note`` makes another one."""
    return documents.encode(documents.image(b"{}", *layers, annotations={"note": note}))


def index_body(*children: bytes, note: str = "") -> bytes:
    """Return an index."""
    return documents.encode(documents.index(*children, annotations={"note": note}))


def add_blob(store: Store, data: bytes, place: Place = PLACE) -> Digest:
    """Store a blob and let the image show it."""
    digest = Digest.of(data)
    store.filestore.store(data, digest)
    store.links.add(place.key, place.image, digest)
    return digest


def is_index(body: bytes) -> bool:
    """Return whether the manifest is an index."""
    return "manifests" in json.loads(body)


def put(
    store: Store,
    reference: Reference,
    body: bytes,
    blobs: tuple[Digest, ...] = (),
    place: Place = PLACE,
    **sidecar: Any,
) -> Digest:
    """Put a manifest under a reference, in the order of writes."""
    digest = Digest.of(body)
    with store.locks.image(place.key, place.image):
        content = store.manifests.store(body)
        temporary, missing = store.manifests.prepare(place, reference, content, blobs)
        assert missing == []
        store.manifests.register(place, digest, content, None)
        facts = {"digest": digest} | sidecar
        index = is_index(body)
        store.manifests.stage(place, reference, temporary, facts)
        store.manifests.commit(temporary, index=index)
        store.manifests.settle(place, reference, index=index)
        store.manifests.drop_stale_links(place, reference, blobs)
    return digest
