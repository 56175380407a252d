"""The end of leases: blobs that an image shows, and no manifest of it needs.

The caller has found that no manifest folder of the image needs the blob, and that nobody has
renewed it for the grace. A push that needs it renews it first, and then takes the image lock; so
another look at the age, under that lock, is enough.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from registry.storage import atomic, held
from registry.storage.held import Held
from registry.storage.passes import Age, Ages


def end(paths: Sequence[str], ages: Ages) -> int:
    """Take leases away, to be held; return how many. Needs the image lock."""
    ended = 0
    for path in paths:
        try:
            old = ages.of(os.stat(path).st_mtime) is Age.OLD
        except FileNotFoundError:
            continue
        ended += old and held.hold(path, ages.before, ages.now) is not None
    return ended


def settle(on_hold: Held, hold: float, ages: Ages) -> bool:
    """Remove a lease that has been on hold for ``hold`` seconds; return whether it is gone.

    One that somebody has wanted meanwhile is brought back.
    """
    try:
        status = os.stat(on_hold.path)
    except FileNotFoundError:
        return False
    if not held.is_over(on_hold, hold, ages):
        return False
    if held.is_wanted(on_hold, status, ages):
        held.bring_back(on_hold)
        return False
    return atomic.remove(on_hold.path)
