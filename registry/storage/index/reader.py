"""Reading rows of the index from the disk: a few system calls and one small document each."""

from __future__ import annotations

import json
import operator
import os
import stat
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

from registry.model.names import Reference
from registry.storage import tree_items
from registry.storage.index.rows import Kind, Row, Source
from registry.storage.layout import (
    INDEX_FILE,
    MANIFEST_FILE,
    SIDECAR_ENDING,
    Layout,
    parse_content_name,
)
from registry.storage.manifest_files import Place, is_manifest_folder, listed, read_file
from registry.storage.tree import Tree

_ROUNDS: Final = 10
_SHARED: Final = 16384
"""Texts remembered for sharing; what is not found is kept once more."""
_parse: Final = json.JSONDecoder().raw_decode
_facts_of: Final = operator.itemgetter(
    "created", "createdBy", "modified", "modifiedBy", "mediaType"
)
_OWN: Final = Source.OWN
_SIDECAR: Final = f"{MANIFEST_FILE}{SIDECAR_ENDING}"
_TEXTS: Final = {str}


class Reading(NamedTuple):
    """A row as it has just been read, with what is needed to find it and not kept in it."""

    row: Row
    content: Sequence[str]
    """The digests of the configuration and layers that are in the folder."""
    more: Sequence[tuple[str, str]]
    """The properties of these, and of the folder: pairs of name and value."""


class Sight(NamedTuple):
    """What has just been seen in the folder of an image."""

    folder: str
    """The path of a manifest folder."""
    names: Sequence[str]
    """The files of a manifest folder."""
    inodes: Mapping[str, int]
    """The inodes of the manifests among them."""
    shown: Mapping[str, int]
    """The inodes of the manifests that the image shows by digest, by file name."""


