"""nginx in front of a server, with the configuration that the registry writes for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.proxy.backend import SocketServer
from tests.support.nginx import Certificate, Nginx, free_port, make_certificate

METHODS = ("path", "subdomain", "port")
LOCAL, STAGE = "docker-local", "docker-stage"
KEYS = (LOCAL, STAGE)
NAME = "registry.test"


@dataclass(frozen=True)
class Place:
    """Where clients find a server behind some proxy, and how they name a repository there."""

    server: SocketServer
    certificate: Certificate
    method: str
    http_port: int
    https_port: int
    repository_ports: Mapping[str, int]

    def port(self, key: str, *, secure: bool = True) -> int:
        """The port of a repository; those of the method "port" are for HTTPS alone."""
        if self.method == "port":
            return self.repository_ports[key]
        return self.https_port if secure else self.http_port

    def host(self, key: str, *, secure: bool = True) -> str:
        """Host and port, as the first part of an image's name has them."""
        name = f"{key}.{NAME}" if self.method == "subdomain" else NAME
        return f"{name}:{self.port(key, secure=secure)}"

    def image(self, key: str, image: str) -> str:
        """The name of an image behind the host."""
        return f"{key}/{image}" if self.method == "path" else image

    def reference(self, key: str, image: str) -> str:
        """An image as clients are given it."""
        return f"{self.host(key)}/{self.image(key, image)}"

    def inner(self, key: str) -> str:
        """What the path of this front's API becomes at the server."""
        return "/v2" if self.method == "path" else f"/artifactory/api/docker/{key}/v2"


@dataclass(frozen=True)
class Front(Place):
    """A place behind nginx."""

    nginx: Nginx


def make_authority(folder: Path) -> Certificate:
    """Make a certificate for all names of the tests, by an authority that nobody else knows."""
    names = (NAME, f"*.{NAME}", "mirror.test", "*.mirror.test", "localhost", "127.0.0.1")
    return make_certificate(folder, names)


@contextmanager
def fronted(
    server: SocketServer,
    certificate: Certificate,
    method: str,
    folder: Path,
    repository_ports: Mapping[str, int],
) -> Iterator[Front]:
    """Run nginx before a server whose repositories have these ports already."""
    http_port, https_port = free_port(), free_port()
    place = Place(server, certificate, method, http_port, https_port, repository_ports)
    with Nginx(folder / f"nginx-{method}", written("nginx", place)) as nginx:
        yield Front(**vars(place), nginx=nginx)


def written(program: str, place: Place) -> str:
    """The configuration that the registry writes."""
    return place.server.run(
        "reverse-proxy", program, "--server-name", NAME, "--method", place.method,
        "--http-port", str(place.http_port), "--https-port", str(place.https_port),
        "--cert", str(place.certificate.certificate), "--key", str(place.certificate.key),
    )  # fmt: skip


def create_repositories(server: SocketServer) -> dict[str, int]:
    """Give the server a second repository, and both of them a port; return the ports."""
    server.run("repo", "create", STAGE)
    ports = {key: free_port() for key in KEYS}
    for key, port in ports.items():
        server.run("repo", "set", key, f"registryPort={port}")
    return ports
