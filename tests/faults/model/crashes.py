"""Which disks a power cut may leave: two models of what a filesystem promises.

Each file has bytes that are durable and bytes that are not, and so has each folder names. The
*weakest* model is the least that POSIX lets one rely on:

* The bytes of a file are durable after an fsync of the file. Before that a crash leaves the old
  ones, zeros, the first half, or all of the new ones.
* A name that was made, removed or moved is durable after an fsync of its folder. Before that each
  change is lost or kept by itself, whatever came earlier or later. A rename is one change, also
  between two folders, where every journaling filesystem makes it one.

The *ordered* model is that of a filesystem with one journal (ext4, xfs): changes of names are kept
up to some moment and lost from there. An fsync keeps all changes up to the last one of the file or
folder that is synced; one of a file with new bytes keeps all. Bytes are as above.

Before the operation everything is durable.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Final

from tests.faults.model.trace import (
    EVERYTHING,
    Attributes,
    Bytes,
    Disk,
    Facts,
    Inode,
    Names,
    Site,
    Step,
    Sync,
    Trace,
    Tree,
)

BYTES: Final = ("whole", "lost", "zeros", "half")
"""What may be left of bytes that were not synced."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How many of the possible states are looked at."""

    alone: int
    """Pending changes of which each is kept alone, and lost alone; of more a sample."""
    subsets: int
    """Random choices of the pending changes, at every step."""


USUAL: Final = Effort(24, 4)
LONG: Final = Effort(100, 40)


@dataclass(frozen=True, slots=True)
class Crash:
    """A disk after a power cut."""

    number: int
    """How many steps there were before it."""
    after: str
    """The last of them."""
    promised: int
    """How many operations had returned."""
    lost: tuple[str, ...]
    """The names that were changed in vain."""
    bytes: str
    """What became of bytes that were not synced."""
    tree: Tree = field(repr=False)

    def __str__(self) -> str:
        lost = ", ".join(self.lost) or "no names"
        return f"after step {self.number}, {self.after}: lost {lost}; new bytes {self.bytes}"


