"""Notes on damaged content: what they say, and what the names in them mean."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from registry.model.digests import Digest
from registry.model.errors import RegistryError
from registry.model.manifests import parse_manifest
from registry.storage.layout import content_name
from registry.storage.manifest_files import Place
from registry.storage.walk import ImageFile, parse_image_file


@dataclass(frozen=True, slots=True)
class Note:
    """What is known of damaged content."""

    digest: Digest
    computed: str
    """The digest that the bad bytes have."""
    time: str
    inodes: Sequence[int]
    names: Sequence[str]
    """The names that the bad file had in images and in the trash, below the storage folder."""

    def document(self) -> dict[str, Any]:
        """Return the note as it is written."""
        return {
            "digest": self.digest,
            "computed": self.computed,
            "time": self.time,
            "inodes": list(self.inodes),
            "names": list(self.names),
        }


def living(inodes: Iterable[int], aside: os.stat_result | None) -> list[int]:
    """Return the inodes in a note if they mean what they meant: a restored copy has others."""
    known = list(inodes)
    return known if aside is not None and aside.st_ino in known else []


def promises_bytes(name: str, digest: Digest) -> bool:
    """Return whether a name is that of a blob, which promises its very bytes."""
    shown = "/_manifests/" in name or "/_referrers/" in name
    return os.path.basename(name) == content_name(digest) and not shown


def by_place(names: Iterable[str]) -> list[tuple[Place, list[tuple[str, ImageFile]]]]:
    """Return names that are files of images, with what they say, image by image."""
    found: dict[Place, list[tuple[str, ImageFile]]] = {}
    for name in names:
        file = parse_image_file(name)
        if file is not None:
            found.setdefault(file.place, []).append((name, file))
    return list(found.items())


def is_named(body: bytes, digest: Digest) -> bool:
    """Return whether a manifest names a digest."""
    try:
        manifest = parse_manifest(body)
    except RegistryError:
        return False
    return any(part.digest == digest for part in (*manifest.blobs, *manifest.children))
