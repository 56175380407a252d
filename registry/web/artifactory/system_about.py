"""What the server says of itself: license, names, state, settings; and what it does not have."""

from __future__ import annotations

from typing import Final

from flask import Response

from registry.model.errors import RouteUnknown
from registry.web.answers import Answer, json_answer, text_answer
from registry.web.artifactory.content import blueprint
from registry.web.context import current
from registry.web.routing import FORMS, Right, route

_ACCESS: Final = ("/access", "/artifactory/access")
_LOGIN: Final = "/api/v2/authentication/jfrog_client_login"


@route(blueprint, FORMS, "/api/system/license", ["GET"], Right.LOGIN)
def show_license() -> Response:
    """No license is needed, so none expires."""
    return json_answer(current().instance.system_info.license())


@route(blueprint, FORMS, "/api/system/licenses", ["GET"], Right.LOGIN)
def show_licenses() -> Response:
    """The same in the form of a cluster."""
    return json_answer(current().instance.system_info.licenses())


@route(blueprint, FORMS, "/api/system/service_id", ["GET"], Right.LOGIN)
def show_service_id() -> Response:
    """The name of this registry, the same for ever."""
    return text_answer(current().instance.system_info.service_id)


@route(blueprint, FORMS, "/api/system/status", ["GET"], Right.LOGIN)
def show_status() -> Response:
    """The nodes that serve this registry: the one that answers."""
    return json_answer(current().instance.system_info.status())


@route(blueprint, FORMS, "/api/system/info", ["GET"], Right.ADMIN)
def show_info() -> Response:
    """Memory, processor and files of the worker that answers, and of its machine."""
    return json_answer(current().instance.system_info.info())


@route(blueprint, FORMS, "/api/system", ["GET"], Right.ADMIN)
def show_settings() -> Response:
    """All settings in force, as a text."""
    return text_answer(current().instance.system_settings.text())


@route(blueprint, FORMS, "/api/system/usage", ["POST"], Right.LOGIN)
def take_usage() -> Response:
    """Clients tell what they are used for; nobody here wants to know."""
    return Answer()


@route(blueprint, FORMS, "/api/plugins", ["GET"], Right.LOGIN)
def list_plugins() -> Response:
    """There are no user plugins."""
    return json_answer({})


@route(blueprint, FORMS, "/api/v1/uploads/config", ["GET"], Right.LOGIN)
def show_uploads() -> Response:
    """Uploads in parts, as new clients try them, are not supported; they use the usual way."""
    return json_answer({"supported": False})


@route(blueprint, FORMS, "/api/system/security/certificates", ["GET"], Right.ADMIN)
def list_certificates() -> Response:
    """There are no client certificates for other servers."""
    return json_answer([])


@route(blueprint, _ACCESS, "/api/v1/cert/root", ["GET"], Right.PUBLIC)
def show_root_certificate() -> Response:
    """Tokens are not signed by a certificate, so there is none to trust."""
    raise RouteUnknown("this server has no root certificate")


@route(blueprint, _ACCESS, f"{_LOGIN}/request", ["POST"], Right.PUBLIC)
@route(blueprint, _ACCESS, f"{_LOGIN}/token/<uuid>", ["GET"], Right.PUBLIC)
def refuse_web_login(uuid: str = "") -> Response:
    """Clients that cannot log in by a browser ask for name and password instead."""
    raise RouteUnknown("there is no login by the browser; log in with name and password")
