"""Which addresses may be connected to: what an upstream names must not lead inside.

The address that an admin configures is trusted. What an upstream registry names — redirects,
realms, addresses of layers — may be public, or as near as the registry itself: one that answers
from a private address may name private ones, one on this machine may name this machine. Links of
the local net and the metadata services of clouds are never named rightly.
"""

from __future__ import annotations

import ipaddress
import socket
from enum import IntEnum
from typing import Final

Address = tuple[str, int]
"""A numeric address and a port."""
_Any = ipaddress.IPv4Address | ipaddress.IPv6Address


class Standing(IntEnum):
    """How near an address is; each may name what stands as far away, or farther."""

    PUBLIC = 0
    PRIVATE = 1
    LOOPBACK = 2
    NEVER = 3


_METADATA: Final = frozenset(
    map(
        ipaddress.ip_address,
        ("169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"),
    )
)
"""Where clouds tell their machines secrets; not all of them are link-local."""
_EMBEDDING: Final = (
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),
    (ipaddress.IPv6Network("64:ff9b:1::/48"), 0),
    (ipaddress.IPv6Network("::/96"), 0),
    (ipaddress.IPv6Network("::ffff:0:0:0/96"), 0),
    (ipaddress.IPv6Network("2002::/16"), 80),
)
"""Nets of IPv6 that carry an address of IPv4, and by how many bits it is shifted."""


def look_up(host: str, port: int) -> list[Address]:
    """Return the addresses of a name, as the system resolves it; numbers in any form are names.

    Raises:
        OSError: it has none, or nobody says.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((str(entry[4][0]), port) for entry in found))


def standing_of(text: str) -> Standing:
    """Return how near a numeric address is."""
    try:
        address = _carried(ipaddress.ip_address(text))
    except ValueError:
        return Standing.NEVER
    if address in _METADATA or address.is_multicast or address.is_link_local:
        return Standing.NEVER
    if (
        address.is_loopback
        or address.is_unspecified
        or address in ipaddress.ip_network("0.0.0.0/8")
    ):
        return Standing.LOOPBACK
    if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:
        return Standing.PRIVATE
    return Standing.PUBLIC if address.is_global else Standing.PRIVATE


def is_numeric(host: str) -> bool:
    """Return whether a host is a plain address, so that no name service has a say in it."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _carried(address: _Any) -> _Any:
    """Return the address of IPv4 that one of IPv6 stands for, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in (ipaddress.IPv6Address("::"), ipaddress.IPv6Address("::1")):
        return address
    for net, shift in _EMBEDDING:
        if address in net:
            return ipaddress.IPv4Address((int(address) >> shift) & 0xFFFFFFFF)
    return address
