"""How often an upstream registry may still be asked, as it says itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowance:
    """What upstream said last about how many pulls are left to us."""

    limit: int | None
    remaining: int | None
    window: int | None
    """Seconds after which the limit begins anew."""
    source: str
    """To whom upstream counts the pulls: an address or a user."""
    seen_at: float
    """When it was said, in seconds since 1970."""