class RowReader:
    """Reads rows from the disk."""

    def __init__(self, layout: Layout, tree: Tree) -> None:
        self._layout = layout
        self._tree = tree
        self._known: dict[Any, Any] = {}

    def read(
        self, place: Place, reference: Reference, sight: Sight | None = None
    ) -> Reading | None:
        """Return what is in a manifest folder, or None if there is nothing to be shown."""
        if sight is None:
            folder = self._layout.manifest_folder(place.key, place.image, reference)
            names: Sequence[str] = listed(folder)
        else:
            folder, names = sight.folder, sight.names
        for _ in range(_ROUNDS):
            file = MANIFEST_FILE if MANIFEST_FILE in names else ""
            if not file and INDEX_FILE in names:
                file = INDEX_FILE
            if file or not is_manifest_folder(folder):
                break
            # An image is just becoming an index, or the other way round.
            names = listed(folder)
        sidecar = _sidecar(folder)
        more = _more(sidecar)
        row = None
        if file:
            size = self._size_if_plain(place, reference, folder, file, sidecar, sight)
            row = self._row(place, reference, file, sidecar, size, bool(more))
        content = [name.replace("__", ":", 1) for name in names if "__" in name]
        if row is None:
            content = [name for name in content if parse_content_name(name)]
            row = self._bare(place, reference, bool(more)) if content else None
        return None if row is None else Reading(row, content, more)

    def forget(self) -> None:
        """Let go of what was remembered for sharing."""
        self._known = {}

    def _bare(self, place: Place, reference: Reference, has_more: bool) -> Row:
        kind = Kind("", "", "", "", (), (), False, has_more)
        return Row(place, str(reference), self._share(kind), "", 0, "", "", ())

    def _row(
        self,
        place: Place,
        reference: Reference,
        file: str,
        sidecar: dict[str, Any],
        size: int | None,
        has_more: bool,
    ) -> Row | None:
        """Return the row of a manifest as the tree shows it."""
        named = str(reference)
        if size is not None:
            facts = _facts_of(sidecar)
            digest, properties = sidecar["digest"], sidecar["properties"]
        else:
            item = self._tree.manifest(place, reference)
            if item is None:
                return None
            file, size, digest, properties = item.name, item.size, str(item.digest), item.properties
            facts = (
                item.created, item.created_by, item.modified, item.modified_by, item.media_type
            )  # fmt: skip
        created, created_by, modified, modified_by, media_type = facts
        told = {
            named: Source.REFERENCE,
            place.image: Source.IMAGE,
            media_type: Source.MEDIA_TYPE,
            digest: Source.DIGEST,
            digest.partition(":")[2]: Source.HEX,
        }
        texts = [
            each[0] if len(each) == 1 else tuple(map(self._share, each))
            for each in properties.values()
        ]
        sources = tuple([told.get(text, _OWN) for text in texts])
        values = [
            self._share(text) for text, source in zip(texts, sources, strict=True) if source is _OWN
        ]
        is_dated = type(sidecar.get("created")) is type(sidecar.get("modified")) is str
        kind = Kind(
            file, media_type, created_by, modified_by, tuple(properties), sources, is_dated,
            has_more,
        )  # fmt: skip
        return Row(
            place=place,
            reference=named,
            kind=self._share(kind),
            content=bytes.fromhex(digest[7:]) if digest.startswith("sha256:") else digest,
            size=size,
            created=modified if created == modified else created,
            modified=modified,
            values=tuple(values),
        )

    def _size_if_plain(
        self,
        place: Place,
        reference: Reference,
        folder: str,
        file: str,
        sidecar: dict[str, Any],
        sight: Sight | None,
    ) -> int | None:
        """Return the size of a manifest whose sidecar is surely its own, and has all it should.

        Anything else is left to the tree, which takes more time.
        """
        try:
            digest, facts = sidecar["digest"], _facts_of(sidecar)
        except KeyError:
            return None
        if (
            type(digest) is not str
            or digest != f"sha256:{sidecar.get('sha256')}"
            or {*map(type, facts)} != _TEXTS
            or not _are_properties(sidecar.get("properties"))
            or (":" in reference and reference != digest)
        ):
            return None
        known_as = digest.replace(":", "__", 1)
        if sight is not None:
            inode, size = sight.inodes.get(file), sidecar.get("size")
            if inode is not None and inode == sight.shown.get(known_as) and type(size) is int:
                return size
        shown = self._layout.manifests(place.key, place.image)
        try:
            status, known = os.lstat(f"{folder}/{file}"), os.lstat(f"{shown}/{known_as}")
        except (OSError, ValueError):
            return None
        is_same = known.st_ino == status.st_ino and known.st_dev == status.st_dev
        return status.st_size if is_same and stat.S_ISREG(status.st_mode) else None

    def _share(self, value: Any) -> Any:
        """Return an equal value that others may have, too."""
        if len(self._known) >= _SHARED:
            self._known.clear()
        return self._known.setdefault(value, value)


def _are_properties(document: object) -> bool:
    """Return whether all that a document holds are properties."""
    if type(document) is not dict or not {*map(type, document.values())} <= {list}:
        return False
    return {*map(type, chain.from_iterable(document.values()))} <= _TEXTS


def _sidecar(folder: str) -> dict[str, Any]:
    """Return what is recorded beside a manifest, read anew: so many would not fit a cache."""
    try:
        text = read_file(f"{folder}/{_SIDECAR}").decode().strip()
        found, end = _parse(text)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return found if type(found) is dict and end == len(text) else {}


def _more(sidecar: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the properties of the folder and of its files other than the manifest."""
    if tree_items.FILE_PROPERTIES not in sidecar and tree_items.FOLDER_PROPERTIES not in sidecar:
        return []
    files = sidecar.get(tree_items.FILE_PROPERTIES)
    documents = [sidecar.get(tree_items.FOLDER_PROPERTIES)]
    documents += files.values() if isinstance(files, dict) else ()
    found = map(tree_items.properties_of, filter(None, documents))
    pairs = (pair for document in found for pair in document.items())
    return [(name, value) for name, values in pairs for value in values]
