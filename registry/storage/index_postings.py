"""Which rows have what: a map from texts to the numbers of rows, a dozen bytes an entry.

A dictionary of sets costs ten times as much where most texts belong to one row. Here each entry is
the hash of a text and the number of a row, in sorted arrays; an entry that is added or removed
moves what follows it in one of many small arrays. Two texts may have one hash, so what is found
has to be looked at again.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import Final

_ARRAYS: Final = 1024


class Postings:
    """A map from texts to numbers of rows."""

    def __init__(self) -> None:
        self._hashes = [array("q") for _ in range(_ARRAYS)]
        self._rows = [array("I") for _ in range(_ARRAYS)]

    def add(self, hashed: int, row: int) -> None:
        """Let ``row`` be among those of the text with that hash."""
        hashes, rows = self._hashes[hashed % _ARRAYS], self._rows[hashed % _ARRAYS]
        start, end = _range(hashes, hashed)
        at = bisect_left(rows, row, start, end)
        if at == end or rows[at] != row:
            hashes.insert(at, hashed)
            rows.insert(at, row)

    def remove(self, hashed: int, row: int) -> None:
        """Take ``row`` from those of that text; if it is none of them, nothing happens."""
        hashes, rows = self._hashes[hashed % _ARRAYS], self._rows[hashed % _ARRAYS]
        start, end = _range(hashes, hashed)
        at = bisect_left(rows, row, start, end)
        if at < end and rows[at] == row:
            del hashes[at], rows[at]

    def count(self, text: str) -> int:
        """Return how many rows a text has."""
        hashed = hash(text)
        start, end = _range(self._hashes[hashed % _ARRAYS], hashed)
        return end - start

    def rows(self, text: str) -> Sequence[int]:
        """Return the rows of a text."""
        hashed = hash(text)
        start, end = _range(self._hashes[hashed % _ARRAYS], hashed)
        return self._rows[hashed % _ARRAYS][start:end]


def _range(hashes: array[int], hashed: int) -> tuple[int, int]:
    start = bisect_left(hashes, hashed)
    return start, bisect_right(hashes, hashed, start)


class Timeline:
    """Rows in the order of one of their times."""

    def __init__(self, time_of: Callable[[int], str]) -> None:
        self._time_of = time_of
        self._rows = array("I")
        self._is_sorted = True

    def load(self, row: int) -> None:
        """Add a row, to be put in order by the first question."""
        self._rows.append(row)
        self._is_sorted = False

    def add(self, row: int) -> None:
        """Add a row."""
        self._rows.insert(self._position(row), row)

    def remove(self, row: int) -> None:
        """Take a row away that has been added with the time that it still has."""
        at = self._position(row)
        if at < len(self._rows) and self._rows[at] == row:
            del self._rows[at]

    def between(self, first: str, last: str) -> Sequence[int]:
        """Return the rows from ``first`` to ``last``, both included; an empty text is no limit."""
        start, end = self._limits(first, last)
        return self._rows[start:end]

    def count(self, first: str, last: str) -> int:
        """Return how many rows `between` would return."""
        start, end = self._limits(first, last)
        return end - start

    def _limits(self, first: str, last: str) -> tuple[int, int]:
        self._sort()
        start = bisect_left(self._rows, first, key=self._time_of) if first else 0
        if not last:
            return start, len(self._rows)
        return start, max(start, bisect_right(self._rows, last, key=self._time_of))

    def _position(self, row: int) -> int:
        self._sort()
        return bisect_left(self._rows, (self._time_of(row), row), key=self._order)

    def _order(self, row: int) -> tuple[str, int]:
        return self._time_of(row), row

    def _sort(self) -> None:
        if not self._is_sorted:
            self._rows = array("I", sorted(self._rows, key=self._order))
            self._is_sorted = True
