"""The index: which items there are that a query may want, out of memory, as the disk has them now.

Each process builds its own from the tree, in the background, and each query first takes in what
has happened since the last one; so whatever was answered before, by any process, is seen. It is
derived, and can be thrown away; what leaves it has been looked at on the disk. Until it is built
the tree answers.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final, TypeVar

from registry.model.items import Item, ItemQuery
from registry.model.names import ImageName, RepositoryKey, Tag
from registry.model.packages import Package
from registry.model.paging import Page, PageRequest
from registry.storage.catalog import Catalog
from registry.storage.folder_records import FolderRecords
from registry.storage.index import emit, select
from registry.storage.index.keeper import Keeper, go_on
from registry.storage.index.packages import PackageSearch
from registry.storage.index.rows import Row
from registry.storage.index.scan import shows_manifests
from registry.storage.index.table import Table
from registry.storage.index.walk import TreeWalk
from registry.storage.layout import MANIFEST_FILE, Layout, folder_name
from registry.storage.manifest_files import Place, is_manifest_folder
from registry.storage.tree import Tree

logger = logging.getLogger(__name__)

_LISTED: Final = 2000
"""Manifest folders of an image up to which its folder is listed: a millisecond."""
_BLOCK: Final = 100
"""Names taken at once where a page needs fewer."""

Name = TypeVar("Name", bound=str)


class Index:
    """Answers queries over the items of all repositories of one storage folder."""

    def __init__(
        self, layout: Layout, tree: Tree, catalog: Catalog, records: FolderRecords
    ) -> None:
        self._layout = layout
        self._tree = tree
        self._catalog = catalog
        self._records = records
        self._walk = TreeWalk(tree, catalog)
        self._keeper = Keeper(layout, tree, catalog)

    # --- keeping it --------------------------------------------------------------------------

    @property
    def is_ready(self) -> bool:
        """Whether it has been built; until then the tree answers."""
        return self._keeper.is_ready

    def size(self) -> int:
        """Return how many manifests it has, with all that has happened."""
        with self._keeper.current() as table:
            return len(table)

    def build(self, pause: Callable[[], None] = go_on) -> None:
        """Read everything; ``pause`` is called every few moments, and may raise to end it."""
        self._keeper.build(pause)

    def catch_up(self) -> None:
        """Take in what has happened, so that the next query has less to do."""
        with self._keeper.current():
            pass

    def heal(self, pause: Callable[[], None] = go_on) -> int:
        """Find what was changed by hand; return how many manifest folders that was."""
        return self._keeper.heal(pause)

    def _is_current(self) -> bool:
        """Return whether it is built, and can be told what has happened.

        Where the journal cannot be read the tree answers, as slow as that may be.
        """
        if not self.is_ready:
            return False
        try:
            self.catch_up()
        except OSError as error:
            logger.warning("the journal cannot be read, so the tree is searched: %s", error)
            return False
        return True

    # --- items -------------------------------------------------------------------------------

    def items(self, query: ItemQuery) -> Iterator[Item]:
        """Yield at least the items that are wanted, as the disk has them now."""
        if not self._is_current():
            return self._walk.items(query)
        with self._keeper.current() as table:
            wanted = query.repositories
            keys = [k for k in sorted(self._keeper.present) if wanted is None or k in wanted]
            files = select.select(table, query, keys) if query.with_files else []
            folders, upper = list[Row](), list[tuple[RepositoryKey, str]]()
            if query.with_folders:
                folders = select.select(table, query, keys, folders=True)
                for key in keys:
                    found = emit.upper_folders(table, self._records, key, query)
                    upper += ((key, location) for location in found)
        return self._items(query, files, folders, upper)

    def _items(
        self,
        query: ItemQuery,
        files: Sequence[Row],
        folders: Sequence[Row],
        upper: Sequence[tuple[RepositoryKey, str]],
    ) -> Iterator[Item]:
        locations = list(upper)
        locations += ((r.place.key, r.folder) for r in folders if select.wants_folder(r, query))
        for key, location in locations:
            item = self._tree.item(key, location)
            if item is not None:
                yield item
        for row in files:
            if select.wants_manifest(row, query):
                manifest = self.manifest(row)
                if manifest is not None:
                    yield manifest
            if select.wants_content(row, query):
                yield from emit.content(self._tree, row, query)

    def manifest(self, row: Row) -> Item | None:
        """Return the manifest of a row, or None if it is not there any more."""
        if emit.is_there(self._layout, row):
            return row.item()
        found = self._keeper.read_again(row.place, row.typed_reference())
        return None if found is None or not found.kind.file else found.item()

    # --- packages ----------------------------------------------------------------------------

    def packages(self, search: PackageSearch, keys: Sequence[RepositoryKey]) -> list[Row]:
        """Return the rows in some repositories that a search may want, in the order of names."""
        if self._is_current():
            with self._keeper.current() as table:
                found = search.candidates(table, [k for k in keys if k in self._keeper.present])
        else:
            rows = (row for key in keys for row in self._keeper.rows(key) if search.wants(row))
            found = [row for row in rows if self.package(search, row) is not None]
        return sorted(found, key=lambda row: (row.place.key, row.place.image, row.reference))

    def package(self, search: PackageSearch, row: Row) -> Package | None:
        """Return what is told of a row that was found, or None if the disk says otherwise."""
        return search.package(self._layout, row)

    # --- lists -------------------------------------------------------------------------------

    def images(
        self,
        key: RepositoryKey,
        request: PageRequest,
        wanted: Callable[[ImageName], bool] = lambda image: True,
    ) -> Page[ImageName]:
        """Return a page of the images of a repository that have manifests and are ``wanted``."""
        if not self._is_current():
            return self._catalog.images(key, request, wanted)

        def listed(names: Sequence[tuple[ImageName, str | None]]) -> Iterator[ImageName]:
            for name, tag in names:
                if wanted(name) and self._shows(key, name, tag):
                    yield name

        return self._page(request, lambda table, *block: table.names(key, *block), listed)

    def tags(self, key: RepositoryKey, image: ImageName, request: PageRequest) -> Page[Tag] | None:
        """Return a page of the tags of an image in byte order, or None if there is no image.

        The folder of an image with no more than some thousand tags is listed; so there no line of
        the journal needs to have been written for a tag to be seen.
        """
        place = Place(key, image)
        known = None
        if self._is_current():
            with self._keeper.current() as table:
                known = table.image(place)
        if known is None or len(known.numbers) <= _LISTED:
            return self._catalog.tags(key, image, request)
        folder = self._layout.image(key, image)
        return self._page(
            request,
            lambda table, *block: table.tags(place, *block),
            lambda tags: (tag for tag, _ in tags if _is_tag(folder, tag)),
        )

    def _page(
        self,
        request: PageRequest,
        block: Callable[[Table, str | None, int | None], Sequence[tuple[Name, str | None]]],
        listed: Callable[[Sequence[tuple[Name, str | None]]], Iterator[Name]],
    ) -> Page[Name]:
        """Return a page of those names that the disk confirms, from as many blocks as it takes."""
        found, after, limit = list[Name](), request.after, request.limit
        while True:
            most = None if limit is None else max(limit + 1 - len(found), _BLOCK)
            with self._keeper.current() as table:
                names = block(table, after, most)
            # One more than the page has room for tells that there are more.
            found += (
                listed(names) if limit is None else islice(listed(names), limit + 1 - len(found))
            )
            if limit is not None and len(found) > limit:
                return Page(found[:limit], more=True)
            if most is None or len(names) < most:
                return Page(found, more=False)
            after = names[-1][0]

    def _shows(self, key: RepositoryKey, image: ImageName, tag: str | None) -> bool:
        """Return whether an image has manifests: its first tag is still there, or something is."""
        if tag is not None and _is_tag(self._layout.image(key, image), tag):
            return True
        return shows_manifests(self._layout, Place(key, image))


def _is_tag(image: str, tag: str) -> bool:
    """Return whether a tag is in the folder of an image.

    Where the name of its folder is another one, nothing has a manifest under the tag itself.
    """
    return os.access(f"{image}/{tag}/{MANIFEST_FILE}", os.F_OK) or is_manifest_folder(
        f"{image}/{folder_name(tag)}"
    )
