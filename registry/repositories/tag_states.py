"""Tags as retention sees them: what they stand for, when they were pushed, whether pinned.

When a tag was pushed is what its sidecar says; no time of a file tells it, because all names of a
content share one inode, and copying a storage folder may renew the times of its files.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping

from registry.model.digests import Digest
from registry.model.errors import ManifestUnknown, StorageFailed
from registry.model.names import Tag
from registry.model.retention import TagState
from registry.repositories.sidecars import PINNED
from registry.storage.journal import parse_timestamp
from registry.storage.manifest_files import Place
from registry.storage.manifest_reader import Sidecar
from registry.storage.store import Store


def read_tag(store: Store, place: Place, tag: Tag) -> TagState | None:
    """Return one tag of an image, or None if it has no such tag."""
    try:
        digest = store.manifests.read(place, tag).digest
    except ManifestUnknown:
        return None
    return _state(store, place, tag, digest)


def read_tags(store: Store, place: Place) -> list[TagState]:
    """Return all tags of an image, as they are while it is looked at."""
    return with_times(store, place, store.references.read(place).tags)


def with_times(store: Store, place: Place, tags: Mapping[Tag, Digest]) -> list[TagState]:
    """Return what is known of tags of an image; one that has gone meanwhile is left out."""
    found = (_state(store, place, tag, digest) for tag, digest in tags.items())
    return [state for state in found if state is not None]


def sidecar_of(store: Store, place: Place, tag: Tag) -> Sidecar:
    """Return what is recorded beside a tag; of a damaged or missing record, nothing."""
    try:
        return store.manifests.sidecar(place, tag) or {}
    except StorageFailed:
        return {}


def _state(store: Store, place: Place, tag: Tag, digest: Digest) -> TagState | None:
    sidecar = sidecar_of(store, place, tag)
    try:
        pushed = parse_timestamp(sidecar["modified"])
    except (KeyError, TypeError, ValueError):
        # Without a record, the last change of the folder: it was pushed then, or before.
        folder = store.layout.manifest_folder(place.key, place.image, tag)
        try:
            changed = os.stat(folder).st_mtime
        except FileNotFoundError:
            return None
        pushed = datetime.datetime.fromtimestamp(changed, datetime.UTC)
    return TagState(place.image, tag, digest, pushed, sidecar.get(PINNED) is True)
