"""The sign-in state of a browser: whose a request under ``/ui/api`` is, and where it comes from.

Cookies count nowhere else, and under ``/ui/api`` nothing else counts. A browser sends its cookies
with whatever other people's pages make it ask for; so whatever changes something has to bear the
token that our own pages have been given, and to say that it comes from one of them.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from flask import request

from registry.access.authentication import NOBODY
from registry.access.principals import Principal
from registry.access.sessions import LIFETIME, Session
from registry.model.errors import Denied
from registry.web.context import Call

COOKIE: Final = "registry_session"
TOKEN_HEADER: Final = "X-CSRF-Token"  # noqa: S105 - the name of a header is no secret.
_HARMLESS: Final = ("GET", "HEAD")
_PATH: Final = "/ui"
_PORTS: Final = {"http://": ":80", "https://": ":443"}


def session_of(call: Call) -> Session | None:
    """Return the session that a request belongs to, or None."""
    cookies = request.cookies.getlist(COOKIE)
    # Of two one may have been planted, and there is no telling which.
    return call.instance.secrets.sessions.find(cookies[0]) if len(cookies) == 1 else None


def principal_of_session(call: Call) -> Principal:
    """Return whose a request is that bears nothing but a cookie; nobody's without a session.

    Raises:
        Denied: it changes something, and does not come from one of our own pages.
    """
    session = session_of(call)
    if session is None:
        return NOBODY
    if request.method not in _HARMLESS:
        require_ours(call, session)
    return session.principal


def require_ours(call: Call, session: Session) -> None:
    """Raise Denied unless a request bears the token of its session, and comes from a page of us."""
    require_origin(call)
    token = request.headers.get(TOKEN_HEADER, "")
    if not call.instance.secrets.sessions.is_from_us(session, token):
        raise Denied(f"the header {TOKEN_HEADER} does not have the token of this session")


def require_origin(call: Call) -> None:
    """Raise Denied unless a request says that it comes from a page of this registry."""
    origin = request.headers.get("Origin")
    if origin is None:
        parts = urlsplit(request.headers.get("Referer", ""))
        origin = f"{parts.scheme}://{parts.netloc}"
    if _bare(origin) != _bare(call.address.base):
        raise Denied(
            "the request does not come from a page of this registry; behind a proxy, the settings "
            "external_url or trusted_proxies say under which address that is"
        )


def _bare(origin: str) -> str:
    """Return an origin without the port that its scheme has anyway."""
    lowered = origin.lower()
    for scheme, port in _PORTS.items():
        if lowered.startswith(scheme):
            return lowered.removesuffix(port)
    return lowered


def cookie_header(call: Call, value: str) -> str:
    """Return the header that gives a browser the cookie of a session; an empty one takes it."""
    age = LIFETIME if value else 0
    parts = [f"{COOKIE}={value}", f"Path={_PATH}", f"Max-Age={age}", "HttpOnly", "SameSite=Lax"]
    if call.address.base.startswith("https:"):
        parts.append("Secure")
    return "; ".join(parts)
