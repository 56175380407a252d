"""What the members of a virtual repository said when they were looked at for something."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from registry.model.content import Blob, StoredManifest
from registry.model.errors import RegistryError


class Outcome(StrEnum):
    """What looking at a member came to."""

    FOUND = "found"
    ABSENT = "absent"
    FAILED = "failed"
    """It could not be said; that is not the same as absent."""
    UNASKED = "not asked"


@dataclass(frozen=True, slots=True)
class Look:
    """One member, or the cache of one, that was looked at."""

    key: str
    kind: str
    """``local``, ``cache`` or ``remote``."""
    outcome: Outcome
    reason: str
    found: StoredManifest | Blob | None = None
    failure: RegistryError | None = None


@dataclass(frozen=True, slots=True)
class Resolution:
    """All that was looked at, in order, and which of it answers."""

    looks: list[Look]
    winner: Look | None
    failure: RegistryError | None
    """Why nobody answers, where that is not because it is absent."""
