"""Where the client believes to be: links and realms in its own form and under its own address.

Relative links are enough for everything but the realm of a challenge, so a wrong guess at the
outside address can do little harm. Headers that a proxy sets are believed only from the proxies
that the settings name (advisory class of Artifactory CVE-2019-9733 and Gitea CVE-2026-20896).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from flask import Request

from registry.config import UNIX_PEER

_INNER: Final = re.compile(r"(?:/artifactory)?/api/docker/([^/]+)/v2(?=/|$)")
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?")
_INTERNAL: Final = re.compile(r"/(?:[A-Za-z0-9_-]+/)+")
_HOPS_LIMIT: Final = 1024
"""Characters of X-Forwarded-For that are looked at; what is longer is no way to a client."""
NO_KEY: Final = "null"
"""Stands for the key in the token address of proxies that serve the repository-path form."""


@dataclass(frozen=True, slots=True)
class Address:
    """The outside of one request."""

    base: str
    """Scheme, host and port as the client knows them, such as ``https://registry.example.com``."""
    prefix: str
    """The outside path that all of the registry's paths begin with, without a last slash."""
    key: str | None
    """The repository key, if the prefix stands for one; otherwise names begin with the key."""

    @property
    def service(self) -> str:
        """The host and port."""
        return self.base.partition("://")[2]

    @property
    def realm(self) -> str:
        """The address of the token endpoint."""
        return f"{self.base}{self.prefix}/token"

    def name(self, key: str, image: str) -> str:
        """Return an image as the client names it."""
        return image if self.key is not None else f"{key}/{image}"

    def path(self, key: str, image: str, rest: str) -> str:
        """Return the outside path of something that belongs to an image."""
        return f"{self.prefix}/{self.name(key, image)}/{rest}"


@lru_cache(maxsize=1024)
def _is_trusted(address: str, proxies: Sequence[str]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address == UNIX_PEER and UNIX_PEER in proxies
    networks = (ipaddress.ip_network(proxy) for proxy in proxies if proxy != UNIX_PEER)
    return any(parsed in network for network in networks)


def is_trusted(request: Request, trusted_proxies: Sequence[str]) -> bool:
    """Return whether a request comes from a proxy that is believed."""
    return bool(trusted_proxies) and _is_trusted(request.remote_addr or "", trusted_proxies)


def address_of(request: Request, external_url: str, trusted_proxies: Sequence[str]) -> Address:
    """Return where the client of a request believes to be."""
    trusted = is_trusted(request, trusted_proxies)
    path = request.environ["PATH_INFO"]
    match = _INNER.match(path)
    prefix, key = (match[0], match[1]) if match else ("/v2", None)
    if trusted and match:
        prefix = _outer_prefix(request, path, prefix)
    return Address(
        external_url.rstrip("/") or _base(request, trusted),
        prefix,
        None if key == NO_KEY else key,
    )


def client_address(request: Request, trusted_proxies: Sequence[str]) -> str:
    """Return the address of the client: the last one that no trusted proxy stands for."""
    environ = request.environ
    address, hops = environ.get("REMOTE_ADDR", ""), environ.get("HTTP_X_FORWARDED_FOR", "")
    if not trusted_proxies or len(hops) > _HOPS_LIMIT:
        return str(address)
    return _client_address(address, hops, tuple(trusted_proxies))


@lru_cache(maxsize=4096)
def _client_address(address: str, hops: str, trusted_proxies: Sequence[str]) -> str:
    if not _is_trusted(address, trusted_proxies):
        return address
    for hop in reversed(hops.split(",")):
        try:
            address = str(ipaddress.ip_address(hop.strip()))
        except ValueError:
            break
        if not _is_trusted(address, trusted_proxies):
            break
    return address


def offload_prefix(request: Request, trusted_proxies: Sequence[str]) -> str | None:
    """Return the internal location of the filestore at a proxy that sends files itself, or None.

    The proxy names it in each request, and overwrites what the client says; so a proxy that has
    not been set up for that, and a client, are never given a name to look up.
    """
    prefix = request.environ.get("HTTP_X_REGISTRY_OFFLOAD")
    if prefix is None or not is_trusted(request, trusted_proxies):
        return None
    return prefix if _INTERNAL.fullmatch(prefix) else None


def _outer_prefix(request: Request, path: str, prefix: str) -> str:
    """Return what stands outside for ``prefix``: both paths end in the same rest."""
    outer = request.headers.get("X-Original-URI", "").partition("?")[0].replace("%3A", ":")
    rest = path[len(prefix) :]
    outside = outer.removesuffix(rest) if rest else outer
    if outer.endswith(rest) and re.fullmatch(r"(?:/(?!\.\.?(?:/|$))[A-Za-z0-9._-]+)+", outside):
        return outside
    return prefix


def _base(request: Request, trusted: bool) -> str:
    scheme, host = request.environ.get("wsgi.url_scheme", "http"), request.host
    if trusted:
        forwarded = request.headers.get("X-Forwarded-Proto", "")
        scheme = forwarded if forwarded in ("http", "https") else scheme
        host = request.headers.get("X-Forwarded-Host", host)
    if not _HOST.fullmatch(host):
        host = f"{request.environ['SERVER_NAME']}:{request.environ['SERVER_PORT']}"
    if not _HOST.fullmatch(host):
        # A unix socket has neither name nor port, and its path is nobody's business.
        host = "localhost"
    return f"{scheme}://{host}"
