"""A look at the registry by plain HTTP, so that no client's word is taken for what it stored."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.live import LiveServer

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"

_ALL_TYPES = ", ".join((DOCKER_MANIFEST, DOCKER_LIST, OCI_MANIFEST, OCI_INDEX))


def digest_of(data: bytes) -> str:
    """The sha256 digest of the bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass(frozen=True)
class Answer:
    """One answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Manifest:
    """A manifest as the registry serves it."""

    media_type: str
    digest: str
    body: bytes

    @property
    def json(self) -> Any:
        """The manifest, parsed."""
        return json.loads(self.body)


class Wire:
    """HTTP to one registry with the Basic credentials of one user, one connection a request."""

    def __init__(self, registry: LiveServer, user: str, password: str) -> None:
        self._registry = registry
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        self.authorization = f"Basic {pair}"

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and return the answer, whatever its status."""
        connection = http.client.HTTPConnection("127.0.0.1", self._registry.port, timeout=60)
        try:
            every = {"Authorization": self.authorization, **(headers or {})}
            connection.request(method, path, body=body, headers=every)
            with connection.getresponse() as response:
                lowered = {name.lower(): value for name, value in response.getheaders()}
                return Answer(response.status, lowered, response.read())
        finally:
            connection.close()

    def manifest(self, image: str, reference: str) -> Manifest:
        """A manifest that must be there; its digest is computed, and must be the one announced."""
        path = f"/v2/{image}/manifests/{reference}"
        answer = self.ask("GET", path, headers={"Accept": _ALL_TYPES})
        assert answer.status == 200, (path, answer)
        digest = digest_of(answer.body)
        assert answer.headers["docker-content-digest"] == digest
        return Manifest(answer.headers["content-type"], digest, answer.body)

    def has_manifest(self, image: str, reference: str) -> bool:
        """Whether the manifest is there; any other answer than yes and no is a failure."""
        answer = self.ask(
            "HEAD", f"/v2/{image}/manifests/{reference}", headers={"Accept": _ALL_TYPES}
        )
        assert answer.status in (200, 404), answer
        return answer.status == 200

    def blob(self, image: str, digest: str) -> bytes:
        """A blob that must be there, and whose bytes must have the digest."""
        answer = self.ask("GET", f"/v2/{image}/blobs/{digest}")
        assert answer.status == 200, (image, digest, answer)
        assert digest_of(answer.body) == digest
        return answer.body

    def labels(self, image: str, reference: str) -> dict[str, str]:
        """The labels in the config of an image."""
        config = self.manifest(image, reference).json["config"]
        labels: dict[str, str] = json.loads(self.blob(image, config["digest"]))["config"]["Labels"]
        return labels

    def layers(self, image: str, reference: str) -> list[str]:
        """The digests of an image's layers, the lowest first."""
        return [layer["digest"] for layer in self.manifest(image, reference).json["layers"]]

    def tags(self, image: str) -> list[str]:
        """The tags of an image that must be there."""
        answer = self.ask("GET", f"/v2/{image}/tags/list")
        assert answer.status == 200, (image, answer)
        names: list[str] = answer.json["tags"]
        return names
