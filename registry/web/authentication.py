"""Who makes a request, and the challenge to whom that does not suffice."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from flask import Request, request

from registry.access.authentication import NOBODY, Authentication
from registry.access.principals import Principal
from registry.model.bodies import RECEIVED, ReceivedBody
from registry.model.errors import (
    CredentialsWrong,
    RegistryError,
    RequestInvalid,
    ScopeInsufficient,
    TokenInvalid,
)
from registry.web.context import Call
from registry.web.routing import Right

AUTHORIZATION_LIMIT = 8192
"""Characters of the header; the longest token has half of that."""

PAGES: Final = "/ui/api/"
"""Below it, and nowhere else, a session's cookie counts, and nothing but it."""

_PROMOTION: Final = re.compile(r"/v2(?:/[^/]+)?/promote/?|.*/api/docker/[^/]+/v2/promote/?")
"""What Artifactory's clients ask for below the addresses of the Docker API."""


def principal_of(incoming: Request, authentication: Authentication, address: str = "") -> Principal:
    """Return whose the request is; nobody's if it carries no credentials.

    A request whose body was long on its way was let in when it began, and stays so: a token is
    verified at the start of a request only. ``address`` is the client's. An API key in a header of
    its own counts only where there is no ``Authorization``: credentials are never mixed.

    Raises:
        CredentialsWrong, TokenInvalid: it carries credentials that are not good.
        TooManyAttempts: too many wrong passwords of this user have come from there.
        RequestInvalid: the header cannot be understood.
    """
    received = incoming.environ.get(RECEIVED)
    if isinstance(received, ReceivedBody) and isinstance(received.admitted, Principal):
        return received.admitted
    header = incoming.environ.get("HTTP_AUTHORIZATION")
    if header is None:
        key = incoming.environ.get("HTTP_X_JFROG_ART_API")
        return NOBODY if key is None else authentication.by_key(key.strip())
    if len(header) > AUTHORIZATION_LIMIT:
        raise RequestInvalid("the Authorization header is too long")
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() == "bearer":
        return authentication.by_token(credentials.strip())
    if scheme.lower() == "basic":
        return authentication.by_password(*parse_basic(credentials), address)
    raise CredentialsWrong("only Basic and Bearer credentials are understood")


def parse_basic(credentials: str) -> tuple[str, str]:
    """Return the user name and password of Basic credentials (RFC 7617).

    Raises:
        CredentialsWrong: they are malformed, so they cannot be right.
    """
    try:
        decoded = base64.b64decode(credentials.strip(), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise CredentialsWrong("the Basic credentials are malformed") from None
    name, separator, password = decoded.partition(":")
    if not separator:
        raise CredentialsWrong("the Basic credentials are malformed")
    return name, password


def speaks_docker(path: str) -> bool:
    """Return whether a path belongs to the Docker API, and not to Artifactory's."""
    docker = path == "/v2" or path.startswith("/v2/") or "/api/docker/" in path
    return docker and not ("/promote" in path and _PROMOTION.fullmatch(path))


def challenge(call: Call, error: RegistryError) -> str:
    """Return the ``WWW-Authenticate`` value that tells a client how to go on.

    Docker clients fetch a token (RFC 6750); those of Artifactory's API send a password.
    """
    if request.path.startswith(PAGES):
        # A scheme that browsers do not know: they would ask for a password by themselves.
        return 'Session realm="registry"'
    if not speaks_docker(request.path):
        return 'Basic realm="Artifactory Realm"'
    address = call.address
    parts = [f'realm="{address.realm}"', f'service="{address.service}"']
    scope = _scope(call)
    if scope:
        parts.append(f'scope="{scope}"')
    if isinstance(error, TokenInvalid):
        parts.append('error="invalid_token"')
    elif isinstance(error, ScopeInsufficient):
        parts.append('error="insufficient_scope"')
    return "Bearer " + ",".join(parts)


def _scope(call: Call) -> str:
    """Return the scopes that this very request needs; some clients ask for exactly these."""
    arguments = request.view_args or {}
    if "image" not in arguments or call.right not in (Right.PULL, Right.PUSH, Right.DELETE):
        return ""
    name = call.address.name(arguments["key"], arguments["image"])
    scopes = [f"repository:{name}:{call.right.value}"]
    source = request.args.get("from")
    if source and call.right is Right.PUSH and "mount" in request.args:
        scopes.append(f"repository:{source}:pull")
    return _quotable(" ".join(scopes))


def _quotable(text: str) -> str:
    """Return the text if it may stand between quotes in a header, else nothing."""
    harmless = text.isascii() and text.isprintable() and '"' not in text and "\\" not in text
    return text if harmless else ""