class Model:
    """A disk in the course of a trace, with a durable and a volatile side."""

    name: ClassVar[str]
    keeps_order: ClassVar[bool] = False

    def __init__(
        self, trace: Trace, without: Collection[Site] = (), effort: Effort = USUAL
    ) -> None:
        """Syncs of the sites in ``without`` do nothing."""
        self._trace = trace
        self._without = frozenset(without)
        self._differs = not without
        self._effort = effort
        self._changes: list[Names] = []
        self._pending: list[int] = []
        self._files = dict(trace.before.files)
        self._durable = dict(trace.before.files)

    def crashes(self, since: int = 0) -> Iterator[Crash]:
        """Yield what a power cut may leave after each step since ``since`` operations returned.

        Where syncs do nothing, the states before the first of them are those of any disk, and are
        left out.
        """
        dice, promised = random.Random(1), 0
        for number, step in enumerate(self._trace.steps, start=1):
            promised += isinstance(step, Facts)
            self._follow(step)
            if self._differs and promised >= since and not isinstance(step, Attributes):
                yield from self._at(number, step.text, promised, dice)

    def _follow(self, step: Step) -> None:
        if isinstance(step, Names):
            self._pending.append(len(self._changes))
            self._changes.append(step)
            for _, _, inode in step.changes:
                if inode is not None and inode not in self._trace.folders:
                    self._files.setdefault(inode, b"")
                    self._durable.setdefault(inode, b"")
        elif isinstance(step, Bytes):
            self._files[step.inode] = step.data
        elif isinstance(step, Sync) and step.site in self._without:
            self._differs = True
        elif isinstance(step, Sync):
            self._sync(step.inode)
            synced = self._files if step.inode == EVERYTHING else [step.inode]
            self._durable |= {inode: self._files[inode] for inode in synced if inode in self._files}

    def _sync(self, inode: Inode) -> None:
        raise NotImplementedError

    def _choices(self, dice: random.Random) -> Iterator[frozenset[int]]:
        """Yield which of the pending changes are kept."""
        raise NotImplementedError

    # --- what is left ----------------------------------------------------------------------------

    def _at(self, number: int, after: str, promised: int, dice: random.Random) -> Iterator[Crash]:
        unsynced = [i for i, data in self._files.items() if self._durable[i] != data]
        for kept in self._choices(dice):
            disk = self._disk(kept)
            lost = tuple(self._changes[n].text for n in self._pending if n not in kept)
            there = {inode for names in disk.folders.values() for inode in names.values()}
            open_files = [inode for inode in unsynced if inode in there]
            for way in BYTES if open_files else BYTES[:1]:
                disk.files |= {inode: self._left(inode, way) for inode in open_files}
                yield Crash(number, after, promised, lost, way, disk.tree())

    def _disk(self, kept: frozenset[int]) -> Disk:
        disk = self._trace.before.copy()
        disk.files = dict(self._durable)
        for inode in self._trace.folders:
            disk.folders.setdefault(inode, {})
        pending = set(self._pending)
        for number, change in enumerate(self._changes):
            if number not in pending or number in kept:
                disk.change(change)
        return disk

    def _left(self, inode: Inode, way: str) -> bytes:
        old, new = self._durable[inode], self._files[inode]
        if way == "half":
            return (
                new[: (len(old) + len(new)) // 2] if new.startswith(old) else new[: len(new) // 2]
            )
        kept = old if new.startswith(old) else b""
        return {"whole": new, "lost": old, "zeros": kept.ljust(len(new), b"\0")}[way]


class Weakest(Model):
    """Every change is lost or kept by itself until its folder is synced."""

    name = "weakest"

    def _sync(self, inode: Inode) -> None:
        if inode == EVERYTHING:
            self._pending = []
        self._pending = [n for n in self._pending if not self._changes[n].is_in(inode)]

    def _choices(self, dice: random.Random) -> Iterator[frozenset[int]]:
        pending = self._pending
        everything = frozenset(pending)
        if len(pending) <= 3:
            for size in range(len(pending) + 1):
                yield from map(frozenset, itertools.combinations(pending, size))
            return
        yield everything
        yield frozenset()
        for number in dice.sample(pending, min(self._effort.alone, len(pending))):
            yield everything - {number}
            yield frozenset({number})
        for _ in range(self._effort.subsets):
            share = dice.random()
            yield frozenset(number for number in pending if dice.random() < share)


class Ordered(Model):
    """Changes are kept in their order; a sync keeps all up to that of what is synced."""

    name = "ordered"
    keeps_order = True

    def __init__(
        self, trace: Trace, without: Collection[Site] = (), effort: Effort = USUAL
    ) -> None:
        super().__init__(trace, without, effort)
        self._now = trace.before.copy()
        self._last: dict[Inode, int] = {}
        """How many changes there had been after the last one of a file or folder."""

    def _follow(self, step: Step) -> None:
        super()._follow(step)
        if isinstance(step, Names):
            for folder, name, inode in step.changes:
                touched = (folder, inode, self._now.folders.setdefault(folder, {}).get(name))
                self._last |= {n: len(self._changes) for n in touched if n is not None}
            self._now.change(step)
        elif isinstance(step, Bytes | Attributes):
            self._last[step.inode] = len(self._changes)

    def _sync(self, inode: Inode) -> None:
        until = self._last.get(inode, 0)
        if inode == EVERYTHING or self._files.get(inode) != self._durable.get(inode):
            until = len(self._changes)
        self._pending = [n for n in self._pending if n >= until]

    def _choices(self, dice: random.Random) -> Iterator[frozenset[int]]:
        for count in range(len(self._pending) + 1):
            yield frozenset(self._pending[:count])
