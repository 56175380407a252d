"""The storage API: what is in the tree of a repository, and what is known of it.

Source: Artifactory's REST API, "Artifacts & Storage".
"""

from __future__ import annotations

from typing import Final

from flask import Response, request

from registry.model.errors import PathUnknown, PropertiesUnknown, RequestInvalid
from registry.model.items import Item
from registry.model.names import ImageName, RepositoryKey
from registry.model.property_language import parse_names, query_argument
from registry.repositories.guarded_items import GuardedItems
from registry.storage.journal import parse_timestamp
from registry.web.artifactory import item_answers
from registry.web.artifactory.content import blueprint
from registry.web.artifactory.item_answers import storage_answer
from registry.web.artifactory.locations import flag, pointed
from registry.web.context import current
from registry.web.routing import FORMS, Right, route

ROOT: Final = "/api/storage/<key>"
RULE: Final = "/api/storage/<key>/<path:path>"
ABOVE: Final = 3
"""Parts of the path before the location: ``api/storage/<key>``."""


@route(blueprint, FORMS, ROOT, ["GET"], Right.LOGIN)
def get_repository_item(key: str) -> Response:
    """A repository as a folder; of what is in it, what the caller may read."""
    return get_item(key)


@route(blueprint, FORMS, RULE, ["GET"], Right.PULL)
def get_item(key: str, path: str = "") -> Response:
    """An item in one of the modes that exclude each other; without one, its facts."""
    tree = current().directory.items(key)
    item = tree.item(pointed(ABOVE).location)
    for mode, answer in _MODES.items():
        if mode in request.args:
            return answer(tree, item)
    if item.is_folder:
        document = item_answers.folder_info(tree.key, item, tree.names(item))
        return storage_answer("FolderInfo", document)
    return storage_answer("FileInfo", item_answers.file_info(tree.key, item))


def _list(tree: GuardedItems, item: Item) -> Response:
    if not item.is_folder:
        raise PathUnknown("Unable to find item: a list is of a folder")
    depth = _depth() if flag("deep") else 1
    found = [i for i in tree.walk(item.location, depth) if flag("listFolders") or not i.is_folder]
    if flag("includeRootPath"):
        found.insert(0, item)
    timestamps = flag("mdTimestamps")
    files = [
        item_answers.list_entry(entry, item.location, timestamps=timestamps) for entry in found
    ]
    uri = item_answers.storage_uri(tree.key, item.location)
    return storage_answer("FileList", {"uri": uri, "created": item.created, "files": files})


def _depth() -> int | None:
    text = request.args.get("depth")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise RequestInvalid("'depth' is a number of folders")
    return int(text) or None


def _properties(tree: GuardedItems, item: Item) -> Response:
    names = parse_names(query_argument(request.query_string.decode("latin-1"), "properties") or "")
    found = {name: values for name, values in item.properties.items() if not names or name in names}
    if not found:
        raise PropertiesUnknown("No properties could be found.")
    return storage_answer("ItemProperties", item_answers.properties_document(tree.key, item, found))


def _stats(tree: GuardedItems, item: Item) -> Response:
    document = {
        "uri": item_answers.storage_uri(tree.key, item.location),
        "downloadCount": 0,
        "lastDownloaded": 0,
        "remoteDownloadCount": 0,
        "remoteLastDownloaded": 0,
    }
    pulled = None
    if not item.is_folder and item.image is not None and item.reference is not None:
        # Whoever pulls an image pulls the manifest; its layers count as often.
        stats = current().instance.store.pull_stats
        key = RepositoryKey(item.repository)
        pulled = stats.find(key, item.image, item.reference, item.manifest_digest)
    if pulled is not None:
        last = round(parse_timestamp(pulled.last).timestamp() * 1000)
        document |= {"downloadCount": pulled.count, "lastDownloaded": last}
        document |= {"lastDownloadedBy": pulled.last_by}
    return storage_answer("StatsInfo", document)


def _last_modified(tree: GuardedItems, item: Item) -> Response:
    newest = item
    if item.is_folder:
        newest = max([item, *tree.walk(item.location)], key=lambda found: found.modified)
    document = {
        "uri": item_answers.storage_uri(tree.key, newest.location),
        "lastModified": newest.modified,
    }
    return storage_answer("ItemLastModified", document)


def _permissions(tree: GuardedItems, item: Item) -> Response:
    call, place = current(), item.image or ImageName(item.location or "*")
    principal, instance = call.directory.principal, call.instance
    instance.permissions.require_manager(principal, tree.key, place, item.reference)
    document = {
        "uri": item_answers.storage_uri(tree.key, item.location),
        "principals": instance.explaining.effective(tree.key, place, item.reference),
    }
    return storage_answer("ItemPermissions", document)


_MODES: Final = {
    "list": _list,
    "properties": _properties,
    "stats": _stats,
    "lastModified": _last_modified,
    "permissions": _permissions,
}
