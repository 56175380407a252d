"""Rows: what the index knows of each manifest folder, read from the disk and kept small.

Texts that many rows have in common are kept once. A folder that has content but no manifest, such
as layers that were deployed before it, is a row without a file.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from registry.model.digests import Digest
from registry.model.errors import RegistryError
from registry.model.items import Item
from registry.model.names import Reference, Tag
from registry.storage import tree_items
from registry.storage.layout import (
    MANIFEST_FILE,
    MANIFEST_FILES,
    SIDECAR_ENDING,
    Layout,
    parse_content_name,
)
from registry.storage.manifest_files import Place, is_manifest_folder, listed, read_file
from registry.storage.tree import Tree

_ROUNDS: Final = 10
_SHARED: Final = 16384
"""Texts remembered for sharing; what is not found is kept once more."""


class _Hex:
    """Stands for the hex digits of the row's digest among the values of properties."""


_HEX: Final = _Hex()
_Value = str | tuple[str, ...] | _Hex


@dataclass(frozen=True, slots=True)
class Row:
    """What the index knows of one manifest folder."""

    place: Place
    reference: str
    file: str
    """The name of the manifest; empty where there is none."""
    digest: str
    media_type: str
    size: int
    created: str
    created_by: str
    modified: str
    modified_by: str
    names: tuple[str, ...]
    values: tuple[_Value, ...]
    is_dated: bool
    """Whether the times are on record, and so those of the other files, too."""
    has_more: bool
    """Whether other files of the folder, or the folder itself, have properties of their own."""

    @property
    def folder(self) -> str:
        """The location of the manifest folder."""
        return f"{self.place.image}/{self.reference}"

    @property
    def is_tag(self) -> bool:
        """Whether it is the manifest of a tag."""
        return bool(self.file) and ":" not in self.reference

    def typed_reference(self) -> Reference:
        """Return the tag or digest as what it is."""
        return Digest(self.reference) if ":" in self.reference else Tag(self.reference)

    def values_of(self, name: str) -> Sequence[str]:
        """Return the values that the manifest has for a property."""
        return self._texts(self.values[self.names.index(name)]) if name in self.names else ()

    def properties(self) -> Iterator[tuple[str, list[str]]]:
        """Yield the properties of the manifest."""
        return zip(self.names, map(self._texts, self.values), strict=True)

    def item(self) -> Item:
        """Return the manifest as an item; only for a row that has one."""
        return Item(
            repository=self.place.key,
            location=f"{self.place.image}/{self.reference}/{self.file}",
            is_folder=False,
            created=self.created,
            created_by=self.created_by,
            modified=self.modified,
            modified_by=self.modified_by,
            size=self.size,
            digest=Digest(self.digest),
            media_type=self.media_type,
            image=self.place.image,
            reference=self.typed_reference(),
            properties=dict(self.properties()),
        )

    def _texts(self, value: _Value) -> list[str]:
        if isinstance(value, str):
            return [value]
        return [self.digest.partition(":")[2]] if isinstance(value, _Hex) else list(value)


@dataclass(frozen=True, slots=True)
class Reading:
    """A row as it has just been read, with what is needed to find it and not kept in it."""

    row: Row
    content: Sequence[Digest]
    """The configuration and layers that are in the folder."""
    more: Sequence[tuple[str, str]]
    """The properties of these, and of the folder: pairs of name and value."""


