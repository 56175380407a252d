"""The table: all rows of the index, by folder, by what they have, and by time. Memory only.

Callers take care that one thread at a time is here.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from registry.model.names import ImageName, RepositoryKey
from registry.storage.index_postings import Postings, Timeline
from registry.storage.index_rows import Reading, Row
from registry.storage.manifest_files import Place

_ALIKE: Final = frozenset({"artifactory.content-type", "docker.manifest.type"})
"""Properties that nearly all manifests have with one of a few values; they select nothing."""
_COMMON: Final = _ALIKE | {
    "docker.manifest",
    "docker.manifest.digest",
    "docker.repoName",
    "sha256",
}
"""Properties that every manifest has; to have one selects nothing."""


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

    def names(self, key: RepositoryKey, after: str | None = None) -> Sequence[ImageName]:
        """Return the names of the images of a repository after ``after``, in byte order."""
        names = self._names.get(key, [])
        return names[bisect_right(names, after) if after else 0 :]

    def count(self, texts: Iterable[str]) -> int:
        """Return at least how many rows have any of some texts."""
        return sum(map(self._postings.count, texts))

    def having(self, texts: Iterable[str]) -> set[int]:
        """Return the rows that have any of some texts, and maybe others."""
        return {number for text in texts for number in self._postings.rows(text)}

    def has(self, reading: Reading) -> bool:
        """Return whether a row is known as it has been read."""
        number = self.find(reading.row.place, reading.row.reference)
        if number is None:
            return False
        return self.row(number) == reading.row and self._others[number] == _others(reading)

    def tags(self, place: Place, after: str | None = None) -> Sequence[str] | None:
        """Return the tags of an image after ``after``, or None if there is no such image."""
        image = self.image(place)
        if image is None:
            return None
        return image.tags[bisect_right(image.tags, after) if after else 0 :]

    def first_tag(self, place: Place) -> str | None:
        """Return a tag of an image, or None if it has none."""
        image = self.image(place)
        return None if image is None or not image.tags else image.tags[0]

    # --- changing ----------------------------------------------------------------------------

    def put(self, reading: Reading, *, loading: bool = False) -> None:
        """Take in a row in place of the one of the same folder.

        While the table is ``loading``, the order by time is left to the first question.
        """
        row = reading.row
        self.drop(row.place, row.reference)
        number = self._free.pop() if self._free else len(self._rows)
        if number == len(self._rows):
            self._rows.append(None)
            self._others.append(b"")
        self._rows[number], self._others[number] = row, _others(reading)
        image = self._made(row.place)
        image.numbers[row.reference] = number
        if row.is_tag:
            insort(image.tags, row.reference)
        if not row.is_dated:
            self.undated.add(number)
        for hashed in self._hashes(number):
            self._postings.add(hashed, number)
        for timeline in (self.created, self.modified):
            (timeline.load if loading else timeline.add)(number)

    def drop(self, place: Place, reference: str) -> None:
        """Forget the row of a manifest folder, if there is one."""
        image = self.image(place)
        number = None if image is None else image.numbers.get(reference)
        if image is None or number is None:
            return
        row = self.row(number)
        for timeline in (self.created, self.modified):
            timeline.remove(number)
        for hashed in self._hashes(number):
            self._postings.remove(hashed, number)
        self.undated.discard(number)
        if row.is_tag:
            del image.tags[bisect_left(image.tags, reference)]
        del image.numbers[reference]
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

    def _hashes(self, number: int) -> Iterator[int]:
        """Yield the hashes of all that a row is found by."""
        yield from map(hash, _texts(self.row(number)))
        yield from array("q", self._others[number])

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


# --- by what rows are found --------------------------------------------------------------------


def digest_text(digest: str) -> str:
    """Return what rows are found by that have a manifest, configuration or layer."""
    return f"#{digest}"


def reference_text(reference: str) -> str:
    """Return what the rows of a tag or digest are found by."""
    return f":{reference}"


def property_texts(name: str, value: str | None) -> list[str] | None:
    """Return what rows are found by that have a property; None if it selects nothing."""
    if value is None:
        return None if name in _COMMON else [f"@{name}"]
    if name in _ALIKE:
        return None
    texts = [f"@{name}={value}"]
    if name == "docker.manifest":
        texts.append(reference_text(value))
    if name == "docker.manifest.digest":
        texts.append(digest_text(value))
    if name in ("sha256", "sha512"):
        texts.append(digest_text(f"{name}:{value}"))
    return texts


def _texts(row: Row) -> list[str]:
    """Return what a row is found by, as far as it can be seen from the row."""
    found = [reference_text(row.reference)]
    if row.digest:
        found.append(digest_text(row.digest))
        if not row.digest.startswith("sha256:"):
            found.append(digest_text(row.digest.partition(":")[0]))
    said = {
        "docker.manifest": row.reference,
        "docker.manifest.digest": row.digest,
        "sha256": row.digest.removeprefix("sha256:"),
    }
    for name, values in row.properties():
        if name in _ALIKE:
            continue
        if name not in _COMMON:
            found.append(f"@{name}")
        found += [f"@{name}={value}" for value in values if said.get(name) != value]
    return found


def _others(reading: Reading) -> bytes:
    return array("q", map(hash, _other_texts(reading))).tobytes()


def _other_texts(reading: Reading) -> Iterator[str]:
    """Yield what a row is found by because of other files in its folder."""
    for digest in reading.content:
        yield digest_text(digest)
        if digest.algorithm != "sha256":
            yield from (digest_text(digest.algorithm), f"@{digest.algorithm}")
    for name, value in reading.more:
        yield f"@{name}={value}"
        yield f"@{name}"
