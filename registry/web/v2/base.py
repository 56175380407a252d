"""The V2 blueprint, and ping."""

from __future__ import annotations

from flask import Blueprint, Response, request

from registry.model.errors import AuthenticationRequired
from registry.web.answers import json_answer
from registry.web.context import current
from registry.web.routing import REGISTRY_FORMS, Right, route

blueprint = Blueprint("v2", __name__)


@route(blueprint, REGISTRY_FORMS, "/", ["GET"], Right.LOGIN)
def ping(key: str = "") -> Response:
    """end-1: 200 to whoever is logged in; a challenge to callers without credentials.

    Several clients decide by this answer alone whether they will ever send credentials, so it is
    a challenge even where anonymous callers may pull.
    """
    if "Authorization" not in request.headers and current().directory.principal.anonymous:
        raise AuthenticationRequired("authentication required")
    return json_answer({})
