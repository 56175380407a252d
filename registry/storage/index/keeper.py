"""Keeping the table of the index: built once, then changed by what the journal tells.

A line of the journal says which manifest folder to look at, and nothing else of it is believed. A
folder is read while the table is locked, so that no older sight of it can come later.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from registry.model.names import ImageName, Reference, RepositoryKey
from registry.storage.catalog import Catalog
from registry.storage.index.folders import RepositoryFolders
from registry.storage.index.reader import Reading, RowReader
from registry.storage.index.rows import Row
from registry.storage.index.scan import Scanner, shows_manifests
from registry.storage.index.table import Table
from registry.storage.index.tail import Change, JournalTail
from registry.storage.layout import Layout
from registry.storage.manifest_files import Place
from registry.storage.tree import Tree

Pause = Callable[[], None]


def go_on() -> None:
    """Rest not at all."""


class Keeper:
    """The table, and what keeps it as the disk is."""

    def __init__(self, layout: Layout, tree: Tree, catalog: Catalog) -> None:
        self._layout = layout
        self._reader = RowReader(layout, tree)
        self._scanner = Scanner(layout, self._reader)
        self._tail = JournalTail(layout)
        self._folders = RepositoryFolders(layout, catalog)
        self._table = Table()
        self._lock = threading.Lock()
        self.is_ready = False
        """Whether the table has been built."""

    @property
    def present(self) -> frozenset[RepositoryKey]:
        """The repositories that are there."""
        return self._folders.present

    def build(self, pause: Pause = go_on) -> None:
        """Read all repositories; ``pause`` is called now and then, and may raise to end it."""
        self._tail.skip()
        self._folders.look()
        table = Table()
        for key in sorted(self.present):
            for place, shows, readings in self._scanner.images(key):
                table.load(place, _slowly(readings, pause), shows=shows)
        table.settle()
        self._reader.forget()
        with self._lock:
            self._table = table
            self._catch_up()
            self.is_ready = True

    @contextmanager
    def current(self) -> Iterator[Table]:
        """Lock the table, as all that was answered before by any process has left it."""
        with self._lock:
            self._catch_up()
            yield self._table

    def read_again(self, place: Place, reference: Reference) -> Row | None:
        """Look at one manifest folder, and return the row that it has now."""
        with self._lock:
            return self._read(place, reference)

    def rows(self, key: RepositoryKey) -> Iterator[Row]:
        """Yield the rows of a repository from the disk, whatever the table has."""
        for _, _, readings in self._scanner.images(key):
            yield from (reading.row for reading in readings)

    def heal(self, pause: Pause = go_on) -> int:
        """Read everything again, for what was changed by hand; return how many rows were wrong."""
        with self.current() as table:
            keys = table.keys()
            for key in {*keys} - self.present:
                table.forget(key)
                self._folders.forget(key)
        return sum(self._heal(key, pause) for key in sorted(self.present))

    # --- how ---------------------------------------------------------------------------------

    def _catch_up(self) -> None:
        for key in self._folders.look():
            self._replace(key)
        for change in self._tail.changes():
            self._take_in(change)

    def _take_in(self, change: Change) -> None:
        if change.key not in self.present:
            return
        if change.image is None:
            self._replace(change.key)
            return
        place = Place(change.key, change.image)
        for reference in change.references or self._all_references(place):
            self._read(place, reference)

    def _replace(self, key: RepositoryKey) -> None:
        self._table.forget(key)
        for place, shows, readings in self._scanner.images(key):
            for reading in readings:
                self._table.put(reading)
            self._table.show(place, shows=shows)

    def _all_references(self, place: Place) -> set[Reference]:
        """Return the references that an image has on the disk or in the table."""
        found = set[Reference]()
        for _, _, readings in self._scanner.images(place.key, below=place.image):
            found |= {reading.row.typed_reference() for reading in readings}
        known = self._table.image(place)
        for number in [] if known is None else known.numbers.values():
            found.add(self._table.row(number).typed_reference())
        return found

    def _read(self, place: Place, reference: Reference) -> Row | None:
        """Read one manifest folder; the table is locked."""
        try:
            reading = self._reader.read(place, reference)
        except OSError:
            # What cannot be read cannot be found.
            reading = None
        if reading is None:
            self._table.drop(place, str(reference))
        elif not self._table.has(reading):
            self._table.put(reading)
        self._table.show(place, shows=shows_manifests(self._layout, place))
        return None if reading is None else reading.row

    def _heal(self, key: RepositoryKey, pause: Pause) -> int:
        wrong, images = 0, set[ImageName]()
        for place, _, readings in self._scanner.images(key):
            found = set[str]()
            for reading in readings:
                found.add(reading.row.reference)
                with self._lock:
                    is_right = self._table.has(reading)
                    if not is_right:
                        self._read(place, reading.row.typed_reference())
                wrong += not is_right
                pause()
            images.add(place.image)
            wrong += self._drop_others(place, found)
        with self._lock:
            names = [n for n, _ in self._table.names(key) if n not in images]
        return wrong + sum(self._drop_others(Place(key, name), set()) for name in names)

    def _drop_others(self, place: Place, found: set[str]) -> int:
        """Look again at what an image has not been seen to have; return how much is gone."""
        with self._lock:
            known = self._table.image(place)
            numbers = [] if known is None else [*known.numbers.values()]
            rows = [self._table.row(number) for number in numbers]
            gone = [row for row in rows if row.reference not in found]
            self._table.show(place, shows=shows_manifests(self._layout, place))
            return sum(self._read(place, row.typed_reference()) is None for row in gone)


def _slowly(readings: Iterator[Reading], pause: Pause) -> Iterator[Reading]:
    for reading in readings:
        yield reading
        pause()
