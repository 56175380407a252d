"""The doctor lies: nothing that a client says about itself may be believed.

Each header that a proxy tells the server by is sent with something made up. What the server answers
must be the same; otherwise the proxy passes the header on and is believed, so that any client can
pass for another one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from registry.config import UNIX_PEER
from registry.model.diagnosis import Diagnosis, fail, fine, shown, warn
from registry.services.doctor_front import PING, trust
from registry.services.doctor_pulls import OFFER, PART
from registry.services.doctor_visit import SEE_MORE, Visit

ADDRESS: Final = "192.0.2.66"
"""An address of nobody (RFC 5737)."""
HOST: Final = "spoofed.invalid"

_VALUES: Final[Mapping[str, tuple[str, str]]] = {
    "X-Forwarded-For": (ADDRESS, "$remote_addr"),
    "X-Real-IP": (ADDRESS, "$remote_addr"),
    "Forwarded": (f"for={ADDRESS};host={HOST};proto=gopher", '""'),
    "X-Forwarded-Host": (HOST, "$http_host"),
    "X-Forwarded-Port": ("1", "$server_port"),
    "X-Original-URI": ("/spoofed/v2/", "$request_uri"),
    OFFER: ("/_spoofed/", '"" (or the location of the content)'),
}
"""Headers, what the doctor says in them, and what the proxy has to say instead."""


def lies(visit: Visit) -> Iterator[Diagnosis]:
    """Whether anything that a client makes up is believed."""
    headers = {name: value for name, (value, _) in _VALUES.items()}
    secure = visit.wire.origin.is_secure
    headers["X-Forwarded-Proto"] = "http" if secure else "https"
    truth = _picture(visit, {})
    if _picture(visit, headers) == truth:
        address = "" if visit.seen is None else "address, "
        yield fine(
            "spoofing",
            f"no {address}host, scheme, path or location that a client makes up is believed",
        )
        return
    believed = [n for n, value in headers.items() if _picture(visit, {n: value}) != truth]
    believed = believed or list(headers)
    remedy = " ".join(
        f"proxy_set_header {name} {_VALUES.get(name, ('', '$scheme'))[1]};" for name in believed
    )
    yield fail(
        "spoofing",
        f"the server believes what a client says in {', '.join(believed)}",
        f"{remedy} in nginx; and nobody but the proxy may reach the server from an address "
        "in trusted_proxies",
    )


def _picture(visit: Visit, headers: Mapping[str, str]) -> tuple[object, ...]:
    """Return what the server makes of a request with some headers, as far as can be seen."""
    pings = [
        visit.wire.ask("GET", path, headers)
        for path in (PING, f"/artifactory/api/docker/{visit.key}{PING}")
    ]
    challenges = [(answer.status, *answer.all("WWW-Authenticate")) for answer in pings]
    pulled = None
    if visit.blob is not None:
        answer = visit.ask("GET", visit.blob_path, {**PART, **headers}, lambda part: None)
        pulled = (answer.status, answer.all("X-Accel-Redirect"))
    seen = visit.look(headers)
    told = None if seen is None else (seen.client, seen.base, seen.offload)
    return (*challenges, pulled, told)


def address(visit: Visit) -> Iterator[Diagnosis]:
    """What the server believes the client's address to be; the journal names it."""
    seen = visit.seen
    if seen is None:
        yield warn(
            "address",
            "which address the server takes for that of a client is not known, "
            "as no token shows it",
            SEE_MORE,
        )
        return
    said = "X-Forwarded-For" in seen.headers
    # The server speaks no TLS and clients no unix sockets: there somebody stands in between.
    behind = said or seen.peer == UNIX_PEER or visit.wire.origin.is_secure
    if (seen.trusted and said) or not behind:
        yield fine("address", f"the server takes {shown(seen.client)} for the client's address")
        return
    remedies = [] if said else ["proxy_set_header X-Forwarded-For $remote_addr; in nginx"]
    remedies += [] if seen.trusted else [trust(seen)]
    yield warn(
        "address",
        f"the server takes its proxy, {shown(seen.peer)}, for the client",
        ", and ".join(remedies),
    )
