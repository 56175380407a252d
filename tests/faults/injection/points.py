"""Which call is to fail, and how; and which of all points are tried where time is short."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.faults.injection.tracing import CLEANING, Call, Fault


@dataclass(frozen=True, slots=True)
class Mode:
    """A way in which a call goes wrong."""

    name: str
    effect: str
    """In strace's words."""
    errors: tuple[str, ...] = ()
    """How the operation may say so; empty where it is not asked any more."""

    @property
    def kills(self) -> bool:
        return not self.errors


MODES: Final = {
    mode.name: mode
    for mode in (
        Mode("kill", "signal=KILL"),
        Mode("eio", "error=EIO", ("StorageFailed",)),
        Mode("enospc", "error=ENOSPC", ("StorageFull",)),
    )
}


@dataclass(frozen=True, slots=True)
class Point:
    """One call of a flow."""

    call: str
    number: int
    path: str
    """What it changes, relative to the storage folder, in the run that was planned from."""
    vain: bool = False
    """Whether it failed in that run as well, because the name was there, or was not."""

    @property
    def cleans(self) -> bool:
        return self.call in CLEANING

    def fault(self, mode: Mode) -> Fault:
        return Fault(self.call, self.number, mode.effect)


def points_of(calls: Sequence[Call], root: str) -> list[Point]:
    """Return the calls that may change something in the folder ``root``."""
    found = []
    for call in calls:
        path = call.path_in(root)
        if call.changes and path is not None:
            found.append(Point(call.name, call.number, path, call.failed))
    return found


def sampled(points: Sequence[Point], most: int, seed: str) -> list[Point]:
    """Return ``most`` of the points, of as many kinds of calls as can be, in order.

    The same for the same seed, so that a run can be repeated.
    """
    draw = random.Random(seed)
    kinds: defaultdict[str, list[Point]] = defaultdict(list)
    for point in draw.sample(points, len(points)):
        kinds[point.call].append(point)
    rounds = itertools.zip_longest(*draw.sample(list(kinds.values()), len(kinds)))
    mixed = [point for one_of_each in rounds for point in one_of_each if point is not None]
    return sorted(mixed[:most], key=points.index)
