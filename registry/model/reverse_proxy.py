"""What a reverse proxy in front of the registry is like: names, ports, certificate, method.

The three methods are those of Artifactory: the repository is the first part of the path, the first
part of the host name, or told by the port.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from registry.model.errors import SettingInvalid
from registry.model.names import RepositoryKey

_HOST: Final = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.?)+")
_BACKEND: Final = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\]):[0-9]{1,5}")
_PATH: Final = re.compile(r"/[^\s\"'\\;{}$#<>%]*")


class Server(enum.Enum):
    """The program that is the proxy."""

    NGINX = "nginx"
    APACHE = "apache"


class Method(enum.Enum):
    """How a client names a repository."""

    PATH = "path"
    SUBDOMAIN = "subdomain"
    PORT = "port"


@dataclass(frozen=True, slots=True)
class ReverseProxy:
    """A proxy that can be written down.

    Raises:
        SettingInvalid: no configuration can hold a value.
    """

    server_name: str
    method: Method = Method.PATH
    http_port: int | None = None
    https_port: int | None = None
    certificate: str = ""
    key: str = ""
    backend: str = "127.0.0.1:8082"
    """Where the registry listens: HOST:PORT, or unix:PATH."""

    def __post_init__(self) -> None:
        if not _HOST.fullmatch(self.server_name) or len(self.server_name) > 253:
            raise SettingInvalid(
                f"the server name is a host name such as registry.example.com, not "
                f"'{self.server_name}'"
            )
        _require_backend(self.backend)
        if self.http_port is None and self.https_port is None:
            raise SettingInvalid("the proxy needs an HTTP port, or an HTTPS port, or both")
        for port in (self.http_port, self.https_port):
            require_port(port)
        if self.http_port == self.https_port:
            raise SettingInvalid("HTTP and HTTPS need a port each")
        if self.https_port is not None:
            for name, path in (("certificate", self.certificate), ("key", self.key)):
                require_path(f"the file of the {name}", path)

    @property
    def is_secure(self) -> bool:
        """Whether clients can come by HTTPS."""
        return self.https_port is not None


@dataclass(frozen=True, slots=True)
class PortOfRepository:
    """A repository and the port that stands for it."""

    key: RepositoryKey
    port: int


def require_port(port: int | None) -> None:
    """Raise SettingInvalid for a number that is no port; None is none."""
    if port is not None and not 0 < port < 65536:
        raise SettingInvalid(f"a port is between 1 and 65535, not {port}")


def require_path(what: str, path: str) -> None:
    """Raise SettingInvalid for what is no absolute path, or has characters that files quote."""
    if not _PATH.fullmatch(path):
        raise SettingInvalid(
            f"{what} is an absolute path without spaces, quotes and the characters ; {{ }} $ # %, "
            f"not '{path}'"
        )


def _require_backend(backend: str) -> None:
    if backend.startswith("unix:"):
        require_path("the unix socket", backend.removeprefix("unix:"))
    elif not _BACKEND.fullmatch(backend):
        raise SettingInvalid(f"the backend is HOST:PORT or unix:PATH, not '{backend}'")


def require_free(proxy: ReverseProxy, ports: Sequence[PortOfRepository]) -> None:
    """Raise SettingInvalid where one port stands for two things."""
    taken: dict[int, str] = {}
    for port, name in ((proxy.http_port, "HTTP"), (proxy.https_port, "HTTPS")):
        if port is not None:
            taken[port] = name
    for entry in ports:
        if entry.port in taken:
            raise SettingInvalid(
                f"port {entry.port} stands for '{entry.key}' and for {taken[entry.port]}; change "
                f"it by 'repo set {entry.key} registryPort=PORT'"
            )
        taken[entry.port] = f"'{entry.key}'"
