"""From rows to items: each is looked at on the disk before it leaves."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from registry.model.items import Item, ItemQuery
from registry.model.names import ImageName, RepositoryKey
from registry.storage.folder_records import MADE, FolderRecords
from registry.storage.index.rows import Row
from registry.storage.index.table import Table
from registry.storage.layout import MANIFEST_FILES, Layout
from registry.storage.manifest_files import Place
from registry.storage.tree import Tree


def is_there(layout: Layout, row: Row) -> bool:
    """Return whether the manifest of a row is still there, as far as one look can tell."""
    place = row.place
    folder = layout.manifest_folder(place.key, place.image, row.typed_reference())
    try:
        status = os.lstat(f"{folder}/{row.kind.file}")
    except (FileNotFoundError, NotADirectoryError):
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == row.size


def content(tree: Tree, row: Row, query: ItemQuery) -> Iterator[Item]:
    """Yield the files other than the manifest in the folder of a row."""
    key = row.place.key
    if query.sha256 is not None:
        item = tree.item(key, f"{row.folder}/sha256__{query.sha256}")
        found = [] if item is None else [item]
    elif query.names is not None:
        names = (name for name in sorted(query.names) if name not in MANIFEST_FILES)
        found = [i for i in (tree.item(key, f"{row.folder}/{name}") for name in names) if i]
    else:
        found = list(tree.files(row.place, row.typed_reference()))
    for item in found:
        if not item.is_folder and item.name not in MANIFEST_FILES:
            yield item


def upper_folders(
    table: Table, records: FolderRecords, key: RepositoryKey, query: ItemQuery
) -> list[str]:
    """Return where folders may be that are wanted and are no manifest folders, sorted."""
    known = records.all(key)
    if query.properties:
        found = set(known)
    else:
        found = {""}
        made = (location for location, record in known.items() if record.get(MADE))
        names = (str(name) for name, _ in table.names(key))
        for location in (*names, *made):
            while location and location not in found:
                found.add(location)
                location = location.rpartition("/")[0]
    return sorted(place for place in found if _fits(table, key, place, query))


def _fits(table: Table, key: RepositoryKey, location: str, query: ItemQuery) -> bool:
    above, _, name = location.rpartition("/")
    path, name = above or ".", name or "."
    return (
        path.startswith(query.path_prefix)
        and (query.paths is None or path in query.paths)
        and (query.names is None or name in query.names)
        and not (location and table.find(Place(key, ImageName(above)), name) is not None)
    )
