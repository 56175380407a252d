"""Tags as retention sees them: what they stand for, when they were pushed, whether pinned.

When a tag was pushed is what its sidecar says; no time of a file tells it, because all names of a
content share one inode, and copying a storage folder may renew the times of its files.
"""

from __future__ import annotations

import datetime
import os

from registry.model.digests import Digest
from registry.model.errors import DigestInvalid, ManifestUnknown, StorageFailed
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
    """Return all tags of an image; one that goes meanwhile is left out."""
    tags = store.references.read(place).tags
    found = (_state(store, place, tag, digest) for tag, digest in tags.items())
    return [state for state in found if state is not None]


def sidecar_of(store: Store, place: Place, tag: Tag) -> Sidecar:
    """Return what is recorded beside a tag; of a damaged or missing record, nothing."""
    try:
        return store.manifests.sidecar(place, tag) or {}
    except StorageFailed:
        return {}


def recorded_state(place: Place, tag: Tag, sidecar: Sidecar) -> TagState | None:
    """Return a tag as its sidecar alone tells, or None if it does not.

    After a killed push that may be wrong: `read_tag` tells.
    """
    try:
        pushed, digest = parse_timestamp(sidecar["modified"]), Digest.parse(sidecar["digest"])
    except (KeyError, TypeError, ValueError, AttributeError, DigestInvalid):
        return None
    return TagState(place.image, tag, digest, pushed, is_pinned(sidecar))


def is_pinned(sidecar: Sidecar) -> bool:
    """Return whether retention spares the tag."""
    return sidecar.get(PINNED) is True


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
    return TagState(place.image, tag, digest, pushed, is_pinned(sidecar))
