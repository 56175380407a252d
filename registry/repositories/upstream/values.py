"""What an upstream registry answers, as values."""

from __future__ import annotations

from dataclasses import dataclass

from registry.model.digests import Digest


@dataclass(frozen=True, slots=True)
class ManifestHead:
    """What is known of a manifest without its bytes; None is what upstream did not say."""

    digest: Digest | None
    media_type: str
    size: int | None


@dataclass(frozen=True, slots=True)
class UpstreamManifest:
    """A manifest with its exact bytes; the digest is that of the bytes, whatever was said."""

    digest: Digest
    media_type: str
    body: bytes


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
