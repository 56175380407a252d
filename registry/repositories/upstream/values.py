"""What an upstream registry answers, as values."""

from __future__ import annotations

from dataclasses import dataclass

from registry.model.allowance import Allowance
from registry.model.digests import Digest


@dataclass(frozen=True, slots=True)
class ManifestHead:
    """What is known of a manifest without its bytes; None is what upstream did not say."""

    digest: Digest | None
    media_type: str
    size: int | None
    allowance: Allowance | None = None
    """What upstream said with it of how many pulls are left."""


@dataclass(frozen=True, slots=True)
class UpstreamManifest:
    """A manifest with its exact bytes; the digest is that of the bytes, whatever was said."""

    digest: Digest
    media_type: str
    body: bytes
    allowance: Allowance | None = None
    """What upstream said with it of how many pulls are left."""
