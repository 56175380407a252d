"""Which rows have what: a map from hashes to the numbers of rows, a dozen bytes an entry.

A dictionary of sets costs ten times as much where most texts belong to one row. Here each entry is
the hash of a text, or of anything, and the number of a row, in sorted arrays; an entry that is
added or removed moves what follows it in one of many small arrays. Two texts may have one hash, so
what is found has to be looked at again.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Final

_ARRAYS: Final = 1024


class Postings:
    """A map from texts to numbers of rows."""

    def __init__(self) -> None:
        self._hashes = [array("q") for _ in range(_ARRAYS)]
        self._rows = [array("I") for _ in range(_ARRAYS)]

    def add(self, hashed: Iterable[int], row: int) -> None:
        """Let ``row`` be among those of what has these hashes."""
        for one in hashed:
            hashes, rows = self._hashes[one % _ARRAYS], self._rows[one % _ARRAYS]
            start, end = _range(hashes, one)
            at = bisect_left(rows, row, start, end)
            if at == end or rows[at] != row:
                hashes.insert(at, one)
                rows.insert(at, row)

    def load(self, hashed: Iterable[int], row: int) -> None:
        """Add a row higher than all before; `settle` puts it where it belongs."""
        all_hashes, all_rows = self._hashes, self._rows
        for one in hashed:
            number = one % _ARRAYS
            all_hashes[number].append(one)
            all_rows[number].append(row)

    def settle(self) -> None:
        """Put everything in order, before anything else is asked."""
        for number, (hashes, rows) in enumerate(zip(self._hashes, self._rows, strict=True)):
            order = sorted(range(len(hashes)), key=hashes.__getitem__)
            self._hashes[number] = array("q", [hashes[at] for at in order])
            self._rows[number] = array("I", [rows[at] for at in order])

    def remove(self, hashed: Iterable[int], row: int) -> None:
        """Take ``row`` from those of what has these hashes; where it is not, nothing happens."""
        for one in hashed:
            hashes, rows = self._hashes[one % _ARRAYS], self._rows[one % _ARRAYS]
            start, end = _range(hashes, one)
            at = bisect_left(rows, row, start, end)
            if at < end and rows[at] == row:
                del hashes[at], rows[at]

    def count(self, hashed: int) -> int:
        """Return how many rows a text has."""
        start, end = _range(self._hashes[hashed % _ARRAYS], hashed)
        return end - start

    def rows(self, hashed: int) -> Sequence[int]:
        """Return the rows of a text."""
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

    def load(self, rows: Iterable[int]) -> None:
        """Put rows in that rise, while there are none."""
        # Of equal times the lower row comes first, because sorting is stable.
        self._rows = array("I", sorted(rows, key=self._time_of))

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
        start = bisect_left(self._rows, first, key=self._time_of) if first else 0
        if not last:
            return start, len(self._rows)
        return start, max(start, bisect_right(self._rows, last, key=self._time_of))

    def _position(self, row: int) -> int:
        return bisect_left(self._rows, (self._time_of(row), row), key=self._order)

    def _order(self, row: int) -> tuple[str, int]:
        return self._time_of(row), row
