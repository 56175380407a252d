"""The V2 blueprint; ping, and the answer to paths that mean nothing."""

from __future__ import annotations

from flask import Blueprint, Response, request

from registry.model.errors import AuthenticationRequired, RouteUnknown
from registry.web.answers import json_answer
from registry.web.routing import REGISTRY_FORMS, Right, route

blueprint = Blueprint("v2", __name__)

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@route(blueprint, REGISTRY_FORMS, "/", ["GET"], Right.LOGIN)
def ping(key: str = "") -> Response:
    """end-1: 200 to whoever is logged in; a challenge to callers without credentials.

    Several clients decide by this answer alone whether they will ever send credentials, so it is
    a challenge even where anonymous callers may pull.
    """
    if "Authorization" not in request.headers:
        raise AuthenticationRequired("authentication required")
    return json_answer({})


@route(blueprint, REGISTRY_FORMS, "/<path:rest>", _METHODS, Right.LOGIN)
def unknown(rest: str, key: str = "") -> Response:
    """Everything else below the API: known callers are told what a name looks like."""
    raise RouteUnknown(
        "nothing is served under this path; an image is named <repository key>/<image>, "
        "for example docker-local/team/app"
    )
