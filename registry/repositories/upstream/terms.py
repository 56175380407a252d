"""What of a definition, and of the settings, decides how an upstream registry is asked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from registry.repositories.definition import RepositoryDefinition
from registry.repositories.upstream.addresses import Address, Standing, look_up, standing_of
from registry.repositories.upstream.names import Place, place_of

_USUAL_IDLE: Final = 15_000
"""Milliseconds where none are configured: to wait for ever is no choice."""
_CALLS: Final = 3
"""A call may take as long as that many requests of which each just keeps its own limit."""
_USUAL_MISMATCHES: Final = frozenset({"text/html", "application/xhtml+xml"})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What holds for all upstream registries."""

    authorities: str = ""
    """A PEM file of authorities that are trusted beside the usual ones; empty: none."""
    proxy: str = ""
    """The usual proxy; empty: none."""
    most_waiting: int = 4
    """Threads that may wait for one upstream registry at the same time."""
    pseudonym: Callable[[], str] = lambda: ""
    """By what name this registry says that it has asked; empty: it does not say so."""
    look_up: Callable[[str, int], Sequence[Address]] = look_up
    standing_of: Callable[[str], Standing] = standing_of


@dataclass(frozen=True, slots=True)
class Terms:
    """What is configured of one upstream registry; equal terms make equal clients."""

    key: str
    place: Place
    username: str
    password: str = field(repr=False)
    proxy: str
    local_address: str
    idle: float
    """Seconds in which something must arrive."""
    offline: bool
    offline_period: float
    """Seconds without asking after a connection failed."""
    any_host_auth: bool
    head_allowed: bool
    mismatches: frozenset[str]
    """Media types that no registry answers."""

    @property
    def fingerprint(self) -> str:
        """What tells apart who is asked, on which way and as whom; no secret is part of it."""
        parts = (self.place.root, self.place.prefix, self.username, self.proxy, self.local_address)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    @property
    def call_seconds(self) -> float:
        """How long a call that is no download may take altogether."""
        return self.idle * _CALLS


def terms_of(definition: RepositoryDefinition, surroundings: Surroundings) -> Terms:
    """Return the terms of the upstream registry of a remote repository.

    Raises:
        ValueError: its address or its proxy is none.
    """
    return Terms(
        key=definition.key,
        place=place_of(definition.text("url")),
        username=definition.text("username"),
        password=definition.text("password"),
        proxy=_proxy(definition, surroundings.proxy),
        local_address=definition.text("localAddress"),
        idle=(definition.number("socketTimeoutMillis") or _USUAL_IDLE) / 1000,
        offline=definition.flag("offline"),
        offline_period=definition.number("assumedOfflinePeriodSecs"),
        any_host_auth=definition.flag("allowAnyHostAuth"),
        head_allowed=not definition.flag("bypassHeadRequests"),
        mismatches=_mismatches(definition),
    )


def _proxy(definition: RepositoryDefinition, usual: str) -> str:
    if definition.flag("disableProxy"):
        return ""
    proxy = definition.text("proxy").strip() or usual
    if proxy and "://" not in proxy:
        proxy = f"http://{proxy}"
    if proxy and not proxy.lower().startswith(("http://", "https://")):
        raise ValueError("not the address of a proxy")
    return proxy


def _mismatches(definition: RepositoryDefinition) -> frozenset[str]:
    if not definition.flag("blockMismatchingMimeTypes"):
        return frozenset()
    named = definition.text("mismatchingMimeTypesOverrideList").lower().split(",")
    return _USUAL_MISMATCHES | {name.strip() for name in named if name.strip()}