class RowReader:
    """Reads rows from the disk."""

    def __init__(self, layout: Layout, tree: Tree) -> None:
        self._layout = layout
        self._tree = tree
        self._known: dict[Any, Any] = {}

    def read(
        self, place: Place, reference: Reference, names: Sequence[str] | None = None
    ) -> Reading | None:
        """Return what is in a manifest folder, or None if there is nothing to be shown.

        ``names`` are those of its files, if they have just been listed.
        """
        folder = self._layout.manifest_folder(place.key, place.image, reference)
        names = listed(folder) if names is None else names
        for _ in range(_ROUNDS):
            file = next((name for name in MANIFEST_FILES if name in names), "")
            if file or not is_manifest_folder(folder):
                break
            # An image is just becoming an index, or the other way round.
            names = listed(folder)
        content = [d for d in map(parse_content_name, (n for n in names if "__" in n)) if d]
        if not file and not content:
            return None
        sidecar = _sidecar(folder)
        item = self._item(place, reference, folder, file, sidecar) if file else None
        if item is None and not content:
            return None
        more = _more(sidecar)
        row = self._row(place, reference, sidecar, item, has_more=bool(more))
        return Reading(row, content, more)

    def _item(
        self, place: Place, reference: Reference, folder: str, file: str, sidecar: dict[str, Any]
    ) -> Item | None:
        """Return the manifest as the tree shows it."""
        try:
            status = os.lstat(f"{folder}/{file}")
            digest = self._confirmed(place, reference, status, sidecar)
        except (OSError, RegistryError):
            digest = None
        if digest is None:
            return self._tree.manifest(place, reference)
        return tree_items.manifest_item(place, reference, file, status, digest, sidecar)

    def _confirmed(
        self, place: Place, reference: Reference, status: os.stat_result, sidecar: dict[str, Any]
    ) -> Digest | None:
        """Return the digest of the bytes if the sidecar is surely that of this manifest."""
        digest = Digest.parse(str(sidecar.get("digest")))
        known = os.stat(self._layout.manifest(place.key, place.image, digest))
        if known.st_ino != status.st_ino or not stat.S_ISREG(status.st_mode):
            return None
        if isinstance(reference, Digest) and reference != digest:
            return None
        if digest.algorithm != "sha256":
            return digest
        return Digest.parse(f"sha256:{sidecar.get('sha256')}")

    def _row(
        self,
        place: Place,
        reference: Reference,
        sidecar: dict[str, Any],
        item: Item | None,
        *,
        has_more: bool,
    ) -> Row:
        text = str(reference)
        if item is None:
            return Row(place, text, "", "", "", 0, "", "", "", "", (), (), False, has_more)
        digest, modified = str(item.digest), item.modified
        own = {word: word for word in (text, digest, place.image, item.media_type)}
        return Row(
            place=place,
            reference=text,
            file=self._share(item.name),
            digest=digest,
            media_type=self._share(item.media_type),
            size=item.size,
            created=modified if item.created == modified else item.created,
            created_by=self._share(item.created_by),
            modified=modified,
            modified_by=self._share(item.modified_by),
            names=self._share(tuple(map(self._share, item.properties))),
            values=tuple(self._value(values, digest, own) for values in item.properties.values()),
            is_dated=all(isinstance(sidecar.get(name), str) for name in ("created", "modified")),
            has_more=has_more,
        )

    def _value(self, values: Sequence[str], digest: str, own: Mapping[str, str]) -> _Value:
        if len(values) != 1:
            return tuple(map(self._share, values))
        if values[0] == digest.partition(":")[2]:
            return _HEX
        found: str | None = own.get(values[0])
        return found if found is not None else self._share(values[0])

    def _share(self, value: Any) -> Any:
        """Return an equal value that others may have, too."""
        if len(self._known) >= _SHARED:
            self._known.clear()
        return self._known.setdefault(value, value)


def _sidecar(folder: str) -> dict[str, Any]:
    """Return what is recorded beside a manifest, read anew: so many would not fit a cache."""
    try:
        found = json.loads(read_file(f"{folder}/{MANIFEST_FILE}{SIDECAR_ENDING}"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _more(sidecar: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the properties of the folder and of its files other than the manifest."""
    files = sidecar.get(tree_items.FILE_PROPERTIES)
    documents = [sidecar.get(tree_items.FOLDER_PROPERTIES)]
    documents += files.values() if isinstance(files, dict) else ()
    found = map(tree_items.properties_of, filter(None, documents))
    pairs = (pair for document in found for pair in document.items())
    return [(name, value) for name, values in pairs for value in values]
