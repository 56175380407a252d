"""Looking for packages: manifests by image, tag, digest and label, in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

from registry.model.digests import Digest
from registry.model.names import ImageName, RepositoryKey
from registry.model.packages import LABEL, Package, PackageQuery, Pattern
from registry.storage.index.hashes import digest_text, reference_text
from registry.storage.index.rows import Row
from registry.storage.index.table import Table
from registry.storage.layout import Layout, content_name, parse_content_name
from registry.storage.manifest_files import Place

_KNOWN_BY = "docker.manifest.digest"


class PackageSearch:
    """One search: which rows are found by it, and what is told of them."""

    def __init__(self, query: PackageQuery) -> None:
        self._query = query
        self._image, self._tag = Pattern(query.image), Pattern(query.tag)
        self._labels = {f"{LABEL}{name}": Pattern(text) for name, text in query.labels.items()}
        self._sizes: dict[str, int] = {}
        """Of the content that has been seen, by file name."""

    def candidates(self, table: Table, keys: Sequence[RepositoryKey]) -> list[Row]:
        """Return the rows that are wanted, but that they may not have the digest."""
        choices = [table.in_repositories(keys)]
        for hashes in self._hashes(table):
            choices.append((table.count(hashes), _having(table, hashes)))
        if self._image.exact:
            places = (Place(key, ImageName(self._image.exact)) for key in keys)
            images = [image for image in map(table.image, places) if image is not None]
            numbers = [number for image in images for number in image.numbers.values()]
            choices.append((len(numbers), lambda: numbers))
        _, get = min(choices, key=lambda choice: choice[0])
        wanted = frozenset(keys)
        rows = (table.row(number) for number in get())
        return [row for row in rows if row.place.key in wanted and self.wants(row)]

    def _hashes(self, table: Table) -> Iterable[list[int]]:
        if self._query.digest is not None:
            yield [
                hash(digest_text(self._query.digest)),
                *table.with_property(_KNOWN_BY, self._query.digest),
            ]
        if self._tag.exact:
            yield [hash(reference_text(self._tag.exact))]
        for name, pattern in self._labels.items():
            yield table.with_property(name, pattern.exact or None)

    def wants(self, row: Row) -> bool:
        """Return whether a row fulfils all conditions but the digest."""
        return (
            (row.is_tag or (self._query.digest is not None and bool(row.kind.file)))
            and self._image.fits(row.place.image)
            and self._tag.fits(row.reference)
            and all(
                any(map(pattern.fits, row.values_of(name)))
                for name, pattern in self._labels.items()
            )
        )

    def package(self, layout: Layout, row: Row) -> Package | None:
        """Return what is told of a row, as the disk has it now; None if it is not wanted at all."""
        place, reference = row.place, row.typed_reference()
        folder = layout.manifest_folder(place.key, place.image, reference)
        properties = row.properties()
        known_by = Digest((*properties.get(_KNOWN_BY, ()), row.digest)[0])
        size, files = self._files(folder)
        digest = self._query.digest
        if row.kind.file not in files:
            return None
        if (
            digest not in (None, known_by, row.digest)
            and content_name(digest or known_by) not in files
        ):
            return None
        labels = {
            name.removeprefix(LABEL): values
            for name, values in properties.items()
            if name.startswith(LABEL)
        }
        return Package(place.key, place.image, reference, known_by, size, row.modified, labels)

    def _files(self, folder: str) -> tuple[int, set[str]]:
        """Return how many bytes the files of a manifest folder have, and their names.

        Tags share layers, and what has the same digest has the same size.
        """
        size, names, sizes = 0, set[str](), self._sizes
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    name = entry.name
                    known = sizes.get(name)
                    if known is None:
                        is_content = "__" in name and parse_content_name(name) is not None
                        if not is_content and not name.endswith("manifest.json"):
                            continue
                        known = entry.stat(follow_symlinks=False).st_size
                        if is_content:
                            sizes[name] = known
                    size += known
                    names.add(name)
        except (FileNotFoundError, NotADirectoryError):
            return 0, set()
        return size, names


def _having(table: Table, hashes: list[int]) -> Callable[[], Iterable[int]]:
    return lambda: table.having(hashes)
