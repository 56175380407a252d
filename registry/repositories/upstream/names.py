"""Where an upstream registry is, and what it calls an image."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from registry.model.names import ImageName
from registry.repositories.definition import RepositoryDefinition

HUB_HOST: Final = "registry-1.docker.io"
HUB_ALIASES: Final = frozenset(
    {HUB_HOST, "docker.io", "index.docker.io", "www.docker.io", "hub.docker.com"}
    | {"registry.hub.docker.com"}
)
"""What people write for Docker Hub; its registry answers at one host alone."""
HUB_NAMESPACE: Final = "library/"

_HOST: Final = re.compile(r"[a-z0-9._-]+|[0-9a-f:]+[0-9a-f.]*")
_PORTS: Final = {"http": 80, "https": 443}
Origin = tuple[str, str, int]
"""Scheme, host and port: what may know a secret that was given to it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a registry answers: at ``<origin><path>/v2/<prefix><image>/…``."""

    scheme: str
    host: str
    port: int
    path: str = ""
    prefix: str = ""

    @property
    def hub(self) -> bool:
        """Whether this is Docker Hub."""
        return self.host == HUB_HOST

    @property
    def origin(self) -> Origin:
        """Scheme, host and port."""
        return self.scheme, self.host, self.port

    @property
    def root(self) -> str:
        """The address before ``/v2/``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    def url(self, image: str, rest: str) -> str:
        """Return the address of something of an image."""
        return f"{self.root}/v2/{self.prefix}{image}/{rest}"


def place_of(url: str) -> Place:
    """Return the place that the ``url`` of a definition names.

    A slash or ``/v2`` at its end does no harm; what follows ``/v2/`` stands before each image.

    Raises:
        ValueError: the text is no address of a web server.
    """
    parts = urlsplit(url.strip())
    scheme, host, port = origin_of(parts)
    if host in HUB_ALIASES:
        return Place("https", HUB_HOST, 443)
    before, _, after = f"{parts.path.rstrip('/')}/".partition("/v2/")
    return Place(scheme, host, port, before.rstrip("/"), after)


def origin_of(parts: SplitResult) -> Origin:
    """Return scheme, host and port of an address.

    Raises:
        ValueError: it is no address of a web server.
    """
    host = (parts.hostname or "").rstrip(".")
    # Whoever else reads the address must find the same host in it, so there is nothing to decode.
    if parts.scheme not in _PORTS or not _HOST.fullmatch(host) or parts.port == 0:
        raise ValueError("not the address of a web server")
    return parts.scheme, host, parts.port or _PORTS[parts.scheme]


def is_hub(definition: RepositoryDefinition) -> bool:
    """Return whether the upstream of a remote repository is Docker Hub."""
    try:
        return place_of(definition.text("url")).hub
    except ValueError:
        return False


def cache_name(definition: RepositoryDefinition, image: ImageName) -> ImageName:
    """Return the name under which a remote repository keeps an image, and upstream knows it.

    Docker Hub has its one-part names below ``library/``; nobody else has.
    """
    if "/" not in image and is_hub(definition):
        return ImageName(f"{HUB_NAMESPACE}{image}")
    return image
