"""The repositories as trees of files: downloading, and deleting what a path names.

Source: Artifactory's REST API, "Retrieve Artifact", "Delete Item".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from flask import Blueprint, Response, request

from registry.model.content import Blob
from registry.model.errors import BlobUnknown, PathUnknown
from registry.model.items import Item
from registry.repositories.guarded import GuardedRepository
from registry.repositories.guarded_items import GuardedItems
from registry.services.fetching import fetch_location
from registry.services.removing import remove_location
from registry.web.answers import Answer
from registry.web.artifactory import browsing, item_answers
from registry.web.artifactory.locations import Pointed, flag, pointed
from registry.web.context import current
from registry.web.routing import FORMS, Right, route
from registry.web.sending import parse_range, send_blob, send_file
from registry.web.v2.described import blob_headers

blueprint = Blueprint("artifactory", __name__)

ROOT: Final = "/<repository:key>"
RULE: Final = "/<repository:key>/<path:path>"
ABOVE: Final = 1
"""Parts of the path before the location: the key."""
_SUMS: Final = (".sha1", ".sha256", ".md5")


@route(blueprint, FORMS, ROOT, ["GET"], Right.LOGIN)
def browse_repository(key: str) -> Response:
    """A page with what is in a repository, as far as the caller may read it."""
    tree = current().directory.items(key)
    item = tree.item("")
    return browsing.page(tree.key, item, tree.names(item))


@route(blueprint, FORMS, RULE, ["GET"], Right.PULL)
def download(key: str, path: str) -> Response:
    """A file, one of its checksums, or a page with what is in a folder."""
    directory, place = current().directory, pointed(ABOVE)
    repository, tree = directory.open(key), directory.items(key)
    try:
        item = tree.item(place.location)
    except PathUnknown:
        found = fetch_location(repository, place.location) if directory.fetches(key) else None
        if found is None:
            return _checksum(tree, place.location)
        if isinstance(found, Blob):
            return send_blob(found, blob_headers(key, found))
        item = tree.item(place.location)
    if not _fulfils(item, place):
        raise PathUnknown("Unable to find item: its properties are others")
    if item.is_folder:
        return browsing.page(tree.key, item, tree.names(item))
    return _send(repository, item)


@route(blueprint, FORMS, RULE, ["DELETE"], Right.DELETE)
def delete_path(key: str, path: str) -> Response:
    """Delete a tag, an image, or all images below a path; they go to the trash."""
    directory = current().directory
    target = directory.target_of(key)
    remove_location(directory.open(target), directory.items(target), pointed(ABOVE).location)
    return Answer(204)


def _fulfils(item: Item, place: Pointed) -> bool:
    """Return whether an item has the properties that the address asks for.

    Those that are not mandatory must only not contradict what the item has.
    """
    return all(
        bool(set(item.properties.get(name, ())) & set(values))
        for name, values in place.parameters.items()
        if name in place.mandatory or name in item.properties
    )


def _checksum(tree: GuardedItems, location: str) -> Response:
    """Return a checksum of a file as text: its address is that of the file, and an ending."""
    for ending in _SUMS:
        if location.endswith(ending):
            item = tree.item(location.removesuffix(ending))
            sums = _sums(item)
            if not item.is_folder and sums[ending]:
                return Answer(200, [("Content-Type", "text/plain")], sums[ending].encode())
    raise PathUnknown("Unable to find item")


def _sums(item: Item) -> Mapping[str, str]:
    found = item_answers.checksums_of(item)
    return {".sha1": found.sha1, ".md5": found.md5, ".sha256": item_answers.sha256_of(item)}


def _send(repository: GuardedRepository, item: Item) -> Response:
    headers = _headers(item)
    etag = dict(headers)["ETag"]
    if etag and etag in _known_to_client():
        return Answer(304, [("ETag", etag)])
    if item.image is None or item.reference is None or item.digest is None:
        raise PathUnknown("Unable to find item")
    if not item.media_type:
        try:
            return send_file(repository.blob(item.image, item.digest), headers)
        except BlobUnknown:
            raise PathUnknown("Unable to find item") from None
    # By digest it is what the tree has, whatever has become of the tag.
    stored = repository.manifest(item.image, item.manifest_digest or item.reference)
    if request.method == "GET" and not flag("skipUpdateStats"):
        repository.record_pull(item.image, item.reference, stored.digest)
    return _send_bytes(Blob(item.digest, len(stored.body), ""), stored.body, headers)


def _known_to_client() -> Sequence[str]:
    header = request.headers.get("If-None-Match", "")
    return [tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")]


def _send_bytes(blob: Blob, body: bytes, headers: list[tuple[str, str]]) -> Response:
    """Return bytes that are in memory, or the range of them that was asked for."""
    part = parse_range(request.environ.get("HTTP_RANGE"), blob.size)
    offset, length = part or (0, blob.size)
    headers.append(("Accept-Ranges", "bytes"))
    if part:
        headers.append(("Content-Range", f"bytes {offset}-{offset + length - 1}/{blob.size}"))
    shown = b"" if request.method == "HEAD" else body[offset : offset + length]
    return Answer(206 if part else 200, headers, shown, length)


def _headers(item: Item) -> list[tuple[str, str]]:
    sums = _sums(item)
    return [
        ("Content-Type", item.media_type or item_answers.mime_type(item)),
        ("Last-Modified", item_answers.http_date(item.modified)),
        # Bare, not in quotes, as Artifactory's clients compare it.
        ("ETag", sums[".sha1"]),
        ("X-Checksum-Sha1", sums[".sha1"]),
        ("X-Checksum-Sha256", sums[".sha256"]),
        ("X-Checksum-Md5", sums[".md5"]),
        ("X-Artifactory-Filename", item.name),
        (
            "Content-Disposition",
            f"attachment; filename=\"{item.name}\"; filename*=UTF-8''{item.name}",
        ),
    ]
