"""Users by the Access API, as newer clients ask for them.

Source: Artifactory's REST API, "Users" of version 2 of the Access API.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import Response

from registry.access.user_documents import User, UserFields
from registry.model.errors import RequestInvalid
from registry.web.answers import Answer, json_answer
from registry.web.artifactory.content import blueprint
from registry.web.artifactory.security_bodies import (
    ACCESS_FORMS,
    address,
    flag_of,
    page_of,
    received_object,
    require_same_name,
    text_of,
    texts_of,
    user_in_path,
)
from registry.web.artifactory.security_users import (
    anonymous,
    disabled_in,
    readable_user,
    require_changeable,
    require_email,
    status_of,
)
from registry.web.context import current
from registry.web.routing import Right, route

_USERS: Final = "/api/v2/users"
_ONE: Final = f"{_USERS}/<name>"
_ABOVE: Final = 4
"""Parts of the path before the name: ``access/api/v2/users``."""
_REALM: Final = "internal"


@route(blueprint, ACCESS_FORMS, _USERS, ["GET"], Right.ADMIN)
def list_access_users() -> Response:
    """A page of the users."""
    users = {user.name: user for user in [*current().instance.users.all(), anonymous()]}
    names, cursor = page_of(sorted(users))
    entries = [
        {
            "username": name,
            "uri": address("/access", f"{_USERS}/", name),
            "realm": _REALM,
            "status": status_of(users[name]),
        }
        for name in names
    ]
    return json_answer({"users": entries, "cursor": cursor})


@route(blueprint, ACCESS_FORMS, _USERS, ["POST"], Right.ADMIN)
def create_access_user() -> Response:
    """Create a user; one who is there stays as it is."""
    given = received_object()
    name = (text_of(given, "username") or "").lower()
    fields = require_email(_fields(given))
    return json_answer(_profile(current().instance.users.create(name, fields)), 201)


@route(blueprint, ACCESS_FORMS, _ONE, ["GET"], Right.MANAGE)
def get_access_user(name: str) -> Response:
    """One user; those who are no admins may read their own profile alone."""
    return json_answer(_profile(readable_user(user_in_path(_ABOVE))))


@route(blueprint, ACCESS_FORMS, _ONE, ["PATCH"], Right.ADMIN)
def change_access_user(name: str) -> Response:
    """Change the fields that the body has."""
    given, wanted = received_object(), user_in_path(_ABOVE)
    require_changeable(wanted)
    require_same_name(given, "username", wanted)
    return json_answer(_profile(current().instance.users.change(wanted, _fields(given))))


@route(blueprint, ACCESS_FORMS, _ONE, ["DELETE"], Right.ADMIN)
def delete_access_user(name: str) -> Response:
    """Remove a user; the next request with any of its credentials is refused."""
    wanted = user_in_path(_ABOVE)
    require_changeable(wanted)
    current().instance.users.remove(wanted)
    return Answer(204)


@route(blueprint, ACCESS_FORMS, f"{_ONE}/password", ["PUT"], Right.ADMIN)
def set_access_password(name: str) -> Response:
    """Set the password of a user."""
    wanted = user_in_path(_ABOVE)
    require_changeable(wanted)
    password = text_of(received_object(), "password")
    if password is None:
        raise RequestInvalid("'password' is missing")
    current().instance.users.set_password(wanted, password)
    return Answer(204)


@route(blueprint, ACCESS_FORMS, f"{_ONE}/groups", ["PATCH"], Right.ADMIN)
def regroup_access_user(name: str) -> Response:
    """Let a user join and leave groups."""
    given, wanted = received_object(), user_in_path(_ABOVE)
    require_changeable(wanted)
    add, remove = texts_of(given, "add") or [], texts_of(given, "remove") or []
    user = current().instance.users.regroup(wanted, add, remove)
    return json_answer({"groups": list(user.groups)})


def _fields(given: Mapping[str, Any]) -> UserFields:
    return UserFields(
        password=text_of(given, "password") or None,
        email=text_of(given, "email"),
        admin=flag_of(given, "admin"),
        groups=texts_of(given, "groups"),
        disabled=disabled_in(given),
        profile_updatable=flag_of(given, "profile_updatable"),
        disable_ui_access=flag_of(given, "disable_ui_access"),
        internal_password_disabled=flag_of(given, "internal_password_disabled"),
    )


def _profile(user: User) -> dict[str, object]:
    last = current().instance.users.logins.last(user.name)
    return {
        "username": user.name,
        "email": user.email,
        "admin": user.admin,
        "profile_updatable": user.profile_updatable,
        "disable_ui_access": user.disable_ui_access,
        "internal_password_disabled": user.internal_password_disabled,
        **({} if last is None else {"last_logged_in": last}),
        "realm": _REALM,
        "groups": list(user.groups),
        "status": status_of(user),
    }
