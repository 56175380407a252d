"""Which tags damaged content hurts: those that have it, and indexes of which a part has it."""

from __future__ import annotations

from collections.abc import Iterable

from registry.model.digests import Digest
from registry.model.errors import RegistryError
from registry.model.manifests import parse_manifest
from registry.model.names import Tag
from registry.model.targets import Target
from registry.storage.manifest_files import Place
from registry.storage.manifests import Manifests
from registry.storage.walk import parse_image_file


def hurt(manifests: Manifests, names: Iterable[str]) -> list[str]:
    """Return the tags and untagged manifests that names below the storage folder belong to.

    An untagged manifest is named only where no tag is hurt through it.
    """
    found: dict[Place, set[Tag | Digest]] = {}
    for name in names:
        file = parse_image_file(name)
        if file is not None and file.folder is not None:
            found.setdefault(file.place, set()).add(file.folder)
    targets = []
    for place, references in found.items():
        parts = {reference for reference in references if isinstance(reference, Digest)}
        for tag, children in _indexes(manifests, place) if parts else ():
            if parts & children:
                references.add(tag)
                references -= children
        targets += [str(Target(place.key, place.image, reference)) for reference in references]
    return sorted(targets)


def _indexes(manifests: Manifests, place: Place) -> Iterable[tuple[Tag, set[Digest]]]:
    """Yield the tags of an image that are indexes, each with its children."""
    for reference in manifests.folders(place):
        if not isinstance(reference, Tag):
            continue
        try:
            stored = manifests.read_index(place, reference)
        except RegistryError:
            continue
        if stored is not None:
            children = parse_manifest(stored.body, stored.media_type).children
            yield reference, {child.digest for child in children}
