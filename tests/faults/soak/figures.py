"""How much is done, and how short the times are."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

GRACE: Final = 1
HOLD: Final = 1
TRASH: Final = 2
UPLOADS: Final = 5
"""Seconds, as the server and the pruners have them."""
TICK: Final = 0.05
"""Seconds by which the times of files may be behind the clock."""
RENEWAL: Final = GRACE / 4
"""Seconds for which a "yes" is not renewed again; as the server has it."""
PROMISE: Final = GRACE + HOLD - RENEWAL - TICK
"""For how long a push may rely on a "yes": after the grace it is on hold, and can be had back."""
PATIENCE: Final = (0.3, 0.95)
"""Which part of the time for which it may rely on a promise a client rests, before it does."""
CHUNK_PATIENCE: Final = 1.5 * GRACE
"""The longest rest between two chunks of an upload, which lives longer than the grace."""

KEY: Final = "docker-local"
"""The repository of most images."""
COMMON_KEY: Final = "soak-common"
"""A repository that is deleted and made again while clients push to it."""
LIMITED_KEY: Final = "soak-limited"
"""A repository whose images have at most `MOST` tags."""
MOST: Final = 3
FIELDS: Final[Mapping[str, int]] = {"untaggedRetentionDays": 0}
"""So that manifests without a tag go as soon as the grace is over."""

CI_OPERATIONS: Final = 10_000
LONG_OPERATIONS: Final = 110_000


@dataclass(frozen=True, slots=True)
class Figures:
    """One run."""

    operations: int = CI_OPERATIONS
    seconds: float = 0.0
    """How long the run goes on at least."""
    seed: int = 0
    clients: int = 20
    workers: int = 4
    pruners: int = 2
    pause: float = 0.1
    """Seconds between two passes of a pruner."""
    worker_kills: tuple[float, float] = (1.0, 2.0)
    pruner_kills: tuple[float, float] = (3.0, 6.0)
    """Seconds between two kills, at least and at most."""
    without: tuple[str, ...] = ()
    """Operations that are left out."""
    drain: float = 180.0
    """Seconds after the last operation in which everything must have been freed, at most."""

    @property
    def limit(self) -> float:
        """Seconds after which the run must have ended, on however slow a machine."""
        return 600.0 + self.operations / 10 + self.seconds + self.drain


def asked(environment: Mapping[str, str] = os.environ) -> Figures:
    """Return the figures that the environment asks for: by default, those of a short run.

    ``REGISTRY_SOAK=1`` asks for the long form; ``REGISTRY_SOAK_OPERATIONS``, ``…_SECONDS`` and
    ``…_SEED`` for others.
    """
    long = environment.get("REGISTRY_SOAK") == "1"
    operations = LONG_OPERATIONS if long else CI_OPERATIONS
    return Figures(
        operations=int(environment.get("REGISTRY_SOAK_OPERATIONS", operations)),
        seconds=float(environment.get("REGISTRY_SOAK_SECONDS", 0)),
        seed=int(environment.get("REGISTRY_SOAK_SEED", random.randrange(1_000_000))),
    )
