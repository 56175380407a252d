"""From the log of a disk to the disks that a power cut could have left behind."""

from __future__ import annotations

import bisect
import mmap
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tests.faults.power.device import FLUSH, RECORD, WRITE

SECTOR: Final = 4096
"""What a disk writes wholly or not at all."""


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of the log; ``position`` is where it stands there."""

    position: int
    kind: bytes
    offset: int
    data: memoryview


@dataclass(frozen=True, slots=True)
class State:
    """A disk after a power cut: what is left of the first ``count`` records."""

    count: int
    seed: int | None = None
    """None: all of them. Otherwise a choice of the writes since the last flush; 0 chooses none."""

    def __str__(self) -> str:
        """Return how the state came to be, as a reader of a failure needs it."""
        if self.seed is None:
            return "every write"
        return f"subset seed {self.seed}" if self.seed else "flushed writes only"


class History:
    """The log of a disk, in memory."""

    def __init__(self, path: str) -> None:
        self.records: list[Record] = []
        self._positions: list[int] = []
        self.size = os.path.getsize(path)
        with open(path, "rb") as file:
            self._read(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))

    def _read(self, log: memoryview) -> None:
        position = 0
        while position < len(log):
            kind, offset, size = RECORD.unpack_from(log, position)
            begin = position + RECORD.size
            self.records.append(Record(position, kind, offset, log[begin : begin + size]))
            self._positions.append(position)
            position = begin + size

    def position(self, state: State) -> int:
        """Return the size that the log had at the power cut."""
        if state.count == len(self.records):
            return self.size
        return self.records[state.count].position

    def count(self, kind: bytes, begin: int) -> int:
        """Return how many records of a kind there are from a position on."""
        return sum(r.kind == kind and r.position >= begin for r in self.records)

    def states(self, begin: int, wanted: int, seed: int) -> list[State]:
        """Return up to ``wanted`` states from a position on, spread evenly.

        Half of them have every write up to a moment, half a random choice of those that no flush
        has made durable.
        """
        first = bisect.bisect_left(self._positions, begin)
        moments = [n for n in range(first, len(self.records)) if self.records[n].kind == WRITE]
        moments.append(len(self.records))
        whole = [State(n) for n in spread(moments, wanted - wanted // 2)]
        # Where the last record is a flush, there is nothing to choose from.
        undecided = [n for n in moments if n > 0 and self.records[n - 1].kind == WRITE]
        choices: set[State] = set()
        numbers = random.Random(seed)
        for n in spread(undecided, wanted // 2, again=True):
            nothing = self._is_lone_write(n) or numbers.random() < 1 / 3
            choice = State(n, 0)
            while choice in choices or not (nothing or choice.seed):
                choice = State(n, numbers.randrange(1, 1 << 32))
            choices.add(choice)
        return sorted([*whole, *choices], key=lambda state: (state.count, state.seed or 0))

    def _is_lone_write(self, count: int) -> bool:
        return count < 2 or self.records[count - 2].kind == FLUSH


def spread(items: Sequence[int], wanted: int, *, again: bool = False) -> list[int]:
    """Return ``wanted`` of the items, evenly spread; fewer if there are fewer, or some ``again``.

    The last one is always among them.
    """
    if not items or wanted <= 0:
        return []
    if len(items) <= wanted and not again:
        return list(items)
    return [items[((number + 1) * len(items) - 1) // wanted] for number in range(wanted)]


class Replay:
    """Makes the crash images of one history, in the order of their moments."""

    def __init__(self, history: History, base: str) -> None:
        self._history = history
        self._base = os.open(base, os.O_RDWR)
        self._size = os.fstat(self._base).st_size
        self._done = 0
        self._open: list[Record] = []
        """The writes that no flush has made durable."""

    def close(self) -> None:
        """Let the base image go; it has all that was replayed and flushed."""
        os.close(self._base)

    def make(self, state: State, path: str) -> None:
        """Write the disk of a state to a file."""
        self._advance(state.count)
        with open(path, "wb", buffering=0) as image:
            os.truncate(image.fileno(), self._size)
            for begin, end in data_ranges(self._base):
                os.lseek(image.fileno(), begin, os.SEEK_SET)
                while begin < end:
                    begin += os.sendfile(image.fileno(), self._base, begin, end - begin)
            for offset, data in chosen(self._open, state.seed):
                os.pwrite(image.fileno(), data, offset)

    def _advance(self, count: int) -> None:
        for record in self._history.records[self._done : count]:
            if record.kind == FLUSH:
                for write in self._open:
                    os.pwrite(self._base, write.data, write.offset)
                self._open.clear()
            else:
                self._open.append(record)
        self._done = count


def data_ranges(descriptor: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of a sparse file that are not holes."""
    size, end = os.fstat(descriptor).st_size, 0
    while end < size:
        try:
            begin = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError:
            return
        end = os.lseek(descriptor, begin, os.SEEK_HOLE)
        yield begin, end


def chosen(writes: Sequence[Record], seed: int | None) -> Iterator[tuple[int, memoryview]]:
    """Yield what of the writes reaches the disk.

    A choice takes or drops either whole writes or single sectors, with odds of its own.
    """
    numbers = random.Random(seed)
    odds = 0.0 if seed == 0 else numbers.choice((0.1, 0.5, 0.5, 0.9))
    torn = numbers.random() < 0.5
    for write in writes:
        step = SECTOR if torn and seed else max(len(write.data), 1)
        for begin in range(0, len(write.data), step):
            if seed is None or numbers.random() < odds:
                yield write.offset + begin, write.data[begin : begin + step]
