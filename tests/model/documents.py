"""Manifests for tests, as documents that a test changes and turns into bytes."""

from __future__ import annotations

import json
from typing import Any

from registry.model import media_types
from registry.model.digests import Digest

Document = dict[str, Any]


def descriptor(data: bytes, media_type: str = "application/octet-stream") -> Document:
    """Return the descriptor of ``data``."""
    return {"mediaType": media_type, "digest": str(Digest.of(data)), "size": len(data)}


def image(config: bytes = b"{}", *layers: bytes, **more: Any) -> Document:
    """Return an OCI image manifest."""
    return {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_IMAGE,
        "config": descriptor(config, "application/vnd.oci.image.config.v1+json"),
        "layers": [descriptor(layer) for layer in layers],
    } | more


def docker_image(config: bytes = b"{}", *layers: bytes) -> Document:
    """Return a Docker schema 2 manifest."""
    return image(config, *layers, mediaType=media_types.DOCKER_IMAGE)


def index(*manifests: bytes, **more: Any) -> Document:
    """Return an OCI index."""
    return {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_INDEX,
        "manifests": [descriptor(body, media_types.OCI_IMAGE) for body in manifests],
    } | more


def schema1(*layers: bytes, tag: str = "latest", **more: Any) -> Document:
    """Return an unsigned schema 1 manifest."""
    return {
        "schemaVersion": 1,
        "name": "team/app",
        "tag": tag,
        "architecture": "amd64",
        "fsLayers": [{"blobSum": str(Digest.of(layer))} for layer in layers],
        "history": [{"v1Compatibility": "{}"} for _ in layers],
    } | more


def encode(document: Document) -> bytes:
    """Return the bytes that a client would push."""
    return json.dumps(document, indent=3).encode()
