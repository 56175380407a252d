"""Logging in and out with a browser, and who is logged in."""

from __future__ import annotations

import json
from typing import Any, Final

from flask import Blueprint, Response, request

from registry.access.principals import ANONYMOUS
from registry.access.sessions import Session
from registry.model.errors import CredentialsWrong, RequestInvalid
from registry.web.answers import json_answer
from registry.web.context import current
from registry.web.receiving import receive_bytes
from registry.web.routing import Right, route
from registry.web.sessions import cookie_header, require_origin, require_ours, session_of

blueprint = Blueprint("ui", __name__)

_API: Final = ("/ui/api/v1",)
_LIMIT: Final = 16 * 1024
_JSON: Final = "application/json"


@blueprint.after_request
def keep_nothing(response: Response) -> Response:
    """Let nobody between here and the browser keep an answer; it is for one session alone."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Cookie"
    return response


@route(blueprint, _API, "/auth/login", ["POST"], Right.PUBLIC)
def log_in() -> Response:
    """Begin a session for ``user`` and ``password``; one that the browser has ends."""
    call = current()
    require_origin(call)
    name, password = _credentials()
    user = call.instance.authentication.user_of(name, password, call.client)
    sessions, before = call.instance.secrets.sessions, session_of(call)
    session, cookie = sessions.begin(user)
    if before is not None:
        sessions.end(before)
    call.identify(session.principal)
    response = json_answer(_shown(session))
    response.headers["Set-Cookie"] = cookie_header(call, cookie)
    return response


@route(blueprint, _API, "/auth/logout", ["POST"], Right.PUBLIC)
def log_out() -> Response:
    """End the session, if there is one."""
    call = current()
    session = session_of(call)
    if session is not None:
        require_ours(call, session)
        call.instance.secrets.sessions.end(session)
    response = json_answer(_shown(None))
    response.headers["Set-Cookie"] = cookie_header(call, "")
    return response


@route(blueprint, _API, "/auth/current", ["GET"], Right.PUBLIC)
def show_current() -> Response:
    """Who is logged in, and the token to be sent with whatever changes something."""
    return json_answer(_shown(session_of(current())))


def _shown(session: Session | None) -> dict[str, Any]:
    if session is None:
        return {"name": ANONYMOUS, "admin": False, "groups": []}
    principal = session.principal
    return {
        "name": principal.name,
        "admin": principal.admin,
        "groups": sorted(principal.groups),
        "csrfToken": current().instance.secrets.sessions.forgery_token(session),
    }


def _credentials() -> tuple[str, str]:
    """Return what the body has; other people's pages cannot send this type without being asked."""
    if request.mimetype != _JSON:
        raise RequestInvalid(f"the body has to be {_JSON}")
    try:
        document = json.loads(receive_bytes(_LIMIT))
    except (ValueError, RecursionError):
        raise RequestInvalid("the body is no JSON document") from None
    given = document if isinstance(document, dict) else {}
    name, password = given.get("user", given.get("username")), given.get("password")
    if not isinstance(name, str) or not isinstance(password, str):
        raise CredentialsWrong("a name and a password are needed")
    return name, password
