"""To which token services credentials may be sent: those of the upstream registry itself.

A hostile registry could name any realm, and would be told the password there. A realm may be on
the registry's own host or, as ``auth.docker.io`` is to ``registry-1.docker.io``, below the same
registered domain.
"""

from __future__ import annotations

from typing import Final

from registry.repositories.upstream import redirects
from registry.repositories.upstream.addresses import is_numeric
from registry.repositories.upstream.failures import Failure
from registry.repositories.upstream.names import Place

_SHARED: Final = frozenset(
    {"amazonaws.com", "azurecr.io", "azurewebsites.net", "cloudfront.net", "cloudapp.azure.com"}
    | {"appspot.com", "blogspot.com", "cloudflare.net", "dev.azure.com", "digitaloceanspaces.com"}
    | {"duckdns.org", "dyndns.org", "fly.dev", "github.io", "gitlab.io", "googleapis.com"}
    | {"herokuapp.com", "jfrog.io", "netlify.app", "ngrok.app", "ngrok.io", "no-ip.org"}
    | {"ngrok-free.app", "onrender.com", "pages.dev", "pkg.dev", "run.app", "trycloudflare.com"}
    | {"vercel.app", "web.app", "windows.net", "workers.dev"}
)
"""Domains below which everybody may have a name: each name there is a domain of its own."""
_SECOND_LEVELS: Final = frozenset(
    {"ac", "asn", "co", "com", "ed", "edu", "gen", "go", "gob", "gouv", "gov", "govt", "gv", "id"}
    | {"in", "ind", "info", "ltd", "me", "mil", "ne", "net", "nhs", "nic", "nom", "or", "org"}
    | {"plc", "police", "sch", "web"}
)
"""Labels below which a country registers names, as co.uk."""


def takes_credentials(place: Place, realm: str, any_host: bool) -> bool:
    """Return whether credentials of a registry may be sent to a realm that it has named.

    Raises:
        Failure: nothing at all may be asked there.
    """
    scheme, host, _ = redirects.origin(realm)
    if place.scheme == "https" and scheme != "https":
        raise Failure("it names a token service that is not secure")
    return any_host or host == place.host or _are_kin(host, place.host)


def _are_kin(one: str, other: str) -> bool:
    if is_numeric(one) or is_numeric(other):
        return False
    domain = registered_domain(one)
    return domain != "" and domain == registered_domain(other)


def registered_domain(host: str) -> str:
    """Return the domain that somebody has registered and a host belongs to; empty: nobody knows.

    There is no complete list of where domains are registered that would not grow old; this one
    rather takes two hosts for strangers than for kin.
    """
    labels = host.lower().rstrip(".").split(".")
    for most in (3, 2):
        if ".".join(labels[-most:]) in _SHARED:
            return ".".join(labels[-most - 1 :]) if len(labels) > most else ""
    deep = len(labels) > 1 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVELS
    needed = 3 if deep else 2
    return ".".join(labels[-needed:]) if len(labels) >= needed else ""
