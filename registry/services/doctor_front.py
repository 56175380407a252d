"""The doctor at the door: what a client meets before it has logged in."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Final

from registry.model.diagnosis import Diagnosis, fail, fine, shown, warn
from registry.services.doctor_visit import CONFIGURE, Seen, Visit
from registry.services.doctor_wire import Answer, Broken, Origin

VERSION: Final = "Docker-Distribution-Api-Version"
PING: Final = "/v2/"
LONG_HEADER: Final = 16 * 1024
TOKEN_HEADER: Final = 4096 + len("Bearer ")
"""The longest header that a token of the server makes."""

_SHORT_HEADER: Final = 40
_DAY: Final = 86_400.0
_SOON: Final = 14
"""Days before its end when a certificate should have been renewed."""
_REALM: Final = re.compile(r'Bearer (?:.*,)?realm="([^"]*)"')
_HOSTS: Final = ("Host", "X-Forwarded-Host")
_LOCAL: Final = ("localhost", "127.0.0.1", "::1")


def reach(visit: Visit) -> Iterator[Diagnosis]:
    """Whether anybody answers, and by TLS that a client believes."""
    origin = visit.wire.origin
    tls = ""
    if origin.is_secure:
        version, until = visit.wire.certificate()
        days = int((until - time.time()) // _DAY)
        tls = f" by {version}; the certificate is good for {days} more days"
        if days < _SOON:
            yield warn("certificate", f"the certificate ends in {days} days", "renew it")
    answer = visit.wire.ask("GET", PING)
    if answer.status >= 500:
        what = f"{origin.base} answers, but only with {answer}"
        yield fail(
            "reach",
            what,
            "start the server; if it runs, the log of the proxy says why it "
            "is not reached (for a unix socket, the user of the proxy must be in the group "
            "of the server's user)",
        )
    elif answer.status in (301, 302, 307, 308):
        to = shown(answer.first("Location"))
        yield fail("reach", f"{origin.base} sends clients on to {to}", "give that address by --url")
    elif answer.status not in (200, 401):
        what = f"{origin.base} answers {PING} with {answer}, which no registry does"
        yield fail("reach", what, "let the proxy pass all paths on as they come")
    else:
        yield fine("reach", f"{origin.base} answers{tls}")


def cannot_reach(visit: Visit, error: Broken) -> Diagnosis:
    """Return the line for an origin that does not answer, with what helps."""
    reason = str(error)
    remedies = {
        "certificate has expired": "renew the certificate",
        "ostname mismatch": "use a name of the certificate in the URL, or make a new certificate",
        "IP address mismatch": "use a name of the certificate in the URL",
        "certificate is not good": "if an authority of your own made it, give that by --ca, and to "
        "docker in /etc/docker/certs.d/HOST:PORT/ca.crt; otherwise ssl_certificate in nginx needs "
        "the whole chain",
        "TLS fails": "ask by the right port; it may be one for plain HTTP",
        "not known": "check the host name in the URL",
        "": "check that the proxy runs, its port, and the firewall",
    }
    remedy = next(text for part, text in remedies.items() if part in reason)
    return fail("reach", f"{visit.wire.origin.base} cannot be reached: {reason}", remedy)


def challenge(visit: Visit) -> Iterator[Diagnosis]:
    """Whether clients are sent to the address that they came to for their tokens."""
    answer = visit.wire.ask("GET", PING)
    values = answer.all("WWW-Authenticate")
    found = _REALM.match(values[0]) if values else None
    if answer.status != 401 or len(values) != 1 or found is None:
        what = f"callers without credentials get {answer} with {len(values)} challenges, not 401 "
        yield fail(
            "challenge",
            what + "with one",
            "leave WWW-Authenticate and the status as the "
            "server sends them: no auth_basic, no error_page 401, no proxy_hide_header and "
            "no add_header for it in nginx",
        )
        return
    base = visit.wire.origin.base
    if found[1].startswith(f"{base}/"):
        yield fine("challenge", f"the server knows scheme, host and port of its clients: {base}")
        return
    what = f"clients of {base} are sent to {shown(found[1])} for a token"
    yield fail("challenge", what, _believe(visit.wire.origin, found[1], visit.seen))


def _believe(origin: Origin, realm: str, seen: Seen | None) -> str:
    """Return what helps when the server has another idea of its address."""
    if seen is not None and seen.external_url:
        return f"the setting external_url is '{shown(seen.external_url)}'; make it '{origin.base}'"
    told = {} if seen is None else seen.headers
    scheme, _, rest = realm.partition("://")
    headers = []
    if scheme != origin.scheme and told.get("X-Forwarded-Proto") != origin.scheme:
        headers.append("X-Forwarded-Proto $scheme")
    if rest.partition("/")[0] != origin.netloc:
        wrong = [name for name in _HOSTS if told.get(name) not in (None, origin.netloc)]
        headers += [f"{name} $http_host" for name in wrong or _HOSTS[:1]]
    remedies = [" ".join(f"proxy_set_header {header};" for header in headers) + " in nginx"]
    if seen is None:
        remedies.append("trusted_proxies in the settings has to name the proxy")
    elif scheme != origin.scheme and not seen.trusted:
        remedies.append(trust(seen))
    return ", and ".join(remedies if headers else remedies[1:]) or CONFIGURE


def trust(seen: Seen) -> str:
    """Return the setting that lets the server believe the proxy."""
    return f'trusted_proxies = ["{shown(seen.peer)}"] in the settings of the server'


def version(visit: Visit) -> Iterator[Diagnosis]:
    """Whether the header by which clients know a registry comes exactly once."""
    values = ", ".join(visit.wire.ask("GET", PING).all(VERSION)).split(", ")
    if values == ["registry/2.0"]:
        yield fine("version", f"{VERSION} comes exactly once")
        return
    wrong = "add_header" if values != [""] else "proxy_hide_header"
    what = f"{VERSION} comes {len(values)} times" if values != [""] else f"{VERSION} is missing"
    yield fail(
        "version",
        f"{what}, so clients may not know that this is a registry",
        f"no {wrong} {VERSION} in nginx, but in the location of the content: the server sends it",
    )


def head(visit: Visit) -> Iterator[Diagnosis]:
    """Whether long headers get through; the server itself refuses tokens of that length."""
    remedy = "large_client_header_buffers 4 32k; in nginx"
    plainly = _refusal_of_header(visit, _SHORT_HEADER)
    if plainly is not None:
        what = f"whether long headers get through cannot be seen: a short one ends in {plainly}"
        yield warn("header", what, CONFIGURE)
        return
    refusal = _refusal_of_header(visit, LONG_HEADER)
    if refusal is None:
        yield fine("header", f"an Authorization header of {LONG_HEADER // 1024} KiB gets through")
        return
    shorter = _refusal_of_header(visit, TOKEN_HEADER)
    if shorter is None:
        what = f"an Authorization header of {LONG_HEADER // 1024} KiB is refused with {refusal}"
        yield warn("header", f"{what}; the longest token of this server gets through", remedy)
    else:
        what = f"a header of {TOKEN_HEADER} bytes, as long tokens make it, is refused"
        yield fail("header", f"{what} with {shorter}", remedy)


def _refusal_of_header(visit: Visit, length: int) -> str | None:
    """Return how a header of that length is refused by a proxy, or None if it gets through."""
    value = "Bearer ".ljust(length, "a")
    try:
        answer = visit.wire.ask("GET", PING, {"Authorization": value})
    except Broken as error:
        return str(error)
    return None if answer.is_the_servers else str(answer)


def plain(visit: Visit, http_port: int | None) -> Iterator[Diagnosis]:
    """What clients get that do not use TLS."""
    origin = visit.wire.origin
    if not origin.is_secure:
        if origin.host in _LOCAL:
            yield fine("plain", "plain HTTP: clients take that from this host, and from no other")
        else:
            yield warn(
                "plain",
                f"clients reach {origin.netloc} by plain HTTP, and their passwords travel so",
                "let the proxy speak TLS: 'reverse-proxy nginx --https-port "
                "443'; docker refuses this otherwise, unless the host is one of its "
                "insecure-registries",
            )
        return
    usual = 80 if origin.port == 443 else origin.port
    other = Origin("http", origin.host, http_port or usual)
    try:
        answer = visit.wire.ask("GET", PING, origin=other)
    except Broken:
        yield fine("plain", f"plain HTTP is not answered at {other.base}")
        return
    yield _plain(other, answer)


def _plain(other: Origin, answer: Answer) -> Diagnosis:
    to = answer.first("Location")
    if answer.status in (301, 302, 307, 308) and to.startswith("https://"):
        return fine("plain", f"plain HTTP at {other.base} is redirected to {shown(to)}")
    if answer.status in (200, 401):
        return warn(
            "plain",
            f"plain HTTP is answered at {other.base}, too, so passwords may travel readable",
            "leave --http-port out of 'reverse-proxy', or return 308 "
            "https://$http_host$request_uri; there",
        )
    return fine("plain", f"plain HTTP at {other.base} is refused with {answer}")
