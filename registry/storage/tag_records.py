"""The sidecars of all tags of an image, for whoever asks often and must not read them each time."""

from __future__ import annotations

from collections.abc import Iterator

from registry.model.errors import StorageFailed
from registry.model.names import Tag
from registry.storage.documents import Documents
from registry.storage.layout import MANIFEST_FILE, SIDECAR_ENDING, Layout, is_part, part_of
from registry.storage.manifest_files import Place, is_file, is_manifest_folder, listed
from registry.storage.manifest_reader import Sidecar


def tag_folders(layout: Layout, place: Place) -> list[str]:
    """Return the names of the folders in an image that may be tags; the cheapest look of all."""
    return [name for name in listed(layout.image(place.key, place.image)) if is_part(name)]


def tag_records(
    layout: Layout, cache: Documents, place: Place, folders: list[str]
) -> Iterator[tuple[Tag, Sidecar]]:
    """Yield those of ``folders`` that are tags and have a sidecar, each with it.

    Two ``stat`` tell that a tag is there, and that its sidecar is the one that was parsed before.
    """
    image = layout.image(place.key, place.image)
    for name in folders:
        path = f"{image}/{name}/{MANIFEST_FILE}"
        try:
            sidecar = cache.read(path + SIDECAR_ENDING)
        except StorageFailed:
            continue
        if sidecar is not None and (is_file(path) or is_manifest_folder(f"{image}/{name}")):
            yield Tag(part_of(name)), sidecar
