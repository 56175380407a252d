"""The pruner, as it is a day later: whatever a fault has left behind is old enough to go."""

from __future__ import annotations

import time
from typing import Final

from registry.model.errors import StorageFailed
from registry.services.instance import Instance
from registry.services.pruning import Limits, Options, Pruning
from registry.storage.passes import Reading, read_clocks

DAY: Final = 86_400.0
PASSES: Final = 4
"""A lease is held, then removed; then its content is held, then freed."""

_LIMITS: Final = Limits(grace=3600.0, hold=0.0, uploads=3600.0)


def _tomorrow() -> Reading:
    clock = read_clocks()
    return Reading(time.time() + DAY, clock.since_boot, clock.boot)


def prune(instance: Instance) -> None:
    """Make one pass; raise StorageFailed if it says that it had to leave something out."""
    pruning = Pruning(instance.store, instance.definitions, _LIMITS, _tomorrow)
    if pruning.run(Options(force=True)).failed:
        raise StorageFailed("images could not be pruned")


def sweep(instance: Instance) -> None:
    """Make as many passes as it takes until nothing is left over."""
    for _ in range(PASSES):
        prune(instance)
