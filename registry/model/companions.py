"""Tags by which signatures and the like are found: they belong to the manifest that they name.

``sha256-<hex>`` with or without an ending. Sources: cosign, "Signature Specification"; the bare
form: OCI distribution specification, "Referrers Tag Schema".
"""

from __future__ import annotations

import re
from typing import Final

from registry.model.digests import Digest
from registry.model.names import Tag

ENDINGS: Final = ("", ".sig", ".att", ".sbom")
_COMPANION: Final = re.compile(r"sha256-([0-9a-f]{64})(?:\.[a-z]+)?")


def companions(digest: Digest) -> list[Tag]:
    """Return the tags under which something may stand that belongs to a manifest."""
    name = digest.replace(":", "-", 1)
    return [Tag(f"{name}{ending}") for ending in ENDINGS if _COMPANION.fullmatch(f"{name}{ending}")]


def subject_of(tag: str) -> Digest | None:
    """Return the manifest to which what stands under a tag belongs, by its name; mostly None."""
    match = _COMPANION.fullmatch(tag)
    return None if match is None else Digest.parse(f"sha256:{match[1]}")
