"""Rows: what the index knows of each manifest folder, and kept small.

What many rows have in common is kept once, in their kind; what can be told from the rest of a row
is not kept at all. A folder that has content but no manifest, such as layers that were deployed
before it, is a row without a file.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from registry.model.digests import Digest
from registry.model.items import Item
from registry.model.names import Reference, Tag
from registry.storage.manifest_files import Place


class Source(enum.IntEnum):
    """Where the value of a property comes from that a row does not keep."""

    OWN = 1
    """It does: the next one of its values."""
    REFERENCE = 2
    DIGEST = 3
    HEX = 4
    IMAGE = 5
    MEDIA_TYPE = 6


_OWN: Final = Source.OWN


class Kind(NamedTuple):
    """What a row has in common with many others."""

    file: str
    """The name of the manifest; empty where there is none."""
    media_type: str
    created_by: str
    modified_by: str
    names: tuple[str, ...]
    """The names of the properties that the manifest has."""
    sources: tuple[Source, ...]
    is_dated: bool
    """Whether the times are on record, and so those of the other files, too."""
    has_more: bool
    """Whether other files of the folder, or the folder itself, have properties of their own."""

    def own(self) -> list[str]:
        """Return the names of the properties that cannot be told from the rest of a row."""
        return [n for n, source in zip(self.names, self.sources, strict=True) if source is _OWN]


@dataclass(frozen=True, slots=True)
class Row:
    """What the index knows of one manifest folder."""

    place: Place
    reference: str
    kind: Kind
    content: bytes | str
    """The digest of the manifest: 32 bytes, or a text for another algorithm than sha256."""
    size: int
    created: str
    modified: str
    values: tuple[str | tuple[str, ...], ...]
    """The values of properties that cannot be told from the rest."""

    @property
    def folder(self) -> str:
        """The location of the manifest folder."""
        return f"{self.place.image}/{self.reference}"

    @property
    def is_tag(self) -> bool:
        """Whether it is the manifest of a tag."""
        return bool(self.kind.file) and ":" not in self.reference

    @property
    def digest(self) -> str:
        """The digest of the manifest's bytes; empty where there is none."""
        return self.content if isinstance(self.content, str) else f"sha256:{self.content.hex()}"

    def typed_reference(self) -> Reference:
        """Return the tag or digest as what it is."""
        return Digest(self.reference) if ":" in self.reference else Tag(self.reference)

    def properties(self) -> dict[str, list[str]]:
        """Return the properties of the manifest."""
        kept, told = iter(self.values), self._told()
        found = dict[str, list[str]]()
        for name, source in zip(self.kind.names, self.kind.sources, strict=True):
            value = next(kept) if source is _OWN else told[source]
            found[name] = [value] if isinstance(value, str) else list(value)
        return found

    def values_of(self, name: str) -> Sequence[str]:
        """Return the values that the manifest has for a property."""
        if name not in self.kind.names:
            return ()
        source = self.kind.sources[self.kind.names.index(name)]
        return self.properties()[name] if source is _OWN else (self._told()[source],)

    def _told(self) -> Sequence[str]:
        """Return what each source tells, by the number of the source."""
        digest = self.digest
        hex_ = digest.partition(":")[2]
        return "", "", self.reference, digest, hex_, self.place.image, self.kind.media_type

    def item(self) -> Item:
        """Return the manifest as an item; only for a row that has one."""
        kind = self.kind
        return Item(
            repository=self.place.key,
            location=f"{self.place.image}/{self.reference}/{kind.file}",
            is_folder=False,
            created=self.created,
            created_by=kind.created_by,
            modified=self.modified,
            modified_by=kind.modified_by,
            size=self.size,
            digest=Digest(self.digest),
            media_type=kind.media_type,
            image=self.place.image,
            reference=self.typed_reference(),
            properties=self.properties(),
        )
