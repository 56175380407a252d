"""Permission targets over REST, versions 1 and 2, and why somebody may do something.

Source: Artifactory's REST API, "Security". Admins may do all of it; who manages repositories, what
is about these alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flask import Response, request

from registry.access.permission_forms import from_v1, from_v2, to_v1, to_v2
from registry.access.principals import Principal
from registry.model.errors import RequestInvalid
from registry.services.permissions import Permissions
from registry.web.answers import json_answer
from registry.web.artifactory.content import blueprint
from registry.web.artifactory.security_bodies import address, done, name_in_path, received_object
from registry.web.context import current
from registry.web.routing import FORMS, Right, route

_V1: Final = "/api/security/permissions"
_V1_ONE: Final = f"{_V1}/<name>"
_V1_ABOVE: Final = 3
"""Parts of the path before the name: ``api/security/permissions``."""
_V2: Final = "/api/v2/security/permissions"
_V2_ONE: Final = f"{_V2}/<name>"
_V2_ABOVE: Final = 4


@route(blueprint, FORMS, _V1, ["GET"], Right.MANAGE)
def list_permissions() -> Response:
    """The permission targets that the caller may change."""
    return json_answer(_entries(_V1))


@route(blueprint, FORMS, _V1_ONE, ["GET"], Right.MANAGE)
def get_permission(name: str) -> Response:
    """One of them: what it says of images."""
    return json_answer(to_v1(permissions().get(caller(), name_in_path(_V1_ABOVE))))


@route(blueprint, FORMS, _V1_ONE, ["PUT"], Right.MANAGE)
def put_permission(name: str) -> Response:
    """Create one, or replace what it says of images."""
    wanted = name_in_path(_V1_ABOVE)
    before = permissions().find(caller(), wanted)
    permissions().replace(caller(), from_v1(wanted, received_object(), before))
    return done(201)


@route(blueprint, FORMS, _V1_ONE, ["DELETE"], Right.MANAGE)
def delete_permission(name: str) -> Response:
    """Remove one."""
    wanted = name_in_path(_V1_ABOVE)
    permissions().remove(caller(), wanted)
    return done(text=f"Permission Target '{wanted}' has been removed successfully.")


@route(blueprint, FORMS, _V2, ["GET"], Right.MANAGE)
def list_permissions_v2() -> Response:
    """The permission targets that the caller may change."""
    return json_answer(_entries(_V2))


@route(blueprint, FORMS, _V2_ONE, ["GET"], Right.MANAGE)
def get_permission_v2(name: str) -> Response:
    """One of them with all of its sections."""
    return json_answer(to_v2(permissions().get(caller(), name_in_path(_V2_ABOVE))))


@route(blueprint, FORMS, _V2_ONE, ["POST"], Right.MANAGE)
def create_permission_v2(name: str) -> Response:
    """Create one; one that is there stays as it is."""
    permissions().require_some(caller())
    permissions().create(caller(), from_v2(name_in_path(_V2_ABOVE), received_object()))
    return done(201)


@route(blueprint, FORMS, _V2_ONE, ["PUT"], Right.MANAGE)
def put_permission_v2(name: str) -> Response:
    """Create or replace one."""
    permissions().require_some(caller())
    permissions().replace(caller(), from_v2(name_in_path(_V2_ABOVE), received_object()))
    return done()


@route(blueprint, FORMS, _V2_ONE, ["DELETE"], Right.MANAGE)
def delete_permission_v2(name: str) -> Response:
    """Remove one."""
    wanted = name_in_path(_V2_ABOVE)
    permissions().remove(caller(), wanted)
    return done(text=f"Permission Target '{wanted}' has been removed successfully.")


@route(blueprint, FORMS, "/api/security/explain", ["GET"], Right.ADMIN)
def explain_access() -> Response:
    """Why the user ``user`` may do ``action`` on ``path``, or not."""
    asked = [request.args.get(name, "") for name in ("user", "action", "path")]
    if not all(asked):
        raise RequestInvalid("'user', 'action' and 'path' say what is to be explained")
    return json_answer(current().instance.explaining.explain(*asked).document())


def permissions() -> Permissions:
    """Return the permission targets as callers may use them."""
    return current().instance.permissions


def caller() -> Principal:
    """Return who asks."""
    return current().directory.principal


def _entries(path: str) -> Sequence[dict[str, str]]:
    return [
        {"name": target.name, "uri": address(f"{path}/", target.name)}
        for target in permissions().all(caller())
    ]
