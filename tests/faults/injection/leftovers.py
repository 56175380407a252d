"""What a fault may leave behind: each kind has a name, harms nobody, and is the pruner's to take.

Whatever is in the storage folder and is neither part of what can be seen nor of a kind listed here
is a violation.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from registry.model.errors import ManifestInvalid
from registry.model.manifests import parse_manifest
from registry.services.instance import Instance
from registry.storage.layout import (
    HELD_PREFIX,
    MANIFEST_FILES,
    SIDECAR_ENDING,
    STAGED_PREFIX,
    TEMPORARY_PREFIX,
    content_name,
    parse_content_name,
)
from registry.storage.manifest_files import listed

UNKNOWN: Final = "unknown"

AFTER_ERROR: Final = frozenset(
    {
        "orphan",  # content that no image shows, because the fault came before the link
        "trash",
        "held",  # names that are about to be freed, and wait for whoever was promised them
        "empty folder",
    }
)
"""What a call that failed may leave: whoever failed was there to clean up."""

AFTER_KILL: Final = AFTER_ERROR | {
    "upload",
    "temporary",
    "stale link",  # of a replaced or removed manifest, or beside one that never came
    "unfinished manifest",  # readable by digest, its tag was not yet there
    "dangling referrer",  # its manifest is gone
    "second manifest",  # a tag between image and index has its manifest under both names
    "sidecar",  # without its manifest
    "staged",  # in the trash, and its deletion was not finished
}
"""What a killed process may leave, or one whose cleaning up failed."""

_SINGLE: Final = ("format.json", "pruning.json", "etc/keys.json", "etc/service.json")
_RECORDS: Final = (
    *("builds", "journal", "locks", "pulls", "quarantine", "upstreams"),
    *("etc/groups", "etc/permissions", "etc/repositories", "etc/users"),
)
"""Folders of which each file speaks for itself; only half-done ones are left over."""


AFTER_SWEEP: Final = frozenset({"trash"})
"""What the pruner may leave: deletions stay in the trash until they expire."""


def leftovers(instance: Instance) -> list[tuple[str, str]]:
    """Return kind and path of everything that is not part of what can be seen."""
    root, found = instance.store.layout.root, []
    for folder, folders, names in os.walk(root):
        place = os.path.relpath(folder, root)
        if not folders and not names and _removable(instance, place):
            found.append(("empty folder", place))
        for name in names:
            kind = _kind(place, folder, name)
            if kind is not None:
                found.append((kind, os.path.normpath(f"{place}/{name}")))
    return sorted(found)


def _removable(instance: Instance, place: str) -> bool:
    """Return whether a folder, if it is empty, is of no use."""
    top, _, rest = place.partition("/")
    if top != "artifacts" or not rest:
        return False
    return "/" in rest or instance.definitions.find(rest) is None


def _kind(place: str, folder: str, name: str) -> str | None:
    """Return what kind of leftover a file is, or None if it is none."""
    top = place.partition("/")[0]
    if top == "uploads":
        return "upload"
    if place.startswith(f"trash/{STAGED_PREFIX}"):
        return "staged"
    if place.startswith(f"trash/{TEMPORARY_PREFIX}"):
        return "temporary"
    if top == "trash":
        return "trash"
    if name.startswith(TEMPORARY_PREFIX):
        return "temporary"
    if name.startswith(HELD_PREFIX):
        return "held"
    if top == "filestore":
        return "orphan" if os.stat(f"{folder}/{name}").st_nlink == 1 else None
    if top == "artifacts":
        return _kind_in_artifacts(folder, name)
    known = os.path.normpath(f"{place}/{name}") in _SINGLE or place in _RECORDS
    return None if known else UNKNOWN


def _kind_in_artifacts(folder: str, name: str) -> str | None:
    parent, _, base = folder.rpartition("/")
    if base == "_layers":
        return None if parse_content_name(name) else UNKNOWN
    if base == "_manifests":
        return None if _stands_in_folder(parent, folder, name) else "unfinished manifest"
    if parent.endswith("/_referrers"):
        image = os.path.dirname(parent)
        return None if os.path.exists(f"{image}/_manifests/{name}") else "dangling referrer"
    return _kind_in_manifest_folder(folder, name)


def _stands_in_folder(image: str, folder: str, name: str) -> bool:
    """Return whether a manifest known by digest is that of a tag, or has a folder by its digest."""
    inode = os.stat(f"{folder}/{name}").st_ino
    for other in listed(image):
        for file in MANIFEST_FILES:
            path = f"{image}/{other}/{file}"
            if os.path.exists(path) and os.stat(path).st_ino == inode:
                return True
    return False


def _kind_in_manifest_folder(folder: str, name: str) -> str | None:
    manifests = [file for file in MANIFEST_FILES if os.path.exists(f"{folder}/{file}")]
    if name in MANIFEST_FILES:
        return "second manifest" if manifests[1:] == [name] else None
    if name.endswith(SIDECAR_ENDING):
        return None if manifests else "sidecar"
    if parse_content_name(name) is None:
        return UNKNOWN
    named = {part for file in manifests for part in _named_by(f"{folder}/{file}")}
    return None if name in named else "stale link"


def _named_by(path: str) -> Iterator[str]:
    """Yield the file names of what a manifest needs beside it."""
    with open(path, "rb") as file:
        body = file.read()
    try:
        manifest = parse_manifest(body, "")
    except ManifestInvalid:
        return
    for part in (*manifest.blobs, *manifest.children):
        yield content_name(part.digest)
