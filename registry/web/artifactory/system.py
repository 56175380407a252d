"""What stands in front of the server: its settings, its configuration, what a request became."""

from __future__ import annotations

import json
from typing import Any, Final

from flask import Response, request

from registry.model.errors import FieldInvalid
from registry.model.reverse_proxy import Server
from registry.web.addressing import is_trusted, offload_prefix
from registry.web.answers import Answer, json_answer
from registry.web.artifactory.content import blueprint
from registry.web.context import current
from registry.web.receiving import receive_bytes
from registry.web.routing import FORMS, Right, route

_CONFIGURATION: Final = "/api/system/configuration"
_SETTINGS_LIMIT: Final = 64 * 1024

TOLD: Final = (
    "Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-For",
    "X-Real-IP",
    "X-Original-URI",
    "X-Registry-Offload",
    "Forwarded",
    "Via",
)
"""Headers by which a proxy tells of its client; none of them carries a secret."""


@route(blueprint, FORMS, "/api/system/request", ["GET"], Right.ADMIN)
@route(blueprint, FORMS, "/api/system/request/<path:rest>", ["GET"], Right.ADMIN)
def show_request(rest: str = "") -> Response:
    """How this very request arrived, and what is believed of it; ``rest`` may be anything."""
    call = current()
    config = call.instance.config
    headers = {name: request.headers[name] for name in TOLD if name in request.headers}
    return json_answer(
        {
            "target": request.environ.get("REQUEST_URI", ""),
            "peer": request.remote_addr,
            "trusted": is_trusted(request, config.trusted_proxies),
            "client": call.client,
            "base": call.address.base,
            "externalUrl": config.external_url,
            "offload": offload_prefix(request, config.trusted_proxies),
            "headers": headers,
        }
    )


@route(blueprint, FORMS, f"{_CONFIGURATION}/webServer", ["GET"], Right.ADMIN)
def get_web_server() -> Response:
    """The settings of the web server in front."""
    return json_answer(current().instance.web_server.read())


@route(blueprint, FORMS, f"{_CONFIGURATION}/webServer", ["POST"], Right.ADMIN)
def set_web_server() -> Response:
    """Replace them."""
    current().instance.web_server.save(_document())
    return Answer()


@route(blueprint, FORMS, f"{_CONFIGURATION}/reverseProxy/nginx", ["GET"], Right.ADMIN)
def write_nginx() -> Response:
    """The configuration of nginx with these settings."""
    return _configuration(Server.NGINX)


@route(blueprint, FORMS, f"{_CONFIGURATION}/reverseProxy/apache", ["GET"], Right.ADMIN)
def write_apache() -> Response:
    """The configuration of Apache with these settings."""
    return _configuration(Server.APACHE)


def _configuration(server: Server) -> Response:
    text = current().instance.web_server.write(server)
    return Answer(200, [("Content-Type", "text/plain; charset=utf-8")], text.encode())


def _document() -> Any:
    try:
        return json.loads(receive_bytes(_SETTINGS_LIMIT))
    except (ValueError, RecursionError):
        raise FieldInvalid("the body is no JSON document") from None
