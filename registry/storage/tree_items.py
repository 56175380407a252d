"""Making items: what the files, folders and sidecars of a repository say about each of them."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

from registry.model.digests import Digest
from registry.model.items import Item
from registry.model.names import ImageName, Reference, RepositoryKey
from registry.storage.journal import timestamp
from registry.storage.manifest_files import Place
from registry.storage.manifest_reader import Sidecar

FILE_PROPERTIES: Final = "fileProperties"
"""In a sidecar: file name to the properties that users gave to a layer or configuration."""
FOLDER_PROPERTIES: Final = "folderProperties"
"""In a sidecar: the properties that users gave to the folder of the manifest."""
GIVEN: Final = (FILE_PROPERTIES, FOLDER_PROPERTIES)
PROPERTIES: Final = "properties"
"""In a sidecar: the properties of the manifest."""
SYSTEM: Final = "_system_"
"""Who made what nobody in particular made; Artifactory's name for it."""


def location_of(place: Place, reference: Reference, name: str = "") -> str:
    """Return where a manifest folder, or the file ``name`` in it, is in its repository."""
    folder = f"{place.image}/{reference}"
    return f"{folder}/{name}" if name else folder


def manifest_item(
    place: Place,
    reference: Reference,
    name: str,
    status: os.stat_result,
    digest: Digest,
    sidecar: Sidecar,
) -> Item:
    """Return the manifest of a folder; ``digest`` is what its bytes have."""
    return Item(
        repository=place.key,
        location=location_of(place, reference, name),
        is_folder=False,
        size=status.st_size,
        digest=digest,
        media_type=str(sidecar.get("mediaType", "")),
        image=place.image,
        reference=reference,
        properties=properties_of(sidecar.get(PROPERTIES)),
        **_made(sidecar, status),
    )


def content_item(
    place: Place,
    reference: Reference,
    name: str,
    status: os.stat_result,
    digest: Digest,
    sidecar: Sidecar,
) -> Item:
    """Return a configuration or layer in a manifest folder."""
    given = sidecar.get(FILE_PROPERTIES)
    own = given.get(name) if isinstance(given, dict) else None
    return Item(
        repository=place.key,
        location=location_of(place, reference, name),
        is_folder=False,
        size=status.st_size,
        digest=digest,
        image=place.image,
        reference=reference,
        properties={digest.algorithm: [digest.encoded], **properties_of(own)},
        **_made(sidecar, status),
    )


def manifest_folder_item(
    place: Place, reference: Reference, status: os.stat_result, sidecar: Sidecar
) -> Item:
    """Return the folder of a tag or of a manifest without one."""
    return Item(
        repository=place.key,
        location=location_of(place, reference),
        is_folder=True,
        image=place.image,
        reference=reference,
        properties=properties_of(sidecar.get(FOLDER_PROPERTIES)),
        **_made(sidecar, status),
    )


def folder_item(
    key: RepositoryKey,
    location: str,
    status: os.stat_result | None,
    record: Mapping[str, Any],
    image: ImageName | None,
) -> Item:
    """Return a folder above manifest folders; ``record`` is what is kept of it, maybe nothing."""
    return Item(
        repository=key,
        location=location,
        is_folder=True,
        image=image,
        properties=properties_of(record.get(PROPERTIES)),
        **_made(record, status),
    )


def properties_of(document: Any) -> Mapping[str, Sequence[str]]:
    """Return the properties that a document holds; what is damaged is left out."""
    if not isinstance(document, dict):
        return {}
    return {
        name: values
        for name, values in document.items()
        if isinstance(values, list) and all(isinstance(value, str) for value in values)
    }


def _made(record: Mapping[str, Any], status: os.stat_result | None) -> dict[str, Any]:
    """Return who made and changed something, and when; without a record, what the disk says."""
    seconds = 0.0 if status is None else status.st_mtime
    changed = timestamp(datetime.datetime.fromtimestamp(seconds, datetime.UTC))
    created = str(record.get("created", changed))
    created_by = str(record.get("createdBy", SYSTEM))
    return {
        "created": created,
        "created_by": created_by,
        "modified": str(record.get("modified", created)),
        "modified_by": str(record.get("modifiedBy", created_by)),
    }
