"""Blobs and manifests as clients push them, all from a seed."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

OCI_IMAGE: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
DOCKER_IMAGE: Final = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIGS: Final = {
    OCI_IMAGE: "application/vnd.oci.image.config.v1+json",
    DOCKER_IMAGE: "application/vnd.docker.container.image.v1+json",
}
_LAYERS: Final = {
    OCI_IMAGE: "application/vnd.oci.image.layer.v1.tar+gzip",
    DOCKER_IMAGE: "application/vnd.docker.image.rootfs.diff.tar.gzip",
}
_SIZES: Final = (7, 60, 300, 1_500, 4_096, 4_097, 10_000, 30_000, 65_536, 70_000, 150_000)
_WEIGHTS: Final = (2, 3, 3, 3, 2, 2, 2, 1, 1, 1, 1)
_SHARED_LAYERS: Final = 400
_SHARED_BUILDS: Final = 40
SHARED: Final = 0.6
"""Which part of the layers is shared."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes, and what they are called."""

    digest: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest, and what it names."""

    digest: str
    body: bytes
    media_type: str
    blobs: tuple[tuple[str, int], ...] = ()
    """The digests and sizes of config and layers, each once."""
    children: tuple[str, ...] = ()
    subject: str | None = None

    @property
    def is_index(self) -> bool:
        return self.media_type == OCI_INDEX

    def descriptor(self) -> dict[str, Any]:
        """Return what an index says of it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.body)}


@dataclass(frozen=True, slots=True)
class Build:
    """An image that can be pushed: its manifest, and the bytes that this names."""

    manifest: Manifest
    blobs: tuple[Blob, ...]


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    """Return the digest of some bytes."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def fresh_blob(rng: random.Random) -> Blob:
    """Return a blob that nobody else has; a few are known by another algorithm."""
    data = rng.randbytes(rng.choices(_SIZES, _WEIGHTS)[0] + rng.randrange(8))
    return Blob(digest_of(data, "sha512" if rng.random() < 0.04 else "sha256"), data)


class Pool:
    """The content that all clients share."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(f"pool {seed}")
        self._layers = [fresh_blob(rng) for _ in range(_SHARED_LAYERS)]
        self._builds = [self.new_build(rng, self.layers(rng)) for _ in range(_SHARED_BUILDS)]

    def layer(self, rng: random.Random) -> Blob:
        """Return a shared layer: some are in many images, others are seldom in any."""
        return self._layers[int(_SHARED_LAYERS * rng.random() ** 2)]

    def layers(self, rng: random.Random) -> list[Blob]:
        """Return one to eight layers, shared or fresh."""
        return [
            self.layer(rng) if rng.random() < SHARED else fresh_blob(rng)
            for _ in range(min(rng.randint(1, 8), rng.randint(1, 8)))
        ]

    def build(self, rng: random.Random) -> Build:
        """Return an image: a fresh one, or one that others may push, too."""
        if rng.random() < 0.25:
            return rng.choice(self._builds)
        return self.new_build(rng, self.layers(rng))

    @staticmethod
    def new_build(
        rng: random.Random, layers: Sequence[Blob], subject: Manifest | None = None
    ) -> Build:
        """Return an image of these layers that nobody has pushed yet."""
        config = {"architecture": "amd64", "os": "linux", "build": rng.randbytes(8).hex()}
        data = json.dumps(config).encode()
        blobs = {blob.digest: blob for blob in (Blob(digest_of(data), data), *layers)}
        media_type = OCI_IMAGE if subject or rng.random() < 0.6 else DOCKER_IMAGE
        named = [(blob.digest, len(blob.data)) for blob in blobs.values()]
        return Build(image_manifest(named, media_type, subject), (*blobs.values(),))


def image_manifest(
    blobs: Sequence[tuple[str, int]], media_type: str = OCI_IMAGE, subject: Manifest | None = None
) -> Manifest:
    """Return the manifest of an image of these digests and sizes; the first is its config."""

    def descriptor(kind: str, digest: str, size: int) -> dict[str, Any]:
        return {"mediaType": kind, "digest": digest, "size": size}

    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": descriptor(_CONFIGS[media_type], *blobs[0]),
        "layers": [descriptor(_LAYERS[media_type], *blob) for blob in blobs[1:]],
    }
    if subject is not None:
        document["subject"] = subject.descriptor()
    body = json.dumps(document).encode()
    about = None if subject is None else subject.digest
    return Manifest(digest_of(body), body, media_type, tuple(blobs), subject=about)


def index_manifest(children: Sequence[Manifest]) -> Manifest:
    """Return an index of some manifests."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [child.descriptor() for child in children],
    }
    body = json.dumps(document).encode()
    children_named = tuple(child.digest for child in children)
    return Manifest(digest_of(body), body, OCI_INDEX, children=children_named)
