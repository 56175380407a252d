"""Words of the tests of the upstream client: an image, a client, and a net with its own names."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from registry.model import media_types
from registry.model.digests import Digest
from registry.model.names import ImageName, Tag
from registry.repositories.definition import RepositoryDefinition, definition_of
from registry.repositories.upstream.addresses import Address, Standing, look_up
from registry.repositories.upstream.client import Upstream
from registry.repositories.upstream.terms import Surroundings
from registry.repositories.upstream.upstreams import Upstreams
from tests.http.support import encoded, manifest_object
from tests.support.upstream import ScriptedUpstream

IMAGE = ImageName("team/app")
TAG = Tag("1.0")
MANIFEST = encoded(manifest_object())
DIGEST = Digest.of(MANIFEST)
LAYER = b"0123456789" * 5000
LAYER_DIGEST = Digest.of(LAYER)
USER, PASSWORD = "carol", "s3cret-Word"
"""The password must never be seen where it does not belong."""
SHORT = 150
"""A socket time-out, in milliseconds, for servers that would stall for ever."""

PUBLIC, SECOND_PUBLIC, PRIVATE = "127.0.0.1", "127.0.0.2", "127.0.0.3"
LOOPBACK, METADATA = "127.0.0.9", "127.0.0.169"
"""All are this machine, and each plays a part in a `Net`."""


def definition(url: str, **fields: Any) -> RepositoryDefinition:
    given = {"url": url, "socketTimeoutMillis": 5000, **fields}
    return definition_of({"key": "far", "rclass": "remote", **given})


CLIENTS: list[Upstream] = []
"""Those that the running test has made."""


def client(url: str, surroundings: Surroundings | None = None, **fields: Any) -> Upstream:
    """Return a client; its sockets are closed after the test."""
    made = Upstreams(surroundings).of(definition(url, **fields))
    CLIENTS.append(made)
    return made


def filled(upstream: ScriptedUpstream) -> ScriptedUpstream:
    """Give an upstream one image with one layer."""
    upstream.manifest(IMAGE, TAG, MANIFEST)
    upstream.blob(IMAGE, LAYER)
    return upstream


def read_all(stream: Any, most: int = 16384) -> bytes:
    with stream:
        return b"".join(iter(lambda: stream.read(most), b""))


@dataclass
class Net:
    """Names and the nearness of addresses as on a net where this machine's are other machines."""

    names: dict[str, list[Address]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def surroundings(self, **more: Any) -> Surroundings:
        return Surroundings(look_up=self.look_up, standing_of=self.standing_of, **more)

    def look_up(self, host: str, port: int) -> list[Address]:
        self.asked.append(host)
        if host in self.names:
            return self.names[host]
        if host.endswith((".example", ".io", ".test")):
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return look_up(host, port)

    def standing_of(self, address: str) -> Standing:
        standings: Mapping[str, Standing] = {
            PUBLIC: Standing.PUBLIC, SECOND_PUBLIC: Standing.PUBLIC, PRIVATE: Standing.PRIVATE,
            METADATA: Standing.NEVER,
        }  # fmt: skip
        return standings.get(address, Standing.LOOPBACK)


def listing(*names: str, field: str = "tags") -> bytes:
    return json.dumps({field: list(names)}).encode()


MANIFEST_HEADERS = {"Content_Type": media_types.OCI_IMAGE}
