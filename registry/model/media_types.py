"""The media types of manifests, and which kind of manifest each one is.

Sources: Docker image manifest V2 schema 1 and 2; OCI image specification 1.1.
"""

from __future__ import annotations

from typing import Final

SCHEMA1: Final = "application/vnd.docker.distribution.manifest.v1+json"
SCHEMA1_SIGNED: Final = "application/vnd.docker.distribution.manifest.v1+prettyjws"
DOCKER_IMAGE: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_IMAGE: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_ARTIFACT: Final = "application/vnd.oci.artifact.manifest.v1+json"

IMAGE_TYPES: Final = frozenset({DOCKER_IMAGE, OCI_IMAGE})
INDEX_TYPES: Final = frozenset({DOCKER_LIST, OCI_INDEX})
SCHEMA1_TYPES: Final = frozenset({SCHEMA1, SCHEMA1_SIGNED})
MANIFEST_TYPES: Final = IMAGE_TYPES | INDEX_TYPES | SCHEMA1_TYPES | {OCI_ARTIFACT}

JSON: Final = "application/json"
OCTET_STREAM: Final = "application/octet-stream"

FOREIGN_LAYER_TYPES: Final = frozenset(
    {
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    }
)
"""Layers whose bytes live elsewhere; a registry does not demand them."""


def bare(content_type: str) -> str:
    """Return a ``Content-Type`` without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()
