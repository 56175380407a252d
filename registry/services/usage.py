"""Bytes explained: what a repository, image, tag or manifest costs, and what deleting it frees.

What is said to be freed is exact: it is what pruning frees in the end, when the trash has expired
and all graces are over, if nothing else is pushed or deleted meanwhile. What goes by itself, such
as an upload that nobody goes on with, is not freed by anybody's deletion.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from registry.model.digests import Digest
from registry.model.errors import ImageUnknown
from registry.model.names import ImageName, Reference, RepositoryKey, Tag
from registry.model.targets import Target
from registry.repositories.definitions import Definitions
from registry.services.usage_books import Books, Holdings
from registry.services.usage_forecast import ImageForecast, Names
from registry.services.usage_report import Figures, Share, UsageReport
from registry.storage.manifest_files import Place, manifest_unknown
from registry.storage.ownership import Inode, OwnedImage
from registry.storage.store import Store


class Usage:
    """The usage of a storage folder at the moment of the first question; one walk answers all.

    ``progress`` hears how many folders have been looked at.
    """

    def __init__(
        self,
        store: Store,
        definitions: Definitions,
        progress: Callable[[int], None] = lambda folders: None,
    ) -> None:
        self._store = store
        self._definitions = definitions
        self._progress = progress

    @cached_property
    def _books(self) -> Books:
        return Books(self._store, self._definitions, self._progress)

    def freed_by(self, tags: Sequence[tuple[RepositoryKey, ImageName, Tag]]) -> int:
        """Return the bytes that are freed if all these tags are deleted, in this order.

        A tag that is not there frees nothing.
        """
        chosen: dict[Place, list[Tag]] = {}
        for key, image, tag in tags:
            chosen.setdefault(Place(key, image), []).append(tag)
        lost = Names()
        for found in self._books.images():
            if found.place in chosen:
                lost.update(self._books.forecast(found).tags(chosen[found.place]))
        return self._books.freed(lost)

    def of(self, target: Target | None = None) -> UsageReport:
        """Return the usage of a target, or of the whole storage folder.

        Raises:
            RepositoryUnknown, ImageUnknown, ManifestUnknown: there is none.
        """
        if target is None:
            return self._of_everything()
        target = replace(target, key=self._definitions.holder(target.key).key)
        if target.image is None:
            return self._of_repository(target.key)
        image = self._books.image(target.key, target.image)
        if image is None:
            raise ImageUnknown(f"there is no image '{target.image}' in '{target.key}'")
        if target.reference is None:
            return self._of_image(image)
        return self._of_reference(image, target.reference)

    # --- one level each ----------------------------------------------------------------------

    def _of_everything(self) -> UsageReport:
        books, unique = self._books, self._books.unique(1)
        logical, content, parts = 0, set[Inode](), []
        for definition in self._definitions.holding():
            found = _Sum(books, books.images(definition.key))
            parts.append(found.figures((definition.key,), unique, found.names))
            logical += found.logical
            content |= found.content
        shares, alone = self._shares(content, 0, lambda path: True)
        return UsageReport(
            Figures("", logical, _bytes(content), _bytes(alone), None),
            shares,
            _sorted(parts),
            waiting=books.waiting(),
            warning=books.warning(),
        )

    def _of_repository(self, key: RepositoryKey) -> UsageReport:
        books, unique, parts = self._books, self._books.unique(2), []
        for image in books.images(key):
            one = _Sum(books, [image])
            parts.append(one.figures((key, image.place.image), unique, one.forecast.everything()))
        found = _Sum(books, books.images(key))
        shares, alone = self._shares(found.content, 1, lambda path: path[0] == key)
        total = found.figures((key,), {(key,): _bytes(alone)}, found.names)
        return UsageReport(total, shares, _sorted(parts), warning=books.warning())

    def _of_image(self, image: OwnedImage) -> UsageReport:
        books, unique, path = self._books, self._books.unique(3), _path(image.place)
        found = _Sum(books, [image])
        forecast = found.forecast
        holdings = books.holdings(image, forecast)
        references: list[Reference] = [*image.tags, *forecast.unreferenced]
        parts = [
            _reference_figures(path, reference, forecast, holdings, books, unique)
            for reference in references
        ]
        shares, alone = self._shares(found.content, 2, lambda other: other[:2] == path)
        total = found.figures(path, {path: _bytes(alone)}, forecast.everything())
        return UsageReport(total, shares, _sorted(parts), warning=books.warning())

    def _of_reference(self, image: OwnedImage, reference: Reference) -> UsageReport:
        books, graph, path = self._books, image.graph, _path(image.place)
        if reference not in (image.tags if isinstance(reference, Tag) else graph.registered):
            raise manifest_unknown(image.place, reference)
        forecast = books.forecast(image)
        holdings = books.holdings(image, forecast)
        inside, parent = {(*path, reference)}, None
        if isinstance(reference, Digest):
            inside |= {(*path, tag) for tag, at in graph.tags.items() if at == reference}
            parent = forecast.needed_by(reference)
        shares, alone = self._shares(set(holdings.of(reference)), 3, inside.__contains__)
        unique = {(*path, reference): _bytes(alone)}
        return UsageReport(
            _reference_figures(path, reference, forecast, holdings, books, unique),
            shares,
            needed_by=None if parent is None else _name((*path, parent)),
            warning=books.warning(),
        )

    # --- with whom ---------------------------------------------------------------------------

    def _units(self) -> Iterator[tuple[tuple[str, ...], Iterable[Inode]]]:
        """Yield the paths of all that have content, with it, in the order of the folder tree."""
        for image in self._books.images():
            path = _path(image.place)
            for reference, inodes in self._books.holdings(image).units():
                yield (path if reference is None else (*path, reference)), inodes

    def _shares(
        self, content: set[Inode], depth: int, is_inside: Callable[[tuple[str, ...]], bool]
    ) -> tuple[list[Share], set[Inode]]:
        """Return with whom content is shared, most bytes first, and what is shared with nobody.

        ``depth`` is what the others are: 1 repositories, 2 images, 3 tags and manifests.
        """
        shares, alone = dict[str, int](), set(content)
        outside = (unit for unit in self._units() if not is_inside(unit[0]))
        for path, group in itertools.groupby(outside, key=lambda unit: unit[0][:depth]):
            common = {i for _, inodes in group for i in inodes if i in content}
            if common:
                shares[_name(path)] = _bytes(common)
                alone -= common
        for inode in content:
            for other in inode.others:
                shares[other] = shares.get(other, 0) + inode.size
                alone.discard(inode)
        found = sorted(shares.items(), key=lambda share: (-share[1], share[0]))
        return [Share(name, size) for name, size in found], alone


class _Sum:
    """What images have together, and the names that go with a repository of them."""

    def __init__(self, books: Books, images: Iterable[OwnedImage]) -> None:
        self.logical = 0
        self.content = set[Inode]()
        self.names = Names()
        self._books = books
        for image in images:
            self.forecast = books.forecast(image)
            """That of the last image."""
            holdings = books.holdings(image, self.forecast)
            self.logical += holdings.logical_all()
            for _, inodes in holdings.units():
                self.content.update(inodes)
            self.names.update(self.forecast.staying())

    def figures(
        self, path: tuple[str, ...], unique: dict[tuple[str, ...], int], lost: Names
    ) -> Figures:
        """Return the figures, where ``lost`` are the names that go with it."""
        own, freed = _bytes(self.content), self._books.freed(lost)
        return Figures(_name(path), self.logical, own, unique.get(path, 0), freed)


def _reference_figures(
    path: tuple[str, ...],
    reference: Reference,
    forecast: ImageForecast,
    holdings: Holdings,
    books: Books,
    unique: dict[tuple[str, ...], int],
) -> Figures:
    """Return the figures of a tag or manifest; what may not be deleted frees nothing."""
    lost = Names()
    if isinstance(reference, Tag):
        lost = forecast.tags([reference])
    elif forecast.needed_by(reference) is None:
        lost = forecast.manifest(reference)
    return Figures(
        _name((*path, reference)),
        holdings.logical(reference),
        _bytes(set(holdings.of(reference))),
        unique.get((*path, reference), 0),
        books.freed(lost),
    )


def _bytes(inodes: Iterable[Inode]) -> int:
    return sum(inode.size for inode in inodes)


def _path(place: Place) -> tuple[str, ...]:
    return (place.key, place.image)


def _name(path: tuple[str, ...]) -> str:
    """Return the name of a repository, image, tag or manifest as commands take it."""
    name = "/".join(path[:2])
    if len(path) < 3:
        return name
    return f"{name}{'@' if isinstance(path[2], Digest) else ':'}{path[2]}"


def _sorted(parts: list[Figures]) -> list[Figures]:
    return sorted(parts, key=lambda part: (-(part.frees or 0), part.name))
