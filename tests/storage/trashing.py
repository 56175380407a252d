"""Images that are pushed and deleted by the storage room alone, and what must be in the trash."""

from __future__ import annotations

import os

from registry.model.content import Actor
from registry.model.digests import Digest
from registry.model.names import Reference, Tag
from registry.storage.deletions import Deletion
from registry.storage.layout import content_name
from registry.storage.store import Store
from tests.storage.conftest import IMAGE, KEY, PLACE
from tests.storage.folders import files
from tests.storage.pushes import add_blob, image_body, put

ALICE = Actor("alice", "192.0.2.1")
TAG, SECOND = Tag("1.0"), Tag("2.0")


def push(store: Store, reference: Reference = TAG, note: str = "") -> Digest:
    """Put an image of two blobs under a reference."""
    blobs = tuple(add_blob(store, data) for data in (b"{}", b"layer"))
    return put(store, reference, image_body(b"layer", note=note), blobs)


def delete(store: Store, *deletions: tuple[Reference, Digest]) -> None:
    """Delete manifest folders, in the order of `ManifestDeletion`."""
    with store.locks.image(KEY, IMAGE):
        staged = store.trash.stage(PLACE, deletions, ALICE)
        store.manifests.remove_folders(PLACE, [reference for reference, _ in deletions])
        store.trash.finish(staged)


def entries(store: Store) -> list[Deletion]:
    """Return what is in the trash."""
    return list(store.trash.entries())


def top(store: Store) -> list[str]:
    """Return the names in the folder of the trash."""
    return sorted(os.listdir(store.layout.top("trash")))


def folder_of(store: Store, reference: Reference = TAG) -> str:
    """Return the manifest folder of a reference."""
    return store.layout.manifest_folder(KEY, IMAGE, reference)


def check_complete(store: Store, entry: Deletion, digest: Digest) -> None:
    """Assert that an entry has the manifest of that digest, and all that it needs."""
    found = files(store.trash.path(entry))
    assert sorted(found) == sorted(
        ["deletion.json", "manifest.json", "manifest.json.properties.json",
         content_name(Digest.of(b"{}")), content_name(Digest.of(b"layer"))]
    )  # fmt: skip
    assert Digest.of(found["manifest.json"]) == digest
