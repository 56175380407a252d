"""A client that keeps to the protocol: it asks, sends what is missing, and then the manifest."""

from __future__ import annotations

import json
from dataclasses import dataclass

from registry.model.media_types import OCI_IMAGE
from tests.live.wire import Reply, Wire, digest_of
from tests.model import documents


@dataclass(frozen=True)
class Image:
    """What is pushed to an image: no part of it is in another one."""

    name: str
    version: str = ""
    tag: str = "1.0"

    @property
    def path(self) -> str:
        """Where it is on the server."""
        return f"/v2/docker-local/{self.name}"

    @property
    def config(self) -> bytes:
        """One of its two blobs."""
        return json.dumps({"name": self.name, "version": self.version}).encode()

    @property
    def layer(self) -> bytes:
        """The other one, larger than what a socket takes at once."""
        return f"the {self.version} layer of {self.name}. ".encode() * 10_000

    @property
    def manifest(self) -> bytes:
        """What names both."""
        return documents.encode(documents.image(self.config, self.layer))

    @property
    def head(self) -> list[str]:
        """The path and headers of the request that puts the manifest."""
        length = f"Content-Length: {len(self.manifest)}"
        return [f"{self.path}/manifests/{self.tag}", f"Content-Type: {OCI_IMAGE}", length]


def has(wire: Wire, image: Image, blob: bytes) -> bool:
    """Ask whether the image has a blob."""
    return wire.ask("HEAD", f"{image.path}/blobs/{digest_of(blob)}").status == 200


def push(wire: Wire, image: Image) -> None:
    """Push an image, of which something may be here already; nothing of that may be refused."""
    for blob in (image.config, image.layer):
        if not has(wire, image, blob):
            wire.push_blob(blob, image.path)
    reply = put(wire, image)
    assert reply.status == 201, reply


def put(wire: Wire, image: Image) -> Reply:
    """Put the manifest of an image."""
    wire.begin("PUT", *image.head)
    wire.send(image.manifest)
    return wire.reply("PUT")


def pull(wire: Wire, image: Image) -> bytes | None:
    """Return the manifest of an image whose parts are all there, or None if there is no tag."""
    reply = wire.ask("GET", f"{image.path}/manifests/{image.tag}")
    if reply.status == 404:
        assert reply.code in ("MANIFEST_UNKNOWN", "NAME_UNKNOWN")
        return None
    assert reply.status == 200, reply
    manifest = json.loads(reply.body)
    for part in (manifest["config"], *manifest["layers"]):
        blob = wire.ask("GET", f"{image.path}/blobs/{part['digest']}")
        assert (blob.status, digest_of(blob.body)) == (200, part["digest"])
    return reply.body
