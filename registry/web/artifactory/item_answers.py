"""Items in Artifactory's JSON: the fields, their types and when they are there.

Source: Artifactory's REST API, "File Info", "Folder Info", "File List", as its clients read them.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import quote

from registry.model.items import Item
from registry.model.media_types import JSON, OCTET_STREAM
from registry.storage.checksums import Checksums
from registry.storage.journal import parse_timestamp
from registry.web.answers import Answer, json_answer
from registry.web.context import current

_STORAGE: Final = "application/vnd.org.jfrog.artifactory.storage"
_SAFE: Final = "/:@!$&'()*+,=~"


def storage_uri(key: str, location: str) -> str:
    """Return the address under which the storage API tells of an item."""
    return _address("/api/storage/", key, location)


def download_uri(key: str, location: str) -> str:
    """Return the address of a file's bytes."""
    return _address("/", key, location)


def _address(prefix: str, key: str, location: str) -> str:
    rest = f"/{quote(location, safe=_SAFE)}" if location else ""
    return f"{current().address.base}/artifactory{prefix}{key}{rest}"


def storage_answer(kind: str, document: Any) -> Answer:
    """Return a document of the storage API under the type that it has there."""
    return json_answer(document, 200, f"{_STORAGE}.{kind}+json")


def http_date(moment: str) -> str:
    """Return a time of an item in the form of HTTP headers."""
    return format_datetime(parse_timestamp(moment).astimezone(datetime.UTC), usegmt=True)


def mime_type(item: Item) -> str:
    """Return the type under which a file is downloaded."""
    return JSON if item.media_type else OCTET_STREAM


def checksums_of(item: Item) -> Checksums:
    """Return the checksums of a file, computed now if nobody has asked for them before."""
    found = None if item.digest is None else current().instance.store.checksums.of(item.digest)
    return found or Checksums("", "")


def sha256_of(item: Item) -> str:
    """Return the SHA-256 of a file in hex; empty for what is stored under another algorithm."""
    digest = item.digest
    return digest.encoded if digest is not None and digest.algorithm == "sha256" else ""


def _common(key: str, item: Item) -> dict[str, Any]:
    return {
        "repo": key,
        "path": f"/{item.location}",
        "created": item.created,
        "createdBy": item.created_by,
        "lastModified": item.modified,
        "modifiedBy": item.modified_by,
        "lastUpdated": item.modified,
    }


def folder_info(key: str, item: Item, names: Sequence[tuple[str, bool]]) -> dict[str, Any]:
    """Return a folder, with the names of what is in it and whether these are folders."""
    children = [
        {"uri": f"/{quote(name, safe=_SAFE)}", "folder": is_folder} for name, is_folder in names
    ]
    return {
        **_common(key, item),
        "children": children,
        "uri": storage_uri(key, item.location),
    }


def file_info(key: str, item: Item) -> dict[str, Any]:
    """Return a file. Its size is a text, as Artifactory has it."""
    sums, sha256 = checksums_of(item), sha256_of(item)
    return {
        **_common(key, item),
        "downloadUri": download_uri(key, item.location),
        "mimeType": mime_type(item),
        "size": str(item.size),
        "checksums": {"sha1": sums.sha1, "md5": sums.md5, "sha256": sha256},
        "originalChecksums": {"sha1": sums.sha1, "md5": sums.md5, "sha256": sha256},
        "uri": storage_uri(key, item.location),
        **_upstream(item),
    }


def _upstream(item: Item) -> dict[str, str]:
    """Return where a file of a cache has come from."""
    definition = current().instance.definitions.find(item.repository)
    if definition is None or not definition.is_cache:
        return {}
    url = definition.text("url").rstrip("/")
    return {"remoteUrl": f"{url}/{quote(item.location, safe=_SAFE)}"}


def list_entry(item: Item, above: str, *, timestamps: bool) -> dict[str, Any]:
    """Return an entry of a file list; its address is relative to the folder ``above``."""
    uri = item.location.removeprefix(above).strip("/")
    entry: dict[str, Any] = {
        "uri": f"/{quote(uri, safe=_SAFE)}",
        "size": -1 if item.is_folder else item.size,
        "lastModified": item.modified,
        "folder": item.is_folder,
    }
    if not item.is_folder:
        entry |= {"sha1": checksums_of(item).sha1, "sha2": sha256_of(item)}
    if timestamps and item.properties:
        entry["mdTimestamps"] = {"properties": item.modified}
    return entry


def properties_document(
    key: str, item: Item, properties: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """Return the properties of an item."""
    shown = {name: list(values) for name, values in sorted(properties.items())}
    return {"properties": shown, "uri": storage_uri(key, item.location)}
