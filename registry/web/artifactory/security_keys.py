"""API keys: that of the caller, and for admins those of others."""

from __future__ import annotations

from typing import Final

from flask import Response, request

from registry.access.api_keys import key_id
from registry.model.errors import Denied
from registry.web.answers import json_answer
from registry.web.artifactory.content import blueprint
from registry.web.artifactory.forms import is_set
from registry.web.context import current
from registry.web.routing import FORMS, Right, route

_KEY: Final = "/api/security/apiKey"


@route(blueprint, FORMS, _KEY, ["GET"], Right.ACCOUNT)
def get_api_key() -> Response:
    """The caller's API key; an empty document where there is none."""
    key = current().instance.secrets.api_keys.get(_own_name())
    return _answer({"apiKey": key} if key else {})


@route(blueprint, FORMS, _KEY, ["POST"], Right.ACCOUNT)
def create_api_key() -> Response:
    """Make the caller's first API key."""
    return _answer({"apiKey": current().instance.secrets.api_keys.create(_own_name())}, 201)


@route(blueprint, FORMS, _KEY, ["PUT"], Right.ACCOUNT)
def regenerate_api_key() -> Response:
    """Make another API key for the caller; the one before is no longer good."""
    return _answer({"apiKey": current().instance.secrets.api_keys.regenerate(_own_name())})


@route(blueprint, FORMS, _KEY, ["DELETE"], Right.ACCOUNT)
def revoke_api_key() -> Response:
    """End the caller's API key; with ``deleteAll=1`` those of all users, for an admin."""
    call = current()
    keys = call.instance.secrets.api_keys
    if is_set(request.args.get("deleteAll")):
        call.directory.require_admin()
        count = keys.revoke_all()
        return _answer({"info": f"{count} API keys have been revoked.", "deletedKeysCount": count})
    name = _own_name()
    keys.revoke(name)
    return _answer({"info": f"API key for user: '{name}' has been successfully revoked."})


@route(blueprint, FORMS, f"{_KEY}/<name>", ["DELETE"], Right.ADMIN)
def revoke_api_key_of(name: str) -> Response:
    """End the API key of a user."""
    call = current()
    user = call.instance.users.get(name)
    call.instance.secrets.api_keys.revoke(user.name)
    return _answer({"info": f"API key for user: '{user.name}' has been successfully revoked."})


def _own_name() -> str:
    """Return whose key it is. With an access token nobody gets something that outlives it."""
    principal = current().directory.principal
    if principal.token not in ("", key_id(principal.name)):
        raise Denied("log in with a password or with the API key itself")
    return principal.name


def _answer(document: dict[str, object], status: int = 200) -> Response:
    response = json_answer(document, status)
    response.headers["Cache-Control"] = "no-store"
    return response
