"""When the last pruning passes were: what makes an age believable.

The clock of the wall may jump, and then everything looks old at once. So age alone frees nothing:
it must also be proved that time has passed, by an earlier pass of the same run of the kernel that
saw the thing already, a while ago on the clock that counts since boot. Both are kept on disk, in
``pruning.json``, so that all workers and the command line share the proof.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from registry.model.errors import StorageFailed, StorageFull
from registry.storage import documents
from registry.storage.documents import Documents
from registry.storage.layout import Layout
from registry.storage.uploads import boot_id

logger = logging.getLogger(__name__)

PROOF: Final = 3600.0
"""Seconds since boot that must have passed for an age to be believed, if the grace is longer."""
_TOLERANCE: Final = 1.0
"""Seconds by which the two clocks may differ between two passes: rounding, and slow corrections."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Both clocks at one moment, in seconds, and which run of the kernel the second counts."""

    wall: float
    since_boot: float
    boot: str


Clock = Callable[[], Reading]


def read_clocks() -> Reading:
    """Return what the clocks say now."""
    return Reading(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME), boot_id())


class Age(Enum):
    """What is known of the age of a thing."""

    YOUNG = "grace"
    UNPROVED = "clock"
    OLD = "old"


@dataclass(frozen=True, slots=True)
class Ages:
    """Tells how old things are, at the moment of one pass."""

    now: float
    grace: float
    proved: float
    """What is of this time or earlier has been seen by a pass long enough ago."""

    def of(self, moment: float, grace: float | None = None) -> Age:
        """Return what is known of something that changed last at ``moment``."""
        if self.now - moment <= (self.grace if grace is None else grace):
            return Age.YOUNG
        return Age.OLD if moment <= self.proved else Age.UNPROVED

    @property
    def before(self) -> float:
        """What changed last at this time or earlier is old."""
        return min(self.now - self.grace, self.proved)


class Passes:
    """The record of the pruning passes of one storage folder."""

    def __init__(self, layout: Layout, cache: Documents) -> None:
        self._path = layout.pruning()
        self._documents = cache

    def read(self) -> dict[str, Any]:
        """Return the record; a damaged one counts as none."""
        try:
            return self._documents.read(self._path) or {}
        except StorageFailed:
            return {}

    def look(self, clock: Reading, grace: float) -> Ages | None:
        """Return the ages at this moment, or None if the clock has jumped since the last pass.

        After a jump, or a restart of the machine, the proof begins anew.
        """
        earlier = self._earlier(clock)
        if earlier and _has_jumped(earlier[-1], clock):
            return None
        return Ages(clock.wall, grace, max(_proving(earlier, clock, grace), default=-math.inf))

    def begin(self, clock: Reading, grace: float) -> Ages | None:
        """Record the beginning of a pass, and return the ages as `look` does.

        A full disk keeps the record from being written, not the pass from being made.
        """
        ages = self.look(clock, grace)
        earlier = self._earlier(clock) if ages is not None else []
        # Of those that prove something the last one is enough; the others will prove something.
        kept = earlier[max(len(_proving(earlier, clock, grace)) - 1, 0) :]
        self._write({"boot": clock.boot, "passes": [*kept, (clock.since_boot, clock.wall)]})
        return ages

    def end(self, report: dict[str, Any]) -> None:
        """Record what a pass found, and add what it freed to what all have freed."""
        totals = dict(self.read().get("totals") or {})
        for name, amount in (("passes", 1), *(report.get("freed") or {}).items()):
            totals[name] = totals.get(name, 0) + amount
        self._write({"last": report, "totals": totals})

    def _write(self, changes: dict[str, Any]) -> None:
        try:
            documents.replace(self._path, self.read() | changes)
        except StorageFull:
            logger.warning("the record of the pruning passes cannot be written: the disk is full")

    def is_due(self, clock: Reading, interval: float) -> bool:
        """Return whether the last pass began longer ago than ``interval`` seconds."""
        earlier = self._earlier(clock)
        return not earlier or not 0 <= clock.since_boot - earlier[-1][0] < interval

    def _earlier(self, clock: Reading) -> list[tuple[float, float]]:
        record = self.read()
        if record.get("boot") != clock.boot:
            return []
        try:
            return [(float(boot), float(wall)) for boot, wall in record.get("passes", [])]
        except (TypeError, ValueError):
            return []


def _proving(earlier: Sequence[tuple[float, float]], clock: Reading, grace: float) -> list[float]:
    """Return the wall times of passes that were long enough ago to prove something."""
    needed = min(grace, PROOF)
    return [wall for boot, wall in earlier if clock.since_boot - boot >= needed]


def _has_jumped(last: Sequence[float], clock: Reading) -> bool:
    """Return whether the wall clock went back, or twice as fast as time has passed."""
    passed, shown = clock.since_boot - last[0], clock.wall - last[1]
    slack = _TOLERANCE + passed / 100
    return shown < passed - slack or shown > 2 * passed + _TOLERANCE
