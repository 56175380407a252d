"""The properties that the server itself writes beside a manifest.

Names: those of Artifactory, so that its clients and users find what they know. Labels come from
the image configuration and become ``docker.label.<label>``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from registry.model.digests import Digest
from registry.model.names import ImageName, Reference

Properties = dict[str, list[str]]
"""Property name to its values; properties are multi-valued."""

CONFIG_LIMIT: Final = 4 * 1024 * 1024
"""Bytes of an image configuration that are looked at for labels; a larger one has none."""

OWN: Final = frozenset(
    {"artifactory.content-type", "docker.manifest", "docker.manifest.digest"}
    | {"docker.manifest.type", "docker.repoName", "sha256", "sha512"}
)
"""Properties that say what a file is; only the server writes them."""
LABEL_PREFIX: Final = "docker.label."

LABELS_LIMIT: Final = 1000
LABEL_KEY_LIMIT: Final = 255
LABEL_VALUE_LIMIT: Final = 4096


def manifest_properties(
    image: ImageName,
    reference: Reference,
    digest: Digest,
    media_type: str,
    sha256: str,
    labels: Mapping[str, str],
) -> Properties:
    """Return what is recorded of a manifest that stands under ``reference`` in ``image``.

    ``sha256`` is the hex hash of the file, which for a signed schema 1 manifest is not the
    encoded part of ``digest``.
    """
    properties = {
        "artifactory.content-type": [media_type],
        "docker.manifest": [str(reference)],
        "docker.manifest.digest": [str(digest)],
        "docker.manifest.type": [media_type],
        "docker.repoName": [str(image)],
        "sha256": [sha256],
    }
    for label, value in labels.items():
        properties[f"{LABEL_PREFIX}{label}"] = [value]
    return properties


def is_own(name: str) -> bool:
    """Return whether only the server writes the property: it says what a file or its image is."""
    return name in OWN or name.startswith(LABEL_PREFIX)


def config_labels(config: bytes) -> dict[str, str]:
    """Return the labels of an image configuration; a text that is none has no labels.

    Labels are other people's text: those with over-long keys or values are left out, the value
    is never interpreted.
    """
    try:
        document = json.loads(config)
    except (ValueError, RecursionError):
        return {}
    inner = document.get("config") if isinstance(document, dict) else None
    labels = inner.get("Labels") if isinstance(inner, dict) else None
    if not isinstance(labels, dict):
        return {}
    kept = {
        label: value
        for label, value in labels.items()
        if isinstance(value, str)
        and _is_text(label + value)
        and 0 < len(label) <= LABEL_KEY_LIMIT
        and len(value) <= LABEL_VALUE_LIMIT
    }
    return dict(list(kept.items())[:LABELS_LIMIT])


def _is_text(text: str) -> bool:
    """Return whether a text has a form in UTF-8; half of a surrogate pair has none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
