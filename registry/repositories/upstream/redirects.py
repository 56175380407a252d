"""Where a redirect leads, and what may go there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urljoin, urlsplit

from registry.repositories.upstream.failures import Failure
from registry.repositories.upstream.names import Origin, origin_of

STATUSES: Final = frozenset({301, 302, 303, 307, 308})
MOST: Final = 5
_SECRETS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
_LONGEST: Final = 16 * 1024


def origin(url: str) -> Origin:
    """Return scheme, host and port of an address that an upstream has named.

    Raises:
        Failure: it is no address of a web server, or has a user name in it.
    """
    try:
        parts = urlsplit(url)
        found = origin_of(parts)
    except ValueError:
        raise Failure("it leads to something that is no address of a web server") from None
    if "@" in parts.netloc or len(url) > _LONGEST or not (url.isascii() and url.isprintable()):
        raise Failure("it leads to something that is no plain address of a web server")
    return found


def target(url: str, location: str) -> str:
    """Return the address to which an answer leads.

    Raises:
        Failure: there is none, or it is less safe than the one before.
    """
    if not location:
        raise Failure("it leads to another address and does not say which")
    try:
        led = urljoin(url, location)
    except ValueError:
        raise Failure("it leads to something that is no address of a web server") from None
    if origin(url)[0] == "https" and origin(led)[0] != "https":
        raise Failure("it leads from a secure address to one that is not")
    return led


def headers_for(headers: Mapping[str, str], before: str, after: str) -> dict[str, str]:
    """Return what of the headers may go to the next address: no secrets to anybody else."""
    if origin(before) == origin(after):
        return dict(headers)
    return {name: value for name, value in headers.items() if name.lower() not in _SECRETS}
