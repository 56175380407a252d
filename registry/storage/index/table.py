"""The table: all rows of the index, by folder, by what they have, and by time. Memory only.

Callers take care that one thread at a time is here.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from registry.model.digests import HEX_LENGTHS
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.storage.index.hashes import (
    digest_text,
    hashed_kind,
    hashes_of,
    hashes_of_others,
    image_text,
    reference_text,
)
from registry.storage.index.postings import Postings, Timeline
from registry.storage.index.reader import Reading
from registry.storage.index.rows import Kind, Row, Source
from registry.storage.manifest_files import Place

Choice = tuple[int, Callable[[], Iterable[int]]]
"""At most how many rows a condition leaves, and a way to get them."""

_OF_CONTENT: Final = frozenset(HEX_LENGTHS)
"""The properties of layers and configurations: their digests."""


class ImageRows:
    """The rows of one image."""

    __slots__ = ("numbers", "place", "shows", "tags")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.shows = False
        """Whether the image has manifests that can be had by digest."""
        self.numbers: dict[str, int] = {}
        """References to numbers of rows."""
        self.tags: list[str] = []
        """The tags in byte order."""


class Table:
    """Rows by number, folder, what they have, and time."""

    def __init__(self) -> None:
        self._rows: list[Row | None] = []
        self._others: list[bytes] = []
        """Of each row the hashes of what it is found by and does not hold itself."""
        self._free: list[int] = []
        self._images: dict[RepositoryKey, dict[ImageName, ImageRows]] = {}
        self._names: dict[RepositoryKey, list[ImageName]] = {}
        self._kinds: dict[Kind, int] = {}
        """How many rows there are of each kind."""
        self._counts: Counter[RepositoryKey] = Counter()
        """How many rows there are of each repository."""
        self._postings = Postings()
        self.created = Timeline(lambda number: self.row(number).created)
        self.modified = Timeline(lambda number: self.row(number).modified)
        self.undated: set[int] = set()
        """Rows whose times are on no record, so that each file of the folder has its own."""

    # --- looking -----------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._rows) - len(self._free)

    def row(self, number: int) -> Row:
        """Return the row of a number in use."""
        found = self._rows[number]
        if found is None:
            raise KeyError(number)
        return found

    def find(self, place: Place, reference: str) -> int | None:
        """Return the number of the row of a manifest folder, or None."""
        image = self.image(place)
        return None if image is None else image.numbers.get(reference)

    def keys(self) -> list[RepositoryKey]:
        """Return the repositories that have rows, sorted."""
        return sorted(key for key, images in self._images.items() if images)

    def image(self, place: Place) -> ImageRows | None:
        """Return what is known of an image, or None if there is nothing."""
        return self._images.get(place.key, {}).get(place.image)

    def images(self, key: RepositoryKey) -> Iterable[ImageRows]:
        """Return the images of a repository, in no order."""
        return self._images.get(key, {}).values()

    def names(
        self, key: RepositoryKey, after: str | None = None, most: int | None = None
    ) -> Sequence[tuple[ImageName, str | None]]:
        """Return images of a repository after ``after``, in byte order, each with its first tag."""
        images, names = self._images.get(key, {}), self._names.get(key, [])
        block = names[slice(*_range(names, after, most))]
        found = [(name, images[name].tags) for name in block]
        return [(name, tags[0] if tags else None) for name, tags in found]

    def tags(
        self, place: Place, after: str | None = None, most: int | None = None
    ) -> Sequence[tuple[Tag, str | None]]:
        """Return tags of an image after ``after``, in byte order."""
        image = self.image(place)
        tags = [] if image is None else image.tags
        return [(Tag(tag), None) for tag in tags[slice(*_range(tags, after, most))]]

    def in_repositories(self, keys: Sequence[RepositoryKey]) -> Choice:
        """Return how many rows some repositories have, and a way to get them."""
        images = [self._images.get(key, {}) for key in keys]
        count = sum(self._counts[key] for key in keys)
        return count, lambda: (
            number
            for found in images
            for image in found.values()
            for number in image.numbers.values()
        )

    def count(self, hashes: Iterable[int]) -> int:
        """Return at least how many rows are found by any of some hashes."""
        return sum(map(self._postings.count, hashes))

    def having(self, hashes: Iterable[int]) -> set[int]:
        """Return the rows that are found by any of some hashes, and maybe others."""
        return {number for hashed in hashes for number in self._postings.rows(hashed)}

    def with_property(self, name: str, value: str | None) -> list[int]:
        """Return the hashes that rows are found by that have a property, or a file that has it."""
        kinds = [kind for kind in self._kinds if name in kind.names]
        if value is None:
            kinds = list(self._kinds) if name in _OF_CONTENT else kinds
            return [hash(f"@{name}"), *map(hash, kinds)]
        sources = {kind.sources[kind.names.index(name)] for kind in kinds}
        sources |= {Source.HEX} if name in _OF_CONTENT else set()
        found = [hash(f"@{name}={value}")]
        if Source.REFERENCE in sources:
            found.append(hash(reference_text(value)))
        if Source.IMAGE in sources:
            found.append(hash(image_text(value)))
        if Source.DIGEST in sources:
            found.append(hash(digest_text(value)))
        if Source.HEX in sources:
            found += (hash(digest_text(f"{algorithm}:{value}")) for algorithm in HEX_LENGTHS)
        if Source.MEDIA_TYPE in sources:
            found += (hash(kind) for kind in kinds if kind.media_type == value)
        return found

    def has(self, reading: Reading) -> bool:
        """Return whether a row is known as it has been read."""
        number = self.find(reading.row.place, reading.row.reference)
        if number is None:
            return False
        return (
            self.row(number) == reading.row
            and self._others[number] == array("q", hashes_of_others(reading)).tobytes()
        )

    # --- changing ----------------------------------------------------------------------------

    def put(self, reading: Reading) -> None:
        """Take in a row in place of the one of the same folder."""
        row = reading.row
        self.drop(row.place, row.reference)
        number = self._free.pop() if self._free else len(self._rows)
        if number == len(self._rows):
            self._rows.append(None)
            self._others.append(b"")
        others = hashes_of_others(reading)
        self._rows[number], self._others[number] = row, array("q", others).tobytes()
        image = self._made(row.place)
        image.numbers[row.reference] = number
        self._counts[row.place.key] += 1
        if row.is_tag:
            insort(image.tags, row.reference)
        if not row.kind.is_dated:
            self.undated.add(number)
        self._kinds[row.kind] = self._kinds.get(row.kind, 0) + 1
        self._postings.add({*hashes_of(row, hashed_kind(row.kind)), *others}, number)
        self.created.add(number)
        self.modified.add(number)

    def load(self, place: Place, readings: Iterable[Reading], *, shows: bool) -> None:
        """Take in all of an image while nothing else is in an empty table.

        The same as `show`, and `put` for each row, but for what is costly, which is left to
        `settle`; no folder may come twice.
        """
        image = self._made(place)
        rows, load = self._rows, self._postings.load
        last, hashed = None, None
        for reading in readings:
            row, others, number = reading.row, hashes_of_others(reading), len(rows)
            kind, reference = row.kind, row.reference
            if hashed is None or kind is not last:
                last, hashed = kind, hashed_kind(kind)
            rows.append(row)
            self._others.append(array("q", others).tobytes())
            image.numbers[reference] = number
            if kind.file and ":" not in reference:
                image.tags.append(reference)
            if not kind.is_dated:
                self.undated.add(number)
            self._kinds[kind] = self._kinds.get(kind, 0) + 1
            load({*hashes_of(row, hashed), *others}, number)
        self._counts[place.key] += len(image.numbers)
        image.shows = shows
        self._settle(image)

    def settle(self) -> None:
        """Put in order what has been loaded."""
        for images in self._images.values():
            for image in images.values():
                image.tags.sort()
        self._postings.settle()
        self.created.load(range(len(self._rows)))
        self.modified.load(range(len(self._rows)))

    def drop(self, place: Place, reference: str) -> None:
        """Forget the row of a manifest folder, if there is one."""
        image = self.image(place)
        number = None if image is None else image.numbers.get(reference)
        if image is None or number is None:
            return
        row = self.row(number)
        for timeline in (self.created, self.modified):
            timeline.remove(number)
        self._postings.remove(self._hashes(number), number)
        self.undated.discard(number)
        self._kinds[row.kind] -= 1
        if not self._kinds[row.kind]:
            del self._kinds[row.kind]
        if row.is_tag:
            del image.tags[bisect_left(image.tags, reference)]
        del image.numbers[reference]
        self._counts[place.key] -= 1
        self._rows[number], self._others[number] = None, b""
        self._free.append(number)
        self._settle(image)

    def show(self, place: Place, *, shows: bool) -> None:
        """Note whether an image has manifests that can be had by digest."""
        image = self._made(place) if shows else self.image(place)
        if image is not None:
            image.shows = shows
            self._settle(image)

    def forget(self, key: RepositoryKey) -> None:
        """Forget all of a repository."""
        for image in list(self.images(key)):
            for reference in list(image.numbers):
                self.drop(image.place, reference)
            self.show(image.place, shows=False)

    def _hashes(self, number: int) -> set[int]:
        """Return the hashes of all that a row is found by."""
        row = self.row(number)
        return {*hashes_of(row, hashed_kind(row.kind)), *array("q", self._others[number])}

    def _made(self, place: Place) -> ImageRows:
        images = self._images.setdefault(place.key, {})
        found = images.get(place.image)
        if found is None:
            found = images[place.image] = ImageRows(place)
            insort(self._names.setdefault(place.key, []), place.image)
        return found

    def _settle(self, image: ImageRows) -> None:
        """Forget an image of which nothing is left."""
        if image.shows or image.numbers:
            return
        names = self._names[image.place.key]
        del names[bisect_left(names, image.place.image)]
        del self._images[image.place.key][image.place.image]


def _range(names: Sequence[str], after: str | None, most: int | None) -> tuple[int, int]:
    """Return where a block of sorted names begins and ends."""
    start = bisect_right(names, after) if after else 0
    return start, len(names) if most is None else start + most
